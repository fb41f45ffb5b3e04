# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Rules of a packet filter that throw away what a cluster needs, found in what ``iptables-save`` and ``nft`` print.

Only a rule that names the protocol or the address can be found so, not a policy that drops the rest. Source:
iptables-save(8), nft(8); a protocol is printed by its name where ``/etc/protocols`` has one.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import Iterable, Iterator, Mapping, Sequence

#: The numbers of https://www.iana.org/assignments/protocol-numbers, and the names that stand for them.
PROTOCOLS: Mapping[str, Sequence[str]] = {
    "vrrp": ("vrrp", "carp", "112"),
    "ipip": ("ipencap", "ipip", "ipv4", "4"),
    "ipv6": ("ipv6", "41"),
    "gre": ("gre", "47"),
}
#: Whose rules are the cluster's own. What they let in is looked at by the modules that write them.
_OWN = ("lvs_cluster", "LVS_CLUSTER")
_PORT = re.compile(r"(tcp|udp)/(\d+)")


@dataclasses.dataclass(frozen=True)
class Drop:
    """A rule that drops or rejects what ``word`` stands for, in the words of the program that shows it."""

    word: str
    rule: str


def is_word(word: str) -> bool:
    """Whether rules can be looked for by this word: a protocol, ``udp/8848``, or an address."""
    if word in PROTOCOLS or _PORT.fullmatch(word):
        return True
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def iptables_drops(saved: str, words: Iterable[str], *, command: str = "iptables") -> list[Drop]:
    """The rules in the output of ``iptables-save`` that drop what one of the words stands for."""
    found = []
    table = "filter"
    patterns = [(word, re.compile(_iptables_pattern(word))) for word in words]
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        if not re.search(r" -j (DROP|REJECT)\b", line) or not line.startswith("-A ") or line[3:].startswith(_OWN):
            continue
        place = "" if table == "filter" else f"-t {table} "
        found += [Drop(word, f"{command} {place}{line}") for word, pattern in patterns if pattern.search(line)]
    return found


def _iptables_pattern(word: str) -> str:
    if word in PROTOCOLS:
        return rf"(?<!! )-p ({'|'.join(PROTOCOLS[word])}) "
    port = _PORT.fullmatch(word)
    if port:
        return rf"(?<!! )-p {port.group(1)} .*(?<!! )--dport {port.group(2)} "
    return rf"(?<!! )-d {re.escape(word)}(/32|/128)? "


def nftables_drops(ruleset: str, words: Iterable[str]) -> list[Drop]:
    """The rules in the output of ``nft list ruleset`` that drop what one of the words stands for."""
    patterns = [(word, re.compile(_nftables_pattern(word))) for word in words]
    return [
        Drop(word, f"nft: {place}: {rule}")
        for place, rule in _nftables_rules(ruleset)
        if re.search(r"\b(drop|reject)\b", rule) and "policy" not in rule
        for word, pattern in patterns
        if pattern.search(rule)
    ]


def _nftables_rules(ruleset: str) -> Iterator[tuple[str, str]]:
    """Each line inside a chain of a foreign table, with the table and the chain."""
    table = chain = ""
    for line in ruleset.splitlines():
        words = line.split()
        if words[:1] == ["table"]:
            table, chain = " ".join(words[1:3]), ""
        elif words[:1] == ["chain"]:
            chain = words[1]
        elif table and chain and words != ["}"] and not (table.split()[-1].startswith(_OWN) or chain.startswith(_OWN)):
            yield f"table {table} chain {chain}", line.strip()


def _nftables_pattern(word: str) -> str:
    if word in PROTOCOLS:
        return rf"\b(ip protocol|ip6 nexthdr|meta l4proto) ({'|'.join(PROTOCOLS[word])})\b"
    port = _PORT.fullmatch(word)
    if port:
        return rf"\b{port.group(1)} dport {port.group(2)}\b"
    return rf"\bip6? daddr {re.escape(word)}(?![\w.:/])"
