# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged answers: a WireError or a right value, never another exception, an endless loop or a guess.

The answers are a real kernel's, each damaged in every place, or made up. What is right can be said without knowing how
``wire`` reads: where only what nobody has to understand was touched, the value is the same as before; where values were
touched, what is read is a value that survives being said and read again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import wire
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.daemon import Daemon
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import Destination, Service
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import kernel_error
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.timeouts import Timeouts
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.wire import WireError
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.ipvs.recorded import (
    RECORDED,
    Decode,
    attribute,
    kind_of,
    members,
    on_little_endian,
    payload_of,
    payloads,
)

pytestmark = on_little_endian

DECODERS: dict[str, list[Decode]] = {
    "services": [wire.service_reply, wire.service_value],
    "destinations": [wire.destination_reply, wire.destination_value],
    "daemons": [wire.daemon_reply],
    "timeouts": [wire.timeouts_reply],
    "info": [wire.info_reply],
    "family": [wire.family_reply],
}
EVERY_DECODER = [decode for decoders in DECODERS.values() for decode in decoders]

# Answers to damage with their reader. Of the many families one is enough.
ANSWERS: list[tuple[bytes, Decode]] = [
    (payload, decode)
    for heading in RECORDED
    if heading.split()[0] in DECODERS
    for payload in list(payloads(heading))[: 1 if heading == "family" else None]
    for decode in DECODERS[heading.split()[0]]
]
NESTED = {wire.service_reply: 1, wire.service_value: 1, wire.destination_reply: 2, wire.destination_value: 2}
NESTED[wire.daemon_reply] = 3
# Numbers that no attribute of IPVS has, nor will have soon.
UNKNOWN = (0, 200, 0x3FFF, 0x4000 | 201, 0x8000 | 202)


each_answer = pytest.mark.parametrize(
    ("payload", "decode"),
    ANSWERS,
    ids=[f"{number}-{decode.__name__}" for number, (_payload, decode) in enumerate(ANSWERS)],
)


def read(decode: Decode, payload: bytes) -> Any:
    """What is read from a payload; WireError, the class, when it is one. Any other exception fails the test.

    The payload stands in the middle of other bytes, so that nothing is read beyond its end without notice.
    """
    before, behind = b"\xa5" * 16, b"\x5a" * 64
    try:
        return decode(before + payload + behind, len(before), len(before) + len(payload))
    except WireError:
        return WireError


def said_again(value: Any) -> Any:
    """What is read from what we would say about a value, in the shape of the value's own answer."""
    if isinstance(value, Service):
        request = b"\0\0\0\0" + wire.service_attribute(value)
        return wire.service_value(request, 0, len(request))
    if isinstance(value, Destination):
        request = b"\0\0\0\0" + wire.destination_attribute(value)
        return wire.destination_value(request, 0, len(request))
    if isinstance(value, Daemon):
        request = b"\0\0\0\0" + wire.daemon_attribute(value)
        return wire.daemon_reply(request, 0, len(request))
    if isinstance(value, Timeouts):
        request = b"\0\0\0\0" + wire.timeouts_attributes(value)
        return wire.timeouts_reply(request, 0, len(request))
    return value


def is_right(value: Any) -> bool:
    """Whether something read is a WireError, or a value that can be said, shown and read again."""
    if value is WireError:
        return True
    main = value[0] if isinstance(value, tuple) and not isinstance(value, Timeouts) else value
    if isinstance(main, (Service, Destination)):
        assert str(main.key)
        assert main.as_options()
        assert main.key.sorting()
    return bool(said_again(main) == main)


def inner(payload: bytes, decode: Decode) -> list[bytes]:
    """The attributes that count: those in the answer's one nested attribute, if it is made so."""
    outer = members(payload)
    return members(outer[0]) if decode in NESTED else outer


def answer(attributes: list[bytes], payload: bytes, decode: Decode) -> bytes:
    """An answer like ``payload`` with these attributes."""
    joined = b"".join(attributes)
    return payload[:4] + (attribute(NESTED[decode], joined) if decode in NESTED else joined)


def with_length(whole: bytes, length: int) -> bytes:
    return struct.pack("=H", length) + whole[2:]


@each_answer
def test_answer_made_again_from_its_attributes_is_the_same(payload: bytes, decode: Decode) -> None:
    assert answer(inner(payload, decode), payload, decode) == payload
    assert is_right(read(decode, payload))
    assert read(decode, payload) is not WireError


