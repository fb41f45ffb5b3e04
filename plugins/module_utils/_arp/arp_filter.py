# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The methods ``nftables`` and ``arptables``: rules against questions for the VIPs, and against own ones as a VIP.

A question is thrown away on whatever interface it comes, also on one that is made later. What this host asks itself
carries the VIP as its sender where the kernel takes that of the packet that waits for the answer (``arp_announce`` 0);
the rule writes the interface's own address there, because every answer and every neighbour's cache goes by it.

IPv6 needs no rule, as with ``arp_ignore``.
"""

from __future__ import annotations

from typing import Iterable

from ansible_collections.lvs.cluster.plugins.module_utils._arp.arp_ignore import interfaces_for, interfaces_leading_to
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import HiddenVip
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import Host
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress


def asks_as(vip: IPAddress, host: Host) -> tuple[tuple[str, str], ...]:
    """The interfaces on which this host may ask as the VIP, each with the address to ask as (empty: it has none)."""
    noted = {name: own for known in host.record.vip(vip) for name, own in known.asks_as if name not in host.links}
    found = {name: _own_address(name, vip, host) for name in interfaces_for(vip, host)}
    # One that only hears the same, and has no address, is none that this host asks on.
    found = {name: own for name, own in found.items() if own or name in interfaces_leading_to(vip, host)}
    return tuple(sorted({**noted, **found}.items()))


def _own_address(interface: str, vip: IPAddress, host: Host) -> str:
    """Of the VIP's subnet if there is one, then one by which the cluster knows this host, else the first one.

    A neighbour may answer only those who ask from a subnet of its own. For a VIP of no subnet of this host that is most
    likely the one with the directors; the first address, the kernel's last resort (``inet_select_addr``), may be of
    another one.
    """
    addresses = [
        found.address
        for found in host.links[interface].addresses
        if found.address.version == 4
        and found.address.ip != vip
        and (not found.secondary or found.address.ip in host.own_addresses)
    ]
    best = sorted(addresses, key=lambda each: (vip not in each.network, each.ip not in host.own_addresses))
    return str(best[0].ip) if best else ""


def mistakes(vips: Iterable[HiddenVip]) -> list[str]:
    """Sentences about what this method cannot go along with."""
    without = sorted({interface for vip in vips for interface, own in vip.asks_as if not own})
    return [
        f"method: {name} has no IPv4 address of its own that this host's questions could carry instead of the VIP. "
        "Give it one, or use method: arp_ignore."
        for name in without
    ]
