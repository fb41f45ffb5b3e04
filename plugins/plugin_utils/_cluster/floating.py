# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addresses that float between directors (VIPs, gateways, external addresses of mappings): where each may be."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from .hosts import Hosts
from .mistakes import directors_listed, listed


def check_vips(hosts: Hosts, vips: Mapping[str, str]) -> None:
    """Every VIP (its text and where it was said) must be in a subnet of each director and nobody's own."""
    for text, path in vips.items():
        check_floating(hosts, text, path)


def check_floating(hosts: Hosts, text: str, path: str) -> bool:
    """Whether the address can float on the interfaces for VIPs; what is wrong is noted."""
    owner = hosts.owners.get(text)
    if owner is not None:
        hosts.note(path, f"{text} is the own address of {owner}.", "Choose an address that no machine has.")
        return False
    address = ipaddress.ip_address(text)
    placing = [director for director in hosts.directors if director.interface is None and director.interfaces]
    homes = {director.name: director.network_of(address) for director in placing}
    outside = [name for name, network in homes.items() if network is None]
    if outside:
        subnets = sorted({str(n) for d in placing for i in d.interfaces for n in i.networks})
        hosts.note(
            path,
            f"{text} is in no subnet of {directors_listed(outside)}.",
            f"Choose an address in {listed(subnets)}, or name the interface in the host variable lvs_interface."
            if subnets
            else "Name the interface in the host variable lvs_interface.",
        )
    for network in {n for n in homes.values() if n is not None and n.version == 4 and n.prefixlen < 31}:
        if address in (network.network_address, network.broadcast_address):
            hosts.note(
                path,
                f"{text} is the network or broadcast address of {network}.",
                "Choose an address between them.",
            )
    return not outside


def check_sorry_servers(hosts: Hosts, vips: Mapping[str, str], sorry_addresses: Iterable[tuple[str, str]]) -> None:
    for path, text in sorry_addresses:
        if text in vips:
            hosts.note(path, f"{text} is a VIP.", "Name the machine that answers by its own address.")
