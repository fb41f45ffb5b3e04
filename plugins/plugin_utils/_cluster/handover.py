# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who would take the VIPs over, whether he could serve, and what makes the others yield.

With keepalived each director adds the number in a small file to its VRRP priority (run with 2.2.7). Without ``preempt``
a number under -253 puts it out of the election: it gives everything up at once, and afterwards the new one keeps the
addresses. With ``preempt`` the number has to stay, or the first director would take them back; a low priority lets the
other one take over before this one lets go.

heartbeat has a command for it (hb_standby), and between two directors nobody else has to yield.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .capacity import Table
from .drains import host_of
from .mistakes import closest, listed, shown
from .observed import (
    DestinationKey,
    SeenHost,
    ServiceKey,
    Values,
    destinations_of,
    key_of,
)
from .view import View

#: Added to a priority of 1 to 254 it makes the least one; one less is no priority any more (keepalived.conf(5)).
LEAST = -253
OUT = -254
#: The name of the track_file in keepalived.conf.
YIELD = "lvs_yield"


@dataclass
class Handover:
    """What there is to do; nothing where ``mistakes`` or ``refusals`` say why, or where ``active`` is ``target``."""

    active: str = ""
    target: str = ""
    #: What each director writes down while the addresses move, and after it.
    during: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def is_needed(self) -> bool:
        return bool(self.target) and self.active != self.target


def handover(
    view: View, watched: Mapping[str, Sequence[str]], daemons: Mapping[str, Sequence[Values]], to: object, away: object
) -> Handover:
    """The way of the VIPs ``to`` a director, ``away`` from one, or, with neither, to the next one in the order.

    ``watched`` are the lines ``track_file`` of each ``keepalived.conf``, ``daemons`` the sync daemons in each kernel.
    """
    names = [director.name for director in view.directors]
    mistakes = [
        f"lvs_director: {shown(name)} is no director. "
        + (f"Did you mean {near}?" if (near := closest(name, names)) else f"Write {listed(names)}.")
        for name in (to, away)
        if name and name not in names
    ]
    if not mistakes and view.failover == "none":
        mistakes = ["There is one director only, and nobody to hand over to: failover is none."]
    holders = {vip: [director.name for director in view.holders(vip)] for vip in view.floating}
    active = list(dict.fromkeys(name for found in holders.values() for name in found))
    lost = [vip for vip, found in holders.items() if not found]
    if not mistakes and lost:
        mistakes = [f"Nobody holds {listed(lost, 'and')}: there is nothing to hand over. Run verify.yml."]
    if not mistakes and len(active) > 1:
        mistakes = [f"{listed(active, 'and')} hold VIPs at the same time. Run verify.yml, and mend that first."]
    if mistakes:
        return Handover(mistakes=mistakes)
    if to:
        target = str(to)
    elif away and away != active[0]:
        target = active[0]  # he need not be relieved
    else:
        target = next(name for name in names if name != active[0])
    found = Handover(active=active[0], target=target)
    if found.is_needed:
        found.refusals = _refusals(view, found, watched, daemons)
        if view.failover == "keepalived":
            _numbers(view, found)
    return found


def _numbers(view: View, found: Handover) -> None:
    vrrp = {director.name: director.wanted.get("director_vrrp") or {} for director in view.directors}
    priority = int(vrrp[found.target].get("priority") or 0)
    for director in view.looked_at_directors:
        name = director.name
        if not vrrp[name].get("preempt"):
            found.during[name] = 0 if name == found.target else OUT
            found.after[name] = 0
        else:
            yields = name != found.target and int(vrrp[name].get("priority") or 0) > priority
            found.during[name] = found.after[name] = LEAST if yields else 0


def _refusals(
    view: View, found: Handover, watched: Mapping[str, Sequence[str]], daemons: Mapping[str, Sequence[Values]]
) -> list[str]:
    target, active = view.hosts[found.target], view.hosts[found.active]
    if not target.was_read:
        return [f"{target.name} cannot be reached."]
    refusals = [
        f"{daemon} does not run on {target.name}." for daemon in target.needed_daemons if not target.is_active(daemon)
    ]
    if view.failover == "heartbeat" and not active.is_daemon_active:
        refusals.append(f"heartbeat does not run on {active.name}, and cannot let the VIPs go.")
    deaf = [
        each.name for each in view.looked_at_directors if f"track_file {YIELD} {{" not in watched.get(each.name, ())
    ]
    if deaf and view.failover == "keepalived":
        refusals.append(
            f"keepalived on {listed(deaf, 'and')} cannot be told to yield yet: run site.yml, which changes that."
        )
    if target.table is None or active.table is None:
        refusals += [
            f"The IPVS table of {each.name} could not be read: {each.table_error.rstrip('.') or 'no answer'}."
            for each in (active, target)
            if each.table is None
        ]
    else:
        refusals += table_differences(view.services, active, target)
    if _has(daemons.get(active.name, ()), "master") and not _has(daemons.get(target.name, ()), "backup"):
        refusals.append(
            f"{target.name} does not listen for the connections that {active.name} announces: they would end."
        )
    return refusals


def _has(daemons: Iterable[Values], role: str) -> bool:
    return any(daemon.get("role") == role for daemon in daemons)


def table_differences(services: Sequence[Values], active: SeenHost, target: SeenHost) -> list[str]:
    """What of the described services one director would serve otherwise than the active one does now."""
    found = []
    for service in services:
        key = key_of(service)
        here, there = _weights(active.table, key), _weights(target.table, key)
        if here is None:
            continue
        if there is None:
            found.append(f"{service['name']} is missing in the table of {target.name}.")
            continue
        for destination in sorted(here.keys() | there.keys()):
            ours, theirs = here.get(destination), there.get(destination)
            if ours != theirs:
                host = host_of(service, destination)
                found.append(
                    f"{host} has {_weight_text(theirs)} for {service['name']} on {target.name} and "
                    f"{_weight_text(ours)} on {active.name}."
                )
    return found


def _weights(table: Table | None, key: ServiceKey) -> dict[DestinationKey, int] | None:
    if table is None or key not in table:
        return None
    return {destination: int(entry.get("weight") or 0) for destination, entry in destinations_of(table[key]).items()}


def _weight_text(weight: int | None) -> str:
    return "no place" if weight is None else f"weight {weight}"


def macs_of(host: SeenHost | None) -> list[str]:
    """The hardware addresses that may answer for it; the one of ``lo`` is none."""
    return sorted(mac for mac in host.macs() if mac.strip("0:")) if host is not None else []


def daemons_from(results: Mapping[str, t.Any]) -> dict[str, list[Values]]:
    """The sync daemons of each director, from results of ``ipvs_info``."""
    return {
        name: list(result.get("daemons") or ()) if isinstance(result, Mapping) else []
        for name, result in results.items()
    }
