# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Our files on the host: a unit of systemd that receives again after a reboot. Text only, nothing is written here.

It runs before ``network-pre.target``, so that nothing arrives that would be refused, and after those that load the
host's own rules, because some of these throw away all others first; what such a unit takes away later comes back by
the files beside it (``_rules/loaders``). The section ``X-Tunnel``, which systemd skips
(systemd.unit(5)), remembers what belongs to us.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Iterable, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._rules import loaders
from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.model import (
    SIT0,
    Device,
    Port,
    Tunnel,
    TunnelError,
    Wanted,
)

UNIT = "lvs-cluster-tunnel.service"
UNIT_PATH = "/etc/systemd/system/" + UNIT
#: What tells our unit that its limits may be gone.
HOOK_PATHS = loaders.every_path_beside(UNIT)
ALIAS = "lvs.cluster"
# With rp_filter 2 the kernel drops what arrives on a device without any IPv4 address (fib_validate_source). This one
# is meant for such a place: the IPv4 dummy address of RFC 7600, section 4.5. Nobody sees it.
DUMMY_ADDRESS = "192.0.0.8/32"

_HEAD = "# Written by the Ansible module lvs.cluster.tunnel, which overwrites what is changed here by hand.\n"
_UNIT = """\
[Unit]
Description=Tunnels that end on this real server (lvs.cluster)
DefaultDependencies=no
After=systemd-sysctl.service systemd-modules-load.service
{after}Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
{commands}
[Install]
WantedBy=multi-user.target

# What tunnel has to know later; systemd skips this section.
[X-Tunnel]
{notes}"""


@dataclasses.dataclass(frozen=True)
class Record:
    """What belongs to us: what was asked for, the ports of GUE that we opened, and whether we raised sit0."""

    wanted: Wanted = dataclasses.field(default_factory=Wanted)
    ports: tuple[Port, ...] = ()
    raised_sit0: bool = False


@dataclasses.dataclass(frozen=True)
class Programs:
    """Paths of the programs that the unit starts.

    ``clamps`` are its commands for the limits of segments, ``loaders`` the units that may take these away.
    """

    ip: str
    modprobe: str
    clamps: tuple[str, ...] = ()
    loaders: tuple[str, ...] = ()


def device_commands(device: Device) -> list[tuple[str, ...]]:
    """What makes the device ready, in this order. It rises last, when nothing that it takes is lost any more."""
    name = device.name
    if device.name == SIT0:
        # It gives itself an IPv6 address for every IPv4 address of the host, and a route, which nobody needs here.
        return [("ip", "link", "set", "dev", name, "up"), ("ip", "-6", "address", "flush", "dev", name)]
    return [
        ("ip", "link", "add", "name", name, "type", *device.words),
        ("sysctl", "-w", f"net.ipv4.conf.{name}.rp_filter=2"),
        ("ip", "address", "replace", DUMMY_ADDRESS, "dev", name, "scope", "host"),
        ("ip", "link", "set", "dev", name, "alias", ALIAS, "up"),
    ]


def port_command(port: Port, action: str = "add") -> tuple[str, ...]:
    family = ("-6",) if port.family == "ipv6" else ()
    words = ("port", str(port.number), "gue") if action == "add" else ("port", str(port.number))
    return ("ip", *family, "fou", action, *words)


def unit_text(record: Record, devices: Iterable[Device], ports: Sequence[Port], programs: Programs) -> str:
    """The text of the unit."""
    devices = tuple(devices)
    lines = [f"ExecStart={command}" for command in programs.clamps]
    modules = [
        name for name, needed in (("fou", ports), (SIT0[:-1], SIT0 in {each.name for each in devices})) if needed
    ]
    if modules:
        lines.append("ExecStart=-" + " ".join((programs.modprobe, "-a", *modules)))
    # The dash: it may be there already.
    lines += [_line(command, programs.ip) for device in devices for command in device_commands(device)]
    lines += ["ExecStart=-" + " ".join((programs.ip, *port_command(port)[1:])) for port in ports]
    lines += [f"ExecReload={command}" for command in programs.clamps]
    notes = [f"Tunnel={each.type} {each.family} {each.port} {each.checksum}" for each in record.wanted.tunnels]
    notes += [f"VIP={vip}" for vip in record.wanted.vips]
    notes += [f"MSS={'auto' if record.wanted.mss is None else record.wanted.mss}"]
    notes += [f"Port={port.family} {port.number}" for port in record.ports]
    notes += ["Raised=sit0"] if record.raised_sit0 else []
    return _HEAD + _UNIT.format(
        after=loaders.lines_after(programs.loaders),
        commands="".join(line + "\n" for line in lines),
        notes="".join(line + "\n" for line in notes),
    )


def hooks(programs: Programs) -> dict[str, str]:
    """Path and text of the files that have the unit reloaded when the limits may be gone."""
    return loaders.files_beside(programs.loaders, UNIT, _HEAD)


def _line(command: tuple[str, ...], ip_program: str) -> str:
    if command[0] == "sysctl":
        path, _equals, value = command[2].partition("=")
        return f'ExecStart=/bin/sh -c "echo {value} >/proc/sys/{path.replace(".", "/")}"'
    dash = "-" if command[1:3] == ("link", "add") else ""
    return f"ExecStart={dash}" + " ".join((ip_program, *command[1:]))


def record_of(text: str) -> Record:
    """The record in the text of our unit; an empty one for no text. Raises TunnelError."""
    notes: dict[str, list[str]] = {}
    for line in text.partition("[X-Tunnel]\n")[2].splitlines():
        key, _equals, value = line.partition("=")
        notes.setdefault(key, []).append(value)
    try:
        tunnels = [value.split() for value in notes.get("Tunnel", ())]
        mss = notes.get("MSS", ["auto"])[0]
        return Record(
            Wanted(
                tuple(Tunnel(kind, family, int(port), checksum) for kind, family, port, checksum in tunnels),
                tuple(ipaddress.ip_address(value) for value in notes.get("VIP", ())),
                None if mss == "auto" else int(mss),
            ),
            tuple(Port(family, int(number)) for family, number in map(str.split, notes.get("Port", ()))),
            bool(notes.get("Raised")),
        )
    except ValueError:
        raise TunnelError(
            f"The section X-Tunnel of {UNIT_PATH} is not as the module tunnel wrote it. Put the file back, or remove "
            "it together with the devices whose names begin with lvs-, and run this again."
        ) from None
