# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nat with nftables and with iptables-nft; judged by packets and by what nft and iptables-save say.

IPVS is not in this kernel: what it does to packets is proven in tests/kernel.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool, run_program
from rules_cases import (
    INSIDE,
    LOCAL_VIP,
    NAT,
    NAT_TALKS,
    QUIET,
    RS1,
    RS2,
    Talk,
    both_together,
    expected,
    helped_connections,
    judged,
    network,
    seen,
)

BACKENDS = pytest.mark.parametrize("backend", ["nftables", "iptables"])


@BACKENDS
def test_packets(backend: str, run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    run_module("nat", {**NAT, "backend": backend})
    assert judged(NAT_TALKS) == expected(NAT_TALKS)


@BACKENDS
def test_with_the_firewall(backend: str, run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    both_together(run_module, {"backend": backend}, QUIET)


@BACKENDS
def test_clients_among_the_real_servers_come_as_the_director(backend: str, run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    # Stands for IPVS with conntrack, for which a connection is one to the VIP, too.
    for port in ("80", "81"):
        translate = f"-d {LOCAL_VIP} -p tcp --dport {port} -j DNAT --to-destination {RS1}"
        tool("iptables-nft", "-t", "nat", "-A", "PREROUTING", *translate.split())
    balanced = Talk("balanced", "rs2", RS2, LOCAL_VIP, 80, INSIDE, "rs1", RS1)
    run_module("nat", {**NAT, "backend": backend})
    assert seen(balanced) == INSIDE
    # Of another port nothing is said: the answer goes straight to the client, which expects it from the VIP.
    other = balanced._replace(port=81, seen=None)
    assert seen(other) is None
    without = {**NAT, "source_nat": [], "backend": backend}
    run_module("nat", without)
    assert seen(balanced._replace(seen=None)) is None


@BACKENDS
def test_ftp_to_the_vip_has_its_helper(backend: str, run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    helped_connections(run_module, {"backend": backend}, QUIET)


def test_auto_is_nftables_where_it_works_and_what_was_elsewhere_comes_over(run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    assert run_module("nat", NAT)["backend"] == "nftables"
    talks = [talk for talk in NAT_TALKS if talk.seen]
    for backend in ("iptables", "nftables"):
        done = run_module("nat", {**NAT, "backend": backend})
        assert (done["changed"], done["backend"]) == (True, backend)
        assert judged(talks[:6]) == expected(talks[:6])
        in_nft = "lvs_cluster_nat" in tool("nft", "list", "tables", "inet")
        in_iptables = "LVS_CLUSTER_NAT" in tool("iptables-save")
        assert (in_nft, in_iptables) == (backend == "nftables", backend == "iptables")
        assert run_module("nat", {**NAT, "backend": backend})["changed"] is False


def test_what_nft_lists_is_what_was_described(run_module: ModuleRun, tool: Tool) -> None:
    run_module("nat", NAT)
    items = json.loads(run_program("nft", "-j", "list", "table", "inet", "lvs_cluster_nat"))["nftables"]
    chains = {item["chain"]["name"]: item["chain"] for item in items if "chain" in item}
    assert {name: (chain["hook"], chain["prio"], chain["policy"]) for name, chain in chains.items()} == {
        "helpers": ("prerouting", -150, "accept"),
        "prerouting": ("prerouting", -110, "accept"),
        "postrouting": ("postrouting", 90, "accept"),
    }
    last = [list(item["rule"]["expr"][-1]) for item in items if item.get("rule", {}).get("chain") == "postrouting"]
    assert last == [["masquerade"], ["snat"], ["snat"], ["snat"], ["masquerade"], ["masquerade"]]


def test_mistakes_come_all_at_once_and_leave_everything_as_it_is(run_module: ModuleRun, tool: Tool) -> None:
    run_module("nat", NAT)
    before = tool("nft", "list", "ruleset")
    wrong: dict[str, Any] = {
        "masquerade": [{"source": "10.11.12.10/24"}, {"source": "x", "not_out": "eth 1"}],
        "mappings": [
            {"external": "198.51.100.0/24", "internal": "10.11.12.21"},
            {"external": "198.51.100.1", "internal": "2001:db8::1"},
            {"external": "198.51.100.2", "internal": "10.11.12.21", "ports": ["25"]},
            {"external": "198.51.100.3", "internal": "10.11.12.22", "protocol": "tcp", "ports": ["0", "30:20"]},
            {"external": "198.51.100.4", "internal": "10.11.12.23", "protocol": "tcp", "ports": ["1:30"]},
            {"external": "198.51.100.4", "internal": "10.11.12.24", "protocol": "tcp", "ports": ["25"]},
            {"external": "198.51.100.5", "internal": "10.11.12.23", "protocol": "udp"},
        ],
        "source_nat": [{"source": "10.11.12.0/24", "vips": [{"address": "2001:db8::1"}]}],
        "helpers": [{"address": "0.0.0.0", "port": 0}],
    }
    range_wanted = 'A port must be a number from 1 to 65535 or a range such as "10000:20000", the lower one first, got'
    for check in (True, False):
        assert run_module("nat", wrong, check=check, fails=True)["msg"].splitlines() == [
            "The description has 12 mistakes, so nothing was changed:",
            (
                "masquerade[0].source: It must be a network, got '10.11.12.10/24', an address in one. Did you mean"
                " 10.11.12.0/24?"
            ),
            "masquerade[1].source: It must be a network such as 192.0.2.0/24 or 2001:db8::/64, got 'x'.",
            "masquerade[1].not_out: It must be the name of an interface such as eth0, got 'eth 1'.",
            "mappings[0].external: It must be the address of one machine, IPv4 or IPv6, got '198.51.100.0/24'.",
            "mappings[1]: external and internal must be of one address family.",
            "mappings[2].ports: Ports need a protocol that has them (tcp, udp, sctp), got None.",
            f"mappings[3].ports: {range_wanted} '0'.",
            f"mappings[3].ports: {range_wanted} '30:20'.",
            "mappings[5]: mappings[4] maps the same traffic of external 198.51.100.4 already. Make them one.",
            "source_nat[0].vips[0]: The VIP must be of the address family of source, got 2001:db8::1.",
            "helpers[0].address: It must be the address of one machine, IPv4 or IPv6, got '0.0.0.0'.",
            "helpers[0].port: A port must be a number from 1 to 65535, got 0.",
        ]
    assert tool("nft", "list", "ruleset") == before
