# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Questions for the owner of an address and the answers to them, as Ethernet frames. Bytes in, bytes out.

Sources: RFC 826 and RFC 5227 (ARP), RFC 4861 4.3, 4.4 and 7.2 (neighbour discovery), RFC 2464 7 (multicast over
Ethernet), RFC 8200 8.1 (checksum).
"""

from __future__ import annotations

import dataclasses
import ipaddress
import struct

ETH_P_ARP = 0x0806
ETH_P_IPV6 = 0x86DD

_BROADCAST = b"\xff" * 6
_ARP_HEAD = struct.pack("!HHBB", 1, 0x0800, 6, 4)  # Ethernet, IPv4, lengths of their addresses
_ARP_REQUEST, _ARP_REPLY = 1, 2
_ICMPV6 = 58
_SOLICITATION, _ADVERTISEMENT = 135, 136
_SOURCE_MAC, _TARGET_MAC = 1, 2


@dataclasses.dataclass(frozen=True)
class Answer:
    """An address and the hardware address that somebody gave for it."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    mac: str


def mac_text(mac: bytes) -> str:
    """The hardware address as ip(8) writes it."""
    return ":".join(f"{byte:02x}" for byte in mac)


def arp_request(*, target: ipaddress.IPv4Address, sender: ipaddress.IPv4Address, mac: bytes) -> bytes:
    """Who has `target`? Sender 0.0.0.0 asks without claiming an address (RFC 5227, 1.1)."""
    ethernet = _BROADCAST + mac + struct.pack("!H", ETH_P_ARP)
    operation = struct.pack("!H", _ARP_REQUEST)
    return ethernet + _ARP_HEAD + operation + mac + sender.packed + bytes(6) + target.packed + bytes(18)


def arp_answer(frame: bytes) -> Answer | None:
    """Whose address an ARP packet says the sender has; None for anything else.

    A reply, an announcement that nobody asked for, and a question from this address fill the caches of others alike.
    Who asks from 0.0.0.0 claims nothing (RFC 5227, 1.1).
    """
    if len(frame) < 42 or frame[12:14] != struct.pack("!H", ETH_P_ARP) or frame[14:20] != _ARP_HEAD:
        return None
    if struct.unpack("!H", frame[20:22])[0] not in (_ARP_REQUEST, _ARP_REPLY):
        return None
    return Answer(ipaddress.IPv4Address(frame[28:32]), mac_text(frame[22:28]))


def neighbour_solicitation(*, target: ipaddress.IPv6Address, sender: ipaddress.IPv6Address, mac: bytes) -> bytes:
    """Who has `target`? Sent to its solicited-node multicast group."""
    group = ipaddress.IPv6Address(b"\xff\x02" + bytes(9) + b"\x01\xff" + target.packed[-3:])
    ethernet = b"\x33\x33" + group.packed[-4:] + mac + struct.pack("!H", ETH_P_IPV6)
    body = target.packed + struct.pack("!BB", _SOURCE_MAC, 1) + mac
    length = 8 + len(body)
    pseudo = sender.packed + group.packed + struct.pack("!IxxxB", length, _ICMPV6)
    checksum = _checksum(pseudo + struct.pack("!BBHI", _SOLICITATION, 0, 0, 0) + body)
    message = struct.pack("!BBHI", _SOLICITATION, 0, checksum, 0) + body
    # Hop limit 255, or it is not from this link and nobody answers.
    return ethernet + struct.pack("!IHBB", 6 << 28, length, _ICMPV6, 255) + sender.packed + group.packed + message


def neighbour_answer(frame: bytes) -> Answer | None:
    """The answer in a neighbour advertisement; None for anything else."""
    if len(frame) < 78 or frame[12:14] != struct.pack("!H", ETH_P_IPV6):
        return None
    if (frame[20], frame[21], frame[54], frame[55]) != (_ICMPV6, 255, _ADVERTISEMENT, 0):
        return None
    # The option may be left out in the answer to a unicast question; then the frame's own sender it is.
    mac = frame[80:86] if frame[78:80] == bytes((_TARGET_MAC, 1)) and len(frame) >= 86 else frame[6:12]
    return Answer(ipaddress.IPv6Address(frame[62:78]), mac_text(mac))


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
