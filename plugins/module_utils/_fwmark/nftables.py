# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Rules as one table of nftables: text for ``nft -f``, and what ``nft -j list table`` says of it.

Each address family has a map from address, protocol and port to the mark, and one for ranges of ports, so that a packet
costs two lookups, however many marks there are. Needs nft 0.9.4 and Linux 5.6, where such maps came to take ranges.

Why two: the kernel swaps the contents of a map with ranges a moment after the rest of a transaction, so that a range
that changes may match nothing meanwhile, and taking an element out of it costs a look at all others. A map of single
ports has neither fault (``nft_set_pipapo.c`` against ``nft_set_hash.c``).
"""

from __future__ import annotations

import json
import shlex
from typing import Any, Iterable, Mapping, Tuple

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import (
    OWNED,
    FwmarkError,
    Held,
    Operation,
    Rule,
    Rules,
    merged,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    PROTOCOLS,
    ModelError,
    family_of,
    normal_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import NFTABLES

CHAIN = "prerouting"
_TABLE = ("inet", OWNED)
_HOOK = "type filter hook prerouting priority mangle; policy accept;"
# Of each map: the type of the address, the header's name.
_PORTS = {"ipv4": ("ipv4_addr", "ip"), "ipv6": ("ipv6_addr", "ip6")}
_RANGES = {f"{family}_ranges": shape for family, shape in _PORTS.items()}
_MAPS = {**_PORTS, **_RANGES}
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}  # nft prints numbers where /etc/protocols is missing
_MOST_ELEMENTS = 1000  # in one command: the kernel takes 128 KiB as one word of a command line
# Ranges to take out one by one. With 10,000 of 10,000 that took 24 s [Linux 6.18]; making the table anew takes 0.1 s.
_MOST_RANGES_REMOVED = 1000

Element = Tuple[str, str, int, int]  # address, protocol, first and last port


class UnreadableError(FwmarkError):
    """What nft holds cannot be read."""


def tables(listed: str) -> frozenset[tuple[str, str]]:
    """Family and name of all tables, from what ``nft -j list tables`` said."""
    return frozenset((item["table"]["family"], item["table"]["name"]) for item in _items(listed) if "table" in item)


def held(listed: str) -> Held:
    """What our table holds, from what ``nft -j list table`` said."""
    shape: list[tuple[Any, ...]] = []
    elements: dict[Element, int] = {}
    is_all = True
    for item in _items(listed):
        for kind, value in item.items():
            if kind in ("metainfo", "table"):
                continue
            shape.append(_shape(kind, value))
            if kind == "map":
                found, is_whole = _elements(value)
                is_whole = is_whole and all(_map_of(element) == value.get("name") for element in found)
                elements.update(found)
                is_all = is_all and is_whole
    rules = merged(
        Rule(mark, address, protocol, ((first, last),)) for (address, protocol, first, last), mark in elements.items()
    )
    is_intact = is_all and sorted(shape, key=repr) == _INTACT and elements == _elements_of(rules)
    return Held(NFTABLES, rules, exists=True, is_intact=is_intact)


def operations(present: Held, desired: Rules) -> tuple[Operation, ...]:
    """What leads from the present rules to the desired ones."""
    if not desired:
        return (_operation("delete", "table", *_TABLE),) if present.exists else ()
    if present.exists and present.is_intact:
        gone = set(present.rules)
        wanted = set(desired)
        before = _elements_of(rule for rule in present.rules if rule not in wanted)
        after = _elements_of(rule for rule in desired if rule not in gone)
        removed = {key: mark for key, mark in before.items() if after.get(key) != mark}
        added = {key: mark for key, mark in after.items() if before.get(key) != mark}
        if sum(first != last for _address, _protocol, first, last in removed) <= _MOST_RANGES_REMOVED:
            return (*_of_elements("delete", removed), *_of_elements("add", added))
    # The table is ours alone. One that somebody has changed, or that changes much, is made anew, in one transaction.
    anew = (_operation("delete", "table", *_TABLE),) if present.exists else ()
    return (*anew, *_structure(), *_of_elements("add", _elements_of(desired)))


def fitness_text() -> str:
    """What a kernel must take to be fit for this back end, whatever our table holds now. Only for ``nft -c``."""
    return transaction_text(
        [_operation("add", "table", *_TABLE), _operation("delete", "table", *_TABLE), *_structure()]
    )


def _structure() -> tuple[Operation, ...]:
    """What makes the table without any rule."""
    maps = [_operation("add", "map", *_TABLE, name, f"{{ {_map_type(name)} }}") for name in _MAPS]
    return (
        _operation("add", "table", *_TABLE),
        *maps,
        _operation("add", "chain", *_TABLE, CHAIN, f"{{ {_HOOK} }}"),
        *(_operation("add", "rule", *_TABLE, CHAIN, _statement(name)) for name in _MAPS),
    )


def transaction_text(operations: Iterable[Operation]) -> str:
    """What ``nft -f`` reads, all or nothing."""
    return "".join(f"{operation.line}\n" for operation in operations)


def boot_file(rules: Rules) -> str:
    """A complete file for ``nft -f`` that makes our table anew, whatever is there; nothing for no rules."""
    if not rules:
        return ""
    lines = [f"table {' '.join(_TABLE)}", f"delete table {' '.join(_TABLE)}", f"table {' '.join(_TABLE)} {{"]
    elements = _elements_of(rules)
    for name in _MAPS:
        lines += [f"\tmap {name} {{", f"\t\t{_map_type(name)}"]
        own = [_assignment(element, mark) for element, mark in elements.items() if _map_of(element) == name]
        if own:
            spelled = ",\n\t\t\t".join(own)
            lines += ["\t\telements = {", f"\t\t\t{spelled}", "\t\t}"]
        lines += ["\t}"]
    lines += [f"\tchain {CHAIN} {{", f"\t\t{_HOOK}", *(f"\t\t{_statement(name)}" for name in _MAPS), "\t}", "}"]
    return "".join(f"{line}\n" for line in lines)


def _map_type(name: str) -> str:
    flags = " flags interval;" if name in _RANGES else ""
    return f"type {_MAPS[name][0]} . inet_proto . inet_service : mark;{flags}"


def _statement(name: str) -> str:
    return f"meta mark set {_MAPS[name][1]} daddr . meta l4proto . th dport map @{name}"


def _map_of(element: Element) -> str:
    """The name of the map that an element stands in."""
    address, _protocol, first, last = element
    return family_of(address) if first == last else f"{family_of(address)}_ranges"


def _operation(*words: str) -> Operation:
    return Operation(" ".join(shlex.quote(word) for word in ("nft", *words)), " ".join(words))


def _of_elements(verb: str, elements: Mapping[Element, int]) -> list[Operation]:
    """Operations on elements, those of one mark and map together."""
    groups: dict[tuple[str, int], list[str]] = {}
    for element, mark in elements.items():
        groups.setdefault((_map_of(element), mark), []).append(_assignment(element, mark))
    return [
        _operation(verb, "element", *_TABLE, name, f"{{ {', '.join(group[start : start + _MOST_ELEMENTS])} }}")
        for (name, _mark), group in groups.items()
        for start in range(0, len(group), _MOST_ELEMENTS)
    ]


def _assignment(element: Element, mark: int) -> str:
    address, protocol, first, last = element
    ports = str(first) if first == last else f"{first}-{last}"
    return f"{address} . {protocol} . {ports} : {mark}"


def _elements_of(rules: Iterable[Rule]) -> dict[Element, int]:
    return {(rule.address, rule.protocol, first, last): rule.mark for rule in rules for first, last in rule.ports}


def _items(listed: str) -> list[Mapping[str, Any]]:
    try:
        items = json.loads(listed)["nftables"]
    except (ValueError, KeyError, TypeError):
        raise UnreadableError(
            f"nft does not answer in JSON but says {listed[:80]!r}. Install an nft that is built with JSON support."
        ) from None
    return list(items)


def _shape(kind: str, value: Mapping[str, Any]) -> tuple[Any, ...]:
    """What matters of a map, chain or rule; everything else in our table is somebody else's work."""
    if kind == "map":
        return (kind, value.get("name"), _listed(value.get("type")), value.get("map"), _listed(value.get("flags", [])))
    if kind == "chain":
        return (kind, *(value.get(name) for name in ("name", "type", "hook", "prio", "policy")))
    try:
        # Versions of nft may spell the key in different ways. Which map is asked says which rule it is.
        [statement] = value["expr"]
        mangled = statement["mangle"]
        return (kind, value["chain"], mangled["key"]["meta"]["key"], mangled["value"]["map"]["data"])
    except (KeyError, TypeError, ValueError):
        return (kind, repr(value))


