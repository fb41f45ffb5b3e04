# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters by NAT, tunnel and marks, as seen while they are healthy, and what breaks one thing of them."""

from __future__ import annotations

import copy
import ipaddress
import typing as t
from dataclasses import dataclass

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, Interface
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.healthy import observe

Observations = dict[str, t.Any]
Break = t.Callable[[Observations], object]

OUTSIDE, INSIDE, LAN = (Interface(name, (ipaddress.ip_network(text),)) for name, text in (
    ("eth0", "198.51.100.0/24"), ("eth1", "10.11.12.0/24"), ("eth0", "192.0.2.0/24")
))  # fmt: skip
LAN6 = Interface("eth0", (*LAN.networks, ipaddress.ip_network("2001:db8:2::/64")))
GATEWAY = "10.11.12.10"
#: The hardware addresses of the directors on their second interface.
INNER_MACS = {"lb1": "02:00:00:00:01:11", "lb2": "02:00:00:00:01:12"}
WEB = {"name": "web", "vip": "198.51.100.100", "ports": [80]}


@dataclass(frozen=True)
class Cluster:
    """A description, and the hosts of its inventory."""

    description: dict[str, t.Any]
    directors: tuple[Host, ...]
    real_servers: tuple[Host, ...]
    source: str = "198.51.100.31"

    def plans(self) -> dict[str, t.Any]:
        return copy.deepcopy(compile_cluster(self.description, self.directors, self.real_servers))

    def healthy(self) -> tuple[dict[str, t.Any], Observations]:
        plans = self.plans()
        return plans, observe(plans, [*self.directors, *self.real_servers], source=self.source)


def two_arms(*services: dict[str, t.Any], **nat: t.Any) -> Cluster:
    return Cluster(
        {"forwarding": "nat", "nat": {"gateway": f"{GATEWAY}/24", **nat}, "services": list(services)},
        tuple(Host(f"lb{n}", (f"198.51.100.1{n}",), (OUTSIDE, INSIDE)) for n in (1, 2)),
        tuple(Host(f"rs{n}", (f"10.11.12.2{n}",)) for n in (1, 2)),
    )


def one_lan(description: dict[str, t.Any], *, real_servers: str = "192.0.2.2") -> Cluster:
    return Cluster(
        description,
        tuple(Host(f"lb{n}", (f"192.0.2.1{n}", f"2001:db8:2::1{n}"), (LAN6,)) for n in (1, 2)),
        tuple(Host(f"rs{n}", (f"{real_servers}{n}", f"2001:db8:2::2{n}")) for n in (1, 2)),
        source="203.0.113.31",
    )


NAT = two_arms(
    {**WEB, "real_servers": [{"host": "rs1", "port": 8080}, {"host": "rs2", "port": 8080}]},
    masquerade=["10.11.12.0/24"],
)
FTP = two_arms({**WEB, "name": "files", "ports": [21], "helper": "ftp", "real_servers": ["rs1", "rs2"]})
FTP_DIRECT = one_lan(
    {
        "services": [
            {
                "name": "files",
                "vip": "192.0.2.100",
                "ports": [20, 21, "10000:10100"],
                "persistence": 60,
                "check": {"port": 21},
                "real_servers": ["rs1", "rs2"],
            }
        ]
    }
)
ONE_ARM = one_lan(
    {
        "forwarding": "nat",
        "nat": {"gateway": "192.0.2.10/24", "local_clients": "source_nat"},
        "services": [{**WEB, "vip": "192.0.2.100", "real_servers": [{"host": "rs1", "port": 8080}, "rs2"]}],
    }
)
TUNNEL = one_lan(
    {
        "forwarding": "tunnel",
        "services": [
            {**WEB, "vip": "192.0.2.100", "real_servers": ["rs1", "rs2"]},
            {
                **WEB,
                "name": "gue",
                "vip": "192.0.2.101",
                "tunnel_type": "gue",
                "tunnel_port": 6080,
                "real_servers": ["rs1", "rs2"],
            },
            {**WEB, "name": "gre", "vip": "192.0.2.102", "tunnel_type": "gre", "real_servers": ["rs1", "rs2"]},
        ],
    },
    real_servers="203.0.113.2",
)
SHOP = {"name": "shop", "vip": "192.0.2.100", "ports": [80, 443], "real_servers": ["rs1", "rs2"]}
MARKS = one_lan(
    {
        "services": [
            {**SHOP, "fwmark": 5, "persistence": 300, "check": {"type": "http", "port": 80}},
            {
                **SHOP,
                "name": "many",
                "vip": ["192.0.2.101", "192.0.2.102"],
                "ports": ["8000:8003"],
                "check": {"port": 8001},
            },
            {**SHOP, "name": "both", "vip": ["192.0.2.103", "2001:db8:2::103"], "ports": [25]},
        ]
    }
)
DIRECT = one_lan({"services": [{**SHOP, "ports": [80], "persistence": 60}]})
UNCHECKED = one_lan({"services": [{**SHOP, "ports": [80], "check": {"type": "none"}}]})
BARE = one_lan({"health_checks": "none", "services": [{**SHOP, "ports": [80]}]})
OTHER_PORT = one_lan({"services": [{**SHOP, "ports": [80], "check": {"port": 8080}}]})
NAT_OTHER_PORT = two_arms({**WEB, "check": {"port": 9000}, "real_servers": [{"host": "rs1", "port": 8080}, "rs2"]})
MIXED = one_lan(
    {
        "nat": {"gateway": "192.0.2.10/24", "local_clients": "source_nat"},
        "services": [
            {**SHOP, "ports": [80], "real_servers": ["rs1"]},
            {**SHOP, "name": "old", "vip": "192.0.2.101", "ports": [80], "forwarding": "nat"},
        ],
    }
)
WALL = one_lan({"firewall": True, "services": [{**SHOP, "ports": [80]}]})
CLUSTERS = {
    "nat": NAT,
    "ftp": FTP,
    "ftp by direct routing": FTP_DIRECT,
    "one arm": ONE_ARM,
    "tunnel": TUNNEL,
    "marks": MARKS,
    "direct": DIRECT,
    "firewall": WALL,
    "unchecked": UNCHECKED,
    "no health checks": BARE,
    "a check of another port": OTHER_PORT,
    "a check of another port behind NAT": NAT_OTHER_PORT,
    "nat and direct": MIXED,
}


