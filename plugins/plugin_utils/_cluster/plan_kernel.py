# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernel modules and sysctls of a director: no more than its services need."""

from __future__ import annotations

from collections.abc import Mapping

from .model import Cluster
from .nat import uses_nat
from .places import Places

#: expire_nodest_conn: connections to a real server that was taken out end at once instead of vanishing for minutes.
#: expire_quiescent_template: persistent clients leave a drained real server.
#: (Documentation/networking/ipvs-sysctl.rst of the kernel)
DIRECTOR_SYSCTLS: Mapping[str, int] = {
    "net.ipv4.vs.expire_nodest_conn": 1,
    "net.ipv4.vs.expire_quiescent_template": 1,
}
_FORWARDING = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
#: In the order in which they are loaded. ip_vs_ftp rewrites what conntrack's FTP helper has read.
_FTP_MODULES = ("nf_conntrack_ftp", "nf_nat_ftp", "ip_vs_ftp")


def kernel_modules(cluster: Cluster) -> list[str]:
    """In the order in which they are to be loaded."""
    schedulers = sorted({f"ip_vs_{service.scheduler}" for service in cluster.services})
    has_ftp = any(service.helper == "ftp" for service in cluster.services)
    return ["ip_vs", *schedulers, *(_FTP_MODULES if has_ftp else ())]


def sysctls(cluster: Cluster, places: Places) -> dict[str, int]:
    """To be set after the modules are loaded: ``net.ipv4.vs`` is not there before."""
    values = {_FORWARDING[version]: 1 for version in sorted(_routed_families(cluster))}
    if any(gateway.version == 4 for gateway in places.gateways):
        # Else the director tells the real server the client's own way, or the client the real server's. Both must be 0.
        for name in ("all", *places.one_arm) if places.one_arm else ():
            # A dot in a name (a VLAN) is a slash in a sysctl (sysctl.d(5)).
            values[f"net.ipv4.conf.{name.replace('.', '/')}.send_redirects"] = 0
    values.update(DIRECTOR_SYSCTLS)
    if cluster.drain_keeps_persistent_clients:
        values["net.ipv4.vs.expire_quiescent_template"] = 0
    if _needs_conntrack(cluster):
        values["net.ipv4.vs.conntrack"] = 1
    return values


def _routed_families(cluster: Cluster) -> set[int]:
    """The families that real servers route through the directors."""
    nat = {service.version for service in cluster.services if uses_nat(service)}
    return nat | {gateway.version for gateway in cluster.nat.gateways}


def _needs_conntrack(cluster: Cluster) -> bool:
    """Whether netfilter must know the balanced connections: to change their source, or to read along.

    It costs a good part of what a director can forward, so nobody else gets it.
    """
    is_source_changed = cluster.nat.local_clients == "source_nat"
    return is_source_changed or any(service.helper is not None for service in cluster.services)
