# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way back: with NAT answers must pass the director, else they must not; and the way to direct real servers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from .finding import Finding, Found, broken, named
from .mistakes import listed
from .observed import (
    SeenHost,
    ServiceKey,
    Values,
    forwarding_of,
    normal,
    version_of,
)
from .view import View


def check_default_gateways(view: View) -> Iterator[Finding]:
    for host in view.real_servers:
        if not host.was_read:
            continue
        for gateway in map(normal, host.wanted.get("realserver_linux_gateways") or ()):
            family = f"ipv{version_of(gateway)}"
            routes = [route for route in host.routes if route.get("family") == family]
            if routes and normal(routes[0].get("gateway")) == gateway:
                continue
            yield Finding(
                host.name,
                f"Its default gateway is {_route_text(routes[0])} instead of {gateway}, so its answers go past the "
                "director, which has to translate them."
                if routes
                else f"It has no default gateway instead of {gateway}, so its answers go nowhere.",
                "It was changed by hand, by DHCP, or not set again after a reboot.",
                "Run site.yml again; if it comes back, see who sets it with ip -details route show default.",
                breaks=view.services_of(host.name, forwarding="nat", version=version_of(gateway)),
                explains=frozenset(["default_gateway"]),
            )


def _route_text(route: Values) -> str:
    return f"{route.get('gateway') or 'none'} on {route.get('interface')}"


def check_gateway_neighbours(view: View) -> Iterator[Finding]:
    """A real server that was not told of a failover sends its answers to the director that was active before."""
    for host in view.real_servers:
        for gateway in map(normal, host.wanted.get("realserver_linux_gateways") or ()):
            holders = view.holders(gateway)
            macs = [str(n.get("mac")).lower() for n in host.neighbours if normal(n.get("address")) == gateway]
            if len(holders) != 1 or not macs or set(macs) & holders[0].macs():
                continue
            owner = next((other.name for other in view.hosts.values() if macs[0] in other.macs()), None)
            yield Finding(
                host.name,
                f"It takes {owner or 'the machine with the MAC address ' + macs[0]} for the gateway {gateway}, which "
                f"{holders[0].name} holds.",
                "Its neighbour cache is stale: the gratuitous ARP of the failover did not reach it."
                if owner
                else "Another machine uses the same address, or the cache is stale.",
                f"Run ip neigh flush to {gateway} there; if it comes back, find who answers with arping {gateway}.",
                breaks=view.services_of(host.name, forwarding="nat", version=version_of(gateway)),
            )


def check_segments(view: View) -> Iterator[Finding]:
    """Direct forwarding changes the hardware address only, so the real server must be on a network of the director."""
    for host in view.real_servers:
        far = [address for address in _direct_addresses(view, host) if not _is_near_all(view, address)]
        if far:
            directors = [d.name for d in view.looked_at_directors if not all(_is_near(d, each) for each in far)]
            yield Finding(
                host.name,
                f"{listed(far, 'and')} is on no network of {listed(directors, 'and')}: direct forwarding reaches real "
                "servers on the same segment only.",
                "The real server or the director moved to another network, or it is behind a router.",
                "Put both on one network, or write forwarding: tunnel for this real server.",
                breaks=view.services_of(host.name, forwarding="direct"),
            )


def _direct_addresses(view: View, host: SeenHost) -> list[str]:
    return list(
        dict.fromkeys(
            normal(entry["address"])
            for service in view.services
            for entry in service.get("real_servers") or ()
            if entry.get("host") == host.name and forwarding_of(service, entry) == "direct"
        )
    )


def _is_near_all(view: View, address: str) -> bool:
    return all(_is_near(director, address) for director in view.looked_at_directors)


def _is_near(director: SeenHost, address: str) -> bool:
    """Whether the address is in a network of the director, or answered there (a route may lead to it on the link)."""
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for _interface, network in director.networks()) or any(
        normal(neighbour.get("address")) == address for neighbour in director.neighbours
    )


