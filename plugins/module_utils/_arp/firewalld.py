# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The method ``firewalld``: rich rules of a zone redirect what comes for a VIP that is not on the host.

In a zone, not in a policy: a new policy needs a reload, which throws away what others have set only in the running
firewalld. Direct rules are deprecated (firewalld.direct(5)) and not used.

One zone alone sees a packet: that of its source if there is one, else that of the interface on which it arrives
(firewalld.zones(5)). So the rules stand in each of these zones. Left out are zones of sources that shut everything out:
somebody has put there whom this host is not to serve.
"""

from __future__ import annotations

import ipaddress
from typing import Iterable

from ansible_collections.lvs.cluster.plugins.module_utils._arp.arp_ignore import interfaces_for
from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import named
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import FIREWALLD, HiddenVip
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import PRIVATE_KINDS, Host
from ansible_collections.lvs.cluster.plugins.module_utils._arp.rules import vip_in
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress

DEFAULT = ""  # in ``Host.zones``: that of interfaces which are in none
_CLOSED = ("DROP", "REJECT", "%%REJECT%%")
_OPENING = ("services:", "ports:", "protocols:", "source-ports:")


def zones_for(vip: IPAddress, host: Host) -> tuple[str, ...]:
    """The zones in which packets for the VIP can arrive, sorted."""
    interfaces = interfaces_for(vip, host) or {
        *host.own_interfaces(vip.version),
        *(
            name
            for name, link in host.links.items()
            if link.kind not in PRIVATE_KINDS and any(vip in found.address.network for found in link.addresses)
        ),
    }
    found = {host.zones.get(name, host.zones.get(DEFAULT, "")) for name in interfaces or (DEFAULT,)}
    found |= {
        zone
        for zone, sources in host.zone_sources.items()
        if any(_may_be_of(source, vip.version) for source in sources)
    }
    return tuple(sorted(found - {""}))


def _may_be_of(source: str, version: int) -> bool:
    """Whether packets of this IP version can come from there; a MAC address or an ipset says nothing about it."""
    try:
        return ipaddress.ip_network(source, strict=False).version == version
    except ValueError:
        return True


def zones_of(printed: str) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """The zones by interface, and the sources of zones, in what ``firewall-cmd --list-all-zones`` prints.

    A zone of sources that shuts everything out is not among them.
    """
    interfaces: dict[str, str] = {}
    sources: dict[str, tuple[str, ...]] = {}
    for name, lines in _described(printed).items():
        words = {line.split()[0]: line.split()[1:] for line in lines}
        interfaces.update(dict.fromkeys(words.get("interfaces:", ()), name))
        opens = any(words.get(key) for key in _OPENING) or any(
            line.startswith("rule ") and " accept" in line and vip_in(line) is None for line in lines
        )
        if words.get("sources:") and (opens or words.get("target:", [""])[0] not in _CLOSED):
            sources[name] = tuple(words["sources:"])
    return interfaces, sources


def _described(printed: str) -> dict[str, list[str]]:
    """The lines about each zone."""
    found: dict[str, list[str]] = {}
    zone = ""
    for line in printed.splitlines():
        if line[:1].strip():
            zone = line.split()[0]
        elif line.strip():
            found.setdefault(zone, []).append(line.strip())
    return found


def mistakes(coming: Iterable[HiddenVip], going: Iterable[IPAddress], host: Host) -> list[str]:
    """Sentences about what this method cannot go along with."""
    unnamed = [
        vip.address
        for vip in coming
        if vip.method == FIREWALLD and not (vip.traffic and all(ports for _protocol, ports in vip.traffic))
    ]
    found = []
    if unnamed:
        found.append(
            f"ports: firewalld redirects only ports that are named. Name those of the services on {named(unnamed)}, "
            'for example {protocol: tcp, ports: ["80"]}.'
        )
    left = {known.address for known in host.record.vips if known.method == FIREWALLD}
    touched = left & {*going, *(vip.address for vip in coming if vip.method != FIREWALLD)}
    if touched and "firewall-cmd" not in host.programs:
        rules_of = named(sorted(touched, key=str))
        found.append(f"addresses: firewalld holds rules for {rules_of} and does not run. Start it and run this again.")
    return found
