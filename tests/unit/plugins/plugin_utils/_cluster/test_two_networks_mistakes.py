# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Combinations that cannot work between two networks are found before any host is touched."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    description,
    mistakes,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.mistaken import (
    FAR,
    all_ports,
    assert_only,
    mapped,
    nat,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.two_arms import (
    GATEWAY,
    INSIDE,
    OUTSIDE,
    TWO_ARMS,
    nat_service,
)

TWO_NETWORKS: list[tuple[str, object, str, str, str]] = [
    ("nat without a section", description(nat_service()), "nat.gateway", "there is no IPv4 gateway", "10.11.12.10/24"),
    (
        "nat without a gateway",
        description(nat_service(), nat={"masquerade": []}),
        "nat.gateway",
        "services[0] forwards by nat, but there is no IPv4 gateway",
        "prefix length",
    ),
    (
        "nat without a gateway of this family",
        description(
            nat_service(
                vip=[OUTSIDE, "2001:db8:100::9"], real_servers=[{"host": "rs1", "address": ["10.11.12.21", "fd00::9"]}]
            ),
            nat={"gateway": GATEWAY},
        ),
        "nat.gateway",
        "there is no IPv6 gateway",
        "fd00:11:12::10/64",
    ),
    (
        "a real server's nat without a gateway",
        description(service(vip=OUTSIDE, real_servers=[{"host": "rs1", "forwarding": "nat"}])),
        "nat.gateway",
        "there is no IPv4 gateway",
        "default gateway",
    ),
    ("gateway without a prefix", nat(gateway="10.11.12.10"), "nat.gateway", "10.11.12.10 has no prefix", "/24"),
    ("gateway no address", nat(gateway="gw/24"), "nat.gateway", "'gw/24' is not an address", "10.11.12.10/24"),
    ("gateway prefix 99", nat(gateway="10.11.12.10/99"), "nat.gateway", "not an address with a prefix", "/24"),
    ("gateway of one", nat(gateway="10.11.12.10/32"), "nat.gateway", "no room", "/24"),
    ("gateway the network", nat(gateway="10.11.12.0/24"), "nat.gateway", "network or broadcast", "between them"),
    (
        "two gateways of one family",
        nat(gateway=[GATEWAY, "10.11.12.9/24"]),
        "nat.gateway[1]",
        "second IPv4 gateway",
        "one of each family",
    ),
    (
        "gateway outside",
        nat(nat_service(real_servers=[{"host": "x", "address": "10.99.0.5"}]), gateway="10.99.0.1/24"),
        "nat.gateway",
        "10.99.0.1 is in no subnet of directors lb1 and lb2",
        "Give lb1 and lb2 addresses of their own in 10.99.0.0/24",
    ),
    (
        "gateway with another prefix",
        nat(gateway="10.11.12.10/16"),
        "nat.gateway",
        "but the subnet of directors lb1 and lb2 there is 10.11.12.0/24",
        "10.11.12.10/24",
    ),
    (
        "gateway a host's own",
        nat(nat_service(real_servers=["rs2"]), gateway="10.11.12.21/24"),
        "nat.gateway",
        "own address of rs1",
        "no machine has",
    ),
    (
        "a real server elsewhere",
        nat(nat_service(real_servers=["rs1", FAR])),
        "services[0].real_servers[1]",
        "203.0.113.9 of far is not in 10.11.12.0/24",
        "forwarding tunnel",
    ),
    (
        "a sorry server elsewhere",
        nat(nat_service(sorry_server="203.0.113.9")),
        "services[0].sorry_server",
        "not in 10.11.12.0/24",
        "10.11.12.0/24",
    ),
    (
        "helper without port 21",
        nat(nat_service(helper="ftp")),
        "services[0].helper",
        "not TCP port 21",
        "ports: [21]",
    ),
    (
        "port 21 without a helper",
        nat(nat_service(ports=[21])),
        "services[0].helper",
        "do not come through NAT by themselves",
        "Write helper: ftp, or helper: none",
    ),
    (
        "ports 20 and 21 without a helper",
        nat(nat_service(ports=[20, 21], persistence=60)),
        "services[0].helper",
        "Port 21 is FTP",
        "helper: ftp",
    ),
    (
        "ftp by nat and tunnel",
        nat(nat_service(ports=[21], real_servers=["rs1", {**FAR, "forwarding": "tunnel"}])),
        "services[0].ports",
        "passive data connections",
        "10000:10100",
    ),
    (
        "helper with udp",
        nat(nat_service(ports=[21], protocol="udp", check={"port": 21}, helper="ftp")),
        "services[0].helper",
        "not TCP port 21",
        "protocol tcp",
    ),
    (
        "masquerade without a gateway of the family",
        nat(masquerade=["fd00::/64"]),
        "nat.masquerade[0]",
        "no IPv6 gateway",
        "nat.gateway",
    ),
    ("masquerade no network", nat(masquerade=["10.11.12.7/24"]), "nat.masquerade[0]", "in a network", "10.11.12.0/24"),
    (
        "masquerade of the VIPs",
        nat(masquerade=["198.51.100.0/24"]),
        "nat.masquerade[0]",
        f"{OUTSIDE} is a VIP",
        "no VIP",
    ),
    ("local clients", nat(local_clients="yes"), "nat.local_clients", "'yes'", "refused or source_nat"),
    ("nat a text", description(nat_service(), nat="10.11.12.10/24"), "nat", "not a mapping", "mapping"),
    # Mappings
    (
        "mapping without internal",
        nat(mappings=[{"external": "198.51.100.113"}]),
        "nat.mappings[0].internal",
        "miss",
        "Add",
    ),
    (
        "external the VIP, all ports of both",
        mapped(external=OUTSIDE),
        "nat.mappings[0].external",
        f"{OUTSIDE} is the VIP of web (tcp 80)",
        "another address",
    ),
    (
        "external the VIP, ports in common",
        mapped(nat_service(ports=["20:30"], check={"port": 25}), external=OUTSIDE, protocol="tcp", ports=[25]),
        "nat.mappings[0].external",
        "VIP of web (tcp 20:30)",
        "ports that the service has not",
    ),
    (
        "external the VIP of all ports",
        mapped(all_ports(vip=OUTSIDE, forwarding="nat"), external=OUTSIDE, protocol="tcp", ports=[25]),
        "nat.mappings[0].external",
        "VIP of web (tcp all ports)",
        "another address",
    ),
    (
        "external outside",
        mapped(external="203.0.113.5"),
        "nat.mappings[0].external",
        "203.0.113.5 is in no subnet of directors lb1 and lb2",
        "Choose an address in",
    ),
    (
        "external a host",
        mapped(external="198.51.100.11"),
        "nat.mappings[0].external",
        "own address of lb1",
        "no machine",
    ),
    (
        "external the gateway",
        mapped(external="10.11.12.10"),
        "nat.mappings[0].external",
        "is the gateway",
        "no machine",
    ),
    (
        "internal outside",
        mapped(internal="198.51.100.77"),
        "nat.mappings[0].internal",
        "198.51.100.77 is not in 10.11.12.0/24",
        "answer through the directors",
    ),
    (
        "internal the gateway",
        mapped(internal="10.11.12.10"),
        "nat.mappings[0].internal",
        "floats between the directors",
        "behind them",
    ),
    (
        "internal a director",
        mapped(internal="198.51.100.12"),
        "nat.mappings[0].internal",
        "address of director lb2",
        "behind it",
    ),
    (
        "two families",
        mapped(internal="fd00::1"),
        "nat.mappings[0].internal",
        "fd00::1 is IPv6, 198.51.100.113 is IPv4",
        "one family",
    ),
    (
        "ports without a protocol",
        mapped(ports=[25]),
        "nat.mappings[0].ports",
        "Whose ports",
        "protocol: tcp",
    ),
    (
        "one external twice",
        nat(
            mappings=[
                {"external": "198.51.100.113", "internal": f"10.11.12.2{n}", "protocol": "tcp", "ports": [n + 24, 30]}
                for n in (1, 2)
            ]
        ),
        "nat.mappings[1].external",
        "nat.mappings[0] has 198.51.100.113 for the same ports",
        "its own address",
    ),
    (
        "one internal twice",
        nat(mappings=[{"external": f"198.51.100.11{n}", "internal": "10.11.12.21"} for n in (3, 4)]),
        "nat.mappings[1].internal",
        "nat.mappings[0] has 10.11.12.21 for the same ports",
        "its own address",
    ),
]


@pytest.mark.parametrize(
    ("described", "path", "problem", "remedy"), [pytest.param(*case[1:], id=case[0]) for case in TWO_NETWORKS]
)
def test_a_mistake_between_two_networks_is_reported_alone(
    described: object, path: str, problem: str, remedy: str
) -> None:
    assert_only(mistakes(described, TWO_ARMS, INSIDE), path, problem, remedy)


def test_one_director_outside_is_named_as_one() -> None:
    alone = dataclasses.replace(TWO_ARMS[1], interfaces=TWO_ARMS[1].interfaces[:1])
    found = mistakes(nat(), [TWO_ARMS[0], alone], INSIDE)
    assert_only(found, "nat.gateway", "in no subnet of director lb2.", "Give lb2 an address of its own in")


def test_a_client_on_the_inner_network_of_two_arms_is_refused_unless_source_nat_is_said() -> None:
    inner, inner6 = Host("inner", ("10.11.12.77",)), Host("inner6", ("2001:db8:100::77",))
    found = mistakes(nat(), TWO_ARMS, INSIDE, [Host("outer", ("198.51.100.77",)), inner])
    assert_only(found, "nat.local_clients", "Client inner has 10.11.12.77", "source_nat")
    assert mistakes(nat(local_clients="source_nat"), TWO_ARMS, INSIDE, [inner]) == []
    # A gateway of the other family is nothing to a service that has none.
    assert mistakes(nat(gateway=[GATEWAY, "2001:db8:100::10/64"]), TWO_ARMS, INSIDE, [inner6]) == []
