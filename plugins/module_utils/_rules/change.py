# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The way of a change: read, plan, let it be checked, and only then write or not; then read again, which counts.

Other programs may change our rules meanwhile. So what is read after writing is planned again, until nothing is left.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, Collection, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._rules import iptables, nftables
from ansible_collections.lvs.cluster.plugins.module_utils._rules.host import Host
from ansible_collections.lvs.cluster.plugins.module_utils._rules.model import Held, Operation, Ruleset, Transaction
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import (
    FAMILIES,
    NFTABLES,
    Place,
    RefusedError,
    no_back_end,
)
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import first_named
from ansible_collections.lvs.cluster.plugins.module_utils._task.error import TaskError
from ansible_collections.lvs.cluster.plugins.module_utils._task.lock import exclusive
from ansible_collections.lvs.cluster.plugins.module_utils._undo.switch import Switch

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_ATTEMPTS = 3
_MOST_NAMED = 3


class RulesError(TaskError):
    """The rules are not as they should be."""


@dataclasses.dataclass(frozen=True)
class Purpose:
    """What a ruleset is and does, for sentences: ``address translation``, ``translate addresses``."""

    what: str
    task: str


@dataclasses.dataclass(frozen=True)
class Undo:
    """The switch that takes a change back after so many seconds unless somebody stops it; 0: there is none."""

    switch: Switch
    seconds: int


def change_rules(module: AnsibleModule, ruleset: Ruleset, purpose: Purpose, undo: Undo | None = None) -> dict[str, Any]:
    """Brings the rules of this host to the ruleset, or in check mode only says how; the results. Raises TaskError."""
    if module.check_mode:
        return _Run(module, ruleset, purpose, undo).results()
    with exclusive(name=ruleset.name, what=purpose.what):
        if undo:
            undo.switch.prepare(seconds=undo.seconds)
        return _Run(module, ruleset, purpose, undo).results()


class _Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule, ruleset: Ruleset, purpose: Purpose, undo: Undo | None) -> None:
        self._module = module
        self._ruleset = ruleset
        self._purpose = purpose
        self._undo = undo if undo and undo.seconds else None
        self._host = Host(module, ruleset, what=purpose.what)
        self._before = self._host.read()
        self._done: list[Operation] = []

    def results(self) -> dict[str, Any]:
        held = self._before
        desired = self._desired(held)
        for attempt in range(_ATTEMPTS + 1):
            transactions = self._plan(held, desired)
            if not transactions:
                break
            if attempt == _ATTEMPTS:
                raise RulesError(
                    f"After {_ATTEMPTS} attempts this host's {self._purpose.what} is still not as described; this is"
                    f" missing: {_named(_operations(transactions))}. Another program changes"
                    f" {transactions[0].place.program}'s rules of ours. Stop the other program, or try another backend."
                )
            refused = self._carried_out(transactions)
            if self._module.check_mode and refused is None:
                self._done = _operations(transactions)
                return self._as_results(desired)
            found = self._host.read()
            if refused is not None and found == held:
                raise self._undone(refused, found)
            held = found
        if self._undo and not self._done and not self._module.check_mode:
            # The rules are those that an earlier run has just made: the controller has all its time again.
            self._undo.switch.restart(seconds=self._undo.seconds)
        return self._as_results(desired)

    def _desired(self, held: Sequence[Held]) -> Mapping[Place, str]:
        """What the places shall print that shall hold the rules: the first variant that can; none for no rules."""
        if not self._ruleset.rules:
            return {}
        complaints = []
        wanted = self._module.params["backend"]
        said = {each.place: each.complaint for each in held if each.complaint}
        for variant in self._host.variants:
            if wanted in ("auto", variant[0].backend):
                complaint = next((said[place] for place in variant if place in said), "")
                try:
                    if not complaint:
                        return self._host.desired(variant)
                except RefusedError as error:
                    complaint = str(error).rstrip(".")
                complaints.append((variant[0].program, complaint))
        raise no_back_end(task=self._purpose.task, backend=wanted, complaints=complaints)

    def _plan(self, held: Sequence[Held], desired: Mapping[Place, str]) -> list[Transaction]:
        """The transactions in their order: the chosen places get the rules first, then all others lose theirs."""
        return [
            self._host.transaction(each, desired.get(each.place, ""))
            for each in sorted(held, key=lambda each: each.place not in desired)
            if each.text != desired.get(each.place, "")
        ]

    def _carried_out(self, transactions: Sequence[Transaction]) -> RefusedError | None:
        """Lets all transactions be checked, then writes them (not in check mode); the error of a refused one."""
        try:
            for transaction in transactions:
                self._host.check(transaction)
            self._arm(transactions)
            for transaction in () if self._module.check_mode else transactions:
                self._host.write(transaction)
                self._done += transaction.operations
        except RefusedError as error:
            return error
        return None

    def _arm(self, transactions: Sequence[Transaction]) -> None:
        """Sees to it, before the first change, that it will be taken back."""
        if self._undo and not self._done:
            self._undo.switch.require()
            if not self._module.check_mode:
                restore = self._host.restoring_script(self._before, transactions)
                self._undo.switch.arm(seconds=self._undo.seconds, restore=restore)

    def _undone(self, error: RefusedError, found: Sequence[Held]) -> RulesError:
        """The error, with a sentence about what was done before it, which is put back."""
        if not self._done:
            return RulesError(f"{error} Nothing was changed.")
        with contextlib.suppress(RefusedError):  # what is read next decides
            for transaction in self._host.restoring(found, self._before):
                self._host.write(transaction)
        if self._host.read() == self._before:
            return RulesError(f"{error} This host's {self._purpose.what} is as it was before.")
        return RulesError(f"{error} Undoing what was done before failed as well. It was: {_named(self._done)}.")

    def _as_results(self, desired: Mapping[Place, str]) -> dict[str, Any]:
        return {
            "changed": bool(self._done),
            "operations": [operation.command for operation in self._done],
            "backend": next((place.backend for place in desired), None),
            "rules": _boot_files(desired, self._ruleset),
            "diff": {
                "before": _shown({held.place: held.text for held in self._before}),
                "after": _shown(desired),
            },
        }


def _boot_files(places: Collection[Place], ruleset: Ruleset) -> dict[str, str]:
    """What a boot unit loads into these places: by the name of the program's family, a text or nothing."""
    families = {place.family for place in places}  # without IPv6 in the kernel, ip6tables can load nothing
    return {
        "nftables": nftables.boot_file(ruleset) if NFTABLES in places else "",
        **{
            program: iptables.desired_text(ruleset, family) if family in families else ""
            for family, program in FAMILIES.items()
        },
    }


def _shown(texts: Mapping[Place, str]) -> str:
    """One side of a diff: what each program prints."""
    return "".join(f"# {place.program}\n{text}" for place, text in texts.items() if text)


def _operations(transactions: Sequence[Transaction]) -> list[Operation]:
    return [operation for transaction in transactions for operation in transaction.operations]


def _named(operations: Sequence[Operation]) -> str:
    return first_named([operation.command for operation in operations], _MOST_NAMED)
