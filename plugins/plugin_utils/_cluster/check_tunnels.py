# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tunnels: the device that takes the packets out of them, its filter, and whether they arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .check_packets import counted
from .finding import Finding, Found, broken, named
from .mistakes import listed
from .observed import (
    SeenHost,
    ServiceKey,
    Values,
    described_destinations,
    forwarding_of,
    normal,
    version_of,
)
from .view import View

#: Devices that the kernel makes with the module. They take packets only when nobody made a better one.
_FALLBACKS = ("tunl0", "gre0", "ip6tnl0", "ip6gre0")
_GRE = ("gre", "ip6gre")
_MODULES = {"ipip": "ipip", "sit": "sit", "ip6tnl": "ip6_tunnel", "gre": "ip_gre", "ip6gre": "ip6_gre"}


def check_tunnels(view: View) -> Iterator[Finding]:
    for host in view.real_servers:
        if not host.was_read:
            continue
        for kind in _needed_kinds(host):
            yield from _device_findings(view, host, kind)
        for tunnel in host.wanted.get("realserver_linux_tunnels") or ():
            if tunnel["type"] == "gue" and not _takes_gue(host, int(tunnel["port"])):
                yield Finding(
                    host.name,
                    f"Nothing takes GUE packets on UDP port {tunnel['port']}.",
                    "The port was removed (ip fou), or the kernel module fou is not loaded.",
                    "Run site.yml again; see it with ip fou show.",
                    breaks=view.services_of(host.name, forwarding="tunnel", tunnels=["gue"]),
                    explains=frozenset(["tunnel"]),
                )


def _needed_kinds(host: SeenHost) -> list[str]:
    """The kinds of devices for the described tunnels, as ip link names them."""
    inside = {version_of(normal(vip)) for vip in host.wanted.get("realserver_linux_tunnel_vips") or ()}
    kinds: dict[str, None] = {}
    for tunnel in host.wanted.get("realserver_linux_tunnels") or ():
        is_ipv6 = tunnel["family"] == "ipv6"
        if tunnel["type"] == "gre":
            kinds["ip6gre" if is_ipv6 else "gre"] = None
        elif is_ipv6:
            kinds["ip6tnl"] = None
        else:
            kinds.update({"ipip": None} if 4 in inside else {})
            kinds.update({"sit": None} if 6 in inside else {})
    return list(kinds)


def _takes_gue(host: SeenHost, port: int) -> bool:
    return any(
        listener.get("protocol") == "udp" and int(listener.get("port") or 0) == port for listener in host.listeners
    )


def _devices(host: SeenHost, kind: str) -> list[Values]:
    """Devices of this kind that take packets of any director, those that take them first."""
    own = {normal(place.get("address")) for place in host.addresses}
    found = [
        tunnel
        for tunnel in host.tunnels
        if tunnel.get("type") == kind and not tunnel.get("remote") and (tunnel.get("local") or "") in {"", *own}
    ]
    return sorted(found, key=lambda tunnel: (not tunnel.get("up"), tunnel.get("interface") in _FALLBACKS))


def _device_findings(view: View, host: SeenHost, kind: str) -> Iterator[Finding]:
    devices = _devices(host, kind)
    # What comes in GUE comes out as IP in IP.
    types = ["gre"] if kind in _GRE else ["ipip", "gue"]
    breaks = view.services_of(host.name, forwarding="tunnel", tunnels=types)
    if not devices or not devices[0].get("up"):
        down = [str(device["interface"]) for device in devices if device["interface"] not in _FALLBACKS]
        yield Finding(
            host.name,
            f"It has no {kind} device that is up, so it throws away what a director sends through the tunnel.",
            f"{listed(down, 'and')} was set down."
            if down
            else f"The device was removed, or the kernel module {_MODULES[kind]} is not loaded.",
            f"Run site.yml again; see it with ip -details link show type {kind}.",
            breaks=breaks,
            explains=frozenset(["tunnel"]),
        )
        return
    yield from _filter_findings(host, kind, str(devices[0]["interface"]), breaks)


