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
GIVEN = {
    "director_sysctls": {"net.ipv4.ip_forward": 1, "net.ipv4.conf.eth0/7.send_redirects": 0},
    "director_gateways": [{"address": "10.11.12.10", "prefix": 32, "interface": "eth1"}],
    "director_exclusive": False,
    "director_fwmarks": [{"mark": 5, "address": "192.0.2.100", "protocol": "udp", "ports": []}],
    "director_nat": {"mappings": [{"external": "198.51.100.1", "internal": "10.11.12.21", "protocol": None}]},
    "__director_state_read": {"content": base64.b64encode(json.dumps(REMEMBERED).encode()).decode()},
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


@pytest.fixture(scope="module")
def worked_out(tmp_path_factory: pytest.TempPathFactory) -> dict[str, t.Any]:
    """The variables that vars/main.yml derives from GIVEN."""
    place = tmp_path_factory.mktemp("director")
    wanted = {
        name: f"{{{{ __director_{name} }}}}"
        for name in (
            *("rules", "gateways", "gateways_kept", "state_both", "state_described"),
            *("sysctls_missing", "sysctls_overruled", "sysctls_given_back"),
        )
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
        "vars_files": [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")],
        "tasks": [{"ansible.builtin.copy": {"content": wanted, "dest": str(place / "found.json"), "mode": "0600"}}],
    }
    (place / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    (place / "given.json").write_text(json.dumps(GIVEN), encoding="utf-8")
    run = [sys.executable, "-m", "ansible", "playbook", "--extra-vars", f"@{place}/given.json", f"{place}/play.json"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, t.Any] = json.loads((place / "found.json").read_text(encoding="utf-8"))
    return found


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
