# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's network namespace: a bridge for each network, a tap for each interface of a machine.

The lab itself has an address in each network, and machines are reached by SSH from the one beside them: that way is
there whatever their routes are. It leads nowhere else, so what gets from one network to another went through a machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from .errors import LabError
from .paths import Paths
from .scenario import Interface, Machine, Scenario

# The lab does not forward, answers for an address only on the cable that has it, and takes no packet that went astray.
STAND_ASIDE = """
cd /proc/sys/net
echo 0 >ipv4/ip_forward
echo 0 >ipv6/conf/all/forwarding
echo 1 >ipv4/conf/all/arp_ignore
echo 1 >ipv4/conf/all/rp_filter
"""


def tap(machine: Machine, interface: Interface) -> str:
    """Name of the interface's other end; at most 15 characters, as the kernel wants."""
    return f"{machine.name}.{interface.name.removeprefix('eth')}"


def bridge(network: str) -> str:
    return f"br-{network}"


def make(paths: Paths, scenario: Scenario) -> None:
    """Nothing in it is routed to the outside: the namespace has no interface but these."""
    _ip(["netns", "add", paths.name])
    _ip(["netns", "exec", paths.name, "sh", "-c", STAND_ASIDE])
    lines = ["link set lo up"]
    for network in scenario.networks:
        # Snooping would swallow VRRP's multicast and neighbour discovery on a bridge without a querier.
        options = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        lines.append(f"link add {bridge(network.name)} {options}")
        for address in network.addresses:
            nodad = " nodad" if address.version == 6 else ""
            lines.append(f"address add {address} dev {bridge(network.name)}{nodad}")
        # The machines' network driver drops what was left to be cut into segments by the hardware, so that a megabyte
        # over SSH took 39 s: packets leave this side in their final size.
        lines.append(f"link set {bridge(network.name)} mtu {network.link.mtu} gso_max_segs 1 up")
    mtus = {network.name: network.link.mtu for network in scenario.networks}
    for machine in scenario.machines:
        for interface in machine.interfaces:
            lines.append(f"tuntap add dev {tap(machine, interface)} mode tap")
            mtu = mtus[interface.network]
            lines.append(f"link set {tap(machine, interface)} mtu {mtu} master {bridge(interface.network)} up")
    _ip(["-n", paths.name, "-batch", "-"], stdin="\n".join(lines) + "\n")


def plug(paths: Paths, machine: Machine, *, plugged: bool, only: str | None = None) -> None:
    """Put the cables of a machine (or only that of one interface) into the bridge, or pull them."""
    for one in [interface(machine, only)] if only else machine.interfaces:
        place = ["master", bridge(one.network)] if plugged else ["nomaster"]
        _ip(["-n", paths.name, "link", "set", tap(machine, one), *place])


def unplugged(paths: Paths, machine: Machine) -> list[str]:
    """Names of the machine's interfaces whose cable is pulled."""
    text = _ip(["-n", paths.name, "-o", "link", "show", "type", "tun"])
    in_bridge = {line.split()[1].rstrip(":") for line in text.splitlines() if " master " in line}
    return [one.name for one in machine.interfaces if tap(machine, one) not in in_bridge]


def way_in(paths: Paths, machine: Machine) -> str:
    """The address for SSH: the first one whose cable is not pulled."""
    pulled = unplugged(paths, machine)
    addresses = [str(a.ip) for one in machine.interfaces if one.name not in pulled for a in one.addresses]
    return (addresses or machine.addresses)[0]


def interface(machine: Machine, name: str) -> Interface:
    """LabError when the machine has none of that name."""
    for one in machine.interfaces:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in machine.interfaces)
    raise LabError(f"{machine.name} has no interface {name!r}; it has {known}.")


def remove(paths: Paths) -> None:
    """The namespace with all that is in it; fine when it is not there."""
    if not paths.namespace.exists():
        return
    kill_processes(paths)
    _ip(["netns", "delete", paths.name])


def kill_processes(paths: Paths, word: str | None = None) -> None:
    """End the processes in the namespace (with `word`: those that have it as an argument): SSH's connections."""
    for text in _ip(["netns", "pids", paths.name]).split():
        try:
            arguments = Path(f"/proc/{text}/cmdline").read_bytes().decode(errors="replace").split("\0")
            if word is None or word in arguments:
                os.kill(int(text), signal.SIGKILL)
        except (ProcessLookupError, FileNotFoundError):
            continue


def _ip(arguments: list[str], stdin: str | None = None) -> str:
    done = subprocess.run(["ip", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"ip {' '.join(arguments)}: {done.stderr.strip()}.")
    return done.stdout
