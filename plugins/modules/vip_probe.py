#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_probe
short_description: Ask a network who answers for VIPs, and connect to them
version_added: 0.1.0
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.looks
  - lvs.cluster.attributes.linux
description:
  - Runs on a client of the cluster, or on any host of the VIPs' network, and sees what clients see. It changes
    nothing on that host, and it also runs in check mode.
  - It asks for addresses by ARP or neighbour solicitation from raw sockets and collects every answer, so that a
    second host that answers for a VIP does not go unnoticed, as it does in the kernel's own table of neighbours. A host
    that announces a VIP meanwhile without being asked (gratuitous ARP) counts as well.
  - It makes TCP connections and closes them at once, and it sends UDP datagrams without content.
  - Do not run it on a director or a real server, where the VIP is an address of its own.
options:
  addresses:
    description:
      - VIPs for whose owner the network is asked. Needs root.
    type: list
    elements: str
    default: []
  connections:
    description:
      - Where to connect to. Several entries are tried at once, each one connection after the other.
      - After 5 failures in a row the rest of an entry is left out.
      - All counts together may be 1,000 at most.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: Address to connect to.
        type: str
        required: true
      port:
        description: TCP or UDP port.
        type: int
        required: true
      protocol:
        description:
          - With V(udp) each connection is an empty datagram from a port of its own. It has succeeded unless the network
            says that nobody takes it, since whoever serves UDP may keep silent.
        type: str
        choices: [tcp, udp]
        default: tcp
      count:
        description: How many connections to make.
        type: int
        default: 1
  timeout:
    description:
      - Seconds for all answers together, and seconds for each connection.
    type: float
    default: 2
  while_exists:
    description:
      - Path of a file on this host. As long as it exists, every entry of O(connections) is tried ten times a second,
        whatever its count and however many fail. There may be 8 entries at most then.
      - Started with C(async) before something that is to disturb nobody, and ended by removing the file, it counts whom
        it has disturbed.
    type: path
  at_most:
    description:
      - Seconds after which O(while_exists) ends even though the file exists.
    type: float
    default: 60
  interface:
    description:
      - Interface on which the network is asked. By default the one of the route to each address.
    type: str
requirements:
  - Linux with iproute2 4.18 or later for O(addresses)
"""

EXAMPLES = r"""
- name: See who answers for the VIPs, and whether they can be connected to
  lvs.cluster.vip_probe:
    addresses: [192.0.2.100, "2001:db8:2::100"]
    connections:
      - {address: 192.0.2.100, port: 80, count: 20}
  register: probe

- name: Connect ten times a second until this file is removed, or for a minute (with async, beside other tasks)
  lvs.cluster.vip_probe:
    connections:
      - {address: 192.0.2.100, port: 80}
    while_exists: /run/lvs-counting

- name: See that one host only answers for the VIP
  ansible.builtin.assert:
    that: probe.neighbours['192.0.2.100'] | length == 1
"""

RETURN = r"""
neighbours:
  description: For each of O(addresses), as it is spelled there, the hardware addresses that answered, sorted.
  returned: success
  type: dict
  sample: {"192.0.2.100": ["02:00:00:00:02:11"]}
cached:
  description:
    - For each of O(addresses), as it is spelled there, the hardware addresses in this host's own cache of neighbours
      before anybody was asked (C(ip neighbour show)). It may be stale, and empty where nothing was sent there lately.
  returned: success
  type: dict
  sample: {"192.0.2.100": ["02:00:00:00:02:11"]}
connections:
  description: For each of O(connections), in their order, what came of it.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: As in the option.
      type: str
    port:
      description: As in the option.
      type: int
    protocol:
      description: As in the option.
      type: str
    source:
      description: The host's own address on the way there, or null without a way.
      type: str
    attempted:
      description: How many connections were tried.
      type: int
    succeeded:
      description: How many of them were made.
      type: int
    seconds:
      description: How long all of them took.
      type: float
    error:
      description: Why the last one that failed did, or null.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._probe.connections import (
    connect_all,
    connect_while,
    targets_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._probe.error import ProbeError
from ansible_collections.lvs.cluster.plugins.module_utils._probe.observe import cached, neighbours


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "addresses": {"type": "list", "elements": "str", "default": []},
            "connections": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "address": {"type": "str", "required": True},
                    "port": {"type": "int", "required": True},
                    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
                    "count": {"type": "int", "default": 1},
                },
            },
            "timeout": {"type": "float", "default": 2},
            "while_exists": {"type": "path"},
            "at_most": {"type": "float", "default": 60},
            "interface": {"type": "str"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        if not 0 < options["timeout"] <= 60:
            raise ProbeError(f"timeout: {options['timeout']:g} seconds must be more than 0 and at most 60.")
        if not 0 < options["at_most"] <= 3600:
            raise ProbeError(f"at_most: {options['at_most']:g} seconds must be more than 0 and at most 3600.")
        targets = targets_of(options["connections"])
        believed = cached(module, options["addresses"])
        answered, warnings = neighbours(module, options["addresses"], options["interface"], options["timeout"])
        if options["while_exists"]:
            connected = connect_while(options["while_exists"], targets, options["timeout"], at_most=options["at_most"])
        else:
            connected = connect_all(targets, options["timeout"])
    except ProbeError as error:
        module.fail_json(msg=str(error))
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=False, neighbours=answered, cached=believed, connections=connected)


if __name__ == "__main__":
    main()
