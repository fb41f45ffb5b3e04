# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Which method hides which VIP, and why. Pure: what had to be tried on the host is in ``Host.trials``."""

from __future__ import annotations

from typing import Iterable, Mapping, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._arp import arp_ignore, firewalld, rules
from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import (
    ARP_FILTERS,
    ARP_IGNORE,
    FIREWALLD,
    REDIRECT,
    REDIRECTING,
    HiddenVip,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import PRIVATE_KINDS, Host, Request
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress

#: Programs that can do it, the first that works is used.
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "nftables": ("nft",),
    "arptables": ("arptables", "arptables-nft", "arptables-legacy"),
    FIREWALLD: ("firewall-cmd",),
    REDIRECT: ("nft", "iptables", "iptables-nft", "iptables-legacy"),
}
_PACKAGES = {"nftables": "nftables", "arptables": "arptables", REDIRECT: "nftables or iptables", FIREWALLD: "firewalld"}
_ARPTABLES_SERVICE = (
    "The service arptables of this host puts the rules of /etc/sysconfig/arptables in the place of all others when it "
    "starts, and removes all when it stops; then this host would answer ARP for the VIPs."
)


class Hiding(NamedTuple):
    """A method, and the program whose rules it needs; of firewalld the zones."""

    method: str
    program: str = ""


class Choice(NamedTuple):
    """How each VIP is to be hidden; the method for a VIP that is new, and why it is that one."""

    hidings: Mapping[IPAddress, Hiding]
    method: str
    reason: str


def to_try(request: Request, host: Host) -> tuple[str, ...]:
    """The methods of which has to be known whether they work on this host."""
    if not request.present or not request.vips or request.method == ARP_IGNORE:
        return ()
    if request.method != "auto":
        return (request.method,)
    noted = {known.method for vip in request.vips for known in host.record.vip(vip)} - {ARP_IGNORE}
    new = [vip for vip in request.vips if not _well_in_force(vip, request, host)]
    needed = {*noted, *(_fallbacks(request) if _against_arp_ignore(new, request, host) else ())}
    return tuple(method for method in PROGRAMS if method in needed)


def _fallbacks(request: Request) -> tuple[str, ...]:
    """Methods where arp_ignore cannot be, the best first. firewalld knows its own rules, if it is told the ports."""
    every = [traffic for vip in request.vips for traffic in request.traffic_of(vip) or (("", ()),)]
    named = [FIREWALLD] if all(ports for _protocol, ports in every) else []
    return ("nftables", "arptables", *(() if request.tunnel_vips else (*named, REDIRECT)))


def _is_undone(vips: Iterable[IPAddress], method: str, request: Request, host: Host) -> bool:
    """Whether these VIPs are to last over a reboot, and somebody removes the method's rules then."""
    return (
        method == "arptables"
        and host.has_arptables_service
        and (request.persistent or any(host.record.vip(vip) for vip in vips))
    )


def _is_useless(vip: IPAddress, method: str, request: Request, host: Host) -> bool:
    return (method in REDIRECTING and vip in request.tunnel_vips) or _is_undone([vip], method, request, host)


def _refuse(request: Request, host: Host) -> None:
    """Raises HideError for a method that was asked for and cannot do it on any host like this one."""
    if request.method in REDIRECTING and request.tunnel_vips:
        named = ", ".join(map(str, request.tunnel_vips))
        # nf_nat_redirect.c takes an address of the interface on which the packet arrives, and without one drops it.
        raise HideError(
            f"method: {request.method} is not for {named}, whose packets come out of a tunnel: they would be taken for "
            "the dummy address of the tunnel's interface, and their answers would offer segments that do not fit into "
            "it. Use arp_ignore, nftables or arptables."
        )
    if _is_undone(request.vips, request.method, request, host):
        raise HideError(
            f"method: {_ARPTABLES_SERVICE} Take it away (systemctl disable --now arptables), or use arp_ignore or "
            "nftables."
        )


def programs_to_try(method: str, host: Host) -> tuple[str, ...]:
    """The programs of the method, those first that hold rules of ours, or that are noted."""
    noted = {known.program for known in host.record.vips if known.method == method}
    return tuple(sorted(PROGRAMS[method], key=lambda each: not (each in noted or _holds(method, each, host))))


def _holds(method: str, program: str, host: Host) -> bool:
    if method == FIREWALLD:
        return any(key.startswith(rules.FIREWALLD) for key in host.rules)
    places = [rules.arp_place(program)]
    if method == REDIRECT:
        places = [rules.redirect_place(program, version) for version in (4, 6)]
    return any(place.key in host.rules for place in places)


def choose(request: Request, host: Host) -> Choice:
    """How the VIPs of the request are to be hidden. Raises HideError when nothing works."""
    if not request.vips:
        # Whoever names a method for many hosts names it for those that hold nothing, too.
        return Choice({}, request.method, "There is nothing to hide.")
    _refuse(request, host)
    if request.method == ARP_IGNORE:
        return _same(request, Hiding(ARP_IGNORE), "It was asked for.")
    if request.method != "auto":
        program = _working(request.method, host)
        if not program:
            raise HideError(f"method: {_complaint(request.method, host)}")
        return Choice(_hidings(request.vips, request.method, program, host), request.method, "It was asked for.")
    kept = {vip: found for vip in request.vips for found in [_kept(vip, request, host)] if found}
    new = [vip for vip in request.vips if vip not in kept]
    if kept and not new:
        first = kept[request.vips[0]]
        named = ", ".join(map(str, kept))
        verb = "is" if len(kept) == 1 else "are"
        return Choice(kept, first.method, f"{named} {verb} hidden already, and what hides works.")
    against = _against_arp_ignore(new, request, host)
    if not against:
        reason = "The kernel's own settings can be set here, and need no rules that somebody else could remove."
        method = program = ARP_IGNORE
    else:
        method, program, reason = _fallback(against, request, host)
    return Choice({**kept, **_hidings(new, method, program, host)}, method, reason)


