# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""A director's firewall: which packets it takes, which it forwards, what it drops.

Most of what IPVS does is invisible to conntrack (``net.ipv4.vs.conntrack=0``): every packet of a client to a VIP may
look new, and a real server's answer, which is forwarded through a director that translates addresses, looks invalid.
So packets to services are taken whatever conntrack says of them, and nothing is dropped for being invalid.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import PortRange
from ansible_collections.lvs.cluster.plugins.module_utils._rules import matches
from ansible_collections.lvs.cluster.plugins.module_utils._rules.change import Purpose, Undo, change_rules
from ansible_collections.lvs.cluster.plugins.module_utils._rules.matches import DROP, PASS, Network
from ansible_collections.lvs.cluster.plugins.module_utils._rules.model import (
    Chain,
    Extra,
    Match,
    Rule,
    Ruleset,
    Verdict,
)
from ansible_collections.lvs.cluster.plugins.module_utils._rules.reading import Reader
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import end
from ansible_collections.lvs.cluster.plugins.module_utils._undo.switch import Switch

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

NAME = "lvs_cluster_firewall"
PURPOSE = Purpose("firewall", "filter packets")
NEEDS_ROOT = "Only root may change this host's firewall. Run the task with become: true."
CHAINS = (
    Chain("spoofed", "raw", "PREROUTING", priority="raw"),
    Chain("input", "filter", "INPUT"),
    Chain("forward", "filter", "FORWARD"),
    Chain("outside", "filter"),  # what comes from an external interface and is to be forwarded
)
EVERYWHERE = ("0.0.0.0/0", "::/0")
LOG_PREFIX = "lvs-cluster dropped: "
_TO_OUTSIDE = Verdict("jump outside", f"-j {NAME.upper()}_OUTSIDE")
_VRRP = "112"  # RFC 9568; every protocol by its number, /etc/protocols is missing on small systems
_NUMBERS = {"esp": "50", "ah": "51", "gre": "47", "igmp": "2"}
_ECHO = "50/second"  # pings that are answered, all together
_ECHO_BURST = 100
_LOG_BURST = 5
_ICMP: dict[str, tuple[tuple[str, int], ...]] = {
    # Path MTU, and what tells a host that its packets do not arrive.
    "ipv4": (("destination-unreachable", 3), ("time-exceeded", 11), ("parameter-problem", 12)),
    # The same (RFC 4890, 4.4.1), then neighbours and routers, then who listens to multicast.
    "ipv6": (
        ("destination-unreachable", 1),
        ("packet-too-big", 2),
        ("time-exceeded", 3),
        ("parameter-problem", 4),
        ("nd-router-advert", 134),
        ("nd-neighbor-solicit", 135),
        ("nd-neighbor-advert", 136),
        ("mld-listener-query", 130),
        ("mld-listener-report", 131),
        ("mld-listener-done", 132),
        ("mld2-listener-report", 143),
    ),
}
_ECHO_REQUEST: dict[str, tuple[tuple[str, int], ...]] = {
    "ipv4": (("echo-request", 8),),
    "ipv6": (("echo-request", 128),),
}
_LINK_LOCAL = ipaddress.ip_network("fe80::/10")
_UNSPECIFIED = ipaddress.ip_network("::/128")
# Sources are counted by address, in IPv6 by the smallest network that one has. When there are more than so many within
# ten seconds, nftables lets others pass and iptables drops them, which is how their counters are made.
_MOST_SOURCES = 500000
_COUNTED = {"ipv4": ("ipv4_addr", "ip saddr"), "ipv6": ("ipv6_addr", "ip6 saddr & ffff:ffff:ffff:ffff::")}


@dataclasses.dataclass(frozen=True)
class Taken:
    """Packets that are taken: of the protocol, to these ports (none: all), to or from these networks (none: any)."""

    protocol: str
    ports: tuple[PortRange, ...]
    destinations: tuple[Network, ...] = ()
    sources: tuple[Network, ...] = ()
    interfaces: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Firewall:
    """What the options say."""

    external: tuple[str, ...]
    trusted: tuple[str, ...]
    services: tuple[Taken, ...]
    others: tuple[Taken, ...]  # VRRP, synchronisation, SSH, and what is accepted beside
    forward_sources: tuple[Network, ...]
    spoofed: tuple[Network, ...]
    syn_rate: int
    syn_burst: int
    log_rate: int


