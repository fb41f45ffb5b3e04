# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The default gateway of a real server: which one, over which interface, and the routes that make it so. Pure.

Our route has the best metric of its address family. So of other default routes the kernel keeps those with a worse
metric, unused, and only an IPv4 route of the same metric 0 is replaced. That one is remembered.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
from typing import Any, Iterable, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress, Link
from ansible_collections.lvs.cluster.plugins.module_utils._task.error import TaskError

RECORD_PATH = "/etc/lvs-cluster/default-gateway.json"
_VERSIONS = (4, 6)
# What `ip route show` prints and `ip route add` does not take.
_NOT_WORDS = re.compile(r" (linkdown|dead|pref \S+|expires \S+|error \S+|offload|rt_offload|rt_trap)(?= |$)")


class GatewayError(TaskError):
    """What cannot be done about the default gateway, as a sentence."""


@dataclasses.dataclass(frozen=True)
class Gateway:
    """A gateway and the interface that it is on. ``metric`` is that of the route over it."""

    address: IPAddress
    interface: str
    metric: int = 0

    @property
    def option(self) -> str:
        """``-4`` or ``-6``, for ip."""
        return f"-{self.address.version}"

    @property
    def route(self) -> str:
        """The route in the words of ip."""
        return f"default via {self.address} dev {self.interface} proto static metric {self.metric}"


@dataclasses.dataclass(frozen=True)
class Record:
    """What is remembered on the host: the gateways, what keeps them, and the routes that they replaced.

    ``kept`` is for the one who keeps them: for NetworkManager the connection, for networkd and netplan the interfaces,
    each with the file that describes it, else nothing.
    """

    gateways: tuple[Gateway, ...] = ()
    keeper: str = "none"
    kept: str = ""
    replaced: tuple[tuple[int, str], ...] = ()  # address family (4, 6) and route

    def replaced_routes(self, version: int) -> list[str]:
        return [route for family, route in self.replaced if family == version]

    def text(self) -> str:
        """As it stands in the file."""
        return (
            json.dumps(
                {
                    "written_by": "lvs.cluster.default_gateway, which needs it to give the old gateway back",
                    "gateways": [[str(one.address), one.interface, one.metric] for one in self.gateways],
                    "keeper": self.keeper,
                    "kept": self.kept,
                    "replaced": [list(one) for one in self.replaced],
                },
                indent=1,
            )
            + "\n"
        )


def record_of(text: str) -> Record:
    """The record in the text of the file; an empty one for no text. Raises GatewayError."""
    if not text:
        return Record()
    try:
        noted = json.loads(text)
        return Record(
            tuple(Gateway(ipaddress.ip_address(one[0]), str(one[1]), int(one[2])) for one in noted["gateways"]),
            str(noted["keeper"]),
            str(noted["kept"]),
            tuple((int(version), str(route)) for version, route in noted["replaced"]),
        )
    except (ValueError, KeyError, TypeError, IndexError):
        raise GatewayError(
            f"The file {RECORD_PATH} is not as default_gateway wrote it, so the old gateway is not known. Put the file "
            "back, or set the gateway by hand and remove the file."
        ) from None


def gateways(options: Mapping[str, Any], links: Iterable[Link]) -> tuple[Gateway, ...]:
    """The gateways that the options name, each with the interface that leads to it. Raises GatewayError."""
    links = tuple(links)
    mistakes: list[str] = []
    found: dict[int, Gateway] = {}
    for text in options["gateways"] if options["state"] == "present" else ():
        try:
            address = ipaddress.ip_address(text.strip())
        except ValueError:
            mistakes.append(f"gateways: {text!r} is not an IP address. Write it without mask, such as 192.0.2.1.")
            continue
        interface = options["interface"] or _interface_to(address, links)
        complaint = _complaint(address, interface, links)
        if address.version in found:
            complaint = f"{found[address.version].address} is one of the same address family. Give one of each only."
        if complaint:
            mistakes.append(f"gateways: {address}: {complaint}")
        else:
            # 0 is the kernel's own for IPv4; for IPv6 that is 1024, and 0 means that.
            found[address.version] = Gateway(address, str(interface), 0 if address.version == 4 else 1)
    if mistakes:
        raise GatewayError(" ".join(mistakes))
    return tuple(found[version] for version in sorted(found))


def _interface_to(address: IPAddress, links: Iterable[Link]) -> str | None:
    networks = [
        (found.address.network.prefixlen, link.name)
        for link in links
        for found in link.addresses
        if address in found.address.network and link.arp
    ]
    return max(networks)[1] if networks else None


def _complaint(address: IPAddress, interface: str | None, links: tuple[Link, ...]) -> str:
    if any(found.address.ip == address for link in links for found in link.addresses):
        return "this is an address of the host itself. Give the address of the machine that leads out."
    if interface is None:
        return (
            "no interface has an address in its network, so it cannot be reached without a gateway itself. Give the "
            "host an address there, or name a gateway on one of its networks."
        )
    link = next((each for each in links if each.name == interface), None)
    if link is None:
        return f"there is no interface {interface}. Name one that the host has."
    if not any(address in found.address.network for found in link.addresses):
        return f"{interface} has no address in its network. Name the interface that has."
    return ""


def routes_of(ip_route: str) -> list[str]:
    """The routes in the output of ``ip -oneline route show default``, as words for ``ip route replace``, best first."""
    lines = [" ".join(line.replace("\\", " ").split()) for line in ip_route.splitlines()]
    return sorted((_NOT_WORDS.sub("", line) for line in lines if line), key=metric_of)


def metric_of(route: str) -> int:
    """The metric of a route in the words of ip."""
    found = re.search(r" metric (\d+)", route)
    return int(found.group(1)) if found else 0


def is_over(route: str, gateway: Gateway) -> bool:
    """Whether the route is the one over this gateway."""
    words = f"{route} "
    return f" via {gateway.address} dev {gateway.interface} " in words and metric_of(route) == gateway.metric


def set_commands(gateway: Gateway, routes: list[str]) -> list[tuple[str, ...]]:
    """What makes our route the first one; nothing when it is."""
    if routes and is_over(routes[0], gateway):
        return []
    others = [route for route in routes[1:] if metric_of(route) == gateway.metric and not is_over(route, gateway)]
    return [
        ("ip", gateway.option, "route", "replace", *gateway.route.split()),
        *(("ip", gateway.option, "route", "delete", *route.split()) for route in others),
    ]


def delete_commands(gateway: Gateway, routes: list[str]) -> list[tuple[str, ...]]:
    """What takes the route over this gateway away, in its own words: somebody may have set it again with others."""
    return [("ip", gateway.option, "route", "delete", *route.split()) for route in routes if is_over(route, gateway)]


def give_back_commands(gateway: Gateway, replaced: list[str], routes: list[str]) -> list[tuple[str, ...]]:
    """What gives the routes back that ours replaced."""
    ours = delete_commands(gateway, routes)
    missing = [route for route in replaced if route not in routes]
    if ours and missing:
        # It takes the place of ours, so there is no moment without a route.
        first, *more = missing
        return [
            ("ip", gateway.option, "route", "replace", *first.split()),
            *(("ip", gateway.option, "route", "append", *route.split()) for route in more),
        ]
    return ours
