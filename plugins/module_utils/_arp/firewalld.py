# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The method ``firewalld``: rich rules of a zone redirect what comes for a VIP that is not on the host.

In a zone, not in a policy: a new policy needs a reload, which throws away what others have set only in the running
firewalld. Direct rules are deprecated (firewalld.direct(5)) and not used.
"""

from __future__ import annotations

from typing import Iterable

from ansible_collections.lvs.cluster.plugins.module_utils._arp.arp_ignore import interfaces_for
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import FIREWALLD, HiddenVip
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import PRIVATE_KINDS, Host
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress

DEFAULT = ""  # in ``Host.zones``: that of interfaces which are in none


def zones_for(vip: IPAddress, host: Host) -> tuple[str, ...]:
    """The zones of the interfaces on which packets for the VIP can arrive."""
    interfaces = interfaces_for(vip, host) or tuple(
        name
        for name, link in host.links.items()
        if link.kind not in PRIVATE_KINDS and any(vip in found.address.network for found in link.addresses)
    )
    found = {host.zones.get(name, host.zones.get(DEFAULT, "")) for name in interfaces or (DEFAULT,)}
    return tuple(sorted(found - {""}))


def mistakes(coming: Iterable[HiddenVip], going: Iterable[IPAddress], host: Host) -> list[str]:
    """Sentences about what this method cannot go along with."""
    found = [
        f"ports: firewalld redirects only ports that are named. Name those of the services on {vip.address}, for "
        'example {protocol: tcp, ports: ["80"]}.'
        for vip in coming
        if vip.method == FIREWALLD and not (vip.traffic and all(ports for _protocol, ports in vip.traffic))
    ]
    left = {known.address for known in host.record.vips if known.method == FIREWALLD}
    touched = left & {*going, *(vip.address for vip in coming if vip.method != FIREWALLD)}
    if touched and "firewall-cmd" not in host.programs:
        named = ", ".join(sorted(map(str, touched)))
        found.append(f"addresses: firewalld holds rules for {named} and does not run. Start it and run this again.")
    return found
