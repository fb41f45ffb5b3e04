# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a service's real servers are found alive: the keys ``check``, ``quorum`` and its kin of a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .answers import (
    read_domain,
    read_line,
    read_payload,
    read_reply,
    read_text,
    read_url,
    read_urls,
)
from .commands import read_command
from .mistakes import Mistake, listed
from .model import (
    CHECK_TYPES,
    CHECKS_BY_TCP,
    DEFAULT_CHECK,
    DEFAULT_QUORUM,
    DNS_TYPES,
    NO_CHECK,
    Check,
    Quorum,
    RealServer,
)
from .section import Section

_TIMING = ("type", "interval", "timeout", "retries", "alpha", "quiesce_on_failure")
_HTTP = (*_TIMING, "port", "path", "status", "regex", "digest", "urls", "virtualhost")
_KEEPALIVED: Mapping[str, tuple[str, ...]] = {
    "tcp": (*_TIMING, "port", "send", "expect"),
    "http": _HTTP,
    "https": _HTTP,
    "smtp": (*_TIMING, "port", "helo"),
    "dns": (*_TIMING, "port", "name", "record"),
    "udp": (*_TIMING, "port", "payload", "require_reply"),
    "ping": _TIMING,
    "command": (*_TIMING, "port", "command"),
    "none": ("type",),
}
_PAGE = (*_TIMING, "port", "path", "status", "regex", "virtualhost")
_LOGIN = (*_TIMING, "port", "login", "password")
_SQL = (*_LOGIN, "database", "request")
_LDIRECTORD: Mapping[str, tuple[str, ...]] = {
    "tcp": (*_TIMING, "port", "send", "expect"),
    "http": _PAGE,
    "https": _PAGE,
    "smtp": (*_TIMING, "port"),
    "dns": (*_TIMING, "port", "name", "record", "regex"),
    "ping": _TIMING,
    "command": (*_TIMING, "port", "command"),
    "ftp": (*_LOGIN, "path", "regex"),
    "imap": _LOGIN,
    "imaps": _LOGIN,
    "pop": _LOGIN,
    "pops": _LOGIN,
    "ldap": (*_LOGIN, "request", "regex"),
    "nntp": (*_TIMING, "port"),
    "sip": _LOGIN,
    "mysql": _SQL,
    "pgsql": _SQL,
    "none": ("type",),
}
_EVERY_KEY = tuple(
    dict.fromkeys(key for table in (_KEEPALIVED, _LDIRECTORD) for keys in table.values() for key in keys)
)
#: The keys of each type of check, by who checks. Where nobody does, no other type than none is allowed anyway.
ENGINES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "keepalived": _KEEPALIVED,
    "ldirectord": _LDIRECTORD,
    "none": dict.fromkeys(CHECK_TYPES, _EVERY_KEY),
}
_OTHER = {"keepalived": "ldirectord", "ldirectord": "keepalived", "none": "keepalived"}
#: Without these a check cannot succeed; ``command`` is read by itself.
NEEDED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "keepalived": {},
    "ldirectord": {
        "dns": ("name",),
        "ftp": ("path", "regex"),
        "mysql": ("login", "database", "request"),
        "pgsql": ("login", "database", "request"),
    },
    "none": {},
}
#: Checks that need no port.
PORTLESS = ("none", "ping", "command")
QUORUM_KEYS = ("quorum", "hysteresis", "quorum_up", "quorum_down")


