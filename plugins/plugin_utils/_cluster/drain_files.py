# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a director remembers a drain: a small file for each real server in each service, with a number.

keepalived adds the number to the weight and so sends nothing new to the real server (run with 2.2.7: a sum of 0 or less
is weight 0, and the real server stays up); other owners of a table are told the same sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .model import MAX_WEIGHT

#: What is added to the weight of a drained real server: no weight is left, however large it is.
DRAINED = -MAX_WEIGHT
_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)


def drain_name(service: str, host: str) -> str:
    """The name of the file; neither part can have an @."""
    return f"{service}@{host}"


def offset_weight(described: int, offset: int) -> int:
    """The weight that a described one has with this number added."""
    return max(0, described + offset)


def drains_read(lines: Iterable[object]) -> dict[str, int]:
    """The drains on a director with their numbers, from lines of ``grep -H``: path, colon, number.

    Like keepalived it takes what is no number for none.
    """
    found = {}
    for line in lines:
        path, _colon, text = str(line).rpartition(":")
        name = path.rpartition("/")[2]
        if "@" in name and _NUMBER.fullmatch(text.strip()) and int(text):
            found[name] = int(text)
    return found
