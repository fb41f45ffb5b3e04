# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipvs_dest with state drained, with connections of real sockets; the judge is ipvsadm."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool

WEB = {"address": "192.0.2.100", "port": 80, "destination": "192.0.2.21", "destination_port": 8080}
DNS = {"address": "192.0.2.100", "port": 53, "protocol": "udp", "destination": "192.0.2.21"}
DRAIN = {"state": "drained", "wait": True}
TABLE = """\
-A -t 192.0.2.100:80 -s rr
-a -t 192.0.2.100:80 -r 192.0.2.21:8080 -m -w 5 -x 100 -y 50
-A -u 192.0.2.100:53 -s wrr -p 3
-a -u 192.0.2.100:53 -r 192.0.2.21:53 -m -w 7
-a -u 192.0.2.100:53 -r 192.0.2.22:53 -m -w 0
"""
SEEN = TABLE.replace(" -x 100 -y 50", "")


@pytest.fixture(autouse=True)
def director(own_network: None, tool: Tool) -> None:
    """Director, client and two real servers in one; UDP connections are forgotten after a second."""
    tool("modprobe", "ip_vs")
    for address in ("192.0.2.100", "192.0.2.21", "192.0.2.22"):
        tool("ip", "address", "add", f"{address}/32", "dev", "lo")
    tool("ipvsadm", "-R", stdin=TABLE)
    tool("ipvsadm", "--set", "900", "1", "1")


@contextlib.contextmanager
def clients(number: int) -> Iterator[list[socket.socket]]:
    """So many connections to the web service."""
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(socket.create_server(("192.0.2.21", 8080)))
        found = []
        for _number in range(number):
            found.append(opened.enter_context(socket.create_connection(("192.0.2.100", 80), timeout=10)))
            opened.enter_context(server.accept()[0])
        yield found


