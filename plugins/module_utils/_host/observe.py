# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Reads a host: addresses, listeners, services, sysctls. The only input of this room; nothing is written."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._host.links import Link, links_of
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


def host_state(module: AnsibleModule, services: Sequence[str], sysctls: Sequence[str]) -> dict[str, Any]:
    """The host as lvs.cluster.host_info returns it. Raises HostError."""
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
        "listeners": _listeners(),
        "services": _services(module, services),
        "sysctls": {name: sysctl_text(name) for name in sysctls},
        "kernel": os.uname().release,
    }


def read_links(module: AnsibleModule) -> list[Link]:
    """The interfaces with their addresses, as ip shows them. Raises HostError."""
    status, output, errors = module.run_command([ip_program(module), "-json", "-details", "address", "show"])
    if status != 0:
        raise HostError(f"The command `ip -json -details address show` failed: {errors.strip().rstrip('.')}.")
    return links_of(output)


def ip_program(module: AnsibleModule) -> str:
    """The path of ip, also where PATH lacks the directories of root's programs. Raises HostError."""
    program = module.get_bin_path("ip", opt_dirs=["/usr/sbin", "/sbin"])
    if not program:
        raise HostError("This host has no program ip. Install the package iproute2 (iproute on EL) and run this again.")
    return str(program)


def _interface(link: Link) -> dict[str, Any]:
    names = ("arp_ignore", "arp_announce", "rp_filter")
    return {"name": link.name, "mac": link.mac, "up": link.up, **{name: _number(link.name, name) for name in names}}


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
