# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``firewall`` in the description says."""

from __future__ import annotations

import ipaddress
import re

from .inventory import Network
from .mistakes import shown
from .model import ACCEPTED_PROTOCOLS, DEFAULT_FIREWALL, PROTOCOLS, Accept, Firewall
from .ports import ALL_PORTS, PortRange, read_ports
from .section import Section

#: An interface, or with + at its end all whose names begin so.
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,14}|[A-Za-z0-9][A-Za-z0-9_.:-]{0,13}\+", re.ASCII)
#: What the module ``firewall`` takes.
_MOST_SYN_RATE, _MOST_SYN_BURST, _MOST_LOG_RATE = 10_000, 20_000, 1_000
#: What has no address yet, or only one on its own network, speaks from here to find its neighbours.
_NEIGHBOURS = (ipaddress.ip_network("fe80::/10"), ipaddress.ip_network("::/128"))


def read_firewall(top: Section) -> Firewall | None:
    """None: there is none. ``true`` stands for all defaults."""
    value = top.get("firewall")
    if value is None or value is False:
        return None
    if value is True:
        return DEFAULT_FIREWALL
    section = Section(
        top.mistakes,
        "firewall",
        value,
        optional=(
            "ssh",
            "ssh_port",
            "accept",
            "internal",
            "trusted_interfaces",
            "spoofed",
            "syn_rate",
            "syn_burst",
            "log_rate",
        ),
    )
    if not section.is_mapping:
        return DEFAULT_FIREWALL
    default = DEFAULT_FIREWALL
    syn_rate = section.integer(
        "syn_rate", default.syn_rate, 0, _MOST_SYN_RATE, "new connections per second and source, 0 off"
    )
    return Firewall(
        ssh=section.networks("ssh") if section.has("ssh") else default.ssh,
        ssh_port=section.integer("ssh_port", default.ssh_port, 1, 65535, "one port"),
        accept=tuple(_accepted(section)),
        internal=section.flag("internal", default.internal),
        trusted_interfaces=tuple(_interfaces(section)),
        spoofed=_spoofed(section) if section.has("spoofed") else None,
        syn_rate=syn_rate,
        syn_burst=section.integer(
            "syn_burst", 2 * syn_rate or default.syn_burst, 1, _MOST_SYN_BURST, "connections at once"
        ),
        log_rate=section.integer("log_rate", default.log_rate, 0, _MOST_LOG_RATE, "logged drops per minute, 0 off"),
    )


def _spoofed(section: Section) -> tuple[Network, ...]:
    networks = section.networks("spoofed", may_be_empty=True)
    for network in networks:
        needed = next((n for n in _NEIGHBOURS if n.version == network.version and n.overlaps(network)), None)
        if needed is not None:
            section.note(
                "spoofed",
                f"{network} has addresses of {needed}, from which IPv6 neighbours are found.",
                "Leave it out, or write smaller networks.",
            )
    return networks


def _interfaces(section: Section) -> list[str]:
    found = []
    for index, value in enumerate(section.items("trusted_interfaces", may_be_empty=True)):
        if isinstance(value, str) and _INTERFACE.fullmatch(value):
            found.append(str(value))
        else:
            section.note(
                f"trusted_interfaces[{index}]",
                f"{shown(value)} is no interface name.",
                "Write a name as ip link shows it, or tun+ for all whose names begin with tun.",
            )
    return list(dict.fromkeys(found))


def _accepted(section: Section) -> list[Accept]:
    found = []
    for index, entry in enumerate(section.items("accept", may_be_empty=True)):
        own = Section(
            section.mistakes,
            section.at(f"accept[{index}]"),
            entry,
            optional=("protocol", "ports", "from"),
        )
        if own.is_mapping:
            protocol = own.choice("protocol", "tcp", ACCEPTED_PROTOCOLS)
            sources = own.networks("from") if own.has("from") else DEFAULT_FIREWALL.ssh
            found.append(Accept(protocol, _accepted_ports(own, protocol), sources))
    return found


def _accepted_ports(own: Section, protocol: str) -> tuple[PortRange, ...]:
    if protocol in PROTOCOLS and not own.has("ports"):
        own.note("ports", "The key ports is missing.", "Add ports, or write ports: all.")
    elif protocol not in PROTOCOLS and own.has("ports"):
        own.note("ports", f"Protocol {protocol} has no ports.", "Leave ports out.")
    elif own.has("ports"):
        return read_ports(own, "ports", may_be_all=True) or ALL_PORTS
    return ALL_PORTS
