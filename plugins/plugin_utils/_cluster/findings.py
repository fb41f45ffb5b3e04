# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is not as described, found by comparing the plans with what was seen: one finding for each cause.

A fault shows in many places: a stopped keepalived empties its table, moves its VIPs and may fail connections. So checks
run from causes to consequences, and each looks at what is found already: a consequence of a known cause is no finding.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from .mistakes import listed
from .observed import (
    ANY_ADDRESS,
    DestinationKey,
    SeenHost,
    ServiceKey,
    Values,
    View,
    connections_of,
    destinations_of,
    key_of,
    normal,
    version_of,
)

#: Schedulers that give every weighted real server new connections when one client opens them one after the other. The
#: others choose by hash (dh, sh, mh, lblc, lblcr), fill one server first (fo, ovf), choose by chance (twos) or count open
#: connections only (sed, nq).
SHARING_SCHEDULERS = ("rr", "wrr", "lc", "wlc")
#: Fewest connections that must have been a server's share before it is blamed for having none.
_CERTAIN_SHARE = 3


@dataclass(frozen=True)
class Finding:
    """One thing that is not as described. ``found``, ``cause`` and ``remedy`` are sentences."""

    host: str
    found: str
    cause: str
    remedy: str
    #: Services whose failing packets this accounts for.
    breaks: frozenset[ServiceKey] = field(default=frozenset(), repr=False)
    #: Hosts whose answers to ARP or neighbour solicitations this accounts for.
    answering: frozenset[str] = field(default=frozenset(), repr=False)

    def as_result(self) -> dict[str, str]:
        return {"host": self.host, "found": self.found, "cause": self.cause, "remedy": self.remedy}


Found = Sequence[Finding]


def cluster_findings(plans: Values, observations: Values) -> list[dict[str, str]]:
    """Everything that is not as the plans say, as ``{host, found, cause, remedy}``; empty when all is proven.

    ``observations``: ``{hosts: {name: {host, ipvs, ipvs_after, unreachable}}, probe: {from, neighbours, connections}}``.
    """
    view = View(plans, observations)
    found: list[Finding] = []
    for check in CHECKS:
        found.extend(check(view, tuple(found)))
    return [finding.as_result() for finding in found]


