# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a look at the hosts and a probe by packets gave, in one shape for all checks.

Whatever is missing in an observation is empty or None here; nothing raises.
"""

from __future__ import annotations

import ipaddress
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .inventory import variables_of
from .plain import plain

Values = Mapping[str, t.Any]
#: Protocol, VIP, port.
ServiceKey = tuple[str, str, int]
#: Address, port.
DestinationKey = tuple[str, int]

#: The unit of the role director that brings the table back at boot where the modules own it.
TABLE_UNIT = "lvs-cluster-table"
ANY_ADDRESS = {4: "0.0.0.0", 6: "::"}


def observations_from_hostvars(
    plans: Values, hostvars: Mapping[str, Values], probe_host: str | None, hosts: Iterable[str] = ()
) -> dict[str, t.Any]:
    """The observations, taken from what the playbook ``verify`` registers on each host.

    ``lvs_host`` (host_info), ``lvs_table`` and ``lvs_table_after`` (ipvs_info before and after the probe) on the hosts
    that have a plan, ``lvs_probe`` (vip_probe) on ``probe_host``. ``hosts`` are looked for as well: a director that
    cannot be reached has no plan, and would be missing without being missed.
    """
    seen = {name: _registered(hostvars, name) for name in (*plans, *hosts)}
    probe = None
    if probe_host is not None and probe_host in hostvars:
        result = plain(hostvars[probe_host].get("lvs_probe"))
        if isinstance(result, dict) and "connections" in result:
            probe = {"from": probe_host, **{key: result.get(key) for key in ("neighbours", "connections")}}
    return {"hosts": seen, "probe": probe}


def _registered(hostvars: Mapping[str, Values], name: str) -> dict[str, t.Any]:
    variables = variables_of(name, hostvars)
    look = plain(variables.get("lvs_host"))
    if not isinstance(look, dict) or look.get("unreachable"):
        return {"unreachable": True}
    return {
        "host": look.get("host"),
        "ipvs": plain(variables.get("lvs_table")),
        "ipvs_after": plain(variables.get("lvs_table_after")),
        "unreachable": False,
    }


def version_of(address: str) -> int:
    return 6 if ":" in address else 4


def normal(address: object) -> str:
    """One spelling of an address; an IPv4 address that an IPv6 socket shows (``::ffff:192.0.2.1``) is that address."""
    text = str(address).partition("%")[0]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def key_of(service: Values) -> ServiceKey:
    """The key of a service, of a plan or of the kernel's table."""
    return (str(service.get("protocol")), normal(service.get("address")), int(service.get("port") or 0))


@dataclass(frozen=True)
class SeenHost:
    """One host: what it should be (``wanted`` are its role's variables) and what was seen of it."""

    name: str
    role: str
    wanted: Values
    is_reachable: bool
    #: What was seen is complete: the module that looks has answered.
    was_read: bool
    addresses: tuple[Values, ...] = ()
    listeners: tuple[Values, ...] = ()
    interfaces: Mapping[str, Values] = field(default_factory=dict)
    services: Values = field(default_factory=dict)
    sysctls: Values = field(default_factory=dict)
    arp_ignore_all: int = 0
    arp_announce_all: int = 0
    #: The IPVS table before and after the probe; None when it could not be read.
    table: Mapping[ServiceKey, Values] | None = None
    table_after: Mapping[ServiceKey, Values] | None = None
    table_error: str = ""

    @property
    def is_daemon_active(self) -> bool:
        return bool((self.services.get("keepalived") or {}).get("active"))

    @property
    def is_daemon_enabled(self) -> bool:
        return bool((self.services.get("keepalived") or {}).get("enabled"))

    @property
    def table_unit(self) -> Values:
        """What brings the table back at boot where the modules own it."""
        return self.services.get(TABLE_UNIT) or {}

    def places_of(self, address: str) -> list[Values]:
        """Where the host has ``address``: none, or usually one place."""
        return [place for place in self.addresses if normal(place.get("address")) == address]

    def macs(self) -> set[str]:
        return {str(interface.get("mac")).lower() for interface in self.interfaces.values() if interface.get("mac")}


def destinations_of(service: Values | None) -> dict[DestinationKey, Values]:
    entries = (service or {}).get("destinations") or ()
    return {(normal(e.get("destination")), int(e.get("destination_port") or 0)): e for e in entries}


def described_destinations(service: Values) -> dict[DestinationKey, Values]:
    """The destinations that a plan's service should have."""
    return {(normal(r["address"]), int(r["port"])): r for r in service.get("real_servers") or ()}


def connections_of(destination: Values | None) -> int:
    """Connections that the kernel has counted for this destination since it was made."""
    return int(((destination or {}).get("counters") or {}).get("connections") or 0)


