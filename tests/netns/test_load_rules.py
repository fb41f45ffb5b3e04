# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role director's script that loads rules at boot and after others loaded theirs: all of ours, nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
from kernel_tools import ModuleRun, Tool, run_program
from rules_cases import FIREWALL, FOREIGN_IPTABLES, NAT, foreign_rules, seen_rules

TEMPLATE = Path(__file__).parents[2] / "roles/director/templates/load-rules.j2"
FOREIGN_NFTABLES = (
    "table inet theirs {\n    chain input { type filter hook input priority filter + 1; policy accept; }\n}\n"
)
DESCRIBED: dict[str, dict[str, Any]] = {
    "fwmark": {
        "marks": [{"mark": 5, "address": "192.0.2.100"}, {"mark": 6, "address": "2001:db8::100"}],
        "purge": True,
    },
    "nat": NAT,
    "firewall": FIREWALL,
}
BACKENDS = pytest.mark.parametrize("backend", ["nftables", "iptables"])


@pytest.fixture(autouse=True)
def foreign(tool: Tool) -> None:
    """Rules of somebody else, in both worlds."""
    tool("nft", "-f", "-", stdin=FOREIGN_NFTABLES)
    tool("iptables-nft-restore", "--noflush", stdin=FOREIGN_IPTABLES)


def written(run_module: ModuleRun, backend: str, place: Path) -> Path:
    """The script for DESCRIBED, whose rules are in the kernel."""
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    environment.filters["comment"] = lambda text: f"# {text}"
    parts = {
        f"lvs_cluster_{name}": run_module(name, {**described, "backend": backend})["rules"]
        for name, described in DESCRIBED.items()
    }
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        ansible_managed="Ansible managed", __director_rules_parts=parts
    )
    script = place / "load-rules"
    script.write_text(text, encoding="utf-8")
    return script


def load(script: Path) -> tuple[int, str]:
    done = subprocess.run(["/bin/sh", script], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


# What happened to the kernel's rules before the script runs.
HAPPENED = {
    "nftables": [
        "",
        "nft flush ruleset",
        "nft flush chain inet lvs_cluster_firewall input",
        "nft delete table inet lvs_cluster_nat",
        "nft add rule inet lvs_cluster_firewall input accept",
        "nft add element inet lvs_cluster_fwmark ipv4 '{ 192.0.2.99 . tcp . 80 : 9 }'",
    ],
    "iptables": [
        "",
        "nft flush ruleset",
        "iptables -F INPUT; iptables -F LVS_CLUSTER_FIREWALL_INPUT",  # *filter of somebody's file, ours in raw stays
        "iptables-save -t filter | grep -v LVS_CLUSTER | iptables-restore",
        "iptables -D INPUT -j LVS_CLUSTER_FIREWALL_INPUT",
        "iptables -A INPUT -j LVS_CLUSTER_FIREWALL_INPUT; iptables -I LVS_CLUSTER_FIREWALL_INPUT -j ACCEPT",
        "ip6tables -t mangle -F LVS_CLUSTER_FWMARK",
        "for of in -D -I; do iptables -t mangle $of PREROUTING -j LVS_CLUSTER_FWMARK; done",
        "iptables -t nat -A LVS_CLUSTER_NAT_PREROUTING -j ACCEPT",
    ],
}


@pytest.mark.parametrize(
    ("backend", "happened"), [(backend, each) for backend, commands in HAPPENED.items() for each in commands]
)
def test_whatever_happened_all_rules_are_there_once_and_those_of_others_untouched(
    backend: str, happened: str, run_module: ModuleRun, tool: Tool, tmp_path: Path
) -> None:
    script = written(run_module, backend, tmp_path)
    tool("sh", "-euc", happened)
    others = foreign_rules("nft")
    for _again in range(2):
        assert load(script) == (0, "")
        assert foreign_rules("nft") == others
        for name, described in DESCRIBED.items():
            assert run_module(name, {**described, "backend": backend}, check=True)["operations"] == [], name


def test_stale_chains_of_ours_lose_their_rules_and_jumps(run_module: ModuleRun, tool: Tool, tmp_path: Path) -> None:
    script = written(run_module, "iptables", tmp_path)
    old = "LVS_CLUSTER_NAT_OLD"
    for table, hook in (("raw", "OUTPUT"), ("filter", "FORWARD"), ("security", "INPUT")):
        for words in (f"-N {old}", f"-A {old} -j DROP", f"-A {hook} -j {old}"):
            tool("iptables", "-t", table, *words.split())
    # Somebody's jump there keeps the chain from being removed: that must not keep ours from being loaded.
    tool("iptables", "-A", "THEIRS", "-j", old)
    assert load(script) == (0, "")
    left = [line for line in seen_rules("nft") if old in line]
    assert sorted(left) == ["iptables-nft-save: -A THEIRS -j " + old, *[f"iptables-nft-save: :{old} -"] * 3]


def test_a_table_that_does_not_take_the_rules_keeps_those_that_are_there(
    run_module: ModuleRun, tool: Tool, tmp_path: Path
) -> None:
    script = written(run_module, "iptables", tmp_path)
    before = run_program("iptables-save", "-t", "filter").splitlines()
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace("-I FORWARD -j", "-I NOWHERE -j"), encoding="utf-8")
    code, said = load(script)
    assert code == 1
    assert "iptables takes none of the rules of LVS_CLUSTER_FIREWALL: run site.yml again." in said
    assert [line for line in run_program("iptables-save", "-t", "filter").splitlines() if line[0] == "-"] == [
        line for line in before if line[0] == "-"
    ]
