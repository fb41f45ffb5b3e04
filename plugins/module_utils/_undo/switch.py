# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The dead man's switch: a timer of systemd that puts the old state back, unless somebody who still gets in stops it.

It is armed before the change. Then the controller makes a new connection and stops the timer. If it cannot, the host
comes back by itself. The timer lives with systemd: it does not matter what becomes of the process that armed it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import clause
from ansible_collections.lvs.cluster.plugins.module_utils._task.error import TaskError

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_DIRECTORY = Path("/run/lvs-cluster")  # gone after a reboot, as are the timer and the change
_SYSTEMD = Path("/run/systemd/system")  # is there where systemd runs, see sd_booted(3)
_RESTORING = 60  # seconds for a switch that has just gone off
_STEP = 0.2
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class UndoError(TaskError):
    """The change cannot be protected, so it must not be made."""


class Switch:
    """The switch of one kind of change (``what``: ``firewall``, ``gateway``) on this host.

    Whoever uses it holds the lock of that kind of change, so no other run arms it at the same time.
    """

    def __init__(
        self, module: AnsibleModule, what: str, *, directory: Path = _DIRECTORY, systemd: Path = _SYSTEMD
    ) -> None:
        self._module = module
        self._what = what
        self._directory = directory / f"undo-{what}"
        self._systemd = systemd
        self._unit = f"lvs-cluster-undo-{what}"

    @property
    def timer(self) -> str:
        """The unit to be stopped by whoever still gets in: ``systemctl stop`` fails when it has gone off before."""
        return f"{self._unit}.timer"

    @property
    def script(self) -> Path:
        """What the timer runs. Anybody may run it by hand."""
        return self._directory / "restore"

    def require(self) -> None:
        """Says whether this host can have such a switch, in check mode too. Raises UndoError."""
        self._programs()

    def is_armed(self) -> bool:
        """Whether a change is waiting to be taken back."""
        return self._systemd.is_dir() and self._state(self.timer) in ("active", "activating")

    def arm(self, *, seconds: int, restore: str) -> None:
        """Sees to it that ``restore``, lines for ``/bin/sh``, runs in so many seconds. Raises UndoError.

        While the switch of an earlier change is armed still, this change is taken back first and then that one, for
        nobody has said yet that the state between the two lets anybody in; the time begins anew.
        """
        systemctl, systemd_run = self._programs()
        earlier = self._lines() if self.is_armed() else ""
        self._module.run_command([systemctl, "stop", self.timer])
        self._await_restored()
        self._write(f"{restore.rstrip()}\n{earlier}".lstrip("\n"))
        command = [systemd_run, f"--on-active={seconds}s", f"--unit={self._unit}", "--collect", "--quiet"]
        command += ["--timer-property=AccuracySec=100ms", f"--description=Take back the change of the {self._what}"]
        code, output, errors = self._module.run_command([*command, "/bin/sh", str(self.script)])
        if code:
            raise UndoError(
                f"The timer {self.timer}, which would take the change back, cannot be armed:"
                f" {clause(errors or output) or f'systemd-run ended with {code}'}. Nothing was changed."
            )

    def restart(self, *, seconds: int) -> None:
        """Lets the time begin anew when the switch of an earlier change is armed still. Raises UndoError."""
        if self.is_armed() and self.script.exists():
            self.arm(seconds=seconds, restore="")

    def prepare(self, *, seconds: int) -> None:
        """To be called before the old state is read. Raises UndoError.

        A switch that has gone off at this moment is awaited. One that is armed still has all its time again, so that it
        does not go off between the reading of a state and its change. With 0 seconds it is disarmed: what comes is to
        last.
        """
        if seconds:
            self.restart(seconds=seconds)
        program = self._module.get_bin_path("systemctl")
        if program and self._systemd.is_dir() and self.script.exists():
            if not seconds:
                self._module.run_command([program, "stop", self.timer])
            self._await_restored()
            if not seconds:
                self._forget()

    def _programs(self) -> tuple[str, str]:
        programs = [self._module.get_bin_path(name) for name in ("systemctl", "systemd-run")]
        if not self._systemd.is_dir() or None in programs:
            raise UndoError(
                f"The change of the {self._what} cannot be taken back by itself when it locks everybody out, because"
                " systemd does not run on this host. Set undo_after to 0 to change it all the same, from a console."
            )
        return str(programs[0]), str(programs[1])

    def _state(self, unit: str) -> str:
        program = self._module.get_bin_path("systemctl")
        return str(self._module.run_command([program, "is-active", unit])[1]).strip() if program else ""

    def _await_restored(self) -> None:
        """A switch that has gone off at this moment must not meet a new change half way."""
        deadline = time.monotonic() + _RESTORING
        while self._state(f"{self._unit}.service") in ("active", "activating", "deactivating"):
            if time.monotonic() > deadline:
                raise UndoError(
                    f"The unit {self._unit}.service takes an earlier change back since more than {_RESTORING} seconds."
                    f" Look at it (journalctl -u {self._unit}) and run this again when it has ended."
                )
            time.sleep(_STEP)

    def _head(self) -> str:
        """How the script begins: with its timer gone, nobody can believe any more that he keeps the change."""
        said = f"The change of the {self._what} is taken back: nobody has stopped {self.timer} in time."
        stop = f"systemctl stop {self.timer} 2>/dev/null"
        return f"#!/bin/sh\nPATH={_PATH}\nexport PATH\n{stop}\necho {shlex.quote(said)}\n"

    def _lines(self) -> str:
        """What the script that is there restores."""
        try:
            text = self.script.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise UndoError(f"{self.script}, which takes the last change back, cannot be read: {error}.") from error
        return text[len(self._head()) :] if text.startswith(self._head()) else text

    def _forget(self) -> None:
        """Leaves nothing of a switch that is no longer armed."""
        with contextlib.suppress(OSError):
            self.script.unlink()
            self._directory.rmdir()
            self._directory.parent.rmdir()  # when no other switch is in it

    def _write(self, restore: str) -> None:
        text = f"{self._head()}{restore.rstrip()}\n"
        temporary = self._directory / "restore.new"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            temporary.replace(self.script)
        except PermissionError:
            raise
        except OSError as error:
            raise UndoError(f"{self.script}, which would take the change back, cannot be written: {error}.") from error
