# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real servers of examples/direct-pair once site.yml is done, seen by tools that are not ours."""

from __future__ import annotations

testinfra_hosts = ["ansible://real_servers"]


def test_vips_sit_on_loopback_with_host_masks_only(host):
    addresses = host.check_output("ip -oneline address show to 192.0.2.100")
    assert "inet 192.0.2.100/32" in addresses
    assert " lo " in addresses
    addresses6 = host.check_output("ip -oneline -6 address show to 2001:db8:2::100")
    assert "inet6 2001:db8:2::100/128" in addresses6
    assert " lo " in addresses6


def test_arp_is_hidden_on_the_lan_interface_and_nowhere_else(host):
    assert host.sysctl("net.ipv4.conf.eth0.arp_ignore") == 1
    assert host.sysctl("net.ipv4.conf.eth0.arp_announce") == 2
    assert host.sysctl("net.ipv4.conf.all.arp_ignore") == 0
    assert host.sysctl("net.ipv4.conf.all.arp_announce") == 0


def test_the_web_service_answers_on_every_address(host):
    assert host.socket("tcp://:::80").is_listening
