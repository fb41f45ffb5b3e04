# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario: the networks and machines of a lab, as a small YAML file says it. Pure but for reading it."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
    ip_network,
)
from pathlib import Path
from typing import Any

import yaml

from .errors import LabError

Address = IPv4Interface | IPv6Interface

# RFC 5737 and RFC 3849: addresses for documentation belong to nobody, so a lab can hit nobody. RFC 1918: what stands
# behind NAT looks like this, and a lab's packets do not leave its namespace.
ALLOWED = tuple(
    ip_network(net)
    for net in (
        *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"),
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    )
)
RELEASES = ("bookworm", "trixie")
# Who may have eth0 instead of the lab.
MANAGERS = ("ifupdown", "networkd", "netplan", "networkmanager")
NAME = re.compile(r"[a-z][a-z0-9-]{0,11}")
INTERFACE = re.compile(r"eth[0-9]")
DELAY = re.compile(r"[0-9]+(\.[0-9]+)?(us|ms|s)")
LOSS = re.compile(r"(100|[0-9]{1,2}(\.[0-9]+)?)%")
# The least for IPv6 (RFC 8200, section 5), and what Ethernet carries.
MTU = range(1280, 1501)


@dataclass(frozen=True)
class Link:
    """How a network or an interface carries packets. `delay` (20ms) and `loss` (1%) as tc-netem(8) takes them, `mtu` in
    bytes."""

    delay: str | None = None
    loss: str | None = None
    mtu: int = MTU[-1]

    @property
    def netem(self) -> tuple[str, ...]:
        """Words for `tc qdisc … netem`; none when packets are neither delayed nor lost."""
        return (*(("delay", self.delay) if self.delay else ()), *(("loss", self.loss) if self.loss else ()))


NO_LINK = Link()
LINK_KEYS = ("delay", "loss", "mtu")


@dataclass(frozen=True)
class Network:
    """One cable with a switch: a bridge. `addresses` are the lab's own on it; SSH comes from there."""

    name: str
    addresses: tuple[Address, ...]
    link: Link


@dataclass(frozen=True)
class Interface:
    """`link` holds for what the machine sends: the network's, with what the interface says of its own."""

    name: str
    network: str
    addresses: tuple[Address, ...]
    mac: str
    link: Link


@dataclass(frozen=True)
class Route:
    """`to` is a network, or `default`."""

    to: str
    via: str


