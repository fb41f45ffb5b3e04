# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The real servers of a service, and who answers when all of them are down."""

from __future__ import annotations

import ipaddress
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .hosts import Hosts
from .inventory import Address
from .mistakes import Mistake, closest, shown
from .model import (
    FORWARDING,
    MAX_THRESHOLD,
    MAX_WEIGHT,
    TUNNEL_CHECKSUMS,
    TUNNEL_TYPES,
    Nat,
    RealServer,
    SorryServer,
    Tunnel,
)
from .section import Section

TUNNEL_KEYS = ("tunnel_type", "tunnel_port", "tunnel_checksum")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a service says for its real servers.

    ``vips`` has one VIP of each family. ``port`` is None where it could not be read, 0 where the client's port is kept;
    then ``only_port`` is the service's port if it has just one.
    """

    vips: Mapping[int, Address]
    port: int | None
    only_port: int | None
    forwarding: str
    tunnel: Tunnel


@dataclass(slots=True)
class _Entry:
    """One entry of the list as it is written. ``host`` is None where it could not be read."""

    host: str | None
    port: int
    weight: int = 1
    forwarding: str = "direct"
    tunnel: Tunnel | None = None
    upper_threshold: int = 0
    lower_threshold: int = 0
    #: Addresses given beside the host, by IP version; ``section`` is None for a host's name alone.
    addresses: dict[int, str] = field(default_factory=dict)
    section: Section | None = None


class RealServers:
    """Reads real servers; what is wrong with them goes to ``mistakes``."""

    def __init__(self, mistakes: list[Mistake], hosts: Hosts, nat: Nat, *, is_checking: bool = True) -> None:
        self.mistakes = mistakes
        self.hosts = hosts
        self.is_checking = is_checking
        self.nat = nat
        self.sorry_addresses: list[tuple[str, str]] = []
        self.without_gateway: set[int] = set()
        self.near_gateway: dict[str, bool] = {}
        #: Checksum and first place of each tunnel, by host, IP version outside, type and port.
        self.tunnels: dict[tuple[str, str, str, int], tuple[str, str]] = {}

    def read(self, section: Section, setting: Setting) -> dict[int, list[RealServer]]:
        """The destinations for each family that the service has."""
        entries = [self.entry(section, i, entry, setting) for i, entry in enumerate(section.items("real_servers"))]
        self.check_tunnel_use(section, setting, entries)
        read: dict[int, list[RealServer]] = {version: [] for version in setting.vips or (0,)}
        doubles: set[int] = set()
        for version, members in read.items():
            seen: dict[tuple[str, int], int] = {}
            for index, entry in enumerate(entries):
                if entry is None or entry.host is None:
                    continue
                vip = setting.vips.get(version)
                address = self.address(section, index, entry, vip)
                first = seen.setdefault((address or entry.host, entry.port), index)
                if first != index:
                    self.note_double(section, index, first, entry.host, doubles)
                    continue
                # Without an address there is a mistake already; the entry stays for the checks that need none.
                members.append(
                    RealServer(
                        entry.host,
                        address or "",
                        entry.port,
                        entry.weight,
                        entry.forwarding,
                        entry.tunnel,
                        entry.upper_threshold,
                        entry.lower_threshold,
                    )
                )
        for entry in entries:
            if entry is not None and entry.host is not None and entry.addresses:
                self.hosts.claim_given(entry.host, entry.addresses.values())
        return read

    def note_double(self, section: Section, index: int, first: int, host: str, doubles: set[int]) -> None:
        if index not in doubles:
            doubles.add(index)
            section.note(
                f"real_servers[{index}]",
                f"{host} is the same real server as real_servers[{first}].",
                "Name each real server once in a service.",
            )

    def entry(self, section: Section, index: int, entry: object, setting: Setting) -> _Entry | None:
        if isinstance(entry, str):
            tunnel = setting.tunnel if setting.forwarding == "tunnel" else None
            return _Entry(str(entry), setting.port or 0, forwarding=setting.forwarding, tunnel=tunnel)
        path = f"real_servers[{index}]"
        if not isinstance(entry, dict):
            section.note(
                path, f"{shown(entry)} is neither a host nor a mapping.", "Write rs1, or {host: rs1, weight: 3}."
            )
            return None
        own = Section(
            self.mistakes,
            section.at(path),
            entry,
            required=("host",),
            optional=(
                "address",
                "port",
                "weight",
                "forwarding",
                "upper_threshold",
                "lower_threshold",
                *TUNNEL_KEYS,
            ),
        )
        weight = own.integer("weight", 1, 0, MAX_WEIGHT, "0 sends no new connections")
        forwarding = own.choice("forwarding", setting.forwarding, FORWARDING)
        read = _Entry(None, self.port(own, setting, forwarding), weight, forwarding, section=own)
        read.tunnel = read_tunnel(own, setting.tunnel) if forwarding == "tunnel" else None
        if forwarding != "tunnel":
            _refuse_tunnel_keys(own, forwarding)
        self.thresholds(own, read)
        host = own.get("host")
        if isinstance(host, str):
            read.host = str(host)
            self.given_addresses(own, read, setting)
        elif host is not None:
            own.note("host", f"{shown(host)} is no host name.", "Write the name of a host of the inventory.")
        return read

    def port(self, own: Section, setting: Setting, forwarding: str) -> int:
        port = own.integer("port", setting.port or 0, 1, 65535, "one port")
        if not own.has("port") or setting.port is None or port == setting.port:
            return port
        if setting.port == 0:
            if port not in (0, setting.only_port):
                own.note(
                    "port",
                    f"Port {port} would be one for all ports of the service.",
                    "Leave it out: with several ports, all ports or a firewall mark a real server gets the port that "
                    "the client asked for. To translate a port, write a service of its own for it.",
                )
            return 0
        if forwarding != "nat":
            own.note(
                "port",
                f"Port {port} differs from the service's port {setting.port}.",
                f"Let the service listen on {setting.port} there: forwarding {forwarding} cannot translate ports, "
                "nat can.",
            )
        return port

    def thresholds(self, own: Section, read: _Entry) -> None:
        meaning = "connections, 0 is no limit"
        read.upper_threshold = own.integer("upper_threshold", 0, 0, MAX_THRESHOLD, meaning)
        read.lower_threshold = own.integer("lower_threshold", 0, 0, MAX_THRESHOLD, meaning)
        if read.lower_threshold > read.upper_threshold:
            own.note(
                "lower_threshold",
                f"{read.lower_threshold} is more than upper_threshold {read.upper_threshold}.",
                "Write at most the upper one: a real server that was full gets connections again below the lower one.",
            )

    def given_addresses(self, own: Section, read: _Entry, setting: Setting) -> None:
        """The addresses beside a host's name. The inventory need not have such a machine, then no more is known."""
        if not own.has("address"):
            return
        host = t.cast(str, read.host)
        if host in self.hosts.known_directors:
            self.hosts.note_unknown_host(own, "host", host)
        elif host not in self.hosts.known_real_servers:
            own.name("host")
        for address in own.address_of_each_family("address"):
            if setting.vips and address.version not in setting.vips and read.forwarding != "tunnel":
                self.check_family(own, "address", address, next(iter(setting.vips.values())), read.forwarding)
            owner = self.hosts.owners.get(str(address), host)
            if owner != host:
                own.note("address", f"{address} is the address of {owner}, not of {host}.", f"Write host: {owner}.")
            read.addresses[address.version] = str(address)

    def address(self, section: Section, index: int, entry: _Entry, vip: Address | None) -> str | None:
        """Where the real server gets the packets for ``vip``.

        What is written beside the host comes first. A tunnel may be of another family than what is in it, so there an
        address of the other family will do, but only when it is said: one family inside the other is rarely meant.
        """
        host = t.cast(str, entry.host)
        if entry.section is not None and entry.section.has("address"):
            version = vip.version if vip is not None else 0
            given = entry.addresses.get(version)
            if given is None and (entry.forwarding == "tunnel" or version == 0 or not entry.addresses):
                given = next(iter(entry.addresses.values()), None)
            elif given is None and host in self.hosts.known_real_servers:
                given = self.hosts.known_real_servers[host].texts.get(version)
            address = given
        else:
            address = self.hosts.address_of(section, index, host, vip, forwarding=entry.forwarding)
        if address is not None and vip is not None:
            self.check_place(section, index, entry, address)
        return address

    def check_place(self, section: Section, index: int, entry: _Entry, address: str) -> None:
        if entry.forwarding == "direct":
            self.hosts.check_segment(section, f"real_servers[{index}]", t.cast(str, entry.host), address)
        elif entry.forwarding == "nat":
            self.check_gateway(section, f"real_servers[{index}]", t.cast(str, entry.host), address)
        elif entry.tunnel is not None:
            self.check_end_of_tunnel(section, index, entry, entry.tunnel, address)

    def check_end_of_tunnel(self, section: Section, index: int, entry: _Entry, tunnel: Tunnel, address: str) -> None:
        """A real server has one end for all tunnels of a type and port, with one way of checksums."""
        end = (t.cast(str, entry.host), "6" if ":" in address else "4", tunnel.type, tunnel.port)
        checksum, first = self.tunnels.setdefault(end, (tunnel.checksum, section.path))
        if checksum != tunnel.checksum:
            section.note(
                f"real_servers[{index}]",
                f"The {tunnel.type} tunnel to {entry.host} has checksum {tunnel.checksum} here, {checksum} in {first}.",
                "Write the same tunnel_checksum, or with gue another tunnel_port.",
            )

    def check_gateway(self, section: Section, key: str, host: str, address: str) -> None:
        """Answers must come back through the director: its gateway must be a neighbour of the real server."""
        version = 6 if ":" in address else 4
        gateway = self.nat.gateway(version)
        if gateway is None:
            if version not in self.without_gateway and not self.nat.is_faulty:
                self.without_gateway.add(version)
                self.hosts.note(
                    "nat.gateway",
                    f"{section.at(None)} forwards by nat, but there is no IPv{version} gateway.",
                    "Write the floating address that the real servers use as default gateway, with its prefix length, "
                    f"such as {'10.11.12.10/24' if version == 4 else 'fd00:11:12::10/64'}.",
                )
        elif address not in self.near_gateway:
            self.near_gateway[address] = ipaddress.ip_address(address) in gateway.network
            if self.near_gateway[address]:
                return
            section.note(
                key,
                f"{address} of {host} is not in {gateway.network}, where its gateway {gateway.ip} is.",
                f"Write an address that {host} has in {gateway.network}, or forwarding tunnel.",
            )

    def check_tunnel_use(self, section: Section, setting: Setting, entries: list[_Entry | None]) -> None:
        if setting.forwarding != "tunnel" and not any(entry and entry.forwarding == "tunnel" for entry in entries):
            _refuse_tunnel_keys(section, setting.forwarding)

    def check_family(self, section: Section, key: str, address: Address, vip: Address | None, forwarding: str) -> None:
        if vip is not None and address.version != vip.version:
            section.note(
                key,
                f"{address} is IPv{address.version}, the VIP {vip} is IPv{vip.version}.",
                f"Write an IPv{vip.version} address: forwarding {forwarding} cannot change the family, tunnel can.",
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
        self, section: Section, setting: Setting, version: int, real_servers: Iterable[RealServer]
    ) -> SorryServer | None:
        vip = setting.vips.get(version)
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
        host, address = self.sorry_address(section, str(value), vip, setting.forwarding)
        if address is None:
            return None
        if address in {real_server.address for real_server in real_servers}:
            section.note(
                "sorry_server",
                f"{value} is a real server of this service.",
                "Name another machine: it answers when all real servers are down.",
            )
        elif setting.forwarding == "direct":
            self.hosts.check_segment(section, "sorry_server", host or value, address)
        elif setting.forwarding == "nat":
            self.check_gateway(section, "sorry_server", host or value, address)
        return SorryServer(host=host, address=address, port=setting.port or 0)

    def sorry_address(
        self, section: Section, value: str, vip: Address | None, forwarding: str
    ) -> tuple[str | None, str | None]:
        if value in self.hosts.known_real_servers:
            return value, self.hosts.address_of(section, None, value, vip, forwarding=forwarding)
        if not _looks_like_address(value):
            near = closest(value, self.hosts.known_real_servers)
            problem = f"{shown(value)} is neither an address nor a host of the group real_servers."
            section.note("sorry_server", problem, f"Did you mean {near}?" if near else "Write an address.")
            return None, None
        address = section.address("sorry_server")
        if address is None:
            return None, None
        text = str(address)
        if forwarding != "tunnel":
            self.check_family(section, "sorry_server", address, vip, forwarding)
        owner = self.hosts.owners.get(text)
        if owner in self.hosts.known_directors:
            section.note(
                "sorry_server", f"{text} is the address of director {owner}.", "Name a machine that is no director."
            )
        self.sorry_addresses.append((section.at("sorry_server"), text))
        return owner, text


