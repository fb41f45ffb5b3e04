# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a check asks a real server, and which answers are good."""

from __future__ import annotations

import re

from .mistakes import shown
from .model import Url
from .section import Section

#: Nothing here quotes, comments, substitutes or ends anything in keepalived.conf or in an HTTP request line.
_PATH_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._~%?&=+:,;@-")
#: keepalived cuts a line of its configuration after 1023 characters (run with 2.2.7); some of them are not the path.
_LONGEST_PATH = 1000
#: Without what keepalived.conf or its quotes could take for something else.
_REGEX = re.compile(r"[A-Za-z0-9 .^*+?()\[\]|_:,;=<>/&%'-]{1,500}", re.ASCII)
#: ldirectord cuts a line at #, and takes what is between the first and the last quotation mark.
_LINE = re.compile(r'[^"#\x00-\x1f\x7f]{1,500}')
_LINE_REMEDY = 'Write a text of at most 500 characters without ", # and line breaks.'
_REGEX_REMEDY = (
    "Write letters, digits, blanks and the characters . ^ * + ? ( ) [ ] | _ : , ; = < > / & % ' - only, "
    "such as [0-9] and [.], at most 500."
)
_DIGEST = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)
_DOMAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})", re.ASCII)
#: Three characters in the configuration file for each of these, both texts in one line of 1023.
_LONGEST_TEXT = 120
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){1,400}", re.ASCII)
_HEX_WITH_GAPS = re.compile(r"(?:[0-9a-fA-FxX]{2}){1,400}", re.ASCII)


def read_urls(own: Section, engine: str) -> tuple[Url, ...]:
    """The key ``urls``, in which each request stands with its own answer."""
    if not own.has("urls"):
        return ()
    for key in ("path", "status", "regex", "digest"):
        if own.has(key):
            own.note(key, f"It stands beside urls, where each entry has a {key} of its own.", "Write it there.")
    found = []
    for index, entry in enumerate(own.items("urls")):
        url = Section(
            own.mistakes,
            own.at(f"urls[{index}]"),
            entry,
            required=("path",),
            optional=("status", "regex", "digest"),
        )
        if url.is_mapping:
            found.append(read_url(url, engine))
    return tuple(found)


def read_url(section: Section, engine: str) -> Url:
    return Url(_path(section), _status(section), _regex(section, engine), _digest(section))


def _path(own: Section) -> str:
    value = own.get("path")
    if value is None:
        return "/"
    if (
        isinstance(value, str)
        and value.startswith("/")
        and len(value) <= _LONGEST_PATH
        and _PATH_CHARACTERS.issuperset(value)
    ):
        return str(value)
    own.note(
        "path",
        f"{shown(value)} cannot be the path of a request.",
        "Begin with / and write every character but letters, digits and . _ ~ % ? & = + : , ; @ - as %XX, "
        f"{_LONGEST_PATH} at most.",
    )
    return "/"


def _status(own: Section) -> tuple[int, ...]:
    if not own.has("status"):
        return (200,)
    values = own.items("status")
    is_one = not isinstance(own.get("status"), (list, tuple))
    numbers = [
        own.integer_value(
            "status" if is_one else f"status[{i}]", -1 if v is None else v, 200, 100, 599, "an HTTP status"
        )
        for i, v in enumerate(values)
    ]
    return tuple(sorted(set(numbers)))


def _regex(own: Section, engine: str) -> str | None:
    """What the engine's configuration can hold; whether the engine understands it shows at its first check."""
    value = own.get("regex")
    if value is None:
        return None
    allowed, remedy = (_LINE, _LINE_REMEDY) if engine == "ldirectord" else (_REGEX, _REGEX_REMEDY)
    if not isinstance(value, str) or not allowed.fullmatch(value):
        own.note("regex", f"{shown(value)} has characters that cannot stand in the configuration.", remedy)
        return None
    try:
        re.compile(value)
    except re.error as error:
        own.note("regex", f"{shown(value)} is no regular expression: {error}.", "Correct it.")
    return str(value)


def _digest(own: Section) -> str | None:
    value = own.get("digest")
    if value is None or (isinstance(value, str) and _DIGEST.fullmatch(value)):
        return None if value is None else str(value).lower()
    own.note(
        "digest",
        f"{shown(value)} is no MD5 sum.",
        "Write the 32 figures that keepalived --genhash (or genhash) prints for the page, in quotes.",
    )
    return None


def read_domain(own: Section, key: str, default: str | None, meaning: str) -> str | None:
    """A name of DNS, or an address, that is said to a real server."""
    value = own.get(key)
    if value is None or value == default:
        return default
    if isinstance(value, str) and _DOMAIN.fullmatch(value):
        return str(value)
    own.note(key, f"{shown(value)} cannot be {meaning}.", "Write a name such as www.example.org.")
    return default


def read_line(own: Section, key: str) -> str | None:
    """A text that stands between quotation marks in ldirectord.cf. It may be a secret, so it is never shown."""
    value = own.get(key)
    if value is None or (isinstance(value, str) and _LINE.fullmatch(value)):
        return None if value is None else str(value)
    own.note(key, f"{key} cannot stand in ldirectord.cf as it is.", _LINE_REMEDY)
    return None


def read_text(own: Section, key: str) -> str | None:
    """What goes over a connection: printable ASCII and the ends of lines."""
    value = own.get(key)
    if value is None:
        return None
    if (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_TEXT
        and all(character in "\t\r\n" or " " <= character <= "~" for character in value)
    ):
        return str(value)
    own.note(
        key,
        f"{shown(value)} cannot be sent or awaited." if isinstance(value, str) else f"{shown(value)} is not a text.",
        f'Write 1 to {_LONGEST_TEXT} characters of ASCII in double quotes, with \\r, \\n and \\t: "QUIT\\r\\n".',
    )
    return None


def read_payload(own: Section) -> str | None:
    value = own.get("payload")
    if value is None or (isinstance(value, str) and _HEX.fullmatch(value)):
        return None if value is None else str(value)
    own.note("payload", f"{shown(value)} are no bytes.", 'Write two hexadecimal figures a byte, in quotes: "01ff".')
    return None


def read_reply(own: Section) -> bool | str:
    value = own.get("require_reply")
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str) and _HEX_WITH_GAPS.fullmatch(value):
        return str(value)
    own.note(
        "require_reply",
        f"{shown(value)} is neither true, false nor the beginning of an answer.",
        'Write true, or two hexadecimal figures a byte, in quotes, X for any figure: "01XX".',
    )
    return False
