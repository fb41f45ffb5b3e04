# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often verify's probe connects to what."""

from __future__ import annotations

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.probe import probe_connections
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import VIP, example_plans, service
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.topologies import (
    MARKS,
    NAT,
    SHOP,
    one_lan,
)


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 10),
        ({"real_servers": [{"host": "rs1", "weight": 1}, {"host": "rs2", "weight": 9}]}, 30),
        ({"real_servers": [{"host": "rs1", "weight": 1}, {"host": "rs2", "weight": 999}]}, 200),
        ({"persistence": 300}, 5),
        ({"scheduler": "sh"}, 5),
    ],
)
def test_the_probe_connects_often_enough_that_every_weight_is_due_some(changes: dict[str, object], count: int) -> None:
    director = example_plans(service(**changes))["lb1"]["vars"]
    assert probe_connections(director) == [{"address": VIP, "port": 80, "count": count}]


def test_a_datagram_says_its_protocol_and_sctp_is_left_out() -> None:
    udp, sctp = (example_plans(service(protocol=name, check={"type": "none"})) for name in ("udp", "sctp"))
    expected = {"address": VIP, "port": 80, "count": 5, "protocol": "udp"}
    assert probe_connections(udp["lb1"]["vars"]) == [expected]
    assert probe_connections(sctp["lb1"]["vars"]) == []


def test_each_vip_and_port_of_a_mark_is_probed_and_of_a_range_where_somebody_listens() -> None:
    plans = MARKS.plans()
    director = plans["lb1"]["vars"]
    without = [(each["address"], each["port"]) for each in probe_connections(director)]
    assert without == [
        ("192.0.2.100", 80),
        ("192.0.2.100", 443),
        ("192.0.2.101", 8001),
        ("192.0.2.102", 8001),
        ("192.0.2.103", 25),
        ("2001:db8:2::103", 25),
    ]
    listeners = {"rs2": [{"address": "0.0.0.0", "port": port, "protocol": "tcp"} for port in (8004, 8003, 8002)]}
    ports = {each["address"]: each["port"] for each in probe_connections(director, listeners)}
    assert ports["192.0.2.101"] == 8002


def test_with_nat_ports_are_those_of_clients_and_not_those_of_real_servers() -> None:
    assert probe_connections(NAT.plans()["lb1"]["vars"]) == [{"address": "198.51.100.100", "port": 80, "count": 10}]


def test_a_probe_of_many_services_stays_within_what_a_probe_may_take() -> None:
    many = [{**SHOP, "name": f"s{n}", "vip": f"192.0.2.{n}", "ports": [80]} for n in range(100, 250)]
    probed = probe_connections(one_lan({"services": many}).plans()["lb1"]["vars"])
    assert len(probed) == 150
    assert sum(each["count"] for each in probed) <= 1000
    assert min(each["count"] for each in probed) >= 1
