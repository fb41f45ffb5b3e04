# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_turned
short_description: Tell which hosts were something else before, and which directors hold VIPs
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - For the playbook C(lvs.cluster.site), from the plans of O(ignore:lvs_cluster) and what was seen on the hosts. A real
    server that becomes a director, and a director that becomes a real server, have to end as what they were first.
  - Reads no network and changes nothing.
positional: hostvars, directors
options:
  _input:
    description: The plans, as P(lvs.cluster.cluster_plans#filter) gives them.
    type: dict
    required: true
  hostvars:
    description:
      - The variables of the hosts. Read are the network facts in C(ansible_facts), the hosts' own addresses as
        P(lvs.cluster.cluster_plans#filter) reads them, and what the playbook registers.
      - C(lvs_traces) is the result of C(grep -H) over the files by which a host remembers what it was. C(lvs_table) of
        a director is a result of M(lvs.cluster.ipvs_info), C(lvs_sent) has such a result for each other director, and
        C(lvs_left_out) for each one that C(--limit) leaves out. C(lvs_look) is set on the hosts that are meant, and
        C(lvs_done) on those that are as described.
    type: dict
    required: true
  directors:
    description: The names of all directors, for RV(_value.keeps). Of one that cannot be reached there may be no plan.
    type: list
    elements: str
    default: []
seealso:
  - plugin: lvs.cluster.cluster_plans
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse to make a real server of the director that serves
  ansible.builtin.assert:
    that: (plans | lvs.cluster.cluster_turned(hostvars))['refusals'] | length == 0
"""

RETURN = r"""
_value:
  description: Who turns, and what stands in the way.
  type: dict
  contains:
    active:
      description:
        - Directors that hold a VIP, on the interface on which a director has it. A real server has its VIPs elsewhere.
      type: list
      elements: str
    directors:
      description: Real servers that become directors, each with its own addresses.
      type: dict
    real_servers:
      description: Directors that become real servers.
      type: list
      elements: str
    refusals:
      description: Sentences about directors that hold VIPs and are to become real servers.
      type: list
      elements: str
    quiet:
      description:
        - For each director the services in which it sends nothing new to RV(_value.directors), as
          M(lvs.cluster.ipvs_table) takes them.
      type: dict
    behind:
      description: For each of RV(_value.directors) sentences about directors that may send packets to it.
      type: dict
    keeps:
      description:
        - For real servers that have to keep what is no longer described, sentences about directors that may send them
          packets for it.
      type: dict
  sample:
    active: [lb1]
    directors: {rs1: [192.0.2.21]}
    real_servers: []
    refusals: []
    quiet: {lb1: [{address: 192.0.2.100, port: 80, protocol: tcp,
      destinations: [{destination: 192.0.2.21, destination_port: 80, weight: 0}]}]}
    behind: {rs1: []}
    keeps: {}
"""

import typing as t
from collections.abc import Callable, Iterable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observations import tables_from_hostvars
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.turned import (
    active_directors,
    directors_behind,
    kept_for,
    quiet_services,
    turned_hosts,
)


def cluster_turned(
    plans: Mapping[str, t.Any], hostvars: Mapping[str, t.Any], directors: Iterable[str] = ()
) -> dict[str, t.Any]:
    described = plain(plans)
    if not isinstance(described, dict) or not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("cluster_turned: it needs the plans of cluster_plans, and hostvars.")
    turned = turned_hosts(described, hostvars)
    addresses = {address for own in turned.directors.values() for address in own}
    staying = {
        name: plan["vars"]
        for name, plan in described.items()
        if plan["role"] == "director" and name not in turned.directors
    }
    return {
        "active": active_directors(described, hostvars),
        "directors": turned.directors,
        "real_servers": turned.real_servers,
        "refusals": turned.refusals,
        "quiet": {
            name: quiet_services(staying[name].get("director_services") or (), table, addresses)
            for name, table in tables_from_hostvars(staying, hostvars)[0].items()
        },
        "behind": {name: directors_behind(name, own, hostvars) for name, own in turned.directors.items()},
        "keeps": kept_for(described, hostvars, [name for name in directors if name not in turned.directors]),
    }


class FilterModule:
    """The filter that finds the hosts that turn."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_turned": cluster_turned}
