# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""site: in which order hosts turn from real server to director and back, and what stops it.

Plays of site.yml run by themselves, on hosts that are all this machine; what they remember lies in files of the test.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml

from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    VIP,
    VIP6,
    example_plans,
)

ROOT = Path(__file__).parents[3]
Play = dict[str, t.Any]
SITE: list[Play] = yaml.safe_load((ROOT / "playbooks/site.yml").read_text(encoding="utf-8"))
PLAN: list[Play] = yaml.safe_load((ROOT / "playbooks/plan.yml").read_text(encoding="utf-8"))
NAMES = [play["name"] for play in SITE]
HOSTS = {"lvs_director_active": ["lb1"], "lvs_director_standby": ["lb2"], "lvs_realserver_linux": ["rs1", "rs2"]}
GROUPS = {**HOSTS, "directors": ["lb1", "lb2"], "real_servers": ["rs1", "rs2"]}


def play_of(plays: list[Play], name: str) -> Play:
    (found,) = [copy.deepcopy(play) for play in plays if play["name"] == name]
    found.pop("become", None)
    return found


def on(host: str, **facts: object) -> Play:
    """A play that gives a host these facts."""
    return {"hosts": host, "gather_facts": False, "tasks": [{"ansible.builtin.set_fact": facts}]}


def run(place: Path, plays: list[Play], *flags: str, groups: dict[str, list[str]] | None = None) -> tuple[int, str]:
    """The exit status, and what was printed, in one line."""
    inventory = {
        "all": {
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
            "children": {group: {"hosts": dict.fromkeys(hosts)} for group, hosts in (groups or GROUPS).items()},
        }
    }
    (place / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
    (place / "play.json").write_text(json.dumps(plays), encoding="utf-8")
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "inventory.json", "play.json", *flags]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=place)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def look(place: Path, *before: Play, flags: tuple[str, ...] = ()) -> tuple[int, str]:
    """The play that sees who turns, and after it who is in its groups."""
    play = play_of(SITE, "See who was something else before")
    traces = play["vars"]["lvs_traces_left"]
    for role, paths in traces.items():
        traces[role] = [f"{place}/{{{{ inventory_hostname }}}}/{Path(path).name}" for path in paths]
    groups = " ".join(
        f"{{{{ groups['{name}'] | default([]) }}}}" for name in ("lvs_was_director", "lvs_was_realserver")
    )
    says = {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": f"now {groups}"}}]}
    return run(place, [on("localhost", lvs_plans=example_plans()), *before, play, says], *flags)


def remembers(place: Path, host: str, name: str, text: str) -> None:
    (place / host).mkdir()
    (place / host / name).write_text(text, encoding="utf-8")


def test_each_turn_stands_where_nothing_serves_any_more_what_it_ends() -> None:
    order = [
        "Plan the cluster",
        "See who was something else before",
        "See that enough of each service serves on",
        "End as a director",
        "Prepare the Linux real servers",
        "Send nothing new to real servers that become directors",
        "Set up the directors, the standby first",
        "End as a real server",
        "Set up the directors that were real servers",
        "Start the new failover on directors that waited for the active one",
    ]
    assert [name for name in NAMES if name in order] == order


def test_both_plays_for_directors_give_them_the_same() -> None:
    first, second = (
        play_of(SITE, name)
        for name in ("Set up the directors, the standby first", "Set up the directors that were real servers")
    )
    assert first["tasks"] == second["tasks"]
    assert first["serial"] == second["serial"] == 1


def test_where_nobody_turns_there_is_one_look_and_no_more(tmp_path: Path) -> None:
    status, said = look(tmp_path)
    assert status == 0, said
    assert "now [] []" in said
    assert "becomes" not in said


def test_who_turns_is_named_also_in_check_mode(tmp_path: Path) -> None:
    remembers(tmp_path, "lb2", "lvs-cluster-arp-hide.service", "[Unit]\nDescription=VIPs\n")
    remembers(tmp_path, "rs2", "director.json", json.dumps({"vips": []}, indent=2))
    # Of what they are to be they may remember what they like.
    remembers(tmp_path, "lb1", "director.json", "{}")
    remembers(tmp_path, "rs1", "lvs-cluster-arp-hide.service", "[Unit]\n")
    for flags, becomes in (((), "becomes"), (("--check",), "would become")):
        status, said = look(tmp_path, flags=flags)
        assert status == 0, said
        assert f"rs2 was a director and {becomes} a real server" in said
        assert f"lb2 was a real server and {becomes} a director" in said
        assert "now ['rs2'] ['lb2']" in said
        assert "changed=0" in said
        assert "changed=1" not in said


def test_the_director_that_holds_vips_is_no_real_server_yet(tmp_path: Path) -> None:
    vips = [{"address": VIP, "prefix": 32, "interface": "eth0"}]
    remembers(tmp_path, "rs1", "director.json", json.dumps({"vips": vips}, indent=2))
    holds = {"hosts": "rs1", "gather_facts": False, "tasks": [facts(eth0={"ipv4": {"address": VIP}})]}
    status, said = look(tmp_path, holds)
    assert status != 0
    assert f"Nothing was changed. rs1 was a director and holds {VIP}: as a real server" in said
    assert "now [" not in said


def facts(**found: object) -> dict[str, t.Any]:
    """A task that gives a host these facts, as a gathering would."""
    return {"ansible.builtin.set_fact": {**found, "cacheable": True}}


#: Stands for ipvs_info and ipvs_table: prints and takes away the first of the results that a file has; the last stays.
TOLD = """\
#!/usr/bin/python
import json
import sys
# WANT_JSON: how Ansible calls a program that is not written with its library.
with open(sys.argv[1]) as handle:
    path = json.load(handle)["path"]
with open(path) as handle:
    results = json.load(handle)
with open(path, "w") as handle:
    json.dump(results[1:] or results, handle)
print(json.dumps(results[0]))
"""


def tells(place: Path, play: Play, *results: dict[str, t.Any]) -> None:
    """The tasks of the play that ask the kernel get these results, one after the other."""
    (place / "library").mkdir(exist_ok=True)
    (place / "library/told.py").write_text(TOLD, encoding="utf-8")
    (place / "results.json").write_text(json.dumps(results), encoding="utf-8")
    for task in play["tasks"]:
        for name in ("lvs.cluster.ipvs_info", "lvs.cluster.ipvs_table"):
            if name in task:
                task.pop("check_mode", None)
                task["told"] = {**(task.pop(name) or {}), "path": str(place / "results.json")}


def table(active: int | None) -> dict[str, t.Any]:
    """What ipvs_info tells of a director that has so many connections to lb2; None: no place for it."""
    going = (
        [] if active is None else [{"destination": "192.0.2.12", "destination_port": 80, "active_connections": active}]
    )
    other = {"destination": "192.0.2.21", "destination_port": 80, "active_connections": 9}
    service = {"protocol": "tcp", "address": VIP, "port": 80, "fwmark": None, "destinations": [*going, other]}
    return {"changed": False, "services": [service]}


#: lb2 was a real server.
TURNING: list[Play] = [
    on("localhost", lvs_plans=example_plans(), lvs_turned={"directors": {"lb2": ["192.0.2.12"]}}),
    {
        "hosts": "lb2",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.set_fact": {"all_ipv4_addresses": ["192.0.2.12"], "cacheable": True}},
            {"ansible.builtin.set_fact": {"lvs_traces": {"stdout_lines": ["/etc/x:[Unit]"]}, "lvs_look": {}}},
        ],
    },
    on("lb1", lvs_table=table(2), lvs_look={}),
]
TURNING_GROUPS = {**GROUPS, "lvs_was_realserver": ["lb2"]}


