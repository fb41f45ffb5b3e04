# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether answers find their way from a machine that has the directors as default gateway.

What it answers for a service with NAT, or a mapping, goes there and is translated. What it answers for one with direct
routing or a tunnel has the VIP as its source: a director takes a packet that comes from its own address for a forgery
and drops it. Such answers reach only clients on the machine's own networks, to whom they need no gateway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .hosts import Hosts
from .inventory import Address, Host, Network, parse_address
from .mistakes import listed
from .model import Nat, Service

#: A host and an IP version: a default gateway is one of a family.
_Machine = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Use:
    """One place where a service names a machine."""

    path: str
    machine: _Machine
    address: str
    forwarding: str


def check_ways_back(
    hosts: Hosts, nat: Nat, services: Sequence[Service], paths: Mapping[str, str], clients: Sequence[Host]
) -> None:
    """Note real servers whose answers clients would not get. ``paths`` are those of the services, by name."""
    if not nat.gateways or not clients:
        return
    uses = list(_uses(services, paths))
    behind = _behind_directors(hosts, nat, uses)
    said: set[_Machine] = set()
    for use in uses:
        if use.forwarding == "nat" or use.machine not in behind or use.machine in said:
            continue
        said.add(use.machine)
        networks = _own_networks(hosts, nat, use.machine, uses)
        outside = [f"{name} ({address})" for name, address in _outside(clients, use.machine[1], networks)]
        if outside:
            host = use.machine[0]
            hosts.note(
                use.path,
                f"The directors are the default gateway of {host} ({behind[use.machine]}) and drop what it sends as a "
                f"VIP, so {listed(outside[:3], 'and')} would get no answers.",
                f"Write forwarding: nat here too, or another machine: with forwarding {use.forwarding} {host} answers "
                f"clients in {listed(networks, 'and')} only.",
            )


def _uses(services: Iterable[Service], paths: Mapping[str, str]) -> Iterator[_Use]:
    for service in services:
        path, version, sorry = paths[service.name], service.version, service.sorry_server
        for index, each in enumerate(service.real_servers):
            yield _Use(f"{path}.real_servers[{index}]", (each.host, version), each.address, each.forwarding)
        if sorry is not None and sorry.host is not None:
            yield _Use(f"{path}.sorry_server", (sorry.host, version), sorry.address, service.forwarding)


def _behind_directors(hosts: Hosts, nat: Nat, uses: Iterable[_Use]) -> dict[_Machine, str]:
    """The machines that get the directors as default gateway, each with the place that says so first."""
    behind: dict[_Machine, str] = {}
    for use in uses:
        if use.forwarding == "nat":
            behind.setdefault(use.machine, use.path)
    for index, mapping in enumerate(nat.mappings):
        owner = hosts.owners.get(str(mapping.internal))
        if owner is not None:
            behind.setdefault((owner, mapping.internal.version), f"nat.mappings[{index}].internal")
    return behind


def _own_networks(hosts: Hosts, nat: Nat, machine: _Machine, uses: Iterable[_Use]) -> list[Network]:
    """The networks that the machine shares with the directors, as far as they are known."""
    gateway = nat.gateway(machine[1])
    found: dict[Network, None] = {} if gateway is None else {gateway.network: None}
    for address in {parse_address(use.address) for use in uses if use.machine == machine}:
        homes = [] if address is None else [director.network_of(address) for director in hosts.directors]
        found.update((home, None) for home in homes if home is not None and home.version == machine[1])
    return list(found)


def _outside(clients: Iterable[Host], version: int, networks: Iterable[Network]) -> Iterator[tuple[str, Address]]:
    for client in clients:
        for address in map(parse_address, client.addresses):
            if address is not None and address.version == version and not any(address in each for each in networks):
                yield client.name, address
