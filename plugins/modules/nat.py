#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nat
short_description: Translate addresses on a director
version_added: 0.1.0
description:
  - What a director translates beside the connections that IPVS balances. Real servers with private addresses get out
    (O(masquerade)), one of them is reached under an address of its own and sends under it (O(mappings)), clients in the
    real servers' own network use a service that is forwarded by NAT (O(source_nat)), and FTP works through NAT
    (O(helpers)).
  - The task describes all of it. What is not described is removed.
  - Everything stands in one table of nftables, C(lvs_cluster_nat) of the family C(inet), or for iptables in chains
    whose names begin with C(LVS_CLUSTER_NAT_), in the tables C(nat) and C(raw), to each of which one rule jumps. They
    are the module's alone. What others write into them is removed, and what they lost comes back. Other tables, chains
    and rules are never touched.
  - Balanced connections are not disturbed. IPVS keeps them from conntrack, unless C(net.ipv4.vs.conntrack) is 1, and
    translates them before these rules are asked.
  - The rules are tried in an empty network namespace and checked by C(nft -c) or C(iptables-restore --test), and then
    written in one transaction (with iptables one for each table and address family).
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
  - lvs.cluster.attributes.linux
  - lvs.cluster.rules
options:
  masquerade:
    description: Networks that get out under the director's own address.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: The network, IPv4 or IPv6. What goes to an address in it is not translated.
        type: str
        required: true
      not_out:
        description:
          - An interface, out of which nothing is translated. That is the internal interface of a director between two
            networks. Leave it out where the internal and the external network are on the same interface.
        type: str
  mappings:
    description: Pairs of an external and an internal address, translated one to one.
    type: list
    elements: dict
    default: []
    suboptions:
      external:
        description: The address that the outside sees. A director has to hold it, as it holds a VIP.
        type: str
        required: true
      internal:
        description: The address of the machine inside.
        type: str
        required: true
      protocol:
        description: The protocol of the connections; everything when it is not given.
        type: str
        choices: [tcp, udp, sctp]
      ports:
        description:
          - Numbers and ranges. Connections to these ports of O(mappings[].external) go to the same ports of
            O(mappings[].internal), and connections of the latter to these ports of anybody come from the former.
          - All ports when it is not given. Then all that the machine inside begins comes from the external address.
        type: list
        elements: str
      interface:
        description: The external interface. Without it, traffic of all interfaces is translated.
        type: str
  source_nat:
    description:
      - Clients that are in the real servers' own network, of services forwarded by NAT. Their packets get the
        director's address as source, for a real server would answer them directly otherwise, which they do not expect.
      - It needs C(net.ipv4.vs.conntrack) = 1. Real servers see the director's address instead of the client's.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: The real servers' network.
        type: str
        required: true
      vips:
        description: What is balanced.
        type: list
        elements: dict
        required: true
        suboptions:
          address:
            description: The VIP.
            type: str
            required: true
          protocol:
            description: The protocol of the service; everything when it is not given.
            type: str
            choices: [tcp, udp, sctp]
          ports:
            description: The ports of the service, numbers and ranges; all when it is not given.
            type: list
            elements: str
  helpers:
    description:
      - Connections that a helper of conntrack follows, for services forwarded by NAT. It needs C(ip_vs_ftp),
        C(nf_conntrack_ftp) and C(nf_nat_ftp), and C(net.ipv4.vs.conntrack) = 1.
    type: list
    elements: dict
    default: []
    suboptions:
      helper:
        description: The helper.
        type: str
        choices: [ftp]
        default: ftp
      address:
        description: The VIP.
        type: str
        required: true
      protocol:
        description: The protocol of the connections.
        type: str
        choices: [tcp]
        default: tcp
      port:
        description: The port of the connections.
        type: int
        default: 21
notes:
  - The kernel forwards only when C(net.ipv4.ip_forward), or C(net.ipv6.conf.all.forwarding), is 1. The module does not
    set it.
  - Of several translations of one connection the first counts. These rules come before other people's rules.
  - Connections that are there keep the translation that they have, until they end.
  - The rules are gone after a reboot. RV(rules) is what a unit of the boot has to load.
seealso:
  - module: lvs.cluster.firewall
  - module: lvs.cluster.fwmark
"""

EXAMPLES = r"""
- name: Let the real servers get out, and give the mail server an address of its own
  lvs.cluster.nat:
    masquerade:
      - {source: 10.11.12.0/24, not_out: eth1}
    mappings:
      - {external: 198.51.100.113, internal: 10.11.12.21, protocol: tcp, ports: [25], interface: eth0}
      - {external: 198.51.100.114, internal: 10.11.12.22, interface: eth0}
  register: translated

- name: Keep the rules for the next boot, for a unit that runs nft -f
  ansible.builtin.copy:
    content: "{{ translated.rules.nftables }}"
    dest: /etc/lvs-cluster-nat.nft
    mode: "0600"
  when: translated.backend == "nftables"

- name: Serve clients in the real servers' own network, and FTP through NAT
  lvs.cluster.nat:
    source_nat:
      - source: 10.11.12.0/24
        vips:
          - {address: 10.11.12.100, protocol: tcp, ports: [80, 443]}
    helpers:
      - address: 10.11.12.100

- name: Translate nothing any more
  lvs.cluster.nat:
    state: absent
"""

RETURN = r"""
operations:
  description: What was done, or in check mode would be done, in this order, as command lines for a shell.
  returned: success
  type: list
  elements: str
  sample:
    - nft add table inet lvs_cluster_nat
    - "nft add chain inet lvs_cluster_nat postrouting
      '{ type nat hook postrouting priority srcnat - 10; policy accept; }'"
    - nft add rule inet lvs_cluster_nat postrouting 'ip saddr 10.11.12.0/24 ip daddr != 10.11.12.0/24 masquerade'
backend:
  description: The back end that holds the rules; null when there are none.
  returned: success
  type: str
  sample: nftables
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

from ansible_collections.lvs.cluster.plugins.module_utils._rules.nat import change_nat
from ansible_collections.lvs.cluster.plugins.module_utils._rules.reading import WITH_PORTS

TRAFFIC = {
    "protocol": {"type": "str", "choices": list(WITH_PORTS)},
    "ports": {"type": "list", "elements": "str"},
}


def _entries(**options: object) -> dict[str, object]:
    return {"type": "list", "elements": "dict", "default": [], "options": options}


def main() -> None:
    address = {"type": "str", "required": True}
    vips = {"type": "list", "elements": "dict", "required": True, "options": {"address": address, **TRAFFIC}}
    change_nat(
        AnsibleModule(
            argument_spec={
                "masquerade": _entries(source=address, not_out={"type": "str"}),
                "mappings": _entries(external=address, internal=address, interface={"type": "str"}, **TRAFFIC),
                "source_nat": _entries(source=address, vips=vips),
                "helpers": _entries(
                    helper={"type": "str", "choices": ["ftp"], "default": "ftp"},
                    address=address,
                    protocol={"type": "str", "choices": ["tcp"], "default": "tcp"},
                    port={"type": "int", "default": 21},
                ),
                "backend": {"type": "str", "choices": ["auto", "nftables", "iptables"], "default": "auto"},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
