# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""drain, undrain, failover, maintenance and status on a living cluster, under traffic. Judges: ipvsadm, ip, curl."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator

import pytest
import yaml
from drive import DIRECTORS, EXAMPLE, VIP, Curl, Run, Traffic, active_director, await_that, holders, lab, playbook, ssh
from faults import variant, without_clients

DESCRIBED = yaml.safe_load((EXAMPLE.parent / "group_vars/all.yml").read_text(encoding="utf-8"))["lvs_cluster"]
RIPS = {"rs1": "192.0.2.21", "rs2": "192.0.2.22"}


def weight(director: str, host: str) -> str:
    """Weight of a real server in the service web, as ipvsadm prints it; empty when it is not there."""
    lines = ssh(director, "ipvsadm -Sn").splitlines()
    return "".join(line.split()[-1] for line in lines if f"-t {VIP}:80" in line and f"-r {RIPS[host]}:80" in line)


def weights(host: str) -> set[str]:
    return {weight(name, host) for name in DIRECTORS}


def run(name: str, *words: str, **variables: object) -> Run:
    return playbook(f"lvs.cluster.{name}", *words, variables=variables or None)


def text(done: Run) -> str:
    return " ".join(done.output.split())


def drain(host: str, **variables: object) -> Run:
    done = run("drain", lvs_real_server=host, lvs_wait_interval=2, lvs_wait_timeout=120, **variables)
    assert done.code == 0, done.output
    return done


def undrain(host: str, **variables: object) -> Run:
    done = run("undrain", lvs_real_server=host, **variables)
    assert done.code == 0, done.output
    return done


def is_up(director: str) -> bool:
    return ssh(director, "systemctl is-active keepalived").strip() == "active"


@pytest.fixture(scope="module", autouse=True)
def nothing_drained() -> Iterator[None]:
    yield
    for host in RIPS:
        if ssh("lb1", f"ls /etc/lvs-cluster/drain/*@{host}", check=False):
            undrain(host)


def test_a_drain_takes_a_real_server_out_without_a_failed_request_and_lasts(active, standby):
    with Traffic() as traffic:
        done = drain("rs1")
    assert traffic.result.failed == 0, traffic.result
    assert traffic.result.requests >= 200
    assert "rs1 is safe to take down" in text(done)
    assert "after 0 of 120 s" in done.output
    assert weights("rs1") == {"0"}
    again = drain("rs1")
    assert again.changed == 0, again.output

    with Traffic() as traffic:
        for name in (standby, active):
            ssh(name, "systemctl reload keepalived")
        time.sleep(3)
    assert set(traffic.result.answers) == {"rs2"}
    assert traffic.result.failed == 0, traffic.result

    site = playbook("site.yml")
    assert site.code == 0, site.output
    assert site.changed == 0, site.output
    assert weights("rs1") == {"0"}

    ssh(standby, "systemctl restart keepalived")
    await_that(lambda: weight(standby, "rs2") == "2", f"{standby} has its table again")
    assert weight(standby, "rs1") == "0"
    lab("reboot", standby)
    await_that(lambda: weight(standby, "rs2") == "2", f"{standby} has its table after a reboot")
    assert weight(standby, "rs1") == "0"


def test_verify_and_status_name_the_drain():
    verify = run("verify")
    assert verify.code != 0
    assert "1 thing is not as described: rs1: It is drained in web and web6." in text(verify)
    status = run("status")
    assert status.code == 0, status.output
    assert "0 drained" in status.output
    assert "instead of" not in status.output


def test_a_failover_fails_no_request_and_keeps_the_drain(active, standby):
    check = run("failover", "--check")
    assert check.code == 0, check.output
    assert f"The VIPs would move from {active} to {standby}, which is ready." in text(check)
    assert holders() == [active]
    before = {name: ssh(name, "ipvsadm -Sn") for name in DIRECTORS}
    # Some of these have begun just before the VIPs move, when the new director knows nothing of them yet.
    with Curl(at_once=40, timeout=10) as curl:
        done = run("failover")
    assert done.code == 0, done.output
    assert f"{standby} holds the VIPs now, seen from client, and they answer." in text(done)
    assert holders() == [standby]
    assert {name: ssh(name, "ipvsadm -Sn") for name in DIRECTORS} == before
    print(f"planned failover: {curl}")
    assert curl.failed == 0, curl.errors
    assert curl.requests >= 200
    await_that(lambda: "RST" not in ssh(standby, "iptables-save; ip6tables-save"), "the new director resets again")


