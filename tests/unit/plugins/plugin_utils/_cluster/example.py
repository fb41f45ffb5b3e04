# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example cluster: two directors, two real servers, one VIP of each family; and what a healthy one looks like."""

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
    described: object, directors: t.Sequence[Host] = DIRECTORS, real_servers: t.Sequence[Host] = REAL_SERVERS
) -> list[Mistake]:
    try:
        compile_cluster(described, directors, real_servers)
    except DescriptionError as error:
        return error.mistakes
    return []


def example_plans(*services: object, **changes: object) -> dict[str, t.Any]:
    """Plans whose parts may be changed one by one."""
    services = services or (service(), service(name="web6", vip=VIP6))
    return copy.deepcopy(compile_cluster(description(*services, **changes), DIRECTORS, REAL_SERVERS))


def _look(name: str, *, vips: list[dict[str, object]], listeners: list[dict[str, object]]) -> dict[str, t.Any]:
    number = name[2:] if name.startswith("lb") else f"2{name[2:]}"
    number = f"1{number}" if name.startswith("lb") else number
    is_director = name.startswith("lb")
    return {
        "addresses": [
            {"address": "127.0.0.1", "prefix": 8, "interface": "lo", "family": "ipv4"},
            {"address": f"192.0.2.{number}", "prefix": 24, "interface": "eth0", "family": "ipv4"},
            {"address": f"2001:db8:2::{number}", "prefix": 64, "interface": "eth0", "family": "ipv6"},
            *vips,
        ],
        "listeners": [{"address": "0.0.0.0", "port": 22, "protocol": "tcp"}, *listeners],
        "services": {},
        "sysctls": {"net.ipv4.vs.expire_nodest_conn": "1", "net.ipv4.vs.expire_quiescent_template": "1"}
        if is_director
        else {},
        "interfaces": [
            {"name": "lo", "mac": "00:00:00:00:00:00", "up": True, "arp_ignore": 0, "arp_announce": 0, "rp_filter": 0},
            {
                "name": "eth0",
                "mac": MACS[name],
                "up": True,
                "arp_ignore": 0 if is_director else 1,
                "arp_announce": 0 if is_director else 2,
                "rp_filter": 0,
            },
        ],
        "arp_ignore_all": 0,
        "arp_announce_all": 0,
        "kernel": "6.1.0",
    }


def table_of(plan: dict[str, t.Any]) -> dict[str, t.Any]:
    """What ipvs_info says where the table is as planned and nobody has connected yet."""
    return {
        "services": [
            {
                "address": each["address"],
                "port": each["port"],
                "protocol": each["protocol"],
                "fwmark": None,
                "family": "ipv6" if ":" in each["address"] else "ipv4",
                "scheduler": each["scheduler"],
                "scheduler_flags": list(each["scheduler_flags"]),
                "persistence": each["persistence"],
                "persistence_netmask": ("128" if ":" in each["address"] else "255.255.255.255")
                if each["persistence"]
                else None,
                "destinations": [
                    {
                        "destination": r["address"],
                        "destination_port": r["port"],
                        "forwarding": each["forwarding"],
                        "weight": r["weight"],
                        "active_connections": 0,
                        "inactive_connections": 0,
                        "persistent_connections": 0,
                        "counters": {"connections": 0},
                    }
                    for r in each["real_servers"]
                ],
            }
            for each in plan["vars"]["director_services"]
        ]
    }


def _units(plan: dict[str, t.Any]) -> dict[str, dict[str, bool]]:
    is_checked = plan["vars"]["director_health_checks"] != "none"
    units = ("keepalived",) if is_checked else ("keepalived", "lvs-cluster-table")
    return {unit: {"active": True, "enabled": True} for unit in units}


def observe(plans: dict[str, t.Any]) -> dict[str, t.Any]:
    """A healthy cluster: lb1 is active, and 20 connections to each service were shared evenly."""
    hosts: dict[str, t.Any] = {}
    for name, plan in plans.items():
        if plan["role"] == "director":
            vips = [
                {"address": v["address"], "prefix": v["prefix"], "interface": v["interface"]}
                for v in plan["vars"]["director_vips"]
                if name == "lb1"
            ]
            look = _look(name, vips=vips, listeners=[])
            look["services"] = _units(plan)
        else:
            vips = [
                {"address": vip, "prefix": 128 if ":" in vip else 32, "interface": "lo"}
                for vip in plan["vars"]["realserver_linux_vips"]
            ]
            wanted = plan["vars"]["realserver_linux_listeners"]
            listeners = [{"address": "::", "port": w["port"], "protocol": w["protocol"]} for w in wanted]
            look = _look(name, vips=vips, listeners=listeners)
        hosts[name] = {"host": look, "unreachable": False}
        if plan["role"] == "director":
            hosts[name]["ipvs"] = table_of(plan)
            hosts[name]["ipvs_after"] = table_of(plan)
    director = plans["lb1"]["vars"]
    for each in hosts["lb1"]["ipvs_after"]["services"]:
        for destination in each["destinations"]:
            if each["protocol"] == "tcp" and destination["weight"]:
                destination["counters"]["connections"] = 10
    return {
        "hosts": hosts,
        "probe": {
            "from": "client",
            "neighbours": {vip["address"]: [MACS["lb1"]] for vip in director["director_vips"]},
            "connections": [
                {
                    "address": s["address"],
                    "port": s["port"],
                    "attempted": 20,
                    "succeeded": 20,
                    "seconds": 0.1,
                    "error": None,
                }
                for s in director["director_services"]
                if s["protocol"] == "tcp"
            ],
        },
    }
