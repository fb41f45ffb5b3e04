# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of the fixtures in conftest.py, for the tests' signatures, and what runs a program, a module or a namespace."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from ansible.module_utils.testing import patch_module_args

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000


class ModuleRun(Protocol):
    """Runs a module of this collection and returns what it printed as a dictionary."""

    def __call__(
        self,
        name: str,
        parameters: dict[str, Any] | None = None,
        *,
        check: bool = False,
        diff: bool = True,
        fails: bool = False,
    ) -> dict[str, Any]: ...


class Tool(Protocol):
    """Runs a program of the machine and returns its output."""

    def __call__(self, *words: str, stdin: str | None = None, fails: bool = False) -> str: ...


def run_program(*words: str, stdin: str | None = None, fails: bool = False) -> str:
    """Output of a program; the test fails when it does not succeed, or with `fails` when it does."""
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    if (done.returncode != 0) != fails:
        pytest.fail(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr if fails else done.stdout


def run_in_process(
    name: str,
    parameters: dict[str, Any] | None = None,
    *,
    check: bool = False,
    diff: bool = True,
    fails: bool = False,
) -> dict[str, Any]:
    """What the module's own code prints with these parameters; the test fails when it does not end as it should."""
    module = importlib.import_module(f"ansible_collections.lvs.cluster.plugins.modules.{name}")
    arguments = {**(parameters or {}), "_ansible_check_mode": check, "_ansible_diff": diff}
    arguments["_ansible_remote_tmp"] = os.environ.get("TMPDIR", "/tmp")
    printed = io.StringIO()
    with patch_module_args(arguments), contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(printed.getvalue())
    if bool(result.get("failed")) != fails:
        pytest.fail(f"{name} {parameters}: {json.dumps(result, indent=1)}")
    return result


def leave_namespaces(kinds: int) -> None:
    """Moves this process into new namespaces of these kinds."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(kinds):
        raise OSError(ctypes.get_errno(), "unshare")


@contextlib.contextmanager
def network_of_its_own() -> Iterator[None]:
    """A network namespace with nothing but `lo`: an empty IPVS table, no rules, its own sysctls.

    The process itself moves, so that modules run in it and programs that it starts are all inside. Namespaces that are
    made meanwhile with `ip netns add` are removed afterwards.
    """
    leave_namespaces(CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    yield
    for path in Path("/run/netns").iterdir():
        subprocess.run(["ip", "netns", "del", path.name], check=True)


def seen_table() -> list[str]:
    """The table in ipvsadm's words, sorted: its -Sn, with the thresholds that only its -Ln --thresholds shows."""
    limits = iter(
        line.split()[2:4] for line in run_program("ipvsadm", "-Ln", "--thresholds").splitlines()[3:] if "->" in line
    )
    lines = []
    for line in run_program("ipvsadm", "-Sn").splitlines():
        upper, lower = next(limits) if line.startswith("-a") else ("0", "0")
        # Where ipvsadm -R takes them and our own command lines have them: behind the weight.
        words = line.split()
        if upper != "0" or lower != "0":
            place = words.index("-w") + 2
            words[place:place] = ["-x", upper, "-y", lower]
        lines.append(" ".join(words))
    return sorted(lines)
