# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fwmark with nftables and with iptables-nft; judged by packets and by what nft and iptables-save say."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from typing import Any

import pytest
from fwmark_cases import (
    FOREIGN_IPTABLES,
    SIX,
    A,
    B,
    Packet,
    cable,
    foreign_of_iptables,
    inside,
    marked_by_iptables,
    marked_by_nftables,
    send,
    sent,
    steps,
)
from kernel_tools import ModuleRun, Tool, run_in_process, run_program

FOREIGN = """\
table inet theirs {
    chain mangling {
        type filter hook prerouting priority mangle - 1; policy accept;
        ip daddr 203.0.113.9 meta mark set 9
    }
}
table ip lvs_cluster_fwmark {
    chain prerouting { type filter hook prerouting priority mangle; policy accept; }
}
"""
# Behind all that marks: keeps each kind of packet with its mark.
JUDGE = """\
table inet judge {
    set ipv4 { type ipv4_addr . inet_proto . inet_service . mark; size 1000; flags dynamic; }
    set ipv6 { type ipv6_addr . inet_proto . inet_service . mark; size 1000; flags dynamic; }
    chain prerouting {
        type filter hook prerouting priority mangle + 10; policy accept;
        th sport 40000 add @ipv4 { ip daddr . meta l4proto . th dport . meta mark }
        th sport 40000 add @ipv6 { ip6 daddr . meta l4proto . th dport . meta mark }
    }
}
"""
WEB = {"mark": 5, "address": A, "ports": [80, 443]}
WEB_MARKED = {f"{A} tcp 80-80 5", f"{A} tcp 443-443 5"}


@pytest.fixture(autouse=True)
def foreign(tool: Tool) -> None:
    """Rules of somebody else, in both worlds."""
    tool("nft", "-f", "-", stdin=FOREIGN)
    tool("iptables-nft-restore", "--noflush", stdin=FOREIGN_IPTABLES)


def seen_foreign() -> list[str]:
    tables = (("inet", "theirs"), ("ip", "lvs_cluster_fwmark"))
    listed = [run_program("nft", "list", "table", *table) for table in tables]
    return [*listed, *[line for line in foreign_of_iptables("nft") if not line.startswith(":") or "THEIRS" in line]]


def judged(packets: list[Packet]) -> list[Packet]:
    run_program("nft", "-f", "-", stdin=f"table inet judge\ndelete table inet judge\n{JUDGE}")
    return sent(packets, seen)


def seen() -> list[Packet]:
    items = json.loads(run_program("nft", "-j", "list", "table", "inet", "judge"))["nftables"]
    sets = [item["set"] for item in items if "set" in item]
    elements = [element for each in sets for element in each.get("elem", ())]
    return [Packet(*element.get("elem", {"val": element})["val"]["concat"]) for element in elements]


def marked() -> set[str]:
    """What is marked, wherever it stands; nothing may stand twice."""
    places = [marked_by_nftables(), marked_by_iptables("nft"), marked_by_iptables("legacy")]
    assert sum(map(bool, places)) <= 1
    return set().union(*places)


def tables() -> list[str]:
    """Our tables and chains."""
    chains = [
        f"{program} {line.split()[0]}"
        for program in ("iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy")
        for line in run_program(f"{program}-save", "-t", "mangle").splitlines()
        if "LVS_CLUSTER" in line
    ]
    return [line for line in run_program("nft", "list", "tables").splitlines() if "inet lvs_cluster" in line] + chains


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_every_step(backend: str, run_module: ModuleRun, tool: Tool) -> None:
    cable({"32": [A, B], "128": [SIX]})
    reader = marked_by_nftables if backend == "nftables" else lambda: marked_by_iptables("nft")
    steps(
        run_module,
        tool,
        backend={"backend": backend},
        marked=reader,
        foreign=seen_foreign,
        judged=judged,
        kind="nft",
    )
    assert tables() == []


def test_auto_is_nftables_where_it_works(run_module: ModuleRun) -> None:
    assert run_module("fwmark", WEB)["backend"] == "nftables"
    assert marked_by_nftables() == WEB_MARKED
    assert marked() == WEB_MARKED


