#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: default_gateway
short_description: Set a host's default gateway, and give the old one back
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
  - lvs.cluster.attributes.linux
description:
  - With forwarding by NAT the answers of a real server have to go back through the director, so the directors' floating
    address is its default gateway. This module sets it, now and at boot, whichever program configures the network.
  - The route gets the best metric of its address family. Other default routes with a worse metric stay, unused. An IPv4
    route of the same metric is replaced and remembered, in C(/etc/lvs-cluster/default-gateway.json) (mode 0600).
  - A gateway that leads nowhere cuts the controller off. With O(undo_after) a timer of systemd is armed before the
    change, which gives the old state back, files included, unless somebody who still gets in stops it, see RV(undo).
  - Files of the user are never written to. Each program that configures networks is told in the narrowest way that it
    has, see O(persistence).
options:
  gateways:
    description:
      - The gateway, or one of each address family. Each must be in the network of an address of the host.
      - An address family without one gets its old gateway back, so an empty list is the same as O(state=absent).
    type: list
    elements: str
    default: []
  interface:
    description:
      - The interface that the gateways are on. It is found by the host's addresses when it is not given.
    type: str
  persistence:
    description:
      - Who sets the gateway at boot.
      - V(ifupdown) - a script in C(/etc/network/if-up.d), which runs after C(interfaces) has been followed, and one in
        C(/etc/network/if-pre-up.d), which makes room for a gateway that C(interfaces) gives another interface.
      - V(networkd), V(netplan) - a copy of the file by which systemd-networkd configures the interface, with another
        gateway, in C(/etc/systemd/network), where it hides the original (for netplan the one that it generated). A
        drop-in cannot take a gateway away. Run the module again after changes of the original.
      - V(networkmanager) - one more route in the interface's connection, with metric 1.
      - V(unit) - a unit of systemd, C(lvs-cluster-gateway.service), which runs after the network.
      - V(none) - nobody.
      - V(auto) is who configures the interface now, and V(unit) when that is none of these.
    type: str
    choices: [auto, ifupdown, networkd, netplan, networkmanager, unit, none]
    default: auto
  undo_after:
    description:
      - Seconds after which a change of the route is taken back by itself. V(0) is never; a timer that an earlier run
        armed is stopped then, before anything changes.
      - It needs systemd. Stop the timer over a new connection to keep the change.
    type: int
    default: 0
  state:
    description:
      - V(absent) gives the old gateways back and removes everything of this module.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - Linux with iproute2 4.18 or later
  - systemd for O(persistence=unit) and O(undo_after)
notes:
  - Only the main routing table is concerned.
  - systemd-networkd is not told of its new file, for it would configure the interface anew, and addresses and routes
    on it that others have set would be lost. So until it starts anew it knows the old gateway only, and sets that again
    when the interface loses its carrier. Where that can happen, run C(networkctl reload) at a quiet time after a
    change, or run the module again.
seealso:
  - module: lvs.cluster.nat
"""

EXAMPLES = r"""
- name: Answer clients through the directors
  lvs.cluster.default_gateway:
    gateways: [192.0.2.1]

- name: Give the old gateway back
  lvs.cluster.default_gateway:
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
    - ip -4 route replace default via 192.0.2.1 dev eth0 proto static metric 0
gateways:
  description: The gateways that this module set.
  returned: success
  type: list
  elements: str
  sample: [192.0.2.1]
persistence:
  description: Who sets them at boot.
  returned: success
  type: str
  sample: unit
undo:
  description:
    - The timer that takes the change back, while it is armed; else null. C(systemctl stop) keeps the change, and fails
      when it was taken back before.
  returned: success
  type: str
  sample: lvs-cluster-undo-gateway.timer
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._gateway.linux import PERSISTENCE, change_gateways


def main() -> None:
    change_gateways(
        AnsibleModule(
            argument_spec={
                "gateways": {"type": "list", "elements": "str", "default": []},
                "interface": {"type": "str"},
                "persistence": {"type": "str", "choices": list(PERSISTENCE), "default": "auto"},
                "undo_after": {"type": "int", "default": 0},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
