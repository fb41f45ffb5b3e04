# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change against a kernel in memory that refuses, loses answers, or is changed by somebody else, at every place."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import change as change_py
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.change import Change, ChangeFailedError, change
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import description_of
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Destination,
    DestinationKey,
    IpvsError,
    Service,
    ServiceKey,
    Table,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import (
    AnswersLostError,
    KernelError,
    NotPermittedError,
    OperationFailedError,
    kernel_error,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import DELETE, Operation, plan
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.table import _OwnedTable
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.wire import WireError

WEB = {"address": "192.0.2.100", "port": 80}
OWNED = {"purge": "services", "scope": ["192.0.2.0/24"], "keep_weights": False, "allow_empty": False}
AS_BEFORE = "The table is as it was before."


def described(text: str) -> dict[str, Any]:
    """`"80:rr 21=1 22=0; 443:wlc"`: the parameters that describe services at ports with real servers and weights."""
    services = []
    for entry in filter(None, (each.strip() for each in text.split(";"))):
        (port, scheduler), rest = entry.split()[0].split(":"), [each.split("=") for each in entry.split()[1:]]
        destinations = [{"destination": f"192.0.2.{last}", "weight": int(weight)} for last, weight in rest]
        options = {"address": "192.0.2.100", "port": int(port), "scheduler": scheduler, "destinations": destinations}
        services.append(options)
    return {**OWNED, "services": services, "allow_empty": True}


def made(text: str) -> Table:
    """The table that is described."""
    return description_of(described(text)).desired(Table())


OLD = "80:rr 21=1 22=5; 443:wlc 21=1 22=1; 25:wlc 21=3"
NEW = "80:wlc 22=2 23=9 21=4; 443:wlc 24=1; 53:rr 21=1 22=1"
FOREIGN = description_of(
    {
        "scope": None,
        "purge": "none",
        "keep_weights": False,
        "allow_empty": False,
        "services": [{"address": "203.0.113.9", "port": 80, "destinations": [{"destination": "192.0.2.29"}]}],
    }
).desired(Table())
OPERATIONS = plan(current=made(OLD), desired=made(NEW))
PLACES = range(len(OPERATIONS))


class KernelInMemory:
    """Does what the kernel does, and at certain operations (counted from 0, undoing included) something else."""

    def __init__(self, table: Table) -> None:
        self.services = {**table.services, **FOREIGN.services}
        self.members = {key: dict(found) for key, found in (*table.destinations.items(), *FOREIGN.destinations.items())}
        self.refusals: Callable[[int, Operation], int] = lambda _number, _operation: 0
        self.before_operation: Callable[[int], None] = lambda _number: None
        self.after_reading: Callable[[int], None] = lambda _number: None
        self.after_writing: Callable[[], None] = lambda: None
        self.loses: Callable[[int], str] = lambda _call: ""
        self.loses_with: Callable[[], IpvsError] = lambda: kernel_error(errno.ENOBUFS, "Writing the table")
        self.before_reading: Callable[[int], None] = lambda _number: None
        self.operations = self.calls = self.readings = 0
        self.written: list[Operation] = []

    def table(self) -> Table:
        return Table(dict(self.services), {key: dict(found) for key, found in self.members.items()})

    def owned(self) -> Table:
        return self.table().only({key for key in self.services if key not in FOREIGN.services})

    def read_services(self, wanted: Callable[[ServiceKey], bool]) -> dict[ServiceKey, Service]:
        self.before_reading(self.readings)
        return {key: service for key, service in self.services.items() if wanted(key)}

    def read_destinations(self, key: ServiceKey) -> dict[DestinationKey, Destination]:
        return dict(self.members.get(key, {}))

    def read_table(self, wanted: Callable[[ServiceKey], bool]) -> Table:
        services = self.read_services(wanted)
        found = Table(services, {key: self.read_destinations(key) for key in services})
        self.readings += 1
        self.after_reading(self.readings)
        return found

    def apply(self, operations: Iterable[Operation]) -> None:
        pending = list(operations)
        if not pending:
            return
        self.calls += 1
        loss = self.loses(self.calls)
        if loss == "before":
            raise self.loses_with()
        refused: list[tuple[Operation, int]] = []
        done = []
        for operation in pending:
            self.before_operation(self.operations)
            number = self.refusals(self.operations, operation) or self._carried_out(operation)
            self.operations += 1
            if number:
                refused.append((operation, number))
            else:
                done.append(operation)
        self.after_writing()
        if loss == "after":
            raise self.loses_with()
        if refused:
            operation, number = refused[0]
            raise OperationFailedError(operation, kernel_error(number, "the kernel says"), done)

    def _carried_out(self, operation: Operation) -> int:
        key, destination = operation.service.key, operation.destination
        assert key not in FOREIGN.services, "foreign part written"
        self.written.append(operation)
        if destination is None:
            if (key in self.services) == (operation.action == "create"):
                return errno.EEXIST if operation.action == "create" else errno.ESRCH
            if operation.action == DELETE:
                del self.services[key], self.members[key]
            else:
                self.services[key] = operation.service
                self.members.setdefault(key, {})
            return 0
        if key not in self.services:
            return errno.ESRCH
        if (destination.key in self.members[key]) == (operation.action == "create"):
            return errno.EEXIST if operation.action == "create" else errno.ENOENT
        if operation.action == DELETE:
            del self.members[key][destination.key]
        else:
            self.members[key][destination.key] = destination
        return 0

    def flush(self) -> None:
        """ipvsadm -C by somebody else, who puts his own back."""
        self.services, self.members = dict(FOREIGN.services), {k: dict(v) for k, v in FOREIGN.destinations.items()}

    def set(self, table: Table) -> None:
        """Somebody else makes these services so."""
        self.services.update(table.services)
        self.members.update({key: dict(found) for key, found in table.destinations.items()})


class Module:
    """What a change needs of Ansible's module; there is no modprobe, as in a container."""

    check_mode = False

    def get_bin_path(self, _name: str) -> None:
        return None


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> KernelInMemory:
    kernel = KernelInMemory(made(OLD))

    @contextlib.contextmanager
    def opened(_module: Any, *, load: bool) -> Iterator[KernelInMemory]:
        yield kernel

    monkeypatch.setattr(change_py, "opened", opened)
    monkeypatch.setattr(change_py, "exclusive", contextlib.nullcontext)
    monkeypatch.setattr(change_py, "load_modules", lambda _module, _operations: None)
    monkeypatch.setattr(change_py, "missing_module_of", lambda _module, _operation: None)
    return kernel


def changed(text: str = NEW, check: bool = False, **parameters: Any) -> Change:
    module = Module()
    module.check_mode = check
    intent = _OwnedTable(description_of({**described(text), **parameters}))
    return change(cast(AnsibleModule, module), intent, load=True)


def outcome(kernel: KernelInMemory) -> str:
    """`described`, or the sentence; whichever it is, it must be true, and the foreign part as it was."""
    try:
        done = changed()
    except IpvsError as error:
        said = str(error)
        if said.endswith(AS_BEFORE) or isinstance(error, NotPermittedError):
            assert kernel.owned() == made(OLD), said
        elif "this is missing: " in said:
            assert_named(said, "this is missing: ", plan(current=kernel.owned(), desired=made(NEW)))
        elif "bring back what was there before: " in said:
            back = plan(current=kernel.owned(), desired=made(OLD))
            assert_named(said, "bring back what was there before: ", back)
        else:
            left = said.partition("this would do it: ")[2]
            assert left, said
            wanted = plan(current=kernel.owned(), desired=made(OLD))
            assert_named(said, "this would do it: ", wanted)
    else:
        said = "described"
        assert kernel.owned() == made(NEW)
        assert done.after == made(NEW)
        assert done.before == made(OLD)
    foreign = kernel.table().only(FOREIGN.services)
    assert foreign == FOREIGN
    return said


def assert_named(said: str, after: str, operations: list[Operation]) -> None:
    """The sentence names these, and no others: five, and how many more."""
    named, _dot, _rest = (said.partition(after)[2] + " ").partition(". ")
    wanted = "; ".join(operation.command() for operation in operations[:5])
    assert named == wanted + (f" and {len(operations) - 5} more" if len(operations) > 5 else "")
    assert operations


def test_undisturbed_the_table_is_as_described(kernel: KernelInMemory) -> None:
    done = changed()
    assert kernel.owned() == made(NEW)
    assert [each.command() for each in done.operations] == [each.command() for each in OPERATIONS]
    assert kernel.written == OPERATIONS
    assert changed().operations == []


def test_check_mode_predicts_and_writes_nothing(kernel: KernelInMemory) -> None:
    predicted = changed(check=True)
    assert kernel.written == []
    assert predicted == changed()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOMEM, errno.EPERM, errno.EOPNOTSUPP, errno.EIO, 9999])
