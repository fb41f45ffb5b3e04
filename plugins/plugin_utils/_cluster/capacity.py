# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether enough of a service is left when real servers are taken out of it, seen against the kernel's tables.

What counts is what serves now: a real server that a health check or another drain has taken out is not there to take
over. Of every service the last real server stays, whatever ``min_capacity`` says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction

from .mistakes import listed
from .model import DEFAULT_MIN_CAPACITY
from .observed import (
    DestinationKey,
    ServiceKey,
    Values,
    described_destinations,
    destinations_of,
    key_of,
    key_text,
)

#: The services of one director's table by their keys.
Table = Mapping[ServiceKey, Values]


def serving(service: Values | None, described: Values) -> dict[DestinationKey, int]:
    """The weights of those described real servers that get new connections now."""
    wanted = described_destinations(described)
    return {
        key: int(entry.get("weight") or 0)
        for key, entry in destinations_of(service).items()
        if key in wanted and int(entry.get("weight") or 0) > 0
    }


def drain_refusals(
    services: Iterable[Values], tables: Mapping[str, Table], leaving: Mapping[ServiceKey, Collection[DestinationKey]]
) -> list[str]:
    """Why these destinations must not be drained now: one sentence for each service and director; none when they may.

    A destination that gets no new connections anyway can always be drained.
    """
    refusals = []
    for director, table in tables.items():
        for service in services:
            key = key_of(service)
            going = set(leaving.get(key, ()))
            if not going:
                continue
            now = serving(table.get(key), service)
            if key in table and not going & now.keys():
                continue
            left = {destination: weight for destination, weight in now.items() if destination not in going}
            whole = sum(int(entry.get("weight", 1)) for entry in described_destinations(service).values())
            refusal = _refusal(service, left, sum(left.values()), whole, "of the described weight")
            if key not in table:
                refusal = f"{service['name']} ({key_text(key)}) is not in its table."
            if refusal:
                refusals.append(f"{director}: {refusal}")
    return refusals


def change_refusals(services: Iterable[Values], tables: Mapping[str, Table]) -> list[str]:
    """What a changed description would take out of services that serve now, where that is too much at once.

    Compared is what serves now with what the description leaves of it: new real servers have not shown yet that they
    serve. A service that the tables have and the description has not is no matter of capacity. Weights count in
    relation to each other: when all are lowered alike, or some are raised, nothing is lost.
    """
    refusals = []
    for director, table in tables.items():
        for service in services:
            key = key_of(service)
            wanted = described_destinations(service)
            now = {
                destination: int(entry.get("weight") or 0)
                for destination, entry in destinations_of(table.get(key)).items()
                if int(entry.get("weight") or 0) > 0 and not _is_sorry_server(service, destination)
            }
            ratios = {
                destination: Fraction(int(wanted[destination].get("weight", 1)), weight)
                for destination, weight in now.items()
                if destination in wanted
            }
            unit = min(Fraction(1), max(ratios.values(), default=Fraction(0))) or Fraction(1)
            left = {
                destination: min(Fraction(1), ratio / unit) * now[destination]
                for destination, ratio in ratios.items()
                if ratio
            }
            refusal = _refusal(service, left, sum(left.values()), sum(now.values()), "of what serves now")
            if refusal and now:
                refusals.append(f"{director}: {refusal}")
    return refusals


def _refusal(
    service: Values,
    left: Mapping[DestinationKey, int | Fraction],
    weight: int | Fraction,
    whole: int | Fraction,
    what: str,
) -> str:
    """Why what is left is too little, or nothing."""
    name = f"{service['name']} ({key_text(key_of(service))})"
    if not left:
        return f"nobody would be left to serve {name}."
    needed = int(service.get("min_capacity", DEFAULT_MIN_CAPACITY))
    if weight * 100 >= needed * whole:
        return ""
    hosts = {key: entry.get("host") or key[0] for key, entry in described_destinations(service).items()}
    names = listed(dict.fromkeys(hosts[key] for key in left), "and")
    percent = int(weight * 100 / whole)
    return f"{name} would be left with {names}, {percent} % {what}; min_capacity is {needed} %."


def _is_sorry_server(service: Values, key: DestinationKey) -> bool:
    sorry = service.get("sorry_server")
    return sorry is not None and str(sorry.get("address")) == key[0] and key not in described_destinations(service)
