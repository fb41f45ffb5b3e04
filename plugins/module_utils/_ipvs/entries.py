# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""One service or one destination: what ``ipvs_service`` and ``ipvs_dest`` do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Collection, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.change import Change, Intent, change
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import KEY_OPTIONS
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.drain import (
    NotDrainedError,
    await_drained,
    drained,
    service_reading,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.info import shown_destination
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    ModelError,
    ServiceKey,
    Table,
    destination_key,
    merged_destination,
    merged_service,
    missing_service,
    service_key,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import Kernel, Reading
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.runner import run

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def change_service(module: AnsibleModule) -> None:
    """Makes one service as the module's parameters say, and ends the module."""
    run(module, lambda: _changed_service(module))


def change_destination(module: AnsibleModule) -> None:
    """Makes one destination as the module's parameters say, and ends the module."""
    run(module, lambda: _changed_destination(module))


class _OneService(Intent):
    """A change of one service with its destinations; nothing else of the table is read."""

    def __init__(self, key: ServiceKey, wanted: Callable[[Table], Table]) -> None:
        self._key = key
        self._wanted = wanted

    def read(self, kernel: Kernel) -> Table:
        return kernel.read_service(self._key).table

    def read_written(self, kernel: Kernel, _written: Collection[ServiceKey], _known: Table) -> Table:
        return self.read(kernel)

    def desired(self, current: Table) -> Table:
        return self._wanted(current)


def _changed_service(module: AnsibleModule) -> Mapping[str, Any]:
    key = _service_key(module)

    def wanted(table: Table) -> Table:
        if module.params["state"] == "absent":
            return table.without_service(key)
        return table.with_service(merged_service(key, table.services.get(key), module.params))

    done = _change(module, key, wanted)
    service = done.after.services.get(key)
    return {**done.as_results(), "service": service.as_options() if service else None}


def _changed_destination(module: AnsibleModule) -> Mapping[str, Any]:
    key = _service_key(module)
    state, seconds = module.params["state"], module.params["wait_timeout"]
    destination = destination_key(
        key, destination=module.params["destination"], destination_port=module.params["destination_port"]
    )
    if seconds < 0:
        raise ModelError(f"wait_timeout must be 0 seconds or more, got {seconds}.")

    def wanted(table: Table) -> Table:
        if state == "absent":
            return table.without_destination(key, destination) if key in table.services else table
        if state == "drained":
            return drained(table, key, destination, module.params)
        if key not in table.services:
            raise ModelError(missing_service(key))
        present = table.destinations[key].get(destination)
        return table.with_destination(key, merged_destination(key, destination, present, module.params))

    done = _change(module, key, wanted)

    def results(table: Table, reading: Reading) -> dict[str, Any]:
        value = table.destinations.get(key, {}).get(destination)
        return {**done.as_results(), "destination": shown_destination(value, reading, key) if value else None}

    if state != "drained" or not module.params["wait"] or module.check_mode:
        return results(done.after, service_reading(module, key))
    try:
        # Nothing is locked any more: others may change the table while this one waits.
        return results(done.after, await_drained(module, key, destination, seconds=seconds))
    except NotDrainedError as error:
        now = service_reading(module, key)
        error.results = results(now.table, now)
        raise


def _change(module: AnsibleModule, key: ServiceKey, wanted: Callable[[Table], Table]) -> Change:
    # Nothing has to be loaded to take something away.
    return change(module, _OneService(key, wanted), load=module.params["state"] == "present")


def _service_key(module: AnsibleModule) -> ServiceKey:
    return service_key(**{name: module.params[name] for name in KEY_OPTIONS})
