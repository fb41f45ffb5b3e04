# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kernel's tables on the directors, compared with the plan and with each other."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence

from .check_directors import is_without_ip_vs
from .finding import Finding, Found, named
from .mistakes import listed
from .observed import (
    KUBE_PROXY,
    TABLE_FILE,
    TABLE_UNIT,
    DestinationKey,
    SeenHost,
    ServiceKey,
    Values,
    checked_port,
    described_destinations,
    destinations_of,
    forwarding_of,
    is_mark,
    key_text,
    normal,
)
from .view import View

_FILES = {"keepalived": "keepalived.conf", "ldirectord": "ldirectord.cf"}


def check_tables(view: View, found: Found) -> Iterator[Finding]:
    compared = []
    for director in view.looked_at_directors:
        # A keepalived that stops takes its services with it; an ldirectord lets them age; those of the modules stay.
        if (view.is_checked and not director.is_active(view.owner)) or is_without_ip_vs(director):
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
                *_of_a_flush(view, director),
                breaks=view.carried_by(director),
            )
        else:
            compared.append(director)
            yield from _table_differences(view, director, director.table)
    if view.is_checked:
        yield from _missing_destinations(view, compared, found)


def check_table_at_boot(view: View) -> Iterator[Finding]:
    """Where the modules own the table, the file that the boot loads has all that is described; weights may differ."""
    for director in view.looked_at_directors:
        if view.is_checked or TABLE_FILE not in director.files or not director.table_unit.get("enabled"):
            continue
        loaded = _loaded(director.files[TABLE_FILE] or ())
        lacking = [
            service["name"] if key not in loaded else f"{entry['host']} of {service['name']}"
            for key, service in view.by_key.items()
            for destination, entry in described_destinations(service).items()
            if destination not in loaded.get(key, ())
        ]
        if lacking:
            yield Finding(
                director.name,
                f"After a reboot its IPVS table lacks {listed(dict.fromkeys(lacking), 'and')}.",
                f"{TABLE_FILE} was changed by hand, or the description was changed and site.yml not run.",
                "Run site.yml again.",
            )


def _loaded(lines: Sequence[str]) -> dict[ServiceKey, set[DestinationKey]]:
    """Services and destinations in lines as ``ipvsadm -Sn`` prints them."""
    loaded: dict[ServiceKey, set[DestinationKey]] = {}
    for words in (str(line).split() for line in lines):
        if len(words) < 3 or words[0] not in ("-A", "-a") or words[1] not in _LOADED:
            continue
        if words[1] == "-f":
            key: ServiceKey = ("fwmark", "ipv6" if "-6" in words else "ipv4", int(words[2]))
        else:
            key = (_LOADED[words[1]], *_address_and_port(words[2]))
        destinations = loaded.setdefault(key, set())
        if "-r" in words[:-1]:
            destinations.add(_address_and_port(words[words.index("-r") + 1]))
    return loaded


_LOADED = {"-t": "tcp", "-u": "udp", "--sctp-service": "sctp", "-f": "fwmark"}


def _address_and_port(text: str) -> DestinationKey:
    address, _colon, port = text.rpartition(":")
    return normal(address.strip("[]")), int(port)


def _table_differences(view: View, director: SeenHost, table: t.Mapping[ServiceKey, Values]) -> Iterator[Finding]:
    """Everything, but where health is checked no missing destinations: their checks may have failed."""
    for key, wanted in view.by_key.items():
        differences = ["it is missing"] if key not in table else _service_differences(wanted, table[key])
        weights = _weight_differences(director, wanted, table.get(key))
        breaks = frozenset([key] if view.may_carry(director, key) else ())
        if view.is_checked:
            differences += weights
        else:
            if key in table:
                differences += _missing_texts(wanted, table[key])
            if weights:
                yield _kept_weights(director, wanted, key, weights, breaks)
        if differences:
            yield Finding(
                director.name,
                f"Service {wanted['name']} ({key_text(key)}) is not as described in its table: "
                f"{listed(differences, 'and')}.",
                *_of_a_change(view, director),
                breaks=breaks,
            )
    vips = set(view.vips)
    for key in table.keys() - view.by_key.keys():
        if not is_mark(key) and key[1] in vips:
            yield Finding(
                director.name,
                f"Its table has a service {key_text(key)} that is not described.",
                "It was added by hand (ipvsadm), or left over from an earlier description.",
                "Describe it in lvs_cluster, or remove it with ipvsadm -D."
                if view.is_checked
                else "Describe it in lvs_cluster, or run site.yml again, which removes it: the VIP is the role's.",
            )


