# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``ldirectord`` in the description says, what its checks can have, and what it cannot do.

Read in ldirectord 4.12 and 4.16 (read_config, ld_setup, check_*).
"""

from __future__ import annotations

from collections.abc import Sequence

from .daemons import Ldirectord
from .inventory import Address
from .mistakes import listed
from .model import Check, RealServer
from .section import Section

#: Checks that speak over the service's own protocol, be it tcp or udp.
_OVER_UDP = ("none", "ping", "command", "dns", "sip")
#: ldirectord(8), IPv6.
_OVER_IPV6 = ("none", "tcp", "http", "https", "command", "dns", "nntp", "sip")


def read_ldirectord(top: Section) -> Ldirectord:
    if not top.has("ldirectord"):
        return Ldirectord()
    section = Section(
        top.mistakes, "ldirectord", top.get("ldirectord"), optional=("autoreload", "fork", "emailalertfreq")
    )
    default = Ldirectord()
    notify = top.get("notify")
    if section.has("emailalertfreq") and not (isinstance(notify, dict) and notify.get("mail") is not None):
        section.note("emailalertfreq", "It does nothing without notify.mail.", "Add notify.mail, or leave it out.")
    return Ldirectord(
        autoreload=section.flag("autoreload", default.autoreload),
        fork=section.flag("fork", default.fork),
        emailalertfreq=section.integer("emailalertfreq", default.emailalertfreq, 0, 86400, "seconds, 0 once only"),
    )


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
    _check_answers(section, check, other)
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


def _check_answers(section: Section, check: Check, other: str) -> None:
    for key, value in (("interval", check.interval), ("timeout", check.timeout)):
        if check.type != "none" and (value != int(value) or value < 1):
            section.note(
                f"check.{key}",
                f"ldirectord counts in whole seconds, not {value:g}.",
                f"Write a whole number of seconds, {other}",
            )
    if check.type in ("http", "https") and check.status != (200,):
        section.note(
            "check.status",
            "ldirectord takes every status from 200 to 299 for good and asks for none.",
            f"Leave status out, or look for a text with regex, {other}",
        )
    if check.type == "dns" and check.record != "A":
        section.note(
            "check.record",
            f"ldirectord asks for records of type A, not {check.record}.",
            f"Write record: A, {other}",
        )
    own = section.get("check")
    if isinstance(own, dict) and own.get("alpha") is not None and not check.alpha:
        section.note(
            "check.alpha",
            "ldirectord takes every new real server for dead until its first good check.",
            f"Leave it out, {other}",
        )
