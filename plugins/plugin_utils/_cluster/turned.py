# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that earlier runs made something else of than they are to be now, and what must not happen meanwhile.

A real server goes on serving until no director sends it packets; then it loses its VIPs, and then it becomes a
director: with a VIP on ``lo`` it would answer what it has to forward. A director ends before it gets VIPs as a real
server, and only as long as it holds none: whoever holds them serves, and another one has to take them first.

A real server that stays one keeps what is no longer described while a director may send it packets for that.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from .capacity import Table
from .inventory import addresses_on, hosts_from_hostvars, parse_address, variables_of
from .mistakes import listed
from .observed import (
    ServiceKey,
    Values,
    destinations_of,
    forwarding_of,
    is_mark,
    key_of,
    key_text,
    normal,
    read_table,
)
from .plain import plain
from .table import key_options


@dataclass
class Turned:
    """The hosts that turn, by what they become."""

    #: Real servers that become directors, each with its own addresses.
    directors: dict[str, list[str]] = field(default_factory=dict)
    #: Directors that become real servers.
    real_servers: list[str] = field(default_factory=list)
    #: Why nothing may be changed, in sentences.
    refusals: list[str] = field(default_factory=list)


def turned_hosts(plans: Values, hostvars: Mapping[str, Values]) -> Turned:
    """Who turns, going by what each host remembers of what it was (``lvs_traces``; see ``remembered_by``)."""
    found = Turned()
    for name, plan in plans.items():
        variables = variables_of(name, hostvars)
        traces = remembered_by(variables)
        if not traces:
            continue
        if plan["role"] == "director":
            found.directors[name] = own_addresses(name, hostvars)
        elif plan["role"] == "realserver_linux":
            found.real_servers.append(name)
            state = director_state(traces)
            held = held_by(variables, [*(state.get("vips") or ()), *(state.get("gateways") or ())])
            if held:
                found.refusals.append(_still_active(name, held))
    return found


def _still_active(name: str, held: Collection[str]) -> str:
    return (
        f"{name} was a director and holds {listed(held, 'and')}: as a real server it would end what it serves now. "
        f"Put it back into the group directors and run lvs.cluster.failover, or, where nobody can take over, "
        f"lvs.cluster.remove with --limit {name} -e lvs_remove=true; then run this again."
    )


def remembered_by(variables: Values) -> list[str]:
    """The lines of the files by which a host remembers to have been what it is not to be any more.

    ``lvs_traces`` is the result of ``grep -H`` over these files: each line begins with the path and a colon. Which
    files that are, the playbook says.
    """
    result = plain(variables.get("lvs_traces"))
    lines = result.get("stdout_lines") if isinstance(result, dict) else None
    return [str(line).partition(":")[2] for line in lines or ()]


def director_state(lines: Iterable[str]) -> Values:
    """What the role ``director`` wrote down for its next run; nothing where that cannot be read."""
    try:
        state = json.loads("\n".join(lines))
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


def held_by(variables: Values, places: Iterable[Values]) -> list[str]:
    """Which of these floating addresses the host has where a director has them: on the interface of the place.

    A real server may have the same ones, on another interface.
    """
    facts = variables.get("ansible_facts")
    if not isinstance(facts, Mapping):
        return []
    return [
        normal(place.get("address"))
        for place in places
        if parse_address(place.get("address")) in addresses_on(facts, str(place.get("interface")))
    ]


def own_addresses(name: str, hostvars: Mapping[str, Values]) -> list[str]:
    """All addresses by which a director may know this host."""
    (host,) = hosts_from_hostvars([name], hostvars, with_interfaces=False)
    facts = variables_of(name, hostvars).get("ansible_facts")
    seen = facts if isinstance(facts, Mapping) else {}
    given = [*host.addresses, *(seen.get("all_ipv4_addresses") or ()), *(seen.get("all_ipv6_addresses") or ())]
    return list(dict.fromkeys(normal(plain(address)) for address in given))


def active_directors(plans: Values, hostvars: Mapping[str, Values]) -> list[str]:
    """Directors that hold a VIP now, as the facts say."""
    return [
        name
        for name, plan in plans.items()
        if plan["role"] == "director" and held_by(variables_of(name, hostvars), plan["vars"].get("director_vips") or ())
    ]


