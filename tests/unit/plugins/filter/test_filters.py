# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters inside Ansible: with hostvars, lazily rendered values, and as ansible-doc shows them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.filter import (
    cluster_begun,
    cluster_capacity,
    cluster_drain,
    cluster_findings,
    cluster_handover,
    cluster_observations,
    cluster_plans,
    cluster_probe,
    cluster_status,
    cluster_table,
    cluster_turned,
)

ROOT = Path(__file__).parents[4]
FILTERS = {
    "cluster_plans": cluster_plans,
    "cluster_findings": cluster_findings,
    "cluster_observations": cluster_observations,
    "cluster_probe": cluster_probe,
    "cluster_table": cluster_table,
    "cluster_drain": cluster_drain,
    "cluster_begun": cluster_begun,
    "cluster_capacity": cluster_capacity,
    "cluster_handover": cluster_handover,
    "cluster_status": cluster_status,
    "cluster_turned": cluster_turned,
}
INVENTORY = {
    "all": {
        "children": {
            "directors": {
                "hosts": {
                    "lb1": {"ansible_host": "192.0.2.11", "lvs_interface": "eth0"},
                    "lb2": {"ansible_host": "192.0.2.12"},
                }
            },
            "real_servers": {
                "hosts": {
                    "rs1": {"ansible_host": "192.0.2.21", "lvs_address": ["{{ ansible_host }}", "{{ net6 }}21"]},
                    "rs2": {"ansible_host": "192.0.2.22"},
                }
            },
        },
        "vars": {"net6": "2001:db8:2::"},
    }
}
COMPILE = "lvs.cluster.cluster_plans(groups['directors'], groups['real_servers'], hostvars)"


def play(*tasks: dict[str, t.Any]) -> list[dict[str, object]]:
    described = {
        "services": [
            {
                "name": "{{ 'we' ~ 'b' }}",
                "vip": "192.0.2.100",
                "ports": ["{{ web_port }}"],
                "real_servers": ["rs1", {"host": "rs2", "weight": "{{ 1 + 2 }}"}],
            }
        ]
    }
    return [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"web_port": 80, "lvs_cluster": described},
            "tasks": list(tasks),
        }
    ]


