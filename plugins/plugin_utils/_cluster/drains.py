# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which destinations a drain takes, what it writes down, and what is left to wait for."""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .capacity import Table
from .drain_files import DRAINED, drain_name, drains_read, offset_weight
from .inventory import variables_of
from .mistakes import closest, listed, shown
from .observed import DestinationKey, ServiceKey, Values, described_destinations, destinations_of, key_of
from .plain import plain
from .table import key_options

#: The longest name that a file may have (Linux); a temporary file beside it has a longer one.
_LONGEST_NAME = 255 - 40


def drain_names(services: Iterable[Values]) -> set[str]:
    """The files that drains of these services may have; a real server without a name goes by its address."""
    return {
        drain_name(service["name"], entry.get("host") or entry["address"])
        for service in services
        for entry in service.get("real_servers") or ()
    }


@dataclass(frozen=True)
class Drain:
    """One real server in the services that it leaves."""

    host: str
    services: tuple[Values, ...]

    @property
    def files(self) -> list[str]:
        # One service of both families is two of the same name.
        return list(dict.fromkeys(drain_name(service["name"], self.host) for service in self.services))

    @property
    def destinations(self) -> dict[ServiceKey, dict[DestinationKey, Values]]:
        return {
            key_of(service): {
                key: entry for key, entry in described_destinations(service).items() if entry["host"] == self.host
            }
            for service in self.services
        }

    def described_weight(self, name: str) -> int:
        """The largest of its weights in the service of this file."""
        return max(
            int(entry.get("weight", 1))
            for service in self.services
            if drain_name(service["name"], self.host) == name
            for entry in described_destinations(service).values()
            if entry["host"] == self.host
        )


def wrong_names(services: Sequence[Values], host: object, service: object) -> list[str]:
    """What is wrong with the names that somebody gave, in sentences; nothing when they name a drain."""
    hosts = list(dict.fromkeys(entry["host"] for each in services for entry in each["real_servers"]))
    names = list(dict.fromkeys(each["name"] for each in services))
    if not host:
        return [f"lvs_real_server is not set. Write one of the real servers: {listed(hosts)}."]
    if host not in hosts:
        return [f"lvs_real_server: {shown(host)} is no real server of a service. {_instead(host, hosts)}"]
    if not service:
        return [too_long for each in names for too_long in _too_long(each, str(host))]
    if service not in names:
        return [f"lvs_service: {shown(service)} is no service. {_instead(service, names)}"]
    having = [each["name"] for each in services if any(entry["host"] == host for entry in each["real_servers"])]
    if service not in having:
        return [f"lvs_service: {host} does not serve {service}. It serves {listed(dict.fromkeys(having), 'and')}."]
    return _too_long(str(service), str(host))


def _instead(word: object, known: Collection[str]) -> str:
    near = closest(word, known)
    return f"Did you mean {near}?" if near else f"Write {listed(known)}."


def _too_long(service: str, host: str) -> list[str]:
    if len(drain_name(service, host).encode()) <= _LONGEST_NAME:
        return []
    return [
        f"The names of {shown(service)} and {host} together are too long for the name of a file. Shorten one of them."
    ]


def unwatched(drain: Drain, watched: Mapping[str, Collection[str]]) -> list[str]:
    """Directors whose keepalived would not hear of the drain; ``watched`` are the lines ``track_file`` of each."""
    missing = [
        name for name, lines in watched.items() if any(f"track_file {file} {{" not in lines for file in drain.files)
    ]
    if not missing:
        return []
    names = listed(missing, "and")
    return [f"keepalived on {names} does not watch drains of {drain.host} yet. Run site.yml, which tells it to."]


def drain_of(services: Iterable[Values], host: str, service: str | None = None) -> Drain:
    """The drain of a real server in every service that it serves, or in the one of this name."""
    return Drain(
        host,
        tuple(
            each
            for each in services
            if service in (None, "", each["name"]) and any(entry["host"] == host for entry in each["real_servers"])
        ),
    )


