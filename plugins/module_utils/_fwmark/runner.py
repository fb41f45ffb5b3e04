# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""What the programs of this host say about marks, and what they are given: the only input and output of this room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark import iptables, nftables
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import OWNED, Held, Transaction
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.plan import transaction_text
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import (
    FAMILIES,
    NFTABLES,
    Place,
    Programs,
    Variant,
)
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import clause

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

NEEDS_ROOT = (
    "Only root may read and change this host's packet marks (capability CAP_NET_ADMIN). Run the task with become: true."
)
_TABLE = "mangle"  # of iptables


class Host:
    """What can hold marks on this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self._programs = Programs(module, needs_root=NEEDS_ROOT)
        self._complaints: dict[tuple[Variant, tuple[str, ...]], str] = {}
        self._tables: frozenset[tuple[str, str]] | None = None  # of nf_tables, when nft told them
        self.variants = self._programs.variants

    def read(self) -> list[Held]:
        """What each place holds. Looking loads nothing and makes nothing."""
        by_nftables = self._held_by_nftables()
        return [
            by_nftables if place == NFTABLES else self._held_by_iptables(place)
            for variant in self.variants
            for place in variant
        ]

    def complaint(self, variant: Variant, held: Sequence[Held], families: Sequence[str]) -> str:
        """Why the variant cannot mark packets of these families; nothing when it can. Asked once, kernels stay."""
        asked = (variant, tuple(families))
        if asked not in self._complaints:
            self._complaints[asked] = self._complaint(variant, held, families)
        return self._complaints[asked]

    def _complaint(self, variant: Variant, held: Sequence[Held], families: Sequence[str]) -> str:
        of_place = {each.place: each for each in held}
        if variant == (NFTABLES,):
            there = of_place[NFTABLES]
            if there.complaint or (there.exists and there.is_intact):
                return there.complaint
            return self._programs.said(self._programs.checking(NFTABLES), nftables.fitness_text())
        for family in families:
            place = next((each for each in variant if each.family == family), None)
            if place is None:
                return f"there is no {FAMILIES[family]}-save"
            if of_place[place].complaint or not of_place[place].exists:
                said = of_place[place].complaint or self._programs.iptables_complaint(place, _TABLE)
                if said:
                    return said
        return ""

    def check(self, transaction: Transaction) -> None:
        """Lets the program check the transaction and write nothing. Raises RefusedError."""
        self._programs.check(transaction.place, transaction_text(transaction))

    def write(self, transaction: Transaction) -> None:
        """Carries the transaction out, as a whole or not at all. Raises RefusedError."""
        self._programs.write(transaction.place, transaction_text(transaction))

    def _held_by_nftables(self) -> Held:
        if not self._programs.has("nft"):
            return Held(NFTABLES)
        self._tables = None
        try:
            self._tables = nftables.tables(self._listed("tables"))
            if ("inet", OWNED) not in self._tables:
                return Held(NFTABLES)
            return nftables.held(self._listed("table", "inet", OWNED))
        except nftables.UnreadableError as error:
            return Held(NFTABLES, complaint=clause(str(error)))

    def _listed(self, *what: str) -> str:
        code, output, errors = self._programs.run([*self._programs.command("nft"), "-j", "list", *what])
        if code:
            raise nftables.UnreadableError(errors or output)
        return output

    def _held_by_iptables(self, place: Place) -> Held:
        if not self._programs.has_table(place, _TABLE, self._tables):
            return Held(place)
        saving = [*self._programs.command(f"{place.program}-save"), "-t", _TABLE]
        code, output, errors = self._programs.run(saving)
        return Held(place, complaint=clause(errors or output)) if code else iptables.held(place, output)
