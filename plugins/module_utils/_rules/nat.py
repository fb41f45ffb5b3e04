# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Address translation on a director: what is masqueraded, mapped one to one, translated for local clients, and helped.

IPVS translates balanced connections itself, and must not be disturbed. Packets that it forwards without conntrack
(``net.ipv4.vs.conntrack=0``) carry no connection, and the chains of nat are not asked about them. With conntrack they
are asked about its first packet. An answer that IPVS has translated comes from the VIP by then, so no rule about real
servers' addresses meets it; and a packet to a real server goes where nothing is masqueraded to.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import PortRange
from ansible_collections.lvs.cluster.plugins.module_utils._rules import matches
from ansible_collections.lvs.cluster.plugins.module_utils._rules.change import Purpose, change_rules
from ansible_collections.lvs.cluster.plugins.module_utils._rules.matches import MASQUERADE, Network
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

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

NAME = "lvs_cluster_nat"
_NEEDS_ROOT = "Only root may change this host's address translation. Run the task with become: true."
PURPOSE = Purpose("address translation", "translate addresses")
# A little before the usual priorities: the first translation of a connection counts, and ours are about few addresses.
CHAINS = (
    Chain("helpers", "raw", "PREROUTING", "filter", "mangle"),
    Chain("prerouting", "nat", "PREROUTING", "nat", "dstnat - 10"),
    Chain("postrouting", "nat", "POSTROUTING", "nat", "srcnat - 10"),
)
_L3 = {4: "ip", 6: "ip6"}


@dataclasses.dataclass(frozen=True)
class Masquerade:
    """What comes from ``source`` and goes elsewhere, but not out of one interface."""

    source: Network
    not_out: str | None


@dataclasses.dataclass(frozen=True)
class OneToOne:
    """All traffic of two addresses, or connections to some ports: to those of ``external``, and from ``internal``."""

    external: Network
    internal: Network
    protocol: str | None
    ports: tuple[PortRange, ...]
    interface: str | None


@dataclasses.dataclass(frozen=True)
class Balanced:
    """Connections to a VIP; no protocol, no ports: all."""

    vip: Network
    protocol: str | None
    ports: tuple[PortRange, ...]


@dataclasses.dataclass(frozen=True)
class SourceNat:
    """Balanced connections that come from ``source``, the real servers' own network."""

    source: Network
    balanced: tuple[Balanced, ...]


@dataclasses.dataclass(frozen=True)
class Helped:
    """Connections that a helper of conntrack follows."""

    helper: str
    address: Network
    protocol: str
    port: PortRange


def change_nat(module: AnsibleModule) -> None:
    """Makes the address translation as the module's parameters say, and ends the module."""
    end(module, lambda: change_rules(module, read_nat(module.params), PURPOSE), needs_root=_NEEDS_ROOT)


def read_nat(options: Mapping[str, Any]) -> Ruleset:
    """The rules that the options describe. Raises MistakesError."""
    reader = Reader()
    masquerades = list(_masquerades(reader, options["masquerade"]))
    mappings = list(_mappings(reader, options["mappings"]))
    source_nats = list(_source_nats(reader, options["source_nat"]))
    helped = list(_helped(reader, options["helpers"]))
    reader.finish()
    if options["state"] == "absent":
        return Ruleset(NAME, CHAINS)
    rules = [
        *_helper_rules(helped),
        *(_inwards(each) for each in mappings),
        # Balanced connections first: a mapped machine may be a client of its neighbours, too.
        *(rule for each in source_nats for rule in _source_nat_rules(each)),
        *(_outwards(each) for each in mappings),
        *(_masquerade_rule(each) for each in masquerades),
    ]
    extras = {_helper_object(each) for each in helped}
    return Ruleset(NAME, CHAINS, tuple(rules), tuple(sorted(extras)))


def _masquerades(reader: Reader, entries: Sequence[Mapping[str, Any]]) -> Iterator[Masquerade]:
    for place, entry in enumerate(entries):
        path = f"masquerade[{place}]"
        source = reader.network(f"{path}.source", entry["source"])
        not_out = entry["not_out"] and reader.interface(f"{path}.not_out", entry["not_out"])
        if source is not None:
            yield Masquerade(source, not_out or None)


def _mappings(reader: Reader, entries: Sequence[Mapping[str, Any]]) -> Iterator[OneToOne]:
    seen: dict[tuple[str, str], list[tuple[str, OneToOne]]] = {}
    for place, entry in enumerate(entries):
        path = f"mappings[{place}]"
        external = reader.address(f"{path}.external", entry["external"])
        internal = reader.address(f"{path}.internal", entry["internal"])
        ports = reader.ports(f"{path}.ports", entry["protocol"], entry["ports"] or ())
        interface = entry["interface"] and reader.interface(f"{path}.interface", entry["interface"])
        if external is None or internal is None:
            continue
        if external.version != internal.version:
            reader.wrong(path, "external and internal must be of one address family.")
            continue
        mapping = OneToOne(external, internal, entry["protocol"], ports, interface or None)
        for side, address in (("external", external), ("internal", internal)):
            others = seen.setdefault((side, str(address)), [])
            other = next((name for name, each in others if _overlaps(each, mapping)), None)
            if other:
                reader.wrong(path, f"{other} maps the same traffic of {side} {entry[side]} already. Make them one.")
            others.append((path, mapping))
        yield mapping


