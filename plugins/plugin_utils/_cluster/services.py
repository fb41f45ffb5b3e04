# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The services of a description, read one by one, with every rule about them and between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from .ftp import ftp_helper
from .health import QUORUM_KEYS, HealthChecks
from .hosts import Hosts
from .inventory import Address
from .ldirectord import check_service
from .marks import chosen_marks
from .mistakes import Mistake, listed, shown
from .model import (
    DEFAULT_MIN_CAPACITY,
    DEFAULT_TUNNEL,
    FORWARDING,
    MAX_FWMARK,
    MAX_PERSISTENCE,
    PROTOCOLS,
    SCHEDULERS,
    Check,
    Nat,
    RealServer,
    Service,
)
from .ports import ALL_PORTS, Claims, PortRange, covers, place_of, read_ports, single_ports, spelled
from .reach import Reach
from .real_servers import RealServers, Setting
from .scheduling import persistence_netmask, scheduler_flags
from .section import Section
from .sorry import SorryServers
from .tunnels import TUNNEL_KEYS, read_tunnel

_REQUIRED = ("name", "vip", "ports", "real_servers")
_OPTIONAL = (
    "protocol",
    "fwmark",
    "forwarding",
    "scheduler",
    "scheduler_flags",
    "persistence",
    "persistence_netmask",
    "one_packet",
    "helper",
    *TUNNEL_KEYS,
    "check",
    *QUORUM_KEYS,
    "sorry_server",
    "firewall_ports",
    "min_capacity",
)
#: A mark that is still to be chosen.
_TO_CHOOSE = 0