def run_playbook(folder: Path, tasks: list[dict[str, t.Any]]) -> tuple[int, str]:
    (folder / "inventory.yml").write_text(json.dumps(INVENTORY), encoding="utf-8")
    (folder / "play.yml").write_text(json.dumps(play(*tasks)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "inventory.yml", "play.yml"],
        cwd=folder,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "ANSIBLE_NOCOLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


def test_a_playbook_compiles_templated_values_of_hostvars_and_description(tmp_path: Path) -> None:
    result = tmp_path / "plans.json"
    task: dict[str, t.Any] = {
        "ansible.builtin.copy": {"content": f"{{{{ lvs_cluster | {COMPILE} | to_json }}}}", "dest": str(result)}
    }
    code, output = run_playbook(tmp_path, [{**task, "vars": {"ansible_python_interpreter": sys.executable}}])
    assert code == 0, output
    plans: dict[str, t.Any] = json.loads(result.read_text(encoding="utf-8"))
    # Nothing is known of lb2's interfaces, so it has no plan, but lb1 knows it.
    assert list(plans) == ["lb1", "rs1", "rs2"]
    assert plans["lb1"]["vars"]["director_vrrp"]["peers"] == ["192.0.2.12"]
    (service,) = plans["lb1"]["vars"]["director_services"]
    assert (service["name"], service["port"]) == ("web", 80)
    assert [(r["address"], r["weight"]) for r in service["real_servers"]] == [("192.0.2.21", 1), ("192.0.2.22", 3)]


def test_every_mistake_is_a_readable_line_of_the_output(tmp_path: Path) -> None:
    wrong = "{'services': [{'name': 'a{', 'vip': '192.0.2.100/24', 'ports': [0], 'real_servers': ['rs9']}]}"
    code, output = run_playbook(tmp_path, [{"ansible.builtin.debug": {"msg": f"{{{{ {wrong} | {COMPILE} }}}}"}}])
    assert code == 2
    lines = output.splitlines()
    assert any(line.endswith("lvs_cluster has 4 mistakes:") for line in lines), output
    for line in (
        "  2. services[0].vip: '192.0.2.100/24' has a prefix length. Write the address alone: 192.0.2.100.",
        "  4. services[0].real_servers[0]: 'rs9' is no host of the group real_servers. Did you mean rs2?",
    ):
        assert line in lines, output


def test_an_undefined_variable_in_the_description_is_named(tmp_path: Path) -> None:
    task: dict[str, t.Any] = {
        "ansible.builtin.debug": {"msg": f"{{{{ lvs_cluster | {COMPILE} }}}}"},
        "vars": {"web_port": "{{ nope }}"},
    }
    code, output = run_playbook(tmp_path, [task])
    assert code == 2
    assert "'nope' is undefined" in output


def test_the_filters_follow_each_other_in_a_playbook(tmp_path: Path) -> None:
    findings = "(plans | lvs.cluster.cluster_findings(plans | lvs.cluster.cluster_observations(hostvars, 'localhost')))"
    code, output = run_playbook(
        tmp_path,
        [
            {"ansible.builtin.set_fact": {"plans": f"{{{{ lvs_cluster | {COMPILE} }}}}"}},
            {"ansible.builtin.debug": {"msg": f"{{{{ {findings} | map(attribute='host') | join(' ') }}}}"}},
            {"ansible.builtin.debug": {"msg": "{{ plans.lb1.vars | lvs.cluster.cluster_probe(hostvars) }}"}},
        ],
    )
    assert code == 0, output
    assert '"msg": "lb1 rs1 rs2 localhost"' in output
    assert '"count": 12' in output


@pytest.mark.parametrize("name", FILTERS)
def test_documentation_names_each_argument(name: str) -> None:
    module = FILTERS[name]
    documentation = yaml.safe_load(module.DOCUMENTATION)
    assert documentation["name"] == name
    arguments = list(documentation["options"])[1:]
    function = module.FilterModule().filters()[name]
    assert arguments == list(function.__code__.co_varnames[1 : function.__code__.co_argcount])
    assert documentation.get("positional", "") == ", ".join(arguments)
    assert yaml.safe_load(module.EXAMPLES)
    assert set(yaml.safe_load(module.RETURN)) == {"_value"}


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("cluster_plans", ({}, "lb1", [], {}), "directors must be a list of host names"),
        ("cluster_plans", ({}, [], [1], {}), "real_servers must be a list of host names"),
        ("cluster_plans", ({}, [], [], None), "must be hostvars"),
        ("cluster_plans", ({}, [], [], {}, "client"), "clients must be a list of host names"),
        ("cluster_plans", ({}, [], [], {}), "lvs_cluster has 2 mistakes:"),
        ("cluster_findings", ([], {}), "must be the plans"),
        ("cluster_findings", ({}, []), "observations must be a mapping"),
        ("cluster_observations", ([], {}), "must be the plans"),
        ("cluster_observations", ({}, []), "must be hostvars"),
        ("cluster_observations", ({}, {}, None, "lb1"), "hosts must be a list of host names"),
        ("cluster_probe", ([],), "vars of a director's plan"),
        ("cluster_probe", ({}, []), "must be hostvars"),
        *((name, ([], {}), "it needs the plans") for name in ("cluster_drain", "cluster_capacity")),
        *((name, ({}, []), "and hostvars") for name in ("cluster_handover", "cluster_status", "cluster_turned")),
        ("cluster_begun", ([], {}, []), "it needs the plans"),
        ("cluster_table", ({},), "director_services of a director's plan"),
        ("cluster_table", (["web"],), "director_services of a director's plan"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(name: str, arguments: tuple[t.Any, ...], words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        FILTERS[name].FilterModule().filters()[name](*arguments)


def test_the_addresses_of_clients_are_read_from_their_variables() -> None:
    described = {
        "failover": "none",
        "nat": {"gateway": "192.0.2.10/24", "local_clients": "refused"},
        "services": [
            {"name": "web", "vip": "192.0.2.100", "ports": 80, "forwarding": "nat", "real_servers": ["192.0.2.21"]}
        ],
    }
    hostvars: dict[str, t.Any] = {
        "lb1": {"lvs_interface": "eth0"},
        "192.0.2.21": {},
        "c": {"ansible_host": "192.0.2.9"},
    }
    plans = cluster_plans.cluster_plans(described, ["lb1"], ["192.0.2.21"], hostvars)
    assert plans["lb1"]["vars"]["director_gateways"][0]["interface"] == "eth0"
    with pytest.raises(AnsibleFilterError, match=r"Client c has 192\.0\.2\.9"):
        cluster_plans.cluster_plans(described, ["lb1"], ["192.0.2.21"], hostvars, ["c"])
