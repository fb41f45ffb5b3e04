# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_handover
short_description: Work out how the VIPs move to another director, and whether they may
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - For the playbook C(lvs.cluster.failover), from the plans of O(ignore:lvs_cluster) and what was seen on the
    directors.
  - Reads no network and changes nothing.
positional: hostvars, to, away
options:
  _input:
    description: The plans, as P(lvs.cluster.cluster_plans#filter) gives them.
    type: dict
    required: true
  hostvars:
    description:
      - The variables of the directors. Read are C(lvs_table) (a result of M(lvs.cluster.ipvs_info)) and C(lvs_host) (of
        M(lvs.cluster.host_info) with the daemons of the plan as services, and the lines C(track_file) of
        C(keepalived.conf)).
    type: dict
    required: true
  to:
    description: The director that is to hold the VIPs; the next one in the inventory's order when it is empty.
    type: str
    default: ""
  away:
    description: The director that is not to hold them. Where another one does already, there is nothing to do.
    type: str
    default: ""
seealso:
  - plugin: lvs.cluster.cluster_plans
    plugin_type: filter
"""

EXAMPLES = r"""
- name: See that the standby could take over
  ansible.builtin.assert:
    that: way['mistakes'] + way['refusals'] | length == 0
  vars:
    way: "{{ plans | lvs.cluster.cluster_handover(hostvars) }}"
"""

RETURN = r"""
_value:
  description: What there is to do.
  type: dict
  contains:
    mistakes:
      description: Sentences about wrong names and about clusters in which nobody or more than one holds the VIPs.
      type: list
      elements: str
    refusals:
      description: Sentences about what the new director lacks.
      type: list
      elements: str
    active:
      description: Who holds the VIPs now.
      type: str
    target:
      description: Who is to hold them.
      type: str
    macs:
      description: The hardware addresses of RV(_value.target).
      type: list
      elements: str
    during:
      description: The number that each director adds to its priority while the VIPs move; empty with heartbeat.
      type: dict
    after:
      description: The number that each director keeps after it.
      type: dict
  sample:
    mistakes: []
    refusals: []
    active: lb1
    target: lb2
    macs: ["02:00:00:00:02:12"]
    during: {lb1: -254, lb2: 0}
    after: {lb1: 0, lb2: 0}
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.handover import daemons_from, handover, macs_of
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observations import (
    observations_from_hostvars,
    tables_from_hostvars,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.view import View


def cluster_handover(
    plans: Mapping[str, t.Any], hostvars: Mapping[str, t.Any], to: str = "", away: str = ""
) -> dict[str, t.Any]:
    described = plain(plans)
    if not isinstance(described, dict) or not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("cluster_handover: it needs the plans of cluster_plans, and hostvars.")
    directors = {name: plan for name, plan in described.items() if plan["role"] == "director"}
    seen = observations_from_hostvars(directors, hostvars, None)
    view = View(directors, seen)
    watched = tables_from_hostvars(directors, hostvars)[1]
    daemons = daemons_from({name: host.get("ipvs") for name, host in seen["hosts"].items()})
    found = handover(view, watched, daemons, plain(to), plain(away))
    return {
        "mistakes": found.mistakes,
        "refusals": found.refusals,
        "active": found.active,
        "target": found.target,
        "macs": macs_of(view.hosts.get(found.target)),
        "during": found.during,
        "after": found.after,
    }


class FilterModule:
    """The filter that works out a handover."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_handover": cluster_handover}
