# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How connections are spread and kept: scheduler flags and the mask of persistence."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from .inventory import Address
from .mistakes import listed, shown
from .model import NUMBERED_FLAGS, SCHEDULER_FLAGS
from .section import Section, whole_number


def scheduler_flags(section: Section, scheduler: str) -> tuple[str, ...]:
    names = SCHEDULER_FLAGS.get(scheduler, ())
    allowed = (*names, *NUMBERED_FLAGS)
    if section.get("scheduler") not in (None, scheduler):
        return ()  # Whose flags they are is not known.
    flags = section.items("scheduler_flags", may_be_empty=True)
    for index, flag in enumerate(flags):
        if flag not in allowed:
            section.note(
                f"scheduler_flags[{index}]",
                f"{shown(flag)} is no flag of scheduler {scheduler}.",
                f"Write {listed(allowed)}, or leave it out.",
            )
    # One spelling of each bit: its name where the scheduler gives it one.
    spelling = dict(zip(NUMBERED_FLAGS, names, strict=False))
    return tuple(sorted({spelling.get(str(flag), str(flag)) for flag in flags if flag in allowed}))


def persistence_netmask(section: Section, vips: Sequence[Address]) -> str | int | None:
    """An IPv4 mask (``255.255.255.0``) or an IPv6 prefix length; None: each client alone."""
    value = section.get("persistence_netmask")
    if value is None or not vips:
        return None
    vip = vips[0]
    if len({each.version for each in vips}) > 1:
        section.note(
            "persistence_netmask",
            "The service has VIPs of both families, whose masks differ.",
            "Write one service for each family.",
        )
        return None
    if whole_number(section.get("persistence")) == 0 or not section.has("persistence"):
        section.note(
            "persistence_netmask",
            "It does nothing without persistence.",
            "Write persistence (seconds) too, or leave persistence_netmask out.",
        )
    length = _prefix_length(value, vip.version)
    if length is None:
        section.note(
            "persistence_netmask",
            f"{shown(value)} is no netmask for the IPv{vip.version} address {vip}.",
            "Write a mask such as 255.255.255.0 or a prefix length from 1 to 32."
            if vip.version == 4
            else "Write a prefix length from 1 to 128.",
        )
        return None
    return str(ipaddress.IPv4Network(f"0.0.0.0/{length}").netmask) if vip.version == 4 else length


def _prefix_length(value: object, version: int) -> int | None:
    number = whole_number(value)
    if number is None and version == 4 and isinstance(value, str) and "." in value:
        try:
            network = ipaddress.IPv4Network(f"0.0.0.0/{value}")
        except ValueError:
            return None
        # A host mask (0.0.0.255) is read as its complement: only a real netmask may pass.
        return network.prefixlen if str(network.netmask) == value and network.prefixlen else None
    return number if number is not None and 1 <= number <= (32 if version == 4 else 128) else None
