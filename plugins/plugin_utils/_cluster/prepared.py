# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What directors would begin to send to real servers that could not be made ready for it.

By direct routing and tunnels such a real server throws it away, and its health checks, which ask its own address, see
nothing of that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from .capacity import Table
from .observed import Values, described_destinations, destinations_of, forwarding_of, key_of


def services_begun(
    services: Iterable[Values], tables: Mapping[str, Table], unprepared: Collection[str]
) -> dict[str, list[str]]:
    """For each of these real servers the names of the services that no director sends it anything of now."""
    found: dict[str, list[str]] = {}
    for service in services:
        key = key_of(service)
        known = {destination for table in tables.values() for destination in destinations_of(table.get(key))}
        for destination, entry in described_destinations(service).items():
            host = entry.get("host")
            if host in unprepared and destination not in known and forwarding_of(service, entry) != "nat":
                names = found.setdefault(str(host), [])
                if service["name"] not in names:
                    names.append(service["name"])
    return found
