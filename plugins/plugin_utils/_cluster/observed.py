# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a look at the hosts and a probe by packets gave, in one shape for all checks.

Whatever is missing in an observation is empty or None here; nothing raises.
"""

from __future__ import annotations

import ipaddress
import typing as t
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .drain_files import drain_name, drains_read, offset_weight
from .inventory import variables_of
from .model import CHECKS_BY_TCP
from .plain import plain

Values = Mapping[str, t.Any]
#: Protocol, VIP and port; or, of a service with a firewall mark, ``fwmark``, address family and mark.
ServiceKey = tuple[str, str, int]
#: Address, port.
DestinationKey = tuple[str, int]

#: The unit of the role director that brings the table back at boot where the modules own it.
TABLE_UNIT = "lvs-cluster-table"
TABLE_FILE = "/etc/lvs-cluster/table.rules"
#: The unit of the role director that brings marks, translations and the firewall back at boot, and what it runs.
RULES_UNIT = "lvs-cluster-rules"
RULES_SCRIPT = "/etc/lvs-cluster/load-rules"
KEEPALIVED_CONF = "/etc/keepalived/keepalived.conf"
ANY_ADDRESS = {4: "0.0.0.0", 6: "::"}
#: What verify registers of a module that ran in check mode, and the module.
COMPARED = {
    "lvs_marks": "fwmark",
    "lvs_nat": "nat",
    "lvs_firewall": "firewall",
    "lvs_tunnel": "tunnel",
    "lvs_gateway": "default_gateway",
}
_MARK = "fwmark"
#: What ldirectord and heartbeat read, which is the same on both directors.
SHARED_FILES = ("/etc/ha.d/ldirectord.cf", "/etc/ha.d/authkeys", "/etc/ha.d/ha.cf", "/etc/ha.d/haresources")


def observations_from_hostvars(
    plans: Values, hostvars: Mapping[str, Values], probe_host: str | None, hosts: Iterable[str] = ()
) -> dict[str, t.Any]:
    """The observations, taken from what the playbook ``verify`` registers on each host.

    ``lvs_host`` and ``lvs_host_after`` (host_info before and after the probe), ``lvs_table`` and ``lvs_table_after``
    (ipvs_info) and the results in ``COMPARED`` (modules in check mode) on the hosts that have a plan, ``lvs_probe``
    (vip_probe) on ``probe_host``. ``hosts`` are looked for as well: a director that cannot be reached has no plan, and
    would be missing without being missed.
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
    after = plain(variables.get("lvs_host_after"))
    files = plain(variables.get("lvs_files"))
    entries = files.get("results") if isinstance(files, dict) else None
    compared = {module: plain(variables.get(name)) for name, module in COMPARED.items()}
    return {
        "host": look.get("host"),
        "host_after": after.get("host") if isinstance(after, dict) else None,
        "ipvs": plain(variables.get("lvs_table")),
        "ipvs_after": plain(variables.get("lvs_table_after")),
        "drains": (plain(variables.get("lvs_drains")) or {}).get("stdout_lines"),
        "compared": {
            module: result
            for module, result in compared.items()
            if isinstance(result, dict) and not result.get("skipped")
        },
        "checksums": {
            str(entry.get("lvs_file")): str((entry.get("stat") or {}).get("checksum") or "")
            for entry in entries or ()
            if isinstance(entry, dict) and not entry.get("skipped")
        },
        "unreachable": False,
    }


def tables_from_hostvars(
    names: Iterable[str], hostvars: Mapping[str, Values]
) -> tuple[dict[str, dict[ServiceKey, Values]], dict[str, list[str]]]:
    """Of the directors that were looked at the kernel's table, and the lines ``track_file`` of ``keepalived.conf``."""
    tables, watched = {}, {}
    for name in names:
        variables = variables_of(name, hostvars)
        table = _table(plain(variables.get("lvs_table")))[0]
        look = plain(variables.get("lvs_host"))
        files = (look.get("host") or {}).get("files") if isinstance(look, dict) else None
        if table is not None:
            tables[name] = table
        if files is not None:
            watched[name] = [str(line).strip() for line in files.get(KEEPALIVED_CONF) or ()]
    return tables, watched


def unread_tables(names: Iterable[str], hostvars: Mapping[str, Values]) -> list[str]:
    """For each director that was looked at without success a sentence."""
    results = {name: plain(variables_of(name, hostvars).get("lvs_table")) for name in names}
    return [
        f"The IPVS table of {name} could not be read: {_table(result)[1] or 'the module gave no reason'}"
        for name, result in results.items()
        if result is not None and _table(result)[0] is None
    ]


