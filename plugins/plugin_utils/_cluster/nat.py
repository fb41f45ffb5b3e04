# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``nat`` in the description says, and every rule between it, the hosts and the services."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from .floating import check_floating
from .hosts import Hosts
from .inventory import Address, Host, parse_address
from .mistakes import Mistake, directors_listed, listed, shown
from .model import LOCAL_CLIENTS, Nat, NatMapping, Service
from .ports import ALL_PORTS, PortRange, read_ports, spelled
from .section import Section, own_address_fault

AddressInNetwork = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_GATEWAY = "Write the floating address with the prefix length of its network, such as 10.11.12.10/24."


def read_nat(top: Section) -> Nat:
    """The values alone; ``check_nat`` sees them beside hosts and services."""
    if not top.has("nat"):
        return Nat()
    section = Section(
        top.mistakes, "nat", top.get("nat"), optional=("gateway", "masquerade", "mappings", "local_clients")
    )
    if not section.is_mapping:
        return Nat(is_faulty=True)
    gateways = _gateways(section)
    return Nat(
        gateways=tuple(gateways.values()),
        masquerade=section.networks("masquerade", may_be_empty=True),
        mappings=tuple(_mappings(section)),
        local_clients=section.choice("local_clients", "", LOCAL_CLIENTS) or None,
        is_faulty=len(gateways) < len(section.items("gateway")),
    )


def _gateways(section: Section) -> dict[int, AddressInNetwork]:
    is_one = not isinstance(section.get("gateway"), (list, tuple))
    found: dict[int, AddressInNetwork] = {}
    for index, value in enumerate(section.items("gateway")):
        key = "gateway" if is_one else f"gateway[{index}]"
        gateway = _gateway(section, key, value)
        if gateway is not None and found.setdefault(gateway.version, gateway) is not gateway:
            section.note(key, f"{gateway} is a second IPv{gateway.version} gateway.", "Keep one of each family.")
    return found


def _gateway(section: Section, key: str, value: object) -> AddressInNetwork | None:
    text = value if isinstance(value, str) and "%" not in value else ""
    address = parse_address(text.partition("/")[0])
    if address is None:
        section.note(key, f"{shown(value)} is not an address with a prefix length.", _GATEWAY)
        return None
    if "/" not in text:
        section.note(key, f"{address} has no prefix length.", _GATEWAY)
        return None
    try:
        gateway = ipaddress.ip_interface(text)
    except ValueError:
        section.note(key, f"{shown(value)} is not an address with a prefix length.", _GATEWAY)
        return None
    fault = own_address_fault(address)
    if fault is not None:
        section.note(key, f"{address} {fault}.", _GATEWAY)
    elif gateway.network.num_addresses < 4:
        section.note(key, f"{gateway} leaves no room for a real server beside the directors.", _GATEWAY)
    elif address == gateway.network.network_address or (
        address.version == 4 and address == gateway.network.broadcast_address
    ):
        section.note(
            key,
            f"{address} is the network or broadcast address of {gateway.network}.",
            "Choose an address between them.",
        )
    else:
        return gateway
    return None


def _mappings(section: Section) -> list[NatMapping]:
    found = []
    for index, entry in enumerate(section.items("mappings", may_be_empty=True)):
        own = Section(
            section.mistakes,
            section.at(f"mappings[{index}]"),
            entry,
            required=("external", "internal"),
            optional=("protocol", "ports"),
        )
        if not own.is_mapping:
            continue
        external, internal = own.address("external"), own.address("internal")
        protocol = own.choice("protocol", "", ("tcp", "udp")) or None
        ports: tuple[PortRange, ...] | None = ALL_PORTS
        if own.has("ports"):
            ports = read_ports(own, "ports")
            if not own.has("protocol"):
                own.note("ports", "Whose ports they are is not said.", "Write protocol: tcp or protocol: udp too.")
        if external is None or internal is None or ports is None:
            continue
        if external.version != internal.version:
            own.note(
                "internal",
                f"{internal} is IPv{internal.version}, {external} is IPv{external.version}.",
                "Write two addresses of one family.",
            )
            continue
        found.append(NatMapping(external, internal, protocol, ports))
    return found


