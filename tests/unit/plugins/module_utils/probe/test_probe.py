# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions and answers as bytes; tests/kernel/test_vip_probe.py sees that a real kernel answers these questions."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from pathlib import Path

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._probe.connections import (
    Target,
    connect_all,
    connect_while,
    targets_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._probe.error import ProbeError
from ansible_collections.lvs.cluster.plugins.module_utils._probe.frames import (
    Answer,
    arp_answer,
    arp_request,
    neighbour_answer,
    neighbour_solicitation,
)

VIP = ipaddress.IPv4Address("192.0.2.100")
OTHER = ipaddress.IPv4Address("192.0.2.101")
VIP6 = ipaddress.IPv6Address("2001:db8:2::100")
MAC = bytes.fromhex("020000000231")
REPLY = bytes.fromhex("020000000231 02000000020a 0806 0001 0800 0604 0002 02000000020a c0000264 020000000231 c000021f")
#: As `arping -U` sends it (RFC 5227, 3: an ARP request for the sender's own address).
ANNOUNCEMENT = bytes.fromhex(
    "ffffffffffff 02000000020a 0806 0001 0800 0604 0001 02000000020a c0000264 ffffffffffff c0000264"
)
ADVERTISEMENT = (
    bytes.fromhex("020000000231 02000000020a 86dd 60000000 0020 3a ff")
    + VIP6.packed
    + ipaddress.IPv6Address("2001:db8:2::31").packed
    + bytes.fromhex("88 00 0000 60000000")
    + VIP6.packed
)


def test_an_arp_request_is_laid_out_as_rfc_826_says() -> None:
    frame = arp_request(target=VIP, sender=ipaddress.IPv4Address("192.0.2.31"), mac=MAC)
    assert frame[:42] == bytes.fromhex(
        "ffffffffffff 020000000231 0806 0001 0800 0604 0001 020000000231 c000021f 000000000000 c0000264"
    )
    assert len(frame) == 60


def test_a_solicitation_is_laid_out_as_rfc_4861_says() -> None:
    frame = neighbour_solicitation(target=VIP6, sender=ipaddress.IPv6Address("2001:db8:2::31"), mac=MAC)
    group = ipaddress.IPv6Address("ff02::1:ff00:100")
    assert frame[:14] == bytes.fromhex("3333ff000100 020000000231 86dd")
    assert frame[14:22] == bytes.fromhex("60000000 0020 3a ff")
    assert frame[38:54] == group.packed
    assert frame[62:] == VIP6.packed + bytes.fromhex("0101") + MAC
    # RFC 4443, 2.3: with its checksum in it, the whole adds up to all ones.
    counted = frame[22:54] + bytes.fromhex("00000020 0000003a") + frame[54:]
    total = sum(int.from_bytes(counted[at : at + 2], "big") for at in range(0, len(counted), 2))
    assert total % 0xFFFF == 0


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (REPLY, Answer(VIP, "02:00:00:00:02:0a")),
        (REPLY + bytes(18), Answer(VIP, "02:00:00:00:02:0a")),
        # Nobody asked: an announcement (the sender's address is the one that is asked for), or a question from it.
        (ANNOUNCEMENT, Answer(VIP, "02:00:00:00:02:0a")),
        (arp_request(target=OTHER, sender=VIP, mac=MAC), Answer(VIP, "02:00:00:00:02:31")),
        (REPLY[:20] + b"\x00\x03" + REPLY[22:], None),
        (REPLY[:41], None),
        (b"", None),
    ],
)
def test_every_arp_packet_says_who_has_the_address_of_its_sender(frame: bytes, answer: Answer | None) -> None:
    assert arp_answer(frame) == answer


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (ADVERTISEMENT + bytes.fromhex("0201 02000000020b"), Answer(VIP6, "02:00:00:00:02:0b")),
        (ADVERTISEMENT, Answer(VIP6, "02:00:00:00:02:0a")),
        (ADVERTISEMENT[:21] + b"\x40" + ADVERTISEMENT[22:], None),
        (neighbour_solicitation(target=VIP6, sender=VIP6, mac=MAC), None),
        (ADVERTISEMENT[:77], None),
    ],
)
def test_only_an_advertisement_from_this_link_is_an_answer(frame: bytes, answer: Answer | None) -> None:
    assert neighbour_answer(frame) == answer


