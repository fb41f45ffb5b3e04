# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random tasks of ipvs_table on the real kernel. The judge is what ipvsadm prints, against lines that we did not make.

LVS_CLUSTER_TABLE_PAIRS says how many (200 when it is not set, 250 in CI), LVS_CLUSTER_TABLE_FIRST the first seed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import pytest
from ansible.module_utils.basic import AnsibleModule
from kernel_tools import ModuleRun

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import table
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


class Shell:
    """A shell that stays: to start a program from a process as large as pytest's takes twice as long there."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def __call__(self, *lines: str) -> str:
        """What these command lines print; the first that fails ends them, and the test."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # All programs read from here as well, but none more than what is meant for it.
        self._process.stdin.write("\n".join(["(set -e", *lines, ') ; echo "== $?"', ""]))
        self._process.stdin.flush()
        printed: list[str] = []
        for line in self._process.stdout:
            if line.startswith("== "):
                assert line == "== 0\n", "".join(printed)
                break
            printed.append(line)
        return "".join(printed)

    def restore(self, lines: Iterable[str]) -> None:
        """The table with exactly these, each a line for ipvsadm -R. Nothing that was there before stays."""
        self("ipvsadm -R <<'END'", "-C", *lines, "END")

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture
def shell(own_network: None) -> Iterator[Shell]:
    found = Shell()
    yield found
    found.close()


class Seen:
    """What ipvsadm prints of the whole table."""

    def __init__(self, shell: Shell, *, saves: bool = True) -> None:
        # A program's start is most of the time that this test takes.
        self.saved = shell("ipvsadm -Sn").splitlines() if saves else []
        self.listed = shell("ipvsadm -Ln --thresholds").splitlines()[3:]

    def saved_of(self, entries: Entries) -> list[str]:
        """The lines of these services, as they come."""
        names = {line.split(" -s ")[0][2:] for line in saved(entries) if line.startswith("-A")}
        return [line for line in self.saved if line[2:].split(" -s ")[0].split(" -r ")[0] in names]

    def listed_of(self, entries: Entries) -> list[str]:
        """What is listed of these services, letter by letter."""
        names = {listed(name) for name in entries}
        lines, inside = [], False
        for line in self.listed:
            inside = inside if line.startswith("  ->") else self._name(line) in names
            lines += [line] if inside else []
        return lines

    def limits(self) -> list[tuple[str, str, int, int]]:
        found, service = [], ""
        for line in self.listed:
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


class ModuleInProcess:
    """Ansible's module without what Ansible does around it, which would be more than half of the time."""

    check_mode = False

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.params = {"scope": None, **parameters}

    def get_bin_path(self, name: str) -> str | None:
        return shutil.which(name)

    def run_command(self, words: list[str]) -> tuple[int, str, str]:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr


def changed(parameters: dict[str, Any]) -> Mapping[str, Any]:
    return table._changed_table(cast(AnsibleModule, ModuleInProcess(parameters)))


@pytest.mark.parametrize("share", range(SHARES))
def test_random_tables_become_as_described_and_nothing_else_is_touched(
    run_module: ModuleRun, shell: Shell, share: int
) -> None:
    shell("modprobe ip_vs")
    for seed in SEEDS[share::SHARES]:
        try:
            proven(task(seed), run_module, shell, every=seed % 21 == 0)
        except (AssertionError, pytest.fail.Exception) as error:
            raise AssertionError(f"seed {seed}: keep it in SEEDS_THAT_FAILED. {error}") from error


def proven(drawn: Task, run_module: ModuleRun, shell: Shell, *, every: bool) -> None:
    """With ``every``, what costs more is looked at as well: the whole module, check mode, typed operations, rules."""
    shell.restore(saved(drawn.before, complete=True))
    before = Seen(shell, saves=every)
    assert before.limits() == limits(drawn.before), "the test is wrong: not the table that was drawn"
    predicted: dict[str, Any] = run_module("ipvs_table", drawn.parameters, check=True) if every else {}
    done = run_module("ipvs_table", drawn.parameters) if every else changed(drawn.parameters)
    after = Seen(shell)
    assert sorted(after.saved) == sorted(saved(drawn.after)), "not as described"
    assert after.limits() == limits(drawn.after), "thresholds not as described"
    foreign = {name: entry for name, entry in drawn.before.items() if name not in drawn.owned}
    assert after.listed_of(foreign) == before.listed_of(foreign), "foreign services touched"
    again = run_module("ipvs_table", drawn.parameters) if every else changed(drawn.parameters)
    assert (again["changed"], again["operations"]) == (False, []), "second run"
    assert again["rules"] == done["rules"]
    differs = sorted(saved(drawn.before, complete=True)) != sorted(saved(drawn.after, complete=True))
    assert done["changed"] == differs, "changed is wrong"
    if every:
        assert sorted(before.saved) == sorted(saved(drawn.before)), "the test is wrong: not the table that was drawn"
        assert after.saved_of(foreign) == before.saved_of(foreign), "foreign services touched"
        assert len(before.saved_of(foreign)) == len(list(saved(foreign)))
        assert vars(Seen(shell)) == vars(after), "the second run did something"
        assert predicted == done, "check mode said otherwise"
        shell.restore(saved(drawn.before, complete=True))
        shell(*done["operations"])
        by_hand = Seen(shell)
        assert sorted(by_hand.saved) == sorted(after.saved), "typed operations lead elsewhere"
        assert by_hand.limits() == after.limits(), "typed operations lead elsewhere"
        owned = {name: entry for name, entry in drawn.after.items() if name in drawn.owned}
        shell.restore(done["rules"])
        at_boot = Seen(shell)
        assert sorted(at_boot.saved) == sorted(saved(owned)), "rules restore something else"
        assert at_boot.limits() == limits(owned), "rules restore something else"
