# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The way of every change: read, plan, and only then write or not; then read again, because that is what counts.

Three things may go wrong while it writes. The kernel refuses an operation: what was done is undone. Answers get lost:
what is read afterwards decides. Another program changes the same services: planned again from the new state. Whatever
happens, the user hears what the table is now.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import errno
import os
from typing import TYPE_CHECKING, Any, Callable, Collection, Sequence

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
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import first_named
from ansible_collections.lvs.cluster.plugins.module_utils._task.lock import exclusive

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
        return _Run(module, kernel, intent, opens).change()


class _Run:
    """One run with an open kernel. Whatever it opens itself is closed with ``opens``."""

    def __init__(self, module: AnsibleModule, kernel: Kernel, intent: Intent, opens: contextlib.ExitStack) -> None:
        self._module = module
        self._opens = opens
        self._kernel = kernel
        self._intent = intent
        self._before = intent.read(kernel)
        self._done: list[Operation] = []

    def change(self) -> Change:
        current, error = self._before, None
        for attempt in range(_ATTEMPTS + 1):
            desired = self._desired(current)
            operations = plan(current=current, desired=desired)
            if not operations:
                return Change(self._before, desired, self._done)
            if attempt == _ATTEMPTS:
                break
            load_modules(self._module, operations)
            if self._module.check_mode:
                return Change(self._before, desired, operations)
            # One operation has one answer, which cannot get lost among others.
            error = self._write(operations, singly=isinstance(error, AnswersLostError))
            written = {operation.service.key for operation in operations}
            found = self._read_again(self._intent.read_written, self._kernel, written, desired)
            if found == desired:
                return Change(self._before, found, self._done)
            if isinstance(error, AnswersLostError):
                self._forget(plan(current=found, desired=desired))
            error = error or _kernels_age(operations, found)
            if error is not None and not self._is_others_work(error):
                raise self._undone(error)
            current = self._read_again(self._intent.read, self._kernel)
        raise ChangeFailedError(_still_different(operations))

    def _desired(self, current: Table) -> Table:
        try:
            return self._intent.desired(current)
        except IpvsError as error:
            if not self._done:
                raise
            raise ChangeFailedError(
                "Another program changed the same services meanwhile, and what is described does not fit them any more."
                f" {error}\n{self._put_back()}"
            ) from error

    def _write(self, operations: Sequence[Operation], *, singly: bool) -> IpvsError | None:
        """Carries the operations out; the error that the answers speak of, if any: they may be wrong."""
        removals = sum(operation.action == DELETE for operation in operations)
        # A batch goes on behind a refused operation. So nothing is removed before all that replaces it is there.
        first = len(operations) - removals
        parts = [[each] for each in operations] if singly else [operations[:first], operations[first:]]
        for part in parts:
            try:
                self._kernel.apply(part)
            except OperationFailedError as error:
                self._done += error.done
                return error
            except IpvsError as error:
                self._done += part  # perhaps: what is put back must not miss one
                self._reopen()
                return error
            self._done += part
        return None

    def _reopen(self) -> None:
        """A new socket: answers that nobody has read leave no room for others in the one before."""
        self._kernel = self._opens.enter_context(opened(self._module, load=False)) or self._kernel

    def _forget(self, missing: Collection[Operation]) -> None:
        """What would be done now as before was not done, or others have undone it."""
        missing = set(missing)
        self._done = [operation for operation in self._done if operation not in missing]

    def _read_again(self, read: Callable[..., Table], *arguments: Any) -> Table:
        try:
            return read(*arguments)
        except IpvsError as error:
            raise ChangeFailedError(
                f"{_clause(error)}: after writing the table could not be read again, so it is not known whether it is"
                " as described. Run the task again."
            ) from error

    def _is_others_work(self, error: IpvsError) -> bool:
        """Whether it may go well from what is there now."""
        if not isinstance(error, OperationFailedError):
            return isinstance(error, AnswersLostError)
        if self._missing_module(error):
            return False
        return isinstance(error.cause, (AlreadyThereError, NotFoundError))

    def _missing_module(self, error: OperationFailedError) -> IpvsError | None:
        # What the kernel says of a scheduler or engine that it lacks; of a service that is not there it says ESRCH.
        lacking = error.cause.number == errno.ENOENT and error.operation.destination is None
        return missing_module_of(self._module, error.operation) if lacking else None

    def _undone(self, error: IpvsError) -> IpvsError:
        """The error, with a sentence about the table, which is put back to what was read at first."""
        if not self._done and isinstance(error, OperationFailedError) and isinstance(error.cause, NotPermittedError):
            return error.cause
        return ChangeFailedError(f"{self._explained(error)} {self._put_back()}")

    def _put_back(self) -> str:
        """Undoes what was done, and nothing that others did; a sentence about what the table is then."""
        try:
            error = None
            found, left = self._left_to_undo()
            for _attempt in range(_ATTEMPTS):
                if left:
                    error = self._write(left, singly=isinstance(error, AnswersLostError))
                    found, left = self._left_to_undo()
        except IpvsError as error:
            return (
                f"Undoing what was done before failed as well ({_clause(error)}): compare the table with ipvsadm -Sn."
            )
        if left:
            return f"Undoing what was done before did not go through; this would do it: {_named(left)}."
        if found == self._before:
            return "The table is as it was before."
        return (
            "What this task did is undone, but another program changed the table meanwhile; this would bring back what"
            f" was there before: {_named(plan(current=found, desired=self._before))}."
        )

    def _left_to_undo(self) -> tuple[Table, list[Operation]]:
        """The table now, and what leads from there to what this task has changed as it was before."""
        found = self._intent.read(self._kernel)
        return found, plan(current=found, desired=reverted(found=found, before=self._before, operations=self._done))

    def _explained(self, error: IpvsError) -> IpvsError:
        """The error with cause and remedy, where they are known."""
        if not isinstance(error, OperationFailedError):
            return error
        operation = error.operation
        missing = self._missing_module(error)
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


def _clause(error: IpvsError) -> str:
    """The error's sentence as a part of another one."""
    return str(error).rstrip(".")


def _named(operations: Sequence[Operation]) -> str:
    """The first of the operations."""
    return first_named([operation.command() for operation in operations], _MOST_NAMED)
