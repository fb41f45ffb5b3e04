# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts of a cluster, as far as they matter to the description: names, own addresses, interfaces."""

from __future__ import annotations

import ipaddress
import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
WINDOWS_CONNECTIONS = ("winrm", "psrp", "ansible.builtin.winrm", "ansible.builtin.psrp")
#: By SSH Ansible has to be told which shell answers there.
WINDOWS_SHELLS = ("powershell", "cmd", "ansible.builtin.powershell", "ansible.builtin.cmd")


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface and the subnets that it is in (without those of a single address: they hold VIPs)."""

    name: str
    networks: tuple[Network, ...]
    #: The first IPv4 address, from which the kernel sends when nobody says from where; None where it is not known.
    first: ipaddress.IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of the inventory.

    ``addresses`` are as the inventory has them, not yet validated. ``interfaces`` is empty when the host's facts are
    not known. ``interface`` is the host variable ``lvs_interface``: it wins over what the facts say.
    """

    name: str
    addresses: tuple[object, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    interface: object = None
    #: The host variable ``lvs_priority``, not yet validated.
    priority: object = None
    #: What heartbeat is to call it, and what it calls itself (None: not known).
    node: object = None
    nodename: str | None = None
    #: Of a real server, the host variable ``realserver_linux_arp_method``, not yet validated.
    arp_method: object = None
    is_windows: bool = False

    @property
    def is_placeable(self) -> bool:
        """Whether it can be told on which interface an address of this host belongs."""
        return self.interface is not None or bool(self.interfaces)

    def interface_of(self, address: Address) -> str | None:
        """The interface whose subnet holds ``address``: the smallest such subnet, then the first name."""
        if self.interface is not None:
            return str(self.interface)
        network = self.network_of(address)
        return None if network is None else min(i.name for i in self.interfaces if network in i.networks)

    def interface_in(self, network: Network) -> str | None:
        """The interface that is in ``network``, as the facts say; None when it is in none or they are not known."""
        return min((i.name for i in self.interfaces if network in i.networks), default=None)

    def network_of(self, address: Address) -> Network | None:
        """The smallest subnet of this host that holds ``address``."""
        holding = [n for i in self.interfaces for n in i.networks if n.version == address.version and address in n]
        return max(holding, key=lambda network: network.prefixlen) if holding else None


def hosts_from_hostvars(
    names: Iterable[str], hostvars: Mapping[str, Mapping[str, t.Any]], *, with_interfaces: bool
) -> list[Host]:
    """The hosts called ``names``, reading from each host only the variables that are needed.

    Reading a variable from Ansible's hostvars renders its templates, so what is not read costs nothing.
    """
    return [_host(name, variables_of(name, hostvars), with_interfaces) for name in names]


def variables_of(name: str, hostvars: Mapping[str, Mapping[str, t.Any]]) -> Mapping[str, t.Any]:
    """The variables of a host; none for one that Ansible does not know, where ``hostvars.get`` gives no default."""
    return hostvars[name] if name in hostvars else {}  # noqa: SIM401


def _host(name: str, variables: Mapping[str, t.Any], with_interfaces: bool) -> Host:
    facts = variables.get("ansible_facts") if with_interfaces else None
    return Host(
        name=name,
        addresses=_own_addresses(name, variables),
        interfaces=interfaces_from_facts(facts) if isinstance(facts, Mapping) else (),
        interface=variables.get("lvs_interface") if with_interfaces else None,
        priority=variables.get("lvs_priority") if with_interfaces else None,
        node=variables.get("lvs_node") if with_interfaces else None,
        nodename=str(facts["nodename"]) if isinstance(facts, Mapping) and facts.get("nodename") else None,
        arp_method=None if with_interfaces else variables.get("realserver_linux_arp_method"),
        is_windows=_is_windows(variables),
    )


def _is_windows(variables: Mapping[str, t.Any]) -> bool:
    """Said by how Ansible gets in, which stands in the inventory: facts are missing where nobody looked."""
    return (
        variables.get("ansible_connection") in WINDOWS_CONNECTIONS
        or variables.get("ansible_shell_type") in WINDOWS_SHELLS
    )


def _own_addresses(name: str, variables: Mapping[str, t.Any]) -> tuple[object, ...]:
    given = variables.get("lvs_address")
    if isinstance(given, (list, tuple)):
        return tuple(given)
    if given is not None:
        return (given,)
    # Ansible connects to the host's name where ansible_host is not set.
    connection = variables.get("ansible_host", name)
    return (connection,) if _is_own_address(connection) else ()


def _is_own_address(value: object) -> bool:
    """Whether the address that Ansible connects to is one that other machines reach too (not a forwarded port)."""
    address = parse_address(value)
    return address is not None and not (address.is_loopback or address.is_unspecified or address.is_link_local)


def parse_address(value: object) -> Address | None:
    """An address, or None when ``value`` is not the text of one (a zone as in ``fe80::1%eth0`` is no part of one)."""
    if not isinstance(value, str) or "%" in value:
        return None
    try:
        return ipaddress.ip_address(str(value))
    except ValueError:
        return None


def interfaces_from_facts(facts: Mapping[str, object]) -> tuple[Interface, ...]:
    """The interfaces in Ansible's network facts, in the order of their names."""
    names = facts.get("interfaces")
    if not isinstance(names, Sequence) or isinstance(names, str):
        return ()
    found = []
    for name in sorted({str(name) for name in names}):
        details = _details(facts, name)
        if details is not None:
            found.append(Interface(name=name, networks=_networks(details), first=_first_address(details)))
    return tuple(found)


def addresses_on(facts: Mapping[str, object], interface: str) -> set[Address]:
    """The addresses that stand on this interface in Ansible's network facts; none where nothing is known of it."""
    found = (parse_address(entry["address"]) for entry in _address_entries(_details(facts, interface) or {}))
    return {address for address in found if address is not None}


def macs_from_facts(facts: object) -> list[str]:
    """The hardware addresses of every interface in the facts, of whatever system; none without facts."""
    interfaces = facts.get("interfaces") if isinstance(facts, Mapping) else None
    if not isinstance(facts, Mapping) or not isinstance(interfaces, Sequence) or isinstance(interfaces, str):
        return []
    # Windows describes each one there; the others name it.
    found = [each if isinstance(each, Mapping) else _details(facts, str(each)) for each in interfaces]
    macs = (str((details or {}).get("macaddress") or "").lower().replace("-", ":") for details in found)
    return [mac for mac in macs if mac]


def _details(facts: Mapping[str, object], interface: str) -> Mapping[str, object] | None:
    # Ansible writes the key of br-lan as br_lan.
    details = facts.get(interface) or facts.get(interface.replace("-", "_"))
    return details if isinstance(details, Mapping) else None


def _first_address(details: Mapping[str, object]) -> ipaddress.IPv4Address | None:
    entry = details.get("ipv4")
    if not isinstance(entry, Mapping) or str(entry.get("prefix") or entry.get("netmask")) in ("32", "255.255.255.255"):
        return None
    address = parse_address(entry.get("address"))
    return address if isinstance(address, ipaddress.IPv4Address) and not address.is_loopback else None


def _networks(details: Mapping[str, object]) -> tuple[Network, ...]:
    networks: dict[Network, None] = {}
    for entry in _address_entries(details):
        try:
            network = ipaddress.ip_network(
                f"{entry['address']}/{entry.get('prefix') or entry.get('netmask')}", strict=False
            )
        except ValueError:
            continue
        # A VIP that a director holds just now stands there as /32 or /128: it must not decide where VIPs belong.
        if network.prefixlen < network.max_prefixlen and not (network.is_loopback or network.is_link_local):
            networks[network] = None
    return tuple(networks)


def _address_entries(details: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for key in ("ipv4", "ipv4_secondaries", "ipv6"):
        entries = details.get(key)
        for entry in entries if isinstance(entries, (list, tuple)) else [entries]:
            if isinstance(entry, Mapping) and entry.get("address"):
                yield entry
