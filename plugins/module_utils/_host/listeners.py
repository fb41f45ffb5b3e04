# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The kernel's tables of sockets, ``/proc/net/tcp`` and its relatives, as listeners.

Source: ``tcp4_seq_show`` and ``udp4_seq_show`` in ``net/ipv4``: the address is printed word by word as the machine
keeps it in memory, the port as a number.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import struct
from typing import Iterable

# include/net/tcp_states.h: TCP_LISTEN, and TCP_CLOSE, which is what an unconnected UDP socket shows.
_LISTENING = {"tcp": "0A", "udp": "07"}


@dataclasses.dataclass(frozen=True)
class Listener:
    """An address and port on which a program of this host waits; 0.0.0.0 or :: for every address."""

    address: str
    port: int
    protocol: str


def listeners_of(table: str, protocol: str) -> list[Listener]:
    """The listeners in the text of ``/proc/net/tcp``, ``tcp6``, ``udp`` or ``udp6``, each once, sorted."""
    rows = (line.split() for line in table.splitlines()[1:])
    return in_order(
        Listener(_address(row[1].split(":")[0]), int(row[1].split(":")[1], 16), protocol)
        for row in rows
        if len(row) > 3 and row[3] == _LISTENING[protocol]
    )


def sctp_listeners_of(table: str) -> list[Listener]:
    """The listeners in the text of ``/proc/net/sctp/eps``, one for each local address; state 10 is LISTENING."""
    rows = (line.split() for line in table.splitlines()[1:])
    return in_order(
        Listener(str(ipaddress.ip_address(address)), int(row[5]), "sctp")
        for row in rows
        if len(row) > 8 and row[3] == "10"
        for address in row[8:]
    )


def in_order(listeners: Iterable[Listener]) -> list[Listener]:
    """The listeners sorted, each once."""
    return sorted(set(listeners), key=lambda found: (found.protocol, found.port, len(found.address), found.address))


def _address(words: str) -> str:
    numbers = [int(words[start : start + 8], 16) for start in range(0, len(words), 8)]
    return str(ipaddress.ip_address(struct.pack(f"={len(numbers)}I", *numbers)))
