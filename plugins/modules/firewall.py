#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall
short_description: Filter packets on a director
version_added: 0.1.0
description:
  - A director's firewall. It takes what the cluster needs (packets to services, VRRP, connection synchronisation, SSH,
    the ICMP that the network needs), and what else is described. All other packets to the director are dropped.
  - Of what the director would forward, only packets that come from an external interface are judged. Answers pass, and
    connections whose destination was translated (one-to-one mappings, ports that containers publish). The rest is
    dropped. All other forwarding is none of the module's business.
  - The task describes the whole firewall. What is not described is removed.
  - Everything stands in one table of nftables, C(lvs_cluster_firewall) of the family C(inet), or for iptables in chains
    whose names begin with C(LVS_CLUSTER_FIREWALL_), in the tables C(filter) and C(raw), to each of which one rule jumps
    at most. They are the module's alone. What others write into them is removed, and what they lost comes back. Other
    tables, chains and rules are never touched.
  - Where there are other people's rules beside, a packet passes when everybody lets it pass.
  - The rules are tried in an empty network namespace and checked by C(nft -c) or C(iptables-restore --test), and then
    written in one transaction (with iptables one for each table and address family).
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
  - lvs.cluster.attributes.linux
  - lvs.cluster.rules
options:
  external_interfaces:
    description:
      - Interfaces towards networks that are not trusted. A name that ends with C(+) stands for all that begin so.
      - Only what comes from them is judged when it is to be forwarded, and examined for O(spoofed_sources).
    type: list
    elements: str
    default: []
  trusted_interfaces:
    description: Interfaces from which everything is taken, such as the internal one, or V(tun+).
    type: list
    elements: str
    default: []
  services:
    description: What is balanced, by whatever forwarding.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: The VIP.
        type: str
        required: true
      protocol:
        description: The protocol.
        type: str
        choices: [tcp, udp, sctp]
        default: tcp
      ports:
        description: Numbers and ranges; all ports when it is not given.
        type: list
        elements: str
  vrrp_peers:
    description: Addresses of the other directors, from which VRRP (IP protocol 112) is taken, and from nobody else.
    type: list
    elements: str
    default: []
  sync:
    description: Where connections are synchronised.
    type: dict
    suboptions:
      interface:
        description: The interface that the packets come from, and no other.
        type: str
        required: true
      peers:
        description: Addresses of the other directors; without any, packets of all senders on that interface are taken.
        type: list
        elements: str
      port:
        description: The UDP port.
        type: int
        default: 8848
  ssh_port:
    description: The port of SSH.
    type: int
    default: 22
  ssh_sources:
    description: Networks from which SSH is taken. An empty list is from nowhere but the trusted interfaces.
    type: list
    elements: str
    default: [0.0.0.0/0, "::/0"]
  accept:
    description: What else the director takes.
    type: list
    elements: dict
    default: []
    suboptions:
      protocol:
        description: The protocol.
        type: str
        choices: [tcp, udp, sctp, esp, ah, gre, all]
        default: tcp
      ports:
        description: Numbers and ranges, for V(tcp), V(udp) and V(sctp); all ports when it is not given.
        type: list
        elements: str
      sources:
        description: Networks that it comes from; everywhere when it is not given.
        type: list
        elements: str
  forward_sources:
    description:
      - Networks behind an external interface whose packets are forwarded. Where real servers and clients are on the
        same network (one-arm NAT), that is the real servers' network.
    type: list
    elements: str
    default: []
  spoofed_sources:
    description:
      - Networks that nothing from an external interface can honestly come from, such as private ones. Such packets are
        dropped before all else.
    type: list
    elements: str
    default: []
  syn_rate:
    description:
      - New TCP connections that one source may begin in a second, to whatever port. More are dropped. In IPv6 all
        addresses of a C(/64) are one source. V(0) is no limit.
    type: int
    default: 0
  syn_burst:
    description: How many it may begin at once; twice O(syn_rate) when it is not given.
    type: int
  log_rate:
    description:
      - Dropped packets that are logged in a minute, each with the prefix C(lvs-cluster dropped:). V(0) is none.
      - Packets with a spoofed source, too many pings and too many connections are not logged.
    type: int
    default: 0
  undo_after:
    description:
      - The dead man's switch. So many seconds after the change a timer of systemd puts back what was there before,
        unless somebody stops it. RV(undo) is its name. Make a new connection to the host, then stop it.
      - A change while the timer of an earlier one runs begins its time anew, and what was there before both is put
        back.
      - V(0) is no switch.
    type: int
    default: 0
requirements:
  - systemd on the managed host for O(undo_after).
