# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client notices when something fails: the table of events for a pair, with keepalived or with heartbeat.

Run as root from the repository, with a lab of its own that it takes down:
``python tests/bench/bench_faults.py [EXAMPLE [CUTS [INTERVAL...]]]``: direct-pair (or heartbeat-pair), 7 power cuts for
each interval of adverts: with keepalived 0.1, 0.3 and 1 second unless others are given, beside what VRRP promises:
3 × interval + skew, where skew is (256 - priority) / 256 of an interval.
"""

from __future__ import annotations

import copy
import os
import statistics
import sys
from pathlib import Path

os.environ.setdefault("LVS_LAB_NAME", "lvs-bench")
os.environ["LVS_EXAMPLE"] = [*sys.argv[1:], "direct-pair"][0]
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))
import yaml
from drive import EXAMPLE, Connections, active_director, await_that, lab, playbook, ssh
from events import (
    DIRECTOR_FAULTS,
    REAL_SERVER_FAULTS,
    await_whole,
    fall_ill,
    killed,
    killed_on_standby,
    suffer,
)

NAME = os.environ["LVS_EXAMPLE"]
CUTS = int([*sys.argv[2:], "7"][0])
INTERVALS = [float(word) for word in sys.argv[3:]] or [0.1, 0.3, 1.0]
DESCRIBED = yaml.safe_load((EXAMPLE.parent / "group_vars/all.yml").read_text(encoding="utf-8"))["lvs_cluster"]
UNITS = ("heartbeat", "ldirectord") if NAME == "heartbeat-pair" else ("keepalived",)
POWER = DIRECTOR_FAULTS[0]


def site(described: object = None) -> None:
    run = playbook("site.yml", variables={"lvs_cluster": described} if described else None)
    if run.code:
        sys.exit(run.output)
    await_whole()


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def power_cuts() -> None:
    print("\nPower of the active director cut, a request every 10 ms:\n")
    row("adverts", "formula, s (standby's priority)", "median gap, s", "worst", "cuts")
    row(*["---"] * 5)
    for interval in INTERVALS if NAME == "direct-pair" else (None,):
        promised = "deadtime 4 s"
        if interval:
            described = copy.deepcopy(DESCRIBED)
            described["vrrp"]["advert_interval"] = interval
            site(described)
        gaps = []
        for _cut in range(CUTS):
            if interval:
                standby = next(name for name in ("lb1", "lb2") if name != active_director())
                configured = ssh(standby, "grep -m1 -w priority /etc/keepalived/keepalived.conf").split()[1]
                promised = f"{interval * (3 + (256 - int(configured)) / 256):.2f} ({configured})"
            seen = suffer(POWER).during
            print(f"{seen.gap:.2f} s, {seen.failed} of {seen.requests} failed: {seen.errors}", file=sys.stderr)
            gaps.append(seen.gap)
        row(interval or "–", promised, f"{statistics.median(gaps):.2f}", f"{max(gaps):.2f}", len(gaps))
    if NAME == "direct-pair":
        site()


def connections() -> None:
    active = active_director()
    standby = "lb2" if active == "lb1" else "lb1"
    with Connections() as established:
        await_that(lambda: established.are_known(active, standby), f"{standby} knows of every connection")
        lab("cut", active)
    print(f"\nPower cut: {established}.")
    lab("start", active)
    await_whole()


def main() -> None:
    lab("up", "direct", "--owner", str(os.getpid()))
    try:
        site()
        if NAME == "direct-pair":
            connections()
        power_cuts()
        # Not more than a starved real server can answer: who fails here is to fail by the fault.
        print("\nWhat else can happen to a pair, a request every 50 ms:\n")
        row("event", "longest gap, s", "failed during", "failed when it came back", "whole again after, s")
        row(*["---"] * 5)
        kills = [kind(unit) for unit in UNITS for kind in (killed, killed_on_standby)]
        for fault in (*DIRECTOR_FAULTS[1:], *kills):
            one = suffer(fault, interval=0.05)
            row(
                one.name,
                f"{max(one.during.gap, one.after.gap):.2f}",
                f"{one.during.failed} of {one.during.requests}",
                f"{one.after.failed} of {one.after.requests}",
                f"{one.seconds:.1f}",
            )
        print("\nWhat can happen to a real server of two:\n")
        row("event", "out after, s", "failed until then", "failed when it was out", "back after, s")
        row(*["---"] * 5)
        for ill in REAL_SERVER_FAULTS:
            other = fall_ill(ill)
            row(
                other.name,
                f"{other.out:.1f}",
                f"{other.before.failed} of {other.before.requests}",
                f"{other.settled.failed} of {other.settled.requests}",
                f"{other.back:.1f}",
            )
    finally:
        lab("down")


if __name__ == "__main__":
    main()
