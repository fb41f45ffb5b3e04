# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipvs_service on the real kernel; the judge is ipvsadm. Every option of it: test_ipvs_options.py."""

from __future__ import annotations

from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool

WEB = {"address": "192.0.2.100", "port": 80}
# What somebody else keeps in the same table: it is never touched.
FOREIGN = """\
-A -u 198.51.100.1:53 -s sh -p 60 -M 255.255.255.0 -o -b sh-port
-a -u 198.51.100.1:53 -r 198.51.100.2:5353 -m -w 7
"""


@pytest.fixture
def foreign(tool: Tool) -> str:
    tool("modprobe", "ip_vs")
    tool("ipvsadm", "-R", stdin=FOREIGN)
    return tool("ipvsadm", "-Sn")


def own_lines(table: str, foreign: str) -> list[str]:
    """The table without the foreign service, which must be all there."""
    lines = table.splitlines()
    for line in foreign.splitlines():
        assert line in lines
        lines.remove(line)
    return lines


STEPS: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "create",
        {**WEB, "scheduler": "wrr", "persistence": 300},
        ["ipvsadm -A -t 192.0.2.100:80 -s wrr -p 300"],
        ["-A -t 192.0.2.100:80 -s wrr -p 300"],
    ),
    (
        "change",
        {**WEB, "scheduler": "rr"},
        ["ipvsadm -E -t 192.0.2.100:80 -s rr -p 300"],
        ["-A -t 192.0.2.100:80 -s rr -p 300"],
    ),
    ("delete", {**WEB, "state": "absent"}, ["ipvsadm -D -t 192.0.2.100:80"], []),
]


def test_twelve_steps(run_module: ModuleRun, tool: Tool, foreign: str) -> None:
    before: list[str] = []
    for name, parameters, operations, lines in STEPS:
        predicted = run_module("ipvs_service", parameters, check=True)
        assert own_lines(tool("ipvsadm", "-Sn"), foreign) == before, f"{name}: check mode wrote"
        done = run_module("ipvs_service", parameters)
        assert own_lines(tool("ipvsadm", "-Sn"), foreign) == lines, name
        assert predicted == done, name
        assert done["changed"] is True
        assert done["operations"] == operations
        assert done["diff"]["before"] != done["diff"]["after"]
        for check in (True, False):
            again = run_module("ipvs_service", parameters, check=check)
            assert again["changed"] is False, name
            assert again["operations"] == []
            assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
            assert again["service"] == done["service"]
        assert own_lines(tool("ipvsadm", "-Sn"), foreign) == lines, name
        before = lines


def test_key_alone_creates_with_wlc(run_module: ModuleRun, tool: Tool) -> None:
    done = run_module("ipvs_service", WEB)
    assert done["service"] == {
        "address": "192.0.2.100",
        "port": 80,
        "protocol": "tcp",
        "fwmark": None,
        "family": "ipv4",
        "scheduler": "wlc",
        "scheduler_flags": [],
        "persistence": 0,
        "persistence_netmask": None,
        "persistence_engine": None,
        "one_packet": False,
    }
    assert tool("ipvsadm", "-Sn") == "-A -t 192.0.2.100:80 -s wlc\n"


