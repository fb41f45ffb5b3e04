# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests on the real kernel share: modules run as real code, other people's tools, a clean network each time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils import basic
from kernel_tools import CLONE_NEWNET, ModuleRun, Tool, leave_namespaces, run_in_process, run_program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "LVS_CLUSTER_KERNEL" not in os.environ:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs the kernel that tests/kernel/run boots"))


@pytest.fixture(autouse=True)
def own_network() -> Iterator[None]:
    """A network namespace for each test: an empty IPVS table, only `lo`, its own sysctls.

    The process itself moves, so that modules run in it and programs that it starts are all inside. Namespaces that a
    test makes with `ip netns add` are removed afterwards.
    """
    if "LVS_CLUSTER_KERNEL" not in os.environ:
        yield
        return
    leave_namespaces(CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    yield
    for path in Path("/run/netns").iterdir():
        subprocess.run(["ip", "netns", "del", path.name], check=True)


@pytest.fixture
def run_module() -> ModuleRun:
    """`run_module("ipvs_service", {...}, check=False)`: the module's own code with these parameters, in process."""

    # Each run is a process of its own on a managed host; nothing may leak from one to the next.
    basic._ANSIBLE_ARGS = None
    return run_in_process


@pytest.fixture
def boot_files() -> Iterator[None]:
    """Folders of the machine that may be written to: in here they lie in memory."""
    folders = ("/etc/systemd/system", "/etc/sysctl.d")
    for folder in folders:
        subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
    yield
    for folder in folders:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def tool() -> Tool:
    """`tool("ipvsadm", "-Sn")`: output of a program; it must succeed, or with `fails=True` must not."""
    return run_program
