# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who turns from a real server into a director or back, when he must not, and what the others have to do before."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.filter.cluster_turned import cluster_turned
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    VIP,
    VIP6,
    example_plans,
)

Variables = dict[str, t.Any]
UNIT = "/etc/systemd/system/lvs-cluster-arp-hide.service"
STATE = "/etc/lvs-cluster/director.json"
REMEMBERED = {
    "complete": True,
    "vips": [
        {"address": VIP, "prefix": 32, "interface": "eth0"},
        {"address": VIP6, "prefix": 128, "interface": "eth0"},
    ],
    "gateways": [{"address": "10.11.12.10", "prefix": 32, "interface": "br-in"}],
}


def facts(own: str, **places: list[str]) -> Variables:
    """Facts of a host; beside its own address on eth0 there are others, by the key of their interface."""
    found: Variables = {"all_ipv4_addresses": [own], "all_ipv6_addresses": [], "eth0": {"ipv4": {"address": own}}}
    for interface, addresses in places.items():
        entries = found.setdefault(interface, {})
        for address in addresses:
            family = 6 if ":" in address else 4
            entries.setdefault("ipv6" if family == 6 else "ipv4_secondaries", []).append({"address": address})
            found[f"all_ipv{family}_addresses"].append(address)
    return found


def traces(path: str, text: str) -> Variables:
    return {"stdout_lines": [f"{path}:{line}" for line in text.splitlines()]}


def state(**changes: object) -> Variables:
    return traces(STATE, json.dumps({**REMEMBERED, **changes}, indent=2))


def cluster() -> dict[str, Variables]:
    """lb1 is active and lb2 standby, of two directors and two real servers that are what they were."""
    own = {"lb1": "192.0.2.11", "lb2": "192.0.2.12", "rs1": "192.0.2.21", "rs2": "192.0.2.22"}
    places: dict[str, dict[str, list[str]]] = {
        "lb1": {"eth0": [VIP, VIP6]},
        "rs1": {"lo": [VIP, VIP6]},
        "rs2": {"lo": [VIP, VIP6]},
    }
    return {
        name: {
            "ansible_host": address,
            "ansible_facts": facts(address, **places.get(name, {})),
            # grep found nothing.
            "lvs_traces": {"rc": 2, "stdout_lines": []},
        }
        for name, address in own.items()
    }


def table(*destinations: str, vip: str = VIP, weight: int = 1) -> Variables:
    entries = [{"destination": each, "destination_port": 80, "weight": weight} for each in destinations]
    return {"services": [{"protocol": "tcp", "address": vip, "port": 80, "fwmark": None, "destinations": entries}]}


def test_in_a_cluster_that_stays_as_it_is_nobody_turns() -> None:
    found = cluster_turned(example_plans(), cluster())
    assert found == {
        "active": ["lb1"],
        "directors": {},
        "real_servers": [],
        "refusals": [],
        "quiet": {},
        "behind": {},
        "keeps": {},
    }


def test_hosts_at_which_nobody_looked_do_not_turn() -> None:
    assert cluster_turned(example_plans(), {})["directors"] == {}
    variables = cluster()
    for each in variables.values():
        each["lvs_traces"] = {"unreachable": True}
    found = cluster_turned(example_plans(), variables)
    assert (found["directors"], found["real_servers"]) == ({}, [])


def test_a_director_with_traces_of_a_real_server_is_one_that_turns_and_not_active() -> None:
    variables = cluster()
    variables["lb2"]["ansible_facts"] = facts("192.0.2.12", lo=[VIP, VIP6], eth1=["10.11.12.12"])
    variables["lb2"]["lvs_address"] = ["192.0.2.12", "2001:DB8:2:0::12"]
    variables["lb2"]["lvs_traces"] = traces(UNIT, "[Unit]\nDescription=VIPs of this real server")
    found = cluster_turned(example_plans(), variables)
    assert found["active"] == ["lb1"]
    assert found["directors"] == {"lb2": ["192.0.2.12", "2001:db8:2::12", VIP, "10.11.12.12", VIP6]}
    assert found["refusals"] == []


