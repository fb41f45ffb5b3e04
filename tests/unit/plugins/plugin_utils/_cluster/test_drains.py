# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drains: names, files, steps, what is left; how verify and status speak of them."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.filter.cluster_begun import cluster_begun
from ansible_collections.lvs.cluster.plugins.filter.cluster_capacity import cluster_capacity
from ansible_collections.lvs.cluster.plugins.filter.cluster_drain import cluster_drain
from ansible_collections.lvs.cluster.plugins.filter.cluster_status import cluster_status
from ansible_collections.lvs.cluster.plugins.filter.cluster_table import cluster_table
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.drain_files import DRAINED, drains_read
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.drains import drain_of, steps_of, written_steps
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.findings import cluster_findings
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    REAL_SERVERS,
    VIP,
    VIP6,
    example_plans,
    mistakes,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    description as described,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.healthy import observe as observe_healthy
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.healthy import table_of

DIRECTORY = "/etc/lvs-cluster/drain"
WEIGHTED = service(real_servers=["rs1", {"host": "rs2", "weight": 2}])


def observe(plans: dict[str, t.Any]) -> dict[str, t.Any]:
    return observe_healthy(plans, [*DIRECTORS, *REAL_SERVERS])


def seen(plans: dict[str, t.Any], **drains: list[str]) -> dict[str, t.Any]:
    """Directors as the playbooks see them; ``drains`` are their files."""
    names = [f"{s['name']}@{r['host']}" for s in plans["lb1"]["vars"]["director_services"] for r in s["real_servers"]]
    watched = [f"track_file {name} {{" for name in [*names, "lvs_yield"]]
    looks = observe(plans)["hosts"]
    return {
        name: {
            "lvs_table": table_of(plans[name]),
            "lvs_host": {
                "host": {**looks[name]["host"], "files": {"/etc/keepalived/keepalived.conf": watched}},
            },
            "lvs_drains": {"stdout_lines": [f"{DIRECTORY}/{file}" for file in drains.get(name, [])]},
        }
        for name in ("lb1", "lb2")
    }


def change(table: dict[str, t.Any], host: str, **values: int) -> None:
    for of_service in table["services"]:
        for entry in of_service["destinations"]:
            if entry["destination"] in (f"192.0.2.2{host[-1]}", f"2001:db8:2::2{host[-1]}"):
                entry.update(values)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([f"{DIRECTORY}/web@rs1:-65535"], {"web@rs1": -65535}),
        ([f"{DIRECTORY}/a:b@rs1:-3", "web@2001:db8::1:-4"], {"a:b@rs1": -3, "web@2001:db8::1": -4}),
        ([f"{DIRECTORY}/web@rs1:0", f"{DIRECTORY}/web@rs1:x", f"{DIRECTORY}/other:-5", "", "grep: no"], {}),
    ],
)
def test_files_are_read_as_keepalived_reads_them(lines: list[str], found: dict[str, int]) -> None:
    assert drains_read(lines) == found


@pytest.mark.parametrize(
    ("host", "name", "words"),
    [
        ("", "", "lvs_real_server is not set. Write one of the real servers: rs1 or rs2."),
        ("rs3", "", "lvs_real_server: 'rs3' is no real server of a service. Did you mean"),
        ("zzzz", "", "Write rs1 or rs2."),
        ("rs1", "wbe", "lvs_service: 'wbe' is no service. Did you mean web?"),
        ("rs1", "mail", "lvs_service: rs1 does not serve mail. It serves web."),
        (["rs1"], "", "a list is no real server"),
    ],
)
def test_wrong_names_are_answered_with_what_there_is(host: t.Any, name: str, words: str) -> None:
    plans = example_plans(service(), service(name="mail", ports=[25], real_servers=["rs2"]))
    work = cluster_drain(plans, seen(plans), host, name)
    assert words in " ".join(work["mistakes"])
    assert (work["refusals"], work["drain"], work["undrain"]) == ([], {}, [])


def test_names_that_make_no_file_are_refused() -> None:
    plans = example_plans(service(name="w" * 230))
    (mistake,) = cluster_drain(plans, seen(plans), "rs1")["mistakes"]
    assert "too long for the name of a file" in mistake


