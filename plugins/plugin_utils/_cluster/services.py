# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The services of a description, read one by one, with every rule about them and between them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from .hosts import Hosts
from .inventory import Address
from .mistakes import Mistake, closest, listed, shown
from .model import (
    CHECK_TYPES,
    DEFAULT_CHECK,
    FORWARDING,
    MAX_PERSISTENCE,
    MAX_WEIGHT,
    NO_CHECK,
    NUMBERED_FLAGS,
    PROTOCOLS,
    SCHEDULER_FLAGS,
    SCHEDULERS,
    Check,
    RealServer,
    Service,
    SorryServer,
)
from .section import Section, whole_number

_CHECK_KEYS = {
    "tcp": ("type", "interval", "timeout", "retries", "port"),
    "http": ("type", "interval", "timeout", "retries", "port", "path", "status"),
    "https": ("type", "interval", "timeout", "retries", "port", "path", "status"),
    "none": ("type",),
}
#: Nothing here quotes, comments, substitutes or ends anything in keepalived.conf or in an HTTP request line.
_PATH_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._~%?&=+:,;@-")
#: keepalived cuts a line of its configuration after 1023 characters (run with 2.2.7); some of them are not the path.
_LONGEST_PATH = 1000


class Services:
    """Reads services; what is wrong with them goes to ``mistakes``."""

    def __init__(self, mistakes: list[Mistake], hosts: Hosts, *, is_checking: bool = True) -> None:
        self.mistakes = mistakes
        self.hosts = hosts
        #: Whether anybody checks the real servers' health.
        self.is_checking = is_checking
        #: Where each VIP, name and key was said first.
        self.vips: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.keys: dict[tuple[str, str, int], str] = {}
        self.sorry_addresses: list[tuple[str, str]] = []

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
            first, last = (whole_number(end) or 0 for end in value.split(":", 1))
            if 1 <= first <= last <= 65535:
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
        names = SCHEDULER_FLAGS.get(scheduler, ())
        allowed = (*names, *NUMBERED_FLAGS)
        if section.get("scheduler") not in (None, scheduler):
            return ()  # Whose flags they are is not known.
        flags = section.items("scheduler_flags") if section.get("scheduler_flags") != [] else []
        for index, flag in enumerate(flags):
            if flag not in allowed:
                section.note(
                    f"scheduler_flags[{index}]",
                    f"{shown(flag)} is no flag of scheduler {scheduler}.",
                    f"Write {listed(allowed)}, or leave it out.",
                )
        # One spelling of each bit: its name where the scheduler gives it one.
        spelling = dict(zip(NUMBERED_FLAGS, names, strict=False))
        return tuple(sorted({spelling.get(str(flag), str(flag)) for flag in flags if flag in allowed}))

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
            if not self.is_checking:
                return NO_CHECK
            self.check_protocol(section, protocol, DEFAULT_CHECK.type, has_port=False)
            return Check(port=port or 0)
        own = Section(self.mistakes, section.at("check"), section.get("check"), optional=_CHECK_KEYS["http"])
        if not own.is_mapping:
            return DEFAULT_CHECK
        kind = own.choice("type", DEFAULT_CHECK.type, CHECK_TYPES)
        if own.get("type") in (None, *CHECK_TYPES):
            for key in _CHECK_KEYS["http"]:
                if own.has(key) and key not in _CHECK_KEYS[kind]:
                    types = [other for other, keys in _CHECK_KEYS.items() if key in keys]
                    own.note(
                        key,
                        f"{key} does not belong to a check of type {kind}.",
                        f"Leave it out, or write type {listed(types)}.",
                    )
            if not self.is_checking:
                self.check_checker(section, kind)
                return NO_CHECK
            self.check_protocol(section, protocol, kind, has_port=own.has("port"))
        return Check(
            type=kind,
            port=own.integer("port", port or 0, 1, 65535, "one port"),
            interval=own.decimal("interval", DEFAULT_CHECK.interval, 0.1, 3600, 3, "seconds"),
            timeout=own.decimal("timeout", DEFAULT_CHECK.timeout, 0.1, 3600, 3, "seconds"),
            retries=own.integer("retries", DEFAULT_CHECK.retries, 0, 100, "more attempts"),
            path=self.check_path(own),
            status=self.check_status(own),
        )

    def check_checker(self, section: Section, kind: str) -> None:
        if kind != "none":
            section.note(
                "check",
                "Nobody would run it: health_checks is none.",
                "Leave it out, or write health_checks: keepalived.",
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
            return DEFAULT_CHECK.path
        if (
            isinstance(value, str)
            and value.startswith("/")
            and len(value) <= _LONGEST_PATH
            and _PATH_CHARACTERS.issuperset(value)
        ):
            return str(value)
        own.note(
            "path",
            f"{shown(value)} cannot be the path of a request.",
            "Begin with / and write every character but letters, digits and . _ ~ % ? & = + : , ; @ - as %XX, "
            f"{_LONGEST_PATH} at most.",
        )
        return DEFAULT_CHECK.path

    def check_status(self, own: Section) -> tuple[int, ...]:
        if not own.has("status"):
            return DEFAULT_CHECK.status
        values = own.items("status")
        is_one = not isinstance(own.get("status"), (list, tuple))
        numbers = [
            own.integer_value(
                "status" if is_one else f"status[{i}]", -1 if v is None else v, 200, 100, 599, "an HTTP status"
            )
            for i, v in enumerate(values)
        ]
        return tuple(sorted(set(numbers)))

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
            return str(entry), self.hosts.address_of(section, index, str(entry), vip), 1
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
        return str(host), self.hosts.address_of(section, index, str(host), vip), weight

    def given_address(self, own: Section, host: str, vip: Address | None) -> str | None:
        """The address beside a host's name. The inventory need not have such a machine, then no more is known of it."""
        if host in self.hosts.known_directors:
            self.hosts.note_unknown_host(own, "host", host)
        elif host not in self.hosts.known_real_servers:
            own.name("host")
        address = own.address("address")
        if address is None:
            return None
        self.check_family(own, "address", address, vip)
        owner = self.hosts.owners.get(str(address), host)
        if owner != host:
            own.note("address", f"{address} is the address of {owner}, not of {host}.", f"Write host: {owner}.")
        return str(address)

    def check_family(self, section: Section, key: str, address: Address, vip: Address | None) -> None:
        if vip is not None and address.version != vip.version:
            section.note(
                key,
                f"{address} is IPv{address.version}, the VIP {vip} is IPv{vip.version}.",
                f"Write an IPv{vip.version} address: forwarding direct cannot change the family.",
            )

    def check_weights(self, section: Section, real_servers: Iterable[RealServer]) -> None:
        weights = [real_server.weight for real_server in real_servers]
        if weights and not any(weights):
            # The sorry server does not help: keepalived refuses such a service (run with 2.2.7).
            section.note(
                "real_servers",
                "Every weight is 0, so nobody would answer.",
                "Give one real server a weight of 1 or more: a sorry_server answers only when checks fail.",
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
        if not self.is_checking:
            section.note(
                "sorry_server",
                "Nobody would put it in when all real servers are down: health_checks is none.",
                "Leave it out, or write health_checks: keepalived.",
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
        if value in self.hosts.known_real_servers:
            return value, self.hosts.address_of(section, None, value, vip)
        if not _looks_like_address(value):
            near = closest(value, self.hosts.known_real_servers)
            problem = f"{shown(value)} is neither an address nor a host of the group real_servers."
            section.note("sorry_server", problem, f"Did you mean {near}?" if near else "Write an address.")
            return None, None
        address = section.address("sorry_server")
        if address is None:
            return None, None
        text = str(address)
        self.check_family(section, "sorry_server", address, vip)
        owner = self.hosts.owners.get(text)
        if owner in self.hosts.known_directors:
            section.note(
                "sorry_server", f"{text} is the address of director {owner}.", "Name a machine that is no director."
            )
        self.sorry_addresses.append((section.at("sorry_server"), text))
        return owner, text

    def vip_families(self) -> set[int]:
        """The IP versions of the VIPs that could be read, whatever else is wrong with their services."""
        return {6 if ":" in text else 4 for text in self.vips}

    def check_vips(self) -> None:
        for path, text in self.sorry_addresses:
            if text in self.vips:
                self.hosts.note(path, f"{text} is a VIP.", "Name the machine that answers by its own address.")
        placing = [d for d in self.hosts.directors if d.interface is None and d.interfaces]
        for text, path in self.vips.items():
            owner = self.hosts.owners.get(text)
            if owner is not None:
                self.hosts.note(
                    path, f"{text} is the own address of {owner}.", "Choose an address that no machine has."
                )
                continue
            vip = ipaddress.ip_address(text)
            homes = {director.name: director.network_of(vip) for director in placing}
            outside = [name for name, network in homes.items() if network is None]
            if outside:
                subnets = sorted({str(n) for d in placing for i in d.interfaces for n in i.networks})
                self.hosts.note(
                    path,
                    f"{text} is in no subnet of director {listed(outside, 'and')}.",
                    f"Choose an address in {listed(subnets)}, or name the interface in the host variable lvs_interface."
                    if subnets
                    else "Name the interface in the host variable lvs_interface.",
                )
            for network in {n for n in homes.values() if n is not None and n.version == 4 and n.prefixlen < 31}:
                if vip in (network.network_address, network.broadcast_address):
                    self.hosts.note(
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
