# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a cluster that is as its plans say, whatever its topology."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observed import (
    checked_port,
    normal,
    vips_of,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.probe import probe_connections

Plans = dict[str, t.Any]
#: Connections to each address and port of the probe.
ATTEMPTED = 20
_DEVICES = {
    ("gre", "ipv4"): [("lvs-gre0", "gre")],
    ("gre", "ipv6"): [("lvs-ip6gre0", "ip6gre")],
    ("ipip", "ipv4"): [("lvs-ipip0", "ipip"), ("sit0", "sit")],
    ("ipip", "ipv6"): [("lvs-ip6tnl0", "ip6tnl")],
}
_NO_RULES = {"nftables": "", "iptables": "", "ip6tables": ""}


def observe(plans: Plans, hosts: t.Sequence[Host], *, source: str = "192.0.2.31") -> dict[str, t.Any]:
    """The first director is active, and the connections of the probe, from ``source``, were shared evenly.

    ``hosts`` are directors and real servers; where nothing is said of interfaces, there is one on the networks of the
    addresses.
    """
    looks = {host.name: _look(host, number) for number, host in enumerate(hosts, start=0x11)}
    directors = [name for name, plan in plans.items() if plan["role"] == "director"]
    active = directors[0]
    seen: dict[str, t.Any] = {name: {"host": looks[name], "unreachable": False} for name in plans}
    for name in directors:
        _be_director(seen[name], plans[name], is_active=name == active)
    for name, plan in plans.items():
        if plan["role"] != "director":
            _be_real_server(seen[name], plan, mac_of_gateway=_mac(looks[active], plans[active]))
    director = plans[active]["vars"]
    _answer_checks(director["director_services"], looks)
    listeners = {name: looks[name]["listeners"] for name in plans}
    targets = probe_connections(director, listeners)
    for service, entry in zip(director["director_services"], seen[active]["ipvs_after"]["services"], strict=True):
        _count(service, entry, targets)
    return {
        "hosts": seen,
        "probe": {
            "from": "client",
            **{
                key: {vip["address"]: [looks[active]["interfaces"][1]["mac"]] for vip in director["director_vips"]}
                for key in ("neighbours", "cached")
            },
            "connections": [
                {
                    "address": target["address"],
                    "port": target["port"],
                    "protocol": target.get("protocol", "tcp"),
                    "source": source if ":" not in target["address"] else "2001:db8:2::31",
                    "attempted": ATTEMPTED,
                    "succeeded": ATTEMPTED,
                    "seconds": 0.1,
                    "error": None,
                }
                for target in targets
            ],
        },
    }


def _look(host: Host, number: int) -> dict[str, t.Any]:
    own = [ipaddress.ip_address(str(address)) for address in host.addresses]
    networks = [(i.name, network) for i in host.interfaces for network in i.networks] or [
        ("eth0", ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False))
        for address in own
    ]
    addresses = [_place("127.0.0.1", 8, "lo")]
    for name, network in networks:
        # Of its other networks nobody asks for the address.
        address = next((each for each in own if each.version == network.version and each in network), network[number])
        addresses.append(_place(str(address), network.prefixlen, name))
    names = dict.fromkeys(name for name, _network in networks)
    return {
        "addresses": addresses,
        "interfaces": [
            interface("lo", "00:00:00:00:00:00"),
            *(interface(name, f"02:00:00:00:{at:02x}:{_last(own, number)}") for at, name in enumerate(names)),
        ],
        "arp_ignore_all": 0,
        "arp_announce_all": 0,
        "rp_filter_all": 0,
        "routes": [],
        "tunnels": [],
        "neighbours": [],
        "listeners": [{"address": "0.0.0.0", "port": 22, "protocol": "tcp"}],
        "services": {},
        "sysctls": {},
        "kernel_modules": {},
        "hidden": [],
        "drops": [],
        "files": {},
        "kernel": "6.1.0",
    }


def _last(own: t.Sequence[ipaddress.IPv4Address | ipaddress.IPv6Address], number: int) -> str:
    """The hardware address ends as the address does, so that a reader knows whose it is."""
    return str(own[0]).rpartition(".")[2].zfill(2)[-2:] if own and own[0].version == 4 else f"{number:02x}"


