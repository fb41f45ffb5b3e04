# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One thing that is not as described, and what it accounts for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .mistakes import listed
from .observed import ServiceKey
from .view import View


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
    #: Modules whose differences on this host this accounts for.
    explains: frozenset[str] = field(default=frozenset(), repr=False)

    def as_result(self) -> dict[str, str]:
        return {"host": self.host, "found": self.found, "cause": self.cause, "remedy": self.remedy}


Found = Sequence[Finding]


def named(view: View, keys: Iterable[ServiceKey]) -> str:
    wanted = set(keys)
    # One of both families is two services of one name.
    return listed(dict.fromkeys(service["name"] for key, service in view.by_key.items() if key in wanted), "and")


def broken(found: Found) -> set[ServiceKey]:
    return {key for finding in found for key in finding.breaks}
