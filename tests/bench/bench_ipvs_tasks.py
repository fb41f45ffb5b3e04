# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Ansible over SSH in the lab: services in one `ipvs_table` task against a loop of `ipvs_service` tasks.

Run as root from the repository: ``python tests/bench/bench_ipvs_tasks.py``. It makes a lab of its own and takes it
down; exits with 1 when the goal is missed.
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
from drive import lab, playbook

GOAL = 25


def tasks(count: int, *, loop: bool) -> dict[str, float]:
    """Seconds of each task."""
    run = playbook("tests/bench/ipvs_tasks.yml", variables={"lvs_bench_count": count, "lvs_bench_loop": loop})
    if run.code:
        sys.exit(run.output)
    return {name: float(found) for name, found in re.findall(r"^(.+?) -+ ([0-9.]+)s$", run.output, re.MULTILINE)}


def main() -> None:
    lab("up", "direct", "--owner", str(os.getpid()))
    try:
        hundred = tasks(100, loop=True)
        ratio = hundred["Loop"] / hundred["One task"]
        print(
            f"100 services: one ipvs_table task {hundred['One task']:.2f} s,"
            f" again {hundred['Again without a change']:.2f} s;"
            f" 100 ipvs_service tasks {hundred['Loop']:.1f} s: {ratio:.0f} times as fast (goal >= {GOAL})",
            flush=True,
        )
        thousand = tasks(1000, loop=False)
        print(
            f"1000 services: one ipvs_table task {thousand['One task']:.2f} s,"
            f" again {thousand['Again without a change']:.2f} s"
        )
    finally:
        lab("down")
    raise SystemExit(0 if ratio >= GOAL else 1)


if __name__ == "__main__":
    main()
