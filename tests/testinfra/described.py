# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An example as its reader sees it: inventory and description, read from the files. Knows nothing of the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml


def as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def family_of(address: str) -> str:
    return f"ipv{ip_address(address).version}"


@dataclass(frozen=True)
class Member:
    """One real server of a service; `port` is None where every port stays what it is."""

    host: str
    address: str
    port: int | None
    weight: int


@dataclass(frozen=True)
class Service:
    """A service in one family; `ports` as described, "all" is none; `marked`: several VIPs or ports are one entry."""

    name: str
    family: str
    vips: tuple[str, ...]
    ports: tuple[str, ...]
    protocol: str
    forwarding: str
    scheduler: str
    persistence: int
    mark: int | None
    helper: str | None
    tunnel_type: str
    firewall_ports: tuple[int, ...]
    members: tuple[Member, ...]

    def __str__(self) -> str:
        return f"{self.name}-{self.family}"

    @property
    def marked(self) -> bool:
        several = len(self.vips) > 1 or len(self.ports) > 1 or any(":" in port for port in self.ports)
        return self.mark is not None or several

    @property
    def is_ftp(self) -> bool:
        return "21" in self.ports

    @property
    def names(self) -> set[str]:
        return {member.host for member in self.members if member.weight}

    @property
    def probes(self) -> tuple[tuple[str, int], ...]:
        """A VIP and a port for each way in: the ends of a range, ports that the firewall lets in where all are."""
        numbers = [int(end) for port in self.ports for end in dict.fromkeys(port.split(":"))]
        return tuple((vip, port) for vip in self.vips for port in numbers or self.firewall_ports or (80,))


@dataclass(frozen=True)
class Mapping1To1:
    external: str
    internal: str
    ports: tuple[int, ...]


class Example:
    """Groups and variables of an inventory in YAML with a file `group_vars/all.yml` beside it."""

    def __init__(self, inventory: Path) -> None:
        groups = yaml.safe_load(inventory.read_text(encoding="utf-8"))["all"]["children"]
        self.groups: dict[str, list[str]] = {name: list(group["hosts"]) for name, group in groups.items()}
        self.hosts: dict[str, Mapping[str, Any]] = {
            host: variables or {} for group in groups.values() for host, variables in group["hosts"].items()
        }
        variables = yaml.safe_load((inventory.parent / "group_vars/all.yml").read_text(encoding="utf-8"))
        self.cluster: dict[str, Any] = variables["lvs_cluster"]

    @property
    def directors(self) -> Sequence[str]:
        return self.groups["directors"]

    @property
    def daemons(self) -> set[str]:
        """What runs on every director."""
        failover = self.cluster.get("failover", "keepalived")
        mover = "heartbeat" if failover == "heartbeat" else "keepalived"
        return {mover, self.cluster.get("health_checks", "keepalived")} - {"none"}

    @property
    def synchronises(self) -> bool:
        """Whether directors tell each other of connections; the kernel does not where a tunnel joins two families."""
        families = {(service.family, family_of(m.address)) for service in self.services for m in service.members}
        can = self.cluster.get("failover") != "none" and all(one == other for one, other in families)
        return can and self.cluster.get("connection_sync", True) is not False

    @property
    def client(self) -> str:
        return self.groups["clients"][0]

    @cached_property
    def services(self) -> tuple[Service, ...]:
        return tuple(service for entry in self.cluster["services"] for service in self._services(entry))

    @property
    def members(self) -> set[str]:
        """Hosts that serve."""
        return {member.host for service in self.services for member in service.members}

    @property
    def nat(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get("nat") or {}
        return found

    @property
    def gateways(self) -> list[str]:
        return [gateway.partition("/")[0] for gateway in as_list(self.nat.get("gateway"))]

    @property
    def mappings(self) -> list[Mapping1To1]:
        return [
            Mapping1To1(one["external"], one["internal"], tuple(as_list(one.get("ports"))))
            for one in self.nat.get("mappings", ())
        ]

    @property
    def vips(self) -> list[str]:
        return list(dict.fromkeys(vip for service in self.services for vip in service.vips))

    @property
    def floating(self) -> list[str]:
        """Every address that moves from director to director."""
        return [*self.vips, *(one.external for one in self.mappings), *self.gateways]

    @property
    def together(self) -> list[set[str]]:
        """The floating addresses in groups, each of which is on one director at a time."""
        shared = [set(map(str, one["vips"])) for one in self.cluster.get("vrrp", {}).get("instances", ())]
        return [set(self.floating).difference(*shared), *shared]

    def address(self, host: str, family: str) -> str:
        given = [*as_list(self.hosts[host].get("lvs_address")), self.hosts[host]["ansible_host"]]
        return next(address for address in given if family_of(address) == family)

    def host_of(self, address: str) -> str:
        """The machine with that own address, as the inventory or a service says it."""
        for service in self.services:
            for member in service.members:
                if member.address == address:
                    return member.host
        return next(
            host
            for host, variables in self.hosts.items()
            if address in (*as_list(variables.get("lvs_address")), variables["ansible_host"])
        )

    def _services(self, entry: Mapping[str, Any]) -> list[Service]:
        """The one service that an entry describes, or one of each family."""
        families: dict[str, list[str]] = {}
        for vip in as_list(entry["vip"]):
            families.setdefault(family_of(vip), []).append(vip)
        ports = [] if entry["ports"] == "all" else [str(port) for port in as_list(entry["ports"])]
        return [
            Service(
                name=entry["name"],
                family=family,
                vips=tuple(vips),
                ports=tuple(ports),
                protocol=entry.get("protocol", "tcp"),
                forwarding=entry.get("forwarding") or self.cluster.get("forwarding") or "direct",
                scheduler=entry.get("scheduler", "wlc"),
                persistence=entry.get("persistence", 0),
                mark=entry.get("fwmark"),
                helper=entry.get("helper"),
                tunnel_type=entry.get("tunnel_type", "ipip"),
                firewall_ports=tuple(entry.get("firewall_ports", ())),
                members=tuple(self._member(one, family, ports) for one in entry["real_servers"]),
            )
            for family, vips in families.items()
        ]

    def _member(self, entry: Any, family: str, ports: Sequence[str]) -> Member:
        given = entry if isinstance(entry, dict) else {"host": entry}
        single = int(ports[0]) if len(ports) == 1 and ":" not in ports[0] else None
        return Member(
            host=given["host"],
            address=given.get("address") or self.address(given["host"], family),
            port=given.get("port", single),
            weight=given.get("weight", 1),
        )
