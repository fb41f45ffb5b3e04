# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the directors translate: the options of the module ``nat``."""

from __future__ import annotations

import typing as t

from .inventory import Network
from .model import Cluster, Nat
from .nat import uses_nat
from .places import Places
from .ports import spelled


def nat_plan(cluster: Cluster, places: Places) -> dict[str, t.Any]:
    nat = cluster.nat
    return {
        "masquerade": [_masquerade(nat, network, places) for network in nat.masquerade],
        "mappings": [
            {
                "external": str(mapping.external),
                "internal": str(mapping.internal),
                "protocol": mapping.protocol,
                "ports": spelled(mapping.ports),
                "interface": places.vips[mapping.external],
            }
            for mapping in nat.mappings
        ],
        "source_nat": _source_nat(cluster) if nat.local_clients == "source_nat" else [],
        "helpers": [
            {"helper": service.helper, "address": address, "protocol": service.protocol, "port": 21}
            for service in cluster.services
            if service.helper is not None
            for address in service.addresses
        ],
    }


def _masquerade(nat: Nat, network: Network, places: Places) -> dict[str, t.Any]:
    """Where inside and outside are one interface, it says nothing about the way that a packet goes."""
    plan = {"source": str(network)}
    gateway = nat.gateway(network.version)
    interface = None if gateway is None else places.gateways[gateway.ip]
    if interface is not None and interface not in places.one_arm:
        plan["not_out"] = interface
    return plan


def _source_nat(cluster: Cluster) -> list[dict[str, t.Any]]:
    found = []
    for gateway in cluster.nat.gateways:
        vips = [
            {"address": address, "protocol": service.protocol, "ports": spelled(service.ports)}
            for service in cluster.services
            if service.version == gateway.version and uses_nat(service)
            for address in service.addresses
        ]
        if vips:
            found.append({"source": str(gateway.network), "vips": vips})
    return found
