# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans and observations side by side, and what the probe by packets gave."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from .observed import (
    SeenHost,
    ServiceKey,
    Values,
    forwarding_of,
    has_port,
    key_of,
    key_text,
    mover_of,
    normal,
    port_ranges,
    seen_host,
    version_of,
    version_of_service,
    vips_of,
)


@dataclass(frozen=True)
class Try:
    """Connections that the probe opened to one address and port; of UDP datagrams that it sent."""

    address: str
    port: int
    protocol: str
    attempted: int
    succeeded: int
    error: str
    #: The prober's own address on the way there.
    source: str

    @property
    def failed(self) -> int:
        return self.attempted - self.succeeded

    @property
    def text(self) -> str:
        return key_text((self.protocol, self.address, self.port))


@dataclass(frozen=True)
class Attempts:
    """All that the probe tried of one described service."""

    key: ServiceKey
    tries: tuple[Try, ...]

    @property
    def attempted(self) -> int:
        return sum(each.attempted for each in self.tries)

    @property
    def succeeded(self) -> int:
        return sum(each.succeeded for each in self.tries)

    @property
    def failed(self) -> int:
        return self.attempted - self.succeeded

    @property
    def failing(self) -> list[Try]:
        return [each for each in self.tries if each.failed]

    @property
    def error(self) -> str:
        return next((each.error for each in self.failing if each.error), "")