@each_answer
def test_answer_cut_off_at_any_byte_is_an_error(payload: bytes, decode: Decode) -> None:
    whole = read(decode, payload)
    for length in range(len(payload)):
        found = read(decode, payload[:length])
        # Only behind the last attribute that is read, and between two, a cut cannot be seen.
        if decode in NESTED:
            assert found is WireError, length
        else:
            assert found in (WireError, whole), length


@each_answer
def test_answer_that_lacks_its_last_attributes_is_an_error_or_lacks_what_old_kernels_lack(
    payload: bytes, decode: Decode
) -> None:
    whole, attributes = read(decode, payload), inner(payload, decode)
    for count in range(len(attributes)):
        found = read(decode, answer(attributes[:count], payload, decode))
        if decode is wire.daemon_reply and found is not WireError:
            known = {field: value for field, value in found.as_options().items() if value is not None}
            assert known.items() <= whole.as_options().items()
        else:
            assert found in (WireError, whole)


@each_answer
def test_unknown_attributes_anywhere_change_nothing(payload: bytes, decode: Decode) -> None:
    whole, attributes = read(decode, payload), inner(payload, decode)
    for unknown in UNKNOWN:
        for added in (attribute(unknown, b""), attribute(unknown, b"x" * 7), attribute(unknown, bytes(64))):
            for place in range(len(attributes) + 1):
                changed = [*attributes[:place], added, *attributes[place:]]
                assert read(decode, answer(changed, payload, decode)) == whole
            assert read(decode, payload[:4] + added + payload[4:]) == whole
            assert read(decode, payload + added) == whole


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_unknown_attributes_between_counters_change_nothing(unknown: int) -> None:
    for payload, decode in ANSWERS:
        if decode not in (wire.service_reply, wire.destination_reply):
            continue
        whole, attributes = read(decode, payload), inner(payload, decode)
        counters = members(attributes[-1])
        for place in range(len(counters) + 1):
            changed = b"".join([*counters[:place], attribute(unknown, b"x" * 3), *counters[place:]])
            assert read(decode, answer([*attributes[:-1], attribute(12, changed)], payload, decode)) == whole


@each_answer
def test_attribute_of_a_wrong_size_is_an_error_or_one_that_nobody_reads(payload: bytes, decode: Decode) -> None:
    """A number of two bytes where four are promised is not read as a number."""
    whole, attributes = read(decode, payload), inner(payload, decode)
    errors = 0
    for place, each in enumerate(attributes):
        held = payload_of(each)
        if len(held) > 16:
            continue  # counters, which are nested themselves
        for wrong in [held[:size] for size in range(len(held))] + [held + bytes(more) for more in (1, 2, 3, 4, 12)]:
            changed = [*attributes[:place], attribute(kind_of(each), wrong), *attributes[place + 1 :]]
            found = read(decode, answer(changed, payload, decode))
            assert found in (WireError, whole), (kind_of(each), wrong)
            errors += found is WireError
    assert errors


@each_answer
def test_counter_of_a_wrong_size_is_an_error(payload: bytes, decode: Decode) -> None:
    if decode not in (wire.service_reply, wire.destination_reply):
        return
    attributes = inner(payload, decode)
    counters = [each for each in members(attributes[-1]) if len(each) > 4]
    for place, each in enumerate(counters):
        for size in (0, 4, 7, 9, 12, 16):
            wrong = attribute(kind_of(each), bytes(size))
            nested = attribute(12, b"".join([*counters[:place], wrong, *counters[place + 1 :]]))
            assert read(decode, answer([*attributes[:-1], nested], payload, decode)) is WireError


@each_answer
def test_attribute_that_is_there_twice_is_an_error_or_one_that_nobody_reads(payload: bytes, decode: Decode) -> None:
    whole, attributes = read(decode, payload), inner(payload, decode)
    for each in attributes:
        for other in (each, attribute(kind_of(each), bytes(len(payload_of(each))))):
            for place in (0, len(attributes)):
                changed = [*attributes[:place], other, *attributes[place:]]
                assert read(decode, answer(changed, payload, decode)) in (WireError, whole)


@each_answer
def test_length_of_zero_or_less_than_a_header_is_an_error(payload: bytes, decode: Decode) -> None:
    attributes = inner(payload, decode)
    for place, each in enumerate(attributes):
        for length in range(4):
            changed = [*attributes[:place], with_length(each, length), *attributes[place + 1 :]]
            assert read(decode, answer(changed, payload, decode)) is WireError
    for length in range(4):
        assert read(decode, payload[:4] + with_length(payload[4:], length)) is WireError


