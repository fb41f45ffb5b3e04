# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which connections show that a cluster serves."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Collection, Mapping

from .observed import ANY_ADDRESS, Values, forwarding_of, has_port, normal, port_ranges, version_of, vips_of

#: Schedulers that give every weighted real server new connections when one client opens them one after the other.
#: The others choose by hash (dh, sh, mh, lblc, lblcr), fill one server first (fo, ovf), choose by chance (twos) or
#: count open connections only (sed, nq).
SHARING_SCHEDULERS = ("rr", "wrr", "lc", "wlc")
#: Fewest connections that must have been a server's share before it is blamed for having none.
CERTAIN_SHARE = 3
#: Of all services together; the module vip_probe takes no more.
_MOST = 1000
_PROBED = ("tcp", "udp")

#: For a real server what listens there: ``{address, port, protocol}`` each.
Listeners = Mapping[str, Collection[Values]]


def probe_connections(director: Values, listeners: Listeners | None = None) -> list[dict[str, t.Any]]:
    """The connections (``{address, port, count}``, for UDP with ``protocol``) that show whether each real server gets
    its share of each service.

    ``director``: the variables of a director's plan. With persistence one client always meets the same real server,
    so few connections say as much as many. A range of ports is tried where somebody listens, all ports where the
    health check connects.
    """
    wanted = [
        (service, vip, port, -(-_count(service) // (len(vips_of(service)) * len(ports))))
        for service in director.get("director_services") or ()
        if service.get("protocol") in _PROBED
        for ports in [_ports(service, listeners or {})]
        for vip in (vips_of(service) if ports else ())
        for port in ports
    ]
    fits = _fitting([count for _service, _vip, _port, count in wanted])
    return [
        {"address": vip, "port": port, "count": fits(count)}
        | ({} if service["protocol"] == "tcp" else {"protocol": service["protocol"]})
        for service, vip, port, count in wanted[:_MOST]
    ]


def _fitting(counts: list[int]) -> Callable[[int], int]:
    """Makes the counts fit into what one probe may take."""
    total = sum(counts[:_MOST])
    if total <= _MOST:
        return lambda count: count
    spare = _MOST - len(counts[:_MOST])
    return lambda count: 1 + (count - 1) * spare // total


def _count(service: Values) -> int:
    weights = [int(r["weight"]) for r in service.get("real_servers") or () if int(r["weight"]) > 0]
    if service.get("protocol") == "udp" or not weights or not is_sharing(service):
        return 5
    # As many that the smallest weight is due three times, within what a probe may take.
    return max(10, min(200, -(-CERTAIN_SHARE * sum(weights) // min(weights))))


def is_sharing(service: Values) -> bool:
    return service.get("scheduler") in SHARING_SCHEDULERS and not service.get("persistence")


def _ports(service: Values, listeners: Listeners) -> list[int]:
    ranges = port_ranges(service)
    found = {first: None for first, last in ranges if first == last}
    heard = _heard(service, listeners)
    for first, last in ranges:
        inside = [port for port in heard if first <= port <= last and first != last]
        if inside:
            found[min(inside)] = None
    checked = int((service.get("check") or {}).get("port") or 0)
    if not found and checked and has_port(service, checked):
        return [checked]
    return list(found)


def _heard(service: Values, listeners: Listeners) -> set[int]:
    """Ports on which a real server listens for this service."""
    vips = set(vips_of(service))
    ports = set()
    for entry in service.get("real_servers") or ():
        own = normal(entry["address"])
        addresses = {own} if forwarding_of(service, entry) == "nat" else vips
        addresses |= {ANY_ADDRESS[version] for version in (6, *map(version_of, addresses))}
        for listener in listeners.get(str(entry.get("host"))) or ():
            if listener.get("protocol") == service["protocol"] and normal(listener.get("address")) in addresses:
                ports.add(int(listener["port"]))
    return ports
