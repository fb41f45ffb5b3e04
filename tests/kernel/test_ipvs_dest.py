# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipvs_dest on the real kernel; the judge is ipvsadm. Every option of it: test_ipvs_options.py."""

from __future__ import annotations

from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool

WEB = {"address": "192.0.2.100", "port": 80}
WEB6 = {"address": "2001:db8:2::100", "port": 80}
RS1 = {**WEB, "destination": "192.0.2.21"}
TABLE = """\
-A -t 192.0.2.100:80 -s wlc
-a -t 192.0.2.100:80 -r 192.0.2.29:80 -g -w 9
-A -t [2001:db8:2::100]:80 -s wlc
-A -u 192.0.2.100:53 -s wlc
-A -f 5 -s wlc
-A -f 6 -6 -s wlc
"""


@pytest.fixture(autouse=True)
def services(tool: Tool) -> None:
    """Services to put destinations into, one with a destination that is somebody else's."""
    tool("modprobe", "ip_vs")
    tool("ipvsadm", "-R", stdin=TABLE)


def added(tool: Tool) -> list[str]:
    """What the table has beside TABLE, which must be all there."""
    lines = tool("ipvsadm", "-Sn").splitlines()
    for line in TABLE.splitlines():
        lines.remove(line)
    return lines


def thresholds(tool: Tool, destination: str) -> tuple[int, int]:
    """Upper and lower threshold of a destination; ipvsadm -S does not say them."""
    for line in tool("ipvsadm", "-Ln", "--thresholds").splitlines():
        words = line.split()
        if words[:2] == ["->", destination]:
            return int(words[2]), int(words[3])
    raise AssertionError(f"{destination} is not in the table")


STEPS: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "create",
        {**RS1, "weight": 3, "upper_threshold": 100, "lower_threshold": 50},
        ["ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 3 -x 100 -y 50"],
        ["-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 3"],
    ),
    (
        "change",
        {**RS1, "weight": 0},
        ["ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 0 -x 100 -y 50"],
        ["-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 0"],
    ),
    ("delete", {**RS1, "state": "absent"}, ["ipvsadm -d -t 192.0.2.100:80 -r 192.0.2.21:80"], []),
]


def test_twelve_steps(run_module: ModuleRun, tool: Tool) -> None:
    before: list[str] = []
    for name, parameters, operations, lines in STEPS:
        predicted = run_module("ipvs_dest", parameters, check=True)
        assert added(tool) == before, f"{name}: check mode wrote"
        done = run_module("ipvs_dest", parameters)
        assert added(tool) == lines, name
        assert predicted == done, name
        assert done["changed"] is True
        assert done["operations"] == operations
        assert done["diff"]["before"] != done["diff"]["after"]
        for check in (True, False):
            again = run_module("ipvs_dest", parameters, check=check)
            assert again["changed"] is False, name
            assert again["operations"] == []
            assert again["destination"] == done["destination"]
        assert added(tool) == lines, name
        before = lines


def test_returned_destination_says_its_options_and_connections(run_module: ModuleRun) -> None:
    assert run_module("ipvs_dest", RS1)["destination"] == {
        "destination": "192.0.2.21",
        "destination_port": 80,
        "forwarding": "direct",
        "weight": 1,
        "upper_threshold": 0,
        "lower_threshold": 0,
        "tunnel_type": None,
        "tunnel_port": 0,
        "tunnel_checksum": "none",
        "active_connections": 0,
        "inactive_connections": 0,
        "persistent_connections": 0,
    }


