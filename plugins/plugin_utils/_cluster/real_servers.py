# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The real servers of a service, one by one, and every rule about one of them."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .hosts import Hosts
from .inventory import Address
from .mistakes import Mistake, listed, shown
from .model import FORWARDING, MAX_THRESHOLD, MAX_WEIGHT, RealServer, Tunnel
from .reach import Reach, check_family
from .section import Section
from .tunnels import TUNNEL_KEYS, read_tunnel, refuse_tunnel_keys

_REQUIRED = ("host",)
_OPTIONAL = (
    "address",
    "port",
    "weight",
    "forwarding",
    "upper_threshold",
    "lower_threshold",
    *TUNNEL_KEYS,
)


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
    addresses: Mapping[int, str] | None = None
    section: Section | None = None


class RealServers:
    """Reads real servers; what is wrong with them goes to ``mistakes``."""

    def __init__(self, mistakes: list[Mistake], hosts: Hosts, reach: Reach) -> None:
        self.mistakes = mistakes
        self.hosts = hosts
        self.reach = reach
        #: Large clusters name the same real servers over and over: equal ones are one object.
        self.known: dict[tuple[object, ...], RealServer] = {}

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
                members.append(self.real_server(entry, entry.host, address or ""))
        for entry in entries:
            if entry is not None and entry.host is not None and entry.addresses:
                self.hosts.claim_given(entry.host, entry.addresses.values())
        return read

    def real_server(self, entry: _Entry, host: str, address: str) -> RealServer:
        said = (
            host,
            address,
            entry.port,
            entry.weight,
            entry.forwarding,
            entry.tunnel,
            entry.upper_threshold,
            entry.lower_threshold,
        )
        known = self.known.get(said)
        if known is None:
            known = self.known[said] = RealServer(*said)
        return known

    def note_double(self, section: Section, index: int, first: int, host: str, doubles: set[int]) -> None:
        if index not in doubles:
            doubles.add(index)
            section.note(
                f"real_servers[{index}]",
                f"{shown(host)} is the same real server as real_servers[{first}].",
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
            required=_REQUIRED,
            optional=_OPTIONAL,
        )
        weight = own.integer("weight", 1, 0, MAX_WEIGHT, "0 sends no new connections")
        forwarding = own.choice("forwarding", setting.forwarding, FORWARDING)
        read = _Entry(None, self.port(own, setting, forwarding), weight, forwarding, section=own)
        read.tunnel = read_tunnel(own, setting.tunnel) if forwarding == "tunnel" else None
        if forwarding != "tunnel":
            refuse_tunnel_keys(own, forwarding)
        if own.has("upper_threshold") or own.has("lower_threshold"):
            self.thresholds(own, read)
        host = own.get("host")
        if isinstance(host, str):
            read.host = str(host)
            self.given_addresses(own, read, setting)
        elif host is not None:
            own.note("host", f"{shown(host)} is no host name.", "Write the name of a host of the inventory.")
        return read

    def port(self, own: Section, setting: Setting, forwarding: str) -> int:
        if not own.has("port"):
            return setting.port or 0
        port = own.integer("port", setting.port or 0, 1, 65535, "one port")
        if setting.port is None or port == setting.port:
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
        read.addresses = given = {}
        for address in own.address_of_each_family("address"):
            if setting.vips and address.version not in setting.vips and read.forwarding != "tunnel":
                check_family(own, "address", address, next(iter(setting.vips.values())), read.forwarding)
            owner = self.hosts.owners.get(str(address), host)
            if owner != host:
                own.note("address", f"{address} is the address of {owner}, not of {host}.", f"Write host: {owner}.")
            given[address.version] = str(address)

    def address(self, section: Section, index: int, entry: _Entry, vip: Address | None) -> str | None:
        """Where the real server gets the packets for ``vip``.

        What is written beside the host comes first. A tunnel may be of another family than what is in it, so there an
        address of the other family will do, but only when it is said: one family inside the other is rarely meant.
        """
        host = t.cast(str, entry.host)
        if entry.section is not None and entry.section.has("address"):
            version = vip.version if vip is not None else 0
            addresses = entry.addresses or {}
            given = addresses.get(version)
            if given is None and (entry.forwarding == "tunnel" or version == 0 or not addresses):
                given = next(iter(addresses.values()), None)
            elif given is None and host in self.hosts.known_real_servers:
                given = self.hosts.known_real_servers[host].texts.get(version)
            address = given
        else:
            address = self.hosts.address_of(section, index, host, vip, forwarding=entry.forwarding)
        if address is not None and vip is not None:
            self.reach.check(section, f"real_servers[{index}]", host, address, entry.forwarding, entry.tunnel)
        return address

    def check_tunnel_use(self, section: Section, setting: Setting, entries: list[_Entry | None]) -> None:
        if setting.forwarding != "tunnel" and not any(entry and entry.forwarding == "tunnel" for entry in entries):
            refuse_tunnel_keys(section, setting.forwarding)

    def check_protocol(self, section: Section, protocol: str, real_servers: Iterable[RealServer]) -> None:
        windows = sorted({each.host for each in real_servers} & self.hosts.windows)
        if protocol == "sctp" and windows:
            section.note(
                "protocol",
                f"Windows has no SCTP, and {listed(windows, 'and')} {'run' if windows[1:] else 'runs'} it.",
                "Take such real servers out of this service.",
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
