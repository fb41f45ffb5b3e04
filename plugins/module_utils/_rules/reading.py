# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Options as values that rules are made of, or all mistakes at once, each with the path to it."""

from __future__ import annotations

import ipaddress
import re
from typing import Iterable, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import PortRange, merged_ports
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import MistakesError
from ansible_collections.lvs.cluster.plugins.module_utils._rules.matches import Network

WITH_PORTS = ("tcp", "udp", "sctp")
_PORTS = re.compile(r"([0-9]{1,5})(?:\s*[:-]\s*([0-9]{1,5}))?")
_INTERFACE = re.compile(r"[^\s/!+*\"]{1,15}")


class Reader:
    """Reads options; what is wrong is kept, and ``finish`` raises it all together.

    What is wrong is read as something harmless, so that reading goes on.
    """

    def __init__(self) -> None:
        self._mistakes: list[str] = []

    def wrong(self, path: str, sentence: str) -> None:
        """A mistake at this place."""
        self._mistakes.append(f"{path}: {sentence}")

    def finish(self) -> None:
        """Raises MistakesError when there was a mistake."""
        if self._mistakes:
            raise MistakesError(self._mistakes)

    def networks(self, path: str, texts: Iterable[str]) -> tuple[Network, ...]:
        """Networks such as ``192.0.2.0/24``, or single addresses."""
        read = [self.network(f"{path}[{place}]", text) for place, text in enumerate(texts)]
        return tuple(each for each in read if each is not None)

    def network(self, path: str, text: str) -> Network | None:
        """One of them."""
        try:
            return ipaddress.ip_network(text.strip())
        except ValueError:
            pass
        try:
            meant = ipaddress.ip_network(text.strip(), strict=False)
            self.wrong(path, f"It must be a network, got {text!r}, an address in one. Did you mean {meant}?")
        except ValueError:
            self.wrong(path, f"It must be a network such as 192.0.2.0/24 or 2001:db8::/64, got {text!r}.")
        return None

    def addresses(self, path: str, texts: Iterable[str]) -> tuple[Network, ...]:
        """Addresses of single machines, as networks of one address."""
        read = [self.address(f"{path}[{place}]", text) for place, text in enumerate(texts)]
        return tuple(each for each in read if each is not None)

    def address(self, path: str, text: str) -> Network | None:
        """One of them."""
        try:
            address = ipaddress.ip_address(text.strip())
            if not address.is_unspecified and not address.is_multicast and not getattr(address, "scope_id", None):
                return ipaddress.ip_network(address)
        except ValueError:
            pass
        self.wrong(path, f"It must be the address of one machine, IPv4 or IPv6, got {text!r}.")
        return None

    def ports(self, path: str, protocol: str | None, texts: Sequence[str]) -> tuple[PortRange, ...]:
        """Ports and ranges of them, sorted; nothing stands for all."""
        if texts and protocol not in WITH_PORTS:
            self.wrong(path, f"Ports need a protocol that has them ({', '.join(WITH_PORTS)}), got {protocol}.")
        found: list[PortRange] = []
        for text in texts:
            numbers = _PORTS.fullmatch(text.strip())
            first, last = (int(numbers.group(1)), int(numbers.group(2) or numbers.group(1))) if numbers else (1, 0)
            if 1 <= first <= last <= 65535:
                found.append((first, last))
            else:
                self.wrong(
                    path,
                    'A port must be a number from 1 to 65535 or a range such as "10000:20000", the lower one first,'
                    f" got {text!r}.",
                )
        return merged_ports(found)

    def port(self, path: str, number: int) -> PortRange:
        """One port."""
        if not 1 <= number <= 65535:
            self.wrong(path, f"A port must be a number from 1 to 65535, got {number}.")
        return (number, number)

    def interfaces(self, path: str, names: Iterable[str]) -> tuple[str, ...]:
        """Names of interfaces; one that ends with + stands for all that begin so."""
        return tuple(self.interface(f"{path}[{place}]", name, of_many=True) for place, name in enumerate(names))

    def interface(self, path: str, name: str, *, of_many: bool = False) -> str:
        """One of them."""
        begin = name[:-1] if of_many and name.endswith("+") else name
        if not _INTERFACE.fullmatch(begin):
            form = (
                "the name of an interface such as eth0, or the beginning of names such as tun+"
                if of_many
                else ("the name of an interface such as eth0")
            )
            self.wrong(path, f"It must be {form}, got {name!r}.")
        return name

    def number(self, path: str, number: int, least: int, most: int) -> int:
        """A number within bounds."""
        if not least <= number <= most:
            self.wrong(path, f"It must be a number from {least} to {most}, got {number}.")
        return number
