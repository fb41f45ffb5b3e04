# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes to model and back: what a real kernel said, what we say, and garbage."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import wire
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Connections,
    Counters,
    Destination,
    ServiceKey,
    Table,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import plan
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.wire import WireError
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.ipvs.ipvs_tables import (
    destinations,
    service_keys,
    services,
)

Decode = Callable[[wire.Buffer, int, int], Any]

RECORDED: dict[str, list[bytes]] = {}
for _line in (Path(__file__).parent / "linux-6.1.hex").read_text(encoding="ascii").splitlines():
    if not _line.startswith("#"):
        RECORDED.setdefault(_line.rpartition(" ")[0], []).append(bytes.fromhex(_line.rpartition(" ")[2]))

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the recording is of a little-endian machine")


def said(heading: str, decode: Decode) -> list[Any]:
    """What the recorded answers under a heading mean."""
    return [
        decode(buffer, message.start, message.end)
        for buffer in RECORDED[heading]
        for message in wire.messages(buffer)
        if message.kind >= wire.NLMSG_MIN_TYPE
    ]


def recorded_table() -> Table:
    found = {service.key: service for service, _counters in said("services", wire.service_reply)}
    return Table(
        found,
        {
            key: {each.key: each for each, _now, _counters in said(f"destinations {key}", wire.destination_reply)}
            for key in found
        },
    )


def test_recorded_table_is_what_ipvsadm_was_told() -> None:
    assert [operation.command() for operation in plan(current=Table(), desired=recorded_table())] == [
        f"ipvsadm {line}"
        for line in (
            "-A --sctp-service 192.0.2.100:0 -s sh -p 60 --pe sip -b sh-fallback,flag-3",
            "-A -t 192.0.2.100:80 -s wlc -p 300 -M 255.255.255.0",
            "-A -u [2001:db8:2::100]:53 -s mh -o -b mh-port",
            "-A -f 5 -s rr",
            "-A -f 6 -6 -s fo",
            "-a -t 192.0.2.100:80 -r 192.0.2.22:8080 -m -w 0",
            "-a -t 192.0.2.100:80 -r 192.0.2.100:80 -g -w 3 -x 100 -y 50",
            "-a -u [2001:db8:2::100]:53 -r 192.0.2.21:53 -i -w 1 --tun-type gue --tun-port 5555 --tun-remcsum",
            "-a -u [2001:db8:2::100]:53 -r [2001:db8:2::21]:53 -i -w 1 --tun-type gre --tun-csum",
            "-a -f 5 -r 192.0.2.21:0 -i -w 70000 --tun-type ipip",
        )
    ]


def test_recorded_connections_and_counters_are_read() -> None:
    found = said("destinations tcp/192.0.2.100:80", wire.destination_reply)
    busy = {each.address: (now, counters) for each, now, counters in found}
    assert busy["192.0.2.22"] == (Connections(0, 0, 0), Counters())
    now, counters = busy["192.0.2.100"]
    # Two open connections, and the template that keeps their client on this real server.
    assert now == Connections(active=2, inactive=0, persistent=1)
    assert counters.connections == 2
    assert counters.incoming_packets > 0
    assert counters.incoming_bytes > counters.incoming_packets


def test_recorded_settings_are_read() -> None:
    assert said("info", wire.info_reply) == [("1.2.1", 4096)]
    assert said("timeouts", wire.timeouts_reply) == [{"tcp": 900, "tcp_fin": 120, "udp": 300}]
    assert dict(said("family", wire.family_reply))["IPVS"] >= wire.NLMSG_MIN_TYPE
    master, backup = said("daemons", wire.daemon_reply)
    assert master == {
        "role": "master",
        "interface": "lo",
        "sync_id": 51,
        "multicast_group": "224.0.0.81",
        "multicast_port": 8848,
        "multicast_ttl": 1,
        "max_length": master["max_length"],
    }
    assert backup["role"] == "backup"


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def counted(padded: bool = False) -> bytes:
    padding = attribute(11, b"") if padded else b""
    return b"".join(padding + attribute(kind, struct.pack("=Q", kind << 33)) for kind in range(1, 11))


def reply(request: bytes, extra: bytes, counters: bytes, *, stats: int) -> bytes:
    """The kernel's answer to what we say about a service or destination: the same with more in it."""
    inner = request[4:] + extra + attribute(stats | 0x8000, counters)
    return bytes(4) + attribute(struct.unpack_from("=H", request, 2)[0], inner)


CONNECTIONS = b"".join(attribute(kind, struct.pack("=I", kind)) for kind in (7, 8, 9))
COUNTERS = Counters(*(kind << 33 for kind in range(1, 11)))


@given(st.data(), service_keys)
def test_service_survives_the_way_there_and_back(data: st.DataObject, key: ServiceKey) -> None:
    service = data.draw(services(key))
    answer = reply(wire.service_attribute(service), b"", counted(), stats=12)
    assert wire.service_reply(answer, 0, len(answer)) == (service, COUNTERS)


@given(st.data(), service_keys)
def test_destination_survives_the_way_there_and_back(data: st.DataObject, key: ServiceKey) -> None:
    destination = data.draw(destinations(key))
    answer = reply(wire.destination_attribute(destination), CONNECTIONS, counted(), stats=12)
    assert wire.destination_reply(answer, 0, len(answer)) == (destination, Connections(7, 8, 9), COUNTERS)


