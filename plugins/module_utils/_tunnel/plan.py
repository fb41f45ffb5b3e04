# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""From what is asked and what is there to a list of operations. Pure: no input, no output.

The order is the point of it. What comes: note it, limit the segments, make the device ready, let it rise. What goes:
take the device away, then the limit, then forget it. A run that breaks off can be run again.
"""

from __future__ import annotations

import dataclasses
import shlex
from typing import Any, Iterable, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.files import (
    DUMMY_ADDRESS,
    UNIT,
    UNIT_PATH,
    Programs,
    Record,
    device_commands,
    hooks,
    port_command,
    record_of,
    unit_text,
)
from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.model import (
    SIT0,
    Clamp,
    Device,
    Port,
    TunnelError,
    Wanted,
    clamps,
    devices,
    ports,
)


@dataclasses.dataclass(frozen=True)
class Seen:
    """A tunnel device as it is. ``words`` as in Device, as far as they can be seen."""

    name: str
    words: tuple[str, ...] = ()
    up: bool = False
    is_ours: bool = False
    rp_filter: int | None = None
    addresses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Limits:
    """What limits segments on this host: the commands that turn what is there into a goal, and those of the unit.

    ``loaders`` are the units that may take away what these set.
    """

    there: tuple[Clamp | None, ...] = ()  # None: a rule of ours that is not as we write it
    is_right: bool = True
    operations: tuple[Operation, ...] = ()
    unit_commands: tuple[str, ...] = ()
    loaders: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Host:
    """A host as far as tunnels are concerned."""

    devices: Mapping[str, Seen] = dataclasses.field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    addresses: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    mtu: Mapping[str, int] = dataclasses.field(default_factory=lambda: {"ipv4": 1500, "ipv6": 1500})
    unit: str = ""
    hooks: Mapping[str, str] = dataclasses.field(default_factory=dict)
    is_enabled: bool = False
    is_active: bool = True  # where the unit is there at all
    systemd: str = "running"  # running | installed | missing
    programs: Programs = dataclasses.field(default_factory=lambda: Programs("/usr/sbin/ip", "/usr/sbin/modprobe"))

    @property
    def record(self) -> Record:
        return record_of(self.unit)


@dataclasses.dataclass(frozen=True)
class Operation:
    """A command; ``text`` is for its input. ``optional``: it may fail, because what it wants is there or gone."""

    command: tuple[str, ...]
    text: str | None = None
    optional: bool = False

    @property
    def line(self) -> str:
        return shlex.join(self.command)


@dataclasses.dataclass(frozen=True)
class Goal:
    """What is to be on the host."""

    record: Record
    devices: tuple[Device, ...]
    ports: tuple[Port, ...]
    clamps: tuple[Clamp, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done, and the parts of the host that it is about, as they are and as they will be."""

    operations: tuple[Operation, ...]
    before: dict[str, Any]
    after: dict[str, Any]


def goal(request: Wanted, host: Host, *, present: bool, exclusive: bool) -> Goal:
    """What is to be there after this call. Raises TunnelError."""
    record = host.record
    wanted = Wanted() if not present else request if exclusive else request.joined(record.wanted)
    if not wanted.tunnels:
        return Goal(Record(), (), (), ())
    needed = devices(wanted, host.addresses)
    gue = ports(wanted)
    _check(wanted, needed, host)
    opened = tuple(port for port in gue if port in record.ports or port not in host.ports)
    sit0 = host.devices.get(SIT0)
    raised = SIT0 in {each.name for each in needed} and (record.raised_sit0 or not (sit0 and sit0.up))
    return Goal(Record(wanted, opened, raised), needed, gue, clamps(wanted, host.mtu))


def _check(wanted: Wanted, needed: Sequence[Device], host: Host) -> None:
    for tunnel in wanted.tunnels:
        if tunnel.type == "gre" and tunnel.checksum != "none" and not host.addresses.get(tunnel.family):
            raise TunnelError(
                f"GRE with a checksum over {tunnel.family} ends at an address of this host, which has none of that "
                "family. Give it one, or take the checksum away."
            )
    for device in needed:
        seen = host.devices.get(device.name)
        if device.words and seen and not seen.is_ours and seen.words != device.words:
            raise TunnelError(
                f"The device {device.name} is there and was not made by this module. Rename it or remove it "
                f"(ip link delete dev {device.name}), and run this again."
            )


