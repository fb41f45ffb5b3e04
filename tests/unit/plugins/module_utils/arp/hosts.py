# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for the tests of plans, and what becomes of them."""

from __future__ import annotations

import ipaddress
import shlex
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import Host
from ansible_collections.lvs.cluster.plugins.module_utils._arp.plan import Plan
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import Link, LinkAddress

VIP = ipaddress.ip_address("192.0.2.100")
VIP6 = ipaddress.ip_address("2001:db8:2::100")


def link(name: str, *addresses: str, kind: str = "", **fields: Any) -> Link:
    private = kind in ("loopback", "dummy")
    found = tuple(
        LinkAddress(ipaddress.ip_interface(text.rstrip("s")), secondary=text.endswith("s")) for text in addresses
    )
    return Link(name=name, kind=kind, arp=not private, addresses=found, **fields)


def host(*links: Link, sysctls: dict[str, int] | None = None, **fields: Any) -> Host:
    """A host with lo and eth0 unless they are given; `sysctls` as {"eth0.arp_ignore": 1}."""
    by_name = {"lo": link("lo", "127.0.0.1/8", "::1/128", kind="loopback"), "eth0": link("eth0", "192.0.2.21/24")}
    by_name.update({one.name: one for one in links})
    values = {(name, key): 0 for name in ("all", "default", *by_name) for key in ("arp_ignore", "arp_announce")}
    for name, value in (sysctls or {}).items():
        interface, _dot, key = name.rpartition(".")
        values[interface, key] = value
    return Host(links=by_name, sysctls=values, **fields)


def done(on: Host, planned: Plan) -> Host:
    for operation in planned.operations:
        on = operation.applied(on)
    return on


def lines(planned: Plan) -> list[str]:
    return [shlex.join(operation.command) for operation in planned.operations]
