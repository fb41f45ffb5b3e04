# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client of examples/direct-pair sees: answers, shares and who has the VIPs (curl, arping, ip as judges)."""

from __future__ import annotations

from collections import Counter

VIP = "192.0.2.100"
VIP6 = "2001:db8:2::100"

testinfra_hosts = ["ansible://clients"]


def answers(host, url, number):
    """Names that the real servers gave to `number` requests, each over a connection of its own."""
    out = host.check_output(
        f"for i in $(seq {number}); do curl --silent --show-error --fail --no-keepalive --max-time 5 '{url}'; done"
    )
    return Counter(out.split())


def test_requests_spread_by_weight(host):
    assert answers(host, f"http://{VIP}/", 30) == {"rs1": 10, "rs2": 20}


def test_requests_over_ipv6_spread_evenly(host):
    assert answers(host, f"http://[{VIP6}]/", 20) == {"rs1": 10, "rs2": 10}


def test_one_director_answers_arp_for_the_vip(host, director_macs):
    out = host.run(f"arping -c 3 -I eth0 {VIP}").stdout
    owners = {line.split("[")[1].split("]")[0] for line in out.splitlines() if "reply from" in line}
    assert len(owners) == 1
    assert owners <= director_macs


def test_a_director_is_the_neighbour_of_the_ipv6_vip(host, director_macs):
    host.run(f"ip -6 neighbour flush to {VIP6}")
    assert answers(host, f"http://[{VIP6}]/", 1).total() == 1
    neighbour = host.check_output(f"ip -6 neighbour show to {VIP6}").split()
    assert neighbour[neighbour.index("lladdr") + 1].upper() in director_macs
