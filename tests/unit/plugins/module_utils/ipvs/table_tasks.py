# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random tasks of ``ipvs_table``: the table before, the options, and the table that must be there afterwards.

Nothing in here asks the code under test: what must be there is drawn first, and the options are made from it by leaving
out what the rules of the options allow to leave out. Tables are written in ipvsadm's words by a few lines of our own.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

Options = dict[str, Any]
# (address, port, protocol, fwmark, family) and (address, port), every option in its one spelling.
ServiceName = tuple[Any, ...]
DestinationName = tuple[str, int]

_VIPS = ("192.0.2.100", "192.0.2.200", "198.51.100.7", "203.0.113.9", "2001:db8:2::100", "2001:db8:3::7")
_MARKS = (1, 2, 50, 900, 2**31 - 1)  # the last that ipvsadm prints as it is
_SCOPES = (
    *("192.0.2.0/24", "192.0.2.100", "198.51.100.0/25", "0.0.0.0/0", "2001:db8:2::/64", "2001:db8:3::7", "::/0"),
    *("1", "1-99", "900", "50-4294967295"),
)
_REAL_SERVERS = ("192.0.2.21", "192.0.2.22", "198.51.100.21", "2001:db8:2::21", "2001:db8:2::22")
_OTHER_SPELLINGS = {
    "2001:db8:2::100": "2001:0DB8:0002::0100",
    "2001:db8:3::7": "2001:db8:3:0:0:0:0:7",
    "2001:db8:2::21": "2001:DB8:2:0::21",
}
# The kernel of the harness has no twos.
_SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh")
_FLAGS = {"sh": ("sh-fallback", "sh-port", "flag-3"), "mh": ("mh-fallback", "mh-port", "flag-3")}
_MASKS = {
    "ipv4": {"32": "255.255.255.255", "24": "255.255.255.0", "255.255.0.0": "255.255.0.0", "1": "128.0.0.0"},
    "ipv6": {"128": "128", "64": "64", "1": "1"},
}
_CHECKSUMS = {"ipip": ("none",), "gue": ("none", "standard", "remote"), "gre": ("none", "standard")}

