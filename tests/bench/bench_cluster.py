# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example cluster in the lab: boot, first and second site.yml, tasks per host, and the gap at a power cut.

Run as root from the repository: ``python tests/bench/bench_cluster.py [CUTS]`` (5 without a number). It makes a lab of
its own and takes it down.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("LVS_LAB_NAME", "lvs-bench")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))
from drive import VIP, Report, Run, Traffic, active_director, await_that, lab, playbook, ssh

PLACES = ("lb1", "lb2", "rs1", "rs2")


def built(what: str) -> Run:
    run = playbook("site.yml")
    if run.code:
        sys.exit(run.output)
    tasks = ", ".join(f"{name} {run.recap[name]['ok'] + run.recap[name]['skipped']}" for name in PLACES)
    print(f"{what}: {run.seconds:.1f} s, {run.changed} changed, tasks per host: {tasks}", flush=True)
    return run


def cut() -> Report:
    """Cuts the active director's power under a request every 20 ms, and waits until the pair is whole again."""
    active = active_director()
    with Traffic(interval=0.02, timeout=0.9) as traffic:
        time.sleep(1)
        lab("cut", active)
        await_that(lambda: "rs" in ssh("client", f"curl --silent --max-time 1 http://{VIP}/", check=False), "an answer")
        time.sleep(1)
    lab("start", active)
    await_that(lambda: "192.0.2.22:80" in ssh(active, "ipvsadm -Sn"), f"{active} has its table again")
    print(
        f"  {active} cut: gap {traffic.result.gap:.2f} s, {traffic.result.failed} of {traffic.result.requests} failed",
        flush=True,
    )
    return traffic.result


def main() -> None:
    cuts = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    start = time.monotonic()
    lab("up", "direct", "--owner", str(os.getpid()))
    print(f"five machines reachable after {time.monotonic() - start:.1f} s", flush=True)
    try:
        first = built("first site.yml")
        second = built("second site.yml")
        print(f"second / first: {second.seconds / first.seconds:.2f}", flush=True)
        gaps = [cut().gap for dummy in range(cuts)]
        print(
            f"power cut, adverts every 0.3 s: median {statistics.median(gaps):.2f} s, worst {max(gaps):.2f} s of {cuts}"
        )
    finally:
        lab("down")


if __name__ == "__main__":
    main()
