# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every method of arp_hide on this machine's kernel: nftables, arptables-nft, redirect by nft and by iptables-nft.

This namespace is the real server, `client` is a second machine on its network. That plays the director too: it sends
to the real server's hardware address what is for the VIP. Judges: arping, tcpdump, ping, sockets, programs' lists.
"""

from __future__ import annotations

import random
import re
import shlex
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from arp_cases import MAC, OTHER, RIP, RIP6, VIP, VIP6, answers_arp, make_lan, serves, state, vip_is_held
from fwmark_cases import inside
from kernel_tools import ModuleRun, Tool

from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import AwaitConnections

UNIT = Path("/etc/systemd/system/lvs-cluster-arp-hide.service")
METHODS = ["arp_ignore", "nftables", "arptables", "redirect"]
ROUTED = "203.0.113.100"


@contextmanager
def without(program: str) -> Iterator[None]:
    """As if a program were not installed."""
    path = shutil.which(program)
    assert path
    subprocess.run(["mount", "--bind", "/dev/null", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.fixture(autouse=True)
def lan(own_network: None, tool: Tool) -> None:
    """eth0 towards the client, a bridge with a container, and rules of somebody else."""
    make_lan(tool)


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables", "redirect"], how="packets")
@pytest.mark.parametrize("method", METHODS)
def test_the_vip_is_served_and_not_answered_and_the_own_address_is(
    run_module: ModuleRun, tool: Tool, method: str
) -> None:
    done = run_module("arp_hide", {"addresses": [VIP, VIP6], "method": method})
    assert done["method"] == method
    assert done["reason"] == "It was asked for."
    assert not answers_arp(VIP)
    assert answers_arp(RIP)
    assert [vip_is_held(tool, vip) for vip in (VIP, VIP6)] == [method != "redirect"] * 2
    assert serves(tool, VIP)
    assert serves(tool, VIP6)
    assert serves(tool, VIP, 53, socket.SOCK_DGRAM)
    seen = run_module("host_info", {"hidden": [VIP, OTHER]})["host"]["hidden"]
    assert seen == ([{"address": VIP, "method": method}] if method != "arp_ignore" else [])


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables", "redirect"], how="program")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("persistent", [False, True])
def test_create_change_and_delete_each_twice_in_check_and_in_real_mode(
    run_module: ModuleRun, tool: Tool, boot_files: None, method: str, persistent: bool
) -> None:
    common = {"method": method, "persistent": persistent}
    pristine = state(tool)
    for parameters in (
        {"addresses": [VIP]},
        {"addresses": [VIP, OTHER, VIP6.replace("::", ":0:0:0:0:").upper()]},
        {"addresses": [OTHER], "state": "absent"},
        {"addresses": [VIP, VIP6], "state": "absent"},
    ):
        before = state(tool)
        checked = run_module("arp_hide", {**common, **parameters}, check=True)
        assert checked["changed"]
        assert checked["operations"]
        assert state(tool) == before
        real = run_module("arp_hide", {**common, **parameters})
        assert real == checked
        after = state(tool)
        assert after != before
        for check in (True, False):
            again = run_module("arp_hide", {**common, **parameters}, check=check)
            assert (again["changed"], again["operations"]) == (False, [])
            assert again["diff"]["before"] == again["diff"]["after"]
            assert state(tool) == after
    assert state(tool) == pristine


def test_files_of_others_beside_a_unit_stay(run_module: ModuleRun, tool: Tool, boot_files: None) -> None:
    theirs = Path("/etc/systemd/system/nftables.service.d/theirs.conf")
    theirs.parent.mkdir()
    theirs.write_text("[Service]\nNice=5\n")
    pristine = state(tool)
    parameters = {"addresses": [VIP], "method": "nftables", "persistent": True}
    run_module("arp_hide", parameters)
    assert (theirs.parent / "lvs-cluster-arp-hide.conf").exists()
    run_module("arp_hide", {**parameters, "state": "absent"})
    assert state(tool) == pristine


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables", "redirect"], how="program")
@pytest.mark.parametrize("method", METHODS)
def test_the_operations_can_be_typed(run_module: ModuleRun, tool: Tool, method: str) -> None:
    parameters = {"addresses": [VIP, OTHER, VIP6], "method": method}
    for operation in run_module("arp_hide", parameters, check=True)["operations"]:
        tool("sh", "-euc", operation)
    assert not run_module("arp_hide", parameters)["changed"]


@pytest.mark.proves(system="Linux", method=["nftables", "arptables"], how="packets")
@pytest.mark.parametrize("method", ["nftables", "arptables"])
def test_own_questions_never_carry_the_vip(run_module: ModuleRun, tool: Tool, method: str) -> None:
    run_module("arp_hide", {"addresses": [VIP], "method": method})
    assert f"who-has 192.0.2.77 tell {RIP}" in question_asked_as(VIP)


def question_asked_as(vip: str) -> str:
    """What the client sees on the wire when this host sends something from the VIP to a neighbour."""
    sniffer = subprocess.Popen(
        shlex.split("ip netns exec client timeout 4 tcpdump -Z root -nnli eth0 -c 1 arp and host 192.0.2.77"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert sniffer.stderr
    while "listening" not in sniffer.stderr.readline():
        pass
    subprocess.run(["ping", "-c", "1", "-W", "1", "-I", vip, "192.0.2.77"], capture_output=True, check=False)
    return sniffer.communicate()[0]


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables"], how="packets")
@pytest.mark.parametrize("method", ["arp_ignore", "nftables", "arptables"])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_vip_of_no_subnet_here_is_hidden_where_the_directors_are(
    run_module: ModuleRun, tool: Tool, boot_files: None, method: str, persistent: bool
) -> None:
    tool("ip", "address", "flush", "dev", "eth0", "scope", "global")
    for address in ("10.0.0.5/24", f"{RIP}/24"):
        tool("ip", "address", "add", address, "dev", "eth0")
    # Answers leave elsewhere.
    tool("ip", "link", "add", "eth9", "type", "veth", "peer", "name", "eth9", "netns", "client")
    tool("ip", "link", "set", "eth9", "up")
    tool("ip", "address", "add", "198.51.100.21/24", "dev", "eth9")
    tool("ip", "route", "add", "default", "via", "198.51.100.1", "dev", "eth9")
    pristine = state(tool)
    parameters = {"addresses": [ROUTED], "own_addresses": [RIP], "method": method, "persistent": persistent}
    run_module("arp_hide", parameters)
    assert vip_is_held(tool, ROUTED)
    assert not answers_arp(ROUTED)
    assert answers_arp(RIP)
    assert f"who-has 192.0.2.77 tell {RIP}" in question_asked_as(ROUTED)
    assert not run_module("arp_hide", parameters)["changed"]
    run_module("arp_hide", {"addresses": [ROUTED], "own_addresses": [RIP], "state": "absent"})
    assert state(tool) == pristine


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables", "redirect"], how="packets")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["bridge", "macvlan"])
def test_the_lan_is_reached_by_an_interface_on_top_of_another(
    run_module: ModuleRun, tool: Tool, kind: str, method: str
) -> None:
    tool("ip", "address", "flush", "dev", "eth0", "scope", "global")
    if kind == "bridge":
        tool("ip", "link", "add", "lan0", "address", MAC, "type", "bridge")
        tool("ip", "link", "set", "eth0", "master", "lan0")
    else:
        tool("ip", "link", "add", "lan0", "link", "eth0", "type", "macvlan", "mode", "bridge")
    tool("ip", "link", "set", "lan0", "up")
    tool("ip", "address", "add", f"{RIP}/24", "dev", "lan0")
    tool("ip", "address", "add", f"{RIP6}/64", "dev", "lan0", "nodad")
    pristine = state(tool)
    parameters = {"addresses": [VIP, VIP6], "own_addresses": [RIP], "method": method}
    assert answers_arp(RIP)
    run_module("arp_hide", parameters)
    assert not answers_arp(VIP)
    assert answers_arp(RIP)
    assert not run_module("arp_hide", parameters)["changed"]
    run_module("arp_hide", {"addresses": [VIP, VIP6], "own_addresses": [RIP], "state": "absent"})
    assert state(tool) == pristine


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables", "redirect"], how="packets")
@pytest.mark.parametrize("method", METHODS)
def test_containers_keep_their_network(run_module: ModuleRun, tool: Tool, method: str) -> None:
    before = tool("sysctl", "net.ipv4.conf.docker0.arp_ignore", "net.ipv4.conf.docker0.arp_announce")
    run_module("arp_hide", {"addresses": [VIP], "method": method})
    assert tool("sysctl", "net.ipv4.conf.docker0.arp_ignore", "net.ipv4.conf.docker0.arp_announce") == before
    assert answers_arp("172.17.0.1", by="container")
    assert answers_arp(RIP, by="container"), "of any address of the host, as before"
    tool("ip", "netns", "exec", "container", "ping", "-c", "1", "-W", "1", "172.17.0.1")


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables", "redirect"], how="packets")
@pytest.mark.parametrize("persistent", [False, True])
def test_random_changes_of_method_never_show_the_vip_and_absent_leaves_nothing(
    run_module: ModuleRun, tool: Tool, boot_files: None, persistent: bool
) -> None:
    pristine = state(tool)
    chance = random.Random(20261122 + persistent)
    asking = subprocess.Popen(
        ["ip", "netns", "exec", "client", "arping", "-b", "-I", "eth0", "-i", "0.05", VIP]
        if "-i" in subprocess.run(["arping", "-h"], capture_output=True, text=True, check=False).stderr
        else ["ip", "netns", "exec", "client", "arping", "-b", "-I", "eth0", VIP],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for method in chance.choices([*METHODS, "auto"], k=12):
            run_module("arp_hide", {"addresses": [VIP, VIP6], "method": method, "persistent": persistent})
            assert serves(tool, VIP), method
    finally:
        asking.terminate()
        said = asking.communicate()[0]
    assert "Unicast reply" not in said
    run_module("arp_hide", {"addresses": [VIP, VIP6], "state": "absent"})
    assert state(tool) == pristine


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables", "redirect"], how="program")
@pytest.mark.parametrize("method", METHODS)
def test_what_a_reboot_takes_away_the_unit_brings_back(
    run_module: ModuleRun, tool: Tool, boot_files: None, method: str
) -> None:
    parameters = {"addresses": [VIP, OTHER, VIP6], "method": method, "persistent": True}
    run_module("arp_hide", parameters)
    built = state(tool)
    for vip in (VIP, OTHER):
        tool("sh", "-c", f"ip address delete {vip}/32 dev lo 2>/dev/null || :")
    tool("sh", "-c", f"ip address delete {VIP6}/128 dev lo 2>/dev/null || :")
    tool("sysctl", "-w", "net.ipv4.conf.eth0.arp_ignore=0", "net.ipv4.conf.eth0.arp_announce=0")
    for table in ("arp lvs_cluster_arp", "ip lvs_cluster_redirect", "ip6 lvs_cluster_redirect"):
        tool("sh", "-c", f"nft delete table {table} 2>/dev/null || :")
    tool("sh", "-c", "for c in IN OUT; do arptables -D ${c}PUT -j LVS_CLUSTER_ARP_$c; done 2>/dev/null || :")
    tool("sh", "-c", "for c in IN OUT; do arptables -F LVS_CLUSTER_ARP_$c; done 2>/dev/null || :")
    for _again in range(2):
        commands = re.findall(r"^ExecStart=(-?)(.*)$", UNIT.read_text(), re.MULTILINE)
        assert not answers_arp(VIP) or method == "arp_ignore"
        for optional, command in commands:
            done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
            assert optional or not done.returncode, (command, done)
    assert state(tool) == {**built, "arptables": state(tool)["arptables"]}
    assert not run_module("arp_hide", parameters)["changed"]
    assert not answers_arp(VIP)
    assert serves(tool, VIP)


DRIFT = {
    "nftables": [
        "nft flush chain arp lvs_cluster_arp input",
        "nft add rule arp lvs_cluster_arp input accept",
        "nft delete table arp lvs_cluster_arp",
        "nft delete chain arp lvs_cluster_arp output",
        "nft flush ruleset",
    ],
    "arptables": [
        "arptables -F LVS_CLUSTER_ARP_IN",
        "arptables -D INPUT -j LVS_CLUSTER_ARP_IN",
        "arptables -A LVS_CLUSTER_ARP_OUT -s 192.0.2.77 -j ACCEPT",
        "arptables -A INPUT -j LVS_CLUSTER_ARP_IN",
    ],
    "redirect": [
        "nft flush table ip lvs_cluster_redirect",
        "nft delete table ip6 lvs_cluster_redirect",
    ],
}


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables", "redirect"], how="program")
@pytest.mark.parametrize(("method", "command"), [(name, each) for name, all_of in DRIFT.items() for each in all_of])
def test_drift_is_healed(run_module: ModuleRun, tool: Tool, method: str, command: str) -> None:
    parameters = {"addresses": [VIP, VIP6], "method": method}
    run_module("arp_hide", parameters)
    tool("sh", "-euc", command)
    assert run_module("arp_hide", parameters)["changed"]
    assert not run_module("arp_hide", parameters)["changed"]
    assert not answers_arp(VIP)
    assert serves(tool, VIP)


@pytest.mark.parametrize("lasts", [1, 60], ids=["short", "too long"])
def test_a_vip_that_is_redirected_from_now_on_waits_for_the_connections_that_it_has(
    run_module: ModuleRun, tool: Tool, monkeypatch: pytest.MonkeyPatch, lasts: int
) -> None:
    monkeypatch.setattr(AwaitConnections, "SECONDS", 3)
    run_module("arp_hide", {"addresses": [VIP], "method": "arp_ignore"})
    tool("ip", "-n", "client", "neighbour", "replace", VIP, "lladdr", MAC, "dev", "eth0")
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("0.0.0.0", 80))
        server.listen()
        with inside("client"):
            client = socket.socket()
        client.settimeout(5)
        client.connect((VIP, 80))
        peer, _address = server.accept()

        def answer() -> None:
            peer.send(b"!")
            peer.close()

        later = threading.Timer(lasts, answer)
        later.start()
        run_module("arp_hide", {"addresses": [VIP], "method": "redirect"})
        if lasts == 1:
            assert client.recv(1) == b"!"
        else:
            assert later.is_alive(), "the module has not waited for it to the end"
            later.cancel()
            peer.close()
        client.close()
    assert not vip_is_held(tool, VIP)
    assert serves(tool, VIP)


@pytest.mark.proves(system="Linux", method="redirect", how="packets")
def test_only_these_ports_are_redirected(run_module: ModuleRun, tool: Tool) -> None:
    ports = [{"protocol": "tcp", "ports": ["80", "1000:1010"]}, {"address": VIP6, "protocol": "tcp", "ports": ["443"]}]
    run_module("arp_hide", {"addresses": [VIP, VIP6], "method": "redirect", "ports": ports})
    assert [serves(tool, VIP, port) for port in (80, 81, 443, 1000, 1005, 1011)] == [
        True,
        False,
        False,
        True,
        True,
        False,
    ]
    assert [serves(tool, VIP6, port) for port in (80, 81, 443)] == [True, False, True]
    assert not run_module("arp_hide", {"addresses": [VIP, VIP6], "method": "redirect"})["changed"]
    assert run_module("arp_hide", {"addresses": [VIP], "method": "redirect", "ports": [{"protocol": "udp"}]})["changed"]
    assert not serves(tool, VIP)
    assert serves(tool, VIP, 53, socket.SOCK_DGRAM)


@pytest.mark.proves(system="Linux", method="redirect", how="packets")
def test_without_nft_iptables_redirects(run_module: ModuleRun, tool: Tool, boot_files: None) -> None:
    parameters = {"addresses": [VIP, VIP6], "method": "redirect", "persistent": True}
    pristine = state(tool)
    with without("nft"):
        run_module("arp_hide", parameters)
        for program in ("iptables", "ip6tables"):
            assert "LVS_CLUSTER" in tool(program, "-t", "nat", "-S").upper(), program
        assert "iptables" in UNIT.read_text()
        assert not answers_arp(VIP)
        assert serves(tool, VIP)
        assert serves(tool, VIP6)
        assert not run_module("arp_hide", parameters)["changed"]
        run_module("arp_hide", {"addresses": [VIP, VIP6], "state": "absent"})
    assert state(tool) == pristine


def test_auto_takes_what_works_and_keeps_it(run_module: ModuleRun, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_module("arp_hide", {"addresses": [VIP]})["method"] == "arp_ignore"
    run_module("arp_hide", {"addresses": [VIP], "state": "absent"})
    with ExitStack() as stack:
        subprocess.run(["mount", "--bind", "/proc/sys", "/proc/sys"], check=True)
        stack.callback(subprocess.run, ["umount", "/proc/sys"], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", "/proc/sys"], check=True)
        refused = run_module("arp_hide", {"addresses": [VIP], "method": "arp_ignore"}, fails=True)
        assert "cannot be written" in refused["msg"]
        done = run_module("arp_hide", {"addresses": [VIP]})
    assert done["method"] == "nftables"
    assert "as in most containers" in done["reason"]
    assert "nftables works" in done["reason"]
    again = run_module("arp_hide", {"addresses": [VIP]})
    assert (again["changed"], again["method"]) == (False, "nftables")
    assert not answers_arp(VIP)
