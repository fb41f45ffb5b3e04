# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""arp_hide on a host whose own keepalived moves an address: a real keepalived in this namespace. Judges: arping, ip.

The namespace is the real server, `client` is on its network. keepalived is the only one of its router and holds its
address as long as it runs.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from arp_cases import OTHER, VIP, VIP6, answers_arp, make_lan, serves, state
from kernel_tools import ModuleRun, Tool

THEIRS = "192.0.2.200"
CONFIGURATION = """\
vrrp_instance theirs {{
    state MASTER
    interface eth0
    virtual_router_id 7
    priority 255
    advert_int 1
    virtual_ipaddress {{ {address}/32 dev eth0 }}
}}
"""


@pytest.fixture(autouse=True)
def lan(own_network: None, tool: Tool) -> None:
    make_lan(tool)


def await_that(claim: Callable[[], bool], daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not claim():
        assert daemon.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@contextmanager
def keepalived(tool: Tool, folder: Path, address: str) -> Iterator[None]:
    """It runs and holds this address."""
    file, log = folder / "keepalived.conf", folder / "log"
    file.write_text(CONFIGURATION.format(address=address))
    pids = ("--pid", str(folder / "pid"), "--vrrp_pid", str(folder / "vrrp.pid"))
    with log.open("wb") as told:
        daemon = subprocess.Popen(
            ["keepalived", "--vrrp", "--dont-fork", "--log-console", *pids, "--use-file", str(file)],
            stdout=told,
            stderr=told,
        )
        try:
            await_that(lambda: f" {address}/" in tool("ip", "-o", "address", "show", "dev", "eth0"), daemon, log)
            yield
            assert daemon.poll() is None, log.read_text()
        finally:
            daemon.terminate()
            daemon.wait(30)


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables", "redirect"], how="packets")
def test_a_keepalived_with_an_address_of_its_own_keeps_it_with_every_method(
    run_module: ModuleRun, tool: Tool, tmp_path: Path
) -> None:
    with keepalived(tool, tmp_path, THEIRS):
        before = state(tool)
        for method in ("arp_ignore", "nftables", "arptables", "redirect", "auto"):
            run_module("arp_hide", {"addresses": [VIP, VIP6], "method": method})
            assert not answers_arp(VIP), method
            assert serves(tool, VIP), method
            assert answers_arp(THEIRS), method
            assert serves(tool, THEIRS), method
        run_module("arp_hide", {"addresses": [VIP, VIP6], "state": "absent"})
        assert state(tool) == before
        assert answers_arp(THEIRS)
    assert not answers_arp(THEIRS)


def test_one_that_holds_the_vip_is_told_of_and_left_alone(run_module: ModuleRun, tool: Tool, tmp_path: Path) -> None:
    with keepalived(tool, tmp_path, VIP):
        before = state(tool)
        told = run_module("arp_hide", {"addresses": [VIP, OTHER]}, fails=True)
        assert f"{VIP}/32 stands on eth0, where it may serve as a director's VIP" in told["msg"]
        assert state(tool) == before
        assert answers_arp(VIP)