notes:
  - Always taken are what comes from the host itself, answers, ICMP that tells of unreachable destinations and of the
    path MTU, IPv6 neighbour and router discovery, questions about multicast groups, answers of DHCPv6, and up to 50
    pings a second.
  - What the director itself sends is not filtered.
  - The rules are gone after a reboot. RV(rules) is what a unit of the boot has to load. Keep it only after the timer of
    RV(undo) was stopped.
seealso:
  - module: lvs.cluster.nat
  - module: lvs.cluster.fwmark
"""

EXAMPLES = r"""
- name: Let in what the cluster needs, and nothing else
  lvs.cluster.firewall:
    external_interfaces: [eth0]
    trusted_interfaces: [eth1]
    services:
      - {address: 198.51.100.100, ports: [80, 443]}
      - {address: "2001:db8:1::100", ports: [80, 443]}
    vrrp_peers: [198.51.100.12]
    sync: {interface: eth1, peers: [10.11.12.12]}
    ssh_sources: [198.51.100.0/24]
    accept:
      - {protocol: udp, ports: [161], sources: [198.51.100.0/24]}
    spoofed_sources: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]
    syn_rate: 200
    log_rate: 3
    undo_after: 30
  register: filtered

- name: Take a new connection
  ansible.builtin.meta: reset_connection

- name: See whether the host still lets us in
  ansible.builtin.wait_for_connection:
    timeout: 20

- name: Keep the change
  ansible.builtin.command: systemctl stop {{ filtered.undo }}
  when: filtered.undo is not none
  changed_when: false

- name: Filter nothing any more
  lvs.cluster.firewall:
    state: absent
"""

RETURN = r"""
operations:
  description: What was done, or in check mode would be done, in this order, as command lines for a shell.
  returned: success
  type: list
  elements: str
  sample:
    - nft add table inet lvs_cluster_firewall
    - "nft add chain inet lvs_cluster_firewall input '{ type filter hook input priority filter; policy accept; }'"
    - nft add rule inet lvs_cluster_firewall input 'iifname "lo" accept'
backend:
  description: The back end that holds the rules; null when there are none.
  returned: success
  type: str
  sample: nftables
undo:
  description: The timer that will put back what was there before; null when there is none.
  returned: success
  type: str
  sample: lvs-cluster-undo-firewall.timer
rules:
  description:
    - All rules as files that bring them back after a reboot. A text is empty when there is nothing to load.
  returned: success
  type: dict
  contains:
    nftables:
      description: For C(nft -f). It replaces what is there of the module, so it may be loaded at any time.
      type: str
    iptables:
      description:
        - For C(iptables-restore --noflush), IPv4. To be loaded once, at boot. Loaded again it adds a second jump, which
          does no harm and which the module's next run removes.
      type: str
    ip6tables:
      description: The same for C(ip6tables-restore --noflush), IPv6.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._rules.firewall import EVERYWHERE, change_firewall
from ansible_collections.lvs.cluster.plugins.module_utils._rules.reading import WITH_PORTS


def _texts(default: list[str] | None) -> dict[str, object]:
    return {"type": "list", "elements": "str", **({} if default is None else {"default": default})}


def main() -> None:
    service = {
        "address": {"type": "str", "required": True},
        "protocol": {"type": "str", "choices": list(WITH_PORTS), "default": "tcp"},
        "ports": _texts(None),
    }
    accepted = {
        "protocol": {"type": "str", "choices": [*WITH_PORTS, "esp", "ah", "gre", "all"], "default": "tcp"},
        "ports": _texts(None),
        "sources": _texts(None),
    }
    sync = {
        "interface": {"type": "str", "required": True},
        "peers": _texts(None),
        "port": {"type": "int", "default": 8848},
    }
    change_firewall(
        AnsibleModule(
            argument_spec={
                "external_interfaces": _texts([]),
                "trusted_interfaces": _texts([]),
                "services": {"type": "list", "elements": "dict", "default": [], "options": service},
                "vrrp_peers": _texts([]),
                "sync": {"type": "dict", "options": sync},
                "ssh_port": {"type": "int", "default": 22},
                "ssh_sources": _texts(list(EVERYWHERE)),
                "accept": {"type": "list", "elements": "dict", "default": [], "options": accepted},
                "forward_sources": _texts([]),
                "spoofed_sources": _texts([]),
                "syn_rate": {"type": "int", "default": 0},
                "syn_burst": {"type": "int"},
                "log_rate": {"type": "int", "default": 0},
                "undo_after": {"type": "int", "default": 0},
                "backend": {"type": "str", "choices": ["auto", "nftables", "iptables"], "default": "auto"},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
