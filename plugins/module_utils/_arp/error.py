# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The one exception of this room."""

from __future__ import annotations

from typing import Sequence

#: A sentence names this many addresses at most.
_MOST_NAMED = 5


class HideError(Exception):
    """What cannot be done, as a sentence for the user: the object, the cause, the remedy."""


def named(addresses: Sequence[object]) -> str:
    """The first addresses as a part of a sentence, and how many more there are."""
    more = f" and {len(addresses) - _MOST_NAMED} more" if len(addresses) > _MOST_NAMED else ""
    return ", ".join(map(str, addresses[:_MOST_NAMED])) + more
