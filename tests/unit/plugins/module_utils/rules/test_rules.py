# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to the words of both back ends, and from what iptables holds to what it shall hold.

That these words do what they say is seen in tests/netns and tests/kernel.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import MistakesError
from ansible_collections.lvs.cluster.plugins.module_utils._rules import change, iptables, nftables
from ansible_collections.lvs.cluster.plugins.module_utils._rules.firewall import read_firewall
from ansible_collections.lvs.cluster.plugins.module_utils._rules.model import Ruleset
from ansible_collections.lvs.cluster.plugins.module_utils._rules.nat import read_nat
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import NFTABLES, Place, iptables_place

NOTHING: dict[str, Any] = {"masquerade": [], "mappings": [], "source_nat": [], "helpers": [], "state": "present"}
CLOSED: dict[str, Any] = {
    **dict.fromkeys(("external_interfaces", "trusted_interfaces", "services", "vrrp_peers", "accept"), ()),
    **dict.fromkeys(("ssh_sources", "forward_sources", "spoofed_sources"), ()),
    **dict.fromkeys(("syn_rate", "log_rate", "undo_after"), 0),
    "syn_burst": None,
    "sync": None,
    "ssh_port": 22,
    "state": "present",
}
IPV4 = iptables_place("iptables")
MASQUERADE = {"source": "10.11.12.0/24", "not_out": "eth1"}


def said(ruleset: Ruleset) -> tuple[list[str], list[str], list[str]]:
    """The rules of each: nftables, iptables, ip6tables."""
    nft = [line.split(" ", 4)[4] for line in nftables.boot_file(ruleset).splitlines() if line.startswith("add rule")]
    of_families = [
        [line.split("_", 3)[-1] for line in iptables.desired_text(ruleset, family).splitlines() if line[:2] == "-A"]
        for family in ("ipv4", "ipv6")
    ]
    return nft, of_families[0], of_families[1]


def test_a_masqueraded_network_is_one_rule_of_its_family() -> None:
    nft, ipv4, ipv6 = said(read_nat({**NOTHING, "masquerade": [MASQUERADE]}))
    assert nft == ['postrouting ip saddr 10.11.12.0/24 ip daddr != 10.11.12.0/24 oifname != "eth1" masquerade']
    assert ipv4 == ["POSTROUTING -s 10.11.12.0/24 ! -d 10.11.12.0/24 ! -o eth1 -j MASQUERADE"]
    assert ipv6 == []


@pytest.mark.parametrize("number", [15, 16, 40])
def test_iptables_gets_at_most_15_ports_in_a_rule_and_nftables_all_in_one(number: int) -> None:
    ports = [str(port) for port in range(1001, 1001 + 2 * number, 2)]
    service = {"address": "192.0.2.100", "protocol": "tcp", "ports": ports}
    nft, ipv4, ipv6 = said(read_firewall({**CLOSED, "services": [service]}))
    assert len([rule for rule in nft if "ip daddr 192.0.2.100" in rule]) == 1
    rules = [rule for rule in ipv4 if "-d 192.0.2.100/32" in rule]
    lists = [rule.split("--dports ")[1].split()[0].split(",") for rule in rules]
    assert max(map(len, lists)) <= 15
    assert [port for each in lists for port in each] == ports
    assert not [rule for rule in ipv6 if "192.0.2.100" in rule]


def test_everywhere_is_no_condition_and_networks_in_others_are_left_out() -> None:
    accept = {"protocol": "udp", "ports": ["161"], "sources": ["10.0.0.0/8", "10.1.0.0/16", "::/0"]}
    nft, ipv4, ipv6 = said(read_firewall({**CLOSED, "ssh_sources": ["::/0", "0.0.0.0/0"], "accept": [accept]}))
    assert "input tcp dport 22 accept" in nft
    assert [rule for rule in nft if "161" in rule] == [
        "input ip saddr 10.0.0.0/8 udp dport 161 accept",
        "input meta nfproto ipv6 udp dport 161 accept",
    ]
    assert [rule for rule in ipv4 if "161" in rule] == [
        "INPUT -s 10.0.0.0/8 -p udp -m multiport --dports 161 -j RETURN"
    ]
    assert [rule for rule in ipv6 if "161" in rule] == ["INPUT -p udp -m multiport --dports 161 -j RETURN"]


def test_a_number_of_the_limit_is_part_of_the_name_under_which_iptables_counts() -> None:
    names = [
        next(word for rule in ipv4 for word in rule.split() if word.startswith("lvs_cluster_syn"))
        for rate in (100, 200)
        for _nft, ipv4, _ipv6 in [said(read_firewall({**CLOSED, "syn_rate": rate}))]
    ]
    assert names == ["lvs_cluster_syn_100_200", "lvs_cluster_syn_200_400"]