def mover_of(wanted: Values) -> str:
    """The daemon that moves the VIPs of a director with these variables."""
    return "heartbeat" if wanted.get("director_failover") == "heartbeat" else "keepalived"


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
    mark = service.get("fwmark")
    if mark is not None:
        return (_MARK, str(service.get("family") or "ipv4"), int(mark))
    return (str(service.get("protocol")), normal(service.get("address")), int(service.get("port") or 0))


def is_mark(key: ServiceKey) -> bool:
    return key[0] == _MARK


def vips_of(service: Values) -> tuple[str, ...]:
    """The VIPs of a plan's service."""
    return tuple(normal(vip) for vip in service.get("vips") or (service["address"],))


def version_of_service(service: Values) -> int:
    return version_of(vips_of(service)[0])


def port_ranges(service: Values) -> list[tuple[int, int]]:
    """The ports to which clients of a plan's service connect, each as its first and last; for all ports none."""
    return [each for each in _described_ranges(service) if each[0] != each[1] or not is_ftp_data(service, each[0])]


def is_ftp_data(service: Values, port: int) -> bool:
    """Whether FTP servers connect from this port (RFC 959, 3.2), on which then nobody listens."""
    return port == 20 and service.get("protocol") == "tcp" and (21, 21) in _described_ranges(service)


def _described_ranges(service: Values) -> list[tuple[int, int]]:
    spelled = service.get("ports")
    if spelled is None:
        spelled = [service.get("port") or 0]
    found = []
    for text in spelled:
        first, _colon, last = str(text).partition(":")
        found.append((int(first), int(last or first)))
    return [] if found == [(0, 0)] else found


def has_port(service: Values, port: int) -> bool:
    ranges = _described_ranges(service)
    return not ranges or any(first <= port <= last for first, last in ranges)


def forwarding_of(service: Values, entry: Values) -> str:
    return str(entry.get("forwarding") or service.get("forwarding") or "direct")


def checked_port(service: Values, entry: Values) -> int:
    """The TCP port that the health check of this real server connects to, at its own address; 0 for none.

    Where the check names none it is the real server's own port.
    """
    check = service.get("check") or {}
    if check.get("type") not in CHECKS_BY_TCP:
        return 0
    return int(check.get("port") or entry.get("port") or service.get("port") or 0)


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
    #: The daemons of connection synchronisation that run; None when they could not be read.
    daemons: tuple[Values, ...] | None = None
    routes: tuple[Values, ...] = ()
    tunnels: tuple[Values, ...] = ()
    neighbours: tuple[Values, ...] = ()
    kernel_modules: Mapping[str, bool] = field(default_factory=dict)
    drops: tuple[Values, ...] = ()
    files: Values = field(default_factory=dict)
    #: The interfaces after the probe, where they were looked at again.
    interfaces_after: Mapping[str, Values] = field(default_factory=dict)
    #: For a module what it returned in check mode.
    compared: Mapping[str, Values] = field(default_factory=dict)
    #: The files of drains with their numbers.
    drains: Mapping[str, int] = field(default_factory=dict)
    #: Of files that both directors share, by path; empty text for one that is not there.
    checksums: Mapping[str, str] = field(default_factory=dict)

    def weight_of(self, service: Values, entry: Values) -> int:
        """The described weight of a real server, less what a drain takes from it."""
        offset = self.drains.get(drain_name(service["name"], entry["host"]), 0)
        return offset_weight(int(entry["weight"]), offset)

    @property
    def mover(self) -> str:
        """The daemon that moves the VIPs, or holds those of a single director."""
        return mover_of(self.wanted)

    @property
    def is_daemon_active(self) -> bool:
        """Whether the one that moves the VIPs runs."""
        return self.is_active(self.mover)

    @property
    def needed_daemons(self) -> list[str]:
        """What has to run there, the one that moves the VIPs first."""
        owner = str(self.wanted.get("director_health_checks") or "keepalived")
        return list(dict.fromkeys([self.mover, *([owner] if owner != "none" else [])]))

    def is_active(self, daemon: str) -> bool:
        return bool((self.services.get(daemon) or {}).get("active"))

    def is_enabled(self, daemon: str) -> bool:
        return bool((self.services.get(daemon) or {}).get("enabled"))

    @property
    def table_unit(self) -> Values:
        """What brings the table back at boot where the modules own it."""
        return self.services.get(TABLE_UNIT) or {}

    def places_of(self, address: str) -> list[Values]:
        """Where the host has ``address``: none, or usually one place."""
        return [place for place in self.addresses if normal(place.get("address")) == address]

    def effective(self, interface: str, name: str) -> int | None:
        """The value of a setting that the kernel goes by on this interface; None when it was not seen."""
        seen = (self.interfaces.get(interface) or {}).get("effective") or {}
        return None if seen.get(name) is None else int(seen[name])

    def networks(self) -> list[tuple[str, ipaddress.IPv4Network | ipaddress.IPv6Network]]:
        """The networks that this host is in, each with its interface; a single address is in none."""
        found = []
        for place in self.addresses:
            network = ipaddress.ip_network(f"{normal(place.get('address'))}/{place.get('prefix')}", strict=False)
            if network.prefixlen < network.max_prefixlen:
                found.append((str(place.get("interface")), network))
        return found

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


