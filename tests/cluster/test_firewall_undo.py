# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dead man's switch, on a director with systemd: a firewall that locks everybody out goes away by itself.

The director is the second of the example, which is never out of reach for long.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from drive import CHECKOUT, DIRECTORS, EXAMPLE, SSH_CONFIG, await_that, ssh

HOST = DIRECTORS[1]
TIMER = "lvs-cluster-undo-firewall.timer"
SECONDS = 20
SLACK = 15  # this kernel is slow, and a host that drops packets is noticed after a while only
OPEN = {"vrrp_peers": ["192.0.2.11", "192.0.2.12"], "undo_after": SECONDS}
LOCKED = {**OPEN, "ssh_sources": []}


def firewall(**options: object) -> dict[str, object]:
    """What the module returns on the director."""
    environment = {
        **os.environ,
        "ANSIBLE_SSH_ARGS": f"-F {SSH_CONFIG} -o ControlPath=none",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
    }
    command: list[str | Path] = [
        "ansible",
        HOST,
        "--inventory",
        EXAMPLE,
        "--module-name",
        "lvs.cluster.firewall",
        "--one-line",
    ]
    done = subprocess.run(
        [*command, "--args", json.dumps(options)],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results: dict[str, object] = json.loads(done.stdout.split("=>", 1)[1])
    return results


def is_reachable() -> bool:
    """Whether a new connection gets in."""
    command: list[str | Path] = [
        "ssh",
        "-F",
        SSH_CONFIG,
        "-o",
        "ControlPath=none",
        "-o",
        "ConnectTimeout=3",
        HOST,
        "true",
    ]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def rules() -> list[str]:
    """The firewall's rules, as the host's own program prints them."""
    lines = ssh(HOST, "nft list table inet lvs_cluster_firewall 2>/dev/null; iptables-legacy-save").splitlines()
    return [line for line in lines if "LVS_CLUSTER_FIREWALL" in line or line.startswith("\t")]


def timer() -> str:
    return ssh(HOST, f"systemctl is-active {TIMER}", check=False).strip()


def is_restoring() -> bool:
    state = ssh(HOST, "systemctl is-active lvs-cluster-undo-firewall.service", check=False).strip()
    return state in ("active", "activating", "deactivating")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    assert rules() == []
    yield
    await_that(is_reachable, "the director lets us in", seconds=SECONDS + SLACK)
    ssh(HOST, f"systemctl stop {TIMER}", check=False)
    firewall(state="absent")
    assert rules() == []


def test_a_firewall_that_locks_everybody_out_goes_away_in_time():
    done = firewall(**LOCKED)
    begun = time.monotonic()
    assert done["undo"] == TIMER
    assert not is_reachable()
    await_that(is_reachable, "the director lets us in again", seconds=SECONDS + SLACK)
    assert time.monotonic() - begun > SECONDS / 2
    await_that(lambda: not is_restoring(), "the change is taken back")
    assert rules() == []
    await_that(lambda: timer() == "inactive", "the timer has gone")
    assert "is taken back" in ssh(HOST, "journalctl -u lvs-cluster-undo-firewall")
    # Whoever comes to disarm it now hears that it is too late.
    assert "not loaded" in ssh(HOST, f"systemctl stop {TIMER} 2>&1", check=False)


def test_a_firewall_that_lets_us_in_stays_when_the_switch_is_disarmed():
    done = firewall(**OPEN)
    assert (done["changed"], done["undo"]) == (True, TIMER)
    written = rules()
    assert is_reachable()
    ssh(HOST, f"systemctl stop {TIMER}")
    assert timer() == "inactive"
    assert rules() == written
    again = firewall(**OPEN)
    assert (again["changed"], again["undo"]) == (False, None)


def test_what_was_there_before_both_changes_comes_back():
    firewall(**{**OPEN, "undo_after": 0})
    before = rules()
    assert firewall(**OPEN, log_rate=3)["undo"] == TIMER
    # The controller was interrupted and comes again: the time begins anew, and the first state stays the old one.
    again = firewall(**OPEN, log_rate=3)
    assert (again["changed"], again["undo"]) == (False, TIMER)
    assert firewall(**LOCKED)["changed"] is True
    assert not is_reachable()
    # It lets us in as soon as the last change is taken back; the one before it follows.
    await_that(is_reachable, "the director lets us in again", seconds=SECONDS + SLACK)
    await_that(lambda: timer() == "inactive" and not is_restoring(), "both changes are taken back")
    assert rules() == before
