# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong on a pair of directors and their real servers: each fault, what ends it, and what the client saw.

Used by test_faults.py, which asks whether the cluster comes back by itself, and by tests/bench/bench_faults.py, which
asks how long it takes. Nobody does anything on a director by hand: power, cable and process of the machine that failed
come back, and no more.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass

from drive import DIRECTORS, VIP, VIP6, Report, Traffic, active_director, await_that, holders, lab, ssh

#: Real servers that answer, as each director's table has to show them.
REAL_SERVERS = {"192.0.2.21": "1", "192.0.2.22": "2"}
DAEMONS = ("keepalived", "heartbeat", "ldirectord")


def weights(director: str) -> dict[str, str]:
    """Weight by address of the destinations of the service web."""
    found = {}
    for line in ssh(director, "ipvsadm -Sn").splitlines():
        words = line.split()
        if words[:3] == ["-a", "-t", f"{VIP}:80"]:
            found[words[words.index("-r") + 1].rpartition(":")[0]] = words[words.index("-w") + 1]
    return found


def serves(address: str = VIP) -> bool:
    host = f"[{address}]" if ":" in address else address
    return "rs" in ssh("client", f"curl --silent --globoff --max-time 1 http://{host}/", check=False)


def heartbeat_is_settled() -> bool:
    """Each director's heartbeat hears the other one, and neither is about to move anything; true without heartbeat."""
    for name, other in (DIRECTORS, DIRECTORS[::-1]):
        asked = f"cl_status rscstatus; cl_status nodestatus {other}"
        said = ssh(name, f"! systemctl --quiet is-enabled heartbeat 2>/dev/null || {{ {asked}; }}").split()
        if said and not (len(said) == 2 and said[0] in {"all", "local", "foreign", "none"} and said[1] == "active"):
            return False
    return True


def await_whole(seconds: float = 120) -> None:
    """One active director, all addresses on it, both tables complete, both VIPs answer, no heartbeat starts anew."""

    def tables() -> bool:
        return all(weights(name) == REAL_SERVERS for name in DIRECTORS)

    def addresses() -> bool:
        return len(holders()) == 1 and holders() == holders(VIP6)

    await_that(tables, "both tables are complete", seconds=seconds)
    await_that(heartbeat_is_settled, "the directors' heartbeats hear each other and move nothing", seconds=seconds)
    await_that(addresses, "one director holds all VIPs", seconds=seconds)
    await_that(lambda: serves() and serves(VIP6), "both VIPs answer", seconds=seconds)


def main_process(machine: str, unit: str) -> str:
    return ssh(machine, f"systemctl show --value --property=MainPID {unit}").strip()


def kill(machine: str, unit: str) -> None:
    """Ends a daemon's main process as the kernel does it when memory is out: it can clean nothing up."""
    process = main_process(machine, unit)
    ssh(machine, f"kill -9 {process}")
    await_that(lambda: main_process(machine, unit) not in {process, "0"}, f"{unit} runs again on {machine}")


def separate(machines: tuple[str, str], *, action: str) -> None:
    """Takes the way between the directors away (`--append`) or gives it back (`--delete`); both live for the rest."""
    for machine, (four, six) in zip(
        machines, ((f"192.0.2.{last}", f"2001:db8:2::{last}") for last in ("12", "11")), strict=True
    ):
        ssh(machine, f"iptables {action} INPUT -s {four} -j DROP; ip6tables {action} INPUT -s {six} -j DROP")


@dataclass(frozen=True)
class Fault:
    """`begin` breaks it, `end` gives back what was taken; both get (active, standby). `until`: what has to follow."""

    name: str
    begin: Callable[[str, str], object]
    end: Callable[[str, str], object] = lambda active, standby: None
    until: Callable[[str, str], bool] | None = None
    #: Whether the VIPs have to be on the other director in between.
    moves: bool = False
    #: Whether every request has to succeed all the time.
    unharmed: bool = False
    #: Whether the directors hear nothing of each other, both alive: heartbeat gives the VIPs up when they meet again.
    parts: bool = False
    #: Seconds for which it goes on once the VIP answers: longer than any gap that is yet to come.
    lasts: float = 2


def _boot_both(active: str, standby: str) -> None:
    for name in (active, standby):
        lab("cut", name)
    for name in (active, standby):
        lab("start", name)


DIRECTOR_FAULTS: tuple[Fault, ...] = (
    Fault(
        "power of the active director cut",
        begin=lambda active, standby: lab("cut", active),
        end=lambda active, standby: lab("start", active),
        moves=True,
    ),
    Fault(
        "cable of the active director out",
        begin=lambda active, standby: lab("unplug", active),
        end=lambda active, standby: lab("plug", active),
        moves=True,
        parts=True,
    ),
    Fault(
        "power of the standby cut",
        begin=lambda active, standby: lab("cut", standby),
        end=lambda active, standby: lab("start", standby),
        unharmed=True,
    ),
    Fault(
        "cable of the standby out",
        begin=lambda active, standby: lab("unplug", standby),
        end=lambda active, standby: lab("plug", standby),
        unharmed=True,
        parts=True,
        # Until it has taken the active one for dead (`deadtime` 4 s, three adverts), which nobody can see from outside.
        lasts=8,
    ),
    Fault(
        "active director rebooted",
        begin=lambda active, standby: lab("reboot", active),
        moves=True,
    ),
    Fault("both directors lose their power", begin=_boot_both),
    Fault(
        "directors separated, both alive",
        begin=lambda active, standby: separate((DIRECTORS[0], DIRECTORS[1]), action="--append"),
        end=lambda active, standby: separate((DIRECTORS[0], DIRECTORS[1]), action="--delete"),
        until=lambda active, standby: len(holders()) == 2,
        parts=True,
    ),
)


