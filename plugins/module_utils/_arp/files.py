# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Our own files on a real server: what hides ARP and brings the VIPs back at boot. Text only, nothing is written here.

The unit hides (sysctls, rules), then sets the VIPs, before ``network-pre.target``, which ifupdown, systemd-networkd,
NetworkManager and netplan's renderers wait for. Where the interface with the sysctls is not there yet at that time, or
has not got its name, no VIP comes before it: the interface's own device unit starts our unit then. ``sysctl.d`` hides
again on an interface that is made anew (udev's ``99-systemd.rules``). With rules our unit comes after those that load
other people's, and loads its own again after each of these (``_rules/loaders``). The unit's section
``X-ArpHide``, which systemd skips (systemd.unit(5)), remembers what belongs to us and what the sysctls were before.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Iterable, Mapping, Tuple

from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.rules import (
    AskAs,
    Lines,
    Place,
    Redirect,
    Rule,
    Silence,
    Zone,
    arp_place,
    merged,
    place_of,
    redirect_place,
)
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import PortRange, spelled
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress
from ansible_collections.lvs.cluster.plugins.module_utils._rules import loaders

UNIT = "lvs-cluster-arp-hide.service"
UNIT_PATH = "/etc/systemd/system/" + UNIT
SYSCTL_PATH = "/etc/sysctl.d/99-lvs-cluster-arp.conf"

#: Methods that keep the VIP on the host, and those whose rules take what comes for a VIP that is not there.
ARP_IGNORE, REDIRECT, FIREWALLD = "arp_ignore", "redirect", "firewalld"
REDIRECTING = (REDIRECT, FIREWALLD)
ARP_FILTERS = ("nftables", "arptables")
#: What tells our unit that its rules may be gone.
HOOK_PATHS = loaders.every_path_beside(UNIT)
_NOTHING = "-"  # in the notes: a VIP that is not on this host

_HEAD = "# Written by the Ansible module lvs.cluster.arp_hide, which overwrites what is changed here by hand.\n"
_UNIT = """\
[Unit]
Description=VIPs of this real server (lvs.cluster)
DefaultDependencies=no
# First the answers to ARP stop, then the VIPs come, then the network. An interface that comes later starts this then.
{conditions}After=systemd-sysctl.service systemd-modules-load.service
{after}Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
{commands}
[Install]
WantedBy={wanted_by}

# What arp_hide has to know later; systemd skips this section.
[X-ArpHide]
{notes}"""


Traffic = Tuple[str, Tuple[PortRange, ...]]  # protocol and ports; no ports: all


@dataclasses.dataclass(frozen=True)
class HiddenVip:
    """A VIP, the interface that it stands on (empty: none), and how this host is kept from answering ARP for it.

    ``hidden_on`` are the interfaces with sysctls, ``asks_as`` those on which rules put the host's own address into its
    questions, each with that address. ``program`` is whose rules these are; of firewalld it names the zones.
    ``traffic`` is what is redirected.
    """

    address: IPAddress
    interface: str
    hidden_on: tuple[str, ...] = ()
    method: str = ARP_IGNORE
    program: str = ""
    asks_as: tuple[tuple[str, str], ...] = ()
    traffic: tuple[Traffic, ...] = ()

    @property
    def rules(self) -> list[Rule]:
        """What has to be in force at ``place``, as long as the VIP is held or served."""
        if self.method in REDIRECTING:
            return [Redirect(self.address, *each) for each in self.traffic]
        if self.method in ARP_FILTERS and self.address.version == 4:
            return [Silence(self.address), *(AskAs(self.address, *each) for each in self.asks_as)]
        return []

    @property
    def places(self) -> list[Place]:
        """Where the rules stand, for now; ``lasting_places`` is where they stand beside for a firewalld that starts."""
        if self.method == FIREWALLD:
            return [Zone(name) for name in self.program.split()]
        if self.method == REDIRECT:
            return [redirect_place(self.program, self.address.version)]
        return [arp_place(self.program)]

    @property
    def lasting_places(self) -> list[Place]:
        return [Zone(name, is_permanent=True) for name in self.program.split()] if self.method == FIREWALLD else []


@dataclasses.dataclass(frozen=True)
class Setting:
    """A sysctl of an interface: the value that hides, and the one that it had before."""

    interface: str
    name: str
    value: int
    previous: int


@dataclasses.dataclass(frozen=True)
class Record:
    """What belongs to us on this host beyond a reboot. ``links`` are the dummy interfaces that we made."""

    vips: tuple[HiddenVip, ...] = ()
    settings: tuple[Setting, ...] = ()
    links: tuple[str, ...] = ()

    def vip(self, address: IPAddress) -> tuple[HiddenVip, ...]:
        return tuple(vip for vip in self.vips if vip.address == address)

    def hidden_on(self) -> tuple[str, ...]:
        """Every interface on which sysctls keep ARP for one of the VIPs from being answered, sorted."""
        return tuple(sorted({interface for vip in self.vips for interface in vip.hidden_on}))

    def lines(self) -> dict[str, Lines]:
        """What our unit has to bring back at boot for these VIPs, by the keys of the places."""
        wanted: dict[str, dict[IPAddress, list[Rule]]] = {}
        for vip in self.vips:
            if vip.rules and vip.method != FIREWALLD:
                wanted.setdefault(vip.places[0].key, {})[vip.address] = vip.rules
        return {key: merged(place_of(key), (), each) for key, each in wanted.items()}


def in_order(vips: Iterable[HiddenVip]) -> tuple[HiddenVip, ...]:
    return tuple(sorted(vips, key=lambda vip: (vip.address.version, int(vip.address))))


def sysctl_name(interface: str, name: str) -> str:
    """The name of an interface's sysctl; with slashes where the interface's name has a dot (sysctl.d(5))."""
    separator = "/" if "." in interface else "."
    return separator.join(("net", "ipv4", "conf", interface, name))


def files_for(record: Record, ip_program: str, programs: Mapping[str, str] | None = None) -> dict[str, str]:
    """Path and text of the files that this record needs; none when it holds no VIP. ``programs`` are paths by name."""
    if not record.vips:
        return {}
    files = {UNIT_PATH: _unit_text(record, ip_program, programs or {})}
    files.update(loaders.files_beside(_loaders(record), UNIT, _HEAD))
    if record.settings:
        lines = [f"{sysctl_name(setting.interface, setting.name)} = {setting.value}\n" for setting in record.settings]
        files[SYSCTL_PATH] = (
            _HEAD + "# This real server must not answer ARP for its VIPs: the director does.\n" + "".join(lines)
        )
    return files


def wanted_by(record: Record) -> tuple[str, ...]:
    """The units that start ours: at boot, and the device units of the interfaces (systemd-escape(1)), sorted."""
    if not record.vips:
        return ()
    return tuple(sorted(("multi-user.target", *(_device_unit(name) for name in record.hidden_on()))))


def _loaders(record: Record) -> tuple[str, ...]:
    """The units that may take rules of this record away."""
    return loaders.loaders_of(place_of(key).program for key in record.lines())


def _device_unit(interface: str) -> str:
    return "sys-subsystem-net-devices-{}.device".format(interface.replace("-", "\\x2d"))


def _unit_text(record: Record, ip_program: str, programs: Mapping[str, str]) -> str:
    loading = [
        command
        for key, lines in sorted(record.lines().items())
        for place in [place_of(key)]
        for command in place.boot_commands(lines, programs.get(place.program, f"/usr/sbin/{place.program}"))
    ]
    commands = [_hiding_command(record, interface) for interface in record.hidden_on()]
    commands += [f"ExecStart={command}" for command in loading]
    for interface in sorted({vip.interface for vip in record.vips} - {"lo", ""}):
        alias = " alias lvs.cluster" if interface in record.links else ""
        # The dash: it may be there already.
        commands.append(f"ExecStart=-{ip_program} link add name {interface} type dummy")
        commands.append(f"ExecStart={ip_program} link set dev {interface}{alias} up")
    commands += [
        f"ExecStart={ip_program} address replace {vip.address}/{vip.address.max_prefixlen} dev {vip.interface}"
        for vip in record.vips
        if vip.interface
    ]
    commands += [f"ExecReload={command}" for command in loading]
    notes = [line for vip in record.vips for line in _notes_of(vip)]
    notes += [
        f"Sysctl={setting.interface} {setting.name} {setting.value} {setting.previous}" for setting in record.settings
    ]
    notes += [f"Link={link}" for link in record.links]
    return _HEAD + _UNIT.format(
        conditions="".join(f"ConditionPathExists=|/proc/sys/net/ipv4/conf/{name}\n" for name in record.hidden_on()),
        after=loaders.lines_after(_loaders(record)),
        commands="".join(line + "\n" for line in commands or ["ExecStart=/bin/true"]),
        wanted_by=" ".join(wanted_by(record)),
        notes="".join(line + "\n" for line in notes),
    )


def _notes_of(vip: HiddenVip) -> list[str]:
    lines = [" ".join((f"VIP={vip.address}", vip.interface or _NOTHING, *vip.hidden_on))]
    if vip.method != ARP_IGNORE:
        lines.append(" ".join((f"Method={vip.address}", vip.method, *([vip.program] if vip.program else []))))
    lines += [f"AskAs={vip.address} {interface} {own}" for interface, own in vip.asks_as]
    for protocol, ports in vip.traffic:
        lines.append(" ".join((f"Traffic={vip.address}", protocol, *map(spelled, ports))))
    return lines


def _hiding_command(record: Record, interface: str) -> str:
    """Fails, so that no VIP comes, where the interface is there and cannot be hidden on."""
    values = " && ".join(
        f"echo {setting.value} >{setting.name}" for setting in record.settings if setting.interface == interface
    )
    return f'ExecStart=/bin/sh -c "cd /proc/sys/net/ipv4/conf/{interface} 2>/dev/null || exit 0; {values}"'


def record_of(unit_text: str) -> Record:
    """The record in the text of our unit file; an empty one for no text. Raises HideError."""
    vips: dict[IPAddress, HiddenVip] = {}
    settings: list[Setting] = []
    links: list[str] = []
    ours = False
    for line in unit_text.splitlines():
        if line.startswith("["):
            ours = line == "[X-ArpHide]"
        elif ours and line and not line.startswith("#"):
            kind, _equals, rest = line.partition("=")
            words = rest.split()
            try:
                if kind == "Sysctl":
                    interface, name, value, previous = words
                    settings.append(Setting(interface, name, int(value), int(previous)))
                elif kind == "Link":
                    links.append(words[0])
                else:
                    address = ipaddress.ip_address(words[0])
                    vips[address] = _with_note(vips.get(address), kind, address, words[1:])
            except (ValueError, IndexError):
                raise HideError(
                    f"The line {line!r} in {UNIT_PATH} is not as arp_hide wrote it. Put the file back, or "
                    f"remove it together with {SYSCTL_PATH} and run this again."
                ) from None
    return Record(in_order(vips.values()), tuple(settings), tuple(links))


def _with_note(vip: HiddenVip | None, kind: str, address: IPAddress, words: list[str]) -> HiddenVip:
    """The VIP with what the line notes about it. Raises ValueError and IndexError for what is no note of ours."""
    if kind == "VIP":
        return HiddenVip(address, words[0] if words[0] != _NOTHING else "", tuple(words[1:]))
    if vip is None:
        raise ValueError(kind)
    if kind == "Method":
        return dataclasses.replace(vip, method=words[0], program=" ".join(words[1:]))
    if kind == "AskAs":
        interface, own = words
        return dataclasses.replace(vip, asks_as=(*vip.asks_as, (interface, own)))
    if kind == "Traffic":
        return dataclasses.replace(vip, traffic=(*vip.traffic, (words[0], tuple(map(_port_range, words[1:])))))
    raise ValueError(kind)


def _port_range(text: str) -> PortRange:
    first, _colon, last = text.partition(":")
    return int(first), int(last or first)
