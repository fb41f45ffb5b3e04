# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The way of a change: read, plan, let it be checked, and only then write or not; then read again, which counts.

Other programs may change our rules meanwhile. So what is read after writing is planned again, until nothing is left.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import (
    FwmarkError,
    Held,
    Operation,
    Rules,
    Transaction,
    rules_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.plan import boot_files, plan, present_rules, restoring
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.request import Request, read_request
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.runner import NEEDS_ROOT, Host
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import RefusedError, Variant, no_back_end
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import end, first_named
from ansible_collections.lvs.cluster.plugins.module_utils._task.lock import exclusive

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_ATTEMPTS = 3
_MOST_NAMED = 3


def change_marks(module: AnsibleModule) -> None:
    """Makes the marks as the module's parameters say, and ends the module."""
    end(module, lambda: _changed_marks(module), needs_root=NEEDS_ROOT)


def _changed_marks(module: AnsibleModule) -> Mapping[str, Any]:
    request = read_request(module.params)
    if module.check_mode:
        return _Run(module, request).results()
    with exclusive(name="fwmark", what="packet marks"):
        return _Run(module, request).results()


class _Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule, request: Request) -> None:
        self._module = module
        self._request = request
        self._host = Host(module)
        self._before = self._host.read()
        self._done: list[Operation] = []

    def results(self) -> dict[str, Any]:
        held = self._before
        for attempt in range(_ATTEMPTS + 1):
            desired = self._request.desired(self._present(held))
            chosen = self._chosen(held, desired)
            transactions = plan(held, chosen, desired)
            if not transactions:
                return self._as_results(chosen, desired)
            if attempt == _ATTEMPTS:
                break
            refused = self._carried_out(transactions)
            if self._module.check_mode and refused is None:
                self._done = _operations(transactions)
                return self._as_results(chosen, desired)
            found = self._host.read()
            if refused is not None and found == held:
                raise self._undone(refused, found)
            held = found
        raise FwmarkError(
            f"After {_ATTEMPTS} attempts the marks are still not as described; this is missing:"
            f" {_named(_operations(transactions))}. Another program changes {transactions[0].place.program}'s rules of"
            " ours, or this version of it spells them in a way that is not known here. Stop the other program, or try"
            " another backend."
        )

    def _present(self, held: Sequence[Held]) -> Rules:
        # Where two back ends have different marks for a packet, the word of the wanted one counts.
        return present_rules(sorted(held, key=lambda each: each.place.backend != self._module.params["backend"]))

    def _chosen(self, held: Sequence[Held], desired: Rules) -> Variant:
        """The places that shall hold the rules: the first variant that can; none for no rules."""
        if not desired:
            return ()
        families = sorted({rule.family for rule in desired})
        complaints = {}
        wanted = self._module.params["backend"]
        for variant in self._host.variants:
            backend = variant[0].backend
            if wanted in ("auto", backend):
                complaint = self._host.complaint(variant, held, families)
                if not complaint:
                    return variant
                complaints[variant[0].program] = complaint
        raise no_back_end(task="mark packets", backend=wanted, complaints=list(complaints.items()))

    def _carried_out(self, transactions: Sequence[Transaction]) -> RefusedError | None:
        """Lets all transactions be checked, then writes them (not in check mode); the error of a refused one."""
        try:
            for transaction in transactions:
                self._host.check(transaction)
            for transaction in () if self._module.check_mode else transactions:
                self._host.write(transaction)
                self._done += transaction.operations
        except RefusedError as error:
            return error
        return None

    def _undone(self, error: RefusedError, found: Sequence[Held]) -> FwmarkError:
        """The error, with a sentence about what was done before it, which is put back."""
        if not self._done:
            return FwmarkError(f"{error} Nothing was changed.")
        left = restoring(found, self._before)
        with contextlib.suppress(RefusedError):  # what is read next decides
            for transaction in left:
                self._host.write(transaction)
        left = restoring(self._host.read(), self._before)
        if not left:
            return FwmarkError(f"{error} The marks are as they were before.")
        return FwmarkError(
            f"{error} Undoing what was done before failed as well; this would do it: {_named(_operations(left))}."
        )

    def _as_results(self, chosen: Variant, desired: Rules) -> dict[str, Any]:
        before = self._present(self._before)
        backend = chosen[0].backend if chosen else None
        return {
            "changed": bool(self._done),
            "operations": [operation.command for operation in self._done],
            "backend": backend,
            "marks": [rule.as_options() for rule in desired],
            "rules": boot_files(backend, desired),
            "diff": {
                "before": _shown(
                    [held.place.program for held in self._before if held.exists],
                    before,
                    desired,
                    is_intact=all(held.is_intact for held in self._before),
                ),
                "after": _shown(
                    [place.program for place in chosen if rules_of(place, desired)], desired, before, is_intact=True
                ),
            },
        }


def _shown(programs: Sequence[str], rules: Rules, others: Rules, *, is_intact: bool) -> Mapping[str, Any]:
    """One side of a diff: rules that the other side has too are left out, nobody wants to read them."""
    same = set(others)
    marks = [rule.as_options() for rule in rules if rule not in same]
    return {"programs": list(programs), "intact": is_intact, "marks": marks}


def _operations(transactions: Sequence[Transaction]) -> list[Operation]:
    return [operation for transaction in transactions for operation in transaction.operations]


def _named(operations: Sequence[Operation]) -> str:
    """The first of the operations."""
    return first_named([operation.command for operation in operations], _MOST_NAMED)