def _place(address: str, prefix: int, on: str) -> dict[str, object]:
    return {"address": address, "prefix": prefix, "interface": on, "family": "ipv6" if ":" in address else "ipv4"}


def interface(name: str, mac: str = "", **settings: int) -> dict[str, t.Any]:
    own = {"arp_ignore": 0, "arp_announce": 0, "rp_filter": 0, "send_redirects": 1, "forwarding": 0, **settings}
    return {
        "name": name,
        "type": "",
        "mac": mac,
        "up": True,
        "mtu": 1500,
        "received_packets": 100,
        **own,
        "effective": dict(own),
    }


def _be_director(seen: dict[str, t.Any], plan: t.Any, *, is_active: bool) -> None:
    wanted, look = plan["vars"], seen["host"]
    if is_active:
        held = [*wanted["director_vips"], *wanted.get("director_gateways", ())]
        look["addresses"] += [_place(each["address"], each["prefix"], each["interface"]) for each in held]
    look["sysctls"] = {name: str(value) for name, value in wanted["director_sysctls"].items()}
    for each in look["interfaces"]:
        each["forwarding"] = each["effective"]["forwarding"] = 1
    look["kernel_modules"] = dict.fromkeys(wanted["director_kernel_modules"], True)
    shared = {"heartbeat": ("authkeys", "ha.cf", "haresources"), "ldirectord": ("ldirectord.cf",)}
    daemons = {wanted["director_failover"], wanted["director_health_checks"]}
    if wanted["director_failover"] != "heartbeat":
        daemons.add("keepalived")
    seen["checksums"] = {f"/etc/ha.d/{name}": name for daemon in sorted(daemons) for name in shared.get(daemon, ())}
    units = [*sorted(daemons - {"none"}), "lvs-cluster-rules"]
    units += ["lvs-cluster-table"] if wanted["director_health_checks"] == "none" else []
    look["services"] = {unit: {"active": True, "enabled": True} for unit in units}
    look["files"] = {
        "/etc/keepalived/keepalived.conf": [],
        "/etc/lvs-cluster/load-rules": ["#!/bin/sh", "rule 1", "rule 2"],
    }
    seen["ipvs"], seen["ipvs_after"] = table_of(plan), table_of(plan)
    seen["ipvs"]["daemons"] = _daemons(wanted)
    rules = {**_NO_RULES, "nftables": "rule 1\n\trule 2\n"}
    seen["compared"] = {
        module: {"operations": [], "rules": rules}
        for module, is_used in (
            ("fwmark", wanted.get("director_fwmarks")),
            ("nat", any(wanted.get("director_nat", {}).values())),
            ("firewall", wanted.get("director_firewall")),
        )
        if is_used
    }


def _daemons(wanted: t.Any) -> list[dict[str, t.Any]]:
    sync = wanted.get("director_connection_sync") or {}
    return [
        {
            "role": role,
            "interface": sync["interface"],
            "sync_id": sync["sync_id"],
            "multicast_group": sync["group"],
            "multicast_port": sync["port"],
        }
        for role in ("master", "backup")
        if sync
    ]


def _mac(look: dict[str, t.Any], plan: t.Any) -> str:
    """Of the interface on which this director holds the gateway."""
    on = [gateway["interface"] for gateway in plan["vars"].get("director_gateways", ())][:1]
    return next((str(each["mac"]) for each in look["interfaces"] if each["name"] in on), "")


def _be_real_server(seen: dict[str, t.Any], plan: t.Any, *, mac_of_gateway: str) -> None:
    wanted, look = plan["vars"], seen["host"]
    look["addresses"] += [_place(vip, 128 if ":" in vip else 32, "lo") for vip in wanted["realserver_linux_vips"]]
    if wanted["realserver_linux_vips"]:
        for name in ("arp_ignore", "arp_announce"):
            look["interfaces"][1][name] = look["interfaces"][1]["effective"][name] = 1 if name == "arp_ignore" else 2
    look["listeners"] += [
        {"address": "::", "port": each["port"], "protocol": each["protocol"]}
        for each in wanted["realserver_linux_listeners"]
    ]
    for gateway in wanted.get("realserver_linux_gateways", ()):
        family = "ipv6" if ":" in gateway else "ipv4"
        look["routes"].append({"family": family, "gateway": gateway, "interface": "eth0", "metric": 0})
        look["neighbours"].append({"address": gateway, "mac": mac_of_gateway, "interface": "eth0"})
    if wanted.get("realserver_linux_tunnels"):
        _have_tunnels(seen, wanted)


