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
from .director_files import place_of
from .inventory import addresses_on, variables_of
from .observed import (
    Values,
    described_destinations,
    destinations_of,
    forwarding_of,
    is_mark,
    key_of,
    normal,
    vips_of,
)
from .plain import plain


def services_begun(
    services: Iterable[Values],
    tables: Mapping[str, Table],
    unprepared: Collection[str],
    held: Mapping[str, Collection[str]],
    *,
    away: Collection[str] = (),
    named: Collection[tuple[str, str, str]] = (),
) -> dict[str, list[str]]:
    """For each of these real servers the names of the services that it would get something of that it cannot take.

    ``held`` are the addresses of directors before the run, and those of real servers that ``addresses_inside`` gives. A
    real server that has the VIPs there can take what is forwarded directly, also when a check has it taken out now. One
    that gets it already, in the same way and for the same VIPs, gets nothing new.

    Those that are ``away`` could not even be reached. They may be down, and in no table for that: nothing is new for
    them that is ``named`` in the files of a director (see ``director_files``).
    """
    served = {address for director in tables for address in held.get(director, ())}
    found: dict[str, list[str]] = {}
    for service in services:
        key, vips = key_of(service), set(vips_of(service))
        # A mark does not say what is marked.
        is_same = not is_mark(key) or vips <= served
        now = {
            (destination, str(entry.get("forwarding")))
            for table in tables.values()
            for destination, entry in destinations_of(table.get(key)).items()
            if is_same and int(entry.get("weight") or 0) > 0
        }
        up = {destination for destination, _forwarding in now}
        for destination, entry in described_destinations(service).items():
            host, forwarding = str(entry.get("host")), forwarding_of(service, entry)
            is_able = forwarding == "nat" or (forwarding == "direct" and vips <= set(held.get(host, ())))
            if (
                host not in unprepared
                or is_able
                or int(entry.get("weight", 1)) == 0
                or (destination, forwarding) in now
                or (
                    host in away
                    and is_same
                    and destination not in up
                    and (place_of(key), destination[0], forwarding) in named
                )
            ):
                continue
            names = found.setdefault(host, [])
            if service["name"] not in names:
                names.append(service["name"])
    return found


def addresses_inside(name: str, hostvars: Mapping[str, Values]) -> list[str]:
    """The addresses of a real server where ``arp_hide`` sets VIPs: on ``lo``, or the interface that the host names.

    A VIP elsewhere is no sign of a real server that was ready once: for one on its LAN it answers ARP.
    """
    variables = variables_of(name, hostvars)
    facts = variables.get("ansible_facts")
    if not isinstance(facts, Mapping):
        return []
    # BSD, macOS and Solaris call it lo0.
    inside = {"lo", "lo0", str(plain(variables.get("realserver_linux_arp_interface")) or "lo")}
    return [normal(str(address)) for interface in inside for address in addresses_on(facts, interface)]
