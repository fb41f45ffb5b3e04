# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The connection synchronisation daemon as a value: immutable, normalised, comparable.

Facts: ``start_sync_thread`` in ``net/netfilter/ipvs/ip_vs_sync.c`` (defaults, and the lengths that the kernel would
change without a word), ``ip_vs_genl_new_daemon`` in ``ip_vs_ctl.c``, ipvsadm(8).
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any, Callable, Mapping, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    ModelError,
    family_of,
    normal_address,
    whole_number,
)

MASTER, BACKUP = "master", "backup"
ROLES = (MASTER, BACKUP)
START, STOP = "start", "stop"

DEFAULT_GROUP, DEFAULT_PORT, DEFAULT_TTL = "224.0.0.81", 8848, 1

_MOST_SYNC_ID = 255  # a byte of the message
_LONGEST_NAME = 15  # IFNAMSIZ with its zero byte; longer alternative names are no names for IPVS
_LONGEST_PACKET = 65535
_HEADERS = {"ipv4": 20 + 8, "ipv6": 40 + 8}  # of IP and UDP
_LEAST_LENGTH = {MASTER: 1, BACKUP: 1024}
_USUAL_PACKET = 1500  # of a master, and at least of a backup, whatever the interface can carry


@dataclasses.dataclass(frozen=True)
class Daemon:
    """A running daemon, one for each role. ``max_length`` in bytes, without the headers of IP and UDP.

    What is None is not known, because a kernel before 4.3 does not have it.
    """

    role: str
    interface: str
    sync_id: int = 0
    multicast_group: str | None = None
    multicast_port: int | None = None
    multicast_ttl: int | None = None
    max_length: int | None = None

    def as_options(self) -> dict[str, Any]:
        """The daemon in the names of the options of ``ipvs_sync``."""
        return dataclasses.asdict(self)


class DaemonOperation(NamedTuple):
    """One message to the kernel: start the daemon, or stop the one of its role."""

    action: str
    daemon: Daemon

    def command(self) -> str:
        """The equivalent ``ipvsadm`` command line."""
        if self.action == STOP:
            return f"ipvsadm --stop-daemon {self.daemon.role}"
        words = [f"ipvsadm --start-daemon {self.daemon.role}", f"--mcast-interface {self.daemon.interface}"]
        for switch, value in (
            ("--syncid", self.daemon.sync_id),
            ("--mcast-group", self.daemon.multicast_group),
            ("--mcast-port", self.daemon.multicast_port),
            ("--mcast-ttl", self.daemon.multicast_ttl),
            ("--sync-maxlen", self.daemon.max_length),
        ):
            if value is not None:
                words.append(f"{switch} {value}")
        return " ".join(words)


def daemon_operations(*, present: Daemon | None, wanted: Daemon | None) -> list[DaemonOperation]:
    """The operations, in order, that lead from one to the other. A running daemon cannot be edited."""
    if present == wanted:
        return []
    stop = [DaemonOperation(STOP, present)] if present else []
    return stop + ([DaemonOperation(START, wanted)] if wanted else [])


def merged_daemon(
    role: str, present: Daemon | None, given: Mapping[str, Any], *, mtu_of: Callable[[str], int]
) -> Daemon:
    """The daemon with what is given (None is not given), else as present, else as the kernel makes it.

    ``mtu_of`` says how many bytes an interface can carry, which is what a new backup's length depends on; what it
    raises comes out. Raises ModelError when the result is something that the kernel does not take or silently changes.
    """

    def value(option: str, default: Any = None) -> Any:
        if given.get(option) is not None:
            return given[option]
        found = getattr(present, option, None)
        return default if found is None else found

    def number(option: str, least: int, most: int, default: int) -> int:
        return whole_number(value(option, default), least, most, f"{option} of the {role} daemon")

    interface = _interface(role, value("interface"))
    group = _group(role, value("multicast_group", DEFAULT_GROUP))
    headers = _HEADERS[family_of(group)]
    sync_id = number("sync_id", 0, _MOST_SYNC_ID, 0)
    port = number("multicast_port", 1, 65535, DEFAULT_PORT)
    ttl = number("multicast_ttl", 1, 255, DEFAULT_TTL)
    length = value("max_length")
    if length is None:
        length = _usual_packet(role, interface, mtu_of) - headers
    most = _LONGEST_PACKET - headers
    about = f"max_length of the {role} daemon with multicast_group {group}"
    return Daemon(
        role=role,
        interface=interface,
        sync_id=sync_id,
        multicast_group=group,
        multicast_port=port,
        multicast_ttl=ttl,
        max_length=whole_number(length, _LEAST_LENGTH[role], most, about),
    )


def _interface(role: str, name: str | None) -> str:
    if not name:
        raise ModelError(f"The {role} daemon does not run. To start it, give interface, which carries its messages.")
    if len(name) > _LONGEST_NAME or not name.isascii() or not name.isprintable() or set(name) & set("/ "):
        raise ModelError(
            f"interface of the {role} daemon must be the name of a network interface, at most {_LONGEST_NAME}"
            f" characters, got {name!r}."
        )
    return name


def _group(role: str, group: str) -> str:
    address = normal_address(group, what=f"multicast_group of the {role} daemon")
    if not ipaddress.ip_address(address).is_multicast:
        raise ModelError(
            f"multicast_group of the {role} daemon must be a multicast address (224.0.0.0 to 239.255.255.255, or one"
            f" that begins with ff), got {address}."
        )
    return address


def _usual_packet(role: str, interface: str, mtu_of: Callable[[str], int]) -> int:
    if role == MASTER:
        return _USUAL_PACKET
    return max(_USUAL_PACKET, min(mtu_of(interface), _LONGEST_PACKET))
