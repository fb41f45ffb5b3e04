# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml on a living cluster: changes under traffic, faults, bad input. Judges: ipvsadm, ip, systemctl."""

from __future__ import annotations

import copy
import os
import signal
from collections.abc import Iterator

import pytest
import yaml
from drive import (
    DIRECTORS,
    EXAMPLE,
    VIP,
    VIP6,
    Traffic,
    await_that,
    lab,
    playbook,
    playbook_process,
    ssh,
)

DESCRIBED = yaml.safe_load((EXAMPLE.parent / "group_vars/all.yml").read_text(encoding="utf-8"))["lvs_cluster"]


def described(*, weight: int) -> dict[str, object]:
    """The example with another weight of rs2 in the service web."""
    changed = copy.deepcopy(DESCRIBED)
    changed["services"][0]["real_servers"][1]["weight"] = weight
    return {"lvs_cluster": changed}


def weights(director: str) -> set[str]:
    """Weight of rs2 in the service web, as ipvsadm prints it."""
    lines = ssh(director, "ipvsadm -Sn").splitlines()
    return {line.split()[-1] for line in lines if f"-t {VIP}:80" in line and "192.0.2.22:80" in line}


def daemon(director: str) -> tuple[str, str]:
    """What must not change when a configuration is refused: the daemon's process and the file's checksum."""
    return (
        ssh(director, "systemctl show --property=MainPID --value keepalived").strip(),
        ssh(director, "sha256sum /etc/keepalived/keepalived.conf"),
    )


@pytest.fixture(scope="module", autouse=True)
def as_described() -> Iterator[None]:
    """Each test changes the cluster from what the one before has left; the last leaves it as described."""
    yield
    if any(weights(name) != {"2"} for name in DIRECTORS):
        run = playbook("site.yml")
        assert run.code == 0, run.output


def test_a_weight_changes_under_traffic_without_a_failed_request_and_without_a_restart():
    before = {name: daemon(name)[0] for name in DIRECTORS}
    with Traffic() as traffic:
        run = playbook("site.yml", variables=described(weight=5))
    assert run.code == 0, run.output
    for name in DIRECTORS:
        await_that(lambda name=name: weights(name) == {"5"}, f"{name} has the new weight", seconds=20)
    assert {name: daemon(name)[0] for name in DIRECTORS} == before
    assert traffic.result.requests >= 200
    assert traffic.result.failed == 0, traffic.result


def test_check_mode_shows_the_difference_and_changes_nothing():
    before = {name: (*daemon(name), ssh(name, "ipvsadm -Sn")) for name in DIRECTORS}
    run = playbook("site.yml", "--check", "--diff", variables=described(weight=9))
    assert run.code == 0, run.output
    assert "weight 9" in run.output
    assert run.changed > 0
    assert {name: (*daemon(name), ssh(name, "ipvsadm -Sn")) for name in DIRECTORS} == before


def test_a_refused_configuration_leaves_file_and_daemon_and_the_active_director_alone(active, standby):
    before = {name: daemon(name) for name in DIRECTORS}
    run = playbook("site.yml", variables={"director_keepalived_extra": "no_such_keyword here"})
    assert run.code != 0
    assert f"{standby} keeps its old keepalived.conf and its daemon runs on untouched" in run.output
    assert "no_such_keyword" in run.output
    assert run.recap[active]["failed"] == 0
    assert {name: daemon(name) for name in DIRECTORS} == before


def test_a_run_that_was_killed_in_the_middle_is_completed_by_the_next():
    process = playbook_process("site.yml", variables=described(weight=4))
    assert process.stdout is not None
    seen = next((line for line in process.stdout if "Write keepalived.conf" in line), None)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert seen is not None
    # The same description again: the file may be right already, while no daemon has read it.
    run = playbook("site.yml", variables=described(weight=4))
    assert run.code == 0, run.output
    for name in DIRECTORS:
        await_that(lambda name=name: weights(name) == {"4"}, f"{name} has what the killed run has begun")


def test_an_unreachable_real_server_is_named_at_the_end_and_the_cluster_serves_on():
    lab("unplug", "rs2")
    try:
        for name in DIRECTORS:
            await_that(lambda name=name: not weights(name), f"{name} took rs2 out")
        with Traffic() as traffic:
            run = playbook("site.yml", variables={"ansible_ssh_timeout": 5})
        before = {name: daemon(name) for name in DIRECTORS}
        other = copy.deepcopy(DESCRIBED)
        other["services"].append({**other["services"][0], "name": "more", "vip": "192.0.2.101"})
        more = playbook("site.yml", variables={"ansible_ssh_timeout": 5, "lvs_cluster": other})
    finally:
        lab("plug", "rs2")
    assert more.code != 0
    assert "would throw away what they would begin to send it of more." in " ".join(more.output.split())
    assert {name: daemon(name) for name in DIRECTORS} == before
    assert run.code != 0
    assert "1 of 4 hosts could not be brought to the described state: rs2" in run.output
    assert all(run.recap[name]["failed"] == run.recap[name]["unreachable"] == 0 for name in ("lb1", "lb2", "rs1"))
    assert traffic.result.failed == 0, traffic.result
    assert set(traffic.result.answers) == {"rs1"}
    # With the example's weight, not that of the test before.
    for name in DIRECTORS:
        await_that(lambda name=name: weights(name) == {"2"}, f"{name} took rs2 back")


