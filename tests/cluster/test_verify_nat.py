# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break the example nat-two-arm by hand: verify names each fault, with host, cause and remedy, and nobody else."""

from __future__ import annotations

from drive import DIRECTORS, active_director, await_that, holders, ssh
from faults import all_broken, assert_named, findings

VIP = "198.51.100.10"
GATEWAY = "10.11.12.10"
ELSEWHERE = "10.11.12.254"  # the lab's own address, which forwards nothing


def mac_of(machine: str, interface: str) -> str:
    return ssh(machine, f"cat /sys/class/net/{interface}/address").strip()


def test_gateway_listener_forwarding_and_translations_are_named_each_on_its_host(standby):
    narrow = "systemctl stop lab-web && systemd-run --unit=narrow-web python3 -m http.server --bind 127.0.0.1 8080"
    translations = "iptables-save -t nat >/run/nat && iptables -t nat -F POSTROUTING"
    with all_broken(
        ("rs1", f"ip route replace default via {ELSEWHERE}", f"ip route replace default via {GATEWAY}"),
        ("rs2", narrow, "systemctl stop narrow-web && systemctl start lab-web"),
        (standby, "sysctl -qw net.ipv4.ip_forward=0", "sysctl -qw net.ipv4.ip_forward=1"),
        (standby, translations, "iptables-restore -T nat </run/nat"),
        (standby, "systemctl -q disable lvs-cluster-rules", "systemctl -q enable lvs-cluster-rules"),
    ):
        found = findings()
    assert_named(
        found,
        ("rs1", f"Its default gateway is {ELSEWHERE} on eth0 instead of {GATEWAY}"),
        ("rs2", "listens on 127.0.0.1 only, not on 10.11.12.22"),
        ("rs2", "Nothing listens on tcp port 443"),
        (standby, "net.ipv4.ip_forward is 0 instead of 1"),
        (standby, "Its address translations are not as described"),
        (standby, "do not come back at boot"),
    )
    await_that(
        lambda: all(ssh(name, "ipvsadm -Sn").count(f"{VIP}:80 -r") == 2 for name in DIRECTORS), "rs2 is in both tables"
    )


def test_an_interface_that_does_not_forward_and_a_stale_neighbour_are_named(active, standby):
    stale = f"ip neighbour replace {GATEWAY} lladdr {mac_of(standby, 'eth1')} dev eth0 nud permanent"
    off, on = (f"sysctl -qw net.ipv4.conf.eth1.forwarding={value}" for value in (0, 1))
    with all_broken((active, off, on), ("rs1", stale, f"ip neighbour del {GATEWAY} dev eth0")):
        found = findings()
    assert_named(
        found,
        (active, "net.ipv4.conf.eth1.forwarding is 0, though net.ipv4.ip_forward is 1"),
        ("rs1", f"It takes {standby} for the gateway {GATEWAY}, which {active} holds"),
    )


def test_vips_and_gateway_on_both_directors_are_one_finding_with_the_rule_that_did_it(active):
    rule = "INPUT -p vrrp -j DROP"
    with all_broken(*((name, f"iptables -I {rule}", f"iptables -D {rule}") for name in DIRECTORS)):
        await_that(lambda: holders(GATEWAY) == holders(VIP) == list(DIRECTORS), "both hold VIP and gateway")
        (finding,) = findings()
    active_director(VIP)
    assert finding.host == "lb1, lb2"
    assert VIP in finding.found
    assert GATEWAY in finding.found
    assert f"iptables -A {rule}" in finding.cause
