# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Tunnels that end on a real server: what is asked for, and what the kernel needs to receive what IPVS sends.

Each was tried with packets of IPVS on Linux 6.1. A device in ``external`` mode (collect_md) takes what no other tunnel
of the host takes, whatever its local and remote address. Two cases have no such device:

* IPv6 in IPv4: the kernel has one device only for tunnels from anywhere, its own ``sit0``.
* GRE with a checksum: the device has to expect it (``icsum``), which ``ip`` does not say of an external one. So each
  address of the host gets a device.

GUE is taken off by a port of fou; what comes out is IPIP and goes through the devices of that.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any, Iterable, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress
from ansible_collections.lvs.cluster.plugins.module_utils._task.error import TaskError

TYPES = ("ipip", "gue", "gre")
CHECKSUMS = ("none", "standard", "remote")
SIT0 = "sit0"

_VERSIONS = {"ipv4": 4, "ipv6": 6}
_OUTER_HEADER = {"ipv4": 20, "ipv6": 40}
_TCP_HEADER = 20


class TunnelError(TaskError):
    """What cannot be done about tunnels, as a sentence."""


@dataclasses.dataclass(frozen=True, order=True)
class Tunnel:
    """How a director sends: ``family`` is that of the outer packet, ``port`` the UDP port of GUE, else 0."""

    type: str
    family: str = "ipv4"
    port: int = 0
    checksum: str = "none"

    @property
    def overhead(self) -> int:
        """Bytes that it puts in front of a packet (ip_vs_xmit.c: ipvs_gue_encap, ipvs_gre_encap)."""
        extra = {
            ("gue", "none"): 12,
            ("gue", "standard"): 12,
            ("gue", "remote"): 20,
            ("gre", "none"): 4,
            ("gre", "standard"): 8,
        }
        return _OUTER_HEADER[self.family] + extra.get((self.type, self.checksum), 0)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Tunnels, VIPs whose packets come by them, and the greatest segment: None is for what fits, 0 for no limit."""

    tunnels: tuple[Tunnel, ...] = ()
    vips: tuple[IPAddress, ...] = ()
    mss: int | None = None

    def joined(self, other: Wanted) -> Wanted:
        """Both together; the greatest segment is this one's."""
        return Wanted(tuple(sorted({*self.tunnels, *other.tunnels})), in_order((*self.vips, *other.vips)), mss=self.mss)


@dataclasses.dataclass(frozen=True)
class Device:
    """A tunnel device: its name, and the words behind ``type`` that make it. Without words it is the kernel's own."""

    name: str
    words: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, order=True)
class Port:
    """A UDP port of the kernel that takes GUE off."""

    family: str
    number: int


@dataclasses.dataclass(frozen=True)
class Clamp:
    """Answers of TCP from the VIP offer segments of at most so many bytes."""

    vip: IPAddress
    mss: int


def in_order(vips: Iterable[IPAddress]) -> tuple[IPAddress, ...]:
    """Each VIP once, IPv4 first."""
    return tuple(sorted(set(vips), key=lambda vip: (vip.version, int(vip))))


def wanted(options: Mapping[str, Any]) -> Wanted:
    """What the module's options ask for. Raises TunnelError with every mistake."""
    mistakes: list[str] = []
    tunnels = []
    for number, given in enumerate(options["tunnels"]):
        tunnel = Tunnel(given["type"], given["family"], given["port"] or 0, given["checksum"])
        found = _mistake(tunnel)
        if found:
            mistakes.append(f"tunnels[{number}]: {found}")
        tunnels.append(tunnel)
    mistakes += _contradictions(tunnels)
    vips: list[IPAddress] = []
    for number, text in enumerate(options["vips"]):
        try:
            vips.append(ipaddress.ip_address(text.strip()))
        except ValueError:  # noqa: PERF203 - all of them are told
            mistakes.append(
                f"vips[{number}]: {text!r} is not an IP address. Write a VIP without mask, such as 192.0.2.100."
            )
    mss = _mss(options["mss"], mistakes)
    if mistakes:
        raise TunnelError(" ".join(mistakes))
    return Wanted(tuple(sorted(set(tunnels))), in_order(vips), mss)


