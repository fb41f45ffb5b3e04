#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_sync
short_description: Manage the daemon that synchronises connections between directors
version_added: 0.1.0
description:
  - Starts, changes or stops the kernel's connection synchronisation daemon in one of its two roles. After a failover
    the director that has learnt connections forwards their packets to the same real servers.
  - What is not given stays as it is on a daemon that runs; on its start the kernel's default is used.
  - A running daemon cannot be edited, so a change stops it and starts it again, which RV(operations) shows. What
    it has learnt stays; messages of that moment are lost. A daemon that does not start again is started as it was.
  - All directors need the same O(sync_id), O(multicast_group) and O(multicast_port).
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
  - lvs.cluster.attributes.linux
  - lvs.cluster.attributes.actiongroup_ipvs
  - lvs.cluster.ipvs
options:
  role:
    description:
      - Which daemon is meant. V(master) sends this director's connections, V(backup) learns those of others.
      - Both can run at the same time, each with its own options.
    type: str
    choices: [master, backup]
    required: true
  interface:
    description:
      - The network interface that carries the messages, at most 15 characters. Required to start the daemon.
      - It must exist; for O(role=master) it must be up as well, and for an IPv6 O(multicast_group) have IPv6.
    type: str
  sync_id:
    description:
      - Which cluster the messages belong to, V(0) to V(255); V(0) on start.
      - A backup with V(0) learns from every cluster on its network.
    type: int
  multicast_group:
    description: The multicast address, IPv4 or IPv6, V(224.0.0.81) on start. Needs Linux 4.3 and C(ipvsadm) 1.29.
    type: str
  multicast_port:
    description: The UDP port, V(1) to V(65535), V(8848) on start. Needs Linux 4.3 and C(ipvsadm) 1.29.
    type: int
  multicast_ttl:
    description:
      - How far messages go, V(1) to V(255); V(1) on start, which is no router.
      - Needs Linux 4.3 and C(ipvsadm) 1.29.
    type: int
  max_length:
    description:
      - How many bytes of connections a message may have, without its IP and UDP headers (28 bytes, with IPv6 48).
      - V(1) to V(65507), with an IPv6 group V(65487); for O(role=backup) from V(1024). What is outside is refused
        here, because the kernel would change it without a word.
      - On start V(1472), with an IPv6 group V(1452); for O(role=backup) more where the interface's MTU is over 1500.
      - A backup reads no message that is longer than this, so it must not be less than that of the masters.
      - Needs Linux 4.3 and C(ipvsadm) 1.29.
    type: int
  state:
    description: Whether the daemon runs. To stop it only O(role) counts.
    type: str
    choices: [present, absent]
    default: present
notes:
  - Who owns the daemon. keepalived with C(lvs_sync_daemon) starts, switches and stops daemons as its VRRP instance
    changes; where it does, do not use this module. Without it run both roles on every director, so that no failover has
    to switch them.
  - The kernel keeps a daemon whose interface was deleted, and it stays deaf when an interface of that name comes back.
    Stop and start it then.
  - While a daemon runs, the kernel takes no destination of another address family than its service, and it starts no
    daemon while there is one.
  - Messages are neither encrypted nor authenticated. Use an interface that only directors can reach.
  - Daemons end with a reboot.
seealso:
  - module: lvs.cluster.ipvs_info
  - module: lvs.cluster.ipvs_timeouts
"""

EXAMPLES = r"""
- name: Send this director's connections to the others, and learn theirs
  lvs.cluster.ipvs_sync:
    role: "{{ item }}"
    interface: eth0
    sync_id: 51
  loop: [master, backup]

- name: Send with an IPv6 group of the site over one router
  lvs.cluster.ipvs_sync:
    role: master
    interface: eth0
    multicast_group: ff05::51
    multicast_ttl: 2
    max_length: 1432

- name: Stop learning
  lvs.cluster.ipvs_sync:
    role: backup
    state: absent
"""

RETURN = r"""
daemon:
  description: The daemon as it is now (in check mode, as it would be), in the names of the options; null when absent.
  returned: success
  type: dict
  sample: {role: master, interface: eth0, sync_id: 51, multicast_group: 224.0.0.81, multicast_port: 8848,
    multicast_ttl: 1, max_length: 1472}
operations:
  description: What was done, or in check mode would be done, as the equivalent C(ipvsadm) command lines.
  returned: success
  type: list
  elements: str
  sample:
    - ipvsadm --stop-daemon master
    - ipvsadm --start-daemon master --mcast-interface eth0 --syncid 51 --mcast-group 224.0.0.81 --mcast-port 8848
      --mcast-ttl 1 --sync-maxlen 1472
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import spec
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.settings import change_daemon


def main() -> None:
    change_daemon(AnsibleModule(argument_spec={**spec.DAEMON, **spec.STATE}, supports_check_mode=True))


if __name__ == "__main__":
    main()
