# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From one description to one small plan for each host: exactly the variables of the role that the host gets."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence

from .inventory import Address, Host
from .model import Check, Cluster, Director, Service
from .schema import read_cluster

Plan = dict[str, t.Any]

#: expire_nodest_conn: connections to a real server that was taken out end at once instead of vanishing for minutes.
#: expire_quiescent_template: persistent clients leave a drained real server.
#: (Documentation/networking/ipvs-sysctl.rst of the kernel)
DIRECTOR_SYSCTLS: Mapping[str, int] = {
    "net.ipv4.vs.expire_nodest_conn": 1,
    "net.ipv4.vs.expire_quiescent_template": 1,
}


def compile_cluster(description: object, directors: Sequence[Host], real_servers: Sequence[Host]) -> dict[str, Plan]:
    """One plan (``{role, vars}``) for each host, by name.

    A director whose interfaces are not known (its facts are missing and it has no ``lvs_interface``) gets no plan, but
    stays in the plans of the others: they do not depend on who can be reached. Plans share equal parts: don't change
    them. Raises ``DescriptionError`` with every mistake.
    """
    cluster = read_cluster(description, directors, real_servers)
    vips = list({service.address: service.vip for service in cluster.services}.values())
    services = [_service(service) for service in cluster.services]
    modules = ["ip_vs", *sorted({f"ip_vs_{service.scheduler}" for service in cluster.services})]
    plans: dict[str, Plan] = {}
    for director in cluster.directors:
        if director.host.is_placeable:
            plans[director.host.name] = {
                "role": "director",
                "vars": {
                    "director_failover": cluster.failover,
                    "director_health_checks": cluster.health_checks,
                    "director_vips": [_vip(vip, director.host) for vip in vips],
                    "director_vrrp": _vrrp(director, cluster),
                    "director_services": services,
                    "director_kernel_modules": modules,
                    "director_sysctls": dict(DIRECTOR_SYSCTLS),
                },
            }
    plans.update(_real_server_plans(cluster))
    return plans


def _vip(vip: Address, host: Host) -> dict[str, t.Any]:
    return {"address": str(vip), "prefix": vip.max_prefixlen, "interface": host.interface_of(vip)}


def _vrrp(director: Director, cluster: Cluster) -> dict[str, t.Any]:
    source = director.source
    if source is None:
        return {}
    vrrp = cluster.vrrp
    return {
        "instance": f"lvs_{vrrp.router_id}",
        "router_id": vrrp.router_id,
        "interface": director.host.interface_of(source),
        "family": f"ipv{source.version}",
        "source": str(source),
        "peers": [str(other.source) for other in cluster.directors if other is not director],
        "priority": director.priority,
        "advert_interval": vrrp.advert_interval,
        "preempt": vrrp.preempt,
        "unicast": vrrp.unicast,
    }


def _service(service: Service) -> dict[str, t.Any]:
    sorry = service.sorry_server
    return {
        "name": service.name,
        "address": service.address,
        "port": service.port,
        "protocol": service.protocol,
        "forwarding": service.forwarding,
        "scheduler": service.scheduler,
        "scheduler_flags": list(service.scheduler_flags),
        "persistence": service.persistence,
        "persistence_netmask": service.persistence_netmask,
        "check": _check(service.check),
        "sorry_server": None if sorry is None else {"address": sorry.address, "port": sorry.port},
        "real_servers": [
            {"host": r.host, "address": r.address, "port": r.port, "weight": r.weight} for r in service.real_servers
        ],
    }


def _check(check: Check) -> dict[str, t.Any]:
    if check.type == "none":
        return {"type": "none"}
    plan: dict[str, t.Any] = {"type": check.type}
    if check.type in ("http", "https"):
        plan["path"] = check.path
        plan["status"] = check.status[0] if len(check.status) == 1 else list(check.status)
    plan.update(interval=check.interval, timeout=check.timeout, retries=check.retries, port=check.port)
    return plan


def _real_server_plans(cluster: Cluster) -> dict[str, Plan]:
    """What each real server hides and serves; one that no service names gets an empty plan: it has nothing to hide."""
    listeners: dict[str, dict[tuple[str, int, str], None]] = {name: {} for name in cluster.real_servers}
    for service in cluster.services:
        key = (service.address, service.port, service.protocol)
        for host in _answering_hosts(service):
            if host in listeners:
                listeners[host][key] = None
    return {
        name: {
            "role": "realserver_linux",
            "vars": {
                "realserver_linux_vips": list(dict.fromkeys(address for address, port, protocol in served)),
                "realserver_linux_listeners": [
                    {"address": address, "port": port, "protocol": protocol} for address, port, protocol in served
                ],
            },
        }
        for name, served in listeners.items()
    }


def _answering_hosts(service: Service) -> Iterable[str]:
    for real_server in service.real_servers:
        yield real_server.host
    if service.sorry_server is not None and service.sorry_server.host is not None:
        yield service.sorry_server.host
