#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_dest
short_description: Manage a destination of a service in the kernel's IPVS table
version_added: 0.1.0
description:
  - Adds, changes, drains or removes one destination, a real server inside one service of the IPVS table.
  - What is not given stays as it is on a destination that exists; on creation the kernel's usual default is used.
  - A destination is changed in place, so its connections stay. Other destinations are never touched.
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
  - lvs.cluster.attributes.linux
  - lvs.cluster.attributes.actiongroup_ipvs
  - lvs.cluster.ipvs
  - lvs.cluster.ipvs.changes
  - lvs.cluster.ipvs.service_key
options:
  destination:
    description: The real server's address, IPv4 or IPv6, in any valid spelling.
    type: str
    required: true
  destination_port:
    description:
      - The real server's port; the service's port when it is not given (V(0) for a service with a O(fwmark)).
      - Only O(forwarding=nat) can reach another port than the service's.
    type: int
  forwarding:
    description:
      - How packets reach the real server. V(direct) on creation.
      - A real server of another address family than the service can be reached by V(tunnel) only, since Linux 3.18 and
        C(ipvsadm) 1.28.
    type: str
    choices: [direct, nat, tunnel]
  weight:
    description: The share of new connections, V(1) on creation; with V(0) it gets none and keeps those it has.
    type: int
  upper_threshold:
    description: At this many connections the real server gets no new ones; V(0) is no limit, as on creation.
    type: int
  lower_threshold:
    description:
      - Below this many connections it gets new ones again; not larger than O(upper_threshold).
      - V(0), as on creation, means three quarters of O(upper_threshold).
    type: int
  tunnel_type:
    description:
      - How O(forwarding=tunnel) wraps packets. V(ipip) on creation.
      - V(gue) since Linux 5.2, V(gre) since Linux 5.3, both since C(ipvsadm) 1.31.
    type: str
    choices: [ipip, gue, gre]
  tunnel_port:
    description:
      - The UDP port of O(tunnel_type=gue) on the real server; required for it, and for it only.
      - Since Linux 5.2 and C(ipvsadm) 1.31.
    type: int
  tunnel_checksum:
    description:
      - The checksum in the wrapping header, V(none) on creation.
      - V(standard) is for V(gue) and V(gre), V(remote) (remote checksum offload) for V(gue).
      - Both since Linux 5.3 and C(ipvsadm) 1.31.
    type: str
    choices: [none, standard, remote]
  state:
    description:
      - V(present) and V(absent) say whether the destination is there. V(absent) cuts its connections off.
      - V(drained) gives a destination that exists weight 0, so that it gets no new connections and keeps those it has.
        It creates nothing. Other options may be given as with V(present), but no O(weight) other than V(0).
    type: str
    choices: [present, absent, drained]
    default: present
  wait:
    description:
      - With O(state=drained), whether to wait until the destination has no active, inactive and persistent connections.
        With other states, and in check mode, it has no effect.
      - The kernel announces the end of no connection, so it is asked twice a second. Other tasks may change the table
        meanwhile.
      - When another program removes the destination or gives it a weight again, the task fails at once.
    type: bool
    default: false
  wait_timeout:
    description:
      - For how many seconds O(wait) waits; V(0) looks once. Then the task fails and says how many connections of each
        kind are left; the destination keeps weight 0, and the return values are the same as of a success.
      - Closed TCP connections count as inactive for up to two minutes; UDP ones end with their timeout, see
        M(lvs.cluster.ipvs_timeouts).
      - A persistent connection lives for the service's persistence after the client's last connection, so give more
        than that. A client that comes again meanwhile still gets the drained real server, unless the sysctl
        C(net.ipv4.vs.expire_quiescent_template) is 1, which the role lvs.cluster.director sets.
    type: int
    default: 300
seealso:
  - module: lvs.cluster.ipvs_service
  - module: lvs.cluster.ipvs_table
  - module: lvs.cluster.ipvs_info
"""

EXAMPLES = r"""
- name: Add a real server with three shares
  lvs.cluster.ipvs_dest:
    address: 192.0.2.100
    port: 80
    destination: 192.0.2.21
    weight: 3

- name: Give it no new connections, and wait until those that it has are over
  lvs.cluster.ipvs_dest:
    address: 192.0.2.100
    port: 80
    destination: 192.0.2.21
    state: drained
    wait: true
    wait_timeout: 600

- name: Remove it
  lvs.cluster.ipvs_dest:
    address: 192.0.2.100
    port: 80
    destination: 192.0.2.21
    state: absent

- name: Give a real server no new connections
  lvs.cluster.ipvs_dest:
    address: 192.0.2.100
    port: 80
    destination: 192.0.2.22
    weight: 0
  register: real_server

- name: Say how many connections it still has
  ansible.builtin.debug:
    msg: "{{ real_server.destination.active_connections }} active connections"

- name: Reach an IPv4 real server for an IPv6 service through a tunnel
  lvs.cluster.ipvs_dest:
    address: "2001:db8:2::100"
    port: 443
    destination: 192.0.2.21
    forwarding: tunnel
    tunnel_type: gue
    tunnel_port: 5555
"""

RETURN = r"""
destination:
  description:
    - The destination as it is now (in check mode, as it would be), in the names of the options; null when absent.
    - The kernel's C(active_connections), C(inactive_connections) and C(persistent_connections) are beside them.
  returned: success
  type: dict
  sample: {destination: 192.0.2.21, destination_port: 80, forwarding: direct, weight: 3, upper_threshold: 0,
    lower_threshold: 0, tunnel_type: null, tunnel_port: 0, tunnel_checksum: none, active_connections: 0,
    inactive_connections: 0, persistent_connections: 0}
operations:
  description: What was done, or in check mode would be done, as the equivalent C(ipvsadm) command lines.
  returned: success
  type: list
  elements: str
  sample: ["ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 3"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import spec
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.entries import change_destination


def main() -> None:
    arguments = {**spec.SERVICE_KEY, **spec.DESTINATION_KEY, **spec.DESTINATION, **spec.DESTINATION_STATE}
    change_destination(AnsibleModule(argument_spec=arguments, supports_check_mode=True))


if __name__ == "__main__":
    main()
