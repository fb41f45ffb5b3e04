# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``connection_sync`` in the description says, and where each director sends and hears."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from .daemons import Sync
from .hosts import Hosts
from .inventory import parse_address
from .mistakes import directors_listed, shown
from .model import (
    MAX_SYNC_LENGTH,
    MIN_SYNC_LENGTH,
    Cluster,
    Director,
    Service,
)
from .section import Section, is_interface_name

#: The kernel's own group, and one beside it for directors that speak IPv6 with each other.
_GROUPS = {4: "224.0.0.81", 6: "ff02::81"}
#: An IPv6 header is longer (ipvsadm(8)).
_MAX_LENGTH_V6 = MAX_SYNC_LENGTH - 20


def read_sync(
    top: Section,
    hosts: Hosts,
    *,
    failover: str,
    router_id: int,
    directors: Sequence[Director],
    services: Sequence[Service],
) -> Sync | None:
    """How the standby learns live connections; None: it does not."""
    version = next((director.source.version for director in directors if director.source is not None), 4)
    default = Sync(sync_id=router_id, group=_GROUPS[version])
    value = top.get("connection_sync")
    mixed = _with_other_family(services)
    if value is None:
        return default if failover != "none" and mixed is None else None
    section = None
    if isinstance(value, dict):
        keys = ("interface", "sync_id", "group", "port", "ttl", "max_length")
        section = Section(top.mistakes, "connection_sync", value, optional=keys)
    elif not top.flag("connection_sync", True):
        return None
    if failover == "none":
        top.note(
            "connection_sync",
            "There is no standby that could learn connections: failover is none.",
            "Leave it out, or write failover: keepalived or heartbeat.",
        )
    if mixed is not None:
        top.note(
            "connection_sync",
            f"A real server of service {mixed} has an address of the other family than its VIP, and the kernel takes "
            "no such one while it synchronises connections.",
            "Write false, or give that service real servers of its own family.",
        )
    return default if section is None else _sync(section, hosts, default)


def _with_other_family(services: Sequence[Service]) -> str | None:
    for service in services:
        for each in service.real_servers:
            address = parse_address(each.address)
            if address is not None and address.version != service.version:
                return service.name
    return None


def _sync(section: Section, hosts: Hosts, default: Sync) -> Sync:
    group = _group(section, default.group)
    is_ipv6 = ":" in group
    interface = _interface(section)
    if interface is not None:
        _check_interface(section, hosts, interface, version=6 if is_ipv6 else 4)
    longest = _MAX_LENGTH_V6 if is_ipv6 else MAX_SYNC_LENGTH
    return Sync(
        sync_id=section.integer("sync_id", default.sync_id, 1, 255, "the same on all directors, no other cluster's"),
        group=group,
        interface=interface,
        port=section.integer("port", default.port, 1, 65535, "a UDP port"),
        ttl=section.integer("ttl", default.ttl, 1, 255, "routers on the way, and one"),
        max_length=section.integer("max_length", default.max_length, MIN_SYNC_LENGTH, longest, "bytes of a message"),
    )


def _group(section: Section, default: str) -> str:
    value = section.get("group")
    if value is None:
        return default
    address = parse_address(value)
    if address is not None and address.is_multicast:
        return str(address)
    section.note("group", f"{shown(value)} is no multicast address.", f"Write one such as {default}.")
    return default


def _interface(section: Section) -> str | None:
    value = section.get("interface")
    if value is None or is_interface_name(value):
        return value if value is None else str(value)
    section.note("interface", f"{shown(value)} is no interface name.", "Write a name as ip link shows it.")
    return None


def _check_interface(section: Section, hosts: Hosts, interface: str, *, version: int) -> None:
    known = [director for director in hosts.directors if director.interfaces]
    missing = [d.name for d in known if interface not in {each.name for each in d.interfaces}]
    bare = [
        d.name
        for d in known
        if any(i.name == interface and not any(n.version == version for n in i.networks) for i in d.interfaces)
    ]
    if missing:
        section.note(
            "interface",
            f"{interface} is no interface of {directors_listed(missing)}.",
            "Name one that all directors have.",
        )
    elif bare and version == 4:
        section.note(
            "interface",
            f"{interface} of {directors_listed(bare)} has no IPv4 address, from which it could send.",
            "Give it one, or write an IPv6 group such as ff02::81.",
        )


def sync_plan(director: Director, cluster: Cluster) -> dict[str, t.Any]:
    """The variable ``director_connection_sync``; empty without synchronisation."""
    sync, interface = cluster.sync, sync_interface(director, cluster)
    if sync is None or interface is None:
        return {}
    return {
        "interface": interface,
        "sync_id": sync.sync_id,
        "group": sync.group,
        "port": sync.port,
        "ttl": sync.ttl,
        "max_length": sync.max_length,
    }


def sync_interface(director: Director, cluster: Cluster) -> str | None:
    if cluster.sync is None or director.source is None:
        return None
    return cluster.sync.interface or director.host.interface_of(director.source)


def sync_filter(director: Director, cluster: Cluster) -> dict[str, t.Any] | None:
    """The option ``sync`` of the module ``firewall``: who may send connections to this director.

    The kernel sends from the interface's first IPv4 address, and to an IPv6 group from its link-local one, which
    nobody knows here: then everybody on that interface may.
    """
    interface = sync_interface(director, cluster)
    if cluster.sync is None or interface is None:
        return None
    others = [other for other in cluster.directors if other is not director]
    sources = [_sending_address(other, cluster) for other in others]
    is_known = ":" not in cluster.sync.group and None not in sources
    return {"interface": interface, "peers": sources if is_known else [], "port": cluster.sync.port}


def _sending_address(director: Director, cluster: Cluster) -> str | None:
    name = sync_interface(director, cluster)
    seen = next((each.first for each in director.host.interfaces if each.name == name), None)
    if seen is not None:
        return str(seen)
    is_vrrp = cluster.sync is not None and cluster.sync.interface is None
    return str(director.source) if is_vrrp and director.source is not None and director.source.version == 4 else None