def read_tunnel(section: Section, default: Tunnel) -> Tunnel:
    """The tunnel of a service or real server. Port and checksum belong to a type: another one does not inherit them."""
    kind = section.choice("tunnel_type", default.type, TUNNEL_TYPES)
    if kind != default.type:
        default = Tunnel(kind)
    port = section.integer("tunnel_port", default.port, 1, 65535, "the UDP port that the real server listens on")
    checksum = section.choice("tunnel_checksum", default.checksum, TUNNEL_CHECKSUMS)
    if section.has("tunnel_port") and kind != "gue":
        section.note("tunnel_port", f"A tunnel of type {kind} has no port.", "Leave it out, or write tunnel_type: gue.")
        port = 0
    elif kind == "gue" and not port and not section.has("tunnel_port"):
        section.note(
            "tunnel_port",
            "A tunnel of type gue needs a UDP port.",
            "Write tunnel_port, the UDP port that the real server listens on, such as 6080.",
        )
    if (checksum == "remote" and kind != "gue") or (checksum == "standard" and kind == "ipip"):
        section.note(
            "tunnel_checksum",
            f"A tunnel of type {kind} has no checksum {checksum}.",
            "Write none" + ("." if kind == "ipip" else " or standard.") if checksum == "remote" else "Leave it out.",
        )
    return Tunnel(kind, port, checksum)


def _refuse_tunnel_keys(section: Section, forwarding: str) -> None:
    for key in TUNNEL_KEYS:
        if section.has(key):
            section.note(
                key, f"It does nothing with forwarding {forwarding}.", "Leave it out, or write forwarding: tunnel."
            )


def _looks_like_address(value: str) -> bool:
    return ":" in value or all(part.isdigit() for part in value.partition("/")[0].split("."))
