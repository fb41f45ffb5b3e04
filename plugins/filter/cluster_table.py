# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_table
short_description: Turn a director's services into what ipvs_table takes
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - For a director whose table the modules own (C(health_checks) V(none)). The role P(lvs.cluster.director#role) gives
    the result to M(lvs.cluster.ipvs_table).
  - A weight that somebody gave a real server in the kernel (a drain) is kept as long as the description stays the
    same; a described weight that has changed is set. So it has to be told what was described before.
positional: remembered, drains
options:
  _input:
    description: The services, as the variable C(director_services) of the role has them.
    type: list
    elements: dict
    required: true
  remembered:
    description: RV(_value.described) of the last run as JSON text; empty when there was none.
    type: str
    default: ""
  drains:
    description:
      - The files of drains on the director, as C(grep -H) prints them, and with them those in ldirectord's maintenance
        directory. What is drained is written so.
    type: list
    elements: str
    default: []
seealso:
  - module: lvs.cluster.ipvs_table
  - plugin: lvs.cluster.cluster_plans
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Bring the table to the described state
  lvs.cluster.ipvs_table:
    services: "{{ table['services'] }}"
    scope: "{{ table['scope'] }}"
    purge: services
    keep_weights: true
  vars:
    table: "{{ plans['lb1']['vars']['director_services'] | lvs.cluster.cluster_table }}"
"""

RETURN = r"""
_value:
  description: The table and what belongs to it.
  type: dict
  contains:
    services:
      description:
        - The services with their destinations, in the options of M(lvs.cluster.ipvs_table). What is drained has the
          weight that its drain leaves it.
      type: list
      elements: dict
    described:
      description: The same with the described weights, to be remembered.
      type: list
      elements: dict
    scope:
      description: All VIPs and firewall marks of this description and of the remembered one.
      type: list
      elements: str
    reweighed:
      description: Of RV(_value.services) those destinations only whose weight is described anew.
      type: list
      elements: dict
    forgotten:
      description: Files of drains that belong to no described real server.
      type: list
      elements: str
    maintenance:
      description: The files in ldirectord's maintenance directory, true for those that the drains need, false for those
        of an earlier drain that have to go.
      type: dict
  sample:
    services:
      - address: 192.0.2.100
        port: 80
        protocol: tcp
        scheduler: wlc
        scheduler_flags: []
        persistence: 0
        persistence_engine: none
        one_packet: false
        destinations:
          - destination: 192.0.2.21
            destination_port: 80
            forwarding: direct
            weight: 1
            upper_threshold: 0
            lower_threshold: 0
    described: []
    scope: [192.0.2.100]
    reweighed: []
    forgotten: []
    maintenance: {}
"""

import typing as t
from collections.abc import Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.drain_files import drains_read
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.drains import drain_names, offset_table
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.maintenance import maintenance_files
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.table import (
    owned,
    remembered_services,
    reweighed_services,
    table_services,
)


def cluster_table(services: object, remembered: str = "", drains: object = ()) -> dict[str, t.Any]:
    given = plain(services)
    if not isinstance(given, list) or not all(isinstance(service, dict) for service in given):
        raise AnsibleFilterError("cluster_table: its input must be the director_services of a director's plan.")
    described = table_services(given)
    before = remembered_services(plain(remembered))
    lines = plain(drains) or ()
    drained = drains_read(lines)
    written = table_services(offset_table(given, drained))
    return {
        "services": written,
        "described": described,
        "scope": owned(described, before),
        "reweighed": reweighed_services(described, before, written),
        "forgotten": sorted(drained.keys() - drain_names(given)),
        "maintenance": maintenance_files(given, drained, lines),
    }


class FilterModule:
    """The filter that makes the table."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_table": cluster_table}
