# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Reads the host and carries operations out: the only input and output of this room, and the way of a change."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._gateway import keepers
from ansible_collections.lvs.cluster.plugins.module_utils._gateway.model import (
    RECORD_PATH,
    Gateway,
    GatewayError,
    Record,
    gateways,
    is_over,
    metric_of,
    record_of,
    routes_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._gateway.plan import (
    Goal,
    Host,
    Operation,
    mode_of,
    new_record,
    plan,
    restoring,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import links_of
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import clause
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import end as end_module
from ansible_collections.lvs.cluster.plugins.module_utils._task.lock import exclusive
from ansible_collections.lvs.cluster.plugins.module_utils._undo.switch import Switch

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

NEEDS_ROOT = "Only root can set the default gateway. Run this task with become: true."
PERSISTENCE = ("auto", "ifupdown", "networkd", "netplan", "networkmanager", "unit", "none")
_NETWORKD_KEEPERS = ("networkd", "netplan")
_NO_CONNECTION = 10  # exit status, nmcli(1)
_NETIF = Path("/run/systemd/netif/links")
_NETPLAN = "/run/systemd/network/10-netplan-"
_IFSTATE = Path("/run/network/ifstate")
_HEAD = "# Written by the Ansible module lvs.cluster.default_gateway"


def change_gateways(module: AnsibleModule) -> None:
    """Makes the default gateways as the module's parameters say, and ends the module."""
    end_module(module, lambda: _changed_gateways(module), needs_root=NEEDS_ROOT)


def _changed_gateways(module: AnsibleModule) -> Mapping[str, Any]:
    if os.geteuid() != 0:
        raise GatewayError(NEEDS_ROOT)  # the record is root's alone, so nobody else can even look
    if module.check_mode:
        return _Run(module).results()
    with exclusive(name="gateway", what="default gateway"):
        return _Run(module).results()


class _Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        module.run_command_environ_update = {"LC_ALL": "C", "LANGUAGE": "C"}
        self._ip = str(module.get_bin_path("ip", opt_dirs=["/usr/sbin", "/sbin"]) or "")
        if not self._ip:
            raise GatewayError("This host has no program ip. Install the package iproute2 (iproute on EL).")
        self._record = Record()

    def results(self) -> dict[str, Any]:
        parameters = self._module.params
        links = links_of(self._output("ip", "-json", "-details", "address", "show"))
        wanted = gateways(parameters, links)
        seconds = int(parameters["undo_after"])
        if not self._module.check_mode:
            Switch(self._module, "gateway").prepare(seconds=seconds)
        self._record = record_of(_text(RECORD_PATH) or "")
        keeper = self._keeper(wanted) if wanted else "none"
        if keeper == "networkmanager":
            # It knows no route of metric 0.
            wanted = tuple(dataclasses.replace(one, metric=max(1, one.metric)) for one in wanted)
        kept = self._kept(keeper, wanted)
        host = self._observe(keeper, kept)
        record = new_record(wanted, keeper, kept, host) if wanted else Record()
        goal = Goal(record, self._files(record, host))
        operations = plan(goal, host)
        undo = self._carry_out(operations, seconds)
        return {
            "changed": bool(operations),
            "operations": [operation.line for operation in operations],
            "gateways": [str(one.address) for one in wanted],
            "persistence": keeper,
            "undo": undo,
            "diff": {"before": self._shown_before(host), "after": _shown_after(goal, host)},
        }

    def _carry_out(self, operations: list[Operation], seconds: int) -> str | None:
        """Carries them out behind the switch; the name of its timer while it is armed."""
        switch = Switch(self._module, "gateway")
        is_guarded = seconds > 0 and any(operation.is_route for operation in operations)
        if is_guarded:
            switch.require()
        if self._module.check_mode:
            return switch.timer if switch.is_armed() else None
        if is_guarded:
            switch.arm(seconds=seconds, restore=restoring(operations))
        elif seconds > 0:
            switch.restart(seconds=seconds)
        done: list[str] = []
        for operation in operations:
            try:
                self._do(operation)
            except GatewayError as error:
                error.results = {"operations": done, "undo": switch.timer if switch.is_armed() else None}
                raise
            done.append(operation.line)
        return switch.timer if switch.is_armed() else None

    def _do(self, operation: Operation) -> None:
        if operation.text is not None:
            self._write(operation.command[-1], operation.text)
        elif operation.command[0] == "rm":
            _remove(operation.command[1])
        else:
            self._output(*operation.command)

    def _observe(self, keeper: str, kept: str) -> Host:
        paths = [RECORD_PATH, keepers.UNIT_PATH, keepers.IF_UP_PATH, keepers.IF_PRE_UP_PATH]
        paths += [path for path, _original, _interface in _copies(self._record) + _copies(Record((), keeper, kept))]
        texts = {path: _text(path) for path in paths}
        foreign = [
            path for path, text in texts.items() if text and path != RECORD_PATH and _HEAD not in text.split("[")[0]
        ]
        if foreign:
            raise GatewayError(
                f"The file {foreign[0]} was not written by this module. Rename it, or use persistence: none and keep "
                "the gateway yourself."
            )
        kept_by = ((keeper, kept), (self._record.keeper, self._record.kept))
        connections = {uuid: self._connection(uuid) for each, uuid in kept_by if each == "networkmanager"}
        return Host(
            routes={
                version: routes_of(self._output("ip", f"-{version}", "-oneline", "route", "show", "default"))
                for version in (4, 6)
            },
            record=self._record,
            files={path: text for path, text in texts.items() if text is not None},
            connections={uuid: found for uuid, found in connections.items() if found},
            is_enabled=any(Path(keepers.UNIT_PATH).parent.glob(f"*.wants/{keepers.UNIT}")),
            is_running=Path("/run/systemd/system").is_dir(),
        )

    def _files(self, record: Record, host: Host) -> dict[str, str]:
        """Our files for this record, the record itself first."""
        if not record.gateways:
            return {}
        files = {RECORD_PATH: record.text()}
        if record.keeper == "ifupdown":
            files[keepers.IF_PRE_UP_PATH] = keepers.if_pre_up_text(record.gateways)
            files[keepers.IF_UP_PATH] = keepers.if_up_text(record.gateways)
        elif record.keeper == "unit":
            if not (host.is_running or self._module.get_bin_path("systemctl")):
                raise GatewayError(
                    "persistence: this host has no systemd, which is to set the gateway at boot. Use persistence: none "
                    "and set it at boot by other means."
                )
            files[keepers.UNIT_PATH] = keepers.unit_text(record.gateways, self._ip)
        for path, original, interface in _copies(record):
            text = "".join((_text(each) or "").rstrip("\n") + "\n" for each in [original, *_drop_ins(original)])
            files[path] = keepers.networkd_text(text, original, record.gateways, interface)
        return files

    def _keeper(self, wanted: tuple[Gateway, ...]) -> str:
        chosen = str(self._module.params["persistence"])
        if chosen != "auto":
            return chosen
        interfaces = {one.interface for one in wanted}
        if self._record.keeper != "none" and interfaces <= {one.interface for one in self._record.gateways}:
            return self._record.keeper
        interface = wanted[0].interface
        file = self._original(interface)
        if file:
            return "netplan" if file.startswith(_NETPLAN) else "networkd"
        if self._uuid(interface):
            return "networkmanager"
        if self._module.get_bin_path("ifup", opt_dirs=["/usr/sbin", "/sbin"]) and _is_up_by_ifupdown(interface):
            return "ifupdown"
        return "unit"

    def _kept(self, keeper: str, wanted: tuple[Gateway, ...]) -> str:
        """What the keeper needs: interfaces with the files that networkd reads of them, or a connection."""
        interfaces = list(dict.fromkeys(one.interface for one in wanted))
        if keeper == "networkmanager":
            return self._kept_connection(interfaces[0])
        return self._kept_files(interfaces) if keeper in _NETWORKD_KEEPERS else ""

    def _kept_connection(self, interface: str) -> str:
        earlier = self._record
        uuid = self._uuid(interface)
        if not uuid and earlier.keeper == "networkmanager" and interface in {one.interface for one in earlier.gateways}:
            uuid = earlier.kept if self._connection(earlier.kept) else ""  # it is down now
        if not uuid:
            raise GatewayError(
                f"persistence: NetworkManager has no connection on {interface}. Use auto to see who has it, or another"
                " value."
            )
        return uuid

    def _kept_files(self, interfaces: list[str]) -> str:
        noted = {interface: original for _path, original, interface in _copies(self._record)}
        there = {interface: original for interface, original in noted.items() if Path(original).exists()}
        if there == noted and set(interfaces) <= set(there):
            return self._record.kept
        files = {interface: there.get(interface) or self._original(interface) for interface in interfaces}
        for interface, file in files.items():
            if not file:
                raise GatewayError(
                    f"persistence: systemd-networkd does not configure {interface}. Use auto to see who does, or"
                    " another value."
                )
            if not Path(file).exists():
                path = keepers.networkd_path(interface, file)
                raise GatewayError(
                    f"persistence: {file}, which describes {interface}, is gone. If another file does so now, remove"
                    f" {path}, let networkd read it (`networkctl reload`, which configures the interface anew), and run"
                    " this again."
                )
        # A gateway of another interface would come back beside ours.
        routes = routes_of(self._output("ip", "-oneline", "route", "show", "default"))
        others = {route.partition(" dev ")[2].split(" ")[0] for route in routes if metric_of(route) == 0}
        found = {**there, **{other: self._original(other) for other in sorted(others)}}
        files.update((other, file) for other, file in found.items() if other not in files and Path(file).is_file())
        return " ".join(f"{interface}={file}" for interface, file in files.items())

    def _original(self, interface: str) -> str:
        """The user's file by which networkd configures the interface; nothing when it does not.

        Until it is told, networkd goes by the file that it has read last, which may be our copy of an earlier run.
        """
        file = _networkd_file(interface)
        copies = {path: original for path, original, _interface in _copies(self._record)}
        if file in copies:
            return copies[file]
        if not file or Path(file).exists():
            return file
        return next((path for path in keepers.networkd_originals(interface, file) if Path(path).exists()), file)

    def _uuid(self, interface: str) -> str:
        """The connection that NetworkManager has on the interface, if it is one of its own."""
        program = self._module.get_bin_path("nmcli")
        if not program:
            return ""
        command = [program, "-g", "GENERAL.STATE,GENERAL.CON-UUID", "device", "show", interface]
        status, output, _errors = self._module.run_command(command)
        lines = str(output).splitlines()
        return lines[1].strip() if not status and len(lines) > 1 and "externally" not in lines[0] else ""

    def _connection(self, uuid: str) -> dict[str, str]:
        """The routes in a connection of NetworkManager; nothing when it is gone."""
        if not self._module.get_bin_path("nmcli"):
            return {}
        found: dict[str, str] = {}
        # On a busy host nmcli has been seen to say nothing of a route that was there: no answer is asked for twice.
        for name in ("ipv4.routes", "ipv6.routes") * 2:
            if not found.get(name):
                command = ["nmcli", "-g", name, "connection", "show", uuid]
                status, output, errors = self._module.run_command(command)
                if status == _NO_CONNECTION:
                    return {}
                if status:
                    raise GatewayError(
                        f"The command `{' '.join(command)}` failed: {clause(errors or output) or status}."
                    )
                found[name] = str(output).replace("\\", "").strip()
        return found

    def _shown_before(self, host: Host) -> dict[str, Any]:
        return {
            "routes": {f"ipv{version}": routes[0] for version, routes in host.routes.items() if routes},
            "files": dict(host.files),
        }

    def _output(self, *command: str) -> str:
        words = [self._ip, *command[1:]] if command[0] == "ip" else list(command)
        status, output, errors = self._module.run_command(words)
        if status:
            raise GatewayError(f"The command `{' '.join(command)}` failed: {clause(errors or output) or status}.")
        return str(output)

    def _write(self, path: str, text: str) -> None:
        try:
            Path(path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._module.tmpdir)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).chmod(int(mode_of(path), 8))
        except OSError as error:
            raise GatewayError(f"{path} cannot be written: {error}.") from error
        self._module.atomic_move(temporary, path)
        self._module.set_mode_if_different(path, mode_of(path), False)
        self._module.set_owner_if_different(path, "root", False)
        self._module.set_group_if_different(path, "root", False)


def _shown_after(goal: Goal, host: Host) -> dict[str, Any]:
    routes = {}
    for version, there in host.routes.items():
        ours = [one for one in goal.record.gateways if one.address.version == version]
        earlier = [one for one in host.record.gateways if one.address.version == version]
        left = [route for route in there if not any(is_over(route, one) for one in earlier)]
        given_back = host.record.replaced_routes(version) if earlier else []
        if ours and there and is_over(there[0], ours[0]):
            routes[f"ipv{version}"] = there[0]
        elif ours:
            routes[f"ipv{version}"] = ours[0].route
        elif given_back or left:
            routes[f"ipv{version}"] = (given_back + left)[0]
    return {"routes": routes, "files": dict(goal.files)}


def _copies(record: Record) -> list[tuple[str, str, str]]:
    """Of the files of networkd: the path of our copy, that of the original, and the interface."""
    if record.keeper not in _NETWORKD_KEEPERS:
        return []
    pairs = [one.partition("=")[::2] for one in record.kept.split()]
    return [(keepers.networkd_path(interface, original), original, interface) for interface, original in pairs]


def _networkd_file(interface: str) -> str:
    """The file by which networkd configures the interface; nothing when it does not."""
    with contextlib.suppress(OSError, ValueError):
        number = Path(f"/sys/class/net/{interface}/ifindex").read_text(encoding="ascii").strip()
        state = dict(line.partition("=")[::2] for line in (_NETIF / number).read_text(encoding="utf-8").splitlines())
        if state.get("ADMIN_STATE") in ("configured", "configuring"):
            return state.get("NETWORK_FILE", "")
    return ""


def _drop_ins(original: str) -> list[str]:
    """The drop-ins of a file of networkd, in the order in which they count (systemd.network(5))."""
    name = original.rpartition("/")[2]
    directories = ("/usr/lib/systemd/network", "/run/systemd/network", keepers.NETWORKD_DIRECTORY)
    found = {path.name: str(path) for directory in directories for path in Path(directory, f"{name}.d").glob("*.conf")}
    # Beside a copy of the same name they count by themselves.
    is_same_name = not original.startswith(keepers.NETWORKD_DIRECTORY + "/")
    return [] if is_same_name else [found[each] for each in sorted(found)]


def _is_up_by_ifupdown(interface: str) -> bool:
    text = _text(str(_IFSTATE)) or ""
    return any(line.partition("=")[0].strip() == interface for line in text.splitlines())


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise GatewayError(f"{path} cannot be read: {error}. Remove it or make it readable.") from error


def _remove(path: str) -> None:
    try:
        Path(path).unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise GatewayError(f"{path} cannot be removed: {error}.") from error
    if path == RECORD_PATH:
        with contextlib.suppress(OSError):
            Path(path).parent.rmdir()  # when nothing else of ours is in it
