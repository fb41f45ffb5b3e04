# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""From what is asked and what is there to operations, each with what takes it back. Pure: no input, no output.

What comes: note it, keep it for the next boot, set it. What goes: set the old route, let it be kept no longer, forget
it.
"""

from __future__ import annotations

import dataclasses
import shlex
from typing import Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._gateway import keepers
from ansible_collections.lvs.cluster.plugins.module_utils._gateway.model import (
    RECORD_PATH,
    Gateway,
    Record,
    delete_commands,
    give_back_commands,
    is_over,
    metric_of,
    set_commands,
)

_END = "LVS_CLUSTER_END_OF_FILE"
_VERSIONS = (4, 6)


@dataclasses.dataclass(frozen=True)
class Operation:
    """A command, and the lines for a shell that undo it. With ``text`` it writes a file, and ``rm`` removes one."""

    command: tuple[str, ...]
    undo: str
    text: str | None = None

    @property
    def line(self) -> str:
        return shlex.join(self.command)

    @property
    def is_route(self) -> bool:
        """Whether it changes the way of packets at once."""
        return self.command[0] == "ip"


@dataclasses.dataclass(frozen=True)
class Host:
    """A host as far as its default gateway is concerned.

    ``routes`` are the default routes of each address family, best first; ``files`` our own files and their text;
    ``connections`` what NetworkManager has in the connections that are meant, for each of its properties; a connection
    that is gone is not in it.
    """

    routes: Mapping[int, list[str]]
    record: Record = dataclasses.field(default_factory=Record)
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    connections: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    is_enabled: bool = False
    is_running: bool = True  # systemd


@dataclasses.dataclass(frozen=True)
class Goal:
    """What is to be: the record, and our files with their text."""

    record: Record
    files: Mapping[str, str]


def new_record(gateways: tuple[Gateway, ...], keeper: str, kept: str, host: Host) -> Record:
    """What has to be remembered: routes that ours takes the place of now, or took earlier."""
    replaced: list[tuple[int, str]] = []
    for gateway in gateways:
        version = gateway.address.version
        earlier = [one for one in host.record.gateways if one.address.version == version]
        if earlier:
            replaced += [(version, route) for route in host.record.replaced_routes(version)]
        else:
            replaced += [
                (version, route)
                for route in host.routes[version]
                if metric_of(route) == gateway.metric and not is_over(route, gateway)
            ]
    return Record(gateways, keeper, kept, tuple(replaced))


def plan(goal: Goal, host: Host) -> list[Operation]:
    """The operations that bring the host to the goal; none when it is there."""
    coming = [operation for path in goal.files for operation in _written(path, goal, host)]
    coming += _connection(goal.record, host, adding=True) + _unit(goal, host, adding=True)
    going: list[Operation] = []
    for version in _VERSIONS:
        coming_, going_ = _routes(version, goal.record, host)
        coming += coming_
        going += going_
    going += _connection(goal.record, host, adding=False) + _unit(goal, host, adding=False)
    going += [
        Operation(("rm", path), _restored(path, text))
        for path, text in sorted(host.files.items(), key=lambda file: file[0] == RECORD_PATH)
        if path not in goal.files
    ]
    return coming + going


def restoring(operations: list[Operation]) -> str:
    """Lines for a shell that undo all operations, whether or not they were carried out, the routes first."""
    backwards = sorted(operations, key=lambda operation: not operation.is_route)
    return "\n".join(operation.undo for operation in backwards if operation.undo)


def _written(path: str, goal: Goal, host: Host) -> list[Operation]:
    if host.files.get(path) == goal.files[path]:
        return []
    mode = mode_of(path)
    command = ("install", "-o", "root", "-g", "root", "-m", mode, "/dev/stdin", path)
    return [Operation(command, _restored(path, host.files.get(path)), goal.files[path])]


def mode_of(path: str) -> str:
    """The mode of one of our files."""
    modes = {RECORD_PATH: "0600", keepers.IF_UP_PATH: "0755", keepers.IF_PRE_UP_PATH: "0755"}
    return modes.get(path, "0644")


def _restored(path: str, text: str | None) -> str:
    if text is None:
        return f"rm -f {path}"
    directory = path.rpartition("/")[0]
    end = "" if text.endswith("\n") else "\n"
    return f"mkdir -p {directory}\ncat >{path} <<'{_END}'\n{text}{end}{_END}\nchmod {mode_of(path)} {path}"


def _routes(version: int, record: Record, host: Host) -> tuple[list[Operation], list[Operation]]:
    routes = host.routes[version]
    wanted = next((one for one in record.gateways if one.address.version == version), None)
    earlier = next((one for one in host.record.gateways if one.address.version == version), None)
    if wanted:
        commands = set_commands(wanted, routes)
        undo = _undo_routes(wanted, routes)
        if commands and earlier and earlier.metric != wanted.metric:
            commands += delete_commands(earlier, routes)
        return _as_operations(commands, undo), []
    if earlier:
        commands = give_back_commands(earlier, host.record.replaced_routes(version), routes)
        return [], _as_operations(commands, _undo_routes(earlier, routes))
    return [], []


def _as_operations(commands: list[tuple[str, ...]], undo: str) -> list[Operation]:
    return [Operation(command, undo if number == 0 else "") for number, command in enumerate(commands)]


def _undo_routes(gateway: Gateway, routes: list[str]) -> str:
    """What makes the routes with the metric of this gateway what they were."""
    same = [route for route in routes if metric_of(route) == gateway.metric]
    if not same:
        return f"ip {gateway.option} route delete {gateway.route}"
    first, *more = same
    lines = [f"ip {gateway.option} route replace {first}"]
    lines += [f"ip {gateway.option} route append {route}" for route in more]
    return "\n".join(lines)


def _connection(record: Record, host: Host, *, adding: bool) -> list[Operation]:
    wanted, earlier = _words(record), _words(host.record)
    operations = []
    for uuid, name, value in wanted if adding else earlier:
        is_there = value in host.connections.get(uuid, {}).get(name, "")
        if adding and not is_there:
            operations.append(_modified(uuid, name, value, signs="+-"))
        elif not adding and is_there and (uuid, name, value) not in wanted:
            operations.append(_modified(uuid, name, value, signs="-+"))
    return operations


def _words(record: Record) -> list[tuple[str, str, str]]:
    """Connection, property and value of each route that NetworkManager keeps."""
    if record.keeper != "networkmanager":
        return []
    return [(record.kept, *keepers.networkmanager_words(gateway)) for gateway in record.gateways]


def _modified(uuid: str, name: str, value: str, *, signs: str) -> Operation:
    command = ("nmcli", "connection", "modify", uuid, f"{signs[0]}{name}", value)
    return Operation(command, shlex.join((*command[:4], f"{signs[1]}{name}", value)))


def _unit(goal: Goal, host: Host, *, adding: bool) -> list[Operation]:
    """What systemd hears about our unit."""
    wanted, there = goal.files.get(keepers.UNIT_PATH), host.files.get(keepers.UNIT_PATH)
    reload = Operation(("systemctl", "daemon-reload"), "systemctl daemon-reload")
    if adding and wanted:
        operations = [reload] if wanted != there and host.is_running else []
        enable = Operation(("systemctl", "enable", keepers.UNIT), f"systemctl disable {keepers.UNIT}")
        return operations + ([] if host.is_enabled else [enable])
    if not adding and there and not wanted:
        disable = Operation(("systemctl", "disable", keepers.UNIT), f"systemctl enable {keepers.UNIT}")
        return [disable] if host.is_enabled else []
    return []
