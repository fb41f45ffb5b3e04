# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""arp_hide in the lab: 200 VIPs by one task against 200 tasks, and what a request costs with each way to hide.

The second is the real server's processor time for a small request on a connection of its own, less what it takes idle;
all ways on the same machines in one run, `arp_ignore` first and last, so that the noise is seen.

Run as root from the repository: ``python tests/bench/bench_arp.py [SECONDS]`` (10 for each way without a number). It
makes a lab of its own and takes it down.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

os.environ.setdefault("LVS_LAB_NAME", "lvs-bench")
os.environ["ANSIBLE_CALLBACKS_ENABLED"] = "ansible.posix.profile_tasks"
os.environ["ANSIBLE_PIPELINING"] = "true"
os.environ["PROFILE_TASKS_TASK_OUTPUT_LIMIT"] = "all"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))
from cost import idle_share, small_requests, spent
from drive import VIP, Run, await_that, lab, playbook, ssh

COUNT = 200
REAL_SERVER = "rs1"
WAYS = ("arp_ignore", "arptables", "redirect", "arp_ignore")


def succeeded(run: Run) -> Run:
    if run.code:
        sys.exit(run.output)
    return run


def many_vips() -> None:
    run = succeeded(playbook("tests/bench/arp_tasks.yml", variables={"lvs_bench_count": COUNT}))
    took = {name: float(found) for name, found in re.findall(r"^(.+?) -+ ([0-9.]+)s$", run.output, re.MULTILINE)}
    for method in ("arp_ignore", "redirect"):
        one, again, loop = (took[f"{what} ({method})"] for what in ("One task", "Again without a change", "Loop"))
        print(
            f"{COUNT} VIPs, {method}: one task {one:.2f} s, again {again:.2f} s; {COUNT} tasks {loop:.1f} s: "
            f"{loop / one:.0f} times as long",
            flush=True,
        )


def requests(seconds: int) -> None:
    print("              requests/s  real server, us a request   against the first")
    first = 0.0
    for way in WAYS:
        succeeded(playbook("site.yml", variables={"realserver_linux_arp_method": way}))
        await_that(lambda: "rs" in ssh("client", f"curl -s -m 2 http://{VIP}/", check=False), "the VIP answers")
        small_requests(VIP, 1)
        idle = idle_share(REAL_SERVER)
        counted: list[tuple[int, float]] = []
        work = spent(REAL_SERVER, lambda counted=counted: counted.append(small_requests(VIP, seconds)), idle)
        number, rate = counted[0]
        # One of the three connections that the weights give out comes here.
        each = work.processor / (number / 3) * 1e6
        first = first or each
        print(f"{way:12} {rate:11.0f} {each:26.0f} {each / first:19.2f}", flush=True)


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    lab("up", "direct", "--owner", str(os.getpid()))
    try:
        many_vips()
        run = succeeded(playbook("site.yml"))
        tasks = run.recap[REAL_SERVER]["ok"] + run.recap[REAL_SERVER]["skipped"]
        print(f"site.yml: {tasks} tasks for a real server, {run.seconds:.0f} s for the cluster", flush=True)
        ssh("client", "apt-get -q -y install wrk", seconds=300)
        requests(seconds)
    finally:
        lab("down")


if __name__ == "__main__":
    main()
