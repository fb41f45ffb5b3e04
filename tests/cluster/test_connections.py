# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Established connections outlive their director, with direct routing and with NAT. Judge: curl."""

from __future__ import annotations

from drive import ADDRESS, Connections, active_director, await_that, lab, ssh


def test_established_connections_survive_a_power_cut_of_the_active_director(active, standby):
    with Connections(ADDRESS) as connections:
        await_that(lambda: connections.are_known(active, standby), f"{standby} knows of every connection")
        lab("cut", active)
    print(connections)
    lab("start", active)
    await_that(lambda: ssh(active, "systemctl is-active keepalived").strip() == "active", f"keepalived of {active}")
    assert connections.whole == 200, connections.lines
    assert active_director(ADDRESS) == standby
