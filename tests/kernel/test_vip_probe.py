# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""vip_probe on a real kernel: this namespace is the client, one and two are hosts on its network (a bridge)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from kernel_tools import ModuleRun, Tool

VIP = "192.0.2.100"
VIP6 = "2001:db8:2::100"
MACS = {"one": "02:00:00:00:02:0a", "two": "02:00:00:00:02:0b"}
SERVER = """
import socket, sys
listening = socket.create_server((sys.argv[1], 80), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
print("ready", flush=True)
while True:
    connection = listening.accept()[0]
    print(len(connection.recv(100)), flush=True)
    connection.close()
"""


@pytest.fixture(autouse=True)
def network(own_network: None, tool: Tool) -> None:
    tool("modprobe", "ipv6")
    tool("ip", "link", "add", "lan", "address", "02:00:00:00:02:31", "type", "bridge")
    tool("ip", "link", "set", "lan", "up")
    tool("ip", "address", "add", "192.0.2.31/24", "dev", "lan")
    tool("ip", "address", "add", "2001:db8:2::31/64", "dev", "lan", "nodad")
    for name, mac in MACS.items():
        tool("ip", "netns", "add", name)
        tool(*f"ip link add {name} master lan up type veth peer name eth0 address {mac} netns {name}".split())
        tool("ip", "-n", name, "link", "set", "eth0", "up")


def give(tool: Tool, name: str, *addresses: str) -> None:
    for address in addresses:
        optional = ["nodad"] if ":" in address else []
        tool("ip", "-n", name, "address", "add", address, "dev", "eth0", *optional)


@pytest.fixture
def serve() -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def start(name: str, address: str) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", name, sys.executable, "-c", SERVER, address]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(server)
        assert server.stdout
        assert server.stdout.readline() == "ready\n"
        return server

    yield start
    for server in running:
        server.kill()
        server.communicate()


def test_the_host_that_has_the_vip_answers(run_module: ModuleRun, tool: Tool) -> None:
    give(tool, "one", f"{VIP}/24", f"{VIP6}/64")
    spelled = "2001:DB8:2:0:0:0:0:100"
    result = run_module("vip_probe", {"addresses": [VIP, spelled, "192.0.2.101"], "timeout": 1})
    assert result["neighbours"] == {VIP: [MACS["one"]], spelled: [MACS["one"]], "192.0.2.101": []}
    assert not result["changed"]


def test_every_host_that_answers_is_named_not_only_the_first(run_module: ModuleRun, tool: Tool) -> None:
    for name in MACS:
        give(tool, name, f"{VIP}/24", f"{VIP6}/64")
    result = run_module("vip_probe", {"addresses": [VIP, VIP6], "timeout": 1}, check=True)
    assert result["neighbours"] == {VIP: sorted(MACS.values()), VIP6: sorted(MACS.values())}


def test_who_announces_an_address_unasked_is_named_and_so_is_what_this_host_believes(
    run_module: ModuleRun, tool: Tool
) -> None:
    give(tool, "one", f"{VIP}/24")
    tool("ip", "-n", "two", "address", "add", f"{VIP}/32", "dev", "lo")
    tool("ip", "netns", "exec", "two", "sysctl", "-qw", "net.ipv4.conf.eth0.arp_ignore=1")
    tool("ip", "neighbour", "replace", VIP, "lladdr", MACS["two"], "dev", "lan", "nud", "stale")
    silent = run_module("vip_probe", {"addresses": [VIP, VIP6], "timeout": 1})
    assert (silent["neighbours"][VIP], silent["cached"]) == ([MACS["one"]], {VIP: [MACS["two"]], VIP6: []})
    words = ["ip", "netns", "exec", "two", "arping", "-q", "-U", "-w", "30", "-I", "eth0", "-s", VIP, VIP]
    announcing = subprocess.Popen(words)
    try:
        told = run_module("vip_probe", {"addresses": [VIP], "timeout": 4})
    finally:
        announcing.terminate()
        announcing.wait()
    assert told["neighbours"] == {VIP: sorted(MACS.values())}


def test_nothing_changes_on_the_client(run_module: ModuleRun, tool: Tool) -> None:
    give(tool, "one", f"{VIP}/24")
    before = tool("ip", "neighbour", "show") + tool("ip", "address", "show", "scope", "global")
    run_module("vip_probe", {"addresses": [VIP], "timeout": 0.4})
    assert tool("ip", "neighbour", "show") + tool("ip", "address", "show", "scope", "global") == before


def test_connections_are_counted_and_closed_without_a_byte(
    run_module: ModuleRun, tool: Tool, serve: Callable[[str, str], subprocess.Popen[str]]
) -> None:
    give(tool, "one", f"{VIP}/24", f"{VIP6}/64")
    servers = [serve("one", VIP), serve("one", VIP6)]
    targets = [{"address": VIP, "port": 80, "count": 7}, {"address": VIP6, "port": 80, "count": 3}]
    found = run_module("vip_probe", {"connections": targets})["connections"]
    assert [(entry["attempted"], entry["succeeded"], entry["error"]) for entry in found] == [(7, 7, None), (3, 3, None)]
    for server, count in zip(servers, (7, 3), strict=True):
        assert server.stdout
        assert [server.stdout.readline() for _line in range(count)] == ["0\n"] * count


def test_a_failing_target_says_why_and_takes_a_bounded_time(run_module: ModuleRun, tool: Tool) -> None:
    give(tool, "one", f"{VIP}/24")
    tool("ip", "neighbour", "add", "192.0.2.77", "lladdr", MACS["two"], "dev", "lan")
    targets = [{"address": VIP, "port": 80, "count": 400}, {"address": "192.0.2.77", "port": 80, "count": 400}]
    start = time.monotonic()
    refused, silent = run_module("vip_probe", {"connections": targets, "timeout": 0.3})["connections"]
    assert time.monotonic() - start < 10
    assert (refused["attempted"], refused["succeeded"], refused["error"]) == (5, 0, "Connection refused")
    assert (silent["attempted"], silent["succeeded"], silent["error"]) == (5, 0, "no answer within 0.3 s")


def test_addresses_that_nobody_can_be_asked_for_are_said_to_be_so(run_module: ModuleRun, tool: Tool) -> None:
    tool("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.11")
    result = run_module("vip_probe", {"addresses": ["192.0.2.31", "198.51.100.1", "203.0.113.1"], "timeout": 0.2})
    assert result["neighbours"] == {"192.0.2.31": [], "198.51.100.1": [], "203.0.113.1": []}
    texts = " ".join(str(warning) for warning in result["warnings"])
    assert "192.0.2.31 stands on this host itself (lan)" in texts
    assert "198.51.100.1 is not on a network of this host but behind a gateway" in texts
    assert "This host has no route to 203.0.113.1" in texts


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"addresses": ["192.0.2.300"]}, "'192.0.2.300' is not an IP address"),
        ({"addresses": [VIP], "interface": "eth7"}, "this host has no eth7. It has "),
        ({"addresses": [VIP], "interface": "lo"}, "lo is not an Ethernet interface"),
        ({"connections": [{"address": VIP, "port": 80, "count": 1001}]}, "1001 connections are too many"),
        ({"connections": [{"address": VIP, "port": 0}]}, "port 0 of 192.0.2.100 must be 1 to 65535"),
        ({"timeout": 0}, "timeout: 0 seconds must be more than 0"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(
    run_module: ModuleRun, parameters: dict[str, object], sentence: str
) -> None:
    assert sentence in run_module("vip_probe", parameters, fails=True)["msg"]
