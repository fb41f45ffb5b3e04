# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipvs_table on the real kernel; the judge is ipvsadm."""

from __future__ import annotations

from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool

WEB = {"address": "192.0.2.100", "port": 80}
FOREIGN = """\
-A -t 203.0.113.9:80 -s rr
-a -t 203.0.113.9:80 -r 192.0.2.29:80 -g -w 9 -x 7 -y 3
-A -f 900 -s wlc
-a -f 900 -r 192.0.2.29:0 -i -w 1 --tun-type gue --tun-port 77 --tun-nocsum
"""
FOREIGN_SEEN = FOREIGN.replace(" -x 7 -y 3", "")
OWNED = {"purge": "services", "scope": ["192.0.2.0/24", "2001:db8:2::/64", "1-99"]}


@pytest.fixture(autouse=True)
def foreign(tool: Tool) -> None:
    """Services of somebody else."""
    tool("modprobe", "ip_vs")
    tool("ipvsadm", "-R", stdin=FOREIGN)


def own(tool: Tool) -> list[str]:
    """What the table has beside FOREIGN, which must be all there, thresholds too."""
    assert "192.0.2.29:80                7          3" in tool("ipvsadm", "-Ln", "--thresholds")
    lines = tool("ipvsadm", "-Sn").splitlines()
    for line in FOREIGN_SEEN.splitlines():
        lines.remove(line)
    return sorted(lines)


STEPS: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "create",
        {
            **OWNED,
            "services": [
                {**WEB, "scheduler": "wrr", "destinations": [{"destination": "192.0.2.21", "weight": 3}]},
                {"fwmark": 5, "family": "ipv6", "persistence": 60, "destinations": []},
            ],
            "allow_empty": True,
        },
        [
            "ipvsadm -A -t 192.0.2.100:80 -s wrr",
            "ipvsadm -A -f 5 -6 -s wlc -p 60",
            "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 3",
        ],
        [
            "-A -f 5 -6 -s wlc -p 60",
            "-A -t 192.0.2.100:80 -s wrr",
            "-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 3",
        ],
    ),
    (
        "change",
        {
            **OWNED,
            "services": [
                {
                    **WEB,
                    "persistence": 5,
                    "destinations": [{"destination": "192.0.2.22"}, {"destination": "192.0.2.21", "weight": 1}],
                },
            ],
        },
        [
            "ipvsadm -E -t 192.0.2.100:80 -s wrr -p 5",
            "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 1",
            "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 1",
            "ipvsadm -D -f 5 -6",
        ],
        [
            "-A -t 192.0.2.100:80 -s wrr -p 5",
            "-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 1",
            "-a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 1",
        ],
    ),
    (
        "delete",
        {**OWNED, "services": [], "allow_empty": True},
        ["ipvsadm -D -t 192.0.2.100:80"],
        [],
    ),
]


def test_twelve_steps(run_module: ModuleRun, tool: Tool) -> None:
    before: list[str] = []
    for name, parameters, operations, lines in STEPS:
        predicted = run_module("ipvs_table", parameters, check=True)
        assert own(tool) == before, f"{name}: check mode wrote"
        done = run_module("ipvs_table", parameters)
        assert own(tool) == lines, name
        assert predicted == done, name
        assert done["changed"] is True
        assert done["operations"] == operations
        assert sorted(done["rules"]) == lines
        assert done["diff"]["before"] != done["diff"]["after"]
        for check in (True, False):
            again = run_module("ipvs_table", parameters, check=check)
            assert again["changed"] is False, name
            assert again["operations"] == []
        before = lines


def test_purge_removes_only_what_it_says(run_module: ModuleRun, tool: Tool) -> None:
    tool(
        "ipvsadm",
        "-R",
        stdin="""\
-A -t 192.0.2.100:80 -s wlc
-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 1
-a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 1
-A -t 192.0.2.101:80 -s wlc
-a -t 192.0.2.101:80 -r 192.0.2.22:80 -g -w 1
""",
    )
    described = {"services": [{**WEB, "destinations": [{"destination": "192.0.2.21"}]}]}
    assert run_module("ipvs_table", described)["changed"] is False
    done = run_module("ipvs_table", {**described, "purge": "destinations"})
    assert done["operations"] == ["ipvsadm -d -t 192.0.2.100:80 -r 192.0.2.22:80"]
    done = run_module("ipvs_table", {**described, **OWNED})
    assert done["operations"] == ["ipvsadm -D -t 192.0.2.101:80"]
    assert own(tool) == ["-A -t 192.0.2.100:80 -s wlc", "-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 1"]


