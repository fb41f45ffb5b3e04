# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipvs_sync on the real kernel; the judge is ipvsadm, and in the end connections that another director has learnt."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel_tools import CLONE_NEWNET, ModuleRun, Tool

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.daemon import (
    START,
    STOP,
    DaemonOperation,
    merged_daemon,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import Kernel

DEFAULTS = "maxlen=1472, group=224.0.0.81, port=8848, ttl=1"


def shown(tool: Tool) -> list[str]:
    """The daemons that run, in ipvsadm's words."""
    return tool("ipvsadm", "-Ln", "--daemon").splitlines()


@pytest.fixture(autouse=True)
def interface(tool: Tool) -> None:
    """eth0, up, with an address of each family."""
    tool("modprobe", "ip_vs")
    make_interface(tool)
    assert shown(tool) == []


def make_interface(tool: Tool, name: str = "eth0") -> None:
    tool("ip", "link", "add", name, "type", "dummy")
    tool("ip", "address", "add", "192.0.2.11/24", "dev", name)
    tool("ip", "address", "add", "2001:db8:2::11/64", "dev", name, "nodad")
    tool("ip", "link", "set", name, "up")


def stop_all(tool: Tool) -> None:
    for line in shown(tool):
        tool("ipvsadm", "--stop-daemon", line.split()[0])


# Options of one task after the other, and what runs after it.
STEPS: list[tuple[dict[str, Any], str]] = [
    ({"interface": "eth0"}, f"mcast=eth0, syncid=0, {DEFAULTS}"),
    ({"sync_id": 51}, f"mcast=eth0, syncid=51, {DEFAULTS}"),
    ({"interface": "lo"}, f"mcast=lo, syncid=51, {DEFAULTS}"),
    ({"multicast_group": "239.1.2.3"}, "mcast=lo, syncid=51, maxlen=1472, group=239.1.2.3, port=8848, ttl=1"),
    ({"multicast_port": 65280}, "mcast=lo, syncid=51, maxlen=1472, group=239.1.2.3, port=65280, ttl=1"),
    ({"multicast_ttl": 255}, "mcast=lo, syncid=51, maxlen=1472, group=239.1.2.3, port=65280, ttl=255"),
    ({"max_length": 65507}, "mcast=lo, syncid=51, maxlen=65507, group=239.1.2.3, port=65280, ttl=255"),
    ({"max_length": 1024}, "mcast=lo, syncid=51, maxlen=1024, group=239.1.2.3, port=65280, ttl=255"),
    (
        {"interface": "eth0", "multicast_group": "FF05:0::81", "max_length": 65487},
        "mcast=eth0, syncid=51, maxlen=65487, group=ff05::81, port=65280, ttl=255",
    ),
    (
        {"sync_id": 0, "multicast_group": "224.0.0.81", "multicast_port": 1, "multicast_ttl": 1},
        "mcast=eth0, syncid=0, maxlen=65487, group=224.0.0.81, port=1, ttl=1",
    ),
]


@pytest.mark.parametrize("role", ["master", "backup"])
def test_each_option_checked_done_checked_again_and_done_again(run_module: ModuleRun, tool: Tool, role: str) -> None:
    before: list[str] = []
    start: list[str] = []
    steps = [(options, [f"{role} sync daemon ({line})"]) for options, line in STEPS]
    for options, lines in [*steps, ({"state": "absent"}, [])]:
        parameters = {"role": role, **options}
        predicted = run_module("ipvs_sync", parameters, check=True)
        assert shown(tool) == before, f"{options}: check mode wrote"
        done = run_module("ipvs_sync", parameters)
        assert shown(tool) == lines
        assert predicted == done
        assert done["changed"] is True
        assert done["operations"][:-1] == ([f"ipvsadm --stop-daemon {role}"] if before and lines else [])
        assert len(done["operations"]) == len(before) + len(lines)
        assert done["diff"]["before"] != done["diff"]["after"] == {"daemon": done["daemon"]}
        for check in (True, False):
            again = run_module("ipvs_sync", parameters, check=check)
            assert again["changed"] is False
            assert again["operations"] == []
            assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
            assert again["daemon"] == done["daemon"]
        # What is returned is what the module takes.
        if done["daemon"]:
            assert run_module("ipvs_sync", done["daemon"])["changed"] is False
            assert run_module("ipvs_info")["daemons"] == [done["daemon"]]
        assert shown(tool) == lines
        # The command lines that were shown do the same.
        stop_all(tool)
        for command in [*start, *done["operations"]]:
            tool(*command.split())
        assert shown(tool) == lines
        before, start = lines, done["operations"][-1:]


@pytest.mark.parametrize(
    ("mtu", "group", "length"),
    [(1500, None, 1472), (9000, None, 8972), (1000, None, 1472), (9000, "ff02::81", 8952), (65535, "ff02::81", 65487)],
)
def test_length_of_a_new_backup_is_foreseen(
    run_module: ModuleRun, tool: Tool, mtu: int, group: str | None, length: int
) -> None:
    tool("ip", "link", "set", "eth0", "mtu", str(mtu))
    parameters = {"role": "backup", "interface": "eth0", "multicast_group": group}
    predicted = run_module("ipvs_sync", parameters, check=True)
    assert predicted["daemon"]["max_length"] == length
    assert run_module("ipvs_sync", parameters) == predicted
    tool("ipvsadm", "--stop-daemon", "backup")
    words = ["--mcast-group", group] if group else []
    tool("ipvsadm", "--start-daemon", "backup", "--mcast-interface", "eth0", *words)
    assert f"maxlen={length}, " in shown(tool)[0]


def test_both_roles_run_at_once_and_each_is_its_own(run_module: ModuleRun, tool: Tool) -> None:
    run_module("ipvs_sync", {"role": "backup", "interface": "eth0", "sync_id": 7})
    tool("ipvsadm", "--start-daemon", "master", "--mcast-interface", "lo", "--syncid", "51")
    master, backup = f"master sync daemon (mcast=lo, syncid=51, {DEFAULTS})", "backup sync daemon (mcast=eth0, syncid="
    assert shown(tool) == [master, f"{backup}7, {DEFAULTS})"]
    run_module("ipvs_sync", {"role": "backup", "sync_id": 8})
    assert shown(tool) == [master, f"{backup}8, {DEFAULTS})"]
    run_module("ipvs_sync", {"role": "backup", "state": "absent"})
    assert shown(tool) == [master]
    run_module("ipvs_sync", {"role": "master", "state": "absent", "interface": "eth7"})
    assert shown(tool) == []
    for role in ("master", "backup"):
        gone = run_module("ipvs_sync", {"role": role, "state": "absent"})
        assert (gone["changed"], gone["daemon"]) == (False, None)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"role": "master"},
            "The master daemon does not run. To start it, give interface, which carries its messages.",
        ),
        ({"role": "peer"}, "value of role must be one of: master, backup, got: peer"),
        ({}, "missing required arguments: role"),
        ({"role": "backup", "interface": "eth7"}, "Interface eth7 does not exist on this host."),
        ({"role": "master", "interface": "eth7"}, "Interface eth7 does not exist on this host."),
        ({"role": "backup", "interface": "a-name-of-16-let"}, "at most 15 characters, got 'a-name-of-16-let'."),
        ({"role": "backup", "interface": "eth0", "multicast_group": "192.0.2.1"}, "must be a multicast address"),
        ({"role": "backup", "interface": "eth0", "max_length": 1023}, "must be 1024 or more, got 1023."),
        (
            {"role": "master", "interface": "eth0", "max_length": 65500, "multicast_group": "ff02::81"},
            "max_length of the master daemon with multicast_group ff02::81 must be at most 65487, got 65500.",
        ),
        ({"role": "master", "interface": "eth0", "multicast_port": 0}, "must be 1 or more, got 0."),
        ({"role": "master", "interface": "eth0", "sync_id": 256}, "must be at most 255, got 256."),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_mistake_is_refused_with_a_sentence(
    run_module: ModuleRun, tool: Tool, parameters: dict[str, Any], sentence: str, check: bool
) -> None:
    failed = run_module("ipvs_sync", parameters, check=check, fails=True)
    assert sentence in failed["msg"]
    assert "Traceback" not in failed["msg"]
    assert shown(tool) == []


