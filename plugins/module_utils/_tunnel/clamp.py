# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The rules that limit the segments which answers from VIPs offer, as text for nft and for iptables. Pure.

An answer goes straight to the client, but what the client sends next comes through the tunnel. So the SYN-ACK has to
offer less than the link takes. The rules stand where packets leave that this host made, for the VIPs alone. Neither
nftables nor iptables ever makes an offer greater.

Another way is a route with ``advmss`` for packets from the VIP, which needs no filter program. It would have to be a
copy of the host's other routes, and go wrong with every change of them.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Iterable

from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.model import Clamp

TABLE = "lvs_cluster_tunnel"
COMMENT = "lvs-cluster-tunnel"
_PRIORITY = -150  # mangle


def nft_statements(clamps: Iterable[Clamp]) -> list[str]:
    """What makes the table anew with these clamps alone; what takes it away when there are none."""
    # Adding first lets the deletion succeed where there is no table.
    gone = [f"add table inet {TABLE}", f"delete table inet {TABLE}"]
    rules = [
        f"add rule inet {TABLE} output {'ip' if clamp.vip.version == 4 else 'ip6'} saddr {clamp.vip} tcp flags & "
        f"(syn | rst) == syn tcp option maxseg size set {clamp.mss}"
        for clamp in clamps
    ]
    if not rules:
        return gone
    chain = f"add chain inet {TABLE} output {{ type filter hook output priority {_PRIORITY}; }}"
    return [*gone, f"add table inet {TABLE}", chain, *rules]


def nft_clamps(listed: str) -> list[Clamp | None]:
    """The clamps in the output of ``nft -j list table``; None stands for what is not known here."""
    found: list[Clamp | None] = []
    for entry in json.loads(listed or "{}").get("nftables", ()):
        if "rule" in entry:
            found.append(_nft_clamp(entry["rule"].get("expr", [])))
        elif not {"metainfo", "table"} & entry.keys() and not _is_our_chain(entry.get("chain", {})):
            found.append(None)
    return found


def _is_our_chain(chain: dict[str, object]) -> bool:
    return (chain.get("name"), chain.get("hook"), chain.get("prio")) == ("output", "output", _PRIORITY)


def _nft_clamp(expressions: list[dict[str, dict[str, object]]]) -> Clamp | None:
    try:
        vip, flags, mangle = expressions
        clamp = Clamp(ipaddress.ip_address(str(vip["match"]["right"])), int(str(mangle["mangle"]["value"])))
    except (ValueError, KeyError, TypeError):
        return None
    is_ours = "saddr" in json.dumps(vip) and '"flags"' in json.dumps(flags) and "maxseg" in json.dumps(mangle)
    return clamp if is_ours else None


def iptables_rule(clamp: Clamp) -> str:
    """The rule as ``iptables-save`` prints it, without ``-A``."""
    return (
        f"OUTPUT -s {clamp.vip}/{clamp.vip.max_prefixlen} -p tcp -m tcp --tcp-flags SYN,RST SYN "
        f"-m comment --comment {COMMENT} -j TCPMSS --set-mss {clamp.mss}"
    )


def iptables_rules(saved: str) -> list[str]:
    """Our rules in the output of ``iptables-save``, without ``-A``."""
    ours = f"--comment {COMMENT} "
    return [line[3:].strip() for line in saved.splitlines() if line.startswith("-A ") and ours in line]


def iptables_clamp(rule: str) -> Clamp | None:
    """The clamp that a rule of ours makes; None when it is not as we write it."""
    words = rule.split()
    try:
        clamp = Clamp(ipaddress.ip_interface(words[words.index("-s") + 1]).ip, int(words[-1]))
    except (ValueError, IndexError):
        return None
    return clamp if iptables_rule(clamp) == rule else None


def iptables_changes(there: list[str], wanted: list[str]) -> list[str]:
    """The words behind ``iptables`` that turn the one into the other: what is new comes first, so nothing is missed."""
    left = list(there)
    missing = []
    for rule in wanted:
        if rule in left:
            left.remove(rule)
        else:
            missing.append(rule)
    return [f"-A {rule}" for rule in missing] + [f"-D {rule}" for rule in left]
