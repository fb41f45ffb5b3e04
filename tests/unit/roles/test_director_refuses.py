# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role director refuses before it changes anything: an old keepalived, and programs that must not be run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

ROLE = Path(__file__).parents[3] / "roles" / "director"
SERVICE = {"name": "web", "address": "192.0.2.100", "port": 80, "real_servers": []}


def run(place: Path, tasks: str, given: dict[str, t.Any], *, path: str = "") -> str:
    """What the tasks of this file say of the first mistake; empty where there is none."""
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
        "vars_files": [*(str(ROLE / each / "main.yml") for each in ("defaults", "vars")), f"{place}/given.json"],
        "environment": {"PATH": f"{path}:{os.environ['PATH']}:/usr/sbin"},
        "tasks": [{"ansible.builtin.include_tasks": str(ROLE / "tasks" / tasks)}],
    }
    (place / "given.json").write_text(json.dumps(given), encoding="utf-8")
    (place / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    command = [sys.executable, "-m", "ansible", "playbook", str(place / "play.json")]
    environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return " ".join((done.stdout + done.stderr).split()) if done.returncode else ""


@pytest.mark.parametrize(
    ("version", "given", "words"),
    [
        ("2.2.7", {"director_vrrp": {"down_timer_adverts": 2}}, ()),
        ("2.2.2", {"director_vrrp": {"down_timer_adverts": 2}}, ("2.2.2", "vrrp.down_timer_adverts (needs 2.2.3)")),
        ("2.2.2", {"director_vrrp": {"down_timer_adverts": None}}, ()),
        (
            "2.0.20",
            {"director_services": [{**SERVICE, "check": {"type": "udp", "payload": "01"}}]},
            ("check type udp (needs 2.1.0), check.payload and check.require_reply (needs 2.2.0)", "newer keepalived"),
        ),
        ("2.0.20", {"director_services": [{**SERVICE, "check": {"type": "ping"}}]}, ("check type ping (needs 2.1.0)",)),
        ("2.0.20", {"director_services": [{**SERVICE, "check": {"type": "tcp"}}]}, ()),
    ],
)
def test_what_an_installed_keepalived_cannot_do_is_refused_with_both_versions(
    tmp_path: Path, version: str, given: dict[str, t.Any], words: tuple[str, ...]
) -> None:
    (tmp_path / "keepalived").write_text(
        f"#!/bin/sh\necho 'Keepalived v{version} (01/16,2022)' >&2\n", encoding="ascii"
    )
    (tmp_path / "keepalived").chmod(0o755)
    said = run(tmp_path, "version.yml", given, path=str(tmp_path))
    assert bool(said) == bool(words), said
    assert [word for word in words if word not in said] == [], said


def check_by(program: str) -> dict[str, t.Any]:
    return {"director_services": [{**SERVICE, "check": {"type": "command", "command": [program, "%h"]}}]}


def test_a_program_of_root_that_everybody_may_run_is_taken(tmp_path: Path) -> None:
    assert run(tmp_path, "programs.yml", check_by("/bin/true")) == ""


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = run(tmp_path, "programs.yml", {"director_notify": {"script": ["/usr/bin/no-such-program"]}})
    assert "cannot run /usr/bin/no-such-program as keepalived_script: there is no such file" in said


@pytest.mark.parametrize(("mode", "words"), [(0o777, "-rwxrwxrwx"), (0o700, "-rwx------")])
def test_a_program_that_others_could_change_or_that_its_user_cannot_run_is_named(
    tmp_path: Path, mode: int, words: str
) -> None:
    program = tmp_path / "check"
    program.write_text("#!/bin/sh\n", encoding="ascii")
    program.chmod(mode)
    said = run(tmp_path, "programs.yml", check_by(str(program)))
    assert words in said
    assert "belong to root" in said


MARKED = {"name": "marked", "fwmark": 3, "real_servers": []}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            [
                {"name": "nowhere"},
                {"name": "portless", "address": "192.0.2.101"},
                {"name": "empty", "address": "", "port": 80},
                {"name": "unmarked", "fwmark": 0},
            ],
            "says neither address and port nor fwmark for nowhere, unmarked, empty, portless: give",
        ),
        (
            [
                {**MARKED, "name": "without", "check": {"type": "tcp"}},
                {**SERVICE, "name": "every", "port": 0, "check": {"type": "http", "port": None}},
            ],
            "says for without, every no port of the check",
        ),
        ([], ""),
    ],
)
def test_services_without_a_key_and_checks_without_a_port_are_all_named(
    tmp_path: Path, wrong: list[dict[str, t.Any]], words: str
) -> None:
    right = [
        SERVICE,
        {**SERVICE, "name": "checked", "check": {"type": "tcp"}},
        {**MARKED, "check": {"type": "tcp", "port": 80}},
        {**MARKED, "name": "pinged", "check": {"type": "ping"}},
        {**SERVICE, "name": "all", "port": 0, "check": {"type": "tcp", "port": 80}},
    ]
    given = {
        "director_services": [*right, *({"real_servers": [], **one} for one in wrong)],
        "director_vips": [{"address": "192.0.2.100", "prefix": 32, "interface": "eth0"}],
        "director_failover": "none",
        "director_health_checks": "none",
        "ansible_facts": {"os_family": "Debian", "distribution": "Debian"},
        "role_path": str(ROLE),
    }
    said = run(tmp_path, "preflight.yml", given)
    assert words in said
    assert bool(said) is bool(words)
