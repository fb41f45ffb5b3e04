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


@pytest.mark.parametrize(
    ("named", "begins"),
    [([], True), ([RIP], True), ([VIP], True), ([RIP, VIP], False)],
    ids=[
        "no director has a file",
        "it serves something else",
        "others serve that VIP",
        "it is down, and was described",
    ],
)
def test_one_that_cannot_be_reached_is_known_by_the_files_of_directors(named: list[str], begins: bool) -> None:
    described = {**BY_ADDRESS, "real_servers": [REAL_SERVER]}
    found = services_begun([described], {"lb1": {}}, ["rs1"], {}, away=["rs1"], named=named)
    assert found == ({"rs1": ["web"]} if begins else {})
    assert services_begun([described], {"lb1": {}}, ["rs1"], {}, named=[RIP, VIP]) == {"rs1": ["web"]}, "it was reached"
