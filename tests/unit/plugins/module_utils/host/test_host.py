# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ip, systemctl and the kernel print, as values."""

from __future__ import annotations

import ipaddress
import json

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._host.drops import (
    Drop,
    iptables_drops,
    is_word,
    nftables_drops,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import (
    DefaultRoute,
    Link,
    LinkAddress,
    default_routes_of,
    links_of,
    neighbours_of,
    route_interfaces_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host.listeners import (
    Listener,
    listeners_of,
    sctp_listeners_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host.services import service_states
from ansible_collections.lvs.cluster.plugins.module_utils._host.sysctls import sysctl_text

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TCP = HEAD + (
    "   0: 640200C0:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"
    "   1: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0\n"
    "   2: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0\n"
    "   3: 640200C0:0050 1F0200C0:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 0 0 10 0\n"
)
TCP6 = HEAD + "   0: B80D0120000002000000000000010000:0050 " + "0" * 32 + ":0000 0A 0:0 00:0 0 0 0 1 1\n"
UDP = HEAD + (
    "   0: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 5 2 0 0\n"
    "   1: 150200C0:C001 1F0200C0:0035 01 00000000:00000000 00:00000000 00000000     0        0 6 2 0 0\n"
)
SCTP = (
    " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n"
    "   (____ptrval____)    (____ptrval____) 2   10  46   2905      0  21 192.0.2.100 2001:db8:2::100 \n"
    "   (____ptrval____)    (____ptrval____) 2   1   47   2906      0  22 192.0.2.21 \n"
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (listeners_of(TCP, "tcp"), [Listener("192.0.2.100", 80, "tcp"), Listener("0.0.0.0", 443, "tcp")]),
        (listeners_of(TCP6, "tcp"), [Listener("2001:db8:2::100", 80, "tcp")]),
        (listeners_of(UDP, "udp"), [Listener("0.0.0.0", 53, "udp")]),
        (sctp_listeners_of(SCTP), [Listener("192.0.2.100", 2905, "sctp"), Listener("2001:db8:2::100", 2905, "sctp")]),
        (listeners_of("", "tcp"), []),
    ],
)
def test_listeners_are_the_sockets_that_wait(found: list[Listener], expected: list[Listener]) -> None:
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_links_keep_what_matters_and_skip_the_empty_entries_of_old_releases() -> None:
    entries = [
        {},
        {
            "ifname": "lo",
            "flags": ["LOOPBACK", "UP", "LOWER_UP"],
            "link_type": "loopback",
            "address": "00:00:00:00:00:00",
            "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}],
        },
        {
            "ifname": "lvs0",
            "flags": ["BROADCAST", "NOARP"],
            "link_type": "ether",
            "address": "02:00:00:00:00:01",
            "ifalias": "lvs.cluster",
            "linkinfo": {"info_kind": "dummy"},
            "addr_info": [
                {"family": "inet", "local": "192.0.2.100", "prefixlen": 32},
                {"family": "inet6", "local": "2001:db8:2::100", "prefixlen": 128},
                {"family": "inet", "local": "192.0.2.101", "prefixlen": 24, "secondary": True},
            ],
        },
    ]
    lo, lvs0 = links_of(json.dumps(entries))
    assert (lo.kind, lo.up, lo.arp) == ("loopback", True, False)
    assert lvs0 == Link(
        name="lvs0",
        kind="dummy",
        mac="02:00:00:00:00:01",
        up=False,
        arp=False,
        alias="lvs.cluster",
        addresses=(
            LinkAddress(ipaddress.ip_interface("192.0.2.100/32")),
            LinkAddress(ipaddress.ip_interface("2001:db8:2::100/128")),
            LinkAddress(ipaddress.ip_interface("192.0.2.101/24"), secondary=True),
        ),
    )


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([], ()),
        ([{"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"}], ("eth0",)),
        ([{"dev": "wlan0", "metric": 600}, {"dev": "eth0", "metric": 100}], ("eth0",)),
        ([{"nexthops": [{"dev": "eth1"}, {"dev": "eth0"}]}], ("eth0", "eth1")),
        ([{"type": "unreachable", "dev": "lo"}, {"dev": "eth0", "metric": 100}], ("eth0",)),
    ],
)
def test_the_default_route_is_the_one_of_the_lowest_metric(routes: list[object], expected: tuple[str, ...]) -> None:
    assert route_interfaces_of(json.dumps(routes)) == expected


@pytest.mark.parametrize(
    ("names", "show", "expected"),
    [
        (
            ["keepalived", "no-such"],
            "ActiveState=active\nUnitFileState=enabled\n\nActiveState=inactive\nUnitFileState=\n",
            {
                "keepalived": {"active": True, "enabled": True},
                "no-such": {"active": False, "enabled": False},
            },
        ),
        (["x"], "ActiveState=reloading\nUnitFileState=enabled\n", {"x": {"active": True, "enabled": True}}),
        (["x"], "ActiveState=failed\nUnitFileState=disabled\n", {"x": {"active": False, "enabled": False}}),
        (["x", "y"], "", {name: {"active": False, "enabled": False} for name in "xy"}),
        ([], "", {}),
    ],
)
def test_services_have_the_states_that_systemctl_shows(names: list[str], show: str, expected: object) -> None:
    assert service_states(names, show) == expected


@pytest.mark.parametrize("name", ["kernel.ostype", "kernel/ostype", "/kernel/ostype"])
def test_a_sysctl_is_found_in_both_spellings(name: str) -> None:
    assert sysctl_text(name) == "Linux"


