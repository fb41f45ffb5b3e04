# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``heartbeat`` in the description says, and what the directors have to be for it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from .daemons import Heartbeat, Link
from .inventory import Address, parse_address
from .mistakes import listed, shown
from .model import LINK_TYPES, Director
from .section import Section

_KEYS = (
    *("keepalive", "warntime", "deadtime", "initdead", "auto_failback", "port", "links", "ping", "authentication"),
)
_LINK_KEYS: Mapping[str, tuple[str, ...]] = {
    "ucast": ("type", "interface", "addresses"),
    "bcast": ("type", "interface"),
    "serial": ("type", "device", "baud"),
}
_BAUD_RATES = (9600, 19200, 38400, 57600, 115200)
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", re.ASCII)
_DEVICE = re.compile(r"/dev/[A-Za-z0-9_/-]{1,60}", re.ASCII)
#: What uname -n can say; heartbeat compares in lower case (ResourceManager, ipres).
_NODE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
_SHORTEST, _LONGEST = 0.1, 3600
#: What heartbeat 3.0.6 asks for at its start.
_LEAST_INITDEAD = 10


def read_heartbeat(top: Section) -> Heartbeat:
    default = Heartbeat()
    if not top.has("heartbeat"):
        return default
    section = Section(top.mistakes, "heartbeat", top.get("heartbeat"), optional=_KEYS)
    if not section.is_mapping:
        return default
    _check_authentication(section)
    before = len(top.mistakes)
    keepalive = _seconds(section, "keepalive", default.keepalive)
    deadtime = _seconds(section, "deadtime", default.deadtime)
    warntime = _seconds(section, "warntime", round(deadtime / 2, 3))
    initdead = _seconds(section, "initdead", max(default.initdead, 2 * deadtime))
    if len(top.mistakes) == before:
        _check_order(section, keepalive, warntime, deadtime, initdead)
    return Heartbeat(
        keepalive=keepalive,
        warntime=warntime,
        deadtime=deadtime,
        initdead=initdead,
        auto_failback=section.flag("auto_failback", default.auto_failback),
        port=section.integer("port", default.port, 1, 65535, "one UDP port"),
        links=_links(section) if section.has("links") else default.links,
        ping=tuple(_ping(section)),
    )


def _seconds(section: Section, key: str, default: float) -> float:
    return section.decimal(key, default, _SHORTEST, _LONGEST, 3, "seconds")


def _check_order(section: Section, keepalive: float, warntime: float, deadtime: float, initdead: float) -> None:
    if not keepalive < warntime:
        section.note(
            "warntime",
            f"{warntime:g} is not longer than keepalive, {keepalive:g}: every heartbeat would be late.",
            "Write a time between keepalive and deadtime.",
        )
    if not warntime < deadtime:
        section.note(
            "warntime",
            f"{warntime:g} is not shorter than deadtime, {deadtime:g}: no warning would come before it is too late.",
            "Write a time between keepalive and deadtime.",
        )
    least = max(_LEAST_INITDEAD, 2 * deadtime)
    if initdead < least:
        section.note(
            "initdead",
            f"{initdead:g} is shorter than {_LEAST_INITDEAD} or twice deadtime, {deadtime:g}: at boot the network may "
            "need that long.",
            f"Write at least {least:g}.",
        )


def _check_authentication(section: Section) -> None:
    value = section.get("authentication")
    if value in (None, "sha1"):
        return
    if value == "crc":
        section.note(
            "authentication",
            "crc authenticates nothing: everybody can compute it, so whoever can send a packet to a director could "
            "take its VIPs.",
            "Write sha1, or leave it out.",
        )
    elif value == "md5":
        section.note("authentication", "md5 is broken.", "Write sha1, or leave it out.")
    else:
        section.choice("authentication", "sha1", ("sha1",))


def _links(section: Section) -> tuple[Link, ...]:
    found = []
    for index, entry in enumerate(section.items("links")):
        own = Section(
            section.mistakes, section.at(f"links[{index}]"), entry, required=("type",), optional=_every_link_key()[1:]
        )
        if not own.is_mapping:
            continue
        kind = own.choice("type", "ucast", LINK_TYPES)
        for key in _every_link_key():
            if own.has(key) and key not in _LINK_KEYS[kind]:
                types = [other for other, keys in _LINK_KEYS.items() if key in keys]
                own.note(
                    key,
                    f"{key} does not belong to a link of type {kind}.",
                    f"Leave it out, or write type {listed(types)}.",
                )
        for key in {"bcast": ("interface",), "serial": ("device",)}.get(kind, ()):
            if not own.has(key):
                own.note(key, f"A link of type {kind} needs {key}.", f"Add {key}.")
        found.append(
            Link(
                type=kind,
                interface=_plain(own, "interface", _INTERFACE, "Write a name as ip link shows it."),
                addresses=tuple(_addresses(own)),
                device=_plain(own, "device", _DEVICE, "Write its path, such as /dev/ttyS0."),
                baud=_baud(own),
            )
        )
    return tuple(dict.fromkeys(found))


