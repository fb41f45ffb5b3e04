# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A living cluster changes from keepalived to heartbeat with ldirectord and back. Judges: curl, ipvsadm, ip."""

from __future__ import annotations

import threading

import pytest
import yaml
from drive import CHECKOUT, DIRECTORS, Curl, await_that, holders, playbook, ssh
from events import await_whole

HEARTBEAT = yaml.safe_load((CHECKOUT / "examples/heartbeat-pair/group_vars/all.yml").read_text(encoding="utf-8"))[
    "lvs_cluster"
]
DAEMONS = ("keepalived", "heartbeat", "ldirectord")


def running(director: str) -> set[str]:
    return {
        name
        for name, state in zip(
            DAEMONS, ssh(director, f"systemctl is-active {' '.join(DAEMONS)}", check=False).split(), strict=True
        )
        if state == "active"
    }


class Owners(threading.Thread):
    """Looks again and again who has the VIP, until `ended` is set; `most` is the most that had it at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = threading.Event()
        self.looks = self.most = 0
        self.least = len(DIRECTORS)

    def run(self) -> None:
        while not self.ended.wait(0.2):
            found = len(holders())
            self.looks += 1
            self.most, self.least = max(self.most, found), min(self.least, found)


def change(described: object, what: str, daemons: set[str], *, least: int = 1) -> None:
    """Runs site under requests, and proves that none failed and that never two directors had the VIP."""
    owners = Owners()
    owners.start()
    try:
        with Curl(timeout=10) as curl:
            run = playbook("site.yml", variables={"lvs_cluster": described} if described else None)
            await_whole()
    finally:
        owners.ended.set()
        owners.join()
    print(f"{what}: {curl}; {run.seconds:.0f} s; {owners.looks} looks saw {owners.least} to {owners.most} owners")
    assert run.code == 0, run.output
    assert curl.failed == 0, curl.errors
    assert curl.requests >= 1000
    assert owners.most == 1
    assert owners.least >= least
    for name in DIRECTORS:
        assert running(name) == daemons


def verify(described: object) -> None:
    run = playbook("lvs.cluster.verify", variables={"lvs_cluster": described} if described else None)
    assert run.code == 0, run.output


def test_keepalived_becomes_heartbeat_and_ldirectord_and_nobody_notices() -> None:
    change(HEARTBEAT, "keepalived to heartbeat and ldirectord", {"heartbeat", "ldirectord"})
    again = playbook("site.yml", variables={"lvs_cluster": HEARTBEAT})
    assert again.code == 0, again.output
    assert again.changed == 0, again.output
    verify(HEARTBEAT)


def test_a_table_that_somebody_flushed_is_named_and_healed_under_ldirectord(standby) -> None:
    ssh(standby, "ipvsadm -C")
    found = playbook("lvs.cluster.verify", variables={"lvs_cluster": HEARTBEAT})
    assert found.code != 0
    assert standby in found.output
    run = playbook("site.yml", variables={"lvs_cluster": HEARTBEAT})
    assert run.code == 0, run.output
    await_whole()
    verify(HEARTBEAT)


def test_heartbeat_and_ldirectord_become_keepalived_and_no_request_fails() -> None:
    # keepalived takes addresses that it finds away, and has them again after three adverts: requests wait for that.
    change(None, "heartbeat and ldirectord to keepalived", {"keepalived"}, least=0)
    verify(None)
    for name in DIRECTORS:
        assert ssh(name, "ls /etc/ha.d/ha.cf /etc/ha.d/ldirectord.cf /etc/ha.d/authkeys 2>/dev/null", check=False) == ""


@pytest.fixture(scope="module", autouse=True)
def described_again():
    yield
    if any(running(name) != {"keepalived"} for name in DIRECTORS):
        playbook("site.yml")
        await_that(lambda: all(running(name) == {"keepalived"} for name in DIRECTORS), "keepalived runs again")
