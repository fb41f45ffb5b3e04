# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Reads the host and carries operations out: the only input and output of this room, and the way of a change."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._host.links import route_interfaces_of
from ansible_collections.lvs.cluster.plugins.module_utils._host.sysctls import sysctl_text
from ansible_collections.lvs.cluster.plugins.module_utils._rules.loaders import loaders_of
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import (
    FAMILIES,
    NFTABLES,
    Programs,
    Variant,
    no_back_end,
)
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import clause
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import end as end_module
from ansible_collections.lvs.cluster.plugins.module_utils._task.lock import exclusive
from ansible_collections.lvs.cluster.plugins.module_utils._tunnel import clamp, files
from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.model import (
    SIT0,
    Clamp,
    Port,
    TunnelError,
    Wanted,
    wanted,
)
from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.plan import (
    Goal,
    Host,
    Limits,
    Operation,
    Plan,
    Seen,
    goal,
    plan,
)

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

NEEDS_ROOT = "Only root can make tunnels (capability CAP_NET_ADMIN). Run the task with become: true."
_DIRECTORIES = ["/usr/sbin", "/sbin"]
_KINDS = {"ipip", "gre", "ip6gre", "ip6tnl"}
_PRIVATE_KINDS = ("dummy", "sit", *_KINDS)
_FAMILY = {4: "ipv4", 6: "ipv6"}


def change_tunnels(module: AnsibleModule) -> None:
    """Makes the tunnels as the module's parameters say, and ends the module."""
    end_module(module, lambda: _changed_tunnels(module), needs_root=NEEDS_ROOT)


def _changed_tunnels(module: AnsibleModule) -> Mapping[str, Any]:
    request = wanted(module.params)
    if not module.check_mode:
        if os.geteuid() != 0:
            raise TunnelError(NEEDS_ROOT)
        with exclusive(name="tunnel", what="tunnels"):
            return _Run(module, request).results()
    return _Run(module, request).results()


