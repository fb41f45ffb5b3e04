#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_table
short_description: Bring the kernel's IPVS table to a described state in one task
version_added: 0.1.0
description:
  - Creates, changes and removes services with their destinations, as many as there are, in one task.
  - The table is read once, a plan is made, written, and proven by reading again. What serves stays in service,
    because new and raised comes first, lowered and removed comes last, and what stays is changed in place.
  - What is not given stays as it is on a service or destination that exists; on creation the kernel's usual default is
    used.
  - Every mistake in the options is reported at once, before anything is changed. When the kernel refuses something
    half-way, what was done is undone, and the message says so.
  - When another program changes the same services meanwhile, the plan is made again from the new state, at most three
    times.
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
  - lvs.cluster.attributes.linux
  - lvs.cluster.attributes.actiongroup_ipvs
  - lvs.cluster.ipvs
  - lvs.cluster.ipvs.changes
options:
  services:
    description:
      - The services, each once. The options are those of M(lvs.cluster.ipvs_service), where more is said about them.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: The VIP of the service, IPv4 or IPv6, in any valid spelling. Either this or O(services[].fwmark).
        type: str
      port:
        description: The port of the service; V(0) stands for all ports and needs persistence.
        type: int
      protocol:
        description: The protocol of a service with an address.
        type: str
        choices: [tcp, udp, sctp]
        default: tcp
      fwmark:
        description: The firewall mark of the service.
        type: int
      family:
        description: The address family of a service with a firewall mark.
        type: str
        choices: [ipv4, ipv6]
        default: ipv4
      scheduler:
        description: How connections are spread over the destinations.
        type: str
        choices: [rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos]
      scheduler_flags:
        description: The flags of the schedulers V(sh) and V(mh).
        type: list
        elements: str
        choices: [sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3]
      persistence:
        description: For how many seconds a client stays with its destination; V(0) switches persistence off.
        type: int
      persistence_netmask:
        description: Clients that are equal under this mask or prefix length count as one.
        type: str
      persistence_engine:
        description: V(sip) keeps the calls of one SIP Call-ID together; V(none) removes it.
        type: str
        choices: [sip, none]
      one_packet:
        description: Whether each packet is scheduled for itself.
        type: bool
      destinations:
        description:
          - The real servers of the service, each once. The options are those of M(lvs.cluster.ipvs_dest).
          - When it is not given, the service's destinations stay as they are, whatever O(purge) says.
        type: list
        elements: dict
        suboptions:
          destination:
            description: The real server's address, IPv4 or IPv6, in any valid spelling.
            type: str
            required: true
          destination_port:
            description: The real server's port; the service's port when it is not given.
            type: int
          forwarding:
            description: How packets reach the real server.
            type: str
            choices: [direct, nat, tunnel]
          weight:
            description: The share of new connections; V(0) is none.
            type: int
          upper_threshold:
            description: At this many connections the real server gets no new ones; V(0) is no limit.
            type: int
          lower_threshold:
            description: Below this many connections it gets new ones again.
            type: int
          tunnel_type:
            description: How a tunnel wraps packets.
            type: str
            choices: [ipip, gue, gre]
          tunnel_port:
            description: The UDP port of a GUE tunnel on the real server.
            type: int
          tunnel_checksum:
            description: The checksum in the wrapping header.
            type: str
            choices: [none, standard, remote]
  purge:
    description:
      - V(none) removes nothing.
      - V(destinations) removes, from the services that are described, destinations that are not.
      - V(services) does that, and removes services inside O(scope) that are not described.
    type: str
    choices: [none, destinations, services]
    default: none
  scope:
    description:
      - What this task owns, networks (V(192.0.2.0/24)), addresses, firewall marks (V(5)) and ranges of marks
        (V(100-199), in both address families). Needed for O(purge=services).
      - A service that is described but lies outside is a mistake. What lies outside is never touched.
    type: list
    elements: str
  keep_weights:
    description:
      - Whether destinations that exist keep their weight, which a health checker or a drain may have given them.
      - A new destination always gets the described weight.
    type: bool
    default: false
  allow_empty:
    description:
      - Whether an empty list of O(services), or of a service's O(services[].destinations), is meant to remove all there
        is when O(purge) is on. Otherwise that is refused, with the names of what would have gone.
    type: bool
    default: false
seealso:
  - module: lvs.cluster.ipvs_service
  - module: lvs.cluster.ipvs_dest
  - module: lvs.cluster.ipvs_info
"""

EXAMPLES = r"""
- name: Have these services, and no others, at the addresses that this cluster owns
  lvs.cluster.ipvs_table:
    purge: services
    scope: [192.0.2.0/24, "2001:db8:2::/64", 1-99]
    services:
      - address: 192.0.2.100
        port: 80
        scheduler: wrr
        destinations:
          - {destination: 192.0.2.21, weight: 3}
          - {destination: 192.0.2.22}
      - fwmark: 1
        persistence: 300
        destinations:
          - {destination: 192.0.2.21, forwarding: tunnel, tunnel_type: gue, tunnel_port: 5555}

- name: Add a real server to a service, leaving the weights that drains gave the others
  lvs.cluster.ipvs_table:
    keep_weights: true
    services:
      - address: 192.0.2.100
        port: 80
        destinations:
          - {destination: 192.0.2.21, weight: 3}
          - {destination: 192.0.2.22}
          - {destination: 192.0.2.23}
  register: table

- name: Keep the table for the next boot, for a unit that runs ipvsadm -R
  ansible.builtin.copy:
    content: "{{ table.rules | join('\n') }}\n"
    dest: /etc/ipvsadm.rules
    mode: "0600"

- name: Remove every service at these addresses
  lvs.cluster.ipvs_table:
    purge: services
    scope: [192.0.2.0/24]
    services: []
    allow_empty: true
"""

RETURN = r"""
operations:
  description:
    - What was done, or in check mode would be done, as the equivalent C(ipvsadm) command lines, in their order.
  returned: success
  type: list
  elements: str
  sample:
    - ipvsadm -A -t 192.0.2.100:80 -s wrr
    - ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 3 -x 100 -y 50
rules:
  description:
    - The services that this task owns as they are now (in check mode, as they would be), as lines that C(ipvsadm -R)
      reads. Unlike C(ipvsadm -S) they hold the thresholds.
    - These are the described services, and with O(purge=services) all services inside O(scope).
  returned: success
  type: list
  elements: str
  sample: ["-A -t 192.0.2.100:80 -s wrr", "-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 3 -x 100 -y 50"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import spec
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.table import change_table


def main() -> None:
    change_table(AnsibleModule(argument_spec=spec.TABLE, supports_check_mode=True))


if __name__ == "__main__":
    main()
