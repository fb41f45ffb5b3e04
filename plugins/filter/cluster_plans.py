# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_plans
short_description: Turn a cluster description into one small plan for each host
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
description:
  - Validates the cluster description (the variable O(ignore:lvs_cluster)) and gives each director and each real server
    the variables of its role.
  - A description with mistakes raises one error that lists every mistake, each with its path, the problem and the
    remedy.
  - Reads no network and changes nothing. The same input always gives the same plans.
positional: directors, real_servers, hostvars, clients
options:
  _input:
    description: The cluster description, usually O(ignore:lvs_cluster).
    type: dict
    required: true
  directors:
    description:
      - Inventory names of the directors. Their order is the order of their VRRP priorities.
    type: list
    elements: str
    required: true
  real_servers:
    description: Inventory names of the real servers that services may name.
    type: list
    elements: str
    required: true
  hostvars:
    description:
      - The variables of all hosts, C(hostvars) in a playbook.
      - Read of each host are C(lvs_address) (its own address in the cluster, or a list with an IPv4 and an IPv6
        address) and, when that is not set, C(ansible_host) or the host's name where they are an address.
      - Read of directors are also C(lvs_interface) (the interface for all VIPs of that director) and the network facts
        in C(ansible_facts), from which the interface is found whose subnet holds the VIP.
      - Read of real servers is also C(realserver_linux_arp_method), because not every method can take packets out of
        tunnels.
    type: dict
    required: true
  clients:
    description:
      - Inventory names of machines that connect to the services, where they are known. Of them the same addresses are
        read.
      - With them it is seen whether a client stands where NAT or a real server's way back cannot serve it, and from
        where packets come that are no forgery.
    type: list
    elements: str
    default: []
notes:
  - A director whose network facts are missing, for instance because it cannot be reached, gets no plan unless it has
    C(lvs_interface). The plans of the other hosts do not change by that.
seealso:
  - plugin: lvs.cluster.cluster_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Compile the cluster once
  ansible.builtin.set_fact:
    plans: "{{ lvs_cluster | lvs.cluster.cluster_plans(groups['directors'], groups['real_servers'], hostvars) }}"
  run_once: true
  vars:
    lvs_cluster:
      services:
        - name: web
          vip: 192.0.2.100
          ports: [80]
          real_servers: [rs1, rs2]
"""

RETURN = r"""
_value:
  description:
    - For each host, by its inventory name, a dictionary with RV(ignore:role) (V(director), V(realserver_linux) or
      V(realserver_windows)) and RV(ignore:vars), which holds exactly the variables of that role.
  type: dict
  sample:
    rs1:
      role: realserver_linux
      vars:
        realserver_linux_vips: [192.0.2.100]
        realserver_linux_addresses: [192.0.2.21]
        realserver_linux_tunnels: []
        realserver_linux_tunnel_vips: []
        realserver_linux_gateways: []
        realserver_linux_listeners:
          - {address: 192.0.2.100, port: 80, protocol: tcp}
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import hosts_from_hostvars
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.mistakes import DescriptionError
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.plain import plain


def cluster_plans(
    description: object,
    directors: list[str],
    real_servers: list[str],
    hostvars: Mapping[str, t.Any],
    clients: list[str] | None = None,
) -> dict[str, t.Any]:
    clients = clients or []
    for names, argument in ((directors, "directors"), (real_servers, "real_servers"), (clients, "clients")):
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise AnsibleFilterError(
                f"cluster_plans: {argument} must be a list of host names, such as groups['{argument}']."
            )
    if not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("cluster_plans: the third argument must be hostvars.")
    try:
        return compile_cluster(
            plain(description),
            hosts_from_hostvars(plain(directors), hostvars, with_interfaces=True),
            hosts_from_hostvars(plain(real_servers), hostvars, with_interfaces=False),
            hosts_from_hostvars(plain(clients), hostvars, with_interfaces=False),
        )
    except DescriptionError as error:
        raise AnsibleFilterError("\n".join(error.lines())) from None


class FilterModule:
    """Filters that compile a cluster description."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        return {"cluster_plans": cluster_plans}