def test_its_connections_may_end_before_it_is_taken_out(tmp_path: Path) -> None:
    play = play_of(SITE, "Send nothing new to real servers that become directors")
    written = {"changed": True}
    tells(tmp_path, play, written, table(2), table(1), table(0))
    status, said = run(tmp_path, [*TURNING, play], groups=TURNING_GROUPS)
    assert status == 0, said
    assert "changed: [lb1]" in said
    assert "[lb2]" not in said.partition("Give them no new connections")[2].partition("PLAY RECAP")[0]
    for line in ("2 active connections after 0 of 60 s", "1 active", "0 active connections after 4 of 60 s"):
        assert line in said
    assert "after 6 of" not in said


def test_it_is_not_waited_for_longer_than_somebody_wants(tmp_path: Path) -> None:
    play = play_of(SITE, "Send nothing new to real servers that become directors")
    tells(tmp_path, play, table(2))
    status, said = run(tmp_path, [*TURNING, play], "-e", "lvs_wait_timeout=2", groups=TURNING_GROUPS)
    assert status == 0, said
    assert "2 active connections after 2 of 2 s" in said
    status, said = run(tmp_path, [*TURNING, play], "--check", groups=TURNING_GROUPS)
    assert status == 0, said
    assert "(item=0 active connections after 0 of 60 s) skipping: [lb1]" in said
    assert "after 2 of" not in said


