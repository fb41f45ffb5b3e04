# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``ldirectord`` in the description says, what its checks can have, and what it cannot do.

Read in ldirectord 4.12 and 4.16 (read_config, ld_setup, check_*).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .inventory import Address
from .mistakes import listed, shown
from .model import Check, Ldirectord, RealServer
from .section import Section

_TIMING = ("type", "interval", "timeout", "retries")
_ASKED = (*_TIMING, "port", "request", "receive")
_LOGIN = (*_TIMING, "port", "login", "password")
_SQL = (*_LOGIN, "database", "request")
#: The keys of each type of check.
CHECKS: Mapping[str, tuple[str, ...]] = {
    "tcp": (*_TIMING, "port"),
    "http": (*_TIMING, "port", "path", "status", "virtualhost", "receive"),
    "https": (*_TIMING, "port", "path", "status", "virtualhost", "receive"),
    "none": ("type",),
    "ping": _TIMING,
    "external": (*_TIMING, "command"),
    "simpletcp": _ASKED,
    "dns": _ASKED,
    "ftp": (*_ASKED, "login", "password"),
    "smtp": (*_TIMING, "port"),
    "imap": _LOGIN,
    "imaps": _LOGIN,
    "pop": _LOGIN,
    "pops": _LOGIN,
    "ldap": (*_LOGIN, "request", "receive"),
    "nntp": (*_TIMING, "port"),
    "sip": _LOGIN,
    "mysql": _SQL,
    "pgsql": _SQL,
}
#: Without these a check cannot succeed.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "external": ("command",),
    "simpletcp": ("request", "receive"),
    "dns": ("request", "receive"),
    "ftp": ("request", "receive"),
    "mysql": ("login", "database", "request"),
    "pgsql": ("login", "database", "request"),
}
#: Checks that need no port.
PORTLESS = ("none", "ping", "external")
#: Checks that speak over the service's own protocol, be it tcp or udp.
_OVER_UDP = ("none", "ping", "external", "dns", "sip")
#: ldirectord(8), IPv6.
_OVER_IPV6 = ("none", "tcp", "http", "https", "external", "dns", "nntp", "simpletcp", "sip")
#: It cuts a line at #, and takes what is between the first and the last quotation mark.
_TEXT = re.compile(r'[^"#\x00-\x1f\x7f]{1,500}')
_COMMAND = re.compile(r"/[A-Za-z0-9_./-]{1,250}", re.ASCII)
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9_.+=-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)


def read_ldirectord(top: Section) -> Ldirectord:
    if not top.has("ldirectord"):
        return Ldirectord()
    keys = ("quiescent", "autoreload", "fork", "emailalert", "emailalertfrom", "emailalertfreq", "smtp")
    section = Section(top.mistakes, "ldirectord", top.get("ldirectord"), optional=keys)
    default = Ldirectord()
    addresses = [
        _matching(section, f"emailalert[{index}]", value, _MAIL_ADDRESS, "no mail address", "Write user@example.org.")
        for index, value in enumerate(section.items("emailalert"))
    ]
    sender = section.get("emailalertfrom")
    smtp = section.get("smtp")
    if not section.has("emailalert"):
        for key in ("emailalertfrom", "emailalertfreq", "smtp"):
            if section.has(key):
                section.note(key, "It does nothing without emailalert.", "Write emailalert too, or leave it out.")
    return Ldirectord(
        quiescent=section.flag("quiescent", default.quiescent),
        autoreload=section.flag("autoreload", default.autoreload),
        fork=section.flag("fork", default.fork),
        emailalert=tuple(address for address in addresses if address is not None),
        emailalertfrom=_matching(
            section, "emailalertfrom", sender, _MAIL_ADDRESS, "no mail address", "Write user@example.org."
        ),
        emailalertfreq=section.integer("emailalertfreq", default.emailalertfreq, 0, 86400, "seconds, 0 once only"),
        smtp=_matching(section, "smtp", smtp, _HOST_NAME, "no host", "Write an IPv4 address or a host name."),
    )


def _matching(
    section: Section, key: str, value: object, pattern: re.Pattern[str], problem: str, remedy: str
) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and pattern.fullmatch(value):
        return str(value)
    section.note(key, f"{shown(value)} is {problem}.", remedy)
    return None


