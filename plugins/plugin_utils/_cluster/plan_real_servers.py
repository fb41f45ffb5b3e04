# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each real server gets: VIPs to hide, tunnels, its default gateway; and what must listen there."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable
from dataclasses import dataclass, field

from .model import DEFAULT_TUNNEL, Cluster, RealServer, Service, Tunnel
from .ports import covers, single_ports, spelled


@dataclass(slots=True)
class _Part:
    """One real server's part in all services; dictionaries for their order."""

    vips: dict[str, None] = field(default_factory=dict)
    tunnel_vips: dict[str, None] = field(default_factory=dict)
    tunnels: dict[tuple[int, Tunnel], None] = field(default_factory=dict)
    gateways: set[int] = field(default_factory=set)
    listeners: dict[tuple[str, int, str], None] = field(default_factory=dict)
    #: The VIPs by protocol and ports of their services.
    openings: dict[tuple[str, tuple[str, ...]], dict[str, None]] = field(default_factory=dict)
    #: By which the directors know it.
    addresses: dict[str, None] = field(default_factory=dict)


def real_server_plans(cluster: Cluster) -> dict[str, dict[str, t.Any]]:
    """One plan for each real server; one that no service names gets an empty one: it has nothing to hide."""
    parts = {name: _Part() for name in cluster.real_servers}
    for service in cluster.services:
        ports = _ports_to_listen_on(service)
        for each in _answering(service):
            part = parts.get(each.host)
            if part is not None:
                _take_part(part, service, each, ports)
    for mapping in cluster.nat.mappings:
        part = parts.get(cluster.owners.get(str(mapping.internal), ""))
        if part is not None:
            part.gateways.add(mapping.internal.version)
    return {
        name: {"role": "realserver_windows", "vars": _windows_variables(part, cluster)}
        if name in cluster.windows
        else {"role": "realserver_linux", "vars": _variables(part, cluster)}
        for name, part in parts.items()
    }


def _take_part(part: _Part, service: Service, real_server: RealServer, ports: list[int]) -> None:
    protocol = service.protocol
    part.addresses[real_server.address] = None
    if real_server.forwarding == "nat":
        part.gateways.add(service.version)
        for port in [real_server.port] if real_server.port else ports:
            part.listeners[real_server.address, port, protocol] = None
        return
    opening = part.openings.setdefault((protocol, tuple(spelled(service.ports))), {})
    for address in service.addresses:
        part.vips[address] = None
        opening[address] = None
        for port in ports:
            part.listeners[address, port, protocol] = None
    if real_server.tunnel is not None:
        part.tunnels[6 if ":" in real_server.address else 4, real_server.tunnel] = None
        part.tunnel_vips.update(dict.fromkeys(service.addresses))


def _variables(part: _Part, cluster: Cluster) -> dict[str, t.Any]:
    return {
        "realserver_linux_vips": list(part.vips),
        "realserver_linux_addresses": list(part.addresses),
        "realserver_linux_tunnels": [
            {"type": tunnel.type, "family": f"ipv{version}", "port": tunnel.port, "checksum": tunnel.checksum}
            for version, tunnel in sorted(part.tunnels, key=lambda each: (each[0], each[1].type, each[1].port))
        ],
        "realserver_linux_tunnel_vips": list(part.tunnel_vips),
        "realserver_linux_gateways": _gateways(part, cluster),
        "realserver_linux_listeners": [
            {"address": address, "port": port, "protocol": protocol} for address, port, protocol in part.listeners
        ],
    }


def _windows_variables(part: _Part, cluster: Cluster) -> dict[str, t.Any]:
    return {
        "realserver_windows_vips": list(part.vips),
        "realserver_windows_ports": [
            {"protocol": protocol, "ports": list(ports), "addresses": list(addresses)}
            for (protocol, ports), addresses in part.openings.items()
        ],
        "realserver_windows_gateways": _gateways(part, cluster),
    }


def _gateways(part: _Part, cluster: Cluster) -> list[str]:
    return [str(gateway.ip) for gateway in cluster.nat.gateways if gateway.version in part.gateways]


def _ports_to_listen_on(service: Service) -> list[int]:
    """Of a range, or of all ports, nobody listens on each: there the checked port stands for them."""
    singles = single_ports(service.ports)
    if singles:
        return singles
    port = service.check.port
    return [port] if port and covers(service.ports, (port, port)) else []


def _answering(service: Service) -> Iterable[RealServer]:
    yield from service.real_servers
    sorry = service.sorry_server
    if sorry is not None and sorry.host is not None:
        tunnel = (service.tunnel or DEFAULT_TUNNEL) if service.forwarding == "tunnel" else None
        yield RealServer(sorry.host, sorry.address, sorry.port, forwarding=service.forwarding, tunnel=tunnel)
