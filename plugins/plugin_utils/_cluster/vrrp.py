# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``vrrp`` in the description says, and each director's part in it."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from .daemons import Instance, Vrrp
from .hosts import Hosts
from .mistakes import closest, directors_listed, listed, shown
from .model import (
    DEFAULT_VRRP,
    MAX_ADVERT,
    MAX_DOWN_TIMER_ADVERTS,
    MAX_PREEMPT_DELAY,
    MIN_ADVERT,
    Cluster,
    Director,
    Nat,
    Service,
)
from .nat import external_addresses, uses_nat
from .places import Places
from .section import Section, is_interface_name

_KEYS = (
    "router_id",
    "advert_interval",
    "preempt",
    "unicast",
    "preempt_delay",
    "down_timer_adverts",
    "track_interfaces",
    "instances",
)


def read_vrrp(top: Section, hosts: Hosts) -> Vrrp:
    if not top.has("vrrp"):
        return DEFAULT_VRRP
    section = Section(top.mistakes, "vrrp", top.get("vrrp"), optional=_KEYS)
    router_id = section.integer("router_id", DEFAULT_VRRP.router_id, 1, 255, "unique on the network")
    advert_interval = section.decimal(
        "advert_interval", DEFAULT_VRRP.advert_interval, MIN_ADVERT, MAX_ADVERT, 2, "seconds in hundredths, VRRPv3"
    )
    instances = _instances(section, hosts, router_id)
    # VIPs that are shared out would stay together for ever after the first failover.
    preempt = section.flag("preempt", bool(instances))
    delay = section.integer("preempt_delay", 0, 0, MAX_PREEMPT_DELAY, "seconds")
    if delay and not preempt:
        section.note(
            "preempt_delay",
            "A director that comes back waits for nothing: preempt is false.",
            "Leave it out, or write preempt: true.",
        )
    return Vrrp(
        router_id=router_id,
        advert_interval=advert_interval,
        preempt=preempt,
        unicast=section.flag("unicast", DEFAULT_VRRP.unicast),
        preempt_delay=delay,
        down_timer_adverts=section.integer("down_timer_adverts", 0, 1, MAX_DOWN_TIMER_ADVERTS, "missing adverts")
        or None,
        track_interfaces=tuple(_tracked(section, hosts)),
        instances=instances,
    )


def _tracked(section: Section, hosts: Hosts) -> t.Iterator[str]:
    for index, value in enumerate(section.items("track_interfaces", may_be_empty=True)):
        key = f"track_interfaces[{index}]"
        if not is_interface_name(value):
            section.note(key, f"{shown(value)} is no interface name.", "Write a name as ip link shows it.")
            continue
        known = [director for director in hosts.directors if director.interfaces]
        missing = [d.name for d in known if value not in {each.name for each in d.interfaces}]
        if missing:
            section.note(
                key,
                f"{value} is no interface of {directors_listed(missing)}, which would never be active.",
                "Name one that all directors have.",
            )
        yield str(value)


def _instances(section: Section, hosts: Hosts, router_id: int) -> tuple[Instance, ...]:
    names = [director.name for director in hosts.directors]
    # Whose place each number and name is already.
    numbers: dict[int, str] = {router_id: "vrrp.router_id"}
    found: list[Instance] = []
    for index, entry in enumerate(section.items("instances", may_be_empty=True)):
        path = section.at(f"instances[{index}]")
        own = Section(section.mistakes, path, entry, required=("name", "router_id", "vips"), optional=("first",))
        if not own.is_mapping:
            continue
        name = own.name("name") or ""
        if name in {f"lvs_{router_id}", *(each.name for each in found)}:
            own.note("name", f"Another instance is called {name} too.", "Give each its own name.")
        number = own.integer("router_id", 0, 1, 255, "unique on the network")
        taken = numbers.setdefault(number, f"{path}.router_id")
        if number and taken != f"{path}.router_id":
            own.note("router_id", f"{taken} is {number} too.", "Give each instance a number of its own.")
        first = names[(index + 1) % len(names)] if names else ""
        if own.has("first"):
            if own.get("first") in names:
                first = str(own.get("first"))
            else:
                near = closest(own.get("first"), names)
                own.note(
                    "first",
                    f"{shown(own.get('first'))} is no host of the group directors.",
                    f"Did you mean {near}?" if near else f"Write {listed(names)}.",
                )
        found.append(Instance(name, number, tuple(_vips(own)), first))
    return tuple(found)


