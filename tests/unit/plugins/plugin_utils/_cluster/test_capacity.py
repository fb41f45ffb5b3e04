# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a service may go, seen against the kernel's tables."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.capacity import change_refusals, drain_refusals
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observed import key_of

HOSTS = {f"rs{n}": f"192.0.2.2{n}" for n in range(1, 5)}
KEY = ("tcp", "192.0.2.100", 80)
Weights = dict[str, int]


def web(weights: Weights, **keys: t.Any) -> dict[str, t.Any]:
    return {
        "name": "web",
        "fwmark": None,
        "address": "192.0.2.100",
        "port": 80,
        "protocol": "tcp",
        "real_servers": [{"host": h, "address": HOSTS[h], "port": 80, "weight": w} for h, w in weights.items()],
        **keys,
    }


def table(weights: Weights | None) -> dict[t.Any, t.Any]:
    if weights is None:
        return {}
    entries = [{"destination": HOSTS.get(h, h), "destination_port": 80, "weight": w} for h, w in weights.items()]
    return {KEY: {"destinations": entries}}


def leaving(*hosts: str) -> dict[t.Any, t.Any]:
    return {KEY: [(HOSTS[host], 80) for host in hosts]}


#: What is described, what the kernel has, who leaves, min_capacity, the refusal's words (None: it may be).
DRAINS: list[tuple[str, Weights, Weights | None, list[str], int, str | None]] = [
    ("half stays", {"rs1": 1, "rs2": 1}, {"rs1": 1, "rs2": 1}, ["rs1"], 50, None),
    ("half is too little", {"rs1": 1, "rs2": 1}, {"rs1": 1, "rs2": 1}, ["rs1"], 51, "left with rs2, 50 % of the"),
    ("the heavier one", {"rs1": 1, "rs2": 2}, {"rs1": 1, "rs2": 2}, ["rs2"], 50, "33 % of the described weight"),
    ("the lighter one", {"rs1": 1, "rs2": 2}, {"rs1": 1, "rs2": 2}, ["rs1"], 50, None),
    ("the last one", {"rs1": 1}, {"rs1": 1}, ["rs1"], 0, "nobody would be left to serve web"),
    ("the last one alive", {"rs1": 1, "rs2": 1}, {"rs1": 1}, ["rs1"], 0, "nobody would be left"),
    ("the last one not drained", {"rs1": 1, "rs2": 1}, {"rs1": 1, "rs2": 0}, ["rs1"], 0, "nobody would be left"),
    ("all at once", {"rs1": 1, "rs2": 1}, {"rs1": 1, "rs2": 1}, ["rs1", "rs2"], 0, "nobody would be left"),
    ("0 guards the last one only", {"rs1": 9, "rs2": 1}, {"rs1": 9, "rs2": 1}, ["rs1"], 0, None),
    ("100 lets nobody go", {"rs1": 1, "rs2": 99}, {"rs1": 1, "rs2": 99}, ["rs1"], 100, "99 % of the described"),
    (
        "a dead one is no capacity",
        {"rs1": 1, "rs2": 1, "rs3": 1, "rs4": 1},
        {"rs1": 1, "rs2": 1},
        ["rs1"],
        50,
        "left with rs2, 25 %",
    ),
    (
        "a drained one is no capacity",
        {"rs1": 1, "rs2": 1, "rs3": 1},
        {"rs1": 1, "rs2": 1, "rs3": 0},
        ["rs1"],
        50,
        "left with rs2, 33 %",
    ),
    ("drained already", {"rs1": 1, "rs2": 1}, {"rs1": 0, "rs2": 1}, ["rs1"], 100, None),
    ("dead already", {"rs1": 1, "rs2": 1}, {"rs2": 1}, ["rs1"], 100, None),
    ("described with weight 0", {"rs1": 0, "rs2": 1}, {"rs1": 0, "rs2": 1}, ["rs1"], 100, None),
    ("no such service there", {"rs1": 1, "rs2": 1}, None, ["rs1"], 0, "web (tcp/192.0.2.100:80) is not in its table"),
    ("a stranger is no capacity", {"rs1": 1}, {"rs1": 1, "192.0.2.99": 5}, ["rs1"], 0, "nobody would be left"),
    ("a raised weight counts", {"rs1": 1, "rs2": 1}, {"rs1": 1, "rs2": 3}, ["rs1"], 100, None),
    ("it is nobody of this service", {"rs1": 1}, {"rs1": 1}, [], 100, None),
]


