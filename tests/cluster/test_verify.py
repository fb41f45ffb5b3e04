# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break each thing by hand: verify names it, with host, cause and remedy, and blames nobody else."""

from __future__ import annotations

from drive import DIRECTORS, VIP, active_director, await_that, holders, playbook, ssh
from faults import all_broken, assert_named, broken, findings, variant, without_clients


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


def test_services_that_listen_on_their_own_address_or_on_the_vip_only_are_named():
    def narrow(address: str) -> tuple[str, str]:
        alone = f"systemd-run --unit=narrow-web python3 -m http.server --bind {address} 80"
        return f"systemctl stop lab-web && {alone}", "systemctl stop narrow-web && systemctl start lab-web"

    with all_broken(("rs1", *narrow("192.0.2.21")), ("rs2", *narrow(VIP))):
        found = findings()
    await_that(
        lambda: all(
            table(name).count(f"{server}:80") == 1 for name in DIRECTORS for server in ("192.0.2.21", "192.0.2.22")
        ),
        "both are back in both tables",
    )
    assert_named(
        found,
        ("rs1", f"listens on 192.0.2.21 only, not on {VIP}, 2001:db8:2::100 and 2001:db8:2::21"),
        ("rs2", f"listens on {VIP} only, not on 2001:db8:2::100, 192.0.2.22 and 2001:db8:2::22"),
    )


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
    inventory = variant(tmp_path, inventory=without_clients)
    run = playbook("lvs.cluster.verify", inventory=inventory, inside=True)
    assert run.code == 0, run.output
    run = playbook("lvs.cluster.verify", inventory=inventory)
    assert run.code != 0
    assert "No service answers from here" in run.output


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
        # Each version of iptables has a name of its own for the protocol.
        adverts = ssh(active, "iptables -S INPUT | grep -E -- '-p (vrrp|112) '").strip()
    assert_named(
        found,
        (active, f"drops the adverts of the other directors: iptables {adverts}"),
        (standby, f"drops what clients send to {VIP}: iptables -A INPUT -d {VIP}/32 -j DROP"),
        ("rs1", "arp_announce is 0"),
        ("rs1", f"Its default gateway is 192.0.2.12 of lb2, so what it answers from {VIP}"),
        ("rs2", f"{VIP} has the prefix length 30 instead of 32"),
    )


def test_what_a_check_does_not_see_is_named_and_so_are_a_strict_configuration_and_a_sysctl(active, standby, tmp_path):
    """Users are dropped, the health check is not: that of the cluster asks the server's own address, the described one
    another port."""
    conf = "/etc/keepalived/keepalived.conf"
    inventory = variant(
        tmp_path,
        description=lambda text: text.replace("check: {type: http, path: /health}", "check: {port: 8080}", 1),
    )
    users = f"INPUT -d {VIP} -p tcp --dport 80 -j DROP"
    with all_broken(
        ("rs1", f"iptables -I {users}", f"iptables -D {users}"),
        (standby, f"sed -i.before 's/^global_defs {{/&\\n    vrrp_strict/' {conf}", f"mv {conf}.before {conf}"),
        (
            active,
            "sysctl -qw net.ipv4.vs.expire_quiescent_template=0",
            "sysctl -qw net.ipv4.vs.expire_quiescent_template=1",
        ),
    ):
        found = findings(inventory)
    assert_named(
        found,
        (active, "expire_quiescent_template is 0 instead of 1"),
        (standby, "vrrp_strict"),
        ("rs1", "The health check does not see it: it connects to port 8080."),
    )


def test_packets_from_a_real_server_prove_nothing_and_this_is_said(tmp_path):
    text = "    clients:\n      hosts: {rs2: {}}\n"
    inventory = variant(tmp_path, inventory=lambda given: without_clients(given) + text)
    assert_named(findings(inventory), ("rs2", "The packets were sent from this real server"))
