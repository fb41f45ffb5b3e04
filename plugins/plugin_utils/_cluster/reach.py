# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether packets can reach a real server the way they are forwarded, and answers come back."""

from __future__ import annotations

import ipaddress

from .hosts import Hosts
from .inventory import Address
from .mistakes import directors_listed
from .model import Nat, Tunnel
from .section import Section


class Reach:
    """The network between directors and real servers; said is each thing once for each address."""

    def __init__(self, hosts: Hosts, nat: Nat) -> None:
        self.hosts = hosts
        self.nat = nat
        self.without_gateway: set[int] = set()
        self.looked_at: set[tuple[str, str]] = set()
        #: Checksum and first place of each tunnel, by host, IP version outside, type and port.
        self.tunnels: dict[tuple[str, str, str, int], tuple[str, str]] = {}
        self.refused: set[str] = set()

    def check(
        self, section: Section, key: str, host: str, address: str, forwarding: str, tunnel: Tunnel | None
    ) -> None:
        """Note what keeps a real server or sorry server, named under ``key``, from being reached at ``address``."""
        if tunnel is not None and host in self.hosts.windows:
            section.note(
                key,
                f"forwarding is tunnel, but {host} is a Windows machine, which takes no packets out of such tunnels.",
                "Write forwarding: direct where it is on the directors' network, else nat.",
            )
        elif tunnel is not None:
            self.check_end_of_tunnel(section, key, host, address, tunnel)
            self.check_method(section, key, host)
        elif (forwarding, address) not in self.looked_at:
            self.looked_at.add((forwarding, address))
            if forwarding == "direct":
                self.check_segment(section, key, host, address)
            elif forwarding == "nat":
                self.check_gateway(section, key, host, address)

    def check_segment(self, section: Section, key: str, host: str, address: str) -> None:
        """Direct forwarding only changes the frame's MAC address: a director must have the real server as neighbour.

        Directors whose interfaces are not known are not asked.
        """
        parsed = ipaddress.ip_address(address)
        far = [d.name for d in self.hosts.directors if d.interfaces and d.network_of(parsed) is None]
        if far:
            section.note(
                key,
                f"{address} of {host} is in no subnet of {directors_listed(far)}: forwarding direct reaches only "
                "neighbours.",
                f"Write forwarding: tunnel, or an address of {host} on the directors' network.",
            )

    def check_gateway(self, section: Section, key: str, host: str, address: str) -> None:
        """Answers must come back through the director: its gateway must be a neighbour of the real server."""
        version = 6 if ":" in address else 4
        gateway = self.nat.gateway(version)
        if gateway is None:
            if version not in self.without_gateway and not self.nat.is_faulty:
                self.without_gateway.add(version)
                self.hosts.note(
                    "nat.gateway",
                    f"{section.at(None)} forwards by nat, but there is no IPv{version} gateway.",
                    "Write the floating address that the real servers use as default gateway, with its prefix length, "
                    f"such as {'10.11.12.10/24' if version == 4 else 'fd00:11:12::10/64'}.",
                )
        elif ipaddress.ip_address(address) not in gateway.network:
            section.note(
                key,
                f"{address} of {host} is not in {gateway.network}, where its gateway {gateway.ip} is.",
                f"Write an address that {host} has in {gateway.network}, or forwarding tunnel.",
            )

    def check_end_of_tunnel(self, section: Section, key: str, host: str, address: str, tunnel: Tunnel) -> None:
        """A real server has one end for all tunnels of a type and port, with one way of checksums."""
        end = (host, "6" if ":" in address else "4", tunnel.type, tunnel.port)
        checksum, first = self.tunnels.setdefault(end, (tunnel.checksum, section.path))
        if checksum != tunnel.checksum:
            section.note(
                key,
                f"The {tunnel.type} tunnel to {host} has checksum {tunnel.checksum} here, {checksum} in {first}.",
                "Write the same tunnel_checksum, or with gue another tunnel_port.",
            )

    def check_method(self, section: Section, key: str, host: str) -> None:
        """Linux redirects to an address of the interface on which a packet arrives; a tunnel has only a dummy one."""
        method = self.hosts.redirecting.get(host)
        if method is not None and host not in self.refused:
            self.refused.add(host)
            self.hosts.note(
                f"hostvars[{host}].realserver_linux_arp_method",
                f"{method} is not for packets out of a tunnel, by which {section.at(key)} forwards to {host}.",
                "Write auto, arp_ignore, nftables or arptables, or forward to it by direct.",
            )


def check_family(section: Section, key: str, address: Address, vip: Address | None, forwarding: str) -> None:
    if vip is not None and address.version != vip.version:
        section.note(
            key,
            f"{address} is IPv{address.version}, the VIP {vip} is IPv{vip.version}.",
            f"Write an IPv{vip.version} address: forwarding {forwarding} cannot change the family, tunnel can.",
        )