def killed(unit: str) -> Fault:
    """heartbeat gives its addresses up before it comes back, because the other one takes them."""
    name = f"{unit} of the active director killed (-9)"
    return Fault(name, begin=lambda active, standby: kill(active, unit), moves=unit == "heartbeat")


def killed_on_standby(unit: str) -> Fault:
    return Fault(f"{unit} of the standby killed (-9)", begin=lambda active, standby: kill(standby, unit), unharmed=True)


@dataclass(frozen=True)
class Outcome:
    """What the client saw while the fault lasted, and while it was taken back; `seconds` until all was whole."""

    name: str
    during: Report
    after: Report
    seconds: float

    @property
    def failed(self) -> int:
        return self.during.failed + self.after.failed

    @property
    def requests(self) -> int:
        return self.during.requests + self.after.requests


def suffer(fault: Fault, *, interval: float = 0.01) -> Outcome:
    """Lets a fault happen under traffic, awaits that the cluster serves, takes it back, awaits that all is whole."""
    active = active_director()
    standby = next(name for name in DIRECTORS if name != active)
    with Traffic(interval=interval, timeout=0.9) as during:
        time.sleep(1)
        fault.begin(active, standby)
        if fault.moves:
            await_that(lambda: standby in holders(), f"{standby} holds the VIP after: {fault.name}")
        if fault.until:
            await_that(lambda: fault.until and fault.until(active, standby), f"what follows from: {fault.name}")
        await_that(serves, f"the VIP answers after: {fault.name}")
        time.sleep(fault.lasts)
    with Traffic(interval=interval, timeout=0.9) as after:
        start = time.monotonic()
        fault.end(active, standby)
        await_whole()
        seconds = time.monotonic() - start
        time.sleep(2)
    return Outcome(fault.name, during.result, after.result, seconds)


#: A web server that takes connections and never says a word; one that says the wrong thing; both on every address.
_SERVER = """
import http.server, socket, socketserver, time
class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = daemon_threads = True
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        {answer}
    def log_message(self, *words): pass
Server(("::", 80), Answer).serve_forever()
"""
_HUNG = "time.sleep(3600)"
_WRONG = "self.send_response(503); self.send_header('Content-Length', '0'); self.end_headers()"


def _instead(machine: str, answer: str) -> None:
    """Puts another web server into the place of the machine's own."""
    program = _SERVER.format(answer=answer)
    ssh(machine, f"systemctl stop lab-web && systemd-run --quiet --unit=instead python3 -c {shlex.quote(program)}")
    await_that(lambda: ":80 " in ssh(machine, "ss -Hltn 'sport = 80'"), f"the other web server of {machine}")


def _own(machine: str) -> None:
    ssh(
        machine,
        "systemctl stop instead; systemctl reset-failed instead 2>/dev/null; systemctl start lab-web",
        check=False,
    )


@dataclass(frozen=True)
class Ill:
    """What befalls the real server rs1."""

    name: str
    begin: Callable[[], object]
    end: Callable[[], object]


REAL_SERVER_FAULTS: tuple[Ill, ...] = (
    Ill("power cut", lambda: lab("cut", "rs1"), lambda: lab("start", "rs1")),
    Ill("refuses (its service is stopped)", lambda: ssh("rs1", "systemctl stop lab-web"), lambda: _own("rs1")),
    Ill("hung (accepts and says nothing)", lambda: _instead("rs1", _HUNG), lambda: _own("rs1")),
    Ill("wrong content (503)", lambda: _instead("rs1", _WRONG), lambda: _own("rs1")),
    Ill("too slow (answers after 8 s)", lambda: _instead("rs1", f"time.sleep(8); {_WRONG}"), lambda: _own("rs1")),
)


@dataclass(frozen=True)
class Illness:
    """`out`: seconds until both directors had taken rs1 out; `back`: until both had it again after it served again.

    What the client saw: `before` it was out, and when that was `settled`.
    """

    name: str
    out: float
    back: float
    settled: Report
    before: Report


def fall_ill(ill: Ill) -> Illness:
    """rs1 fails under traffic, is taken out by both directors (or gets weight 0), and comes back."""

    def out_of(director: str) -> bool:
        return weights(director).get("192.0.2.21", "0") == "0" and weights(director).get("192.0.2.22") == "2"

    with Traffic(interval=0.02, timeout=3) as before:
        start = time.monotonic()
        ill.begin()
        for name in DIRECTORS:
            await_that(lambda name=name: out_of(name), f"{name} has taken rs1 out: {ill.name}")
        out = time.monotonic() - start
    with Traffic(interval=0.02, timeout=3) as settled:
        time.sleep(3)
    ill.end()
    start = time.monotonic()
    await_whole()
    return Illness(ill.name, out, time.monotonic() - start, settled.result, before.result)
