#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: fwmark
short_description: Mark packets for services with a firewall mark
version_added: 0.1.0
description:
  - Gives packets to ports of a VIP a firewall mark, so that one service of the kernel's IPVS table, made with
    M(lvs.cluster.ipvs_service) and its O(lvs.cluster.ipvs_service#module:fwmark), serves several ports, ranges of
    ports, protocols or VIPs, with one persistence.
  - Everything stands in one table of nftables, C(lvs_cluster_fwmark) of the family C(inet), or for iptables in one
    chain per address family, C(LVS_CLUSTER_FWMARK) of the table C(mangle), to which C(PREROUTING) jumps once. That
    table or chain is the module's alone. What others write into it is removed, and what it lost comes back. Other
    tables, chains and rules are never touched.
  - In nftables a packet costs two lookups (ports, and ranges of ports), however many marks there are. In iptables it
    passes one rule for each mark, address and protocol with up to 15 ports (a range counts as two).
  - All changes are checked by C(nft -c) or C(iptables-restore --test) first, and then written in one transaction (with
    iptables one for each address family). What stays keeps its mark all the time.
  - With the last mark the table, or the chain and the jump, are removed.
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
  - lvs.cluster.attributes.linux
options:
  mark:
    description:
      - The firewall mark, V(1) to V(4294967295). Either this or O(marks).
      - Several addresses and several protocols of one mark are several calls, or several entries of O(marks), with the
        same mark.
    type: int
  address:
    description:
      - The VIP that the packets go to, IPv4 or IPv6, in any valid spelling. It says which address family is meant.
      - Needed for O(state=present).
    type: str
  protocol:
    description:
      - The protocol of the packets; V(tcp) for O(state=present) when it is not given.
    type: str
    choices: [tcp, udp, sctp]
  ports:
    description:
      - The ports that the packets go to, numbers and ranges such as V("10000:20000"). Put ranges in quotes, because
        YAML takes some of them for a number (V(20:21) is 1221); V(20-21) is understood as well.
      - All ports of the protocol when it is not given.
      - The mark gets exactly these ports of the address and protocol. Ports that it had there before go.
    type: list
    elements: str
  marks:
    description:
      - Any number of marks in one transaction. The options are those above. Two entries with the same mark, address
        and protocol are a mistake.
    type: list
    elements: dict
    suboptions:
      mark:
        description: The firewall mark.
        type: int
        required: true
      address:
        description: The VIP that the packets go to. Needed for O(state=present).
        type: str
      protocol:
        description: The protocol of the packets; V(tcp) for O(state=present) when it is not given.
        type: str
        choices: [tcp, udp, sctp]
      ports:
        description: The ports that the packets go to, numbers and ranges; all ports of the protocol when not given.
        type: list
        elements: str
  purge:
    description:
      - Whether all marks that O(marks) does not describe are removed. An empty list removes all marks.
      - Only marks that this module set are concerned.
    type: bool
    default: false
  backend:
    description:
      - V(nftables) needs C(nft) 0.9.4 with JSON support and Linux 5.6.
      - V(iptables) takes the host's C(iptables), and C(iptables-legacy) where the kernel does not take what the former
        writes; C(ip6tables) only when an address is IPv6.
      - V(auto) takes nftables when C(nft) is there and the kernel takes the rules, and else iptables.
      - The other back end is left without marks of this module. The marks that it had, come over.
    type: str
    choices: [auto, nftables, iptables]
    default: auto
  state:
    description:
      - V(present) sees to it that the packets get the mark.
      - V(absent) takes the mark away from the packets that the options name. What is not given matches all, so a mark
        alone stands for all its addresses, protocols and ports.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - nftables or iptables on the managed host, see O(backend).
  - root on the managed host (the capability C(CAP_NET_ADMIN)).
notes:
  - A packet has one mark. The same port of the same address and protocol in two marks is a mistake, whether both are
    described or one of them is on the host already.
  - Only packets that arrive are marked (C(PREROUTING)), not those that the director sends itself. A program on the
    director cannot reach a service with a firewall mark.
  - The mark is set as a whole. When another program keeps bits of its own in the mark of such packets, they are lost;
    marks of other packets stay. A rule that comes later (such as one that restores C(connmark)) may overwrite the mark.
    In C(PREROUTING) the jump is appended behind the rules that are there, in nftables the priority is C(mangle).
  - In nftables a range of ports that gets another mark, and every range when a damaged table is made anew, may be
    without a mark for the blink of an eye, which is the kernel's way with ranges. Single ports never are.
  - The marks are gone after a reboot. RV(rules) is what a unit of the boot has to load.
  - Fragments of packets carry ports in the first one only. IPVS puts them together itself where it has a service.
  - It works in the network namespace that it runs in. Two tasks at once on one host do not get into each other's way.
    One waits for the other, a minute at most.
seealso:
  - module: lvs.cluster.ipvs_service
  - module: lvs.cluster.ipvs_table
"""

EXAMPLES = r"""
- name: Mark HTTP and HTTPS of a VIP
  lvs.cluster.fwmark:
    mark: 5
    address: 192.0.2.100
    ports: [80, 443]

- name: Balance both as one service, so that a client stays with its real server on both
  lvs.cluster.ipvs_service:
    fwmark: 5
    persistence: 300

- name: Mark these packets and no others, in one transaction
  lvs.cluster.fwmark:
    purge: true
    marks:
      - {mark: 5, address: 192.0.2.100, ports: [80, 443]}
      - {mark: 5, address: 192.0.2.101, ports: [80, 443]}
      - {mark: 5, address: "2001:db8:2::100", ports: [80, 443]}
      - {mark: 6, address: 192.0.2.100, ports: [21, "10000:20000"]}
      - {mark: 7, address: 192.0.2.102, protocol: udp}
  register: marked

- name: Keep the marks for the next boot, for a unit that runs nft -f
  ansible.builtin.copy:
    content: "{{ marked.rules.nftables }}"
    dest: /etc/lvs-cluster-fwmark.nft
    mode: "0600"
  when: marked.backend == "nftables"

- name: Take HTTPS out of the mark
  lvs.cluster.fwmark:
    mark: 5
    address: 192.0.2.100
    ports: [443]
    state: absent

- name: Remove a mark, all its addresses, protocols and ports
  lvs.cluster.fwmark:
    mark: 5
    state: absent
"""

RETURN = r"""
operations:
  description:
    - What was done, or in check mode would be done, in this order, as command lines for a shell that do the same one by
      one.
  returned: success
  type: list
  elements: str
  sample:
    - "nft add element inet lvs_cluster_fwmark ipv4 '{ 192.0.2.100 . tcp . 80 : 5, 192.0.2.100 . tcp . 443 : 5 }'"
backend:
  description: The back end that holds the marks; null when there are none.
  returned: success
  type: str
  sample: nftables
marks:
  description: All marks of this module as they are now (in check mode, as they would be), in the form of O(marks).
  returned: success
  type: list
  elements: dict
  sample: [{mark: 5, address: 192.0.2.100, protocol: tcp, ports: ["80", "443"]}]
rules:
  description:
    - All marks as files that bring them back after a reboot. A text is empty when there is nothing to load.
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

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.change import change_marks
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import PROTOCOLS

RULE = {
    "mark": {"type": "int"},
    "address": {"type": "str"},
    "protocol": {"type": "str", "choices": list(PROTOCOLS)},
    "ports": {"type": "list", "elements": "str"},
}


def main() -> None:
    change_marks(
        AnsibleModule(
            argument_spec={
                **RULE,
                "marks": {
                    "type": "list",
                    "elements": "dict",
                    "options": {**RULE, "mark": {"type": "int", "required": True}},
                },
                "purge": {"type": "bool", "default": False},
                "backend": {"type": "str", "choices": ["auto", "nftables", "iptables"], "default": "auto"},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
            mutually_exclusive=[("marks", option) for option in RULE],
            required_one_of=[("mark", "marks")],
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
