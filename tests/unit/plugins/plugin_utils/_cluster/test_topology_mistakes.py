# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What works in several topologies is accepted, and their mistakes are told together."""

from __future__ import annotations

import pytest

from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    REAL_SERVERS,
    VIP,
    VIP6,
    description,
    mistakes,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.mistaken import FAR, mapped, nat
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.two_arms import (
    GATEWAY,
    INSIDE,
    OUTSIDE,
    TWO_ARMS,
    nat_service,
)

ACCEPTED: list[tuple[str, object]] = [
    ("a mapping on a VIP, at ports that no service has", mapped(external=OUTSIDE, protocol="tcp", ports=[25])),
    ("a mapping on a VIP, of another protocol", mapped(external=OUTSIDE, protocol="udp", ports=[80])),
    (
        "one external for two machines",
        nat(
            mappings=[
                {"external": "198.51.100.113", "internal": "10.11.12.21", "protocol": "tcp", "ports": [25]},
                {"external": "198.51.100.113", "internal": "10.11.12.22", "protocol": "tcp", "ports": [80]},
            ]
        ),
    ),
    ("source NAT for clients on the inner network of two arms", nat(local_clients="source_nat")),
    ("empty lists", nat(masquerade=[], mappings=[])),
    ("a gateway without nat", description(service(vip=OUTSIDE, forwarding="tunnel"), nat={"gateway": GATEWAY})),
    ("the port said again within a mark", nat(nat_service(fwmark=5, real_servers=[{"host": "rs1", "port": 80}]))),
    ("all ports with a mark and without persistence", nat(nat_service(ports="all", fwmark=5, check={"port": 80}))),
    ("a tunnel to another segment", description(service(vip=OUTSIDE, forwarding="tunnel", real_servers=[FAR]))),
    ("ftp without a helper, by passive ports", nat(nat_service(ports=[21, "10000:10100"], persistence=60))),
    (
        "ftp of one real server without persistence",
        description(service(vip=OUTSIDE, forwarding="tunnel", ports=[21, "5000:5010"], real_servers=["rs1"])),
    ),
    ("something else on port 21", nat(nat_service(ports=[21], helper="none"))),
    (
        "something else on port 21, by tunnel",
        description(service(vip=OUTSIDE, forwarding="tunnel", ports=[21, 80], helper="none")),
    ),
    ("port 21 in a range of many", nat(nat_service(ports=["20:30"], check={"port": 22}))),
    ("port 21 of another protocol", nat(nat_service(ports=[21], protocol="udp", check={"port": 21}))),
    ("a helper with a mark", nat(nat_service(ports=[20, 21], helper="ftp"))),
    ("a helper with all ports", nat(nat_service(ports="all", persistence=9, check={"port": 21}, helper="ftp"))),
    ("udp packet by packet", nat(nat_service(protocol="udp", check={"port": 53}, one_packet=True))),
]


@pytest.mark.parametrize("described", [pytest.param(case[1], id=case[0]) for case in ACCEPTED])
def test_what_works_is_accepted(described: object) -> None:
    assert mistakes(described, TWO_ARMS, INSIDE) == []


def test_mistakes_of_all_topologies_come_in_one_message() -> None:
    described = {
        "forwarding": "nat",
        "fwmark_range": [9, 1],
        "nat": {"gateway": "10.11.12.10", "masquerade": ["10.11.12.1/24"], "mappings": [{"external": OUTSIDE}]},
        "firewall": {"ssh_port": 0},
        "services": [
            nat_service(ports=[80, 80], helper="ftp", one_packet=True),
            nat_service(name="b", forwarding="tunnel", tunnel_type="gue"),
            nat_service(name="c", forwarding="direct", real_servers=[FAR]),
        ],
    }
    assert sorted(mistake.path for mistake in mistakes(described, TWO_ARMS, INSIDE)) == [
        "firewall.ssh_port",
        "fwmark_range",
        "nat.gateway",
        "nat.mappings[0].internal",
        "nat.masquerade[0]",
        "services[0].one_packet",
        "services[0].ports[1]",
        "services[1].tunnel_port",
        "services[2].ports[0]",
        "services[2].real_servers[0]",
    ]


def test_both_families_of_a_service_have_one_mistake_together() -> None:
    found = mistakes(description(service(vip=[VIP, VIP6], real_servers=["rs1", "rs9"])), real_servers=REAL_SERVERS)
    assert [each.path for each in found] == ["services[0].real_servers[1]"]
