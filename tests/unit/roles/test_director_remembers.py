# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a director makes of what the last run left, of the sysctls in force, and of files that others wrote."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

ROLE = Path(__file__).parents[3] / "roles" / "director"
REMEMBERED = {
    "gateways": [{"address": "10.11.12.9", "prefix": 32, "interface": "eth1"}],
    "sysctls": {"net.ipv4.ip_forward": "0", "net.ipv4.vs.conntrack": "0"},
    "fwmarks": [{"mark": 7, "address": "192.0.2.100", "protocol": "tcp", "ports": ["80"]}],
}


def as_read(remembered: dict[str, t.Any]) -> dict[str, str]:
    """The result of the task that reads what is remembered."""
    return {"content": base64.b64encode(json.dumps(remembered).encode()).decode()}


GIVEN: dict[str, t.Any] = {
    "director_sysctls": {"net.ipv4.ip_forward": 1, "net.ipv4.conf.eth0/7.send_redirects": 0},
    "director_gateways": [{"address": "10.11.12.10", "prefix": 32, "interface": "eth1"}],
    "director_exclusive": False,
    "director_fwmarks": [{"mark": 5, "address": "192.0.2.100", "protocol": "udp", "ports": []}],
    "director_nat": {
        "masquerade": [],
        "mappings": [{"external": "198.51.100.1", "internal": "10.11.12.21", "protocol": None}],
        "source_nat": [],
        "helpers": [],
    },
    "__director_state_read": as_read(REMEMBERED),
    "__director_kernel_read": {
        "stdout_lines": [
            "/proc/sys/net/ipv4/ip_forward:1",
            "/proc/sys/net/ipv4/conf/eth0.7/send_redirects:1",
            "/proc/sys/net/ipv4/vs/conntrack:1",
            "/etc/sysctl.d/10-early.conf:net.ipv4.ip_forward=0",
            "/etc/sysctl.d/60-lvs-cluster.conf:net.ipv4.ip_forward=0",
            "/etc/sysctl.d/99-agrees.conf:net.ipv4.ip_forward=1",
            "/etc/sysctl.d/99-sysctl.conf:net.ipv4.ip_forward = 0",
            "/etc/sysctl.d/local.conf:-net.ipv4.conf.eth0/7.send_redirects=1",
            "/etc/sysctl.d/local.conf:net.ipv4.tcp_syncookies=1",
        ]
    },
}


WANTED = (
    *("rules", "gateways", "gateways_kept", "state_both", "state_described", "rules_unsure"),
    *("sysctls_missing", "sysctls_overruled", "sysctls_given_back"),
)


def work_out(place: Path, given: dict[str, dict[str, t.Any]]) -> dict[str, dict[str, t.Any]]:
    """The variables that vars/main.yml derives from what is given, by the name of each case."""
    plays = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "wanted": {name: f"{{{{ __director_{name} }}}}" for name in WANTED},
            },
            "vars_files": [*(str(ROLE / each / "main.yml") for each in ("defaults", "vars")), f"{place}/{n}.given"],
            "tasks": [
                {"ansible.builtin.copy": {"content": "{{ wanted }}", "dest": f"{place}/{n}.json", "mode": "0600"}}
            ],
        }
        for n in range(len(given))
    ]
    (place / "play.json").write_text(json.dumps(plays), encoding="utf-8")
    for n, each in enumerate(given.values()):
        (place / f"{n}.given").write_text(json.dumps(each), encoding="utf-8")
    run = [sys.executable, "-m", "ansible", "playbook", f"{place}/play.json"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: json.loads((place / f"{n}.json").read_text(encoding="utf-8")) for n, name in enumerate(given)}


@pytest.fixture(scope="module")
def worked_out(tmp_path_factory: pytest.TempPathFactory) -> dict[str, t.Any]:
    """The variables that vars/main.yml derives from GIVEN."""
    return work_out(tmp_path_factory.mktemp("director"), {"": GIVEN})[""]