def _kept_weights(
    director: SeenHost, wanted: Values, key: ServiceKey, weights: Sequence[str], breaks: frozenset[ServiceKey]
) -> Finding:
    is_drained = any(" is 0 " in text for text in weights)
    return Finding(
        director.name,
        f"Service {wanted['name']} ({key_text(key)}) has other weights than described in its table: "
        f"{listed(weights, 'and')}.",
        f"Somebody {'drained it (weight 0)' if is_drained else 'set it'} with ipvs_dest or ipvsadm: site.yml keeps "
        "that while the description stays the same.",
        "Set the described weight with lvs.cluster.ipvs_dest, or describe the new one in lvs_cluster and run site.yml.",
        breaks=breaks,
    )


def _missing_texts(wanted: Values, seen: Values) -> list[str]:
    present = destinations_of(seen)
    return [
        f"destination {_destination_text(key)} ({entry['host']}) is missing"
        for key, entry in described_destinations(wanted).items()
        if key not in present
    ]


def _of_a_change(view: View, director: SeenHost) -> tuple[str, str]:
    """Cause and remedy."""
    return _of_kube_proxy(director) or (
        "It was changed by hand (ipvsadm), or the description was changed and site.yml not run.",
        f"Run site.yml again; where {_FILES[view.owner]} is right already, {view.mend}."
        if view.is_checked
        else "Run site.yml again.",
    )


def _of_a_flush(view: View, director: SeenHost) -> tuple[str, str]:
    """Cause and remedy."""
    if kube_proxy := _of_kube_proxy(director):
        return kube_proxy
    if view.is_checked:
        return (
            f"It was flushed (ipvsadm -C) behind {view.owner}'s back, which does not repair it by itself"
            + (", not even on reload." if view.owner == "keepalived" else "."),
            f"Run site.yml again: {view.owner} then learns them anew.",
        )
    return (
        "It was flushed (ipvsadm -C), and nobody puts it back by himself.",
        f"Run site.yml again, or systemctl restart {TABLE_UNIT} there, which adds what the last run left.",
    )


def _of_kube_proxy(director: SeenHost) -> tuple[str, str] | None:
    if KUBE_PROXY not in director.interfaces:
        return None
    return (
        f"kube-proxy in IPVS mode runs here ({KUBE_PROXY} is there) and removes services that it does not know.",
        "Name the VIPs in its option --ipvs-exclude-cidrs, or take another machine for a director; run site.yml again.",
    )


def _weight_differences(director: SeenHost, wanted: Values, seen: Values | None) -> list[str]:
    present = destinations_of(seen)
    return [
        f"weight of {entry['host']} ({_destination_text(key)}) is {present[key].get('weight')} "
        f"instead of {director.weight_of(wanted, entry)}"
        for key, entry in described_destinations(wanted).items()
        if key in present and present[key].get("weight") != director.weight_of(wanted, entry)
    ]


def _destination_text(key: DestinationKey) -> str:
    address, port = key
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _service_differences(wanted: Values, seen: Values) -> list[str]:
    differences = [
        f"{option} is {_plain_text(seen.get(option))} instead of {_plain_text(wanted.get(option))}"
        for option in ("scheduler", "scheduler_flags", "persistence", "persistence_netmask", "one_packet")
        if _comparable(option, wanted, seen) and _plain_text(seen.get(option)) != _plain_text(wanted.get(option))
    ]
    described = described_destinations(wanted)
    present = destinations_of(seen)
    for key, destination in present.items():
        if key not in described:
            if not _is_sorry_server(wanted, key) or described.keys() & present.keys():
                differences.append(f"destination {_destination_text(key)} is not described")
            continue
        differences += _destination_differences(wanted, key, described[key], destination)
    return differences