def _answer_checks(services: t.Sequence[t.Any], looks: dict[str, dict[str, t.Any]]) -> None:
    for service in services:
        for entry in service["real_servers"]:
            port = checked_port(service, entry)
            found = looks.get(entry["host"], {"listeners": []})["listeners"]
            if port and not any(each["protocol"] == "tcp" and each["port"] == port for each in found):
                found.append({"address": "::", "port": port, "protocol": "tcp"})


def _have_tunnels(seen: dict[str, t.Any], wanted: t.Any) -> None:
    look = seen["host"]
    devices: dict[str, str] = {"tunl0": "ipip"}
    for tunnel in wanted["realserver_linux_tunnels"]:
        kind = "gre" if tunnel["type"] == "gre" else "ipip"
        devices.update(_DEVICES[kind, tunnel["family"]])
        if tunnel["type"] == "gue":
            look["listeners"].append({"address": "0.0.0.0", "port": tunnel["port"], "protocol": "udp"})
    for name, kind in devices.items():
        is_up = name != "tunl0"
        look["tunnels"].append({"interface": name, "type": kind, "local": "", "remote": "", "up": is_up})
        look["interfaces"].append({**interface(name, rp_filter=2), "type": kind, "up": is_up})
        if is_up:
            look["addresses"].append(_place("192.0.0.8", 32, name))
    seen["host_after"] = {
        "interfaces": [{**each, "received_packets": each["received_packets"] + 50} for each in look["interfaces"]]
    }
    seen["compared"] = {"tunnel": {"operations": []}}


def table_of(plan: t.Any) -> dict[str, t.Any]:
    """What ipvs_info says where the table is as planned and nobody has connected yet."""
    return {"services": [_table_service(each) for each in plan["vars"]["director_services"]]}


def _table_service(service: t.Any) -> dict[str, t.Any]:
    is_ipv6 = service["family"] == "ipv6"
    return {
        "address": service["address"],
        "port": service["port"] if service["fwmark"] is None else 0,
        "protocol": service["protocol"] if service["fwmark"] is None else None,
        "fwmark": service["fwmark"],
        "family": service["family"],
        "scheduler": service["scheduler"],
        "scheduler_flags": list(service["scheduler_flags"]),
        "persistence": service["persistence"],
        "persistence_netmask": ("128" if is_ipv6 else "255.255.255.255") if service["persistence"] else None,
        "one_packet": service["one_packet"],
        "destinations": [
            {
                "destination": entry["address"],
                "destination_port": entry["port"],
                "forwarding": entry["forwarding"],
                "weight": entry["weight"],
                "upper_threshold": entry.get("upper_threshold", 0),
                "lower_threshold": entry.get("lower_threshold", 0),
                "tunnel_type": entry.get("tunnel_type"),
                "tunnel_port": entry.get("tunnel_port", 0),
                "tunnel_checksum": entry.get("tunnel_checksum", "none"),
                "active_connections": 0,
                "inactive_connections": 0,
                "persistent_connections": 0,
                "counters": {"connections": 0},
            }
            for entry in service["real_servers"]
        ],
    }


def _count(service: t.Any, entry: dict[str, t.Any], targets: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    own = [
        target
        for target in targets
        if normal(target["address"]) in vips_of(service)
        and target.get("protocol", "tcp") == service["protocol"]
        and (not service["ports"] or _covers(service["ports"], target["port"]))
    ]
    sharing = [each for each in entry["destinations"] if each["weight"]]
    for each in sharing:
        each["counters"]["connections"] = ATTEMPTED * len(own) // len(sharing)


def _covers(ports: t.Sequence[str], port: int) -> bool:
    ranges = [[int(end) for end in text.split(":")] for text in ports]
    return any(ends[0] <= port <= ends[-1] for ends in ranges)