def test_connections_to_a_listener_succeed_and_to_nobody_fail_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as closed:
        port, nobody = listening.getsockname()[1], closed.getsockname()[1]
        closed.close()

        def serve() -> None:
            for _connection in range(3):
                listening.accept()[0].close()

        server = threading.Thread(target=serve)
        server.start()
        made, refused = connect_all([Target("127.0.0.1", port, 3), Target("127.0.0.1", nobody, 20)], timeout=2)
        server.join()
    assert (made["attempted"], made["succeeded"], made["error"]) == (3, 3, None)
    assert (refused["attempted"], refused["succeeded"], refused["error"]) == (5, 0, "Connection refused")


def test_connections_go_on_while_a_file_exists_however_many_fail(tmp_path: Path) -> None:
    file = tmp_path / "counting"
    file.touch()
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as closed:
        port, nobody = listening.getsockname()[1], closed.getsockname()[1]
        closed.close()

        def serve() -> None:
            for _connection in range(10):
                listening.accept()[0].close()
            file.unlink()

        server = threading.Thread(target=serve)
        server.start()
        targets = [Target("127.0.0.1", port, 1), Target("127.0.0.1", nobody, 1)]
        made, refused = connect_while(str(file), targets, timeout=2, at_most=60)
        server.join()
    # One more may have begun, to a listener that accepts no more but is still there.
    assert made["attempted"] in {10, 11}
    assert made["succeeded"] == made["attempted"]
    assert refused["attempted"] > 5
    assert (refused["succeeded"], refused["error"]) == (0, "Connection refused")


def test_a_file_that_stays_does_not_hold_the_probe(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        target = Target("127.0.0.1", listening.getsockname()[1], 1, "udp")
        (sent,) = connect_while(str(tmp_path), [target], timeout=1, at_most=0.5)
    assert sent["attempted"] >= 1
    assert sent["seconds"] < 5


def test_more_than_can_be_tried_at_once_are_refused() -> None:
    with pytest.raises(ProbeError, match=r"9 entries cannot be tried at once while /run/x exists\. Give 8 at most\."):
        connect_while("/run/x", [Target("192.0.2.100", 80, 1)] * 9, timeout=1, at_most=1)


def test_datagrams_succeed_where_somebody_may_take_them_and_fail_where_nobody_does() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as listening, socket.socket(type=socket.SOCK_DGRAM) as closed:
        for each in (listening, closed):
            each.bind(("127.0.0.1", 0))
        port, nobody = listening.getsockname()[1], closed.getsockname()[1]
        closed.close()
        sent, refused = connect_all(
            [Target("127.0.0.1", port, 2, "udp"), Target("127.0.0.1", nobody, 9, "udp")], timeout=1
        )
        assert len({listening.recvfrom(10)[1] for _datagram in range(2)}) == 2
    assert (sent["attempted"], sent["succeeded"], sent["error"], sent["source"]) == (2, 2, None, "127.0.0.1")
    assert (refused["attempted"], refused["succeeded"], refused["error"]) == (5, 0, "Connection refused")


def test_a_service_that_never_stops_talking_does_not_hold_the_probe() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Event()

        def talk() -> None:
            with listening.accept()[0] as connection, contextlib.suppress(OSError):
                for _second in range(100):
                    connection.send(b".")
                    if stop.wait(0.1):
                        return

        server = threading.Thread(target=talk)
        server.start()
        (made,) = connect_all([Target("127.0.0.1", listening.getsockname()[1], 1)], timeout=2)
        stop.set()
        server.join()
    assert (made["succeeded"], made["error"]) == (1, None)
    assert made["seconds"] < 5


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([{"address": "192.0.2.100", "port": 65536, "count": 1}], "port 65536 of 192.0.2.100 must be 1 to 65535"),
        ([{"address": "192.0.2.100", "port": 80, "count": 0}], "count 0 of 192.0.2.100 must be 1 or more"),
        ([{"address": "192.0.2.100", "port": 80, "count": 501}] * 2, "1002 connections are too many for a probe"),
    ],
)
def test_a_probe_is_bounded(entries: list[dict[str, object]], sentence: str) -> None:
    with pytest.raises(ProbeError, match=sentence):
        targets_of(entries)
