# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``notify`` in the description says: who is told of a change of state."""

from __future__ import annotations

import re
import typing as t

from .commands import read_command
from .mistakes import shown
from .model import Mail, Notify
from .section import Section

#: What can stand in a configuration file without quotes; not all that RFC 5322 allows.
_MAILBOX = re.compile(r"[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)


def read_notify(top: Section) -> Notify | None:
    if not top.has("notify"):
        return None
    section = Section(top.mistakes, "notify", top.get("notify"), optional=("mail", "script"))
    mail = _mail(section) if section.has("mail") else None
    return Notify(mail=mail, script=read_command(section, "script"))


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
