# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that the other tests stand on."""

from __future__ import annotations

from kernel_tools import Tool


def test_each_test_has_an_empty_table_of_a_real_kernel(tool: Tool) -> None:
    tool("modprobe", "ip_vs")
    assert tool("ipvsadm", "-Sn") == ""
    tool("ipvsadm", "-A", "-t", "192.0.2.100:80", "-s", "rr")
    assert tool("ipvsadm", "-Sn") == "-A -t 192.0.2.100:80 -s rr\n"


def test_what_the_test_before_did_is_gone(tool: Tool) -> None:
    assert tool("ipvsadm", "-Sn") == ""


def test_network_namespaces_can_be_joined_by_a_cable(tool: Tool) -> None:
    tool("ip", "netns", "add", "other")
    tool("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", "other")
    assert "eth0" in tool("ip", "-n", "other", "link", "show", "eth0")