def probe_connections(director: Values) -> list[dict[str, t.Any]]:
    """The connections (``{address, port, count}``) that show whether each real server of each TCP service gets its share.

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


def _named(view: View, keys: Iterable[ServiceKey]) -> str:
    wanted = set(keys)
    return listed((service["name"] for key, service in view.by_key.items() if key in wanted), "and")


def _broken(found: Found) -> set[ServiceKey]:
    return {key for finding in found for key in finding.breaks}


# Hosts


def check_unreachable_hosts(view: View, found: Found) -> Iterator[Finding]:
    everything = frozenset(view.by_key)
    for host in view.hosts.values():
        if host.was_read:
            continue
        if host.role == "director":
            breaks = frozenset() if view.looked_at_directors else everything
        else:
            breaks = view.services_of(host.name)
        if host.is_reachable:
            yield Finding(
                host.name,
                "Its state could not be read, so nothing on it is proven.",
                "The module lvs.cluster.host_info failed there.",
                "Look at its error above, mend it and run the playbook again.",
                breaks=breaks,
            )
        else:
            yield Finding(
                host.name,
                "It cannot be reached, so nothing on it is proven.",
                "The machine is off, its network is cut, or SSH does not let Ansible in.",
                "Bring it back (or take it out of the inventory), then run the playbook again.",
                breaks=breaks,
            )


# Directors


def check_daemon(view: View, found: Found) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        if not director.is_daemon_active:
            held = [vip for vip in view.vips if view.may_serve(director, vip)]
            still = [vip for vip in view.vips if director.places_of(vip)]
            yield Finding(
                director.name,
                "keepalived is not running" + (f", but {listed(still, 'and')} is still here." if still else "."),
                "It was stopped, it failed, or it was killed and left its addresses behind."
                if still
                else "It was stopped or it failed.",
                "Read journalctl -u keepalived -n 50, then systemctl start keepalived.",
                breaks=view.services_on(held),
                answering=frozenset([director.name]) if still else frozenset(),
            )
        elif not director.is_daemon_enabled:
            yield Finding(
                director.name,
                "keepalived runs, but does not start at boot.",
                "The unit is disabled.",
                "Run systemctl enable keepalived, or run site.yml again.",
            )


def _is_without_ip_vs(director: SeenHost) -> bool:
    wanted = director.wanted.get("director_sysctls") or {}
    return bool(wanted) and director.table is None and all(director.sysctls.get(name) is None for name in wanted)


def check_sysctls(view: View, found: Found) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        if _is_without_ip_vs(director):
            yield Finding(
                director.name,
                "The kernel module ip_vs is not loaded: there is neither a table nor its sysctls.",
                "The module was removed, or the running kernel does not have it.",
                "Run modprobe ip_vs, then site.yml again; if that fails, install the kernel's package of extra modules.",
                breaks=view.services_on(vip for vip in view.vips if view.may_serve(director, vip)),
            )
            continue
        wanted = director.wanted.get("director_sysctls") or {}
        wrong = [
            f"{name} is {'missing' if director.sysctls.get(name) is None else director.sysctls[name]} instead of {value}"
            for name, value in wanted.items()
            if str(director.sysctls.get(name)) != str(value)
        ]
        if wrong:
            yield Finding(
                director.name,
                f"{listed(wrong, 'and')}.",
                "Something changed it after site.yml, or another file in /etc/sysctl.d wins.",
                "Run site.yml again; if it comes back, look for the name with grep -r in /etc/sysctl.conf and /etc/sysctl.d.",
            )


def check_vip_holders(view: View, found: Found) -> Iterator[Finding]:
    shared: dict[tuple[str, ...], list[str]] = {}
    orphans = []
    for vip in view.vips:
        holders = view.holders(vip)
        # What a stopped keepalived left behind is named with it.
        speaking = [director for director in holders if director.is_daemon_active]
        if len(speaking) > 1:
            shared.setdefault(tuple(director.name for director in speaking), []).append(vip)
        elif not holders and _is_orphan(view, vip):
            orphans.append(vip)
    for names, vips in shared.items():
        yield Finding(
            ", ".join(names),
            f"{listed(names, 'and')} both hold {listed(vips, 'and')}."
            if len(names) == 2
            else f"{listed(names, 'and')} all hold {listed(vips, 'and')}.",
            "Their adverts do not reach each other: VRRP (IP protocol 112, neither TCP nor UDP) is filtered, or they are cut off.",
            "Let IP protocol 112 pass between the directors (nft list ruleset, iptables -S) and see the adverts with "
            "tcpdump -ni any proto 112.",
            breaks=view.services_on(vips),
            answering=frozenset(names),
        )
    if orphans:
        active = [director.name for director in view.looked_at_directors if director.is_daemon_active]
        yield Finding(
            ", ".join(active),
            f"No director holds {listed(orphans, 'and')}, though keepalived runs.",
            "The address was removed by hand, or keepalived waits in the state FAULT (its interface is down)."
            if view.failover == "keepalived"
            else "The address was removed by hand.",
            "Read journalctl -u keepalived, set the interface up, then systemctl restart keepalived: a reload does not "
            "bring an address back.",
            breaks=view.services_on(orphans),
        )


def _is_orphan(view: View, vip: str) -> bool:
    """Whether it is sure that nobody holds the VIP and that no stopped keepalived is why."""
    if not any(director.is_daemon_active for director in view.looked_at_directors):
        return False
    return not view.has_unseen_director() or view.neighbours.get(vip) == []


def check_vip_places(view: View, found: Found) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        for wanted in director.wanted.get("director_vips") or ():
            vip, prefix, interface = normal(wanted["address"]), wanted["prefix"], wanted["interface"]
            for place in director.places_of(vip):
                if int(place.get("prefix") or 0) != prefix or place.get("interface") != interface:
                    yield Finding(
                        director.name,
                        f"{vip}/{place.get('prefix')} is on {place.get('interface')} instead of {vip}/{prefix} on {interface}.",
                        "It was added by hand or by the host's own network configuration.",
                        f"Run ip address del {vip}/{place.get('prefix')} dev {place.get('interface')}, take it out of the "
                        "network configuration, then run site.yml again.",
                        breaks=view.services_on([vip]),
                        answering=frozenset([director.name]),
                    )


# Real servers


def check_hidden_vips(view: View, found: Found) -> Iterator[Finding]:
    for host in view.real_servers:
        if not host.was_read:
            continue
        vips = [normal(vip) for vip in host.wanted.get("realserver_linux_vips") or ()]
        missing = [vip for vip in vips if not host.places_of(vip)]
        if missing:
            yield Finding(
                host.name,
                f"It does not have {listed(missing, 'and')}, so it throws the packets away that a director sends it.",
                "The VIP was removed, or did not come back after a reboot.",
                "Run site.yml again.",
                breaks=view.services_on(missing) & view.services_of(host.name),
            )
        for vip in vips:
            for place in host.places_of(vip):
                yield from _misplaced_vip(view, host, vip, place)


def _misplaced_vip(view: View, host: SeenHost, vip: str, place: Values) -> Iterator[Finding]:
    interface, prefix = place.get("interface"), int(place.get("prefix") or 0)
    full = 32 if version_of(vip) == 4 else 128
    breaks = view.services_on([vip])
    if interface in view.own_interfaces(host):
        yield Finding(
            host.name,
            f"{vip} is on {interface}, where this host answers ARP and neighbour solicitations for it.",
            "It was added by hand or by the host's own network configuration.",
            f"Run ip address del {vip}/{prefix} dev {interface}, then site.yml again: it belongs on lo.",
            breaks=breaks,
            answering=frozenset([host.name]),
        )
    elif prefix != full:
        yield Finding(
            host.name,
            f"{vip} has the prefix length {prefix} instead of {full}, so the host takes the whole subnet for its own.",
            "It was added by hand or by the host's own network configuration.",
            f"Run ip address del {vip}/{prefix} dev {interface}, then site.yml again.",
            breaks=breaks,
        )


def check_arp_hiding(view: View, found: Found) -> Iterator[Finding]:
    """For IPv4 only: Linux answers neighbour solicitations just for addresses of the interface that they come to."""
    for host in view.real_servers:
        vips = [vip for vip in map(normal, host.wanted.get("realserver_linux_vips") or ()) if version_of(vip) == 4]
        if not host.was_read or not vips:
            continue
        for name in sorted(view.own_interfaces(host)):
            interface = host.interfaces.get(name, {})
            # The kernel takes the larger of all and the interface.
            ignore = max(host.arp_ignore_all, int(interface.get("arp_ignore") or 0))
            announce = max(host.arp_announce_all, int(interface.get("arp_announce") or 0))
            wrong = []
            if ignore == 0:
                wrong.append("arp_ignore is 0, so this host answers ARP for the VIP")
            elif ignore == 8:
                wrong.append("arp_ignore is 8, so this host answers ARP not even for its own address")
            if announce != 2:
                wrong.append(f"arp_announce is {announce}, so its own ARP requests may carry the VIP")
            if wrong:
                yield Finding(
                    host.name,
                    f"On {name} {listed(wrong, 'and')} (the larger of all and {name} counts).",
                    "The sysctl was changed, or was not set again after a reboot.",
                    f"Run site.yml again, which sets net.ipv4.conf.{name}.arp_ignore=1 and arp_announce=2; then clear the "
                    "neighbours' caches (ip neigh flush).",
                    breaks=view.services_on(vips),
                    answering=frozenset([host.name]),
                )


def check_listeners(view: View, found: Found) -> Iterator[Finding]:
    for host in view.real_servers:
        if not host.was_read:
            continue
        vips = {normal(vip) for vip in host.wanted.get("realserver_linux_vips") or ()}
        faults: dict[tuple[str, int, tuple[str, ...]], list[str]] = {}
        for wanted in host.wanted.get("realserver_linux_listeners") or ():
            protocol, vip, port = key_of(wanted)
            if protocol == "sctp":
                continue
            bound = _bound_addresses(host, protocol, port)
            if bound & {vip, ANY_ADDRESS[version_of(vip)], ANY_ADDRESS[6]}:
                continue
            if not host.places_of(vip) and bound <= vips:
                continue  # A service that binds to the VIP cannot do so without it.
            faults.setdefault((protocol, port, tuple(sorted(bound))), []).append(vip)
        for (protocol, port, others), lacking in faults.items():
            yield _listener_finding(host, protocol, port, others, lacking)


def _bound_addresses(host: SeenHost, protocol: str, port: int) -> set[str]:
    return {
        normal(listener.get("address"))
        for listener in host.listeners
        if listener.get("protocol") == protocol and int(listener.get("port") or 0) == port
    }


def _listener_finding(host: SeenHost, protocol: str, port: int, others: Sequence[str], vips: Sequence[str]) -> Finding:
    breaks = frozenset((protocol, vip, port) for vip in vips)
    if others:
        return Finding(
            host.name,
            f"The service on {protocol} port {port} listens on {listed(others, 'and')} only, not on {listed(vips, 'and')}.",
            "It is bound to one address, and with direct forwarding packets arrive for the VIP.",
            f"Let it listen on {listed(dict.fromkeys(ANY_ADDRESS[version_of(vip)] for vip in vips), 'and')} or on the VIP too.",
            breaks=breaks,
        )
    return Finding(
        host.name,
        f"Nothing listens on {protocol} port {port}, which {listed(vips, 'and')} needs.",
        "The service is stopped, or it listens on another port.",
        f"Start it, and see it with ss -lnp '( sport = :{port} )'.",
        breaks=breaks,
    )


# Tables


def check_tables(view: View, found: Found) -> Iterator[Finding]:
    compared = []
    for director in view.looked_at_directors:
        if not director.is_daemon_active or _is_without_ip_vs(director):
            continue  # named already
        if director.table is None:
            yield Finding(
                director.name,
                "Its IPVS table could not be read.",
                director.table_error or "The module lvs.cluster.ipvs_info did not answer.",
                "Run ipvsadm -Ln there as root and compare.",
            )
        elif view.by_key and not director.table.keys() & view.by_key.keys():
            yield Finding(
                director.name,
                "Its IPVS table has none of the described services.",
                "It was flushed (ipvsadm -C) behind keepalived's back, which does not repair it, not even on reload.",
                "Run systemctl restart keepalived there.",
                breaks=view.services_on(vip for vip in view.vips if view.may_serve(director, vip)),
            )
        else:
            compared.append(director)
            yield from _table_differences(view, director, director.table)
    yield from _missing_destinations(view, compared, found)


def _table_differences(view: View, director: SeenHost, table: t.Mapping[ServiceKey, Values]) -> Iterator[Finding]:
    """Everything but missing destinations: those may be failed health checks."""
    for key, wanted in view.by_key.items():
        differences = ["it is missing"] if key not in table else _service_differences(wanted, table[key])
        if differences:
            yield Finding(
                director.name,
                f"Service {wanted['name']} ({_key_text(key)}) is not as described in its table: {listed(differences, 'and')}.",
                "It was changed by hand (ipvsadm), or the description was changed and site.yml not run.",
                "Run site.yml again; where keepalived.conf is right already, systemctl restart keepalived.",
                breaks=frozenset([key] if view.may_serve(director, key[1]) else ()),
            )
    vips = set(view.vips)
    for key in table.keys() - view.by_key.keys():
        if key[1] in vips:
            yield Finding(
                director.name,
                f"Its table has a service {_key_text(key)} that is not described.",
                "It was added by hand (ipvsadm), or left over from an earlier description.",
                "Describe it in lvs_cluster, or remove it with ipvsadm -D.",
            )


def _key_text(key: ServiceKey) -> str:
    protocol, address, port = key
    return f"{protocol}/[{address}]:{port}" if ":" in address else f"{protocol}/{address}:{port}"


def _destination_text(key: DestinationKey) -> str:
    address, port = key
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _service_differences(wanted: Values, seen: Values) -> list[str]:
    differences = [
        f"{option} is {_plain_text(seen.get(option))} instead of {_plain_text(wanted.get(option))}"
        for option in ("scheduler", "scheduler_flags", "persistence", "persistence_netmask")
        if _comparable(option, wanted, seen) and _plain_text(seen.get(option)) != _plain_text(wanted.get(option))
    ]
    described = _described(wanted)
    present = destinations_of(seen)
    for key, destination in present.items():
        if key not in described:
            if not _is_sorry_server(wanted, key) or described.keys() & present.keys():
                differences.append(f"destination {_destination_text(key)} is not described")
            continue
        for option, value in (("weight", described[key]["weight"]), ("forwarding", wanted.get("forwarding"))):
            if destination.get(option) != value:
                name = f"{described[key]['host']} ({_destination_text(key)})"
                differences.append(f"{option} of {name} is {destination.get(option)} instead of {value}")
    return differences


def _comparable(option: str, wanted: Values, seen: Values) -> bool:
    # Without a described mask the kernel shows that of a single client.
    return option in seen and (option != "persistence_netmask" or wanted.get(option) is not None)


def _plain_text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(sorted(str(entry) for entry in value)) or "none"
    return str(value)


def _described(service: Values) -> dict[DestinationKey, Values]:
    return {(normal(r["address"]), int(r["port"])): r for r in service.get("real_servers") or ()}


def _is_sorry_server(service: Values, key: DestinationKey) -> bool:
    sorry = service.get("sorry_server")
    return bool(sorry) and (normal(sorry["address"]), int(sorry["port"])) == key


def _missing_destinations(view: View, compared: Sequence[SeenHost], found: Found) -> Iterator[Finding]:
    """A real server that no director sends to is the real server's matter; one that some do is the other directors'."""
    out: dict[str, list[ServiceKey]] = {}
    for key, service in view.by_key.items():
        having = [director for director in compared if director.table and key in director.table]
        described = _described(service)
        gone = {d.name: described.keys() - destinations_of((d.table or {})[key]).keys() for d in having}
        if not gone or not any(gone.values()):
            continue
        everywhere = frozenset.intersection(*(frozenset(keys) for keys in gone.values()))
        unexplained = [
            r["host"] for k, r in described.items() if k in everywhere and not _is_faulty(found, r["host"], key)
        ]
        if unexplained and len(everywhere) == len(described) and len(described) > 1:
            yield _nobody_left(view, key, service)
        else:
            for host in unexplained:
                out.setdefault(host, []).append(key)
        for name, keys in gone.items():
            if keys - everywhere:
                yield _missing_on_one(view, name, service, [described[k] for k in described if k in keys - everywhere])
    for host, keys in out.items():
        yield _taken_out(view, host, keys, [director.name for director in compared])


def _is_faulty(found: Found, host: str, key: ServiceKey) -> bool:
    return any(finding.host == host and key in finding.breaks for finding in found)


def _check_text(service: Values, address: str) -> str:
    check = service.get("check") or {}
    kind, port = check.get("type"), check.get("port")
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if kind in ("http", "https"):
        return f"curl -kv {kind}://{where}{check.get('path', '/')}"
    return f"nc -vz {address} {port}"


def _taken_out(view: View, host: str, keys: Sequence[ServiceKey], directors: Sequence[str]) -> Finding:
    first = view.by_key[keys[0]]
    entry = next(r for r in first["real_servers"] if r["host"] == host)
    alone = [key for key in keys if len(view.by_key[key]["real_servers"]) == 1]
    sorry = [key for key in alone if view.by_key[key].get("sorry_server")]
    found = (
        f"{listed(directors, 'and')} {'has' if len(directors) == 1 else 'have'} taken it out of {_named(view, keys)}."
    )
    if sorry:
        found = f"{found[:-1]}: the sorry server answers."
    if (first.get("check") or {}).get("type") == "none":
        cause, remedy = (
            "It is not checked, so somebody removed it by hand (ipvsadm).",
            "Run systemctl restart keepalived.",
        )
    else:
        cause = "Its health check fails there."
        remedy = (
            f"Try the check from a director: {_check_text(first, entry['address'])}; keepalived's journal says why."
        )
    return Finding(host, found, cause, remedy, breaks=frozenset(key for key in alone if key not in sorry))


def _nobody_left(view: View, key: ServiceKey, service: Values) -> Finding:
    names = [r["host"] for r in service["real_servers"]]
    sorry = service.get("sorry_server")
    holders = view.holders(key[1]) or view.looked_at_directors
    answer = f"the sorry server {sorry['address']} answers" if sorry else "nobody answers"
    return Finding(
        holders[0].name,
        f"All real servers of {service['name']} ({listed(names, 'and')}) are taken out: {answer}.",
        "The health checks of all of them fail: what they have in common is down, or the check asks for the wrong thing.",
        f"Try the check from this director: {_check_text(service, service['real_servers'][0]['address'])}.",
        breaks=frozenset() if sorry else frozenset([key]),
    )


def _missing_on_one(view: View, director: str, service: Values, entries: Sequence[Values]) -> Finding:
    names = listed((f"{r['host']} ({r['address']})" for r in entries), "and")
    return Finding(
        director,
        f"{names} is missing in its table for {service['name']}, though another director has it.",
        "The health check fails from this director only (firewall, route, link), or somebody removed it by hand (ipvsadm).",
        f"Try the check from here: {_check_text(service, entries[0]['address'])}; if it passes, systemctl restart keepalived.",
    )


# Packets


def check_probe(view: View, found: Found) -> Iterator[Finding]:
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
            str((view.probe or {}).get("from")),
            f"A machine with the MAC address {mac} answers for {listed(vips, 'and')}, and no host of the cluster has it.",
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
    broken = _broken(found)
    failed = []
    tried = 0
    for result in (view.probe or {}).get("connections") or ():
        key = key_of({"protocol": "tcp", **result})
        attempted, succeeded = int(result.get("attempted") or 0), int(result.get("succeeded") or 0)
        tried += attempted > 0
        if key in view.by_key and succeeded < attempted and key not in broken:
            failed.append((key, result, attempted, succeeded))
    if len(failed) > 1 and len(failed) == tried and not any(succeeded for *_, succeeded in failed):
        yield _nothing_answers(view, [key for key, *_ in failed], str(failed[0][1].get("error") or ""))
        return
    for key, result, attempted, succeeded in failed:
        yield _failing_connections(view, key, result, attempted, succeeded)


def _nothing_answers(view: View, keys: Sequence[ServiceKey], error: str) -> Finding:
    return Finding(
        str((view.probe or {}).get("from")),
        f"No service answers from here: {_named(view, keys)}{f' ({error})' if error else ''}.",
        "The packets do not reach the VIPs or the answers do not come back: a route or a firewall on the way, on the active "
        "director (filter) or on the real servers (rp_filter, firewall).",
        "Follow one connection with tcpdump -ni any on this host, on the active director and on a real server.",
        breaks=frozenset(keys),
    )


def _failing_connections(view: View, key: ServiceKey, result: Values, attempted: int, succeeded: int) -> Finding:
    service = view.by_key[key]
    suspects = [
        str(entry["host"])
        for destination, entry in _described(service).items()
        if succeeded and _counted(view, key).get(destination) == attempted - succeeded
    ]
    holders = view.holders(key[1])
    host = suspects[0] if len(suspects) == 1 else holders[0].name if holders else str((view.probe or {}).get("from"))
    error = result.get("error")
    return Finding(
        host,
        f"{attempted - succeeded} of {attempted} connections to {service['name']} ({_key_text(key)}) failed"
        f"{f' ({error})' if error else ''}.",
        "As many were sent to this host, and all it shows is right: a firewall there, or a service that hangs."
        if len(suspects) == 1
        else "A firewall on the director or on a real server, or a service that hangs.",
        "Follow one connection with tcpdump -ni any on the active director and on the real server.",
        breaks=frozenset([key]),
    )


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
    broken = _broken(found)
    if view.has_unseen_director():
        return  # It may be the one that the packets went through.
    for result in (view.probe or {}).get("connections") or ():
        key = key_of({"protocol": "tcp", **result})
        succeeded = int(result.get("succeeded") or 0)
        if key not in view.by_key or key in broken or not succeeded:
            continue
        counted = _counted(view, key)
        if not counted:
            continue  # Nobody read the counters.
        if not sum(counted.values()):
            yield _uncounted(view, key, succeeded)
        elif _is_sharing(view.by_key[key]):
            yield from _unfair(view, key, counted)


def _uncounted(view: View, key: ServiceKey, succeeded: int) -> Finding:
    holders = view.holders(key[1])
    return Finding(
        holders[0].name if holders else str((view.probe or {}).get("from")),
        f"{succeeded} connections to {view.by_key[key]['name']} succeeded, but no director counted one.",
        "They went past the directors: somebody else answers for the VIP, or a neighbour's cache is stale.",
        f"On the client run ip neigh show {key[1]} and compare the MAC address with the active director's.",
    )


def _unfair(view: View, key: ServiceKey, counted: t.Mapping[DestinationKey, int]) -> Iterator[Finding]:
    service = view.by_key[key]
    weights = {k: int(r["weight"]) for k, r in _described(service).items() if k in counted and int(r["weight"]) > 0}
    if service["scheduler"] in ("rr", "lc"):
        weights = dict.fromkeys(weights, 1)  # These two don't look at it, but that 0 gets nothing.
    total = sum(counted.values())
    for destination, weight in weights.items():
        due = total * weight / sum(weights.values())
        if counted[destination] or due < _CERTAIN_SHARE or _is_busier(view, key, destination, counted):
            continue
        yield Finding(
            str(_described(service)[destination]["host"]),
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


#: From causes to consequences.
CHECKS: tuple[Callable[[View, Found], Iterator[Finding]], ...] = (
    check_unreachable_hosts,
    check_daemon,
    check_sysctls,
    check_vip_holders,
    check_vip_places,
    check_hidden_vips,
    check_arp_hiding,
    check_listeners,
    check_tables,
    check_probe,
    check_neighbours,
    check_connections,
    check_shares,
)
