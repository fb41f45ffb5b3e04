# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation with the kernel over a socket that says whatever it likes; the real one is in tests/kernel."""

from __future__ import annotations

import errno
import itertools
import struct
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import netlink, wire
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Destination,
    IpvsError,
    Service,
    service_key,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import (
    AlreadyThereError,
    AnswersLostError,
    Kernel,
    KernelError,
    NotFoundError,
    OperationFailedError,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import CREATE, Operation
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.wire import WireError
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.ipvs.recorded import (
    on_little_endian,
    payloads,
)

pytestmark = on_little_endian

FAMILY = 28
WEB = service_key(address="192.0.2.100", port=80)
# The kernel answers the first request of such a socket with this sequence number.
OURS = 101


class Socket:
    """Gives its answers one after the other, then nothing comes any more."""

    def __init__(self, answers: Iterator[bytes]) -> None:
        self._answers = answers
        self.sent: list[bytes] = []
        self.received = 0

    def recv(self, size: int) -> bytes:
        self.received += 1
        try:
            return next(self._answers)[:size]
        except StopIteration:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable") from None

    def sendto(self, request: bytes, _address: tuple[int, int]) -> None:
        self.sent.append(bytes(request))

    def close(self) -> None: ...


def kernel_that_says(*answers: bytes, then: Iterable[bytes] = ()) -> Kernel:
    kernel = Kernel.__new__(Kernel)
    vars(kernel).update(_socket=Socket(itertools.chain(answers, then)), _sequence=OURS - 1, _family=FAMILY)
    return kernel


def entry(payload: bytes, *, sequence: int = OURS, flags: int = 0) -> bytes:
    return wire.message(FAMILY, 2 | flags, sequence, payload)


def done(number: int = 0, *, sequence: int = OURS, flags: int = 0) -> bytes:
    return wire.message(wire.NLMSG_DONE, 2 | flags, sequence, struct.pack("=i", -number))


def acknowledged(number: int = 0, *, sequence: int = OURS) -> bytes:
    return wire.message(wire.NLMSG_ERROR, 0, sequence, struct.pack("=i", -number) + bytes(16))


SERVICES = [entry(payload) for payload in payloads("services")]
INFO = next(payloads("info"))
OVERRUN = wire.message(wire.NLMSG_OVERRUN, 0, OURS, bytes(4))
FOREIGN = b"".join(
    (
        entry(INFO, sequence=OURS - 1),
        done(errno.EPERM, sequence=OURS + 1),
        acknowledged(errno.EINVAL, sequence=0),
        wire.message(wire.NLMSG_ERROR, 0, 2**32 - 1, b""),
        entry(b"garbage!", sequence=OURS - 2),
    )
)


def services_of(kernel: Kernel) -> int:
    return len(kernel.read_services(lambda _key: True))


def test_answers_may_come_in_one_piece_or_in_many() -> None:
    assert services_of(kernel_that_says(*SERVICES, done())) == len(SERVICES)
    assert services_of(kernel_that_says(b"".join(SERVICES), done())) == len(SERVICES)
    assert services_of(kernel_that_says(b"".join(SERVICES) + done())) == len(SERVICES)


def test_empty_list_is_empty() -> None:
    assert services_of(kernel_that_says(done())) == 0


def test_answers_with_other_sequence_numbers_are_passed_over() -> None:
    interleaved = [FOREIGN, *(each + FOREIGN for each in SERVICES), FOREIGN + done() + FOREIGN]
    assert services_of(kernel_that_says(*interleaved)) == len(SERVICES)
    assert kernel_that_says(FOREIGN, entry(INFO) + FOREIGN, FOREIGN, acknowledged()).info() == ("1.2.1", 4096)


@pytest.mark.parametrize(
    ("answers", "error", "sentence"),
    [
        pytest.param([b""], WireError, "sent an empty answer", id="empty answer"),
        pytest.param([], AnswersLostError, "EAGAIN", id="no answer"),
        pytest.param(SERVICES, AnswersLostError, "EAGAIN", id="no end"),
        pytest.param([*SERVICES, OVERRUN, done()], AnswersLostError, "ENOBUFS", id="overrun"),
        pytest.param([SERVICES[0][:-1], done()], WireError, "says it is", id="cut off"),
        pytest.param([SERVICES[0] + done()[:-2]], WireError, "says it is", id="end cut off"),
        pytest.param([wire.message(wire.NLMSG_DONE, 2, OURS, b"\0")], WireError, "cut off", id="end without number"),
        pytest.param([done(errno.ESRCH)], NotFoundError, "ESRCH", id="end with an error"),
        pytest.param([*SERVICES, acknowledged(errno.ENOMEM)], KernelError, "ENOMEM", id="error half-way"),
        pytest.param([*SERVICES, acknowledged()], WireError, "listed nothing", id="acknowledged, not ended"),
        pytest.param([done(-5)], WireError, "which cannot be", id="impossible error number"),
        pytest.param([entry(b""), done()], WireError, "lacks service", id="entry of nothing"),
        pytest.param([entry(INFO), done()], WireError, r"lacks|bytes", id="entry of something else"),
    ],
)
def test_list_that_is_not_whole_is_an_error_and_never_a_shorter_list(
    answers: list[bytes], error: type[IpvsError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        services_of(kernel_that_says(*answers))


def test_list_that_changed_meanwhile_is_read_again_but_not_for_ever() -> None:
    torn = SERVICES[0] + entry(next(payloads("services")), flags=wire.NLM_F_DUMP_INTR) + done()
    again = b"".join(entry(payload, sequence=OURS + 1) for payload in payloads("services"))
    assert services_of(kernel_that_says(torn, again + done(sequence=OURS + 1))) == len(SERVICES)
    # The flag may stand at the end only.
    assert services_of(kernel_that_says(done(flags=wire.NLM_F_DUMP_INTR), done(sequence=OURS + 1))) == 0
    always = (done(flags=wire.NLM_F_DUMP_INTR, sequence=sequence) for sequence in itertools.count(OURS))
    with pytest.raises(AnswersLostError, match="changed under each of 5 tries"):
        services_of(kernel_that_says(then=always))


@pytest.mark.parametrize(
    ("endless", "ask"),
    [
        pytest.param(SERVICES[0], services_of, id="list without an end"),
        pytest.param(FOREIGN, services_of, id="never an answer to this question, list"),
        pytest.param(FOREIGN, Kernel.info, id="never an answer to this question"),
        pytest.param(entry(INFO), Kernel.info, id="never an acknowledgement"),
    ],
)
def test_answers_without_an_end_are_given_up(
    monkeypatch: pytest.MonkeyPatch, endless: bytes, ask: Callable[[Kernel], Any]
) -> None:
    seconds = itertools.count()
    monkeypatch.setattr(netlink, "time", types.SimpleNamespace(monotonic=lambda: next(seconds)))
    kernel = kernel_that_says(then=itertools.repeat(endless))
    with pytest.raises(AnswersLostError, match="does not end"):
        ask(kernel)
    assert vars(kernel)["_socket"].received < 1000


def operations(count: int) -> list[Operation]:
    return [Operation(CREATE, Service(WEB), Destination(f"192.0.2.{number}", 80)) for number in range(1, count + 1)]


def test_refused_operation_is_named_with_those_that_were_carried_out() -> None:
    first, second, third = planned = operations(3)
    kernel = kernel_that_says(FOREIGN + acknowledged(errno.EEXIST, sequence=OURS + 1), acknowledged(sequence=OURS + 2))
    with pytest.raises(OperationFailedError, match=r"192\.0\.2\.2:80 .* failed: .*EEXIST") as raised:
        kernel.apply(planned)
    assert raised.value.operation is second
    assert raised.value.done == (first, third)
    assert isinstance(raised.value.cause, AlreadyThereError)


def test_writing_without_the_last_answer_is_not_taken_for_done() -> None:
    with pytest.raises(AnswersLostError, match="EAGAIN"):
        kernel_that_says(acknowledged(sequence=OURS), acknowledged(sequence=OURS + 1)).apply(operations(3))
    with pytest.raises(AnswersLostError, match="ENOBUFS"):
        kernel_that_says(OVERRUN, acknowledged(sequence=OURS + 2)).apply(operations(3))


QUESTIONS: list[Callable[[Kernel], Any]] = [
    services_of,
    Kernel.read,
    Kernel.info,
    Kernel.timeouts,
    Kernel.daemons,
    lambda kernel: kernel.read_service(WEB),
    lambda kernel: kernel.read_destinations(WEB),
    lambda kernel: kernel.apply(operations(3)),
]

said_of_us = st.builds(
    wire.message,
    st.sampled_from((FAMILY, wire.NLMSG_ERROR, wire.NLMSG_DONE, wire.NLMSG_OVERRUN, 1, 16)),
    st.sampled_from((0, 2, wire.NLM_F_DUMP_INTR, 0xFFFF)),
    st.integers(OURS - 1, OURS + 8),
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([*payloads("services"), INFO, *payloads("daemons"), bytes(4), struct.pack("=i", -22)]),
    ),
)


@given(st.lists(st.one_of(said_of_us, st.binary(max_size=60)), max_size=12), st.sampled_from(QUESTIONS))
def test_whatever_the_kernel_says_is_an_answer_or_an_error_in_words(
    answers: list[bytes], ask: Callable[[Kernel], Any]
) -> None:
    try:
        ask(kernel_that_says(*answers))
    except IpvsError as error:
        sentence = str(error)
    else:
        sentence = ""
    assert sentence == "" or sentence.endswith(".")
