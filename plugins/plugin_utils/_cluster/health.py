# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a service's real servers are found alive: the key ``check`` of a service."""

from __future__ import annotations

from .ldirectord import CHECKS, PORTLESS, read_check
from .mistakes import Mistake, listed, shown
from .model import CHECK_TYPES, DEFAULT_CHECK, NO_CHECK, Check
from .section import Section

_KEEPALIVED = {
    "tcp": ("type", "interval", "timeout", "retries", "port"),
    "http": ("type", "interval", "timeout", "retries", "port", "path", "status"),
    "https": ("type", "interval", "timeout", "retries", "port", "path", "status"),
    "none": ("type",),
}
#: The keys of each type of check, by who checks.
_ENGINES = {"keepalived": _KEEPALIVED, "ldirectord": CHECKS, "none": CHECKS}
_EVERY_KEY = tuple(dict.fromkeys(key for keys in CHECKS.values() for key in keys))
#: Nothing here quotes, comments, substitutes or ends anything in keepalived.conf or in an HTTP request line.
_PATH_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._~%?&=+:,;@-")
#: keepalived cuts a line of its configuration after 1023 characters (run with 2.2.7); some of them are not the path.
_LONGEST_PATH = 1000


class HealthChecks:
    """Reads checks. ``engine``: who checks the real servers' health (``health_checks``)."""

    def __init__(self, mistakes: list[Mistake], engine: str) -> None:
        self.mistakes = mistakes
        self.engine = engine
        self.is_checking = engine != "none"

    def read(self, section: Section, protocol: str, port: int | None) -> Check:
        """The check of a service whose real servers would be tried on ``port``; None when no port is the one to try."""
        if not section.has("check"):
            if not self.is_checking:
                return NO_CHECK
            self.check_protocol(section, protocol, DEFAULT_CHECK.type, has_port=False)
            self.check_port(section, protocol, port)
            return Check(port=port or 0)
        own = Section(self.mistakes, section.at("check"), section.get("check"), optional=_EVERY_KEY)
        if not own.is_mapping:
            return DEFAULT_CHECK
        kind = own.choice("type", DEFAULT_CHECK.type, CHECK_TYPES)
        if own.get("type") in (None, *CHECK_TYPES):
            self.check_keys(own, kind)
            if not self.is_checking:
                self.check_checker(section, kind)
                return NO_CHECK
            self.check_protocol(section, protocol, kind, has_port=own.has("port"))
            if kind not in PORTLESS and not own.has("port"):
                self.check_port(section, protocol, port)
        return Check(
            type=kind,
            port=own.integer("port", port or 0, 1, 65535, "one port"),
            interval=own.decimal("interval", DEFAULT_CHECK.interval, 0.1, 3600, 3, "seconds"),
            timeout=own.decimal("timeout", DEFAULT_CHECK.timeout, 0.1, 3600, 3, "seconds"),
            retries=own.integer("retries", DEFAULT_CHECK.retries, 0, 100, "more attempts"),
            path=self.check_path(own),
            status=self.check_status(own),
            more=read_check(own, kind) if self.engine == "ldirectord" else (),
        )

    def check_keys(self, own: Section, kind: str) -> None:
        known = _ENGINES[self.engine]
        if kind not in known:
            own.note(
                "type",
                f"{self.engine} has no check of type {kind}.",
                f"Write {listed(known)}, or health_checks: ldirectord for the cluster.",
            )
            return
        for key in _EVERY_KEY:
            if not own.has(key) or key in known[kind]:
                continue
            types = [other for other, keys in known.items() if key in keys]
            if types:
                problem = f"{key} does not belong to a check of type {kind}."
                remedy = f"Leave it out, or write type {listed(types)}."
            else:
                problem = f"{self.engine} has no check with {key}."
                remedy = "Leave it out, or write health_checks: ldirectord for the cluster."
            own.note(key, problem, remedy)

    def check_checker(self, section: Section, kind: str) -> None:
        if kind != "none":
            section.note(
                "check",
                "Nobody would run it: health_checks is none.",
                "Leave it out, or write health_checks: keepalived (or ldirectord).",
            )

    def check_protocol(self, section: Section, protocol: str, kind: str, *, has_port: bool) -> None:
        """Every check connects by TCP, and what answers on a UDP port need not answer TCP on the same number."""
        # ldirectord's checks are another matter: see there.
        if self.engine != "ldirectord" and protocol != "tcp" and kind != "none" and not has_port:
            section.note(
                "check",
                f"A check of type {kind} connects by TCP, but the service is {protocol}.",
                "Write the TCP port to connect to as check.port, or check: {type: none}.",
            )

    def check_port(self, section: Section, protocol: str, port: int | None) -> None:
        if port is None and protocol == "tcp":
            section.note(
                "check",
                "A check connects to one port, and the service names none by itself.",
                "Write the port to connect to as check.port, or check: {type: none}.",
            )

    def check_path(self, own: Section) -> str:
        value = own.get("path")
        if value is None:
            return DEFAULT_CHECK.path
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
        return DEFAULT_CHECK.path

    def check_status(self, own: Section) -> tuple[int, ...]:
        if not own.has("status"):
            return DEFAULT_CHECK.status
        values = own.items("status")
        is_one = not isinstance(own.get("status"), (list, tuple))
        numbers = [
            own.integer_value(
                "status" if is_one else f"status[{i}]", -1 if v is None else v, 200, 100, 599, "an HTTP status"
            )
            for i, v in enumerate(values)
        ]
        return tuple(sorted(set(numbers)))