@each_answer
def test_any_other_length_is_an_error_or_swallows_only_what_nobody_reads(payload: bytes, decode: Decode) -> None:
    whole, attributes = read(decode, payload), inner(payload, decode)
    lengths = {*range(80), *(2**power + more for power in range(6, 16) for more in (-1, 0, 1)), 65535}
    for place, each in enumerate(attributes):
        for length in lengths - {len(payload_of(each)) + 4}:
            changed = [*attributes[:place], with_length(each, length), *attributes[place + 1 :]]
            found = read(decode, answer(changed, payload, decode))
            if decode is wire.daemon_reply and found is not WireError:
                known = {field: value for field, value in found.as_options().items() if value is not None}
                assert known.items() <= whole.as_options().items()
            else:
                assert found in (WireError, whole), (kind_of(each), length)


@each_answer
def test_any_flipped_bit_is_an_error_or_read_as_a_right_value(payload: bytes, decode: Decode) -> None:
    for place in range(len(payload)):
        for bit in range(8):
            damaged = bytearray(payload)
            damaged[place] ^= 1 << bit
            assert is_right(read(decode, bytes(damaged))), (place, bit)


def damage(payload: bytes, data: st.DataObject) -> bytes:
    """The payload with bytes set, inserted and removed."""
    damaged = bytearray(payload)
    for _number in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        kind = data.draw(st.sampled_from(("set", "insert", "remove")))
        if kind == "set":
            damaged[place] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            damaged[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        elif len(damaged) > 8:
            del damaged[place : place + data.draw(st.integers(1, 8))]
    return bytes(damaged)


@given(st.sampled_from(ANSWERS), st.data())
def test_damaged_answer_is_read_as_a_right_value_or_an_error(sample: tuple[bytes, Decode], data: st.DataObject) -> None:
    payload, decode = sample
    assert is_right(read(decode, damage(payload, data)))


# The quick ways to read an entry of a large table, with what they must agree with in everything.
CAREFUL: dict[Decode, Decode] = {
    wire.service_value: lambda buffer, start, end: wire._service(
        wire.Attributes(buffer, start + wire.GENERIC_SIZE, end).nested(1, "service")
    ),
    wire.destination_value: lambda buffer, start, end: wire._destination(
        wire.Attributes(buffer, start + wire.GENERIC_SIZE, end).nested(2, "destination")
    ),
}
QUICK_ANSWERS = [(payload, decode) for payload, decode in ANSWERS if decode in CAREFUL]


@pytest.mark.parametrize(("payload", "decode"), QUICK_ANSWERS)
def test_quick_look_says_what_a_careful_one_says_whatever_bit_is_flipped(payload: bytes, decode: Decode) -> None:
    for place in range(len(payload)):
        for bit in range(8):
            damaged = bytearray(payload)
            damaged[place] ^= 1 << bit
            assert read(decode, bytes(damaged)) == read(CAREFUL[decode], bytes(damaged)), (place, bit)


@given(st.sampled_from(QUICK_ANSWERS), st.data())
def test_quick_look_says_what_a_careful_one_says(sample: tuple[bytes, Decode], data: st.DataObject) -> None:
    payload, decode = sample
    damaged = damage(payload, data)
    assert read(decode, damaged) == read(CAREFUL[decode], damaged)


@given(st.sampled_from(ANSWERS), st.sampled_from(EVERY_DECODER))
def test_answer_to_another_question_is_an_error_or_a_right_value(sample: tuple[bytes, Decode], decode: Decode) -> None:
    assert is_right(read(decode, sample[0]))


attribute_trees = st.recursive(
    st.builds(attribute, st.integers(0, 16), st.binary(max_size=20)),
    lambda inside: st.builds(
        lambda kind, parts: attribute(kind, b"".join(parts)), st.integers(0, 16), st.lists(inside, max_size=20)
    ),
    max_leaves=40,
)


@given(st.lists(attribute_trees, max_size=4), st.sampled_from(EVERY_DECODER))
def test_made_up_attributes_are_an_error_or_a_right_value(trees: list[bytes], decode: Decode) -> None:
    assert is_right(read(decode, b"\1\1\0\0" + b"".join(trees)))


@given(st.data(), st.sampled_from([wire.service_reply, wire.destination_reply, wire.daemon_reply]))
def test_made_up_values_of_the_right_sizes_are_an_error_or_a_right_value(data: st.DataObject, decode: Decode) -> None:
    """Everything has its size and nothing its meaning: gets further into the readers than mere noise."""
    payload = data.draw(st.sampled_from([payload for payload, reader in ANSWERS if reader is decode]))
    made_up = []
    for each in inner(payload, decode):
        size = len(payload_of(each))
        small = data.draw(st.booleans())
        held = (
            bytes([data.draw(st.integers(0, 12))]).ljust(size, b"\0")
            if small
            else data.draw(st.binary(min_size=size, max_size=size))
        )
        made_up.append(each if data.draw(st.booleans()) or size > 16 else attribute(kind_of(each), held))
    assert is_right(read(decode, answer(made_up, payload, decode)))


@given(st.binary(max_size=400), st.sampled_from(EVERY_DECODER))
def test_noise_is_an_error(noise: bytes, decode: Decode) -> None:
    assert read(decode, noise) is WireError


@pytest.mark.parametrize("decode", EVERY_DECODER)
@pytest.mark.parametrize("unit", [bytes(4), b"\4\0\1\0", b"\4\0\2\x80", b"\xff" * 4, b"\4\0\0\0"])
def test_oversized_answer_of_nothing_is_an_error_and_ends(decode: Decode, unit: bytes) -> None:
    assert read(decode, unit * (1 << 17)) is WireError


def test_answer_with_more_than_we_know_in_it_is_read_however_long() -> None:
    for payload, decode in ANSWERS:
        more = b"".join(attribute(300 + number, bytes(4000)) for number in range(200))
        assert read(decode, payload + more) == read(decode, payload)


# The layer below: messages in what one receive returned.


def spans(buffer: bytes) -> list[wire.Message] | type[WireError]:
    """The messages, which must lie one behind the other inside the buffer."""
    found: list[wire.Message] = []
    try:
        for message in wire.messages(buffer):
            assert (found[-1].end if found else 0) + 16 <= message.start <= message.end <= len(buffer)
            found.append(message)
            assert len(found) * 16 <= len(buffer)
    except WireError:
        return WireError
    return found


def whole_buffers() -> Iterator[bytes]:
    for buffers in RECORDED.values():
        yield from buffers


@given(st.binary(max_size=300))
def test_messages_in_noise_lie_inside_it_or_are_an_error(noise: bytes) -> None:
    spans(noise)


def test_messages_cut_off_at_any_byte_are_those_before_the_cut_and_an_error() -> None:
    for buffer in whole_buffers():
        whole = spans(buffer)
        assert isinstance(whole, list)
        ends = {0, *(message.end for message in whole)}
        for length in range(len(buffer)):
            cut = spans(buffer[:length])
            assert (cut is WireError) == (length not in ends), length


@pytest.mark.parametrize("length", [0, 1, 15, 17, 2**31, 2**32 - 1, 2**32 - 3])
def test_message_that_says_a_wrong_length_is_an_error_and_no_endless_loop(length: int) -> None:
    with pytest.raises(WireError, match=f"says it is {length} bytes long"):
        list(wire.messages(struct.pack("=IHHII", length, 3, 0, 1, 0)))


@pytest.mark.parametrize("length", [0, 1, 15])
def test_message_shorter_than_its_header_is_an_error_with_others_behind_it(length: int) -> None:
    with pytest.raises(WireError, match=f"says it is {length} bytes long"):
        list(wire.messages(struct.pack("=IHHII", length, 3, 0, 1, 0) * 2))


@given(st.binary(max_size=24))
def test_error_number_is_one_that_the_kernel_has_or_an_error(payload: bytes) -> None:
    buffer = wire.message(wire.NLMSG_ERROR, 0, 1, payload)
    (message,) = wire.messages(buffer)
    try:
        number = wire.error_number(buffer, message)
    except WireError:
        return
    assert 0 <= number <= 4095
    assert kernel_error(number, "Reading").number == number


@pytest.mark.parametrize("number", [1, -4096, -(2**31), 2**31 - 1])
def test_impossible_error_number_is_an_error_itself(number: int) -> None:
    buffer = wire.message(wire.NLMSG_ERROR, 0, 1, struct.pack("=i", number))
    (message,) = wire.messages(buffer)
    with pytest.raises(WireError, match="which cannot be"):
        wire.error_number(buffer, message)