def test_a_drain_writes_one_file_for_each_service_and_names_what_that_changes() -> None:
    plans = example_plans(WEIGHTED, service(name="web6", vip=VIP6))
    work = cluster_drain(plans, seen(plans), "rs1")
    assert work["mistakes"] == work["refusals"] == []
    assert work["drain"]["files"] == {"web@rs1": DRAINED, "web6@rs1": DRAINED}
    assert work["drain"]["services"]["lb2"][0] == {
        "address": "192.0.2.100",
        "port": 80,
        "protocol": "tcp",
        "destinations": [{"destination": "192.0.2.21", "destination_port": 80, "weight": 0}],
    }
    assert work["undrain"] == []
    assert set(cluster_drain(plans, seen(plans), "rs1", "web6")["drain"]["files"]) == {"web6@rs1"}


def test_one_service_of_both_families_is_one_file() -> None:
    plans = example_plans(service(vip=["192.0.2.100", VIP6]))
    work = cluster_drain(plans, seen(plans), "rs1")
    assert list(work["drain"]["files"]) == ["web@rs1"]
    assert len(work["drain"]["services"]["lb1"]) == 2


def test_a_destination_that_its_check_took_out_is_not_put_back_by_a_drain() -> None:
    plans = example_plans(service())
    variables = seen(plans)
    variables["lb1"]["lvs_table"]["services"][0]["destinations"].pop(0)
    work = cluster_drain(plans, variables, "rs1")
    assert work["drain"]["services"] == {"lb1": [], "lb2": work["drain"]["services"]["lb2"]}
    assert work["left"]["lb1"]["absent"] == ["web"]


def test_a_keepalived_that_does_not_watch_the_file_is_named_before_anything_is_written() -> None:
    plans = example_plans(service())
    variables = seen(plans)
    variables["lb2"]["lvs_host"]["host"]["files"] = {}
    (mistake,) = cluster_drain(plans, variables, "rs1")["mistakes"]
    assert mistake == "keepalived on lb2 does not watch drains of rs1 yet. Run site.yml, which tells it to."
    unchecked = example_plans(service(), health_checks="none")
    assert cluster_drain(unchecked, variables, "rs1")["mistakes"] == []


def test_a_director_whose_table_cannot_be_read_is_named_and_one_that_was_left_out_is_not() -> None:
    plans = example_plans(service())
    variables = seen(plans)
    variables["lb2"]["lvs_table"] = {"failed": True, "msg": "IPVS of this host is not to be had."}
    (mistake,) = cluster_drain(plans, variables, "rs1")["mistakes"]
    assert mistake == "The IPVS table of lb2 could not be read: IPVS of this host is not to be had."
    del variables["lb2"]
    assert cluster_drain(plans, variables, "rs1")["mistakes"] == []


@pytest.mark.parametrize(
    ("weight", "number", "steps"),
    [
        (1, 1, [1]),
        (1, 4, [1]),
        (3, 4, [1, 2, 3]),
        (100, 4, [25, 50, 75, 100]),
        (10, 3, [4, 7, 10]),
        (0, 4, [0]),
        (65535, 2, [32768, 65535]),
        (5, 0, [5]),
    ],
)
def test_a_slow_start_ends_with_the_whole_weight(weight: int, number: int, steps: list[int]) -> None:
    assert steps_of(weight, number) == steps


def test_steps_of_all_services_end_together_and_only_what_is_drained_is_given_back() -> None:
    services = example_plans(
        service(real_servers=[{"host": "rs1", "weight": 4}, "rs2"]), service(name="web6", vip=VIP6)
    )["lb1"]["vars"]["director_services"]
    drain = drain_of(services, "rs1")
    both = {"web@rs1": DRAINED, "web6@rs1": DRAINED}
    assert written_steps(drain, 1, both) == [{"web@rs1": None, "web6@rs1": None}]
    assert written_steps(drain, 4, both) == [
        {"web@rs1": -3},
        {"web@rs1": -2},
        {"web@rs1": -1},
        {"web@rs1": None, "web6@rs1": None},
    ]
    assert written_steps(drain, 4, {"web6@rs1": DRAINED}) == [{"web6@rs1": None}]
    assert written_steps(drain, 4, {"web@rs1": -2}) == [{"web@rs1": -1}, {"web@rs1": None}]
    assert written_steps(drain, 4, {}) == []


