# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The method ``arp_ignore``: two sysctls keep a real server from answering ARP for its VIPs and from asking as them.

``arp_ignore`` 1 answers only for addresses of the interface on which the question arrives, so not for a VIP on ``lo``;
``arp_announce`` 2 never takes the VIP as the sender of the host's own questions (ip-sysctl.rst). Both belong on the
interface on which ARP arrives, not on the one with the VIP, and the kernel takes the larger value of ``all`` and the
interface. ``all`` is left alone: it would change every bridge of containers as well.

IPv6 needs neither: neighbour discovery answers only for addresses of the receiving interface (RFC 4861, 7.2.3;
the kernel's ``ndisc_recv_ns`` looks nowhere else).
"""

from __future__ import annotations

import ipaddress
from typing import Container, Iterable

from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import HiddenVip, Setting
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import KUBE_PROXY, PRIVATE_KINDS, Host, SetSysctl
from ansible_collections.lvs.cluster.plugins.module_utils._arp.rules import silenced
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress, Link

HIDING = {"arp_ignore": 1, "arp_announce": 2}

# 2 is stricter than 1, and 8 answers for no address at all. 3 looks at scopes, 4 to 7 do nothing.
_HIDING_VALUES = {"arp_ignore": (1, 2, 8), "arp_announce": (2,)}


def interfaces_for(vip: IPAddress, host: Host) -> tuple[str, ...]:
    """Where ARP for the VIP can arrive, sorted: on the interfaces that lead there, and on all that hear the same.

    Such as the interface below a macvlan: without an address of its own, too, it answers for those of the host.
    """
    asked = _asked(host)
    wires = {asked[name].wire for name in interfaces_leading_to(vip, host)}
    return tuple(sorted(name for name, link in asked.items() if link.wire in wires))


def interfaces_leading_to(vip: IPAddress, host: Host) -> tuple[str, ...]:
    """The interfaces with a subnet that holds the VIP, else that of the default route, sorted.

    Also those on which the cluster knows this host. The directors are there, and the network of a routed VIP may be on
    the same wire without this host having an address of it.
    """
    if vip.version == 6:
        return ()
    asked = _asked(host)
    with_subnet = [
        name
        for name, link in asked.items()
        if any(vip != found.address.ip and vip in found.address.network for found in link.addresses)
    ]
    found = {*(with_subnet or host.default_route), *host.own_interfaces(4)}
    return tuple(sorted(found & asked.keys()))


def _asked(host: Host) -> dict[str, Link]:
    """The interfaces on which others ask for addresses, by name."""
    return {link.name: link for link in host.links.values() if link.arp and link.kind not in PRIVATE_KINDS}


def mistakes(interfaces: Iterable[str], host: Host) -> list[str]:
    """Sentences about settings that this method cannot go along with."""
    return [
        "net.ipv4.conf.{}.arp_ignore is in effect {}, which does not hide a VIP and is not lowered here, because "
        "somebody chose it. Set it (and that of all) to 0 and run this again.".format(
            name, host.effective(name, "arp_ignore")
        )
        for name in interfaces
        if 3 <= host.effective(name, "arp_ignore") <= 7
    ]


def warnings(interfaces: Iterable[str], host: Host) -> list[str]:
    """Sentences about settings that hide more than the VIPs."""
    return [
        f"net.ipv4.conf.{name}.arp_ignore is in effect 8: this host answers ARP for none of its addresses there, not "
        "even its own. It was not set by this module and is left as it is; 1 would do."
        for name in interfaces
        if host.effective(name, "arp_ignore") == 8
    ]


def hide_on(interfaces: Iterable[str], host: Host, *, lasting: Container[str] = ()) -> list[SetSysctl]:
    """What has to be set so that no VIP shows on these interfaces. A value that hides already is never lowered.

    On `lasting` ones the interface's own value has to hide, whatever ``all`` is now: nobody knows what it is at boot.
    """
    return [
        SetSysctl(interface, name, value)
        for interface in interfaces
        if interface in host.links
        for name, value in HIDING.items()
        if (host.sysctls.get((interface, name)) if interface in lasting else host.effective(interface, name))
        not in _HIDING_VALUES[name]
    ]


def hides(vip: IPAddress, host: Host) -> bool:
    """Whether sysctls hide the VIP now, on every interface on which ARP for it can arrive."""
    interfaces = interfaces_for(vip, host)
    return vip.version == 6 or (bool(interfaces) and not hide_on(interfaces, host))


def settings_for(vips: Iterable[HiddenVip], known: tuple[Setting, ...], host: Host) -> tuple[Setting, ...]:
    """What has to be in force at boot for these VIPs. Of a setting that is known, the previous value stays noted.

    Where a VIP is hidden that is not noted, an earlier call has set what hides it, as `unnoted_settings` takes it, too.
    """
    vips = tuple(vips)
    noted = {(setting.interface, setting.name): setting for setting in known}
    earlier = {
        interface
        for vip in vips
        if not host.record.vip(vip.address)
        and any(link.kind in PRIVATE_KINDS for link, _a in host.removable_places_of(vip.address))
        for interface in vip.hidden_on
    }
    needed = sorted({interface for vip in vips for interface in vip.hidden_on})
    result = []
    for interface in needed:
        for name, value in HIDING.items():
            own = host.sysctls.get((interface, name), 0)
            is_ours = interface in earlier and own == value
            previous = host.sysctls.get(("default", name), 0) if is_ours else own
            result.append(noted.get((interface, name)) or Setting(interface, name, max(value, own), previous))
    return tuple(result)


def give_back(settings: Iterable[Setting], host: Host) -> list[SetSysctl]:
    """What undoes these settings, where nobody has changed them since."""
    return [
        SetSysctl(setting.interface, setting.name, setting.previous)
        for setting in settings
        if host.sysctls.get((setting.interface, setting.name)) == setting.value != setting.previous
    ]


def unnoted_settings(vip: IPAddress, host: Host) -> list[Setting]:
    """The settings that a call that was not persistent made for this VIP: before them was the host's default."""
    return [
        Setting(interface, name, value, host.sysctls.get(("default", name), 0))
        for interface in interfaces_for(vip, host)
        for name, value in HIDING.items()
    ]


def relied_on(host: Host) -> dict[str, list[IPAddress]]:
    """The addresses that look like VIPs, by the interfaces on which they must stay hidden, whoever set them.

    None of a single host (link-local ones), nor of Kubernetes' services, which nobody on the network asks for.
    """
    found: dict[str, list[IPAddress]] = {}
    for link in host.links.values():
        for each in link.addresses if link.kind in PRIVATE_KINDS and link.name != KUBE_PROXY else ():
            address = each.address.ip
            if (
                isinstance(address, ipaddress.IPv4Address)
                and each.address.network.prefixlen == 32
                and not (address.is_loopback or address.is_link_local)
                and not silenced(host.rules, address)
            ):
                for interface in interfaces_for(address, host):
                    found.setdefault(interface, []).append(address)
    return found
