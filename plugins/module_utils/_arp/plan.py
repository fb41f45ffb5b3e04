# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""From what is asked and what is there to a list of operations. Pure: no input, no output.

The order is the point of it. A VIP that comes: note it, hide it, set it. A VIP that goes: take it away, then remove its
rules and give the sysctls back, then forget it. A VIP whose method changes: hide it the new way before the old one
ends. So at no moment the VIP shows, and a run that breaks off can be run again.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Container, Iterable, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._arp import arp_filter, arp_ignore, firewalld, rules
from ansible_collections.lvs.cluster.plugins.module_utils._arp.choose import Choice, Hiding, choose
from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError, named
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import (
    ARP_FILTERS,
    ARP_IGNORE,
    FIREWALLD,
    HOOK_PATHS,
    REDIRECTING,
    SYSCTL_PATH,
    UNIT,
    UNIT_PATH,
    HiddenVip,
    Record,
    Setting,
    Traffic,
    files_for,
    in_order,
    sysctl_name,
    wanted_by,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import (
    KUBE_PROXY,
    OUR_ALIAS,
    PRIVATE_KINDS,
    AddAddress,
    AddDummy,
    AwaitConnections,
    ChangeRules,
    DeleteAddress,
    DeleteDummy,
    DisableUnit,
    EnableUnit,
    Host,
    MarkLink,
    Operation,
    RaiseLink,
    RemoveFile,
    Request,
    SetSysctl,
    TellSystemd,
    WriteFile,
    check_interface_name,
    host_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress

EVERYTHING = ("sctp", "tcp", "udp")  # protocols that are redirected when nothing is said


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done, and the parts of the host that it is about, as they are and as they will be."""

    operations: tuple[Operation, ...]
    before: dict[str, Any]
    after: dict[str, Any]
    warnings: tuple[str, ...] = ()
    method: str = ARP_IGNORE
    reason: str = ""


class _Draft:
    """Operations so far, and the host as it is after them."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.operations: list[Operation] = []

    def do(self, *operations: Operation) -> None:
        for operation in operations:
            self.operations.append(operation)
            self.host = operation.applied(self.host)


def plan(request: Request, host: Host) -> Plan:
    """The operations that bring the host to what is asked for; none when it is there. Raises HideError."""
    record = host.record
    choice = choose(request, host) if request.present else Choice({}, *_method_of_going(request, host))
    coming = (
        tuple(_hidden_vip(vip, choice.hidings[vip], request, host) for vip in dict.fromkeys(request.vips))
        if request.present
        else ()
    )
    going = _going(request, host)
    kept = tuple(vip for vip in coming if request.persistent or record.vip(vip.address))
    moved = {vip.address for vip in kept}
    every = in_order((*kept, *(vip for vip in record.vips if vip.address not in moved)))
    between = _completed(every, record, host, unneeded=record.settings)
    final = _completed(tuple(vip for vip in between.vips if vip.address not in going), between, host)
    _check(request, coming, going, host, writes_files=between.vips != record.vips)

    draft = _Draft(host)
    _keep(draft, between)
    # A run that breaks off leaves nothing that systemd does not know of.
    _reload_systemd(draft, host.files)
    kept_files = draft.host.files
    hidden_on = tuple(sorted({interface for vip in coming for interface in vip.hidden_on}))
    for interface in sorted({vip.interface for vip in coming if vip.interface}):
        _make_interface(draft, interface, is_ours=interface in between.links)
    wanted = _wanted_rules(coming, going, {vip.address for vip in kept}, host)
    _add_rules(draft, wanted)
    lasting = {interface for vip in kept for interface in vip.hidden_on}
    draft.do(*arp_ignore.hide_on(hidden_on, draft.host, lasting=lasting))
    _await_connections(draft, coming)
    for vip in coming:
        _place(draft, vip)
    _take_away(draft, going)
    for key, lines in wanted.items():
        _change_rules(draft, key, lines)
    final = _with_relied_on(final, between, draft.host)
    _give_back(draft, (*between.settings, *_unnoted_settings(coming, going, between, host)), final)
    _remove_empty_interfaces(draft, final)
    _forget(draft, final)
    _reload_systemd(draft, kept_files)
    _start_unit(draft, unit_before=host.files.get(UNIT_PATH))

    shown_vips = tuple(vip.address for vip in coming) + going
    touched = {operation.interface for operation in draft.operations if isinstance(operation, SetSysctl)}
    interfaces = sorted(touched | set(hidden_on))
    return Plan(
        operations=tuple(draft.operations),
        before=_shown(host, shown_vips, interfaces),
        after=_shown(draft.host, shown_vips, interfaces),
        warnings=(
            *arp_ignore.warnings(hidden_on, host),
            *_warnings_of_going(going, host),
            *_warnings_of_forgotten([each for each in between.settings if each not in final.settings], draft.host),
        ),
        method=choice.method,
        reason=choice.reason,
    )


def _method_of_going(request: Request, host: Host) -> tuple[str, str]:
    """The method of the VIPs that go, as far as it can be seen."""
    found = [
        known.method
        for vip in request.vips
        for known in host.record.vip(vip)
        if request.method in ("auto", known.method)
    ]
    return (found or [request.method if request.method != "auto" else ARP_IGNORE])[0], "The VIPs are to go."


def _hidden_vip(vip: IPAddress, hiding: Hiding, request: Request, host: Host) -> HiddenVip:
    noted = host.record.vip(vip)
    away = {name for known in noted for name, _own in known.asks_as if name not in host.links}
    hidden_on = {*arp_ignore.interfaces_for(vip, host), *away, *(name for known in noted for name in known.hidden_on)}
    is_redirected = hiding.method in REDIRECTING
    return HiddenVip(
        vip,
        "" if is_redirected else request.interface or _present_interface(vip, host),
        tuple(sorted(hidden_on)) if hiding.method == ARP_IGNORE else (),
        hiding.method,
        hiding.program,
        arp_filter.asks_as(vip, host) if hiding.method in ARP_FILTERS else (),
        _traffic(vip, hiding, request, host) if is_redirected else (),
    )


def _traffic(vip: IPAddress, hiding: Hiding, request: Request, host: Host) -> tuple[Traffic, ...]:
    """What is to be redirected: as asked for, else as noted, else as it is, else everything."""
    noted = [known.traffic for known in host.record.vip(vip) if known.method == hiding.method]
    places = HiddenVip(vip, "", (), *hiding).places
    there = rules.traffic_in([line for place in places for line in host.rules.get(place.key, ())], vip)
    if hiding.method == FIREWALLD:
        return next((found for found in (request.traffic_of(vip), *noted, there) if found), ())
    everything: tuple[Traffic, ...] = tuple((protocol, ()) for protocol in EVERYTHING)
    return next(found for found in (request.traffic_of(vip), *noted, there, everything) if found)


def _present_interface(vip: IPAddress, host: Host) -> str:
    """Where the VIP belongs, as noted, else where it stands, else ``lo``."""
    noted = [each.interface for each in host.record.vip(vip) if each.interface not in ("", KUBE_PROXY)]
    standing = [link.name for link, _address in host.removable_places_of(vip) if link.kind in PRIVATE_KINDS]
    return (noted + standing + ["lo"])[0]


def _going(request: Request, host: Host) -> tuple[IPAddress, ...]:
    if not request.present:
        return tuple(dict.fromkeys(request.vips))
    if request.exclusive:
        return tuple(vip.address for vip in host.record.vips if vip.address not in request.vips)
    return ()


def _completed(vips: tuple[HiddenVip, ...], known: Record, host: Host, *, unneeded: Iterable[Setting] = ()) -> Record:
    """The record of these VIPs: with the sysctls and the dummy interfaces that they need.

    What is noted of ``unneeded`` settings stays, so that they can be given back when nothing needs them any more.
    """
    links = {vip.interface for vip in vips} - {"lo", ""}
    ours = (
        name for name in links if name not in host.links or host.links[name].alias == OUR_ALIAS or name in known.links
    )
    needed = arp_ignore.settings_for(vips, known.settings, host)
    left = tuple(setting for setting in unneeded if setting not in needed)
    return Record(vips, (*needed, *left), tuple(sorted(ours)))


def _wanted_rules(
    coming: Iterable[HiddenVip], going: Iterable[IPAddress], lasting: Container[IPAddress], host: Host
) -> dict[str, rules.Lines]:
    """What each place with rules of ours holds in the end, by its key."""
    nothing: dict[IPAddress, list[rules.Rule]] = {address: [] for address in (*(vip.address for vip in coming), *going)}
    wanted = {key: dict(nothing) for key in host.rules}
    for vip in coming:
        if vip.rules:
            for place in [*vip.places, *(vip.lasting_places if vip.address in lasting else ())]:
                wanted.setdefault(place.key, dict(nothing))[vip.address] = vip.rules
    return {
        key: rules.merged(rules.place_of(key), host.rules.get(key, ()), here) for key, here in sorted(wanted.items())
    }


def _add_rules(draft: _Draft, wanted: dict[str, rules.Lines]) -> None:
    """What is missing; what is too much goes later."""
    for key, lines in wanted.items():
        present = draft.host.rules.get(key, ())
        missing = [line for line in lines if line not in present]
        if missing:
            _change_rules(draft, key, rules.extended(rules.place_of(key), present, missing))


def _change_rules(draft: _Draft, key: str, lines: rules.Lines) -> None:
    for change in rules.place_of(key).changes(draft.host.rules.get(key, ()), lines):
        draft.do(ChangeRules(key, change))


def _unnoted_settings(
    coming: Iterable[HiddenVip], going: Iterable[IPAddress], between: Record, host: Host
) -> list[Setting]:
    """Those that a call that was not persistent made for VIPs that need them no more."""
    leaving = [vip for vip in going if not between.vip(vip)]
    leaving += [vip.address for vip in coming if vip.method != ARP_IGNORE and not host.record.vip(vip.address)]
    held = [
        vip
        for vip in leaving
        if any(link.kind in PRIVATE_KINDS for link, _address in host.removable_places_of(vip))
        and not rules.silenced(host.rules, vip)
    ]
    return [setting for vip in held for setting in arp_ignore.unnoted_settings(vip, host)]


def _check(
    request: Request, coming: Iterable[HiddenVip], going: Iterable[IPAddress], host: Host, *, writes_files: bool
) -> None:
    mistakes: list[str] = []
    asked = {request.interface} if request.interface else set()
    for interface in sorted({*asked, *(vip.interface for vip in coming if vip.interface)}):
        check_interface_name(interface)
        link = host.links.get(interface)
        if request.present and interface == KUBE_PROXY:
            mistakes.append(
                f"interface: kube-proxy removes from {KUBE_PROXY} what is not of a Kubernetes service. Use lo, or a "
                "name that does not exist yet for a new dummy interface."
            )
        if not request.present or not link or link.kind in PRIVATE_KINDS:
            continue
        mistakes.append(
            f"interface: {interface} is neither lo nor a dummy interface, so this host would answer "
            "ARP for a VIP on it. Use lo, or a name that does not exist yet for a new dummy interface."
        )
    mistakes += _mistakes_of_places(coming, host, request.tunnel_vips)
    answered = [
        vip.address for vip in coming if vip.method in REDIRECTING and _is_held_by_kube_proxy(vip.address, host)
    ]
    if answered:
        mistakes.append(
            f"method: kube-proxy holds {named(answered)} on {KUBE_PROXY}, so this host would answer ARP for it. Use "
            "method: arp_ignore, nftables or arptables."
        )
    hidden_on = sorted({interface for vip in coming for interface in vip.hidden_on})
    mistakes += arp_ignore.mistakes(hidden_on, host)
    mistakes += arp_filter.mistakes(coming)
    mistakes += firewalld.mistakes(coming, going, host)
    if writes_files and host.systemd == "missing":
        mistakes.append(
            "persistent: this host has no systemd, which is to bring the VIPs back at boot. Use persistent: false and "
            "run this at boot by other means."
        )
    if mistakes:
        raise HideError(" ".join(mistakes))


def _mistakes_of_places(vips: Iterable[HiddenVip], host: Host, tunnel_vips: Container[IPAddress]) -> list[str]:
    found = []
    without_ipv6: dict[tuple[str, str], list[IPAddress]] = {}
    unreachable = []
    for vip in vips:
        elsewhere = _mistakes_of_other_places(vip.address, host)
        found += elsewhere
        ipv6_of = vip.interface if vip.interface in host.links else "default"
        if vip.address.version == 6 and vip.interface and ipv6_of in host.without_ipv6:
            without_ipv6.setdefault((vip.interface, ipv6_of), []).append(vip.address)
        is_asked_for = vip.address.version == 6 or not vip.interface or vip.hidden_on or vip.asks_as
        # Tunnels lead through networks without ARP, too: then there is nothing to hide.
        if not is_asked_for and vip.address not in tunnel_vips and not elsewhere:
            unreachable.append(vip.address)
    for (interface, ipv6_of), addresses in without_ipv6.items():
        found.append(
            f"addresses: {named(addresses)} cannot be set on {interface}, because IPv6 is off there. "
            f"Set net.ipv6.conf.{ipv6_of}.disable_ipv6 to 0; where there is no such file, boot without ipv6.disable=1."
        )
    if unreachable:
        found.append(
            f"addresses: ARP for {named(unreachable)} can arrive on no interface that is known: none has a subnet "
            "with it, and no default route leads to an Ethernet interface. Give the host an address or a default route "
            "first, or name one of its addresses in own_addresses."
        )
    return found


def _mistakes_of_other_places(vip: IPAddress, host: Host) -> list[str]:
    found = []
    for link, address in host.places_of(vip):
        if link.kind not in PRIVATE_KINDS:
            others = [other for other in link.addresses if other.address != address]
            same_family = [other for other in others if other.address.version == address.version]
            if any(not other.address.ip.is_link_local for other in same_family):
                cause = "where it may serve as a director's VIP or as this host's own address"
            else:
                cause = "as this host's only address there"
            found.append(
                f"addresses: {address} stands on {link.name}, {cause}; a real server's VIP does not. "
                f"Remove it from {link.name} if it is left over, or take it out of addresses."
            )
    return found


def _is_held_by_kube_proxy(vip: IPAddress, host: Host) -> bool:
    return any(link.name == KUBE_PROXY for link, _address in host.places_of(vip))


def _warnings_of_going(vips: Iterable[IPAddress], host: Host) -> list[str]:
    left = [vip for vip in vips if _is_held_by_kube_proxy(vip, host)]
    sentence = (
        f"{named(left)} stays on {KUBE_PROXY}, where kube-proxy holds it for a Kubernetes service. Take it out of that "
        "service, else this host may answer ARP for it."
    )
    return [sentence] if left else []


def _warnings_of_forgotten(settings: Iterable[Setting], host: Host) -> list[str]:
    """Settings that were not given back, and that nobody remembers any more."""
    relied_on = arp_ignore.relied_on(host)
    left: dict[str, list[str]] = {}
    for each in settings:
        if each.interface in relied_on and host.sysctls.get((each.interface, each.name)) == each.value != each.previous:
            left.setdefault(each.interface, []).append(f"{sysctl_name(each.interface, each.name)}={each.previous}")
    return [
        f"{named(relied_on[interface])} may be a VIP, too, so ARP for it stays hidden on {interface}. If it is none, "
        f"run sysctl -w {' '.join(before)}."
        for interface, before in left.items()
    ]


def _keep(draft: _Draft, record: Record) -> None:
    """Hide first at boot too: the sysctls' file before the unit."""
    wanted = files_for(record, draft.host.ip_program, draft.host.programs)
    for path in (SYSCTL_PATH, UNIT_PATH, *HOOK_PATHS):
        if path in wanted and draft.host.files.get(path) != wanted[path]:
            draft.do(WriteFile(path, wanted[path]))


def _forget(draft: _Draft, record: Record) -> None:
    """The unit with the VIPs goes before the sysctls' file."""
    wanted = files_for(record, draft.host.ip_program, draft.host.programs)
    if UNIT_PATH not in wanted and draft.host.enabled_by:
        draft.do(DisableUnit())
    if UNIT_PATH not in wanted and UNIT_PATH in draft.host.files and draft.host.systemd == "running":
        # Without its file it would stay active until the next boot.
        draft.do(TellSystemd(("stop", UNIT)))
    for path in (*HOOK_PATHS, UNIT_PATH, SYSCTL_PATH):
        if path in wanted and draft.host.files.get(path) != wanted[path]:
            draft.do(WriteFile(path, wanted[path]))
        elif path not in wanted and path in draft.host.files:
            draft.do(RemoveFile(path))


def _reload_systemd(draft: _Draft, before: Mapping[str, str]) -> None:
    is_changed = any(draft.host.files.get(path) != before.get(path) for path in (UNIT_PATH, *HOOK_PATHS))
    if is_changed and draft.host.systemd == "running":
        draft.do(TellSystemd(("daemon-reload",)))


def _start_unit(draft: _Draft, unit_before: object) -> None:
    unit = draft.host.files.get(UNIT_PATH)
    runs = draft.host.systemd == "running"
    if unit is not None and draft.host.enabled_by != wanted_by(draft.host.record):
        draft.do(EnableUnit(again=bool(draft.host.enabled_by)))
    # Where none of its interfaces is there it waits for one.
    hidden_on = draft.host.record.hidden_on()
    waits = bool(hidden_on) and not any(name in draft.host.links for name in hidden_on)
    if unit is not None and runs and (unit != unit_before or not (draft.host.is_unit_active or waits)):
        # Sets what is set already, so it proves that the next boot can; and what is active can be told of lost rules.
        draft.do(TellSystemd(("restart", UNIT)))


def _make_interface(draft: _Draft, name: str, *, is_ours: bool) -> None:
    is_new = name not in draft.host.links
    if is_new:
        draft.do(AddDummy(name))
    if (is_new or is_ours) and draft.host.links[name].alias != OUR_ALIAS:
        draft.do(MarkLink(name))
    if not draft.host.links[name].up:
        draft.do(RaiseLink(name))


def _await_connections(draft: _Draft, coming: Iterable[HiddenVip]) -> None:
    """Those of VIPs that leave this host because rules redirect what comes for them."""
    leaving = tuple(vip.address for vip in coming if not vip.interface and draft.host.removable_places_of(vip.address))
    if leaving:
        draft.do(AwaitConnections(leaving))


def _place(draft: _Draft, vip: HiddenVip) -> None:
    if not vip.interface:
        _take_away(draft, (vip.address,))
        return
    right = host_address(vip.address)
    places = draft.host.removable_places_of(vip.address)
    # A wide mask makes the whole subnet local to this host; IPv6 takes no second mask beside it, so it goes first.
    for link, address in places:
        if link.name == vip.interface and address != right:
            _delete_address(draft, DeleteAddress(link.name, address))
    if not any(link.name == vip.interface and address == right for link, address in places):
        draft.do(AddAddress(vip.interface, right))
    for link, address in places:
        if link.name != vip.interface:
            _delete_address(draft, DeleteAddress(link.name, address))


def _delete_address(draft: _Draft, operation: DeleteAddress) -> None:
    before = draft.host.links[operation.interface].addresses
    draft.do(operation)
    after = {found.address for found in draft.host.links[operation.interface].addresses}
    for found in before:
        if found.address not in after and found.address != operation.address:
            # The kernel takes the secondary addresses of a subnet away with its primary one.
            draft.do(AddAddress(operation.interface, found.address))


def _take_away(draft: _Draft, vips: Iterable[IPAddress]) -> None:
    for vip in vips:
        for link, address in draft.host.removable_places_of(vip):
            if link.kind in PRIVATE_KINDS:
                _delete_address(draft, DeleteAddress(link.name, address))


def _with_relied_on(final: Record, between: Record, host: Host) -> Record:
    """With the settings that nobody who is noted needs, and that stay for other VIPs: some call gives them back yet."""
    relied_on = arp_ignore.relied_on(host) if final.vips else ()
    stay = [each for each in between.settings if each.interface in relied_on and each not in final.settings]
    return dataclasses.replace(final, settings=(*final.settings, *stay))


def _give_back(draft: _Draft, settings: Iterable[Setting], final: Record) -> None:
    needed = {*final.hidden_on(), *arp_ignore.relied_on(draft.host)}
    draft.do(*arp_ignore.give_back([setting for setting in settings if setting.interface not in needed], draft.host))


def _remove_empty_interfaces(draft: _Draft, record: Record) -> None:
    needed = {vip.interface for vip in record.vips}
    for link in list(draft.host.links.values()):
        empty = all(found.address.ip.is_link_local for found in link.addresses)
        if link.kind == "dummy" and link.alias == OUR_ALIAS and empty and link.name not in needed:
            draft.do(DeleteDummy(link.name))


def _shown(host: Host, vips: Iterable[IPAddress], interfaces: Iterable[str]) -> dict[str, Any]:
    return {
        "addresses": sorted(f"{address} dev {link.name}" for vip in vips for link, address in host.places_of(vip)),
        "sysctls": {
            sysctl_name(interface, name): host.sysctls[interface, name]
            for interface in interfaces
            for name in arp_ignore.HIDING
            if (interface, name) in host.sysctls
        },
        "rules": {key: list(lines) for key, lines in sorted(host.rules.items())},
        "interfaces_made": sorted(link.name for link in host.links.values() if link.alias == OUR_ALIAS),
        "files": dict(sorted(host.files.items())),
        "enabled_at_boot": bool(host.enabled_by),
    }
