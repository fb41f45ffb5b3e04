# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break the example ftp by hand: verify names each fault, with host, cause and remedy, and blames nobody else."""

from __future__ import annotations

from faults import all_broken, assert_named, findings


def test_a_module_that_is_gone_and_a_helper_that_is_not_assigned_are_named(active, standby):
    helpers = "iptables-save -t raw >/run/raw && iptables -t raw -F"
    with all_broken(
        (active, "modprobe --remove ip_vs_ftp", "modprobe ip_vs_ftp"),
        (standby, helpers, "iptables-restore -T raw </run/raw"),
    ):
        found = findings()
    assert_named(
        found,
        (active, "The kernel module ip_vs_ftp is not loaded: data connections of FTP do not pass."),
        (standby, "Its address translations are not as described"),
    )