def read_check(own: Section, kind: str) -> tuple[tuple[str, str], ...]:
    """What a check of ldirectord has beside what every check has, by key."""
    for key in NEEDED.get(kind, ()):
        if not own.has(key):
            own.note(key, f"A check of type {kind} needs {key}.", f"Add {key}.")
    readers = {
        "virtualhost": lambda value: _matching(
            own, "virtualhost", value, _HOST_NAME, "no host name", "Write a name such as www.example.org."
        ),
        "command": lambda value: _matching(
            own, "command", value, _COMMAND, "no path of a program", "Write its whole path, without arguments."
        ),
        "receive": lambda value: _pattern(own, value),
    }
    found = {}
    for key in ("virtualhost", "request", "receive", "command", "login", "password", "database"):
        if own.has(key) and key in CHECKS[kind]:
            read = readers.get(key)
            found[key] = read(own.get(key)) if read else _text(own, key, own.get(key))
    return tuple((key, value) for key, value in found.items() if value is not None)


def _text(own: Section, key: str, value: object) -> str | None:
    if isinstance(value, str) and _TEXT.fullmatch(value):
        return str(value)
    # What it is may be a secret.
    own.note(
        key,
        f"{key} cannot stand in ldirectord.cf as it is.",
        'Write a text of at most 500 characters without ", # and line breaks.',
    )
    return None


def _pattern(own: Section, value: object) -> str | None:
    text = _text(own, "receive", value)
    if text is not None:
        try:
            re.compile(text)
        except re.error:
            own.note("receive", f"{shown(text)} is no regular expression.", "Write one that Perl understands.")
            return None
    return text


def check_service(
    section: Section,
    vips: Sequence[Address],
    protocol: str,
    is_marked: bool,
    one_packet: bool,
    check: Check,
    real_servers: Sequence[RealServer],
) -> None:
    """Note what of a service ldirectord cannot do; each with a way out."""
    other = "or health_checks: keepalived."
    if protocol == "sctp":
        section.note(
            "protocol", "ldirectord knows no sctp.", "Write health_checks: keepalived (or none) for this cluster."
        )
    if one_packet and is_marked:
        section.note(
            "one_packet",
            "ldirectord cannot say it of a service with a firewall mark.",
            f"Write services of one port and one VIP each, {other}",
        )
    for index, each in enumerate(real_servers):
        _check_tunnel(section, vips, index, each, other)
    _check_timing(section, check, other)
    if protocol == "udp" and check.type not in _OVER_UDP:
        section.note(
            "check",
            f"ldirectord checks a udp service by its own protocol, and type {check.type} is none of udp.",
            f"Write type {listed(_OVER_UDP)}.",
        )
    if any(vip.version == 6 for vip in vips) and check.type not in _OVER_IPV6:
        section.note(
            "check",
            f"ldirectord has no check of type {check.type} over IPv6.",
            f"Write type {listed(_OVER_IPV6)}.",
        )


def _check_tunnel(section: Section, vips: Sequence[Address], index: int, each: RealServer, other: str) -> None:
    key = f"real_servers[{index}]" if index < len(section.items("real_servers")) else "real_servers"
    if each.tunnel is not None and each.tunnel.type != "ipip":
        section.note(key, f"ldirectord knows no {each.tunnel.type} tunnel.", f"Write tunnel_type: ipip, {other}")
    if each.tunnel is not None and not any((vip.version == 6) == (":" in each.address) for vip in vips):
        section.note(
            key,
            f"ldirectord cannot reach {each.address} for a VIP of the other family.",
            f"Give it an address of the VIP's family, {other}",
        )


def _check_timing(section: Section, check: Check, other: str) -> None:
    own = section.get("check")
    for key, value in (("interval", check.interval), ("timeout", check.timeout)):
        if check.type != "none" and (value != int(value) or value < 1):
            section.note(
                f"check.{key}",
                f"ldirectord counts in whole seconds, not {value:g}.",
                f"Write a whole number of seconds, {other}",
            )
    if isinstance(own, dict) and check.type in ("http", "https") and check.status != (200,):
        section.note(
            "check.status",
            "ldirectord takes every status from 200 to 299 for good and asks for none.",
            f"Leave status out, or look for a text with receive, {other}",
        )
