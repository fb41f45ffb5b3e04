# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs that the daemons on a director run: a path and its arguments, in no need of a shell or of quotes."""

from __future__ import annotations

import re

from .mistakes import shown
from .section import Section

_PATH = re.compile(r"/[A-Za-z0-9_./+-]*[A-Za-z0-9_+-]", re.ASCII)
#: Nothing here quotes, comments, substitutes or ends anything in keepalived.conf.
_ARGUMENT = re.compile(r"(?:[A-Za-z0-9_./:=,+@-]|%[hp])+", re.ASCII)
#: keepalived cuts a line of its configuration after 1023 characters (run with 2.2.7).
_LONGEST = 900


def read_command(section: Section, key: str, *, placeholders: bool = False) -> tuple[str, ...]:
    """The program and its arguments; empty where none is given, or after noting what is wrong.

    ``placeholders``: ``%h`` and ``%p`` stand for address and port of a real server.
    """
    if not section.has(key):
        return ()
    value = section.get(key)
    words = section.items(key)
    if not words:
        return ()
    if isinstance(value, str) and " " in value:
        section.note(
            key, f"{shown(value)} is one text.", "Write a list, the program's path first, then each of its arguments."
        )
        return ()
    read = tuple(str(word) for word in words if isinstance(word, (str, int)) and not isinstance(word, bool))
    faulty = next((at for at, word in enumerate(words) if not _is_argument(word, placeholders=placeholders)), None)
    if not isinstance(words[0], str) or not _PATH.fullmatch(words[0]) or "/../" in words[0]:
        section.note(
            _place(section, key, 0),
            f"{shown(words[0])} is no path of a program.",
            "Begin with / and write letters, digits and the characters _ . / + - only.",
        )
    elif faulty is not None:
        section.note(
            _place(section, key, faulty),
            f"{shown(words[faulty])} cannot be an argument.",
            "Write letters, digits and the characters _ . / : = , + @ -"
            + (", %h for the address and %p for the port" if placeholders else "")
            + "; what needs others goes into a script.",
        )
    elif sum(len(word) + 1 for word in read) > _LONGEST:
        section.note(key, f"It is longer than {_LONGEST} characters.", "Put the arguments into a script.")
    else:
        return read
    return ()


def _place(section: Section, key: str, at: int) -> str:
    return f"{key}[{at}]" if isinstance(section.get(key), (list, tuple)) else key


def _is_argument(word: object, *, placeholders: bool) -> bool:
    if isinstance(word, bool) or not isinstance(word, (str, int)):
        return False
    return _ARGUMENT.fullmatch(str(word)) is not None and (placeholders or "%" not in str(word))
