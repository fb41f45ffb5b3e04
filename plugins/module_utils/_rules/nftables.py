# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""A ruleset as one table of nftables of the family inet: commands for ``nft -f``, which carries out all or nothing."""

from __future__ import annotations

import shlex

from ansible_collections.lvs.cluster.plugins.module_utils._rules.model import Operation, Ruleset, spelled_out


def operations(ruleset: Ruleset, *, exists: bool) -> tuple[Operation, ...]:
    """What makes the table, or makes it anew, or removes it when there are no rules."""
    table = ("inet", ruleset.name)
    gone = [_operation("delete", "table", *table)] if exists else []
    return (*gone, *_making(ruleset))


def boot_file(ruleset: Ruleset) -> str:
    """A complete file for ``nft -f`` that makes our table anew, whatever is there; nothing for no rules."""
    return transaction_text((*_emptying(ruleset.name), *_making(ruleset))) if ruleset.rules else ""


def restoring_text(name: str, printed: str) -> str:
    """What ``nft -f`` reads to make the table as it was when it was printed; nothing printed: that it goes."""
    return transaction_text(_emptying(name)) + printed


def transaction_text(operations: tuple[Operation, ...]) -> str:
    """What ``nft -f`` reads."""
    return "".join(f"{operation.line}\n" for operation in operations)


def _emptying(name: str) -> tuple[Operation, ...]:
    """The table is gone afterwards, whether it was there or not."""
    return (_operation("add", "table", "inet", name), _operation("delete", "table", "inet", name))


def _making(ruleset: Ruleset) -> list[Operation]:
    if not ruleset.rules:
        return []
    table = ("inet", ruleset.name)
    chains = [
        (chain.name, f"{{ type {chain.kind} hook {chain.hook.lower()} priority {chain.priority}; policy accept; }}")
        if chain.hook
        else (chain.name,)
        for chain in ruleset.used_chains
    ]
    return [
        _operation("add", "table", *table),
        *(_operation("add", extra.kind, *table, extra.name, extra.body) for extra in ruleset.extras),
        *(_operation("add", "chain", *table, *chain) for chain in chains),
        *(
            _operation("add", "rule", *table, rule.chain, " ".join([*words, rule.verdict.nftables]))
            for rule in ruleset.rules
            for words in spelled_out(rule.matches, "nftables")
        ),
    ]


def _operation(*words: str) -> Operation:
    return Operation(" ".join(shlex.quote(word) for word in ("nft", *words)), " ".join(words))
