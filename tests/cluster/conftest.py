# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults and changes on the built example cluster. The lab is up and site.yml has run (molecule converge -s direct)."""

from __future__ import annotations

import pytest
from drive import SSH_CONFIG, active_director, playbook


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """Tests begin with a cluster that is as described, or not at all."""
    if not SSH_CONFIG.exists():
        pytest.exit(
            "No cluster in the lab: make lab-up, then ansible-playbook site.yml, or molecule converge -s direct.", 2
        )
    run = playbook("lvs.cluster.verify")
    if run.code:
        pytest.exit(f"The cluster is not as described before the tests begin:\n{run.output}", 2)


@pytest.fixture
def active() -> str:
    return active_director()


@pytest.fixture
def standby(active: str) -> str:
    return {"lb1": "lb2", "lb2": "lb1"}[active]
