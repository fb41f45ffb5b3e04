# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports as services have them: single ones, ranges, or all; and who has them already."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

from .mistakes import shown
from .section import Section, whole_number

PortRange = tuple[int, int]

#: Port 0 in the kernel: every port that no other service has.
ALL_PORTS: tuple[PortRange, ...] = ((0, 65535),)
_RANGE = 'Write one port from 1 to 65535, or a range in quotes such as "10000:20000".'


def spelled(ports: Iterable[PortRange]) -> list[str]:
    """Ports as the modules take them: texts, and an empty list for all."""
    return [str(first) if first == last else f"{first}:{last}" for first, last in ports if (first, last) != (0, 65535)]


def single_ports(ports: Iterable[PortRange]) -> list[int]:
    return [first for first, last in ports if first == last]


def covers(ports: Iterable[PortRange], part: PortRange) -> bool:
    return any(first <= part[0] and part[1] <= last for first, last in ports)


def read_ports(section: Section, key: str, *, may_be_all: bool = False) -> tuple[PortRange, ...] | None:
    """The ports under ``key``, sorted; None after noting what is wrong, or when there are none."""
    given = section.items(key)
    if may_be_all and given == ["all"]:
        return ALL_PORTS
    is_one = not isinstance(section.get(key), (list, tuple))
    found: list[PortRange] = []
    is_faulty = False
    for index, value in enumerate(given):
        place = key if is_one else f"{key}[{index}]"
        ports = _ports(section, place, value, may_be_all=may_be_all)
        double = None if ports is None else next((o for o in found if o[0] <= ports[1] and ports[0] <= o[1]), None)
        if ports is None:
            is_faulty = True
        elif double is not None:
            is_faulty = True
            section.note(
                place,
                f"{spelled([ports])[0]} and {spelled([double])[0]} have ports in common.",
                "Write each port once.",
            )
        else:
            found.append(ports)
    return None if is_faulty or not found else tuple(sorted(found))


def place_of(section: Section, key: str, part: PortRange) -> str:
    """Where ``part``, one of the ports that were read from under ``key``, is written there."""
    value = section.get(key)
    if not isinstance(value, (list, tuple)):
        return key
    return next((f"{key}[{index}]" for index, each in enumerate(value) if _range(each) == part), key)


def _range(value: object) -> PortRange | None:
    """A port or range as it is written, or None."""
    number = whole_number(value)
    if number is not None:
        return (number, number) if 1 <= number <= 65535 else None
    if isinstance(value, str) and (sign := ":" if ":" in value else "-") in value:
        first, last = (whole_number(end) or 0 for end in value.split(sign, 1))
        return (first, last) if 1 <= first <= last <= 65535 else None
    return None


def _ports(section: Section, place: str, value: object, *, may_be_all: bool) -> PortRange | None:
    ports = _range(value)
    if ports is not None:
        return ports
    if isinstance(value, str) and value == "all" and may_be_all:
        section.note(place, "all stands beside other ports.", "Write ports: all, and nothing else.")
    elif isinstance(value, str) and whole_number(value) is None and (":" in value or "-" in value):
        section.note(place, f"{shown(value)} is no range of ports.", _RANGE)
    else:
        section.integer_value(place, 0 if value is None else value, 0, 1, 65535, 'one port; a range is "10000:20000"')
    return None


class Claims:
    """Who has which ports of one VIP and protocol."""

    __slots__ = ("everything", "ranges")

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int, str, bool]] = []
        self.everything: tuple[str, bool] | None = None

    def claim(
        self, ports: Iterable[PortRange], owner: str, *, is_marked: bool
    ) -> tuple[str, PortRange, PortRange] | None:
        """Take ``ports`` for ``owner``; where somebody has one of them already, who, which, and in which of ``ports``.

        The kernel looks for a service with the mark first, then for one with address and port, then for one with
        port 0 (``ip_vs_service_find``). So a service of all ports gets what others leave, unless it has a mark.
        """
        for part in ports:
            if part == (0, 65535):
                taken = self._claim_all(owner, is_marked)
            else:
                taken = self._claim_some(part, owner, is_marked)
            if taken is not None and taken[0] != owner:
                return (*taken, part)
        return None

    def _claim_all(self, owner: str, is_marked: bool) -> tuple[str, PortRange] | None:
        if self.everything is not None:
            return self.everything[0], (0, 65535)
        self.everything = (owner, is_marked)
        if is_marked and self.ranges:
            first, last, other, _marked = self.ranges[0]
            return other, (first, last)
        return None

    def _claim_some(self, part: PortRange, owner: str, is_marked: bool) -> tuple[str, PortRange] | None:
        if self.everything is not None and self.everything[1]:
            return self.everything[0], (0, 65535)
        ranges = self.ranges
        place = bisect.bisect_left(ranges, (part[0],))
        for first, last, other, _marked in ranges[max(place - 1, 0) : place + 1]:
            if first <= part[1] and part[0] <= last:
                return other, (max(first, part[0]), min(last, part[1]))
        ranges.insert(place, (*part, owner, is_marked))
        return None
