# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_findings
short_description: Say what of a cluster is not as described
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - Compares the plans of all hosts with what was seen on them and with what a probe by packets gave.
  - One cause is one finding. A stopped keepalived also empties its table and may fail connections, but only it is
    named.
  - Reads no network and changes nothing.
positional: observations
options:
  _input:
    description: The plans of all hosts, as P(lvs.cluster.cluster_plans#filter) gives them.
    type: dict
    required: true
  observations:
    description:
      - What was seen, as P(lvs.cluster.cluster_observations#filter) gathers it.
      - C(hosts) holds for each host a dictionary with C(host) (what C(lvs.cluster.host_info) returns as C(host)),
        C(host_after) (the same after the probe), C(ipvs) and C(ipvs_after) (the results of C(lvs.cluster.ipvs_info)
        before and after the probe, on directors), C(compared) (for the name of a module the result of its run in check
        mode) and C(unreachable). A host that is not there counts as unreachable. Only C(host) must be there.
      - C(probe) holds C(from) (the name of the host that sent the packets) and what C(lvs.cluster.vip_probe) returns as
        C(neighbours) and C(connections). Without it, its absence is a finding.
    type: dict
    required: true
seealso:
  - plugin: lvs.cluster.cluster_plans
    plugin_type: filter
  - plugin: lvs.cluster.cluster_observations
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Prove that the cluster is as described
  ansible.builtin.assert:
    that: findings | length == 0
    fail_msg: "{{ findings | to_nice_yaml }}"
  vars:
    seen: "{{ plans | lvs.cluster.cluster_observations(hostvars, 'client1') }}"
    findings: "{{ plans | lvs.cluster.cluster_findings(seen) }}"
"""

RETURN = r"""
_value:
  description: All findings, those of causes before those of consequences. Empty when everything is as described.
  type: list
  elements: dict
  contains:
    host:
      description: The host where the cause is. Two names joined by a comma where it lies between two directors.
      type: str
    found:
      description: What is not as described.
      type: str
    cause:
      description: The likely cause.
      type: str
    remedy:
      description: What to do.
      type: str
  sample:
    - host: lb1
      found: keepalived is not running.
      cause: It was stopped or it failed.
      remedy: Read journalctl -u keepalived -n 50, then systemctl start keepalived.
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.findings import cluster_findings as findings_of
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain


def cluster_findings(plans: object, observations: object) -> list[dict[str, str]]:
    if not isinstance(plans, Mapping):
        raise AnsibleFilterError("cluster_findings: its input must be the plans that lvs.cluster.cluster_plans gives.")
    if not isinstance(observations, Mapping):
        raise AnsibleFilterError("cluster_findings: observations must be a mapping with hosts and probe.")
    return findings_of(plain(plans), plain(observations))


class FilterModule:
    """The filter that proves a cluster."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_findings": cluster_findings}
