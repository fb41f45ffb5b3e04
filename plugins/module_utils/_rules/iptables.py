# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""A ruleset as chains of iptables: text for ``iptables-restore --noflush``, and what ``iptables-save`` says of them.

What is ours: the chains whose names begin with the ruleset's, and the unconditional jumps there from the kernel's own
chains. Each address family and each table has a transaction of its own.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Iterable

from ansible_collections.lvs.cluster.plugins.module_utils._rules.model import Operation, Rule, Ruleset, spelled_out
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import Place

_JUMP = re.compile(r"-A (?P<hook>PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) -j (?P<chain>\S+)")


@dataclasses.dataclass
class _Table:
    """Our part of one table: each chain's rules, and the jumps there, each as hook and chain."""

    chains: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    jumps: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def held_text(name: str, saved: str) -> str:
    """What is ours of what iptables-save said, in one order whatever order the chains were made in."""
    return _spelled(_read(saved, prefix=f"{name.upper()}_"))


def desired_text(ruleset: Ruleset, family: str) -> str:
    """What ``iptables-restore --noflush`` reads where nothing of ours is; nothing for no rules of the family."""
    tables: dict[str, _Table] = {}
    rules: dict[str, list[Rule]] = {}
    for rule in ruleset.rules:
        if rule.family in (None, family):
            rules.setdefault(rule.chain, []).append(rule)
    for chain in ruleset.chains:
        if chain.name in rules:
            table = tables.setdefault(chain.table, _Table())
            table.chains[ruleset.chain_name(chain.name)] = [
                " ".join([*words, rule.verdict.iptables])
                for rule in rules[chain.name]
                for words in spelled_out(rule.matches, "iptables")
            ]
            table.jumps += [(chain.hook, ruleset.chain_name(chain.name))] if chain.hook else []
    return _loadable(tables)


def restoring_text(printed: str) -> str:
    """What ``iptables-restore --noflush`` reads to bring back what ``held_text`` said, where nothing of ours is."""
    return _loadable(_read(printed, prefix=""))


def emptying_lines(place: Place, ruleset: Ruleset, tables: Iterable[str]) -> list[str]:
    """Lines for ``/bin/sh`` after which nothing of ours is in these tables, whatever was there."""
    command = f"{place.program} --wait=60 -t"
    chains = [chain for chain in ruleset.chains if chain.table in set(tables)]
    jumps = [
        f"{command} {chain.table} -D {chain.hook} -j {ruleset.chain_name(chain.name)}" for chain in chains if chain.hook
    ]
    lines = [f"while {jump} 2>/dev/null; do :; done" for jump in jumps]
    for option in ("-F", "-X"):
        lines += [
            f"{command} {each.table} {option} {ruleset.chain_name(each.name)} 2>/dev/null || :" for each in chains
        ]
    return lines


def tables_of(printed: str) -> list[str]:
    """The tables in which something of ours is."""
    return list(_read(printed, prefix=""))


def operations(place: Place, present: str, desired: str) -> tuple[tuple[Operation, ...], str]:
    """What leads from what is there to what shall be, both as ``held_text`` says it; and the text that does it."""
    before, after = _read(present, prefix=""), _read(desired, prefix="")
    done: list[Operation] = []
    text: list[str] = []
    for name in sorted({*before, *after}):
        lines = _changes(before.get(name, _Table()), after.get(name, _Table()))
        if lines:
            done += [Operation(f"{place.program} -t {name} {line}", line) for line in lines]
            text += [f"*{name}", *lines, "COMMIT"]
    return tuple(done), "".join(f"{line}\n" for line in text)


def _changes(before: _Table, after: _Table) -> list[str]:
    """Command lines; what stays is not touched."""
    changed = [chain for chain, rules in after.chains.items() if before.chains.get(chain) != rules]
    gone = [chain for chain in before.chains if chain not in after.chains]
    missing, surplus = list(after.jumps), list(before.jumps)
    for jump in after.jumps:
        if jump in surplus:
            surplus.remove(jump)
            missing.remove(jump)
    return [
        *(f"-N {chain}" for chain in changed if chain not in before.chains),
        *(f"-F {chain}" for chain in changed if chain in before.chains),
        *(f"-A {chain} {rule}" for chain in changed for rule in after.chains[chain]),
        # In front of other people's rules, as the priorities of nftables have it.
        *(f"-I {hook} -j {chain}" for hook, chain in missing),
        *(f"-D {hook} -j {chain}" for hook, chain in surplus),
        *(f"-F {chain}" for chain in gone),
        *(f"-X {chain}" for chain in gone),
    ]


def _read(saved: str, *, prefix: str) -> dict[str, _Table]:
    tables: dict[str, _Table] = {}
    table = _Table()
    for line in saved.splitlines():
        word, _space, rest = line.partition(" ")
        if word.startswith("*"):
            table = tables.setdefault(word[1:], _Table())
        elif word.startswith(f":{prefix}"):
            table.chains.setdefault(word[1:], [])
        elif word == "-A":
            jump = _JUMP.fullmatch(line)
            chain, _space, rule = rest.partition(" ")
            if jump and jump.group("chain").startswith(prefix):
                table.jumps.append((jump.group("hook"), jump.group("chain")))
            elif not jump and chain.startswith(prefix):
                table.chains.setdefault(chain, []).append(rule)
    return {name: each for name, each in sorted(tables.items()) if each.chains or each.jumps}


def _spelled(tables: dict[str, _Table]) -> str:
    lines: list[str] = []
    for name, table in tables.items():
        lines.append(f"*{name}")
        for chain in sorted(table.chains):
            lines += [f":{chain} -", *(f"-A {chain} {rule}" for rule in table.chains[chain])]
        lines += [*(f"-A {hook} -j {chain}" for hook, chain in sorted(table.jumps)), "COMMIT"]
    return "".join(f"{line}\n" for line in lines)


def _loadable(tables: dict[str, _Table]) -> str:
    lines: list[str] = []
    for name, table in sorted(tables.items()):
        lines += [f"*{name}", *(f":{chain} - [0:0]" for chain in table.chains)]
        lines += [f"-A {chain} {rule}" for chain, rules in table.chains.items() for rule in rules]
        lines += [*(f"-I {hook} -j {chain}" for hook, chain in table.jumps), "COMMIT"]
    return "".join(f"{line}\n" for line in lines)
