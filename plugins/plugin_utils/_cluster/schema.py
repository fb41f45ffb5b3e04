# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster description (``lvs_cluster``): its shape, its defaults, and every rule that it must keep.

``read_cluster`` goes through the description once and notes every mistake that it meets, so that one run shows all of
them. What it returns is normalised and frozen: addresses parsed, numbers numeric, defaults filled in.
"""

from __future__ import annotations

from collections.abc import Sequence

from .firewall import read_firewall
from .floating import check_sorry_servers, check_vips
from .heartbeat import check_nodes, read_heartbeat
from .hosts import Hosts
from .inventory import Address, Host, parse_address
from .ldirectord import read_ldirectord
from .mistakes import DescriptionError, Mistake, shown
from .model import (
    DEFAULT_FWMARK_RANGE,
    DEFAULT_MIN_CAPACITY,
    FAILOVER,
    FORWARDING,
    HEALTH_CHECKS,
    MAX_FWMARK,
    Cluster,
)
from .nat import NatRules, read_nat
from .notify import read_notify
from .section import Section, whole_number
from .services import Services, read_min_capacity
from .sync import read_sync
from .vrrp import check_instances, read_vrrp
from .ways_back import check_ways_back


def read_cluster(
    description: object, directors: Sequence[Host], real_servers: Sequence[Host], clients: Sequence[Host] = ()
) -> Cluster:
    """The cluster that ``description`` describes, on these hosts (in the inventory's order).

    Raises ``DescriptionError`` with all mistakes.
    """
    mistakes: list[Mistake] = []
    if description is None:
        raise DescriptionError(
            [Mistake("lvs_cluster", "It is not set.", "Write it into group_vars/all.yml beside the inventory.")]
        )
    cluster = _cluster(description, mistakes, Hosts(mistakes, directors, real_servers), clients)
    if cluster is None or mistakes:
        # What is wrong with both families of a service is said once.
        raise DescriptionError(dict.fromkeys(mistakes))
    return cluster


def _cluster(description: object, mistakes: list[Mistake], hosts: Hosts, clients: Sequence[Host]) -> Cluster | None:
    top = Section(
        mistakes,
        "",
        description,
        required=("services",),
        optional=(
            "failover",
            "health_checks",
            "forwarding",
            "fwmark_range",
            "vrrp",
            "heartbeat",
            "ldirectord",
            "connection_sync",
            "notify",
            "nat",
            "firewall",
            "min_capacity",
            "drain_keeps_persistent_clients",
        ),
    )
    if not top.is_mapping:
        return None
    failover = top.choice("failover", "keepalived", FAILOVER)
    health_checks = top.choice("health_checks", "keepalived", HEALTH_CHECKS)
    forwarding = top.choice("forwarding", "direct", FORWARDING)
    mark_range = _mark_range(top)
    vrrp = read_vrrp(top, hosts)
    heartbeat = read_heartbeat(top)
    ldirectord = read_ldirectord(top)
    notify = read_notify(top, failover, health_checks)
    nat = read_nat(top)
    firewall = read_firewall(top)
    reader = Services(mistakes, hosts, nat, health_checks=health_checks)
    reader.min_capacity = read_min_capacity(top, DEFAULT_MIN_CAPACITY)
    services = reader.services(top, forwarding, mark_range)
    directors = hosts.read_directors(failover, reader.vip_families())
    sync = read_sync(
        top,
        hosts,
        failover=failover,
        router_id=vrrp.router_id,
        directors=directors,
        services=services,
    )
    check_instances(hosts, vrrp, nat, services, reader.vips)
    if failover == "heartbeat":
        check_nodes(top, heartbeat, directors, reader.vips)
    check_sorry_servers(hosts, reader.vips, reader.sorry.addresses)
    check_vips(hosts, reader.vips)
    NatRules(mistakes, nat, hosts, services).check(clients)
    check_ways_back(hosts, nat, services, reader.names, clients)
    return Cluster(
        failover=failover,
        health_checks=health_checks,
        vrrp=vrrp,
        directors=directors,
        real_servers=tuple(hosts.known_real_servers),
        windows=hosts.windows,
        services=services,
        nat=nat,
        firewall=firewall,
        sync=sync,
        notify=notify,
        known_addresses=_known_addresses(hosts, clients),
        owners=hosts.owners,
        drain_keeps_persistent_clients=top.flag("drain_keeps_persistent_clients", False),
        heartbeat=heartbeat,
        ldirectord=ldirectord,
    )


def _known_addresses(hosts: Hosts, clients: Sequence[Host]) -> tuple[Address, ...]:
    given = [*hosts.owners, *(value for client in clients for value in client.addresses)]
    return tuple(address for address in map(parse_address, given) if address is not None)


def _mark_range(top: Section) -> tuple[int, int]:
    if not top.has("fwmark_range"):
        return DEFAULT_FWMARK_RANGE
    given = top.items("fwmark_range")
    numbers = [whole_number(value) for value in given]
    if len(numbers) == 2 and numbers[0] and numbers[1] and 1 <= numbers[0] <= numbers[1] <= MAX_FWMARK:
        return numbers[0], numbers[1]
    top.note(
        "fwmark_range",
        f"{shown(top.get('fwmark_range'))} is no range of marks.",
        f"Write the first and the last one, such as [1000, 1999], from 1 to {MAX_FWMARK}.",
    )
    return DEFAULT_FWMARK_RANGE
