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
from itertools import takewhile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
LAB = CHECKOUT / "tests/lab/lab"
#: Which example stands in the lab; tests of another one are not collected.
EXAMPLE = CHECKOUT / "examples" / (os.environ.get("LVS_EXAMPLE") or "direct-pair") / "inventory.yml"
NAMESPACE = os.environ.get("LVS_LAB_NAME") or "lvs-lab"
SSH_CONFIG = Path("/run/lvs-labs") / NAMESPACE / "ssh_config"
VIP = "192.0.2.100"
VIP6 = "2001:db8:2::100"
#: A VIP of the example that stands in the lab.
ADDRESS = {"nat-two-arm": "198.51.100.10", "ftp": "198.51.100.21"}.get(EXAMPLE.parent.name, VIP)
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
        ["ssh", "-F", SSH_CONFIG, "-o", "ConnectTimeout=20", machine, command],
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
        # Until the empty line: a callback may have added something after it.
        lines = takewhile(str.strip, self.output.rpartition("PLAY RECAP")[2].splitlines()[1:])
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


class Curl:
    """Requests counted by curl on the client, from entering the block to its end; each on a connection of its own.

    One after the other, `rate` a second at most; or `at_once` of them all the time, each a second long. Afterwards
    `requests` and `failed` are there, and in `errors` curl's own words for what failed.
    """

    def __init__(
        self,
        url: str = f"http://{VIP}/",
        *,
        rate: int = 100,
        at_once: int = 1,
        most: int = 50_000,
        timeout: float = 2,
    ) -> None:
        one = ["--rate", f"{rate}/s"]
        many = [
            "--no-progress-meter",
            "--parallel",
            "--parallel-immediate",
            "--parallel-max",
            at_once,
            "--limit-rate",
            10_000,
        ]
        # What follows # is not sent.
        urls = f"{url}bytes/10000#[1-{most}]" if at_once > 1 else f"{url}?[1-{most}]"
        words = [
            # Line by line: curl is ended in the midst of its work, and nothing of what it has seen may be lost.
            *("stdbuf", "--output=L", "curl", "--silent", *(many if at_once > 1 else one)),
            *("--max-time", timeout, "--header", "Connection: close"),
            *("--output", "/dev/null", "--write-out", "%{http_code} %{errormsg}\n", urls),
        ]
        # A file, and not a pipe: curl writes a line for each request into it, whatever becomes of who reads.
        self.script = (
            f"{shlex.join(map(str, words))} </dev/null >/run/curl.$$ & p=$!; "
            "echo started; cat >/dev/null; kill $p; wait $p; sort /run/curl.$$ | uniq -c; rm /run/curl.$$"
        )
        self.requests = self.failed = 0
        self.errors: dict[str, int] = {}

    def __enter__(self) -> Curl:
        self.process = subprocess.Popen(
            ["ssh", "-F", SSH_CONFIG, "client", self.script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "started\n":
            raise RuntimeError("curl did not start on the client.")
        return self

    def __exit__(self, *reason: object) -> None:
        for line in self.process.communicate(timeout=60)[0].splitlines():
            count, code, error = [*line.split(maxsplit=2), ""][:3]
            self.requests += int(count)
            if code != "200":
                self.errors[f"{code} {error}".strip()] = int(count)
        self.failed = sum(self.errors.values())

    def __str__(self) -> str:
        return f"{self.failed} of {self.requests} requests failed {self.errors or ''}".strip()


class Connections:
    """Established connections from the client to the VIP, held from entering the block until they have ended.

    `downloads` long ones by curl that never pause, and `idle` ones by nc that carry a request every six seconds and
    nothing else. Afterwards `whole` says how many of them went on to their end; neither program connects anew.
    """

    #: A download in seconds and bytes a second; far more than the buffers on the way hold.
    SECONDS = 75
    RATE = 8_000
    #: Requests on an idle connection, and the seconds between two.
    REQUESTS = 10
    PAUSE = 6

    def __init__(self, address: str = VIP, *, downloads: int = 170, idle: int = 30) -> None:
        self.downloads, self.idle, self.whole = downloads, idle, 0
        size = self.RATE * self.SECONDS
        long = [
            *("curl", "--silent", "--parallel", "--parallel-immediate", "--parallel-max", downloads),
            *("--limit-rate", self.RATE, "--output", "/dev/null", "--write-out", "%{http_code} %{size_download}\n"),
            f"http://{address}/bytes/{size}#[1-{downloads}]",
        ]
        request = f"printf 'GET / HTTP/1.1\\r\\nHost: {address}\\r\\n\\r\\n'; sleep {self.PAUSE}"
        pausing = f"for r in $(seq {self.REQUESTS}); do {request}; done | nc {address} 80 | grep -c '^HTTP/1.1 200'"
        self.good = (f"200 {size}", str(self.REQUESTS))
        self.script = (
            f"{shlex.join(map(str, long))} 2>/dev/null & for i in $(seq {idle}); do {{ {pausing}; }} & done; wait"
        )

    def __enter__(self) -> Connections:
        self.process = subprocess.Popen(
            ["ssh", "-F", SSH_CONFIG, "client", self.script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *reason: object) -> None:
        self.lines = self.process.communicate(timeout=300)[0].splitlines()
        self.whole = sum(line.strip() in self.good for line in self.lines)

    def are_known(self, active: str, standby: str) -> bool:
        """Whether all of them go through the active director, and the standby has heard of each of them."""
        through, known = (_established(director) for director in (active, standby))
        return len(through) >= self.downloads + self.idle and through <= known

    def __str__(self) -> str:
        return f"{self.whole} of {self.downloads + self.idle} established connections went on to their end"


def _established(director: str) -> set[tuple[str, ...]]:
    """Client, VIP and real server of each connection that a director knows as established."""
    lines = map(str.split, ssh(director, "ipvsadm -Lnc").splitlines())
    return {tuple(words[3:6]) for words in lines if words[2:3] == ["ESTABLISHED"]}