class _Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule, request: Wanted) -> None:
        self._module = module
        module.run_command_environ_update = {"LC_ALL": "C", "LANGUAGE": "C"}
        self._ip = module.get_bin_path("ip", opt_dirs=_DIRECTORIES)
        if not self._ip:
            raise TunnelError("This host has no program ip. Install the package iproute2 (iproute on EL).")
        self._request = request
        self._done: list[Operation] = []

    def results(self) -> dict[str, Any]:
        host = self._observe()
        parameters = self._module.params
        aim = goal(
            self._request, host, present=parameters["state"] == "present", exclusive=bool(parameters["exclusive"])
        )
        is_ours_there = host.unit or any(seen.is_ours for seen in host.devices.values())
        limits = _Filters(self._module).limits(aim) if aim.clamps or is_ours_there else Limits()
        planned = plan(aim, host, limits, persistent=bool(parameters["persistent"]))
        if not self._module.check_mode:
            self._carry_out(planned)
        return {
            "changed": bool(planned.operations),
            "operations": [operation.line for operation in planned.operations],
            "devices": [each.name for each in aim.devices],
            "mss": {str(each.vip): each.mss for each in aim.clamps},
            "diff": {"before": planned.before, "after": planned.after},
        }

    def _carry_out(self, planned: Plan) -> None:
        for operation in planned.operations:
            if operation.text is not None:
                self._write(operation.command[-1], operation.text)
                self._done.append(operation)
                continue
            status, output, errors = self._module.run_command(list(operation.command))
            if status and not operation.optional:
                error = TunnelError(f"The command `{operation.line}` failed: {clause(errors or output) or status}.")
                error.results = {"operations": [done.line for done in self._done]}
                raise error
            self._done.append(operation)

    def _write(self, path: str, text: str) -> None:
        """As the command says, but at once or not at all."""
        try:
            Path(path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._module.tmpdir)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise TunnelError(f"{path} cannot be written: {error}.") from error
        self._module.atomic_move(temporary, path)
        self._module.set_mode_if_different(path, "0644", False)
        self._module.set_owner_if_different(path, "root", False)
        self._module.set_group_if_different(path, "root", False)

    def _observe(self) -> Host:
        links = json.loads(self._output("ip", "-json", "-details", "address", "show") or "[]")
        links = [link for link in links if link.get("ifname")]
        unit = _text(files.UNIT_PATH)
        vips = {str(vip) for vip in (*self._request.vips, *files.record_of(unit).wanted.vips)}
        return Host(
            devices={seen.name: seen for seen in map(_seen, links) if seen},
            ports=self._ports(),
            addresses={family: _own_addresses(links, family, vips) for family in FAMILIES},
            mtu={family: self._mtu(links, family, vips) for family in FAMILIES},
            unit=unit,
            hooks={path: _text(path) for path in files.HOOK_PATHS if os.path.lexists(path)},
            is_enabled=any(Path(files.UNIT_PATH).parent.glob(f"*.wants/{files.UNIT}")),
            is_active=self._is_active(),
            systemd=self._systemd(),
            programs=files.Programs(
                str(self._ip), self._module.get_bin_path("modprobe", opt_dirs=_DIRECTORIES) or "/sbin/modprobe"
            ),
        )

    def _ports(self) -> tuple[Port, ...]:
        """The ports of GUE. Both calls show those of both families; without fou they fail."""
        _status, output, _errors = self._module.run_command([str(self._ip), "fou", "show"])
        found = re.findall(r"^port (\d+) gue( -6)?", output, re.MULTILINE)
        return tuple(sorted({Port("ipv6" if six else "ipv4", int(number)) for number, six in found}))

    def _mtu(self, links: Iterable[dict[str, Any]], family: str, vips: set[str]) -> int:
        """The smallest MTU of the interfaces on which the tunnels' packets arrive: those of the default route."""
        option = "-4" if family == "ipv4" else "-6"
        leading = route_interfaces_of(self._output("ip", "-json", option, "route", "show", "default"))
        with_address = [link for link in links if _is_outward(link) and _addresses(link, family, vips)]
        chosen = [link["mtu"] for link in links if link["ifname"] in leading] or [link["mtu"] for link in with_address]
        return min(chosen, default=1500)

    def _systemd(self) -> str:
        if Path("/run/systemd/system").is_dir():
            return "running"
        has_it = Path(files.UNIT_PATH).parent.is_dir() and self._module.get_bin_path("systemctl")
        return "installed" if has_it else "missing"

    def _is_active(self) -> bool:
        """Whether our unit has run; nobody asks where it is not there or no systemd runs."""
        if not Path(files.UNIT_PATH).exists() or self._systemd() != "running":
            return True
        status, _output, _errors = self._module.run_command(["systemctl", "--quiet", "is-active", files.UNIT])
        return int(status) == 0

    def _output(self, *command: str) -> str:
        status, output, errors = self._module.run_command([str(self._ip), *command[1:]])
        if status:
            raise TunnelError(f"The command `{shlex.join(command)}` failed: {clause(errors or output) or status}.")
        return str(output)


