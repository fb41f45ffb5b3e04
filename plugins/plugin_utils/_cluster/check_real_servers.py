# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real servers: the VIPs that they hide, and what listens there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .finding import Finding
from .mistakes import listed
from .observed import (
    ANY_ADDRESS,
    KUBE_PROXY,
    SeenHost,
    ServiceKey,
    Values,
    checked_port,
    forwarding_of,
    is_ftp_data,
    is_mark,
    key_of,
    key_text,
    normal,
    version_of,
    vips_of,
)
from .view import View


def check_hidden_vips(view: View) -> Iterator[Finding]:
    for host in view.real_servers:
        if not host.was_read:
            continue
        vips = [normal(vip) for vip in host.wanted.get("realserver_linux_vips") or ()]
        missing = [vip for vip in vips if not host.places_of(vip) and not host.redirects(vip)]
        if missing:
            yield Finding(
                host.name,
                f"It does not have {listed(missing, 'and')}, so it throws the packets away that a director sends it.",
                "The VIP, or the rule that redirects it, was removed or did not come back after a reboot.",
                "Run site.yml again.",
                breaks=view.services_on(missing) & view.services_of(host.name),
            )
        for vip in vips:
            for place in host.places_of(vip):
                yield from _misplaced_vip(view, host, vip, place)


def _misplaced_vip(view: View, host: SeenHost, vip: str, place: Values) -> Iterator[Finding]:
    interface, prefix = place.get("interface"), int(place.get("prefix") or 0)
    full = 32 if version_of(vip) == 4 else 128
    breaks = view.services_on([vip])
    tunnels = {tunnel.get("interface") for tunnel in host.tunnels}
    if interface not in tunnels and not host.is_private(str(interface)):
        yield Finding(
            host.name,
            f"{vip} is on {interface}, where this host answers ARP and neighbour solicitations for it.",
            "It was added by hand or by the host's own network configuration.",
            f"Run ip address del {vip}/{prefix} dev {interface}, then site.yml again: it belongs on lo.",
            breaks=breaks,
            answering=frozenset([host.name]),
        )
    elif prefix != full:
        yield Finding(
            host.name,
            f"{vip} has the prefix length {prefix} instead of {full}, so the host takes the whole subnet for its own.",
            "It was added by hand or by the host's own network configuration.",
            f"Run ip address del {vip}/{prefix} dev {interface}, then site.yml again.",
            breaks=breaks,
        )


def check_arp_hiding(view: View) -> Iterator[Finding]:
    """For IPv4 only: Linux answers neighbour solicitations just for addresses of the interface that they come to.

    A VIP that rules hide or redirect needs no sysctls, nor does one that the host does not have.
    """
    for host in view.real_servers:
        vips = [
            vip
            for vip in map(normal, host.wanted.get("realserver_linux_vips") or ())
            if version_of(vip) == 4 and vip not in host.hidden and host.places_of(vip)
        ]
        if not host.was_read or not vips:
            continue
        tunnels = {str(tunnel.get("interface")) for tunnel in host.tunnels}
        for name in sorted({name for vip in vips for name in view.asked_interfaces(host, vip)} - tunnels):
            interface = host.interfaces.get(name, {})
            # The kernel takes the larger of all and the interface.
            ignore = max(host.arp_ignore_all, int(interface.get("arp_ignore") or 0))
            announce = max(host.arp_announce_all, int(interface.get("arp_announce") or 0))
            wrong = []
            if ignore == 0:
                wrong.append("arp_ignore is 0, so this host answers ARP for the VIP")
            elif 3 <= ignore <= 7:
                wrong.append(f"arp_ignore is {ignore}, which does not hide the VIP")
            elif ignore == 8:
                wrong.append("arp_ignore is 8, so this host answers ARP not even for its own address")
            if announce != 2:
                wrong.append(f"arp_announce is {announce}, so its own ARP requests may carry the VIP")
            if wrong:
                yield Finding(
                    host.name,
                    f"On {name} {listed(wrong, 'and')} (the larger of all and {name} counts).",
                    "The sysctl, or the rule that hides the VIP, was changed or did not come back after a reboot.",
                    f"Run site.yml again, which sets net.ipv4.conf.{name}.arp_ignore=1 and arp_announce=2, or brings "
                    "the rule back; then clear the neighbours' caches (ip neigh flush).",
                    breaks=view.services_on(vips),
                    answering=frozenset([host.name]),
                )


