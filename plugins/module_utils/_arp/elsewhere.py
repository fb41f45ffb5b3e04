# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Reads a host of BSD, macOS or Solaris and carries out what ``loopback`` has planned: input and output only."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.loopback import (
    LoopbackPlan,
    Run,
    Seen,
    Step,
    System,
    plan,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import Request

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# Lines that are not ours may hold any bytes, and any line ends; they are written as they were read.
_OTHER_BYTES = "surrogateescape"


def hide(module: AnsibleModule, request: Request, system: System, done: list[Step]) -> LoopbackPlan:
    """Brings the host to what is asked for, or in check mode only says how. Raises HideError.

    Each step that was carried out is appended to ``done``.
    """
    planned = plan(request, observe(module, system), system)
    if planned.operations and not module.check_mode:
        if os.geteuid() != 0:
            raise HideError("Only root can set addresses. Run this task with become: true.")
        for step in planned.operations:
            _carry_out(module, step, system)
            done.append(step)
    return planned


def observe(module: AnsibleModule, system: System) -> Seen:
    """The host as it is. Raises HideError."""
    program = system.look[0]
    if not os.access(program, os.X_OK):
        raise HideError(
            f"This host has no program {program}, with which arp_hide works on {system.name} (on Solaris, from 11 on). "
            "Set the addresses by hand, or forward to this host by nat."
        )
    return Seen(system.places(_output(module, list(system.look))), _text(system.boot_path), _sysctls(module, system))


def _sysctls(module: AnsibleModule, system: System) -> dict[str, int]:
    """Those that the system has: it prints ``name: value`` or ``name=value``, and complains of others."""
    if not system.sysctls or not os.access(system.sysctl_program, os.X_OK):
        return {}
    _status, output, _errors = module.run_command([system.sysctl_program, *system.sysctls])
    found = re.findall(r"^([\w.]+)(?:: |=)(\d+)$", output, re.MULTILINE)
    return {name: int(value) for name, value in found if name in system.sysctls}


def _output(module: AnsibleModule, command: list[str]) -> str:
    status, output, errors = module.run_command(command)
    if status != 0:
        said = (errors or output).strip().rstrip(".") or f"it ended with {status}"
        raise HideError("The command `{}` failed: {}.".format(" ".join(command), said))
    return str(output)


def _text(path: str) -> str:
    if not path or not Path(path).exists():
        return ""
    try:
        return Path(path).read_bytes().decode("utf-8", _OTHER_BYTES)
    except OSError as error:
        raise HideError(f"{path} cannot be read: {error}. Make it readable and run this again.") from error


def _carry_out(module: AnsibleModule, step: Step, system: System) -> None:
    if isinstance(step, Run):
        _output(module, list(step.command))
        return
    try:
        if step.text:
            _write(module, step.path, step.text, system.boot_mode)
        else:
            Path(step.path).unlink()
    except OSError as error:
        raise HideError(
            f"{step.path} cannot be changed: {error}. Make its file system writable and run this again."
        ) from error


def _write(module: AnsibleModule, path: str, text: str, mode: int) -> None:
    """Replaces the file at once; one that is there keeps its owner and mode (so does ``atomic_move``)."""
    target = Path(path).resolve()  # a link stays a link
    is_new = not target.exists()
    handle, temporary = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode("utf-8", _OTHER_BYTES))
    module.atomic_move(temporary, str(target))
    if is_new:
        # atomic_move gives a new file the mode that the umask allows.
        target.chmod(mode)