@pytest.mark.parametrize(
    ("described", "live", "hosts", "least", "words"), [case[1:] for case in DRAINS], ids=[case[0] for case in DRAINS]
)
def test_a_drain_leaves_enough_or_is_refused(
    described: Weights, live: Weights | None, hosts: list[str], least: int, words: str | None
) -> None:
    service = web(described, min_capacity=least)
    refusals = drain_refusals([service], {"lb1": table(live)}, leaving(*hosts) if hosts else {})
    assert len(refusals) == (words is not None)
    assert words is None or words in refusals[0]
    assert words is None or refusals[0].startswith("lb1: ")


def test_every_director_is_asked() -> None:
    tables = {"lb1": table({"rs1": 1, "rs2": 1}), "lb2": table({"rs1": 1})}
    (refusal,) = drain_refusals([web({"rs1": 1, "rs2": 1})], tables, leaving("rs1"))
    assert refusal == "lb2: nobody would be left to serve web (tcp/192.0.2.100:80)."


def test_half_has_to_stay_where_nothing_is_said() -> None:
    service = web({"rs1": 1, "rs2": 2})
    assert key_of(service) == KEY
    (refusal,) = drain_refusals([service], {"lb1": table({"rs1": 1, "rs2": 2})}, leaving("rs2"))
    assert refusal.endswith("would be left with rs1, 33 % of the described weight; min_capacity is 50 %.")


#: What serves now, what is described, min_capacity, the refusal's words (None: it may be).
CHANGES: list[tuple[str, Weights | None, Weights, int, str | None]] = [
    ("nothing changes", {"rs1": 1, "rs2": 1}, {"rs1": 1, "rs2": 1}, 100, None),
    ("nothing serves yet", None, {"rs1": 1}, 100, None),
    ("nobody serves now", {"rs1": 0}, {"rs2": 1}, 100, None),
    ("half goes", {"rs1": 1, "rs2": 1}, {"rs1": 1}, 50, None),
    ("most goes", {"rs1": 1, "rs2": 1, "rs3": 1}, {"rs1": 1}, 50, "left with rs1, 33 % of what serves now"),
    ("a drained one goes", {"rs1": 1, "rs2": 0}, {"rs1": 1}, 100, None),
    ("all go and others come", {"rs1": 1}, {"rs2": 1, "rs3": 1}, 0, "nobody would be left to serve web"),
    ("more come", {"rs1": 1}, {"rs1": 1, "rs2": 1}, 100, None),
    ("a new one does not count yet", {"rs1": 1, "rs2": 1}, {"rs1": 1, "rs3": 1}, 51, "left with rs1, 50 %"),
    ("weight 0 takes away", {"rs1": 1, "rs2": 2}, {"rs1": 1, "rs2": 0}, 50, "left with rs1, 33 %"),
    ("all weights 0", {"rs1": 1, "rs2": 2}, {"rs1": 0, "rs2": 0}, 0, "nobody would be left"),
    ("one is lowered", {"rs1": 10, "rs2": 10}, {"rs1": 10, "rs2": 1}, 60, "left with rs1 and rs2, 55 %"),
    ("one is lowered a little", {"rs1": 10, "rs2": 10}, {"rs1": 10, "rs2": 1}, 55, None),
    ("one is raised", {"rs1": 1, "rs2": 2}, {"rs1": 100, "rs2": 2}, 100, None),
    ("all are lowered alike", {"rs1": 100, "rs2": 200}, {"rs1": 1, "rs2": 2}, 100, None),
    ("all are raised alike", {"rs1": 1, "rs2": 2}, {"rs1": 100, "rs2": 200}, 100, None),
    ("the sorry server is none of them", {"192.0.2.99": 1}, {"rs1": 1}, 100, None),
]


@pytest.mark.parametrize(
    ("live", "described", "least", "words"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES]
)
def test_a_changed_description_leaves_enough_or_is_refused(
    live: Weights | None, described: Weights, least: int, words: str | None
) -> None:
    service = web(described, min_capacity=least, sorry_server={"address": "192.0.2.99", "port": 80})
    refusals = change_refusals([service], {"lb1": table(live)})
    assert len(refusals) == (words is not None)
    assert words is None or words in refusals[0]


def test_a_service_that_is_described_no_longer_is_no_matter_of_capacity() -> None:
    other = web({"rs1": 1}, name="mail", address="192.0.2.101", port=25)
    assert change_refusals([other], {"lb1": table({"rs1": 1, "rs2": 1})}) == []
