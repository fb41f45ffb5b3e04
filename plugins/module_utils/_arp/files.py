# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Our own files on a real server: what hides ARP and brings the VIPs back at boot. Text only, nothing is written here.

The unit hides, then sets the VIPs, before ``network-pre.target``, which ifupdown, systemd-networkd, NetworkManager and
netplan's renderers wait for. Where the interface is not there yet at that time, or has not got its name, no VIP comes
before it: the interface's own device unit starts our unit then. ``sysctl.d`` hides again on an interface that is made
anew (udev's ``99-systemd.rules``). The unit's section ``X-ArpHide``, which systemd skips (systemd.unit(5)), remembers
what belongs to us and what the sysctls were before.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Iterable

from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress

UNIT = "lvs-cluster-arp-hide.service"
UNIT_PATH = "/etc/systemd/system/" + UNIT
SYSCTL_PATH = "/etc/sysctl.d/99-lvs-cluster-arp.conf"

_HEAD = "# Written by the Ansible module lvs.cluster.arp_hide, which overwrites what is changed here by hand.\n"
_UNIT = """\
[Unit]
Description=VIPs of this real server (lvs.cluster)
DefaultDependencies=no
# First the answers to ARP stop, then the VIPs come, then the network. An interface that comes later starts this then.
{conditions}After=systemd-sysctl.service systemd-modules-load.service
Before=network-pre.target shutdown.target
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


@dataclasses.dataclass(frozen=True)
class HiddenVip:
    """A VIP, the interface that it stands on, and the interfaces on which ARP for it is not answered."""

    address: IPAddress
    interface: str
    hidden_on: tuple[str, ...] = ()


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
        """Every interface on which ARP for one of the VIPs is not answered, sorted."""
        return tuple(sorted({interface for vip in self.vips for interface in vip.hidden_on}))


def in_order(vips: Iterable[HiddenVip]) -> tuple[HiddenVip, ...]:
    return tuple(sorted(vips, key=lambda vip: (vip.address.version, int(vip.address))))


def sysctl_name(interface: str, name: str) -> str:
    """The name of an interface's sysctl; with slashes where the interface's name has a dot (sysctl.d(5))."""
    separator = "/" if "." in interface else "."
    return separator.join(("net", "ipv4", "conf", interface, name))


def files_for(record: Record, ip_program: str) -> dict[str, str]:
    """Path and text of the files that this record needs; none when it holds no VIP."""
    if not record.vips:
        return {}
    files = {UNIT_PATH: _unit_text(record, ip_program)}
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


def _device_unit(interface: str) -> str:
    return "sys-subsystem-net-devices-{}.device".format(interface.replace("-", "\\x2d"))


def _unit_text(record: Record, ip_program: str) -> str:
    commands = [_hiding_command(record, interface) for interface in record.hidden_on()]
    for interface in sorted({vip.interface for vip in record.vips} - {"lo"}):
        alias = " alias lvs.cluster" if interface in record.links else ""
        # The dash: it may be there already.
        commands.append(f"ExecStart=-{ip_program} link add name {interface} type dummy")
        commands.append(f"ExecStart={ip_program} link set dev {interface}{alias} up")
    commands += [
        f"ExecStart={ip_program} address replace {vip.address}/{vip.address.max_prefixlen} dev {vip.interface}"
        for vip in record.vips
    ]
    notes = [" ".join((f"VIP={vip.address}", vip.interface, *vip.hidden_on)) for vip in record.vips]
    notes += [
        f"Sysctl={setting.interface} {setting.name} {setting.value} {setting.previous}" for setting in record.settings
    ]
    notes += [f"Link={link}" for link in record.links]
    return _HEAD + _UNIT.format(
        conditions="".join(f"ConditionPathExists=|/proc/sys/net/ipv4/conf/{name}\n" for name in record.hidden_on()),
        commands="".join(line + "\n" for line in commands),
        wanted_by=" ".join(wanted_by(record)),
        notes="".join(line + "\n" for line in notes),
    )


def _hiding_command(record: Record, interface: str) -> str:
    """Fails, so that no VIP comes, where the interface is there and cannot be hidden on."""
    values = " && ".join(
        f"echo {setting.value} >{setting.name}" for setting in record.settings if setting.interface == interface
    )
    return f'ExecStart=/bin/sh -c "cd /proc/sys/net/ipv4/conf/{interface} 2>/dev/null || exit 0; {values}"'


def record_of(unit_text: str) -> Record:
    """The record in the text of our unit file; an empty one for no text. Raises HideError."""
    vips: list[HiddenVip] = []
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
                if kind == "VIP":
                    vips.append(HiddenVip(ipaddress.ip_address(words[0]), words[1], tuple(words[2:])))
                elif kind == "Sysctl":
                    interface, name, value, previous = words
                    settings.append(Setting(interface, name, int(value), int(previous)))
                elif kind == "Link":
                    links.append(words[0])
                else:
                    raise ValueError(kind)
            except (ValueError, IndexError):
                raise HideError(
                    f"The line {line!r} in {UNIT_PATH} is not as arp_hide wrote it. Put the file back, or "
                    f"remove it together with {SYSCTL_PATH} and run this again."
                ) from None
    return Record(in_order(vips), tuple(settings), tuple(links))