def _filter_findings(host: SeenHost, kind: str, device: str, breaks: frozenset[ServiceKey]) -> Iterator[Finding]:
    if kind == "sit":
        return  # What comes out is IPv6, which rp_filter does not look at.
    vips = [normal(vip) for vip in host.wanted.get("realserver_linux_tunnel_vips") or ()]
    effective = host.effective(device, "rp_filter")
    has_address = any(
        place.get("interface") == device and version_of(normal(place.get("address"))) == 4 for place in host.addresses
    )
    if not any(version_of(vip) == 4 for vip in vips) or not effective or (effective == 2 and has_address):
        return
    yield Finding(
        host.name,
        f"On {device} rp_filter is {effective} (the larger of all and {device} counts)"
        + (", and the way back to the client is another" if effective == 1 else ", and no IPv4 address is on it")
        + ", so the kernel drops what comes out of the tunnel.",
        "The sysctl was changed, or was not set again after a reboot."
        if effective == 1
        else f"The address of {device} was removed.",
        f"Run site.yml again; if it comes back, find who sets net.ipv4.conf.{device}.rp_filter or that of all.",
        breaks=breaks,
        explains=frozenset(["tunnel"]),
    )


def check_tunnel_arrivals(view: View, found: Found) -> Iterator[Finding]:
    """The director has counted, the device has not: something between them drops the outer packets."""
    explained = broken(found)
    failing = [a.key for a in view.attempts if a.failed and a.key not in explained]
    for host in view.real_servers:
        if not host.interfaces_after:
            continue
        sent: dict[ServiceKey, int] = {}
        types: list[str] = []
        kinds: list[str] = []
        # What comes in GUE comes out of the same device as IP in IP.
        for group in (["gre"], ["ipip", "gue"]):
            wanted = [kind for kind in _needed_kinds(host) if (kind in _GRE) == ("gre" in group)]
            numbers = {key: _sent(view, key, host.name, group) for key in failing}
            if any(numbers.values()) and not _arrived(host, wanted):
                sent.update({key: number for key, number in numbers.items() if number})
                types += group
                kinds += wanted
        if sent:
            yield Finding(
                host.name,
                f"The director sent it {sum(sent.values())} connections to {named(view, sent)} through the tunnel, but "
                f"nothing arrived on {listed(_device_names(host, kinds), 'and')}.",
                f"{_outer_text(host, types)} is filtered on the way or on this host.",
                "Let it pass in every firewall between director and real server; see it with tcpdump -ni any on both.",
                breaks=frozenset(sent),
            )


def _sent(view: View, key: ServiceKey, host: str, types: Sequence[str]) -> int:
    service = view.by_key[key]
    numbers = counted(view, key)
    return sum(
        numbers.get(destination, 0)
        for destination, entry in described_destinations(service).items()
        if entry.get("host") == host
        and forwarding_of(service, entry) == "tunnel"
        and (entry.get("tunnel_type") or "ipip") in types
    )


def _device_names(host: SeenHost, kinds: Sequence[str]) -> list[str]:
    return [str(devices[0]["interface"]) for devices in (_devices(host, kind) for kind in kinds) if devices]


def _arrived(host: SeenHost, kinds: Sequence[str]) -> bool:
    def packets(interfaces: Values, name: str) -> int:
        return int((interfaces.get(name) or {}).get("received_packets") or 0)

    return any(
        packets(host.interfaces_after, name) > packets(host.interfaces, name) for name in _device_names(host, kinds)
    )


def _outer_text(host: SeenHost, types: Sequence[str]) -> str:
    texts: dict[str, None] = {}
    for tunnel in host.wanted.get("realserver_linux_tunnels") or ():
        if tunnel["type"] not in types:
            continue
        protocol = {"ipip": "IP protocol 4", "gre": "IP protocol 47 (GRE)"}.get(tunnel["type"])
        texts[protocol or f"UDP port {tunnel['port']} (GUE)"] = None
    return listed(texts, "or")
