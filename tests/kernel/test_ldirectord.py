# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ldirectord with the configuration that the role writes, on a real table: what it does to it, seen by ipvsadm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jinja2
import pytest
import yaml
from kernel_tools import run_program, seen_table

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.maintenance import maintenance_name

ROLE = Path(__file__).parents[2] / "roles" / "director"
VIP, FIRST, SECOND, SORRY = "192.0.2.100", "192.0.2.21", "192.0.2.22", "192.0.2.99"
UP = {FIRST: 1, SECOND: 2}
WEB = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"healthy")
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer((sys.argv[1], 80), Answer).serve_forever()
"""
HUNG = """
import socket, sys, time
listener = socket.create_server((sys.argv[1], 80))
time.sleep(600)
"""


def weights() -> dict[str, int]:
    """Weight by address of the destinations in the table."""
    lines = [line.split() for line in run_program("ipvsadm", "-Sn").splitlines()]
    return {
        words[words.index("-r") + 1].rpartition(":")[0]: int(words[words.index("-w") + 1])
        for words in lines
        if words[0] == "-a"
    }


def await_weights(wanted: dict[str, int], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while weights() != wanted:
        assert time.monotonic() < deadline, f"{weights()} and not {wanted} after {seconds} s"
        time.sleep(0.2)


class Servers:
    """Real servers in a network namespace; each is a process."""

    def __init__(self) -> None:
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        for command in (
            "ip netns add rs",
            "ip link add lan type veth peer name eth0 netns rs",
            "ip address add 192.0.2.11/24 dev lan",
            "ip link set lan up",
            f"ip -n rs address add {FIRST}/24 dev eth0",
            f"ip -n rs address add {SECOND}/24 dev eth0",
            "ip -n rs link set eth0 up",
            "ip -n rs link set lo up",
        ):
            run_program(*command.split())

    def start(self, address: str, program: str = WEB) -> None:
        command = ["ip", "netns", "exec", "rs", sys.executable, "-c", program, address]
        self.running[address] = subprocess.Popen(command)

    def kill(self, address: str) -> None:
        process = self.running.pop(address)
        process.kill()
        process.wait()


@pytest.fixture
def servers() -> Iterator[Servers]:
    made = Servers()
    for address in UP:
        made.start(address)
    yield made
    for address in list(made.running):
        made.kill(address)


class Daemon:
    """ldirectord with a description's configuration, as systemd would start and end it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.maintenance = folder / "maintenance"
        self.maintenance.mkdir()
        self.file = folder / "ldirectord-test.cf"
        self.pid = Path("/run/ldirectord.ldirectord-test.cf.pid")

    def write(self, **more: object) -> None:
        service = {
            "name": "web",
            "vip": VIP,
            "ports": [80],
            "scheduler": "wrr",
            "check": {"type": "http", "path": "/", "regex": "healthy", "interval": 1, "timeout": 2, "retries": 1},
            "real_servers": [
                {"host": "rs1", "address": FIRST},
                {"host": "rs2", "address": SECOND, "weight": 2},
            ],
            **more,
        }
        given = {"failover": "none", "health_checks": "ldirectord", "services": [service]}
        director = Host("lb1", ("192.0.2.11",), interface="lan")
        plan = compile_cluster(given, [director], [])["lb1"]["vars"]
        template = jinja2.Environment(
            trim_blocks=True, keep_trailing_newline=True, loader=jinja2.FileSystemLoader(ROLE)
        )
        template.filters.update(comment=lambda text: f"# {text}")
        names = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))
        names["__director_maintenance_directory"] = str(self.maintenance)
        text = template.get_template("templates/ldirectord.cf.j2").render(
            **{**names, **plan, "ansible_managed": "Ansible"}
        )
        # No syslog listens in here.
        self.file.write_text(text.replace('logfile = "daemon"', f'logfile = "{self.folder}/log"'), encoding="utf-8")

    def call(self, word: str) -> None:
        done = subprocess.run(["ldirectord", str(self.file), word], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ends it, and with SIGKILL its children too, as the unit's KillMode does."""
        main = int(self.pid.read_text(encoding="ascii"))
        children = run_program("ps", "-o", "pid=", "--ppid", str(main)).split() if number == signal.SIGKILL else []
        for process in [main, *map(int, children)]:
            os.kill(process, number)
        while Path(f"/proc/{main}").exists():
            time.sleep(0.1)


@pytest.fixture
def daemon(tmp_path: Path, servers: Servers) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    made.write()
    made.call("start")
    await_weights(UP)
    yield made
    made.end()


def test_a_check_of_the_configuration_touches_no_table(tmp_path: Path) -> None:
    run_program("ipvsadm", "-A", "-t", f"{VIP}:80", "-s", "rr")
    run_program("ipvsadm", "-a", "-t", f"{VIP}:80", "-r", "192.0.2.77", "-w", "9")
    before = seen_table()
    daemon = Daemon(tmp_path)
    daemon.write()
    daemon.call("stop")
    assert seen_table() == before


@pytest.mark.parametrize("fate", ["killed", "hung"])
def test_a_dead_real_server_gets_weight_zero_and_its_own_weight_when_it_is_back(
    daemon: Daemon, servers: Servers, fate: str
) -> None:
    servers.kill(SECOND)
    if fate == "hung":
        servers.start(SECOND, HUNG)
    await_weights({FIRST: 1, SECOND: 0})
    if fate == "hung":
        servers.kill(SECOND)
    servers.start(SECOND)
    await_weights(UP)


@pytest.mark.parametrize("name", [maintenance_name(FIRST, 80), FIRST])
def test_a_file_in_the_maintenance_directory_takes_a_real_server_out_until_it_is_gone(
    daemon: Daemon, name: str
) -> None:
    (daemon.maintenance / name).touch()
    await_weights({FIRST: 0, SECOND: 2})
    (daemon.maintenance / name).unlink()
    await_weights(UP)


def never(seen: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if seen():
            return False
    return True


@pytest.mark.parametrize("way", ["reload", "stop and start", "kill and start"])
def test_neither_reload_nor_restart_changes_the_table_or_lets_a_drained_real_server_in(
    daemon: Daemon, way: str
) -> None:
    (daemon.maintenance / FIRST).touch()
    await_weights({FIRST: 0, SECOND: 2})
    before = seen_table()
    if way == "reload":
        daemon.call("reload")
    else:
        daemon.end(signal.SIGKILL if way.startswith("kill") else signal.SIGTERM)
        assert seen_table() == before
        daemon.call("start")
    assert never(lambda: seen_table() != before, seconds=8), f"{before} has become {seen_table()}"


def test_a_reload_puts_in_force_what_has_changed_and_a_sorry_server_answers_for_nobody(
    daemon: Daemon, servers: Servers
) -> None:
    daemon.write(scheduler="rr", sorry_server=SORRY)
    daemon.call("reload")
    deadline = time.monotonic() + 30
    while not seen_table()[0].endswith("-s rr"):
        assert time.monotonic() < deadline, seen_table()
        time.sleep(0.2)
    for address in UP:
        servers.kill(address)
    await_weights({FIRST: 0, SECOND: 0, SORRY: 1})
    servers.start(FIRST)
    await_weights({FIRST: 1, SECOND: 0})


def test_a_table_that_another_daemon_left_is_adopted_as_it_is(tmp_path: Path, servers: Servers) -> None:
    run_program("ipvsadm", "-A", "-t", f"{VIP}:80", "-s", "wrr")
    for address, weight in UP.items():
        run_program("ipvsadm", "-a", "-t", f"{VIP}:80", "-r", f"{address}:80", "-g", "-w", str(weight))
    before = seen_table()
    daemon = Daemon(tmp_path)
    daemon.write()
    daemon.call("start")
    assert never(lambda: seen_table() != before, seconds=8), f"{before} has become {seen_table()}"
    daemon.end()
    assert seen_table() == before
