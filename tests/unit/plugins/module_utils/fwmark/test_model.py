# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules as values: ports that merge, and packets that two marks claim."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import (
    PortRange,
    Rule,
    merged,
    merged_ports,
    overlaps,
    without_ports,
)

A, B = "192.0.2.100", "2001:db8:2::100"
PORT_LISTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda pair: (pair[0], sum(pair))))


def numbers(ports: tuple[PortRange, ...] | list[PortRange]) -> set[int]:
    return {number for first, last in ports for number in range(first, last + 1)}


@given(PORT_LISTS)
def test_merged_ports_are_the_same_ports_sorted_and_apart(ports: list[PortRange]) -> None:
    found = merged_ports(ports)
    assert numbers(found) == numbers(ports)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(found))


@given(PORT_LISTS, PORT_LISTS)
def test_ports_that_are_taken_out_are_gone_and_all_others_stay(
    ports: list[PortRange], removed: list[PortRange]
) -> None:
    assert numbers(without_ports(ports, removed)) == numbers(ports) - numbers(removed)


@given(PORT_LISTS, PORT_LISTS)
def test_every_port_that_two_marks_claim_is_found(one: list[PortRange], other: list[PortRange]) -> None:
    rules = [Rule(1, A, "tcp", merged_ports(one)), Rule(2, A, "tcp", merged_ports(other))]
    assert numbers([each.ports for each in overlaps(rules)]) == numbers(one) & numbers(other)


def test_rules_of_one_key_become_one_and_the_order_is_by_number() -> None:
    rules = [
        Rule(10, A, "tcp", ((80, 80),)),
        Rule(9, B, "tcp", ((80, 80),)),
        Rule(9, A, "udp", ((53, 53),)),
        Rule(9, A, "tcp", ((81, 90),)),
        Rule(9, A, "tcp", ((80, 80),)),
        Rule(9, "192.0.2.20", "tcp"),
    ]
    assert merged(rules) == (
        Rule(9, "192.0.2.20", "tcp", ((0, 65535),)),
        Rule(9, A, "tcp", ((80, 90),)),
        Rule(9, A, "udp", ((53, 53),)),
        Rule(9, B, "tcp", ((80, 80),)),
        Rule(10, A, "tcp", ((80, 80),)),
    )


@pytest.mark.parametrize(
    "other",
    [
        Rule(6, B, "tcp", ((80, 80),)),
        Rule(6, A, "udp", ((80, 80),)),
        Rule(6, A, "tcp", ((81, 81),)),
        Rule(5, A, "tcp", ((80, 80),)),
    ],
)
def test_another_address_protocol_or_port_or_the_same_mark_is_no_overlap(other: Rule) -> None:
    assert list(overlaps([Rule(5, A, "tcp", ((80, 80),)), other])) == []


def test_options_spell_ranges_and_leave_all_ports_out() -> None:
    assert Rule(5, A, "tcp", ((80, 80), (1000, 2000))).as_options() == {
        "mark": 5,
        "address": A,
        "protocol": "tcp",
        "ports": ["80", "1000:2000"],
    }
    assert Rule(5, A, "tcp").as_options()["ports"] is None