@pytest.mark.parametrize("place", PLACES)
def test_refused_at_any_place_it_is_undone(kernel: KernelInMemory, place: int, number: int) -> None:
    kernel.refusals = lambda _number, operation: number if operation == OPERATIONS[place] else 0
    assert outcome(kernel).endswith(AS_BEFORE) or number == errno.EPERM
    if OPERATIONS[place].action != DELETE:
        forth = kernel.written[: len(OPERATIONS)]
        assert not [each for each in forth if each.action == DELETE and each in OPERATIONS], "removed without need"


@pytest.mark.parametrize("number", [errno.EEXIST, errno.ENOENT, errno.ESRCH])
@pytest.mark.parametrize("place", PLACES)
def test_refused_as_if_others_were_at_work_it_is_tried_three_times(
    kernel: KernelInMemory, place: int, number: int
) -> None:
    kernel.refusals = lambda _number, operation: number if operation == OPERATIONS[place] else 0
    assert outcome(kernel).startswith("After 3 attempts the table is still not as described; this is missing: ")
    assert kernel.written.count(OPERATIONS[place]) == 0
    assert kernel.readings <= 4  # the first, and one after each attempt


@pytest.mark.parametrize("number", [errno.EEXIST, errno.ENOENT, errno.ESRCH, errno.ENOBUFS, errno.EAGAIN])
@pytest.mark.parametrize("place", PLACES)
def test_refused_once_it_is_planned_again(kernel: KernelInMemory, place: int, number: int) -> None:
    kernel.refusals = lambda count, _operation: number if count == place else 0
    said = outcome(kernel)
    # A number that stands for lost answers cannot stand for a refusal: then it is undone.
    assert said == "described" or (number in (errno.ENOBUFS, errno.EAGAIN) and said.endswith(AS_BEFORE))