RS1 = Destination("192.0.2.21", 80)


@pytest.mark.parametrize(
    "counters",
    [
        pytest.param(counted(), id="one after the other"),
        pytest.param(counted(padded=True), id="padded, where unaligned reads are dear"),
        pytest.param(counted(padded=True)[4:], id="padded but for the first"),
        pytest.param(counted() + attribute(99, b"new"), id="more than we know"),
        pytest.param(b"".join(reversed([counted()[at : at + 12] for at in range(0, 120, 12)])), id="in another order"),
    ],
)
def test_counters_are_read_in_any_form(counters: bytes) -> None:
    answer = reply(wire.destination_attribute(RS1), CONNECTIONS, counters, stats=12)
    assert wire.destination_reply(answer, 0, len(answer))[2] == COUNTERS


def test_attributes_of_newer_kernels_are_skipped() -> None:
    extra = attribute(1000, b"whatever") + attribute(77, b"") + CONNECTIONS
    answer = reply(wire.destination_attribute(RS1), extra, counted(), stats=12)
    assert wire.destination_reply(answer, 0, len(answer))[0] == RS1


def test_kernels_before_tunnel_types_have_plain_tunnels() -> None:
    tunnelled = Destination("192.0.2.21", 80, forwarding="tunnel", tunnel_type="ipip")
    request = wire.destination_attribute(tunnelled)
    answer = reply(request[: -3 * 8], CONNECTIONS, counted(), stats=12)
    assert wire.destination_reply(answer, 0, len(answer))[0] == tunnelled


def test_flags_of_newer_kernels_are_neither_read_nor_written() -> None:
    found = {service.key.protocol: service for service, _counters in said("services", wire.service_reply)}
    service = found["sctp"]
    request = wire.service_attribute(service)
    flags = attribute(7, struct.pack("=II", 0x1 | 0x8 | 0x20, 0x3D))
    assert flags in request
    newer = request.replace(flags, attribute(7, struct.pack("=II", 0x1 | 0x8 | 0x20 | 0x40000002, 0xFFFFFFFF)))
    answer = reply(newer, b"", counted(), stats=12)
    assert wire.service_reply(answer, 0, len(answer))[0] == service


def without(kind: int, request: bytes) -> bytes:
    """A nested attribute without one of its members."""
    kept, at = b"", 4
    while at < len(request):
        length, found = struct.unpack_from("=HH", request, at)
        if found != kind:
            kept += request[at : at + (length + 3 & ~3)]
        at += length + 3 & ~3
    return attribute(struct.unpack_from("=H", request, 2)[0], kept)


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 11])
def test_missing_attribute_is_an_error_and_no_guess(kind: int) -> None:
    answer = reply(without(kind, wire.destination_attribute(RS1)), CONNECTIONS, counted(), stats=12)
    with pytest.raises(WireError, match="The kernel's answer lacks"):
        wire.destination_reply(answer, 0, len(answer))


@pytest.mark.parametrize(
    ("kind", "payload", "sentence"),
    [
        (3, struct.pack("=I", 5), "forwarding method of a destination 5"),
        (11, struct.pack("=H", 7), "address family 7"),
        (4, struct.pack("=H", 1), "weight has 2 bytes instead of 4"),
        (1, b"abc", "destination address has 3 bytes"),
    ],
)
def test_impossible_value_is_an_error_and_no_guess(kind: int, payload: bytes, sentence: str) -> None:
    extra = CONNECTIONS + attribute(kind, payload)
    answer = reply(without(kind, wire.destination_attribute(RS1)), extra, counted(), stats=12)
    with pytest.raises(WireError, match=sentence):
        wire.destination_reply(answer, 0, len(answer))


DECODERS: list[Decode] = [
    wire.service_reply,
    wire.destination_reply,
    wire.daemon_reply,
    wire.timeouts_reply,
    wire.info_reply,
    wire.family_reply,
]


@given(st.binary(max_size=200), st.sampled_from(DECODERS))
def test_garbage_is_an_error_and_ends(garbage: bytes, decode: Decode) -> None:
    with pytest.raises(WireError):
        decode(garbage, 0, len(garbage))


@given(st.sampled_from(sorted(RECORDED)), st.data())
def test_damaged_answer_is_read_or_an_error_and_nothing_else(heading: str, data: st.DataObject) -> None:
    damaged = bytearray(RECORDED[heading][0])
    for _number in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(1, len(damaged)))])
    decode = wire.destination_reply if heading.startswith("dest") else wire.service_reply
    try:
        for message in wire.messages(cut):
            if message.kind in (wire.NLMSG_ERROR, wire.NLMSG_DONE):
                wire.error_number(cut, message)
            else:
                decode(cut, message.start, message.end)
    except WireError:
        pass


@pytest.mark.parametrize("length", [0, 1, 15])
def test_message_that_says_it_is_too_short_is_an_error_and_no_endless_loop(length: int) -> None:
    with pytest.raises(WireError, match=f"says it is {length} bytes long"):
        list(wire.messages(struct.pack("=IHHII", length, 3, 0, 1, 0) * 2))
