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
attributes:
  platform:
    support: full
    platforms: Linux, FreeBSD, OpenBSD, macOS, Solaris
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.attributes.changes
description:
  - With direct routing every real server holds the VIP, but only the active director may answer ARP for it. This
    module puts the VIPs on C(lo) or on a dummy interface, with the mask V(/32) or V(/128), and stops the host from
    answering ARP for them. It hides first and sets the address second; on removal it goes the other way round.
  - On Linux there are several ways to do so, see O(method). A change from one to the other hides the new way before the
    old one ends, so at no moment the host answers. Removal leaves nothing of any of them.
  - B(IPv6) needs no way at all, because neighbour discovery answers only for addresses of the interface on which the
    question arrives.
  - B(FreeBSD, OpenBSD, macOS, Solaris 11 and illumos) answer ARP and neighbour discovery only for addresses of the
    interface on which the question arrives, so the VIP on C(lo0) is hidden by where it stands. These systems have not
    been run by us; the command lines and files are tested against what their manuals and sources say. Solaris 10 is not
    among them, because it has no C(ipadm).
  - B(OpenBSD) throws away what arrives on one interface for an address of another one, and so for the VIP, unless it
    forwards (C(net.inet.ip.forwarding), C(net.inet6.ip6.forwarding)). FreeBSD (C(net.inet.ip.rfc1122_strong_es), in
    older releases C(net.inet.ip.check_interface)) and macOS (C(net.inet.ip.check_interface) of 2) can be told to. A
    warning names what is set so; nothing of it is changed, because it is about the whole host.
  - The VIPs of one call are added to those of earlier calls, see O(exclusive). Other addresses are never touched. A
    VIP with another mask on C(lo) or on a dummy interface is replaced. A VIP on any other interface is refused,
    because it may be a director's or the host's own address. What stands on C(kube-ipvs0), where kube-proxy holds the
    addresses of Kubernetes services, is left there.
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
      - How the host is kept from answering ARP.
      - V(arp_ignore), on Linux, sets the sysctls C(arp_ignore) to 1 and C(arp_announce) to 2, not for C(all) but on the
        interfaces on which ARP for the VIPs can arrive. These are the Ethernet interfaces with a subnet that holds the
        VIP; when there is none, the interface of the default route; and those with O(own_addresses). Bridges of
        containers and other networks of the host stay as they are. The kernel uses the larger value of C(all) and the
        interface, so nothing is set where a value that hides is in effect already (for C(arp_ignore) also 2 and 8). The
        price is that the host answers on these interfaces for no address of its other interfaces any more.
      - V(nftables), on Linux, makes the table C(arp lvs_cluster_arp), which drops questions for the VIPs on every
        interface, and writes the interface's own address into the host's own questions on those interfaces. The price
        is that C(nft flush ruleset) removes it, and that the host's own address stands in the rule. Run the module
        again when that changes.
      - V(arptables), on Linux, does the same in chains of its own, C(LVS_CLUSTER_ARP_IN) and C(LVS_CLUSTER_ARP_OUT),
        whichever kind of arptables works on this kernel. It has the same price, and no transactions, so it adds rule
        by rule and what leads there last. With O(persistent=true) it is refused where the service C(arptables) of
        Enterprise Linux is enabled or active, because that removes the rules of others when it starts and stops.
      - V(redirect), on Linux, puts no VIP on the host. A rule of nftables or iptables takes what comes for the VIP for
        the host itself. The price is connection tracking for these packets. Services have to listen on every address
        or on the host's own, and cannot tell one VIP from another. Programs on this host that connect to the VIP go to
        the director.
      - V(firewalld), on Linux, is V(redirect) by a running firewalld. It has rich rules with a forward port, in the
        zones of the interfaces on which packets for the VIP arrive and in those of sources, and no direct rules. It
        needs O(ports), and lets these ports in. With O(persistent=true) firewalld keeps the rules itself. A zone of
        sources whose target is C(DROP) or C(REJECT) and which lets nothing in gets no rule, because it is a list of
        those who are to be shut out. Run the module again when zones get other interfaces or sources.
      - V(loopback), on the other systems, is the address on C(lo0) alone.
      - V(auto) takes V(loopback) on the other systems. On Linux it keeps what hides a VIP already and works. For a new
        VIP it takes V(arp_ignore) where C(/proc/sys) can be written and no C(arp_ignore) of 3 to 7 stands in the way,
        else the first of V(nftables), V(arptables), V(firewalld) (if it runs and O(ports) names the ports) and
        V(redirect) that this kernel and the installed programs can do. RV(reason) says why.
    type: str
    choices: [auto, arp_ignore, arptables, nftables, redirect, firewalld, loopback]
    default: auto
  ports:
    description:
      - What O(method=redirect) and O(method=firewalld) redirect. A VIP that is redirected already keeps what it has
        when this is not given. For one that is new V(redirect) takes everything of TCP, UDP and SCTP then, and
        V(firewalld) refuses.
      - Other methods do not look at it.
    type: list
    elements: dict
    suboptions:
      address:
        description: The VIP, one of O(addresses). Every one when it is not given.
        type: str
      protocol:
        description: The protocol.
        type: str
        choices: [tcp, udp, sctp]
        default: tcp
      ports:
        description: Ports, numbers and ranges such as V("10000:20000"). All when it is not given.
        type: list
        elements: str
        aliases: [port]
  own_addresses:
    description:
      - The addresses by which the directors know this host, IPv4 and IPv6, without mask. None of them is a VIP.
      - They say where the directors are, which matters for a VIP that is in no subnet of this host, because it is
        routed to the directors. Then ARP is hidden on the interfaces with these addresses, too, the rules of
        O(method=firewalld) stand in their zones, and with V(nftables) and V(arptables) the host's own questions carry
        them. Without them, only the interface of the default route is known, and its first address.
      - An address that stands on no interface of this host does nothing. Name the same ones in each call about the same
        VIPs; removal needs them for VIPs that are not persistent.
    type: list
    elements: str
    default: []
  tunnel_addresses:
    description:
      - Those of O(addresses) whose packets come out of a tunnel (M(lvs.cluster.tunnel)).
      - O(method=redirect) and O(method=firewalld) are refused for them, and V(auto) does not take these. Linux
        redirects to an address of the interface on which a packet arrives, and that of a tunnel has only a dummy one.
        Also answers carry that address, not the VIP, where segments are limited to what fits into the tunnel.
    type: list
    elements: str
    default: []
  interface:
    description:
      - Where the VIPs stand, V(lo) or a dummy interface. A name that does not exist yet becomes a new dummy
        interface, which is removed with its last VIP. With O(method=loopback) it is C(lo0), which V(lo) means too,
        and nothing else.
      - When it is not given, a VIP that stands on one of these stays there, and a new one comes to C(lo).
      - On removal the VIPs are taken from every loopback and dummy interface but C(kube-ipvs0), whatever
        this option says.
      - O(method=redirect) and O(method=firewalld) do not look at it.
    type: str
  persistent:
    description:
      - Whether the VIPs come back after a reboot, hidden first. It takes one systemd unit,
        C(lvs-cluster-arp-hide.service). It runs before the network, whichever program configures that; where no
        interface with the sysctls is there yet, it runs as soon as one comes, and no VIP comes before. An interface
        that comes later still is hidden on by the file below.
      - Rules come back with the same unit, before the VIPs. It runs after the units that load other people's rules and
        may empty all tables (C(nftables); for arptables also C(arptables), for iptables C(iptables), C(ip6tables) and
        C(netfilter-persistent)), and loads the rules again whenever one of these is started, stopped or reloaded. It
        hears of that by a file C(lvs-cluster-arp-hide.conf) in C(/etc/systemd/system/nftables.service.d) and the like.
        Until then, for the blink of an eye, the VIP is without its rules.
      - Beside it, C(/etc/sysctl.d/99-lvs-cluster-arp.conf) hides again on an interface that is removed and made anew.
      - The unit file also remembers what the sysctls were before, so that removal can give these values back. Without
        it, removal sets the host's default (C(net.ipv4.conf.default)).
      - On FreeBSD a part of C(/etc/rc.conf) does it (by C(ifconfig_lo0_aliases), so that numbered aliases stay yours),
        on OpenBSD one of C(/etc/hostname.lo0), on macOS C(/Library/LaunchDaemons/org.lvs-cluster.arp-hide.plist), on
        Solaris and illumos C(ipadm) itself. Other lines of these files stay as they are.
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
  - On Linux, iproute2 4.18 or later, and systemd for O(persistent=true)
  - nftables, arptables, iptables or a running firewalld where O(method) is one that uses them
