# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What directors would begin to send to a real server that is not ready for it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observed import key_of
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.prepared import named_in_files, services_begun

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


KEEPALIVED = """
virtual_server 192.0.2.100 80 {
    real_server 192.0.2.21 80 {
virtual_server 2001:DB8:0::100 443 {
    real_server 2001:db8::0:21 8443 {
virtual_server fwmark 7 {
    real_server 192.0.2.21 0 {
"""
LDIRECTORD = """
virtual = 192.0.2.100:80
    real = 192.0.2.21:80 gate 1
virtual6 = [2001:db8::100]:443
    real6 = [2001:db8::21]:8443 gate 1
virtual = 7
    real = 192.0.2.21 gate 1
"""
TABLE = """
-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 1
-a -t [2001:db8::100]:443 -r [2001:db8::21]:8443 -g -w 1
-a -f 7 -r 192.0.2.21:0 -g -w 1
"""


@pytest.mark.parametrize("text", [KEEPALIVED, LDIRECTORD, TABLE], ids=["keepalived", "ldirectord", "ipvsadm"])
def test_files_of_directors_name_real_servers_by_service(text: str) -> None:
    assert named_in_files(text.split("\n")[1:-1]) == {
        ("192.0.2.100 80", "192.0.2.21"),
        ("2001:db8::100 443", "2001:db8::21"),
        ("fwmark 7", "192.0.2.21"),
    }


@pytest.mark.parametrize(
    ("service", "sent", "named", "held", "begins"),
    [
        (BY_ADDRESS, None, set(), {}, True),
        (BY_ADDRESS, None, {(f"{VIP} 25", RIP), (f"{VIP} 80", "192.0.2.22")}, {}, True),
        (BY_ADDRESS, None, {(f"{VIP} 80", RIP)}, {}, False),
        (BY_ADDRESS, "tunnel", {(f"{VIP} 80", RIP)}, {}, True),
        (BY_MARK, None, {("fwmark 7", RIP)}, {"lb1": [VIP, OTHER]}, False),
        (BY_MARK, None, {("fwmark 7", RIP)}, {"lb1": [VIP]}, True),
    ],
    ids=[
        "no director has a file",
        "it serves something else",
        "it is down, and was described",
        "it is up, and gets it in another way",
        "the mark is for the same VIPs",
        "the mark is for one VIP more",
    ],
)
def test_one_that_cannot_be_reached_is_known_by_the_files_of_directors(
    service: dict[str, t.Any], sent: str | None, named: set[tuple[str, str]], held: dict[str, list[str]], begins: bool
) -> None:
    described = {**service, "real_servers": [REAL_SERVER]}
    entries = [{"destination": RIP, "destination_port": 80, "forwarding": sent, "weight": 1}] if sent else []
    tables = {"lb1": {key_of(described): {"destinations": entries}}}
    found = services_begun([described], tables, ["rs1"], held, away=["rs1"], named=named)
    assert found == ({"rs1": ["web"]} if begins else {})
    if not sent:
        assert services_begun([described], tables, ["rs1"], held, named=named) == {"rs1": ["web"]}, "it was reached"
