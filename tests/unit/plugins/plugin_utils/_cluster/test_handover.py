# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who would take the VIPs over, and when he must not."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest

from ansible_collections.lvs.cluster.plugins.filter.cluster_handover import cluster_handover
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    REAL_SERVERS,
    description,
    example_plans,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.test_drains import change, seen

Variables = dict[str, t.Any]


def way(
    break_it: Callable[[Variables], object] = lambda variables: None, *args: str, **keys: object
) -> dict[str, t.Any]:
    plans = example_plans(service(), **keys)
    variables = seen(plans)
    break_it(variables)
    return cluster_handover(plans, variables, *args)


def test_the_standby_takes_over_and_afterwards_all_take_part_again() -> None:
    found = way()
    assert (found["active"], found["target"]) == ("lb1", "lb2")
    assert found["mistakes"] == found["refusals"] == []
    assert found["during"] == {"lb1": -254, "lb2": 0}
    assert found["after"] == {"lb1": 0, "lb2": 0}
    assert found["macs"] == ["02:00:00:00:00:12"]


def test_with_preempt_who_comes_first_has_to_yield_on() -> None:
    found = way(vrrp={"preempt": True})
    assert found["during"] == found["after"] == {"lb1": -253, "lb2": 0}


def test_with_preempt_the_way_back_is_to_yield_no_longer() -> None:
    plans = example_plans(service(), vrrp={"preempt": True})
    variables = seen(plans)
    addresses = {name: variables[name]["lvs_host"]["host"]["addresses"] for name in ("lb1", "lb2")}
    addresses["lb2"] += [each for each in addresses["lb1"] if each["address"] == "192.0.2.100"]
    addresses["lb1"][:] = [each for each in addresses["lb1"] if each["address"] != "192.0.2.100"]
    found = cluster_handover(plans, variables, "lb1")
    assert (found["active"], found["target"]) == ("lb2", "lb1")
    assert found["during"] == found["after"] == {"lb1": 0, "lb2": 0}


@pytest.mark.parametrize(
    ("to", "away", "target"),
    [("lb2", "", "lb2"), ("lb1", "", "lb1"), ("", "lb1", "lb2"), ("", "lb2", "lb1"), ("", "", "lb2")],
)
def test_a_director_is_named_by_what_it_is_to_be(to: str, away: str, target: str) -> None:
    found = way(lambda variables: None, to, away)
    assert found["target"] == target
    assert bool(found["during"]) == (target != "lb1")


def drop_vips(variables: Variables) -> None:
    addresses = variables["lb1"]["lvs_host"]["host"]["addresses"]
    addresses[:] = [each for each in addresses if each["address"] != "192.0.2.100"]


def hold_twice(variables: Variables) -> None:
    vip = {"address": "192.0.2.100", "prefix": 32, "interface": "eth0"}
    variables["lb2"]["lvs_host"]["host"]["addresses"].append(vip)


@pytest.mark.parametrize(
    ("break_it", "to", "words"),
    [
        (drop_vips, "", "Nobody holds 192.0.2.100"),
        (hold_twice, "", "lb1 and lb2 hold VIPs at the same time"),
        (lambda variables: None, "lb3", "lvs_director: 'lb3' is no director. Did you mean"),
        (lambda variables: None, "elsewhere", "Write lb1 or lb2."),
    ],
)
def test_what_nobody_can_do_is_said(break_it: Callable[[Variables], object], to: str, words: str) -> None:
    found = way(break_it, to)
    assert words in " ".join(found["mistakes"])
    assert found["during"] == {}


def test_a_single_director_has_nobody_to_hand_over_to() -> None:
    plans = compile_cluster(description(failover="none"), DIRECTORS[:1], REAL_SERVERS)
    found = cluster_handover(plans, {"lb1": seen(example_plans(service()))["lb1"]})
    assert "There is one director only" in found["mistakes"][0]


def stop_daemon(variables: Variables) -> None:
    variables["lb2"]["lvs_host"]["host"]["services"]["keepalived"] = {"active": False, "enabled": True}


def take_out(variables: Variables) -> None:
    variables["lb2"]["lvs_table"]["services"][0]["destinations"].pop()


def forget_service(variables: Variables) -> None:
    variables["lb2"]["lvs_table"]["services"].clear()


def be_deaf(variables: Variables) -> None:
    variables["lb1"]["lvs_host"]["host"]["files"] = {}


def announce(variables: Variables) -> None:
    variables["lb1"]["lvs_table"]["daemons"] = [{"role": "master"}]


def announce_and_listen(variables: Variables) -> None:
    announce(variables)
    variables["lb2"]["lvs_table"]["daemons"] = [{"role": "backup"}]


def be_away(variables: Variables) -> None:
    variables["lb2"] = {"lvs_host": {"unreachable": True}}


def have_no_table(variables: Variables) -> None:
    variables["lb2"]["lvs_table"] = {"failed": True, "msg": "no ip_vs"}


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (stop_daemon, "keepalived does not run on lb2."),
        (take_out, "rs2 has no place for web on lb2 and weight 1 on lb1."),
        (forget_service, "web is missing in the table of lb2."),
        (
            lambda v: change(v["lb2"]["lvs_table"], "rs1", weight=7),
            "rs1 has weight 7 for web on lb2 and weight 1 on lb1.",
        ),
        (be_deaf, "keepalived on lb1 cannot be told to yield yet: run site.yml"),
        (announce, "lb2 does not listen for the connections that lb1 announces"),
        (be_away, "lb2 cannot be reached."),
        (have_no_table, "The IPVS table of lb2 could not be read: no ip_vs."),
    ],
)
def test_a_standby_that_is_not_ready_is_refused_with_the_reason(
    break_it: Callable[[Variables], object], words: str
) -> None:
    found = way(break_it)
    assert found["mistakes"] == []
    (refusal,) = found["refusals"]
    assert words in refusal


def test_a_standby_that_listens_for_connections_is_ready() -> None:
    assert way(announce_and_listen)["refusals"] == []
