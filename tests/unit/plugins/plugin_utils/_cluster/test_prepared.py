# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What directors would begin to send to a real server that is not ready for it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observed import key_of
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.prepared import services_begun

VIP, OTHER, RIP = "192.0.2.100", "192.0.2.101", "192.0.2.21"
REAL_SERVER = {"host": "rs1", "address": RIP, "port": 80, "weight": 1, "forwarding": "direct"}
BY_ADDRESS = {"name": "web", "fwmark": None, "protocol": "tcp", "address": VIP, "port": 80}
BY_MARK = {"name": "web", "fwmark": 7, "family": "ipv4", "vips": [VIP, OTHER]}


@pytest.mark.parametrize(
    ("service", "change", "sent", "held", "begins"),
    [
        (BY_ADDRESS, {}, None, {}, True),
        (BY_ADDRESS, {}, "direct", {}, False),
        (BY_ADDRESS, {}, "nat", {}, True),
        (BY_ADDRESS, {"forwarding": "nat"}, None, {}, False),
        (BY_ADDRESS, {"forwarding": "tunnel"}, "direct", {"rs1": [VIP]}, True),
        (BY_ADDRESS, {}, None, {"rs1": [VIP]}, False),
        (BY_ADDRESS, {"weight": 0}, None, {}, False),
        (BY_MARK, {}, "direct", {"lb1": [VIP, OTHER]}, False),
        (BY_MARK, {}, "direct", {"lb1": [VIP]}, True),
        (BY_MARK, {}, "direct", {"lb1": [VIP], "rs1": [VIP, OTHER]}, False),
    ],
    ids=[
        "it is new",
        "it gets it already",
        "it got it by NAT, without the VIP",
        "NAT needs nothing",
        "it has no tunnel yet",
        "it has the VIP, and its check fails now",
        "weight 0 gets nothing",
        "the mark is for the same VIPs",
        "the mark is for one VIP more",
        "it has that VIP",
    ],
)
def test_what_begins(
    service: dict[str, t.Any], change: dict[str, t.Any], sent: str | None, held: dict[str, list[str]], begins: bool
) -> None:
    described = {**service, "real_servers": [{**REAL_SERVER, **change}]}
    entries = [{"destination": RIP, "destination_port": 80, "forwarding": sent, "weight": 1}] if sent else []
    tables = {"lb1": {key_of(described): {"destinations": entries}}}
    assert services_begun([described], tables, ["rs1"], held) == ({"rs1": ["web"]} if begins else {})
    assert services_begun([described], tables, ["rs2"], held) == {}


def test_a_share_of_nothing_is_no_share() -> None:
    described = {**BY_ADDRESS, "real_servers": [REAL_SERVER]}
    entry = {"destination": RIP, "destination_port": 80, "forwarding": "direct", "weight": 0}
    tables = {"lb1": {key_of(described): {"destinations": [entry]}}}
    assert services_begun([described], tables, ["rs1"], {}) == {"rs1": ["web"]}
    assert services_begun([described], tables, ["rs1"], {"rs1": [VIP]}) == {}, "it is drained"


@pytest.mark.parametrize(
    ("service", "sent", "named", "held", "begins"),
    [
        (BY_ADDRESS, None, set(), {}, True),
        (BY_ADDRESS, None, {(f"{VIP} 25", RIP, "direct"), (f"{VIP} 80", "192.0.2.22", "direct")}, {}, True),
        (BY_ADDRESS, None, {(f"{VIP} 80", RIP, "direct")}, {}, False),
        (BY_ADDRESS, None, {(f"{VIP} 80", RIP, "nat")}, {}, True),
        (BY_ADDRESS, "tunnel", {(f"{VIP} 80", RIP, "direct")}, {}, True),
        (BY_MARK, None, {("fwmark 7", RIP, "direct")}, {"lb1": [VIP, OTHER]}, False),
        (BY_MARK, None, {("fwmark 7", RIP, "direct")}, {"lb1": [VIP]}, True),
    ],
    ids=[
        "no director has a file",
        "it serves something else",
        "it is down, and was described",
        "it is down, and was described with NAT",
        "it is up, and gets it in another way",
        "the mark is for the same VIPs",
        "the mark is for one VIP more",
    ],
)
def test_one_that_cannot_be_reached_is_known_by_the_files_of_directors(
    service: dict[str, t.Any],
    sent: str | None,
    named: set[tuple[str, str, str]],
    held: dict[str, list[str]],
    begins: bool,
) -> None:
    described = {**service, "real_servers": [REAL_SERVER]}
    entries = [{"destination": RIP, "destination_port": 80, "forwarding": sent, "weight": 1}] if sent else []
    tables = {"lb1": {key_of(described): {"destinations": entries}}}
    found = services_begun([described], tables, ["rs1"], held, away=["rs1"], named=named)
    assert found == ({"rs1": ["web"]} if begins else {})
    if not sent:
        assert services_begun([described], tables, ["rs1"], held, named=named) == {"rs1": ["web"]}, "it was reached"
