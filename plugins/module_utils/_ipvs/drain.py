# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""To take a real server out without dropping anybody: weight 0, and wait until its connections have ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Connections,
    DestinationKey,
    IpvsError,
    ModelError,
    ServiceKey,
    Table,
    merged_destination,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import Reading
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.runner import opened

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# The kernel tells nobody when a connection ends, so it has to be asked. One look reads one service.
_POLL_SECONDS = 0.5


class NotDrainedError(IpvsError):
    """The destination has connections left, or does not lose them any more."""


def drained(table: Table, key: ServiceKey, destination: DestinationKey, given: Mapping[str, Any]) -> Table:
    """The table with the destination at weight 0. Raises ModelError when there is nothing to drain."""
    if given["weight"]:
        raise ModelError(
            f"State drained gives {destination} in service {key} weight 0, got weight {given['weight']}."
            " Remove weight, or use state present."
        )
    members = table.destinations.get(key)
    if members is None:
        raise ModelError(f"Service {key} does not exist, so nothing can be drained in it. Look with ipvs_info.")
    if destination not in members:
        others = ", ".join(str(other) for other in sorted(members, key=DestinationKey.sorting)) or "none"
        raise ModelError(
            f"Destination {destination} of service {key} does not exist, so it cannot be drained."
            f" Destinations of the service: {others}."
        )
    weightless = {**given, "weight": 0}
    return table.with_destination(key, merged_destination(key, destination, members[destination], weightless))


def await_drained(module: AnsibleModule, key: ServiceKey, destination: DestinationKey, *, seconds: int) -> Reading:
    """The service when the destination has no connection of any kind left.

    Looks at once and then twice a second. Raises NotDrainedError after so many ``seconds``, and before when another
    program takes the destination away, so that nobody can count any more, or gives it a weight again.
    """
    end = time.monotonic() + seconds
    while True:
        reading = service_reading(module, key)
        value = reading.table.destinations.get(key, {}).get(destination)
        if value is None:
            raise NotDrainedError(
                f"Destination {destination} of service {key} was removed by another program while it was drained:"
                " nobody can tell how many connections were cut off."
            )
        if value.weight:
            raise NotDrainedError(
                f"Destination {destination} of service {key} got weight {value.weight} from another program while it"
                " was drained. Drain it where that program (keepalived, ldirectord) takes its configuration from."
            )
        left = reading.connections[key][destination]
        if left == Connections():
            return reading
        missing = end - time.monotonic()
        if missing <= 0:
            raise NotDrainedError(
                f"After {seconds} s destination {destination} of service {key} still has connections:"
                f" {left.active} active, {left.inactive} inactive, {left.persistent} persistent. It keeps weight 0;"
                " run the task again to go on waiting, or give it more wait_timeout."
            )
        time.sleep(min(_POLL_SECONDS, missing))


def service_reading(module: AnsibleModule, key: ServiceKey) -> Reading:
    """The service as it is now, with its connections; nothing when it is not there, or IPVS is not."""
    with opened(module, load=False) as kernel:
        return kernel.read_service(key) if kernel else Reading()
