# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads one mapping of the description.

Each method gives a normalised value, or notes a mistake and gives the default.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Collection, Mapping

from .inventory import Address, Network, parse_address
from .mistakes import Mistake, closest, listed, shown

#: What may stand in a configuration file without quoting, so that no name can end a line, a block or a string.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,252}", re.ASCII)
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?", re.ASCII)


def whole_number(value: object) -> int | None:
    """A whole number, also written as text when it is exactly one (``"80"``); None for anything else, booleans too."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else None


def decimal_number(value: object) -> float | None:
    """A finite number; whole ones come back as ``int``, so that 1.0 and 1 are the same in a configuration file."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = float(value) if _DECIMAL.fullmatch(value) else None
    if isinstance(value, int):
        return int(value)
    if not isinstance(value, float) or not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else float(value)


def is_plain_name(value: object) -> bool:
    """Whether ``value`` can stand in a configuration file as it is."""
    return isinstance(value, str) and _PLAIN_NAME.fullmatch(value) is not None


def is_interface_name(value: object) -> bool:
    """Whether ``value`` can be the name of a network interface (IFNAMSIZ of the kernel)."""
    return is_plain_name(value) and len(str(value)) <= 15


def own_address_fault(address: Address) -> str | None:
    """Why no machine can have ``address`` as its own on a network, or None."""
    if address.is_unspecified:
        return "is the unspecified address"
    if address.is_multicast:
        return "is a multicast address"
    if address.is_loopback:
        return "is a loopback address"
    if address.is_link_local:
        return "is a link-local address"
    if address.version == 4 and int(address) == 0xFFFFFFFF:
        return "is the broadcast address"
    if address.version == 6 and (address.ipv4_mapped is not None or int(address) < 2**32):
        return "is an IPv4 address in IPv6 clothing"
    return None


