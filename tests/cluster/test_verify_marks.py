# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break the example fwmark by hand: verify names each fault, with host, cause and remedy, and blames nobody else."""

from __future__ import annotations

from faults import all_broken, assert_named, findings

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


def test_a_unit_that_is_disabled_and_a_service_that_is_gone_from_the_standby_are_named(active, standby):
    service = "ipvsadm -Sn | grep -e '-f 80 ' >/run/service; ipvsadm -D -f 80"
    with all_broken(
        (active, "systemctl -q disable lvs-cluster-rules", "systemctl -q enable lvs-cluster-rules"),
        (standby, service, "ipvsadm -R </run/service"),
    ):
        found = findings()
    assert_named(
        found,
        (active, "Its packet marks do not come back at boot"),
        (standby, "Service shop (mark 80) is not as described in its table: it is missing"),
    )
