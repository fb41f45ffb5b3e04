# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pair becomes a single director without failover (single.yml), and a pair again, as the end of the tests sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from drive import VIP, VIP6, active_director, await_that, lab, playbook, ssh

SINGLE = Path(__file__).parent / "single.yml"


@pytest.fixture(scope="module", autouse=True)
def single() -> Iterator[None]:
    ssh("lb2", "systemctl disable --now keepalived")
    try:
        run = playbook("site.yml", inventory=SINGLE)
        assert run.code == 0, run.output
        yield
    finally:
        run = playbook("site.yml")
    assert run.code == 0, run.output
    active_director()


def answers(url: str, number: int) -> set[str]:
    return set(ssh("client", f"for i in $(seq {number}); do curl --silent --max-time 5 {url}; done").split())


def test_the_vips_stand_on_the_director_without_vrrp():
    addresses = ssh("lb1", "ip -brief address show dev eth0")
    assert f"{VIP}/32" in addresses
    assert f"{VIP6}/128" in addresses
    assert "vrrp_instance" not in ssh("lb1", "cat /etc/keepalived/keepalived.conf")


def test_the_sorry_server_answers_when_the_real_server_is_dead_and_only_then():
    assert answers(f"http://{VIP}/", 5) == {"rs1"}
    ssh("rs1", "systemctl stop lab-web")
    await_that(
        lambda: "192.0.2.22:80" in ssh("lb1", f"ipvsadm -Sn | grep 't {VIP}:80'"), "the sorry server is in the table"
    )
    assert answers(f"http://{VIP}/", 5) == {"rs2"}
    ssh("rs1", "systemctl start lab-web")
    await_that(lambda: "192.0.2.21:80" in ssh("lb1", f"ipvsadm -Sn | grep 't {VIP}:80'"), "rs1 is back in the table")
    assert answers(f"http://{VIP}/", 5) == {"rs1"}


def test_a_reboot_brings_everything_back_by_itself():
    lab("reboot", "lb1")
    await_that(lambda: "rs1" in answers(f"http://{VIP}/", 1), "the VIP answers")
    assert f"{VIP6}/128" in ssh("lb1", "ip -brief address show dev eth0")