def _every_link_key() -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for keys in _LINK_KEYS.values() for key in keys))


def _plain(own: Section, key: str, pattern: re.Pattern[str], remedy: str) -> str | None:
    value = own.get(key)
    if value is None or (isinstance(value, str) and pattern.fullmatch(value)):
        return value
    own.note(key, f"{shown(value)} is no {key} name.", remedy)
    return None


def _baud(own: Section) -> int:
    baud = own.integer("baud", Link().baud, 1, 10**6, "bits per second")
    if baud in _BAUD_RATES:
        return baud
    own.note("baud", f"{baud} is no speed of a serial line.", f"Write {listed(_BAUD_RATES)}.")
    return Link().baud


def _addresses(own: Section) -> list[tuple[str, str]]:
    given = own.get("addresses")
    if given is None:
        return []
    if not isinstance(given, Mapping):
        own.note("addresses", f"{shown(given)} is not a mapping.", "Write the address of each director by its name.")
        return []
    found = []
    for name, value in given.items():
        address = own.address_value(f"addresses.{name}", value)
        if address is not None and address.version != 4:
            own.note(
                f"addresses.{name}", f"{address} is IPv6.", "Write IPv4 addresses: heartbeat's ucast knows no other."
            )
        # Also a wrong one: it is not missing.
        found.append((str(name), str(address)))
    return found


def _ping(section: Section) -> list[Address]:
    one = not isinstance(section.get("ping"), (list, tuple))
    found = [
        section.address_value("ping" if one else f"ping[{index}]", "" if value is None else value)
        for index, value in enumerate(section.items("ping"))
    ]
    return list(dict.fromkeys(address for address in found if address is not None))


def check_nodes(top: Section, heartbeat: Heartbeat, directors: Sequence[Director], vips: Collection[str]) -> None:
    """What the directors have to be; said of a cluster that heartbeat fails over."""
    names: dict[str, str] = {}
    for director in directors:
        host = director.host
        path = f"hostvars[{host.name}].lvs_node"
        node = node_of(director)
        section = Section(top.mistakes, f"hostvars[{host.name}]", {})
        if not _NODE.fullmatch(node):
            section.note(
                "lvs_node",
                f"{shown(node)} cannot be the name of a node.",
                "Write what uname -n says there as lvs_node: small letters, digits, dots and hyphens.",
            )
        elif host.nodename is not None and host.nodename.lower() != node:
            section.note(
                "lvs_node",
                f"{host.name} calls itself {host.nodename} (uname -n), but heartbeat would look for {node}.",
                f"Write lvs_node: {host.nodename} for it in the inventory, or change the host's name.",
            )
        elif names.setdefault(node, path) != path:
            section.note("lvs_node", f"Another director is called {node} too.", "Give each machine its own name.")
    for index, link in enumerate(heartbeat.links):
        if link.type == "ucast":
            _check_ucast(top, index, link, directors)
    taken = {str(director.source) for director in directors} | set(vips)
    for address in heartbeat.ping:
        if str(address) in taken:
            top.note(
                "heartbeat.ping",
                f"{address} is a director's own address or a VIP.",
                "Write a machine that both directors reach as long as their network is whole, such as a router.",
            )


def _check_ucast(top: Section, index: int, link: Link, directors: Sequence[Director]) -> None:
    known = [director.host.name for director in directors]
    given = dict(link.addresses)
    for name in given:
        if name not in known:
            top.note(
                f"heartbeat.links[{index}].addresses",
                f"{shown(name)} is no director.",
                f"Write {listed(known, 'and')}.",
            )
    for director in directors:
        if given and director.host.name not in given:
            top.note(
                f"heartbeat.links[{index}].addresses",
                f"The address of {director.host.name} is missing.",
                "Write one for each director, or leave addresses out.",
            )
        elif not given and director.source is not None and director.source.version != 4:
            top.note(
                f"heartbeat.links[{index}]",
                f"heartbeat's ucast knows IPv4 only, and {director.host.name} has none.",
                "Give every director an IPv4 address in lvs_address, or write a link of type bcast or serial.",
            )


def node_of(director: Director) -> str:
    """What heartbeat calls this director."""
    return str(director.host.node if director.host.node is not None else director.host.name).lower()


def link_address(link: Link, director: Director) -> str | None:
    """The address to which a ucast link sends a director its heartbeats."""
    given = dict(link.addresses).get(director.host.name)
    return given or (None if director.source is None else str(director.source))


def link_interface(link: Link, director: Director) -> str | None:
    """The interface of this director for a link: the written one, or that of its own address there."""
    if link.interface is not None or link.type == "serial":
        return link.interface
    address = parse_address(link_address(link, director))
    return None if address is None else director.host.interface_of(address)
