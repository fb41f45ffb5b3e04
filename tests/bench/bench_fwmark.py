# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""1,000 firewall marks with 10 ports each: one transaction, and the whole task, against 1,000 single commands.

Run as root from the repository: ``PYTHONPATH=.collections python tests/bench/bench_fwmark.py``. It works in network
namespaces of its own; exits with 1 when the goal is missed.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernel"))
from kernel_tools import CLONE_NEWNET, leave_namespaces, run_in_process

GOAL = 10  # nftables: the transaction against single commands, both without Ansible
MARKS = 1000
PORTS = 10


def described(first_port: int) -> list[dict[str, Any]]:
    return [
        {
            "mark": number + 1,
            "address": f"198.51.{100 + number // 250}.{number % 250 + 1}",
            "ports": [str(first_port + 2 * port) for port in range(PORTS)],
        }
        for number in range(MARKS)
    ]


def timed(parameters: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    start = time.perf_counter()
    done = run_in_process("fwmark", parameters)
    return time.perf_counter() - start, done


def measured(backend: str, loader: list[str], file: str) -> float:
    """Prints the figures of a back end; how many times as fast one transaction is as single commands."""
    leave_namespaces(CLONE_NEWNET)
    parameters = {"backend": backend, "marks": described(1000), "purge": True}
    create, done = timed(parameters)
    assert done["changed"]
    again, unchanged = timed(parameters)
    assert not unchanged["changed"]
    change, _changed = timed({**parameters, "marks": described(1001)})
    one, _changed = timed({"backend": backend, "mark": 5, "address": "203.0.113.1", "ports": ["80"]})

    leave_namespaces(CLONE_NEWNET)
    start = time.perf_counter()
    subprocess.run(loader, input=done["rules"][file], text=True, check=True)
    transaction = time.perf_counter() - start

    leave_namespaces(CLONE_NEWNET)
    start = time.perf_counter()
    for command in done["operations"]:
        subprocess.run(shlex.split(command), check=True)
    single = time.perf_counter() - start
    print(
        f"{backend}: {MARKS} marks with {PORTS} ports each\n"
        f"  {len(done['operations'])} single commands {single:.2f} s\n"
        f"  one transaction {transaction:.3f} s, {single / transaction:.0f} times as fast\n"
        f"  one task (read, check, write, read again) {create:.2f} s, {single / create:.1f} times as fast\n"
        f"  the task again {again:.2f} s, with all ports changed {change:.2f} s, a task for one more mark {one:.2f} s",
        flush=True,
    )
    return single / transaction


def main() -> None:
    ratio = measured("nftables", ["nft", "-f", "-"], "nftables")
    measured("iptables", ["iptables-restore", "--noflush"], "iptables")
    print(f"Goal: one transaction of nftables at least {GOAL} times as fast as single commands")
    raise SystemExit(0 if ratio >= GOAL else 1)


if __name__ == "__main__":
    main()
