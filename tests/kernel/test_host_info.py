# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_info on a real kernel: what it says is what was set up with other programs."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from kernel_tools import ModuleRun, Tool


def test_addresses_interfaces_and_sysctls_are_as_ip_and_sysctl_set_them(run_module: ModuleRun, tool: Tool) -> None:
    tool("modprobe", "ipv6")
    tool("ip", "link", "add", "eth0.100", "address", "02:00:00:00:02:21", "type", "dummy")
    tool("ip", "address", "add", "192.0.2.21/24", "dev", "eth0.100")
    tool("ip", "address", "add", "2001:db8:2::100/128", "dev", "lo")
    tool("sysctl", "-w", "net/ipv4/conf/eth0.100/arp_ignore=1", "net.ipv4.conf.all.arp_announce=2")
    names = ["net.ipv4.ip_forward", "net/ipv4/conf/eth0.100/arp_ignore", "net.ipv4.conf.eth0/100.arp_ignore", "no.such"]
    for check in (False, True):
        result = run_module("host_info", {"sysctls": names}, check=check)
        host = result["host"]
        assert not result["changed"]
        assert {"address": "192.0.2.21", "prefix": 24, "interface": "eth0.100", "family": "ipv4"} in host["addresses"]
        assert {"address": "2001:db8:2::100", "prefix": 128, "interface": "lo", "family": "ipv6"} in host["addresses"]
        (eth0,) = [interface for interface in host["interfaces"] if interface["name"] == "eth0.100"]
        assert (eth0["type"], eth0["mac"], eth0["up"], eth0["mtu"]) == ("dummy", "02:00:00:00:02:21", False, 1500)
        assert (eth0["arp_ignore"], eth0["arp_announce"], eth0["rp_filter"]) == (1, 0, 0)
        assert (eth0["effective"]["arp_ignore"], eth0["effective"]["arp_announce"]) == (1, 2)
        assert (host["arp_ignore_all"], host["arp_announce_all"]) == (0, 2)
        assert host["sysctls"] == dict(zip(names, ["0", "1", "1", None], strict=True))
        assert host["kernel"] == tool("uname", "-r").strip()


