# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One User-Mode Linux machine: a process tree of its own that a single signal ends."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
from pathlib import Path

from .host import contained, die_with_parent
from .image import Image
from .network import tap
from .paths import Paths
from .scenario import NO_LINK, Machine

_REBOOT = b"Failed to exec kernel"


def kernel_command_line(paths: Paths, machine: Machine, image: Image) -> list[str]:
    """Arguments of linux.uml; words that start with `lab.` are read by the units of the image."""
    identity = hashlib.md5(f"{paths.name}/{machine.name}".encode(), usedforsecurity=False).hexdigest()
    words = [
        f"uml_dir={paths.state / 'uml'}",
        f"mem={machine.memory}M",
        f"ubd0={paths.disk(machine.name)},{image.disk}",
        *("root=/dev/ubda", "rw", "con=null", "con0=null,fd:1", "quiet", "selinux=0", "net.ifnames=0"),
        f"systemd.hostname={machine.name}",
        f"systemd.machine_id={identity}",
    ]
    for interface in machine.interfaces:
        number = interface.name.removeprefix("eth")
        words.append(f"vec{number}:transport=tap,ifname={tap(machine, interface)},mac={interface.mac},depth=64,gro=0")
        words.append(f"lab.{interface.name}={','.join(str(address) for address in interface.addresses)}")
        if interface.link.mtu != NO_LINK.mtu:
            words.append(f"lab.mtu.{interface.name}={interface.link.mtu}")
        if interface.link.netem:
            words.append(f"lab.netem.{interface.name}={','.join(interface.link.netem)}")
    words += [f"lab.route={route.to},{route.via}" for route in machine.routes]
    if machine.router:
        words.append("lab.router")
    if machine.web:
        words.append(f"lab.web={','.join(str(port) for port in machine.web)}")
    words += [f"lab.{service}" for service, wanted in (("ftp", machine.ftp), ("mail", machine.mail)) if wanted]
    if machine.manager:
        words.append(f"lab.manager={machine.manager}")
    return words


class Power:
    """The power switch of one machine. Its disk keeps what is written to it until the lab goes down."""

    def __init__(self, paths: Paths, machine: Machine, image: Image) -> None:
        self.machine = machine
        self._paths = paths
        self._image = image
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def on(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        if self.on:
            return
        # On a reboot User-Mode Linux executes itself anew by its name, with the network device still open, and would
        # not get it a second time. With a name that is no program it ends instead: restart_after_reboot takes over.
        name = f"{self._paths.name}:{self.machine.name}"
        words = kernel_command_line(self._paths, self.machine, self._image)
        kernel = ["bash", "-c", 'exec -a "$0" linux.uml "$@"', name, *words]
        command = ["ip", "netns", "exec", self._paths.name, *contained(kernel)]
        with self._paths.console(self.machine.name).open("ab") as console:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 the supervisor has one thread
            )

    def restart_after_reboot(self) -> None:
        """Give power again to a machine that ended in order to reboot; one that was shut down or crashed stays off."""
        if self._process is None or self.on:
            return
        console = self._paths.console(self.machine.name).read_bytes()
        if _REBOOT in console[-len(_REBOOT) - 100 :]:
            self.start()
        else:
            self._process = None

    def cut(self) -> None:
        """Take the power away. The first process of a process namespace takes all others of it along, at once."""
        if self._process is None:
            return
        unshare = self._process
        first = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for pid in first.read_text(encoding="ascii").split():
                os.kill(int(pid), signal.SIGKILL)
        unshare.wait()
        self._process = None