@pytest.mark.parametrize(
    ("remembered", "seen", "held"),
    [
        (state(), {}, ""),
        (state(), {"eth0": [VIP]}, VIP),
        (state(), {"eth0": [VIP, VIP6]}, f"{VIP} and {VIP6}"),
        # Where a real server has it, it is none that a director holds.
        (state(), {"lo": [VIP, VIP6]}, ""),
        # Ansible's facts have another spelling of br-in.
        (state(), {"br_in": ["10.11.12.10"]}, "10.11.12.10"),
        # The description may have other VIPs now: it holds what it remembers.
        (state(vips=[]), {"eth0": [VIP]}, ""),
        # A run that was cut short, before or while it wrote.
        (traces(STATE, "{}"), {"eth0": [VIP]}, ""),
        (traces(STATE, '{"vips": ['), {"eth0": [VIP]}, ""),
        (traces(STATE, "[]"), {"eth0": [VIP]}, ""),
    ],
)
def test_a_director_becomes_a_real_server_only_when_it_holds_nothing(
    remembered: Variables, seen: dict[str, list[str]], held: str
) -> None:
    variables = cluster()
    variables["rs1"].update(ansible_facts=facts("192.0.2.21", **seen), lvs_traces=remembered)
    found = cluster_turned(example_plans(), variables)
    assert found["real_servers"] == ["rs1"]
    assert len(found["refusals"]) == bool(held)
    if held:
        (refusal,) = found["refusals"]
        assert refusal.startswith(f"rs1 was a director and holds {held}: as a real server it would end")
        assert "lvs.cluster.failover" in refusal
        assert "--limit rs1" in refusal


def turning() -> dict[str, Variables]:
    """lb2 was a real server, and lb1 still has it in its table."""
    variables = cluster()
    variables["lb2"]["lvs_traces"] = traces(UNIT, "[Unit]")
    variables["lb1"]["lvs_table"] = table("192.0.2.12", "192.0.2.21")
    return variables


def test_directors_send_it_nothing_new_in_described_services() -> None:
    variables = turning()
    variables["lb1"]["lvs_table"]["services"] += table("192.0.2.12", vip="192.0.2.99")["services"]
    # The one that turns has no part in it, whatever stands in its table.
    variables["lb2"]["lvs_table"] = table("192.0.2.12")
    found = cluster_turned(example_plans(), variables)
    quiet = {
        "address": VIP,
        "port": 80,
        "protocol": "tcp",
        "destinations": [{"destination": "192.0.2.12", "destination_port": 80, "weight": 0}],
    }
    assert found["quiet"] == {"lb1": [quiet]}


def test_a_table_without_it_changes_nothing() -> None:
    variables = turning()
    variables["lb1"]["lvs_table"] = table("192.0.2.21")
    assert cluster_turned(example_plans(), variables)["quiet"] == {"lb1": []}


GONE = {"lvs_other": "lb1", **table("192.0.2.21")}
SENDS = {"lvs_other": "lb1", **table("192.0.2.12", weight=0)}
AWAY = {"lvs_other": "lb1", "unreachable": True}


@pytest.mark.parametrize(
    ("looks", "in_the_run", "words"),
    [
        ([], True, ""),
        ([GONE], True, ""),
        ([SENDS], True, f"lb1 has it in tcp/{VIP}:80."),
        ([SENDS], False, "Run this without a --limit that leaves lb1 out"),
        ([AWAY], True, "lb1 cannot be reached, and may send packets to it."),
        # Who leaves it out says that it is down.
        ([AWAY], False, ""),
        ([{"lvs_other": "lb1", "failed": True, "msg": "no ip_vs"}], True, ""),
        ([{"lvs_other": "lb1", "skipped": True}], True, ""),
    ],
)
def test_it_ends_as_a_real_server_when_no_director_sends_it_packets(
    looks: list[Variables], in_the_run: bool, words: str
) -> None:
    variables = turning()
    if in_the_run:
        variables["lb1"]["lvs_look"] = {}
    variables["lb2"]["lvs_sent"] = {"results": looks}
    behind = cluster_turned(example_plans(), variables)["behind"]["lb2"]
    assert len(behind) == bool(words)
    assert not words or words in behind[0]


def test_before_the_directors_were_asked_nobody_is_behind() -> None:
    variables = turning()
    assert cluster_turned(example_plans(), variables)["behind"] == {"lb2": []}
    variables["lb2"]["lvs_sent"] = {"skipped": True}
    assert cluster_turned(example_plans(), variables)["behind"] == {"lb2": []}


