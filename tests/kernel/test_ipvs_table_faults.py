# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipvs_table disturbed on the real kernel: answers lost, killed, forestalled. What it says afterwards must be true."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool, run_program

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import change, netlink
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import Table
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import Kernel
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import plan
from ansible_collections.lvs.cluster.plugins.module_utils._task import lock

MANY = 600  # more than two batches
FOREIGN = """\
-A -t 203.0.113.9:80 -s rr
-a -t 203.0.113.9:80 -r 192.0.2.29:80 -g -w 9 -x 7 -y 3
"""
OWNED: dict[str, Any] = {"purge": "services", "scope": ["198.51.100.0/22", "192.0.2.0/24"]}
BEFORE = """\
-A -t 192.0.2.100:80 -s rr -p 77
-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 1 -x 9 -y 2
-a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 4
-A -t 192.0.2.101:80 -s wlc
-a -t 192.0.2.101:80 -r 192.0.2.22:80 -g -w 1
"""
SMALL = {
    **OWNED,
    "services": [
        {
            "address": "192.0.2.100",
            "port": 80,
            "scheduler": "wrr",
            "persistence": 0,
            "destinations": [{"destination": "192.0.2.23", "weight": 2}, {"destination": "192.0.2.22", "weight": 3}],
        },
        {"address": "192.0.2.102", "port": 80, "destinations": [{"destination": "192.0.2.23"}]},
    ],
}
SMALL_SAVED = """\
-A -t 192.0.2.100:80 -s wrr
-a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 3
-a -t 192.0.2.100:80 -r 192.0.2.23:80 -g -w 2
-A -t 192.0.2.102:80 -s wlc
-a -t 192.0.2.102:80 -r 192.0.2.23:80 -g -w 1
"""
AFTER_THREE = "After 3 attempts the table is still not as described; this is missing: "


def many() -> dict[str, Any]:
    """A task of so many services."""
    addresses = [f"198.51.{100 + number // 200}.{number % 200 + 1}" for number in range(MANY)]
    destinations = [{"destination": "192.0.2.21", "weight": 3}]
    return {**OWNED, "services": [{"address": each, "port": 80, "destinations": destinations} for each in addresses]}


def many_saved() -> list[str]:
    lines = []
    for number in range(MANY):
        name = f"-t 198.51.{100 + number // 200}.{number % 200 + 1}:80"
        lines += [f"-A {name} -s wlc", f"-a {name} -r 192.0.2.21:80 -g -w 3"]
    return sorted(lines)


def seen() -> tuple[list[str], list[str]]:
    """The table with the thresholds, which must hold all of FOREIGN; without FOREIGN."""
    listed = run_program("ipvsadm", "-Ln", "--thresholds")
    assert "TCP  203.0.113.9:80 rr\n  -> 192.0.2.29:80                7          3" in listed
    lines = run_program("ipvsadm", "-Sn").splitlines()
    for line in FOREIGN.replace(" -x 7 -y 3", "").splitlines():
        lines.remove(line)
    return sorted(lines), sorted(listed.splitlines())


def own() -> list[str]:
    return seen()[0]


