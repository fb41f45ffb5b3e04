# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break the example ftp by hand: verify names each fault, with host, cause and remedy, and blames nobody else."""

from __future__ import annotations

from drive import await_that, ssh
from faults import all_broken, assert_named, findings


def passive_file() -> str:
    return ssh("client", "curl --silent --max-time 5 ftp://198.51.100.22/name", check=False).strip()


def test_a_module_a_helper_and_passive_ports_that_are_gone_are_named(active, standby):
    helpers = "iptables-save -t raw >/run/raw && iptables -t raw -F"
    ungrouped = "iptables-save -t mangle >/run/mangle && sed s/,10000:10100// /run/mangle | iptables-restore -T mangle"
    assert passive_file() in ("rs3", "rs4")
    in_use = "cat /sys/module/ip_vs_ftp/refcnt"
    await_that(lambda: ssh(active, in_use).strip() == "0", "dialogues of earlier tests have timed out", seconds=180)
    with all_broken(
        (active, "modprobe --remove ip_vs_ftp", "modprobe ip_vs_ftp"),
        (standby, helpers, "iptables-restore -T raw </run/raw"),
        (active, ungrouped, "iptables-restore -T mangle </run/mangle"),
    ):
        assert passive_file() == ""
        found = findings()
    assert_named(
        found,
        (active, "The kernel module ip_vs_ftp is not loaded: data connections of FTP do not pass."),
        (active, "Its packet marks are not as described"),
        (standby, "Its address translations are not as described"),
    )
