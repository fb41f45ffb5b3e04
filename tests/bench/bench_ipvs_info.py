# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time that `ipvs_info` needs to read and parse a table, against `ipvsadm -Ln` printing it, on one kernel in one run.

Run from the repository: ``PYTHONPATH=.collections python tests/bench/bench_ipvs_info.py [SERVICES [DESTINATIONS]]``
(1000 services with 10 destinations each when not said).
Runs itself in the kernel of tests/kernel/run. Prints both medians and their ratio (goal: at most 1.0).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import model, netlink
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import plan

TURNS = 9
GOAL = 1.0


def table(services: int, destinations: int) -> model.Table:
    found, members = {}, {}
    for number in range(services):
        key = model.service_key(address=f"198.51.{number // 250}.{number % 250 + 1}", port=80)
        found[key] = model.merged_service(key, None, {})
        names = [
            model.destination_key(key, destination=f"192.0.{2 + last // 250}.{last % 250 + 1}")
            for last in range(destinations)
        ]
        members[key] = {name: model.merged_destination(key, name, None, {}) for name in names}
    return model.Table(found, members)


def seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def read() -> netlink.Reading:
    with netlink.Kernel() as kernel:
        return kernel.read()


def list_with_ipvsadm() -> str:
    return subprocess.run(["ipvsadm", "-Ln"], capture_output=True, text=True, check=True).stdout


def measure(services: int, destinations: int) -> float:
    """Prints the figures; returns the ratio."""
    subprocess.run(["modprobe", "ip_vs"], check=True)
    wanted = table(services, destinations)
    operations = plan(current=model.Table(), desired=wanted)
    with netlink.Kernel() as kernel:
        writing = seconds(lambda: kernel.apply(operations))
    if read().table != wanted:
        raise SystemExit("The kernel does not hold what was written.")
    # By turns, so that what else the machine does weighs on both.
    ours, theirs = zip(*((seconds(read), seconds(list_with_ipvsadm)) for _turn in range(TURNS)), strict=True)
    own, other = statistics.median(ours), statistics.median(theirs)
    print(
        f"ipvs_info: {services} services x {destinations} destinations read and parsed in {own:.3f} s,"
        f" ipvsadm -Ln {other:.3f} s, ratio {own / other:.2f} (goal <= {GOAL});"
        f" written in {writing:.3f} s ({writing / len(operations) * 1e6:.0f} us each)"
    )
    return float(own / other)


def main() -> None:
    if "LVS_CLUSTER_KERNEL" not in os.environ:
        harness = Path(__file__).resolve().parent.parent / "kernel" / "run"
        words = [str(harness), "--command", sys.executable, __file__, *sys.argv[1:]]
        raise SystemExit(subprocess.run(words, check=False).returncode)
    services = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    destinations = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    raise SystemExit(1 if measure(services, destinations) > GOAL else 0)


if __name__ == "__main__":
    main()