def _vips(own: Section) -> t.Iterator[str]:
    for index, value in enumerate(own.items("vips")):
        address = own.address_value(f"vips[{index}]", "" if value is None else value)
        if address is not None:
            yield str(address)


def check_instances(hosts: Hosts, vrrp: Vrrp, nat: Nat, services: Sequence[Service], vips: Mapping[str, str]) -> None:
    """Every VIP moves with what it needs: gateways and external addresses stay in the first instance."""
    if not vrrp.instances:
        return
    bound = {
        vip: f"Service {each.name} forwards by nat" for each in services if uses_nat(each) for vip in each.addresses
    }
    bound.update({str(address): f"A mapping translates {address}" for address in external_addresses(nat)})
    places: dict[str, str] = {}
    for index, instance in enumerate(vrrp.instances):
        for at, vip in enumerate(instance.vips):
            path = f"vrrp.instances[{index}].vips[{at}]"
            first = places.setdefault(vip, path)
            if first != path:
                hosts.note(path, f"{vip} stands in {first} too.", "Write each VIP into one instance.")
            elif vip not in vips:
                near = closest(vip, vips)
                remedy = f"Did you mean {near}?" if near else "Write VIPs of services."
                hosts.note(path, f"{vip} is the VIP of no service.", remedy)
            elif vip in bound:
                hosts.note(
                    path,
                    f"{bound[vip]}: the real servers' answers come back through the gateway, which is in the first "
                    "instance.",
                    "Take the VIP out of instances.",
                )
    _check_shares(hosts, vrrp, services)
    if vips and all(vip in places for vip in vips):
        hosts.note("vrrp.instances", "No VIP is left for the first instance.", "Leave one out of instances.")


def _check_shares(hosts: Hosts, vrrp: Vrrp, services: Sequence[Service]) -> None:
    for service in services:
        if service.persistence and len({_instance_of(vrrp, vip) for vip in service.addresses}) > 1:
            hosts.note(
                "vrrp.instances",
                f"The VIPs of service {service.name} are in several instances, and its clients would not stay with "
                "their real server: each director knows its own only.",
                "Put all of them into one, or leave persistence out.",
            )


def _instance_of(vrrp: Vrrp, vip: str) -> str:
    return next((each.name for each in vrrp.instances if vip in each.vips), "")


def vrrp_plan(director: Director, cluster: Cluster, places: Places) -> dict[str, t.Any]:
    """The variable ``director_vrrp``; empty without VRRP."""
    source = director.source
    if source is None or cluster.failover != "keepalived":
        return {}
    vrrp = cluster.vrrp
    interface = director.host.interface_of(source)
    interfaces = list(dict.fromkeys((*places.every_interface, *vrrp.track_interfaces)))
    return {
        "instance": f"lvs_{vrrp.router_id}",
        "router_id": vrrp.router_id,
        "interface": interface,
        # VRRP watches its own interface anyway.
        "track_interfaces": [] if interfaces == [interface] else interfaces,
        "family": f"ipv{source.version}",
        "source": str(source),
        "peers": [str(other.source) for other in cluster.directors if other is not director],
        "priority": director.priority,
        "advert_interval": vrrp.advert_interval,
        "preempt": vrrp.preempt,
        "preempt_delay": vrrp.preempt_delay,
        "down_timer_adverts": vrrp.down_timer_adverts,
        "unicast": vrrp.unicast,
        "instances": [_instance_plan(each, director, cluster) for each in vrrp.instances],
    }


def _instance_plan(instance: Instance, director: Director, cluster: Cluster) -> dict[str, t.Any]:
    """The one who is to be first comes first, the others follow in their usual order."""
    order = sorted(cluster.directors, key=lambda each: (each.host.name != instance.first, -each.priority))
    return {
        "name": instance.name,
        "router_id": instance.router_id,
        "priority": 250 - 10 * order.index(director),
        "vips": list(instance.vips),
    }
