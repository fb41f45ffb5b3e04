# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_info on a real kernel: what it says is what was set up with other programs."""

from __future__ import annotations

import contextlib
import socket

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
        eth0 = {"name": "eth0.100", "mac": "02:00:00:00:02:21", "up": False, "arp_ignore": 1, "arp_announce": 0}
        assert {**eth0, "rp_filter": 0} in host["interfaces"]
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
