# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Rules in the words of both back ends, as values: which chain, which packets, what becomes of them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Iterable, Iterator, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import Place


class Match(NamedTuple):
    """One condition in both languages. Where one of them has several alternatives, each becomes a rule of its own."""

    nftables: tuple[str, ...]
    iptables: tuple[str, ...]


class Verdict(NamedTuple):
    """What becomes of a packet, in both languages."""

    nftables: str
    iptables: str


class Rule(NamedTuple):
    """Packets of the address family (or of both) that meet all conditions get the verdict."""

    chain: str
    matches: tuple[Match, ...]
    verdict: Verdict
    family: str | None = None


class Chain(NamedTuple):
    """One of our chains. Without a hook only our own rules lead there."""

    name: str
    table: str  # of iptables
    hook: str = ""
    kind: str = "filter"  # these two in nftables
    priority: str = "filter"


class Extra(NamedTuple):
    """Something else in a table of nftables, made before the rules: ``set`` or ``ct helper``."""

    kind: str
    name: str
    body: str


@dataclasses.dataclass(frozen=True)
class Ruleset:
    """All rules of one purpose. ``name``: the table of nftables; in capitals the chains of iptables begin with it."""

    name: str
    chains: tuple[Chain, ...]  # all that there may be; those without rules are not made
    rules: tuple[Rule, ...] = ()
    extras: tuple[Extra, ...] = ()

    @property
    def used_chains(self) -> list[Chain]:
        """Those that have rules, in their order."""
        used = {rule.chain for rule in self.rules}
        return [chain for chain in self.chains if chain.name in used]

    @property
    def tables(self) -> list[str]:
        """The tables of iptables in which our chains may be."""
        return sorted({chain.table for chain in self.chains})

    def chain_name(self, chain: str) -> str:
        """The name of a chain in iptables (29 characters is the longest that it takes)."""
        return f"{self.name.upper()}_{chain.upper()}"


class Held(NamedTuple):
    """What one place holds of ours, as its program prints it, without what changes by itself."""

    place: Place
    text: str = ""
    complaint: str = ""  # why the place cannot be read


class Operation(NamedTuple):
    """One command as typed in a shell, and the line that says the same inside a transaction."""

    command: str
    line: str


class Transaction(NamedTuple):
    """Operations at one place, and the text that carries them all out."""

    place: Place
    operations: tuple[Operation, ...]
    text: str


def spelled_out(matches: Iterable[Match], backend: str) -> Iterator[list[str]]:
    """The conditions in the words of a back end, once for each combination of alternatives."""
    alternatives = [match.nftables if backend == "nftables" else match.iptables for match in matches]
    for words in itertools.product(*alternatives):
        yield [word for word in words if word]