def test_marks_come_over_to_another_back_end_and_leave_nothing_behind(run_module: ModuleRun, tool: Tool) -> None:
    run_module("fwmark", WEB)
    run_module("fwmark", {"mark": 6, "address": SIX})
    both = WEB_MARKED | {f"{SIX} tcp 0-65535 6"}
    for backend, holds in (
        ("iptables", lambda: marked_by_iptables("nft")),
        ("nftables", marked_by_nftables),
    ):
        options = {**WEB, "backend": backend}
        predicted = run_module("fwmark", options, check=True)
        assert marked() == both
        assert run_module("fwmark", options) == predicted
        assert predicted["changed"] is True
        assert holds() == both
        assert marked() == both
        assert run_module("fwmark", options)["changed"] is False
    # A host that was switched from iptables-legacy to another kind.
    saved = run_module("fwmark", {**WEB, "backend": "iptables"}, check=True)["rules"]["iptables"]
    tool("iptables-legacy-restore", "--noflush", stdin=saved)
    assert run_module("fwmark", WEB)["operations"] == [
        "iptables-legacy -t mangle -D PREROUTING -j LVS_CLUSTER_FWMARK",
        "iptables-legacy -t mangle -F LVS_CLUSTER_FWMARK",
        "iptables-legacy -t mangle -X LVS_CLUSTER_FWMARK",
    ]
    assert marked() == both


ANEW = "nft delete table inet lvs_cluster_fwmark; nft add table inet lvs_cluster_fwmark;"
BREAKS = [
    ("nftables", "nft flush chain inet lvs_cluster_fwmark prerouting"),
    ("nftables", "nft add rule inet lvs_cluster_fwmark prerouting counter"),
    ("nftables", "nft add chain inet lvs_cluster_fwmark other"),
    ("nftables", "nft delete element inet lvs_cluster_fwmark ipv4 '{ 192.0.2.100 . tcp . 80 }'"),
    ("nftables", "nft add element inet lvs_cluster_fwmark ipv4_ranges '{ 192.0.2.0/24 . tcp . 9 : 5 }'"),
    ("nftables", ANEW),
    (
        "nftables",
        f"{ANEW} nft add map inet lvs_cluster_fwmark ipv4 '{{ type mark : mark; }}'",
    ),
    ("iptables", "iptables -t mangle -D PREROUTING -j LVS_CLUSTER_FWMARK"),
    ("iptables", "iptables -t mangle -I PREROUTING -j LVS_CLUSTER_FWMARK"),
    ("iptables", "iptables -t mangle -F LVS_CLUSTER_FWMARK"),
    ("iptables", "iptables -t mangle -A LVS_CLUSTER_FWMARK -j ACCEPT"),
    ("iptables", "iptables -t mangle -I LVS_CLUSTER_FWMARK -d 192.0.2.100 -p tcp -j MARK --set-mark 1"),
]


def ruleset_words(tool: Tool) -> list[str]:
    """Everything there is, without counters; elements of a map have no order."""
    return sorted(tool("nft", "-s", "list", "ruleset").replace(",", " ").split())


@pytest.mark.parametrize(("backend", "command"), BREAKS)
def test_what_others_did_to_our_rules_is_mended(backend: str, command: str, run_module: ModuleRun, tool: Tool) -> None:
    everything = {"backend": backend, "marks": [WEB], "purge": True}
    whole = run_module("fwmark", everything)
    before = ruleset_words(tool)
    tool("sh", "-euc", command)
    broken = tool("nft", "list", "ruleset")
    predicted = run_module("fwmark", everything, check=True)
    assert tool("nft", "list", "ruleset") == broken
    mended = run_module("fwmark", everything)
    assert mended == predicted
    assert mended["changed"] is True
    assert mended["diff"]["before"] != mended["diff"]["after"]
    assert mended["rules"] == whole["rules"]
    assert ruleset_words(tool) == before
    assert run_module("fwmark", everything)["changed"] is False


KEPT = Packet(A, "tcp", 80, 5)
KEPT_IN_RANGE = Packet(A, "tcp", 9005, 5)