def test_what_is_not_given_stays(run_module: ModuleRun, tool: Tool) -> None:
    full = "-A -u 192.0.2.100:80 -s sh -p 60 -M 255.255.255.0 --pe sip -o -b sh-fallback,sh-port"
    tool("ipvsadm", "-R", stdin=full + "\n")
    web = {**WEB, "protocol": "udp"}
    assert run_module("ipvs_service", web)["changed"] is False
    for parameters, line in (
        ({"persistence": 90}, full.replace("-p 60", "-p 90")),
        (
            {"persistence_netmask": "255.255.0.0"},
            full.replace("-p 60", "-p 90").replace("255.255.255.0", "255.255.0.0"),
        ),
        (
            {"one_packet": False},
            "-A -u 192.0.2.100:80 -s sh -p 90 -M 255.255.0.0 --pe sip -b sh-fallback,sh-port",
        ),
        ({"scheduler_flags": []}, "-A -u 192.0.2.100:80 -s sh -p 90 -M 255.255.0.0 --pe sip"),
        ({"persistence_engine": "none"}, "-A -u 192.0.2.100:80 -s sh -p 90 -M 255.255.0.0"),
        ({"persistence": 0}, "-A -u 192.0.2.100:80 -s sh"),
    ):
        assert run_module("ipvs_service", {**web, **parameters})["changed"] is True
        assert tool("ipvsadm", "-Sn").splitlines() == [line], parameters


def test_same_mark_of_the_other_family_is_another_service(run_module: ModuleRun, tool: Tool) -> None:
    tool("ipvsadm", "-A", "-f", "1", "-s", "rr")
    run_module("ipvs_service", {"fwmark": 1, "family": "ipv6", "state": "absent"})
    run_module("ipvs_service", {"fwmark": 1, "family": "ipv6", "scheduler": "sed"})
    assert tool("ipvsadm", "-Sn").splitlines() == ["-A -f 1 -s rr", "-A -f 1 -6 -s sed"]


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"fwmark": 1, "port": 80}, "A service of fwmark 1 has no port"),
        ({"fwmark": 1, "address": "192.0.2.100"}, "either a fwmark or an address"),
        ({}, "A service needs an address and a port, or a fwmark."),
        ({"address": "192.0.2.100"}, "needs a port"),
        ({**WEB, "port": 0}, "Service tcp/192.0.2.100:0 with port 0 (all ports) needs persistence"),
        ({**WEB, "port": 65536}, "must be at most 65535, got 65536."),
        ({**WEB, "one_packet": True}, "Service tcp/192.0.2.100:80 cannot use one_packet"),
        ({**WEB, "persistence": -1}, "must be 0 or more, got -1."),
        ({**WEB, "persistence_netmask": "255.255.255.0"}, "has no persistence, so persistence_netmask has no meaning"),
        ({**WEB, "scheduler": "wrr", "scheduler_flags": ["sh-port"]}, "Scheduler wrr has no flag sh-port."),
        ({"address": "lb.example.com", "port": 80}, "must be an IPv4 or IPv6 address, got 'lb.example.com'."),
        ({**WEB, "scheduler": "wlx"}, "value of scheduler must be one of"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_mistake_is_refused_with_a_sentence(
    run_module: ModuleRun, tool: Tool, parameters: dict[str, Any], sentence: str, check: bool
) -> None:
    failed = run_module("ipvs_service", parameters, check=check, fails=True)
    assert sentence in failed["msg"]
    assert "Traceback" not in failed["msg"]
    assert tool("ipvsadm", "-Sn") == ""


@pytest.mark.parametrize("check", [True, False])
def test_scheduler_that_this_kernel_lacks_is_named_with_a_remedy(
    run_module: ModuleRun, tool: Tool, check: bool
) -> None:
    failed = run_module("ipvs_service", {**WEB, "scheduler": "twos"}, check=check, fails=True)
    assert failed["msg"].startswith(
        "Scheduler twos of service tcp/192.0.2.100:80 is not to be had: kernel module ip_vs_twos"
    )
    assert "Install the package" in failed["msg"]
    assert tool("ipvsadm", "-Sn") == ""


def test_change_to_a_scheduler_that_this_kernel_lacks_leaves_the_service(run_module: ModuleRun, tool: Tool) -> None:
    run_module("ipvs_service", {**WEB, "scheduler": "rr"})
    run_module("ipvs_service", {**WEB, "scheduler": "twos"}, fails=True)
    assert tool("ipvsadm", "-Sn") == "-A -t 192.0.2.100:80 -s rr\n"
