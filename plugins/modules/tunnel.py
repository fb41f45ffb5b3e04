#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnel
short_description: Receive on a real server what directors send through tunnels
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
  - lvs.cluster.attributes.linux
description:
  - With forwarding by tunnel a director puts each packet into another one, addressed to the real server, which may
    stand behind routers. This module makes the devices that take it out again. The VIP itself is put on the real server
    with M(lvs.cluster.arp_hide), as for direct routing.
  - B(Devices.) IPIP comes in by C(lvs-ipip0) (IPv4 packets over IPv4), C(lvs-ip6tnl0) (over IPv6) and the kernel's own
    C(sit0) (IPv6 packets over IPv4, for which the kernel allows no other device); GRE by C(lvs-gre0) and
    C(lvs-ip6gre0), with a checksum by one device for each address of the host, C(lvs-gresum0) and so on. For GUE a port
    of the kernel's C(fou) takes the UDP header off, and the devices of IPIP the rest. They take only what no other
    tunnel of the host takes.
  - B(Reverse path filter.) The devices get C(rp_filter) 2 and the dummy address 192.0.0.8 of RFC 7600, without
    which the kernel drops everything. The kernel uses the larger value of C(all) and the device, so it works whatever
    C(all) is, and C(all) is never touched.
  - B(Size of segments.) A client's packets of 1500 bytes do not fit into a tunnel over links of 1500 bytes. So
    answers from the VIPs offer smaller segments (C(TCPMSS), C(tcp option maxseg)). These rules are in the table
    C(lvs_cluster_tunnel) of nftables, or in the chain C(OUTPUT) of iptables' C(mangle), with the comment
    C(lvs-cluster-tunnel).
  - One unit of systemd, C(lvs-cluster-tunnel.service), makes all of this again at boot, before the network, and
    remembers what belongs to this module. It sets the limits of segments again after a unit was
    started, stopped or reloaded that may empty their table (C(nftables), for limits by iptables also C(iptables),
    C(ip6tables) and C(netfilter-persistent)). Of a start or stop it hears by a file C(lvs-cluster-tunnel.conf) beside
    these units. Without tunnels nothing is left.
options:
  tunnels:
    description:
      - The tunnels that end on this host. Which of the directors sends is not asked, so a firewall has to.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description: As O(lvs.cluster.ipvs_dest#module:tunnel_type) on the directors.
        type: str
        choices: [ipip, gue, gre]
        required: true
      family:
        description: Address family of the real server's address, and so of the outer packet.
        type: str
        choices: [ipv4, ipv6]
        default: ipv4
      port:
        description: The UDP port of V(gue).
        type: int
        default: 0
      checksum:
        description: As O(lvs.cluster.ipvs_dest#module:tunnel_checksum) on the directors. V(remote) is for V(gue) only.
        type: str
        choices: [none, standard, remote]
        default: none
  vips:
    description:
      - VIPs whose packets come through the tunnels. Their answers offer smaller segments.
      - An IPv6 one with a tunnel over IPv4 needs C(sit0).
    type: list
    elements: str
    default: []
  mss:
    description:
      - The greatest segment that answers from the VIPs offer, in bytes.
      - V(auto) is the MTU of the interface of the default route (for want of one, the smallest of those with an
        address) less all headers. Give a number when the way from the directors has a smaller MTU.
      - V(0) leaves the answers alone.
    type: str
    default: auto
  exclusive:
    description:
      - Whether tunnels and VIPs of earlier calls that are not listed go. V(false) adds to them.
    type: bool
    default: true
  persistent:
    description:
      - Whether the tunnels come back after a reboot.
    type: bool
    default: true
  state:
    description:
      - V(absent) takes everything of this module away, as an empty O(tunnels) does.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - Linux with iproute2 4.18 or later, and its modules ipip, sit, ip6_tunnel, ip_gre, ip6_gre or fou, as needed
  - nftables or iptables unless O(mss=0) or O(vips) is empty
  - systemd for O(persistent=true)
notes:
  - A firewall of the host has to let in IP protocol 4 (IPIP), 41 (IPv6 in either), 47 (GRE) or the UDP port, from the
    directors.
  - The director has to send from an address of its own, not from a VIP, because the kernel refuses IPIP over IPv6 from
    an address that the real server holds itself. So an IPv6 VIP must be deprecated on the director
    (C(preferred_lft 0)), as keepalived makes it.
  - A program that throws away all rules (such as C(nft flush ruleset)) takes the limit of segments with it. The next
    run of this module brings it back.
seealso:
  - module: lvs.cluster.arp_hide
  - module: lvs.cluster.ipvs_dest
"""

EXAMPLES = r"""
- name: Receive IPIP for a VIP
  lvs.cluster.tunnel:
    tunnels:
      - type: ipip
    vips: [192.0.2.100]

- name: Receive IPIP over both address families, and GUE, on links of 1400 bytes
  lvs.cluster.tunnel:
    tunnels:
      - type: ipip
      - {type: ipip, family: ipv6}
      - {type: gue, port: 6080, checksum: standard}
    vips: [192.0.2.100, "2001:db8:2::100"]
    mss: "1300"

- name: This host is no real server by tunnel any more
  lvs.cluster.tunnel:
    state: absent
"""

RETURN = r"""
operations:
  description:
    - What was done, or in check mode would be done, in this order, as command lines. After a failure, what was done
      before it.
    - Text for C(/dev/stdin) is the one in the diff.
  returned: always
  type: list
  elements: str
  sample:
    - ip link add name lvs-ipip0 type ipip external
    - sysctl -w net.ipv4.conf.lvs-ipip0.rp_filter=2
    - ip address replace 192.0.0.8/32 dev lvs-ipip0 scope host
    - ip link set dev lvs-ipip0 alias lvs.cluster up
devices:
  description: The devices that receive, as they are now (in check mode, as they would be).
  returned: success
  type: list
  elements: str
  sample: [lvs-ipip0]
mss:
  description: The greatest segment that answers from each VIP offer, in bytes.
  returned: success
  type: dict
  sample: {"192.0.2.100": 1440}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.linux import change_tunnels
from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.model import CHECKSUMS, TYPES


def main() -> None:
    change_tunnels(
        AnsibleModule(
            argument_spec={
                "tunnels": {
                    "type": "list",
                    "elements": "dict",
                    "default": [],
                    "options": {
                        "type": {"type": "str", "choices": list(TYPES), "required": True},
                        "family": {"type": "str", "choices": ["ipv4", "ipv6"], "default": "ipv4"},
                        "port": {"type": "int", "default": 0},
                        "checksum": {"type": "str", "choices": list(CHECKSUMS), "default": "none"},
                    },
                },
                "vips": {"type": "list", "elements": "str", "default": []},
                "mss": {"type": "str", "default": "auto"},
                "exclusive": {"type": "bool", "default": True},
                "persistent": {"type": "bool", "default": True},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
