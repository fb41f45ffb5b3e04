# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Direct routing against NAT against tunnels, in the lab: what a director has to do for the same work.

For each way, on the same machines in one run: small requests (a connection each) and the director's processor time
for one; then an answer of 1 MiB: bytes in and out of the director and its processor time. Processor time is what this
machine spent on the director, less what it spends on it idle. Requests a second say less: real servers and client
share this machine's processors, and they are what gets slow first.

Run as root from the repository: ``python tests/bench/bench_forwarding.py [SECONDS]`` (10 for each way without a
number). It makes a lab of its own and takes it down.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("LVS_LAB_NAME", "lvs-bench")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))
from cost import idle_share, small_requests, spent
from drive import lab, playbook, ssh

INVENTORY = Path(__file__).with_name("forwarding.yml")
WAYS = {
    "direct": "198.51.100.100",
    "nat": "198.51.100.101",
    "ipip": "198.51.100.102",
    "gue": "198.51.100.103",
    "gre": "198.51.100.104",
}
DIRECTOR = "lb1"
MEBIBYTE = 1 << 20
FETCHES = 20


def fetch(vip: str) -> None:
    many = (
        f"for i in $(seq {FETCHES}); do curl -sS --fail --max-time 30 -o /dev/null http://{vip}/bytes/{MEBIBYTE}; done"
    )
    ssh("client", many, seconds=600)


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    lab("up", "two-networks", "--owner", str(os.getpid()))
    try:
        run = playbook("site.yml", inventory=INVENTORY)
        if run.code:
            sys.exit(run.output)
        ssh("client", "apt-get -q -y install wrk", seconds=300)
        for vip in WAYS.values():
            small_requests(vip, 1)
        idle = idle_share(DIRECTOR)
        print("         requests/s  director, us   1 MiB: in        out  director, ms  MiB/s")
        print("                        a request         KiB        KiB     an answer")
        for way, vip in WAYS.items():
            counted: list[tuple[int, float]] = []
            small = spent(DIRECTOR, lambda vip=vip, counted=counted: counted.append(small_requests(vip, seconds)), idle)
            number, rate = counted[0]
            large = spent(DIRECTOR, lambda vip=vip: fetch(vip), idle)
            print(
                f"{way:8} {rate:10.0f} {small.processor / number * 1e6:13.0f}   "
                f"{large.bytes_in / FETCHES / 1024:10.1f} {large.bytes_out / FETCHES / 1024:10.1f} "
                f"{large.processor / FETCHES * 1e3:13.1f} {FETCHES / large.seconds:6.1f}",
                flush=True,
            )
    finally:
        lab("down")


if __name__ == "__main__":
    main()