@pytest.fixture(autouse=True)
def table(own_network: None, tool: Tool) -> None:
    """What is there before each test."""
    tool("modprobe", "ip_vs")
    tool("ipvsadm", "-R", stdin=FOREIGN + BEFORE)


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Any, int], None], str], None]:
    """`patched("apply", what, "before")`: something happens before or after each call of a method of the kernel."""

    def patch(method: str, happens: Callable[[Any, int], None], when: str) -> None:
        original = getattr(Kernel, method)
        calls = 0

        def replacement(kernel: Kernel, *arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            number = calls
            if when == "before":
                happens(kernel, number)
            result = original(kernel, *arguments)
            if when == "after":
                happens(kernel, number)
            return result

        monkeypatch.setattr(Kernel, method, replacement)

    return patch


# Lost answers


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets with room for one or two short answers."""
    monkeypatch.setattr(netlink, "_RECEIVE_BUFFER", 1)


def test_so_small_a_buffer_does_lose_answers(run_module: ModuleRun, deaf: None) -> None:
    """Otherwise the tests below would prove nothing."""
    run_module("ipvs_table", many())
    with Kernel() as kernel:
        present = kernel.read().table
        with pytest.raises(netlink.AnswersLostError):
            kernel.apply(plan(current=Table(), desired=present))


def test_with_a_small_buffer_all_is_written(run_module: ModuleRun, deaf: None) -> None:
    done = run_module("ipvs_table", many())
    assert own() == many_saved()
    assert len(done["operations"]) == 2 * MANY + 2
    assert run_module("ipvs_table", many())["changed"] is False


def test_many_refusals_whose_answers_are_lost_are_undone_all_the_same(
    run_module: ModuleRun, tool: Tool, deaf: None
) -> None:
    tool("ip", "address", "add", "198.51.200.1/24", "dev", "lo")
    before = seen()
    task = many()
    for service in task["services"][100:500]:
        service["destinations"] = [{"destination": "198.51.200.255"}]  # a broadcast address: only the kernel knows
    failed = run_module("ipvs_table", task, fails=True)
    assert "The kernel does not take destination 198.51.200.255:80 for service tcp/198.51.100.101:80" in failed["msg"]
    assert failed["msg"].endswith("The table is as it was before.")
    assert seen() == before


def test_many_objects_that_others_made_meanwhile_are_no_failure(
    run_module: ModuleRun, deaf: None, patched: Any
) -> None:
    rules = "\n".join(sorted(many_saved(), key=lambda line: (line.split()[2], line.startswith("-a")))) + "\n"
    patched("apply", lambda _kernel, call: call == 1 and run_program("ipvsadm", "-R", stdin=rules), "before")
    run_module("ipvs_table", many())
    assert own() == many_saved()


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("calls", [{1}, {2}, {1, 2}])
def test_answers_lost_before_or_after_the_work_are_replaced_by_what_is_read(
    run_module: ModuleRun, monkeypatch: pytest.MonkeyPatch, calls: set[int], applied: bool
) -> None:
    apply_batch = Kernel._apply_batch
    count = 0

    def lossy(kernel: Kernel, batch: Any) -> None:
        nonlocal count
        count += 1
        if count in calls and not applied:
            raise netlink.kernel_error(105, "Writing the table")
        apply_batch(kernel, batch)
        if count in calls:
            raise netlink.kernel_error(105, "Writing the table")

    monkeypatch.setattr(Kernel, "_apply_batch", lossy)
    done = run_module("ipvs_table", SMALL)
    assert own() == sorted(SMALL_SAVED.splitlines())
    assert len(done["operations"]) == len(set(done["operations"])), "something is told twice"


# Killed

_KILLED = """
import os, signal, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import Kernel
from ansible_collections.lvs.cluster.plugins.modules import ipvs_table
import json
apply_batch, left = Kernel._apply_batch, int(sys.argv[1])
def dying(kernel, batch):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    apply_batch(kernel, batch)
Kernel._apply_batch = dying
with patch_module_args(json.loads(sys.argv[2])):
    ipvs_table.main()
"""


@pytest.mark.parametrize("batches", [0, 1, 2, 4])
def test_killed_between_batches_and_run_again_it_is_as_described(run_module: ModuleRun, batches: int) -> None:
    died = subprocess.run(
        [sys.executable, "-c", _KILLED, str(batches), json.dumps(many())], check=False, capture_output=True, timeout=60
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    on_the_way = own()
    assert ("-A -t 198.51.100.1:80 -s wlc" in on_the_way) == (batches > 0)
    assert "-A -t 192.0.2.101:80 -s wlc" in on_the_way, "removed before all that is new was there"
    assert on_the_way != many_saved()
    run_module("ipvs_table", many())
    assert own() == many_saved()


# Others at work


@pytest.mark.parametrize(("method", "when"), [("apply", "before"), ("apply", "after")])
@pytest.mark.parametrize("call", [1, 2])
def test_table_that_is_flushed_in_the_middle_is_made_again(
    run_module: ModuleRun, patched: Any, method: str, when: str, call: int
) -> None:
    def flush(_kernel: Kernel, number: int) -> None:
        if number == call:
            run_program("ipvsadm", "-C")
            run_program("ipvsadm", "-R", stdin=FOREIGN)

    patched(method, flush, when)
    run_module("ipvs_table", SMALL)
    assert own() == sorted(SMALL_SAVED.splitlines())


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ("-A -t 192.0.2.77:80 -s rr\n", "ipvsadm -D -t 192.0.2.77:80"),
        ("-e -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 50\n", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 3"),
        ("-D -t 192.0.2.102:80\n", "ipvsadm -A -t 192.0.2.102:80 -s wlc; ipvsadm -a -t 192.0.2.102:80"),
    ],
)
def test_others_who_do_not_stop_are_told_with_what_differs(
    run_module: ModuleRun, patched: Any, rules: str, named: str
) -> None:
    applied = 0

    def interfere(_kernel: Kernel, number: int) -> None:
        nonlocal applied
        applied = number
        # One by one: a line that fails is no matter (what it removes may be gone already).
        subprocess.run(["ipvsadm", "-R"], input=rules, text=True, check=False, capture_output=True)

    patched("_apply_batch", interfere, "after")
    failed = run_module("ipvs_table", SMALL, fails=True)
    assert failed["msg"].startswith(AFTER_THREE + named), failed["msg"]
    assert 3 <= applied <= 4
    own()  # FOREIGN is there


def test_refused_half_way_while_others_work_only_ours_is_undone(
    run_module: ModuleRun, tool: Tool, patched: Any
) -> None:
    tool("ip", "address", "add", "198.51.200.1/24", "dev", "lo")
    before = own()
    patched(
        "apply",
        lambda _kernel, call: call == 1 and run_program("ipvsadm", "-A", "-t", "192.0.2.77:80", "-s", "rr"),
        "before",
    )
    services = [*SMALL["services"], {"address": "192.0.2.103", "port": 80}]
    services[2]["destinations"] = [{"destination": "198.51.200.255"}]
    failed = run_module("ipvs_table", {**OWNED, "services": services}, fails=True)
    assert failed["msg"].endswith("this would bring back what was there before: ipvsadm -D -t 192.0.2.77:80.")
    assert own() == sorted([*before, "-A -t 192.0.2.77:80 -s rr"])


# Modules of the kernel, capability


@pytest.fixture
def without_mh(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A host that has every scheduler but mh."""
    if Path("/sys/module/ip_vs_mh").exists():
        tool("rmmod", "ip_vs_mh")
    program = tmp_path / "modprobe"
    program.write_text(
        '#!/bin/sh\nfor last; do :; done\ncase $last in *mh*) echo "FATAL: Module $last not found" >&2; exit 1;; esac\n'
        'exec /run/bin/modprobe "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    kernels_own = Path("/proc/sys/kernel/modprobe")
    before = kernels_own.read_text(encoding="utf-8")
    kernels_own.write_text(f"{program}\n", encoding="utf-8")
    yield
    kernels_own.write_text(before, encoding="utf-8")


def test_scheduler_that_is_not_to_be_had_half_way_is_undone(run_module: ModuleRun, without_mh: None) -> None:
    before = seen()
    services = [*SMALL["services"], {"address": "192.0.2.110", "port": 80, "scheduler": "mh"}]
    failed = run_module("ipvs_table", {**OWNED, "services": services}, fails=True)
    assert "Scheduler mh of service tcp/192.0.2.110:80 is not to be had: kernel module ip_vs_mh" in failed["msg"]
    assert failed["msg"].endswith("The table is as it was before.")
    assert seen() == before
    predicted = run_module("ipvs_table", {**OWNED, "services": services}, check=True, fails=True)
    assert "Scheduler mh of service tcp/192.0.2.110:80 is not to be had" in predicted["msg"]
    assert seen() == before


def unload(tool: Tool) -> None:
    loaded = [line.split()[0] for line in Path("/proc/modules").read_text(encoding="utf-8").splitlines()]
    for name in [*(name for name in loaded if name.startswith("ip_vs_")), "ip_vs"]:
        if name in loaded:
            tool("rmmod", name)


def test_ip_vs_that_is_unloaded_between_two_tasks_is_loaded_again(run_module: ModuleRun, tool: Tool) -> None:
    for _turn in range(2):
        tool("ipvsadm", "-C")
        unload(tool)
        done = run_module("ipvs_table", SMALL)
        assert sorted(tool("ipvsadm", "-Sn").splitlines()) == sorted(SMALL_SAVED.splitlines())
        assert done["changed"] is True
        assert run_module("ipvs_table", SMALL)["changed"] is False


def test_taking_all_away_from_a_kernel_without_ip_vs_loads_nothing(run_module: ModuleRun, tool: Tool) -> None:
    tool("ipvsadm", "-C")
    unload(tool)
    done = run_module("ipvs_table", {**OWNED, "services": [], "allow_empty": True})
    assert (done["changed"], done["rules"]) == (False, [])
    assert "ip_vs" not in Path("/proc/modules").read_text(encoding="utf-8")


@pytest.mark.parametrize("check", [True, False])
def test_without_the_capability_the_sentence_says_root(check: bool) -> None:
    before = seen()
    script = _KILLED.replace("left == 0", "False")
    done = subprocess.run(
        [
            *("capsh", "--drop=cap_net_admin", "--", "-c", 'exec "$0" -c "$1" 9 "$2"'),
            *(sys.executable, script, json.dumps({**SMALL, "_ansible_check_mode": check})),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert json.loads(done.stdout)["msg"] == (
        "Only root may read and change this host's IPVS table (capability CAP_NET_ADMIN)."
        " Run the task with become: true."
    )
    assert seen() == before


# Two of our own

_SLOW = _KILLED.replace("if left == 0:", "if left == 9:").replace(
    "os.kill(os.getpid(), signal.SIGKILL)",
    "print('writing', file=sys.stderr, flush=True); __import__('time').sleep(float(sys.argv[3]))",
)


def slow_run(parameters: dict[str, Any], seconds: float) -> subprocess.Popen[str]:
    """A run in a process of its own that holds the table for so long before it writes."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOW, "9", json.dumps(parameters), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "writing\n"
    return process


def test_of_two_runs_at_once_one_waits_and_both_end_right(run_module: ModuleRun) -> None:
    first = slow_run({"services": SMALL["services"]}, 2)
    begun = time.monotonic()
    second = run_module(
        "ipvs_table", {**OWNED, "services": [{**SMALL["services"][0], "scheduler": "sh"}], "purge": "services"}
    )
    waited = time.monotonic() - begun
    output, errors = first.communicate(timeout=60)
    assert first.returncode == 0, errors
    assert waited > 1
    # The second planned from what the first had made.
    assert json.loads(output)["changed"] is True
    assert second["operations"] == [
        "ipvsadm -E -t 192.0.2.100:80 -s sh",
        "ipvsadm -d -t 192.0.2.100:80 -r 192.0.2.21:80",
        "ipvsadm -D -t 192.0.2.101:80",
        "ipvsadm -D -t 192.0.2.102:80",
    ]
    assert own() == [
        "-A -t 192.0.2.100:80 -s sh",
        "-a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 3",
        "-a -t 192.0.2.100:80 -r 192.0.2.23:80 -g -w 2",
    ]


def test_who_waits_too_long_for_the_other_says_so_and_changes_nothing(
    run_module: ModuleRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change, "exclusive", lambda: lock.exclusive(seconds=0.5))
    first = slow_run(SMALL, 30)
    before = seen()
    failed = run_module("ipvs_table", {**OWNED, "services": [], "allow_empty": True}, fails=True)
    assert failed["msg"].startswith("Another task changes this host's IPVS table since 0.5 seconds: it holds the lock")
    # In check mode nothing is written, so nobody is waited for.
    assert run_module("ipvs_table", {**OWNED, "services": [], "allow_empty": True}, check=True)["changed"] is True
    assert seen() == before
    first.kill()
    first.communicate(timeout=60)
    # Killed, it holds nobody up.
    run_module("ipvs_table", SMALL)
    assert own() == sorted(SMALL_SAVED.splitlines())
