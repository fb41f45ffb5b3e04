# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break the example fwmark by hand: verify names each fault, with host, cause and remedy, and blames nobody else."""

from __future__ import annotations

from drive import ssh
from faults import all_broken, assert_named, findings

REAL_SERVERS = {"rs1": "192.0.2.21", "rs2": "192.0.2.22"}
SCRIPT = "/etc/lvs-cluster/load-rules"


def test_marks_that_are_gone_now_or_after_a_reboot_are_named(active, standby):
    with all_broken(
        (
            active,
            "iptables-save -t mangle >/run/mangle && iptables -t mangle -F",
            "iptables-restore -T mangle </run/mangle",
        ),
        (standby, f"sed -i.before /192.0.2.100/d {SCRIPT}", f"mv {SCRIPT}.before {SCRIPT}"),
    ):
        found = findings()
    assert_named(
        found,
        (active, "Its packet marks are not as described"),
        (standby, f"After a reboot its packet marks are not as described: {SCRIPT} lacks"),
    )


def answering() -> str:
    """Which real server the client gets of the service with persistence."""
    return ssh("client", "curl --silent --max-time 5 http://192.0.2.100/").strip()


def test_a_held_client_a_disabled_unit_and_a_service_that_is_gone_from_the_standby_are_named(active, standby):
    service = "ipvsadm -Sn | grep -e '-f 80 ' >/run/service; ipvsadm -D -f 80"
    templates = "sysctl -qw net.ipv4.vs.expire_quiescent_template"
    drained = answering()
    weight = f"ipvsadm -e -f 80 -r {REAL_SERVERS[drained]}:0 -g -w"
    with all_broken(
        (active, f"{templates}=0", f"{templates}=1"),
        (active, f"{weight} 0", f"{weight} 1"),
        (active, "systemctl -q disable lvs-cluster-rules", "systemctl -q enable lvs-cluster-rules"),
        (standby, service, "ipvsadm -R </run/service"),
    ):
        assert answering() == drained
        found = findings()
        ssh(active, f"{templates}=1")
        assert answering() != drained
    assert_named(
        found,
        (active, f"so clients stay on {drained}, drained as it is"),
        (active, f"weight of {drained} ({REAL_SERVERS[drained]}:0) is 0 instead of 1"),
        (active, "Its packet marks do not come back at boot"),
        (standby, "Service shop (mark 80) is not as described in its table: it is missing"),
    )