def test_a_windows_real_server_is_not_looked_at() -> None:
    plans = example_plans()
    plans["rs1"]["role"] = "realserver_windows"
    variables = cluster()
    variables["rs1"]["lvs_traces"] = state()
    found = cluster_turned(plans, variables)
    assert (found["directors"], found["real_servers"]) == ({}, [])


def left_out(vip: str = VIP, forwarding: str = "direct", **key: object) -> Variables:
    """What lb2, which --limit leaves out, sends to rs1."""
    found: Variables = {"lvs_other": "lb2", **table("192.0.2.21", vip=vip)}
    found["services"][0].update(key)
    found["services"][0]["destinations"][0]["forwarding"] = forwarding
    return found


OWN_PORT = {"address": "192.0.2.21", "port": 80, "protocol": "tcp"}
MARKED = left_out(fwmark=7, family="ipv4")
NAT = left_out("192.0.2.99", "nat")


@pytest.mark.parametrize(
    ("look", "plan", "service"),
    [
        (left_out(), {}, ""),
        (left_out("192.0.2.99"), {}, "tcp/192.0.2.99:80"),
        # By a tunnel that is no longer described, or one that is.
        (left_out(forwarding="tunnel"), {}, f"tcp/{VIP}:80"),
        (left_out(forwarding="tunnel"), {"realserver_linux_tunnels": [{"type": "ipip"}]}, ""),
        (MARKED, {}, ""),
        (MARKED, {"realserver_linux_vips": []}, "mark 7"),
        (NAT, {}, "tcp/192.0.2.99:80"),
        (NAT, {"realserver_linux_gateways": ["192.0.2.10"]}, ""),
        # The director puts its own address into the place of the client's.
        (NAT, {"realserver_linux_listeners": [OWN_PORT]}, ""),
        # Who leaves it out says that it is down; and one without a table sends nothing.
        ({"lvs_other": "lb2", "unreachable": True}, {}, ""),
        ({"lvs_other": "lb2", "failed": True, "msg": "no ip_vs"}, {}, ""),
    ],
)
def test_a_real_server_keeps_what_a_director_that_is_left_out_sends_it(
    look: Variables, plan: Variables, service: str
) -> None:
    variables, plans = cluster(), example_plans()
    variables["lb1"].update(lvs_look={}, lvs_done=True)
    plans["rs1"]["vars"].update(plan)
    for name in ("rs1", "rs2"):
        variables[name]["lvs_left_out"] = {"results": [look]}
    # A host at which nobody looked has no plan.
    del plans["lb2"]
    keeps = cluster_turned(plans, variables, ["lb1", "lb2"])["keeps"]
    assert keeps == ({"rs1": [LEFT_OUT.format(service)]} if service else {})


LEFT_OUT = "lb2 has rs1 in {}. Run this without a --limit that leaves lb2 out."


def test_a_windows_real_server_keeps_its_vip_and_has_a_gateway_of_its_own() -> None:
    variables, plans = cluster(), example_plans()
    plans["rs1"] = {"role": "realserver_windows", "vars": {"realserver_windows_vips": [VIP]}}
    for look, kept in ((left_out(), False), (NAT, False), (left_out("192.0.2.99"), True)):
        variables["rs1"]["lvs_left_out"] = {"results": [look]}
        assert ("rs1" in cluster_turned(plans, variables, ["lb1", "lb2"])["keeps"]) is kept


def test_real_servers_keep_what_a_director_may_send_that_cannot_be_reached() -> None:
    variables, plans = cluster(), example_plans()
    variables["lb1"].update(lvs_look={"unreachable": True})
    variables["lb2"].update(lvs_look={}, lvs_done=True)
    del plans["lb1"]
    keeps = cluster_turned(plans, variables, ["lb1", "lb2"])["keeps"]
    assert set(keeps) == {"rs1", "rs2"}
    (reason,) = keeps["rs1"]
    assert reason.startswith("lb1 cannot be reached, and may send packets for them.")
    assert "--limit 'all:!lb1'" in reason
    # A director that was a real server until now sends nothing.
    variables["lb1"]["lvs_traces"] = traces(UNIT, "[Unit]")
    assert cluster_turned(example_plans(), variables, ["lb1", "lb2"])["keeps"] == {}


def test_real_servers_lose_what_is_not_described_when_every_director_that_is_meant_is_done() -> None:
    variables = cluster()
    variables["lb1"].update(lvs_look={}, lvs_done=True)
    assert cluster_turned(example_plans(), variables, ["lb1", "lb2"])["keeps"] == {}
