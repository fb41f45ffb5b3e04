# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nat and firewall with iptables-legacy, which is all that this kernel has, and beside IPVS, which is in it.

tests/netns goes through the same tables of cases with nftables and iptables-nft.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool
from rules_cases import (
    CLIENT,
    CLIENT6,
    FIREWALL,
    FIREWALL_TALKS,
    FOREIGN_IPTABLES,
    INSIDE,
    LOCAL_VIP,
    NAT,
    NAT_TALKS,
    RS1,
    RS1_6,
    RS2,
    VIP,
    VIP6,
    Talk,
    both_together,
    every_change,
    expected,
    helped_connections,
    judged,
    network,
    seen,
    too_many_connections,
    what_conntrack_does_not_know,
)

QUIET = 2.0  # this kernel is slow
BALANCED = [
    Talk("balanced by NAT, with another port", "client", CLIENT, VIP, 80, CLIENT, "rs1", RS1, 8080),
    Talk("with IPv6", "client", CLIENT6, VIP6, 80, CLIENT6, "rs1", RS1_6, 8080),
    Talk("with UDP", "client", CLIENT, VIP, 53, CLIENT, "rs1", RS1, 53, "udp"),
]


@pytest.fixture(autouse=True)
def modules(own_network: None, tool: Tool) -> None:
    for name in ("ip_vs_rr", "veth", "bridge", "ipv6"):
        tool("modprobe", name)


@pytest.fixture
def balanced(tool: Tool) -> None:
    """The services of BALANCED, in a network."""
    network(tool)
    for key, real_server in ((f"-t {VIP}:80", f"{RS1}:8080"), (f"-u {VIP}:53", f"{RS1}:53")):
        tool("ipvsadm", "-A", *key.split(), "-s", "rr")
        tool("ipvsadm", "-a", *key.split(), "-r", real_server, "-m")
    tool("ipvsadm", "-A", "-t", f"[{VIP6}]:80", "-s", "rr")
    tool("ipvsadm", "-a", "-t", f"[{VIP6}]:80", "-r", f"[{RS1_6}]:8080", "-m")


def conntrack(value: int) -> None:
    """Whether conntrack follows what IPVS balances."""
    Path("/proc/sys/net/ipv4/vs/conntrack").write_text(f"{value}\n", encoding="ascii")


@pytest.mark.parametrize("name", ["nat", "firewall"])
def test_every_change(name: str, run_module: ModuleRun, tool: Tool) -> None:
    tool("iptables-legacy-restore", "--noflush", stdin=FOREIGN_IPTABLES)
    every_change(run_module, tool, name=name, backend={}, kind="legacy")


def test_translated_packets(run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    assert run_module("nat", NAT)["backend"] == "iptables"
    assert judged(NAT_TALKS, QUIET) == expected(NAT_TALKS)


def test_filtered_packets(run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    run_module("firewall", FIREWALL)
    assert judged(FIREWALL_TALKS, QUIET) == expected(FIREWALL_TALKS)
    what_conntrack_does_not_know(QUIET)


def test_both_together(run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    both_together(run_module, {}, QUIET)


def test_too_many_connections_of_one_source(run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    too_many_connections(run_module, {}, QUIET)


def test_ftp_to_the_vip_has_its_helper(run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    helped_connections(run_module, {}, QUIET)


@pytest.mark.parametrize("followed", [0, 1])
def test_what_ipvs_balances_by_nat_is_neither_dropped_nor_masqueraded(
    followed: int, run_module: ModuleRun, balanced: None
) -> None:
    conntrack(followed)
    assert judged(BALANCED, QUIET) == expected(BALANCED), "without our rules"
    run_module("nat", NAT)
    run_module("firewall", FIREWALL)
    assert judged(BALANCED, QUIET) == expected(BALANCED)
    # The real server is mapped as a whole, too: what IPVS has translated stays.
    run_module("nat", {**NAT, "mappings": [{"external": "198.51.100.113", "internal": RS1, "interface": "eth0"}]})
    assert judged(BALANCED, QUIET) == expected(BALANCED)
    masqueraded = [talk for talk in NAT_TALKS if talk.name == "so with IPv6"]
    assert judged(masqueraded, QUIET) == expected(masqueraded)


@pytest.mark.parametrize("followed", [0, 1])
def test_answers_of_real_servers_on_an_external_interface_are_forwarded(
    followed: int, run_module: ModuleRun, balanced: None
) -> None:
    conntrack(followed)
    one_arm: dict[str, Any] = {**FIREWALL, "external_interfaces": ["eth+"], "trusted_interfaces": []}
    one_arm["spoofed_sources"] = []
    run_module("firewall", {**one_arm, "forward_sources": ["10.11.12.0/24", "2001:db8:12::/64"]})
    assert judged(BALANCED, QUIET) == expected(BALANCED)
    run_module("firewall", one_arm)
    # Answers that conntrack follows are answers; others need the word of the description.
    assert seen(BALANCED[0]._replace(seen=CLIENT if followed else None), QUIET) == (CLIENT if followed else None)


def test_clients_among_the_real_servers_come_as_the_director(run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    for port in ("80", "81"):
        tool("ipvsadm", "-A", "-t", f"{LOCAL_VIP}:{port}", "-s", "rr")
        tool("ipvsadm", "-a", "-t", f"{LOCAL_VIP}:{port}", "-r", f"{RS1}:{port}", "-m")
    conntrack(1)
    run_module("nat", NAT)
    run_module("firewall", FIREWALL)
    balanced = Talk("balanced", "rs2", RS2, LOCAL_VIP, 80, INSIDE, "rs1", RS1)
    assert seen(balanced, QUIET) == INSIDE
    # Of another port nothing is said: the answer goes straight to the client, which expects it from the VIP.
    assert seen(balanced._replace(port=81, seen=None), QUIET) is None


def test_packets_with_a_mark_are_balanced_behind_the_firewall(run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    tool("ipvsadm", "-A", "-f", "5", "-s", "rr", "-p", "60")
    tool("ipvsadm", "-a", "-f", "5", "-r", RS1, "-m")
    run_module("fwmark", {"mark": 5, "address": VIP, "ports": ["80", "8000:8010"]})
    run_module("nat", NAT)
    run_module("firewall", FIREWALL)
    for port in (80, 8005):
        marked = Talk("marked", "client", CLIENT, VIP, port, CLIENT, "rs1", RS1, port)
        assert seen(marked, QUIET) == CLIENT