def test_listeners_are_those_that_wait_and_not_those_that_talk(run_module: ModuleRun, tool: Tool) -> None:
    tool("modprobe", "ipv6")
    tool("ip", "address", "add", "192.0.2.100/32", "dev", "lo")
    tool("ip", "address", "add", "2001:db8:2::100/128", "dev", "lo")
    with contextlib.ExitStack() as opened:
        for family, kind, address in (
            (socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.100", 80)),
            (socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8:2::100", 80)),
            (socket.AF_INET6, socket.SOCK_STREAM, ("::", 443)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("0.0.0.0", 53)),
        ):
            listening = opened.enter_context(socket.socket(family, kind))
            listening.bind(address)
            if kind == socket.SOCK_STREAM:
                listening.listen()
        opened.enter_context(socket.create_connection(("192.0.2.100", 80)))
        listeners = run_module("host_info")["host"]["listeners"]
    assert [(found["protocol"], found["address"], found["port"]) for found in listeners] == [
        ("tcp", "192.0.2.100", 80),
        ("tcp", "2001:db8:2::100", 80),
        ("tcp", "::", 443),
        ("udp", "0.0.0.0", 53),
    ]


def test_without_a_running_systemd_no_service_is_active(run_module: ModuleRun) -> None:
    services = run_module("host_info", {"services": ["keepalived"]})["host"]["services"]
    assert services == {"keepalived": {"active": False, "enabled": False}}


def test_the_larger_of_all_and_the_interface_is_in_effect_but_for_forwarding(run_module: ModuleRun, tool: Tool) -> None:
    tool("ip", "link", "add", "eth0", "type", "dummy")
    own = {"rp_filter": 0, "send_redirects": 1, "forwarding": 0}
    tool("sysctl", "-w", *(f"net.ipv4.conf.eth0.{name}={value}" for name, value in own.items()))
    tool("sysctl", "-w", "net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.all.send_redirects=0")
    (eth0,) = [each for each in run_module("host_info")["host"]["interfaces"] if each["name"] == "eth0"]
    assert {name: eth0[name] for name in own} == own
    assert {name: eth0["effective"][name] for name in own} == {"rp_filter": 2, "send_redirects": 1, "forwarding": 0}


def test_routes_tunnels_and_neighbours_are_as_ip_set_them(run_module: ModuleRun, tool: Tool) -> None:
    tool("modprobe", "ipip")
    tool("modprobe", "ipv6")
    tool("ip", "link", "add", "eth0", "up", "type", "dummy")
    tool("ip", "address", "add", "192.0.2.21/24", "dev", "eth0")
    tool("ip", "address", "add", "2001:db8:2::21/64", "dev", "eth0", "nodad")
    tool("ip", "route", "add", "default", "via", "192.0.2.1", "metric", "100")
    tool("ip", "route", "add", "default", "via", "192.0.2.10")
    tool("ip", "-6", "route", "add", "default", "via", "2001:db8:2::10")
    tool("ip", "neighbour", "add", "192.0.2.10", "lladdr", "02:00:00:00:02:11", "dev", "eth0")
    tool("ip", "neighbour", "add", "192.0.2.12", "lladdr", "02:00:00:00:02:12", "dev", "eth0")
    tool("ip", "tunnel", "add", "far", "mode", "ipip", "remote", "192.0.2.99", "local", "192.0.2.21")
    tool("ip", "link", "set", "tunl0", "up")
    host = run_module("host_info", {"neighbours": ["192.0.2.10", "192.0.2.13"]}, check=True)["host"]
    assert [(each["family"], each["gateway"], each["interface"]) for each in host["routes"]] == [
        ("ipv4", "192.0.2.10", "eth0"),
        ("ipv4", "192.0.2.1", "eth0"),
        ("ipv6", "2001:db8:2::10", "eth0"),
    ]
    assert host["neighbours"] == [{"address": "192.0.2.10", "mac": "02:00:00:00:02:11", "interface": "eth0"}]
    # Every namespace has the devices of all modules that earlier tests had loaded.
    of_ipip = [tunnel for tunnel in host["tunnels"] if tunnel["type"] == "ipip"]
    tunnels = sorted(of_ipip, key=lambda tunnel: str(tunnel["interface"]))
    assert tunnels == [
        {"interface": "far", "type": "ipip", "local": "192.0.2.21", "remote": "192.0.2.99", "up": False},
        {"interface": "tunl0", "type": "ipip", "local": "", "remote": "", "up": True},
    ]


def test_kernel_modules_are_those_that_are_loaded_or_built_in(run_module: ModuleRun, tool: Tool) -> None:
    tool("modprobe", "ip_vs_rr")
    tool("modprobe", "--remove", "--quiet", "ip_vs_ftp")
    names = ["ip_vs_rr", "ip-vs", "ip_vs_ftp", "no_such"]
    modules = run_module("host_info", {"kernel_modules": names})["host"]["kernel_modules"]
    assert modules == {"ip_vs_rr": True, "ip-vs": True, "ip_vs_ftp": False, "no_such": False}


def test_rules_that_drop_are_told_as_iptables_shows_them(run_module: ModuleRun, tool: Tool) -> None:
    tool("iptables-legacy", "-A", "INPUT", "-p", "112", "-j", "DROP")
    tool("iptables-legacy", "-A", "INPUT", "-p", "112", "-s", "192.0.2.12", "-j", "ACCEPT")
    tool("iptables-legacy", "-A", "INPUT", "-d", "192.0.2.100", "-p", "tcp", "--dport", "80", "-j", "REJECT")
    before = tool("iptables-legacy-save", "-t", "filter").replace("#", "")
    drops = run_module("host_info", {"drops": ["vrrp", "192.0.2.100", "192.0.2.10"]})["host"]["drops"]
    assert [drop["word"] for drop in drops] == ["vrrp", "192.0.2.100"]
    assert drops[0]["rule"] == "iptables -A INPUT -p vrrp -j DROP"
    assert "-A INPUT -p tcp -m tcp --dport 80" not in drops[1]["rule"]
    assert drops[1]["rule"].startswith("iptables -A INPUT -d 192.0.2.100/32 -p tcp")
    after = tool("iptables-legacy-save", "-t", "filter").replace("#", "")
    assert [line for line in after.splitlines() if "-A" in line] == [
        line for line in before.splitlines() if "-A" in line
    ]


def test_what_cannot_be_looked_for_is_refused_with_a_sentence(run_module: ModuleRun) -> None:
    assert "'ospf' is nothing to look for" in run_module("host_info", {"drops": ["ospf"]}, fails=True)["msg"]
    assert "'lb1' is not an IPv4 or IPv6 address" in run_module("host_info", {"neighbours": ["lb1"]}, fails=True)["msg"]


def test_files_give_the_lines_with_a_word(run_module: ModuleRun, tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("global_defs {\n    vrrp_strict\n}\n", encoding="utf-8")
    path, missing = str(tmp_path / "conf"), str(tmp_path / "none")
    asked = [{"path": path, "words": ["vrrp_strict"]}, {"path": missing}]
    assert run_module("host_info", {"files": asked})["host"]["files"] == {path: ["    vrrp_strict"], missing: None}
    whole = run_module("host_info", {"files": [{"path": path}]})["host"]["files"][path]
    assert whole == ["global_defs {", "    vrrp_strict", "}"]
