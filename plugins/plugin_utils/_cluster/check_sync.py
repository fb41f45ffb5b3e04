# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether live connections are told to the other directors; without it a failover cuts them, and nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

from .check_filters import rules_about
from .finding import Finding
from .mistakes import listed
from .observed import SeenHost, Values
from .view import View

_REMEDY = (
    "See that the interface is up and has an address, then run systemctl restart lvs-cluster-sync there; what keeps it "
    "from starting stands in journalctl -u lvs-cluster-sync."
)

#: Every director sends what passes through it and learns what the others send: a failover switches nothing.
_ROLES = ("master", "backup")


def check_sync_daemons(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        wanted = director.wanted.get("director_connection_sync") or {}
        if not wanted or director.daemons is None:  # an unread table is named already
            continue
        running = {str(daemon.get("role")): daemon for daemon in director.daemons}
        missing = [role for role in _ROLES if role not in running]
        if missing:
            yield _missing(director, missing)
            continue
        wrong = [text for role in _ROLES for text in _differences(running[role], wanted)]
        if wrong:
            yield Finding(
                director.name,
                f"Connection synchronisation runs with {listed(dict.fromkeys(wrong), 'and')}.",
                "The daemon was started by hand, or before the configuration changed.",
                "Run site.yml: it starts it anew as described.",
            )


def _missing(director: SeenHost, missing: list[str]) -> Finding:
    what = {"master": "sends its connections to", "backup": "learns connections from"}
    return Finding(
        director.name,
        f"It neither sends nor learns connections: the synchronisation daemons {listed(missing, 'and')} do not run."
        if missing[1:]
        else f"Nothing on it {what[missing[0]]} the other directors: the synchronisation daemon {missing[0]} does not "
        "run.",
        "It was stopped by hand, or its interface is not up.",
        _REMEDY,
    )


def _differences(daemon: Values, wanted: Values) -> Iterator[str]:
    for key, name in (
        ("interface", "interface"),
        ("sync_id", "sync_id"),
        ("multicast_group", "group"),
        ("multicast_port", "port"),
    ):
        seen = daemon.get(key)
        if seen is not None and str(seen) != str(wanted.get(name)):
            yield f"{name} {seen} instead of {wanted.get(name)}"


def check_sync_filters(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        wanted = director.wanted.get("director_connection_sync") or {}
        drops = rules_about(director, f"udp/{wanted['port']}") if wanted else []
        if drops:
            yield Finding(
                director.name,
                f"It drops what the other directors tell of their connections: {drops[0]}.",
                "The rule was added by hand or by another program.",
                "Take the rule out, and where it is written down for the next boot.",
            )
