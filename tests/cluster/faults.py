# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults by hand on the built cluster, and what verify says of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from drive import EXAMPLE, playbook, ssh


@dataclass(frozen=True)
class Finding:
    host: str
    found: str
    cause: str
    remedy: str

    @property
    def text(self) -> str:
        return f"{self.found} {self.cause} {self.remedy}"


def variant(
    folder: Path,
    *,
    inventory: Callable[[str], str] = lambda text: text,
    description: Callable[[str], str] = lambda text: text,
) -> Path:
    """The example written otherwise, while the cluster stands as it was built; its inventory in this folder."""
    changed = folder / "inventory.yml"
    changed.write_text(inventory(EXAMPLE.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copytree(EXAMPLE.parent / "group_vars", folder / "group_vars")
    described = folder / "group_vars/all.yml"
    described.write_text(description(described.read_text(encoding="utf-8")), encoding="utf-8")
    return changed


def without_clients(inventory: str) -> str:
    return inventory.partition("    clients:")[0]


def findings(inventory: Path = EXAMPLE, *, inside: bool = False) -> list[Finding]:
    """What verify ends with; it has to fail."""
    run = playbook("lvs.cluster.verify", inventory=inventory, inside=inside)
    assert run.code != 0, run.output
    pattern = r"^\s*(?P<host>[\w, ]+): (?P<found>.+?) Cause: (?P<cause>.+?) Remedy: (?P<remedy>.+)$"
    lines = run.output.partition("not as described:")[2].splitlines()
    # The message is printed twice (once as the error, once as the result of the task).
    named = {Finding(**match.groupdict()) for match in (re.match(pattern, line) for line in lines) if match}
    assert named, run.output
    return sorted(named, key=lambda finding: (finding.host, finding.found))


@contextmanager
def broken(machine: str, command: str, mend: str) -> Iterator[None]:
    """A fault on one machine, taken back at the end."""
    ssh(machine, command)
    try:
        yield
    finally:
        ssh(machine, mend)


@contextmanager
def all_broken(*faults: tuple[str, str, str]) -> Iterator[None]:
    """Several faults (machine, command, what mends it) that do not hide each other."""
    with ExitStack() as stack:
        for fault in faults:
            stack.enter_context(broken(*fault))
        yield


def assert_named(found: list[Finding], *expected: tuple[str, str]) -> None:
    """Each expected host has one finding with these words, and there is no other finding."""
    left = list(found)
    for host, words in expected:
        matching = [finding for finding in left if finding.host == host and words in finding.text]
        assert matching, f"nothing like {words!r} of {host} in {found}"
        left.remove(matching[0])
    assert not left, f"blamed as well: {left}"
