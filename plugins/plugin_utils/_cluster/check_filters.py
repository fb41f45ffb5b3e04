# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a director or a real server throws away by rules that are not the cluster's own."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from .finding import Finding
from .mistakes import listed
from .observed import (
    KEEPALIVED_CONF,
    SeenHost,
    Values,
    has_port,
    version_of,
    vips_of,
)
from .view import View

#: The outer packets of a tunnel, in words of the module host_info, by type and IP version outside.
_TUNNEL_WORDS = {
    ("ipip", "ipv4"): "ipip",
    ("ipip", "ipv6"): "ipip",
    ("gre", "ipv4"): "gre",
    ("gre", "ipv6"): "gre",
}
#: A rule with one of these drops some packets only, and that may be meant.
_CONDITION = re.compile(r" -s | saddr |limit|recent|connlimit|set|@|ctstate|ct state|--state|!")
_SOURCE = re.compile(r"(?: -s |saddr )([0-9a-fA-F.:]+(?:/\d+)?)")
_PORT = re.compile(r"dports? (\d+)(?!\S)")


def vrrp_drops(director: SeenHost) -> list[str]:
    """Rules of this director that drop the adverts of the others."""
    peers = [str(peer) for peer in (director.wanted.get("director_vrrp") or {}).get("peers") or ()]
    return [rule for rule in rules_about(director, "vrrp") if _is_about(rule, peers)]


def two_masters(view: View) -> dict[tuple[str, ...], list[str]]:
    """Directors that hold the same addresses, by their names, and these addresses."""
    shared: dict[tuple[str, ...], list[str]] = {}
    for address in view.floating:
        # What a stopped keepalived left behind is named with it.
        speaking = tuple(director.name for director in view.holders(address) if director.is_daemon_active)
        if len(speaking) > 1:
            shared.setdefault(speaking, []).append(address)
    return shared


def rules_about(host: SeenHost, word: str) -> list[str]:
    """Rules of this host that drop what the word of the module ``host_info`` stands for."""
    return [str(drop.get("rule")) for drop in host.drops if drop.get("word") == word]


def _is_about(rule: str, sources: list[str]) -> bool:
    """Whether the rule drops packets of one of these sources: it names none, or a network with it."""
    if "!" in rule:
        return False
    named = _SOURCE.search(rule)
    if not named:
        return True
    try:
        network = ipaddress.ip_network(named.group(1), strict=False)
    except ValueError:
        return False
    return any(ipaddress.ip_address(source) in network for source in sources)


def check_vrrp_filters(view: View) -> Iterator[Finding]:
    """A rule that has made two masters already is named as the cause of that."""
    masters = {name for names in two_masters(view) for name in names}
    for director in view.looked_at_directors:
        drops = vrrp_drops(director)
        if view.failover == "keepalived" and drops and director.name not in masters:
            yield Finding(
                director.name,
                f"It drops the adverts of the other directors: {drops[0]}.",
                "A rule was added that names VRRP (IP protocol 112). As a standby it will take the VIPs for free.",
                "Take the rule out, and where it is written down for the next boot.",
            )


def check_strict_keepalived(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        if is_strict(director):
            yield Finding(
                director.name,
                "keepalived.conf says vrrp_strict, with which keepalived drops what comes to the VIPs.",
                "It was written into it by hand, or with director_keepalived_extra.",
                "Take vrrp_strict out of director_keepalived_extra, run site.yml again, then systemctl restart "
                "keepalived there: its rules stay after a reload.",
                breaks=view.carried_by(director),
            )


def is_strict(director: SeenHost) -> bool:
    lines = director.files.get(KEEPALIVED_CONF) or ()
    return any(re.split("[#!]", str(line), maxsplit=1)[0].strip() == "vrrp_strict" for line in lines)


def check_vip_filters(view: View) -> Iterator[Finding]:
    for director in view.looked_at_directors:
        if is_strict(director):
            continue
        for vip in view.vips:
            rules = [rule for rule in rules_about(director, vip) if _concerns(view, rule, vip)]
            if rules:
                yield Finding(
                    director.name,
                    f"It drops what clients send to {vip}: {rules[0]}.",
                    "The rule was added by hand or by another program.",
                    "Take the rule out, and where it is written down for the next boot.",
                    breaks=view.services_on([vip]) if view.may_serve(director, vip) else frozenset(),
                )


def _concerns(view: View, rule: str, vip: str) -> bool:
    """Whether the rule drops what any client sends to a service."""
    if _CONDITION.search(rule):
        return False
    named = _PORT.search(rule)
    services = [service for service in view.services if vip in vips_of(service)]
    return named is None or any(has_port(service, int(named.group(1))) for service in services)


def tunnel_words(real_server: SeenHost) -> dict[str, Values]:
    """The words for what arrives at a real server through tunnels, each with its tunnel."""
    words: dict[str, Values] = {}
    for tunnel in real_server.wanted.get("realserver_linux_tunnels") or ():
        word = _TUNNEL_WORDS.get((tunnel["type"], tunnel["family"])) or f"udp/{tunnel['port']}"
        words[word] = tunnel
        vips = real_server.wanted.get("realserver_linux_tunnel_vips") or ()
        if word == "ipip" and any(version_of(vip) == 6 for vip in vips):
            words["ipv6"] = tunnel
    return words


def tunnel_drops(real_server: SeenHost) -> dict[str, str]:
    """Rules of this real server that drop what the directors send through tunnels, each with the tunnel's type."""
    return {
        rule: str(tunnel["type"])
        for word, tunnel in tunnel_words(real_server).items()
        for rule in rules_about(real_server, word)
        if not _CONDITION.search(rule)
    }


def check_tunnel_filters(view: View) -> Iterator[Finding]:
    for host in view.real_servers:
        drops = tunnel_drops(host)
        if drops:
            yield Finding(
                host.name,
                f"It drops what the directors send through the tunnel: {listed(drops, 'and')}.",
                "The rule was added by hand or by another program.",
                "Take the rule out, and where it is written down for the next boot.",
                breaks=view.services_of(host.name, forwarding="tunnel", tunnels=list(drops.values())),
            )