def test_no_external_interface_no_word_about_forwarding() -> None:
    nft, _ipv4, _ipv6 = said(read_firewall({**CLOSED, "spoofed_sources": ["10.0.0.0/8"]}))
    assert {rule.split()[0] for rule in nft} == {"input"}


def test_neighbour_discovery_cannot_be_shut_out() -> None:
    with pytest.raises(MistakesError, match="from which neighbours are discovered"):
        read_firewall({**CLOSED, "spoofed_sources": ["fe80::/64"]})


@pytest.mark.parametrize("state", ["present", "absent"])
def test_nothing_described_is_nothing_held(state: str) -> None:
    ruleset = read_nat({**NOTHING, "state": state})
    assert (nftables.boot_file(ruleset), iptables.desired_text(ruleset, "ipv4")) == ("", "")
    assert nftables.operations(ruleset, exists=False) == ()


DESIRED = iptables.held_text(
    "lvs_cluster_nat",
    iptables.desired_text(read_nat({**NOTHING, "masquerade": [MASQUERADE]}), "ipv4").replace("-I", "-A"),
)
RULE = "-s 10.11.12.0/24 ! -d 10.11.12.0/24 ! -o eth1 -j MASQUERADE"
OURS = "LVS_CLUSTER_NAT_POSTROUTING"
FOREIGN = (
    ":POSTROUTING ACCEPT [5:300]\n:DOCKER - [0:0]\n-A POSTROUTING -j DOCKER\n-A DOCKER -j LVS_CLUSTER_NAT_POSTROUTING\n"
)


@pytest.mark.parametrize(
    ("present", "lines"),
    [
        ("", [f"-N {OURS}", f"-A {OURS} {RULE}", f"-I POSTROUTING -j {OURS}"]),
        (f":{OURS} - [1:60]\n-A POSTROUTING -j {OURS}\n-A {OURS} {RULE}\n", []),
        (f":{OURS} - [0:0]\n-A {OURS} {RULE}\n", [f"-I POSTROUTING -j {OURS}"]),
        (
            f":{OURS} - [0:0]\n-A POSTROUTING -j {OURS}\n-A POSTROUTING -j {OURS}\n-A {OURS} {RULE}\n",
            [f"-D POSTROUTING -j {OURS}"],
        ),
        (
            f":{OURS} - [0:0]\n-A POSTROUTING -j {OURS}\n-A {OURS} -j ACCEPT\n-A {OURS} {RULE}\n",
            [f"-F {OURS}", f"-A {OURS} {RULE}"],
        ),
        (
            (
                f":{OURS} - [0:0]\n:LVS_CLUSTER_NAT_OLD - [0:0]\n-A OUTPUT -j LVS_CLUSTER_NAT_OLD\n"
                f"-A POSTROUTING -j {OURS}\n-A {OURS} {RULE}\n"
            ),
            ["-D OUTPUT -j LVS_CLUSTER_NAT_OLD", "-F LVS_CLUSTER_NAT_OLD", "-X LVS_CLUSTER_NAT_OLD"],
        ),
    ],
)
def test_only_what_differs_is_changed(present: str, lines: list[str]) -> None:
    saved = f"*nat\n{FOREIGN}{present}COMMIT\n*filter\n:INPUT DROP [0:0]\n-A INPUT -j REJECT\nCOMMIT\n"
    operations, text = iptables.operations(IPV4, iptables.held_text("lvs_cluster_nat", saved), DESIRED)
    assert [operation.line for operation in operations] == lines
    assert [operation.command for operation in operations] == [f"iptables -t nat {line}" for line in lines]
    assert text == ("".join(f"{line}\n" for line in ["*nat", *lines, "COMMIT"]) if lines else "")


def test_what_was_printed_can_be_loaded_again() -> None:
    loaded = iptables.restoring_text(DESIRED)
    assert loaded == f"*nat\n:{OURS} - [0:0]\n-A {OURS} {RULE}\n-I POSTROUTING -j {OURS}\nCOMMIT\n"


@pytest.mark.parametrize(
    ("places", "loaded"),
    [
        ([], []),
        ([NFTABLES], ["nftables"]),
        ([IPV4, iptables_place("ip6tables")], ["iptables", "ip6tables"]),
        pytest.param([iptables_place("iptables-legacy")], ["iptables"], id="no IPv6 in the kernel"),
    ],
)
def test_a_boot_unit_loads_only_what_has_a_place_on_this_host(places: list[Place], loaded: list[str]) -> None:
    accept = {"protocol": "udp", "ports": ["161"], "sources": ["0.0.0.0/0", "::/0"]}
    files = change._boot_files(places, read_firewall({**CLOSED, "accept": [accept]}))
    assert [name for name, text in files.items() if text] == loaded
