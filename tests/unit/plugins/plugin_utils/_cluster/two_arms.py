# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two directors between an external and an internal network, two real servers on the internal one."""

from __future__ import annotations

import ipaddress

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, Interface
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import service

OUTSIDE = "198.51.100.100"
GATEWAY = "10.11.12.10/24"
_ETH0 = Interface("eth0", (ipaddress.ip_network("198.51.100.0/24"), ipaddress.ip_network("2001:db8:100::/64")))
_ETH1 = Interface("eth1", (ipaddress.ip_network("10.11.12.0/24"),))
TWO_ARMS = tuple(Host(f"lb{n}", (f"198.51.100.1{n}",), (_ETH0, _ETH1)) for n in (1, 2))
INSIDE = tuple(Host(f"rs{n}", (f"10.11.12.2{n}",)) for n in (1, 2))


def nat_service(**changes: object) -> dict[str, object]:
    """The service web on the external network, by NAT."""
    return service(**{"vip": OUTSIDE, "forwarding": "nat", **changes})