def change_firewall(module: AnsibleModule) -> None:
    """Makes the firewall as the module's parameters say, and ends the module."""
    end(module, lambda: _changed_firewall(module), needs_root=NEEDS_ROOT)


def _changed_firewall(module: AnsibleModule) -> dict[str, Any]:
    ruleset = read_firewall(module.params)
    undo = Undo(Switch(module, "firewall"), module.params["undo_after"])
    results = change_rules(module, ruleset, PURPOSE, undo)
    return {**results, "undo": undo.switch.timer if undo.switch.is_armed() else None}


def read_firewall(options: Mapping[str, Any]) -> Ruleset:
    """The rules that the options describe. Raises MistakesError."""
    reader = Reader()
    burst = options["syn_burst"]
    firewall = Firewall(
        external=reader.interfaces("external_interfaces", options["external_interfaces"]),
        trusted=reader.interfaces("trusted_interfaces", options["trusted_interfaces"]),
        services=tuple(_services(reader, options["services"])),
        others=tuple(_others(reader, options)),
        forward_sources=reader.networks("forward_sources", options["forward_sources"]),
        spoofed=_spoofed(reader, options["spoofed_sources"]),
        syn_rate=reader.number("syn_rate", options["syn_rate"], 0, 10000),
        syn_burst=2 * options["syn_rate"] if burst is None else reader.number("syn_burst", burst, 1, 20000),
        log_rate=reader.number("log_rate", options["log_rate"], 0, 1000),
    )
    reader.number("undo_after", options["undo_after"], 0, 3600)
    reader.finish()
    if options["state"] == "absent":
        return Ruleset(NAME, CHAINS)
    rules = (*_spoofed_rules(firewall), *_input_rules(firewall), *_forward_rules(firewall))
    extras = tuple(_counting(family) for family in _COUNTED) if firewall.syn_rate else ()
    return Ruleset(NAME, CHAINS, rules, extras)


def _services(reader: Reader, entries: Sequence[Mapping[str, Any]]) -> Iterator[Taken]:
    for place, entry in enumerate(entries):
        path = f"services[{place}]"
        vip = reader.address(f"{path}.address", entry["address"])
        ports = reader.ports(f"{path}.ports", entry["protocol"], entry["ports"] or ())
        if vip is not None:
            yield Taken(entry["protocol"], ports, destinations=(vip,))


def _others(reader: Reader, options: Mapping[str, Any]) -> Iterator[Taken]:
    peers = reader.addresses("vrrp_peers", options["vrrp_peers"])
    if peers:
        yield Taken(_VRRP, (), sources=peers)
    sync = options["sync"]
    if sync:
        yield Taken(
            "udp",
            (reader.port("sync.port", sync["port"]),),
            sources=reader.addresses("sync.peers", sync["peers"] or ()),
            interfaces=(reader.interface("sync.interface", sync["interface"]),),
        )
    ssh = reader.port("ssh_port", options["ssh_port"])
    sources = reader.networks("ssh_sources", options["ssh_sources"])
    if sources:
        yield Taken("tcp", (ssh,), sources=sources)
    for place, entry in enumerate(options["accept"]):
        path = f"accept[{place}]"
        ports = reader.ports(f"{path}.ports", entry["protocol"], entry["ports"] or ())
        yield Taken(entry["protocol"], ports, sources=reader.networks(f"{path}.sources", entry["sources"] or ()))


def _spoofed(reader: Reader, texts: Sequence[str]) -> tuple[Network, ...]:
    networks = reader.networks("spoofed_sources", texts)
    for network in networks:
        for needed in (_LINK_LOCAL, _UNSPECIFIED):
            if network.version == 6 and network.overlaps(needed):
                reader.wrong(
                    "spoofed_sources",
                    f"{network} has addresses of {needed}, from which neighbours are discovered in IPv6. Leave it out.",
                )
    return networks


def _spoofed_rules(firewall: Firewall) -> Iterator[Rule]:
    if firewall.external:
        for family, networks in matches.families(firewall.spoofed):
            found = (matches.comes_in(firewall.external), matches.source(networks))
            yield Rule("spoofed", found, DROP, family)


