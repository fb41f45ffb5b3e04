# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_observations
short_description: Gather what was seen of a cluster from the variables of its hosts
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - Takes what earlier tasks registered on the hosts and puts it into the shape that
    P(lvs.cluster.cluster_findings#filter) reads.
positional: hostvars, probe_host, hosts
options:
  _input:
    description: The plans of all hosts, as P(lvs.cluster.cluster_plans#filter) gives them.
    type: dict
    required: true
  hostvars:
    description:
      - The variables of all hosts, C(hostvars) in a playbook.
      - Read of each host that has a plan are the registered results C(lvs_host) and C(lvs_host_after) (of
        C(lvs.cluster.host_info), before and after the probe), C(lvs_table) and C(lvs_table_after) (of
        C(lvs.cluster.ipvs_info)), and those of modules in check mode, C(lvs_marks) (C(lvs.cluster.fwmark)), C(lvs_nat),
        C(lvs_firewall), C(lvs_tunnel), C(lvs_gateway) (C(lvs.cluster.default_gateway)) and C(lvs_arp_hide).
      - A host whose C(lvs_host) was skipped is one that only modules in check mode look at.
      - A host without C(lvs_host) counts as unreachable.
    type: dict
    required: true
  probe_host:
    description:
      - The host that sent packets. Read of it is the registered result C(lvs_probe) (of C(lvs.cluster.vip_probe)).
    type: str
  hosts:
    description:
      - Names of hosts that belong to the cluster even when they have no plan, such as a director that cannot be
        reached.
    type: list
    elements: str
    default: []
seealso:
  - plugin: lvs.cluster.cluster_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what was seen
  ansible.builtin.debug:
    msg: "{{ plans | lvs.cluster.cluster_observations(hostvars, 'client1') }}"
"""

RETURN = r"""
_value:
  description: A dictionary with C(hosts) and C(probe), see P(lvs.cluster.cluster_findings#filter).
  type: dict
"""

import typing as t
from collections.abc import Callable, Mapping, Sequence

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observations import observations_from_hostvars
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain


def cluster_observations(
    plans: object, hostvars: object, probe_host: str | None = None, hosts: Sequence[str] = ()
) -> dict[str, t.Any]:
    if not isinstance(plans, Mapping):
        raise AnsibleFilterError(
            "cluster_observations: its input must be the plans that lvs.cluster.cluster_plans gives."
        )
    if not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("cluster_observations: the first argument must be hostvars.")
    if not isinstance(hosts, (list, tuple)) or not all(isinstance(name, str) for name in hosts):
        raise AnsibleFilterError("cluster_observations: hosts must be a list of host names.")
    return observations_from_hostvars(plain(plans), hostvars, plain(probe_host), plain(hosts))


class FilterModule:
    """The filter that gathers observations."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_observations": cluster_observations}
