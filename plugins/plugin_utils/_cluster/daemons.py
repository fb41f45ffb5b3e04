# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the directors' daemons are told beside services, as values: VRRP, heartbeat, synchronisation, mail."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from .inventory import Address


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
    #: Seconds.
    preempt_delay: int = 0
    #: Adverts that must be missing before a standby takes over; None: three and a bit, as the protocol has it.
    down_timer_adverts: int | None = None
    track_interfaces: tuple[str, ...] = ()
    instances: tuple[Instance, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """VIPs that another director than the first one holds as long as it lives: ``first``, its name."""

    name: str
    router_id: int
    vips: tuple[str, ...]
    first: str


@dataclass(frozen=True, slots=True)
class Sync:
    """Where live connections are told to the other directors. ``interface`` None: that of VRRP.

    ``max_length`` bytes of a message; 0 leaves it to the kernel.
    """

    sync_id: int
    group: str
    interface: str | None = None
    port: int = 8848
    ttl: int = 1
    max_length: int = 0


@dataclass(frozen=True, slots=True)
class Mail:
    """Who is told by mail, and by which server."""

    to: tuple[str, ...]
    sender: str | None
    smtp_server: str
    port: int

    @property
    def is_own_server(self) -> bool:
        """Whether a director's own mail server takes it."""
        return ipaddress.ip_address(self.smtp_server).is_loopback


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told when a director or a real server changes its state. ``script``: program and arguments."""

    mail: Mail | None = None
    script: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A way that heartbeats take. ``addresses`` of the directors by name, where they are not those of the inventory."""

    type: str = "ucast"
    interface: str | None = None
    addresses: tuple[tuple[str, str], ...] = ()
    device: str | None = None
    baud: int = 19200


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How heartbeat notices a dead director; times in seconds.

    ``ping``: machines that a director with a whole network reaches; who reaches fewer gives the VIPs up.
    """

    keepalive: float = 1
    warntime: float = 5
    deadtime: float = 10
    initdead: float = 30
    auto_failback: bool = False
    port: int = 694
    links: tuple[Link, ...] = (Link(),)
    ping: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Ldirectord:
    """How ldirectord works. ``fork``: one process for each service, so that one that hangs delays no other's checks.

    ``emailalertfreq``: seconds after which a mail is sent again.
    """

    autoreload: bool = False
    fork: bool = True
    emailalertfreq: int = 0
