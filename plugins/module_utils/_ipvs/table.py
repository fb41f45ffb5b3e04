# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The whole table in one task: what ``ipvs_table`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Collection, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.change import Intent, change
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import Description, description_of
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import ServiceKey, Table
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import Kernel
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import restoring_lines
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.runner import run

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_MOST_UNASKED = 1000  # operations


def change_table(module: AnsibleModule) -> None:
    """Makes the table as the module's parameters say, and ends the module."""
    run(module, lambda: _changed_table(module))


class _OwnedTable(Intent):
    """A change of all services that the description names or its scope holds."""

    def __init__(self, description: Description) -> None:
        self._description = description

    def read(self, kernel: Kernel) -> Table:
        return kernel.read_table(self._description.is_owned)

    def desired(self, current: Table) -> Table:
        return self._description.desired(current)

    def read_written(self, kernel: Kernel, written: Collection[ServiceKey], known: Table) -> Table:
        # All services, so that a table that was flushed meanwhile is seen; destinations only where something was done.
        services = kernel.read_services(self._description.is_owned)
        unchanged = known.services.keys() - written
        return Table(
            services,
            {key: known.destinations[key] if key in unchanged else kernel.read_destinations(key) for key in services},
        )


def _changed_table(module: AnsibleModule) -> Mapping[str, Any]:
    description = description_of(module.params)
    # Nothing has to be loaded to take everything away.
    done = change(module, _OwnedTable(description), load=bool(module.params["services"]))
    results = {**done.of_changed_services().as_results(), "rules": restoring_lines(done.after)}
    if len(done.operations) > _MOST_UNASKED and not module._diff:  # noqa: SLF001 - Ansible's only name for it
        # Before and after of tens of thousands of destinations cost as much as making them.
        del results["diff"]
    return results
