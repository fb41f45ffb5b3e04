# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests on the real kernel share: modules run as real code, other people's tools, a clean network each time."""

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
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from kernel_tools import ModuleRun, Tool, run_program

CLONE_NEWNET = 0x40000000


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
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    yield
    for path in Path("/run/netns").iterdir():
        subprocess.run(["ip", "netns", "del", path.name], check=True)


@pytest.fixture
def run_module() -> ModuleRun:
    """`run_module("ipvs_service", {...}, check=False)`: the module's own code with these parameters, in process."""

    def run(
        name: str,
        parameters: dict[str, Any] | None = None,
        *,
        check: bool = False,
        diff: bool = True,
        fails: bool = False,
    ) -> dict[str, Any]:
        module = importlib.import_module(f"ansible_collections.lvs.cluster.plugins.modules.{name}")
        arguments = {**(parameters or {}), "_ansible_check_mode": check, "_ansible_diff": diff}
        arguments["_ansible_remote_tmp"] = os.environ.get("TMPDIR", "/tmp")
        printed = io.StringIO()
        with patch_module_args(arguments), contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
            module.main()
        result = json.loads(printed.getvalue())
        if bool(result.get("failed")) != fails:
            pytest.fail(f"{name} {parameters}: {json.dumps(result, indent=1)}")
        return result

    # Each run is a process of its own on a managed host; nothing may leak from one to the next.
    basic._ANSIBLE_ARGS = None
    return run


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
