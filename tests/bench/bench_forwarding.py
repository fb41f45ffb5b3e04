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

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("LVS_LAB_NAME", "lvs-bench")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))
from drive import NAMESPACE, lab, playbook, ssh

INVENTORY = Path(__file__).with_name("forwarding.yml")
WAYS = {
    "direct": "198.51.100.100",
    "nat": "198.51.100.101",
    "ipip": "198.51.100.102",
    "gue": "198.51.100.103",
    "gre": "198.51.100.104",
}
DIRECTOR = "lb1"
TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1 << 20
FETCHES = 20


def processor_seconds() -> float:
    """Spent on the director so far, by all processes of its machine."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(f"{NAMESPACE}:{DIRECTOR}\0".encode()):
                words = (process / "stat").read_text().rpartition(")")[2].split()
                total += int(words[11]) + int(words[12])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / TICKS


def bytes_through() -> tuple[int, int]:
    """Into and out of the director over both of its cables, seen from their far ends."""
    links = json.loads(
        subprocess.run(["ip", "-n", NAMESPACE, "-s", "-j", "link"], capture_output=True, text=True, check=True).stdout
    )
    own = [link["stats64"] for link in links if link["ifname"].startswith(f"{DIRECTOR}.")]
    return sum(one["tx"]["bytes"] for one in own), sum(one["rx"]["bytes"] for one in own)


@dataclass(frozen=True)
class Spent:
    seconds: float
    processor: float
    bytes_in: int
    bytes_out: int


def spent(work: Callable[[], object], idle: float = 0.0) -> Spent:
    """What the work took; `idle` is the share of a processor that the director takes anyway."""
    processor, before, start = processor_seconds(), bytes_through(), time.monotonic()
    work()
    seconds = time.monotonic() - start
    after = bytes_through()
    return Spent(seconds, processor_seconds() - processor - idle * seconds, after[0] - before[0], after[1] - before[1])


def small_requests(vip: str, seconds: int) -> tuple[int, float]:
    """How many were answered, and how many a second."""
    said = ssh("client", f"wrk -t 1 -c 8 -d {seconds} -H 'Connection: close' http://{vip}/", seconds=seconds + 60)
    number, rate = re.search(r"(\d+) requests in", said), re.search(r"Requests/sec: *([\d.]+)", said)
    if not number or not rate or "Non-2xx" in said:
        sys.exit(said)
    return int(number[1]), float(rate[1])


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
        resting = spent(lambda: time.sleep(5))
        idle = resting.processor / resting.seconds
        print("         requests/s  director, us   1 MiB: in        out  director, ms  MiB/s")
        print("                        a request         KiB        KiB     an answer")
        for way, vip in WAYS.items():
            counted: list[tuple[int, float]] = []
            small = spent(lambda vip=vip, counted=counted: counted.append(small_requests(vip, seconds)), idle)
            number, rate = counted[0]
            large = spent(lambda vip=vip: fetch(vip), idle)
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