@pytest.mark.parametrize("with_error", ["lost", "garbage", "odd"])
@pytest.mark.parametrize("loss", ["before", "after"])
@pytest.mark.parametrize("calls", [{1}, {2}, {1, 2}, {1, 3}, {1, 2, 3}, set(range(1, 100))])
def test_lost_answers_are_replaced_by_what_is_read(
    kernel: KernelInMemory, calls: set[int], loss: str, with_error: str
) -> None:
    errors: dict[str, IpvsError] = {
        "lost": AnswersLostError(errno.ENOBUFS, "Writing the table"),
        "garbage": WireError("Writing the table: an attribute of 0 bytes."),
        "odd": KernelError(errno.ECONNREFUSED, "Writing the table"),
    }
    kernel.loses = lambda call: loss if call in calls else ""
    kernel.loses_with = lambda: errors[with_error]
    said = outcome(kernel)
    if with_error == "lost" and len(calls) <= 2:
        assert said == "described"


@pytest.mark.parametrize("place", PLACES)
def test_refusals_are_undone_though_their_answers_were_lost_at_first(kernel: KernelInMemory, place: int) -> None:
    kernel.loses = lambda call: "after" if call == 1 else ""
    kernel.refusals = lambda _count, operation: errno.EINVAL if operation == OPERATIONS[place] else 0
    assert outcome(kernel).endswith(AS_BEFORE)


@pytest.mark.parametrize("place", PLACES)
def test_operations_returned_after_lost_answers_lead_from_the_old_table_to_the_new(
    kernel: KernelInMemory, place: int
) -> None:
    kernel.loses = lambda call: "after" if call == 1 else ""
    kernel.refusals = lambda count, _operation: errno.EBUSY if count >= place and kernel.calls == 1 else 0
    done = changed().operations
    replayed = KernelInMemory(made(OLD))
    replayed.apply(done)
    assert replayed.owned() == made(NEW)


def finishes_for_us(kernel: KernelInMemory) -> None:
    kernel.flush()
    kernel.set(made(NEW))


SOMEBODY: dict[str, Callable[[KernelInMemory], None]] = {
    "flushes": KernelInMemory.flush,
    "makes what we make": lambda kernel: kernel.set(made("53:rr 21=1")),
    "makes another": lambda kernel: kernel.set(made("110:wlc 21=1")),
    "edits a weight": lambda kernel: kernel.set(made("80:rr 21=1 22=77")),
    "removes a service": lambda kernel: (kernel.services.pop(next(iter(made("443:wlc").services)), None), None)[1],
    "has finished for us": finishes_for_us,
}


