# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break each thing by hand: verify names it, with host, cause and remedy, and blames nobody else."""

from __future__ import annotations

import shutil

from drive import DIRECTORS, EXAMPLE, VIP, active_director, await_that, holders, playbook, ssh
from faults import all_broken, assert_named, broken, findings


def table(director: str) -> str:
    return ssh(director, "ipvsadm -Sn")


def test_a_vip_that_was_removed_from_a_real_server_is_named():
    with broken("rs1", f"ip address del {VIP}/32 dev lo", f"ip address add {VIP}/32 dev lo"):
        found = findings()
    assert {finding.host for finding in found} == {"rs1"}
    assert any(VIP in finding.found for finding in found)


def test_a_real_server_that_answers_arp_is_named():
    with broken("rs1", "sysctl -qw net.ipv4.conf.eth0.arp_ignore=0", "sysctl -qw net.ipv4.conf.eth0.arp_ignore=1"):
        found = findings()
    ssh("client", "ip neighbour flush all")
    assert {finding.host for finding in found} == {"rs1"}
    assert any("arp_ignore" in finding.found + finding.cause for finding in found)


def test_a_stopped_keepalived_is_named(standby):
    before = table(standby)
    with broken(standby, "systemctl stop keepalived", "systemctl start keepalived"):
        found = findings()
    await_that(lambda: table(standby) == before, "the standby's table is back")
    assert {finding.host for finding in found} == {standby}
    assert any("keepalived" in finding.found for finding in found)


def test_a_flushed_table_is_named(standby):
    before = table(standby)
    with broken(standby, "ipvsadm --clear", "systemctl restart keepalived"):
        found = findings()
    await_that(lambda: table(standby) == before, "the standby's table is back")
    assert {finding.host for finding in found} == {standby}
    assert len(found) == 1
    assert "has none of the described services" in found[0].found


def test_a_service_that_listens_on_its_own_address_only_is_named():
    narrow = "systemctl stop lab-web && systemd-run --unit=narrow-web python3 -m http.server --bind 192.0.2.21 80"
    with broken("rs1", narrow, "systemctl stop narrow-web && systemctl start lab-web"):
        found = findings()
    await_that(lambda: all(table(name).count("192.0.2.21:80") == 1 for name in DIRECTORS), "rs1 is back in both tables")
    assert {finding.host for finding in found} == {"rs1"}
    assert any("192.0.2.21" in finding.found for finding in found)


def test_two_masters_are_named_with_the_protocol_that_does_not_pass(active):
    for name in DIRECTORS:
        ssh(name, "iptables -I INPUT -p 112 -j DROP")
    try:
        await_that(lambda: holders() == list(DIRECTORS), "both directors hold the VIP")
        found = findings()
    finally:
        for name in DIRECTORS:
            ssh(name, "iptables -D INPUT -p 112 -j DROP")
    active_director()
    assert any("lb1" in finding.host + finding.found and "lb2" in finding.host + finding.found for finding in found)
    assert any("112" in finding.cause for finding in found)
    assert not any(finding.host.startswith("rs") for finding in found)


def test_a_table_that_differs_on_the_standby_is_named(standby):
    edit = f"ipvsadm -e -t {VIP}:80 -r 192.0.2.22:80 -g -w"
    with broken(standby, f"{edit} 9", f"{edit} 2"):
        found = findings()
    assert [finding.host for finding in found] == [standby]
    assert "9" in found[0].found


def test_without_clients_the_controller_sends_the_packets(tmp_path):
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(EXAMPLE.read_text(encoding="utf-8").partition("    clients:")[0], encoding="utf-8")
    shutil.copytree(EXAMPLE.parent / "group_vars", tmp_path / "group_vars")
    run = playbook("lvs.cluster.verify", inventory=inventory, inside=True)
    assert run.code == 0, run.output
    run = playbook("lvs.cluster.verify", inventory=inventory)
    assert run.code != 0
    assert "No service answers from here" in run.output


def test_what_drops_adverts_or_packets_to_the_vip_is_named_before_it_does_harm(active, standby):
    conf = "/etc/keepalived/keepalived.conf"
    with all_broken(
        (active, "iptables -I INPUT -p vrrp -j DROP", "iptables -D INPUT -p vrrp -j DROP"),
        (standby, f"iptables -I INPUT -d {VIP} -j DROP", f"iptables -D INPUT -d {VIP} -j DROP"),
        ("rs1", "sysctl -qw net.ipv4.conf.eth0.arp_announce=0", "sysctl -qw net.ipv4.conf.eth0.arp_announce=2"),
    ):
        found = findings()
    assert_named(
        found,
        (active, "drops the adverts of the other directors: iptables -A INPUT -p vrrp -j DROP"),
        (standby, f"drops what clients send to {VIP}: iptables -A INPUT -d {VIP}/32 -j DROP"),
        ("rs1", "arp_announce is 0"),
    )
    with all_broken(
        (standby, f"sed -i.before 's/^global_defs {{/&\\n    vrrp_strict/' {conf}", f"mv {conf}.before {conf}"),
        (
            active,
            "sysctl -qw net.ipv4.vs.expire_quiescent_template=0",
            "sysctl -qw net.ipv4.vs.expire_quiescent_template=1",
        ),
    ):
        found = findings()
    assert_named(found, (active, "expire_quiescent_template is 0 instead of 1"), (standby, "vrrp_strict"))


def test_packets_from_a_real_server_prove_nothing_and_this_is_said(tmp_path):
    inventory = tmp_path / "inventory.yml"
    text = EXAMPLE.read_text(encoding="utf-8").partition("    clients:")[0]
    inventory.write_text(text + "    clients:\n      hosts: {rs2: {}}\n", encoding="utf-8")
    shutil.copytree(EXAMPLE.parent / "group_vars", tmp_path / "group_vars")
    assert_named(findings(inventory), ("rs2", "The packets were sent from this real server"))
