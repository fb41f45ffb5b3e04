# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example cluster: two directors, two real servers, one VIP of each family."""

from __future__ import annotations

import copy
import ipaddress
import typing as t

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, Interface
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.mistakes import DescriptionError, Mistake

VIP, VIP6 = "192.0.2.100", "2001:db8:2::100"
LAN = tuple(ipaddress.ip_network(text) for text in ("192.0.2.0/24", "2001:db8:2::/64"))
MACS = {"lb1": "02:00:00:00:00:11", "lb2": "02:00:00:00:00:12", "rs1": "02:00:00:00:00:21", "rs2": "02:00:00:00:00:22"}
DIRECTORS = tuple(Host(f"lb{n}", (f"192.0.2.1{n}", f"2001:db8:2::1{n}"), (Interface("eth0", LAN),)) for n in (1, 2))
REAL_SERVERS = tuple(Host(f"rs{n}", (f"192.0.2.2{n}", f"2001:db8:2::2{n}")) for n in (1, 2))


def service(**changes: object) -> dict[str, object]:
    """The service web; a change to ``...`` takes a key away."""
    given: dict[str, object] = {"name": "web", "vip": VIP, "ports": [80], "real_servers": ["rs1", "rs2"], **changes}
    return {key: value for key, value in given.items() if value is not ...}


def description(*services: object, **changes: object) -> dict[str, object]:
    given = {"services": list(services) if services else [service()], **changes}
    return {key: value for key, value in given.items() if value is not ...}


def mistakes(
    described: object,
    directors: t.Sequence[Host] = DIRECTORS,
    real_servers: t.Sequence[Host] = REAL_SERVERS,
    clients: t.Sequence[Host] = (),
) -> list[Mistake]:
    try:
        compile_cluster(described, directors, real_servers, clients)
    except DescriptionError as error:
        return error.mistakes
    return []


def example_plans(*services: object, **changes: object) -> dict[str, t.Any]:
    """Plans whose parts may be changed one by one."""
    services = services or (service(), service(name="web6", vip=VIP6))
    return copy.deepcopy(compile_cluster(description(*services, **changes), DIRECTORS, REAL_SERVERS))