def after_removal(kernel: KernelInMemory, action: Callable[[KernelInMemory], None]) -> None:
    action(kernel)
    kernel.members = {key: found for key, found in kernel.members.items() if key in kernel.services}


@pytest.mark.parametrize("place", range(-1, len(OPERATIONS)))
@pytest.mark.parametrize("who", SOMEBODY)
def test_somebody_elses_change_at_any_moment_is_overcome(kernel: KernelInMemory, who: str, place: int) -> None:
    if place < 0:
        kernel.after_reading = lambda reading: after_removal(kernel, SOMEBODY[who]) if reading == 1 else None
    else:
        kernel.before_operation = lambda count: after_removal(kernel, SOMEBODY[who]) if count == place else None
    assert outcome(kernel) == "described"


@pytest.mark.parametrize("who", [who for who in SOMEBODY if who != "has finished for us"])
def test_somebody_who_does_not_stop_is_told_after_three_attempts(kernel: KernelInMemory, who: str) -> None:
    kernel.after_writing = lambda: after_removal(kernel, SOMEBODY[who])
    assert outcome(kernel).startswith("After 3 attempts the table is still not as described; this is missing: ")
    assert kernel.readings == 4


def test_described_by_others_after_the_last_attempt_is_no_failure(
    kernel: KernelInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.refusals = lambda _count, _operation: errno.EEXIST
    reading = kernel.read_table

    def read_table(wanted: Callable[[ServiceKey], bool]) -> Table:
        if kernel.readings == 3:
            kernel.flush()
            kernel.set(made(NEW))
        return reading(wanted)

    monkeypatch.setattr(kernel, "read_table", read_table)
    done = changed()
    assert done.after == made(NEW)
    assert done.operations == []


@pytest.mark.parametrize("place", PLACES)
def test_somebodys_change_and_a_refusal_together(kernel: KernelInMemory, place: int) -> None:
    """Undone is what we did; what somebody else did stays, and is named."""
    kernel.before_operation = lambda count: kernel.set(made("110:wlc 21=1")) if count == place else None
    kernel.refusals = lambda _count, operation: errno.EINVAL if operation == OPERATIONS[0] else 0
    said = outcome(kernel)
    if place < len([each for each in OPERATIONS if each.action != DELETE]):
        assert said.endswith("this would bring back what was there before: ipvsadm -D -t 192.0.2.100:110.")


@pytest.mark.parametrize("place", PLACES)
def test_undoing_that_is_refused_as_well_names_what_is_left(kernel: KernelInMemory, place: int) -> None:
    first: list[Operation] = []

    def refuse(_count: int, operation: Operation) -> int:
        if operation == OPERATIONS[place]:
            first.append(operation)
        # From then on nothing goes any more.
        return errno.EINVAL if first else 0

    kernel.refusals = refuse
    said = outcome(kernel)
    assert said.endswith(AS_BEFORE) == (place == 0)


def test_description_that_no_longer_fits_after_others_work_is_undone(kernel: KernelInMemory) -> None:
    """An empty list was harmless when it was read; now it would remove what somebody else has added."""
    kernel.services.clear()
    kernel.members.clear()
    kernel.set(FOREIGN)
    kernel.after_reading = lambda reading: kernel.set(made("80:wlc 21=1")) if reading == 1 else None
    with pytest.raises(IpvsError) as failed:
        changed("80:wlc; 443:wlc 22=1", purge="destinations", allow_empty=False)
    said = str(failed.value)
    assert said.startswith("Another program changed the same services meanwhile")
    assert "services[0].destinations: The list is empty and purge is on (192.0.2.21:80 would have gone)." in said
    # Of ours nothing is left; what somebody else made, is.
    assert kernel.owned() == made("80:wlc 21=1")


def test_unreadable_after_writing_says_that_it_is_not_known(kernel: KernelInMemory) -> None:

    def fail_again(readings: int) -> None:
        if readings:
            raise kernel_error(errno.EAGAIN, "Reading services")

    kernel.before_reading = fail_again
    with pytest.raises(ChangeFailedError, match="so it is not known whether it is as described"):
        changed()


def test_nothing_refused_but_not_held_is_named_after_three_attempts(
    kernel: KernelInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried_out = kernel._carried_out

    def forgetful(operation: Operation) -> int:
        return 0 if operation == OPERATIONS[0] else carried_out(operation)

    monkeypatch.setattr(kernel, "_carried_out", forgetful)
    assert outcome(kernel).startswith("After 3 attempts")