def test_what_is_not_given_stays(run_module: ModuleRun, tool: Tool) -> None:
    start = "-t 192.0.2.100:80 -r 192.0.2.21:80 -i -w 4 -x 90 -y 30 --tun-type gue --tun-port 5555 --tun-csum"
    tool("ipvsadm", "-a", *start.split())
    gue = "-a -t 192.0.2.100:80 -r 192.0.2.21:80 -i -w {} --tun-type gue --tun-port {} --tun-csum"
    assert run_module("ipvs_dest", RS1)["changed"] is False
    for parameters, line, limits in (
        ({"weight": 0}, gue.format(0, 5555), (90, 30)),
        ({"upper_threshold": 80}, gue.format(0, 5555), (80, 30)),
        ({"lower_threshold": 0}, gue.format(0, 5555), (80, 0)),
        ({"tunnel_port": 6666}, gue.format(0, 6666), (80, 0)),
        (
            {"tunnel_type": "ipip"},
            "-a -t 192.0.2.100:80 -r 192.0.2.21:80 -i -w 0 --tun-type ipip",
            (80, 0),
        ),
        ({"forwarding": "nat"}, "-a -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 0", (80, 0)),
        ({"upper_threshold": 0}, "-a -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 0", (0, 0)),
    ):
        assert run_module("ipvs_dest", {**RS1, **parameters})["changed"] is True
        assert added(tool) == [line], parameters
        assert thresholds(tool, "192.0.2.21:80") == limits, parameters


def test_same_real_server_with_another_port_is_another_destination(run_module: ModuleRun, tool: Tool) -> None:
    for port in (8080, 8081):
        run_module("ipvs_dest", {**RS1, "forwarding": "nat", "destination_port": port})
    run_module("ipvs_dest", {**RS1, "destination_port": 8080, "state": "absent"})
    assert added(tool) == ["-a -t 192.0.2.100:80 -r 192.0.2.21:8081 -m -w 1"]


def test_absent_in_a_missing_service_is_no_change(run_module: ModuleRun) -> None:
    gone = {"address": "192.0.2.200", "port": 80, "destination": "192.0.2.21", "state": "absent"}
    done = run_module("ipvs_dest", gone)
    assert done["changed"] is False
    assert done["destination"] is None


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"address": "192.0.2.200", "port": 80}, "Create it with lvs.cluster.ipvs_service first."),
        ({"weight": -1}, "Weight of 192.0.2.21 in service tcp/192.0.2.100:80 must be 0 or more, got -1."),
        (
            {"upper_threshold": 5, "lower_threshold": 6},
            "must not be larger than the upper one, got lower 6 and upper 5.",
        ),
        ({"lower_threshold": 6}, "must not be larger than the upper one"),
        (
            {"destination_port": 8080},
            "forwarding direct, which cannot change the port: use port 80, or forwarding nat.",
        ),
        (
            {"destination_port": 8080, "forwarding": "tunnel"},
            "forwarding tunnel, which cannot change the port: use port 80, or forwarding nat.",
        ),
        ({"destination": "2001:db8:2::21"}, "is of another address family than service tcp/192.0.2.100:80"),
        ({"forwarding": "nat", "destination": "2001:db8:2::21"}, "only forwarding tunnel can do that."),
        ({"forwarding": "tunnel", "tunnel_type": "gue"}, "needs tunnel_port"),
        ({"forwarding": "tunnel", "tunnel_port": 5555}, "Tunnel type ipip of 192.0.2.21"),
        ({"forwarding": "tunnel", "tunnel_checksum": "standard"}, "has no standard checksum"),
        ({"tunnel_type": "gue"}, "has a meaning with forwarding tunnel only."),
        ({"destination": "224.0.0.1"}, "must be the address of one machine."),
        ({"destination": "rs1"}, "must be an IPv4 or IPv6 address, got 'rs1'."),
        ({"destination_port": 70000}, "must be at most 65535, got 70000."),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_mistake_is_refused_with_a_sentence(
    run_module: ModuleRun, tool: Tool, parameters: dict[str, Any], sentence: str, check: bool
) -> None:
    failed = run_module("ipvs_dest", {**RS1, **parameters}, check=check, fails=True)
    assert sentence in failed["msg"]
    assert added(tool) == []


def test_address_that_only_the_kernel_knows_to_be_wrong_is_refused_with_a_sentence(
    run_module: ModuleRun, tool: Tool
) -> None:
    tool("ip", "address", "add", "198.51.100.1/24", "dev", "lo")
    failed = run_module("ipvs_dest", {**RS1, "destination": "198.51.100.255"}, fails=True)
    assert "The kernel does not take destination 198.51.100.255:80 for service tcp/192.0.2.100:80" in failed["msg"]