def check_balancing(view: View) -> Iterator[Finding]:
    """A service of its own on a VIP takes what a director sends it, and balances it once more.

    kube-proxy is meant to, where the VIP is a Kubernetes service's: then it holds the VIP, too.
    """
    for host in view.real_servers:
        described = view.services_of(host.name)
        held = [normal(vip) for vip in host.wanted.get("realserver_linux_vips") or ()]
        vips = [vip for vip in held if all(place.get("interface") != KUBE_PROXY for place in host.places_of(vip))]
        own = sorted(
            key
            for key in host.table or ()
            if not is_mark(key) and key[1] in vips and (key[2] == 0 or view.key_at(*key) in described)
        )
        if own:
            yield Finding(
                host.name,
                f"It has {listed(map(key_text, own), 'and')} in an IPVS table of its own, so it balances once more "
                "what a director sends it.",
                "A keepalived or ldirectord that runs on it, or it stayed there from when it was a director.",
                "Stop what made it (systemctl status keepalived ldirectord), then remove it with ipvsadm -D; or take "
                "the host out of the service.",
                breaks=view.services_on({key[1] for key in own}) & described,
            )


def check_listeners(view: View) -> Iterator[Finding]:
    for host in view.real_servers:
        if not host.was_read:
            continue
        vips = {normal(vip) for vip in host.wanted.get("realserver_linux_vips") or ()}
        described = vips | view.own_addresses(host.name)
        faults: dict[tuple[str, int, tuple[str, ...]], dict[str, frozenset[ServiceKey]]] = {}
        for (protocol, address, port), keys in _needed_listeners(view, host).items():
            bound = _bound_addresses(host, protocol, port)
            # With NAT, and for health checks, it is the real server's own address.
            reached = view.own_addresses(host.name) if host.redirects(address) else {address}
            if bound & {*reached, ANY_ADDRESS[version_of(address)], ANY_ADDRESS[6]}:
                continue
            needed = {address, *(vip for key in keys for vip in vips_of(view.by_key[key]) if vip in vips)}
            if bound <= described and not all(host.places_of(each) or host.redirects(each) for each in needed):
                continue  # A service that binds to the VIP cannot do so without it.
            faults.setdefault((protocol, port, tuple(sorted(bound))), {})[address] = keys
        for (protocol, port, others), lacking in faults.items():
            yield _listener_finding(view, host, protocol, port, others, lacking)


def _needed_listeners(view: View, host: SeenHost) -> dict[ServiceKey, frozenset[ServiceKey]]:
    """Protocol, address and port of what has to listen on this real server, each with the services that need it."""
    needed: dict[ServiceKey, frozenset[ServiceKey]] = {}
    for wanted in host.wanted.get("realserver_linux_listeners") or ():
        protocol, address, port = key_of(wanted)
        keys = view.services_at(host.name, protocol, address, port)
        if protocol != "sctp" and not (keys and all(is_ftp_data(view.by_key[key], port) for key in keys)):
            needed[protocol, address, port] = keys
    for key, service in view.by_key.items():
        for entry in service.get("real_servers") or ():
            port = checked_port(service, entry)
            if view.is_checked and port and entry.get("host") == host.name:
                asked = ("tcp", normal(entry["address"]), port)
                needed[asked] = needed.get(asked, frozenset()) | {key}
    return needed


def _bound_addresses(host: SeenHost, protocol: str, port: int) -> set[str]:
    return {
        normal(listener.get("address"))
        for listener in host.listeners
        if listener.get("protocol") == protocol and int(listener.get("port") or 0) == port
    }


def _listener_finding(
    view: View,
    host: SeenHost,
    protocol: str,
    port: int,
    others: Sequence[str],
    lacking: Mapping[str, frozenset[ServiceKey]],
) -> Finding:
    breaks = frozenset().union(*lacking.values())
    is_vip = bool(lacking.keys() & set(view.vips))
    own = [address for address in lacking if address not in view.vips]
    is_nat = any(forwarding == "nat" for key in breaks for forwarding in _forwardings(view.by_key[key], host.name))
    if others:
        anywhere = dict.fromkeys(ANY_ADDRESS[version_of(address)] for address in lacking)
        if is_vip:
            cause = "It is bound to one address, and with direct forwarding and tunnels packets arrive for the VIP."
        elif is_nat:
            cause = "It is bound to one address, and with NAT packets arrive for the real server's own one."
        else:
            cause = "It is bound to another address, and the health checks connect to the real server's own one."
        return Finding(
            host.name,
            f"What serves {protocol} port {port} listens on {listed(others, 'and')} only, not on "
            f"{listed(lacking, 'and')}.",
            cause,
            f"Let it listen on {listed(anywhere, 'and')} or on {listed((['the VIP'] if is_vip else []) + own, 'and')} "
            "too.",
            breaks=breaks,
        )
    needing = [address for address in lacking if address in view.vips] or own
    return Finding(
        host.name,
        f"Nothing listens on {protocol} port {port}, which {listed(needing, 'and')} needs."
        if is_vip or is_nat
        else f"Nothing listens on {protocol} port {port} of {listed(own, 'and')}, to which the health checks connect.",
        "The service is stopped, or it listens on another port.",
        f"Start it, and see it with ss -lnp '( sport = :{port} )'.",
        breaks=breaks,
    )


def _forwardings(service: Values, host: str) -> set[str]:
    return {forwarding_of(service, entry) for entry in service.get("real_servers") or () if entry.get("host") == host}