def test_undrain_goes_on_from_the_director_that_is_furthest_behind() -> None:
    plans = example_plans(service(real_servers=[{"host": "rs1", "weight": 4}, {"host": "rs2", "weight": 4}]))
    variables = seen(plans, lb1=["web@rs1:-2"], lb2=["web@rs1:-65535"])
    work = cluster_drain(plans, variables, "rs1", "", 4)
    assert work["drained"] == {"lb1": {"web@rs1": -2}, "lb2": {"web@rs1": -65535}}
    assert [step["files"] for step in work["undrain"]] == [{"web@rs1": n} for n in (-3, -2, -1, None)]
    weights = [step["services"]["lb1"][0]["destinations"][0]["weight"] for step in work["undrain"]]
    assert weights == [1, 2, 3, 4]


def test_what_is_left_is_told_in_words() -> None:
    plans = example_plans(service(persistence=60), service(name="web6", vip=VIP6))
    variables = seen(plans)
    assert cluster_drain(plans, variables, "rs1")["left"]["lb1"]["text"] == "no connection"
    change(variables["lb1"]["lvs_table"], "rs1", active_connections=2, inactive_connections=9)
    left = cluster_drain(plans, variables, "rs1")["left"]["lb1"]
    assert (left["active"], left["persistent"]) == (4, 0)
    assert left["text"] == "4 active connections in web and web6"
    assert left["open"] == ["web", "web6"]
    change(variables["lb1"]["lvs_table"], "rs1", active_connections=0, persistent_connections=1, weight=0)
    left = cluster_drain(plans, variables, "rs1", "web")["left"]["lb1"]
    assert (left["text"], left["open"]) == ("1 persistent connection in web", [])


def test_the_table_of_the_modules_keeps_drains_also_of_what_is_new_or_weighed_anew() -> None:
    old = example_plans(service(), health_checks="none")["lb1"]["vars"]["director_services"]
    new = example_plans(service(real_servers=[{"host": "rs1", "weight": 5}, "rs2"]), health_checks="none")
    remembered = json.dumps(cluster_table(old)["described"])
    table = cluster_table(new["lb1"]["vars"]["director_services"], remembered, [f"{DIRECTORY}/web@rs1:-65535"])
    assert [d["weight"] for d in table["services"][0]["destinations"]] == [0, 1]
    assert [d["weight"] for d in table["described"][0]["destinations"]] == [5, 1]
    assert [d["weight"] for d in table["reweighed"][0]["destinations"]] == [0]


def test_drains_of_what_is_not_described_are_forgotten() -> None:
    services = example_plans(service())["lb1"]["vars"]["director_services"]
    lines = [f"{DIRECTORY}/{name}:-65535" for name in ("web@rs1", "web@rs9", "gone@rs1")]
    assert cluster_table(services, "", lines)["forgotten"] == ["gone@rs1", "web@rs9"]


def test_verify_names_a_drain_once_and_nothing_that_follows_from_it() -> None:
    plans = example_plans(service(), service(name="web6", vip=VIP6))
    look = observe(plans)
    for name in ("lb1", "lb2"):
        look["hosts"][name]["drains"] = [f"{DIRECTORY}/web@rs1:-65535", f"{DIRECTORY}/web6@rs1:-65535"]
        for table in ("ipvs", "ipvs_after"):
            change(look["hosts"][name][table], "rs1", weight=0)
    (finding,) = cluster_findings(plans, look)
    assert (finding["host"], finding["found"]) == ("rs1", "It is drained in web and web6.")
    assert "lvs_real_server=rs1" in finding["remedy"]


