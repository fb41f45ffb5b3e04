# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster description (``lvs_cluster``): its shape, its defaults, and every rule that it must keep.

``read_cluster`` goes through the description once and notes every mistake that it meets, so that one run shows all of
them. What it returns is normalised and frozen: addresses parsed, numbers numeric, defaults filled in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .inventory import Address, Host
from .mistakes import DescriptionError, Mistake, closest, listed, shown
from .section import Section, is_plain_name, whole_number

FAILOVER = ("keepalived", "none")
HEALTH_CHECKS = ("keepalived",)
FORWARDING = ("direct",)
PROTOCOLS = ("tcp", "udp", "sctp")
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos")
CHECK_TYPES = ("tcp", "http", "https", "none")
#: Flags of a scheduler; flag-1 to flag-3 are the kernel's numbers of the same bits.
SCHEDULER_FLAGS = {"sh": ("sh-fallback", "sh-port"), "mh": ("mh-fallback", "mh-port")}
NUMBERED_FLAGS = ("flag-1", "flag-2", "flag-3")

#: ipvsadm(8): "valid values of weight are 0 through to 65535".
MAX_WEIGHT = 65535
#: keepalived refuses more (run with 2.2.7); 31 days.
MAX_PERSISTENCE = 2678400
#: Director after director gets 250, 240, ... 10: steps of ten leave room for tracking scripts.
MAX_DIRECTORS = 25
#: VRRPv3 carries the interval in hundredths of a second in 12 bits (RFC 5798, 5.2.7).
MIN_ADVERT, MAX_ADVERT = 0.01, 40.95

_CHECK_KEYS = {
    "tcp": ("type", "interval", "timeout", "retries", "port"),
    "http": ("type", "interval", "timeout", "retries", "port", "path", "status"),
    "https": ("type", "interval", "timeout", "retries", "port", "path", "status"),
    "none": ("type",),
}
#: Nothing here quotes, comments, substitutes or ends anything in keepalived.conf or in an HTTP request line.
_PATH_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._~%?&=+:,;@-")


@dataclass(frozen=True, slots=True)
class Vrrp:
    """How the directors agree on who is active; ``advert_interval`` in seconds.

    One second by default: shorter adverts notice a dead director sooner, and make false failovers on busy or migrating
    virtual machines.
    """

    router_id: int = 51
    advert_interval: float = 1
    preempt: bool = False
    unicast: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """How a real server is found alive.

    ``interval`` seconds between checks, ``timeout`` seconds for one check (3: a lost first packet of a connection is
    sent again after one second, so that one loss fails no check), ``retries`` more attempts before it counts as dead.
    A timeout longer than the interval is allowed: keepalived waits for a check to end before it counts the interval.
    """

    type: str = "tcp"
    port: int = 0
    interval: float = 2
    timeout: float = 3
    retries: int = 2
    path: str = "/"
    status: tuple[int, ...] = (200,)


@dataclass(frozen=True, slots=True)
class RealServer:
    """One real server of one service, as an IPVS destination."""

    host: str
    address: str
    port: int
    weight: int = 1


@dataclass(frozen=True, slots=True)
class SorryServer:
    """Who answers when no real server does. ``host`` is None for a machine that is not in the inventory."""

    host: str | None
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Service:
    """One IPVS service: protocol, VIP and port, and the real servers that share its connections."""

    name: str
    vip: Address
    address: str
    port: int
    check: Check
    real_servers: tuple[RealServer, ...]
    sorry_server: SorryServer | None
    protocol: str = "tcp"
    forwarding: str = "direct"
    scheduler: str = "wlc"
    scheduler_flags: tuple[str, ...] = ()
    persistence: int = 0
    persistence_netmask: str | int | None = None


