# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived with the configuration that the role writes, on a real table: every kind of check, seen by ipvsadm."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jinja2
import pytest
import yaml
from answering import KINDS, NAME, WELL
from kernel_tools import run_program

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host

ROLE = Path(__file__).parents[2] / "roles" / "director"
FIRST, SECOND = "192.0.2.21", "192.0.2.22"
PACE = {"interval": 1, "retries": 0, "timeout": 2}
#: The first real server's mail server keeps what it is sent.
MAIL = {"to": "admin@example.org", "from": "lb1@example.org", "smtp_server": FIRST, "port": KINDS["smtp"]}
CHECKS: dict[str, dict[str, object]] = {
    "said": {"type": "tcp", "send": "PING\r\n", "expect": "+PONG"},
    "regex": {"type": "http", "path": "/health", "regex": "all is [Ww]ell"},
    "digest": {"type": "http", "digest": hashlib.md5(WELL, usedforsecurity=False).hexdigest()},
    "https": {"type": "https", "virtualhost": NAME},
    "smtp": {"type": "smtp", "helo": "lb1.example.org"},
    "dns": {"type": "dns", "name": NAME, "record": "A"},
    "udp": {"type": "udp", "payload": "0102", "require_reply": "2a"},
    "ping": {"type": "ping"},
    "command": {"type": "command", "command": ["FOLDER/command", "%h"]},
}
PORTS = {**KINDS, "command": 7008, "ping": 7009}


def destinations() -> dict[str, set[str]]:
    """The real servers that are in the table with a weight, by kind."""
    ports = {str(port): kind for kind, port in PORTS.items()}
    found: dict[str, set[str]] = {kind: set() for kind in CHECKS}
    for line in run_program("ipvsadm", "-Sn").splitlines():
        words = line.split()
        if words[0] == "-a" and words[words.index("-w") + 1] != "0":
            found[ports[words[2].rpartition(":")[2]]].add(words[words.index("-r") + 1].rpartition(":")[0])
    return found


def await_destinations(wanted: set[str]) -> None:
    deadline = time.monotonic() + 60
    while set(map(frozenset, destinations().values())) != {frozenset(wanted)}:
        assert time.monotonic() < deadline, f"{json.dumps(destinations(), default=sorted)} and not {wanted} everywhere"
        time.sleep(0.2)


def await_mail(folder: Path, *words: str) -> None:
    deadline = time.monotonic() + 30
    while not any(
        all(word in mail for word in words) for mail in (folder / "mails").read_text(encoding="ascii").split("Subject:")
    ):
        assert time.monotonic() < deadline, (folder / "mails").read_text(encoding="ascii")
        time.sleep(0.2)


def configuration(folder: Path) -> str:
    services = [
        {
            "name": kind,
            "vip": "192.0.2.100",
            "ports": [PORTS[kind]],
            "protocol": "udp" if kind in {"dns", "udp"} else "tcp",
            "check": {**json.loads(json.dumps(check).replace("FOLDER", str(folder))), **PACE},
            "real_servers": [{"host": "rs1", "address": FIRST}, {"host": "rs2", "address": SECOND}],
        }
        for kind, check in CHECKS.items()
    ]
    plan = compile_cluster(
        {"failover": "none", "services": services, "notify": {"mail": MAIL}},
        [Host("lb1", ("192.0.2.11",), interface="lan")],
        [],
    )["lb1"]["vars"]
    given = {
        **yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8")),
        **yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8")),
        **plan,
        # No such user on a machine without the role.
        "__director_script_user": "root",
        "__director_check_program": str(folder / "check-answer"),
        "__director_has_programs": True,
        "__director_left_out": [],
        "__director_gateways": [],
        "ansible_managed": "Ansible",
        "inventory_hostname": "lb1",
    }
    template = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, loader=jinja2.FileSystemLoader(ROLE))
    template.filters.update(
        comment=lambda text: f"# {text}",
        flatten=lambda rows: [x for row in rows for x in (row if isinstance(row, list) else [row])],
    )
    return template.get_template("templates/keepalived.conf.j2").render(**given)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Path]:
    """Two real servers in a network namespace; the folder that makes their services ill."""
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
    certificate = tmp_path / "certificate.pem"
    words = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={NAME}"
    run_program(*words.split(), "-keyout", str(tmp_path / "key.pem"), "-out", str(certificate))
    with certificate.open("a") as both:
        both.write((tmp_path / "key.pem").read_text())
    shutil.copy(ROLE / "files/check-answer", tmp_path)
    script = tmp_path / "command"
    script.write_text(f"#!/bin/sh\ntest ! -e {tmp_path}/command@$1\n")
    script.chmod(0o755)
    program = str(Path(__file__).with_name("answering.py"))
    running = [
        subprocess.Popen(
            ["ip", "netns", "exec", "rs", sys.executable, program, address, str(certificate), str(tmp_path)]
        )
        for address in (FIRST, SECOND)
    ]
    yield tmp_path
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def keepalived(servers: Path) -> Iterator[subprocess.Popen[bytes]]:
    file = servers / "keepalived.conf"
    file.write_text(configuration(servers))
    with (servers / "log").open("wb") as log:
        words = ["keepalived", "--dont-fork", "--log-console", "--check", "--use-file", str(file)]
        words += ["--pid", str(servers / "pid"), "--checkers_pid", str(servers / "checkers")]
        daemon = subprocess.Popen(words, stdout=log, stderr=log)
        yield daemon
        daemon.terminate()
        daemon.wait(30)
    print((servers / "log").read_text())