class Section:
    """One mapping of the description.

    ``required``, ``optional`` and ``later`` (known to the design, not supported yet) are all the keys it may have.
    """

    def __init__(
        self,
        mistakes: list[Mistake],
        path: str,
        value: object,
        *,
        required: Collection[str] = (),
        optional: Collection[str] = (),
        later: Collection[str] = (),
    ) -> None:
        self.mistakes = mistakes
        self.path = path
        self.is_mapping = isinstance(value, Mapping)
        self._values: dict[object, object] = {}
        if isinstance(value, Mapping):
            self._values = {key: given for key, given in value.items() if given is not None}
            self._check_keys(value, required, optional, later)
        else:
            self.note(None, f"{shown(value)} is not a mapping.", f"Write a mapping with {listed(required, 'and')}.")

    def at(self, key: str | None) -> str:
        if key is None:
            return self.path or "lvs_cluster"
        return f"{self.path}.{key}" if self.path else key

    def note(self, key: str | None, problem: str, remedy: str) -> None:
        self.mistakes.append(Mistake(self.at(key), problem, remedy))

    def _check_keys(
        self,
        value: Mapping[object, object],
        required: Collection[str],
        optional: Collection[str],
        later: Collection[str],
    ) -> None:
        meant = set()
        for key, given in value.items():
            if key in required or key in optional:
                continue
            supported = [*required, *optional]
            if key in later:
                if given is not None:
                    self.note(str(key), f"{key} is not supported yet.", "Leave it out.")
                continue
            near = closest(key, [word for word in supported if word not in value])
            meant.add(near)
            remedy = f"Did you mean {near}?" if near else f"Known keys are {listed(supported, 'and')}."
            self.note(str(key) if is_plain_name(key) else None, f"{shown(key)} is an unknown key.", remedy)
        for key in required:
            if key not in self._values and key not in meant:
                self.note(key, f"The key {key} is missing.", f"Add {key}: it has no default.")

    def has(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> object:
        return self._values.get(key)

    def integer(self, key: str, default: int, low: int, high: int, meaning: str) -> int:
        return self.integer_value(key, self.get(key), default, low, high, meaning)

    def integer_value(self, key: str, value: object, default: int, low: int, high: int, meaning: str) -> int:
        if value is None:
            return default
        number = whole_number(value)
        if number is not None and low <= number <= high:
            return number
        problem = f"{shown(value)} is not a whole number." if number is None else f"{shown(number)} is out of range."
        self.note(key, problem, f"Write a whole number from {low} to {high} ({meaning}).")
        return default

    def decimal(self, key: str, default: float, low: float, high: float, places: int, meaning: str) -> float:
        value = self.get(key)
        if value is None:
            return default
        number = decimal_number(value)
        if number is None:
            problem = f"{shown(value)} is not a number."
        elif not low <= number <= high:
            problem = f"{shown(number)} is out of range."
        elif round(number, places) != number:
            problem = f"{shown(number)} is finer than {10**-places:g}."
        else:
            return number
        self.note(key, problem, f"Write a number from {low:g} to {high:g} ({meaning}).")
        return default

    def choice(self, key: str, default: str, choices: Collection[str], later: Collection[str] = ()) -> str:
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, str):
            if value in choices:
                return str(value)
            if value in later:
                self.note(key, f"{key} {value} is not supported yet.", f"Write {listed(choices)}.")
                return default
        near = closest(value, choices)
        self.note(
            key,
            f"{shown(value)} is no {key.replace('_', ' ')} that is known.",
            f"Did you mean {near}?" if near else f"Write {listed(choices)}.",
        )
        return default

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self.note(key, f"{shown(value)} is neither true nor false.", "Write true or false, without quotes.")
        return default

    def name(self, key: str) -> str | None:
        value = self.get(key)
        if value is None:
            return None
        if is_plain_name(value):
            return str(value)
        self.note(
            key,
            f"{shown(value)} cannot be a name.",
            "Write at most 253 letters, digits and the characters _ . : - with a letter or digit first.",
        )
        return None

    def address(self, key: str) -> Address | None:
        return self.address_value(key, self.get(key))

    def address_value(self, key: str | None, value: object, *, may_be_loopback: bool = False) -> Address | None:
        """A unicast address that a machine can have, or None after noting why it is none (or when none is given)."""
        if value is None:
            return None
        address = parse_address(value)
        if address is None:
            base = value.partition("/")[0] if isinstance(value, str) and "/" in value else None
            if parse_address(base) is not None:
                self.note(key, f"{shown(value)} has a prefix length.", f"Write the address alone: {base}.")
            else:
                self.note(key, f"{shown(value)} is not an IP address.", "Write an IPv4 or IPv6 address.")
            return None
        fault = own_address_fault(address)
        if fault is not None and not (may_be_loopback and address.is_loopback):
            self.note(key, f"{address} {fault}.", "Write an address that belongs to one machine on your network.")
            return None
        return address

    def address_of_each_family(self, key: str) -> list[Address]:
        """One address, or a list with at most one of each family."""
        is_one = not isinstance(self.get(key), (list, tuple))
        found: dict[int, Address] = {}
        for index, value in enumerate(self.items(key)):
            place = key if is_one else f"{key}[{index}]"
            address = self.address_value(place, "" if value is None else value)
            if address is not None and address.version in found:
                self.note(place, f"{address} is a second IPv{address.version} address.", "Keep one of each family.")
            elif address is not None:
                found[address.version] = address
        return list(found.values())

    def networks(self, key: str, *, may_be_empty: bool = False) -> tuple[Network, ...]:
        """The networks under ``key``; an address alone counts as a network of one."""
        found: dict[Network, None] = {}
        is_one = not isinstance(self.get(key), (list, tuple))
        for index, value in enumerate(self.items(key, may_be_empty=may_be_empty)):
            network = self.network_value(key if is_one else f"{key}[{index}]", value)
            if network is not None:
                found[network] = None
        return tuple(found)

    def network_value(self, key: str, value: object) -> Network | None:
        if isinstance(value, str) and "%" not in value:
            try:
                return ipaddress.ip_network(value)
            except ValueError:
                pass
            try:
                network = ipaddress.ip_network(value, strict=False)
            except ValueError:
                pass
            else:
                self.note(key, f"{value} is an address in a network.", f"Write the network: {network}.")
                return None
        self.note(key, f"{shown(value)} is not a network.", "Write one such as 192.0.2.0/24.")
        return None

    def items(self, key: str, *, may_be_empty: bool = False) -> list[object]:
        """The list under ``key``; a single value counts as a list of one, as everywhere in Ansible."""
        value = self.get(key)
        if value is None:
            return []
        if isinstance(value, (list, tuple)):
            if not value and not may_be_empty:
                self.note(key, "The list is empty.", f"Add at least one entry to {key}.")
            return list(value)
        if isinstance(value, (str, int, float)):
            return [value]
        self.note(key, f"{shown(value)} is not a list.", f"Write a list under {key}.")
        return []
