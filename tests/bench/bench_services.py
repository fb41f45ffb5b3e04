# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many services with checks on one keepalived: what they cost, and what a reload does to checks and requests.

500 services of two real servers each, checked every 10 s by TCP. Printed: keepalived's processor time with them, how
many checks the real servers saw in each ten seconds before, during and after a reload that changes one weight, and how
many requests to the first service failed meanwhile.

Run as root from the repository, with a lab of its own that it takes down:
``python tests/bench/bench_services.py [SERVICES]``.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("LVS_LAB_NAME", "lvs-bench")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))
from drive import DIRECTORS, SSH_CONFIG, Curl, Run, active_director, await_that, lab, playbook, ssh

SERVICES = int([*sys.argv[1:], "500"][0])
INTERVAL = 10
#: Seconds of checks that are counted before and after the reload.
WATCHED = 30
FIRST_PORT = 10000


def described(weight: int) -> dict[str, object]:
    check = {"type": "tcp", "port": 8000, "interval": INTERVAL, "timeout": 5, "retries": 1}
    services: list[dict[str, object]] = [
        {
            "name": f"s{number}",
            "vip": "192.0.2.100",
            "ports": [80 if number == 0 else FIRST_PORT + number],
            "check": copy.deepcopy(check),
            "real_servers": ["rs1", {"host": "rs2", "weight": weight if number == 0 else 1}],
        }
        for number in range(SERVICES)
    ]
    return {"lvs_cluster": {"vrrp": {"router_id": 51}, "services": services}}


def site(weight: int) -> Run:
    run = playbook("site.yml", variables=described(weight))
    if run.code:
        sys.exit(run.output)
    return run


def processor_seconds(director: str) -> float:
    """Of all keepalived processes, ever."""
    ticks = ssh(
        director, "cat $(pgrep keepalived | sed 's|.*|/proc/&/stat|') | awk '{ sum += $14 + $15 } END { print sum }'"
    )
    return int(ticks) / 100


def main() -> None:
    lab("up", "direct", "--owner", str(os.getpid()))
    try:
        first = site(1)
        print(f"site for {SERVICES} services: {first.seconds:.0f} s", flush=True)
        active = active_director()
        for name in DIRECTORS:
            await_that(
                lambda name=name: ssh(name, "ipvsadm -Sn | grep -c -e ' -r '").strip() == str(2 * SERVICES), name
            )
        before, start = processor_seconds(active), time.monotonic()
        time.sleep(WATCHED)
        share = (processor_seconds(active) - before) / (time.monotonic() - start)
        print(
            f"keepalived of {active}: {100 * share:.1f} % of a processor, {2 * SERVICES / INTERVAL:.0f} checks a second"
        )
        # Each check is one SYN from the director; tcpdump says when.
        watch = subprocess.Popen(
            [
                "ssh",
                "-F",
                SSH_CONFIG,
                "rs1",
                (
                    "timeout 3600 tcpdump -lnni eth0 -tt"
                    f" 'tcp[tcpflags] == tcp-syn and dst port 8000 and src host 192.0.2.1{active[-1]}' 2>/dev/null"
                ),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(WATCHED)
        clock = float(ssh("rs1", "date +%s.%N"))
        with Curl() as curl:
            second = site(5)
            time.sleep(WATCHED)
        ssh("rs1", "pkill tcpdump")
        # Told to end, tcpdump may leave an empty line.
        seen = [float(line.split()[0]) for line in watch.communicate()[0].splitlines() if line.strip()]
        print(f"site with one weight changed, reload on both directors: {second.seconds:.0f} s, {curl}")
        begin, end = int(seen[0]), int(seen[-1])
        counts = [
            f"{sum(at <= one < at + INTERVAL for one in seen)}{' (site begins)' if at <= clock < at + INTERVAL else ''}"
            for at in range(begin, end - INTERVAL, INTERVAL)
        ]
        print(f"checks of rs1 in each {INTERVAL} s, {SERVICES} are due: {', '.join(counts)}")
    finally:
        lab("down")


if __name__ == "__main__":
    main()