def _destination_differences(service: Values, key: DestinationKey, wanted: Values, seen: Values) -> list[str]:
    options = {
        "forwarding": forwarding_of(service, wanted),
        "upper_threshold": wanted.get("upper_threshold") or 0,
        "lower_threshold": wanted.get("lower_threshold") or 0,
    }
    if options["forwarding"] == "tunnel":
        options["tunnel_type"] = wanted.get("tunnel_type") or "ipip"
        options["tunnel_port"] = wanted.get("tunnel_port") or 0
        options["tunnel_checksum"] = wanted.get("tunnel_checksum") or "none"
    if seen.get("forwarding") != options["forwarding"]:
        options = {"forwarding": options["forwarding"]}  # what belongs to it differs with it
    name = f"{wanted['host']} ({_destination_text(key)})"
    return [
        f"{option} of {name} is {_plain_text(seen[option])} instead of {_plain_text(value)}"
        for option, value in options.items()
        if option in seen and seen[option] != value
    ]


def _comparable(option: str, wanted: Values, seen: Values) -> bool:
    # Without a described mask the kernel shows that of a single client.
    return option in seen and option in wanted and (option != "persistence_netmask" or wanted[option] is not None)


def _plain_text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(sorted(str(entry) for entry in value)) or "none"
    return "none" if value is None else str(value)


def _is_sorry_server(service: Values, key: DestinationKey) -> bool:
    sorry = service.get("sorry_server")
    return sorry is not None and (normal(sorry["address"]), int(sorry["port"])) == key


def _missing_destinations(view: View, compared: Sequence[SeenHost], found: Found) -> Iterator[Finding]:
    """A real server that no director sends to is the real server's matter; one that some do is the other directors'."""
    out: dict[str, list[ServiceKey]] = {}
    for key, service in view.by_key.items():
        having = [director for director in compared if director.table and key in director.table]
        described = described_destinations(service)
        gone = {d.name: described.keys() - destinations_of((d.table or {}).get(key)).keys() for d in having}
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
    for host, services in out.items():
        yield _taken_out(view, host, services, [director.name for director in compared])


def _is_faulty(found: Found, host: str, key: ServiceKey) -> bool:
    return any(finding.host == host and key in finding.breaks for finding in found)


def _check_text(service: Values, entry: Values) -> str:
    check = service.get("check") or {}
    address, kind = normal(entry["address"]), check.get("type")
    port = checked_port(service, entry) or entry.get("port") or service.get("port")
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
        f"{listed(directors, 'and')} {'has' if len(directors) == 1 else 'have'} taken it out of {named(view, keys)}."
    )
    if sorry:
        found = f"{found[:-1]}: the sorry server answers."
    if (first.get("check") or {}).get("type") == "none":
        cause, remedy = (
            "It is not checked, so somebody removed it by hand (ipvsadm).",
            f"Run {view.mend}.",
        )
    else:
        cause = "Its health check fails there."
        remedy = f"Try the check from a director: {_check_text(first, entry)}; {view.owner}'s journal says why."
    return Finding(host, found, cause, remedy, breaks=frozenset(key for key in alone if key not in sorry))


def _nobody_left(view: View, key: ServiceKey, service: Values) -> Finding:
    names = [r["host"] for r in service["real_servers"]]
    sorry = service.get("sorry_server")
    holders = view.holders_of(key) or view.looked_at_directors
    answer = f"the sorry server {sorry['address']} answers" if sorry else "nobody answers"
    return Finding(
        holders[0].name,
        f"All real servers of {service['name']} ({listed(names, 'and')}) are taken out: {answer}.",
        "The health checks of all of them fail: what they share is down, or the check asks for the wrong thing.",
        f"Try the check from this director: {_check_text(service, service['real_servers'][0])}.",
        breaks=frozenset() if sorry else frozenset([key]),
    )


def _missing_on_one(view: View, director: str, service: Values, entries: Sequence[Values]) -> Finding:
    names = listed((f"{r['host']} ({r['address']})" for r in entries), "and")
    return Finding(
        director,
        f"{names} is missing in its table for {service['name']}, though another director has it.",
        "The health check fails from this director only (firewall, route, link), or somebody removed it by hand.",
        f"Try the check from here: {_check_text(service, entries[0])}; if it passes, {view.mend}.",
    )