@pytest.mark.parametrize("group", [None, "ff02::81"])
def test_master_needs_an_interface_that_is_up_and_backup_does_not(
    run_module: ModuleRun, tool: Tool, group: str | None
) -> None:
    tool("ip", "link", "set", "eth0", "down")
    parameters = {"interface": "eth0", "multicast_group": group}
    for check in (True, False):
        failed = run_module("ipvs_sync", {"role": "master", **parameters}, check=check, fails=True)
        assert failed["msg"].startswith("Interface eth0 is down, and the kernel starts a master daemon on")
    run_module("ipvs_sync", {"role": "backup", **parameters})
    assert len(shown(tool)) == 1


def test_daemon_that_lost_its_interface_is_not_taken_for_a_working_one(run_module: ModuleRun, tool: Tool) -> None:
    master = {"role": "master", "interface": "eth0"}
    run_module("ipvs_sync", master)
    tool("ip", "link", "del", "eth0")
    assert len(shown(tool)) == 1
    assert "does not exist" in run_module("ipvs_sync", master, fails=True)["msg"]
    assert run_module("ipvs_sync", {"role": "master", "interface": "lo"})["changed"] is True
    assert shown(tool) == [f"master sync daemon (mcast=lo, syncid=0, {DEFAULTS})"]


@pytest.mark.parametrize("role", ["master", "backup"])
def test_daemon_is_stopped_at_once_after_its_start(tool: Tool, role: str) -> None:
    """The kernel answers nothing to the stop of a thread that has not run yet."""
    daemon = merged_daemon(role, None, {"interface": "eth0"}, mtu_of=lambda _interface: 1500)
    began = time.monotonic()
    with Kernel() as kernel:
        for _turn in range(50):
            kernel.apply_to_daemon(DaemonOperation(START, daemon))
            kernel.apply_to_daemon(DaemonOperation(STOP, daemon))
            assert kernel.daemons() == []
    assert time.monotonic() - began < 25


