# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""On which interface of a director each floating address belongs."""

from __future__ import annotations

from dataclasses import dataclass

from .inventory import Address, Host
from .model import Cluster
from .nat import external_addresses


@dataclass(frozen=True, slots=True)
class Places:
    """Floating addresses of one director with their interfaces, in the order of the description."""

    vips: dict[Address, str]
    gateways: dict[Address, str]

    @property
    def internal(self) -> list[str]:
        """The interfaces of the gateways, where they are other ones than those of the VIPs (two arms)."""
        vip_interfaces = set(self.vips.values())
        found = list(dict.fromkeys(self.gateways.values()))
        return found if vip_interfaces - set(found) else []

    @property
    def external(self) -> list[str]:
        internal = self.internal
        return list(dict.fromkeys(name for name in self.vips.values() if name not in internal))

    @property
    def one_arm(self) -> list[str]:
        """Interfaces that packets to a VIP enter and leave again on their way to a real server."""
        vip_interfaces = set(self.vips.values())
        return list(dict.fromkeys(name for name in self.gateways.values() if name in vip_interfaces))

    @property
    def every_interface(self) -> list[str]:
        return list(dict.fromkeys((*self.vips.values(), *self.gateways.values())))


def floating_addresses(cluster: Cluster) -> list[Address]:
    """All VIPs, and the external addresses of mappings."""
    vips = (vip for service in cluster.services for vip in service.vips)
    return list(dict.fromkeys((*vips, *external_addresses(cluster.nat))))


def places_on(host: Host, cluster: Cluster, floating: list[Address]) -> Places | None:
    """None for a director whose interfaces are not known."""
    if not host.is_placeable:
        return None
    vips = {address: host.interface_of(address) or "" for address in floating}
    gateways = {}
    for gateway in cluster.nat.gateways:
        interface = host.interface_in(gateway.network)
        if interface is None and any(vip in gateway.network for vip in floating):
            interface = host.interface_of(gateway.ip)
        if interface is None:
            return None
        gateways[gateway.ip] = interface
    return Places(vips, gateways)
