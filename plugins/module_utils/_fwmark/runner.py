# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The programs nft, iptables-save and iptables-restore of this host: the only input and output of this room."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Sequence, Tuple

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark import iptables, nftables
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import (
    OWNED,
    FwmarkError,
    Held,
    Place,
    Transaction,
)
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.plan import transaction_text
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import clause

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

NEEDS_ROOT = (
    "Only root may read and change this host's packet marks (capability CAP_NET_ADMIN). Run the task with become: true."
)
Variant = Tuple[Place, ...]  # places that belong together: nftables, or iptables with ip6tables
_FAMILIES = {"ipv4": "iptables", "ipv6": "ip6tables"}
_LEGACY_TABLES = {"ipv4": "/proc/net/ip_tables_names", "ipv6": "/proc/net/ip6_tables_names"}
_WAIT = "--wait=60"  # seconds for other programs that hold the lock of iptables
_EMPTY = "*mangle\nCOMMIT\n"


class RefusedError(FwmarkError):
    """The kernel, or the program that speaks to it, does not take a transaction."""


class Host:
    """What can hold marks on this host: nftables, and iptables in its two kinds.

    ``iptables`` is of kind nft (it writes into nf_tables) or legacy. The other kind may be there beside it, under its
    full name. ``variants`` has them in the order of preference.
    """

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        module.run_command_environ_update = {"LC_ALL": "C", "LANGUAGE": "C"}
        self._programs: dict[str, str | None] = {}
        self._kinds: dict[Place, str] = {}
        self._complaints: dict[tuple[Variant, tuple[str, ...]], str] = {}
        self._tables: frozenset[tuple[str, str]] | None = None  # of nf_tables, when nft told them
        variants: list[Variant] = [(nftables.PLACE,)] if self._program("nft") else []
        default = self._kind_of_iptables()
        for kind in sorted(("nft", "legacy"), key=lambda each: each != default):
            suffix = "" if kind == default else f"-{kind}"
            places = tuple(iptables.place(f"{name}{suffix}") for name in _FAMILIES.values())
            there = tuple(place for place in places if self._program(f"{place.program}-save"))
            self._kinds.update((place, kind) for place in there)
            variants += [there] if there else []
        self.variants = tuple(variants)

    def read(self) -> list[Held]:
        """What each place holds. Looking loads nothing and makes nothing."""
        by_nftables = self._held_by_nftables()
        return [
            by_nftables if place == nftables.PLACE else self._held_by_iptables(place)
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
        if variant == (nftables.PLACE,):
            there = of_place[nftables.PLACE]
            if there.complaint or (there.exists and there.is_intact):
                return there.complaint
            return self._said([*self._command("nft"), "-c", "-f", "-"], nftables.fitness_text())
        for family in families:
            place = next((each for each in variant if each.family == family), None)
            if place is None:
                return f"there is no {_FAMILIES[family]}-save"
            if of_place[place].complaint or not of_place[place].exists:
                said = of_place[place].complaint or self._iptables_complaint(place)
                if said:
                    return said
        return ""

    def check(self, transaction: Transaction) -> None:
        """Lets the program check the transaction and write nothing. Raises RefusedError."""
        self._apply(transaction, ["-c"] if transaction.place == nftables.PLACE else ["--test"])

    def write(self, transaction: Transaction) -> None:
        """Carries the transaction out, as a whole or not at all. Raises RefusedError."""
        self._apply(transaction, [])

    def _apply(self, transaction: Transaction, options: Sequence[str]) -> None:
        place = transaction.place
        if place == nftables.PLACE:
            command = [*self._command("nft"), *options, "-f", "-"]
        else:
            command = [*self._command(f"{place.program}-restore"), "--noflush", _WAIT, *options]
        said = self._said(command, transaction_text(transaction))
        if said:
            raise RefusedError(f"{place.program} does not take the rules: {said}.")

    def _held_by_nftables(self) -> Held:
        if not self._program("nft"):
            return Held(nftables.PLACE)
        self._tables = None
        try:
            self._tables = nftables.tables(self._listed("tables"))
            if ("inet", OWNED) not in self._tables:
                return Held(nftables.PLACE)
            return nftables.held(self._listed("table", "inet", OWNED))
        except nftables.UnreadableError as error:
            return Held(nftables.PLACE, complaint=clause(str(error)))

    def _listed(self, *what: str) -> str:
        code, output, errors = self._run([*self._command("nft"), "-j", "list", *what])
        if code:
            raise nftables.UnreadableError(errors or output)
        return output

    def _held_by_iptables(self, place: Place) -> Held:
        if not self._has_mangle(place):
            return Held(place)
        code, output, errors = self._run([*self._command(f"{place.program}-save"), "-t", "mangle"])
        return Held(place, complaint=clause(errors or output)) if code else iptables.held(place, output)

    def _has_mangle(self, place: Place) -> bool:
        """Whether the table may be there. Asking iptables-legacy for it would make it, and load its module."""
        if self._kinds[place] == "legacy":
            return _has_legacy_mangle(str(place.family))
        family = "ip6" if place.family == "ipv6" else "ip"
        return self._tables is None or (family, "mangle") in self._tables

    def _iptables_complaint(self, place: Place) -> str:
        """Why iptables cannot write, found without writing."""
        if self._kinds[place] == "nft" and self._program("nft"):
            # iptables-nft itself says only on writing that the kernel lacks nf_tables for its family.
            family = "ip6" if place.family == "ipv6" else "ip"
            return self._said([*self._command("nft"), "-c", "-f", "-"], f"add table {family} mangle\n")
        command = [*self._command(f"{place.program}-restore"), "--noflush", _WAIT, "--test"]
        return self._said(command, _EMPTY)

    def _kind_of_iptables(self) -> str:
        program = self._program("iptables")
        if program is None:
            return ""
        name = Path(program).resolve().name  # xtables-nft-multi or xtables-legacy-multi, since 1.8.0
        for kind in ("nft", "legacy"):
            if f"-{kind}" in name:
                return kind
        _code, output, _errors = self._run([*self._command("iptables"), "--version"])
        return "nft" if "nf_tables" in output else "legacy"

    def _command(self, name: str) -> list[str]:
        program = self._program(name)
        if program is None:
            raise FwmarkError(f"This host has no program {name}. Install the package that holds it.")
        return [program]

    def _program(self, name: str) -> str | None:
        if name not in self._programs:
            self._programs[name] = self._module.get_bin_path(name)
        return self._programs[name]

    def _said(self, command: list[str], text: str) -> str:
        """What the program says against the text on its input; nothing when it takes it."""
        code, output, errors = self._run(command, text)
        return clause(errors or output) or f"it ended with {code}" if code else ""

    def _run(self, command: list[str], text: str | None = None) -> tuple[int, str, str]:
        code, output, errors = self._module.run_command(command, data=text)
        if code and any(sign in errors for sign in ("must be root", "not permitted", "Permission denied")):
            raise FwmarkError(NEEDS_ROOT)
        return int(code), str(output), str(errors)


def _has_legacy_mangle(family: str) -> bool:
    try:
        return "mangle" in Path(_LEGACY_TABLES[family]).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return False
