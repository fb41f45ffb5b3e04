# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often verify's probe connects to what."""

from __future__ import annotations

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.probe import probe_connections
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import VIP, example_plans, service


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
