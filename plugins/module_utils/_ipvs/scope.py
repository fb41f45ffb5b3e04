# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Which services of the table a task owns: those at addresses of some networks and those of some firewall marks."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import re
from typing import Sequence, Tuple, Union

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import MOST_U32, ServiceKey

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Marks = Tuple[int, int]  # first and last, both included

_MARKS = re.compile(r"(?:fwmark[/: ])?([0-9]{1,10})(?:-([0-9]{1,10}))?")


@dataclasses.dataclass(frozen=True)
class Scope:
    """A set of services. ``key in scope`` says whether a service belongs to it; marks count in both families."""

    networks: tuple[Network, ...] = ()
    marks: tuple[Marks, ...] = ()

    def __contains__(self, key: ServiceKey) -> bool:
        if key.fwmark is not None:
            return any(first <= key.fwmark <= last for first, last in self.marks)
        address = ipaddress.ip_address(str(key.address))
        return any(address in network for network in self.networks)


def read_scope(entries: Sequence[str]) -> tuple[Scope, list[str]]:
    """The scope that a person wrote, and a sentence for each entry that cannot be read.

    An entry is a network (``192.0.2.0/24``), an address (``2001:db8::100``), a firewall mark (``5``) or a range of
    marks (``100-199``).
    """
    networks: list[Network] = []
    marks: list[Marks] = []
    mistakes: list[str] = []
    for index, entry in enumerate(entries):
        found = _read_entry(entry.strip())
        if isinstance(found, str):
            mistakes.append(f"scope[{index}]: {found}")
        elif isinstance(found, tuple):
            marks.append(found)
        else:
            networks.append(found)
    return Scope(tuple(networks), tuple(marks)), mistakes


def _read_entry(entry: str) -> Network | Marks | str:
    """What an entry stands for, or the sentence about it."""
    numbers = _MARKS.fullmatch(entry)
    if numbers:
        first, last = int(numbers.group(1)), int(numbers.group(2) or numbers.group(1))
        if 1 <= first <= last <= MOST_U32:
            return (first, last)
        return f"Firewall marks are 1 to {MOST_U32}, the lower one first, got {entry!r}."
    # Some versions of Python read an address with an interface, and forget the interface.
    with contextlib.suppress(ValueError):
        if "%" not in entry:
            return _read_network(entry)
    return f"It must be a network, an address, a firewall mark or a range of marks (100-199), got {entry!r}."


def _read_network(entry: str) -> Network | str:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        # What is owned may be removed: no guess about it.
        near = ipaddress.ip_network(entry, strict=False)
        return f"{entry} has bits behind its prefix. Write {near}, or the address alone."