def _mss(text: str, mistakes: list[str]) -> int | None:
    if text == "auto":
        return None
    if text.isdigit() and (int(text) == 0 or 88 <= int(text) <= 65495):
        return int(text)
    mistakes.append(f"mss: {text!r} is neither auto nor a number of bytes from 88 to 65495, nor 0 for no limit.")
    return None


def _mistake(tunnel: Tunnel) -> str:
    if tunnel.type == "gue" and not 1 <= tunnel.port <= 65535:
        return f"GUE needs a port from 1 to 65535, got {tunnel.port}. Give the tunnel_port of the destinations."
    if tunnel.type != "gue" and tunnel.port:
        return f"Only GUE has a port, {tunnel.type} has none. Take port {tunnel.port} away."
    if tunnel.type == "ipip" and tunnel.checksum != "none":
        return "IPIP has no checksum. Take it away, or use gue or gre."
    if tunnel.type == "gre" and tunnel.checksum == "remote":
        return "GRE has no remote checksum, only GUE has. Use none or standard."
    return ""


def _contradictions(tunnels: Iterable[Tunnel]) -> list[str]:
    checksums: dict[str, set[str]] = {}
    for tunnel in tunnels:
        if tunnel.type == "gre":
            checksums.setdefault(tunnel.family, set()).add(tunnel.checksum)
    return [
        f"tunnels: GRE over {family} comes with and without a checksum. A device takes one of both only, so let all "
        "destinations on this host have the same tunnel_checksum."
        for family, found in sorted(checksums.items())
        if len(found) > 1
    ]


def ports(of: Wanted) -> tuple[Port, ...]:
    """The UDP ports that take GUE off."""
    return tuple(sorted({Port(tunnel.family, tunnel.port) for tunnel in of.tunnels if tunnel.type == "gue"}))


def devices(of: Wanted, addresses: Mapping[str, tuple[str, ...]]) -> tuple[Device, ...]:
    """The devices that receive; ``addresses`` are the host's own, of each family."""
    found: dict[str, Device] = {}
    for tunnel in of.tunnels:
        for device in _devices(tunnel, of.vips, addresses):
            found[device.name] = device
    return tuple(found[name] for name in sorted(found))


def _devices(tunnel: Tunnel, vips: Iterable[IPAddress], addresses: Mapping[str, tuple[str, ...]]) -> list[Device]:
    if tunnel.type == "gre":
        kind, name = ("ip6gre", "lvs-ip6gre") if tunnel.family == "ipv6" else ("gre", "lvs-gre")
        if tunnel.checksum == "none":
            return [Device(f"{name}0", (kind, "external"))]
        return [
            Device(f"{name}sum{number}", (kind, "local", address, "icsum"))
            for number, address in enumerate(addresses.get(tunnel.family, ()))
        ]
    if tunnel.family == "ipv6":
        return [Device("lvs-ip6tnl0", ("ip6tnl", "external", "mode", "any"))]
    versions: set[int] = {vip.version for vip in vips} or {_VERSIONS[tunnel.family]}
    found = [Device("lvs-ipip0", ("ipip", "external"))] if 4 in versions else []
    return found + ([Device(SIT0)] if 6 in versions else [])


def clamps(of: Wanted, mtu: Mapping[str, int]) -> tuple[Clamp, ...]:
    """The limits of the answers; ``mtu`` is that of the interfaces on which packets of each family arrive."""
    if of.mss == 0 or not of.tunnels:
        return ()
    room = min(mtu[tunnel.family] - tunnel.overhead for tunnel in of.tunnels)
    return tuple(
        Clamp(vip, of.mss or room - _OUTER_HEADER["ipv4" if vip.version == 4 else "ipv6"] - _TCP_HEADER)
        for vip in of.vips
    )