def _overlaps(one: OneToOne, other: OneToOne) -> bool:
    if one.protocol and other.protocol and one.protocol != other.protocol:
        return False
    if not one.ports or not other.ports:
        return True
    return any(first <= end and start <= last for first, last in one.ports for start, end in other.ports)


def _source_nats(reader: Reader, entries: Sequence[Mapping[str, Any]]) -> Iterator[SourceNat]:
    for place, entry in enumerate(entries):
        path = f"source_nat[{place}]"
        source = reader.network(f"{path}.source", entry["source"])
        balanced = []
        for number, each in enumerate(entry["vips"]):
            inner = f"{path}.vips[{number}]"
            vip = reader.address(f"{inner}.address", each["address"])
            ports = reader.ports(f"{inner}.ports", each["protocol"], each["ports"] or ())
            if vip is not None and source is not None and vip.version != source.version:
                reader.wrong(inner, f"The VIP must be of the address family of source, got {each['address']}.")
            elif vip is not None:
                balanced.append(Balanced(vip, each["protocol"], ports))
        if source is not None:
            yield SourceNat(source, tuple(balanced))


def _helped(reader: Reader, entries: Sequence[Mapping[str, Any]]) -> Iterator[Helped]:
    for place, entry in enumerate(entries):
        path = f"helpers[{place}]"
        address = reader.address(f"{path}.address", entry["address"])
        port = reader.port(f"{path}.port", entry["port"])
        if address is not None:
            yield Helped(entry["helper"], address, entry["protocol"], port)


def _masquerade_rule(masquerade: Masquerade) -> Rule:
    source = masquerade.source
    found = [matches.source([source]), matches.destination_not(source)]
    if masquerade.not_out:
        found.append(matches.goes_not_out(masquerade.not_out))
    return Rule("postrouting", tuple(found), MASQUERADE, f"ipv{source.version}")


def _inwards(mapping: OneToOne) -> Rule:
    found = [matches.comes_in([mapping.interface])] if mapping.interface else []
    found += [matches.destination([mapping.external]), *_traffic(mapping.protocol, mapping.ports)]
    address = mapping.internal.network_address
    verdict = Verdict(f"dnat {_L3[address.version]} to {address}", f"-j DNAT --to-destination {address}")
    return Rule("prerouting", tuple(found), verdict, f"ipv{address.version}")


def _outwards(mapping: OneToOne) -> Rule:
    found = [matches.goes_out(mapping.interface)] if mapping.interface else []
    found += [matches.source([mapping.internal]), *_traffic(mapping.protocol, mapping.ports)]
    address = mapping.external.network_address
    verdict = Verdict(f"snat {_L3[address.version]} to {address}", f"-j SNAT --to-source {address}")
    return Rule("postrouting", tuple(found), verdict, f"ipv{address.version}")


def _traffic(protocol: str | None, ports: Sequence[PortRange]) -> list[Match]:
    return [matches.ports(protocol, ports)] if protocol else []


def _source_nat_rules(source_nat: SourceNat) -> Iterator[Rule]:
    for each in source_nat.balanced:
        # What nftables knows of IPVS is the connection: it began as one to the VIP. A packet that leaves this host and
        # belongs to such a connection was forwarded by IPVS. iptables has a match of its own for IPVS, but this one
        # says the same in both.
        sent = matches.first_sent_to(each.vip, each.protocol, each.ports)
        yield Rule("postrouting", (matches.source([source_nat.source]), sent), MASQUERADE, f"ipv{each.vip.version}")


def _helper_rules(helped: Sequence[Helped]) -> Iterator[Rule]:
    for each in helped:
        found = (matches.destination([each.address]), matches.ports(each.protocol, [each.port]))
        verdict = Verdict(f'ct helper set "{_helper_name(each)}"', f"-j CT --helper {each.helper}")
        yield Rule("helpers", found, verdict, f"ipv{each.address.version}")


def _helper_name(helped: Helped) -> str:
    return f"{helped.helper}_{helped.protocol}_{_L3[helped.address.version]}"


def _helper_object(helped: Helped) -> Extra:
    kind = f'{{ type "{helped.helper}" protocol {helped.protocol}; l3proto {_L3[helped.address.version]}; }}'
    return Extra("ct helper", _helper_name(helped), kind)
