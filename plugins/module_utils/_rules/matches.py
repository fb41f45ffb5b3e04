# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The conditions and verdicts that our rules are made of, each in the words of both back ends."""

from __future__ import annotations

import ipaddress
from typing import Iterable, Sequence, Union

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import PortRange, spelled
from ansible_collections.lvs.cluster.plugins.module_utils._rules.model import Match, Verdict

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
_SLOTS = 15  # of the match multiport; a range takes two

# A packet passes when nobody drops it. That is nftables' own way, where every table has its say, and so it is made in
# iptables: what we let pass goes on to other people's rules.
PASS = Verdict("accept", "-j RETURN")
DROP = Verdict("counter drop", "-j DROP")
MASQUERADE = Verdict("masquerade", "-j MASQUERADE")


def families(networks: Iterable[Network]) -> list[tuple[str, list[Network]]]:
    """The networks of each address family, those that lie in others left out."""
    found = []
    networks = list(networks)
    for version in (4, 6):
        own = [network for network in networks if network.version == version]
        if own:
            found.append((f"ipv{version}", list(ipaddress.collapse_addresses(own))))  # type: ignore[type-var]
    return found


def network_of(address: str) -> Network:
    """The network that has this address alone."""
    return ipaddress.ip_network(address)


def comes_in(interfaces: Sequence[str]) -> Match:
    """From one of the interfaces; a name that ends with + stands for all that begin so."""
    return _interface("iifname", "-i", interfaces)


def goes_out(interface: str) -> Match:
    """To the interface."""
    return _interface("oifname", "-o", [interface])


def goes_not_out(interface: str) -> Match:
    """To another interface."""
    return _interface("oifname !=", "! -o", [interface])


def _interface(key: str, option: str, interfaces: Sequence[str]) -> Match:
    nft = [f'{key} "{name[:-1]}*"' if name.endswith("+") else f'{key} "{name}"' for name in interfaces]
    return Match(tuple(nft), tuple(f"{option} {name}" for name in interfaces))


def source(networks: Sequence[Network]) -> Match:
    """From one of these networks, all of one family."""
    return _address("saddr", "-s", networks)


def destination(networks: Sequence[Network]) -> Match:
    """To one of these networks, all of one family."""
    return _address("daddr", "-d", networks)


def destination_not(network: Network) -> Match:
    """To somewhere else."""
    [nft] = _address("daddr !=", "-d", [network]).nftables
    return Match((nft,), (f"! -d {network}",))


def _address(key: str, option: str, networks: Sequence[Network]) -> Match:
    if any(network.prefixlen == 0 for network in networks):
        return of_family(f"ipv{networks[0].version}")
    header = "ip" if networks[0].version == 4 else "ip6"
    words = [str(each.network_address) if each.prefixlen == each.max_prefixlen else str(each) for each in networks]
    return Match((f"{header} {key} {_one_or_set(words)}",), tuple(f"{option} {network}" for network in networks))


def of_family(family: str) -> Match:
    """Of the address family, which is said by the program's name in iptables."""
    return Match((f"meta nfproto {family}",), ("",))


def protocol(name: str) -> Match:
    """Of the protocol, a name or a number."""
    return Match((f"meta l4proto {name}",), (f"-p {name}",))


def ports(name: str, ranges: Sequence[PortRange]) -> Match:
    """Of the protocol and to these ports; to all for none."""
    if not ranges:
        return protocol(name)
    words = [spelled(each) for each in ranges]
    return Match(
        (f"{name} dport {_one_or_set([word.replace(':', '-') for word in words])}",),
        tuple(f"-p {name} -m multiport --dports {part}" for part in port_lists(ranges)),
    )


def port_lists(ranges: Iterable[PortRange]) -> Iterable[str]:
    """The ports as lists that each fit one rule of iptables."""
    words: list[str] = []
    slots = 0
    for each in ranges:
        needed = 1 if each[0] == each[1] else 2
        if slots + needed > _SLOTS:
            yield ",".join(words)
            words, slots = [], 0
        words.append(spelled(each))
        slots += needed
    yield ",".join(words)


def first_sent_to(address: Network, name: str | None, ranges: Sequence[PortRange]) -> Match:
    """Of a connection that began as one to this address, protocol and ports, whatever the packet has now."""
    header = "ip" if address.version == 4 else "ip6"
    nft = [f"meta l4proto {name}"] if name else []
    nft.append(f"ct original {header} daddr {address.network_address}")
    iptables = f"{f'-p {name} ' if name else ''}-m conntrack --ctorigdst {address.network_address}"
    # One rule for each range: nft 1.0.6 prints a set of such ports in a way that it cannot read.
    words = [spelled(each) for each in ranges]
    return Match(
        tuple(" ".join([*nft, f"ct original proto-dst {word.replace(':', '-')}"]) for word in words)
        or (" ".join(nft),),
        tuple(f"{iptables} --ctorigdstport {word}" for word in words) or (iptables,),
    )


def answers() -> Match:
    """Of a connection that is there, or that belongs to one."""
    return Match(("ct state established,related",), ("-m conntrack --ctstate RELATED,ESTABLISHED",))


def redirected() -> Match:
    """Of a connection whose destination this host has translated."""
    return Match(("ct status dnat",), ("-m conntrack --ctstate DNAT",))


def icmp(family: str, types: Sequence[tuple[str, int]]) -> Match:
    """ICMP of these types, each by nftables' name and its number."""
    name, option = ("icmp", "icmp") if family == "ipv4" else ("icmpv6", "icmp6")
    number = "icmp" if family == "ipv4" else "ipv6-icmp"
    return Match(
        (f"{name} type {_one_or_set([each for each, _number in types])}",),
        tuple(f"-p {number} -m {option} --{name}-type {each}" for _name, each in types),
    )


def new_tcp() -> Match:
    """The first packet of a TCP connection."""
    return Match(("tcp flags & (fin|syn|rst|ack) == syn",), ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN",))


def at_most(rate: str, burst: int) -> Match:
    """As long as there are not more of them than ``50/second``, with so many at once."""
    return Match((f"limit rate {rate} burst {burst} packets",), (f"-m limit --limit {rate} --limit-burst {burst}",))


def log(prefix: str) -> Verdict:
    """A line in the kernel's log. The packet goes on to the next rule."""
    return Verdict(f'log prefix "{prefix}" level info', f'-j LOG --log-prefix "{prefix}" --log-level 6')


def _one_or_set(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{{ {', '.join(words)} }}"
