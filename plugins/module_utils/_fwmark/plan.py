# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""From what every place holds and the rules that shall be to one transaction for each place that changes."""

from __future__ import annotations

from typing import Collection, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark import iptables, nftables
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import (
    Held,
    Operation,
    Rules,
    Transaction,
    merged,
    rules_of,
    without_ports,
)
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import NFTABLES, Place


def plan(held: Sequence[Held], chosen: Collection[Place], desired: Rules) -> list[Transaction]:
    """The transactions, in their order: the chosen places get the rules first, then all others lose theirs."""
    ordered = sorted(held, key=lambda each: each.place not in chosen)
    planned = []
    for each in ordered:
        operations = _operations(each, rules_of(each.place, desired) if each.place in chosen else ())
        if operations:
            planned.append(Transaction(each.place, operations))
    return planned


def restoring(held: Sequence[Held], before: Sequence[Held]) -> list[Transaction]:
    """The transactions that give every place the rules again that it had before."""
    rules = {each.place: each.rules for each in before}
    planned = [Transaction(each.place, _operations(each, rules.get(each.place, ()))) for each in held]
    return [transaction for transaction in planned if transaction.operations]


def present_rules(held: Sequence[Held]) -> Rules:
    """All rules that are there. Where two places give a packet different marks, the place named first counts."""
    found: Rules = ()
    for each in held:
        claimed: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for rule in found:
            claimed.setdefault((rule.address, rule.protocol), []).extend(rule.ports)
        others = [
            rule._replace(ports=without_ports(rule.ports, claimed.get((rule.address, rule.protocol), ())))
            for rule in each.rules
        ]
        found = merged([*found, *(rule for rule in others if rule.ports)])
    return found


def transaction_text(transaction: Transaction) -> str:
    """What the place's program reads, all or nothing."""
    is_nft = transaction.place == NFTABLES
    text_of = nftables.transaction_text if is_nft else iptables.transaction_text
    return text_of(transaction.operations)


def boot_files(backend: str | None, rules: Rules) -> Mapping[str, str]:
    """What a boot unit loads: by the name of the program's family, a text or nothing."""
    return {
        "nftables": nftables.boot_file(rules) if backend == "nftables" else "",
        "iptables": iptables.boot_file(rules, "ipv4") if backend == "iptables" else "",
        "ip6tables": iptables.boot_file(rules, "ipv6") if backend == "iptables" else "",
    }


def _operations(held: Held, desired: Rules) -> tuple[Operation, ...]:
    return nftables.operations(held, desired) if held.place == NFTABLES else iptables.operations(held, desired)