def _hidings(vips: Iterable[IPAddress], method: str, program: str, host: Host) -> dict[IPAddress, Hiding]:
    if method == ARP_IGNORE:
        return dict.fromkeys(vips, Hiding(ARP_IGNORE))
    if method == FIREWALLD:
        return {vip: Hiding(method, " ".join(firewalld.zones_for(vip, host))) for vip in vips}
    return dict.fromkeys(vips, Hiding(method, program))


def _same(request: Request, hiding: Hiding, reason: str) -> Choice:
    return Choice(dict.fromkeys(request.vips, hiding), hiding.method, reason)


def _fallback(against: list[str], request: Request, host: Host) -> tuple[str, str, str]:
    """Method, program and why."""
    complaints = list(against)
    for method in _fallbacks(request):
        program = _working(method, host)
        if _is_undone(request.vips, method, request, host):
            complaints.append(_ARPTABLES_SERVICE)
            continue
        if program:
            return method, program, f"{' '.join(complaints)} {method} works, with {program}."
        complaints.append(_complaint(method, host))
    raise HideError(f"method: no method works on this host. {' '.join(complaints)}")


def _working(method: str, host: Host) -> str:
    return next((each for each in programs_to_try(method, host) if host.trials.get((method, each)) == ""), "")


def _complaint(method: str, host: Host) -> str:
    said = [f"{program}: {why}" for (tried, program), why in host.trials.items() if tried == method and why]
    what = {REDIRECT: "redirect packets", FIREWALLD: "redirect packets with firewalld"}.get(
        method, f"hide VIPs with {method}"
    )
    return (
        f"This host cannot {what} ({'; '.join(said) or 'no program for it is installed'}). Install the package "
        f"{_PACKAGES[method]}, with a kernel that has it, or choose another method."
    )


def _against_arp_ignore(vips: Iterable[IPAddress], request: Request, host: Host) -> list[str]:
    """Sentences about what keeps arp_ignore from hiding these VIPs."""
    interfaces = tuple(sorted({name for vip in vips for name in arp_ignore.interfaces_for(vip, host)}))
    found = arp_ignore.mistakes(interfaces, host)
    lasting = interfaces if request.persistent else ()
    if not host.sysctls_writable and arp_ignore.hide_on(interfaces, host, lasting=lasting):
        found.append("/proc/sys cannot be written here, as in most containers, so arp_ignore cannot be set.")
    return found


def _kept(vip: IPAddress, request: Request, host: Host) -> Hiding | None:
    """What hides the VIP, or is noted to do so, if it works."""
    for noted in host.record.vip(vip):
        program = "firewall-cmd" if noted.method == FIREWALLD else noted.program
        works = noted.method in PROGRAMS and host.trials.get((noted.method, program)) == ""
        if works and not _is_useless(vip, noted.method, request, host):
            return _hidings([vip], noted.method, noted.program, host)[vip]
    found = _well_in_force(vip, request, host)
    if found and found.method == ARP_IGNORE and _against_arp_ignore([vip], request, host):
        return None
    return found


def _well_in_force(vip: IPAddress, request: Request, host: Host) -> Hiding | None:
    """What hides the VIP now, if it may stay so."""
    found = _in_force(vip, host)
    return None if found and _is_useless(vip, found.method, request, host) else found


def _in_force(vip: IPAddress, host: Host) -> Hiding | None:
    """What hides the VIP now: rules, or the sysctls; nothing for a VIP that this host does not hold."""
    noted = host.record.vip(vip)
    if any(each.method in PROGRAMS and is_in_force(each, host) for each in noted):
        return _hidings([vip], noted[0].method, noted[0].program, host)[vip]
    held = any(link.kind in PRIVATE_KINDS for link, _address in host.places_of(vip))
    key = rules.silenced(host.rules, vip) if held else None
    if key:
        return Hiding("nftables", "nft") if key.startswith("nft") else Hiding("arptables", key)
    key = None if held else rules.redirected(host.rules, vip)
    if key and key.startswith(rules.FIREWALLD):
        return Hiding(FIREWALLD, " ".join(firewalld.zones_for(vip, host)))
    if key:
        return Hiding(REDIRECT, "nft" if key.startswith("nft") else key.replace("ip6", "ip", 1))
    return Hiding(ARP_IGNORE) if held and arp_ignore.hides(vip, host) else None


def is_in_force(vip: HiddenVip, host: Host) -> bool:
    """Whether every rule that the VIP needs is there."""
    if vip.method in ARP_FILTERS and vip.address.version == 6:
        return True
    return all(
        place.in_force(host.rules.get(place.key, ()), rule)
        for place in [*vip.places, *vip.lasting_places]
        for rule in vip.rules
    )