def look(seen: Observations, name: str) -> t.Any:
    return seen["hosts"][name]["host"]


def setting(on: str, **changes: object) -> Break:
    """Replaces parts of what host_info says."""
    return lambda seen: look(seen, on).update(changes)


def sysctl(on: str, name: str, value: str) -> Break:
    return lambda seen: look(seen, on)["sysctls"].update({name: value})


def effective(on: str, interface: str, **values: int) -> Break:
    def apply(seen: Observations) -> None:
        for each in look(seen, on)["interfaces"]:
            if each["name"] == interface:
                each["effective"].update(values)

    return apply


def route(on: str, gateway: str | None) -> Break:
    routes = [] if gateway is None else [{"family": "ipv4", "gateway": gateway, "interface": "eth0", "metric": 0}]
    return setting(on, routes=routes)


def neighbour(on: str, address: str, mac: str) -> Break:
    return setting(on, neighbours=[{"address": address, "mac": mac, "interface": "eth0"}])


def hold(on: str, *addresses: str, interface: str = "eth1") -> Break:
    places = [{"address": address, "prefix": 32, "interface": interface} for address in addresses]
    return lambda seen: look(seen, on)["addresses"].extend(places)


def lose(on: str, *addresses: str) -> Break:
    def apply(seen: Observations) -> None:
        found = look(seen, on)
        found["addresses"] = [place for place in found["addresses"] if place["address"] not in addresses]

    return apply


def fail(*addresses: str, succeeded: int = 0, source: str | None = None, port: int | None = None) -> Break:
    """Connections to these addresses (or all) fail."""

    def apply(seen: Observations) -> None:
        for each in seen["probe"]["connections"]:
            if (not addresses or each["address"] in addresses) and port in (None, each["port"]):
                each.update(succeeded=succeeded, error="no answer within 2 s")
            if source:
                each["source"] = source

    return apply


def device(on: str, name: str, **changes: object) -> Break:
    """Changes a tunnel's device, or with nothing to change removes it."""

    def apply(seen: Observations) -> None:
        for tunnel in [each for each in look(seen, on)["tunnels"] if each["interface"] == name]:
            look(seen, on)["tunnels"].remove(tunnel) if not changes else tunnel.update(changes)

    return apply


def deaf(on: str, name: str = "") -> Break:
    """Nothing arrives through its tunnels, or through one of them."""

    def apply(seen: Observations) -> None:
        after = seen["hosts"][on]["host_after"]["interfaces"]
        before = {each["name"]: each for each in look(seen, on)["interfaces"]}
        after[:] = [copy.deepcopy(before[each["name"]]) if name in ("", each["name"]) else each for each in after]

    return apply


def drop(on: str, word: str, rule: str) -> Break:
    return lambda seen: look(seen, on)["drops"].append({"word": word, "rule": rule})


def differ(on: str, module: str, *operations: str) -> Break:
    return lambda seen: seen["hosts"][on].setdefault("compared", {}).update({module: {"operations": list(operations)}})


def destination(on: str, host: str, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        for table in ("ipvs", "ipvs_after"):
            for service in seen["hosts"][on][table]["services"]:
                for each in service["destinations"]:
                    if each["destination"].endswith(host):
                        each.update(changes)

    return apply


def take_out(host: str, *, on: t.Sequence[str] = ("lb1", "lb2")) -> Break:
    """What keepalived does with a real server whose check fails."""

    def apply(seen: Observations) -> None:
        for table in ("ipvs", "ipvs_after"):
            for service in (each for name in on for each in seen["hosts"][name][table]["services"]):
                service["destinations"] = [d for d in service["destinations"] if not d["destination"].endswith(host)]

    return apply


def unit(on: str, name: str, **state: bool) -> Break:
    return lambda seen: look(seen, on)["services"].update({name: {"active": True, "enabled": True, **state}})


def listen(on: str, port: int, *addresses: str, protocol: str = "tcp") -> Break:
    def apply(seen: Observations) -> None:
        found = look(seen, on)
        found["listeners"] = [each for each in found["listeners"] if each["port"] != port]
        found["listeners"] += [{"address": address, "port": port, "protocol": protocol} for address in addresses]

    return apply


def flush(on: str) -> Break:
    return lambda seen: seen["hosts"][on].update(ipvs={"services": []}, ipvs_after={"services": []})


def kernel_module_missing(on: str, *names: str) -> Break:
    return lambda seen: look(seen, on)["kernel_modules"].update(dict.fromkeys(names, False))


def prober(name: str) -> Break:
    return lambda seen: seen["probe"].update({"from": name})
