# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From one description to one small plan for each host: exactly the variables of the role that the host gets."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from .inventory import Address, Host
from .model import DEFAULT_QUORUM, Check, RealServer, Service, Url
from .notify import notify_plan
from .places import floating_addresses, places_on
from .plan_firewall import firewall_plan
from .plan_heartbeat import heartbeat_plan, ldirectord_plan
from .plan_kernel import kernel_modules, sysctls
from .plan_nat import nat_plan
from .plan_real_servers import real_server_plans
from .ports import spelled
from .schema import read_cluster
from .sync import sync_plan
from .vrrp import vrrp_plan

Plan = dict[str, t.Any]
#: Keys of a check that stand in its plan where they are said.
_ASKED = (
    *("regex", "virtualhost", "send", "expect", "helo", "payload", "require_reply"),
    *("request", "login", "password", "database"),
)


def compile_cluster(
    description: object, directors: Sequence[Host], real_servers: Sequence[Host], clients: Sequence[Host] = ()
) -> dict[str, Plan]:
    """One plan (``{role, vars}``) for each director and real server, by name.

    A director whose interfaces are not known (its facts are missing and it has no ``lvs_interface``) gets no plan, but
    stays in the plans of the others: they do not depend on who can be reached. Plans share equal parts: don't change
    them. Raises ``DescriptionError`` with every mistake.
    """
    cluster = read_cluster(description, directors, real_servers, clients)
    floating = floating_addresses(cluster)
    shared = {
        "director_failover": cluster.failover,
        "director_health_checks": cluster.health_checks,
        "director_services": _services(cluster.services),
        "director_fwmarks": _fwmarks(cluster.services),
        "director_kernel_modules": kernel_modules(cluster),
        "director_notify": notify_plan(cluster.notify),
        "director_ldirectord": ldirectord_plan(cluster),
    }
    plans: dict[str, Plan] = {}
    for director in cluster.directors:
        places = places_on(director.host, cluster, floating)
        if places is not None:
            plans[director.host.name] = {
                "role": "director",
                "vars": {
                    **shared,
                    "director_vips": _placed(places.vips),
                    "director_gateways": _placed(places.gateways),
                    "director_vrrp": vrrp_plan(director, cluster, places),
                    "director_heartbeat": heartbeat_plan(director, cluster),
                    "director_connection_sync": sync_plan(director, cluster),
                    "director_nat": nat_plan(cluster, places),
                    "director_firewall": firewall_plan(director, cluster, places),
                    "director_sysctls": sysctls(cluster, places),
                },
            }
    plans.update(real_server_plans(cluster))
    return plans


def _placed(addresses: dict[Address, str]) -> list[dict[str, t.Any]]:
    """Floating addresses are held as single ones: the route to their network stays with the director's own address."""
    return [
        {"address": str(address), "prefix": address.max_prefixlen, "interface": interface}
        for address, interface in addresses.items()
    ]


def _fwmarks(services: Sequence[Service]) -> list[dict[str, t.Any]]:
    return [
        {"mark": service.fwmark, "address": address, "protocol": service.protocol, "ports": spelled(service.ports)}
        for service in services
        if service.fwmark is not None
        for address in service.addresses
    ]


def _services(services: Sequence[Service]) -> list[dict[str, t.Any]]:
    # Equal real servers are one object (RealServers.known), and share one part of the plans.
    parts = {id(each): each for service in services for each in service.real_servers}
    plans = {number: _real_server(each) for number, each in parts.items()}
    return [_service(service, [plans[id(each)] for each in service.real_servers]) for service in services]


def _service(service: Service, real_servers: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    sorry = service.sorry_server
    is_marked = service.fwmark is not None
    return {
        "name": service.name,
        "family": f"ipv{service.version}",
        "fwmark": service.fwmark,
        "address": None if is_marked else service.addresses[0],
        "port": service.port,
        "protocol": service.protocol,
        "vips": list(service.addresses),
        "ports": spelled(service.ports),
        "forwarding": service.forwarding,
        "scheduler": service.scheduler,
        "scheduler_flags": list(service.scheduler_flags),
        "persistence": service.persistence,
        "persistence_netmask": service.persistence_netmask,
        "one_packet": service.one_packet,
        "helper": service.helper,
        "min_capacity": service.min_capacity,
        "check": _check(service.check),
        **_quorum(service),
        "sorry_server": None if sorry is None else {"address": sorry.address, "port": sorry.port},
        "real_servers": real_servers,
    }


def _real_server(real_server: RealServer) -> dict[str, t.Any]:
    plan: dict[str, t.Any] = {
        "host": real_server.host,
        "address": real_server.address,
        "port": real_server.port,
        "weight": real_server.weight,
        "forwarding": real_server.forwarding,
    }
    tunnel = real_server.tunnel
    if tunnel is not None:
        plan.update(tunnel_type=tunnel.type, tunnel_port=tunnel.port, tunnel_checksum=tunnel.checksum)
    if real_server.upper_threshold:
        plan["upper_threshold"] = real_server.upper_threshold
    if real_server.lower_threshold:
        plan["lower_threshold"] = real_server.lower_threshold
    return plan


def _quorum(service: Service) -> dict[str, t.Any]:
    quorum = service.quorum
    if quorum == DEFAULT_QUORUM:
        return {}
    plan: dict[str, t.Any] = {"quorum": quorum.weight, "hysteresis": quorum.hysteresis}
    plan.update({key: list(run) for key, run in (("quorum_up", quorum.up), ("quorum_down", quorum.down)) if run})
    return plan


def _check(check: Check) -> dict[str, t.Any]:
    """Only what matters to a check of this type, and of what is not usual."""
    if check.type == "none":
        return {"type": "none"}
    plan = {"type": check.type, **_question(check)}
    plan.update(interval=check.interval, timeout=check.timeout, retries=check.retries)
    if check.port and check.type != "ping":
        plan["port"] = check.port
    if check.alpha:
        plan["alpha"] = True
    if check.quiesce_on_failure is not None:
        plan["quiesce_on_failure"] = check.quiesce_on_failure
    return plan


def _question(check: Check) -> dict[str, t.Any]:
    """What is asked, and what a good answer is."""
    plan: dict[str, t.Any] = {key: value for key in _ASKED if (value := getattr(check, key))}
    if check.urls:
        plan["urls"] = [_url(url) for url in check.urls]
    elif check.type in ("http", "https"):
        plan.update(_url(Url(check.path, check.status, check.regex, check.digest)))
    elif check.type == "ftp":
        plan["path"] = check.path
    elif check.type == "dns":
        plan.update(name=check.name, record=check.record)
    elif check.type == "command":
        plan["command"] = list(check.command)
    return plan


def _url(url: Url) -> dict[str, t.Any]:
    plan: dict[str, t.Any] = {"path": url.path}
    plan["status"] = url.status[0] if len(url.status) == 1 else list(url.status)
    if url.regex is not None:
        plan["regex"] = url.regex
    if url.digest is not None:
        plan["digest"] = url.digest
    return plan