class NatRules:
    """Every rule between ``nat``, hosts and services; what is wrong goes to the hosts' mistakes."""

    def __init__(self, mistakes: list[Mistake], nat: Nat, hosts: Hosts, services: Sequence[Service]) -> None:
        self.mistakes = mistakes
        self.nat = nat
        self.hosts = hosts
        self.services = services
        self.vips = {address: service for service in services for address in service.addresses}

    def note(self, path: str, problem: str, remedy: str) -> None:
        self.mistakes.append(Mistake(path, problem, remedy))

    def check(self, clients: Sequence[Host]) -> None:
        for gateway in self.nat.gateways:
            self.check_gateway(gateway)
        self.check_local_clients(clients)
        for index, network in enumerate(self.nat.masquerade):
            self.check_masquerade(index, network)
        for index, mapping in enumerate(self.nat.mappings):
            self.check_mapping(index, mapping)

    def check_gateway(self, gateway: AddressInNetwork) -> None:
        text = str(gateway.ip)
        owner = self.hosts.owners.get(text)
        if owner is not None:
            self.note("nat.gateway", f"{text} is the own address of {owner}.", "Choose an address that no machine has.")
            return
        if text in self.vips:
            self.note(
                "nat.gateway",
                f"{text} is a VIP of {self.vips[text].name}.",
                "Choose another address: what real servers send to their gateway must not be taken for a service.",
            )
            return
        homes = {d.name: d.network_of(gateway.ip) for d in self.hosts.directors if d.interfaces}
        outside = [name for name, home in homes.items() if home is None]
        if outside:
            own = "an address of its own" if len(outside) == 1 else "addresses of their own"
            self.note(
                "nat.gateway",
                f"{text} is in no subnet of {directors_listed(outside)}.",
                f"Give {listed(outside, 'and')} {own} in {gateway.network}, or choose another gateway.",
            )
        other = next((home for home in homes.values() if home not in (None, gateway.network)), None)
        if other is not None:
            names = directors_listed(name for name, home in homes.items() if home == other)
            self.note(
                "nat.gateway",
                f"{gateway} is in {gateway.network}, but the subnet of {names} there is {other}.",
                f"Write {text}/{other.prefixlen}, or correct the prefix length of the directors' own addresses.",
            )

    def one_arm_vips(self) -> list[str]:
        """VIPs of services that forward by nat, in the subnet of the real servers' gateway."""
        found = []
        for service in self.services:
            gateway = self.nat.gateway(service.version)
            if gateway is not None and uses_nat(service):
                found += [str(vip) for vip in service.vips if vip in gateway.network]
        return list(dict.fromkeys(found))

    def check_local_clients(self, clients: Sequence[Host]) -> None:
        if not any(uses_nat(service) for service in self.services):
            if self.nat.local_clients is not None:
                self.note(
                    "nat.local_clients", "It does nothing: no service forwards by nat.", "Leave local_clients out."
                )
            return
        vips = self.one_arm_vips()
        if vips and self.nat.local_clients is None:
            self.note(
                "nat.local_clients",
                f"{vips[0]} is in the subnet of the gateway (one arm), so a client there would get answers from the "
                "real server itself, and throw them away.",
                "Write local_clients: source_nat (the directors hide such clients), or refused (there are none).",
            )
        elif self.nat.local_clients != "source_nat":
            self.check_refused(clients)

    def check_refused(self, clients: Sequence[Host]) -> None:
        versions = {service.version for service in self.services if uses_nat(service)}
        for client in clients:
            for value in client.addresses:
                address = parse_address(value)
                gateway = None if address is None else self.nat.gateway(address.version)
                if address is None or gateway is None or address.version not in versions:
                    continue
                if address in gateway.network:
                    self.note(
                        "nat.local_clients",
                        f"Client {client.name} has {address}, in the real servers' subnet {gateway.network}: it would "
                        "get answers from the real server itself.",
                        "Write local_clients: source_nat, or put the client into another network.",
                    )

    def check_masquerade(self, index: int, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> None:
        path = f"nat.masquerade[{index}]"
        if self.nat.gateway(network.version) is None and not self.nat.is_faulty:
            self.note(
                path,
                f"There is no IPv{network.version} gateway by which packets of {network} come here.",
                "Write the floating address in nat.gateway that the machines there use as default gateway.",
            )
        inside = [text for text in self.vips if parse_address(text) in network]
        if inside:
            self.note(
                path,
                f"{listed(inside[:3], 'and')} {'is a VIP' if len(inside) == 1 else 'are VIPs'} in {network}.",
                "Write a network behind the directors that holds no VIP.",
            )

    def check_mapping(self, index: int, mapping: NatMapping) -> None:
        path = f"nat.mappings[{index}]"
        external = str(mapping.external)
        if external in {str(gateway.ip) for gateway in self.nat.gateways}:
            self.note(f"{path}.external", f"{external} is the gateway.", "Choose an address that no machine has.")
        elif external in self.vips:
            self.check_shared_vip(path, mapping)
        else:
            check_floating(self.hosts, external, f"{path}.external")
        self.check_internal(path, mapping)
        for number, other in enumerate(self.nat.mappings[:index]):
            for side in ("external", "internal"):
                if getattr(other, side) == getattr(mapping, side) and _share_ports(other, mapping):
                    self.note(
                        f"{path}.{side}",
                        f"nat.mappings[{number}] has {getattr(mapping, side)} for the same ports.",
                        "Give each its own address, or ports of its own.",
                    )

    def check_internal(self, path: str, mapping: NatMapping) -> None:
        internal, gateway = mapping.internal, self.nat.gateway(mapping.internal.version)
        owner = self.hosts.owners.get(str(internal))
        if owner in self.hosts.known_directors:
            self.note(
                f"{path}.internal", f"{internal} is the address of director {owner}.", "Write a machine behind it."
            )
        elif str(internal) in self.vips or (gateway is not None and internal == gateway.ip):
            self.note(f"{path}.internal", f"{internal} floats between the directors.", "Write a machine behind them.")
        elif gateway is None:
            if not self.nat.is_faulty:
                self.note(
                    f"{path}.internal",
                    f"There is no IPv{internal.version} gateway behind which {internal} is.",
                    "Write nat.gateway, the floating address that it uses as default gateway.",
                )
        elif internal not in gateway.network:
            self.note(
                f"{path}.internal",
                f"{internal} is not in {gateway.network}, where the gateway {gateway.ip} is.",
                "Write an address there: the machine must answer through the directors.",
            )

    def check_shared_vip(self, path: str, mapping: NatMapping) -> None:
        """Packets to a port of a service must not be sent elsewhere before the service sees them."""
        for service in self.services:
            if str(mapping.external) not in service.addresses or mapping.protocol not in (None, service.protocol):
                continue
            if _overlap(service.ports, mapping.ports):
                ports = listed(spelled(service.ports), "and") or "all ports"
                self.note(
                    f"{path}.external",
                    f"{mapping.external} is the VIP of {service.name} ({service.protocol} {ports}).",
                    "Choose another address, or protocol and ports that the service has not.",
                )
                return


def uses_nat(service: Service) -> bool:
    return service.forwarding == "nat" or any(each.forwarding == "nat" for each in service.real_servers)


def _share_ports(one: NatMapping, other: NatMapping) -> bool:
    return (None in (one.protocol, other.protocol) or one.protocol == other.protocol) and _overlap(
        one.ports, other.ports
    )


def _overlap(some: Sequence[PortRange], others: Sequence[PortRange]) -> bool:
    return any(a[0] <= b[1] and b[0] <= a[1] for a in some for b in others)


def external_addresses(nat: Nat) -> list[Address]:
    return list(dict.fromkeys(mapping.external for mapping in nat.mappings))
