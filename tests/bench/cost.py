# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What work costs a machine of the lab: processor time of this machine spent on it, and bytes on its cables."""

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

from drive import NAMESPACE, ssh

TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(machine: str) -> float:
    """Spent on a machine so far, by all processes of its machine."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(f"{NAMESPACE}:{machine}\0".encode()):
                words = (process / "stat").read_text().rpartition(")")[2].split()
                total += int(words[11]) + int(words[12])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / TICKS


def bytes_through(machine: str) -> tuple[int, int]:
    """Into and out of a machine over all of its cables, seen from their far ends."""
    links = json.loads(
        subprocess.run(["ip", "-n", NAMESPACE, "-s", "-j", "link"], capture_output=True, text=True, check=True).stdout
    )
    own = [link["stats64"] for link in links if link["ifname"].startswith(f"{machine}.")]
    return sum(one["tx"]["bytes"] for one in own), sum(one["rx"]["bytes"] for one in own)


@dataclass(frozen=True)
class Spent:
    seconds: float
    processor: float
    bytes_in: int
    bytes_out: int


def spent(machine: str, work: Callable[[], object], idle: float = 0.0) -> Spent:
    """What the work took of a machine; `idle` is the share of a processor that it takes anyway."""
    processor, before, start = processor_seconds(machine), bytes_through(machine), time.monotonic()
    work()
    seconds = time.monotonic() - start
    after = bytes_through(machine)
    return Spent(
        seconds, processor_seconds(machine) - processor - idle * seconds, after[0] - before[0], after[1] - before[1]
    )


def small_requests(vip: str, seconds: int) -> tuple[int, float]:
    """How many were answered, and how many a second."""
    said = ssh("client", f"wrk -t 1 -c 8 -d {seconds} -H 'Connection: close' http://{vip}/", seconds=seconds + 60)
    number, rate = re.search(r"(\d+) requests in", said), re.search(r"Requests/sec: *([\d.]+)", said)
    if not number or not rate or "Non-2xx" in said:
        sys.exit(said)
    return int(number[1]), float(rate[1])


def idle_share(machine: str, seconds: float = 5) -> float:
    """The share of a processor that a machine takes when nobody wants anything of it."""
    resting = spent(machine, lambda: time.sleep(seconds))
    return resting.processor / resting.seconds
