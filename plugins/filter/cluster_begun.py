# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_begun
short_description: See what directors would begin to send to some real servers
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - For the playbook C(lvs.cluster.site), from the plans of O(ignore:lvs_cluster) and the tables of the directors.
  - A real server that could not be prepared throws away what directors send it by C(direct) and C(tunnel). Nothing
    begins where a director sends it packets already, with the same forwarding, nor where it has the VIPs of the
    service before the run, on its loopback interface or on the dummy interface that
    C(realserver_linux_arp_interface) names. Forwarding C(nat) needs nothing there, and weight 0 sends nothing.
  - One that could not be reached may be down, so that no director has it in its table. Nothing begins for it where the
    files of a director name it in this service, with the same forwarding and a weight.
positional: hostvars, real_servers, unreachable
options:
  _input:
    description: The plans, as P(lvs.cluster.cluster_plans#filter) gives them.
    type: dict
    required: true
  hostvars:
    description:
      - The variables of directors and real servers. Read are C(lvs_table), a result of M(lvs.cluster.ipvs_info);
        C(lvs_named), whose C(stdout_lines) name services and real servers in the files of a director; and the
        addresses in C(ansible_facts).
    type: dict
    required: true
  real_servers:
    description: The names of the real servers that could not be prepared.
    type: list
    elements: str
    required: true
  unreachable:
    description: The names of the real servers that could not be reached.
    type: list
    elements: str
    default: []
seealso:
  - plugin: lvs.cluster.cluster_plans
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse to send anything new to a real server that is not ready
  ansible.builtin.assert:
    that: plans | lvs.cluster.cluster_begun(hostvars, ['rs3']) | length == 0
"""

RETURN = r"""
_value:
  description: The services of which a real server would get something that it cannot take, by its name.
  type: dict
  sample: {"rs3": ["web", "web6"]}
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.director_files import named_in_files
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import variables_of
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observations import tables_from_hostvars
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.prepared import addresses_inside, services_begun
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.turned import own_addresses


def cluster_begun(
    plans: Mapping[str, t.Any],
    hostvars: Mapping[str, t.Any],
    real_servers: t.Sequence[str],
    unreachable: t.Sequence[str] = (),
) -> dict[str, list[str]]:
    described = plain(plans)
    if not isinstance(described, dict) or not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("cluster_begun: it needs the plans of cluster_plans, and hostvars.")
    directors = {name: plan["vars"] for name, plan in described.items() if plan["role"] == "director"}
    tables = tables_from_hostvars(directors, hostvars)[0]
    services = [service for plan in list(directors.values())[:1] for service in plan.get("director_services", [])]
    held = {name: own_addresses(name, hostvars) for name in directors}
    held |= {name: addresses_inside(name, hostvars) for name in [*plain(real_servers), *plain(unreachable)]}
    away = plain(unreachable)
    named = named_in_files(line for name in directors for line in _lines(variables_of(name, hostvars).get("lvs_named")))
    return services_begun(services, tables, [*plain(real_servers), *away], held, away=away, named=named)


def _lines(result: object) -> t.Sequence[str]:
    read = plain(result)
    return (read.get("stdout_lines") if isinstance(read, dict) else None) or ()


class FilterModule:
    """The filter that guards real servers that are not ready."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_begun": cluster_begun}