class View:
    """Plans and observations side by side."""

    def __init__(self, plans: Values, observations: Values) -> None:
        seen = observations.get("hosts") or {}
        # Nobody looks at Windows machines yet: they are neither healthy nor missing.
        looked_for = [name for name, plan in plans.items() if plan.get("role") != "realserver_windows"]
        names = [*looked_for, *(name for name in seen if name not in plans)]
        self.hosts = {name: seen_host(name, plans.get(name) or {}, seen.get(name) or {}) for name in names}
        self.directors = [host for host in self.hosts.values() if host.role == "director"]
        self.real_servers = [host for host in self.hosts.values() if host.role == "realserver_linux"]
        #: Every director has the same services and, but for the interface, the same VIPs.
        first: Values = self.directors[0].wanted if self.directors else {}
        self.services: list[Values] = list(first.get("director_services") or ())
        self.by_key = {key_of(service): service for service in self.services}
        self.vips = [normal(vip.get("address")) for vip in first.get("director_vips") or ()]
        self.gateways = [normal(gateway.get("address")) for gateway in first.get("director_gateways") or ()]
        #: What moves from director to director.
        self.floating = [*self.vips, *self.gateways]
        self.failover = str(first.get("director_failover", ""))
        self.mover = mover_of(first)
        #: Who owns the tables and takes dead real servers out of them; with none the modules own them.
        self.owner = str(first.get("director_health_checks") or "keepalived")
        self.is_checked = self.owner != "none"
        #: What brings a table back that somebody changed behind its owner's back.
        self.mend = "systemctl reload ldirectord" if self.owner == "ldirectord" else "systemctl restart keepalived"
        probe = observations.get("probe")
        self.probe: Values | None = probe if isinstance(probe, Mapping) else None
        #: The host of each MAC address; of hosts that could not be read as they told their facts.
        told: Mapping[str, Iterable[str]] = observations.get("macs") or {}
        self.owners = {str(mac).lower(): name for name, macs in told.items() for mac in macs}
        self.owners.update({mac: host.name for host in self.hosts.values() for mac in host.macs()})
        #: Who answered the probing host for each VIP, and whom it took for its owner before it asked.
        self.neighbours = self._macs_by_vip("neighbours")
        self.cached = self._macs_by_vip("cached")

    def _macs_by_vip(self, key: str) -> dict[str, list[str]]:
        entries = (self.probe or {}).get(key) or {}
        return {normal(vip): [str(mac).lower() for mac in macs or ()] for vip, macs in entries.items()}

    @cached_property
    def attempts(self) -> list[Attempts]:
        """What the probe said of each service that it tried."""
        tries: dict[ServiceKey, list[Try]] = {}
        for result in (self.probe or {}).get("connections") or ():
            tried = Try(
                address=normal(result.get("address")),
                port=int(result.get("port") or 0),
                protocol=str(result.get("protocol") or "tcp"),
                attempted=int(result.get("attempted") or 0),
                succeeded=int(result.get("succeeded") or 0),
                error=str(result.get("error") or ""),
                source=normal(result.get("source") or ""),
            )
            key = self.key_at(tried.protocol, tried.address, tried.port)
            if key is not None and tried.attempted:
                tries.setdefault(key, []).append(tried)
        return [Attempts(key, tuple(found)) for key, found in tries.items()]

    def key_at(self, protocol: str, address: str, port: int) -> ServiceKey | None:
        """The described service that takes what comes to this VIP and port: one of the port before one of all."""
        taking = [
            key
            for key, service in self.by_key.items()
            if service.get("protocol") == protocol and address in vips_of(service) and has_port(service, port)
        ]
        return min(taking, key=lambda key: not port_ranges(self.by_key[key]), default=None)

    @property
    def prober(self) -> str:
        """The host that sent the packets."""
        return str((self.probe or {}).get("from"))

    @property
    def looked_at_directors(self) -> list[SeenHost]:
        return [director for director in self.directors if director.was_read]

    def has_unseen_director(self) -> bool:
        return len(self.looked_at_directors) < len(self.directors) or any(
            not host.was_read for host in self.hosts.values() if not host.role
        )

    def may_hold(self, name: str) -> bool:
        """Whether it is a director, or a host without a plan, whose addresses nobody has read: any may stand there."""
        host = self.hosts.get(name)
        return host is not None and not host.was_read and host.role in ("director", "")

    def holders(self, vip: str) -> list[SeenHost]:
        """Directors that have the VIP, or the gateway."""
        return [director for director in self.looked_at_directors if director.places_of(vip)]

    def holders_of(self, key: ServiceKey) -> list[SeenHost]:
        """Directors that have a VIP of this service."""
        vips = vips_of(self.by_key[key])
        return [director for director in self.looked_at_directors if any(map(director.places_of, vips))]

    def may_serve(self, director: SeenHost, vip: str) -> bool:
        """Whether packets for the VIP may pass this director: it holds it, or nobody is known to."""
        holders = self.holders(vip)
        return not holders or director in holders

    def may_carry(self, director: SeenHost, key: ServiceKey) -> bool:
        """Whether packets for a service may pass this director."""
        return any(self.may_serve(director, vip) for vip in vips_of(self.by_key[key]))

    def carried_by(self, director: SeenHost) -> frozenset[ServiceKey]:
        return frozenset(key for key in self.by_key if self.may_carry(director, key))

    def services_on(self, addresses: Iterable[str]) -> frozenset[ServiceKey]:
        """Services of these VIPs, and those whose answers come back through one of these gateways."""
        wanted = set(addresses)
        versions = {version_of(gateway) for gateway in wanted.intersection(self.gateways)}
        return frozenset(
            key
            for key, service in self.by_key.items()
            if wanted.intersection(vips_of(service))
            or (version_of_service(service) in versions and self._has(service, forwarding="nat"))
        )

    def services_of(
        self,
        real_server: str | None = None,
        *,
        forwarding: str | None = None,
        version: int | None = None,
        tunnels: Collection[str] = (),
    ) -> frozenset[ServiceKey]:
        """Services with this real server, with destinations of this forwarding (by tunnels of these types), of this IP
        version."""
        return frozenset(
            key
            for key, service in self.by_key.items()
            if self._has(service, host=real_server, forwarding=forwarding, tunnels=tunnels)
            and version in (None, version_of_service(service))
        )

    def _has(
        self,
        service: Values,
        *,
        host: str | None = None,
        forwarding: str | None = None,
        tunnels: Collection[str] = (),
    ) -> bool:
        return any(
            host in (None, entry.get("host"))
            and forwarding in (None, forwarding_of(service, entry))
            and (not tunnels or (entry.get("tunnel_type") or "ipip") in tunnels)
            for entry in service.get("real_servers") or ()
        )

    def services_at(self, host: str, protocol: str, address: str, port: int) -> frozenset[ServiceKey]:
        """Services that need something to listen on this address and port of this real server."""
        found = set()
        for key, service in self.by_key.items():
            if service.get("protocol") != protocol:
                continue
            ports = {int(e.get("port") or 0) for e in service.get("real_servers") or () if e.get("host") == host}
            own = {normal(e["address"]) for e in service.get("real_servers") or () if e.get("host") == host}
            if (address in vips_of(service) and has_port(service, port)) or (
                address in own and (port in ports or (0 in ports and has_port(service, port)))
            ):
                found.add(key)
        return frozenset(found)

    def own_addresses(self, real_server: str) -> set[str]:
        """The addresses by which the directors know this real server."""
        return {
            normal(entry.get("address"))
            for service in self.services
            for entry in service.get("real_servers") or ()
            if entry.get("host") == real_server
        }

    def asked_interfaces(self, real_server: SeenHost, vip: str) -> set[str]:
        """The interfaces on which ARP for the VIP can arrive, as far as addresses tell it.

        Those of a subnet that holds it, or where there is none those of the default route; and those with an address by
        which the directors know this real server; and all on the wire of one of these. So does ``arp_hide``.
        """
        own = {address for address in self.own_addresses(real_server.name) if version_of(address) == version_of(vip)}
        found = {name for name, network in real_server.networks() if ipaddress.ip_address(vip) in network}
        found = found or {
            str(route.get("interface"))
            for route in real_server.routes
            if route.get("family") == f"ipv{version_of(vip)}"
        }
        found |= {str(place.get("interface")) for address in own for place in real_server.places_of(address)}
        seen = {name for name in (*found, *real_server.interfaces) if not real_server.is_private(name)}
        wires = {real_server.wire_of(name) for name in found & seen}
        return {name for name in seen if real_server.wire_of(name) in wires}
