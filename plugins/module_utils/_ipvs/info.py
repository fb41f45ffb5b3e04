# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""What ``ipvs_info`` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Connections,
    Destination,
    DestinationKey,
    ServiceKey,
    service_key,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import Reading
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.runner import opened, run

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def show(module: AnsibleModule) -> None:
    """Returns what the kernel has, and ends the module."""
    run(module, lambda: _shown(module))


def _shown(module: AnsibleModule) -> Mapping[str, Any]:
    wanted = _filter(module.params)
    with opened(module, load=True) as kernel:
        if kernel is None:
            nothing: dict[str, Any] = {"version": None, "connection_table_size": None, "timeouts": None}
            return {"changed": False, "services": [], "daemons": [], **nothing}
        reading = kernel.read(wanted)
        version, size = kernel.info()
        return {
            "changed": False,
            "services": [
                _shown_service(key, reading) for key in sorted(reading.table.services, key=ServiceKey.sorting)
            ],
            "timeouts": kernel.timeouts().as_options(),
            "daemons": [daemon.as_options() for daemon in kernel.daemons()],
            "version": version,
            "connection_table_size": size,
        }


def _filter(parameters: Mapping[str, Any]) -> Callable[[ServiceKey], bool]:
    """Whether a service is wanted: it agrees with all that is given."""
    given = {name: value for name, value in parameters.items() if value is not None}
    if "address" in given:
        # Any port will do, only the spelling is normalised here.
        given["address"] = service_key(address=given["address"], port=0).address
    return lambda key: all(getattr(key, name) == value for name, value in given.items())


def _shown_service(key: ServiceKey, reading: Reading) -> dict[str, Any]:
    destinations = reading.table.destinations[key]
    return {
        **reading.table.services[key].as_options(),
        **reading.service_counters[key].as_results(),
        "destinations": [
            {**shown_destination(destinations[each], reading, key), **reading.counters[key][each].as_results()}
            for each in sorted(destinations, key=DestinationKey.sorting)
        ],
    }


def shown_destination(destination: Destination, reading: Reading, key: ServiceKey) -> dict[str, Any]:
    connections = reading.connections.get(key, {}).get(destination.key, Connections())
    return {**destination.as_options(), **connections.as_results()}
