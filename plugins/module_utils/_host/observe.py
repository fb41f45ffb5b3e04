# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Reads a host: links, routes, sockets, units, sysctls, rules. The only input of this room; nothing is written."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._host.drops import (
    Drop,
    iptables_drops,
    is_word,
    nftables_drops,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import (
    Link,
    default_routes_of,
    links_of,
    neighbours_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host.listeners import (
    in_order,
    listeners_of,
    sctp_listeners_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host.services import SHOW, service_states
from ansible_collections.lvs.cluster.plugins.module_utils._host.sysctls import sysctl_text

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class HostError(Exception):
    """What could not be read, as a sentence for the user."""


#: Settings of an interface, with how the kernel makes the one that is in effect from the interface's and that of all
#: (Documentation/networking/ip-sysctl.rst).
_LARGER = ("arp_ignore", "arp_announce", "rp_filter", "send_redirects")
_OWN = ("forwarding",)
_MOST_BYTES = 1024 * 1024  # of one file
_TUNNELS = ("ipip", "gre", "sit", "ip6tnl", "ip6gre")
#: Programs that show rules of iptables; where both kinds are there, one of them is the plain one.
_SAVING = ("iptables", "ip6tables", "iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft")


def host_state(module: AnsibleModule, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The host as lvs.cluster.host_info returns it; ``asked`` are the module's options. Raises HostError."""
    module.run_command_environ_update = {"LC_ALL": "C", "LANGUAGE": "C"}
    links = read_links(module)
    return {
        "addresses": [
            {
                "address": str(found.address.ip),
                "prefix": found.address.network.prefixlen,
                "interface": link.name,
                "family": f"ipv{found.address.version}",
            }
            for link in links
            for found in link.addresses
        ],
        "interfaces": [_interface(link) for link in links],
        "arp_ignore_all": _number("all", "arp_ignore"),
        "arp_announce_all": _number("all", "arp_announce"),
        "rp_filter_all": _number("all", "rp_filter"),
        "routes": [
            dataclasses.asdict(route)
            for version in ("4", "6")
            for route in default_routes_of(_ip(module, f"-{version}", "route", "show", "default"), f"ipv{version}")
        ],
        "tunnels": [
            {"interface": link.name, "type": link.kind, "local": link.local, "remote": link.remote, "up": link.up}
            for link in links
            if link.kind in _TUNNELS
        ],
        "neighbours": _neighbours(module, asked["neighbours"]),
        "listeners": _listeners(),
        "services": _services(module, asked["services"]),
        "sysctls": {name: sysctl_text(name) for name in asked["sysctls"]},
        "kernel_modules": _kernel_modules(asked["kernel_modules"]),
        "drops": [dataclasses.asdict(drop) for drop in _drops(module, asked["drops"])],
        "files": {entry["path"]: _lines(entry["path"], entry["words"]) for entry in asked["files"]},
        "kernel": os.uname().release,
    }


def read_links(module: AnsibleModule) -> list[Link]:
    """The interfaces with their addresses, as ip shows them. Raises HostError."""
    return links_of(_ip(module, "-details", "-statistics", "address", "show"))


def _ip(module: AnsibleModule, *words: str) -> str:
    """What ip prints as JSON. Raises HostError."""
    status, output, errors = module.run_command([ip_program(module), "-json", *words])
    if status != 0:
        raise HostError(f"The command `ip -json {' '.join(words)}` failed: {errors.strip().rstrip('.')}.")
    return str(output)


def ip_program(module: AnsibleModule) -> str:
    """The path of ip, also where PATH lacks the directories of root's programs. Raises HostError."""
    program = module.get_bin_path("ip", opt_dirs=["/usr/sbin", "/sbin"])
    if not program:
        raise HostError("This host has no program ip. Install the package iproute2 (iproute on EL) and run this again.")
    return str(program)


def _interface(link: Link) -> dict[str, Any]:
    own = {name: _number(link.name, name) for name in (*_LARGER, *_OWN)}
    return {
        "name": link.name,
        "type": link.kind,
        "mac": link.mac,
        "up": link.up,
        "arp": link.arp,
        "lower": link.lower,
        "mtu": link.mtu,
        "received_packets": link.received_packets,
        **own,
        "effective": {
            **{name: _larger(own[name], _number("all", name)) for name in _LARGER},
            **{name: own[name] for name in _OWN},
        },
    }


def _larger(own: int | None, of_all: int | None) -> int | None:
    return None if own is None else max(own, of_all or 0)


def _number(interface: str, name: str) -> int | None:
    text = sysctl_text(f"net/ipv4/conf/{interface}/{name}")
    return None if text is None else int(text)


def _listeners() -> list[dict[str, Any]]:
    found = [
        listener
        for protocol in ("tcp", "udp")
        for family in ("", "6")
        for listener in listeners_of(_text(f"/proc/net/{protocol}{family}"), protocol)
    ]
    found += sctp_listeners_of(_text("/proc/net/sctp/eps"))
    return [dataclasses.asdict(listener) for listener in in_order(found)]


def _text(path: str) -> str:
    """What a file of the kernel says; nothing where the protocol is not there."""
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _services(module: AnsibleModule, names: Sequence[str]) -> dict[str, dict[str, bool]]:
    program = module.get_bin_path(SHOW[0])
    if not names or not program:
        return service_states(names, "")
    # Without a running systemd it fails, and then no unit is active.
    _status, output, _errors = module.run_command([program, *SHOW[1:], *names])
    return service_states(names, output)


def _neighbours(module: AnsibleModule, texts: Sequence[str]) -> list[dict[str, str]]:
    if not texts:
        return []
    try:
        addresses = {ipaddress.ip_address(text) for text in texts}
    except ValueError as error:
        raise HostError(f"neighbours: {str(error).replace('does not appear to be', 'is not')}.") from error
    found = neighbours_of(_ip(module, "neighbour", "show"), addresses)
    return [dataclasses.asdict(neighbour) for neighbour in found]


def _kernel_modules(names: Sequence[str]) -> dict[str, bool]:
    """Whether each is there: loaded, or built into the kernel (then only some have a directory)."""
    builtin = ""
    if names:
        builtin = _text(f"/lib/modules/{os.uname().release}/modules.builtin").replace("-", "_")
    return {
        name: Path("/sys/module", name.replace("-", "_")).is_dir() or f"/{name.replace('-', '_')}.ko" in builtin
        for name in names
        if "/" not in name
    }


def _drops(module: AnsibleModule, words: Sequence[str]) -> list[Drop]:
    for word in words:
        if not is_word(word):
            raise HostError(
                f"drops: {word!r} is nothing to look for. Write vrrp, ipip, ipv6, gre, a port such as udp/8848, or an "
                "address."
            )
    if not words:
        return []
    found: dict[Drop, None] = {}
    for command in _SAVING:
        output = _optional(module, f"{command}-save")
        found.update(dict.fromkeys(iptables_drops(output, words, command=command.partition("-")[0])))
    by_iptables = {drop.word for drop in found}
    # What iptables has written into nf_tables, nft shows as well.
    rest = [word for word in words if word not in by_iptables]
    return [*found, *(nftables_drops(_optional(module, "nft", "list", "ruleset"), rest) if rest else ())]


def _optional(module: AnsibleModule, name: str, *words: str) -> str:
    """What a program prints; nothing where it is not there, or has nothing to show."""
    program = module.get_bin_path(name, opt_dirs=["/usr/sbin", "/sbin"])
    if not program:
        return ""
    status, output, _errors = module.run_command([program, *words])
    return str(output) if status == 0 else ""


def _lines(path: str, words: Sequence[str]) -> list[str] | None:
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            text = file.read(_MOST_BYTES)
    except OSError:
        return None
    return [line for line in text.splitlines() if not words or any(word in line for word in words)]
