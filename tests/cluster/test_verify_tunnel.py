# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break the example tunnel by hand: verify names each fault, with host, cause and remedy, and blames nobody else."""

from __future__ import annotations

from drive import playbook
from faults import all_broken, assert_named, findings, variant


def test_devices_that_are_down_or_filter_are_named():
    with all_broken(
        ("rs1", "ip link set lvs-ipip0 down", "ip link set lvs-ipip0 up"),
        ("rs2", "sysctl -qw net.ipv4.conf.lvs-gre0.rp_filter=1", "sysctl -qw net.ipv4.conf.lvs-gre0.rp_filter=2"),
    ):
        found = findings()
    assert_named(
        found,
        ("rs1", "lvs-ipip0 was set down"),
        ("rs2", "On lvs-gre0 rp_filter is 1 (the larger of all and lvs-gre0 counts)"),
    )


def test_a_port_of_gue_and_a_rule_for_segments_that_are_gone_are_named():
    with all_broken(
        ("rs1", "ip fou del port 6080", "ip fou add port 6080 gue"),
        (
            "rs2",
            "iptables-save -t mangle >/run/mangle && iptables -t mangle -F",
            "iptables-restore -T mangle </run/mangle",
        ),
    ):
        found = findings()
    assert_named(
        found, ("rs1", "Nothing takes GUE packets on UDP port 6080"), ("rs2", "Its tunnels are not as described")
    )


def test_a_filter_on_the_way_is_told_from_one_on_the_real_server():
    with all_broken(
        ("router", "iptables -I FORWARD -p gre -j DROP", "iptables -D FORWARD -p gre -j DROP"),
        ("rs1", "iptables -I INPUT -p ipencap -j DROP", "iptables -D INPUT -p ipencap -j DROP"),
    ):
        found = findings()
    assert_named(
        found,
        ("rs1", "It drops what the directors send through the tunnel: iptables -A INPUT -p ipencap -j DROP"),
        ("rs1", "nothing arrived on"),
        ("rs2", "IP protocol 47 (GRE)"),
    )


def test_direct_forwarding_to_another_segment_is_refused_before_anything_is_looked_at(tmp_path):
    inventory = variant(tmp_path, description=lambda text: text.replace("forwarding: tunnel", "forwarding: direct"))
    run = playbook("lvs.cluster.verify", inventory=inventory)
    assert run.code != 0
    for host in ("rs1", "rs2"):
        assert f"of {host} is in no subnet of director lb1: forwarding direct reaches only neighbours." in run.output
    assert "Write forwarding: tunnel" in run.output
    assert "not as described" not in run.output