@pytest.mark.parametrize("role", ["master", "backup"])
def test_interface_without_ipv6_is_named_and_the_daemon_runs_as_before(
    run_module: ModuleRun, tool: Tool, role: str
) -> None:
    run_module("ipvs_sync", {"role": role, "interface": "eth0"})
    before = shown(tool)
    tool("ip", "link", "set", "eth0", "mtu", "1000")  # which is too little for IPv6
    failed = run_module("ipvs_sync", {"role": role, "multicast_group": "ff02::81"}, fails=True)
    assert "IPv6" in failed["msg"]
    assert "eth0" in failed["msg"]
    assert failed["msg"].endswith(f"The {role} daemon runs as before.")
    assert shown(tool) == before


def test_port_of_another_program_is_named_and_the_daemon_runs_as_before(run_module: ModuleRun, tool: Tool) -> None:
    run_module("ipvs_sync", {"role": "backup", "interface": "eth0"})
    before = shown(tool)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", 8850))
        failed = run_module("ipvs_sync", {"role": "backup", "multicast_port": 8850}, fails=True)
    assert "Another program of this host uses UDP port 8850 (ss -ulpn names it)." in failed["msg"]
    assert failed["msg"].endswith("The backup daemon runs as before.")
    assert shown(tool) == before


def test_destination_of_another_family_is_named_as_the_cause(run_module: ModuleRun, tool: Tool) -> None:
    tool("ipvsadm", "-R", stdin="-A -f 5 -s rr\n-a -f 5 -r [2001:db8:2::21]:0 -i -w 1\n")
    failed = run_module("ipvs_sync", {"role": "backup", "interface": "eth0"}, fails=True)
    assert "starts no daemon while a destination is of another address family than its service" in failed["msg"]
    assert failed["msg"].endswith("No backup daemon runs now.")
    tool("ipvsadm", "-C")


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This process in a network namespace that `ip netns add` has made."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(path: str | Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if libc.setns(descriptor, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns", str(path))
        finally:
            os.close(descriptor)

    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        enter(Path("/run/netns", namespace))
        yield
    finally:
        enter(f"/proc/self/fd/{own}")
        os.close(own)


@pytest.mark.parametrize("group", [None, "ff02::81"])
def test_another_director_learns_a_connection(run_module: ModuleRun, tool: Tool, group: str | None) -> None:
    tool("ip", "netns", "add", "standby")
    tool("ip", "link", "add", "sync0", "type", "veth", "peer", "name", "sync0", "netns", "standby")
    options = {"interface": "sync0", "sync_id": 51, "multicast_group": group}

    def connect(host: int) -> None:
        tool("ip", "address", "add", f"198.51.100.{host}/24", "dev", "sync0")
        tool("ip", "address", "add", f"2001:db8:51::{host}/64", "dev", "sync0", "nodad")
        tool("ip", "link", "set", "sync0", "up")

    with inside("standby"):
        connect(12)
        run_module("ipvs_sync", {"role": "backup", **options})
        assert tool("ipvsadm", "-Lnc").count("192.0.2.100:8080") == 0
    connect(11)
    run_module("ipvs_sync", {"role": "master", **options})
    tool("ip", "address", "add", "192.0.2.100/32", "dev", "lo")
    run_module("ipvs_service", {"address": "192.0.2.100", "port": 8080})
    run_module("ipvs_dest", {"address": "192.0.2.100", "port": 8080, "destination": "192.0.2.100"})
    learnt = ""
    with socket.create_server(("192.0.2.100", 8080)), socket.create_connection(("192.0.2.100", 8080)) as client:
        port = client.getsockname()[1]
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and f":{port} " not in learnt:
            # The kernel synchronises a connection after its third packet, and sends at least every two seconds.
            client.send(b".")
            time.sleep(0.2)
            with inside("standby"):
                learnt = tool("ipvsadm", "-Lnc")
    (line,) = (line for line in learnt.splitlines() if f":{port} " in line)
    assert line.split()[0] == "TCP"
    assert line.split()[2] == "ESTABLISHED"
    assert line.split()[-2:] == ["192.0.2.100:8080", "192.0.2.100:8080"]
    with inside("standby"):
        run_module("ipvs_sync", {"role": "backup", "state": "absent"})