def test_verify_names_a_director_that_does_not_know_of_a_drain_or_does_not_follow_it() -> None:
    plans = example_plans(service())
    look = observe(plans)
    look["hosts"]["lb1"]["drains"] = [f"{DIRECTORY}/web@rs1:-65535"]
    found = {(f["host"], f["found"]) for f in cluster_findings(plans, look)}
    assert ("rs1", "It is drained in web.") in found
    assert (
        "lb2",
        "It does not know that rs1 is drained in web, and would send new connections to it.",
    ) in found
    assert any(host == "lb1" and "is 1 instead of 0" in text for host, text in found)


def test_the_guard_of_site_reads_what_serves_on_each_director() -> None:
    plans = example_plans(service(real_servers=["rs1", {"host": "rs2", "weight": 0}]))
    variables = seen(example_plans(service()))
    assert cluster_capacity(plans, variables) == []
    strict = example_plans(service(real_servers=["rs1", {"host": "rs2", "weight": 0}], min_capacity=60))
    refusals = cluster_capacity(strict, variables)
    assert [text.partition(":")[0] for text in refusals] == ["lb1", "lb2"]
    assert cluster_capacity(strict, {"lb1": {"lvs_table": {"failed": True}}, "lb2": {}}) == []


def test_what_directors_would_begin_to_send_is_seen_by_what_they_send_now() -> None:
    plans = example_plans()
    variables = seen(plans)
    assert cluster_begun(plans, variables, ["rs2"]) == {}
    for name in ("lb1", "lb2"):
        services = variables[name]["lvs_table"]["services"]
        services[0]["destinations"] = [d for d in services[0]["destinations"] if d["destination"] != "192.0.2.22"]
        assert cluster_begun(plans, variables, ["rs1"]) == {}
        # One of them has it: nothing begins.
        assert cluster_begun(plans, variables, ["rs2"]) == ({} if name == "lb1" else {"rs2": ["web"]})
    lan, lo = {"address": "192.0.2.22", "prefix": "24"}, {"address": "127.0.0.1", "prefix": "8"}
    vip, facts = {"address": VIP, "prefix": "32"}, {"interfaces": ["eth0", "lo"]}
    vips = {
        "ansible_host": "192.0.2.22",
        "ansible_facts": {**facts, "eth0": {"ipv4": lan}, "lo": {"ipv4": lo, "ipv4_secondaries": [vip]}},
    }
    assert cluster_begun(plans, {**variables, "rs2": vips}, ["rs2"]) == {}, "taken out by its check, it has its VIPs"
    bsd = {"interfaces": ["em0", "lo0"], "lo0": {"ipv4": [lo, vip]}}
    assert cluster_begun(plans, {**variables, "rs2": {**vips, "ansible_facts": bsd}}, ["rs2"]) == {}
    lvs0 = {**facts, "eth0": {"ipv4": lan}, "lo": {"ipv4": lo}, "lvs0": {"ipv4": vip}}
    dummy = {**vips, "realserver_linux_arp_interface": "lvs0", "ansible_facts": lvs0}
    assert cluster_begun(plans, {**variables, "rs2": dummy}, ["rs2"]) == {}
    wrong = {**vips, "ansible_facts": {**facts, "eth0": {"ipv4": lan, "ipv4_secondaries": [vip]}, "lo": {"ipv4": lo}}}
    assert cluster_begun(plans, {**variables, "rs2": wrong}, ["rs2"]) == {"rs2": ["web"]}, "it answers ARP for the VIP"
    nobody = {"lb1": {"lvs_table": {"failed": True}}, "lb2": {}}
    assert cluster_begun(plans, {**nobody, "rs2": vips}, ["rs2"]) == {"rs2": ["web6"]}
    both = {"rs1": ["web", "web6"]}
    assert cluster_begun(plans, nobody, ["rs1", "rs2"]) == {**both, "rs2": ["web", "web6"]}
    assert cluster_begun(plans, nobody, []) == {}
    assert cluster_begun(plans, nobody, [], ["rs1"]) == both
    services = [f"virtual_server {VIP} 80 {{", "lvs_method DR"], [f"virtual_server {VIP6} 80 {{", "lvs_method DR"]
    named = [*services[0], "real_server 192.0.2.21 80 {", *services[1]]
    files = {"lvs_named": {"stdout_lines": [*named, "real_server 2001:db8:2::21 80 {"]}}
    assert cluster_begun(plans, {**nobody, "lb2": {**nobody["lb2"], **files}}, [], ["rs1"]) == {}
    for change, begun in (({"forwarding": "nat"}, {}), ({"weight": 0}, {}), ({"forwarding": "tunnel"}, both)):
        changed = example_plans()
        for plan in (changed["lb1"], changed["lb2"]):
            for each in plan["vars"]["director_services"]:
                each["real_servers"] = [{**entry, **change} for entry in each["real_servers"]]
        # The tables have them with forwarding direct.
        assert cluster_begun(changed, seen(plans), ["rs1"]) == begun


