# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Rules that hide a VIP from ARP or redirect what comes for it, and the places where they stand. Text only.

A place is a table of nftables or chains of arptables, iptables or ip6tables, all of our own, or a zone of firewalld.
What it holds is a tuple of lines; each is about one VIP, or makes a chain, or jumps there. So what one call wants of
its VIPs is compared with what is there line by line, and the lines of other VIPs stay.

A line is spelled as the program prints it: nft(8), iptables-save(8); arptables(8) is put into the order of iptables.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import Iterable, Mapping, NamedTuple, Sequence, Tuple, Union

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark.model import PortRange, merged_ports, spelled
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress
from ansible_collections.lvs.cluster.plugins.module_utils._rules.matches import port_lists

Lines = Tuple[str, ...]


class Silence(NamedTuple):
    """Nobody who asks for the VIP gets an answer, on whatever interface."""

    vip: IPAddress


class AskAs(NamedTuple):
    """This host's own questions on the interface carry its own address, not the VIP."""

    vip: IPAddress
    interface: str
    own: str


class Redirect(NamedTuple):
    """What comes for the VIP with this protocol, to these ports (none: all), is taken for the host itself."""

    vip: IPAddress
    protocol: str
    ports: tuple[PortRange, ...] = ()


Rule = Union[Silence, AskAs, Redirect]


class Change(NamedTuple):
    """A command, and what the place holds after it."""

    command: tuple[str, ...]
    lines: Lines


class WithoutJumps:
    """A place to which packets come by themselves: what stands there is in force."""

    def spelled(self, rule: Rule) -> list[str]:
        raise NotImplementedError

    def in_force(self, lines: Lines, rule: Rule) -> bool:
        return all(line in lines for line in self.spelled(rule))

    def is_reached(self, lines: Lines, line: str) -> bool:
        """Whether packets come to this line."""
        return line in lines


@dataclasses.dataclass(frozen=True)
class Table(WithoutJumps):
    """A table of nftables. ``chains`` maps a chain to its hook; a change makes the whole table anew, at one moment."""

    family: str
    name: str
    chains: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        return f"nft {self.family}"

    @property
    def program(self) -> str:
        return "nft"

    @property
    def show(self) -> tuple[str, ...]:
        """Prints what it holds."""
        return ("nft", "-s", "list", "table", self.family, self.name)

    def spelled(self, rule: Rule) -> list[str]:
        if isinstance(rule, Silence):
            return [f"input arp daddr ip {rule.vip} drop"]
        if isinstance(rule, AskAs):
            return [f'output oifname "{rule.interface}" arp saddr ip {rule.vip} arp saddr ip set {rule.own}']
        to = f"prerouting {self.family} daddr {rule.vip}"
        ports = [spelled(each).replace(":", "-") for each in rule.ports]
        return [f"{to} {rule.protocol} dport {port} redirect" for port in ports] or [
            f"{to} meta l4proto {rule.protocol} redirect"
        ]

    def framed(self, rules: Iterable[str]) -> Lines:
        """The rules, and what has to be around them: nothing, because the table is always made as a whole."""
        return tuple(rules)

    def read(self, printed: str) -> Lines:
        """The lines in what ``show`` prints. A chain that is not as ours are is a line too, which nobody wants."""
        lines: list[str] = []
        chain = ""
        for line in printed.splitlines():
            words = line.split()
            if not words or words[0] in ("}", "table"):
                continue
            if words[0] == "chain":
                chain = words[1]
            elif words[0] != "type" or not self._is_header(chain, " ".join(words)):
                lines.append(f"{chain} {' '.join(words)}")
        return tuple(lines)

    def changes(self, before: Lines, after: Lines) -> list[Change]:
        if sorted(before) == sorted(after):
            return []
        if not after:
            return [Change(("nft", f"delete table {self.family} {self.name}"), ())]
        return [Change(("nft", self.text(after)), after)]

    def text(self, lines: Lines) -> str:
        """What makes the table anew, whether it is there or not, in one transaction."""
        chains = []
        for chain, hook in self.chains:
            rules = "".join(f" {line.partition(' ')[2]};" for line in lines if line.startswith(f"{chain} "))
            chains.append(f"chain {chain} {{ {hook}; policy accept;{rules} }}")
        table = f"{self.family} {self.name}"
        return f"add table {table}; delete table {table}; table {table} {{ {'; '.join(chains)}; }}"

    def boot_commands(self, lines: Lines, path: str) -> list[str]:
        """For a unit, at any time: a table that is there stays, because it may hold more than what lasts."""
        text = self.text(lines).replace('"', '\\"')
        return [f"/bin/sh -c \"{path} list table {self.family} {self.name} >/dev/null 2>&1 || {path} '{text}'\""]

    def _is_header(self, chain: str, text: str) -> bool:
        # The priority is printed as a number by old releases and by its name by new ones.
        hook = dict(self.chains).get(chain, "").rpartition(" ")[0]
        names = {"0": "filter", "-110": r"dstnat - 10"}
        number = dict(self.chains).get(chain, "").rpartition(" ")[2]
        return text in {f"{hook} {priority}; policy accept;" for priority in (number, names.get(number, number))}


