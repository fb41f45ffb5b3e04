# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random tasks of ipvs_table on the real kernel. The judge is what ipvsadm prints, against lines that we did not make.

LVS_CLUSTER_TABLE_PAIRS says how many (default 200; the issue asks for 2,000), LVS_CLUSTER_TABLE_FIRST the first seed.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from kernel_tools import ModuleRun, run_program

from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.ipvs.table_tasks import (
    Entries,
    Task,
    limits,
    listed,
    saved,
    task,
)

# Seeds that once failed come first, always.
SEEDS_THAT_FAILED: tuple[int, ...] = ()
PAIRS = int(os.environ.get("LVS_CLUSTER_TABLE_PAIRS", "200"))
FIRST = int(os.environ.get("LVS_CLUSTER_TABLE_FIRST", "0"))
SEEDS = [*SEEDS_THAT_FAILED, *range(FIRST, FIRST + PAIRS)]
SHARES = 10  # tests, so that a failure says early that there is one

_SEE = "ipvsadm -Sn && echo == && ipvsadm -Ln --thresholds"


class Seen:
    """What ipvsadm prints of the whole table."""

    def __init__(self, text: str) -> None:
        self.text = text
        saved_text, _between, listed_text = text.partition("==\n")
        self.saved = saved_text.splitlines()
        self._listed = listed_text.splitlines()[3:]

    def saved_of(self, entries: Entries) -> list[str]:
        """The lines of these services, as they come."""
        names = {line.split(" -s ")[0][2:] for line in saved(entries) if line.startswith("-A")}
        return [line for line in self.saved if line[2:].split(" -s ")[0].split(" -r ")[0] in names]

    def blocks_of(self, entries: Entries) -> list[str]:
        """What is listed of these services, letter by letter."""
        names = {listed(name) for name in entries}
        lines, inside = [], False
        for line in self._listed:
            inside = inside if line.startswith("  ->") else self._name(line) in names
            lines += [line] if inside else []
        return lines

    def limits(self) -> list[tuple[str, str, int, int]]:
        found, service = [], ""
        for line in self._listed:
            if line.startswith("  ->"):
                _arrow, destination, upper, lower = line.split()[:4]
                found.append((service, destination, int(upper), int(lower)))
            else:
                service = self._name(line)
        return sorted(found)

    @staticmethod
    def _name(line: str) -> str:
        words = line.split()
        return " ".join(words[:3] if words[0] == "FWM" and words[2] == "IPv6" else words[:2])


def see() -> Seen:
    return Seen(run_program("sh", "-ec", _SEE))


def restored(lines: list[str]) -> Seen:
    """The table with exactly these, each a line for ipvsadm -R. Nothing that was there before stays."""
    return Seen(run_program("sh", "-ec", f"ipvsadm -R && {_SEE}", stdin="\n".join(["-C", *lines, ""])))


def typed(commands: list[str]) -> Seen:
    """The table after these command lines, typed one after the other."""
    return Seen(run_program("sh", "-es", stdin="\n".join([*commands, _SEE, ""])))


@pytest.mark.parametrize("share", range(SHARES))
def test_random_tables_become_as_described_and_nothing_else_is_touched(run_module: ModuleRun, share: int) -> None:
    run_program("modprobe", "ip_vs")
    for seed in SEEDS[share::SHARES]:
        try:
            proven(task(seed), run_module, every=seed % 11 == 0)
        except (AssertionError, pytest.fail.Exception) as error:
            raise AssertionError(f"seed {seed}: keep it in SEEDS_THAT_FAILED. {error}") from error


def proven(drawn: Task, run_module: ModuleRun, *, every: bool) -> None:
    """With ``every``, what costs more is looked at as well: check mode, typed operations, rules at a boot."""
    before = restored(list(saved(drawn.before, complete=True)))
    assert sorted(before.saved) == sorted(saved(drawn.before)), "the test is wrong: not the table that was drawn"
    predicted: dict[str, Any] = run_module("ipvs_table", drawn.parameters, check=True) if every else {}
    done = run_module("ipvs_table", drawn.parameters)
    after = see()
    assert sorted(after.saved) == sorted(saved(drawn.after)), "not as described"
    assert after.limits() == limits(drawn.after), "thresholds not as described"
    foreign = {name: entry for name, entry in drawn.before.items() if name not in drawn.owned}
    assert after.saved_of(foreign) == before.saved_of(foreign), "foreign services touched"
    assert len(before.saved_of(foreign)) == len(list(saved(foreign)))
    assert after.blocks_of(foreign) == before.blocks_of(foreign), "foreign services touched"
    again = run_module("ipvs_table", drawn.parameters)
    assert (again["changed"], again["operations"]) == (False, []), "second run"
    assert again["rules"] == done["rules"]
    assert done["changed"] == (sorted(before.text.splitlines()) != sorted(after.text.splitlines()))
    if every:
        assert see().text == after.text, "the second run did something"
        assert predicted == done, "check mode said otherwise"
        restored(list(saved(drawn.before, complete=True)))
        by_hand = typed(done["operations"])
        assert sorted(by_hand.saved) == sorted(after.saved), "typed operations lead elsewhere"
        assert by_hand.limits() == after.limits(), "typed operations lead elsewhere"
        owned = {name: entry for name, entry in drawn.after.items() if name in drawn.owned}
        at_boot = restored(done["rules"])
        assert sorted(at_boot.saved) == sorted(saved(owned)), "rules restore something else"
        assert at_boot.limits() == limits(owned), "rules restore something else"