@dataclass(frozen=True, slots=True)
class Director:
    """One director: its place in the order, and its own address for VRRP (None without failover)."""

    host: Host
    priority: int
    source: Address | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A description without mistakes."""

    failover: str
    health_checks: str
    vrrp: Vrrp
    directors: tuple[Director, ...]
    real_servers: tuple[str, ...]
    services: tuple[Service, ...]


_VRRP = Vrrp()
_CHECK = Check()


@dataclass(frozen=True, slots=True)
class _KnownHost:
    """A host with its addresses parsed, the texts by IP version."""

    name: str
    addresses: dict[int, Address]
    texts: dict[int, str]
    is_faulty: bool


def read_cluster(description: object, directors: Sequence[Host], real_servers: Sequence[Host]) -> Cluster:
    """The cluster that ``description`` describes, on these hosts (in the inventory's order).

    Raises ``DescriptionError`` with all mistakes.
    """
    reader = _Reader(directors, real_servers)
    cluster = reader.cluster(description)
    if cluster is None or reader.mistakes:
        raise DescriptionError(reader.mistakes)
    return cluster


class _Reader:
    def __init__(self, directors: Sequence[Host], real_servers: Sequence[Host]) -> None:
        self.mistakes: list[Mistake] = []
        self.directors = list(directors)
        self.known_directors = {host.name: self._known(host) for host in directors}
        self.known_real_servers = {host.name: self._known(host) for host in real_servers}
        # Whose address is it? Directors last, so that a host in both groups is named as director.
        self.owners: dict[str, str] = {}
        for known in (*self.known_real_servers.values(), *self.known_directors.values()):
            self.owners.update((text, known.name) for text in known.texts.values())
        self.vips: dict[str, str] = {}
        self.sorry_addresses: list[tuple[str, str]] = []
        self.names: dict[str, str] = {}
        self.keys: dict[tuple[str, str, int], str] = {}
        self.without_address: set[tuple[str, int]] = set()
        self.suggestions: dict[str, str | None] = {}

    def note(self, path: str, problem: str, remedy: str) -> None:
        self.mistakes.append(Mistake(path, problem, remedy))

    # The whole

    def cluster(self, description: object) -> Cluster | None:
        top = Section(
            self.mistakes,
            "",
            description,
            required=("services",),
            optional=("failover", "health_checks", "forwarding", "vrrp", "connection_sync"),
            later=("nat", "firewall"),
        )
        if not top.is_mapping:
            return None
        failover = top.choice("failover", "keepalived", FAILOVER, later=("heartbeat",))
        health_checks = top.choice("health_checks", "keepalived", HEALTH_CHECKS, later=("ldirectord", "none"))
        forwarding = top.choice("forwarding", "direct", FORWARDING, later=("nat", "tunnel"))
        vrrp = self.vrrp(top)
        if top.flag("connection_sync", False):
            top.note("connection_sync", "connection_sync true is not supported yet.", "Write false or leave it out.")
        directors = self.read_directors(failover)
        services = self.services(top, forwarding)
        self.check_vips()
        return Cluster(
            failover=failover,
            health_checks=health_checks,
            vrrp=vrrp,
            directors=directors,
            real_servers=tuple(self.known_real_servers),
            services=services,
        )

    def vrrp(self, top: Section) -> Vrrp:
        if not top.has("vrrp"):
            return _VRRP
        keys = ("router_id", "advert_interval", "preempt", "unicast")
        section = Section(self.mistakes, "vrrp", top.get("vrrp"), optional=keys)
        return Vrrp(
            router_id=section.integer("router_id", _VRRP.router_id, 1, 255, "unique on the network"),
            advert_interval=section.decimal(
                "advert_interval", _VRRP.advert_interval, MIN_ADVERT, MAX_ADVERT, 2, "seconds in hundredths, VRRPv3"
            ),
            preempt=section.flag("preempt", _VRRP.preempt),
            unicast=section.flag("unicast", _VRRP.unicast),
        )

    # Hosts

    def _known(self, host: Host) -> _KnownHost:
        before = len(self.mistakes)
        section = Section(self.mistakes, f"hostvars[{host.name}]", {})
        if not is_plain_name(host.name):
            section.note(
                None,
                f"The host name {shown(host.name)} cannot stand in a configuration file.",
                "Give the host a name of letters, digits and the characters _ . : - in the inventory.",
            )
        addresses: dict[int, Address] = {}
        for value in host.addresses:
            address = section.address_value("lvs_address", value)
            if address is not None and address.version in addresses:
                section.note(
                    "lvs_address",
                    f"{address} is a second IPv{address.version} address.",
                    "Keep one address of each family: the one that the directors reach.",
                )
            elif address is not None:
                addresses[address.version] = address
        if host.interface is not None and not (is_plain_name(host.interface) and len(str(host.interface)) <= 15):
            section.note(
                "lvs_interface", f"{shown(host.interface)} is no interface name.", "Write a name as ip link shows it."
            )
        texts = {version: str(address) for version, address in addresses.items()}
        return _KnownHost(host.name, addresses, texts, is_faulty=len(self.mistakes) > before)

    def read_directors(self, failover: str) -> tuple[Director, ...]:
        self.check_director_count(failover)
        for name in self.known_directors:
            if name in self.known_real_servers:
                self.note(
                    f"hostvars[{name}]",
                    f"{name} is a director and a real server.",
                    "Take it out of the group directors or out of the group real_servers.",
                )
        self.check_shared_addresses()
        hosts = list({host.name: host for host in self.directors}.values())
        family = self.vrrp_family()
        directors = []
        for position, host in enumerate(hosts):
            source = None
            if failover == "keepalived":
                source = self.vrrp_source(host, family)
            directors.append(Director(host=host, priority=250 - 10 * position, source=source))
        return tuple(directors)

    def check_director_count(self, failover: str) -> None:
        count = len(self.known_directors)
        if count == 0:
            self.note("directors", "There is no director.", "Put at least one host into the group directors.")
        elif failover == "none" and count > 1:
            self.note(
                "failover",
                f"failover is none, but there are {count} directors: {listed(self.known_directors, 'and')}.",
                "Write failover: keepalived, or keep one host in the group directors.",
            )
        elif failover == "keepalived" and count == 1:
            self.note(
                "failover",
                f"failover is keepalived, but {next(iter(self.known_directors))} is the only director.",
                "Put a second host into the group directors, or write failover: none.",
            )
        elif count > MAX_DIRECTORS:
            self.note(
                "directors",
                f"{count} directors are more than VRRP has priorities for.",
                f"Keep at most {MAX_DIRECTORS} hosts in the group directors.",
            )

    def check_shared_addresses(self) -> None:
        owners: dict[str, str] = {}
        for known in (*self.known_directors.values(), *self.known_real_servers.values()):
            for text in known.texts.values():
                owner = owners.setdefault(text, known.name)
                if owner != known.name:
                    self.note(
                        f"hostvars[{known.name}].lvs_address",
                        f"{text} is the address of {owner} already.",
                        "Give each host its own address.",
                    )

    def vrrp_family(self) -> int:
        """The IP version that every director can speak VRRP with; IPv4 when both would do."""
        healthy = [known for known in self.known_directors.values() if not known.is_faulty]
        return (
            6
            if healthy and all(6 in k.addresses for k in healthy) and not all(4 in k.addresses for k in healthy)
            else 4
        )

    def vrrp_source(self, host: Host, family: int) -> Address | None:
        known = self.known_directors[host.name]
        source = known.addresses.get(family)
        path = f"hostvars[{host.name}].lvs_address"
        if known.is_faulty:
            return source
        if source is None:
            self.note(
                path,
                f"Director {host.name} has no IPv{family} address to speak VRRP with.",
                "Set lvs_address for it in the inventory, to an address of one family on all directors.",
            )
        elif host.interface is None and host.interfaces and host.network_of(source) is None:
            self.note(
                path,
                f"No interface of director {host.name} is in a subnet with {source}.",
                "Set lvs_address to the address that the machine itself has, or name its interface in lvs_interface.",
            )
        return source

    # Services

    def services(self, top: Section, forwarding: str) -> tuple[Service, ...]:
        if not top.has("services"):
            return ()
        if not isinstance(top.get("services"), (list, tuple)):
            top.note("services", f"{shown(top.get('services'))} is not a list.", "Write a list of services.")
            return ()
        read = [self.service(index, entry, forwarding) for index, entry in enumerate(top.items("services"))]
        return tuple(service for service in read if service is not None)

    def service(self, index: int, entry: object, default_forwarding: str) -> Service | None:
        path = f"services[{index}]"
        section = Section(
            self.mistakes,
            path,
            entry,
            required=("name", "vip", "ports", "real_servers"),
            optional=(
                "protocol",
                "forwarding",
                "scheduler",
                "scheduler_flags",
                "persistence",
                "persistence_netmask",
                "check",
                "sorry_server",
            ),
            later=("fwmark", "one_packet", "persistence_engine"),
        )
        if not section.is_mapping:
            return None
        name = section.name("name")
        vip = section.address("vip")
        protocol = section.choice("protocol", "tcp", PROTOCOLS)
        port = self.port(section)
        self.check_unique(section, name, vip, protocol, port)
        forwarding = section.choice("forwarding", default_forwarding, FORWARDING, later=("nat", "tunnel"))
        scheduler = section.choice("scheduler", "wlc", SCHEDULERS)
        flags = self.scheduler_flags(section, scheduler)
        persistence = section.integer("persistence", 0, 0, MAX_PERSISTENCE, "seconds, 0 is off")
        netmask = self.persistence_netmask(section, vip)
        check = self.check(section, protocol, port)
        real_servers = self.real_servers(section, vip, port)
        sorry_server = self.sorry_server(section, vip, port, real_servers)
        self.check_weights(section, real_servers)
        if name is None or vip is None or port is None:
            return None
        return Service(
            name=name,
            vip=vip,
            address=str(vip),
            port=port,
            check=check,
            real_servers=tuple(real_servers),
            sorry_server=sorry_server,
            protocol=protocol,
            forwarding=forwarding,
            scheduler=scheduler,
            scheduler_flags=flags,
            persistence=persistence,
            persistence_netmask=netmask,
        )

    def port(self, section: Section) -> int | None:
        ports = section.items("ports")
        if len(ports) > 1:
            section.note("ports", "More than one port is not supported yet.", "Write one service for each port.")
        numbers = [self.one_port(section, f"ports[{index}]", port) for index, port in enumerate(ports)]
        return numbers[0] if len(numbers) == 1 else None

    def one_port(self, section: Section, key: str, value: object) -> int | None:
        if isinstance(value, str) and ":" in value:
            ends = [whole_number(end) for end in value.split(":")]
            if (
                len(ends) == 2
                and all(end is not None and 1 <= end <= 65535 for end in ends)
                and ends == sorted(ends, key=lambda end: end or 0)
            ):
                section.note(key, f"The range {shown(value)} is not supported yet.", "Write one service for each port.")
            else:
                section.note(key, f"{shown(value)} is no range of ports.", "Write one port from 1 to 65535.")
            return None
        number = section.integer_value(key, 0 if value is None else value, 0, 1, 65535, "one port")
        return number or None

    def check_unique(
        self, section: Section, name: str | None, vip: Address | None, protocol: str, port: int | None
    ) -> None:
        if name is not None:
            first = self.names.setdefault(name, section.path)
            if first != section.path:
                section.note("name", f"{first} is called {name} too.", "Give each service its own name.")
        if vip is None:
            return
        text = str(vip)
        self.vips.setdefault(text, section.at("vip"))
        if port is not None and section.get("protocol") in (None, *PROTOCOLS):
            first = self.keys.setdefault((text, protocol, port), section.path)
            if first != section.path:
                where = f"[{text}]" if vip.version == 6 else text
                section.note(
                    "vip",
                    f"{first} has {protocol}/{where}:{port} too.",
                    "Put the real servers of both into one service, or change VIP, protocol or port of one.",
                )

    def scheduler_flags(self, section: Section, scheduler: str) -> tuple[str, ...]:
        allowed = (*SCHEDULER_FLAGS.get(scheduler, ()), *NUMBERED_FLAGS)
        flags = section.items("scheduler_flags") if section.get("scheduler_flags") != [] else []
        for index, flag in enumerate(flags):
            if flag not in allowed:
                section.note(
                    f"scheduler_flags[{index}]",
                    f"{shown(flag)} is no flag of scheduler {scheduler}.",
                    f"Write {listed(allowed)}, or leave it out.",
                )
        return tuple(sorted({str(flag) for flag in flags if flag in allowed}))

    def persistence_netmask(self, section: Section, vip: Address | None) -> str | int | None:
        """An IPv4 mask (``255.255.255.0``) or an IPv6 prefix length; None: each client alone."""
        value = section.get("persistence_netmask")
        if value is None or vip is None:
            return None
        if whole_number(section.get("persistence")) == 0 or not section.has("persistence"):
            section.note(
                "persistence_netmask",
                "It does nothing without persistence.",
                "Write persistence (seconds) too, or leave persistence_netmask out.",
            )
        length = _prefix_length(value, vip.version)
        if length is None:
            section.note(
                "persistence_netmask",
                f"{shown(value)} is no netmask for the IPv{vip.version} address {vip}.",
                "Write a mask such as 255.255.255.0 or a prefix length from 1 to 32."
                if vip.version == 4
                else "Write a prefix length from 1 to 128.",
            )
            return None
        return str(ipaddress.IPv4Network(f"0.0.0.0/{length}").netmask) if vip.version == 4 else length

    def check(self, section: Section, protocol: str, port: int | None) -> Check:
        if not section.has("check"):
            self.check_protocol(section, protocol, _CHECK.type, has_port=False)
            return Check(port=port or 0)
        own = Section(self.mistakes, section.at("check"), section.get("check"), optional=_CHECK_KEYS["http"])
        if not own.is_mapping:
            return _CHECK
        kind = own.choice("type", _CHECK.type, CHECK_TYPES)
        if own.get("type") in (None, *CHECK_TYPES):
            for key in _CHECK_KEYS["http"]:
                if own.has(key) and key not in _CHECK_KEYS[kind]:
                    types = [other for other, keys in _CHECK_KEYS.items() if key in keys]
                    own.note(
                        key,
                        f"{key} does not belong to a check of type {kind}.",
                        f"Leave it out, or write type {listed(types)}.",
                    )
            self.check_protocol(section, protocol, kind, has_port=own.has("port"))
        return Check(
            type=kind,
            port=own.integer("port", port or 0, 1, 65535, "one port"),
            interval=own.decimal("interval", _CHECK.interval, 0.1, 3600, 3, "seconds"),
            timeout=own.decimal("timeout", _CHECK.timeout, 0.1, 3600, 3, "seconds"),
            retries=own.integer("retries", _CHECK.retries, 0, 100, "more attempts"),
            path=self.check_path(own),
            status=self.check_status(own),
        )

    def check_protocol(self, section: Section, protocol: str, kind: str, *, has_port: bool) -> None:
        """Every check connects by TCP, and what answers on a UDP port need not answer TCP on the same number."""
        if protocol != "tcp" and kind != "none" and not has_port:
            section.note(
                "check",
                f"A check of type {kind} connects by TCP, but the service is {protocol}.",
                "Write the TCP port to connect to as check.port, or check: {type: none}.",
            )

    def check_path(self, own: Section) -> str:
        value = own.get("path")
        if value is None:
            return _CHECK.path
        if (
            isinstance(value, str)
            and value.startswith("/")
            and len(value) <= 1024
            and _PATH_CHARACTERS.issuperset(value)
        ):
            return str(value)
        own.note(
            "path",
            f"{shown(value)} cannot be the path of a request.",
            "Begin with / and write every character but letters, digits and . _ ~ % ? & = + : , ; @ - as %XX.",
        )
        return _CHECK.path

    def check_status(self, own: Section) -> tuple[int, ...]:
        if not own.has("status"):
            return _CHECK.status
        values = own.items("status")
        is_one = not isinstance(own.get("status"), (list, tuple))
        numbers = [
            own.integer_value(
                "status" if is_one else f"status[{i}]", -1 if v is None else v, 200, 100, 599, "an HTTP status"
            )
            for i, v in enumerate(values)
        ]
        return tuple(sorted(set(numbers)))

    # Real servers

    def real_servers(self, section: Section, vip: Address | None, port: int | None) -> list[RealServer]:
        seen: dict[str, int] = {}
        read = []
        for index, entry in enumerate(section.items("real_servers")):
            host, address, weight = self.real_server(section, index, entry, vip, port)
            first = min((seen.setdefault(word, index) for word in (host, address) if word is not None), default=index)
            if first != index:
                section.note(
                    f"real_servers[{index}]",
                    f"{host} is the same real server as real_servers[{first}].",
                    "Name each real server once in a service.",
                )
            elif host is not None:
                # Without an address there is a mistake already; the entry stays for the checks that need none.
                read.append(RealServer(host=host, address=address or "", port=port or 0, weight=weight))
        return read

    def real_server(
        self, section: Section, index: int, entry: object, vip: Address | None, port: int | None
    ) -> tuple[str | None, str | None, int]:
        if isinstance(entry, str):
            return str(entry), self.address_of(section, index, str(entry), vip), 1
        path = f"real_servers[{index}]"
        if not isinstance(entry, dict):
            section.note(
                path, f"{shown(entry)} is neither a host nor a mapping.", "Write rs1, or {host: rs1, weight: 3}."
            )
            return None, None, 1
        own = Section(
            self.mistakes,
            section.at(path),
            entry,
            required=("host",),
            optional=("address", "port", "weight"),
            later=("forwarding", "upper_threshold", "lower_threshold", "tunnel_type", "tunnel_port", "tunnel_checksum"),
        )
        weight = own.integer("weight", 1, 0, MAX_WEIGHT, "0 sends no new connections")
        own_port = own.integer("port", port or 0, 1, 65535, "one port")
        if port is not None and own_port != port:
            own.note(
                "port",
                f"Port {own_port} differs from the service's port {port}.",
                f"Let the service listen on {port} there: forwarding direct cannot translate ports.",
            )
        host = own.get("host")
        if not isinstance(host, str):
            if host is not None:
                own.note("host", f"{shown(host)} is no host name.", "Write the name of a host of the inventory.")
            return None, None, weight
        if own.has("address"):
            return str(host), self.given_address(own, str(host), vip), weight
        return str(host), self.address_of(section, index, str(host), vip), weight

    def given_address(self, own: Section, host: str, vip: Address | None) -> str | None:
        """The address beside a host's name. The inventory need not have such a machine, then no more is known of it."""
        if host in self.known_directors:
            self.note_unknown_host(own, "host", host)
        elif host not in self.known_real_servers:
            own.name("host")
        address = own.address("address")
        if address is None:
            return None
        self.check_family(own, "address", address, vip)
        owner = self.owners.get(str(address), host)
        if owner != host:
            own.note("address", f"{address} is the address of {owner}, not of {host}.", f"Write host: {owner}.")
        return str(address)

    def address_of(self, section: Section, index: int | None, host: str, vip: Address | None) -> str | None:
        """The address of an inventory host in the VIP's family, or None after noting what is wrong."""
        key = "sorry_server" if index is None else f"real_servers[{index}]"
        known = self.known_real_servers.get(host)
        if known is None:
            self.note_unknown_host(section, key, host)
            return None
        if vip is None or known.is_faulty:
            return None
        text = known.texts.get(vip.version)
        if text is None and (host, 0 if not known.texts else vip.version) not in self.without_address:
            # Said once for each host: one line in the inventory mends all its services.
            self.without_address.add((host, 0 if not known.texts else vip.version))
            section.note(
                key,
                f"{host} has no {'' if not known.texts else f'IPv{vip.version} '}address, which the VIP {vip} needs.",
                f"Set lvs_address for {host} in the inventory: an address, or a list of an IPv4 and an IPv6 address.",
            )
        return text

    def note_unknown_host(self, section: Section, key: str, host: str) -> None:
        if host in self.known_directors:
            section.note(key, f"{host} is a director.", "Name a host of the group real_servers: no host can be both.")
            return
        if host not in self.suggestions:
            # Comparing with a thousand names takes milliseconds: not for every one of a thousand wrong names.
            near = closest(host, self.known_real_servers) if len(self.suggestions) < 50 else None
            self.suggestions[host] = near
        near = self.suggestions[host]
        section.note(
            key,
            f"{shown(host)} is no host of the group real_servers.",
            f"Did you mean {near}?" if near else "Add it to the inventory, or write {host: NAME, address: ADDRESS}.",
        )

    def check_family(self, section: Section, key: str, address: Address, vip: Address | None) -> None:
        if vip is not None and address.version != vip.version:
            section.note(
                key,
                f"{address} is IPv{address.version}, the VIP {vip} is IPv{vip.version}.",
                f"Write an IPv{vip.version} address: forwarding direct cannot change the family.",
            )

    def check_weights(self, section: Section, real_servers: Iterable[RealServer]) -> None:
        weights = [real_server.weight for real_server in real_servers]
        if weights and not any(weights) and not section.has("sorry_server"):
            section.note(
                "real_servers",
                "Every weight is 0, so nobody would answer.",
                "Give one real server a weight of 1 or more, or name a sorry_server.",
            )

    def sorry_server(
        self, section: Section, vip: Address | None, port: int | None, real_servers: Iterable[RealServer]
    ) -> SorryServer | None:
        value = section.get("sorry_server")
        if value is None:
            return None
        if not isinstance(value, str):
            section.note(
                "sorry_server", f"{shown(value)} is neither an address nor a host.", "Write an address or rs9."
            )
            return None
        host, address = self.sorry_address(section, str(value), vip)
        if address is None:
            return None
        if address in {real_server.address for real_server in real_servers}:
            section.note(
                "sorry_server",
                f"{value} is a real server of this service.",
                "Name another machine: it answers when all real servers are down.",
            )
        return SorryServer(host=host, address=address, port=port or 0)

    def sorry_address(self, section: Section, value: str, vip: Address | None) -> tuple[str | None, str | None]:
        if value in self.known_real_servers:
            return value, self.address_of(section, None, value, vip)
        if not _looks_like_address(value):
            near = closest(value, self.known_real_servers)
            problem = f"{shown(value)} is neither an address nor a host of the group real_servers."
            section.note("sorry_server", problem, f"Did you mean {near}?" if near else "Write an address.")
            return None, None
        address = section.address("sorry_server")
        if address is None:
            return None, None
        text = str(address)
        self.check_family(section, "sorry_server", address, vip)
        owner = self.owners.get(text)
        if owner in self.known_directors:
            section.note(
                "sorry_server", f"{text} is the address of director {owner}.", "Name a machine that is no director."
            )
        self.sorry_addresses.append((section.at("sorry_server"), text))
        return owner, text

    # VIPs

    def check_vips(self) -> None:
        for path, text in self.sorry_addresses:
            if text in self.vips:
                self.note(path, f"{text} is a VIP.", "Name the machine that answers by its own address.")
        placing = [d for d in self.directors if d.interface is None and d.interfaces]
        for text, path in self.vips.items():
            owner = self.owners.get(text)
            if owner is not None:
                self.note(path, f"{text} is the own address of {owner}.", "Choose an address that no machine has.")
                continue
            vip = ipaddress.ip_address(text)
            homes = {director.name: director.network_of(vip) for director in placing}
            outside = [name for name, network in homes.items() if network is None]
            if outside:
                subnets = sorted({str(n) for d in placing for i in d.interfaces for n in i.networks})
                self.note(
                    path,
                    f"{text} is in no subnet of director {listed(outside, 'and')}.",
                    f"Choose an address in {listed(subnets)}, or name the interface in the host variable lvs_interface."
                    if subnets
                    else "Name the interface in the host variable lvs_interface.",
                )
            for network in {n for n in homes.values() if n is not None and n.version == 4 and n.prefixlen < 31}:
                if vip in (network.network_address, network.broadcast_address):
                    self.note(
                        path,
                        f"{text} is the network or broadcast address of {network}.",
                        "Choose an address between them.",
                    )


def _looks_like_address(value: str) -> bool:
    return ":" in value or all(part.isdigit() for part in value.partition("/")[0].split("."))


def _prefix_length(value: object, version: int) -> int | None:
    number = whole_number(value)
    if number is None and version == 4 and isinstance(value, str) and "." in value:
        try:
            network = ipaddress.IPv4Network(f"0.0.0.0/{value}")
        except ValueError:
            return None
        # A host mask (0.0.0.255) is read as its complement: only a real netmask may pass.
        return network.prefixlen if str(network.netmask) == value and network.prefixlen else None
    return number if number is not None and 1 <= number <= (32 if version == 4 else 128) else None
