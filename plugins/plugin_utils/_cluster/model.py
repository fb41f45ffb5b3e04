# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster as a value: frozen, normalised, with every default said once, and the limits that it keeps."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from .daemons import Heartbeat, Ldirectord, Notify, Sync, Vrrp
from .inventory import Address, Host, Network
from .ports import PortRange

FAILOVER = ("keepalived", "heartbeat", "none")
HEALTH_CHECKS = ("keepalived", "ldirectord", "none")
FORWARDING = ("direct", "nat", "tunnel")
PROTOCOLS = ("tcp", "udp", "sctp")
#: What the firewall can let in to the directors themselves.
ACCEPTED_PROTOCOLS = (*PROTOCOLS, "esp", "ah", "gre", "all")
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos")
TUNNEL_TYPES = ("ipip", "gue", "gre")
#: ARP methods of the role realserver_linux with which a real server does not hold its VIPs.
REDIRECTING_METHODS = ("redirect", "firewalld")
#: Of the packets between director and real server: ``standard`` sums the whole packet, ``remote`` leaves it to the end.
TUNNEL_CHECKSUMS = ("none", "standard", "remote")
#: ``none`` says that what is on TCP port 21 is not FTP, or needs nothing.
HELPERS = ("ftp", "none")
LOCAL_CLIENTS = ("refused", "source_nat")
#: Of all engines; which has what stands in ``health``.
CHECK_TYPES = (
    *("tcp", "http", "https", "smtp", "dns", "udp", "ping", "command"),
    *("ftp", "imap", "imaps", "pop", "pops", "ldap", "nntp", "sip", "mysql", "pgsql", "none"),
)
#: Those that connect by TCP, whatever the service's protocol is.
CHECKS_BY_TCP = frozenset(CHECK_TYPES) - {"dns", "udp", "ping", "command", "sip", "none"}
#: What a check of type ``dns`` can ask for (keepalived.conf(5)).
DNS_TYPES = ("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA")
LINK_TYPES = ("ucast", "bcast", "serial")
#: Flags of a scheduler; flag-1 to flag-3 are the kernel's numbers of the same bits.
SCHEDULER_FLAGS = {"sh": ("sh-fallback", "sh-port"), "mh": ("mh-fallback", "mh-port")}
NUMBERED_FLAGS = ("flag-1", "flag-2", "flag-3")

#: ipvsadm(8): "valid values of weight are 0 through to 65535".
MAX_WEIGHT = 65535
#: keepalived refuses more (run with 2.2.7); 31 days.
MAX_PERSISTENCE = 2678400
#: A packet's mark has 32 bits; 0 is no mark.
MAX_FWMARK = 2**32 - 1
#: The kernel holds a destination's thresholds in 32 bits; ipvsadm and so the module ``ipvs_table`` take one less.
MAX_THRESHOLD = 2**31 - 1
#: Director after director gets 250, 240, ... 10: steps of ten leave room for tracking scripts.
MAX_DIRECTORS = 25
#: keepalived.conf(5); seconds and adverts.
MAX_PREEMPT_DELAY, MAX_DOWN_TIMER_ADVERTS = 1000, 100
#: 255 belongs to the owner of an address, 0 says that a director leaves (RFC 5798, 5.2.4).
MAX_PRIORITY = 254
#: Of the messages of connection synchronisation (Documentation of ipvsadm(8), --sync-maxlen).
MIN_SYNC_LENGTH, MAX_SYNC_LENGTH = 1024, 65507
#: VRRPv3 carries the interval in hundredths of a second in 12 bits (RFC 5798, 5.2.7).
MIN_ADVERT, MAX_ADVERT = 0.01, 40.95


@dataclass(frozen=True, slots=True)
class Url:
    """One request of a check, and what a good answer is. ``digest`` is an MD5 sum in hexadecimal figures."""

    path: str = "/"
    status: tuple[int, ...] = (200,)
    regex: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """How a real server is found alive.

    ``interval`` seconds between checks, ``timeout`` seconds for one check (3: a lost first packet of a connection is
    sent again after one second, so that one loss fails no check), ``retries`` more attempts before it counts as dead.
    A timeout longer than the interval is allowed: keepalived waits for a check to end before it counts the interval.
    ``port`` 0 stands for each real server's own port.
    """

    type: str = "tcp"
    port: int = 0
    interval: float = 2
    timeout: float = 3
    retries: int = 2
    path: str = "/"
    status: tuple[int, ...] = (200,)
    regex: str | None = None
    digest: str | None = None
    #: More requests, each of which must be answered well.
    urls: tuple[Url, ...] = ()
    virtualhost: str | None = None
    #: What is sent over a connection, and what must be in the answer.
    send: str | None = None
    expect: str | None = None
    helo: str | None = None
    #: Of a question by DNS.
    name: str = "."
    record: str = "SOA"
    #: Bytes in hexadecimal figures.
    payload: str | None = None
    require_reply: bool | str = False
    command: tuple[str, ...] = ()
    #: A query, or the place of a directory to search.
    request: str | None = None
    login: str | None = None
    password: str | None = None
    database: str | None = None
    alpha: bool = False
    #: None: as its engine does (ldirectord: true).
    quiesce_on_failure: bool | None = None


