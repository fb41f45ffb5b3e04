# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table that the modules own (``health_checks: none``), from the services of the role ``director``.

Only who remembers what was described before can tell a weight that a drain gave from one that the description has
changed: the first is kept, the second is set.
"""

from __future__ import annotations

import ipaddress
import json
import typing as t
from collections.abc import Iterable, Mapping, Sequence

from .observed import DestinationKey, ServiceKey, destinations_of, key_of, normal, version_of

Options = dict[str, t.Any]


def table_services(services: Iterable[Mapping[str, t.Any]]) -> list[Options]:
    """The services of a director as ``ipvs_table`` takes them, with every option of a service said."""
    return [_service(service) for service in services]


def _service(service: Mapping[str, t.Any]) -> Options:
    address = normal(service["address"])
    persistence = int(service.get("persistence") or 0)
    options: Options = {
        "address": address,
        "port": int(service["port"]),
        "protocol": service.get("protocol") or "tcp",
        "scheduler": service.get("scheduler") or "wlc",
        "scheduler_flags": list(service.get("scheduler_flags") or ()),
        "persistence": persistence,
        "persistence_engine": "none",
        "one_packet": False,
    }
    if persistence:
        # What is not said stays as it is: the mask that makes each client one has to be said.
        single = 32 if version_of(address) == 4 else 128
        options["persistence_netmask"] = str(service.get("persistence_netmask") or single)
    options["destinations"] = [
        {
            "destination": normal(real_server["address"]),
            "destination_port": int(real_server.get("port") or service["port"]),
            "forwarding": service.get("forwarding") or "direct",
            "weight": _weight(real_server),
        }
        for real_server in service.get("real_servers") or ()
    ]
    return options


def _weight(real_server: Mapping[str, t.Any]) -> int:
    weight = real_server.get("weight")
    return 1 if weight is None else int(weight)


def remembered_services(text: str) -> list[Options]:
    """What ``table_services`` gave in the last run, read from the file that it left; nothing from no such file."""
    try:
        services = json.loads(text)
        for service in services:
            ipaddress.ip_address(str(service["address"]))
            key_of(service)
            weights_of(service)
    except (TypeError, ValueError, KeyError, AttributeError):
        return []
    return list(services)


def weights_of(service: Mapping[str, t.Any]) -> dict[DestinationKey, int]:
    return {key: int(entry["weight"]) for key, entry in destinations_of(service).items()}


def owned_addresses(*descriptions: Iterable[Mapping[str, t.Any]]) -> list[str]:
    """Every VIP of these descriptions, sorted: the scope inside which a service that is not described goes."""
    return sorted({normal(service["address"]) for services in descriptions for service in services})


def reweighed_services(services: Sequence[Options], remembered: Iterable[Options]) -> list[Options]:
    """The services with those destinations only whose described weight is another than the remembered one."""
    before: dict[ServiceKey, dict[DestinationKey, int]] = {key_of(each): weights_of(each) for each in remembered}
    reweighed = []
    for service in services:
        known = before.get(key_of(service), {})
        weights = weights_of(service)
        changed = {key for key, weight in weights.items() if known.get(key, weight) != weight}
        if changed:
            entries = [entry for key, entry in destinations_of(service).items() if key in changed]
            reweighed.append({**service, "destinations": entries})
    return reweighed
