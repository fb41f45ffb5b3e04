# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each breaks one thing of what was seen of the example, while it was healthy."""

from __future__ import annotations

import typing as t

from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    MACS,
    REAL_SERVERS,
    VIP,
    VIP6,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.healthy import observe as observe_healthy

Observations = dict[str, t.Any]
Break = t.Callable[[Observations], None]
WEB, WEB6 = 0, 1
RS1, RS1_6, RS2, RS2_6 = "192.0.2.21", "2001:db8:2::21", "192.0.2.22", "2001:db8:2::22"


def observe(plans: t.Any) -> Observations:
    return observe_healthy(plans, [*DIRECTORS, *REAL_SERVERS])


def look(seen: Observations, name: str) -> t.Any:
    return seen["hosts"][name]["host"]


def remove_address(*addresses: str, on: str) -> Break:
    def apply(seen: Observations) -> None:
        found = look(seen, on)
        found["addresses"] = [entry for entry in found["addresses"] if entry["address"] not in addresses]

    return apply


def add_address(address: str, on: str, interface: str = "eth0", prefix: int = 32) -> Break:
    def apply(seen: Observations) -> None:
        look(seen, on)["addresses"].append({"address": address, "prefix": prefix, "interface": interface})

    return apply


def change_address(address: str, on: str, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        next(entry for entry in look(seen, on)["addresses"] if entry["address"] == address).update(changes)

    return apply


def stop_keepalived(on: str) -> Break:
    def apply(seen: Observations) -> None:
        look(seen, on)["services"]["keepalived"]["active"] = False

    return apply


def set_interface(on: str, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        look(seen, on)["interfaces"][1].update(changes)

    return apply


def add_interface(on: str, name: str, **values: object) -> Break:
    def apply(seen: Observations) -> None:
        look(seen, on)["interfaces"].append({"name": name, "type": "", **values})

    return apply


def run_kube_proxy(on: str) -> Break:
    return add_interface(on, "kube-ipvs0", type="dummy")


def set_look(on: str, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        look(seen, on).update(changes)

    return apply


def hide(on: str, method: str) -> Break:
    return set_look(on, hidden=[{"address": vip, "method": method} for vip in (VIP, VIP6)])


def listen(on: str, *addresses: str, port: int = 80) -> Break:
    def apply(seen: Observations) -> None:
        found = look(seen, on)
        found["listeners"] = [entry for entry in found["listeners"] if entry["port"] != port]
        found["listeners"] += [{"address": address, "port": port, "protocol": "tcp"} for address in addresses]

    return apply


def flush(on: str) -> Break:
    def apply(seen: Observations) -> None:
        for table in ("ipvs", "ipvs_after"):
            seen["hosts"][on][table] = {"services": []}

    return apply


def balance(on: str, address: str = VIP, port: int = 80) -> Break:
    """A service in the table of a real server."""

    def apply(seen: Observations) -> None:
        own = {"protocol": "tcp", "address": address, "port": port, "destinations": []}
        seen["hosts"][on]["ipvs"] = {"services": [own]}

    return apply


def tables(seen: Observations, *hosts: str) -> t.Iterator[t.Any]:
    for host in hosts:
        for table in ("ipvs", "ipvs_after"):
            yield seen["hosts"][host][table]["services"]


def take_out(*addresses: str, on: t.Sequence[str] = ("lb1", "lb2")) -> Break:
    """What keepalived does with a real server whose check fails; with the last one the sorry server comes in."""

    def apply(seen: Observations) -> None:
        for services in tables(seen, *on):
            for each in services:
                each["destinations"] = [d for d in each["destinations"] if d["destination"] not in addresses]

    return apply


def put_in(address: str, on: t.Sequence[str] = ("lb1", "lb2"), number: int = WEB) -> Break:
    def apply(seen: Observations) -> None:
        for connections, services in zip((0, 20) * len(on), tables(seen, *on), strict=True):
            services[number]["destinations"].append(
                {
                    "destination": address,
                    "destination_port": 80,
                    "forwarding": "direct",
                    "weight": 1,
                    "counters": {"connections": connections},
                }
            )

    return apply


def change_service(on: str, number: int = WEB, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        for services in tables(seen, on):
            services[number].update(changes)

    return apply


def change_destination(on: str, address: str, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        for services in tables(seen, on):
            for each in services:
                for destination in each["destinations"]:
                    if destination["destination"] == address:
                        destination.update(changes)

    return apply


def move_vips_to_lb2(seen: Observations) -> None:
    """A failover, with the probe's traffic going through lb2."""
    moved = [entry for entry in look(seen, "lb1")["addresses"] if entry["address"] in (VIP, VIP6)]
    look(seen, "lb2")["addresses"] += moved
    remove_address(VIP, VIP6, on="lb1")(seen)
    hosts = seen["hosts"]
    hosts["lb2"]["ipvs_after"], hosts["lb1"]["ipvs_after"] = hosts["lb1"]["ipvs_after"], hosts["lb1"]["ipvs"]
    answer(MACS["lb2"])(seen)
    believe(MACS["lb2"])(seen)


def unreachable(name: str) -> Break:
    def apply(seen: Observations) -> None:
        seen["hosts"][name] = {"unreachable": True}

    return apply


def answer(*macs: str) -> Break:
    def apply(seen: Observations) -> None:
        seen["probe"]["neighbours"] = {vip: sorted(macs) for vip in seen["probe"]["neighbours"]}

    return apply


def believe(*macs: str) -> Break:
    def apply(seen: Observations) -> None:
        seen["probe"]["cached"] = {vip: list(macs) for vip in seen["probe"]["cached"]}

    return apply


def silence(*vips: str) -> Break:
    def apply(seen: Observations) -> None:
        seen["probe"]["neighbours"].update({vip: [] for vip in vips})

    return apply


def connect(succeeded: int, numbers: t.Sequence[int] = (WEB, WEB6), error: str | None = "timed out") -> Break:
    def apply(seen: Observations) -> None:
        for number in numbers:
            seen["probe"]["connections"][number].update(succeeded=succeeded, error=error)

    return apply


def count(address: str, connections: int, on: str = "lb1") -> Break:
    def apply(seen: Observations) -> None:
        for each in seen["hosts"][on]["ipvs_after"]["services"]:
            for destination in each["destinations"]:
                if destination["destination"] == address:
                    destination["counters"]["connections"] = connections

    return apply


def count_nothing(number: int) -> Break:
    def apply(seen: Observations) -> None:
        hosts = seen["hosts"]
        hosts["lb1"]["ipvs_after"]["services"][number] = hosts["lb1"]["ipvs"]["services"][number]

    return apply


def add_service(on: str, **keys: object) -> Break:
    def apply(seen: Observations) -> None:
        for services in tables(seen, on):
            services.append({"protocol": "tcp", "address": VIP, "port": 443, "destinations": [], **keys})

    return apply


def remove_service(on: str, number: int) -> Break:
    def apply(seen: Observations) -> None:
        for services in tables(seen, on):
            del services[number]

    return apply


def no_probe(seen: Observations) -> None:
    seen["probe"] = None


def set_ipvs(on: str, result: object) -> Break:
    def apply(seen: Observations) -> None:
        seen["hosts"][on].update(ipvs=result, ipvs_after=result)

    return apply


def forget(name: str) -> Break:
    def apply(seen: Observations) -> None:
        del seen["hosts"][name]

    return apply
