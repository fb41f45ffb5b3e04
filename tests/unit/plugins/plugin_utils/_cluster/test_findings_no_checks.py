# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break one thing of a healthy cluster whose table the modules own: this is named, and nothing else blamed."""

from __future__ import annotations

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.findings import cluster_findings
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import example_plans
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.faults import (
    RS1,
    RS1_6,
    RS2,
    RS2_6,
    WEB6,
    Break,
    add_service,
    change_destination,
    change_service,
    connect,
    count,
    flush,
    observe,
    remove_service,
    set_look,
    stop_keepalived,
    take_out,
)

#: health_checks is none, so the modules own the table: what is broken, findings with words of the remedy.
UNCHECKED: list[tuple[str, list[Break], list[tuple[str, str, str]]]] = [
    ("healthy", [], []),
    (
        "keepalived stopped on the standby, the table stays",
        [stop_keepalived("lb2")],
        [("lb2", "keepalived is not running", "systemctl start keepalived")],
    ),
    (
        "table flushed",
        [flush("lb1"), connect(0)],
        [("lb1", "none of the described services", "Run site.yml again, or systemctl restart lvs-cluster-table")],
    ),
    (
        "drained",
        [change_destination("lb1", RS2, weight=0), count(RS2, 0)],
        [
            (
                "lb1",
                f"other weights than described in its table: weight of rs2 ({RS2}:80) is 0 instead of 1",
                "ipvs_dest",
            )
        ],
    ),
    (
        "another weight",
        [change_destination("lb2", RS2_6, weight=5)],
        [("lb2", f"weight of rs2 ([{RS2_6}]:80) is 5 instead of 1", "ipvs_dest")],
    ),
    (
        "a destination missing everywhere is no failed check",
        [take_out(RS1)],
        [
            ("lb1", f"destination {RS1}:80 (rs1) is missing", "Run site.yml again."),
            ("lb2", f"destination {RS1}:80 (rs1) is missing", "Run site.yml again."),
        ],
    ),
    (
        "a service missing",
        [remove_service("lb2", WEB6)],
        [("lb2", "web6 (tcp/[2001:db8:2::100]:80) is not as described in its table: it is missing", "site.yml")],
    ),
    (
        "drained and more",
        [change_destination("lb2", RS2, weight=0), change_service("lb2", scheduler="rr")],
        [("lb2", "other weights", "ipvs_dest"), ("lb2", "scheduler is rr instead of wlc", "Run site.yml again.")],
    ),
    ("a service that is not described", [add_service("lb1")], [("lb1", "not described", "which removes it")]),
    (
        "the unit is disabled",
        [set_look("lb2", services={"keepalived": {"active": True, "enabled": True}})],
        [("lb2", "does not come back at boot", "site.yml")],
    ),
    (
        "the unit failed",
        [
            set_look(
                "lb1",
                services={
                    "keepalived": {"active": True, "enabled": True},
                    "lvs-cluster-table": {"active": False, "enabled": True},
                },
            )
        ],
        [("lb1", "is not active", "journalctl -u lvs-cluster-table")],
    ),
]


@pytest.mark.parametrize(("breaks", "expected"), [pytest.param(*case[1:], id=case[0]) for case in UNCHECKED])
def test_without_health_checks_the_modules_own_the_table(
    breaks: list[Break], expected: list[tuple[str, str, str]]
) -> None:
    plans = example_plans(health_checks="none")
    seen = observe(plans)
    for apply in breaks:
        apply(seen)
    found = cluster_findings(plans, seen)
    assert [finding["host"] for finding in found] == [host for host, words, remedy in expected], found
    for finding, (_host, words, remedy) in zip(found, expected, strict=True):
        assert words in finding["found"]
        assert remedy in finding["remedy"]
        assert "systemctl restart keepalived" not in finding["remedy"]
        assert "health check" not in finding["cause"]


BOOT = (
    "-A -t 192.0.2.100:80 -s wlc",
    f"-a -t 192.0.2.100:80 -r {RS1}:80 -g -w 1",
    f"-a -t 192.0.2.100:80 -r {RS2}:80 -g -w 0",
    "-A -t [2001:db8:2::100]:80 -s wlc",
    f"-a -t [2001:db8:2::100]:80 -r [{RS1_6}]:80 -g -w 1",
    f"-a -t [2001:db8:2::100]:80 -r [{RS2_6}]:80 -g -w 1",
)


@pytest.mark.parametrize(
    ("lines", "lacking"),
    [
        (list(BOOT), []),
        (list(BOOT[:3]), ["After a reboot its IPVS table lacks web6."]),
        ([line for line in BOOT if f"-r {RS1}:" not in line], ["After a reboot its IPVS table lacks rs1 of web."]),
        (None, ["After a reboot its IPVS table lacks web and web6."]),
    ],
)
def test_the_table_of_the_boot_has_all_but_the_weights_as_described(lines: object, lacking: list[str]) -> None:
    plans = example_plans(health_checks="none")
    seen = observe(plans)
    set_look("lb2", files={"/etc/lvs-cluster/table.rules": lines})(seen)
    assert [finding["found"] for finding in cluster_findings(plans, seen)] == lacking


def test_a_drain_is_called_a_drain() -> None:
    plans = example_plans(health_checks="none")
    seen = observe(plans)
    change_destination("lb1", RS2, weight=0)(seen)
    (finding,) = cluster_findings(plans, seen)
    assert "drained it (weight 0)" in finding["cause"]
