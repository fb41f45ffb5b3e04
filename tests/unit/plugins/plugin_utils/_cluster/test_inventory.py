# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ipaddress

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import (
    Interface,
    addresses_on,
    hosts_from_hostvars,
    interfaces_from_facts,
)

FACTS = {
    "interfaces": ["lo", "eth1", "br-lan", "eth0"],
    "lo": {"ipv4": {"address": "127.0.0.1", "netmask": "255.0.0.0", "prefix": "8"}},
    "eth0": {
        "ipv4": {"address": "192.0.2.11", "netmask": "255.255.255.0", "prefix": "24"},
        "ipv4_secondaries": [
            {"address": "192.0.2.100", "netmask": "255.255.255.255", "prefix": "32"},
            {"address": "198.51.100.11", "netmask": "255.255.255.0"},
        ],
        "ipv6": [
            {"address": "2001:db8:2::11", "prefix": "64", "scope": "global"},
            {"address": "2001:db8:2::100", "prefix": "128", "scope": "global"},
            {"address": "fe80::11", "prefix": "64", "scope": "link"},
        ],
    },
    "eth1": {"active": False},
    "br_lan": {"ipv4": {"address": "203.0.113.1", "netmask": "255.255.255.0", "prefix": "24"}},
}


def networks(*texts: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def test_subnets_come_from_the_facts_but_not_those_of_single_link_local_or_loopback_addresses() -> None:
    assert interfaces_from_facts(FACTS) == (
        Interface("br-lan", networks("203.0.113.0/24"), ipaddress.IPv4Address("203.0.113.1")),
        Interface(
            "eth0", networks("192.0.2.0/24", "198.51.100.0/24", "2001:db8:2::/64"), ipaddress.IPv4Address("192.0.2.11")
        ),
        Interface("eth1", ()),
        Interface("lo", ()),
    )


@pytest.mark.parametrize(
    "facts",
    [{}, {"interfaces": None}, {"interfaces": "eth0"}, {"interfaces": [7]}, {"interfaces": ["eth0"]}, {"eth0": {}}],
)
def test_missing_facts_give_no_interfaces(facts: dict[str, object]) -> None:
    assert interfaces_from_facts(facts) == ()


@pytest.mark.parametrize(
    ("interface", "addresses"),
    [
        ("eth0", {"192.0.2.11", "192.0.2.100", "198.51.100.11", "2001:db8:2::11", "2001:db8:2::100", "fe80::11"}),
        ("br-lan", {"203.0.113.1"}),
        ("eth1", set()),
        ("eth2", set()),
        ("interfaces", set()),
    ],
)
def test_every_address_of_an_interface_is_found(interface: str, addresses: set[str]) -> None:
    assert {str(address) for address in addresses_on(FACTS, interface)} == addresses


def test_a_strange_address_in_the_facts_is_passed_over() -> None:
    facts = {"interfaces": ["eth0"], "eth0": {"ipv4": {"address": "x", "prefix": "24"}, "ipv6": ["y", None]}}
    assert interfaces_from_facts(facts) == (Interface("eth0", ()),)


@pytest.mark.parametrize(
    ("name", "variables", "addresses"),
    [
        ("rs1", {"lvs_address": "192.0.2.21", "ansible_host": "203.0.113.1"}, ("192.0.2.21",)),
        ("rs1", {"lvs_address": ["192.0.2.21", "2001:db8:2::21"]}, ("192.0.2.21", "2001:db8:2::21")),
        ("rs1", {"lvs_address": "rs1.example"}, ("rs1.example",)),
        ("rs1", {"ansible_host": "192.0.2.21"}, ("192.0.2.21",)),
        ("rs1", {"ansible_host": "rs1.example"}, ()),
        ("rs1", {"ansible_host": "127.0.0.1"}, ()),
        ("192.0.2.21", {}, ("192.0.2.21",)),
        ("192.0.2.21", {"ansible_host": "jump.example"}, ()),
        ("rs1", {}, ()),
    ],
)
def test_the_own_address_is_lvs_address_or_a_literal_ansible_host_or_name(
    name: str, variables: dict[str, object], addresses: tuple[object, ...]
) -> None:
    (host,) = hosts_from_hostvars([name], {name: variables}, with_interfaces=False)
    assert host.addresses == addresses


def test_only_directors_have_their_facts_read() -> None:
    hostvars = {"lb1": {"ansible_host": "192.0.2.11", "ansible_facts": FACTS, "lvs_interface": "eth0"}}
    (director,) = hosts_from_hostvars(["lb1"], hostvars, with_interfaces=True)
    assert director.interface == "eth0"
    assert len(director.interfaces) == 4
    (real_server,) = hosts_from_hostvars(["lb1"], hostvars, with_interfaces=False)
    assert (real_server.interface, real_server.interfaces) == (None, ())


def test_a_host_without_variables_has_no_address() -> None:
    (host,) = hosts_from_hostvars(["rs1"], {}, with_interfaces=True)
    assert (host.addresses, host.interfaces, host.is_placeable) == ((), (), False)
