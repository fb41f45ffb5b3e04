# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""A network interface of this network namespace, asked of the kernel itself: /sys may show another namespace's.

Source: netdevice(7), ``include/uapi/linux/if.h``, ``sockios.h``.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from typing import NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import IpvsError

_SIOCGIFFLAGS, _SIOCGIFMTU, _IFF_UP = 0x8913, 0x8921, 0x1
_REQUEST = struct.Struct("16s24x")  # struct ifreq of 64-bit machines, which is the larger one
_FLAGS, _MTU = struct.Struct("=16xH"), struct.Struct("=16xi")


class Link(NamedTuple):
    """Whether it is up, and how many bytes a packet may have."""

    up: bool
    mtu: int


def read_link(name: str) -> Link:
    """The interface with that name. Raises IpvsError, a sentence, when there is none."""
    request = _REQUEST.pack(name.encode("ascii"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            flags = _FLAGS.unpack_from(fcntl.ioctl(asking, _SIOCGIFFLAGS, request))[0]
            mtu = _MTU.unpack_from(fcntl.ioctl(asking, _SIOCGIFMTU, request))[0]
        except OSError as error:
            if error.errno == errno.ENODEV:
                raise IpvsError(
                    f"Interface {name} does not exist on this host. Create it first, or give the name of another one"
                    " (ip link shows them)."
                ) from error
            raise IpvsError(f"Interface {name} cannot be looked at: {error.strerror}.") from error
    return Link(up=bool(flags & _IFF_UP), mtu=mtu)
