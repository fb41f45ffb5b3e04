# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario: the networks and machines of a lab, as a small YAML file says it. Pure but for reading it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface, ip_network
from pathlib import Path
from typing import Any

import yaml

from .errors import LabError

Address = IPv4Interface | IPv6Interface
Network_ = IPv4Network | IPv6Network

# RFC 5737 and RFC 3849: addresses for documentation belong to nobody, so a lab can hit nobody.
DOCUMENTATION = tuple(ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
RELEASES = ("bookworm", "trixie")
NAME = re.compile(r"[a-z][a-z0-9-]{0,11}")
INTERFACE = re.compile(r"eth[0-9]")


@dataclass(frozen=True)
class Network:
    """One cable with a switch: a bridge. `addresses` are the lab's own on it; SSH comes from there."""

    name: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Interface:
    name: str
    network: str
    addresses: tuple[Address, ...]
    mac: str


@dataclass(frozen=True)
class Machine:
    """`memory` in MiB; `web`: runs the HTTP service that says the machine's name; `release` of Debian."""

    name: str
    interfaces: tuple[Interface, ...]
    memory: int
    web: bool
    release: str

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address without its prefix, in the order of the scenario; the first one is used for SSH."""
        return tuple(str(address.ip) for interface in self.interfaces for address in interface.addresses)


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
        subnets = {network.name: {address.network for address in network.addresses} for network in networks}
        machines = tuple(
            self.machine(number, str(name), value, subnets)
            for number, (name, value) in enumerate(self.members(top.get("machines"), "machines").items(), start=1)
        )
        if self.mistakes:
            raise LabError(f"The scenario {self.name} has mistakes:\n" + "\n".join(f"  {m}" for m in self.mistakes))
        return Scenario(self.name, networks, machines)

    def network(self, name: str, data: object) -> Network:
        path = f"networks.{name}"
        self.check_name(name, path)
        network = self.mapping(data, path, {"addresses"})
        return Network(name, self.addresses(network.get("addresses"), f"{path}.addresses"))

    def machine(self, number: int, name: str, data: object, subnets: dict[str, set[Network_]]) -> Machine:
        path = f"machines.{name}"
        self.check_name(name, path)
        machine = self.mapping(data, path, {"interfaces", "memory", "web", "release"})
        interfaces = []
        described = self.members(machine.get("interfaces"), f"{path}.interfaces")
        for position, (interface, value) in enumerate(described.items()):
            interfaces.append(self.interface(number, position, str(interface), value, f"{path}.interfaces", subnets))
        memory = machine.get("memory", 256)
        if not isinstance(memory, int) or isinstance(memory, bool) or memory < 192:
            self.mistakes.append(f"{path}.memory: must be a number of MiB, 192 or more, got {memory!r}.")
            memory = 0
        web = machine.get("web", False)
        if not isinstance(web, bool):
            self.mistakes.append(f"{path}.web: must be true or false, got {web!r}.")
        release = machine.get("release", RELEASES[0])
        if release not in RELEASES:
            self.mistakes.append(f"{path}.release: must be one of {', '.join(RELEASES)}, got {release!r}.")
        return Machine(name, tuple(interfaces), memory, bool(web), str(release))

    def interface(
        self, number: int, position: int, name: str, data: object, parent: str, subnets: dict[str, set[Network_]]
    ) -> Interface:
        path = f"{parent}.{name}"
        if name != f"eth{position}":
            self.mistakes.append(f"{path}: interfaces are named in order, this one must be eth{position}.")
        interface = self.mapping(data, path, {"network", "addresses"})
        addresses = self.addresses(interface.get("addresses"), f"{path}.addresses")
        network = interface.get("network")
        if network not in subnets:
            known = ", ".join(subnets) or "none"
            self.mistakes.append(f"{path}.network: must be one of the networks ({known}), got {network!r}.")
        else:
            for address in addresses:
                if address.network not in subnets[network]:
                    wanted = " or ".join(sorted(str(net) for net in subnets[network]))
                    self.mistakes.append(f"{path}.addresses: {address} is not in {wanted}, the network {network}.")
        return Interface(name, str(network), addresses, f"02:4c:56:00:{number:02x}:{position:02x}")

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
            documented = any(
                net.version == address.version and address.network.subnet_of(net)  # type: ignore[arg-type]
                for net in DOCUMENTATION
            )
            if not documented:
                ranges = ", ".join(str(net) for net in DOCUMENTATION)
                self.mistakes.append(f"{path}: {text} is not a documentation address; use one of {ranges}.")
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

    def mapping(self, data: object, path: str, keys: set[str]) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.mistakes.append(f"{path}: must be a mapping with {', '.join(sorted(keys))}.")
            return {}
        for key in data:
            if key not in keys:
                self.mistakes.append(f"{path}.{key}: unknown; known are {', '.join(sorted(keys))}.")
        return data
