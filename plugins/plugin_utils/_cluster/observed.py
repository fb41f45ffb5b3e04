# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a look gave of each host, in one shape for all checks.

Whatever is missing in an observation is empty or None here; nothing raises.
"""

from __future__ import annotations

import ipaddress
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from .drain_files import drain_name, drains_read, offset_weight
from .model import CHECKS_BY_TCP

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
#: The interface on which kube-proxy in IPVS mode holds the addresses of its services.
KUBE_PROXY = "kube-ipvs0"
ANY_ADDRESS = {4: "0.0.0.0", 6: "::"}
_MARK = "fwmark"
#: What ldirectord and heartbeat read, which is the same on both directors.
SHARED_FILES = ("/etc/ha.d/ldirectord.cf", "/etc/ha.d/authkeys", "/etc/ha.d/ha.cf", "/etc/ha.d/haresources")


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
    #: VIPs that rules hide from ARP or redirect, each with the method of arp_hide.
    hidden: Mapping[str, str] = field(default_factory=dict)
    drops: tuple[Values, ...] = ()
    files: Values = field(default_factory=dict)
    #: The interfaces after the probe, where they were looked at again.
    interfaces_after: Mapping[str, Values] = field(default_factory=dict)
    #: For a module what it returned in check mode.
    compared: Mapping[str, Values] = field(default_factory=dict)
    #: Its system is one that ``host_info`` does not know: modules in check mode are all that looks at it.
    only_compared: bool = False
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

    def redirects(self, vip: str) -> bool:
        """Whether what comes for the VIP is taken for this host, which does not have it."""
        return self.hidden.get(vip) in ("redirect", "firewalld")

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

    def is_private(self, interface: str) -> bool:
        """Whether nobody asks for addresses there: a loopback or dummy interface, or one without ARP."""
        seen = self.interfaces.get(interface) or {}
        return interface == "lo" or seen.get("type") in ("loopback", "dummy") or seen.get("arp") is False

    def wire_of(self, interface: str) -> str:
        """The interface by whose wire this one is reached: itself, or the one below a macvlan."""
        return str((self.interfaces.get(interface) or {}).get("lower") or interface)

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


def key_text(key: ServiceKey) -> str:
    kind, where, number = key
    if is_mark(key):
        return f"mark {number}" + (" of IPv6" if where == "ipv6" else "")
    return f"{kind}/[{where}]:{number}" if ":" in where else f"{kind}/{where}:{number}"


def seen_host(name: str, plan: Values, seen: Values) -> SeenHost:
    role, wanted = str(plan.get("role", "")), plan.get("vars") or {}
    is_reachable = bool(seen) and not seen.get("unreachable")
    look = seen.get("host")
    if not is_reachable or not isinstance(look, Mapping):
        return SeenHost(
            name=name,
            role=role,
            wanted=wanted,
            is_reachable=is_reachable,
            was_read=False,
            only_compared=bool(seen.get("only_compared")),
            compared=seen.get("compared") or {},
        )
    drains = drains_read(seen.get("drains") or ())
    table, error = read_table(seen.get("ipvs"))
    table_after = read_table(seen.get("ipvs_after"))[0]
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
        hidden={normal(each["address"]): str(each["method"]) for each in look.get("hidden") or ()},
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


def read_table(result: object) -> tuple[dict[ServiceKey, Values] | None, str]:
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
