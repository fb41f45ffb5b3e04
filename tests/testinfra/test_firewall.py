# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directors' firewall, from outside."""

from __future__ import annotations

from test_packets import url

QUICK = "curl --silent --output /dev/null --max-time 3"


def test_ports_that_the_firewall_lets_in_are_served_and_others_are_not(firewalled, client):
    """Every port is a service's here, and the real servers answer on 8080 too."""
    vip = firewalled.vips[0]
    for port in firewalled.firewall_ports:
        assert client.run(f"{QUICK} {url(vip, port)}").rc == 0
    assert 8080 not in firewalled.firewall_ports
    # 28: nobody answered in time, so the packet was dropped and not refused.
    assert client.run(f"{QUICK} {url(vip, 8080)}").rc == 28


def test_a_director_lets_in_ssh_and_drops_what_is_not_described(director, firewalled, client, example):
    address = example.address(director, "ipv4")
    assert client.check_output(f"nc -w 5 {address} 22 </dev/null | head -c 4") == "SSH-"
    assert client.run(f"{QUICK} http://{address}:25/").rc == 28
    assert client.run(f"ping -c 1 -W 3 {address}").rc == 0
