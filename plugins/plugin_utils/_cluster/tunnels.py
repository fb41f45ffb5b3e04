# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How packets are wrapped on their way to a real server: the keys ``tunnel_*`` of services and real servers."""

from __future__ import annotations

from .model import TUNNEL_CHECKSUMS, TUNNEL_TYPES, Tunnel
from .section import Section

TUNNEL_KEYS = ("tunnel_type", "tunnel_port", "tunnel_checksum")


def read_tunnel(section: Section, default: Tunnel) -> Tunnel:
    """The tunnel of a service or real server. Port and checksum belong to a type: another one does not inherit them."""
    kind = section.choice("tunnel_type", default.type, TUNNEL_TYPES)
    if kind != default.type:
        default = Tunnel(kind)
    port = section.integer("tunnel_port", default.port, 1, 65535, "the UDP port that the real server listens on")
    checksum = section.choice("tunnel_checksum", default.checksum, TUNNEL_CHECKSUMS)
    if section.has("tunnel_port") and kind != "gue":
        section.note("tunnel_port", f"A tunnel of type {kind} has no port.", "Leave it out, or write tunnel_type: gue.")
        port = 0
    elif kind == "gue" and not port and not section.has("tunnel_port"):
        section.note(
            "tunnel_port",
            "A tunnel of type gue needs a UDP port.",
            "Write tunnel_port, the UDP port that the real server listens on, such as 6080.",
        )
    if (checksum == "remote" and kind != "gue") or (checksum == "standard" and kind == "ipip"):
        section.note(
            "tunnel_checksum",
            f"A tunnel of type {kind} has no checksum {checksum}.",
            "Write none" + ("." if kind == "ipip" else " or standard.") if checksum == "remote" else "Leave it out.",
        )
    return Tunnel(kind, port, checksum)


def refuse_tunnel_keys(section: Section, forwarding: str) -> None:
    for key in TUNNEL_KEYS:
        if section.has(key):
            section.note(
                key, f"It does nothing with forwarding {forwarding}.", "Leave it out, or write forwarding: tunnel."
            )