_NEW_SERVICE: Options = {
    "scheduler": "wlc",
    "scheduler_flags": (),
    "persistence": 0,
    "persistence_netmask": None,
    "persistence_engine": None,
    "one_packet": False,
}
_NEW_DESTINATION: Options = {
    "forwarding": "direct",
    "weight": 1,
    "upper_threshold": 0,
    "lower_threshold": 0,
    "tunnel_type": None,
    "tunnel_port": 0,
    "tunnel_checksum": "none",
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A service with its destinations, each with all its options."""

    options: Options
    destinations: Mapping[DestinationName, Options]


Entries = dict[ServiceName, Entry]


@dataclasses.dataclass(frozen=True)
class Task:
    """``parameters`` are the module's; ``owned`` names what may change, everything else in ``before`` is foreign."""

    before: Entries
    parameters: Options
    after: Entries
    owned: frozenset[ServiceName]


def task(seed: int) -> Task:
    """The task of this seed."""
    random = Random(seed)
    before = {name: _entry(random, name) for name in _names(random, 6)}
    purge = random.choice(("none", "destinations", "services"))
    scope = random.sample(_SCOPES, random.randint(2, 8)) if purge == "services" or random.random() < 0.4 else None
    keep_weights = random.random() < 0.4
    names = {*_names(random, 3), *random.sample(list(before), random.randint(0, len(before)))}
    described = sorted((name for name in names if scope is None or _holds(scope, name)), key=str)
    random.shuffle(described)
    after = dict(before)
    owned = set(described)
    if purge == "services":
        owned |= {name for name in before if _holds(scope or [], name)}
        after = {name: entry for name, entry in before.items() if name not in owned}
    services = []
    for name in described:
        options, after[name] = _described(random, name, before.get(name), purge != "none", keep_weights)
        services.append(options)
    parameters: Options = {"services": services, "purge": purge, "keep_weights": keep_weights, "allow_empty": True}
    if scope is not None:
        parameters["scope"] = scope
    return Task(before, parameters, after, frozenset(owned))


def _names(random: Random, most: int) -> list[ServiceName]:
    """Each once, in the order in which they were drawn: a set has another order in each process."""
    return list(dict.fromkeys(_name(random) for _turn in range(random.randint(0, most))))


def _name(random: Random) -> ServiceName:
    if random.random() < 0.3:
        return (None, None, None, random.choice(_MARKS), random.choice(("ipv4", "ipv6")))
    address = random.choice(_VIPS)
    family = "ipv6" if ":" in address else "ipv4"
    return (address, random.choice((0, 80, 443)), random.choice(("tcp", "udp", "sctp")), None, family)


def _holds(scope: list[str], name: ServiceName) -> bool:
    address, _port, _protocol, mark, _family = name
    for entry in scope:
        if "." in entry or ":" in entry:
            if address and ipaddress.ip_address(address) in ipaddress.ip_network(entry):
                return True
        elif mark:
            first, _dash, last = entry.partition("-")
            if int(first) <= mark <= int(last or first):
                return True
    return False


def _entry(random: Random, name: ServiceName) -> Entry:
    return Entry(_service(random, name), _destinations(random, name))


def _service(random: Random, name: ServiceName) -> Options:
    scheduler = random.choice(_SCHEDULERS)
    flags = _FLAGS.get(scheduler, ("flag-1", "flag-2", "flag-3"))
    options = {
        **_NEW_SERVICE,
        "scheduler": scheduler,
        "scheduler_flags": tuple(flag for flag in flags if random.random() < 0.2),
    }
    if name[1] == 0 or random.random() < 0.4:
        options["persistence"] = random.choice((1, 300, 31 * 24 * 3600))
        options["persistence_netmask"] = random.choice(tuple(_MASKS[name[4]].values()))
        options["persistence_engine"] = random.choice((None, None, "sip"))
    if name[2] in (None, "udp"):
        options["one_packet"] = random.random() < 0.3
    return options


def _destinations(random: Random, name: ServiceName) -> dict[DestinationName, Options]:
    return dict(_destination(random, name) for _turn in range(random.randint(0, 4)))


def _destination(random: Random, service: ServiceName) -> tuple[DestinationName, Options]:
    address, port = random.choice(_REAL_SERVERS), service[1] or 0
    if (":" in address) == (service[4] == "ipv6") and random.random() < 0.25:
        port = 8080
    return (address, port), _destination_at(random, service, (address, port))


def _destination_at(random: Random, service: ServiceName, name: DestinationName) -> Options:
    if name[1] == 8080:
        return _destination_options(random, ("nat",))
    same = (":" in name[0]) == (service[4] == "ipv6")
    return _destination_options(random, ("direct", "nat", "tunnel") if same else ("tunnel",))


def _destination_options(random: Random, forwardings: tuple[str, ...]) -> Options:
    upper = random.choice((0, 0, 10, 2**31 - 1))
    options = {
        **_NEW_DESTINATION,
        "forwarding": random.choice(forwardings),
        "weight": random.choice((0, 0, 1, 7, 70000)),
        "upper_threshold": upper,
        "lower_threshold": random.choice((0, min(upper, 5), upper)),
    }
    if options["forwarding"] == "tunnel":
        kind = random.choice(tuple(_CHECKSUMS))
        options["tunnel_type"] = kind
        options["tunnel_checksum"] = random.choice(_CHECKSUMS[kind])
        options["tunnel_port"] = random.choice((1, 5555, 65535)) if kind == "gue" else 0
    return options


def _described(
    random: Random, name: ServiceName, present: Entry | None, purges: bool, keep_weights: bool
) -> tuple[Options, Entry]:
    """Options of a service with destinations, and what they must lead to."""
    wanted = _service(random, name) if present is None or random.random() < 0.6 else present.options
    address, port, protocol, mark, family = name
    options: Options = {"fwmark": mark, "family": family} if mark else {"address": _spelled(random, address)}
    if not mark:
        options.update(port=port, protocol=protocol)
    options.update(_given(random, wanted, _inherited_service(name, present, wanted)))
    if "persistence_netmask" in options:
        spellings = [text for text, mask in _MASKS[family].items() if mask == wanted["persistence_netmask"]]
        options["persistence_netmask"] = random.choice([*spellings, wanted["persistence_netmask"]])
    before = present.destinations if present else {}
    if random.random() < 0.15:
        return options, Entry(wanted, before)
    listed = {each: dict(value) for each, value in _destinations(random, name).items()}
    for each, value in before.items():
        listed.update(
            random.choice(({}, {each: dict(value)}, {each: _destination_at(random, name, each)}))  # gone, same, edited
        )
    options["destinations"] = [
        _described_destination(random, name, each, value, before.get(each)) for each, value in listed.items()
    ]
    random.shuffle(options["destinations"])
    for each, value in listed.items():
        if keep_weights and each in before:
            value["weight"] = before[each]["weight"]
    return options, Entry(wanted, listed if purges else {**before, **listed})


def _described_destination(
    random: Random, service: ServiceName, name: DestinationName, wanted: Options, present: Options | None
) -> Options:
    options: Options = {"destination": _spelled(random, name[0])}
    if name[1] != (service[1] or 0) or random.random() < 0.5:
        options["destination_port"] = name[1]
    inherited = dict(present or _NEW_DESTINATION)
    if wanted["tunnel_type"] != inherited["tunnel_type"]:
        # Port and checksum belong to a type. Without a tunnel there is nothing; with one, ipip is the usual.
        inherited.update(tunnel_port=0, tunnel_checksum="none")
        if wanted["forwarding"] != "tunnel":
            inherited["tunnel_type"] = None
        elif inherited["tunnel_type"] is None:
            inherited["tunnel_type"] = "ipip"
    options.update(_given(random, wanted, inherited))
    return options


def _inherited_service(name: ServiceName, present: Entry | None, wanted: Options) -> Options:
    """What an option is that is not given."""
    inherited = dict(present.options if present else _NEW_SERVICE)
    if inherited["scheduler"] != wanted["scheduler"]:
        inherited["scheduler_flags"] = ()
    if not wanted["persistence"]:
        inherited.update(persistence_netmask=None, persistence_engine=None)
    elif not inherited["persistence"]:
        inherited["persistence_netmask"] = "128" if name[4] == "ipv6" else "255.255.255.255"
    return inherited


def _given(random: Random, wanted: Options, inherited: Options) -> Options:
    """What has to be given, and some of what may be given."""
    given = {}
    for option, value in wanted.items():
        spelled = list(value) if isinstance(value, tuple) else value
        if value != inherited[option]:
            given[option] = "none" if value is None and option == "persistence_engine" else spelled
        elif value is not None and random.random() < 0.3:
            given[option] = spelled
    return given


def _spelled(random: Random, address: str) -> str:
    return _OTHER_SPELLINGS.get(address, address) if random.random() < 0.3 else address


# ipvsadm's words

_FORWARDING = {"direct": "-g", "nat": "-m", "tunnel": "-i"}
_CHECKSUM = {"none": "--tun-nocsum", "standard": "--tun-csum", "remote": "--tun-remcsum"}


def saved(entries: Entries, *, complete: bool = False) -> Iterator[str]:
    """Lines of ``ipvsadm -Sn``, services in no special order; complete, with what it does not print, for ``-R``."""
    for name, entry in entries.items():
        yield " ".join(["-A", _service_words(name), *_service_option_words(entry.options, complete)])
        for (address, port), options in entry.destinations.items():
            words = ["-a", _service_words(name), "-r", _endpoint(address, port), _FORWARDING[options["forwarding"]]]
            words += ["-w", str(options["weight"])]
            if complete:
                words += ["-x", str(options["upper_threshold"]), "-y", str(options["lower_threshold"])]
            kind = options["tunnel_type"]
            words += ["--tun-type", kind] if kind else []
            words += ["--tun-port", str(options["tunnel_port"])] if kind == "gue" else []
            words += [_CHECKSUM[options["tunnel_checksum"]]] if kind in ("gue", "gre") else []
            yield " ".join(words)


def limits(entries: Entries) -> list[tuple[str, str, int, int]]:
    """Service, destination, upper and lower threshold of each destination, named as ``ipvsadm -Ln`` does."""
    return sorted(
        (listed(name), _endpoint(*each), options["upper_threshold"], options["lower_threshold"])
        for name, entry in entries.items()
        for each, options in entry.destinations.items()
    )


def listed(name: ServiceName) -> str:
    """How ``ipvsadm -Ln`` names a service."""
    address, port, protocol, mark, family = name
    if mark:
        return f"FWM {mark}{' IPv6' if family == 'ipv6' else ''}"
    return f"{protocol.upper()} {_endpoint(address, port)}"


def _service_words(name: ServiceName) -> str:
    """How ``ipvsadm -Sn`` names a service."""
    address, port, protocol, mark, family = name
    if mark:
        return f"-f {mark}{' -6' if family == 'ipv6' else ''}"
    return {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}[protocol] + " " + _endpoint(address, port)


def _service_option_words(options: Options, complete: bool) -> Iterator[str]:
    yield f"-s {options['scheduler']}"
    if options["persistence"]:
        yield f"-p {options['persistence']}"
        if options["persistence_netmask"] not in ("255.255.255.255", "128"):
            yield f"-M {options['persistence_netmask']}"
        if options["persistence_engine"]:
            yield f"--pe {options['persistence_engine']}"
    if options["one_packet"]:
        yield "-o"
    named = options["scheduler"] in _FLAGS and not complete  # of these ipvsadm prints the named flags only
    if options["scheduler_flags"]:
        yield "-b " + ",".join(flag for flag in options["scheduler_flags"] if flag != "flag-3" or not named)


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
