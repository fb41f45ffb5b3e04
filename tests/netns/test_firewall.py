# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewall with nftables and with iptables-nft; judged by packets and by what nft and iptables-save say."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from kernel_tools import ModuleRun, Tool, run_program
from rules_cases import (
    CLIENT,
    FIREWALL,
    FIREWALL_TALKS,
    QUIET,
    VIP,
    connections_begun,
    conversation,
    expected,
    four_runs,
    judged,
    network,
    seen_rules,
    too_many_connections,
    what_conntrack_does_not_know,
)

from ansible_collections.lvs.cluster.plugins.module_utils._undo import switch

BACKENDS = pytest.mark.parametrize("backend", ["nftables", "iptables"])


@BACKENDS
def test_packets(backend: str, run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    run_module("firewall", {**FIREWALL, "backend": backend})
    assert judged(FIREWALL_TALKS) == expected(FIREWALL_TALKS)
    what_conntrack_does_not_know(QUIET)


@BACKENDS
def test_too_many_connections_of_one_source(backend: str, run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    too_many_connections(run_module, {"backend": backend}, QUIET)


@BACKENDS
def test_a_conversation_goes_on_while_the_rules_change(backend: str, run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    with conversation(CLIENT, VIP, 80) as answers:
        for rate in (10, 20, 0):
            before = len(answers)
            run_module("firewall", {**FIREWALL, "syn_rate": rate, "backend": backend})
            await_more(answers, before + 50)
        run_module("firewall", {"state": "absent"})


def await_more(answers: list[int], number: int) -> None:
    deadline = time.monotonic() + 10
    while len(answers) < number:
        assert time.monotonic() < deadline, "the conversation has stopped"
        time.sleep(0.01)


def test_what_sets_have_learnt_is_no_change(run_module: ModuleRun, tool: Tool) -> None:
    network(tool)
    run_module("firewall", FIREWALL)
    assert connections_begun(3, CLIENT, QUIET) == 3
    listed = json.loads(run_program("nft", "-j", "list", "set", "inet", "lvs_cluster_firewall", "syn_ipv4"))
    assert len(listed["nftables"][1]["set"]["elem"]) == 1
    assert run_module("firewall", FIREWALL)["changed"] is False


def test_mistakes_come_all_at_once(run_module: ModuleRun) -> None:
    wrong = {
        "external_interfaces": ["eth0", "+"],
        "services": [{"address": "x"}],
        "vrrp_peers": ["198.51.100.0/24"],
        "sync": {"interface": "eth0", "port": 70000},
        "accept": [{"protocol": "esp", "ports": ["1"]}],
        "spoofed_sources": ["fc00::/7", "fe80::/16", "::/0"],
        "syn_rate": -1,
        "undo_after": -5,
    }
    assert run_module("firewall", wrong, fails=True)["msg"].splitlines() == [
        "The description has 10 mistakes, so nothing was changed:",
        (
            "external_interfaces[1]: It must be the name of an interface such as eth0, or the beginning of names such"
            " as tun+, got '+'."
        ),
        "services[0].address: It must be the address of one machine, IPv4 or IPv6, got 'x'.",
        "vrrp_peers[0]: It must be the address of one machine, IPv4 or IPv6, got '198.51.100.0/24'.",
        "sync.port: A port must be a number from 1 to 65535, got 70000.",
        "accept[0].ports: Ports need a protocol that has them (tcp, udp, sctp), got esp.",
        (
            "spoofed_sources: fe80::/16 has addresses of fe80::/10, from which neighbours are discovered in IPv6. Leave"
            " it out."
        ),
        "spoofed_sources: ::/0 has addresses of fe80::/10, from which neighbours are discovered in IPv6. Leave it out.",
        "spoofed_sources: ::/0 has addresses of ::/128, from which neighbours are discovered in IPv6. Leave it out.",
        "syn_rate: It must be a number from 0 to 10000, got -1.",
        "undo_after: It must be a number from 0 to 3600, got -5.",
    ]


def test_without_systemd_the_switch_is_refused_before_anything_changes(run_module: ModuleRun) -> None:
    for check in (True, False):
        failed = run_module("firewall", {**FIREWALL, "undo_after": 30}, check=check, fails=True)
        assert "Set undo_after to 0" in failed["msg"]
    assert not [line for line in seen_rules("nft") if "lvs_cluster" in line.lower()]
    done = run_module("firewall", FIREWALL)
    assert done["undo"] is None


ARMED: list[str] = []


@pytest.fixture
def armed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the switch would run; that systemd runs it in time is for tests/cluster."""
    ARMED.clear()

    def arm(_self: switch.Switch, *, seconds: int, restore: str) -> None:
        assert seconds == 30
        ARMED.append(restore)

    monkeypatch.setattr(switch.Switch, "require", lambda _self: None)
    monkeypatch.setattr(switch.Switch, "restart", lambda _self, *, seconds: None)
    monkeypatch.setattr(switch.Switch, "arm", arm)
    return ARMED


@pytest.mark.parametrize("before", ["nothing", "nftables", "iptables"])
@BACKENDS
def test_what_the_switch_runs_brings_back_what_was_there(
    before: str, backend: str, run_module: ModuleRun, tool: Tool, armed: list[str]
) -> None:
    tool("iptables", "-A", "INPUT", "-s", "192.0.2.9", "-j", "DROP")
    if before != "nothing":
        run_module("firewall", {**FIREWALL, "backend": before})
    rules = seen_rules("nft")
    done = four_runs(
        run_module,
        "firewall",
        {**FIREWALL, "backend": backend, "ssh_sources": [], "spoofed_sources": [], "undo_after": 30},
    )
    assert done["changed"] is True
    assert len(armed) == 1
    for _time in range(2):  # whatever is there when it goes off
        tool("sh", "-c", armed[0])
        assert sorted(seen_rules("nft")) == sorted(rules)
    if before != "nothing":
        assert run_module("firewall", {**FIREWALL, "backend": before}, check=True)["changed"] is False


def test_nothing_to_change_arms_nothing(run_module: ModuleRun, armed: list[str]) -> None:
    run_module("firewall", {**FIREWALL, "undo_after": 30})
    armed.clear()
    assert run_module("firewall", {**FIREWALL, "undo_after": 30})["changed"] is False
    assert armed == []
    assert not Path("/run/lvs-cluster/undo-firewall").exists()
