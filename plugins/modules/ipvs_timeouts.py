#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_timeouts
short_description: Set after how long IPVS forgets idle connections
version_added: 0.1.0
description:
  - Sets the timeouts of the kernel's IPVS, which are the same for all services of a director.
  - What is not given stays as it is. A kernel starts with 900, 120 and 300 seconds.
  - Every timeout is V(1) to V(2678400) seconds (31 days, as with C(ipvsadm --set)), but a kernel whose second has 1000
    ticks takes 2147483 at most and refuses more. V(0), which leaves a value alone with C(ipvsadm), is refused.
author: The lvs.cluster contributors (@lvs-cluster)
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
  - lvs.cluster.attributes.linux
  - lvs.cluster.attributes.actiongroup_ipvs
  - lvs.cluster.ipvs
options:
  tcp:
    description: For how many seconds an established TCP connection is kept without a packet.
    type: int
  tcp_fin:
    description: For how many seconds a TCP connection is kept after a client has sent its FIN.
    type: int
  udp:
    description: For how many seconds a client's UDP packets go to the same destination after the last one.
    type: int
notes:
  - A connection takes a new timeout over with its next packet.
  - The timeouts end with a reboot and when C(ip_vs) is unloaded.
  - Who owns the timeouts. keepalived sets them as well where its configuration has C(lvs_timeouts). Then set them
    there.
seealso:
  - module: lvs.cluster.ipvs_info
  - module: lvs.cluster.ipvs_sync
"""

EXAMPLES = r"""
- name: Keep idle TCP connections for two hours, and forget clients of UDP services after a minute
  lvs.cluster.ipvs_timeouts:
    tcp: 7200
    udp: 60
"""

RETURN = r"""
timeouts:
  description: The timeouts in seconds as they are now (in check mode, as they would be), in the names of the options.
  returned: success
  type: dict
  sample: {tcp: 7200, tcp_fin: 120, udp: 60}
operations:
  description: What was done, or in check mode would be done, as the equivalent C(ipvsadm) command lines.
  returned: success
  type: list
  elements: str
  sample: ["ipvsadm --set 7200 120 60"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import spec
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.settings import change_timeouts


def main() -> None:
    change_timeouts(AnsibleModule(argument_spec=spec.TIMEOUTS, supports_check_mode=True))


if __name__ == "__main__":
    main()