def test_status_shows_each_service_with_weights_connections_drains_and_differences() -> None:
    plans = example_plans(WEIGHTED)
    variables = seen(plans, lb1=["web@rs1:-65535"], lb2=["web@rs1:-65535"])
    for name in ("lb1", "lb2"):
        change(variables[name]["lvs_table"], "rs1", weight=0)
    change(variables["lb1"]["lvs_table"], "rs2", active_connections=3, inactive_connections=4)
    status = cluster_status(plans, variables, ["lb1", "lb2"])
    assert status["lines"] == [
        "Director lb1: active.",
        "Director lb2: standby.",
        "For each director: weight, then active/inactive/persistent connections.",
        "",
        "web: tcp/192.0.2.100:80, 192.0.2.100 on lb1",
        "  real server  address     weight  lb1               lb2",
        "  rs1          192.0.2.21  1       0 drained, 0/0/0  0 drained, 0/0/0",
        "  rs2          192.0.2.22  2       2, 3/4/0          2, 0/0/0",
    ]
    assert status["active"] == ["lb1"]
    assert status["drained"] == {"lb1": ["web@rs1"], "lb2": ["web@rs1"]}
    assert status["differences"] == []


def test_status_names_what_differs() -> None:
    plans = example_plans(WEIGHTED)
    variables = seen(plans, lb1=["web@rs1:-65535"])
    variables["lb2"]["lvs_table"]["services"][0]["destinations"].pop()
    del variables["lb2"]["lvs_host"]["host"]["services"]["keepalived"]
    status = cluster_status(plans, variables, ["lb1", "lb2", "lb3"])
    assert status["differences"] == [
        "rs1 has weight 1 instead of 0 on lb1.",
        "rs2 is not in the table of lb2.",
        "rs1 is drained on lb1, but not on lb2.",
    ]
    assert status["lines"][1:3] == [
        "Director lb2: standby, but keepalived does not run.",
        "Director lb3: cannot be reached.",
    ]
    assert any("out" in line and "rs2" in line for line in status["lines"])


def test_persistent_clients_leave_a_drained_server_unless_told_otherwise() -> None:
    name = "net.ipv4.vs.expire_quiescent_template"
    assert example_plans()["lb1"]["vars"]["director_sysctls"][name] == 1
    assert example_plans(drain_keeps_persistent_clients=True)["lb1"]["vars"]["director_sysctls"][name] == 0


def test_min_capacity_is_that_of_the_service_before_that_of_the_cluster() -> None:
    plans = example_plans(service(min_capacity=0), service(name="web6", vip=VIP6), min_capacity=70)
    assert [each["min_capacity"] for each in plans["lb1"]["vars"]["director_services"]] == [0, 70]


@pytest.mark.parametrize(
    ("cluster", "path", "words"),
    [
        (described(min_capacity=101), "min_capacity", "101 is out of range. Write a whole number from 0 to 100"),
        (described(service(min_capacity="half")), "services[0].min_capacity", "'half' is not a whole number."),
        (described(drain_keeps_persistent_clients="yes"), "drain_keeps_persistent_clients", "neither true nor false"),
    ],
)
def test_mistakes_in_these_keys_are_named(cluster: dict[str, object], path: str, words: str) -> None:
    (mistake,) = mistakes(cluster)
    assert mistake.path == path
    assert words in str(mistake)