def test_weights_that_others_gave_are_kept_when_asked(run_module: ModuleRun, tool: Tool) -> None:
    tool("ipvsadm", "-R", stdin="-A -t 192.0.2.100:80 -s wlc\n-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 0\n")
    both = [{"destination": "192.0.2.21", "weight": 5}, {"destination": "192.0.2.22", "weight": 7}]
    described = {"services": [{**WEB, "destinations": both}]}
    done = run_module("ipvs_table", {**described, "keep_weights": True})
    assert done["operations"] == ["ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 7"]
    done = run_module("ipvs_table", described)
    assert done["operations"] == ["ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 5"]


def test_every_mistake_is_told_at_once_and_nothing_is_touched(run_module: ModuleRun, tool: Tool) -> None:
    parameters = {
        "purge": "services",
        "scope": ["192.0.2.0/24"],
        "services": [
            {**WEB, "destinations": [{"destination": "192.0.2.21", "weight": -1}, {"destination": "rs1"}]},
            {**WEB},
            {"address": "198.51.100.1", "port": 0},
            {"fwmark": 5, "port": 80},
            {"address": "192.0.2.101", "port": 80, "scheduler": "sh", "scheduler_flags": ["mh-port"]},
            {
                "address": "192.0.2.102",
                "port": 80,
                "destinations": [{"destination": "192.0.2.21"}, {"destination": "192.0.2.21", "weight": 2}],
            },
        ],
    }
    for check in (True, False):
        lines = run_module("ipvs_table", parameters, check=check, fails=True)["msg"].splitlines()
        assert lines[0] == "The description has 8 mistakes, so nothing was changed:"
        assert [line.split(": ")[0] for line in lines[1:]] == [
            "services[1]",
            "services[2]",
            "services[3]",
            "services[0].destinations[0]",
            "services[0].destinations[1]",
            "services[2]",
            "services[4]",
            "services[5].destinations[1]",
        ]
        assert own(tool) == []


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"purge": "services", "services": [WEB]}, "purge: services needs scope"),
        (
            {**OWNED, "services": []},
            "services: The list is empty and purge is on (tcp/192.0.2.100:80 would have gone).",
        ),
        (
            {"purge": "destinations", "services": [{**WEB, "destinations": []}]},
            "services[0].destinations: The list is empty and purge is on (192.0.2.21:80 would have gone).",
        ),
        ({**OWNED, "services": [{"address": "203.0.113.9", "port": 80}]}, "lies outside scope"),
        ({"services": [WEB], "scope": ["192.0.2.100/24"]}, "scope[0]: 192.0.2.100/24 has bits behind its prefix"),
        ({"services": [WEB], "scope": ["web"]}, "scope[0]: It must be a network, an address, a firewall mark"),
        ({"services": [WEB], "scope": ["9-5"]}, "the lower one first, got '9-5'"),
    ],
)
def test_dangerous_and_unreadable_options_are_refused(
    run_module: ModuleRun, tool: Tool, parameters: dict[str, Any], sentence: str
) -> None:
    tool("ipvsadm", "-R", stdin="-A -t 192.0.2.100:80 -s wlc\n-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 1\n")
    before = own(tool)
    for check in (True, False):
        assert sentence in run_module("ipvs_table", parameters, check=check, fails=True)["msg"]
        assert own(tool) == before


def test_what_was_done_is_undone_when_the_kernel_refuses(run_module: ModuleRun, tool: Tool) -> None:
    tool("ip", "address", "add", "198.51.100.1/24", "dev", "lo")
    tool(
        "ipvsadm",
        "-R",
        stdin="""\
-A -t 192.0.2.100:80 -s rr -p 77
-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 1 -x 9 -y 2
-a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 4
-A -u 192.0.2.101:53 -s wlc
-a -u 192.0.2.101:53 -r 192.0.2.22:53 -m -w 1
""",
    )
    before = own(tool), tool("ipvsadm", "-Ln", "--thresholds")
    # 198.51.100.255 is a broadcast address: that only the kernel knows.
    broken = {
        **OWNED,
        "services": [
            {"address": "192.0.2.99", "port": 80, "destinations": [{"destination": "192.0.2.21"}]},
            {
                **WEB,
                "scheduler": "wrr",
                "persistence": 0,
                "destinations": [
                    {"destination": "192.0.2.21", "weight": 8, "upper_threshold": 0, "lower_threshold": 0},
                    {"destination": "198.51.100.255"},
                ],
            },
        ],
    }
    failed = run_module("ipvs_table", broken, fails=True)
    assert "The kernel does not take destination 198.51.100.255:80 for service tcp/192.0.2.100:80" in failed["msg"]
    assert failed["msg"].endswith("The table is as it was before.")
    assert (own(tool), tool("ipvsadm", "-Ln", "--thresholds")) == before
