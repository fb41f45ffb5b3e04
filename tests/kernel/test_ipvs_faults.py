# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is not as it should be: each module says so in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool

WEB = {"address": "192.0.2.100", "port": 80}
MODULES: list[tuple[str, dict[str, Any]]] = [
    ("ipvs_service", WEB),
    ("ipvs_dest", {**WEB, "destination": "192.0.2.21"}),
    ("ipvs_info", {}),
    ("ipvs_timeouts", {"udp": 60}),
    ("ipvs_sync", {"role": "backup", "interface": "lo"}),
]
WITH_STATE = ("ipvs_service", "ipvs_dest", "ipvs_sync")


def unload(tool: Tool) -> None:
    """Removes ip_vs with its schedulers; namespaces of earlier tests may still hold it for a moment."""
    loaded = [line.split()[0] for line in Path("/proc/modules").read_text(encoding="utf-8").splitlines()]
    for name in [*(name for name in loaded if name.startswith("ip_vs_")), "ip_vs"]:
        if name in loaded:
            tool("rmmod", name)


@pytest.fixture
def modprobe_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    program = tmp_path / "modprobe"
    program.write_text('#!/bin/sh\necho "FATAL: Module $2$1 not found in directory" >&2\nexit 1\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    kernels_own = Path("/proc/sys/kernel/modprobe")
    before = kernels_own.read_text(encoding="utf-8")
    kernels_own.write_text("/bin/false\n", encoding="utf-8")
    yield
    kernels_own.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(("name", "parameters"), MODULES)
def test_module_ip_vs_that_is_not_to_be_had_is_named_with_a_remedy(
    run_module: ModuleRun, tool: Tool, modprobe_fails: None, name: str, parameters: dict[str, Any]
) -> None:
    unload(tool)
    for check in (True, False):
        failed = run_module(name, parameters, check=check, fails=True)
        assert failed["msg"].startswith("IPVS of this host is not to be had: kernel module ip_vs cannot be loaded")
        assert "Install the package that holds it for the running kernel" in failed["msg"]


def test_ip_vs_and_the_scheduler_are_loaded_when_missing_but_not_in_check_mode(
    run_module: ModuleRun, tool: Tool
) -> None:
    unload(tool)
    predicted = run_module("ipvs_service", {**WEB, "scheduler": "mh"}, check=True)
    assert run_module("ipvs_info", check=True)["services"] == []
    assert "ip_vs" not in Path("/proc/modules").read_text(encoding="utf-8")
    done = run_module("ipvs_service", {**WEB, "scheduler": "mh"})
    assert predicted == done
    assert Path("/sys/module/ip_vs_mh").exists()
    assert tool("ipvsadm", "-Sn") == "-A -t 192.0.2.100:80 -s mh\n"


@pytest.mark.parametrize(
    ("name", "parameters"), [entry for entry in MODULES if entry[0] in ("ipvs_timeouts", "ipvs_sync")]
)
def test_settings_of_a_kernel_without_ip_vs_are_foreseen(
    run_module: ModuleRun, tool: Tool, name: str, parameters: dict[str, Any]
) -> None:
    unload(tool)
    predicted = run_module(name, parameters, check=True)
    assert "ip_vs" not in Path("/proc/modules").read_text(encoding="utf-8")
    assert run_module(name, parameters) == predicted
    tool("ipvsadm", "--stop-daemon", "backup", fails=name != "ipvs_sync")


def test_taking_away_what_is_not_there_loads_nothing(run_module: ModuleRun, tool: Tool) -> None:
    unload(tool)
    for name, parameters in MODULES:
        if name in WITH_STATE:
            assert run_module(name, {**parameters, "state": "absent"})["changed"] is False
    assert "ip_vs" not in Path("/proc/modules").read_text(encoding="utf-8")


def test_draining_where_nothing_can_be_says_so_and_loads_nothing(run_module: ModuleRun, tool: Tool) -> None:
    unload(tool)
    failed = run_module("ipvs_dest", {**WEB, "destination": "192.0.2.21", "state": "drained", "wait": True}, fails=True)
    assert failed["msg"].startswith("Service tcp/192.0.2.100:80 does not exist, so nothing can be drained in it.")
    assert "ip_vs" not in Path("/proc/modules").read_text(encoding="utf-8")


def test_family_number_is_looked_up_after_each_loading(run_module: ModuleRun, tool: Tool) -> None:
    for _turn in range(2):
        run_module("ipvs_service", WEB)
        tool("ipvsadm", "-C")
        unload(tool)


@pytest.mark.parametrize(("name", "parameters"), MODULES)
@pytest.mark.parametrize("check", [True, False])
def test_without_the_capability_the_sentence_says_root(
    tool: Tool, name: str, parameters: dict[str, Any], check: bool
) -> None:
    tool("modprobe", "ip_vs")
    arguments = {**parameters, "_ansible_check_mode": check}
    script = (
        "import importlib\n"
        "from ansible.module_utils.testing import patch_module_args\n"
        f"with patch_module_args({arguments!r}):\n"
        f"    importlib.import_module('ansible_collections.lvs.cluster.plugins.modules.{name}').main()\n"
    )
    done = subprocess.run(
        ["capsh", "--drop=cap_net_admin", "--", "-c", 'exec "$0" -c "$1"', sys.executable, script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert json.loads(done.stdout)["msg"] == (
        "Only root may read and change this host's IPVS table (capability CAP_NET_ADMIN)."
        " Run the task with become: true."
    )
