# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster description (``lvs_cluster``): its shape, its defaults, and every rule that it must keep.

``read_cluster`` goes through the description once and notes every mistake that it meets, so that one run shows all of
them. What it returns is normalised and frozen: addresses parsed, numbers numeric, defaults filled in.
"""

from __future__ import annotations

from collections.abc import Sequence

from .hosts import Hosts
from .inventory import Host
from .mistakes import DescriptionError, Mistake
from .model import DEFAULT_VRRP, FAILOVER, FORWARDING, HEALTH_CHECKS, MAX_ADVERT, MIN_ADVERT, Cluster, Vrrp
from .section import Section
from .services import Services


def read_cluster(description: object, directors: Sequence[Host], real_servers: Sequence[Host]) -> Cluster:
    """The cluster that ``description`` describes, on these hosts (in the inventory's order).

    Raises ``DescriptionError`` with all mistakes.
    """
    mistakes: list[Mistake] = []
    if description is None:
        raise DescriptionError(
            [Mistake("lvs_cluster", "It is not set.", "Write it into group_vars/all.yml beside the inventory.")]
        )
    cluster = _cluster(description, mistakes, Hosts(mistakes, directors, real_servers))
    if cluster is None or mistakes:
        raise DescriptionError(mistakes)
    return cluster


def _cluster(description: object, mistakes: list[Mistake], hosts: Hosts) -> Cluster | None:
    top = Section(
        mistakes,
        "",
        description,
        required=("services",),
        optional=("failover", "health_checks", "forwarding", "vrrp", "connection_sync"),
        later=("nat", "firewall"),
    )
    if not top.is_mapping:
        return None
    failover = top.choice("failover", "keepalived", FAILOVER, later=("heartbeat",))
    health_checks = top.choice("health_checks", "keepalived", HEALTH_CHECKS, later=("ldirectord",))
    forwarding = top.choice("forwarding", "direct", FORWARDING, later=("nat", "tunnel"))
    vrrp = _vrrp(top)
    if top.flag("connection_sync", False):
        top.note("connection_sync", "connection_sync true is not supported yet.", "Write false or leave it out.")
    reader = Services(mistakes, hosts, is_checking=health_checks != "none")
    services = reader.services(top, forwarding)
    directors = hosts.read_directors(failover, reader.vip_families())
    reader.check_vips()
    return Cluster(
        failover=failover,
        health_checks=health_checks,
        vrrp=vrrp,
        directors=directors,
        real_servers=tuple(hosts.known_real_servers),
        services=services,
    )


def _vrrp(top: Section) -> Vrrp:
    if not top.has("vrrp"):
        return DEFAULT_VRRP
    keys = ("router_id", "advert_interval", "preempt", "unicast")
    section = Section(top.mistakes, "vrrp", top.get("vrrp"), optional=keys)
    return Vrrp(
        router_id=section.integer("router_id", DEFAULT_VRRP.router_id, 1, 255, "unique on the network"),
        advert_interval=section.decimal(
            "advert_interval", DEFAULT_VRRP.advert_interval, MIN_ADVERT, MAX_ADVERT, 2, "seconds in hundredths, VRRPv3"
        ),
        preempt=section.flag("preempt", DEFAULT_VRRP.preempt),
        unicast=section.flag("unicast", DEFAULT_VRRP.unicast),
    )
