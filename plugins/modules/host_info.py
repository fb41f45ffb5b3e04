#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Tell what matters for a cluster on a director or a real server
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.looks
  - lvs.cluster.attributes.linux
description:
  - Reads addresses, interfaces with their ARP settings, listening sockets, states of services and sysctls of a host,
    and changes nothing.
  - It takes the place of facts where only these are needed, and it reads them anew each time.
options:
  services:
    description:
      - Names of systemd units whose state is wanted. A name without suffix is a service.
    type: list
    elements: str
    default: []
  sysctls:
    description:
      - Names of sysctls whose value is wanted, in a spelling of C(sysctl.d), for example V(net.ipv4.ip_forward).
    type: list
    elements: str
    default: []
requirements:
  - Linux with iproute2 4.18 or later
"""

EXAMPLES = r"""
- name: Look at the host
  lvs.cluster.host_info:
    services: [keepalived]
    sysctls: [net.ipv4.vs.expire_nodest_conn]
  register: look

- name: See that the daemon runs
  ansible.builtin.assert:
    that: look.host.services.keepalived.active
"""

RETURN = r"""
host:
  description: The host as it is.
  returned: success
  type: dict
  contains:
    addresses:
      description: Every address of the host.
      type: list
      elements: dict
      contains:
        address:
          description: The address.
          type: str
        prefix:
          description: Prefix length.
          type: int
        interface:
          description: Interface that it stands on.
          type: str
        family:
          description: V(ipv4) or V(ipv6).
          type: str
    interfaces:
      description: Every interface of the host.
      type: list
      elements: dict
      contains:
        name:
          description: Its name.
          type: str
        mac:
          description: Its hardware address.
          type: str
        up:
          description: Whether it is switched on.
          type: bool
        arp_ignore:
          description: Its own value; in effect is the larger one of this and RV(host.arp_ignore_all).
          type: int
        arp_announce:
          description: Its own value; in effect is the larger one of this and RV(host.arp_announce_all).
          type: int
        rp_filter:
          description: Its own value; in effect is the larger one of this and RV(host.rp_filter_all).
          type: int
    arp_ignore_all:
      description: C(net.ipv4.conf.all.arp_ignore).
      type: int
    arp_announce_all:
      description: C(net.ipv4.conf.all.arp_announce).
      type: int
    rp_filter_all:
      description: C(net.ipv4.conf.all.rp_filter).
      type: int
    listeners:
      description:
        - Sockets that wait for connections or datagrams.
        - V(0.0.0.0) stands for every IPv4 address. V(::) stands for every IPv6 address and, unless the program asked
          otherwise, every IPv4 address.
      type: list
      elements: dict
      contains:
        address:
          description: Address that the socket is bound to.
          type: str
        port:
          description: Port.
          type: int
        protocol:
          description: V(tcp), V(udp) or V(sctp).
          type: str
    services:
      description:
        - For each name in O(services), whether it is V(active) and V(enabled) at boot. Both are false for a unit that
          does not exist.
      type: dict
      sample: {"keepalived": {"active": true, "enabled": true}}
    sysctls:
      description: For each name in O(sysctls) its value as text, or null where this kernel does not have it.
      type: dict
      sample: {"net.ipv4.vs.expire_nodest_conn": "1"}
    kernel:
      description: Release of the running kernel.
      type: str
      sample: 6.1.0-28-amd64
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._host.observe import HostError, host_state


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "str", "default": []},
            "sysctls": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        host = host_state(module, module.params["services"], module.params["sysctls"])
    except HostError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, host=host)


if __name__ == "__main__":
    main()
