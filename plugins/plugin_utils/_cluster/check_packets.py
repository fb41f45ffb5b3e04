# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the probe says: who answers for a VIP, whether services answer, and who got the connections."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence

from .finding import Finding, Found, broken, named
from .mistakes import listed
from .observed import (
    DestinationKey,
    SeenHost,
    ServiceKey,
    Values,
    connections_of,
    described_destinations,
    destinations_of,
    normal,
    version_of,
    vips_of,
)
from .probe import CERTAIN_SHARE, is_sharing
from .view import Attempts, View


def check_probe(view: View) -> Iterator[Finding]:
    if view.probe is None and any(service.get("protocol") in ("tcp", "udp") for service in view.services):
        yield Finding(
            "localhost",
            "No packets were sent, so nothing is proven by traffic.",
            "The machine that should send them cannot be reached, or the probe failed there.",
            "Bring back the first host of the group clients, then run the playbook again.",
        )


def check_prober(view: View) -> Iterator[Finding]:
    """What a director or a real server sends to a VIP does not take the way that clients' packets take."""
    host = _host_of_prober(view)
    if host is not None:
        yield Finding(
            host.name,
            f"The packets were sent from this {'director' if host.role == 'director' else 'real server'}, so they "
            "prove nothing: it has the VIPs itself or answers itself.",
            "It is the first host of the group clients, or the controller, and there is no client.",
            "Name a machine in the group clients that is neither director nor real server.",
            breaks=frozenset(view.by_key),
        )


def _host_of_prober(view: View) -> SeenHost | None:
    if view.probe is None:
        return None
    sources = {each.source for attempts in view.attempts for each in attempts.tries}
    named_so = view.hosts.get(view.prober)
    if named_so is not None and named_so.role:
        return named_so
    # A VIP is the source where it is an address of the prober itself, whichever of its hosts that is.
    for host in view.hosts.values():
        own = {normal(place.get("address")) for place in host.addresses} - {"127.0.0.1", "::1"}
        if host.role and sources & own:
            return host
    return None


def check_neighbours(view: View, found: Found) -> Iterator[Finding]:
    explained = {host for finding in found for host in finding.answering}
    strangers: dict[str, list[str]] = {}
    answering: dict[str, list[str]] = {}
    for vip, macs in view.neighbours.items():
        holders = {director.name for director in view.holders(vip)}
        for mac in macs:
            owner = view.owners.get(mac)
            if owner is None:
                strangers.setdefault(mac, []).append(vip)
            elif owner not in holders and owner not in explained and not view.may_hold(owner):
                answering.setdefault(owner, []).append(vip)
    for name, vips in answering.items():
        yield _answering_finding(view, name, vips)
    # The MAC address of a host that cannot be reached is not known.
    known = set(view.owners.values())
    unseen = sum(not host.was_read and host.name not in known for host in view.hosts.values())
    for mac, vips in list(strangers.items())[unseen:]:
        yield Finding(
            view.prober,
            f"A machine with the MAC address {mac} answers for {listed(vips, 'and')}; no host of the cluster that was "
            "looked at has it.",
            "Another machine uses the same address.",
            f"Find it (ip neigh on its network, the switch's table for {mac}) and take the address away from it.",
            breaks=view.services_on(vips),
        )


def _answering_finding(view: View, name: str, vips: Sequence[str]) -> Finding:
    is_director = name in {director.name for director in view.directors}
    return Finding(
        name,
        f"It answers {'ARP' if version_of(vips[0]) == 4 else 'neighbour solicitations'} for {listed(vips, 'and')}, "
        f"which {'it does not hold' if is_director else 'only the active director may'}.",
        "The VIP moved while this was looked at, or this director has it in a place that was not seen."
        if is_director
        else "The VIP is not hidden: an interface without arp_ignore, proxy ARP, a rule that answers, or a program "
        "on it that announces the address unasked (gratuitous ARP).",
        "Run verify again; if it stays, look with ip address and arping."
        if is_director
        else "Run site.yml again, then look with arping from another machine.",
        breaks=view.services_on(vips),
        answering=frozenset([name]),
    )


