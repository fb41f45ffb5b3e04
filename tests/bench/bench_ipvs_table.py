# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `ipvs_table` costs against `ipvsadm` on the same table, on one kernel in one run.

Run from the repository: ``PYTHONPATH=.collections python tests/bench/bench_ipvs_table.py``. Runs itself in the kernel
of tests/kernel/run. Prints ratios with their goals; exits with 1 when a goal is missed.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from ansible.module_utils.testing import patch_module_args

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import table
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.change import change
from ansible_collections.lvs.cluster.plugins.modules import ipvs_table

SERVICES, DESTINATIONS = 2_284, 37_298  # a table that is known to have killed a reload elsewhere
TURNS = 3
CLONE_NEWNET = 0x40000000


def description(services: int, destinations: int) -> list[dict[str, Any]]:
    """So many services with so many destinations in all, in the options of ipvs_table."""
    found: list[dict[str, Any]] = [
        {"address": f"198.51.{number // 250}.{number % 250 + 1}", "port": 80, "scheduler": "wlc", "destinations": []}
        for number in range(services)
    ]
    for number in range(destinations):
        place, rank = number % services, number // services
        address = f"10.{rank}.{place // 250}.{place % 250 + 1}"
        found[place]["destinations"].append({"destination": address, "weight": 3, "upper_threshold": 100})
    return found


def restored(services: list[dict[str, Any]]) -> str:
    """The same as ipvsadm -R reads it."""
    lines = []
    for service in services:
        key = f"-t {service['address']}:80"
        lines.append(f"-A {key} -s {service['scheduler']}")
        lines += [
            f"-a {key} -r {each['destination']}:80 -g -w {each['weight']} -x {each['upper_threshold']} -y 0"
            for each in service["destinations"]
        ]
    return "\n".join(lines) + "\n"


def ipvsadm(*words: str, stdin: str | None = None) -> str:
    return subprocess.run(["ipvsadm", *words], input=stdin, capture_output=True, text=True, check=True).stdout


def seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def run_module(parameters: str) -> dict[str, Any]:
    """The module in this process: seconds of read, plan, write and read inside it, and its peak memory in MiB."""
    inside: list[float] = []

    def timed(*words: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return change(*words, **named)
        finally:
            inside.append(time.perf_counter() - start)

    printed = io.StringIO()
    arguments = patch_module_args(json.loads(parameters))
    watched = mock.patch.object(table, "change", timed)
    with arguments, watched, contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        ipvs_table.main()
    result = printed.getvalue()
    if '"failed": true' in result[-200:] or not inside:
        raise SystemExit(result[:2000])
    return {
        "changed": '"changed": true' in result,
        "inside": inside[0],
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def measured(services: list[dict[str, Any]]) -> dict[str, Any]:
    """The module on these services in a process of its own; `whole` has Python's start and the reading of options."""
    parameters = {"services": services, "purge": "destinations", "_ansible_diff": False}
    start = time.perf_counter()
    words = [sys.executable, __file__, "--module"]
    done = subprocess.run(words, input=json.dumps(parameters), capture_output=True, text=True, check=False)
    whole = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return {**json.loads(done.stdout), "whole": whole}


def median(runs: list[dict[str, Any]], part: str) -> float:
    return float(statistics.median(run[part] for run in runs))


def line(what: str, ours: float, theirs: float, goal: float | None) -> bool:
    """Prints a ratio; whether it meets its goal."""
    ratio = ours / theirs
    text = "" if goal is None else f"(goal <= {goal}{'' if ratio <= goal else ', MISSED'})"
    print(f"{what:<58} {ours:7.3f} s / {theirs:7.3f} s = {ratio:5.2f} {text}")
    return goal is None or ratio <= goal


def enter_empty_namespace(kept: list[int]) -> None:
    """A network namespace without a table. The old one is kept, so that nobody has to clean it up meanwhile.

    Not `ipvsadm -C`: for two minutes the kernel searches every new destination among those that were removed.
    """
    kept.append(os.open("/proc/self/ns/net", os.O_RDONLY))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    # Without any interface the kernel has no table of local addresses and takes no destination.
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def measure() -> bool:
    subprocess.run(["modprobe", "--all", "ip_vs", "ip_vs_wlc"], check=True)
    kept: list[int] = []
    services = description(SERVICES, DESTINATIONS)
    text = restored(services)
    one_weight = json.loads(json.dumps(services))
    one_weight[7]["destinations"][7]["weight"] = 9
    restores, lists, fresh, same, single = [], [], [], [], []
    for _turn in range(TURNS):  # by turns, so that what else the machine does weighs on all
        enter_empty_namespace(kept)
        restores.append(seconds(lambda: ipvsadm("-R", stdin=text)))
        expected = ipvsadm("-Sn"), ipvsadm("-Ln", "--thresholds")
        enter_empty_namespace(kept)
        fresh.append(measured(services))
        if (ipvsadm("-Sn"), ipvsadm("-Ln", "--thresholds")) != expected:
            raise SystemExit("The table is not the one that ipvsadm -R makes.")
        lists.append(seconds(lambda: ipvsadm("-Sn")))
        same.append(measured(services))
        single.append(measured(one_weight))
        changed = [run["changed"] for run in (fresh[-1], same[-1], single[-1])]
        if changed != [True, False, True]:
            raise SystemExit(f"changed is {changed}")
    restore, saved = statistics.median(restores), statistics.median(lists)
    print(f"{SERVICES} services, {DESTINATIONS} destinations; ipvsadm in the second place")
    good = [
        line("all new, in the process, against ipvsadm -R", median(fresh, "inside"), restore, 0.15),
        line("all new, the whole process, against ipvsadm -R", median(fresh, "whole"), restore, 0.5),
        line("nothing to do, in the process, against ipvsadm -Sn", median(same, "inside"), saved, 1.0),
        line("nothing to do, the whole process, against ipvsadm -Sn", median(same, "whole"), saved, None),
        line("one weight against nothing to do, in the process", median(single, "inside"), median(same, "inside"), 1.1),
        line("one weight against nothing to do, whole process", median(single, "whole"), median(same, "whole"), 1.1),
    ]
    memory = max(run["memory"] for run in fresh)
    print(f"{'peak memory of the module, MiB':<58} {memory:7d} (goal <= 190)")
    good.append(memory <= 190)
    return all(good)


def grow() -> None:
    """1, 2 and 4 times 25,000 destinations."""
    first = 0.0
    kept: list[int] = []
    for factor in (1, 2, 4):
        enter_empty_namespace(kept)
        run = measured(description(500 * factor, 25_000 * factor))
        first = first or run["whole"]
        print(
            f"{25_000 * factor:7d} destinations all new: {run['inside']:6.2f} s in the process, {run['whole']:6.2f} s"
            f" in all ({run['whole'] / first:4.2f} times), {run['memory']} MiB"
        )


def main() -> None:
    if sys.argv[1:] == ["--module"]:
        print(json.dumps(run_module(sys.stdin.read())))
        return
    if "LVS_CLUSTER_KERNEL" not in os.environ:
        harness = Path(__file__).resolve().parent.parent / "kernel" / "run"
        environment = {"KERNEL_MEMORY": "1536M", **os.environ}
        words = [str(harness), "--command", sys.executable, __file__]
        raise SystemExit(subprocess.run(words, check=False, env=environment).returncode)
    good = measure()
    grow()
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
