# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""FTP: the key ``helper`` of a service, and whether data connections find the real server of their dialogue.

Beside the dialogue on port 21 there is a connection for each file: passive from the client to a port that the real
server names, active from the real server's port 20 to a port that the client names (RFC 959). By NAT a helper reads
along, writes the VIP into the dialogue and lets these connections through. By direct routing and tunnel what the client
sends goes to ports of the VIP: the passive ports and, for active connections, port 20. They have to belong to the
service, with persistence, so that the packets reach the real server of the dialogue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .mistakes import listed
from .model import HELPERS, RealServer
from .ports import PortRange, covers
from .section import Section, whole_number

_CONTROL = 21
#: Below are the ports of well-known services, of which nobody takes any for passive connections.
_FIRST_PASSIVE = 1024
_PORTS = 'ports: [20, 21, "10000:10100"] (20 is for active connections, the range the servers\' passive ports)'
_NOT_FTP = "or helper: none if it is not FTP."


def ftp_helper(
    section: Section,
    protocol: str,
    ports: Sequence[PortRange] | None,
    forwarding: str,
    real_servers: Mapping[int, Sequence[RealServer]],
) -> str | None:
    """The helper of a service, or None. ``real_servers`` are its own by IP version."""
    if section.has("helper"):
        helper = section.choice("helper", "", HELPERS)
        if helper != "ftp":
            return None
        _check_helper(section, protocol, ports, _without_nat(forwarding, real_servers))
        return helper
    if ports is not None and _names_control_port(ports) and section.get("protocol") in (None, "tcp"):
        _check_data_connections(section, ports, _without_nat(forwarding, real_servers), real_servers)
    return None


def _names_control_port(ports: Sequence[PortRange]) -> bool:
    """Whether port 21 is meant, and is not one of many in a range or in ``all``."""
    return (_CONTROL, _CONTROL) in ports or (_CONTROL - 1, _CONTROL) in ports


def _without_nat(forwarding: str, real_servers: Mapping[int, Sequence[RealServer]]) -> list[str]:
    """The other ways in which packets are forwarded, if there are any."""
    used = {each.forwarding for members in real_servers.values() for each in members}
    return sorted(used - {"nat"}) or ([] if forwarding == "nat" else [forwarding])


def _check_helper(section: Section, protocol: str, ports: Sequence[PortRange] | None, others: list[str]) -> None:
    if others:
        section.note(
            "helper",
            f"It rewrites addresses inside FTP, which only forwarding nat needs, not {listed(others, 'and')}.",
            f"Write forwarding: nat, or leave it out and write {_PORTS} with persistence.",
        )
    elif ports is not None and (protocol != "tcp" or not covers(ports, (_CONTROL, _CONTROL))):
        section.note(
            "helper",
            "It reads the control connection of FTP, and the service has not TCP port 21.",
            "Write ports: [21] and protocol tcp, or leave it out.",
        )


def _check_data_connections(
    section: Section,
    ports: Sequence[PortRange],
    others: list[str],
    real_servers: Mapping[int, Sequence[RealServer]],
) -> None:
    has_passive_ports = any(last >= _FIRST_PASSIVE for _first, last in ports)
    if not has_passive_ports and not others:
        section.note(
            "helper",
            "Port 21 is FTP, whose data connections do not come through NAT by themselves.",
            f"Write helper: ftp, {_NOT_FTP}",
        )
    elif not has_passive_ports:
        section.note(
            "ports",
            "Port 21 is FTP, and its passive data connections go to ports that the service has not.",
            f"Write {_PORTS} with persistence, {_NOT_FTP}",
        )
    elif whole_number(section.get("persistence") or 0) == 0 and max(map(len, real_servers.values()), default=0) > 1:
        section.note(
            "persistence",
            "Port 21 is FTP, and without persistence its data connections reach other real servers.",
            f"Write the seconds for which a client stays with its real server, such as 300, {_NOT_FTP}",
        )
