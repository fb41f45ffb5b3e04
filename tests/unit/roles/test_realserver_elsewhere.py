# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real server with another system than Linux: what the playbooks refuse, and what the role leaves out.

The facts say FreeBSD and the machine is this one, in check mode: which tasks run is all that is looked at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles" / "realserver_linux"
DIRECT = {"realserver_linux_vips": ["192.0.2.100"], "realserver_linux_tunnels": [], "realserver_linux_gateways": []}
TUNNEL = {**DIRECT, "realserver_linux_tunnels": [{"type": "ipip"}]}
NAT = {**DIRECT, "realserver_linux_vips": [], "realserver_linux_gateways": ["10.11.12.10"]}


def run(place: Path, plays: list[dict[str, t.Any]], *flags: str) -> tuple[int, str]:
    """The exit status, and what was printed, in one line; task names and results are in it."""
    (place / "play.json").write_text(json.dumps(plays), encoding="utf-8")
    hosts = "".join(
        f"{name} ansible_connection=local ansible_python_interpreter={sys.executable}\n" for name in ("rs1", "rs2")
    )
    (place / "hosts").write_text(f"[real_servers]\n{hosts}", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "ansible",
        "playbook",
        "-i",
        str(place / "hosts"),
        str(place / "play.json"),
        *flags,
    ]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def facts(system: str) -> dict[str, t.Any]:
    return {"ansible.builtin.set_fact": {"system": system, "cacheable": True}}


@pytest.mark.parametrize(
    ("system", "variables", "refused"),
    [
        ("FreeBSD", DIRECT, ""),
        ("Linux", TUNNEL, ""),
        ("OpenBSD", TUNNEL, "rs2 runs OpenBSD and cannot have the tunnel that it would need."),
        ("SunOS", NAT, "rs2 runs SunOS and cannot have the default gateway that it would need."),
    ],
)
def test_tunnels_and_nat_are_refused_before_any_host_is_touched(
    tmp_path: Path, system: str, variables: dict[str, t.Any], refused: str
) -> None:
    plays = yaml.safe_load((ROOT / "playbooks/plan.yml").read_text(encoding="utf-8"))
    (looks,) = [play for play in plays if "system can take" in play["name"]]
    plans = {
        "rs1": {"role": "realserver_linux", "vars": TUNNEL},
        "rs2": {"role": "realserver_linux", "vars": variables},
        "lb1": {"role": "director", "vars": {}},
    }
    before = [
        {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.set_fact": {"lvs_plans": plans}}]},
        {"hosts": "rs2", "gather_facts": False, "tasks": [facts(system)]},
    ]
    status, said = run(tmp_path, [*before, looks])
    assert (status == 0) == (not refused), said
    assert (f"Nothing was changed. {refused} With other systems" in said) == bool(refused), said
    assert "rs1 runs" not in said


def test_the_role_only_hides_the_vips_and_refuses_the_rest(tmp_path: Path) -> None:
    def play(host: str, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        role = {"ansible.builtin.include_role": {"name": str(ROLE)}, "vars": variables}
        return {"hosts": host, "gather_facts": False, "tasks": [facts("FreeBSD"), role]}

    status, said = run(tmp_path, [play("rs1", {**DIRECT, "realserver_linux_vips": []}), play("rs2", NAT)], "--check")
    rs1, _name, rs2 = said.partition("PLAY [rs2]")
    assert status == 2
    for task in ("Look for what earlier runs left", "Take packets out of these tunnels", "Install the program"):
        assert f"{task}" in rs1, said
        assert "skipping: [rs1]" in rs1.partition(task)[2].partition("TASK")[0], said
    assert "ok: [rs1]" in rs1.partition("Hold these VIPs")[2].partition("TASK")[0], said
    assert "skipping: [rs1]" in rs1.partition("Set the default gateway")[2].partition("TASK")[0], said
    assert "rs2 runs FreeBSD, where this role makes a real server for forwarding direct only." in rs2, said


def test_the_playbook_remove_takes_no_gateway_from_it(tmp_path: Path) -> None:
    role = {
        "ansible.builtin.include_role": {"name": str(ROLE), "tasks_from": "gateways.yml"},
        "vars": {"realserver_linux_gateways": []},
    }
    status, said = run(
        tmp_path, [{"hosts": "rs1", "gather_facts": False, "tasks": [facts("FreeBSD"), role]}], "--check"
    )
    assert status == 0, said
    assert "skipping: [rs1]" in said.partition("Set the default gateway")[2].partition("TASK")[0], said


def test_the_role_redirects_nothing_that_comes_out_of_a_tunnel(tmp_path: Path) -> None:
    variables = {**TUNNEL, "realserver_linux_tunnel_vips": ["192.0.2.100"], "realserver_linux_arp_method": "redirect"}
    role = {"ansible.builtin.include_role": {"name": str(ROLE)}, "vars": variables}
    status, said = run(tmp_path, [{"hosts": "rs1", "gather_facts": False, "tasks": [role]}], "--check")
    assert status == 2
    refused = "realserver_linux_arp_method of rs1 is redirect, which is not for packets out of a tunnel, as those for"
    assert f"{refused} 192.0.2.100 are." in said, said
    assert "Take packets out of these tunnels" not in said
