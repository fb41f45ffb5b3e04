# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Options and requirements of the ipvs modules, said once; the twin of module_utils/_ipvs/spec.py."""

from __future__ import annotations


class ModuleDocFragment:
    # For every ipvs module.
    DOCUMENTATION = r"""
options: {}
requirements:
  - Linux 4.18 or newer with the kernel module C(ip_vs).
  - root on the managed host (the capability C(CAP_NET_ADMIN)).
notes:
  - The module talks to the kernel itself; neither C(ipvsadm) nor a Python package is needed on the managed host.
  - The kernel module C(ip_vs) and the scheduler's module are loaded when they are missing, but not for the next boot.
  - It works on the IPVS table of the network namespace that it runs in.
"""

    # For those that write to the table.
    CHANGES = r"""
options: {}
notes:
  - Two tasks at once on one host do not get into each other's way. One waits for the other, a minute at most.
  - Who owns the table. Where keepalived (C(virtual_server)) or ldirectord runs, that daemon owns the services of its
    configuration; it sets weights and removes destinations by its health checks, at any time, and does not repair what
    others change. Then don't describe its services here, keep them outside of every scope of
    M(lvs.cluster.ipvs_table), and drain real servers through its configuration.
"""

    SERVICE_KEY = r"""
options:
  address:
    description:
      - The VIP of the service, IPv4 or IPv6, in any valid spelling.
      - A service has either O(address) and O(port), or O(fwmark).
    type: str
  port:
    description:
      - The port of the service.
      - V(0) stands for all ports; the kernel demands persistence for it.
    type: int
  protocol:
    description: The protocol of a service with an O(address). V(sctp) since Linux 2.6.34 and C(ipvsadm) 1.28.
    type: str
    choices: [tcp, udp, sctp]
    default: tcp
  fwmark:
    description: The firewall mark of the service, V(1) to V(4294967295).
    type: int
  family:
    description: The address family of a service with a O(fwmark).
    type: str
    choices: [ipv4, ipv6]
    default: ipv4
"""
