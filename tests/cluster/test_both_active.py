# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived-pair: the VIPs are shared out, programs check and are told. Judges: curl, ip, ipvsadm, journalctl."""

from __future__ import annotations

from drive import DIRECTORS, VIP, VIP6, Curl, await_that, holders, lab, ssh

APP = "192.0.2.110"


def told(director: str) -> list[str]:
    """What the notify script of the example has written, oldest first."""
    return ssh(director, "journalctl --boot --quiet --identifier=lvs-cluster --output=cat").splitlines()


def weights(director: str, vip: str = VIP, port: int = 80) -> dict[str, str]:
    lines = [line.split() for line in ssh(director, "ipvsadm -Sn").splitlines()]
    return {words[4].rpartition(":")[0]: words[-1] for words in lines if words[:3] == ["-a", "-t", f"{vip}:{port}"]}


def at_home() -> bool:
    return holders(VIP) == holders(VIP6) == ["lb1"] and holders(APP) == ["lb2"]


def test_each_director_holds_its_own_vips_and_the_others_as_well_when_it_must():
    await_that(at_home, "each director holds its own VIPs")
    with Curl(f"http://{VIP}/") as curl:
        lab("cut", "lb2")
        await_that(lambda: holders(APP) == ["lb1"], "lb1 holds the VIP of app as well")
        assert "rs" in ssh("client", f"curl --silent --max-time 5 http://{APP}:8000/")
        lab("start", "lb2")
        await_that(at_home, "lb2 has taken its VIP again")
    # Those of lb1 were never away.
    assert curl.failed == 0, curl.errors
    await_that(lambda: weights("lb2", APP, 8000) == {"192.0.2.21": "2", "192.0.2.22": "1"}, "lb2 has its table again")
    states = [line.split()[:3] for line in told("lb1") if line.startswith("INSTANCE app ")]
    assert [state[2] for state in states][-2:] == ["MASTER", "BACKUP"]


def test_programs_check_and_are_told_and_run_without_rights():
    ssh("rs2", "systemctl stop lab-web")
    try:
        await_that(
            lambda: weights("lb1") == {"192.0.2.21": "1", "192.0.2.22": "0"}, "rs2 keeps its place with weight 0"
        )
        await_that(lambda: set(weights("lb2", APP, 8000)) == {"192.0.2.21"}, "curl has found rs2 dead on lb2")
        await_that(lambda: "QUORUM web DOWN" in told("lb1"), "lb1 tells that web has lost its quorum")
        await_that(lambda: any("REAL_SERVER web/rs2 DOWN" in line for line in told("lb1")), "lb1 tells of rs2")
    finally:
        ssh("rs2", "systemctl start lab-web")
    for name in DIRECTORS:
        await_that(lambda name=name: weights(name) == {"192.0.2.21": "1", "192.0.2.22": "2"}, f"rs2 is back on {name}")
    await_that(
        lambda: set(weights("lb2", APP, 8000)) == {"192.0.2.21", "192.0.2.22"}, "curl has found rs2 alive on lb2"
    )
    await_that(lambda: told("lb1")[-1:] != [] and "QUORUM web UP" in told("lb1")[-4:], "lb1 tells that web is well")
    users = ssh("lb1", "journalctl --boot --quiet --identifier=lvs-cluster --output=json").splitlines()
    identity = ssh("lb1", "id --user keepalived_script").strip()
    assert users
    assert all(f'"_UID":"{identity}"' in line for line in users)