def test_every_kind_of_check_takes_an_ill_real_server_out_and_lets_it_in_again_and_mail_tells_of_it(
    servers: Path, keepalived: subprocess.Popen[bytes]
) -> None:
    await_destinations({FIRST, SECOND})
    for kind in CHECKS:
        (servers / f"{kind}@{SECOND}").touch()
    silence = f"-d {SECOND} -p icmp -j DROP".split()
    run_program("ip", "netns", "exec", "rs", "iptables-legacy", "-I", "INPUT", *silence)
    await_destinations({FIRST})
    await_mail(servers, SECOND, "DOWN")
    for kind in CHECKS:
        (servers / f"{kind}@{SECOND}").unlink()
    run_program("ip", "netns", "exec", "rs", "iptables-legacy", "-D", "INPUT", *silence)
    await_destinations({FIRST, SECOND})
    assert keepalived.poll() is None


SERVICE = f"""
virtual_server 192.0.2.100 80 {{
    lvs_sched wrr
    lvs_method DR
    protocol TCP
    real_server {FIRST} 80 {{
        weight 2
    }}
}}
"""
LINES = ["-A -t 192.0.2.100:80 -s wrr", f"-a -t 192.0.2.100:80 -r {FIRST}:80 -g -w 2"]


def table() -> list[str]:
    return [line.strip() for line in run_program("ipvsadm", "-Sn").splitlines()]


def await_that(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_reload_without_services_leaves_them_in_the_table_only_when_the_checker_is_kept_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, log, checkers = tmp_path / "keepalived.conf", tmp_path / "log", Path("/run/checkers.pid")
    file.write_text(SERVICE)
    with log.open("wb") as out:
        words = ["keepalived", "--dont-fork", "--log-console", "--check", "--use-file", str(file)]
        daemon = subprocess.Popen([*words, "--pid", str(tmp_path / "pid")], stdout=out, stderr=out)

    def reload(content: str) -> None:
        """As systemd reloads it, and until it is done."""
        done = log.read_text().count("Reload complete")
        file.write_text(content)
        run_program("systemctl", "reload", "keepalived")
        await_that(lambda: log.read_text().count("Reload complete") > done, "keepalived has reloaded")

    # There is no systemd here.
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(
        f"#!/bin/sh\ncase $*: in show*) echo {daemon.pid} ;; *keepalived:) kill -HUP {daemon.pid} ;; esac\n"
    )
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    try:
        await_that(lambda: table() == LINES, "the service is in the table")
        first = checkers.read_text()
        # A checker that is never told of a reload runs on when the controller goes away.
        state = Path(f"/proc/{first.strip()}/status")
        waiting = subprocess.Popen(["sh", str(ROLE / "files/reload-and-keep-table"), "nobody"])
        await_that(lambda: "State:\tT" in state.read_text(), "the checker is stopped")
        waiting.send_signal(signal.SIGHUP)
        assert waiting.wait(10) == 1
        assert "State:\tT" not in state.read_text()
        file.write_text("")
        run_program("sh", str(ROLE / "files/reload-and-keep-table"), "keepalived")
        await_that(lambda: checkers.read_text() not in {first, ""}, "a new checker runs")
        # The role's own reload follows.
        reload("")
        assert table() == LINES
        # What it is good for: the same without it.
        reload(SERVICE)
        reload("")
        await_that(lambda: table() == [], "keepalived took its service out")
    finally:
        daemon.terminate()
        daemon.wait(30)
        print(log.read_text())
