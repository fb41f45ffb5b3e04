# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""To whom the files of directors say that packets go."""

from __future__ import annotations

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.director_files import named_in_files

KEEPALIVED = """
        weight -20
virtual_server 192.0.2.100 80 {
    lvs_method DR
    real_server 192.0.2.21 80 {
        weight 1
    real_server 192.0.2.22 80 {
        weight 0
virtual_server 2001:DB8:0::100 443 {
    lvs_method NAT
    real_server 2001:db8::0:21 8443 {
        weight 1
    real_server 2001:db8::22 8443 {
        weight 1
        lvs_method TUN
virtual_server fwmark 7 {
    lvs_method DR
    real_server 192.0.2.21 0 {
virtual_server 192.0.2.109
"""
LDIRECTORD = """
virtual = 192.0.2.100:80
    real = 192.0.2.21:80 gate 1
    real = 192.0.2.22:80 gate 0
virtual6 = [2001:db8::100]:443
    real6 = [2001:db8::21]:8443 masq 1
    real6 = [2001:db8::22]:8443 ipip 1 u:9
virtual = 7
    real = 192.0.2.21 gate 1
"""
TABLE = """
-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 1
-a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 0
-a -t [2001:db8::100]:443 -r [2001:db8::21]:8443 -m -w 1
-a -t [2001:db8::100]:443 -r [2001:db8::22]:8443 -i -w 1 --tun-type ipip
-a -f 7 -r 192.0.2.21:0 -g -w 1
"""


@pytest.mark.parametrize("text", [KEEPALIVED, LDIRECTORD, TABLE], ids=["keepalived", "ldirectord", "ipvsadm"])
def test_files_of_directors_name_real_servers_by_service(text: str) -> None:
    assert named_in_files(text.split("\n")[1:-1]) == {
        ("192.0.2.100 80", "192.0.2.21", "direct"),
        ("2001:db8::100 443", "2001:db8::21", "nat"),
        ("2001:db8::100 443", "2001:db8::22", "tunnel"),
        ("fwmark 7", "192.0.2.21", "direct"),
    }
