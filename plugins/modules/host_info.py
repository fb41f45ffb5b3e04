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
  - Reads addresses, interfaces with their settings, default routes, tunnels, listening sockets, states of services,
    sysctls, kernel modules and rules that drop packets of a cluster, and changes nothing.
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
  kernel_modules:
    description:
      - Names of kernel modules of which is wanted whether the kernel has them now.
    type: list
    elements: str
    default: []
  neighbours:
    description:
      - Addresses on the host's own networks of which is wanted whom the host takes for their owner.
    type: list
    elements: str
    default: []
  hidden:
    description:
      - VIPs of which is wanted whether rules of M(lvs.cluster.arp_hide) keep this host from answering ARP for them, or
        redirect what comes for them. Sysctls are in RV(host.interfaces).
    type: list
    elements: str
    default: []
  drops:
    description:
      - For what rules of nftables and iptables are searched that drop or reject it. V(vrrp), V(ipip), V(ipv6) or V(gre)
        is a protocol, V(udp/8848) a destination port, and an address is a destination.
      - Found is a rule that names it. A policy, or a rule that drops all the rest, names nothing.
      - Rules of this collection are left out.
    type: list
    elements: str
    default: []
  files:
    description:
      - Text files of which lines are wanted, of the first MiB.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file.
        type: str
        required: true
      words:
        description: Only lines with one of these words. All lines when it is empty.
        type: list
        elements: str
        default: []
requirements:
  - Linux with iproute2 4.18 or later
notes:
  - Rules of packet filters can be read by root only. Without O(drops), O(hidden) and O(files) no root is needed.
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

- name: Look for what keeps two directors from hearing each other, or from translating addresses
  lvs.cluster.host_info:
    drops: [vrrp, udp/8848, 192.0.2.100]
    kernel_modules: [ip_vs_ftp, nf_nat_ftp]
    files:
      - {path: /etc/keepalived/keepalived.conf, words: [vrrp_strict]}

- name: Look where a real server sends its answers
  lvs.cluster.host_info:
    neighbours: [192.0.2.10]
  register: look

- name: See that the director is its gateway
  ansible.builtin.assert:
    that: look.host.routes[0].gateway == "192.0.2.10"
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
        type:
          description: V(loopback), V(dummy), V(bridge), V(ipip), … and empty for hardware.
          type: str
        mac:
          description: Its hardware address.
          type: str
        up:
          description: Whether it is switched on.
          type: bool
        arp:
          description:
            - Whether neighbours are asked for there, by ARP or neighbour discovery. They are not on V(loopback) and on
              most tunnels.
          type: bool
        lower:
          description:
            - The interface below, where both hear the same questions for addresses (C(macvlan), C(macvtap), C(ipvlan)).
              Empty for others.
          type: str
        mtu:
          description: The largest packet that it takes, in bytes.
          type: int
        received_packets:
          description: How many packets it has received.
          type: int
        arp_ignore:
          description: Its own value of C(net.ipv4.conf.INTERFACE.arp_ignore), null without IPv4.
          type: int
        arp_announce:
          description: Its own value.
          type: int
        rp_filter:
          description: Its own value.
          type: int
        send_redirects:
          description: Its own value.
          type: int
        forwarding:
          description: Its own value.
          type: int
        effective:
          description:
            - What is in effect. The larger one of the interface's own value and that of C(all) for C(arp_ignore),
              C(arp_announce), C(rp_filter) and C(send_redirects). The interface's own value for C(forwarding).
          type: dict
          sample: {"arp_ignore": 1, "arp_announce": 2, "rp_filter": 0, "send_redirects": 1, "forwarding": 0}
    arp_ignore_all:
      description: C(net.ipv4.conf.all.arp_ignore).
      type: int
    arp_announce_all:
      description: C(net.ipv4.conf.all.arp_announce).
      type: int
    rp_filter_all:
      description: C(net.ipv4.conf.all.rp_filter).
      type: int
    routes:
      description: The default routes, the one that is used first; of several next hops each is a route.
      type: list
      elements: dict
      sample: [{"family": "ipv4", "gateway": "192.0.2.10", "interface": "eth0", "metric": 0}]
    tunnels:
      description:
        - The interfaces of tunnels (V(ipip), V(gre), V(sit), V(ip6tnl), V(ip6gre)). An end that may be any address is
          empty.
      type: list
      elements: dict
      sample: [{"interface": "tunl0", "type": "ipip", "local": "", "remote": "", "up": true}]
    neighbours:
      description:
        - Those of O(neighbours) for which the host has a hardware address. It may be stale.
      type: list
      elements: dict
      sample: [{"address": "192.0.2.10", "mac": "02:00:00:00:02:11", "interface": "eth0"}]
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
    kernel_modules:
      description: For each name in O(kernel_modules), whether it is loaded or a part of the kernel.
      type: dict
      sample: {"ip_vs_ftp": true}
    hidden:
      description: Those of O(hidden) for which there are such rules, with the method.
      type: list
      elements: dict
      sample: [{"address": "192.0.2.100", "method": "nftables"}]
    drops:
      description:
        - Rules that drop or reject what a word in O(drops) stands for, in the form that C(iptables-save) or
          C(nft list ruleset) shows.
      type: list
      elements: dict
      sample: [{"word": "vrrp", "rule": "iptables -A INPUT -p vrrp -j DROP"}]
    files:
      description: For each path in O(files) the lines that were asked for, or null where the file cannot be read.
      type: dict
      sample: {"/etc/keepalived/keepalived.conf": ["    vrrp_strict"]}
    kernel:
      description: Release of the running kernel.
      type: str
      sample: 6.1.0-28-amd64
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.seen import hidden_vips
from ansible_collections.lvs.cluster.plugins.module_utils._host.observe import HostError, host_state

LISTS = ("services", "sysctls", "kernel_modules", "neighbours", "hidden", "drops")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **{name: {"type": "list", "elements": "str", "default": []} for name in LISTS},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "str", "required": True},
                    "words": {"type": "list", "elements": "str", "default": []},
                },
            },
        },
        supports_check_mode=True,
    )
    try:
        host = host_state(module, module.params)
        host["hidden"] = hidden_vips(module, module.params["hidden"])
    except (HostError, HideError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, host=host)


if __name__ == "__main__":
    main()
