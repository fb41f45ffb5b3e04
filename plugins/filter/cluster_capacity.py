# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_capacity
short_description: See whether a changed description takes too much out of services that serve
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - For the playbook C(lvs.cluster.site), from the plans of O(ignore:lvs_cluster) and the tables of the directors.
  - Compared is what serves now with what the description leaves of it, for each service and director. C(min_capacity)
    of the service is the percentage that has to stay, and the last real server always stays.
positional: hostvars
options:
  _input:
    description: The plans, as P(lvs.cluster.cluster_plans#filter) gives them.
    type: dict
    required: true
  hostvars:
    description: The variables of the directors. Read is C(lvs_table), a result of M(lvs.cluster.ipvs_info).
    type: dict
    required: true
seealso:
  - plugin: lvs.cluster.cluster_plans
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse a change that takes too much away
  ansible.builtin.assert:
    that: plans | lvs.cluster.cluster_capacity(hostvars) | length == 0
"""

RETURN = r"""
_value:
  description: One sentence for each service and director that would have too little left.
  type: list
  elements: str
  sample: ["lb1: web (tcp/192.0.2.100:80) would be left with rs1, 33 % of what serves now; min_capacity is 50 %."]
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.capacity import change_refusals
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observations import tables_from_hostvars
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain


def cluster_capacity(plans: Mapping[str, t.Any], hostvars: Mapping[str, t.Any]) -> list[str]:
    described = plain(plans)
    if not isinstance(described, dict) or not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("cluster_capacity: it needs the plans of cluster_plans, and hostvars.")
    directors = {name: plan["vars"] for name, plan in described.items() if plan["role"] == "director"}
    tables = tables_from_hostvars(directors, hostvars)[0]
    return [
        refusal
        for name, table in tables.items()
        for refusal in change_refusals(directors[name].get("director_services", []), {name: table})
    ]


class FilterModule:
    """The filter that guards the capacity."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_capacity": cluster_capacity}
