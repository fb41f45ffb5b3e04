# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example cluster in the lab: boot, first and second site.yml, tasks per host.

Run as root from the repository: ``python tests/bench/bench_cluster.py``. It makes a lab of its own and takes it down.
What a power cut costs is in bench_faults.py.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("LVS_LAB_NAME", "lvs-bench")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))
from drive import Run, lab, playbook

PLACES = ("lb1", "lb2", "rs1", "rs2")


def built(what: str) -> Run:
    run = playbook("site.yml")
    if run.code:
        sys.exit(run.output)
    tasks = ", ".join(f"{name} {run.recap[name]['ok'] + run.recap[name]['skipped']}" for name in PLACES)
    print(f"{what}: {run.seconds:.1f} s, {run.changed} changed, tasks per host: {tasks}", flush=True)
    return run


def main() -> None:
    start = time.monotonic()
    lab("up", "direct", "--owner", str(os.getpid()))
    print(f"five machines reachable after {time.monotonic() - start:.1f} s", flush=True)
    try:
        first = built("first site.yml")
        second = built("second site.yml")
        print(f"second / first: {second.seconds / first.seconds:.2f}", flush=True)
    finally:
        lab("down")


if __name__ == "__main__":
    main()
