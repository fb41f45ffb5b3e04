# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of docs/real_servers.md is what the tests say, and they run."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.lvs.cluster.tests.matrix.matrix import (
    HOW,
    PAGE,
    ROOMS,
    ROOT,
    MarkError,
    page_with,
    proofs_in,
    proofs_of,
    table,
)

MARK = '@pytest.mark.proves(system="Linux", method="arp_ignore", how="packets")'


def test_the_page_is_as_the_tests_say() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page_with(text, table(proofs_in(ROOT))) == text, "Run make matrix."


def test_every_test_of_the_page_runs_in_ci() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (stages,) = re.findall(r"^test: .*\n\t@\$\(RUN\) (.*)$", makefile, flags=re.MULTILINE)
    run = {stage.partition(":")[0] for stage in stages.split()}
    of_cluster = (ROOT / "tests/ci/stages/cluster").read_text(encoding="utf-8")
    for proof in proofs_in(ROOT):
        (room,) = [room for room in ROOMS if proof.path.startswith(f"{room}/")]
        assert ROOMS[room] in run, proof
        if room == "tests/cluster":
            assert proof.path.rpartition("/")[2] in of_cluster, proof


def test_every_method_of_arp_hide_has_a_proof() -> None:
    source = (ROOT / "plugins/modules/arp_hide.py").read_text(encoding="utf-8")
    documentation = yaml.safe_load(source.partition('DOCUMENTATION = r"""\n')[2].partition('"""')[0])
    methods = {*documentation["options"]["method"]["choices"]} - {"auto"}
    assert methods
    assert methods <= {proof.method for proof in proofs_in(ROOT)}


def test_a_mark_of_several_systems_is_a_proof_for_each_and_the_name_is_the_claim() -> None:
    source = (
        "@pytest.mark.parametrize('x', [1])\n"
        '@pytest.mark.proves(system=["macOS", "FreeBSD"], method="loopback", how="recorded")\n'
        "def test_command_lines(x):\n    pass\n\n\n"
        f"{MARK}\ndef test_a_vip_is_hidden():\n    pass\n\n\ndef test_other():\n    pass\n"
    )
    found = list(proofs_of(source, "tests/unit/test_x.py"))
    assert [(proof.system, proof.method, proof.how, proof.claim) for proof in found] == [
        ("macOS", "loopback", "recorded", "command lines"),
        ("FreeBSD", "loopback", "recorded", "command lines"),
        ("Linux", "arp_ignore", "packets", "a vip is hidden"),
    ]
    made = table(found).splitlines()
    assert made[2] == "| Linux | `arp_ignore` | 1 test | – | – | – |"
    assert made[3] == "| FreeBSD | `loopback` | – | – | 1 test | – |"
    assert "* packets, [tests/unit/test_x.py](../tests/unit/test_x.py): a vip is hidden." in made


@pytest.mark.parametrize(
    "mark",
    [
        '@pytest.mark.proves("Linux", "arp_ignore", "packets")',
        '@pytest.mark.proves(system="Linux", method="arp_ignore", how="sworn")',
        '@pytest.mark.proves(system="Linux", how="packets")',
        '@pytest.mark.proves(system=SYSTEM, method="arp_ignore", how="packets")',
    ],
)
def test_a_mark_that_says_something_else_is_refused(mark: str) -> None:
    with pytest.raises(MarkError, match=r"x\.py: the mark of test_it must say .* one of packets"):
        list(proofs_of(f"{mark}\ndef test_it():\n    pass\n", "x.py"))


@pytest.mark.parametrize("skip", ["skip", "skipif(True, reason='x')", "xfail"])
def test_a_test_that_may_not_run_proves_nothing(skip: str) -> None:
    with pytest.raises(MarkError, match="proves nothing when it does not run"):
        list(proofs_of(f"@pytest.mark.{skip}\n{MARK}\ndef test_it():\n    pass\n", "x.py"))


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(MarkError, match="needs a line"):
        page_with("no place", "table")


def test_each_way_of_proof_is_explained() -> None:
    made = table([])
    assert all(f"* {heading}: {meaning}." in made for heading, meaning in HOW.values())
