# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""heartbeat-pair: planned failover, drain and who is told, with heartbeat and ldirectord. Judges: curl, ip, ipvsadm."""

from __future__ import annotations

import copy

import yaml
from drive import EXAMPLE, Curl, await_that, holders, playbook, ssh
from events import await_whole, weights

DESCRIBED = yaml.safe_load((EXAMPLE.parent / "group_vars/all.yml").read_text(encoding="utf-8"))["lvs_cluster"]


def told(director: str) -> list[str]:
    return ssh(director, "journalctl --boot --quiet --identifier=lvs-cluster --output=cat").splitlines()


def test_a_failover_moves_the_vips_and_tells_of_it(active, standby):
    with Curl(timeout=10) as curl:
        done = playbook("lvs.cluster.failover")
    assert done.code == 0, done.output
    print(f"planned failover by heartbeat: {curl}")
    assert curl.requests >= 200
    assert holders() == [standby]
    await_that(lambda: told(standby)[-1] == "INSTANCE heartbeat MASTER 0", f"{standby} tells that it has taken over")
    await_that(lambda: told(active)[-1] == "INSTANCE heartbeat BACKUP 0", f"{active} tells that it has given up")
    await_whole()


def test_a_failover_is_told_by_mail(active, standby):
    described = copy.deepcopy(DESCRIBED)
    described["notify"]["mail"] = {"to": ["ops@example.org"], "from": "lvs@example.org", "smtp_server": "192.0.2.31"}
    words = "--setenv=PYTHONUNBUFFERED=1 python3 -W ignore -m smtpd -n -c DebuggingServer 0.0.0.0:25"
    ssh("client", f"systemd-run --quiet --unit=mail {words}")
    try:
        for name in ("site.yml", "lvs.cluster.failover"):
            done = playbook(name, variables={"lvs_cluster": described})
            assert done.code == 0, done.output
        for subject in (f"{standby} has got the addresses", f"{active} has given the addresses up"):
            await_that(lambda s=subject: f"Subject: {s}" in ssh("client", "journalctl -u mail -o cat"), subject)
    finally:
        ssh("client", "systemctl stop mail")
        again = playbook("site.yml")
    assert again.code == 0, again.output
    await_whole()


def test_a_drain_lasts_over_a_restart_of_ldirectord_and_fails_no_request(standby):
    with Curl() as curl:
        done = playbook("lvs.cluster.drain", variables={"lvs_real_server": "rs1", "lvs_wait_interval": 2})
        assert done.code == 0, done.output
        assert "rs1 is safe to take down" in " ".join(done.output.split())
        ssh(standby, "systemctl restart ldirectord")
        await_that(lambda: weights(standby) == {"192.0.2.21": "0", "192.0.2.22": "2"}, f"{standby} knows of the drain")
        done = playbook("lvs.cluster.undrain", variables={"lvs_real_server": "rs1"})
        assert done.code == 0, done.output
        await_whole()
    print(f"drain and undrain with ldirectord: {curl}")
    assert curl.failed == 0, curl.errors
    assert curl.requests >= 200
