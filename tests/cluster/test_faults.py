# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever fails in a pair comes back by itself, and who did not fail is not harmed. Judges: curl, ipvsadm, ip."""

from __future__ import annotations

import pytest
from drive import EXAMPLE
from events import (
    DIRECTOR_FAULTS,
    REAL_SERVER_FAULTS,
    Fault,
    Ill,
    await_whole,
    fall_ill,
    killed,
    killed_on_standby,
    suffer,
)

HEARTBEAT = EXAMPLE.parent.name == "heartbeat-pair"
UNITS = ("heartbeat", "ldirectord") if HEARTBEAT else ("keepalived",)
KILLS = tuple(kind(unit) for unit in UNITS for kind in (killed, killed_on_standby))


@pytest.fixture(autouse=True)
def whole() -> None:
    await_whole()


@pytest.mark.parametrize("fault", [*DIRECTOR_FAULTS, *KILLS], ids=lambda fault: fault.name)
def test_a_pair_comes_back_by_itself(fault: Fault) -> None:
    # Not more than a starved real server can answer: who fails here is to fail by the fault.
    outcome = suffer(fault, interval=0.05)
    print(f"{fault.name}: during {outcome.during}; after {outcome.after}; whole after {outcome.seconds:.1f} s")
    assert outcome.requests > 50
    if fault.unharmed:
        assert outcome.during.failed == 0, outcome
    if fault.unharmed and not (HEARTBEAT and fault.parts):
        assert outcome.after.failed == 0, outcome


@pytest.mark.parametrize("ill", REAL_SERVER_FAULTS, ids=lambda ill: ill.name)
def test_a_real_server_that_fails_is_left_out_and_comes_back(ill: Ill) -> None:
    outcome = fall_ill(ill)
    print(f"{ill.name}: out after {outcome.out:.1f} s, back after {outcome.back:.1f} s; until then {outcome.before}")
    assert set(outcome.settled.answers) == {"rs2"}, outcome
    assert outcome.settled.failed == 0, outcome
