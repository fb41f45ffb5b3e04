# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task owns: what is inside may be removed, so every entry is read exactly or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import service_key
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.scope import Scope, read_scope


def at(address: str, port: int = 80, protocol: str = "tcp") -> dict[str, Any]:
    return {"address": address, "port": port, "protocol": protocol}


@pytest.mark.parametrize(
    ("entries", "inside", "outside"),
    [
        pytest.param(
            ["192.0.2.0/24"],
            [at("192.0.2.0"), at("192.0.2.255", 0, "udp"), at("192.0.2.7", 443, "sctp")],
            [at("192.0.1.255"), at("192.0.3.0"), at("::ffff:192.0.2.7"), at("::192.0.2.7"), {"fwmark": 1}],
            id="network",
        ),
        pytest.param(["192.0.2.100"], [at("192.0.2.100")], [at("192.0.2.101"), at("192.0.2.10")], id="address"),
        pytest.param(
            ["2001:DB8:2::/64"],
            [at("2001:db8:2::100"), at("2001:db8:2:0:ffff:ffff:ffff:ffff")],
            [at("2001:db8:2:1::"), at("2001:db8:20::1"), at("192.0.2.1")],
            id="IPv6 network",
        ),
        pytest.param(["2001:0db8:0::0100"], [at("2001:db8::100")], [at("2001:db8::1")], id="IPv6 address"),
        pytest.param([" 192.0.2.0/255.255.255.0 "], [at("192.0.2.9")], [at("192.0.3.9")], id="mask, spaces"),
        pytest.param(
            ["0.0.0.0/0"],
            [at("203.0.113.9")],
            [at("2001:db8::1"), {"fwmark": 7}],
            id="all of IPv4 is no IPv6 and no mark",
        ),
        pytest.param(
            ["::/0"], [at("2001:db8::1")], [at("192.0.2.1"), {"fwmark": 1, "family": "ipv6"}], id="all of IPv6"
        ),
        pytest.param(
            ["5"], [{"fwmark": 5}, {"fwmark": 5, "family": "ipv6"}], [{"fwmark": 50}, {"fwmark": 4}], id="mark"
        ),
        pytest.param(
            ["100-199"],
            [{"fwmark": 100}, {"fwmark": 150}, {"fwmark": 199, "family": "ipv6"}],
            [{"fwmark": 99}, {"fwmark": 200}],
            id="marks",
        ),
        pytest.param(["1-4294967295"], [{"fwmark": 1}, {"fwmark": 4294967295}], [at("0.0.0.1")], id="all marks"),
        pytest.param(["7-7"], [{"fwmark": 7}], [{"fwmark": 6}, {"fwmark": 8}], id="range of one"),
        pytest.param(
            ["192.0.2.1", "192.0.2.3", "9"], [at("192.0.2.3"), {"fwmark": 9}], [at("192.0.2.2")], id="several"
        ),
        pytest.param([], [], [at("192.0.2.1"), {"fwmark": 1}], id="nothing"),
    ],
)
def test_what_is_inside(entries: list[str], inside: list[dict[str, Any]], outside: list[dict[str, Any]]) -> None:
    scope, mistakes = read_scope(entries)
    assert mistakes == []
    assert [each for each in inside if service_key(**each) not in scope] == []
    assert [each for each in outside if service_key(**each) in scope] == []


MARKS = "Firewall marks are 1 to 4294967295, the lower one first, got {!r}."
UNREADABLE = "It must be a network, an address, a firewall mark or a range of marks (100-199), got {!r}."


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("192.0.2.100/24", "192.0.2.100/24 has bits behind its prefix. Write 192.0.2.0/24, or the address alone."),
        ("2001:db8::1/64", "2001:db8::1/64 has bits behind its prefix. Write 2001:db8::/64, or the address alone."),
        *((entry, MARKS.format(entry)) for entry in ("0", "0-5", "9-5", "4294967296", "1-4294967296")),
        *(
            (entry, UNREADABLE.format(entry))
            for entry in (
                *(
                    "",
                    "web",
                    "192.0.2",
                    "192.0.2.0/33",
                    "192.0.2.256",
                    "2001:db8::/129",
                    "2001:db8::/x",
                    "192.0.2.0/24/24",
                ),
                *("-5", "5-", "1,2", "1..5", "0x10", "５", "1.5", "192.0.2.1-192.0.2.9", "*", "all", "192.168.001.1"),
                *("1:30", "9" * 5000, "1-" + "9" * 5000, "eth0", "lb.example", "fe80::1%eth0", "fe80::%eth0/64"),
            )
        ),
    ],
)
def test_what_cannot_be_read_is_a_sentence_with_its_place(entry: str, sentence: str) -> None:
    scope, mistakes = read_scope(["192.0.2.1", entry, "5"])
    assert mistakes == [f"scope[1]: {sentence}"]
    assert scope == Scope(read_scope(["192.0.2.1"])[0].networks, ((5, 5),))


def test_all_that_cannot_be_read_is_told_at_once() -> None:
    assert [mistake.split(":")[0] for mistake in read_scope(["x", "5", "0", "192.0.2.1", "y"])[1]] == [
        "scope[0]",
        "scope[2]",
        "scope[4]",
    ]
