# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster as a value: frozen, normalised, with every default said once, and the limits that it keeps."""

from __future__ import annotations

from dataclasses import dataclass

from .inventory import Address, Host

FAILOVER = ("keepalived", "none")
HEALTH_CHECKS = ("keepalived", "none")
FORWARDING = ("direct",)
PROTOCOLS = ("tcp", "udp", "sctp")
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos")
CHECK_TYPES = ("tcp", "http", "https", "none")
#: Flags of a scheduler; flag-1 to flag-3 are the kernel's numbers of the same bits.
SCHEDULER_FLAGS = {"sh": ("sh-fallback", "sh-port"), "mh": ("mh-fallback", "mh-port")}
NUMBERED_FLAGS = ("flag-1", "flag-2", "flag-3")

#: ipvsadm(8): "valid values of weight are 0 through to 65535".
MAX_WEIGHT = 65535
#: keepalived refuses more (run with 2.2.7); 31 days.
MAX_PERSISTENCE = 2678400
#: Director after director gets 250, 240, ... 10: steps of ten leave room for tracking scripts.
MAX_DIRECTORS = 25
#: VRRPv3 carries the interval in hundredths of a second in 12 bits (RFC 5798, 5.2.7).
MIN_ADVERT, MAX_ADVERT = 0.01, 40.95


@dataclass(frozen=True, slots=True)
class Vrrp:
    """How the directors agree on who is active; ``advert_interval`` in seconds.

    One second by default: shorter adverts notice a dead director sooner, and make false failovers on busy or migrating
    virtual machines.
    """

    router_id: int = 51
    advert_interval: float = 1
    preempt: bool = False
    unicast: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """How a real server is found alive.

    ``interval`` seconds between checks, ``timeout`` seconds for one check (3: a lost first packet of a connection is
    sent again after one second, so that one loss fails no check), ``retries`` more attempts before it counts as dead.
    A timeout longer than the interval is allowed: keepalived waits for a check to end before it counts the interval.
    """

    type: str = "tcp"
    port: int = 0
    interval: float = 2
    timeout: float = 3
    retries: int = 2
    path: str = "/"
    status: tuple[int, ...] = (200,)


@dataclass(frozen=True, slots=True)
class RealServer:
    """One real server of one service, as an IPVS destination."""

    host: str
    address: str
    port: int
    weight: int = 1


@dataclass(frozen=True, slots=True)
class SorryServer:
    """Who answers when no real server does. ``host`` is None for a machine that is not in the inventory."""

    host: str | None
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Service:
    """One IPVS service: protocol, VIP and port, and the real servers that share its connections."""

    name: str
    vip: Address
    address: str
    port: int
    check: Check
    real_servers: tuple[RealServer, ...]
    sorry_server: SorryServer | None
    protocol: str = "tcp"
    forwarding: str = "direct"
    scheduler: str = "wlc"
    scheduler_flags: tuple[str, ...] = ()
    persistence: int = 0
    persistence_netmask: str | int | None = None


@dataclass(frozen=True, slots=True)
class Director:
    """One director: its place in the order, and its own address for VRRP (None without failover)."""

    host: Host
    priority: int
    source: Address | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A description without mistakes."""

    failover: str
    health_checks: str
    vrrp: Vrrp
    directors: tuple[Director, ...]
    real_servers: tuple[str, ...]
    services: tuple[Service, ...]


DEFAULT_VRRP = Vrrp()
DEFAULT_CHECK = Check()
NO_CHECK = Check(type="none")
