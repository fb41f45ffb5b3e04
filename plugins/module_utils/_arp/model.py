# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""VIPs that a real server holds without answering ARP for them: the host as it is, and what can be done to it.

Nothing here touches a host. An operation knows its command line and what the host looks like afterwards, so that a plan
can be made, shown and tested without a kernel.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import Any, ClassVar, Iterable, Mapping, Sequence, Union

from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import (
    UNIT,
    UNIT_PATH,
    Record,
    Traffic,
    record_of,
    sysctl_name,
    wanted_by,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.rules import Change, Lines
from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import PortRange, merged_ports
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress, IPInterface, Link, LinkAddress
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import MistakesError
from ansible_collections.lvs.cluster.plugins.module_utils._rules.reading import Reader

OUR_ALIAS = "lvs.cluster"  # interfaces that we made carry it, so that they can be removed again
#: States of ss(8) in which the other end waits for something from here.
_CONNECTED = ("syn-recv", "established", "fin-wait-1", "close-wait", "closing", "last-ack")
PRIVATE_KINDS = ("loopback", "dummy")  # no packet from outside arrives on these
#: The dummy interface on which kube-proxy in IPVS mode holds the addresses of Kubernetes' services. It removes from
#: there what it does not know, and sets anew what somebody removed (kubernetes.io, "IPVS proxy mode").
KUBE_PROXY = "kube-ipvs0"


@dataclasses.dataclass(frozen=True)
class Request:
    """What one call asks for. Without ``interface`` a VIP stays where it is, and a new one comes to ``lo``.

    ``traffic`` is what is redirected, for methods that do so: nothing stands for all. That of the VIP None counts for
    every VIP. ``own_addresses`` are those by which the cluster knows this host. The packets of ``tunnel_vips`` come out
    of a tunnel.
    """

    vips: tuple[IPAddress, ...]
    interface: str | None = None
    present: bool = True
    persistent: bool = False
    exclusive: bool = False
    method: str = "auto"
    traffic: tuple[tuple[IPAddress | None, Traffic], ...] = ()
    own_addresses: tuple[IPAddress, ...] = ()
    tunnel_vips: tuple[IPAddress, ...] = ()

    def traffic_of(self, vip: IPAddress) -> tuple[Traffic, ...]:
        """What is redirected of this VIP, each protocol once, sorted."""
        ports: dict[str, list[PortRange]] = {}
        every: set[str] = set()
        for address, (protocol, ranges) in self.traffic:
            if address in (None, vip):
                ports.setdefault(protocol, []).extend(ranges)
                every |= set() if ranges else {protocol}
        return tuple((name, () if name in every else merged_ports(found)) for name, found in sorted(ports.items()))


@dataclasses.dataclass(frozen=True)
class Host:
    """A host as far as VIPs and ARP are concerned.

    ``sysctls`` maps (interface, name) to the value under ``net.ipv4.conf``, for ``all`` and ``default`` as well.
    ``files`` maps the paths of our own files to their text; a file that is not there is not in it. ``enabled_by`` are
    the units that start ours, sorted. ``rules`` are the lines of ours in other programs' hands, by the place's key.
    ``trials`` maps (method, program) to what is against it on this host, to nothing when it works. ``programs`` are
    paths by name. ``zones`` are those of firewalld by interface, ``zone_sources`` the sources of those that let any of
    them in, where it had to be asked. ``own_addresses`` are as the call names them. ``has_arptables_service`` says that
    the service of EL is enabled or active that replaces and removes all rules of arptables, ``is_unit_active`` that our
    unit has run, where it is there at all.
    """

    links: Mapping[str, Link]
    sysctls: Mapping[tuple[str, str], int]
    default_route: tuple[str, ...] = ()
    without_ipv6: tuple[str, ...] = ()
    promotes_secondaries: tuple[str, ...] = ()
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    enabled_by: tuple[str, ...] = ()
    systemd: str = "running"  # running | installed | missing
    ip_program: str = "/usr/sbin/ip"
    sysctls_writable: bool = True
    rules: Mapping[str, Lines] = dataclasses.field(default_factory=dict)
    trials: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    programs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    zones: Mapping[str, str] = dataclasses.field(default_factory=dict)
    zone_sources: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    own_addresses: tuple[IPAddress, ...] = ()
    has_arptables_service: bool = False
    is_unit_active: bool = True

    @property
    def record(self) -> Record:
        """What earlier persistent calls noted in our unit file."""
        return record_of(self.files.get(UNIT_PATH, ""))

    def places_of(self, vip: IPAddress) -> tuple[tuple[Link, IPInterface], ...]:
        """Where the address is, with every prefix length it has there."""
        return tuple(
            (link, found.address) for link in self.links.values() for found in link.addresses if found.address.ip == vip
        )

    def removable_places_of(self, vip: IPAddress) -> tuple[tuple[Link, IPInterface], ...]:
        """Where the address is and may be taken away: not where kube-proxy holds it."""
        return tuple((link, address) for link, address in self.places_of(vip) if link.name != KUBE_PROXY)

    def own_interfaces(self, version: int) -> tuple[str, ...]:
        """The interfaces with an address of this IP version by which the cluster knows this host."""
        own = [address for address in self.own_addresses if address.version == version]
        return tuple(
            name
            for name, link in self.links.items()
            if link.kind not in PRIVATE_KINDS and any(found.address.ip in own for found in link.addresses)
        )

    def effective(self, interface: str, name: str) -> int:
        """The value that the kernel uses: the larger one of ``all`` and the interface (ip-sysctl.rst)."""
        return max(self.sysctls.get(("all", name), 0), self.sysctls.get((interface, name), 0))

    def with_link(self, link: Link) -> Host:
        return dataclasses.replace(self, links={**self.links, link.name: link})


def vip_of(text: str) -> IPAddress:
    """The VIP that the text names, in any spelling. Raises HideError."""
    try:
        vip = ipaddress.ip_address(text.strip().replace("%", " "))  # no zone: a VIP is the same everywhere
    except ValueError:
        raise HideError(
            f"addresses: {text!r} is not an IP address. Write a VIP without mask, such as 192.0.2.100 or 2001:db8::100."
        ) from None
    if vip.is_loopback or vip.is_multicast or vip.is_unspecified or vip.is_link_local or str(vip) == "255.255.255.255":
        raise HideError(
            f"addresses: {vip} cannot be a VIP, because clients on other hosts cannot use such an address. Give the "
            "address that the director serves."
        )
    return vip


def requested(options: Mapping[str, Any]) -> Request:
    """The request in the module's options. Raises HideError with every mistake."""
    mistakes: list[str] = []
    vips: list[IPAddress] = []
    for text in options["addresses"]:
        try:
            vips.append(vip_of(text))
        except HideError as mistake:  # noqa: PERF203 - all of them are told
            mistakes.append(str(mistake))
    present = options["state"] == "present"
    if options["exclusive"] and not (present and options["persistent"]):
        mistakes.append(
            "exclusive: only what persistent calls set is known to be left over. Use it with persistent: true and "
            "state: present."
        )
    if not options["addresses"] and not options["exclusive"]:
        mistakes.append("addresses: the list is empty, so there is nothing to do. Give at least one VIP.")
    method = options.get("method") or "auto"
    traffic, wrong = _traffic(options.get("ports") or (), vips)
    mistakes += wrong
    own, wrong = _addresses("own_addresses", options)
    mistakes += wrong
    mistakes += [
        f"own_addresses: {address} is one of addresses, too. Name only addresses that no other host has."
        for address in own
        if address in vips
    ]
    tunnelled, wrong = _addresses("tunnel_addresses", options)
    mistakes += wrong
    mistakes += [
        f"tunnel_addresses: {address} is none of addresses. Add it there, too."
        for address in tunnelled
        if address not in vips
    ]
    if mistakes:
        raise HideError(" ".join(mistakes))
    return Request(
        vips=tuple(vips),
        interface=options["interface"],
        present=present,
        persistent=options["persistent"],
        exclusive=options["exclusive"],
        method=method,
        traffic=traffic,
        own_addresses=own,
        tunnel_vips=tunnelled,
    )


def _addresses(option: str, options: Mapping[str, Any]) -> tuple[tuple[IPAddress, ...], list[str]]:
    """The addresses in a list of the module's options, and a sentence for each mistake."""
    found: list[IPAddress] = []
    mistakes: list[str] = []
    for text in options.get(option) or ():
        try:
            found.append(ipaddress.ip_address(text.strip()))
        except ValueError:  # noqa: PERF203 - all of them are told
            mistakes.append(f"{option}: {text!r} is not an IP address. Write it without mask, such as 192.0.2.21.")
    return tuple(found), mistakes


def _traffic(
    entries: Iterable[Mapping[str, Any]], vips: Sequence[IPAddress]
) -> tuple[tuple[tuple[IPAddress | None, Traffic], ...], list[str]]:
    """What is to be redirected, and a sentence for each mistake."""
    found: list[tuple[IPAddress | None, Traffic]] = []
    reader = Reader()
    for place, entry in enumerate(entries):
        ranges = reader.ports(f"ports[{place}].ports", entry["protocol"], entry.get("ports") or ())
        address = None
        if entry.get("address"):
            read = reader.address(f"ports[{place}].address", entry["address"])
            address = read.network_address if read else None
            if address and address not in vips:
                reader.wrong(f"ports[{place}].address", f"{address} is none of addresses. Add it there, too.")
        found.append((address, (entry["protocol"], ranges)))
    try:
        reader.finish()
    except MistakesError as error:
        return (), list(error.mistakes)
    return tuple(found), []


def host_address(vip: IPAddress) -> IPInterface:
    """The VIP as it is to stand on the interface: /32 or /128."""
    return ipaddress.ip_interface(f"{vip}/{vip.max_prefixlen}")


def check_interface_name(name: str) -> None:
    """Raises HideError for what the kernel takes but a unit file, a sysctl or a reader would stumble over."""
    if not re.match(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}\Z", name) or name in ("all", "default"):
        raise HideError(
            f"interface: {name!r} cannot be the name of an interface. Use up to 15 letters, digits, dots, dashes and "
            "underscores, for example lvs0."
        )


@dataclasses.dataclass(frozen=True)
class SetSysctl:
    interface: str
    name: str
    value: int

    @property
    def command(self) -> tuple[str, ...]:
        return ("sysctl", "-w", f"{sysctl_name(self.interface, self.name)}={self.value}")

    def applied(self, host: Host) -> Host:
        return dataclasses.replace(host, sysctls={**host.sysctls, (self.interface, self.name): self.value})


@dataclasses.dataclass(frozen=True)
class ChangeRules:
    """A command about rules of ours, and what their place holds after it."""

    key: str
    change: Change

    @property
    def command(self) -> tuple[str, ...]:
        return self.change.command

    def applied(self, host: Host) -> Host:
        rules = {**host.rules, self.key: self.change.lines}
        return dataclasses.replace(host, rules={key: lines for key, lines in rules.items() if lines})


@dataclasses.dataclass(frozen=True)
class AddAddress:
    interface: str
    address: IPInterface

    @property
    def command(self) -> tuple[str, ...]:
        return ("ip", "address", "add", str(self.address), "dev", self.interface)

    def applied(self, host: Host) -> Host:
        link = host.links[self.interface]
        secondary = any(found.address.network == self.address.network for found in link.addresses)
        added = LinkAddress(self.address, secondary=secondary and self.address.version == 4)
        return host.with_link(dataclasses.replace(link, addresses=(*link.addresses, added)))


@dataclasses.dataclass(frozen=True)
class DeleteAddress:
    interface: str
    address: IPInterface

    @property
    def command(self) -> tuple[str, ...]:
        return ("ip", "address", "delete", str(self.address), "dev", self.interface)

    def applied(self, host: Host) -> Host:
        link = host.links[self.interface]
        primary = any(found.address == self.address and not found.secondary for found in link.addresses)
        takes_others = (
            primary and self.address.version == 4 and not {"all", self.interface} & set(host.promotes_secondaries)
        )
        kept = tuple(
            found
            for found in link.addresses
            if found.address != self.address
            and not (takes_others and found.secondary and found.address.network == self.address.network)
        )
        return host.with_link(dataclasses.replace(link, addresses=kept))


@dataclasses.dataclass(frozen=True)
class AddDummy:
    interface: str

    @property
    def command(self) -> tuple[str, ...]:
        return ("ip", "link", "add", "name", self.interface, "type", "dummy")

    def applied(self, host: Host) -> Host:
        # What a new interface starts with.
        new = {(self.interface, name): value for (where, name), value in host.sysctls.items() if where == "default"}
        host = dataclasses.replace(host, sysctls={**host.sysctls, **new})
        return host.with_link(Link(name=self.interface, kind="dummy", up=False, arp=False))


@dataclasses.dataclass(frozen=True)
class DeleteDummy:
    interface: str

    @property
    def command(self) -> tuple[str, ...]:
        return ("ip", "link", "delete", "dev", self.interface)

    def applied(self, host: Host) -> Host:
        links: dict[str, Link] = {name: link for name, link in host.links.items() if name != self.interface}
        sysctls = {key: value for key, value in host.sysctls.items() if key[0] != self.interface}
        return dataclasses.replace(host, links=links, sysctls=sysctls)


@dataclasses.dataclass(frozen=True)
class MarkLink:
    """Notes on an interface that we made it."""

    interface: str

    @property
    def command(self) -> tuple[str, ...]:
        return ("ip", "link", "set", "dev", self.interface, "alias", OUR_ALIAS)

    def applied(self, host: Host) -> Host:
        return host.with_link(dataclasses.replace(host.links[self.interface], alias=OUR_ALIAS))


@dataclasses.dataclass(frozen=True)
class RaiseLink:
    interface: str

    @property
    def command(self) -> tuple[str, ...]:
        return ("ip", "link", "set", "dev", self.interface, "up")

    def applied(self, host: Host) -> Host:
        return host.with_link(dataclasses.replace(host.links[self.interface], up=True))


@dataclasses.dataclass(frozen=True)
class WriteFile:
    path: str
    text: str

    @property
    def command(self) -> tuple[str, ...]:
        return ("install", "-D", "-o", "root", "-g", "root", "-m", "0644", "/dev/stdin", self.path)

    def applied(self, host: Host) -> Host:
        return dataclasses.replace(host, files={**host.files, self.path: self.text})


@dataclasses.dataclass(frozen=True)
class RemoveFile:
    """Goes together with a folder beside somebody else's unit, where that is empty then."""

    path: str

    @property
    def command(self) -> tuple[str, ...]:
        return ("rm", self.path)

    def applied(self, host: Host) -> Host:
        return dataclasses.replace(host, files={path: text for path, text in host.files.items() if path != self.path})


@dataclasses.dataclass(frozen=True)
class EnableUnit:
    """Has our unit started by those that its file names, and by no others."""

    again: bool = False

    @property
    def command(self) -> tuple[str, ...]:
        return ("systemctl", "reenable" if self.again else "enable", UNIT)

    def applied(self, host: Host) -> Host:
        return dataclasses.replace(host, enabled_by=wanted_by(host.record))


@dataclasses.dataclass(frozen=True)
class DisableUnit:
    @property
    def command(self) -> tuple[str, ...]:
        return ("systemctl", "disable", UNIT)

    def applied(self, host: Host) -> Host:
        return dataclasses.replace(host, enabled_by=())


@dataclasses.dataclass(frozen=True)
class TellSystemd:
    """What the running systemd has to hear, when there is one."""

    words: tuple[str, ...]

    @property
    def command(self) -> tuple[str, ...]:
        return ("systemctl", *self.words)

    def applied(self, host: Host) -> Host:
        return dataclasses.replace(host, is_unit_active=True) if self.words == ("restart", UNIT) else host


@dataclasses.dataclass(frozen=True)
class AwaitConnections:
    """Until no TCP connection to these VIPs is being made, used or ended, or `SECONDS` are over.

    They would hang when their VIP leaves: what is redirected from now on are new ones only. The command shows them.
    """

    SECONDS: ClassVar[int] = 10

    vips: tuple[IPAddress, ...]

    @property
    def command(self) -> tuple[str, ...]:
        states = [word for state in _CONNECTED for word in ("state", state)]
        sources = [word for vip in self.vips for word in ("or", "src", f"[{vip}]" if vip.version == 6 else str(vip))]
        return ("ss", "-Hnt", *states, "(", *sources[1:], ")")

    def applied(self, host: Host) -> Host:
        return host


Operation = Union[
    AwaitConnections,
    SetSysctl,
    ChangeRules,
    AddAddress,
    DeleteAddress,
    AddDummy,
    DeleteDummy,
    MarkLink,
    RaiseLink,
    WriteFile,
    RemoveFile,
    EnableUnit,
    DisableUnit,
    TellSystemd,
]