def _input_rules(firewall: Firewall) -> Iterator[Rule]:
    yield Rule("input", (matches.comes_in(["lo", *firewall.trusted]),), PASS)
    if firewall.syn_rate:
        for family in _COUNTED:
            too_many = _too_many(family, firewall.syn_rate, firewall.syn_burst)
            yield Rule("input", (matches.of_family(family), matches.new_tcp(), too_many), DROP, family)
    for service in firewall.services:
        yield from _taken_rules(service)
    for family, types in _ECHO_REQUEST.items():
        # Before answers are taken: the second ping of many would be one.
        echo = matches.icmp(family, types)
        yield Rule("input", (echo, matches.at_most(_ECHO, _ECHO_BURST)), PASS, family)
        yield Rule("input", (echo,), DROP, family)
    yield Rule("input", (matches.answers(),), PASS)
    for family, types in _ICMP.items():
        yield Rule("input", (matches.icmp(family, types),), PASS, family)
    # A switch that watches who listens to multicast (VRRP, synchronisation) asks by IGMP.
    yield Rule("input", (matches.of_family("ipv4"), matches.protocol(_NUMBERS["igmp"])), PASS, "ipv4")
    dhcp = (matches.source([_LINK_LOCAL]), matches.ports("udp", [(546, 546)]))
    yield Rule("input", dhcp, PASS, "ipv6")
    for other in firewall.others:
        yield from _taken_rules(other)
    yield from _rest("input", firewall)


def _forward_rules(firewall: Firewall) -> Iterator[Rule]:
    """Only what comes from an external interface is judged: all other forwarding is somebody else's affair."""
    if not firewall.external:
        return
    yield Rule("forward", (matches.comes_in(firewall.external),), _TO_OUTSIDE)
    yield Rule("outside", (matches.answers(),), PASS)
    # One-to-one mappings, and what others have translated: ports that containers publish.
    yield Rule("outside", (matches.redirected(),), PASS)
    for family, networks in matches.families(firewall.forward_sources):
        yield Rule("outside", (matches.source(networks),), PASS, family)
    yield from _rest("outside", firewall)


def _rest(chain: str, firewall: Firewall) -> Iterator[Rule]:
    if firewall.log_rate:
        limit = matches.at_most(f"{firewall.log_rate}/minute", _LOG_BURST)
        yield Rule(chain, (limit,), matches.log(LOG_PREFIX))
    yield Rule(chain, (), DROP)


def _taken_rules(taken: Taken) -> Iterator[Rule]:
    found: list[Match] = [matches.comes_in(taken.interfaces)] if taken.interfaces else []
    traffic = _traffic(taken)
    if taken.destinations:
        for family, networks in matches.families(taken.destinations):
            yield Rule("input", (*found, matches.destination(networks), *traffic), PASS, family)
    elif {str(network) for network in taken.sources} >= set(EVERYWHERE) or not taken.sources:
        yield Rule("input", (*found, *traffic), PASS)
    else:
        for family, networks in matches.families(taken.sources):
            yield Rule("input", (*found, matches.source(networks), *traffic), PASS, family)


def _traffic(taken: Taken) -> list[Match]:
    if taken.protocol == "all":
        return []
    if taken.protocol in ("tcp", "udp", "sctp"):
        return [matches.ports(taken.protocol, taken.ports)]
    return [matches.protocol(_NUMBERS.get(taken.protocol, taken.protocol))]


def _too_many(family: str, rate: int, burst: int) -> Match:
    """More than so many a second from one source."""
    _type, key = _COUNTED[family]
    mode = "--hashlimit-mode srcip" if family == "ipv4" else "--hashlimit-mode srcip --hashlimit-srcmask 64"
    # The numbers are part of the name: a new rule with the name of one that is there would count by the old numbers.
    name = f"lvs_cluster_syn_{rate}_{burst}"
    return Match(
        (f"update @{_set_name(family)} {{ {key} limit rate over {rate}/second burst {burst} packets }}",),
        (
            (
                f"-m hashlimit --hashlimit-above {rate}/second --hashlimit-burst {burst} {mode}"
                f" --hashlimit-name {name} --hashlimit-htable-max {_MOST_SOURCES} --hashlimit-htable-expire 10000"
            ),
        ),
    )


def _counting(family: str) -> Extra:
    kind, _key = _COUNTED[family]
    body = f"{{ type {kind}; size {_MOST_SOURCES}; flags dynamic,timeout; timeout 10s; }}"
    return Extra("set", _set_name(family), body)


def _set_name(family: str) -> str:
    return f"syn_{family}"
