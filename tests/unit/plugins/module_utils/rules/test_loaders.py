# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a unit of ours hears that others have emptied the tables; tests/testinfra does it under a real systemd."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._arp.choose import PROGRAMS
from ansible_collections.lvs.cluster.plugins.module_utils._rules.loaders import (
    every_path_beside,
    files_beside,
    lines_after,
    loaders_of,
    path_beside,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.systemd_analyze import SERVICE, said_of

OURS = "lvs-cluster-ours.service"
NFTABLES, ARPTABLES = ("nftables.service",), ("arptables.service", "nftables.service")
IPTABLES = ("ip6tables.service", "iptables.service", "netfilter-persistent.service", "nftables.service")


@pytest.mark.parametrize(
    ("programs", "loaders"),
    [
        ([], ()),
        (["nft"], NFTABLES),
        (["arptables"], ARPTABLES),
        (["arptables-legacy"], ARPTABLES),
        (["iptables", "ip6tables"], IPTABLES),
        (["ip6tables-legacy"], IPTABLES),
        (["ip6tables-nft"], IPTABLES),
        (["arptables-nft"], ARPTABLES),
        (["nft", "arptables"], ARPTABLES),
    ],
)
def test_units_that_may_take_rules_of_a_program_away(programs: list[str], loaders: tuple[str, ...]) -> None:
    assert loaders_of(programs) == loaders
    assert files_beside(loaders, OURS, "").keys() == {path_beside(loader, OURS) for loader in loaders}
    assert files_beside(loaders, OURS, "").keys() <= set(every_path_beside(OURS))
    assert (lines_after(loaders) == "") == (not loaders)


def test_there_are_such_units_for_every_program_of_ours() -> None:
    programs = {program for tried in PROGRAMS.values() for program in tried} - {"", "firewall-cmd"}
    assert programs >= {"nft", "iptables-nft", "arptables-legacy"}
    assert all(loaders_of([program]) for program in programs)


def test_systemd_finds_no_fault_in_them_and_would_find_one(tmp_path: Path) -> None:
    ours = f"[Unit]\n{lines_after(NFTABLES)}{SERVICE}ExecReload=/bin/true\n"
    beside = files_beside(NFTABLES, OURS, "# head\n")
    assert "ours" not in said_of({f"/etc/systemd/system/{OURS}": ours, **beside}, tmp_path)
    broken = {path: text.replace("ExecStopPost", "ExecStopPast") for path, text in beside.items()}
    assert "ExecStopPast" in said_of(broken, tmp_path)
