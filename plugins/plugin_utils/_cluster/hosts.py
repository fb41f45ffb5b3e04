# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts that a description may name: their addresses read once, and every rule about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from .inventory import Address, Host
from .mistakes import Mistake, closest, listed, shown
from .model import MAX_DIRECTORS, MAX_PRIORITY, REDIRECTING_METHODS, Director
from .section import Section, is_interface_name, is_plain_name

#: A tunnel may be of another family than what is in it, when that is said.
_OTHER_FAMILY = " Or write the address of the other family beside the host: a tunnel can do that."
_BY_TUNNEL = " Or write forwarding: tunnel, and the address of the other family beside the host."


@dataclass(frozen=True, slots=True)
class _KnownHost:
    """A host with its addresses parsed, the texts by IP version."""

    name: str
    addresses: dict[int, Address]
    texts: dict[int, str]
    is_faulty: bool


class Hosts:
    """Directors and real servers in the inventory's order; what is wrong with them goes to ``mistakes``."""

    def __init__(self, mistakes: list[Mistake], directors: Sequence[Host], real_servers: Sequence[Host]) -> None:
        self.mistakes = mistakes
        self.directors = list({host.name: host for host in directors}.values())
        self.known_directors = {host.name: self._known(host) for host in directors}
        self.known_real_servers = {host.name: self._known(host) for host in real_servers}
        self.windows = frozenset(host.name for host in real_servers if host.is_windows)
        #: Real servers that are to redirect what comes for a VIP instead of holding it, each with the ARP method.
        self.redirecting = {
            host.name: str(host.arp_method) for host in real_servers if host.arp_method in REDIRECTING_METHODS
        }
        # Whose address is it? Directors last, so that a host in both groups is named as director.
        self.owners: dict[str, str] = {}
        for known in (*self.known_real_servers.values(), *self.known_directors.values()):
            self.owners.update((text, known.name) for text in known.texts.values())
        self.without_address: set[tuple[str, int]] = set()
        self.suggestions: dict[str, str | None] = {}

    def note(self, path: str, problem: str, remedy: str) -> None:
        self.mistakes.append(Mistake(path, problem, remedy))

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
        if host.interface is not None and not is_interface_name(host.interface):
            section.note(
                "lvs_interface", f"{shown(host.interface)} is no interface name.", "Write a name as ip link shows it."
            )
        texts = {version: str(address) for version, address in addresses.items()}
        return _KnownHost(host.name, addresses, texts, is_faulty=len(self.mistakes) > before)

    def read_directors(self, failover: str, vip_families: Collection[int]) -> tuple[Director, ...]:
        """The directors, with the address from which each speaks VRRP to announce VIPs of ``vip_families``."""
        self.check_director_count(failover)
        for name in self.known_directors:
            if name in self.known_real_servers:
                self.note(
                    f"hostvars[{name}]",
                    f"{name} is a director and a real server.",
                    "Take it out of the group directors or out of the group real_servers.",
                )
        self.check_shared_addresses()
        # Heartbeats carry no addresses, so no VIP needs to be of their family.
        family = self.vrrp_family(vip_families if failover == "keepalived" else ())
        directors = []
        for position, host in enumerate(self.directors):
            source = None
            if failover != "none":
                source = self.own_source(host, family, failover)
            directors.append(Director(host=host, priority=self.priority(host, 250 - 10 * position), source=source))
        if failover == "keepalived":
            self.check_priorities(directors)
        return tuple(directors)

    def priority(self, host: Host, default: int) -> int:
        section = Section(self.mistakes, f"hostvars[{host.name}]", {})
        return section.integer_value(
            "lvs_priority", host.priority, default, 1, MAX_PRIORITY, "the highest one that lives is active"
        )

    def check_priorities(self, directors: Sequence[Director]) -> None:
        owners: dict[int, Director] = {}
        for director in directors:
            other = owners.setdefault(director.priority, director)
            if other is not director:
                # Who has said it can say something else.
                speaker = director if director.host.priority is not None else other
                self.note(
                    f"hostvars[{speaker.host.name}].lvs_priority",
                    f"{other.host.name} and {director.host.name} both have priority {director.priority}, so that "
                    "neither goes before the other.",
                    "Give each director its own; without lvs_priority the first has 250, the next 240 and so on.",
                )

    def check_director_count(self, failover: str) -> None:
        count = len(self.known_directors)
        if count == 0:
            self.note("directors", "There is no director.", "Put at least one host into the group directors.")
        elif failover == "none" and count > 1:
            self.note(
                "failover",
                f"failover is none, but there are {count} directors: {listed(self.known_directors, 'and')}.",
                "Write failover: keepalived or heartbeat, or keep one host in the group directors.",
            )
        elif failover == "heartbeat" and count > 2:
            self.note(
                "failover",
                f"failover is heartbeat, but there are {count} directors: {listed(self.known_directors, 'and')}.",
                "Keep two hosts in the group directors, or write failover: keepalived: haresources knows two.",
            )
        elif failover != "none" and count == 1:
            self.note(
                "failover",
                f"failover is {failover}, but {next(iter(self.known_directors))} is the only director.",
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

    def vrrp_family(self, vip_families: Collection[int]) -> int:
        """The IP version that every director can speak VRRP with; IPv4 when both would do.

        An advert carries addresses of its own family only, and keepalived refuses one that has none to carry: there
        must be a VIP of that family.
        """
        healthy = [known for known in self.known_directors.values() if not known.is_faulty]
        useful = sorted(vip_families) or [4, 6]
        spoken = [family for family in useful if healthy and all(family in known.addresses for known in healthy)]
        return (spoken or useful)[0]

    def own_source(self, host: Host, family: int, failover: str) -> Address | None:
        """The address from which a director speaks VRRP or sends heartbeats."""
        known = self.known_directors[host.name]
        source = known.addresses.get(family)
        path = f"hostvars[{host.name}].lvs_address"
        if known.is_faulty:
            return source
        if source is None:
            what = "speak VRRP with" if failover == "keepalived" else "send heartbeats from"
            self.note(
                path,
                f"Director {host.name} has no IPv{family} address to {what}.",
                "Set lvs_address for it in the inventory: all directors need one of the same family"
                + (", which a VIP has." if failover == "keepalived" else "."),
            )
        elif host.interface is None and host.interfaces and host.network_of(source) is None:
            self.note(
                path,
                f"No interface of director {host.name} is in a subnet with {source}.",
                "Set lvs_address to the address that the machine itself has, or name its interface in lvs_interface.",
            )
        return source

    def claim_given(self, host: str, addresses: Iterable[str]) -> None:
        """Note that these addresses, which stand beside the host's name in a service, are the host's."""
        for text in addresses:
            self.owners.setdefault(text, host)

    def address_of(
        self, section: Section, index: int | None, host: str, vip: Address | None, *, forwarding: str = "direct"
    ) -> str | None:
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
                f"Set lvs_address for {host} in the inventory: an address, or a list of an IPv4 and an IPv6 address."
                + ("" if not known.texts else _OTHER_FAMILY if forwarding == "tunnel" else _BY_TUNNEL),
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