def reset(client: socket.socket) -> None:
    """Ends a connection by RST: the kernel counts it as inactive for ten seconds and not for two minutes."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def ask() -> str:
    """Sends a datagram to the DNS service; the real server that it came to."""
    with contextlib.ExitStack() as opened:
        servers = [opened.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _number in range(2)]
        for server, address in zip(servers, ("192.0.2.21", "192.0.2.22"), strict=True):
            server.bind((address, 53))
            server.setblocking(False)
        client = opened.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        client.sendto(b"?", ("192.0.2.100", 53))
        for _try in range(100):
            for server in servers:
                with contextlib.suppress(BlockingIOError):
                    server.recv(10)
                    return str(server.getsockname()[0])
            time.sleep(0.01)
    raise AssertionError("the datagram came to nobody")


@contextlib.contextmanager
def meanwhile(action: Callable[[], object]) -> Iterator[None]:
    """Does something after a second, while the test goes on."""
    timer = threading.Timer(1, action)
    timer.start()
    yield
    timer.join()


def left(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result["destination"][f"{kind}_connections"] for kind in ("active", "inactive", "persistent"))


def test_twelve_steps(run_module: ModuleRun, tool: Tool) -> None:
    parameters = {**WEB, "state": "drained"}
    predicted = run_module("ipvs_dest", parameters, check=True)
    assert tool("ipvsadm", "-Sn") == SEEN
    done = run_module("ipvs_dest", parameters)
    assert predicted == done
    assert done["changed"] is True
    assert done["operations"] == ["ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.21:8080 -m -w 0 -x 100 -y 50"]
    assert done["destination"]["weight"] == 0
    drained = SEEN.replace("-m -w 5", "-m -w 0")
    assert tool("ipvsadm", "-Sn") == drained
    assert "192.0.2.21:8080              100        50" in tool("ipvsadm", "-Ln", "--thresholds")
    for check in (True, False):
        again = run_module("ipvs_dest", {**parameters, **DRAIN}, check=check)
        assert again["changed"] is False
        assert again["operations"] == []
        assert again["destination"] == done["destination"]
    assert tool("ipvsadm", "-Sn") == drained
    back = run_module("ipvs_dest", {**WEB, "weight": 5})
    assert back["changed"] is True
    assert tool("ipvsadm", "-Sn") == SEEN


def test_it_waits_until_the_last_connection_has_ended(run_module: ModuleRun, tool: Tool) -> None:
    with clients(2) as (first, second):
        reset(first)
        with meanwhile(lambda: reset(second)):
            begin = time.monotonic()
            done = run_module("ipvs_dest", {**WEB, **DRAIN, "wait_timeout": 40})
            assert time.monotonic() - begin > 5
    assert done["changed"] is True
    assert left(done) == (0, 0, 0)
    assert tool("ipvsadm", "-Lnc").splitlines()[2:] == []


def test_at_its_time_limit_it_says_how_many_are_left_of_each_kind(run_module: ModuleRun, tool: Tool) -> None:
    with clients(3) as (first, _second, _third):
        reset(first)
        failed = run_module("ipvs_dest", {**WEB, **DRAIN, "wait_timeout": 2}, fails=True)
        assert failed["msg"].startswith(
            "After 2 s destination 192.0.2.21:8080 of service tcp/192.0.2.100:80 still has connections:"
            " 2 active, 1 inactive, 0 persistent. It keeps weight 0;"
        )
        assert left(failed) == (2, 1, 0)
        assert failed["destination"]["weight"] == 0
        assert failed["changed"] is True
        assert failed["operations"] == ["ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.21:8080 -m -w 0 -x 100 -y 50"]
        assert failed["diff"]["before"] != failed["diff"]["after"]
        assert tool("ipvsadm", "-Sn") == SEEN.replace("-m -w 5", "-m -w 0")
        again = run_module("ipvs_dest", {**WEB, **DRAIN, "wait_timeout": 0}, fails=True)
        assert again["changed"] is False
        assert left(again) == (2, 1, 0)


def test_with_nothing_left_a_time_limit_of_zero_will_do(run_module: ModuleRun) -> None:
    assert run_module("ipvs_dest", {**WEB, **DRAIN, "wait_timeout": 0})["changed"] is True
    with pytest.raises(ConnectionRefusedError), clients(1):
        pass


def test_a_persistent_connection_is_waited_for_as_well(run_module: ModuleRun, tool: Tool) -> None:
    assert ask() == "192.0.2.21"
    failed = run_module("ipvs_dest", {**DNS, **DRAIN, "wait_timeout": 0}, fails=True)
    assert "0 active, 1 inactive, 1 persistent" in failed["msg"]
    time.sleep(2.5)
    failed = run_module("ipvs_dest", {**DNS, **DRAIN, "wait_timeout": 0}, fails=True)
    assert "0 active, 0 inactive, 1 persistent" in failed["msg"]
    done = run_module("ipvs_dest", {**DNS, **DRAIN, "wait_timeout": 20})
    assert done["changed"] is False
    assert left(done) == (0, 0, 0)


@pytest.mark.parametrize(("value", "real_server"), [("0", "192.0.2.21"), ("1", "192.0.2.22")])
def test_a_client_that_comes_again_gets_the_drained_real_server_unless_a_sysctl_says_no(
    run_module: ModuleRun, tool: Tool, value: str, real_server: str
) -> None:
    tool("sysctl", "-w", f"net.ipv4.vs.expire_quiescent_template={value}")
    assert ask() == "192.0.2.21"
    run_module("ipvs_dest", {**DNS, "state": "drained"})
    run_module("ipvs_dest", {**DNS, "destination": "192.0.2.22", "weight": 1})
    assert ask() == real_server


def test_other_tasks_may_write_while_it_waits(run_module: ModuleRun) -> None:
    taken = []

    def take_the_lock() -> None:
        name = f"/run/lvs-cluster-ipvs-{Path('/proc/self/ns/net').stat().st_ino}.lock"
        with Path(name).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken.append(name)

    with clients(1), meanwhile(take_the_lock):
        run_module("ipvs_dest", {**WEB, **DRAIN, "wait_timeout": 3}, fails=True)
    assert taken


def edit(tool: Tool, command: str) -> Callable[[], str]:
    return lambda: tool("ipvsadm", *command.split())


def test_a_destination_that_somebody_removes_meanwhile_is_not_called_drained(run_module: ModuleRun, tool: Tool) -> None:
    with clients(1), meanwhile(edit(tool, "-d -t 192.0.2.100:80 -r 192.0.2.21:8080")):
        failed = run_module("ipvs_dest", {**WEB, **DRAIN, "wait_timeout": 30}, fails=True)
    assert "was removed by another program while it was drained" in failed["msg"]
    assert failed["destination"] is None
    assert failed["changed"] is True


def test_a_weight_that_somebody_gives_meanwhile_ends_the_waiting(run_module: ModuleRun, tool: Tool) -> None:
    with clients(1), meanwhile(edit(tool, "-e -t 192.0.2.100:80 -r 192.0.2.21:8080 -m -w 4")):
        failed = run_module("ipvs_dest", {**WEB, **DRAIN, "wait_timeout": 30}, fails=True)
    assert "got weight 4 from another program while it was drained" in failed["msg"]
    assert failed["destination"]["weight"] == 4
    assert left(failed) == (1, 0, 0)


def test_check_mode_predicts_and_does_not_wait(run_module: ModuleRun, tool: Tool) -> None:
    with clients(1):
        begin = time.monotonic()
        predicted = run_module("ipvs_dest", {**WEB, **DRAIN}, check=True)
        assert time.monotonic() - begin < 30
    assert predicted["changed"] is True
    assert predicted["destination"]["weight"] == 0
    assert left(predicted) == (1, 0, 0)
    assert tool("ipvsadm", "-Sn") == SEEN


def test_other_options_are_merged_as_with_present(run_module: ModuleRun, tool: Tool) -> None:
    given = {**WEB, "state": "drained", "weight": 0, "upper_threshold": 80}
    assert run_module("ipvs_dest", given)["operations"] == [
        "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.21:8080 -m -w 0 -x 80 -y 50"
    ]


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"port": 81}, "Service tcp/192.0.2.100:81 does not exist, so nothing can be drained in it."),
        (
            {"destination_port": 80},
            "does not exist, so it cannot be drained. Destinations of the service: 192.0.2.21:8080.",
        ),
        ({"weight": 3}, "State drained gives 192.0.2.21:8080 in service tcp/192.0.2.100:80 weight 0, got weight 3."),
        ({"weight": -1}, "got weight -1."),
        ({"wait_timeout": -1}, "wait_timeout must be 0 seconds or more, got -1."),
        ({"lower_threshold": 200}, "must not be larger than the upper one"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_mistake_is_refused_with_a_sentence(
    run_module: ModuleRun, tool: Tool, parameters: dict[str, Any], sentence: str, check: bool
) -> None:
    failed = run_module("ipvs_dest", {**WEB, **DRAIN, **parameters}, check=check, fails=True)
    assert sentence in failed["msg"]
    assert tool("ipvsadm", "-Sn") == SEEN
