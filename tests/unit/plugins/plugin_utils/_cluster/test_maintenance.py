# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drains and handovers where ldirectord owns the table and heartbeat moves the VIPs."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest

from ansible_collections.lvs.cluster.plugins.filter.cluster_drain import cluster_drain
from ansible_collections.lvs.cluster.plugins.filter.cluster_handover import cluster_handover
from ansible_collections.lvs.cluster.plugins.filter.cluster_status import cluster_status
from ansible_collections.lvs.cluster.plugins.filter.cluster_table import cluster_table
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.findings import cluster_findings
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.maintenance import maintenance_name
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    VIP,
    VIP6,
    example_plans,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.test_drains import (
    DIRECTORY,
    change,
    observe,
    seen,
)

MAINTENANCE = "/etc/lvs-cluster/maintenance"
Variables = dict[str, t.Any]


def plans_of(*services: object, **keys: object) -> Variables:
    """A pair with heartbeat and ldirectord."""
    return example_plans(
        *(services or (service(),)), **{"failover": "heartbeat", "health_checks": "ldirectord", **keys}
    )


def drain(plans: Variables, *args: t.Any, **drains: list[str]) -> Variables:
    return cluster_drain(plans, seen(plans, **drains), *args)


@pytest.mark.parametrize(
    ("address", "port", "name"),
    [
        ("192.0.2.21", 80, "192.0.2.21:80"),
        ("192.0.2.21", 0, "192.0.2.21:0"),
        ("2001:db8::21", 80, "[2001:db8::21]:80"),
    ],
)
def test_a_file_is_called_as_ldirectord_looks_for_it(address: str, port: int, name: str) -> None:
    assert maintenance_name(address, port) == name


def test_a_drain_makes_a_file_for_each_place_of_a_real_server() -> None:
    plans = plans_of(service(vip=[VIP, VIP6]), service(name="marked", vip="192.0.2.101", ports=[80, 443]))
    work = drain(plans, "rs1")
    assert work["mistakes"] == work["refusals"] == []
    assert work["drain"]["maintenance"] == {"192.0.2.21:80": True, "[2001:db8:2::21]:80": True, "192.0.2.21:0": True}
    files = ["web@rs1:-65535", "marked@rs1:-65535"]
    (step,) = drain(plans, "rs1", lb1=files, lb2=files)["undrain"]
    assert step["maintenance"] == dict.fromkeys(work["drain"]["maintenance"], False)


def test_only_ldirectord_gets_files_in_its_directory() -> None:
    plans = example_plans(service())
    assert cluster_drain(plans, seen(plans), "rs1")["drain"]["maintenance"] == {}


def test_ldirectord_gets_the_time_that_it_needs_to_come_round() -> None:
    plans = plans_of(service(check={"type": "tcp", "interval": 60, "timeout": 5}))
    assert drain(plans, "rs1")["drain"]["seconds"] == 20 + 60 + 2 * (5 + 2)


def test_two_services_of_one_port_are_left_together_or_not_at_all() -> None:
    plans = plans_of(service(), service(name="shop", vip="192.0.2.101"), service(name="mail", ports=[25]))
    assert drain(plans, "rs1")["mistakes"] == []
    assert drain(plans, "rs1", "mail")["mistakes"] == []
    (mistake,) = drain(plans, "rs1", "shop")["mistakes"]
    assert mistake == (
        "ldirectord knows a real server by address and port only, so rs1 leaves shop and web together. "
        "Leave lvs_service out."
    )


def test_a_drain_that_would_cut_connections_and_a_slow_start_are_refused() -> None:
    plans = plans_of(service(check={"type": "tcp", "quiesce_on_failure": False}))
    (mistake,) = drain(plans, "rs1")["mistakes"]
    assert "cut its connections, because quiesce_on_failure is false" in mistake
    (mistake,) = drain(plans_of(), "rs1", "", 4)["mistakes"]
    assert mistake == "ldirectord gives a real server its whole weight at once. Leave lvs_steps out."