@dataclasses.dataclass(frozen=True)
class Chains:
    """Chains of a program of the iptables kind. ``chains`` are pairs: the kernel's, and ours to which it jumps."""

    program: str
    options: tuple[str, ...]
    chains: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        return self.program

    @property
    def is_arp(self) -> bool:
        return self.program.startswith("arp")

    @property
    def show(self) -> tuple[str, ...]:
        """Prints what it holds. arptables-legacy knows no -S."""
        return (self.program, *self.options, *(("-n", "-L") if self.is_arp else ("-S",)))

    def spelled(self, rule: Rule) -> list[str]:
        if isinstance(rule, Silence):
            return [f"-A {ARP_IN} -d {rule.vip} -j DROP"]
        if isinstance(rule, AskAs):
            return [f"-A {ARP_OUT} -o {rule.interface} -s {rule.vip} -j mangle --mangle-ip-s {rule.own}"]
        to = f"-A {REDIRECT} -d {rule.vip}/{rule.vip.max_prefixlen} -p {rule.protocol}"
        ports = [f" -m multiport --dports {part}" for part in port_lists(rule.ports)] if rule.ports else [""]
        return [f"{to}{each} -j REDIRECT" for each in ports]

    def framed(self, rules: Iterable[str]) -> Lines:
        """The rules with the chains that they stand in and the jumps there, which come last."""
        rules = list(rules)
        used = [(hook, chain) for hook, chain in self.chains if any(_chain(line) == chain for line in rules)]
        made = [f"-N {chain}" for _hook, chain in used]
        return (*made, *rules, *(f"-A {hook} -j {chain}" for hook, chain in used))

    def in_force(self, lines: Lines, rule: Rule) -> bool:
        return all(line in lines and self.is_reached(lines, line) for line in self.spelled(rule))

    def is_reached(self, lines: Lines, line: str) -> bool:
        """Whether packets come to this line: without the jump to its chain none does."""
        return f"-A {self._hook(_chain(line))} -j {_chain(line)}" in lines

    def read(self, printed: str) -> Lines:
        """Our lines in what ``show`` prints."""
        lines = _listed(printed) if self.is_arp else printed.splitlines()
        ours = {chain for _hook, chain in self.chains}
        jumps = {f"-A {hook} -j {chain}" for hook, chain in self.chains}
        return tuple(line for line in lines if line in jumps or (line[:2] in ("-A", "-N") and _chain(line) in ours))

    def changes(self, before: Lines, after: Lines) -> list[Change]:
        """What is missing comes first, a jump after the rules to which it leads; then the surplus goes."""
        found: list[Change] = []
        lines = list(before)

        def do(words: str, now: list[str]) -> None:
            lines[:] = now
            found.append(Change((self.program, *self.options, *words.split()), tuple(now)))

        jumps = {f"-A {hook} -j {chain}" for hook, chain in self.chains}
        missing = _without(after, before)
        for line in sorted(missing, key=lambda line: (line in jumps, line[:2] != "-N")):
            # In front of other people's rules.
            do(line.replace("-A", "-I", 1) if line in jumps else line, [*lines, line])
        surplus = _without(before, after)
        gone = {_chain(line) for line in surplus if line[:2] == "-N"}
        for line in sorted(surplus, key=lambda line: line not in jumps):
            if line in jumps or (line[:2] == "-A" and _chain(line) not in gone):
                do(line.replace("-A", "-D", 1), _without(lines, [line]))
        for chain in sorted(gone):
            if any(line[:2] == "-A" and _chain(line) == chain for line in lines):
                do(f"-F {chain}", [line for line in lines if line[:2] != "-A" or _chain(line) != chain])
            do(f"-X {chain}", _without(lines, [f"-N {chain}"]))
        return found

    def boot_commands(self, lines: Lines, path: str) -> list[str]:
        """For a unit, at any time: the jump comes last, so where it is, all is there and stays."""
        program = " ".join((path, *self.options))
        commands = []
        for hook, chain in self.chains:
            rules = [line for line in lines if line[:2] == "-A" and _chain(line) == chain]
            if rules:
                there = (
                    f"-n -L {hook} | grep -q -e '-j {chain}'" if self.is_arp else f"-C {hook} -j {chain} 2>/dev/null"
                )
                filled = " && ".join(f"{program} {line}" for line in [*rules, f"-I {hook} -j {chain}"])
                emptied = f"{program} -N {chain} 2>/dev/null || {program} -F {chain}"
                commands.append(f'/bin/sh -c "{program} {there} || {{ {{ {emptied}; }} && {filled}; }}"')
        return commands

    def _hook(self, chain: str) -> str:
        return next((hook for hook, ours in self.chains if ours == chain), "")


