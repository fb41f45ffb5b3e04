# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""From what is asked and what is there to a list of operations. Pure: no input, no output.

The order is the point of it. A VIP that comes: note it, hide it, set it. A VIP that goes: take it away, then give the
sysctls back, then forget it. So at no moment the VIP shows, and a run that breaks off can be run again.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Iterable

from ansible_collections.lvs.cluster.plugins.module_utils._arp import arp_ignore as method
from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import (
    SYSCTL_PATH,
    UNIT,
    UNIT_PATH,
    HiddenVip,
    Record,
    files_for,
    in_order,
    sysctl_name,
    wanted_by,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import (
    OUR_ALIAS,
    PRIVATE_KINDS,
    AddAddress,
    AddDummy,
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


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done, and the parts of the host that it is about, as they are and as they will be."""

    operations: tuple[Operation, ...]
    before: dict[str, Any]
    after: dict[str, Any]
    warnings: tuple[str, ...] = ()


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
    coming = _coming(request, host) if request.present else ()
    going = _going(request, host)
    kept = tuple(vip for vip in coming if request.persistent or record.vip(vip.address))
    moved = {vip.address for vip in kept}
    between = _completed(in_order((*kept, *(vip for vip in record.vips if vip.address not in moved))), record, host)
    final = _completed(tuple(vip for vip in between.vips if vip.address not in going), between, host)
    _check(request, coming, host, writes_files=between.vips != record.vips)

    draft = _Draft(host)
    _keep(draft, between)
    hidden_on = tuple(sorted({interface for vip in coming for interface in vip.hidden_on}))
    for interface in sorted({vip.interface for vip in coming}):
        _make_interface(draft, interface)
    lasting = {interface for vip in kept for interface in vip.hidden_on}
    draft.do(*method.hide_on(hidden_on, draft.host, lasting=lasting))
    for vip in coming:
        _place(draft, vip)
    _take_away(draft, going, between, final)
    _remove_empty_interfaces(draft, final)
    _forget(draft, final)
    _tell_systemd(draft, unit_before=host.files.get(UNIT_PATH))

    shown_vips = tuple(vip.address for vip in coming) + going
    touched = {operation.interface for operation in draft.operations if isinstance(operation, SetSysctl)}
    interfaces = sorted(touched | set(hidden_on))
    return Plan(
        operations=tuple(draft.operations),
        before=_shown(host, shown_vips, interfaces),
        after=_shown(draft.host, shown_vips, interfaces),
        warnings=tuple(method.warnings(hidden_on, host)),
    )


def _coming(request: Request, host: Host) -> tuple[HiddenVip, ...]:
    return tuple(
        HiddenVip(
            vip,
            request.interface or _present_interface(vip, host),
            tuple(
                sorted(
                    {
                        *method.interfaces_for(vip, host),
                        *(interface for noted in host.record.vip(vip) for interface in noted.hidden_on),
                    }
                )
            ),
        )
        for vip in dict.fromkeys(request.vips)
    )


def _present_interface(vip: IPAddress, host: Host) -> str:
    """Where the VIP belongs, as noted, else where it stands, else ``lo``."""
    noted = [each.interface for each in host.record.vip(vip)]
    standing = [link.name for link, _address in host.places_of(vip) if link.kind in PRIVATE_KINDS]
    return (noted + standing + ["lo"])[0]


def _going(request: Request, host: Host) -> tuple[IPAddress, ...]:
    if not request.present:
        return tuple(dict.fromkeys(request.vips))
    if request.exclusive:
        return tuple(vip.address for vip in host.record.vips if vip.address not in request.vips)
    return ()


def _completed(vips: tuple[HiddenVip, ...], known: Record, host: Host) -> Record:
    """The record of these VIPs: with the sysctls and the dummy interfaces that they need."""
    links = {vip.interface for vip in vips} - {"lo"}
    ours = (name for name in links if name not in host.links or host.links[name].alias == OUR_ALIAS)
    return Record(vips, method.settings_for(vips, known.settings, host), tuple(sorted(ours)))


def _check(request: Request, coming: Iterable[HiddenVip], host: Host, *, writes_files: bool) -> None:
    mistakes: list[str] = []
    asked = {request.interface} if request.interface else set()
    for interface in sorted({*asked, *(vip.interface for vip in coming)}):
        check_interface_name(interface)
        link = host.links.get(interface)
        if not request.present or not link or link.kind in PRIVATE_KINDS:
            continue
        mistakes.append(
            f"interface: {interface} is neither lo nor a dummy interface, so this host would answer "
            "ARP for a VIP on it. Use lo, or a name that does not exist yet for a new dummy interface."
        )
    for vip in coming:
        mistakes += _mistakes_of_place(vip, host)
    hidden_on = sorted({interface for vip in coming for interface in vip.hidden_on})
    mistakes += method.mistakes(hidden_on, host)
    if writes_files and host.systemd == "missing":
        mistakes.append(
            "persistent: this host has no systemd, which is to bring the VIPs back at boot. Use persistent: false and "
            "run this at boot by other means."
        )
    if mistakes:
        raise HideError(" ".join(mistakes))


def _mistakes_of_place(vip: HiddenVip, host: Host) -> list[str]:
    found = []
    for link, address in host.places_of(vip.address):
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
    ipv6_of = vip.interface if vip.interface in host.links else "default"
    if vip.address.version == 6 and ipv6_of in host.without_ipv6:
        found.append(
            f"addresses: {vip.address} cannot be set on {vip.interface}, because IPv6 is off there. "
            f"Set net.ipv6.conf.{ipv6_of}.disable_ipv6 to 0."
        )
    if vip.address.version == 4 and not vip.hidden_on and not found:
        found.append(
            f"addresses: ARP for {vip.address} can arrive on no interface that is known: none has a subnet "
            "with it, and no default route leads to an Ethernet interface. Give the host an address or a default route "
            "first."
        )
    return found


def _keep(draft: _Draft, record: Record) -> None:
    """Hide first at boot too: the sysctls' file before the unit."""
    wanted = files_for(record, draft.host.ip_program)
    for path in (SYSCTL_PATH, UNIT_PATH):
        if path in wanted and draft.host.files.get(path) != wanted[path]:
            draft.do(WriteFile(path, wanted[path]))


def _forget(draft: _Draft, record: Record) -> None:
    """The unit with the VIPs goes before the sysctls' file."""
    wanted = files_for(record, draft.host.ip_program)
    if UNIT_PATH not in wanted and draft.host.enabled_by:
        draft.do(DisableUnit())
    if UNIT_PATH not in wanted and UNIT_PATH in draft.host.files and draft.host.systemd == "running":
        # Without its file it would stay active until the next boot.
        draft.do(TellSystemd(("stop", UNIT)))
    for path in (UNIT_PATH, SYSCTL_PATH):
        if path in wanted and draft.host.files.get(path) != wanted[path]:
            draft.do(WriteFile(path, wanted[path]))
        elif path not in wanted and path in draft.host.files:
            draft.do(RemoveFile(path))


def _tell_systemd(draft: _Draft, unit_before: object) -> None:
    unit = draft.host.files.get(UNIT_PATH)
    runs = draft.host.systemd == "running"
    if unit != unit_before and runs:
        draft.do(TellSystemd(("daemon-reload",)))
    if unit is not None and draft.host.enabled_by != wanted_by(draft.host.record):
        draft.do(EnableUnit(again=bool(draft.host.enabled_by)))
    if unit is not None and unit != unit_before and runs:
        # Sets what is set already, so it only proves that the next boot can.
        draft.do(TellSystemd(("restart", UNIT)))


def _make_interface(draft: _Draft, name: str) -> None:
    if name not in draft.host.links:
        draft.do(AddDummy(name), MarkLink(name))
    if not draft.host.links[name].up:
        draft.do(RaiseLink(name))


def _place(draft: _Draft, vip: HiddenVip) -> None:
    right = host_address(vip.address)
    places = draft.host.places_of(vip.address)
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


def _take_away(draft: _Draft, going: tuple[IPAddress, ...], between: Record, final: Record) -> None:
    settings = list(between.settings)
    for vip in going:
        places = [(link, address) for link, address in draft.host.places_of(vip) if link.kind in PRIVATE_KINDS]
        if places and not between.vip(vip):
            settings += method.unnoted_settings(vip, draft.host)
        for link, address in places:
            _delete_address(draft, DeleteAddress(link.name, address))
    needed = {*final.hidden_on(), *method.relied_on(draft.host)}
    draft.do(*method.give_back([setting for setting in settings if setting.interface not in needed], draft.host))


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
            for name in method.HIDING
            if (interface, name) in host.sysctls
        },
        "interfaces_made": sorted(link.name for link in host.links.values() if link.alias == OUR_ALIAS),
        "files": dict(sorted(host.files.items())),
        "enabled_at_boot": bool(host.enabled_by),
    }
