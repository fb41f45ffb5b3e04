# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chosen marks: a service keeps its mark whatever happens to the others, as far as that can be had."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.marks import chosen_marks
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    REAL_SERVERS,
    VIP,
    description,
    service,
)

NAMES = st.lists(st.text("abcdefghij-0123456789", min_size=1, max_size=12), unique=True, max_size=60)
#: Small ones, so that wishes collide.
SIZES = st.sampled_from([60, 100, 1000])


def marks_of(names: t.Iterable[str], pinned: t.Collection[int] = (), size: int = 1000) -> dict[str, int]:
    return chosen_marks(names, pinned=pinned, first=1000, last=999 + size)


@given(names=NAMES, size=SIZES, pinned=st.sets(st.integers(990, 1100), max_size=30))
@settings(max_examples=200, deadline=None)
def test_marks_are_unique_within_the_range_and_never_a_pinned_one(
    names: list[str], size: int, pinned: set[int]
) -> None:
    marks = marks_of(names, pinned, size)
    assert len(set(marks.values())) == len(marks)
    assert all(1000 <= mark < 1000 + size and mark not in pinned for mark in marks.values())
    free = size - len([mark for mark in pinned if 1000 <= mark < 1000 + size])
    assert len(marks) == min(len(names), free)


@given(names=NAMES, more=NAMES, size=SIZES)
@settings(max_examples=200, deadline=None)
def test_services_added_behind_change_no_mark(names: list[str], more: list[str], size: int) -> None:
    alone = marks_of(names, (), size)
    together = marks_of(list(dict.fromkeys([*names, *more])), (), size)
    assert {name: together.get(name) for name in alone} == alone


@given(names=NAMES, data=st.data())
@settings(max_examples=200, deadline=None)
def test_order_and_removal_matter_only_among_services_of_the_same_wish(names: list[str], data: st.DataObject) -> None:
    wishes = {name: marks_of([name])[name] for name in names}
    kept = data.draw(st.permutations(names))[: data.draw(st.integers(0, len(names)))]
    marks = marks_of(kept)
    lonely = [name for name in kept if list(wishes.values()).count(wishes[name]) == 1]
    # One that had to give way may have taken what is the wish of another.
    displaced = {marks[name] for name in kept if marks[name] != wishes[name]}
    assert {name: marks[name] for name in lonely if wishes[name] not in displaced} == {
        name: wishes[name] for name in lonely if wishes[name] not in displaced
    }


def test_a_mark_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert marks_of(["web", "mail", "ftp"]) == {"web": 1475, "mail": 1108, "ftp": 1680}


def test_a_full_range_is_used_to_its_last_mark() -> None:
    names = [f"service-{n}" for n in range(1000)]
    assert sorted(marks_of(names).values()) == list(range(1000, 2000))


def test_a_mark_depends_on_the_name_and_not_on_vip_ports_or_real_servers() -> None:
    described = [
        service(ports=[80, 443]),
        service(vip=[VIP, "192.0.2.101"], ports=[1], real_servers=["rs1"], persistence=9),
    ]
    plans = [compile_cluster(description(each), DIRECTORS, REAL_SERVERS) for each in described]
    assert [plan["lb1"]["vars"]["director_fwmarks"][0]["mark"] for plan in plans] == [1475, 1475]


@pytest.mark.parametrize("first", [True, False])
def test_a_pinned_mark_is_nobody_elses_wherever_it_stands(first: bool) -> None:
    chosen, pinned = service(ports=[80, 443]), service(name="b", ports=[8080], fwmark=1475)
    services = [pinned, chosen] if first else [chosen, pinned]
    plan = compile_cluster(description(*services), DIRECTORS, REAL_SERVERS)["lb1"]["vars"]
    marks = {each["name"]: each["fwmark"] for each in plan["director_services"]}
    assert marks["b"] == 1475
    assert marks["web"] != 1475


def test_the_range_is_the_described_one() -> None:
    described = description(service(ports=[80, 443]), fwmark_range=[7, 7])
    assert compile_cluster(described, DIRECTORS, REAL_SERVERS)["lb1"]["vars"]["director_fwmarks"][0]["mark"] == 7
