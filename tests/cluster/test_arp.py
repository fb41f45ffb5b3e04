# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""arp: real servers hold the VIPs and never answer for them, whatever happens to them. Judges: tcpdump, arping, curl.

While a test runs, the client goes on asking the whole network for the VIPs, and tcpdump sees every cable. Nobody but
the director may answer, and nobody else may name itself the VIPs' owner unasked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from answers import Answers, mac
from drive import VIP, VIP6, Curl, await_that, lab, playbook, ssh
from faults import findings

REAL_SERVERS = {
    "rs1": "systemctl restart networking",
    "rs2": "systemctl restart systemd-networkd",
    "rs3": "netplan apply",
    "rs4": "systemctl restart NetworkManager",
    "rs5": "true",
}
METHODS = ("arp_ignore", "arptables", "redirect")


@contextmanager
def nobody_but_the_director_answers() -> Iterator[Answers]:
    with Answers() as seen:
        yield seen
    assert seen.asked() >= 3, seen.lines[-20:]
    assert set(seen.claims) == {mac("lb1")}, seen.claims


def answering() -> set[str]:
    """The real servers that answer a client now."""
    script = f"for i in 1 2 3 4 5 6 7 8 9 10; do curl -s -m 5 http://{VIP}/; curl -s -m 5 http://[{VIP6}]/; done"
    return set(ssh("client", script).split())


def site(variables: dict[str, object] | None = None) -> int:
    run = playbook("site.yml", variables=variables)
    assert run.code == 0, run.output
    return run.changed


def test_all_of_them_serve_and_none_answers_while_their_networks_are_restarted():
    with nobody_but_the_director_answers():
        for name, restart in REAL_SERVERS.items():
            ssh(name, restart)
        await_that(lambda: answering() == set(REAL_SERVERS), "every real server answers again", seconds=120)
    assert site() == 0


def test_none_answers_while_they_boot_and_all_serve_again():
    with nobody_but_the_director_answers():
        for name in REAL_SERVERS:
            lab("reboot", name)
        await_that(lambda: answering() == set(REAL_SERVERS), "every real server answers again", seconds=180)
    assert site() == 0


def test_the_way_of_hiding_changes_without_an_answer_and_without_a_failed_request():
    for method in (*METHODS, "auto"):
        with nobody_but_the_director_answers(), Curl(rate=50, timeout=5) as curl:
            # Extra variables come before those of the inventory: all five change at once.
            site({"realserver_linux_arp_method": method})
        assert curl.requests >= 200
        assert curl.failed == 0, (method, curl.errors)
        print(f"{method}: {curl}")
        found = answering()
        # Who is missing was taken out by the director's checks, or does not answer: its journal and table say which.
        assert found == set(REAL_SERVERS), (method, ssh("lb1", "journalctl --unit=keepalived --lines=30; ipvsadm -Ln"))
    with nobody_but_the_director_answers():
        assert site() > 0
    assert site() == 0


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("rs1", "sysctl -w net.ipv4.conf.eth0.arp_ignore=0"),
        ("rs2", f"ip address replace {VIP}/24 dev lvs0 && ip address del {VIP}/32 dev lvs0"),
        ("rs3", "arptables -F"),
        ("rs4", "iptables -t nat -F PREROUTING"),
        ("rs5", f"ip address add {VIP}/32 dev eth0"),
    ],
)
def test_what_somebody_broke_is_named_and_mended_by_site(name, fault):
    ssh(name, fault)
    named = findings()
    for finding in named:
        print(finding)
    assert {finding.host for finding in named} == {name}
    if name == "rs5":  # on the LAN it may be somebody's own address: the finding says how to remove it
        assert f"ip address del {VIP}/32 dev eth0" in named[0].remedy
        ssh(name, f"ip address del {VIP}/32 dev eth0")
    else:
        assert site() > 0
    # It may have believed the real server, and the finding says so.
    ssh("client", f"ip neighbour flush to {VIP}")
    done = playbook("lvs.cluster.verify")
    assert done.code == 0, done.output


def test_a_real_server_with_a_table_of_its_own_is_named():
    ssh("rs5", "apt-get -q -y install ipvsadm", seconds=300)
    ssh("rs5", f"ipvsadm -A -t {VIP}:80 -s rr && ipvsadm -a -t {VIP}:80 -r 192.0.2.24 -g")
    named = findings()
    print(named)
    assert [(finding.host, "balances once more" in finding.found) for finding in named] == [("rs5", True)]
    ssh("rs5", f"ipvsadm -D -t {VIP}:80 && modprobe -r ip_vs_rr ip_vs")
    assert playbook("lvs.cluster.verify").code == 0


def test_who_announces_a_vip_unasked_is_named_and_so_is_the_client_that_believed_it():
    ssh("rs2", f"systemd-run --quiet --unit=announce arping -q -U -I eth0 -s {VIP} {VIP}")
    try:
        named = findings()
    finally:
        ssh("rs2", "systemctl stop announce")
    print(named)
    assert {finding.host for finding in named} == {"rs2"}
    assert "announces the address unasked" in named[0].cause
    ssh("client", f"ip neighbour replace {VIP} lladdr {mac('rs2')} dev eth0 nud stale")
    named = findings()
    print(named)
    assert [(finding.host, finding.found) for finding in named] == [
        ("client", f"It takes rs2 for {VIP}, which lb1 holds.")
    ]
    ssh("client", f"ip neighbour flush to {VIP}")
    assert playbook("lvs.cluster.verify").code == 0


def test_none_answers_while_they_leave_and_nothing_stays_nor_while_they_come():
    with nobody_but_the_director_answers():
        run = playbook("lvs.cluster.remove", "--limit", ",".join(REAL_SERVERS), variables={"lvs_remove": True})
        assert run.code == 0, run.output
    for name in REAL_SERVERS:
        left = ssh(
            name,
            f"ip -o address | grep -e '{VIP}/' -e '{VIP6}/'; "
            "sysctl -n net.ipv4.conf.eth0.arp_ignore net.ipv4.conf.eth0.arp_announce; "
            "arptables-save; iptables-save; ip6tables-save; ls /etc/systemd/system/ /etc/sysctl.d | grep lvs-cluster",
            check=False,
        )
        assert left.split("\n")[:2] == ["0", "0"], left
        assert "lvs" not in left.lower(), left
    with nobody_but_the_director_answers():
        assert site() > 0
    assert answering() == set(REAL_SERVERS)