class _Filters:
    """The programs that limit segments: nft, or iptables with ip6tables."""

    def __init__(self, module: AnsibleModule) -> None:
        self._programs = Programs(module, needs_root=NEEDS_ROOT)

    def limits(self, aim: Goal) -> Limits:
        """What is there, and what turns it into the goal. Raises TaskError."""
        chosen = self._chosen() if aim.clamps else ()
        if aim.clamps and not chosen:
            raise no_back_end(task="limit the segments of answers (mss)", backend="auto", complaints=self._complaints())
        there: list[Clamp | None] = []
        operations: list[Operation] = []
        commands: list[str] = []
        names: list[str] = []
        for variant in self._programs.variants:
            clamps = aim.clamps if variant == chosen else ()
            part = self._nft_limits(clamps) if variant == (NFTABLES,) else self._iptables_limits(variant, clamps)
            there += part.there
            operations += part.operations
            commands += part.unit_commands
            names += [place.program for place in variant] if clamps else []
        return Limits(tuple(there), not operations, tuple(operations), tuple(commands), loaders_of(names))

    def _chosen(self) -> Variant:
        usable = [variant for variant in self._programs.variants if not self._complaint(variant)]
        # Without nft nobody can tell whether the kernel takes what iptables writes for nf_tables.
        sure = [variant for variant in usable if variant == (NFTABLES,) or self._is_sure(variant)]
        return next(iter(sure or usable), ())

    def _is_sure(self, variant: Variant) -> bool:
        return self._programs.has("nft") or any("legacy" in place.program for place in variant)

    def _complaints(self) -> list[tuple[str, str]]:
        return [(variant[0].program, self._complaint(variant)) for variant in self._programs.variants]

    def _complaint(self, variant: Variant) -> str:
        if variant == (NFTABLES,):
            text = clamp.nft_statements([Clamp(ipaddress.ip_address("192.0.2.1"), 1400)])
            return self._programs.said(self._programs.checking(NFTABLES), "\n".join(text) + "\n")
        return next(filter(None, (self._programs.iptables_complaint(place, "mangle") for place in variant)), "")

    def _nft_limits(self, clamps: Sequence[Clamp]) -> Limits:
        status, output, _errors = self._programs.run(
            [*self._programs.command("nft"), "-j", "list", "table", "inet", clamp.TABLE]
        )
        there = () if status else tuple(clamp.nft_clamps(output))
        is_right = there == tuple(clamps) and (status != 0) == (not clamps)
        statements = "; ".join(clamp.nft_statements(clamps))
        program = self._programs.command("nft")[0]
        return Limits(
            there,
            is_right,
            () if is_right else (Operation(("nft", statements)),),
            (f"{program} '{statements}'",) if clamps else (),
        )

    def _iptables_limits(self, variant: Variant, clamps: Sequence[Clamp]) -> Limits:
        there: list[Clamp | None] = []
        operations: list[Operation] = []
        commands: list[str] = []
        for place in variant:
            rules = [clamp.iptables_rule(each) for each in clamps if _FAMILY[each.vip.version] == place.family]
            saved = ""
            if self._programs.has_table(place, "mangle", None):
                _status, saved, _errors = self._programs.run(
                    [*self._programs.command(f"{place.program}-save"), "-t", "mangle"]
                )
            found = clamp.iptables_rules(saved)
            there += [clamp.iptables_clamp(rule) for rule in found]
            operations += [
                Operation((place.program, "--wait", "-t", "mangle", *change.split()))
                for change in clamp.iptables_changes(found, rules)
            ]
            if rules:
                program = self._programs.command(place.program)[0]
                commands += [_unless_there(f"{program} --wait -t mangle", rule) for rule in rules]
        return Limits(tuple(there), not operations, tuple(operations), tuple(commands))


def _unless_there(command: str, rule: str) -> str:
    return f'/bin/sh -c "{command} -C {rule} 2>/dev/null || {command} -A {rule}"'


def _seen(link: dict[str, Any]) -> Seen | None:
    """A tunnel device with a name of ours, or sit0."""
    info = link.get("linkinfo", {})
    kind = str(info.get("info_kind", ""))
    name = str(link["ifname"])
    if name != SIT0 and not (name.startswith("lvs-") and kind in _KINDS):
        return None
    data = info.get("info_data", {})
    words = [kind] if name != SIT0 else []
    if data.get("external"):
        words += ["external"]
    elif data.get("local", "any") != "any":
        words += ["local", str(data["local"])]
    words += ["icsum"] if data.get("icsum") else []
    words += ["mode", str(data["proto"])] if kind == "ip6tnl" and "proto" in data else []
    rp_filter = sysctl_text(f"net/ipv4/conf/{name}/rp_filter")
    return Seen(
        name,
        tuple(words),
        up="UP" in link.get("flags", ()),
        is_ours=link.get("ifalias") == files.ALIAS,
        rp_filter=None if rp_filter is None else int(rp_filter),
        addresses=tuple("{}/{}".format(one.get("local"), one.get("prefixlen")) for one in link.get("addr_info", ())),
    )


def _is_outward(link: dict[str, Any]) -> bool:
    kind = link.get("linkinfo", {}).get("info_kind", "")
    return "LOOPBACK" not in link.get("flags", ()) and kind not in _PRIVATE_KINDS


def _addresses(link: dict[str, Any], family: str, vips: set[str]) -> list[str]:
    inet = "inet" if family == "ipv4" else "inet6"
    return [
        one["local"]
        for one in link.get("addr_info", ())
        if one.get("family") == inet and one.get("scope") == "global" and one.get("local") not in vips
    ]


def _own_addresses(links: Iterable[dict[str, Any]], family: str, vips: set[str]) -> tuple[str, ...]:
    return tuple(address for link in links if _is_outward(link) for address in _addresses(link, family, vips))


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise TunnelError(f"{path} cannot be read: {error}. Remove it or make it readable.") from error
