# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""From the options of ``fwmark`` and the rules that are there to those that shall be, or to all mistakes at once."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import Any, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import (
    EVERY_PORT,
    Overlap,
    PortRange,
    Rule,
    RuleKey,
    Rules,
    merged,
    merged_ports,
    overlaps,
    spelled,
    without_ports,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import MistakesError
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    MOST_U32,
    ModelError,
    normal_address,
    whole_number,
)

DEFAULT_PROTOCOL = "tcp"
_PORTS = re.compile(r"([0-9]{1,5})(?:\s*[:-]\s*([0-9]{1,5}))?")


@dataclasses.dataclass(frozen=True)
class Entry:
    """Options of one mark. ``path`` leads to them in the task (``marks[2]``). What is None was not given."""

    path: str
    mark: int
    address: str | None = None
    protocol: str | None = None
    ports: tuple[PortRange, ...] | None = None

    def rule(self) -> Rule:
        """The rule that shall be there. Only for an entry with an address."""
        return Rule(self.mark, str(self.address), self.protocol or DEFAULT_PROTOCOL, self.ports or (EVERY_PORT,))

    def without(self, rule: Rule) -> Rule | None:
        """What is left of a rule when all that the entry names is taken away; what is not given matches all."""
        named = (self.mark, self.address or rule.address, self.protocol or rule.protocol)
        if named != rule.key:
            return rule
        left = without_ports(rule.ports, self.ports or (EVERY_PORT,))
        return rule._replace(ports=left) if left else None


@dataclasses.dataclass(frozen=True)
class Request:
    """What a task wants of our rules: some present, beside or instead of (``purge``) all others, or some absent.

    ``mistakes`` are those of the options alone; they are kept for ``desired``, to come all at once.
    """

    entries: tuple[Entry, ...]
    absent: bool = False
    purge: bool = False
    mistakes: tuple[str, ...] = ()

    def desired(self, present: Rules) -> Rules:
        """The rules that shall be, from those that are there. Raises MistakesError with every mistake."""
        mistakes = list(self.mistakes)
        if self.absent:
            found = self._without_entries(present)
        else:
            described: dict[RuleKey, Entry] = {}
            for entry in self.entries:
                described.setdefault(entry.rule().key, entry)
            kept = () if self.purge else [rule for rule in present if rule.key not in described]
            found = merged([*(entry.rule() for entry in described.values()), *kept])
            mistakes += _overlap_sentences(found, described)
        if mistakes:
            raise MistakesError(mistakes)
        return found

    def _without_entries(self, present: Rules) -> Rules:
        left: Sequence[Rule] = present
        for entry in self.entries:
            left = [rest for rule in left for rest in [entry.without(rule)] if rest is not None]
        return merged(left)


def read_request(parameters: Mapping[str, Any]) -> Request:
    """The request in the module's options."""
    absent, purge, marks = parameters["state"] == "absent", parameters["purge"], parameters["marks"]
    mistakes = []
    if purge and absent:
        mistakes.append(
            "purge: It says that nothing is to stay beside marks, so it does not go with state: absent."
            " For no marks at all, give purge: true and an empty list of marks."
        )
    elif purge and marks is None:
        mistakes.append("purge: It needs marks, the list of all marks that are to stay.")
    described = [("", parameters)] if marks is None else [(f"marks[{i}]", each) for i, each in enumerate(marks)]
    entries: dict[RuleKey | str, Entry] = {}
    for path, options in described:
        wrong: list[str] = []
        entry = _read_entry(path, options, wrong, needs_address=not absent)
        key = path if entry is None or absent else entry.rule().key
        if key in entries:
            wrong.append(
                f"{_of(entries[key].rule())} with mark {entries[key].mark} is described already, as"
                f" {entries[key].path}. Make one of the two."
            )
        elif entry is not None:
            entries[key] = entry
        mistakes += [f"{path}: {sentence}" if path else sentence for sentence in wrong]
    return Request(tuple(entries.values()), absent=absent, purge=purge, mistakes=tuple(mistakes))


