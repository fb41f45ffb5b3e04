# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""What ``ip -json`` prints, as values.

Source: ip(8) and ip-address(8) of iproute2 4.18 and later; flags from ``include/uapi/linux/if.h``.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from typing import Any, Collection, Union

IPAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
IPInterface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
#: Kinds of interfaces that take broadcasts from the one below without keeping them from it.
_ON_THE_SAME_WIRE = ("macvlan", "macvtap", "ipvlan", "ipvtap")


@dataclasses.dataclass(frozen=True)
class LinkAddress:
    """An address on an interface, with its prefix length. A ``secondary`` one goes when its primary one is deleted."""

    address: IPInterface
    secondary: bool = False


@dataclasses.dataclass(frozen=True)
class Link:
    """A network interface. ``kind`` is ``loopback``, ``dummy``, ``bridge``, … and empty for hardware."""

    name: str
    kind: str = ""
    mac: str = ""
    up: bool = True
    arp: bool = True
    alias: str = ""
    mtu: int = 0
    received_packets: int = 0
    #: Ends of a tunnel, empty for any address and for what is no tunnel.
    local: str = ""
    remote: str = ""
    addresses: tuple[LinkAddress, ...] = ()
    #: The interface below this one, where both hear the same questions for addresses; empty for others.
    lower: str = ""

    @property
    def wire(self) -> str:
        """The interface by whose wire this one is reached: its own name, or that of the one below."""
        return self.lower or self.name


def links_of(ip_details_address: str) -> list[Link]:
    """The interfaces in the output of ``ip -json -details address show``, in the kernel's order.

    Received packets are there with ``-statistics`` only.
    """
    return [
        Link(
            name=entry["ifname"],
            kind="loopback" if entry.get("link_type") == "loopback" else _kind_of(entry),
            mac=entry.get("address", ""),
            up="UP" in entry.get("flags", ()),
            arp=not {"LOOPBACK", "NOARP"} & set(entry.get("flags", ())),
            alias=entry.get("ifalias", ""),
            mtu=int(entry.get("mtu", 0)),
            received_packets=int(entry.get("stats64", {}).get("rx", {}).get("packets", 0)),
            local=_end_of(entry, "local"),
            remote=_end_of(entry, "remote"),
            addresses=tuple(
                LinkAddress(
                    ipaddress.ip_interface("{}/{}".format(found["local"], found["prefixlen"])),
                    bool(found.get("secondary")),
                )
                for found in entry.get("addr_info", ())
                if found.get("family") in ("inet", "inet6") and "local" in found
            ),
            lower=str(entry.get("link", "")) if _kind_of(entry) in _ON_THE_SAME_WIRE else "",
        )
        for entry in json.loads(ip_details_address or "[]")
        if entry.get("ifname")  # old releases print an empty object for every interface that a filter left out
    ]


def _kind_of(entry: dict[str, object]) -> str:
    info = entry.get("linkinfo")
    return str(info.get("info_kind", "")) if isinstance(info, dict) else ""


def _end_of(entry: dict[str, Any], end: str) -> str:
    text = str(entry.get("linkinfo", {}).get("info_data", {}).get(end, ""))
    return "" if text in ("any", "0.0.0.0", "::") else text


@dataclasses.dataclass(frozen=True)
class DefaultRoute:
    """Where packets go that no other route takes; ``gateway`` is empty for a route into a network without one."""

    family: str
    gateway: str
    interface: str
    metric: int


def default_routes_of(ip_route: str, family: str) -> list[DefaultRoute]:
    """The routes in the output of ``ip -json route show default``, the one that is used first; of several next hops
    each is a route."""
    routes = [route for route in json.loads(ip_route or "[]") if route.get("type", "unicast") == "unicast"]
    found = [
        DefaultRoute(
            family=family,
            gateway=hop.get("gateway") or hop.get("via", {}).get("host", ""),
            interface=hop["dev"],
            metric=int(route.get("metric", 0)),
        )
        for route in routes
        for hop in route.get("nexthops") or [route]
        if "dev" in hop
    ]
    return sorted(found, key=lambda route: route.metric)


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """Whom this host believes to have an address of its network."""

    address: str
    mac: str
    interface: str


def neighbours_of(ip_neighbour: str, addresses: Collection[IPAddress]) -> list[Neighbour]:
    """Those of ``addresses`` whose hardware address is in the output of ``ip -json neighbour show``."""
    return [
        Neighbour(entry["dst"], entry["lladdr"], entry["dev"])
        for entry in json.loads(ip_neighbour or "[]")
        if "lladdr" in entry and "FAILED" not in entry.get("state", ()) and _parsed(entry["dst"]) in addresses
    ]


def _parsed(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def route_interfaces_of(ip_route: str) -> tuple[str, ...]:
    """Interfaces of the routes in the output of ``ip -json route show``, of the lowest metric, each once, sorted."""
    routes = [route for route in json.loads(ip_route or "[]") if route.get("type", "unicast") == "unicast"]
    if not routes:
        return ()
    lowest = min(route.get("metric", 0) for route in routes)
    return tuple(
        sorted(
            {
                hop["dev"]
                for route in routes
                if route.get("metric", 0) == lowest
                for hop in [route, *route.get("nexthops", ())]
                if "dev" in hop
            }
        )
    )