def check_cached_neighbours(view: View, found: Found) -> Iterator[Finding]:
    """Whom the probing host believed to have a VIP before it asked: that is where its packets went."""
    explained = {host for finding in found for host in finding.answering}
    directors = {director.name for director in view.directors}
    for vip, macs in view.cached.items():
        holders = view.holders(vip)
        for owner in (view.owners[mac] for mac in macs if mac in view.owners):
            if len(holders) != 1 or owner == holders[0].name or owner in explained or view.may_hold(owner):
                continue
            yield Finding(
                view.prober,
                f"It takes {owner} for {vip}, which {holders[0].name} holds.",
                "Its neighbour cache is stale: the gratuitous ARP of the failover did not reach it."
                if owner in directors
                else f"{owner} answered for the VIP or announced it (gratuitous ARP) before it was hidden, "
                "for instance while it booted; it does not now.",
                f"Run ip neigh flush to {vip} there, and clear it on the routers of that network; if it comes back, "
                f"see what {owner} sends while it boots with tcpdump -eni any arp.",
                breaks=view.services_on([vip]),
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
    numbers = counted(view, attempts.key)
    suspects = [
        str(entry["host"])
        for destination, entry in described_destinations(service).items()
        if attempts.succeeded and numbers.get(destination) == attempts.failed
    ]
    is_sure = len(suspects) == 1
    targets = [each.text for each in attempts.failing]
    tried = sum(each.attempted for each in attempts.failing)
    return Finding(
        suspects[0] if is_sure else _holder_or_prober(view, attempts.key),
        f"{attempts.failed} of {tried} {_unit(service)} to {service['name']} ({listed(targets, 'and')}) failed"
        f"{_in_brackets(attempts.error)}.",
        (
            "As many were sent to this host, and all it shows is right: a firewall there, or a service that hangs."
            if is_sure
            else "A firewall on the director or on a real server, or a service that hangs."
        )
        + _check_text(service, attempts),
        "Follow one connection with tcpdump -ni any on the active director and on the real server.",
        breaks=frozenset([attempts.key]),
    )


def _unit(service: Values) -> str:
    return "datagrams" if service.get("protocol") == "udp" else "connections"


def _check_text(service: Values, attempts: Attempts) -> str:
    """Why the health checks may be content all the same: they try another port than those that fail."""
    port = int((service.get("check") or {}).get("port") or 0)
    own = {int(entry.get("port") or 0) for entry in service.get("real_servers") or ()}
    if not port or port in (own if own != {0} else {each.port for each in attempts.failing}):
        return ""
    return f" The health check does not see it: it connects to port {port}."


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _holder_or_prober(view: View, key: ServiceKey) -> str:
    holders = view.holders_of(key)
    return holders[0].name if holders else view.prober


def counted(view: View, key: ServiceKey) -> dict[DestinationKey, int]:
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
        numbers = counted(view, key)
        if not numbers:
            continue  # Nobody read the counters.
        if not sum(numbers.values()):
            yield _uncounted(view, attempts)
        # A few datagrams, of which some may be lost, are nobody's share.
        elif is_sharing(view.by_key[key]) and view.by_key[key].get("protocol") == "tcp":
            yield from _unfair(view, key, numbers)


def _uncounted(view: View, attempts: Attempts) -> Finding:
    service = view.by_key[attempts.key]
    return Finding(
        _holder_or_prober(view, attempts.key),
        f"{attempts.succeeded} {_unit(service)} to {service['name']} succeeded, but no director counted one.",
        "They went past the directors: somebody else answers for the VIP, or a neighbour's cache is stale.",
        f"On the client run ip neigh show {vips_of(service)[0]} and compare the MAC address with the active "
        "director's.",
    )


def _unfair(view: View, key: ServiceKey, numbers: t.Mapping[DestinationKey, int]) -> Iterator[Finding]:
    service = view.by_key[key]
    weights = {k: _least_weight(view, service, r) for k, r in described_destinations(service).items() if k in numbers}
    weights = {k: weight for k, weight in weights.items() if weight > 0}
    if service["scheduler"] in ("rr", "lc"):
        weights = dict.fromkeys(weights, 1)  # These two don't look at it, but that 0 gets nothing.
    total = sum(numbers.values())
    for destination, weight in weights.items():
        due = total * weight / sum(weights.values())
        if numbers[destination] or due < CERTAIN_SHARE or _is_busier(view, key, destination, numbers):
            continue
        yield Finding(
            str(described_destinations(service)[destination]["host"]),
            f"It got none of {total} connections to {service['name']}, where about {due:.0f} were its share.",
            "The director's table or its thresholds keep new connections away from it.",
            "Look at ipvsadm -Ln --thresholds and ipvsadm -Ln --stats on the active director.",
        )


def _least_weight(view: View, service: Values, entry: Values) -> int:
    """What a drain on a director that the packets may have passed leaves of the weight."""
    return min(director.weight_of(service, entry) for director in view.looked_at_directors)


def _is_busier(
    view: View, key: ServiceKey, destination: DestinationKey, numbers: t.Mapping[DestinationKey, int]
) -> bool:
    """Whether lc and wlc were right to spare this real server: it had more connections than those that got new ones."""
    if view.by_key[key]["scheduler"] not in ("lc", "wlc"):
        return False
    loads: dict[DestinationKey, float] = {}
    for director in view.holders_of(key):
        for each, entry in destinations_of((director.table or {}).get(key)).items():
            connections = int(entry.get("active_connections") or 0) + int(entry.get("inactive_connections") or 0)
            loads[each] = connections / max(1, int(entry.get("weight") or 0))
    receivers = [loads.get(each, 0) for each, number in numbers.items() if number]
    return bool(receivers) and loads.get(destination, 0) > min(receivers)