def key_text(key: ServiceKey) -> str:
    kind, where, number = key
    if is_mark(key):
        return f"mark {number}" + (" of IPv6" if where == "ipv6" else "")
    return f"{kind}/[{where}]:{number}" if ":" in where else f"{kind}/{where}:{number}"


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
        self.neighbours = {
            normal(vip): [str(mac).lower() for mac in macs or ()]
            for vip, macs in ((self.probe or {}).get("neighbours") or {}).items()
        }

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
    drains = drains_read(seen.get("drains") or ())
    table, error = _table(seen.get("ipvs"))
    table_after = _table(seen.get("ipvs_after"))[0]
    if wanted.get("director_health_checks") == "ldirectord":
        table, table_after = (_without_dead(each, wanted, drains) for each in (table, table_after))
    return SeenHost(
        name=name,
        role=role,
        wanted=wanted,
        is_reachable=True,
        was_read=True,
        addresses=tuple(look.get("addresses") or ()),
        listeners=tuple(look.get("listeners") or ()),
        interfaces=_interfaces(look),
        services=look.get("services") or {},
        sysctls=look.get("sysctls") or {},
        arp_ignore_all=int(look.get("arp_ignore_all") or 0),
        arp_announce_all=int(look.get("arp_announce_all") or 0),
        table=table,
        table_after=table_after,
        table_error=error,
        daemons=_daemons(seen.get("ipvs")),
        routes=tuple(look.get("routes") or ()),
        tunnels=tuple(look.get("tunnels") or ()),
        neighbours=tuple(look.get("neighbours") or ()),
        kernel_modules=look.get("kernel_modules") or {},
        drops=tuple(look.get("drops") or ()),
        files=look.get("files") or {},
        interfaces_after=_interfaces(seen.get("host_after") or {}),
        compared=seen.get("compared") or {},
        drains=drains,
        checksums=seen.get("checksums") or {},
    )


def _daemons(result: object) -> tuple[Values, ...] | None:
    daemons = result.get("daemons") if isinstance(result, Mapping) else None
    return tuple(daemons) if isinstance(daemons, (list, tuple)) else None


def _interfaces(look: Values) -> dict[str, Values]:
    return {str(interface.get("name")): interface for interface in look.get("interfaces") or ()}


def _table(result: object) -> tuple[dict[ServiceKey, Values] | None, str]:
    if not isinstance(result, Mapping):
        return None, ""
    # A result may be called failed only because the counters awaited did not come: what was read counts.
    if not isinstance(result.get("services"), (list, tuple)):
        return None, str(result.get("msg", ""))
    return {key_of(service): service for service in result["services"]}, ""


def _without_dead(
    table: Mapping[ServiceKey, Values] | None, wanted: Values, drains: Mapping[str, int]
) -> dict[ServiceKey, Values] | None:
    """ldirectord gives a real server that it takes out weight 0: it counts as not there, but where it is drained."""
    if table is None:
        return None
    kept = dict(table)
    for service in wanted.get("director_services") or ():
        key = key_of(service)
        meant = {
            destination
            for destination, entry in described_destinations(service).items()
            if int(entry["weight"]) == 0 or drain_name(service["name"], entry["host"]) in drains
        }
        if key in table:
            entries = destinations_of(table[key]).items()
            destinations = [entry for each, entry in entries if entry.get("weight") != 0 or each in meant]
            kept[key] = {**table[key], "destinations": destinations}
    return kept