def test_a_failover_without_clients_in_the_inventory_moves_the_vips_and_says_that_nobody_looked(
    active, standby, tmp_path
):
    done = playbook("lvs.cluster.failover", inventory=variant(tmp_path, inventory=without_clients))
    assert done.code == 0, done.output
    assert f"{standby} holds the VIPs now; no client looked. {active} is standby." in text(done)
    assert holders() == [standby]


def test_a_client_that_cannot_be_reached_is_no_reason_not_to_move_the_vips(active, standby):
    lab("unplug", "client")
    try:
        done = run("failover", ansible_ssh_timeout=5)
    finally:
        lab("plug", "client")
        # It was away when the new director told its neighbours where the VIPs are.
        ssh("client", "ip neighbour flush dev eth0")
    assert f"{standby} holds the VIPs now; no client looked. {active} is standby." in text(done)
    assert holders() == [standby]


def test_undrain_gives_the_weight_back_without_a_failed_request():
    with Traffic() as traffic:
        undrain("rs1")
        await_that(lambda: weights("rs1") == {"1"}, "rs1 has its weight again", seconds=20)
        time.sleep(2)
    assert traffic.result.failed == 0, traffic.result
    assert set(traffic.result.answers) == {"rs1", "rs2"}
    assert "rs1 was not drained." in text(undrain("rs1"))


def test_a_drain_that_leaves_too_little_is_refused_and_can_be_overridden_and_given_back_in_steps():
    refused = run("drain", lvs_real_server="rs2")
    assert refused.code != 0
    assert (
        "web (tcp/192.0.2.100:80) would be left with rs1, 33 % of the described weight; min_capacity is 50 %."
        in text(refused)
    )
    assert weights("rs2") == {"2"}
    drain("rs2", lvs_override_capacity=True, lvs_service="web")
    assert weights("rs2") == {"0"}
    last = run("drain", lvs_real_server="rs1", lvs_service="web")
    assert last.code != 0
    assert "nobody would be left to serve web" in text(last)
    steps = undrain("rs2", lvs_steps=4, lvs_step_seconds=1)
    assert "web@rs2': -1" in steps.output
    assert weights("rs2") == {"2"}


def test_a_standby_that_is_not_ready_gets_nothing(active, standby):
    ssh(standby, "systemctl stop keepalived")
    try:
        refused = run("failover")
    finally:
        ssh(standby, "systemctl start keepalived")
    assert refused.code != 0
    assert f"Nothing was changed: {standby} is not ready to take over from {active}." in text(refused)
    assert f"keepalived does not run on {standby}." in text(refused)
    assert holders() == [active]
    await_that(lambda: weight(standby, "rs2") == "2", f"{standby} has its table again")


def test_a_typo_that_takes_too_much_away_stops_site_before_anything_is_changed():
    before = {name: ssh(name, "ipvsadm -Sn; sha256sum /etc/keepalived/keepalived.conf") for name in DIRECTORS}
    less = copy.deepcopy(DESCRIBED)
    for service in less["services"]:
        service["real_servers"] = ["rs1"]
    refused = playbook("site.yml", variables={"lvs_cluster": less})
    assert refused.code != 0
    assert "would be left with rs1, 33 % of what serves now" in text(refused)
    assert refused.changed == 0, refused.output
    assert {name: ssh(name, "ipvsadm -Sn; sha256sum /etc/keepalived/keepalived.conf") for name in DIRECTORS} == before


def test_maintenance_reboots_a_real_server_without_a_failed_request():
    boot = ssh("rs1", "cat /proc/sys/kernel/random/boot_id")
    with Traffic(maximum=900) as traffic:
        done = run(
            "maintenance",
            lvs_real_server="rs1",
            lvs_maintenance_command=["touch", "/run/worked-on"],
            lvs_maintenance_reboot=True,
            lvs_wait_interval=2,
        )
    assert done.code == 0, done.output
    assert ssh("rs1", "cat /proc/sys/kernel/random/boot_id") != boot
    assert weights("rs1") == {"1"}
    assert traffic.result.failed == 0, traffic.result
    print(f"maintenance of a real server: {traffic.result}")


def test_maintenance_of_the_active_director_hands_over_first_and_fails_no_request(active, standby):
    with Curl(at_once=40, timeout=10) as curl:
        done = run("maintenance", lvs_director=active, lvs_maintenance_reboot=True)
    assert done.code == 0, done.output
    assert active_director() == standby
    assert is_up(active)
    print(f"maintenance of the active director: {curl}")
    assert curl.failed == 0, curl.errors
    assert curl.requests >= 200
