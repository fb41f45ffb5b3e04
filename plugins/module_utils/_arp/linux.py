# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Reads the host and carries operations out: the only input and output of this room."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._arp.choose import programs_to_try, to_try
from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import (
    FIREWALLD,
    HOOK_PATHS,
    SYSCTL_PATH,
    UNIT,
    UNIT_PATH,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import (
    AwaitConnections,
    Host,
    Operation,
    RemoveFile,
    Request,
    SetSysctl,
    WriteFile,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.seen import Filters
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import links_of, route_interfaces_of
from ansible_collections.lvs.cluster.plugins.module_utils._host.sysctls import sysctl_text

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_SYSCTLS = "/proc/sys/net/ipv4/conf"
_UNITS = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))  # where packages put them

# In this order, whatever PATH says: the unit file names the program, and must not differ from run to run.
_IP_PROGRAMS = ("/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip")


def observe(module: AnsibleModule, request: Request) -> Host:
    """The host as it is, as far as the request is concerned. Raises HideError."""
    host = dataclasses.replace(_without_rules(module), own_addresses=request.own_addresses)
    noted = {known.method for known in host.record.vips}
    filters = Filters(module, concerns_firewalld=FIREWALLD in {*noted, request.method})
    host = dataclasses.replace(host, rules=filters.read(), programs=filters.paths())
    trials = {
        (method, program): complaint
        for method in to_try(request, host)
        for program in programs_to_try(method, host)
        for complaint in [filters.complaint(method, program, {vip.version for vip in request.vips})]
        if complaint is not None
    }
    # A VIP that firewalld redirects already stays where it is, so it has to be known where that is.
    concerns = (FIREWALLD, "firewall-cmd") in trials or any(key.startswith(FIREWALLD) for key in host.rules)
    zones, sources = filters.zones() if concerns else ({}, {})
    return dataclasses.replace(host, trials=trials, zones=zones, zone_sources=sources)


def _without_rules(module: AnsibleModule) -> Host:
    program = next((path for path in _IP_PROGRAMS if os.access(path, os.X_OK)), None)
    if program is None:
        raise HideError("This host has no program ip. Install the package iproute2 (iproute on EL) and run this again.")
    links = links_of(_output(module, [program, "-json", "-details", "address", "show"]))
    interfaces = ["all", "default", *(link.name for link in links)]
    return Host(
        links={link.name: link for link in links},
        sysctls={
            (interface, name): value
            for interface in interfaces
            for name in ("arp_ignore", "arp_announce")
            for value in [_number("ipv4", interface, name)]
            if value is not None
        },
        default_route=route_interfaces_of(_output(module, [program, "-json", "-4", "route", "show", "default"])),
        without_ipv6=tuple(name for name in interfaces if _number("ipv6", name, "disable_ipv6") in (None, 1)),
        promotes_secondaries=tuple(name for name in interfaces if _number("ipv4", name, "promote_secondaries") == 1),
        files=_our_files(),
        enabled_by=tuple(sorted(link.parent.stem for link in Path(UNIT_PATH).parent.glob(f"*.wants/{UNIT}"))),
        systemd=_systemd(module),
        ip_program=program,
        sysctls_writable=_is_writable(_SYSCTLS),
        has_arptables_service=_has_arptables_service(module),
        is_unit_active=_is_unit_active(module),
    )


def _is_unit_active(module: AnsibleModule) -> bool:
    """Whether our unit has run; nobody asks where it is not there or no systemd runs."""
    if not Path(UNIT_PATH).exists() or _systemd(module) != "running":
        return True
    status, _output, _errors = module.run_command(["systemctl", "--quiet", "is-active", UNIT])
    return int(status) == 0


