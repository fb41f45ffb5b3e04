# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify registers of each host becomes what findings are made of."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.findings import cluster_findings
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observations import observations_from_hostvars
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import MACS, VIP, example_plans
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.faults import observe


def test_observations_are_taken_from_what_verify_registers() -> None:
    plans = example_plans()
    seen = observe(plans)
    hostvars: dict[str, dict[str, t.Any]] = {
        name: {
            "lvs_host": {"changed": False, "host": each["host"]},
            "lvs_table": {"changed": False, **each["ipvs"]} if "ipvs" in each else {"skipped": True},
            "lvs_table_after": {"changed": False, **each["ipvs_after"]} if "ipvs_after" in each else {"skipped": True},
        }
        for name, each in seen["hosts"].items()
    }
    hostvars["client"] = {"lvs_probe": {"changed": False, **seen["probe"]}}
    assert cluster_findings(plans, observations_from_hostvars(plans, hostvars, "client")) == []
    hostvars["rs1"] = {}
    hostvars["lb2"]["lvs_host"] = {"unreachable": True, "msg": "timed out"}
    hostvars["client"] = {"lvs_probe": {"unreachable": True}}
    found = cluster_findings(plans, observations_from_hostvars(plans, hostvars, "client"))
    assert [finding["host"] for finding in found] == ["lb2", "rs1", "localhost"]


def test_a_director_that_has_no_plan_because_it_cannot_be_reached_is_observed_as_unreachable() -> None:
    plans = example_plans()
    del plans["lb2"]
    hostvars: dict[str, dict[str, t.Any]] = {"lb2": {"lvs_look": {"unreachable": True}}}
    observations = observations_from_hostvars(plans, hostvars, None, ["lb1", "lb2", "rs1", "rs2"])
    assert observations["hosts"]["lb2"] == {"unreachable": True}
    assert "lb2" in [finding["host"] for finding in cluster_findings(plans, observations)]


#: What arp_hide said in check mode of a real server with another system, and what is found there.
ELSEWHERE: list[tuple[dict[str, object], list[str]]] = [
    ({"changed": False, "operations": []}, []),
    (
        {"changed": True, "operations": ["cp /dev/stdin /etc/rc.conf", "/sbin/ifconfig lo0 …"]},
        ["Its VIPs are not as described: site.yml would run cp /dev/stdin /etc/rc.conf (and 1 more)."],
    ),
    ({"failed": True, "msg": "Python is too old."}, ["It could not be seen whether its VIPs are as described."]),
]


@pytest.mark.parametrize(("result", "found"), ELSEWHERE)
def test_on_other_systems_than_linux_only_the_vips_are_compared(result: dict[str, object], found: list[str]) -> None:
    plans = example_plans()
    seen = observe(plans)
    looks = {"rs1": {"skipped": True, "changed": False}}
    hostvars: dict[str, dict[str, t.Any]] = {
        name: {"lvs_host": looks.get(name, {"host": host["host"]}), "lvs_table": host.get("ipvs")}
        | ({"lvs_table_after": host.get("ipvs_after")})
        for name, host in seen["hosts"].items()
    }
    hostvars["rs1"] = {"lvs_host": looks["rs1"], "lvs_arp_hide": result}
    hostvars["client"] = {"lvs_probe": {"changed": False, **seen["probe"]}}
    findings = cluster_findings(plans, observations_from_hostvars(plans, hostvars, "client"))
    assert [(finding["host"], finding["found"]) for finding in findings] == [("rs1", words) for words in found]


@pytest.mark.parametrize(
    ("facts", "mac"),
    [
        (
            {"interfaces": ["lo0", "em0"], "lo0": {"ipv4": []}, "em0": {"macaddress": "02:00:00:00:0B:5D"}},
            "02:00:00:00:0b:5d",
        ),
        ({"interfaces": [{"connection_name": "Ethernet", "macaddress": "02-00-00-00-0B-5D"}]}, "02:00:00:00:0b:5d"),
    ],
    ids=["FreeBSD", "Windows"],
)
def test_who_answers_is_known_by_his_facts_where_nobody_reads_more(facts: dict[str, object], mac: str) -> None:
    plans = example_plans()
    seen = observe(plans)
    seen["probe"]["neighbours"][VIP].append(mac)
    hostvars: dict[str, dict[str, t.Any]] = {
        name: {
            "lvs_host": {"host": host["host"]},
            "lvs_table": host.get("ipvs"),
            "lvs_table_after": host.get("ipvs_after"),
        }
        for name, host in seen["hosts"].items()
    }
    hostvars["client"] = {"lvs_probe": {"changed": False, **seen["probe"]}}
    hostvars["rs1"] = {
        "lvs_host": {"skipped": True, "changed": False},
        "lvs_arp_hide": {"changed": False, "operations": []},
    }
    # Who is not known may be the one that told nothing.
    assert cluster_findings(plans, observations_from_hostvars(plans, hostvars, "client")) == []
    hostvars["rs1"]["ansible_facts"] = facts
    (finding,) = cluster_findings(plans, observations_from_hostvars(plans, hostvars, "client"))
    assert (finding["host"], finding["found"].partition(", ")[0]) == ("rs1", f"It answers ARP for {VIP}")


def test_a_director_that_could_not_be_read_is_not_blamed_for_its_vips() -> None:
    plans = example_plans()
    seen = observe(plans)
    seen["macs"] = {name: [mac] for name, mac in MACS.items()}
    seen["hosts"]["lb1"]["host"] = None
    found = cluster_findings(plans, seen)
    assert [finding["found"] for finding in found] == ["Its state could not be read, so nothing on it is proven."]
