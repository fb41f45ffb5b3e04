# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Rules as one chain of the table mangle: text for ``iptables-restore --noflush``, and what ``iptables-save`` says.

PREROUTING jumps to the chain once. Each address family has a chain of its own, in a transaction of its own.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import (
    EVERY_PORT,
    OWNED,
    Held,
    Operation,
    Rule,
    Rules,
    merged,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import PROTOCOLS, ModelError, normal_address
from ansible_collections.lvs.cluster.plugins.module_utils._rules.matches import port_lists
from ansible_collections.lvs.cluster.plugins.module_utils._rules.programs import Place

CHAIN = OWNED.upper()
_JUMP = ("PREROUTING", "-j", CHAIN)
_PREFIXES = {"ipv4": "/32", "ipv6": "/128"}
_PROTOCOL = "|".join(PROTOCOLS)
_RULE = re.compile(
    rf"-d (?P<address>[0-9a-f.:]+)/(?:32|128) -p (?P<protocol>{_PROTOCOL})"
    r"(?: -m multiport --dports (?P<ports>[0-9:,]+))? -j MARK --set-xmark 0x(?P<mark>[0-9a-f]+)/0xffffffff"
)


def held(there: Place, saved: str) -> Held:
    """What our chain holds, from what ``iptables-save -t mangle`` said."""
    lines = saved.splitlines()
    is_declared = any(line.startswith(f":{CHAIN} ") for line in lines)
    jumps = lines.count(f"-A {' '.join(_JUMP)}")
    own = [line.split(" ", 2)[2] for line in lines if line.startswith(f"-A {CHAIN} ")]
    rules = merged(rule for text in own for rule in [_read(text)] if rule is not None)
    is_intact = jumps == 1 and sorted(own) == sorted(_texts(rules))
    return Held(there, rules, exists=is_declared, is_intact=is_intact or not is_declared, jumps=jumps)


def operations(present: Held, desired: Rules) -> tuple[Operation, ...]:
    """What leads from the present rules to the desired ones."""
    program = present.place.program
    if not desired:
        gone = [*[("-D", *_JUMP)] * present.jumps, ("-F", CHAIN), ("-X", CHAIN)]
        return _operations(program, gone) if present.exists else ()
    if not present.exists:
        return _operations(program, [("-N", CHAIN), *_adding(_texts(desired)), ("-A", *_JUMP)])
    if not present.is_intact:
        # The chain is ours alone. One that somebody has changed is filled anew, in the same transaction.
        jumps = [("-A", *_JUMP)] if not present.jumps else [("-D", *_JUMP)] * (present.jumps - 1)
        return _operations(program, [("-F", CHAIN), *_adding(_texts(desired)), *jumps])
    before, after = list(_texts(present.rules)), list(_texts(desired))
    missing, gone_texts = set(before), set(after)
    return _operations(
        program,
        [
            *(("-D", CHAIN, text) for text in before if text not in gone_texts),
            *_adding(text for text in after if text not in missing),
        ],
    )


def transaction_text(operations: Iterable[Operation]) -> str:
    """What ``iptables-restore --noflush`` reads, all or nothing."""
    return "".join(f"{line}\n" for line in ("*mangle", *(operation.line for operation in operations), "COMMIT"))


def boot_file(rules: Rules, family: str) -> str:
    """A complete file for ``iptables-restore --noflush`` of a host that has just booted; nothing for no rules."""
    texts = list(_texts(rule for rule in rules if rule.family == family))
    if not texts:
        return ""
    lines = ["*mangle", f":{CHAIN} - [0:0]", *(f"-A {CHAIN} {text}" for text in texts), f"-A {' '.join(_JUMP)}"]
    return "".join(f"{line}\n" for line in (*lines, "COMMIT"))


def _operations(program: str, lines: Iterable[Sequence[str]]) -> tuple[Operation, ...]:
    spelled_lines = [" ".join(words) for words in lines]
    return tuple(Operation(f"{program} -t mangle {line}", line) for line in spelled_lines)


def _adding(texts: Iterable[str]) -> list[tuple[str, ...]]:
    return [("-A", CHAIN, text) for text in texts]


def _texts(rules: Iterable[Rule]) -> Iterator[str]:
    """The rules in iptables' words, as iptables-save spells them."""
    for rule in rules:
        match = f"-d {rule.address}{_PREFIXES[rule.family]} -p {rule.protocol}"
        target = f"-j MARK --set-xmark 0x{rule.mark:x}/0xffffffff"
        if rule.ports == (EVERY_PORT,):
            yield f"{match} {target}"
        else:
            yield from (f"{match} -m multiport --dports {ports} {target}" for ports in port_lists(rule.ports))


def _read(text: str) -> Rule | None:
    """The rule, or None for one that we would never write."""
    found = _RULE.fullmatch(text)
    if found is None:
        return None
    try:
        address = normal_address(found.group("address"), what="")
    except ModelError:
        return None
    ranges = [[int(number) for number in word.split(":")] for word in (found.group("ports") or "0:65535").split(",")]
    ports = tuple((numbers[0], numbers[-1]) for numbers in ranges)
    return merged([Rule(int(found.group("mark"), 16), address, found.group("protocol"), ports)])[0]
