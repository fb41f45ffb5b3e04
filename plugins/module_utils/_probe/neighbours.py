# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Asks the network who has an address: raw sockets on one interface."""

from __future__ import annotations

import dataclasses
import ipaddress
import select
import socket
import time
from typing import Callable, Iterator, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress, Link
from ansible_collections.lvs.cluster.plugins.module_utils._probe.error import ProbeError
from ansible_collections.lvs.cluster.plugins.module_utils._probe.frames import (
    ETH_P_ARP,
    ETH_P_IPV6,
    Answer,
    arp_answer,
    arp_request,
    neighbour_answer,
    neighbour_solicitation,
)

_ROUNDS = 2  # one lost frame is not to look like silence


@dataclasses.dataclass(frozen=True)
class _Conversation:
    """The questions of one protocol and how to read what comes back."""

    protocol: int
    questions: Sequence[bytes]
    read: Callable[[bytes], Answer | None]


def who_has(addresses: Sequence[IPAddress], link: Link, timeout: float) -> dict[IPAddress, list[str]]:
    """For each address the hardware addresses that answered within `timeout` seconds, sorted. Raises ProbeError.

    All questions go out at once, so it takes `timeout` seconds in all; every answer counts, not only the first.
    """
    answered: dict[IPAddress, set[str]] = {address: set() for address in addresses}
    conversations = _conversations(addresses, link)
    sockets: dict[socket.socket, _Conversation] = {}
    try:
        for conversation in conversations:
            sockets[_raw_socket(link.name, conversation.protocol)] = conversation
        for _round in range(_ROUNDS):
            for raw, conversation in sockets.items():
                for question in conversation.questions:
                    raw.send(question)
            for answer in _answers(sockets, until=time.monotonic() + timeout / _ROUNDS):
                if answer.address in answered:
                    answered[answer.address].add(answer.mac)
    except PermissionError as error:
        raise ProbeError("Only root can ask who has an address. Run this task with become: true.") from error
    except OSError as error:
        raise ProbeError(
            f"Nobody can be asked on {link.name}: {error.strerror}. It must be up and an Ethernet interface."
        ) from error
    finally:
        for raw in sockets:
            raw.close()
    return {address: sorted(macs) for address, macs in answered.items()}


def _conversations(addresses: Sequence[IPAddress], link: Link) -> list[_Conversation]:
    mac = bytes.fromhex(link.mac.replace(":", ""))
    if len(mac) != 6 or not link.arp:
        raise ProbeError(
            f"{link.name} is not an Ethernet interface, so nobody can be asked on it. Name the right one in interface."
        )
    arp = [
        arp_request(target=address, sender=_sender(address, link), mac=mac)
        for address in addresses
        if isinstance(address, ipaddress.IPv4Address)
    ]
    discovery = [
        neighbour_solicitation(target=address, sender=_sender6(link), mac=mac)
        for address in addresses
        if isinstance(address, ipaddress.IPv6Address)
    ]
    both = (_Conversation(ETH_P_ARP, arp, arp_answer), _Conversation(ETH_P_IPV6, discovery, neighbour_answer))
    return [conversation for conversation in both if conversation.questions]


def _sender(target: ipaddress.IPv4Address, link: Link) -> ipaddress.IPv4Address:
    """The own address in the target's subnet, else any own one; 0.0.0.0 asks without an address (RFC 5227)."""
    own = [found.address for found in link.addresses if isinstance(found.address, ipaddress.IPv4Interface)]
    near = [address.ip for address in own if target in address.network]
    return (near + [address.ip for address in own] + [ipaddress.IPv4Address(0)])[0]


def _sender6(link: Link) -> ipaddress.IPv6Address:
    own = [found.address.ip for found in link.addresses if isinstance(found.address.ip, ipaddress.IPv6Address)]
    for address in sorted(own, key=lambda address: not address.is_link_local):
        return address
    raise ProbeError(
        f"{link.name} has no IPv6 address, so nobody can be asked for an IPv6 VIP on it. Give it one, or ask elsewhere."
    )


def _raw_socket(interface: str, protocol: int) -> socket.socket:
    # Without a protocol it hears nothing before it is bound, so no other interface's answers either.
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        raw.bind((interface, protocol))
    except OSError:
        raw.close()
        raise
    return raw


def _answers(sockets: dict[socket.socket, _Conversation], *, until: float) -> Iterator[Answer]:
    while True:
        left = until - time.monotonic()
        readable = select.select(list(sockets), [], [], left)[0] if left > 0 else []
        if not readable:
            return
        for raw in readable:
            frame, source = raw.recvfrom(2048)
            if source[2] == socket.PACKET_OUTGOING:
                continue
            answer = sockets[raw].read(frame)
            if answer:
                yield answer