_INTACT = sorted(
    [
        ("chain", CHAIN, "filter", "prerouting", -150, "accept"),
        *(
            ("map", name, (key, "inet_proto", "inet_service"), "mark", ("interval",) if name in _RANGES else ())
            for name, (key, _header) in _MAPS.items()
        ),
        *(("rule", CHAIN, "mark", f"@{name}") for name in _MAPS),
    ],
    key=repr,
)


def _elements(value: Mapping[str, Any]) -> tuple[dict[Element, int], bool]:
    """The elements of a map, and whether that is all: those that we would never write are left out."""
    elements = value.get("elem", ())
    found = dict(read for element in elements for read in [_element(element)] if read is not None)
    return found, len(found) == len(elements)


def _element(said: Any) -> tuple[Element, int] | None:
    try:
        key, mark = said
        address, protocol, ports = key["concat"]
        first, last = ports["range"] if isinstance(ports, dict) else (ports, ports)
        return (normal_address(address, what=""), _protocol(protocol), int(first), int(last)), int(mark)
    except (AttributeError, KeyError, TypeError, ValueError, ModelError):
        return None


def _protocol(said: str | int) -> str:
    name = _PROTOCOLS.get(int(said)) if str(said).isdigit() else said
    if name not in PROTOCOLS:
        raise ValueError(said)
    return str(name)


def _listed(value: Any) -> tuple[Any, ...]:
    """One or many, as many: nft writes one without a list."""
    return tuple(value) if isinstance(value, list) else (value,)
