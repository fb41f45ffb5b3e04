# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The methods of arp_hide on a kernel without nf_tables: arptables-legacy, and redirect by iptables-legacy.

tests/netns has the same with nftables, and what both have in common.
"""

from __future__ import annotations

import socket
import subprocess
from contextlib import ExitStack
from typing import Any

import pytest
from fwmark_cases import inside
from kernel_tools import ModuleRun, Tool

VIP, OTHER, VIP6 = "192.0.2.100", "192.0.2.101", "2001:db8:2::100"
RIP, RIP6 = "192.0.2.21", "2001:db8:2::21"
MAC = "02:00:00:00:02:21"
PROGRAMS = {"arptables": "arptables-legacy", "redirect": "iptables-legacy"}


@pytest.fixture(autouse=True)
def lan(own_network: None, tool: Tool) -> None:
    """eth0 towards the client, and rules of somebody else."""
    tool("modprobe", "ipv6")
    tool("ip", "netns", "add", "client")
    tool("ip", "link", "add", "eth0", "address", MAC, "type", "veth", "peer", "name", "eth0", "netns", "client")
    for where, addresses in ((["-n", "client"], ("192.0.2.31", "2001:db8:2::31")), ([], (RIP, RIP6))):
        tool("ip", *where, "link", "set", "eth0", "up")
        tool("ip", *where, "address", "add", f"{addresses[0]}/24", "dev", "eth0")
        tool("ip", *where, "address", "add", f"{addresses[1]}/64", "dev", "eth0", "nodad")
    tool("arptables-legacy", "-A", "INPUT", "-s", "192.0.2.9", "-j", "DROP")
    tool("iptables-legacy", "-t", "nat", "-A", "PREROUTING", "-d", "192.0.2.9/32", "-j", "REDIRECT")


def state(tool: Tool) -> list[str]:
    """What arp_hide may or must not change, as other programs see it."""
    seen = [
        tool("arptables-legacy", "-n", "-L"),
        *(tool(f"{name}-legacy", "-t", "nat", "-S") for name in ("iptables", "ip6tables")),
        tool("sysctl", "net.ipv4.conf.eth0.arp_ignore", "net.ipv4.conf.eth0.arp_announce"),
        tool("ip", "-br", "address", "show", "dev", "lo"),
    ]
    return [line for text in seen for line in text.splitlines()]


def answers_arp(address: str) -> bool:
    asking = ["ip", "netns", "exec", "client", "arping", "-c", "1", "-w", "1", "-I", "eth0", address]
    done = subprocess.run(asking, capture_output=True, text=True, check=False)
    assert "Sent" in done.stdout, done
    return "Unicast reply from" in done.stdout


def serves(tool: Tool, vip: str) -> bool:
    """Whether a client whose packets to the VIP the director sends here is connected."""
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    tool("ip", "-n", "client", "neighbour", "replace", vip, "lladdr", MAC, "dev", "eth0")
    with socket.socket(family) as server, ExitStack() as stack:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("::" if ":" in vip else "0.0.0.0", 80))
        server.listen()
        with inside("client"):
            client = stack.enter_context(socket.socket(family))
        client.settimeout(3)
        return client.connect_ex((vip, 80)) == 0


@pytest.mark.proves(system="Linux", method=["arptables", "redirect"], how="packets")
@pytest.mark.parametrize("method", PROGRAMS)
def test_create_change_and_delete_each_twice_in_check_and_in_real_mode(
    run_module: ModuleRun, tool: Tool, boot_files: None, method: str
) -> None:
    pristine = state(tool)
    steps: list[dict[str, Any]] = [
        {"addresses": [VIP]},
        {"addresses": [VIP, OTHER, VIP6], "persistent": True},
        {"addresses": [OTHER], "state": "absent"},
        {"addresses": [VIP, VIP6], "state": "absent"},
    ]
    for number, parameters in enumerate(steps):
        before = state(tool)
        described = {"method": method, **parameters}
        checked = run_module("arp_hide", described, check=True)
        assert checked["changed"]
        assert state(tool) == before
        real = run_module("arp_hide", described)
        assert real == checked
        assert f"{PROGRAMS[method]} " in " ".join(real["operations"])
        after = state(tool)
        for check in (True, False):
            again = run_module("arp_hide", described, check=check)
            assert (again["changed"], again["operations"]) == (False, [])
            assert state(tool) == after
        if number < len(steps) - 1:
            assert not answers_arp(VIP)
            assert answers_arp(RIP)
            assert serves(tool, VIP)
    assert state(tool) == pristine


def test_one_method_after_the_other_and_nothing_stays(run_module: ModuleRun, tool: Tool) -> None:
    pristine = state(tool)
    for method in ("arptables", "arp_ignore", "redirect", "arptables", "redirect", "arp_ignore"):
        assert run_module("arp_hide", {"addresses": [VIP, VIP6], "method": method})["method"] == method
        assert not run_module("arp_hide", {"addresses": [VIP, VIP6]})["changed"], "auto keeps what works"
        assert not answers_arp(VIP)
        assert [serves(tool, vip) for vip in (VIP, VIP6)] == [True, True]
    run_module("arp_hide", {"addresses": [VIP, VIP6], "state": "absent"})
    assert state(tool) == pristine


@pytest.mark.proves(system="Linux", method=["arp_ignore", "arptables"], how="packets")
@pytest.mark.parametrize("method", ["arp_ignore", "arptables"])
def test_a_vip_on_the_interface_of_kube_proxy_is_hidden_and_stays_there(
    run_module: ModuleRun, tool: Tool, method: str
) -> None:
    tool("ip", "link", "add", "kube-ipvs0", "type", "dummy")  # as kube-proxy leaves it: without ARP, and down
    tool("ip", "link", "set", "kube-ipvs0", "arp", "off")
    for address in ("10.96.0.1", VIP):
        tool("ip", "address", "add", f"{address}/32", "dev", "kube-ipvs0")
    before = tool("ip", "-4", "-o", "address", "show", "dev", "kube-ipvs0")
    assert answers_arp(VIP), "nobody hides it yet"
    parameters = {"addresses": [VIP], "method": method}
    run_module("arp_hide", parameters)
    assert not answers_arp(VIP)
    assert answers_arp(RIP)
    assert serves(tool, VIP)
    assert not run_module("arp_hide", parameters)["changed"]
    refused = run_module("arp_hide", {**parameters, "method": "redirect"}, fails=True)["msg"]
    assert "kube-proxy holds 192.0.2.100 on kube-ipvs0" in refused
    gone = run_module("arp_hide", {**parameters, "state": "absent"})
    assert "stays on kube-ipvs0" in str(gone["warnings"])
    assert not run_module("arp_hide", {**parameters, "state": "absent"})["changed"]
    assert tool("ip", "-4", "-o", "address", "show", "dev", "kube-ipvs0") == before


def test_what_the_kernel_lacks_is_said(run_module: ModuleRun, tool: Tool) -> None:
    before = state(tool)
    said = run_module("arp_hide", {"addresses": [VIP], "method": "nftables"}, fails=True)["msg"]
    assert said.startswith("method: This host cannot hide VIPs with nftables (nft: ")
    assert said.endswith("or choose another method.")
    assert state(tool) == before


def test_auto_goes_round_an_arp_ignore_that_does_not_hide(run_module: ModuleRun, tool: Tool) -> None:
    tool("sysctl", "-w", "net.ipv4.conf.all.arp_ignore=3")
    done = run_module("arp_hide", {"addresses": [VIP]})
    assert done["method"] == "arptables"
    assert "arp_ignore is in effect 3" in done["reason"]
    assert "arptables works, with arptables-legacy." in done["reason"]
    assert not answers_arp(VIP)
