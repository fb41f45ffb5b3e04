# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_status
short_description: Say what the directors do now
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - For the playbook C(lvs.cluster.status), from the plans of O(ignore:lvs_cluster) and what was seen on the directors.
  - Reads no network and changes nothing.
positional: hostvars, directors
options:
  _input:
    description: The plans, as P(lvs.cluster.cluster_plans#filter) gives them.
    type: dict
    required: true
  hostvars:
    description:
      - The variables of the directors. Read are C(lvs_table) (a result of M(lvs.cluster.ipvs_info)), C(lvs_host) (of
        M(lvs.cluster.host_info) with the service C(keepalived)) and C(lvs_drains) (of C(grep -H) over the files of
        drains).
    type: dict
    required: true
  directors:
    description: Names of the directors that were looked for. Those that cannot be reached have no plan.
    type: list
    elements: str
    default: []
seealso:
  - plugin: lvs.cluster.cluster_plans
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the status
  ansible.builtin.debug:
    msg: "{{ (plans | lvs.cluster.cluster_status(hostvars, groups['directors']))['lines'] }}"
"""

RETURN = r"""
_value:
  description: The status.
  type: dict
  contains:
    lines:
      description: For people, one small table for each service.
      type: list
      elements: str
    active:
      description: The directors that hold a VIP.
      type: list
      elements: str
    drained:
      description: For each director what is drained on it, each as service, @ and real server.
      type: dict
    differences:
      description: Sentences about what is not as described, or not alike on all directors.
      type: list
      elements: str
  sample:
    lines: ["Director lb1: active."]
    active: [lb1]
    drained: {lb1: [web@rs1]}
    differences: []
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.drains import drains_from_hostvars
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observations import observations_from_hostvars
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.status import status_lines, status_values
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.view import View


def cluster_status(
    plans: Mapping[str, t.Any], hostvars: Mapping[str, t.Any], directors: list[str] | None = None
) -> dict[str, t.Any]:
    described = plain(plans)
    if not isinstance(described, dict) or not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("cluster_status: it needs the plans of cluster_plans, and hostvars.")
    planned = {name: plan for name, plan in described.items() if plan["role"] == "director"}
    view = View(planned, observations_from_hostvars(planned, hostvars, None, plain(directors) or ()))
    drained = drains_from_hostvars(planned, hostvars)
    return {"lines": status_lines(view, drained), **status_values(view, drained)}


class FilterModule:
    """The filter that says what the directors do."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_status": cluster_status}
