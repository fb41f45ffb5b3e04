# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the directors do now, as lines for people: one small table for each service, and what differs in it."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from .drain_files import drain_name, offset_weight
from .mistakes import listed
from .observed import (
    DestinationKey,
    SeenHost,
    Values,
    described_destinations,
    destinations_of,
    key_of,
    key_text,
    vips_of,
)
from .view import View

_KINDS = ("active_connections", "inactive_connections", "persistent_connections")


def status_lines(view: View, drained: Mapping[str, Mapping[str, int]]) -> list[str]:
    """``drained`` are the drains on each director with their numbers."""
    lines = [
        f"Director {director.name}: {_director_text(view, director)}."
        for director in view.hosts.values()
        if not _is_rs(director)
    ]
    lines += ["For each director: weight, then active/inactive/persistent connections."]
    for service in view.services:
        vips = vips_of(service)
        holders = list(dict.fromkeys(director.name for vip in vips for director in view.holders(vip)))
        where = f"on {listed(holders, 'and')}" if holders else "held by nobody"
        lines += ["", f"{service['name']}: {key_text(key_of(service))}, {listed(vips, 'and')} {where}"]
        lines += _aligned([["real server", "address", "weight", *_heading(view)], *_rows(view, service, drained)])
        lines += [f"  ! {text}" for text in _differences(view, service, drained)]
    return lines


def _is_rs(host: SeenHost) -> bool:
    return host.role == "realserver_linux"


def _director_text(view: View, director: SeenHost) -> str:
    if not director.was_read:
        return "cannot be reached"
    held = [vip for vip in view.floating if director.places_of(vip)]
    state = (
        "active" if held and len(held) == len(view.floating) else f"holds {listed(held, 'and')}" if held else "standby"
    )
    stopped = [daemon for daemon in director.needed_daemons if not director.is_active(daemon)]
    return f"{state}, but {listed(stopped, 'and')} {'do' if stopped[1:] else 'does'} not run" if stopped else state


def _heading(view: View) -> list[str]:
    return [director.name for director in view.looked_at_directors]


def _rows(view: View, service: Values, drained: Mapping[str, Mapping[str, int]]) -> list[list[str]]:
    described = described_destinations(service)
    others: dict[DestinationKey, Values] = {}
    for director in view.looked_at_directors:
        others.update(destinations_of((director.table or {}).get(key_of(service))))
    rows = []
    for key in [*described, *(key for key in others if key not in described)]:
        entry = described.get(key)
        name = str(entry["host"]) if entry is not None else "(not described)"
        weight = str(entry["weight"]) if entry is not None else "-"
        cells = [
            _cell(service, director, key, drained.get(director.name, {}).get(drain_name(service["name"], name)))
            for director in view.looked_at_directors
        ]
        rows.append([name, key[0], weight, *cells])
    return rows


def _cell(service: Values, director: SeenHost, key: DestinationKey, drain: int | None) -> str:
    if director.table is None:
        return "no table"
    entry = destinations_of(director.table.get(key_of(service))).get(key)
    mark = " drained" if drain is not None else ""
    if entry is None:
        return f"out{mark}"
    return f"{entry.get('weight')}{mark}, {'/'.join(str(int(entry.get(kind) or 0)) for kind in _KINDS)}"


def _differences(view: View, service: Values, drained: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What a director does otherwise than described, or than another one."""
    found = []
    for director in view.looked_at_directors:
        if director.table is None:
            continue
        key = key_of(service)
        if key not in director.table:
            found.append(f"{director.name} has no such service in its table.")
            continue
        present = destinations_of(director.table[key])
        for destination, entry in described_destinations(service).items():
            name = drain_name(service["name"], entry["host"])
            number = drained.get(director.name, {}).get(name)
            if destination not in present:
                found.append(f"{entry['host']} is not in the table of {director.name}.")
                continue
            wanted = offset_weight(int(entry["weight"]), number or 0)
            weight = int(present[destination].get("weight") or 0)
            if weight != wanted:
                found.append(f"{entry['host']} has weight {weight} instead of {wanted} on {director.name}.")
    found += _drained_on_some(view, service, drained)
    return found


def _drained_on_some(view: View, service: Values, drained: Mapping[str, Mapping[str, int]]) -> list[str]:
    names = [director.name for director in view.looked_at_directors]
    found = []
    for host in dict.fromkeys(entry["host"] for entry in service["real_servers"]):
        on = [name for name in names if drain_name(service["name"], host) in drained.get(name, {})]
        if on and len(on) < len(names):
            off = listed([name for name in names if name not in on], "and")
            found.append(f"{host} is drained on {listed(on, 'and')}, but not on {off}.")
    return found


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def status_values(view: View, drained: Mapping[str, Mapping[str, int]]) -> dict[str, t.Any]:
    """The same for programs."""
    return {
        "active": list(dict.fromkeys(d.name for vip in view.floating for d in view.holders(vip))),
        "drained": {name: sorted(found) for name, found in drained.items()},
        "differences": [text for service in view.services for text in _differences(view, service, drained)],
    }
