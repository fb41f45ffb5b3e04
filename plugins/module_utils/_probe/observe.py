# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""From VIPs to the interfaces on which to ask for them, and to the answers."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress, Link, neighbours_of
from ansible_collections.lvs.cluster.plugins.module_utils._host.observe import HostError, ip_program, read_links
from ansible_collections.lvs.cluster.plugins.module_utils._probe.error import ProbeError
from ansible_collections.lvs.cluster.plugins.module_utils._probe.neighbours import who_has

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def neighbours(
    module: AnsibleModule, texts: Sequence[str], interface: str | None, timeout: float
) -> tuple[dict[str, list[str]], list[str]]:
    """For each address, spelled as in `texts`, who answered for it; and warnings. Raises ProbeError."""
    if not texts:
        return {}, []
    addresses = {text: _address(text) for text in dict.fromkeys(texts)}
    try:
        links = {link.name: link for link in read_links(module)}
    except HostError as error:
        raise ProbeError(str(error)) from error
    warnings: list[str] = []
    asked: dict[str, list[IPAddress]] = {}
    for address in addresses.values():
        name = interface or _interface_for(module, address, links, warnings)
        if name:
            asked.setdefault(name, []).append(address)
    found: dict[IPAddress, list[str]] = {}
    for name, group in asked.items():
        if name not in links:
            raise ProbeError(f"interface: this host has no {name}. It has {', '.join(sorted(links))}.")
        found.update(who_has(group, links[name], timeout))
    return {text: found.get(address, []) for text, address in addresses.items()}, warnings


def cached(module: AnsibleModule, texts: Sequence[str]) -> dict[str, list[str]]:
    """For each address, spelled as in `texts`, the hardware addresses in this host's own cache. Raises ProbeError."""
    if not texts:
        return {}
    addresses = {text: _address(text) for text in dict.fromkeys(texts)}
    status, output, errors = module.run_command([ip_program(module), "-json", "neighbour", "show"])
    if status != 0:
        raise ProbeError(f"The cache of neighbours cannot be read: ip neighbour show said: {errors.strip()}")
    found = neighbours_of(output, set(addresses.values()))
    return {
        text: sorted({near.mac for near in found if ipaddress.ip_address(near.address) == address})
        for text, address in addresses.items()
    }


def _address(text: str) -> IPAddress:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise ProbeError(f"addresses: {text!r} is not an IP address. Write a VIP without mask.") from None


def _interface_for(
    module: AnsibleModule, address: IPAddress, links: dict[str, Link], warnings: list[str]
) -> str | None:
    """The interface on whose network the address is; None, and a warning, where nobody can be asked for it."""
    for link in links.values():
        if any(found.address.ip == address for found in link.addresses):
            warnings.append(f"{address} stands on this host itself ({link.name}), so nobody else was asked for it.")
            return None
    status, output, errors = module.run_command([ip_program(module), "-json", "route", "get", str(address)])
    if status != 0:
        warnings.append(f"This host has no route to {address}, so nobody was asked for it ({errors.strip()}).")
        return None
    route = json.loads(output)[0]
    if "gateway" in route or "via" in route:
        warnings.append(
            f"{address} is not on a network of this host but behind a gateway, so nobody could be asked for it. Probe "
            "from a host of its network, or name the interface."
        )
        return None
    return str(route["dev"])
