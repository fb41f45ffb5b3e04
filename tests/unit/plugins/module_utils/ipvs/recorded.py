# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real kernel said, recorded by tests/kernel/record_answers.py, and netlink attributes made by hand."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import wire

Decode = Callable[[wire.Buffer, int, int], Any]

# Under each heading the buffers that the kernel sent, one after the other.
RECORDED: dict[str, list[bytes]] = {}
for _line in (Path(__file__).parent / "linux-6.1.hex").read_text(encoding="ascii").splitlines():
    if not _line.startswith("#"):
        RECORDED.setdefault(_line.rpartition(" ")[0], []).append(bytes.fromhex(_line.rpartition(" ")[2]))

on_little_endian = pytest.mark.skipif(sys.byteorder != "little", reason="the recording is of a little-endian machine")


def payloads(heading: str) -> Iterator[bytes]:
    """The generic netlink payloads under a heading, without netlink's own messages."""
    for buffer in RECORDED[heading]:
        for message in wire.messages(buffer):
            if message.kind >= wire.NLMSG_MIN_TYPE:
                yield buffer[message.start : message.end]


def said(heading: str, decode: Decode) -> list[Any]:
    """What the recorded answers under a heading mean."""
    return [decode(payload, 0, len(payload)) for payload in payloads(heading)]


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded."""
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def members(nested: bytes) -> list[bytes]:
    """The attributes in a nested attribute, whole."""
    found, at = [], 4
    while at < len(nested):
        length = struct.unpack_from("=H", nested, at)[0] + 3 & ~3
        found.append(nested[at : at + length])
        at += length
    return found


def kind_of(whole: bytes) -> int:
    """The number of an attribute, without the bits that say how it is made."""
    return int(struct.unpack_from("=H", whole, 2)[0]) & 0x3FFF


def payload_of(whole: bytes) -> bytes:
    """What an attribute holds, without its padding."""
    return whole[4 : struct.unpack_from("=H", whole, 0)[0]]
