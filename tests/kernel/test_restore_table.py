# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role director's script that brings a table back at boot: it adds, never changes, and says what was refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kernel_tools import ModuleRun, Tool

SCRIPT = Path(__file__).parents[2] / "roles/director/files/restore-table"
SERVICES = [
    {
        "address": "192.0.2.100",
        "port": 80,
        "scheduler": "wrr",
        "destinations": [
            {"destination": "192.0.2.21", "weight": 0, "upper_threshold": 100, "lower_threshold": 50},
            {"destination": "192.0.2.22", "weight": 70000},
        ],
    },
    {
        "address": "192.0.2.100",
        "port": 443,
        "scheduler": "sh",
        "scheduler_flags": ["sh-fallback", "sh-port"],
        "persistence": 300,
        "persistence_netmask": "24",
        "destinations": [
            {"destination": "192.0.2.21", "forwarding": "tunnel", "upper_threshold": 9},
            {
                "destination": "192.0.2.22",
                "forwarding": "tunnel",
                "tunnel_type": "gue",
                "tunnel_port": 6080,
                "tunnel_checksum": "remote",
            },
            {"destination": "2001:db8:2::21", "forwarding": "tunnel", "tunnel_type": "gre"},
        ],
    },
    {
        "address": "192.0.2.100",
        "port": 5060,
        "protocol": "udp",
        "persistence": 60,
        "persistence_engine": "sip",
        "destinations": [{"destination": "192.0.2.21", "destination_port": 5070, "forwarding": "nat"}],
    },
    {"address": "192.0.2.100", "port": 36, "protocol": "sctp", "scheduler": "rr", "destinations": []},
    {"address": "2001:db8:2::100", "port": 0, "persistence": 60, "destinations": [{"destination": "2001:db8:2::21"}]},
    {"fwmark": 7, "one_packet": True, "destinations": [{"destination": "192.0.2.21", "upper_threshold": 3}]},
    {"fwmark": 7, "family": "ipv6", "scheduler": "mh", "destinations": [{"destination": "2001:db8:2::21"}]},
]


@pytest.fixture
def rules(run_module: ModuleRun, tmp_path: Path) -> Path:
    """The file of a table that stands in the kernel."""
    run = run_module("ipvs_table", {"services": SERVICES})
    path = tmp_path / "table.rules"
    path.write_text("".join(f"{line}\n" for line in run["rules"]), encoding="utf-8")
    return path


def restore(rules: Path) -> tuple[int, str]:
    done = subprocess.run(["/bin/sh", SCRIPT, rules], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def seen(tool: Tool) -> tuple[str, str]:
    return tool("ipvsadm", "-Sn"), tool("ipvsadm", "-Ln", "--thresholds")


def test_an_empty_kernel_gets_the_whole_table_back(rules: Path, tool: Tool):
    before = seen(tool)
    tool("ipvsadm", "-C")
    assert restore(rules) == (0, "")
    assert [sorted(text.splitlines()) for text in seen(tool)] == [sorted(text.splitlines()) for text in before]


def test_a_living_table_stays_as_it_is(rules: Path, tool: Tool):
    tool("ipvsadm", "-e", "-t", "192.0.2.100:80", "-r", "192.0.2.22", "-g", "-w", "0")
    tool("ipvsadm", "-E", "-t", "192.0.2.100:80", "-s", "rr")
    tool("ipvsadm", "-A", "-t", "192.0.2.140:80")
    before = seen(tool)
    assert restore(rules) == (0, "")
    assert seen(tool) == before


def test_what_is_missing_comes_back_beside_what_is_there(rules: Path, tool: Tool):
    before = sorted(tool("ipvsadm", "-Sn").splitlines())
    tool("ipvsadm", "-D", "-t", "192.0.2.100:443")
    tool("ipvsadm", "-d", "-f", "7", "-6", "-r", "[2001:db8:2::21]:0")
    assert restore(rules) == (0, "")
    assert sorted(tool("ipvsadm", "-Sn").splitlines()) == before


def test_refused_lines_are_named_and_the_others_are_there(rules: Path, tool: Tool):
    before = sorted(tool("ipvsadm", "-Sn").splitlines())
    tool("ipvsadm", "-C")
    lines = ["-A -t 192.0.2.150:80 -s nosuch", *rules.read_text(encoding="utf-8").splitlines(), "-A -t 192.0.2.151"]
    rules.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    code, said = restore(rules)
    assert code == 1
    assert f"The kernel lacks 2 lines of {rules}, ipvsadm says above why" in said
    assert said.splitlines()[-2:] == [lines[0], lines[-1]]
    assert sorted(tool("ipvsadm", "-Sn").splitlines()) == before


def test_a_missing_file_is_named(tmp_path: Path):
    code, said = restore(tmp_path / "none")
    assert (code, said) == (1, f"{tmp_path / 'none'} cannot be read: run site.yml again.\n")
