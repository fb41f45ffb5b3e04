# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who answers when no real server does: the key ``sorry_server`` of a service."""

from __future__ import annotations

from collections.abc import Iterable

from .hosts import Hosts
from .inventory import Address
from .mistakes import closest, shown
from .model import RealServer, SorryServer
from .reach import Reach, check_family
from .real_servers import Setting
from .section import Section


class SorryServers:
    """Reads sorry servers. ``is_checking``: whether anybody notices that the real servers are down."""

    def __init__(self, hosts: Hosts, reach: Reach, *, is_checking: bool) -> None:
        self.hosts = hosts
        self.reach = reach
        self.is_checking = is_checking
        #: Those that were given by their address, and where.
        self.addresses: list[tuple[str, str]] = []

    def read(
        self, section: Section, setting: Setting, version: int, real_servers: Iterable[RealServer]
    ) -> SorryServer | None:
        vip = setting.vips.get(version)
        value = section.get("sorry_server")
        if value is None:
            return None
        if not isinstance(value, str):
            section.note(
                "sorry_server", f"{shown(value)} is neither an address nor a host.", "Write an address or rs9."
            )
            return None
        if not self.is_checking:
            section.note(
                "sorry_server",
                "Nobody would put it in when all real servers are down: health_checks is none.",
                "Leave it out, or write health_checks: keepalived.",
            )
            return None
        host, address = self.address(section, str(value), vip, setting.forwarding)
        if address is None:
            return None
        if address in {real_server.address for real_server in real_servers}:
            section.note(
                "sorry_server",
                f"{value} is a real server of this service.",
                "Name another machine: it answers when all real servers are down.",
            )
        else:
            tunnel = setting.tunnel if setting.forwarding == "tunnel" else None
            self.reach.check(section, "sorry_server", host or value, address, setting.forwarding, tunnel)
        return SorryServer(host=host, address=address, port=setting.port or 0)

    def address(
        self, section: Section, value: str, vip: Address | None, forwarding: str
    ) -> tuple[str | None, str | None]:
        if value in self.hosts.known_real_servers:
            return value, self.hosts.address_of(section, None, value, vip, forwarding=forwarding)
        if not _looks_like_address(value):
            near = closest(value, self.hosts.known_real_servers)
            problem = f"{shown(value)} is neither an address nor a host of the group real_servers."
            section.note("sorry_server", problem, f"Did you mean {near}?" if near else "Write an address.")
            return None, None
        address = section.address("sorry_server")
        if address is None:
            return None, None
        text = str(address)
        if forwarding != "tunnel":
            check_family(section, "sorry_server", address, vip, forwarding)
        owner = self.hosts.owners.get(text)
        if owner in self.hosts.known_directors:
            section.note(
                "sorry_server", f"{text} is the address of director {owner}.", "Name a machine that is no director."
            )
        self.addresses.append((section.at("sorry_server"), text))
        return owner, text


def _looks_like_address(value: str) -> bool:
    return ":" in value or all(part.isdigit() for part in value.partition("/")[0].split("."))
