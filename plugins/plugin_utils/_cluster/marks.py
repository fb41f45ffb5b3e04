# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which firewall mark a service gets that has none pinned.

A mark must not change while its service has connections: they would end. Nothing is remembered between runs, so a mark
is chosen from the service's name alone, and from who stands before it in the list:

* pinned marks are nobody else's;
* each service in turn takes the first free mark of a sequence that its name gives (hashes of the name);
* so services that are added behind, changed or reordered among those of other wishes change nobody's mark, and one
  that is added before, or removed, changes another's only when both want the same mark.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterable, Iterator

#: So many wishes, then whatever is free: a nearly full range would be searched for long.
_WISHES = 64


def chosen_marks(names: Iterable[str], *, pinned: Collection[int], first: int, last: int) -> dict[str, int]:
    """A mark from ``first`` to ``last`` for each of the names, as far as there are enough."""
    taken = set(pinned)
    chosen = {}
    for name in names:
        wishes = itertools.chain(_wishes(name, first, last - first + 1), _free(taken, first, last))
        mark = next((wish for wish in wishes if wish not in taken), None)
        if mark is not None:
            taken.add(mark)
            chosen[name] = mark
    return chosen


def _wishes(name: str, first: int, count: int) -> Iterator[int]:
    for attempt in range(_WISHES):
        digest = hashlib.sha256(f"{attempt} {name}".encode()).digest()
        yield first + int.from_bytes(digest[:8], "big") % count


def _free(taken: Collection[int], first: int, last: int) -> Iterator[int]:
    """The lowest free mark; there is one below ``first + len(taken) + 1``, or none."""
    return (mark for mark in range(first, min(last, first + len(taken)) + 1) if mark not in taken)
