# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipvs_timeouts on the real kernel; the judge is ipvsadm."""

from __future__ import annotations

from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool


def shown(tool: Tool) -> tuple[int, ...]:
    """Timeouts for TCP, TCP FIN and UDP as ipvsadm prints them."""
    return tuple(int(word) for word in tool("ipvsadm", "-L", "--timeout").partition(":")[2].split())


@pytest.fixture(autouse=True)
def loaded(tool: Tool) -> None:
    tool("modprobe", "ip_vs")
    assert shown(tool) == (900, 120, 300)


STEPS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"tcp": 7200}, (7200, 120, 300)),
    ({"tcp_fin": 30}, (7200, 30, 300)),
    ({"udp": 1}, (7200, 30, 1)),
    ({"tcp": 1, "tcp_fin": 2678400, "udp": 65536}, (1, 2678400, 65536)),
    ({"tcp": 900, "tcp_fin": 120, "udp": 300}, (900, 120, 300)),
]


def test_each_option_checked_done_checked_again_and_done_again(run_module: ModuleRun, tool: Tool) -> None:
    before = shown(tool)
    for parameters, expected in STEPS:
        predicted = run_module("ipvs_timeouts", parameters, check=True)
        assert shown(tool) == before, f"{parameters}: check mode wrote"
        done = run_module("ipvs_timeouts", parameters)
        assert shown(tool) == expected
        assert predicted == done
        assert done["changed"] is True
        assert done["operations"] == ["ipvsadm --set {} {} {}".format(*expected)]
        assert done["timeouts"] == dict(zip(("tcp", "tcp_fin", "udp"), expected, strict=True))
        assert done["diff"] == {
            "before": {"timeouts": dict(zip(("tcp", "tcp_fin", "udp"), before, strict=True))},
            "after": {"timeouts": done["timeouts"]},
        }
        # The command line that was shown does the same.
        tool("ipvsadm", "--set", *(str(seconds) for seconds in before))
        for command in done["operations"]:
            tool(*command.split())
        assert shown(tool) == expected
        for check in (True, False):
            again = run_module("ipvs_timeouts", parameters, check=check)
            assert again["changed"] is False
            assert again["operations"] == []
            assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
            assert again["timeouts"] == done["timeouts"]
        # What is returned is what the module takes.
        assert run_module("ipvs_timeouts", done["timeouts"])["changed"] is False
        assert shown(tool) == expected
        before = expected


def test_what_others_have_set_stays(run_module: ModuleRun, tool: Tool) -> None:
    tool("ipvsadm", "--set", "111", "22", "3")
    assert run_module("ipvs_timeouts")["timeouts"] == {"tcp": 111, "tcp_fin": 22, "udp": 3}
    run_module("ipvs_timeouts", {"udp": 4})
    assert shown(tool) == (111, 22, 4)
    assert run_module("ipvs_info")["timeouts"] == {"tcp": 111, "tcp_fin": 22, "udp": 4}


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"tcp": 0}, "tcp must be 1 second or more, got 0. Leave tcp out to leave it as it is."),
        ({"udp": 5, "tcp_fin": -1}, "tcp_fin, in seconds, must be 1 or more, got -1."),
        ({"udp": 2678401}, "udp, in seconds, must be at most 2678400, got 2678401."),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_mistake_is_refused_with_a_sentence(
    run_module: ModuleRun, tool: Tool, parameters: dict[str, Any], sentence: str, check: bool
) -> None:
    assert run_module("ipvs_timeouts", parameters, check=check, fails=True)["msg"] == sentence
    assert shown(tool) == (900, 120, 300)
