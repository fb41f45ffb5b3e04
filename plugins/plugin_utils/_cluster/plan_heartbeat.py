# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role writes for heartbeat and ldirectord."""

from __future__ import annotations

import typing as t

from .daemons import Link
from .heartbeat import link_address, link_interface, node_of
from .model import Cluster, Director


def heartbeat_plan(director: Director, cluster: Cluster) -> dict[str, t.Any]:
    """{} where another one fails over. Times in milliseconds, which ha.cf takes; ``directors`` are inventory names."""
    if cluster.failover != "heartbeat":
        return {}
    heartbeat = cluster.heartbeat
    return {
        "node": node_of(director),
        "nodes": [node_of(each) for each in cluster.directors],
        "directors": [each.host.name for each in cluster.directors],
        "keepalive": _milliseconds(heartbeat.keepalive),
        "warntime": _milliseconds(heartbeat.warntime),
        "deadtime": _milliseconds(heartbeat.deadtime),
        "initdead": _milliseconds(heartbeat.initdead),
        "auto_failback": heartbeat.auto_failback,
        "port": heartbeat.port,
        "links": [_link(each, director, cluster) for each in heartbeat.links],
        "ping": [str(address) for address in heartbeat.ping],
    }


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _link(link: Link, director: Director, cluster: Cluster) -> dict[str, t.Any]:
    if link.type == "serial":
        return {"type": "serial", "device": link.device, "baud": link.baud}
    plan: dict[str, t.Any] = {"type": link.type, "interface": link_interface(link, director)}
    if link.type == "ucast":
        # heartbeat passes over a director's own address, so that both directors may have the same file (ha.cf(5)).
        plan["addresses"] = [link_address(link, each) for each in cluster.directors]
    return plan


def heartbeat_accepts(director: Director, cluster: Cluster) -> list[dict[str, t.Any]]:
    """What the firewall has to let in: heartbeats of the other director, over whatever network they come."""
    if cluster.failover != "heartbeat" or all(link.type == "serial" for link in cluster.heartbeat.links):
        return []
    others = [each for each in cluster.directors if each is not director]
    sources = [link_address(link, each) for link in cluster.heartbeat.links if link.type == "ucast" for each in others]
    for link in cluster.heartbeat.links:
        if link.type == "bcast":
            own = [each for each in director.host.interfaces if each.name == link.interface]
            # Whose address the other one has there is not known: any of that network.
            sources += [str(network) for each in own for network in each.networks if network.version == 4]
    found = list(dict.fromkeys(source for source in sources if source is not None))
    return [{"protocol": "udp", "ports": [str(cluster.heartbeat.port)], "sources": found}] if found else []


def ldirectord_plan(cluster: Cluster) -> dict[str, t.Any]:
    """{} where another one owns the table."""
    if cluster.health_checks != "ldirectord":
        return {}
    ldirectord = cluster.ldirectord
    return {
        "autoreload": ldirectord.autoreload,
        "fork": ldirectord.fork,
        "emailalertfreq": ldirectord.emailalertfreq,
    }