def plan(wanted: Goal, host: Host, limits: Limits, *, persistent: bool = True) -> Plan:
    """The operations that bring the host to the goal; none when it is there. Raises TunnelError."""
    programs = dataclasses.replace(host.programs, clamps=limits.unit_commands, loaders=limits.loaders)
    is_kept = bool(wanted.devices) and persistent
    unit = unit_text(wanted.record, wanted.devices, wanted.ports, programs) if is_kept else ""
    if unit and host.systemd == "missing":
        raise TunnelError(
            "This host has no systemd, which is to make the tunnels again at boot. Use persistent: false and run this "
            "at boot by other means."
        )
    beside = hooks(programs) if unit else {}
    coming = [] if unit == host.unit or not unit else [_install(UNIT_PATH, unit)]
    coming += [_install(path, text) for path, text in beside.items() if host.hooks.get(path) != text]
    # At once: a run that breaks off leaves nothing that systemd does not know of.
    coming += [Operation(("systemctl", "daemon-reload"))] if coming and host.systemd == "running" else []
    coming += list(limits.operations) if wanted.clamps else []
    coming += _modules(wanted, host)
    for device in wanted.devices:
        coming += _device(device, host.devices.get(device.name))
    coming += [Operation(port_command(port)) for port in wanted.ports if port not in host.ports]
    going = _going(wanted, host)
    going += [] if wanted.clamps else list(limits.operations)
    going += _beside_no_more(beside, host)
    operations = [*coming, *going, *_systemd(unit, host)]
    return Plan(
        tuple(operations),
        before=_shown_before(wanted, host, limits),
        after=_shown_after(wanted, unit, beside),
    )


def _install(path: str, text: str) -> Operation:
    return Operation(("install", "-D", "-o", "root", "-g", "root", "-m", "0644", "/dev/stdin", path), text)


def _modules(wanted: Goal, host: Host) -> list[Operation]:
    """The modules that the kernel does not load by itself."""
    missing = ["fou"] if set(wanted.ports) - set(host.ports) else []
    missing += [SIT0[:-1]] if SIT0 in {each.name for each in wanted.devices} - host.devices.keys() else []
    # They may be built into the kernel.
    return [Operation(("modprobe", "-a", *missing), optional=True)] if missing else []


def _device(device: Device, seen: Seen | None) -> list[Operation]:
    commands = device_commands(device)
    if not device.words:
        return [] if seen and seen.up else [Operation(command) for command in commands]
    if seen and seen.words != device.words:
        return [Operation(("ip", "link", "delete", "dev", device.name)), *map(Operation, commands)]
    if not seen:
        return list(map(Operation, commands))
    _add, rp_filter, address, rise = map(Operation, commands)
    missing = [] if seen.rp_filter == 2 else [rp_filter]
    missing += [] if DUMMY_ADDRESS in seen.addresses else [address]
    return [*missing, rise] if missing or not seen.up or not seen.is_ours else []


def _going(wanted: Goal, host: Host) -> list[Operation]:
    kept = {each.name for each in wanted.devices}
    going = [port_command(port, "del") for port in host.record.ports if port in host.ports and port not in wanted.ports]
    sit0 = host.devices.get(SIT0)
    if host.record.raised_sit0 and SIT0 not in kept and sit0 and sit0.up:
        going.append(("ip", "link", "set", "dev", SIT0, "down"))
    going += [
        ("ip", "link", "delete", "dev", seen.name)
        for seen in host.devices.values()
        if seen.is_ours and seen.name not in kept
    ]
    return [Operation(command) for command in going]


def _beside_no_more(beside: Mapping[str, str], host: Host) -> list[Operation]:
    """Files beside other units that are not needed any more. A folder stays where somebody else has a file in it."""
    left = [path for path in host.hooks if path not in beside]
    gone = [Operation(("rm", path)) for path in left]
    gone += [
        Operation(("rmdir", "--ignore-fail-on-non-empty", path.rpartition("/")[0]), optional=True) for path in left
    ]
    return [*gone, Operation(("systemctl", "daemon-reload"))] if gone and host.systemd == "running" else gone


def _systemd(unit: str, host: Host) -> list[Operation]:
    runs = host.systemd == "running"
    commands: list[tuple[str, ...]]
    if unit:
        commands = [] if host.is_enabled else [("systemctl", "enable", UNIT)]
        # Sets what is set already, so it proves that the next boot can; and what is active can be told of lost limits.
        commands += [("systemctl", "restart", UNIT)] if runs and (unit != host.unit or not host.is_active) else []
        return [Operation(command) for command in commands]
    if not host.unit:
        return []
    commands = [("systemctl", "disable", UNIT)] if host.is_enabled else []
    commands += [("systemctl", "stop", UNIT)] if runs else []
    commands += [("rm", UNIT_PATH)]
    commands += [("systemctl", "daemon-reload")] if runs else []
    return [Operation(command) for command in commands]


def _shown_before(wanted: Goal, host: Host, limits: Limits) -> dict[str, Any]:
    named = {each.name for each in wanted.devices} | ({SIT0} if host.record.raised_sit0 else set())
    return {
        "devices": sorted(
            seen.name for seen in host.devices.values() if seen.up and (seen.is_ours or seen.name in named)
        ),
        "ports": [_shown(port) for port in host.ports if port in (*wanted.ports, *host.record.ports)],
        "mss": {str(each.vip): each.mss for each in limits.there if each},
        "unit": host.unit,
        "beside": sorted(host.hooks),
    }


def _shown_after(wanted: Goal, unit: str, beside: Iterable[str]) -> dict[str, Any]:
    return {
        "devices": sorted(each.name for each in wanted.devices),
        "ports": [_shown(port) for port in wanted.ports],
        "mss": {str(each.vip): each.mss for each in wanted.clamps},
        "unit": unit,
        "beside": sorted(beside),
    }


def _shown(port: Port) -> str:
    return f"{port.number} {port.family}"