def quiet_services(services: Iterable[Values], table: Table, addresses: Collection[str]) -> list[dict[str, t.Any]]:
    """Weight 0 for every destination of ``table`` with one of these addresses, as ``ipvs_table`` takes it.

    Only in described services: others in the table are somebody else's.
    """
    found = []
    for service in services:
        leaving = [
            {"destination": address, "destination_port": port, "weight": 0}
            for address, port in destinations_of(table.get(key_of(service)))
            if address in addresses
        ]
        if leaving:
            found.append({**key_options(service), "destinations": leaving})
    return found


def kept_for(plans: Values, hostvars: Mapping[str, Values], directors: Iterable[str]) -> dict[str, list[str]]:
    """Real servers to which a director that this run has not changed may send what is no longer described, and why.

    Each ends with what it has of that when the directors are as described. ``lvs_done`` is set on hosts that are;
    ``lvs_left_out`` of the real servers has a result of ``ipvs_info`` for each director that ``--limit`` leaves out.
    A director of which nothing is known has no plan, so ``directors`` names all, but for those that turn.
    """
    unreachable = [
        f"{name} cannot be reached, and may send packets for them. Make it reachable, or, if it is down, leave it out "
        f"with --limit 'all:!{name}'."
        for name in directors
        if _is_missing(variables_of(name, hostvars))
    ]
    kept = {}
    for name, plan in plans.items():
        if plan["role"] == "director":
            continue
        looks = _looks(variables_of(name, hostvars).get("lvs_left_out"))
        own = own_addresses(name, hostvars) if looks else []
        reasons = unreachable + [
            f"{director} has {name} in {listed(map(key_text, keys), 'and')}. Run this without a --limit that leaves "
            f"{director} out."
            for director, look in looks.items()
            if (keys := _undescribed(own, look, plan["vars"]))
        ]
        if reasons:
            kept[name] = reasons
    return kept


def _is_missing(variables: Values) -> bool:
    """Whether this run meant to change the host, and has not."""
    return "lvs_look" in variables and "lvs_done" not in variables


def _looks(result: object) -> dict[str, Values]:
    """The results of a loop over other directors, by the director."""
    read = plain(result)
    return {str(look.get("lvs_other")): look for look in (read.get("results") if isinstance(read, dict) else ()) or ()}


def _undescribed(own: Collection[str], look: Values, wanted: Values) -> list[ServiceKey]:
    """The services in which a director sends a real server what that is not to have, by the real server's own plan."""
    return [
        key
        for key, service in (read_table(look)[0] or {}).items()
        for (address, _port), entry in destinations_of(service).items()
        if address in own and not _takes(wanted, own, key, forwarding_of(service, entry))
    ]


def _takes(wanted: Values, own: Collection[str], key: ServiceKey, forwarding: str) -> bool:
    """Whether a real server with this plan takes what is forwarded so. Of a mark it is not known which VIPs it has."""
    vips = {normal(vip) for vip in wanted.get("realserver_linux_vips") or wanted.get("realserver_windows_vips") or ()}
    if forwarding == "nat":
        # Without a gateway where directors translate the source, too. That of a Windows host nobody changes.
        listeners = {normal(one["address"]) for one in wanted.get("realserver_linux_listeners", ())}
        is_windows = "realserver_windows_vips" in wanted
        return is_windows or bool(wanted.get("realserver_linux_gateways")) or not listeners.isdisjoint({*own} - vips)
    if forwarding == "tunnel" and not wanted.get("realserver_linux_tunnels"):
        return False
    return bool(vips) if is_mark(key) else key[1] in vips


def directors_behind(name: str, addresses: Collection[str], hostvars: Mapping[str, Values]) -> list[str]:
    """Sentences about directors that may go on sending packets to this host.

    ``lvs_sent`` of the host has a result of ``ipvs_info`` for each other director. One that this run leaves out
    (``--limit``) and that cannot be reached is down, says who left it out. One without a table sends nothing.
    """
    behind = []
    for director, look in _looks(variables_of(name, hostvars).get("lvs_sent")).items():
        if look.get("unreachable"):
            if "lvs_look" in variables_of(director, hostvars):
                behind.append(
                    f"{director} cannot be reached, and may send packets to it. Make it reachable, or, if it is down, "
                    f"leave it out with --limit 'all:!{director}'."
                )
            continue
        keys = [
            key
            for key, service in (read_table(look)[0] or {}).items()
            if any(address in addresses for address, _port in destinations_of(service))
        ]
        if keys:
            behind.append(
                f"{director} has it in {listed(map(key_text, keys), 'and')}. Run this without a --limit that leaves "
                f"{director} out; if that is no service of this cluster, take it out there by hand."
            )
    return behind