@dataclass(frozen=True)
class Machine:
    """`memory` in MiB; `web`: ports of the HTTP service that says the machine's name; `ftp`, `mail`: such a server
    runs; `release` of Debian; `router`: forwards packets of both families; `manager`: who gives eth0 its addresses and
    gateways, None for the lab."""

    name: str
    interfaces: tuple[Interface, ...]
    memory: int
    web: tuple[int, ...]
    ftp: bool
    mail: bool
    release: str
    manager: str | None
    router: bool
    routes: tuple[Route, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address without its prefix, in the order of the scenario; the first one is used for SSH."""
        return tuple(str(address.ip) for interface in self.interfaces for address in interface.addresses)


MACHINE_KEYS = frozenset(
    ("interfaces", "memory", "web", "ftp", "mail", "release", "router", "gateway", "routes", "manager")
)


@dataclass(frozen=True)
class Scenario:
    name: str
    networks: tuple[Network, ...]
    machines: tuple[Machine, ...]

    def machine(self, name: str) -> Machine:
        for machine in self.machines:
            if machine.name == name:
                return machine
        known = ", ".join(machine.name for machine in self.machines)
        raise LabError(f"There is no machine {name!r} in the scenario {self.name}; it has {known}.")


def load(path: Path) -> Scenario:
    """Read a scenario file; every mistake in it stands in one LabError."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(f"The scenario {path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise LabError(f"The scenario {path} is not YAML: {' '.join(str(error).split())}.") from error
    return parse(path.stem, data)


def parse(name: str, data: object) -> Scenario:
    """Make a Scenario of what the YAML file says; every mistake, with its path, stands in one LabError."""
    return _Parser(name).scenario(data)


def parse_link(name: str, words: Sequence[str]) -> Link:
    """`delay 20ms loss 1%`, both or one of them or nothing."""
    parser = _Parser(name)
    if len(words) % 2:
        parser.mistakes.append(f"{words[-1]}: a value is missing, as in delay 20ms.")
    given = dict(zip(words[::2], words[1::2], strict=False))
    link = parser.link(parser.mapping(given, name, {"delay", "loss"}), name)
    if parser.mistakes:
        raise LabError(" ".join(parser.mistakes))
    return link


class _Parser:
    def __init__(self, name: str) -> None:
        self.name = name
        self.mistakes: list[str] = []
        self.taken: dict[str, str] = {}

    def scenario(self, data: object) -> Scenario:
        top = self.mapping(data, "scenario", {"networks", "machines"})
        networks = tuple(
            self.network(str(name), value) for name, value in self.members(top.get("networks"), "networks").items()
        )
        known = {network.name: network for network in networks}
        machines = tuple(
            self.machine(number, str(name), value, known)
            for number, (name, value) in enumerate(self.members(top.get("machines"), "machines").items(), start=1)
        )
        if self.mistakes:
            raise LabError(f"The scenario {self.name} has mistakes:\n" + "\n".join(f"  {m}" for m in self.mistakes))
        return Scenario(self.name, networks, machines)

    def network(self, name: str, data: object) -> Network:
        path = f"networks.{name}"
        self.check_name(name, path)
        network = self.mapping(data, path, {"addresses", *LINK_KEYS})
        return Network(name, self.addresses(network.get("addresses"), f"{path}.addresses"), self.link(network, path))

    def link(self, data: dict[str, Any], path: str, default: Link = NO_LINK) -> Link:
        """What a network or an interface says of its link; the rest is the default's."""
        for key, pattern, meaning in (
            ("delay", DELAY, "a time with its unit, such as 20ms"),
            ("loss", LOSS, "a share of the packets, such as 1%"),
        ):
            if key in data and not (isinstance(data[key], str) and pattern.fullmatch(data[key])):
                self.mistakes.append(f"{path}.{key}: must be {meaning}, got {data[key]!r}.")
        mtu = data.get("mtu", default.mtu)
        if not isinstance(mtu, int) or isinstance(mtu, bool) or mtu not in MTU:
            self.mistakes.append(f"{path}.mtu: must be a number of bytes from {MTU[0]} to {MTU[-1]}, got {mtu!r}.")
            mtu = default.mtu
        return Link(data.get("delay", default.delay), data.get("loss", default.loss), mtu)

    def machine(self, number: int, name: str, data: object, networks: dict[str, Network]) -> Machine:
        path = f"machines.{name}"
        self.check_name(name, path)
        machine = self.mapping(data, path, MACHINE_KEYS)
        interfaces = []
        described = self.members(machine.get("interfaces"), f"{path}.interfaces")
        for position, (interface, value) in enumerate(described.items()):
            interfaces.append(self.interface(number, position, str(interface), value, f"{path}.interfaces", networks))
        memory = machine.get("memory", 256)
        if not isinstance(memory, int) or isinstance(memory, bool) or memory < 192:
            self.mistakes.append(f"{path}.memory: must be a number of MiB, 192 or more, got {memory!r}.")
            memory = 0
        ftp, mail, router = (self.truth(machine, key, path) for key in ("ftp", "mail", "router"))
        release = machine.get("release", RELEASES[0])
        if release not in RELEASES:
            self.mistakes.append(f"{path}.release: must be one of {', '.join(RELEASES)}, got {release!r}.")
        routes = (*self.gateways(machine, path, interfaces), *self.routes(machine, path, interfaces))
        manager = self.manager(machine, path, interfaces, routes)
        web = self.web(machine, path)
        return Machine(name, tuple(interfaces), memory, web, ftp, mail, str(release), manager, router, routes)

    def web(self, machine: dict[str, Any], path: str) -> tuple[int, ...]:
        """Ports: `true` is 80, `false` none."""
        given = machine.get("web", False)
        if isinstance(given, bool):
            return (80,) if given else ()
        ports = given if isinstance(given, list) else []
        good = [port for port in ports if isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536]
        if not good or len(set(good)) < len(ports):
            self.mistakes.append(f"{path}.web: must be true, false or a list of ports, each once, got {given!r}.")
        return tuple(good)

    def manager(
        self, machine: dict[str, Any], path: str, interfaces: list[Interface], routes: tuple[Route, ...]
    ) -> str | None:
        given = machine.get("manager")
        if given is None:
            return None
        if given not in MANAGERS:
            self.mistakes.append(f"{path}.manager: must be one of {', '.join(MANAGERS)}, got {given!r}.")
        if "routes" in machine:
            self.mistakes.append(f"{path}.routes: a manager of eth0 takes gateways only; leave routes or manager out.")
        own = [one.network for one in interfaces[0].addresses] if interfaces else []
        for via in (ip_address(route.via) for route in routes):
            if not any(via in network for network in own):
                self.mistakes.append(f"{path}.gateway: {via} must be on the network of eth0, which {given} manages.")
        return str(given)

    def truth(self, data: dict[str, Any], key: str, path: str) -> bool:
        value = data.get(key, False)
        if not isinstance(value, bool):
            self.mistakes.append(f"{path}.{key}: must be true or false, got {value!r}.")
        return bool(value)

    def gateways(self, machine: dict[str, Any], path: str, interfaces: list[Interface]) -> list[Route]:
        """The default routes: `gateway` is an address, or a list with one per family."""
        given = machine.get("gateway", [])
        vias = [
            self.via(text, f"{path}.gateway", interfaces) for text in (given if isinstance(given, list) else [given])
        ]
        found = [via for via in vias if via]
        if len({via.version for via in found}) < len(found):
            self.mistakes.append(f"{path}.gateway: must be one address, or one per family, got {given!r}.")
        return [Route("default", str(via)) for via in found]

    def routes(self, machine: dict[str, Any], path: str, interfaces: list[Interface]) -> list[Route]:
        if "routes" not in machine:
            return []
        found = []
        for to, text in self.members(machine["routes"], f"{path}.routes").items():
            via = self.via(text, f"{path}.routes.{to}", interfaces)
            try:
                network = ip_network(str(to))
            except ValueError:
                self.mistakes.append(f"{path}.routes.{to}: must be a network, such as 203.0.113.0/24.")
                continue
            if via and via.version != network.version:
                self.mistakes.append(f"{path}.routes.{to}: the way to it must be of the same family, got {via}.")
            found.append(Route(str(network), str(via)))
        return found

    def via(self, text: object, path: str, interfaces: list[Interface]) -> IPv4Address | IPv6Address | None:
        """Whom packets are handed to: somebody on a network of the machine, whether the scenario knows him or not."""
        try:
            address = ip_address(text if isinstance(text, str) else "")
        except ValueError:
            self.mistakes.append(f"{path}: {text!r} is not an address, such as 192.0.2.1.")
            return None
        own = [own for interface in interfaces for own in interface.addresses]
        if not any(address in one.network for one in own):
            self.mistakes.append(f"{path}: {address} is on none of the machine's own networks, so nobody gets there.")
        if any(address == one.ip for one in own):
            self.mistakes.append(f"{path}: {address} is the machine's own address; name another machine's.")
        return address

    def interface(
        self, number: int, position: int, name: str, data: object, parent: str, networks: dict[str, Network]
    ) -> Interface:
        path = f"{parent}.{name}"
        if name != f"eth{position}":
            self.mistakes.append(f"{path}: interfaces are named in order, this one must be eth{position}.")
        interface = self.mapping(data, path, {"network", "addresses", *LINK_KEYS})
        addresses = self.addresses(interface.get("addresses"), f"{path}.addresses")
        network = networks.get(str(interface.get("network")))
        if network is None:
            known = ", ".join(networks) or "none"
            got = interface.get("network")
            self.mistakes.append(f"{path}.network: must be one of the networks ({known}), got {got!r}.")
        else:
            subnets = {address.network for address in network.addresses}
            for address in addresses:
                if address.network not in subnets:
                    wanted = " or ".join(sorted(str(net) for net in subnets))
                    self.mistakes.append(f"{path}.addresses: {address} is not in {wanted}, the network {network.name}.")
        link = self.link(interface, path, network.link if network else NO_LINK)
        mac = f"02:4c:56:00:{number:02x}:{position:02x}"
        return Interface(name, network.name if network else "", addresses, mac, link)

    def addresses(self, data: object, path: str) -> tuple[Address, ...]:
        if not isinstance(data, list) or not data:
            self.mistakes.append(f"{path}: must be a list of addresses with their prefix, such as 192.0.2.1/24.")
            return ()
        found: list[Address] = []
        for text in data:
            try:
                address = ip_interface(text)
            except ValueError:
                self.mistakes.append(f"{path}: {text!r} is not an address with a prefix, such as 192.0.2.1/24.")
                continue
            allowed = any(
                net.version == address.version and address.network.subnet_of(net)  # type: ignore[arg-type]
                for net in ALLOWED
            )
            if not allowed:
                ranges = ", ".join(str(net) for net in ALLOWED)
                self.mistakes.append(f"{path}: {text} is not a documentation or private address; use one of {ranges}.")
            if str(address.ip) in self.taken:
                self.mistakes.append(f"{path}: {address.ip} is already given at {self.taken[str(address.ip)]}.")
            self.taken.setdefault(str(address.ip), path)
            found.append(address)
        return tuple(found)

    def check_name(self, name: str, path: str) -> None:
        if not NAME.fullmatch(name):
            self.mistakes.append(f"{path}: a name is at most 12 small letters, digits and hyphens, got {name!r}.")

    def members(self, data: object, path: str) -> dict[Any, Any]:
        if not isinstance(data, dict) or not data:
            self.mistakes.append(f"{path}: must name at least one.")
            return {}
        return data

    def mapping(self, data: object, path: str, keys: Set[str]) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.mistakes.append(f"{path}: must be a mapping with {', '.join(sorted(keys))}.")
            return {}
        for key in data:
            if key not in keys:
                self.mistakes.append(f"{path}.{key}: unknown; known are {', '.join(sorted(keys))}.")
        return data
