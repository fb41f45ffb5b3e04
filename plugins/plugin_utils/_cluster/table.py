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

from .observed import DestinationKey, destinations_of, normal, version_of

Options = dict[str, t.Any]
#: Family and firewall mark, or protocol, VIP and port.
TableKey = tuple[str, int] | tuple[str, str, int]


def table_services(services: Iterable[Mapping[str, t.Any]]) -> list[Options]:
    """The services of a director as ``ipvs_table`` takes them, with every option of a service said."""
    return [_service(service) for service in services]


def _service(service: Mapping[str, t.Any]) -> Options:
    persistence = int(service.get("persistence") or 0)
    options: Options = {
        **key_options(service),
        "scheduler": service.get("scheduler") or "wlc",
        "scheduler_flags": list(service.get("scheduler_flags") or ()),
        "persistence": persistence,
        "persistence_engine": "none",
        "one_packet": bool(service.get("one_packet")),
    }
    if persistence:
        # What is not said stays as it is: the mask that makes each client one has to be said.
        single = 128 if _family(options) == "ipv6" else 32
        options["persistence_netmask"] = str(service.get("persistence_netmask") or single)
    options["destinations"] = [_destination(service, each) for each in service.get("real_servers") or ()]
    return options


def key_options(service: Mapping[str, t.Any]) -> Options:
    """What makes a service the one that it is, in the options of ``ipvs_table``."""
    if service.get("fwmark") is not None:
        return {"fwmark": int(service["fwmark"]), "family": service.get("family") or "ipv4"}
    return {
        "address": normal(service["address"]),
        "port": int(service["port"]),
        "protocol": service.get("protocol") or "tcp",
    }


def _destination(service: Mapping[str, t.Any], real_server: Mapping[str, t.Any]) -> Options:
    """A destination with every option said: what is not said stays as it is, and would be another owner's."""
    forwarding = real_server.get("forwarding") or service.get("forwarding") or "direct"
    port = 0 if service.get("fwmark") is not None else int(real_server.get("port") or service["port"])
    options: Options = {
        "destination": normal(real_server["address"]),
        "destination_port": port,
        "forwarding": forwarding,
        "weight": _weight(real_server),
        "upper_threshold": int(real_server.get("upper_threshold") or 0),
        "lower_threshold": int(real_server.get("lower_threshold") or 0),
    }
    if forwarding == "tunnel":
        options["tunnel_type"] = real_server.get("tunnel_type") or "ipip"
        options["tunnel_port"] = int(real_server.get("tunnel_port") or 0)
        options["tunnel_checksum"] = real_server.get("tunnel_checksum") or "none"
    return options


def _weight(real_server: Mapping[str, t.Any]) -> int:
    weight = real_server.get("weight")
    return 1 if weight is None else int(weight)


def remembered_services(text: str) -> list[Options]:
    """What ``table_services`` gave in the last run, read from the file that it left; nothing from no such file."""
    try:
        services = json.loads(text)
        for service in services:
            if "fwmark" not in service:
                ipaddress.ip_address(str(service["address"]))
            table_key(service)
            weights_of(service)
    except (TypeError, ValueError, KeyError, AttributeError):
        return []
    return list(services)


def table_key(service: Mapping[str, t.Any]) -> TableKey:
    """What makes a service of ``table_services`` the same service."""
    if "fwmark" in service:
        return _family(service), int(service["fwmark"])
    return str(service["protocol"]), str(service["address"]), int(service["port"])


def _family(service: Mapping[str, t.Any]) -> str:
    return str(service["family"]) if "fwmark" in service else f"ipv{version_of(service['address'])}"


def weights_of(service: Mapping[str, t.Any]) -> dict[DestinationKey, int]:
    return {key: int(entry["weight"]) for key, entry in destinations_of(service).items()}


def owned(*descriptions: Iterable[Mapping[str, t.Any]]) -> list[str]:
    """Every VIP and mark of these descriptions: the scope inside which a service that is not described goes."""
    services = [service for description in descriptions for service in description]
    vips = sorted({normal(service["address"]) for service in services if "fwmark" not in service})
    marks = sorted({int(service["fwmark"]) for service in services if "fwmark" in service})
    return [*vips, *map(str, marks)]


def reweighed_services(
    services: Sequence[Options], remembered: Iterable[Options], written: Sequence[Options]
) -> list[Options]:
    """Of ``written`` those destinations only whose weight in ``services`` is another than the remembered one."""
    before: dict[TableKey, dict[DestinationKey, int]] = {table_key(each): weights_of(each) for each in remembered}
    reweighed = []
    for service, of_service in zip(services, written, strict=True):
        known = before.get(table_key(service), {})
        weights = weights_of(service)
        changed = {key for key, weight in weights.items() if known.get(key, weight) != weight}
        if changed:
            entries = [entry for key, entry in destinations_of(of_service).items() if key in changed]
            reweighed.append({**of_service, "destinations": entries})
    return reweighed
