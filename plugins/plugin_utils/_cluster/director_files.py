# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""To whom the files of directors say that packets go: also to real servers that are down, which are in no table.

Read are lines of ``keepalived.conf``, ``ldirectord.cf`` and ``table.rules`` (as ipvsadm saves it), of one file after
the other: those that begin a service or a real server, and keepalived's ``lvs_method`` and ``weight``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from .observed import ServiceKey, is_mark, normal

_KEEPALIVED = {"DR": "direct", "NAT": "nat", "TUN": "tunnel"}
_LDIRECTORD = {"gate": "direct", "masq": "nat", "ipip": "tunnel"}
_IPVSADM = {"-g": "direct", "-m": "nat", "-i": "tunnel"}


@dataclasses.dataclass(slots=True)
class _Entry:
    place: str
    address: str
    forwarding: str
    weight: str = "1"


def named_in_files(lines: Iterable[str]) -> set[tuple[str, str, str]]:
    """Which real servers get something by these lines: triples of ``place_of``, address and forwarding."""
    words = [line.replace("=", " ").split() for line in lines]
    found = [*_in_keepalived(words), *_in_ldirectord(words), *_in_rules(words)]
    return {(entry.place, entry.address, entry.forwarding) for entry in found if entry.weight != "0"}


def place_of(key: ServiceKey) -> str:
    """A service in these files: ``192.0.2.100 80``, or ``fwmark 7``. The protocol does not matter."""
    return f"fwmark {key[2]}" if is_mark(key) else f"{key[1]} {key[2]}"


def _in_keepalived(lines: Iterable[list[str]]) -> list[_Entry]:
    service, entries = _Entry("", "", "nat"), []
    now = service
    for words in lines:
        match words:
            case ["virtual_server", where, number, *_]:
                now = service = _Entry(f"{normal(where)} {number}", "", "nat")
            case ["real_server", address, *_]:
                now = _Entry(service.place, normal(address), service.forwarding)
                entries.append(now)
            case ["lvs_method", name]:
                now.forwarding = _KEEPALIVED.get(name, name)
            case ["weight", weight]:
                now.weight = weight
    return entries


def _in_ldirectord(lines: Iterable[list[str]]) -> Iterator[_Entry]:
    place = ""
    for words in lines:
        match words:
            case ["virtual" | "virtual6", where, *_]:
                place = _place(where)
            case ["real" | "real6", where, method, weight, *_]:
                yield _Entry(place, _split(where)[0], _LDIRECTORD.get(method, method), weight)


def _in_rules(lines: Iterable[list[str]]) -> Iterator[_Entry]:
    for words in lines:
        match words:
            case ["-a", _, service, "-r", where, flag, "-w", weight, *_]:
                yield _Entry(_place(service), _split(where)[0], _IPVSADM.get(flag, flag), weight)


def _place(text: str) -> str:
    address, port = _split(text)
    return f"{address} {port}" if port else f"fwmark {text}"


def _split(text: str) -> tuple[str, str]:
    """Address and port of ``192.0.2.21:80`` or ``[2001:db8::21]:80``; no port where there is none."""
    address, _colon, port = text[1:].partition("]") if text.startswith("[") else text.partition(":")
    return normal(address), port.lstrip(":")
