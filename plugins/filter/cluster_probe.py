# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_probe
short_description: Say which connections prove that each real server gets its share
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - Gives the connections to open to each VIP and port of each TCP service of a director, so many that every weighted
    real server is due some, and a few datagrams for each UDP service. All together are at most 1,000.
  - Of a range of ports the lowest one is tried on which a real server listens, of all ports the one of the health
    check.
positional: hostvars
options:
  _input:
    description: The variables of one director's plan, as P(lvs.cluster.cluster_plans#filter) gives them.
    type: dict
    required: true
  hostvars:
    description:
      - The variables of all hosts, C(hostvars) in a playbook. Read of each real server is the registered result
        C(lvs_host) (of M(lvs.cluster.host_info)), which tells on which ports it listens.
      - Without it, no port of a range is tried.
    type: dict
seealso:
  - plugin: lvs.cluster.cluster_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Connect to every service
  lvs.cluster.vip_probe:
    connections: "{{ plans['lb1']['vars'] | lvs.cluster.cluster_probe(hostvars) }}"
"""

RETURN = r"""
_value:
  description: A list of dictionaries with C(address), C(port), C(count) and, of a UDP service, C(protocol).
  type: list
  elements: dict
  sample:
    - {address: 192.0.2.100, port: 80, count: 12}
    - {address: 192.0.2.53, port: 53, count: 5, protocol: udp}
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import variables_of
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.probe import probe_connections


def cluster_probe(
    director: object, hostvars: Mapping[str, Mapping[str, t.Any]] | None = None
) -> list[dict[str, t.Any]]:
    if not isinstance(director, Mapping):
        raise AnsibleFilterError("cluster_probe: its input must be the vars of a director's plan.")
    if hostvars is not None and not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("cluster_probe: the first argument must be hostvars.")
    plan = plain(director)
    return probe_connections(plan, _listeners(plan, hostvars or {}))


def _listeners(plan: Mapping[str, t.Any], hostvars: Mapping[str, Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """What listens on each real server, as far as somebody looked."""
    services = plan.get("director_services") or ()
    names = {str(entry.get("host")) for service in services for entry in service.get("real_servers") or ()}
    looks = {name: variables_of(name, hostvars).get("lvs_host") for name in names}
    return {
        name: plain((look.get("host") or {}).get("listeners") or [])
        for name, look in looks.items()
        if isinstance(look, Mapping)
    }


class FilterModule:
    """The filter that plans the probe."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_probe": cluster_probe}
