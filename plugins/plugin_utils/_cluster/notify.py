# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``notify`` in the description says: who is told of a change of state."""

from __future__ import annotations

import re
import typing as t

from .commands import read_command
from .daemons import Mail, Notify
from .mistakes import shown
from .section import Section

#: What can stand in a configuration file without quotes; not all that RFC 5322 allows.
_MAILBOX = re.compile(r"[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)


def read_notify(top: Section, failover: str, health_checks: str) -> Notify | None:
    """Who is told: keepalived and heartbeat of what they do, ldirectord of real servers, by mail only."""
    if not top.has("notify"):
        return None
    section = Section(top.mistakes, "notify", top.get("notify"), optional=("mail", "script"))
    mail = _mail(section) if section.has("mail") else None
    if mail is not None and health_checks == "ldirectord":
        _check_ldirectord(section, mail)
    engines = (failover, health_checks)
    for key, verb, tellers in (
        ("mail", "send", ("keepalived", "heartbeat", "ldirectord")),
        ("script", "run", ("keepalived", "heartbeat")),
    ):
        if section.has(key) and not set(tellers).intersection(engines):
            section.note(
                key,
                f"Nobody would {verb} it: failover is {failover} and health_checks {health_checks}.",
                "Leave it out, or write failover or health_checks: keepalived.",
            )
    return Notify(mail=mail, script=read_command(section, "script"))


def _check_ldirectord(section: Section, mail: Mail) -> None:
    """ldirectord 4.12 speaks SMTP to a server of IPv4 on port 25, and names it one receiver (ld_emailalert_net_smtp).

    To the host's own mail server it does not speak: it hands over a mail to the program sendmail.
    """
    if mail.port != 25:
        section.note("mail.port", "ldirectord asks mail servers on port 25 only.", "Leave it out.")
    if mail.is_own_server:
        return
    if ":" in mail.smtp_server:
        section.note("mail.smtp_server", "ldirectord asks mail servers by IPv4 only.", "Write its IPv4 address.")
    if len(mail.to) > 1:
        section.note(
            "mail.to",
            "By another host's mail server ldirectord sends to one receiver only.",
            "Write one, such as a mailing list, or leave smtp_server out: the director's own mail server takes more.",
        )


def _mail(section: Section) -> Mail | None:
    own = Section(
        section.mistakes,
        section.at("mail"),
        section.get("mail"),
        required=("to",),
        optional=("from", "smtp_server", "port"),
    )
    if not own.is_mapping:
        return None
    receivers = own.items("to")
    to = tuple(
        address
        for at, value in enumerate(receivers)
        if (address := _mailbox(own, f"to[{at}]" if isinstance(own.get("to"), (list, tuple)) else "to", value))
    )
    server = own.address_value("smtp_server", own.get("smtp_server"), may_be_loopback=True)
    return Mail(
        to=to,
        sender=_mailbox(own, "from", own.get("from")) if own.has("from") else None,
        smtp_server="127.0.0.1" if server is None else str(server),
        port=own.integer("port", 25, 1, 65535, "the mail server's port"),
    )


def _mailbox(own: Section, key: str, value: object) -> str | None:
    if isinstance(value, str) and _MAILBOX.fullmatch(value):
        return str(value)
    own.note(key, f"{shown(value)} is no mail address.", "Write one such as admin@example.org.")
    return None


def notify_plan(notify: Notify | None) -> dict[str, t.Any]:
    """The variable ``director_notify``; empty where nobody is told."""
    if notify is None:
        return {}
    plan: dict[str, t.Any] = {}
    if notify.mail is not None:
        plan["mail"] = {
            "to": list(notify.mail.to),
            "from": notify.mail.sender,
            "smtp_server": notify.mail.smtp_server,
            "port": notify.mail.port,
        }
    if notify.script:
        plan["script"] = list(notify.script)
    return plan
