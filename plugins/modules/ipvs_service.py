#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_service
short_description: Manage a service of the kernel's IPVS table
version_added: 0.1.0
description:
  - Creates, changes or removes one service of the IPVS table, the VIP and port (or the firewall mark) that clients use.
  - What is not given stays as it is on a service that exists; on creation the kernel's usual default is used.
  - A service is changed in place, so its destinations and connections stay. Other services are never touched.
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
  scheduler:
    description:
      - How connections are spread over the destinations. V(wlc) on creation.
      - Its kernel module, C(ip_vs_) and the name, must be there for the running kernel.
      - V(fo) since Linux 3.18, V(ovf) since 4.3, V(mh) since 4.18, V(twos) since 5.12; any C(ipvsadm).
    type: str
    choices: [rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos]
  scheduler_flags:
    description:
      - The scheduler's flags; an empty list removes all.
      - V(sh-fallback), V(sh-port), V(mh-fallback) and V(mh-port) are the names that O(scheduler=sh) and O(scheduler=mh)
        give to V(flag-1) and V(flag-2).
      - When O(scheduler) changes and this option is not given, the service has no flags afterwards, because they meant
        something to the old scheduler only.
      - Since Linux 3.11 and C(ipvsadm) 1.27, those of O(scheduler=mh) since Linux 4.18 and C(ipvsadm) 1.30.
    type: list
    elements: str
    choices: [sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3]
  persistence:
    description: For how many seconds a client stays with its destination; V(0) switches persistence off.
    type: int
  persistence_netmask:
    description:
      - Clients that are equal under this mask count as one; an IPv4 mask or a prefix length, for IPv6 a prefix length.
      - Every client for itself on creation. Needs O(persistence).
    type: str
  persistence_engine:
    description:
      - V(sip) keeps the calls of one SIP Call-ID together; V(none) removes it. Needs O(persistence).
      - Since Linux 2.6.37 and C(ipvsadm) 1.26.
    type: str
    choices: [sip, none]
  one_packet:
    description:
      - Whether each packet is scheduled for itself. For UDP and firewall marks only.
      - Since Linux 2.6.36 and C(ipvsadm) 1.26.
    type: bool
  state:
    description: Whether the service is there. V(absent) removes its destinations with it.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: lvs.cluster.ipvs_dest
  - module: lvs.cluster.ipvs_table
  - module: lvs.cluster.ipvs_info
"""

EXAMPLES = r"""
- name: Serve HTTP on a VIP, each client staying with its real server for five minutes
  lvs.cluster.ipvs_service:
    address: 192.0.2.100
    port: 80
    scheduler: wrr
    persistence: 300

- name: Serve everything that the firewall marks with 1, over IPv6
  lvs.cluster.ipvs_service:
    fwmark: 1
    family: ipv6
    scheduler: mh
    scheduler_flags: [mh-port]

- name: Remove a service with its destinations
  lvs.cluster.ipvs_service:
    address: "2001:db8:2::100"
    port: 80
    state: absent
"""

RETURN = r"""
service:
  description: The service as it is now (in check mode, as it would be), in the names of the options; null when absent.
  returned: success
  type: dict
  sample: {address: 192.0.2.100, port: 80, protocol: tcp, fwmark: null, family: ipv4, scheduler: wrr,
    scheduler_flags: [], persistence: 300, persistence_netmask: 255.255.255.255, persistence_engine: null,
    one_packet: false}
operations:
  description: What was done, or in check mode would be done, as the equivalent C(ipvsadm) command lines.
  returned: success
  type: list
  elements: str
  sample: ["ipvsadm -A -t 192.0.2.100:80 -s wrr -p 300"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import spec
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.entries import change_service


def main() -> None:
    change_service(
        AnsibleModule(argument_spec={**spec.SERVICE_KEY, **spec.SERVICE, **spec.STATE}, supports_check_mode=True)
    )


if __name__ == "__main__":
    main()
