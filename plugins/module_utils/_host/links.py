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
from typing import Union

IPAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
IPInterface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]


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
    addresses: tuple[LinkAddress, ...] = ()


def links_of(ip_details_address: str) -> list[Link]:
    """The interfaces in the output of ``ip -json -details address show``, in the kernel's order."""
    return [
        Link(
            name=entry["ifname"],
            kind="loopback" if entry.get("link_type") == "loopback" else _kind_of(entry),
            mac=entry.get("address", ""),
            up="UP" in entry.get("flags", ()),
            arp=not {"LOOPBACK", "NOARP"} & set(entry.get("flags", ())),
            alias=entry.get("ifalias", ""),
            addresses=tuple(
                LinkAddress(
                    ipaddress.ip_interface("{}/{}".format(found["local"], found["prefixlen"])),
                    bool(found.get("secondary")),
                )
                for found in entry.get("addr_info", ())
                if found.get("family") in ("inet", "inet6") and "local" in found
            ),
        )
        for entry in json.loads(ip_details_address or "[]")
        if entry.get("ifname")  # old releases print an empty object for every interface that a filter left out
    ]


def _kind_of(entry: dict[str, object]) -> str:
    info = entry.get("linkinfo")
    return str(info.get("info_kind", "")) if isinstance(info, dict) else ""


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
