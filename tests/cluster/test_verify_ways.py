# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of adverts, packets and answers: verify names it before it does harm."""

from __future__ import annotations

from drive import VIP
from faults import all_broken, assert_named, findings


def test_what_drops_adverts_packets_or_answers_is_named_before_it_does_harm(active, standby):
    with all_broken(
        (active, "iptables -I INPUT -p vrrp -j DROP", "iptables -D INPUT -p vrrp -j DROP"),
        (standby, f"iptables -I INPUT -d {VIP} -j DROP", f"iptables -D INPUT -d {VIP} -j DROP"),
        ("rs1", "sysctl -qw net.ipv4.conf.eth0.arp_announce=0", "sysctl -qw net.ipv4.conf.eth0.arp_announce=2"),
        ("rs1", "ip route add default via 192.0.2.12", "ip route del default"),
        # So narrow that the others' addresses are not in it: this host could not be reached any more.
        ("rs2", f"ip address add {VIP}/30 dev lo", f"ip address del {VIP}/30 dev lo"),
    ):
        found = findings()
    assert_named(
        found,
        (active, "drops the adverts of the other directors: iptables -A INPUT -p "),
        (standby, f"drops what clients send to {VIP}: iptables -A INPUT -d {VIP}/32 -j DROP"),
        ("rs1", "arp_announce is 0"),
        ("rs1", f"Its default gateway is 192.0.2.12 of lb2, so what it answers from {VIP}"),
        ("rs2", f"{VIP} has the prefix length 30 instead of 32"),
    )