notes:
  - A change to O(method=redirect) or O(method=firewalld) redirects new connections to the VIP only. Those that are
    there are waited for before the VIP goes from the host, for 10 seconds at most; what lasts longer ends, so drain the
    real server before. After a change back, connections that were redirected go on.
  - Rules of others and other addresses are never touched. A rule that somebody puts between those in our table or
    chains is removed.
  - Without root, in check mode, rules cannot be read, and are taken for missing.
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

- name: Do it without sysctls, in a container that may not write them
  lvs.cluster.arp_hide:
    addresses: [192.0.2.100]
    method: arptables

- name: Serve web and DNS on a VIP that is not on the host
  lvs.cluster.arp_hide:
    addresses: [192.0.2.100]
    method: redirect
    ports:
      - {protocol: tcp, ports: [80, 443, 53]}
      - {protocol: udp, ports: [53]}
    persistent: true

- name: Hold a VIP of another network, which is routed to the directors
  lvs.cluster.arp_hide:
    addresses: [203.0.113.100]
    own_addresses: [192.0.2.21]

- name: This host is no real server of the VIP any more
  lvs.cluster.arp_hide:
    addresses: [192.0.2.100]
    state: absent
"""

RETURN = r"""
method:
  description: How the host is kept from answering ARP. With O(method=auto), what a new VIP would get, or has got.
  returned: success
  type: str
  sample: arp_ignore
