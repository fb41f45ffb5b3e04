# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults and changes on the built example cluster (molecule converge -s direct-pair)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from drive import ADDRESS, EXAMPLE, SSH_CONFIG, active_director, playbook

#: The examples that a file of tests is for, where that is not direct-pair alone.
EXAMPLES = {
    "test_verify_nat.py": {"nat-two-arm"},
    "test_verify_one_arm.py": {"nat-one-arm"},
    "test_verify_tunnel.py": {"tunnel"},
    "test_verify_marks.py": {"fwmark"},
    "test_verify_ftp.py": {"ftp"},
    "test_faults.py": {"direct-pair", "heartbeat-pair"},
    "test_connections.py": {"direct-pair", "nat-two-arm"},
    "test_heartbeat.py": {"heartbeat-pair"},
    "test_both_active.py": {"keepalived-pair"},
    "test_arp.py": {"arp"},
}
STANDING = EXAMPLE.parent.name
collect_ignore = [
    path.name
    for path in Path(__file__).parent.glob("test_*.py")
    if STANDING not in EXAMPLES.get(path.name, {"direct-pair"})
]


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Iterator[None]:
    """Tests begin and end with a cluster that is as described."""
    if not SSH_CONFIG.exists():
        pytest.exit(
            f"No cluster in the lab: boot a scenario for examples/{STANDING} and run its site.yml, or molecule "
            f"converge -s {STANDING}.",
            2,
        )
    if "MOLECULE_SCENARIO_NAME" not in os.environ:  # whose own verify has just proven it
        run = playbook("lvs.cluster.verify")
        if run.code:
            pytest.exit(f"The cluster is not as described before the tests begin:\n{run.output}", 2)
    yield
    run = playbook("lvs.cluster.verify")
    assert run.code == 0, run.output


@pytest.fixture
def active() -> str:
    return active_director(ADDRESS)


@pytest.fixture
def standby(active: str) -> str:
    return {"lb1": "lb2", "lb2": "lb1"}[active]