def test_what_the_modules_want_unsaid_is_left_out(worked_out: dict[str, t.Any]) -> None:
    assert worked_out["rules"]["fwmarks"] == [{"mark": 5, "address": "192.0.2.100", "protocol": "udp"}]
    assert worked_out["rules"]["nat"]["mappings"] == [{"external": "198.51.100.1", "internal": "10.11.12.21"}]


def test_a_gateway_of_the_last_run_stays_beside_the_new_one_until_told_otherwise(worked_out: dict[str, t.Any]) -> None:
    assert [each["address"] for each in worked_out["gateways"]] == ["10.11.12.10", "10.11.12.9"]
    assert worked_out["gateways_kept"] == REMEMBERED["gateways"]


def test_before_a_change_both_the_old_and_the_new_are_written_down(worked_out: dict[str, t.Any]) -> None:
    both = worked_out["state_both"]
    assert [each["mark"] for each in both["fwmarks"]] == [7, 5]
    assert [each["address"] for each in both["gateways"]] == ["10.11.12.9", "10.11.12.10"]
    assert [each["mark"] for each in worked_out["state_described"]["fwmarks"]] == [5]


def test_the_value_before_the_first_run_is_the_one_that_is_remembered(worked_out: dict[str, t.Any]) -> None:
    assert worked_out["state_described"]["sysctls"] == {
        "net.ipv4.ip_forward": "0",
        "net.ipv4.conf.eth0/7.send_redirects": "1",
    }


def test_only_sysctls_that_differ_are_set_and_only_those_no_longer_described_given_back(
    worked_out: dict[str, t.Any],
) -> None:
    assert worked_out["sysctls_missing"] == ["net.ipv4.conf.eth0/7.send_redirects=0"]
    assert worked_out["sysctls_given_back"] == ["net.ipv4.vs.conntrack=0"]


def test_a_file_that_is_read_later_and_says_the_contrary_is_named(worked_out: dict[str, t.Any]) -> None:
    assert worked_out["sysctls_overruled"] == [
        "/etc/sysctl.d/99-sysctl.conf:net.ipv4.ip_forward = 0",
        "/etc/sysctl.d/local.conf:-net.ipv4.conf.eth0/7.send_redirects=1",
    ]


def test_rules_are_written_before_keepalived_unless_the_last_run_came_to_its_end_with_the_same(tmp_path: Path) -> None:
    first = work_out(tmp_path, {"": {**GIVEN, "__director_state_read": {}}})[""]
    described, both = first["state_described"], first["state_both"]
    assert {**both, "complete": True} == described
    cases = {
        "the first run": ({}, True),
        "the same again": (described, False),
        "a run that was cut short": (both, True),
        "a state of before there was such a word": ({k: v for k, v in described.items() if k != "complete"}, True),
        "other rules": ({**described, "fwmarks": []}, True),
        "fewer rules": ({**described, "fwmarks": [*described["fwmarks"], *REMEMBERED["fwmarks"]]}, True),
        "a gateway that real servers still use": ({**described, "gateways": REMEMBERED["gateways"]}, True),
    }
    found = work_out(
        tmp_path,
        {name: {**GIVEN, "__director_state_read": as_read(last)} for name, (last, _is_unsure) in cases.items()},
    )
    assert {name: each["rules_unsure"] for name, each in found.items()} == {
        name: is_unsure for name, (_last, is_unsure) in cases.items()
    }
    # Written down at the start and at the end, unless it is there already.
    assert [name for name, each in found.items() if each["state_described"] == cases[name][0]] == ["the same again"]
    assert not [name for name, each in found.items() if "complete" in each["state_both"]]


def test_a_director_without_rules_writes_none(tmp_path: Path) -> None:
    without = {**GIVEN, "director_fwmarks": [], "director_nat": {}, "__director_state_read": {}}
    assert work_out(tmp_path, {"": without})[""]["rules_unsure"] is False
