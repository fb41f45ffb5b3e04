# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine must have, and programs run on it."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import LabError
from .scenario import Scenario

PACKAGES = {
    "linux.uml": "user-mode-linux",
    "debootstrap": "debootstrap",
    "mkfs.ext4": "e2fsprogs",
    "ip": "iproute2",
    "nc": "netcat-openbsd",
    "ssh": "openssh-client",
    "unshare": "util-linux",
    "depmod": "kmod",
}
PR_SET_PDEATHSIG = 1
MEBIBYTE = 1 << 20
_libc = ctypes.CDLL(None)


def add_system_folders_to_path() -> None:
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


def die_with_parent() -> None:
    """For `preexec_fn`: SIGKILL when the parent is gone, however it went."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def contained(command: Sequence[str]) -> list[str]:
    """The command in namespaces of its own: when its first process goes, they all go, at once, and so do its mounts."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--", *command]


def run(command: Sequence[str], *, stdin: str | None = None, environment: dict[str, str] | None = None) -> str:
    """Output of a command that must succeed. It and all that it starts end with this process."""
    done = subprocess.run(
        contained(command),
        input=stdin,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        preexec_fn=die_with_parent,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise LabError(f"{' '.join(command)} failed with exit status {done.returncode}:\n{tail}")
    return done.stdout


def check(scenario: Scenario | None = None) -> None:
    """Refuse at once, with the remedy, what cannot work here. With a scenario: is there memory for its machines?"""
    check_root()
    if platform.machine() != "x86_64":
        raise LabError(f"The lab needs an x86-64 machine, this one is {platform.machine()}; take another machine.")
    if not Path("/dev/net/tun").exists():
        raise LabError("/dev/net/tun is missing; load it (modprobe tun), or pass it into the container (--device).")
    if scenario:
        _check_memory(scenario)
    _install_missing()


def check_root() -> None:
    if os.geteuid() != 0:
        raise LabError("The lab makes network namespaces and disks, so it needs root; run it with sudo.")


def _check_memory(scenario: Scenario) -> None:
    wanted = sum(machine.memory for machine in scenario.machines)
    if (free := _free_memory()) < wanted:
        raise LabError(
            f"The {len(scenario.machines)} machines of {scenario.name} want {wanted} MiB of memory and {free} MiB are "
            "free; end other programs, or give the machines less in the scenario (memory:)."
        )
    shared = os.statvfs("/dev/shm")
    if (room := shared.f_bavail * shared.f_frsize // MEBIBYTE) < wanted:
        raise LabError(
            f"The machines of {scenario.name} keep {wanted} MiB of memory in /dev/shm and {room} MiB are free there; "
            f"make it larger: mount -o remount,size={2 * wanted}M /dev/shm."
        )


def _free_memory() -> int:
    """MiB that can be had without swapping."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise LabError("/proc/meminfo does not say how much memory is available; mount /proc.")


def _install_missing() -> None:
    missing = sorted({package for program, package in PACKAGES.items() if not shutil.which(program)})
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise LabError(f"These are missing and there is no apt-get to install them: {', '.join(missing)}.")
    print(f"lab: installs {' '.join(missing)}", flush=True)
    apt = ["apt-get", "-q", "-y", "--no-install-recommends", "install", *missing]
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        run(apt, environment=environment)
    except LabError:
        run(["apt-get", "-q", "update"], environment=environment)
        run(apt, environment=environment)