def test_a_kernel_without_a_module_is_named_and_stops_the_run_before_the_active_director(active, standby):
    before = {name: daemon(name) for name in DIRECTORS}
    other = copy.deepcopy(DESCRIBED)
    other["services"][0]["scheduler"] = "sed"
    ssh(standby, "echo 'install ip_vs_sed /bin/false' >/etc/modprobe.d/no-sed.conf")
    try:
        run = playbook("site.yml", variables={"lvs_cluster": other})
    finally:
        ssh(standby, "rm /etc/modprobe.d/no-sed.conf")
    assert run.code != 0
    assert f"{standby} cannot load the kernel modules ip_vs, ip_vs_sed, ip_vs_wrr" in " ".join(run.output.split())
    assert {name: daemon(name) for name in DIRECTORS} == before


def test_a_real_server_that_cannot_be_made_ready_gets_nothing_new():
    before = {name: daemon(name) for name in DIRECTORS}
    other = copy.deepcopy(DESCRIBED)
    other["services"].append({**other["services"][0], "name": "more", "vip": "192.0.2.101"})
    ssh("rs2", "ip address add 192.0.2.101/24 dev eth0")
    try:
        run = playbook("site.yml", variables={"lvs_cluster": other})
    finally:
        ssh("rs2", "ip address del 192.0.2.101/24 dev eth0")
    assert run.code != 0
    told = "Nothing was given to the directors, because rs2 could not be made ready, as is said above, and would throw"
    assert f"{told} away what they would begin to send it of more." in " ".join(run.output.split())
    assert {name: daemon(name) for name in DIRECTORS} == before


def test_services_that_somebody_took_out_of_the_tables_come_back_and_the_others_go_on(active, standby):
    before = {name: (sorted(ssh(name, "ipvsadm -Sn").splitlines()), daemon(name)) for name in DIRECTORS}
    ssh(active, f"ipvsadm -D -t {VIP}:80")
    ssh(standby, "ipvsadm -C")
    with Traffic(VIP6) as other:
        run = playbook("site.yml")
    assert run.code == 0, run.output

    def is_back() -> bool:
        return {name: (sorted(ssh(name, "ipvsadm -Sn").splitlines()), daemon(name)) for name in DIRECTORS} == before

    await_that(is_back, "both tables are back, with the same daemons and files")
    assert VIP in ssh(active, "ip -brief address show")
    assert other.result.failed == 0, other.result


def test_mistakes_are_reported_together_before_anything_is_touched():
    before = {name: daemon(name) for name in DIRECTORS}
    wrong = copy.deepcopy(DESCRIBED)
    wrong["fail_over"] = "keepalived"
    wrong["services"][0].update(ports=[70000], scheduler="fastest")
    wrong["services"][1]["real_servers"] = ["rs3"]
    run = playbook("site.yml", variables={"lvs_cluster": wrong})
    assert run.code != 0
    for path in ("fail_over", "services[0].ports[0]", "services[0].scheduler", "services[1].real_servers[0]"):
        assert path in run.output, run.output
    assert {name: daemon(name) for name in DIRECTORS} == before


@pytest.mark.proves(system="Linux", method="arp_ignore", how="program")
def test_a_reboot_of_a_real_server_and_of_the_standby_keeps_what_site_set_up(standby):
    lab("reboot", "rs1")
    # The unit waits for the interface, SSH does not.
    await_that(lambda: f"{VIP6}/128" in ssh("rs1", "ip -brief address show dev lo"), "rs1 has its VIPs again")
    assert f"{VIP}/32" in ssh("rs1", "ip -brief address show dev lo")
    assert ssh("rs1", "cd /proc/sys/net/ipv4/conf/eth0; cat arp_ignore arp_announce").split() == ["1", "2"]
    lab("reboot", standby)
    await_that(lambda: weights(standby) == {"2"}, f"{standby} has its table again")
    assert ssh(standby, "sysctl -n net.ipv4.vs.expire_nodest_conn").strip() == "1"
    assert VIP not in ssh(standby, "ip -brief address show")
    run = playbook("site.yml")
    assert run.code == 0, run.output
    assert run.changed == 0


def test_the_standby_takes_over_when_the_power_of_the_active_director_is_cut(active, standby):
    with Traffic(timeout=0.9) as traffic:
        lab("cut", active)
        await_that(lambda: VIP in ssh(standby, "ip -brief address show"), f"{standby} holds the VIP")
        await_that(lambda: "rs" in ssh("client", f"curl --silent --max-time 2 http://{VIP}/"), "the VIP answers")
    assert traffic.result.failed > 0
    assert set(traffic.result.answers) == {"rs1", "rs2"}
    lab("start", active)
    await_that(lambda: weights(active) == {"2"}, f"{active} has its table again")
    assert VIP in ssh(standby, "ip -brief address show")
    run = playbook("site.yml")
    assert run.code == 0, run.output
    assert run.changed == 0
