#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: arp_hide
short_description: Hold VIPs on a real server without answering ARP for them
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
  - lvs.cluster.attributes.linux
description:
  - With direct routing every real server holds the VIP, but only the active director may answer ARP for it. This
    module puts the VIPs on C(lo) or on a dummy interface, with the mask V(/32) or V(/128), and stops the host from
    answering ARP for them. It hides first and sets the address second; on removal it goes the other way round.
  - B(Sysctls.) C(arp_ignore) becomes 1 and C(arp_announce) 2, not for C(all) but on the interfaces on which ARP for
    the VIPs can arrive. These are the Ethernet interfaces with a subnet that holds the VIP; when there is none, the
    interface of the default route. Bridges of containers and other networks of the host stay as they are. The kernel
    uses the larger value of C(all) and the interface, so nothing is set where a value that hides is in effect already
    (for C(arp_ignore) also 2 and 8).
  - B(IPv6) needs no sysctl, because neighbour discovery answers only for addresses of the interface on which the
    question arrives.
  - The VIPs of one call are added to those of earlier calls, see O(exclusive). Other addresses are never touched. A
    VIP with another mask on C(lo) or on a dummy interface is replaced. A VIP on any other interface is refused,
    because it may be a director's or the host's own address.
options:
  addresses:
    description:
      - The VIPs, IPv4 and IPv6, in any spelling, without mask.
      - May be empty only for O(exclusive=true), where it means that none is left.
    type: list
    elements: str
    required: true
  method:
    description:
      - How the host is kept from answering ARP. V(arp_ignore) uses the sysctls described above.
    type: str
    choices: [arp_ignore]
    default: arp_ignore
  interface:
    description:
      - Where the VIPs stand, V(lo) or a dummy interface. A name that does not exist yet becomes a new dummy
        interface, which is removed with its last VIP.
      - When it is not given, a VIP that stands on one of these stays there, and a new one comes to C(lo).
      - On removal the VIPs are taken from every loopback and dummy interface, whatever this option says.
    type: str
  persistent:
    description:
      - Whether the VIPs come back after a reboot, hidden first. It takes one systemd unit,
        C(lvs-cluster-arp-hide.service). It runs before the network, whichever program configures that; where the
        interface with the sysctls is not there yet, it runs as soon as that comes, and no VIP comes before.
      - Beside it, C(/etc/sysctl.d/99-lvs-cluster-arp.conf) hides again on an interface that is removed and made anew.
      - The unit file also remembers what the sysctls were before, so that removal can give these values back. Without
        it, removal sets the host's default (C(net.ipv4.conf.default)).
      - V(false) changes nothing about VIPs that are persistent already. Removal always removes both.
    type: bool
    default: false
  exclusive:
    description:
      - Remove the VIPs that earlier persistent calls set and that O(addresses) does not list. Addresses that other
        programs set are not concerned. Needs O(persistent=true) and O(state=present).
    type: bool
    default: false
  state:
    description:
      - Whether the VIPs are to be there.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - Linux with iproute2 4.18 or later
  - systemd for O(persistent=true)
"""

EXAMPLES = r"""
- name: Hold the VIPs of the cluster, also after a reboot
  lvs.cluster.arp_hide:
    addresses: [192.0.2.100, "2001:db8:2::100"]
    persistent: true

- name: Hold exactly these VIPs, on a dummy interface
  lvs.cluster.arp_hide:
    addresses: [192.0.2.100]
    interface: lvs0
    persistent: true
    exclusive: true

- name: This host is no real server of the VIP any more
  lvs.cluster.arp_hide:
    addresses: [192.0.2.100]
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
    - sysctl -w net.ipv4.conf.eth0.arp_ignore=1
    - sysctl -w net.ipv4.conf.eth0.arp_announce=2
    - ip address add 192.0.2.100/32 dev lo
"""

import shlex

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.linux import carry_out, observe
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import Operation, requested
from ansible_collections.lvs.cluster.plugins.module_utils._arp.plan import plan


def command_lines(operations: list[Operation]) -> list[str]:
    return [" ".join(shlex.quote(word) for word in operation.command) for operation in operations]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "addresses": {"type": "list", "elements": "str", "required": True},
            "method": {"type": "str", "choices": ["arp_ignore"], "default": "arp_ignore"},
            "interface": {"type": "str"},
            "persistent": {"type": "bool", "default": False},
            "exclusive": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    done: list[Operation] = []
    try:
        planned = plan(requested(module.params), observe(module))
        if not module.check_mode:
            carry_out(module, planned.operations, done)
    except HideError as error:
        module.fail_json(msg=str(error), operations=command_lines(done))
    for warning in planned.warnings:
        module.warn(warning)
    module.exit_json(
        changed=bool(planned.operations),
        operations=command_lines(list(planned.operations)),
        diff={"before": planned.before, "after": planned.after},
    )


if __name__ == "__main__":
    main()