def test_it_ends_as_a_real_server_as_soon_as_no_director_has_it(tmp_path: Path) -> None:
    play = play_of(SITE, "End as a real server")
    play["tasks"][2:] = [{"ansible.builtin.debug": {"msg": "it ends"}}]
    tells(tmp_path, play, table(0), table(0), table(None))
    status, said = run(tmp_path, [*TURNING, play], groups=TURNING_GROUPS)
    assert status == 0, said
    assert said.count("FAILED - RETRYING: [lb2 -> lb1]") == 2
    assert "it ends" in said
    # A director that has no table.
    tells(tmp_path, play, {"failed": True, "msg": "no ip_vs"})
    play["tasks"][0]["told"] = {"path": str(tmp_path / "results.json")}
    status, said = run(tmp_path, [*TURNING, play], groups=TURNING_GROUPS)
    assert status == 0, said
    assert "it ends" in said


def test_it_stays_a_real_server_when_a_director_keeps_it(tmp_path: Path) -> None:
    play = play_of(SITE, "End as a real server")
    play["tasks"][2:] = [{"ansible.builtin.debug": {"msg": "it ends"}}]
    play["tasks"][0]["delay"] = 0
    tells(tmp_path, play, table(0))
    status, said = run(tmp_path, [*TURNING, play], groups=TURNING_GROUPS)
    assert status != 0
    assert "lb2 stays a real server for now" in said
    assert "it ends" not in said
    status, said = run(tmp_path, [*TURNING, play], "--check", groups=TURNING_GROUPS)
    assert status == 0, said
    assert "it ends" in said


LEFT_OUT = "See what directors that this run leaves out send to real servers"


def limited(place: Path, *results: dict[str, t.Any], flags: tuple[str, ...] = ()) -> tuple[int, str]:
    """The play that asks directors which --limit leaves out, and after it who keeps something."""
    play = play_of(SITE, LEFT_OUT)
    for task in play["tasks"]:
        task.pop("become", None)
    tells(place, play, *results)
    before = [
        on("localhost", lvs_plans=example_plans()),
        {"hosts": "rs1", "gather_facts": False, "tasks": [facts(all_ipv4_addresses=["192.0.2.21"])]},
    ]
    says = {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.debug": {"msg": "now {{ lvs_keeps | list }}"}}],
    }
    return run(place, [*before, play, says], "--limit", "rs1:localhost", *flags)


def test_a_director_that_is_left_out_is_asked_once_what_it_sends(tmp_path: Path) -> None:
    undescribed = table(None)
    undescribed["services"][0]["address"] = "192.0.2.99"
    for flags in ((), ("--check",)):
        status, said = limited(tmp_path, table(None), undescribed, flags=flags)
        assert status == 0, said
        assert "now ['rs1']" in said
        assert "rs1 keep VIPs and tunnels that are no longer described: lb2 has rs1 in tcp/192.0.2.99:80." in said
    status, said = limited(tmp_path, table(None), table(None))
    assert status == 0, said
    assert "now []" in said
    assert " keep VIPs" not in said


def test_real_servers_only_get_more_before_the_directors_and_lose_something_after_it() -> None:
    roles = ("realserver_linux", "realserver_windows")
    plays = [
        "Prepare the Linux real servers",
        "Prepare the Windows real servers",
        LEFT_OUT,
        "Change gateways of the Linux real servers, and take what is no longer described from them",
        "Take what is no longer described from the Windows real servers",
    ]
    assert [name for name in NAMES if name in plays] == plays
    for name, role, exclusive in zip(
        [*plays[:2], *plays[3:]],
        roles * 2,
        [False] * 2 + ["{{ inventory_hostname not in hostvars['localhost']['lvs_keeps'] }}"] * 2,
        strict=True,
    ):
        (given,) = [task["vars"] for task in play_of(SITE, name)["tasks"] if "ansible.builtin.include_role" in task]
        assert given[f"{role}_exclusive"] == exclusive
        assert (given[f"{role}_gateways"] == []) is (exclusive is False)


def test_a_director_with_vips_where_a_real_server_has_them_is_a_standby(tmp_path: Path) -> None:
    play = play_of(PLAN, "Sort the hosts by what they will be")
    before: list[Play] = [
        on("localhost", lvs_plans=example_plans()),
        on("all", lvs_look={}),
        *(
            {"hosts": host, "gather_facts": False, "tasks": [facts(**{interface: {"ipv6": [{"address": VIP6}]}})]}
            for host, interface in (("lb1", "lo"), ("lb2", "eth0"))
        ),
    ]
    says = {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "ansible.builtin.debug": {
                    "msg": "now {{ groups['lvs_director_standby'] }} {{ groups['lvs_director_active'] }}"
                }
            }
        ],
    }
    groups = {name: hosts for name, hosts in GROUPS.items() if not name.startswith("lvs_")}
    status, said = run(tmp_path, [*before, play, says], groups=groups)
    assert status == 0, said
    assert "now ['lb1'] ['lb2']" in said
