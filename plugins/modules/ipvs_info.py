#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_info
short_description: Show the kernel's IPVS table
version_added: 0.1.0
description:
  - Returns the services of the IPVS table with their destinations, counters and rates, and the settings of IPVS.
  - The options choose services; what is not given, matches all.
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.looks
  - lvs.cluster.attributes.linux
  - lvs.cluster.attributes.actiongroup_ipvs
  - lvs.cluster.ipvs
options:
  address:
    description: Only services at this VIP, in any valid spelling.
    type: str
  port:
    description: Only services with this port.
    type: int
  protocol:
    description: Only services with this protocol.
    type: str
    choices: [tcp, udp, sctp]
  fwmark:
    description: Only services with this firewall mark.
    type: int
  family:
    description: Only services of this address family.
    type: str
    choices: [ipv4, ipv6]
notes:
  - In check mode C(ip_vs) is not loaded; where it is missing, no services and null values are returned.
seealso:
  - module: lvs.cluster.ipvs_service
  - module: lvs.cluster.ipvs_dest
  - module: lvs.cluster.ipvs_table
"""

EXAMPLES = r"""
- name: Look at the whole table
  lvs.cluster.ipvs_info:
  register: ipvs

- name: Show the weight of each real server
  ansible.builtin.debug:
    msg: "{{ ipvs.services | map(attribute='destinations') | flatten | items2dict('destination', 'weight') }}"

- name: Look at one VIP
  lvs.cluster.ipvs_info:
    address: 192.0.2.100
"""

RETURN = r"""
services:
  description: The services in the names of the options of M(lvs.cluster.ipvs_service), sorted.
  returned: success
  type: list
  elements: dict
  contains:
    counters:
      description: What was counted since the service was made. The kernel adds up every two seconds.
      type: dict
    rates:
      description: The same per second, averaged by the kernel.
      type: dict
    destinations:
      description:
        - The service's destinations in the names of the options of M(lvs.cluster.ipvs_dest), sorted, each with the
          connections that it has now, and with its own counters and rates.
      type: list
      elements: dict
  sample:
    - address: 192.0.2.100
      port: 80
      protocol: tcp
      fwmark: null
      family: ipv4
      scheduler: wlc
      scheduler_flags: []
      persistence: 0
      persistence_netmask: null
      persistence_engine: null
      one_packet: false
      counters: {connections: 7, incoming_packets: 26, outgoing_packets: 16, incoming_bytes: 1708,
        outgoing_bytes: 3588}
      rates: {connections: 1, incoming_packets: 3, outgoing_packets: 2, incoming_bytes: 213, outgoing_bytes: 448}
      destinations:
        - destination: 192.0.2.21
          destination_port: 8080
          forwarding: nat
          weight: 3
          upper_threshold: 0
          lower_threshold: 0
          tunnel_type: null
          tunnel_port: 0
          tunnel_checksum: none
          active_connections: 4
          inactive_connections: 3
          persistent_connections: 0
          counters: {connections: 7, incoming_packets: 26, outgoing_packets: 16, incoming_bytes: 1708,
            outgoing_bytes: 3588}
          rates: {connections: 1, incoming_packets: 3, outgoing_packets: 2, incoming_bytes: 213,
            outgoing_bytes: 448}
timeouts:
  description: Seconds after which idle connections are forgotten, see M(lvs.cluster.ipvs_timeouts).
  returned: success
  type: dict
  sample: {tcp: 900, tcp_fin: 120, udp: 300}
daemons:
  description: The running connection synchronisation daemons, see M(lvs.cluster.ipvs_sync).
  returned: success
  type: list
  elements: dict
  sample: [{role: master, interface: eth0, sync_id: 51, multicast_group: 224.0.0.81,
      multicast_port: 8848, multicast_ttl: 1, max_length: 1472}]
version:
  description: The version of IPVS in the kernel.
  returned: success
  type: str
  sample: 1.2.1
connection_table_size:
  description: The number of buckets of the kernel's connection table.
  returned: success
  type: int
  sample: 4096
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import spec
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.info import show


def main() -> None:
    show(AnsibleModule(argument_spec=spec.SERVICE_FILTER, supports_check_mode=True))


if __name__ == "__main__":
    main()