def _has_arptables_service(module: AnsibleModule) -> bool:
    """Whether the service of EL that owns all rules of arptables is to run at boot, or runs."""
    unit, folder = "arptables.service", Path(UNIT_PATH).parent
    if any(folder.glob(f"*.wants/{unit}")):
        return True
    systemctl = module.get_bin_path("systemctl")
    if not systemctl or not any((place / unit).exists() for place in (folder, *_UNITS)):
        return False
    status, _output, _errors = module.run_command([systemctl, "--quiet", "is-active", unit])
    return int(status) == 0


def _is_writable(folder: str) -> bool:
    """Whether root may write there. Somebody else, in check mode, hears only whether it is mounted read-only."""
    if os.geteuid() != 0:
        return not os.statvfs(folder).f_flag & os.ST_RDONLY
    return os.access(f"{folder}/all/arp_ignore", os.W_OK)


def carry_out(module: AnsibleModule, operations: Sequence[Operation], done: list[Operation]) -> None:
    """Carries the operations out one by one and appends each to `done`. Raises HideError at the first that fails."""
    if operations and os.geteuid() != 0:
        raise HideError("Only root can set addresses and sysctls. Run this task with become: true.")
    for operation in operations:
        if isinstance(operation, SetSysctl):
            _set_sysctl(operation)
        elif isinstance(operation, WriteFile):
            _write(module, operation)
        elif isinstance(operation, RemoveFile):
            _remove(operation)
        elif isinstance(operation, AwaitConnections):
            _await_connections(module, operation)
        else:
            _output(module, operation.command)
        done.append(operation)


def _await_connections(module: AnsibleModule, operation: AwaitConnections) -> None:
    if not module.get_bin_path(operation.command[0]):
        return  # without it nobody can see them
    deadline = time.monotonic() + operation.SECONDS
    while _output(module, operation.command).strip() and time.monotonic() < deadline:
        time.sleep(0.1)


def _output(module: AnsibleModule, command: Sequence[str]) -> str:
    # Also where PATH lacks the directories of root's programs.
    path = module.get_bin_path(command[0]) or command[0]
    status, output, errors = module.run_command([path, *command[1:]])
    if status != 0:
        raise HideError(
            "The command `{}` failed: {}.".format(" ".join(command), (errors or output).strip().rstrip(".") or status)
        )
    return str(output)


def _number(family: str, interface: str, name: str) -> int | None:
    text = sysctl_text(f"net/{family}/conf/{interface}/{name}")
    return int(text) if text is not None else None


def _our_files() -> dict[str, str]:
    return {path: _text(path) for path in (SYSCTL_PATH, UNIT_PATH, *HOOK_PATHS) if Path(path).exists()}


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HideError(f"{path} cannot be read: {error}. Remove it or make it readable.") from error


def _systemd(module: AnsibleModule) -> str:
    if Path("/run/systemd/system").is_dir():
        return "running"
    has_it = Path(UNIT_PATH).parent.is_dir() and module.get_bin_path("systemctl")
    return "installed" if has_it else "missing"


def _set_sysctl(operation: SetSysctl) -> None:
    path = f"{_SYSCTLS}/{operation.interface}/{operation.name}"
    try:
        Path(path).write_text(f"{operation.value}\n")
    except OSError as error:
        raise HideError(
            f"{path} cannot be written: {error.strerror}. In a container, /proc/sys must be "
            "writable; elsewhere root is needed."
        ) from error


def _write(module: AnsibleModule, operation: WriteFile) -> None:
    try:
        Path(operation.path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=module.tmpdir)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(operation.text)
    except OSError as error:
        raise HideError(f"{operation.path} cannot be written: {error}.") from error
    module.atomic_move(temporary, operation.path)
    module.set_mode_if_different(operation.path, "0644", False)
    module.set_owner_if_different(operation.path, "root", False)
    module.set_group_if_different(operation.path, "root", False)


def _remove(operation: RemoveFile) -> None:
    path = Path(operation.path)
    try:
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise HideError(f"{path} cannot be removed: {error}.") from error
    if operation.path in HOOK_PATHS:
        with contextlib.suppress(OSError):  # somebody else has a file there
            path.parent.rmdir()