@dataclasses.dataclass(frozen=True)
class Zone(WithoutJumps):
    """Rich rules in a zone of firewalld, as it runs or as it is kept (firewalld.richlanguage(5)).

    firewalld hands a forward port without an address to nftables as a redirect, and lets in what it has translated.
    """

    name: str
    is_permanent: bool = False

    @property
    def key(self) -> str:
        return f"{FIREWALLD} {PERMANENT} {self.name}" if self.is_permanent else f"{FIREWALLD} {self.name}"

    @property
    def program(self) -> str:
        return "firewall-cmd"

    def spelled(self, rule: Rule) -> list[str]:
        if not isinstance(rule, Redirect):
            return []
        to = f'rule family="ipv{rule.vip.version}" destination address="{rule.vip}"'
        ports = [spelled(each).replace(":", "-") for each in rule.ports or ((1, 65535),)]
        return [f'{to} forward-port port="{port}" protocol="{rule.protocol}" to-port="{port}"' for port in ports]

    def framed(self, rules: Iterable[str]) -> Lines:
        return tuple(rules)

    def changes(self, before: Lines, after: Lines) -> list[Change]:
        found: list[Change] = []
        lines = list(before)
        for line in _without(after, before):
            lines.append(line)
            found.append(Change(self._command("add", line), tuple(lines)))
        for line in _without(before, after):
            lines = _without(lines, [line])
            found.append(Change(self._command("remove", line), tuple(lines)))
        return found

    def boot_commands(self, lines: Lines, path: str) -> list[str]:  # noqa: ARG002
        """None: firewalld keeps them itself."""
        return []

    def _command(self, what: str, line: str) -> tuple[str, ...]:
        permanent = ["--permanent"] if self.is_permanent else []
        return ("firewall-cmd", *permanent, f"--zone={self.name}", f"--{what}-rich-rule={line}")


def zones_in(printed: str, *, permanent: bool) -> dict[str, Lines]:
    """The lines of ours in what ``firewall-cmd --list-all-zones`` prints, by the place's key."""
    found: dict[str, list[str]] = {}
    zone = ""
    for line in printed.splitlines():
        if line[:1].strip():
            zone = line.split()[0]
        elif vip_in(line.strip()) is not None:
            found.setdefault(Zone(zone, permanent).key, []).append(line.strip())
    return {key: tuple(sorted(lines)) for key, lines in found.items()}


Place = Union[Table, Chains, Zone]

FIREWALLD, PERMANENT = "firewalld", "permanently"

ARP_IN, ARP_OUT, REDIRECT = "LVS_CLUSTER_ARP_IN", "LVS_CLUSTER_ARP_OUT", "LVS_CLUSTER_REDIRECT"
ARP_TABLE = Table(
    "arp",
    "lvs_cluster_arp",
    (("input", "type filter hook input priority 0"), ("output", "type filter hook output priority 0")),
)
# A little before the usual priority: the first translation of a connection counts, and these are about few addresses.
_REDIRECTING = (("prerouting", "type nat hook prerouting priority -110"),)
REDIRECT_TABLES = {
    4: Table("ip", "lvs_cluster_redirect", _REDIRECTING),
    6: Table("ip6", "lvs_cluster_redirect", _REDIRECTING),
}
_WAIT = ("-w", "60", "-t", "nat")  # seconds for other programs that hold the lock of iptables


def arp_place(program: str) -> Table | Chains:
    """Where the program (``nft``, ``arptables``, ``arptables-legacy``) puts rules about ARP."""
    return ARP_TABLE if program == "nft" else Chains(program, (), (("INPUT", ARP_IN), ("OUTPUT", ARP_OUT)))


def redirect_place(program: str, version: int) -> Table | Chains:
    """Where the program (``nft``, ``iptables``, ``iptables-legacy``) redirects this IP version."""
    if program == "nft":
        return REDIRECT_TABLES[version]
    name = program.replace("iptables", "ip6tables", 1) if version == 6 else program
    return Chains(name, _WAIT, (("PREROUTING", REDIRECT),))


def place_of(key: str) -> Place:
    """The place with this key."""
    if key.startswith(FIREWALLD):
        name = key.rpartition(" ")[2]
        return Zone(name, key == Zone(name, is_permanent=True).key)
    for table in (ARP_TABLE, *REDIRECT_TABLES.values()):
        if table.key == key:
            return table
    if key.startswith("arp"):
        return arp_place(key)
    return redirect_place(key.replace("ip6", "ip", 1), 6 if key.startswith("ip6") else 4)