reason:
  description: Why it is this method, as a sentence.
  returned: success
  type: str
  sample: The kernel's own settings can be set here, and need no rules that somebody else could remove.
operations:
  description:
    - What was done, or in check mode would be done, in this order, as command lines. After a failure, what was done
      before it.
    - Text for C(/dev/stdin) is the one in the diff; of a file that is not ours alone, the diff has our part.
  returned: always
  type: list
  elements: str
  sample:
    - sysctl -w net.ipv4.conf.eth0.arp_ignore=1
    - sysctl -w net.ipv4.conf.eth0.arp_announce=2
    - ip address add 192.0.2.100/32 dev lo
"""

import platform
import shlex
from typing import Any, Sequence

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lvs.cluster.plugins.module_utils._arp.elsewhere import hide
from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.linux import carry_out, observe
from ansible_collections.lvs.cluster.plugins.module_utils._arp.loopback import SYSTEMS
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import requested
from ansible_collections.lvs.cluster.plugins.module_utils._arp.plan import plan
from ansible_collections.lvs.cluster.plugins.module_utils._rules.reading import WITH_PORTS
from ansible_collections.lvs.cluster.plugins.module_utils._task.error import TaskError

LINUX = ("arp_ignore", "arptables", "nftables", "redirect", "firewalld")


def method_of(asked: str, system: str) -> str:
    """The method on this system, ``auto`` where there are several. Raises HideError."""
    methods = {"Linux": LINUX, **dict.fromkeys(SYSTEMS, ("loopback",))}
    found = methods.get(system)
    if found is None:
        known = ", ".join(sorted(methods))
        raise HideError(
            f"method: this system is {system or 'unknown'}, and arp_hide knows {known} only. Hide the VIPs there by "
            "hand, or forward to this host by nat."
        )
    if asked not in ("auto", *found):
        raise HideError(f"method: {asked} is not for {system}. Write {', '.join(found)}, or auto.")
    # On Linux it depends on the host.
    return found[0] if len(found) == 1 else asked


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "addresses": {"type": "list", "elements": "str", "required": True},
            "method": {"type": "str", "choices": ["auto", *LINUX, "loopback"], "default": "auto"},
            "interface": {"type": "str"},
            "ports": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "address": {"type": "str"},
                    "protocol": {"type": "str", "choices": list(WITH_PORTS), "default": "tcp"},
                    "ports": {"type": "list", "elements": "str", "aliases": ["port"]},
                },
            },
            "own_addresses": {"type": "list", "elements": "str", "default": []},
            "tunnel_addresses": {"type": "list", "elements": "str", "default": []},
            "persistent": {"type": "bool", "default": False},
            "exclusive": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    done: list[Any] = []
    try:
        system = platform.system()
        method = method_of(module.params["method"], system)
        request = requested(module.params)
        if system == "Linux":
            planned: Any = plan(request, observe(module, request))
            method, reason = planned.method, planned.reason
            if not module.check_mode:
                carry_out(module, planned.operations, done)
        else:
            planned = hide(module, request, SYSTEMS[system], done)
            reason = f"{system} answers ARP for no address of the loopback interface."
    except (HideError, TaskError) as error:
        module.fail_json(msg=str(error), operations=command_lines(done))
    for warning in planned.warnings:
        module.warn(warning)
    module.exit_json(
        changed=bool(planned.operations),
        method=method,
        reason=reason,
        operations=command_lines(planned.operations),
        diff={"before": planned.before, "after": planned.after},
    )


def command_lines(operations: Sequence[Any]) -> list[str]:
    """Operations, or steps of another system, as a shell takes them."""
    return [" ".join(shlex.quote(word) for word in operation.command) for operation in operations]


if __name__ == "__main__":
    main()
