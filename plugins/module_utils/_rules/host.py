# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""What the programs of this host say about a ruleset, and what they are given: the only input and output of this room.

How a program spells rules is its own affair and changes with its version. So nothing is parsed for comparison: what
shall be is loaded into an empty network namespace, and what the program prints there is compared with what it prints
here. That is a trial by the kernel itself at the same time.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._rules import iptables, nftables
from ansible_collections.lvs.cluster.plugins.module_utils._rules.model import Held, Ruleset, Transaction
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import (
    FAMILIES,
    NFTABLES,
    Place,
    Programs,
    RefusedError,
    Variant,
)
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import clause

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_IPV6 = Path("/proc/net/if_inet6")  # is there where the kernel has IPv6


class Host:
    """What can hold the ruleset on this host. ``what`` it is (``address translation``) is for sentences."""

    def __init__(self, module: AnsibleModule, ruleset: Ruleset, *, what: str) -> None:
        self._programs = Programs(
            module,
            needs_root=(
                f"Only root may read and change this host's {what} (capability CAP_NET_ADMIN, and CAP_SYS_ADMIN for the"
                " network namespace in which the rules are tried first). Run the task with become: true."
            ),
        )
        self._ruleset = ruleset
        self.variants = self._programs.variants

    def read(self) -> list[Held]:
        """What each place holds."""
        tables, complaint = self._tables_of_nftables()
        return [
            self._held_by_nftables(tables, complaint) if place == NFTABLES else self._held_by_iptables(place, tables)
            for variant in self.variants
            for place in variant
        ]

    def desired(self, variant: Variant) -> dict[Place, str]:
        """What each place of the variant would print if it held the rules. Raises RefusedError when it can't."""
        if variant == (NFTABLES,):
            text = nftables.boot_file(self._ruleset)
            return {NFTABLES: self._tried(NFTABLES, text, self._printing_nftables())}
        found = {}
        for family in self._families():
            text = iptables.desired_text(self._ruleset, family)
            place = next((each for each in variant if each.family == family), None)
            if place is None and text:
                raise RefusedError(f"There is no {FAMILIES[family]}-save.")
            if place is not None:
                printing = self._programs.command(f"{place.program}-save")
                found[place] = iptables.held_text(self._ruleset.name, self._tried(place, text, printing))
        return found

    def transaction(self, held: Held, text: str) -> Transaction:
        """What makes the place hold what it would print so: the ruleset, nothing, or what it held before."""
        place = held.place
        if place != NFTABLES:
            return Transaction(place, *iptables.operations(place, held.text, text))
        operations = nftables.operations(self._ruleset if text else self._empty(), exists=bool(held.text))
        return Transaction(place, operations, nftables.transaction_text(operations))

    def restoring(self, now: Sequence[Held], before: Sequence[Held]) -> list[Transaction]:
        """What makes all places hold what they held before."""
        texts = {held.place: held.text for held in before}
        found = []
        for held in now:
            text = texts.get(held.place, "")
            if held.text != text:
                anew = nftables.restoring_text(self._ruleset.name, text)
                found.append(
                    Transaction(held.place, (), anew) if held.place == NFTABLES else self.transaction(held, text)
                )
        return found

    def restoring_script(self, before: Sequence[Held], transactions: Sequence[Transaction]) -> str:
        """Lines for ``/bin/sh`` that make the places of the transactions hold what they held before, at any time."""
        texts = {held.place: held.text for held in before}
        lines: list[str] = []
        for transaction in transactions:
            place, text = transaction.place, texts[transaction.place]
            if place == NFTABLES:
                lines += _with_input("nft -f -", nftables.restoring_text(self._ruleset.name, text))
            else:
                tables = [line[1:] for line in transaction.text.splitlines() if line.startswith("*")]
                lines += iptables.emptying_lines(place, self._ruleset, {*tables, *iptables.tables_of(text)})
                if text:
                    command = f"{place.program}-restore --wait=60 --noflush"
                    lines += _with_input(command, iptables.restoring_text(text))
        return "".join(f"{line}\n" for line in lines)

    def check(self, transaction: Transaction) -> None:
        """Lets the program check the transaction and write nothing. Raises RefusedError."""
        self._programs.check(transaction.place, transaction.text)

    def write(self, transaction: Transaction) -> None:
        """Carries the transaction out, as a whole or not at all (iptables: each table). Raises RefusedError."""
        self._programs.write(transaction.place, transaction.text)

    def _tried(self, place: Place, text: str, printing: Sequence[str]) -> str:
        """What the program prints in an empty network namespace into which the text was loaded. Raises RefusedError."""
        if not text:
            return ""
        # Only a shell runs two programs in one namespace, which is gone when they have ended.
        both = f"{shlex.join(self._programs.loading(place))} && exec {shlex.join(printing)}"
        trying = [*self._programs.command("unshare"), "--net", "/bin/sh", "-c", both]
        code, output, errors = self._programs.run(trying, text)
        if code:
            raise RefusedError(f"{place.program} does not take the rules: {clause(errors or output) or code}.")
        return output

    def _tables_of_nftables(self) -> tuple[frozenset[tuple[str, str]] | None, str]:
        """Family and name of all tables, or None and why nft does not say."""
        if not self._programs.has("nft"):
            return None, ""
        code, output, errors = self._programs.run([*self._programs.command("nft"), "list", "tables"])
        if code:
            return None, clause(errors or output)
        words = [line.split() for line in output.splitlines()]
        return frozenset((each[1], each[2]) for each in words if len(each) == 3), ""

    def _held_by_nftables(self, tables: frozenset[tuple[str, str]] | None, complaint: str) -> Held:
        if tables is None or ("inet", self._ruleset.name) not in tables:
            return Held(NFTABLES, complaint=complaint)
        code, output, errors = self._programs.run(self._printing_nftables())
        return Held(NFTABLES, complaint=clause(errors or output)) if code else Held(NFTABLES, output)

    def _printing_nftables(self) -> list[str]:
        # Without counters and without what sets have learnt from packets.
        return [*self._programs.command("nft"), "-s", "-t", "list", "table", "inet", self._ruleset.name]

    def _held_by_iptables(self, place: Place, tables: frozenset[tuple[str, str]] | None) -> Held:
        if not any(self._programs.has_table(place, table, tables) for table in self._ruleset.tables):
            return Held(place)
        code, output, errors = self._programs.run(self._programs.command(f"{place.program}-save"))
        if code:
            return Held(place, complaint=clause(errors or output))
        return Held(place, iptables.held_text(self._ruleset.name, output))

    def _families(self) -> list[str]:
        return [family for family in FAMILIES if family == "ipv4" or _IPV6.exists()]

    def _empty(self) -> Ruleset:
        return Ruleset(self._ruleset.name, self._ruleset.chains)


def _with_input(command: str, text: str) -> list[str]:
    """Lines for ``/bin/sh`` that run the command with this text on its input."""
    return [f"{command} <<'END_OF_RULES'", text.rstrip("\n"), "END_OF_RULES"]