@dataclass(frozen=True)
class Attempts:
    """Connections that the probe opened to one described service."""

    key: ServiceKey
    attempted: int
    succeeded: int
    error: str

    @property
    def failed(self) -> int:
        return self.attempted - self.succeeded


class View:
    """Plans and observations side by side."""

    def __init__(self, plans: Values, observations: Values) -> None:
        seen = observations.get("hosts") or {}
        names = [*plans, *(name for name in seen if name not in plans)]
        self.hosts = {name: _seen_host(name, plans.get(name) or {}, seen.get(name) or {}) for name in names}
        self.directors = [host for host in self.hosts.values() if host.role == "director"]
        self.real_servers = [host for host in self.hosts.values() if host.role == "realserver_linux"]
        #: Every director has the same services and, but for the interface, the same VIPs.
        first: Values = self.directors[0].wanted if self.directors else {}
        self.services: list[Values] = list(first.get("director_services") or ())
        self.by_key = {key_of(service): service for service in self.services}
        self.vips = [normal(vip.get("address")) for vip in first.get("director_vips") or ()]
        self.failover = str(first.get("director_failover", ""))
        #: Whether keepalived owns the tables and takes dead real servers out of them; else the modules own them.
        self.is_checked = first.get("director_health_checks") != "none"
        probe = observations.get("probe")
        self.probe: Values | None = probe if isinstance(probe, Mapping) else None
        self.neighbours = {
            normal(vip): [str(mac).lower() for mac in macs or ()]
            for vip, macs in ((self.probe or {}).get("neighbours") or {}).items()
        }

    @property
    def attempts(self) -> list[Attempts]:
        """What the probe said of each service that it tried."""
        tried = [
            Attempts(
                key=key_of({"protocol": "tcp", **result}),
                attempted=int(result.get("attempted") or 0),
                succeeded=int(result.get("succeeded") or 0),
                error=str(result.get("error") or ""),
            )
            for result in (self.probe or {}).get("connections") or ()
        ]
        return [attempts for attempts in tried if attempts.key in self.by_key and attempts.attempted]

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

    def holders(self, vip: str) -> list[SeenHost]:
        """Directors that have the VIP."""
        return [director for director in self.looked_at_directors if director.places_of(vip)]

    def may_serve(self, director: SeenHost, vip: str) -> bool:
        """Whether packets for the VIP may pass this director: it holds it, or nobody is known to."""
        holders = self.holders(vip)
        return not holders or director in holders

    def services_on(self, vips: Iterable[str]) -> frozenset[ServiceKey]:
        wanted = set(vips)
        return frozenset(key for key in self.by_key if key[1] in wanted)

    def services_of(self, real_server: str) -> frozenset[ServiceKey]:
        return frozenset(
            key
            for key, service in self.by_key.items()
            if any(entry.get("host") == real_server for entry in service.get("real_servers") or ())
        )

    def own_addresses(self, real_server: str) -> set[str]:
        """The addresses by which the directors know this real server."""
        return {
            normal(entry.get("address"))
            for service in self.services
            for entry in service.get("real_servers") or ()
            if entry.get("host") == real_server
        }

    def own_interfaces(self, real_server: SeenHost) -> set[str]:
        """The interfaces that carry the addresses by which the directors know this real server."""
        return {
            str(place.get("interface"))
            for address in self.own_addresses(real_server.name)
            for place in real_server.places_of(address)
        }


def _seen_host(name: str, plan: Values, seen: Values) -> SeenHost:
    role, wanted = str(plan.get("role", "")), plan.get("vars") or {}
    is_reachable = bool(seen) and not seen.get("unreachable")
    look = seen.get("host")
    if not is_reachable or not isinstance(look, Mapping):
        return SeenHost(name=name, role=role, wanted=wanted, is_reachable=is_reachable, was_read=False)
    table, error = _table(seen.get("ipvs"))
    return SeenHost(
        name=name,
        role=role,
        wanted=wanted,
        is_reachable=True,
        was_read=True,
        addresses=tuple(look.get("addresses") or ()),
        listeners=tuple(look.get("listeners") or ()),
        interfaces={str(interface.get("name")): interface for interface in look.get("interfaces") or ()},
        services=look.get("services") or {},
        sysctls=look.get("sysctls") or {},
        arp_ignore_all=int(look.get("arp_ignore_all") or 0),
        arp_announce_all=int(look.get("arp_announce_all") or 0),
        table=table,
        table_after=_table(seen.get("ipvs_after"))[0],
        table_error=error,
    )


def _table(result: object) -> tuple[dict[ServiceKey, Values] | None, str]:
    if not isinstance(result, Mapping):
        return None, ""
    # A result may be called failed only because the counters awaited did not come: what was read counts.
    if not isinstance(result.get("services"), (list, tuple)):
        return None, str(result.get("msg", ""))
    # Services of a firewall mark have no address: they belong to somebody else.
    return {key_of(service): service for service in result["services"] if service.get("address")}, ""
