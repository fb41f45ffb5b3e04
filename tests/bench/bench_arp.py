# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers in the lab: 200 VIPs by one task against 200 tasks, and what `site` takes for a real server.

Run as root from the repository: ``python tests/bench/bench_arp.py [VIPS]``. It makes a lab of its own and takes it
down. What a request costs with each way to hide is in ``bench_arp_ways.py``.
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
from drive import Run, lab, playbook

REAL_SERVER = "rs1"


def succeeded(run: Run) -> Run:
    if run.code:
        sys.exit(run.output)
    return run


def many_vips(count: int) -> None:
    run = succeeded(playbook("tests/bench/arp_tasks.yml", variables={"lvs_bench_count": count}))
    took = {name: float(found) for name, found in re.findall(r"^(.+?) -+ ([0-9.]+)s$", run.output, re.MULTILINE)}
    loop = took["Loop"]
    for method in ("arp_ignore", "redirect"):
        one, again = (took[f"{what} ({method})"] for what in ("One task", "Again without a change"))
        print(f"{count} VIPs, {method}: one task {one:.2f} s, again {again:.2f} s", flush=True)
        if method == "arp_ignore":
            print(f"{count} VIPs, {method}: {count} tasks {loop:.1f} s, {loop / one:.0f} times as long", flush=True)


def site() -> None:
    for name in ("first", "second"):
        run = succeeded(playbook("site.yml"))
        tasks = run.recap[REAL_SERVER]["ok"] + run.recap[REAL_SERVER]["skipped"]
        there = re.findall(r"^lvs\.cluster\.realserver_linux : .+? -+ ([0-9.]+)s$", run.output, re.MULTILINE)
        print(
            f"site.yml, {name} run: {tasks} tasks for a real server, {sum(map(float, there)):.1f} s of the role "
            f"realserver_linux of {run.seconds:.0f} s for the cluster",
            flush=True,
        )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    lab("up", "direct", "--owner", str(os.getpid()))
    try:
        many_vips(count)
        site()
    finally:
        lab("down")


if __name__ == "__main__":
    main()