@pytest.mark.parametrize(
    ("backend", "breaks", "kept"),
    [
        ("nftables", "", [KEPT, KEPT_IN_RANGE]),
        # A table that is made anew: the kernel brings ranges in a moment later.
        ("nftables", "nft add chain inet lvs_cluster_fwmark other", [KEPT]),
        ("iptables", "", [KEPT, KEPT_IN_RANGE]),
        ("iptables", "iptables -t mangle -A LVS_CLUSTER_FWMARK -j ACCEPT", [KEPT, KEPT_IN_RANGE]),
    ],
)
def test_no_packet_loses_its_mark_while_much_changes(
    backend: str, breaks: str, kept: list[Packet], run_module: ModuleRun, tool: Tool
) -> None:
    cable({"32": [A, B], "128": [SIX]})
    web = {"mark": 5, "address": A, "ports": [80, "9000:9010"]}
    lists = [
        {"backend": backend, "purge": True, "marks": [web, {"mark": 6, "address": A, "ports": [*single, *ranges]}]}
        for first in (1001, 1002)
        for single in [[str(port) for port in range(first, 1701, 2)]]
        for ranges in [[f"{port}:{port + 1}" for port in range(first + 10000, 10701, 4)]]
    ]
    run_module("fwmark", lists[0])
    tool("nft", "-f", "-", stdin=JUDGE)
    stop = threading.Event()

    def send_on() -> None:
        with inside("client"):  # this thread only
            while not stop.is_set():
                send(kept)
                stop.wait(0.0002)

    sender = threading.Thread(target=send_on)
    sender.start()
    try:
        for number in range(1, 9):
            tool("sh", "-euc", breaks)
            operations = run_module("fwmark", lists[number % 2])["operations"]
            anew = {"nft delete table inet lvs_cluster_fwmark", "iptables -t mangle -F LVS_CLUSTER_FWMARK"}
            assert bool(anew & set(operations)) == bool(breaks)
    finally:
        stop.set()
        sender.join()
    assert sorted(seen()) == kept


def test_a_refusal_half_way_is_undone(run_module: ModuleRun, tool: Tool) -> None:
    run_module("fwmark", {**WEB, "backend": "iptables"})
    # Their jump keeps our chain from being removed.
    tool("iptables", "-t", "mangle", "-A", "FORWARD", "-j", "LVS_CLUSTER_FWMARK")
    before = tool("iptables-save", "-t", "mangle").splitlines()[1:-1]
    failed = run_module("fwmark", {**WEB, "backend": "nftables"}, fails=True)
    assert "iptables does not take the rules" in failed["msg"]
    assert failed["msg"].endswith("The marks are as they were before.")
    assert marked_by_nftables() == set()
    assert tool("iptables-save", "-t", "mangle").splitlines()[1:-1] == before


def test_mistakes_leave_everything_as_it_is(run_module: ModuleRun, tool: Tool) -> None:
    run_module("fwmark", WEB)
    before = tool("nft", "list", "ruleset")
    parameters: dict[str, Any]
    port = 'A port of mark 6 must be a number from 1 to 65535 or a range such as "10000:20000", the lower one first,'
    port += " got 'x'."
    for check in (True, False):
        parameters = {"marks": [{"mark": 6, "address": A, "ports": ["400:500", "x"]}, {"mark": 0}]}
        failed = run_module("fwmark", parameters, check=check, fails=True)
        assert failed["msg"].splitlines() == [
            "The description has 3 mistakes, so nothing was changed:",
            f"marks[0]: {port}",
            "marks[1]: The mark must be 1 or more, got 0.",
            "marks[1]: The address of mark 0 is missing. Give the VIP that clients use.",
        ]
        parameters = {"mark": 6, "address": A, "ports": ["400:500"]}
        failed = run_module("fwmark", parameters, check=check, fails=True)
        assert "Port 443 of tcp/192.0.2.100 cannot have mark 6: on this host mark 5 has it already." in failed["msg"]
    assert tool("nft", "list", "ruleset") == before


def test_options_that_exclude_each_other(run_module: ModuleRun) -> None:
    assert "mutually exclusive" in run_module("fwmark", {"marks": [], "mark": 5}, fails=True)["msg"]
    assert "one of the following is required" in run_module("fwmark", {"state": "absent"}, fails=True)["msg"]


def test_nobody_but_root_may(run_module: ModuleRun, tool: Tool) -> None:
    def as_nobody(check: bool, answers: Any) -> None:
        os.setresuid(65534, 65534, 65534)
        answers.put(run_in_process("fwmark", {**WEB, "_ansible_remote_tmp": "/tmp"}, check=check, fails=True)["msg"])

    answers: Any = multiprocessing.get_context("fork").SimpleQueue()
    for check in (True, False):
        process = multiprocessing.get_context("fork").Process(target=as_nobody, args=(check, answers))
        process.start()
        process.join(20)
        assert process.exitcode == 0
        assert "become: true" in answers.get()


def test_tasks_at_the_same_time_all_get_their_marks(run_module: ModuleRun) -> None:
    marks = range(1, 9)
    processes = [
        multiprocessing.get_context("fork").Process(
            target=run_in_process, args=("fwmark", {"mark": mark, "address": A, "ports": [mark]})
        )
        for mark in marks
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(processes)
    assert marked_by_nftables() == {f"{A} tcp {mark}-{mark} {mark}" for mark in marks}
