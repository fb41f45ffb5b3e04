# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tests, bench and demo drive the example cluster in the lab: playbooks, commands on machines, constant traffic."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
LAB = CHECKOUT / "tests/lab/lab"
#: Which example stands in the lab; tests of another one are not collected.
EXAMPLE = CHECKOUT / "examples" / (os.environ.get("LVS_EXAMPLE") or "direct-pair") / "inventory.yml"
NAMESPACE = os.environ.get("LVS_LAB_NAME") or "lvs-lab"
SSH_CONFIG = Path("/run/lvs-labs") / NAMESPACE / "ssh_config"
VIP = "192.0.2.100"
VIP6 = "2001:db8:2::100"
DIRECTORS = ("lb1", "lb2")


def lab(*words: str) -> str:
    """Runs one command of the lab; what it says is shown when it fails."""
    done = subprocess.run([LAB, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"lab {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def ssh(machine: str, command: str, *, check: bool = True, seconds: float = 60) -> str:
    """Output of a shell command on a machine."""
    done = subprocess.run(
        ["ssh", "-F", SSH_CONFIG, "-o", "ConnectTimeout=5", machine, command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if check and done.returncode:
        raise RuntimeError(f"{machine}: {command}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def await_that(claim: Callable[[], object], what: str, *, seconds: float = 60) -> None:
    """Until `claim()` is true; a claim about a machine that does not answer yet is not true yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if claim():
                return
        except (RuntimeError, subprocess.TimeoutExpired):
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not within {seconds:.0f} s: {what}.")
        time.sleep(0.2)


@dataclass(frozen=True)
class Run:
    """What one ansible-playbook run did: its output and, for each host, the numbers of its recap."""

    code: int
    output: str
    seconds: float

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        lines = self.output.rpartition("PLAY RECAP")[2].splitlines()[1:]
        return {
            name.strip(): {key: int(value) for key, value in (word.split("=") for word in numbers.split())}
            for name, colon, numbers in (line.partition(" : ") for line in lines)
            if colon
        }

    @property
    def changed(self) -> int:
        return sum(host["changed"] for host in self.recap.values())


def playbook_process(
    playbook: str,
    *words: str,
    variables: Mapping[str, object] | None = None,
    inventory: Path = EXAMPLE,
    inside: bool = False,
) -> subprocess.Popen[str]:
    """Starts ansible-playbook, in a process group of its own; `inside` the lab's network, else outside of it."""
    extra = ["--extra-vars", json.dumps(variables)] if variables else []
    place = ["ip", "netns", "exec", NAMESPACE] if inside else []
    environment = {
        **os.environ,
        "ANSIBLE_SSH_ARGS": f"-F {SSH_CONFIG}",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
    }
    return subprocess.Popen(
        [*place, "ansible-playbook", playbook, "--inventory", inventory, *extra, *words],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def playbook(
    name: str,
    *words: str,
    variables: Mapping[str, object] | None = None,
    inventory: Path = EXAMPLE,
    inside: bool = False,
) -> Run:
    """Runs ansible-playbook to its end."""
    start = time.monotonic()
    process = playbook_process(name, *words, variables=variables, inventory=inventory, inside=inside)
    output = process.communicate()[0]
    return Run(process.returncode, output, time.monotonic() - start)


def holders(vip: str = VIP) -> list[str]:
    """The directors that have the VIP on an interface now."""
    return [name for name in DIRECTORS if vip in ssh(name, "ip -brief address show", check=False)]


def active_director(vip: str = VIP) -> str:
    """The one director that has the VIP; awaits that there is one."""
    await_that(lambda: len(holders(vip)) == 1, "exactly one director holds the VIP")
    return holders(vip)[0]


@dataclass(frozen=True)
class Report:
    """What the client saw; `gap` in seconds. See traffic.py."""

    requests: int
    failed: int
    gap: float
    answers: Mapping[str, int]
    errors: Mapping[str, int]


class Traffic:
    """Constant traffic from the client to the VIP, from entering the block to its end; then `report` is there."""

    def __init__(self, address: str = VIP, *, interval: float = 0.05, timeout: float = 5, maximum: float = 300) -> None:
        script = (Path(__file__).parent / "traffic.py").read_text(encoding="utf-8")
        words: Sequence[object] = ("python3", "-c", script, address, 80, interval, timeout, maximum)
        self.command = shlex.join(map(str, words))
        self.report: Report | None = None

    def __enter__(self) -> Traffic:
        self.process = subprocess.Popen(
            ["ssh", "-F", SSH_CONFIG, "client", self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "started\n":
            raise RuntimeError("The traffic did not start on the client.")
        return self

    def __exit__(self, *reason: object) -> None:
        output = self.process.communicate(timeout=60)[0]
        self.report = Report(**json.loads(output))

    @property
    def result(self) -> Report:
        if self.report is None:
            raise RuntimeError("The traffic has not ended yet.")
        return self.report