def steps_of(weight: int, number: int) -> list[int]:
    """The weights of a slow start in ``number`` steps, each once and the last one the whole weight."""
    number = max(1, number)
    return list(dict.fromkeys(-(-weight * step // number) for step in range(1, number + 1)))


def written_steps(drain: Drain, number: int, drained: Mapping[str, int]) -> list[dict[str, int | None]]:
    """For each step what each file says; None when it goes. As many steps as the largest weight has.

    ``drained`` are the files that are there, each with its number: what is not drained is left alone, and a slow start
    that was cut short goes on where it was.
    """
    numbers = {name: steps_of(drain.described_weight(name), number) for name in drain.files if drained.get(name, 0) < 0}
    longest = max(map(len, numbers.values()), default=0)
    steps: list[dict[str, int | None]] = []
    for index in range(longest):
        written: dict[str, int | None] = {}
        for name, weights in numbers.items():
            # Those with fewer steps get their last one when the others do.
            position = index - longest + len(weights)
            offset = weights[position] - weights[-1] if position >= 0 else DRAINED
            if offset > drained[name]:
                written[name] = offset or None
        if written:
            steps.append(written)
    return steps


def offset_table(services: Iterable[Values], drained: Mapping[str, int]) -> list[Values]:
    """The services with the weights that these files leave; for who owns the table without keepalived."""
    return [
        {
            **service,
            "real_servers": [
                {
                    **entry,
                    "weight": offset_weight(
                        int(entry.get("weight") if entry.get("weight") is not None else 1),
                        drained.get(drain_name(service["name"], entry.get("host") or entry["address"]), 0),
                    ),
                }
                for entry in service.get("real_servers") or ()
            ],
        }
        for service in services
    ]


def changed_services(drain: Drain, table: Table, drained: Mapping[str, int]) -> list[dict[str, t.Any]]:
    """The weights that these files leave to destinations of ``table``, as the module ``ipvs_table`` takes them.

    What is not in the table is not put there: its health check has taken it out.
    """
    found = []
    for service in drain.services:
        key = key_of(service)
        present = destinations_of(table.get(key))
        offset = drained.get(drain_name(service["name"], drain.host), 0)
        destinations = [
            {
                "destination": destination[0],
                "destination_port": destination[1],
                "weight": offset_weight(int(entry.get("weight", 1)), offset),
            }
            for destination, entry in drain.destinations[key].items()
            if destination in present
        ]
        if destinations:
            found.append({**key_options(service), "destinations": destinations})
    return found


@dataclass(frozen=True)
class Left:
    """Connections that a drained real server still has in one director's table."""

    active: int = 0
    persistent: int = 0
    #: Names of services with connections.
    services: tuple[str, ...] = ()
    #: Names of services in which it still gets new ones.
    open: tuple[str, ...] = ()
    #: Names of services in whose table it is not, because a health check has taken it out.
    absent: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        if not self.active and not self.persistent:
            return "no connection"
        kinds = [f"{self.active} active"] if self.active else []
        kinds += [f"{self.persistent} persistent"] if self.persistent else []
        number = self.active + self.persistent
        return f"{' and '.join(kinds)} connection{'' if number == 1 else 's'} in {listed(self.services, 'and')}"


def left_in(table: Table, drain: Drain) -> Left:
    active = persistent = 0
    services: dict[str, None] = {}
    still_open: dict[str, None] = {}
    absent: dict[str, None] = {}
    names = {key_of(service): service["name"] for service in drain.services}
    for key, destinations in drain.destinations.items():
        present = destinations_of(table.get(key))
        if destinations.keys() - present.keys():
            absent[names[key]] = None
        for entry in (present[destination] for destination in destinations if destination in present):
            own_active = int(entry.get("active_connections") or 0)
            own_persistent = int(entry.get("persistent_connections") or 0)
            active, persistent = active + own_active, persistent + own_persistent
            if own_active or own_persistent:
                services[names[key]] = None
            if int(entry.get("weight") or 0) > 0:
                still_open[names[key]] = None
    return Left(active, persistent, tuple(services), tuple(still_open), tuple(absent))


def drains_from_hostvars(names: Iterable[str], hostvars: Mapping[str, Values]) -> dict[str, dict[str, int]]:
    """The drains on each director, from what the playbooks registered as ``lvs_drains``."""
    found = {}
    for name in names:
        result = plain(variables_of(name, hostvars).get("lvs_drains"))
        if isinstance(result, dict):
            found[name] = drains_read(result.get("stdout_lines") or ())
    return found


def host_of(service: Values, destination: DestinationKey) -> str:
    """The name of a real server of this service; its address when it is not described."""
    entry = described_destinations(service).get(destination)
    return str(entry["host"]) if entry is not None else destination[0]
