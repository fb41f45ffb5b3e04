# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules run as real code on this machine's own kernel, each test in a network namespace of its own. Needs root.

For what User-Mode Linux lacks (nf_tables). The tools are those of tests/kernel.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from ansible.module_utils import basic
from kernel_tools import (
    CLONE_NEWNS,
    ModuleRun,
    Tool,
    leave_namespaces,
    network_of_its_own,
    run_in_process,
    run_program,
)

#: Where tests/ci/unpacked puts them.
UNPACKED = Path(__file__).resolve().parents[2] / ".cache/unpacked"


@pytest.fixture(scope="session", autouse=True)
def own_mounts() -> None:
    """Network namespaces that tests name are seen by this process only and end with it."""
    if os.geteuid():
        pytest.exit("tests/netns makes network namespaces: run it as root.", returncode=2)
    leave_namespaces(CLONE_NEWNS)
    Path("/run/netns").mkdir(exist_ok=True)
    for words in (["--make-rprivate", "/"], ["-t", "tmpfs", "none", "/run/netns"]):
        subprocess.run(["mount", *words], check=True)


@pytest.fixture(scope="module")
def unpacked(own_mounts: None) -> Iterator[None]:
    """Packages that nobody wants installed for a test lie over this machine's own folders, for this process only."""
    with ExitStack() as stack:
        for folder in ("usr", "etc"):
            if not (UNPACKED / folder).is_dir():
                pytest.fail("The packages are not unpacked: tests/ci/stages/netns does it.", pytrace=False)
            lower = f"lowerdir={UNPACKED / folder}:/{folder}"
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o", lower, f"/{folder}"], check=True)
            stack.callback(subprocess.run, ["umount", "--lazy", f"/{folder}"], check=True)
        yield


@pytest.fixture(autouse=True)
def own_network(own_mounts: None) -> Iterator[None]:
    """A network namespace for each test."""
    with network_of_its_own():
        yield


@pytest.fixture
def boot_files() -> Iterator[None]:
    """Folders of this machine into which the module writes: in here they are others."""
    folders = ("/etc/systemd/system", "/etc/sysctl.d", "/run/systemd")
    with ExitStack() as stack:
        for folder in folders:
            subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
            stack.callback(subprocess.run, ["umount", folder], check=True)
        yield


@pytest.fixture
def run_module() -> ModuleRun:
    """`run_module("fwmark", {...}, check=False)`: the module's own code with these parameters, in process."""
    basic._ANSIBLE_ARGS = None
    return run_in_process


@pytest.fixture
def tool() -> Tool:
    """`tool("nft", "list", "ruleset")`: output of a program; it must succeed, or with `fails=True` must not."""
    return run_program