def test_the_role_finds_out_which_files_come_and_which_of_its_own_go() -> None:
    services = plans_of(service(real_servers=["rs1", {"host": "rs2", "weight": 4}]))["lb1"]["vars"]["director_services"]
    lines = [
        f"{DIRECTORY}/web@rs1:-65535",
        f"{DIRECTORY}/web@rs2:-2",  # a slow start in another engine: half of its weight is left
        f"{DIRECTORY}/gone@rs9:-65535",
        f"{MAINTENANCE}/192.0.2.29:80:drained",
        f"{MAINTENANCE}/[2001:db8::29]:80:drained",
        f"{MAINTENANCE}/192.0.2.28:80:by hand",
    ]
    table = cluster_table(services, "", lines)
    assert table["maintenance"] == {"192.0.2.21:80": True, "192.0.2.29:80": False, "[2001:db8::29]:80": False}
    assert table["forgotten"] == ["gone@rs9"]


def test_a_file_that_is_there_and_wanted_stays() -> None:
    services = plans_of()["lb1"]["vars"]["director_services"]
    lines = [f"{DIRECTORY}/web@rs1:-65535", f"{MAINTENANCE}/192.0.2.21:80:drained"]
    assert cluster_table(services, "", lines)["maintenance"] == {"192.0.2.21:80": True}


def test_verify_takes_a_drained_real_server_for_drained_and_not_for_dead() -> None:
    plans = plans_of()
    look = observe(plans)
    for name in ("lb1", "lb2"):
        look["hosts"][name]["drains"] = [f"{DIRECTORY}/web@rs1:-65535"]
        for table in ("ipvs", "ipvs_after"):
            change(look["hosts"][name][table], "rs1", weight=0)
    (finding,) = cluster_findings(plans, look)
    assert (finding["host"], finding["found"]) == ("rs1", "It is drained in web.")


def test_status_tells_dead_from_drained_and_names_every_daemon_that_does_not_run() -> None:
    plans = plans_of()
    drained = [f"{DIRECTORY}/web@rs1:-65535"]
    variables = seen(plans)
    for name in ("lb1", "lb2"):
        variables[name]["lvs_drains"]["stdout_lines"] = drained
        for host in ("rs1", "rs2"):
            change(variables[name]["lvs_table"], host, weight=0)
    variables["lb2"]["lvs_host"]["host"]["services"] = {}
    text = "\n".join(cluster_status(plans, variables)["lines"])
    assert "Director lb2: standby, but heartbeat and ldirectord do not run." in text
    assert "0 drained, 0/0/0" in text
    assert "rs2 is not in the table of lb1." in text


def way(break_it: Callable[[Variables], object], *args: str, **keys: object) -> Variables:
    plans = plans_of(**keys)
    variables = seen(plans)
    break_it(variables)
    return cluster_handover(plans, variables, *args)


@pytest.mark.parametrize("health_checks", ["keepalived", "ldirectord", "none"])
def test_heartbeat_hands_over_to_the_other_director_and_nobody_has_to_yield(health_checks: str) -> None:
    found = way(lambda variables: None, health_checks=health_checks)
    assert (found["active"], found["target"]) == ("lb1", "lb2")
    assert found["mistakes"] == found["refusals"] == []
    assert found["during"] == found["after"] == {}


def stop(host: str, daemon: str) -> Callable[[Variables], object]:
    def stop_it(variables: Variables) -> None:
        variables[host]["lvs_host"]["host"]["services"][daemon] = {"active": False, "enabled": True}

    return stop_it


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (stop("lb2", "heartbeat"), "heartbeat does not run on lb2."),
        (stop("lb2", "ldirectord"), "ldirectord does not run on lb2."),
        (stop("lb1", "heartbeat"), "heartbeat does not run on lb1, and cannot let the VIPs go."),
        (
            lambda variables: change(variables["lb2"]["lvs_table"], "rs1", weight=0),
            "rs1 has no place for web on lb2 and weight 1 on lb1.",
        ),
    ],
)
def test_a_standby_that_is_not_ready_is_refused_with_the_reason(
    break_it: Callable[[Variables], object], words: str
) -> None:
    assert way(break_it)["refusals"] == [words]