@pytest.mark.parametrize("name", ["no.such", "kernel/../../version", "", "kernel"])
def test_what_is_no_sysctl_has_no_value(name: str) -> None:
    assert sysctl_text(name) is None


def test_a_macvlan_is_on_the_wire_of_the_interface_below_it_and_a_vlan_is_not() -> None:
    kinds = {"lan0": "macvlan", "eth0.7": "vlan"}
    data: list[dict[str, object]] = [{"ifname": "eth0"}]
    data += [{"ifname": name, "link": "eth0", "linkinfo": {"info_kind": kind}} for name, kind in kinds.items()]
    assert [link.wire for link in links_of(json.dumps(data))] == ["eth0", "eth0", "eth0.7"]


def test_a_tunnel_has_ends_and_any_address_is_none() -> None:
    data = [
        {"ifname": "tunl0", "linkinfo": {"info_kind": "ipip", "info_data": {"remote": "any", "local": "192.0.2.21"}}}
    ]
    (tunl0,) = links_of(json.dumps(data))
    assert (tunl0.kind, tunl0.local, tunl0.remote) == ("ipip", "192.0.2.21", "")


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([], []),
        ([{"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"}], [("192.0.2.1", "eth0", 0)]),
        (
            [{"dev": "ppp0", "metric": 9}, {"gateway": "192.0.2.1", "dev": "eth0"}],
            [("192.0.2.1", "eth0", 0), ("", "ppp0", 9)],
        ),
        (
            [{"nexthops": [{"gateway": "192.0.2.1", "dev": "a"}, {"gateway": "192.0.2.2", "dev": "b"}]}],
            [("192.0.2.1", "a", 0), ("192.0.2.2", "b", 0)],
        ),
        ([{"via": {"family": "inet6", "host": "fe80::1"}, "dev": "eth0"}], [("fe80::1", "eth0", 0)]),
        ([{"type": "unreachable", "dev": "lo"}], []),
    ],
)
def test_the_default_route_of_the_lowest_metric_comes_first(
    routes: list[object], expected: list[tuple[str, str, int]]
) -> None:
    found = default_routes_of(json.dumps(routes), "ipv4")
    assert found == [DefaultRoute("ipv4", gateway, interface, metric) for gateway, interface, metric in expected]


def test_neighbours_without_an_answer_are_none() -> None:
    entries = [
        {"dst": "192.0.2.10", "dev": "eth0", "lladdr": "02:00:00:00:02:11", "state": ["STALE"]},
        {"dst": "192.0.2.11", "dev": "eth0", "state": ["INCOMPLETE"]},
        {"dst": "192.0.2.12", "dev": "eth0", "lladdr": "02:00:00:00:02:12", "state": ["REACHABLE"]},
    ]
    asked = {ipaddress.ip_address("192.0.2.10"), ipaddress.ip_address("192.0.2.11")}
    assert [neighbour.address for neighbour in neighbours_of(json.dumps(entries), asked)] == ["192.0.2.10"]


IPTABLES = """*mangle
-A PREROUTING -p ipencap -j DROP
COMMIT
*filter
:INPUT ACCEPT [0:0]
-A INPUT -p vrrp -j DROP
-A INPUT -s 192.0.2.12/32 -p vrrp -j ACCEPT
-A INPUT ! -p vrrp -j DROP
-A INPUT -d 192.0.2.100/32 -p tcp -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
-A INPUT -p udp -m udp --dport 8848 -j DROP
-A LVS_CLUSTER_FIREWALL -p vrrp -j DROP
COMMIT
"""
NFTABLES = """table inet mine {
    chain in {
        type filter hook input priority filter; policy drop;
        ip protocol vrrp drop
        meta l4proto 112 counter packets 0 bytes 0 drop
        meta l4proto gre accept
        ip daddr 192.0.2.100 tcp dport 80 reject with icmp port-unreachable
        udp dport 8848 drop
    }
}
table inet lvs_cluster_firewall {
    chain input {
        ip protocol vrrp drop
    }
}
""".replace("    ", "\t")


@pytest.mark.parametrize(
    ("word", "iptables", "nftables"),
    [
        ("vrrp", ["iptables -A INPUT -p vrrp -j DROP"], ["ip protocol vrrp drop", "meta l4proto 112 counter"]),
        ("ipip", ["iptables -t mangle -A PREROUTING -p ipencap -j DROP"], []),
        ("gre", [], []),
        ("udp/8848", ["iptables -A INPUT -p udp -m udp --dport 8848 -j DROP"], ["udp dport 8848 drop"]),
        ("udp/884", [], []),
        ("192.0.2.100", ["iptables -A INPUT -d 192.0.2.100/32 -p tcp"], ["ip daddr 192.0.2.100 tcp dport 80 reject"]),
        ("192.0.2.10", [], []),
    ],
)
def test_foreign_rules_that_drop_are_found_by_what_they_name(
    word: str, iptables: list[str], nftables: list[str]
) -> None:
    assert is_word(word)
    for drops, expected in ((iptables_drops(IPTABLES, [word]), iptables), (nftables_drops(NFTABLES, [word]), nftables)):
        assert len(drops) == len(expected), drops
        for drop, text in zip(drops, expected, strict=True):
            assert drop.word == word
            assert text in drop.rule


def test_a_rule_of_nftables_is_told_with_its_place() -> None:
    assert nftables_drops(NFTABLES, ["udp/8848"]) == [
        Drop("udp/8848", "nft: table inet mine chain in: udp dport 8848 drop")
    ]


@pytest.mark.parametrize("word", ["", "ospf", "udp/x", "192.0.2.0/24"])
def test_other_words_cannot_be_looked_for(word: str) -> None:
    assert not is_word(word)
