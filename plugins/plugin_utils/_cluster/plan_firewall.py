# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The directors' firewall: the options of the module ``firewall``."""

from __future__ import annotations

import ipaddress
import typing as t
from collections.abc import Iterable

from .inventory import Host, Network
from .model import Cluster, Director, Firewall
from .places import Places
from .plan_heartbeat import heartbeat_accepts
from .ports import spelled
from .sync import sync_filter

#: Sources that no packet from outside can honestly have (RFC 6890 and its registries), as far as dropping them is safe:
#: 169.254.0.0/16 is missing, because clouds serve names, time and metadata from there; so are :: and fe80::/10, without
#: which there is no neighbour discovery.
FORGED_SOURCES: tuple[Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::1/128",
            "::ffff:0.0.0.0/96",
            "100::/64",
            "2001:db8::/32",
            "fc00::/7",
            "ff00::/8",
        ),
    )
)


def firewall_plan(director: Director, cluster: Cluster, places: Places) -> dict[str, t.Any]:
    firewall = cluster.firewall
    if firewall is None:
        return {}
    trusted = [*firewall.trusted_interfaces, *(places.internal if firewall.internal else ())]
    others = [other.source for other in cluster.directors if other is not director]
    spoofed = firewall.spoofed
    if spoofed is None:
        spoofed = tuple(_forged_sources(director.host, cluster, firewall, places))
    external = [name for name in places.external if name not in trusted]
    return {
        "external_interfaces": external,
        "trusted_interfaces": list(dict.fromkeys(trusted)),
        "services": _services(cluster),
        "forward_sources": _forward_sources(cluster, places, external),
        "vrrp_peers": [str(source) for source in others if source is not None and cluster.failover == "keepalived"],
        "sync": sync_filter(director, cluster),
        "ssh_port": firewall.ssh_port,
        "ssh_sources": [str(network) for network in firewall.ssh],
        "accept": [
            {
                "protocol": each.protocol,
                "ports": spelled(each.ports),
                "sources": [str(network) for network in each.sources],
            }
            for each in firewall.accept
        ]
        + heartbeat_accepts(director, cluster),
        "spoofed_sources": [str(network) for network in spoofed],
        "syn_rate": firewall.syn_rate,
        "syn_burst": firewall.syn_burst,
        "log_rate": firewall.log_rate,
    }


def _services(cluster: Cluster) -> list[dict[str, t.Any]]:
    return [
        {"address": address, "protocol": service.protocol, "ports": spelled(service.firewall_ports or service.ports)}
        for service in cluster.services
        for address in service.addresses
    ]


def _forward_sources(cluster: Cluster, places: Places, external: list[str]) -> list[str]:
    """Networks that use the directors as gateway from an external interface (one arm): their packets must pass."""
    nat = cluster.nat
    versions = [gateway.version for gateway in nat.gateways if places.gateways[gateway.ip] in external]
    networks = [*(gateway.network for gateway in nat.gateways), *nat.masquerade]
    return list(dict.fromkeys(str(network) for network in networks if network.version in versions))


def _forged_sources(host: Host, cluster: Cluster, firewall: Firewall, places: Places) -> Iterable[Network]:
    """Those in which nobody lives from whom packets come to the external interfaces.

    That are the machines on the director's own external networks, every machine of the inventory that is not behind the
    directors (clients, other directors, real servers at the end of a tunnel), and everybody from elsewhere whom the
    firewall lets in or the directors masquerade.
    """
    external = places.external
    own = [network for each in host.interfaces if each.name in external for network in each.networks]
    internal = [network for each in host.interfaces if each.name not in external for network in each.networks]
    if places.internal:
        internal += [*(gateway.network for gateway in cluster.nat.gateways), *cluster.nat.masquerade]
    named = [*firewall.ssh, *(source for each in firewall.accept for source in each.sources), *cluster.nat.masquerade]
    # Who lets everybody in means nobody in particular.
    outside = [network for network in named if network.prefixlen and not any(_is_in(network, i) for i in internal)]
    known = {*places.vips, *cluster.known_addresses}
    addresses = [address for address in known if not any(address in network for network in internal)]
    for forged in FORGED_SOURCES:
        if any(_overlap(forged, network) for network in (*own, *outside)):
            continue
        if not any(address in forged for address in addresses):
            yield forged


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _is_in(inner: Network, outer: Network) -> bool:
    return _overlap(inner, outer) and inner.prefixlen >= outer.prefixlen
