# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the machines are reached from outside their namespace: one configuration file, for ssh and Ansible."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

from . import network
from .errors import LabError
from .image import Image
from .paths import Paths
from .scenario import Machine, Scenario


def write_config(paths: Paths, scenario: Scenario, images: dict[str, Image]) -> None:
    """`ssh -F FILE` takes names and addresses of machines. Connections are kept and shared: making one is slow."""
    sockets = paths.state / "ssh"
    sockets.mkdir(mode=0o700, exist_ok=True)
    known_hosts = paths.state / "known_hosts"
    known_hosts.write_text("".join(f"* {image.host_key}\n" for image in images.values()), encoding="ascii")
    blocks = []
    for machine in scenario.machines:
        blocks.append(f"Host {machine.name}\n  HostName {machine.addresses[0]}\n")
        everything = " ".join((machine.name, *machine.addresses))
        blocks.append(f"Host {everything}\n  IdentityFile {images[machine.release].key}\n")
    blocks.append(
        f"""Host *
  User root
  ProxyCommand ip netns exec {paths.name} nc %h %p
  IdentitiesOnly yes
  GlobalKnownHostsFile /dev/null
  UserKnownHostsFile {known_hosts}
  StrictHostKeyChecking yes
  CheckHostIP no
  PasswordAuthentication no
  BatchMode yes
  Compression no
  GSSAPIAuthentication no
  LogLevel ERROR
  ServerAliveInterval 5
  ServerAliveCountMax 6
  ControlMaster auto
  ControlPath {sockets}/%h-%p-%r
  ControlPersist 300
"""
    )
    paths.ssh_config.write_text("\n".join(blocks), encoding="ascii")


def command(paths: Paths, machine: Machine, words: Sequence[str] = (), options: Sequence[str] = ()) -> list[str]:
    return ["ssh", "-F", str(paths.ssh_config), *options, network.way_in(paths, machine), *words]


def output(paths: Paths, machine: Machine, words: Sequence[str], *, seconds: float = 10) -> str | None:
    """What a command on the machine prints, without the blanks around it; None when it cannot be reached or fails."""
    try:
        done = subprocess.run(
            command(paths, machine, words, ("-o", "ConnectTimeout=5")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def wait_until_reachable(paths: Paths, machine: Machine, *, seconds: float, not_boot: str | None = None) -> None:
    """Until SSH answers (and the boot is another one than `not_boot`), or LabError."""
    deadline = time.monotonic() + seconds
    while True:
        boot = boot_id(paths, machine)
        if boot and boot != not_boot:
            return
        if time.monotonic() > deadline:
            console = paths.console(machine.name).read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
            raise LabError(
                f"{machine.name} could not be reached by SSH within {seconds:.0f} s; the end of its console:\n"
                + "\n".join(console)
            )
        time.sleep(0.3)


def boot_id(paths: Paths, machine: Machine) -> str | None:
    """Another one for each boot; None when the machine cannot be reached."""
    return output(paths, machine, ["cat", "/proc/sys/kernel/random/boot_id"])