def check_ways_out(view: View, found: Found) -> Iterator[Finding]:
    """With direct forwarding and tunnels the answers come from the VIP, which the active director has for its own.

    Linux drops what comes in with one of its own addresses as source. A client on the real server's network gets its
    answers without any gateway; so where the description itself wants this gateway, for services by NAT on the same
    real server, only connections that fail make it a fault.
    """
    explained = broken(found)
    for host in view.real_servers:
        for version in (4, 6):
            routes = [route for route in host.routes if route.get("family") == f"ipv{version}"]
            gateway = normal(routes[0].get("gateway")) if routes else ""
            vips = [vip for vip in _vips_of(host) if version_of(vip) == version]
            owner = _director_of(view, gateway)
            if not vips or not owner:
                continue
            failing = _failing_from_afar(view, host, vips) - explained
            wanted = map(normal, host.wanted.get("realserver_linux_gateways") or ())
            is_wanted = version in map(version_of, wanted)
            if failing or not is_wanted:
                yield _way_out_finding(view, host, gateway, owner, vips, failing, is_wanted=is_wanted)


def _failing_from_afar(view: View, host: SeenHost, vips: list[str]) -> frozenset[ServiceKey]:
    """Services on these VIPs that this real server answers past the director and that fail from other networks."""
    direct = view.services_of(host.name, forwarding="direct") | view.services_of(host.name, forwarding="tunnel")
    keys = view.services_on(vips) & direct
    return frozenset(
        attempts.key
        for attempts in view.attempts
        if attempts.failed and attempts.key in keys and not _is_local(host, attempts.tries[0].source)
    )


def _vips_of(host: SeenHost) -> list[str]:
    return [normal(vip) for vip in host.wanted.get("realserver_linux_vips") or ()]


def _director_of(view: View, address: str) -> str:
    """Whose address it is, now or after a failover; nothing for that of another machine."""
    if address in view.gateways:
        return "the directors"
    return next((director.name for director in view.looked_at_directors if director.places_of(address)), "")


def _is_local(host: SeenHost, source: str) -> bool:
    return bool(source) and any(ipaddress.ip_address(source) in network for _interface, network in host.networks())


def _way_out_finding(
    view: View,
    host: SeenHost,
    gateway: str,
    owner: str,
    vips: list[str],
    failing: frozenset[ServiceKey],
    *,
    is_wanted: bool,
) -> Finding:
    return Finding(
        host.name,
        f"Its default gateway is {gateway} of {owner}, so what it answers from {listed(vips, 'and')} to clients on "
        "other networks goes to a director, which drops what comes from its own VIP.",
        "The description forwards to it by nat too, for which it needs that gateway."
        if is_wanted
        else "It was set by hand or by DHCP, or is left from forwarding by nat.",
        f"Have {named(view, failing)} forwarded by nat too, or by other real servers."
        if is_wanted
        else "Give it a default gateway that is no director; see who sets it with ip -details route show default.",
        breaks=failing,
    )


def check_local_clients(view: View, found: Found) -> Iterator[Finding]:
    """Real servers answer a client on their own network past the director, unless it changes the source."""
    explained = broken(found)
    near: dict[str, set[str]] = {}
    keys = set()
    for attempts in view.attempts:
        if attempts.succeeded or attempts.key in explained:
            continue
        source = attempts.tries[0].source
        for host in _nat_hosts(view, view.by_key[attempts.key]):
            networks = [str(n) for _interface, n in host.networks() if source and ipaddress.ip_address(source) in n]
            if networks and not _is_source_changed(view, source):
                near.setdefault(networks[0], set()).add(host.name)
                keys.add(attempts.key)
    for network, hosts in near.items():
        yield Finding(
            view.prober,
            f"It is on the network of {listed(sorted(hosts), 'and')} ({network}), so these answer it past the director "
            f"and {named(view, keys)} does not work from here.",
            "With NAT, answers must come back through the director, and to a neighbour they go straight.",
            "Write nat.local_clients: source_nat in lvs_cluster, or send from another network.",
            breaks=frozenset(keys),
        )


def _nat_hosts(view: View, service: Values) -> list[SeenHost]:
    return [
        view.hosts[entry["host"]]
        for entry in service.get("real_servers") or ()
        if entry.get("host") in view.hosts and forwarding_of(service, entry) == "nat"
    ]


def _is_source_changed(view: View, source: str) -> bool:
    rules = (view.directors[0].wanted.get("director_nat") or {}).get("source_nat") or () if view.directors else ()
    return any(ipaddress.ip_address(source) in ipaddress.ip_network(rule["source"], strict=False) for rule in rules)