def _asks_by(kind: str, protocol: str) -> str:
    """The protocol by which a check of keepalived asks on a port; DNS servers answer both, and the rest needs none."""
    return "tcp" if kind in CHECKS_BY_TCP else "udp" if kind == "udp" else protocol


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
            self.check_port(section, protocol, DEFAULT_CHECK.type, port)
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
            if not own.has("port"):
                self.check_port(section, protocol, kind, port)
        return self.check(own, kind, port or 0)

    def check(self, own: Section, kind: str, port: int) -> Check:
        urls = read_urls(own, self.engine)
        url = read_url(own, self.engine)
        return Check(
            type=kind,
            port=own.integer("port", port, 1, 65535, "one port"),
            interval=own.decimal("interval", DEFAULT_CHECK.interval, 0.1, 3600, 3, "seconds"),
            timeout=own.decimal("timeout", DEFAULT_CHECK.timeout, 0.1, 3600, 3, "seconds"),
            retries=own.integer("retries", DEFAULT_CHECK.retries, 0, 100, "more attempts"),
            path=url.path,
            status=url.status,
            regex=url.regex,
            digest=url.digest,
            urls=urls,
            virtualhost=read_domain(own, "virtualhost", None, "the name of a site"),
            send=read_text(own, "send"),
            expect=read_text(own, "expect"),
            helo=read_domain(own, "helo", None, "a name to greet with"),
            name=read_domain(own, "name", ".", "a name to ask for") or ".",
            record=own.choice("record", "SOA", DNS_TYPES),
            payload=read_payload(own),
            require_reply=read_reply(own),
            command=self.command(own, kind, port),
            request=read_line(own, "request"),
            login=read_line(own, "login"),
            password=read_line(own, "password"),
            database=read_line(own, "database"),
            alpha=own.flag("alpha", False),
            quiesce_on_failure=own.flag("quiesce_on_failure", False) if own.has("quiesce_on_failure") else None,
        )

    def check_keys(self, own: Section, kind: str) -> None:
        """Every key belongs to this type, and who checks has both; else the one who has them is named."""
        known, other = ENGINES[self.engine], _OTHER[self.engine]
        engine_remedy = f"health_checks: {other} for the cluster"
        if kind not in known:
            own.note(
                "type",
                f"{self.engine} has no check of type {kind}; {other} has.",
                f"Write {listed(known)}, or {engine_remedy}.",
            )
            return
        for key in _EVERY_KEY:
            if not own.has(key) or key in known[kind]:
                continue
            if key in ENGINES[other].get(kind, ()):
                own.note(
                    key,
                    f"{self.engine} has no {key} in a check of type {kind}; {other} has.",
                    f"Leave it out, or write {engine_remedy}.",
                )
                continue
            types = [each for each, keys in known.items() if key in keys]
            others = [each for each, keys in ENGINES[other].items() if key in keys]
            own.note(
                key,
                f"{key} does not belong to a check of type {kind}.",
                f"Leave it out, or write type {listed(types)}."
                if types
                else f"Leave it out, or write type {listed(others)} and {engine_remedy}.",
            )
        for key in NEEDED[self.engine].get(kind, ()):
            if not own.has(key):
                own.note(key, f"A check of type {kind} needs {key}.", f"Add {key}.")

    def command(self, own: Section, kind: str, port: int) -> tuple[str, ...]:
        command = read_command(own, "command", placeholders=True)
        if kind == "command" and not own.has("command"):
            own.note("command", "The key command is missing.", "Write the program and its arguments as a list.")
        if any("%p" in word for word in command) and not port and not own.has("port"):
            own.note("command", "%p stands for a port, and the service names none by itself.", "Add check.port.")
        return command

    def quorum(self, section: Section, real_servers: Sequence[Sequence[RealServer]]) -> Quorum:
        """How much weight must be alive; ``real_servers`` of each family."""
        given = [key for key in QUORUM_KEYS if section.has(key)]
        if not given:
            return DEFAULT_QUORUM
        if self.engine != "keepalived":
            section.note(
                given[0],
                f"{self.engine} does not count who is alive; keepalived does."
                if self.is_checking
                else "Nobody would count who is alive: health_checks is none.",
                "Leave it out, or write health_checks: keepalived.",
            )
            return DEFAULT_QUORUM
        weights = [sum(each.weight for each in of_family) for of_family in real_servers]
        most = max(min(weights, default=1), 1)
        weight = section.integer("quorum", 1, 1, most, "weight of the real servers that must be alive")
        return Quorum(
            weight=weight,
            hysteresis=section.integer("hysteresis", 0, 0, weight - 1, "weight, less than quorum"),
            up=read_command(section, "quorum_up"),
            down=read_command(section, "quorum_down"),
        )

    def check_checker(self, section: Section, kind: str) -> None:
        if kind != "none":
            section.note(
                "check",
                "Nobody would run it: health_checks is none.",
                "Leave it out, or write health_checks: keepalived (or ldirectord).",
            )

    def check_protocol(self, section: Section, protocol: str, kind: str, *, has_port: bool) -> None:
        """What answers on a UDP port need not answer TCP on the same number, nor the other way round.

        ldirectord's checks are another matter: see ``ldirectord.check_service``.
        """
        asks_by = _asks_by(kind, protocol)
        if self.engine == "ldirectord" or asks_by == protocol or has_port:
            return
        if asks_by == "tcp":
            section.note(
                "check",
                f"A check of type {kind} connects by TCP, but the service is {protocol}.",
                "Write the TCP port to connect to as check.port, or check: {type: none}."
                if protocol != "udp"
                else "Write the TCP port to connect to as check.port, or check: {type: udp} or {type: none}.",
            )
        else:
            section.note(
                "check",
                f"A check of type {kind} asks by UDP, but the service is {protocol}.",
                "Write the UDP port to ask on as check.port, or check: {type: tcp}.",
            )

    def check_port(self, section: Section, protocol: str, kind: str, port: int | None) -> None:
        is_said = self.engine != "ldirectord" and _asks_by(kind, protocol) != protocol
        if kind not in PORTLESS and port is None and not is_said:
            section.note(
                "check",
                "A check connects to one port, and the service names none by itself.",
                "Write the port to connect to as check.port, or check: {type: none}.",
            )
