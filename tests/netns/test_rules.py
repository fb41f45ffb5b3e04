# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nat and firewall have in common: every change, other people's rules, drift, refusals, two tasks at once."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool, run_in_process
from rules_cases import FIREWALL, FOREIGN_IPTABLES, NAT, every_change, foreign_rules, seen_rules

FOREIGN = """\
table inet theirs {
    set lvs_cluster_nat { type ipv4_addr; elements = { 192.0.2.9 } }
    chain input { type filter hook input priority filter + 1; policy accept; ip saddr @lvs_cluster_nat drop; }
}
table ip lvs_cluster_firewall {
    chain input { type filter hook input priority filter; policy accept; }
}
"""
DESCRIBED = {"nat": NAT, "firewall": FIREWALL}
MODULES = pytest.mark.parametrize("name", ["nat", "firewall"])
BACKENDS = pytest.mark.parametrize("backend", ["nftables", "iptables"])


@pytest.fixture(autouse=True)
def foreign(tool: Tool) -> None:
    """Rules of somebody else, in both worlds."""
    tool("nft", "-f", "-", stdin=FOREIGN)
    for family in ("iptables", "ip6tables"):
        text = (
            FOREIGN_IPTABLES
            if family == "iptables"
            else FOREIGN_IPTABLES.replace("192.0.2.", "2001:db8::").replace("/32", "/128")
        )
        tool(f"{family}-nft-restore", "--noflush", stdin=text)


@MODULES
@BACKENDS
def test_every_change(name: str, backend: str, run_module: ModuleRun, tool: Tool) -> None:
    every_change(run_module, tool, name=name, backend={"backend": backend}, kind="nft")


NFT_DRIFT = {
    "nat": [
        "flush chain inet lvs_cluster_nat postrouting",
        "add rule inet lvs_cluster_nat postrouting ip saddr 192.0.2.1 masquerade",
        "insert rule inet lvs_cluster_nat prerouting accept",
        "add chain inet lvs_cluster_nat mine { type filter hook input priority 0; policy drop; }",
        "delete chain inet lvs_cluster_nat helpers",
        "add set inet lvs_cluster_nat mine { type ipv4_addr; }",
        "delete table inet lvs_cluster_nat",
    ],
    "firewall": [
        "flush chain inet lvs_cluster_firewall input",
        "insert rule inet lvs_cluster_firewall input accept",
        "add chain inet lvs_cluster_firewall forward { policy drop; }",
        "flush table inet lvs_cluster_firewall",
        "flush ruleset",
    ],
}
IPTABLES_DRIFT = {
    "nat": [
        "iptables -t nat -F LVS_CLUSTER_NAT_POSTROUTING",
        "iptables -t nat -A LVS_CLUSTER_NAT_POSTROUTING -s 192.0.2.1 -j MASQUERADE",
        "iptables -t nat -D POSTROUTING -j LVS_CLUSTER_NAT_POSTROUTING",
        "iptables -t nat -A POSTROUTING -j LVS_CLUSTER_NAT_POSTROUTING",
        "iptables -t nat -N LVS_CLUSTER_NAT_MINE",
        "ip6tables -t nat -D LVS_CLUSTER_NAT_PREROUTING 1",
        "iptables -t raw -F",
    ],
    "firewall": [
        "iptables -D INPUT -j LVS_CLUSTER_FIREWALL_INPUT",
        "iptables -I LVS_CLUSTER_FIREWALL_INPUT -j ACCEPT",
        "iptables -t raw -D PREROUTING -j LVS_CLUSTER_FIREWALL_SPOOFED",
        "ip6tables -F",
    ],
}


@MODULES
@BACKENDS
def test_drift_is_found_and_healed(name: str, backend: str, run_module: ModuleRun, tool: Tool) -> None:
    described = {**DESCRIBED[name], "backend": backend}
    run_module(name, described)
    before = seen_rules("nft")
    for command in (NFT_DRIFT if backend == "nftables" else IPTABLES_DRIFT)[name]:
        tool("sh", "-euc", f"nft '{command}'" if backend == "nftables" else command)
        others = foreign_rules("nft")
        assert run_module(name, described, check=True)["changed"] is True, command
        done = run_module(name, described)
        assert done["changed"] is True, command
        assert foreign_rules("nft") == others, command
        assert run_module(name, described)["changed"] is False, command
        if command not in ("flush ruleset", "ip6tables -F", "iptables -t raw -F"):
            assert sorted(seen_rules("nft")) == sorted(before), command


def test_a_table_of_iptables_that_stays_is_not_touched(run_module: ModuleRun) -> None:
    run_module("nat", {**NAT, "backend": "iptables"})
    operations = run_module("nat", {**NAT, "backend": "iptables", "helpers": []})["operations"]
    assert all(" -t raw " in operation for operation in operations)


@MODULES
def test_a_refusal_half_way_is_undone(name: str, run_module: ModuleRun, tool: Tool) -> None:
    described = DESCRIBED[name]
    run_module(name, {**described, "backend": "iptables"})
    # Their jump keeps our chain from being removed.
    chain = {"nat": "LVS_CLUSTER_NAT_POSTROUTING", "firewall": "LVS_CLUSTER_FIREWALL_OUTSIDE"}[name]
    table = {"nat": "nat", "firewall": "filter"}[name]
    tool("ip6tables", "-t", table, "-A", "THEIRS", "-j", chain)
    before = seen_rules("nft")
    failed = run_module(name, {**described, "backend": "nftables"}, fails=True)
    assert "ip6tables does not take the rules" in failed["msg"]
    assert failed["msg"].endswith("is as it was before.")
    assert sorted(seen_rules("nft")) == sorted(before)


@MODULES
def test_nobody_but_root_may(name: str, run_module: ModuleRun) -> None:
    def as_nobody(check: bool, answers: Any) -> None:
        os.setresuid(65534, 65534, 65534)
        parameters = {**DESCRIBED[name], "_ansible_remote_tmp": "/tmp"}
        answers.put(run_in_process(name, parameters, check=check, fails=True)["msg"])

    answers: Any = multiprocessing.get_context("fork").SimpleQueue()
    for check in (True, False):
        process = multiprocessing.get_context("fork").Process(target=as_nobody, args=(check, answers))
        process.start()
        process.join(20)
        assert process.exitcode == 0
        assert "become: true" in answers.get()


def test_tasks_at_the_same_time_end_with_the_rules_of_one(run_module: ModuleRun) -> None:
    described = [{**NAT, "mappings": NAT["mappings"][:number]} for number in range(4)]
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=run_in_process, args=("nat", each)) for each in described]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(processes)
    assert [run_module("nat", each, check=True)["changed"] for each in described].count(False) == 1
