# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Makes TCP connections, sends UDP datagrams, and counts them."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import errno
import os
import socket
import time
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._probe.error import ProbeError

MOST_CONNECTIONS = 1000  # of one call: a probe is no load test
_AT_ONCE = 8
_PAUSE_SECONDS = 0.1  # between two attempts of one target, where no count ends them
_FAILURES_IN_A_ROW = 5  # then the rest would fail as well, and only cost time
_MOST_BYTES = 65536
_LEAVE_SECONDS = 0.5
_SILENT_SECONDS = 0.3  # ICMP comes at once, or is lost


@dataclasses.dataclass(frozen=True)
class Target:
    """Where to connect to, and how often."""

    address: str
    port: int
    count: int
    protocol: str = "tcp"


def targets_of(entries: Sequence[Mapping[str, Any]]) -> list[Target]:
    """The targets in the module's option. Raises ProbeError."""
    targets = [
        Target(entry["address"], entry["port"], entry["count"], entry.get("protocol") or "tcp") for entry in entries
    ]
    for target in targets:
        if not 1 <= target.port <= 65535:
            raise ProbeError(f"connections: port {target.port} of {target.address} must be 1 to 65535.")
        if target.count < 1:
            raise ProbeError(f"connections: count {target.count} of {target.address} must be 1 or more.")
    total = sum(target.count for target in targets)
    if total > MOST_CONNECTIONS:
        raise ProbeError(
            f"connections: {total} connections are too many for a probe. Let the counts add up to {MOST_CONNECTIONS} "
            "at most."
        )
    return targets


def connect_all(targets: Sequence[Target], timeout: float) -> list[dict[str, Any]]:
    """The result for each target, in their order. Several targets are tried at once, each one connection at a time.

    A target has been tried enough when its count is reached, or when several connections in a row failed.
    """
    with concurrent.futures.ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(lambda target: _connect(target, timeout, _counting(target)), targets))


def connect_while(path: str, targets: Sequence[Target], timeout: float, *, at_most: float) -> list[dict[str, Any]]:
    """The same, but each target is tried ten times a second as long as the file exists and for so many seconds at most.

    Raises ProbeError when there are more targets than can be tried at once.
    """
    if len(targets) > _AT_ONCE:
        raise ProbeError(
            f"connections: {len(targets)} entries cannot be tried at once while {path} exists. Give {_AT_ONCE} at most."
        )
    end = time.monotonic() + at_most

    def goes_on(_attempted: int, _failures: int) -> bool:
        return time.monotonic() < end and Path(path).exists()

    with concurrent.futures.ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(lambda target: _connect(target, timeout, goes_on, pause=_PAUSE_SECONDS), targets))


def _counting(target: Target) -> Callable[[int, int], bool]:
    return lambda attempted, failures: attempted < target.count and failures < _FAILURES_IN_A_ROW


def _connect(target: Target, timeout: float, goes_on: Callable[[int, int], bool], pause: float = 0) -> dict[str, Any]:
    """Connects as long as it is to go on with so many attempts, the last ones of which failed."""
    attempted = succeeded = failures = 0
    error = None
    once = _connect_once if target.protocol == "tcp" else _send_once
    start = time.monotonic()
    while goes_on(attempted, failures):
        time.sleep(pause if attempted else 0)
        attempted += 1
        try:
            once(target, timeout)
            succeeded += 1
            failures = 0
        except OSError as cause:
            failures += 1
            error = _reason(cause, timeout)
    return {
        "address": target.address,
        "port": target.port,
        "protocol": target.protocol,
        "source": _source(target),
        "attempted": attempted,
        "succeeded": succeeded,
        "seconds": round(time.monotonic() - start, 3),
        "error": error,
    }


def _connect_once(target: Target, timeout: float) -> None:
    with socket.create_connection((target.address, target.port), timeout=timeout) as connection:
        # It is connected: what counts is done. Take leave so that the server is not left with an aborted connection.
        try:
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(min(timeout, _LEAVE_SECONDS))
            # A service that talks on and on, slowly, is not listened to for longer.
            end = time.monotonic() + _LEAVE_SECONDS
            left = _MOST_BYTES
            while left > 0 and time.monotonic() < end:
                received = len(connection.recv(4096))
                if not received:
                    break
                left -= received
        except OSError:
            return


def _send_once(target: Target, timeout: float) -> None:
    """Sends an empty datagram. Who serves UDP may keep silent; who does not, is told of by ICMP."""
    with _udp_socket(target) as sending:
        sending.settimeout(min(timeout, _SILENT_SECONDS))
        sending.send(b"")
        try:
            sending.recv(4096)
        except socket.timeout:
            return


def _udp_socket(target: Target) -> socket.socket:
    family, kind, protocol, _name, address = socket.getaddrinfo(target.address, target.port, type=socket.SOCK_DGRAM)[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.connect(address)
    except OSError:
        opened.close()
        raise
    return opened


def _source(target: Target) -> str | None:
    """The own address from which packets go there; None without a way. Nothing is sent."""
    try:
        with _udp_socket(target) as unsent:
            return str(unsent.getsockname()[0])
    except OSError:
        return None


def _reason(cause: OSError, timeout: float) -> str:
    if isinstance(cause, socket.timeout) or cause.errno == errno.ETIMEDOUT:
        return f"no answer within {timeout:g} s"
    return os.strerror(cause.errno) if isinstance(cause, ConnectionError) and cause.errno else str(cause)