_RICH_RULE = (
    'rule family="ipv[46]" destination address="VIP"'
    r' forward-port port="(?P<port>[0-9-]+)" protocol="\w+" to-port="(?P=port)"'
)
_FORMS = [
    re.compile(form.replace("VIP", "(?P<vip>[0-9A-Fa-f.:]+)"))
    for form in (
        "input arp daddr ip VIP drop",
        r'output oifname "[^"]+" arp saddr ip VIP arp saddr ip set [0-9.]+',
        r"prerouting ip6? daddr VIP (meta l4proto \w+|\w+ dport [0-9-]+) redirect",
        f"-A {ARP_IN} -d VIP -j DROP",
        rf"-A {ARP_OUT} -o \S+ -s VIP -j mangle --mangle-ip-s [0-9.]+",
        _RICH_RULE,
        rf"-A {REDIRECT} -d VIP/(32|128) -p \w+( -m multiport --dports [0-9,:]+)? -j REDIRECT",
    )
]


def vip_in(line: str) -> IPAddress | None:
    """The VIP that a line of ours is about; none for a chain, a jump, and what somebody else has put between ours."""
    found = next((match for form in _FORMS for match in [form.fullmatch(line)] if match), None)
    return ipaddress.ip_address(found.group("vip")) if found else None


def merged(place: Place, present: Lines, wanted: Mapping[IPAddress, Sequence[Rule]]) -> Lines:
    """What the place holds when it has these rules of these VIPs, and of all others what it has."""
    kept = [line for line in present if vip_in(line) is not None and vip_in(line) not in wanted]
    new = [line for rules in wanted.values() for rule in rules for line in place.spelled(rule)]
    return place.framed([*dict.fromkeys(kept), *dict.fromkeys(new)])


def extended(place: Place, present: Lines, missing: Sequence[str]) -> Lines:
    """What the place holds with these lines, too. Lines that no program of ours has spelled do not go into a table."""
    kept = present if isinstance(place, Chains) else [line for line in present if vip_in(line) is not None]
    return (*kept, *missing)


def silenced(rules: Mapping[str, Lines], vip: IPAddress) -> str | None:
    """The key of the place that keeps this host from answering ARP for the VIP."""
    return next(
        (
            key
            for key, lines in rules.items()
            if (key == ARP_TABLE.key or key.startswith("arp")) and place_of(key).in_force(lines, Silence(vip))
        ),
        None,
    )


def redirected(rules: Mapping[str, Lines], vip: IPAddress, *, reached: bool = False) -> str | None:
    """The key of the place that redirects something that comes for the VIP; ``reached``: and to which packets come."""
    return next(
        (
            key
            for key, lines in rules.items()
            if key != ARP_TABLE.key
            and not key.startswith("arp")
            and any(vip_in(line) == vip and (not reached or place_of(key).is_reached(lines, line)) for line in lines)
        ),
        None,
    )


def traffic_in(lines: Iterable[str], vip: IPAddress) -> tuple[tuple[str, tuple[PortRange, ...]], ...]:
    """Protocols and ports of the lines that redirect this VIP; no ports: all."""
    found: dict[str, list[PortRange]] = {}
    for line in lines:
        protocol = re.search(r'(?:-p |meta l4proto |protocol=")(\w+)|(\w+) dport', line)
        if vip_in(line) == vip and protocol:
            ports = re.search(r'(?:dport |--dports |forward-port port=")([\d,:-]+)', line)
            ranges = [re.split("[:-]", each) for each in ports.group(1).split(",")] if ports else []
            found.setdefault(protocol.group(1) or protocol.group(2), []).extend(
                (int(each[0]), int(each[-1])) for each in ranges
            )
    return tuple((name, merged_ports(ranges)) for name, ranges in sorted(found.items()))


def _chain(line: str) -> str:
    return line.split(" ", 2)[1]


def _without(lines: Iterable[str], taken: Iterable[str]) -> list[str]:
    """The lines without these, each taken away as often as it is there."""
    left = list(lines)
    for line in taken:
        if line in left:
            left.remove(line)
    return left


def _listed(printed: str) -> list[str]:
    """What ``arptables -n -L`` prints, in the words of ``-S``."""
    lines: list[str] = []
    chain = ""
    for line in printed.splitlines():
        words = line.split()
        if words[:1] == ["Chain"]:
            chain = words[1]
            lines += [] if "policy" in line else [f"-N {chain}"]
        elif words[:1] == ["-j"]:
            target = next((place for place, word in enumerate(words) if word.startswith("--mangle")), len(words))
            lines.append(" ".join(["-A", chain, *words[2:target], *words[:2], *words[target:]]))
    return lines
