# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the probe says: who answers for a VIP, whether services answer, and who got the connections."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence

from .finding import Finding, Found, broken, key_text, named
from .mistakes import listed
from .observed import (
    Attempts,
    DestinationKey,
    ServiceKey,
    Values,
    View,
    connections_of,
    described_destinations,
    destinations_of,
    version_of,
)

#: Schedulers that give every weighted real server new connections when one client opens them one after the other.
#: The others choose by hash (dh, sh, mh, lblc, lblcr), fill one server first (fo, ovf), choose by chance (twos) or
#: count open connections only (sed, nq).
SHARING_SCHEDULERS = ("rr", "wrr", "lc", "wlc")
#: Fewest connections that must have been a server's share before it is blamed for having none.
_CERTAIN_SHARE = 3


def probe_connections(director: Values) -> list[dict[str, t.Any]]:
    """The connections (``{address, port, count}``) that show whether each real server of a TCP service gets its share.

    ``director``: the variables of a director's plan. With persistence one client always meets the same real server,
    so few connections say as much as many.
    """
    return [
        {"address": service["address"], "port": service["port"], "count": _probe_count(service)}
        for service in director.get("director_services") or ()
        if service.get("protocol") == "tcp"
    ]


def _probe_count(service: Values) -> int:
    weights = [int(r["weight"]) for r in service.get("real_servers") or () if int(r["weight"]) > 0]
    if not weights or not _is_sharing(service):
        return 5
    # As many that the smallest weight is due three times, within what a probe may take.
    return max(10, min(200, -(-_CERTAIN_SHARE * sum(weights) // min(weights))))


def _is_sharing(service: Values) -> bool:
    return service.get("scheduler") in SHARING_SCHEDULERS and not service.get("persistence")


def check_probe(view: View) -> Iterator[Finding]:
    if view.probe is None and any(key[0] == "tcp" for key in view.by_key):
        yield Finding(
            "localhost",
            "No packets were sent, so nothing is proven by traffic.",
            "The machine that should send them cannot be reached, or the probe failed there.",
            "Bring back the first host of the group clients, then run the playbook again.",
        )


def check_neighbours(view: View, found: Found) -> Iterator[Finding]:
    explained = {host for finding in found for host in finding.answering}
    owners = {mac: host for host in view.hosts.values() for mac in host.macs()}
    strangers: dict[str, list[str]] = {}
    answering: dict[str, list[str]] = {}
    for vip, macs in view.neighbours.items():
        holders = {director.name for director in view.holders(vip)}
        for mac in macs:
            owner = owners.get(mac)
            if owner is None:
                strangers.setdefault(mac, []).append(vip)
            elif owner.name not in holders and owner.name not in explained:
                answering.setdefault(owner.name, []).append(vip)
    for name, vips in answering.items():
        yield _answering_finding(view, name, vips)
    # The MAC address of a host that cannot be reached is not known.
    unseen = sum(not host.was_read for host in view.hosts.values())
    for mac, vips in list(strangers.items())[unseen:]:
        yield Finding(
            view.prober,
            f"A machine with the MAC address {mac} answers for {listed(vips, 'and')}; no host of the cluster has it.",
            "Another machine uses the same address.",
            f"Find it (ip neigh on its network, the switch's table for {mac}) and take the address away from it.",
            breaks=view.services_on(vips),
        )


def _answering_finding(view: View, name: str, vips: Sequence[str]) -> Finding:
    is_director = view.hosts[name].role == "director"
    return Finding(
        name,
        f"It answers {'ARP' if version_of(vips[0]) == 4 else 'neighbour solicitations'} for {listed(vips, 'and')}, "
        f"which {'it does not hold' if is_director else 'only the active director may'}.",
        "The VIP moved while this was looked at, or this director has it in a place that was not seen."
        if is_director
        else "The VIP is not hidden: an interface without arp_ignore, proxy ARP, or a rule that answers.",
        "Run verify again; if it stays, look with ip address and arping."
        if is_director
        else "Run site.yml again, then look with arping from another machine.",
        breaks=view.services_on(vips),
        answering=frozenset([name]),
    )


def check_connections(view: View, found: Found) -> Iterator[Finding]:
    explained = broken(found)
    tried = view.attempts
    failed = [attempts for attempts in tried if attempts.failed and attempts.key not in explained]
    if len(failed) > 1 and len(failed) == len(tried) and not any(attempts.succeeded for attempts in failed):
        yield _nothing_answers(view, failed)
    else:
        for attempts in failed:
            yield _failing_connections(view, attempts)


def _nothing_answers(view: View, failed: Sequence[Attempts]) -> Finding:
    keys = frozenset(attempts.key for attempts in failed)
    return Finding(
        view.prober,
        f"No service answers from here: {named(view, keys)}{_in_brackets(failed[0].error)}.",
        "The packets do not reach the VIPs or the answers do not come back: a route or a firewall on the way, on the "
        "active director or on the real servers.",
        "Follow one connection with tcpdump -ni any on this host, on the active director and on a real server.",
        breaks=keys,
    )


def _failing_connections(view: View, attempts: Attempts) -> Finding:
    service = view.by_key[attempts.key]
    counted = _counted(view, attempts.key)
    suspects = [
        str(entry["host"])
        for destination, entry in described_destinations(service).items()
        if attempts.succeeded and counted.get(destination) == attempts.failed
    ]
    is_sure = len(suspects) == 1
    return Finding(
        suspects[0] if is_sure else _holder_or_prober(view, attempts.key),
        f"{attempts.failed} of {attempts.attempted} connections to {service['name']} ({key_text(attempts.key)}) failed"
        f"{_in_brackets(attempts.error)}.",
        "As many were sent to this host, and all it shows is right: a firewall there, or a service that hangs."
        if is_sure
        else "A firewall on the director or on a real server, or a service that hangs.",
        "Follow one connection with tcpdump -ni any on the active director and on the real server.",
        breaks=frozenset([attempts.key]),
    )


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _holder_or_prober(view: View, key: ServiceKey) -> str:
    holders = view.holders(key[1])
    return holders[0].name if holders else view.prober


def _counted(view: View, key: ServiceKey) -> dict[DestinationKey, int]:
    """Connections of each destination during the probe, over all directors."""
    counted: dict[DestinationKey, int] = {}
    for director in view.looked_at_directors:
        before = destinations_of((director.table or {}).get(key))
        for destination, entry in destinations_of((director.table_after or {}).get(key)).items():
            more = connections_of(entry) - connections_of(before.get(destination))
            counted[destination] = counted.get(destination, 0) + max(0, more)
    return counted


def check_shares(view: View, found: Found) -> Iterator[Finding]:
    explained = broken(found)
    if view.has_unseen_director():
        return  # It may be the one that the packets went through.
    for attempts in view.attempts:
        key = attempts.key
        if key in explained or not attempts.succeeded:
            continue
        counted = _counted(view, key)
        if not counted:
            continue  # Nobody read the counters.
        if not sum(counted.values()):
            yield _uncounted(view, attempts)
        elif _is_sharing(view.by_key[key]):
            yield from _unfair(view, key, counted)


def _uncounted(view: View, attempts: Attempts) -> Finding:
    key = attempts.key
    return Finding(
        _holder_or_prober(view, key),
        f"{attempts.succeeded} connections to {view.by_key[key]['name']} succeeded, but no director counted one.",
        "They went past the directors: somebody else answers for the VIP, or a neighbour's cache is stale.",
        f"On the client run ip neigh show {key[1]} and compare the MAC address with the active director's.",
    )


def _unfair(view: View, key: ServiceKey, counted: t.Mapping[DestinationKey, int]) -> Iterator[Finding]:
    service = view.by_key[key]
    weights = {
        k: int(r["weight"]) for k, r in described_destinations(service).items() if k in counted and int(r["weight"]) > 0
    }
    if service["scheduler"] in ("rr", "lc"):
        weights = dict.fromkeys(weights, 1)  # These two don't look at it, but that 0 gets nothing.
    total = sum(counted.values())
    for destination, weight in weights.items():
        due = total * weight / sum(weights.values())
        if counted[destination] or due < _CERTAIN_SHARE or _is_busier(view, key, destination, counted):
            continue
        yield Finding(
            str(described_destinations(service)[destination]["host"]),
            f"It got none of {total} connections to {service['name']}, where about {due:.0f} were its share.",
            "The director's table or its thresholds keep new connections away from it.",
            "Look at ipvsadm -Ln --thresholds and ipvsadm -Ln --stats on the active director.",
        )


def _is_busier(
    view: View, key: ServiceKey, destination: DestinationKey, counted: t.Mapping[DestinationKey, int]
) -> bool:
    """Whether lc and wlc were right to spare this real server: it had more connections than those that got new ones."""
    if view.by_key[key]["scheduler"] not in ("lc", "wlc"):
        return False
    loads: dict[DestinationKey, float] = {}
    for director in view.holders(key[1]):
        for each, entry in destinations_of((director.table or {}).get(key)).items():
            connections = int(entry.get("active_connections") or 0) + int(entry.get("inactive_connections") or 0)
            loads[each] = connections / max(1, int(entry.get("weight") or 0))
    receivers = [loads.get(each, 0) for each, number in counted.items() if number]
    return bool(receivers) and loads.get(destination, 0) > min(receivers)
