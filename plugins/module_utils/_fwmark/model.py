# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Which packets get which firewall mark, as values: immutable, normalised, comparable.

A rule says: packets of this protocol to these ports of this VIP get this mark. One mark may have many rules. Two rules
with the same mark, address and protocol are one, see ``merged``.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Iterable, Iterator, NamedTuple, Sequence, Tuple

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import family_of, packed_address
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import Place
from ansible_collections.lvs.cluster.plugins.module_utils._task.error import TaskError

OWNED = "lvs_cluster_fwmark"  # the table of nftables; in capitals the chain of iptables
PortRange = Tuple[int, int]  # first and last, both included
EVERY_PORT: PortRange = (0, 65535)


class FwmarkError(TaskError):
    """What cannot be done about packet marks."""


class RuleKey(NamedTuple):
    """What makes a rule the same rule. The address is in its one spelling."""

    mark: int
    address: str
    protocol: str

    def sorting(self) -> tuple[int, int, bytes, str]:
        packed = packed_address(self.address)
        return (self.mark, len(packed), packed, self.protocol)


class Rule(NamedTuple):
    """Packets of ``protocol`` to ``ports`` of ``address`` get ``mark``. Ports are sorted and do not touch."""

    mark: int
    address: str
    protocol: str
    ports: tuple[PortRange, ...] = (EVERY_PORT,)

    @property
    def key(self) -> RuleKey:
        return RuleKey(*self[:3])

    @property
    def family(self) -> str:
        return family_of(self.address)

    def as_options(self) -> dict[str, Any]:
        """The rule in the names and shapes of the module's options; all ports are no list."""
        ports = None if self.ports == (EVERY_PORT,) else [spelled(each) for each in self.ports]
        return {"mark": self.mark, "address": self.address, "protocol": self.protocol, "ports": ports}


Rules = Tuple[Rule, ...]  # what ``merged`` returns


class Overlap(NamedTuple):
    """Ports that two rules of different marks both claim."""

    first: Rule
    second: Rule
    ports: PortRange


def rules_of(place: Place, rules: Iterable[Rule]) -> Rules:
    """Those of the rules that belong into the place."""
    return tuple(rule for rule in rules if place.family in (None, rule.family))


@dataclasses.dataclass(frozen=True)
class Held:
    """What one place holds of ours. ``is_intact``: exactly as we would write it, nothing missing, nothing added."""

    place: Place
    rules: Rules = ()
    exists: bool = False
    is_intact: bool = True
    jumps: int = 0  # from PREROUTING into our chain, where the back end needs one
    complaint: str = ""  # why the place cannot be read


class Operation(NamedTuple):
    """One command as typed in a shell, and the line that says the same inside a transaction."""

    command: str
    line: str


class Transaction(NamedTuple):
    """Operations that the kernel carries out at one place all together or not at all."""

    place: Place
    operations: tuple[Operation, ...]


def spelled(ports: PortRange) -> str:
    """A port or a range of ports as the option ``ports`` has it."""
    first, last = ports
    return str(first) if first == last else f"{first}:{last}"


def merged(rules: Iterable[Rule]) -> Rules:
    """The rules in their one order, ports of the same mark, address and protocol together."""
    ports: dict[RuleKey, list[PortRange]] = {}
    for rule in rules:
        ports.setdefault(rule.key, []).extend(rule.ports)
    return tuple(Rule(*key, ports=merged_ports(ports[key])) for key in sorted(ports, key=RuleKey.sorting))


def merged_ports(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """Ranges sorted; what overlaps or touches is one."""
    found: list[PortRange] = []
    for first, last in sorted(ports):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def without_ports(ports: Iterable[PortRange], removed: Sequence[PortRange]) -> tuple[PortRange, ...]:
    """What is left of the ranges when others are taken out."""
    left = list(ports)
    for start, end in removed:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, start - 1)), (max(first, end + 1), last))
            if part[0] <= part[1]
        ]
    return merged_ports(left)


def overlaps(rules: Iterable[Rule]) -> Iterator[Overlap]:
    """Pairs of rules of different marks that claim the same ports of the same address, each range of ports once."""
    claims: dict[tuple[str, str], list[tuple[PortRange, Rule]]] = {}
    for rule in rules:
        claims.setdefault((rule.address, rule.protocol), []).extend((ports, rule) for ports in rule.ports)
    for claimed in claims.values():
        reaching: list[tuple[PortRange, Rule]] = []
        for ports, rule in sorted(claimed):
            reaching = [(other, owner) for other, owner in reaching if other[1] >= ports[0]]
            for other, owner in reaching:
                if owner.mark != rule.mark:
                    yield Overlap(owner, rule, (ports[0], min(ports[1], other[1])))
            reaching.append((ports, rule))