class Services:
    """Reads services; what is wrong with them goes to ``mistakes``."""

    def __init__(self, mistakes: list[Mistake], hosts: Hosts, nat: Nat, *, health_checks: str = "keepalived") -> None:
        self.mistakes = mistakes
        self.hosts = hosts
        self.health = HealthChecks(mistakes, health_checks)
        reach = Reach(hosts, nat)
        self.members = RealServers(mistakes, hosts, reach)
        self.sorry = SorryServers(hosts, reach, is_checking=health_checks != "none")
        #: Where each VIP, name and mark was said first.
        self.vips: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.marks: dict[int, str] = {}
        self.claims: dict[tuple[str, str], Claims] = {}
        self.min_capacity = DEFAULT_MIN_CAPACITY

    def services(self, top: Section, forwarding: str, mark_range: tuple[int, int]) -> tuple[Service, ...]:
        if not top.has("services"):
            return ()
        if not isinstance(top.get("services"), (list, tuple)):
            top.note("services", f"{shown(top.get('services'))} is not a list.", "Write a list of services.")
            return ()
        read: list[Service] = []
        for index, entry in enumerate(top.items("services")):
            read.extend(self.service(index, entry, forwarding))
        return self.marked(top, read, mark_range)

    def marked(self, top: Section, services: Sequence[Service], mark_range: tuple[int, int]) -> tuple[Service, ...]:
        """The services, each with a mark that needs one. Both families of a service have the same."""
        names = dict.fromkeys(service.name for service in services if service.fwmark == _TO_CHOOSE)
        if not names:
            return tuple(services)
        first, last = mark_range
        marks = chosen_marks(names, pinned=self.marks, first=first, last=last)
        if len(marks) < len(names):
            needing = "1 service needs" if len(names) == 1 else f"{len(names)} services need"
            free = "none is" if not marks else f"only {len(marks)} {'is' if len(marks) == 1 else 'are'}"
            top.note(
                "fwmark_range",
                f"{needing} a mark, and from {first} to {last} {free} free.",
                "Write a wider range.",
            )
        return tuple(
            dataclasses.replace(service, fwmark=marks.get(service.name, _TO_CHOOSE))
            if service.fwmark == _TO_CHOOSE
            else service
            for service in services
        )

    def service(self, index: int, entry: object, default_forwarding: str) -> list[Service]:
        section = Section(
            self.mistakes,
            f"services[{index}]",
            entry,
            required=_REQUIRED,
            optional=_OPTIONAL,
            later=("persistence_engine",),
        )
        if not section.is_mapping:
            return []
        name = self.name(section)
        vips = self.vip(section)
        protocol = section.choice("protocol", "tcp", PROTOCOLS)
        ports = read_ports(section, "ports", may_be_all=True)
        mark = self.mark(section, vips, ports)
        self.check_unique(section, vips, protocol, ports, mark)
        setting = self.setting(section, vips, ports, mark, default_forwarding)
        scheduler = section.choice("scheduler", "wlc", SCHEDULERS)
        flags = scheduler_flags(section, scheduler)
        persistence = section.integer("persistence", 0, 0, MAX_PERSISTENCE, "seconds, 0 is off")
        if ports == ALL_PORTS and mark is None and not persistence:
            section.note(
                "persistence",
                "A service of all ports needs persistence: the kernel demands it.",
                "Write the seconds for which a client stays with its real server, such as 300.",
            )
        netmask = persistence_netmask(section, vips)
        one_packet = self.one_packet(section, protocol)
        check = self.health.read(section, protocol, _port_to_check(ports))
        real_servers = self.members.read(section, setting)
        sorry_servers = {v: self.sorry.read(section, setting, v, real_servers[v]) for v in real_servers}
        every_real_server = [each for read in real_servers.values() for each in read]
        self.members.check_weights(section, every_real_server)
        self.members.check_protocol(section, protocol, every_real_server)
        quorum = self.health.quorum(section, list(real_servers.values()))
        helper = ftp_helper(section, protocol, ports, setting.forwarding, real_servers)
        firewall_ports = self.firewall_ports(section, ports)
        min_capacity = read_min_capacity(section, self.min_capacity)
        if name is None or ports is None or not vips:
            return []
        check = self.with_port_of_real_servers(section, check, setting, every_real_server)
        if self.health.engine == "ldirectord":
            check_service(section, vips, protocol, mark is not None, one_packet, check, every_real_server)
        return [
            Service(
                name=name,
                vips=tuple(of_family),
                addresses=tuple(map(str, of_family)),
                ports=ports,
                check=check,
                real_servers=tuple(real_servers[version]),
                sorry_server=sorry_servers[version],
                fwmark=mark,
                protocol=protocol,
                forwarding=setting.forwarding,
                tunnel=setting.tunnel if setting.forwarding == "tunnel" else None,
                scheduler=scheduler,
                scheduler_flags=flags,
                persistence=persistence,
                persistence_netmask=netmask,
                one_packet=one_packet,
                helper=helper,
                firewall_ports=firewall_ports,
                min_capacity=min_capacity,
                quorum=quorum,
            )
            for version in setting.vips
            if (of_family := [vip for vip in vips if vip.version == version])
        ]

    def name(self, section: Section) -> str | None:
        name = section.name("name")
        if name is not None:
            first = self.names.setdefault(name, section.path)
            if first != section.path:
                section.note("name", f"{first} is called {name} too.", "Give each service its own name.")
        return name

    def vip(self, section: Section) -> list[Address]:
        found: dict[Address, str] = {}
        if not isinstance(section.get("vip"), (list, tuple)):
            vip = section.address("vip")
            if vip is not None:
                found[vip] = section.at("vip")
        else:
            for index, value in enumerate(section.items("vip")):
                key = f"vip[{index}]"
                vip = section.address_value(key, "" if value is None else value)
                if vip in found:
                    section.note(key, f"{vip} is there twice.", "Write each VIP once.")
                elif vip is not None:
                    found[vip] = section.at(key)
        for vip, path in found.items():
            self.vips.setdefault(str(vip), path)
        return list(found)

    def mark(self, section: Section, vips: list[Address], ports: tuple[PortRange, ...] | None) -> int | None:
        """The pinned mark, _TO_CHOOSE, or None for a service that needs none."""
        if section.has("fwmark"):
            mark = section.integer("fwmark", _TO_CHOOSE, 1, MAX_FWMARK, "a firewall mark")
            if mark != _TO_CHOOSE:
                first = self.marks.setdefault(mark, section.path)
                if first != section.path:
                    section.note(
                        "fwmark",
                        f"{first} has mark {mark} too.",
                        "Write another one, or put the VIPs and ports of both into one service: one mark is one "
                        "service of the kernel, with one protocol, scheduler, persistence and set of real servers.",
                    )
            return mark
        several_vips = len(vips) > len({vip.version for vip in vips})
        several_ports = ports is not None and (len(ports) > 1 or (ports != ALL_PORTS and ports[0][0] != ports[0][1]))
        return _TO_CHOOSE if several_vips or several_ports else None

    def check_unique(
        self,
        section: Section,
        vips: list[Address],
        protocol: str,
        ports: tuple[PortRange, ...] | None,
        mark: int | None,
    ) -> None:
        if ports is None or section.get("protocol") not in (None, *PROTOCOLS):
            return
        for vip in vips:
            text = str(vip)
            claims = self.claims.setdefault((text, protocol), Claims())
            taken = claims.claim(ports, section.path, is_marked=mark is not None)
            if taken is not None:
                where = f"[{text}]" if vip.version == 6 else text
                port = (spelled([taken[1]]) or ["all ports"])[0]
                section.note(
                    place_of(section, "ports", taken[2]),
                    f"{taken[0]} has {protocol}/{where}:{port} too.",
                    "Put the real servers of both into one service, or change VIP, protocol or port of one.",
                )

    def setting(
        self,
        section: Section,
        vips: list[Address],
        ports: tuple[PortRange, ...] | None,
        mark: int | None,
        default_forwarding: str,
    ) -> Setting:
        forwarding = section.choice("forwarding", default_forwarding, FORWARDING)
        families: dict[int, Address] = {}
        for vip in vips:
            families.setdefault(vip.version, vip)
        singles = single_ports(ports or ())
        port = None
        if ports is not None:
            port = 0 if mark is not None or ports == ALL_PORTS else ports[0][0]
        has_tunnel = any(section.has(key) for key in TUNNEL_KEYS)
        return Setting(
            vips=families,
            port=port,
            only_port=singles[0] if ports is not None and len(ports) == 1 and singles else None,
            forwarding=forwarding,
            tunnel=read_tunnel(section, DEFAULT_TUNNEL) if has_tunnel else DEFAULT_TUNNEL,
        )

    def one_packet(self, section: Section, protocol: str) -> bool:
        one_packet = section.flag("one_packet", False)
        if one_packet and protocol != "udp":
            section.note(
                "one_packet",
                f"It sends each packet to another real server, which ends every {protocol} connection.",
                "Leave it out: it is for protocol udp.",
            )
        return one_packet

    def firewall_ports(self, section: Section, ports: tuple[PortRange, ...] | None) -> tuple[PortRange, ...] | None:
        if not section.has("firewall_ports"):
            return None
        allowed = read_ports(section, "firewall_ports")
        outside = [part for part in allowed or () if ports is not None and not covers(ports, part)]
        if outside:
            section.note(
                "firewall_ports",
                f"The service has no port {listed(spelled(outside), 'and')}.",
                "Write ports of the service only.",
            )
        return allowed

    def with_port_of_real_servers(
        self, section: Section, check: Check, setting: Setting, real_servers: Sequence[RealServer]
    ) -> Check:
        """Where the ports are translated, a check that names no port goes to the real server's own."""
        own = section.get("check")
        if check.type == "none" or not setting.port or (isinstance(own, dict) and own.get("port") is not None):
            return check
        ports = {real_server.port for real_server in real_servers}
        if ports == {check.port}:
            return check
        return dataclasses.replace(check, port=ports.pop() if len(ports) == 1 else 0)

    def vip_families(self) -> set[int]:
        """The IP versions of the VIPs that could be read, whatever else is wrong with their services."""
        return {6 if ":" in text else 4 for text in self.vips}


def read_min_capacity(section: Section, default: int) -> int:
    return section.integer("min_capacity", default, 0, 100, "percent of the described weight")


def _port_to_check(ports: tuple[PortRange, ...] | None) -> int | None:
    """The port that stands for all of them; 0 where they could not be read and nothing more is to be said."""
    if ports is None:
        return 0
    singles = single_ports(ports)
    return singles[0] if singles else None
