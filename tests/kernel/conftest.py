# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests on the real kernel share: modules run as real code, other people's tools, a clean network each time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from ansible.module_utils import basic
from kernel_tools import ModuleRun, Tool, network_of_its_own, run_in_process, run_program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "LVS_CLUSTER_KERNEL" not in os.environ:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs the kernel that tests/kernel/run boots"))


@pytest.fixture(autouse=True)
def own_network() -> Iterator[None]:
    """A network namespace for each test."""
    if "LVS_CLUSTER_KERNEL" not in os.environ:
        yield
        return
    with network_of_its_own():
        yield


@pytest.fixture
def run_module() -> ModuleRun:
    """`run_module("ipvs_service", {...}, check=False)`: the module's own code with these parameters, in process."""

    # Each run is a process of its own on a managed host; nothing may leak from one to the next.
    basic._ANSIBLE_ARGS = None
    return run_in_process


@pytest.fixture
def boot_files() -> Iterator[None]:
    """Folders of the machine that may be written to: in here they lie in memory."""
    for program in ("modprobe overlay", "mkdir -p /run/etc/upper /run/etc/work"):
        subprocess.run(program.split(), check=True)
    layers = "lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "etc", "/etc"], check=True)
    folders = ("/etc/systemd/system", "/etc/sysctl.d")
    for folder in folders:
        subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
    yield
    for folder in (*folders, "/etc"):
        subprocess.run(["umount", folder], check=True)
    subprocess.run(["rm", "-rf", "/run/etc"], check=True)


@pytest.fixture
def tool() -> Tool:
    """`tool("ipvsadm", "-Sn")`: output of a program; it must succeed, or with `fails=True` must not."""
    return run_program
