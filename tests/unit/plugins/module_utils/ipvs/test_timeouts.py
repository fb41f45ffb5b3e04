# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timeouts as a value, and what happens when the kernel does not hold them."""

from __future__ import annotations

import dataclasses
import errno
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import netlink, settings, spec, wire
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import IpvsError, ModelError
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.timeouts import Timeouts, merged_timeouts

PRESENT = Timeouts(100, 20, 3)


def test_spec_and_value_have_the_same_names() -> None:
    assert list(spec.TIMEOUTS) == [field.name for field in dataclasses.fields(Timeouts)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, PRESENT),
        ({"tcp": None, "tcp_fin": None, "udp": None}, PRESENT),
        ({"tcp": 1}, Timeouts(1, 20, 3)),
        ({"tcp_fin": 2678400}, Timeouts(100, 2678400, 3)),
        ({"udp": 30}, Timeouts(100, 20, 30)),
        ({"tcp": 7, "tcp_fin": 8, "udp": 9}, Timeouts(7, 8, 9)),
    ],
)
def test_only_what_is_given_changes(given: dict[str, Any], expected: Timeouts) -> None:
    assert merged_timeouts(PRESENT, given) == expected


@pytest.mark.parametrize("option", list(spec.TIMEOUTS))
@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (0, "must be 1 second or more, got 0. Leave"),
        (-1, "in seconds, must be 1 or more, got -1."),
        (2678401, "in seconds, must be at most 2678400, got 2678401."),
    ],
)
def test_impossible_time_is_refused(option: str, seconds: int, sentence: str) -> None:
    with pytest.raises(ModelError) as refused:
        merged_timeouts(PRESENT, {option: seconds})
    assert str(refused.value).startswith(option)
    assert sentence in str(refused.value)


@given(st.builds(Timeouts, *(st.integers(1, 2**32 - 1) for _field in range(3))))
def test_timeouts_are_said_and_read_back(timeouts: Timeouts) -> None:
    answer = bytes(wire.GENERIC_SIZE) + wire.timeouts_attributes(timeouts)
    assert wire.timeouts_reply(answer, 0, len(answer)) == timeouts


class OverflowingKernel:
    """One before 5.0 with 1000 ticks in a second, or (with ``checks``) a later one."""

    def __init__(self, *, checks: bool) -> None:
        self.checks = checks
        self.held = PRESENT

    def timeouts(self) -> Timeouts:
        return self.held

    def set_timeouts(self, timeouts: Timeouts) -> None:
        if timeouts.tcp * 1000 >= 2**31:
            if self.checks:
                raise netlink.kernel_error(errno.EINVAL, f"{timeouts.command()} failed")
            timeouts = dataclasses.replace(timeouts, tcp=(timeouts.tcp * 1000 - 2**32) // 1000 % 2**32)
        self.held = timeouts


@pytest.mark.parametrize(("checks", "sentence"), [(True, "2147483 seconds"), (False, "were put back")])
def test_time_that_a_kernel_cannot_count_leaves_the_timeouts(checks: bool, sentence: str) -> None:
    kernel: Any = OverflowingKernel(checks=checks)
    with pytest.raises(IpvsError) as failed:
        settings._write_timeouts(kernel, before=PRESENT, after=Timeouts(2678400, 20, 3))
    assert sentence in str(failed.value)
    assert "Give a shorter time." in str(failed.value)
    assert kernel.held == PRESENT
    settings._write_timeouts(kernel, before=PRESENT, after=Timeouts(2147483, 20, 3))
