# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The way of every change: read, plan, and only then write or not; then read again, because that is what counts.

Three things may go wrong while it writes. The kernel refuses an operation: what was done is undone. Answers get lost:
what is read afterwards decides. Another program changes the same services: planned again from the new state.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, Any, Collection, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.lock import exclusive
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import IpvsError, ServiceKey, Table
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import (
    AlreadyThereError,
    AnswersLostError,
    Kernel,
    NotAcceptedError,
    NotFoundError,
    NotPermittedError,
    OperationFailedError,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import DELETE, Operation, plan, reverted
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.runner import load_modules, missing_module_of, opened
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.since import too_old

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_ATTEMPTS = 3
_MOST_NAMED = 5


class ChangeFailedError(IpvsError):
    """The table is not as it should be; the text says why, and what it is now."""


class Intent(abc.ABC):
    """What a task wants of the part of the table that it owns. Nothing else is read, compared or written."""

    @abc.abstractmethod
    def read(self, kernel: Kernel) -> Table:
        """The owned part as it is."""

    @abc.abstractmethod
    def desired(self, current: Table) -> Table:
        """The owned part as it shall be. Raises IpvsError."""

    @abc.abstractmethod
    def read_written(self, kernel: Kernel, written: Collection[ServiceKey], known: Table) -> Table:
        """The owned part as it is, of which only these services need a close look: the others were ``known``."""


@dataclasses.dataclass(frozen=True)
class Change:
    """The owned part of the table before and after, and what was done, or in check mode would be."""

    before: Table
    after: Table
    operations: Sequence[Operation]

    def as_results(self) -> dict[str, Any]:
        """What every module returns about a change."""
        return {
            "changed": bool(self.operations),
            "operations": [operation.command() for operation in self.operations],
            "diff": {
                "before": {"services": self.before.as_options()},
                "after": {"services": self.after.as_options()},
            },
        }

    def of_changed_services(self) -> Change:
        """The same without services that did not change, which nobody wants to read in a large table."""
        keys = {operation.service.key for operation in self.operations}
        return Change(self.before.only(keys), self.after.only(keys), self.operations)


def change(module: AnsibleModule, intent: Intent, *, load: bool) -> Change:
    """Brings the table to what is intended, or in check mode only says how. Raises IpvsError.

    With ``load`` the kernel's IPVS is loaded when it is missing; without, a kernel that lacks it has an empty table.
    """
    with contextlib.ExitStack() as opens:
        kernel = opens.enter_context(opened(module, load=load))
        if kernel is None:
            desired = intent.desired(Table())
            operations = plan(current=Table(), desired=desired)
            load_modules(module, operations)
            return Change(Table(), desired, operations)
        if not module.check_mode:
            opens.enter_context(exclusive())
        return _Run(module, kernel, intent).change()


class _Run:
    """One run with an open kernel."""

    def __init__(self, module: AnsibleModule, kernel: Kernel, intent: Intent) -> None:
        self._module = module
        self._kernel = kernel
        self._intent = intent
        self._before = intent.read(kernel)
        self._done: list[Operation] = []

    def change(self) -> Change:
        current = self._before
        for _attempt in range(_ATTEMPTS):
            desired = self._intent.desired(current)
            operations = plan(current=current, desired=desired)
            load_modules(self._module, operations)
            if not operations or self._module.check_mode:
                return Change(self._before, desired, [*self._done, *operations])
            error = self._write(operations)
            written = {operation.service.key for operation in operations}
            found = self._intent.read_written(self._kernel, written, desired)
            if found == desired:
                return Change(self._before, found, self._done)
            error = error or _kernels_age(operations, found)
            if error is not None and not self._is_others_work(error):
                raise self._undone(error)
            current = self._intent.read(self._kernel)
        raise ChangeFailedError(_still_different(plan(current=current, desired=self._intent.desired(current))))

    def _write(self, operations: Sequence[Operation]) -> IpvsError | None:
        """Carries the operations out; the error that the answers speak of, if any: they may be wrong."""
        try:
            self._kernel.apply(operations)
        except OperationFailedError as error:
            self._done += error.done
            return error
        except AnswersLostError as error:
            self._done += operations
            return error
        self._done += operations
        return None

    def _is_others_work(self, error: IpvsError) -> bool:
        """Whether it may go well from what is there now."""
        if not isinstance(error, OperationFailedError):
            return isinstance(error, AnswersLostError)
        if missing_module_of(self._module, error.operation):
            return False
        return isinstance(error.cause, (AlreadyThereError, NotFoundError))

    def _undone(self, error: IpvsError) -> IpvsError:
        """The error, with a sentence about the table, which is put back to what was read at first."""
        if isinstance(error, OperationFailedError) and isinstance(error.cause, NotPermittedError):
            return error.cause
        return ChangeFailedError(f"{self._explained(error)} {self._put_back()}")

    def _put_back(self) -> str:
        try:
            found = self._intent.read(self._kernel)
            wanted = reverted(found=found, before=self._before, operations=self._done)
            self._kernel.apply(plan(current=found, desired=wanted))
            left = plan(current=self._intent.read(self._kernel), desired=wanted)
        except IpvsError as error:
            return f"Undoing what was done before failed as well ({error}): compare the table with ipvsadm -Sn."
        if not left:
            return "The table is as it was before."
        return f"Undoing what was done before did not go through; this would do it: {_named(left)}."

    def _explained(self, error: IpvsError) -> IpvsError:
        """The error with cause and remedy, where they are known."""
        if not isinstance(error, OperationFailedError):
            return error
        operation = error.operation
        missing = missing_module_of(self._module, operation)
        if missing:
            age = too_old(operation.service, None, os.uname().release)
            return IpvsError(f"{missing} {age}") if age else missing
        if isinstance(error.cause, NotAcceptedError) and operation.destination is not None:
            return IpvsError(
                f"The kernel does not take destination {operation.destination.key} for service"
                f" {operation.service.key}: it takes addresses of single machines only, and none of another address"
                " family while a connection synchronisation daemon runs."
            )
        return error


def _kernels_age(operations: Sequence[Operation], found: Table) -> IpvsError | None:
    """The error about an option that the kernel is too old for: it skips what it does not know and says success."""
    for operation in operations:
        key = operation.service.key
        if operation.action == DELETE or key not in found.services:
            continue
        if operation.destination is None:
            age = too_old(operation.service, found.services[key], os.uname().release)
        else:
            held = found.destinations[key].get(operation.destination.key)
            age = too_old(operation.destination, held, os.uname().release, service=key) if held else None
        if age:
            return ChangeFailedError(age)
    return None


def _still_different(operations: Sequence[Operation]) -> str:
    return (
        f"After {_ATTEMPTS} attempts the table is still not as described; this is missing: {_named(operations)}."
        " Another program is changing the same services, or this kernel does not know one of the options. Let one of"
        " the two own these services, and run the task again."
    )


def _named(operations: Sequence[Operation]) -> str:
    """The first of the operations."""
    more = f" and {len(operations) - _MOST_NAMED} more" if len(operations) > _MOST_NAMED else ""
    return "; ".join(operation.command() for operation in operations[:_MOST_NAMED]) + more