def _read_entry(path: str, options: Mapping[str, Any], wrong: list[str], *, needs_address: bool) -> Entry | None:
    """The entry, or None; what is wrong with it is appended to ``wrong``."""
    before = len(wrong)
    mark, address = 0, None
    try:
        mark = whole_number(options["mark"], 1, MOST_U32, "The mark")
    except ModelError as error:
        wrong.append(str(error))
    of_mark = f"of mark {mark or options['mark']}"
    try:
        if options["address"] is not None:
            address = _vip(options["address"], of_mark)
        elif needs_address:
            wrong.append(f"The address {of_mark} is missing. Give the VIP that clients use.")
    except ModelError as error:
        wrong.append(str(error))
    ports = None if options["ports"] is None else _read_ports(options["ports"], of_mark, wrong)
    return Entry(path, mark, address, options["protocol"], ports) if len(wrong) == before else None


def _vip(text: str, of_mark: str) -> str:
    address = normal_address(text, what=f"The address {of_mark}")
    parsed = ipaddress.ip_address(address)
    # The IPv6 forms of IPv4 addresses (the first 96 bits are 0, or mapped) reach no network.
    is_ipv4_inside = parsed.version == 6 and (int(parsed) >> 32 == 0 or parsed.ipv4_mapped is not None)
    if parsed.is_unspecified or parsed.is_multicast or is_ipv4_inside:
        raise ModelError(f"The address {of_mark} must be a VIP, the address of one machine, got {address}.")
    return address


def _read_ports(texts: Sequence[str], of_mark: str, wrong: list[str]) -> tuple[PortRange, ...] | None:
    """The ports, or None; what is wrong with them is appended to ``wrong``."""
    if not texts:
        wrong.append(f"The list of ports {of_mark} is empty. Leave ports out when all ports are meant.")
    found: list[PortRange] = []
    for text in texts:
        numbers = _PORTS.fullmatch(text.strip())
        first, last = (int(numbers.group(1)), int(numbers.group(2) or numbers.group(1))) if numbers else (1, 0)
        if not first <= last <= 65535:
            wrong.append(
                f'A port {of_mark} must be a number from 1 to 65535 or a range such as "10000:20000",'
                f" the lower one first, got {text!r}."
            )
        elif last == 0:
            wrong.append(f"Port 0 {of_mark} does not stand for all ports here. Leave ports out when these are meant.")
        else:
            found.append((first, last))
    return merged_ports(found) if found else None


def _overlap_sentences(rules: Rules, described: Mapping[RuleKey, Entry]) -> list[str]:
    """Sentences about packets that two marks claim, each with the path to the mark that was described later."""
    places = {key: place for place, key in enumerate(described)}
    return [_overlap_sentence(overlap, described, places) for overlap in overlaps(rules)]


def _overlap_sentence(overlap: Overlap, described: Mapping[RuleKey, Entry], places: Mapping[RuleKey, int]) -> str:
    # What is there already comes first, then what is described, in its order.
    other, this = sorted((overlap.first, overlap.second), key=lambda rule: places.get(rule.key, -1))
    here, there = described.get(this.key), described.get(other.key)
    path = f"{here.path}: " if here and here.path else ""
    ports = spelled(overlap.ports)
    claim = f"Port{'s' if ':' in ports else ''} {ports} of {_of(this)} cannot have mark {this.mark}:"
    if there is None:
        return (
            f"{path}{claim} on this host mark {other.mark} has it already. Take it from mark {other.mark} first"
            " (state: absent), or describe both marks in one task (marks)."
        )
    return f"{path}{claim} {there.path} gives it mark {other.mark}, and a packet has one mark. Take it out of one."


def _of(rule: Rule) -> str:
    return f"{rule.protocol}/{rule.address}"