@dataclass(frozen=True, slots=True)
class Tunnel:
    """How packets are wrapped on their way to a real server; ``port`` is the UDP port of GUE, else 0."""

    type: str = "ipip"
    port: int = 0
    checksum: str = "none"


@dataclass(frozen=True, slots=True)
class RealServer:
    """One real server of one service, as an IPVS destination. ``tunnel`` is set with forwarding tunnel only.

    ``port`` 0 keeps the port that the client asked for. A threshold of 0 connections is none.
    """

    host: str
    address: str
    port: int
    weight: int = 1
    forwarding: str = "direct"
    tunnel: Tunnel | None = None
    upper_threshold: int = 0
    lower_threshold: int = 0


@dataclass(frozen=True, slots=True)
class SorryServer:
    """Who answers when no real server does. ``host`` is None for a machine that is not in the inventory."""

    host: str | None
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Quorum:
    """How much weight must be alive. ``up`` and ``down`` are run when it is reached and lost."""

    weight: int = 1
    hysteresis: int = 0
    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()


DEFAULT_QUORUM = Quorum()


@dataclass(frozen=True, slots=True)
class Service:
    """One IPVS service: protocol, VIP and port, or a firewall mark; and the real servers that share its connections.

    All VIPs are of one family: a description's service of both families is two of these with the same name.
    """

    name: str
    vips: tuple[Address, ...]
    addresses: tuple[str, ...]
    ports: tuple[PortRange, ...]
    check: Check
    real_servers: tuple[RealServer, ...]
    sorry_server: SorryServer | None
    fwmark: int | None = None
    protocol: str = "tcp"
    forwarding: str = "direct"
    tunnel: Tunnel | None = None
    scheduler: str = "wlc"
    scheduler_flags: tuple[str, ...] = ()
    persistence: int = 0
    persistence_netmask: str | int | None = None
    one_packet: bool = False
    helper: str | None = None
    firewall_ports: tuple[PortRange, ...] | None = None
    #: Percent of the weight below which no drain and no change of the description may bring the service.
    min_capacity: int = 50
    quorum: Quorum = DEFAULT_QUORUM

    @property
    def version(self) -> int:
        return self.vips[0].version

    @property
    def port(self) -> int:
        """The port in the service's key: 0 for all ports, and with a mark."""
        return 0 if self.fwmark is not None else self.ports[0][0]


@dataclass(frozen=True, slots=True)
class NatMapping:
    """An internal address that is seen as an external one, in whole or for these ports."""

    external: Address
    internal: Address
    protocol: str | None
    ports: tuple[PortRange, ...]


@dataclass(frozen=True, slots=True)
class Nat:
    """What real servers behind the directors need: a gateway of each family, and ways out and in."""

    gateways: tuple[ipaddress.IPv4Interface | ipaddress.IPv6Interface, ...] = ()
    masquerade: tuple[Network, ...] = ()
    mappings: tuple[NatMapping, ...] = ()
    local_clients: str | None = None
    #: The gateway could not be read: that has been said, and nothing more is to be said about it.
    is_faulty: bool = field(default=False, compare=False)

    def gateway(self, version: int) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface | None:
        return next((gateway for gateway in self.gateways if gateway.version == version), None)


@dataclass(frozen=True, slots=True)
class Accept:
    """What the firewall lets in to the directors themselves."""

    protocol: str
    ports: tuple[PortRange, ...]
    sources: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Firewall:
    """What the directors' firewall does. ``spoofed`` None: derived from the director's networks.

    ``syn_rate`` new TCP connections per second and source, ``log_rate`` logged drops per minute; 0 is off.
    """

    ssh: tuple[Network, ...] = (ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0"))
    ssh_port: int = 22
    accept: tuple[Accept, ...] = ()
    internal: bool = True
    trusted_interfaces: tuple[str, ...] = ()
    spoofed: tuple[Network, ...] | None = None
    syn_rate: int = 200
    syn_burst: int = 400
    log_rate: int = 3


@dataclass(frozen=True, slots=True)
class Director:
    """One director: its place in the order, and its own address for VRRP or heartbeats (None without failover)."""

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
    nat: Nat
    firewall: Firewall | None
    sync: Sync | None = None
    notify: Notify | None = None
    #: Addresses of machines from which packets may come that are no forgery.
    known_addresses: tuple[Address, ...] = ()
    #: Real servers by their own addresses.
    owners: Mapping[str, str] = field(default_factory=dict)
    #: Those of the real servers that run Windows.
    windows: frozenset[str] = frozenset()
    drain_keeps_persistent_clients: bool = False
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    ldirectord: Ldirectord = field(default_factory=Ldirectord)


DEFAULT_VRRP = Vrrp()
DEFAULT_FIREWALL = Firewall()
DEFAULT_FWMARK_RANGE = (1000, 1999)
DEFAULT_TUNNEL = Tunnel()
DEFAULT_CHECK = Check()
#: Percent of the described weight that has to serve on.
DEFAULT_MIN_CAPACITY = 50
NO_CHECK = Check(type="none")
