# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""What nftables, arptables and iptables of this host hold of ours, and whether they work here. Reads only."""

from __future__ import annotations

import ipaddress
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Collection, Iterable

from ansible_collections.lvs.cluster.plugins.module_utils._arp.choose import PROGRAMS
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import FIREWALLD, REDIRECT
from ansible_collections.lvs.cluster.plugins.module_utils._arp.firewalld import DEFAULT, zones_of
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import vip_of
from ansible_collections.lvs.cluster.plugins.module_utils._arp.rules import (
    ARP_TABLE,
    REDIRECT_TABLES,
    AskAs,
    Chains,
    Lines,
    Redirect,
    Rule,
    Silence,
    Table,
    arp_place,
    redirect_place,
    redirected,
    silenced,
    zones_in,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress
from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import clause

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_LEGACY = {
    "arp": "/proc/net/arp_tables_names",
    "ip": "/proc/net/ip_tables_names",
    "ip6": "/proc/net/ip6_tables_names",
}
_TRIED: dict[int, IPAddress] = {4: ipaddress.ip_address("192.0.2.1"), 6: ipaddress.ip_address("2001:db8::1")}


def hidden_vips(module: AnsibleModule, texts: Iterable[str]) -> list[dict[str, str]]:
    """Those of these VIPs that rules of ours hide or redirect, each with the method. Raises HideError."""
    vips = [vip_of(text) for text in texts]
    held = Filters(module).read() if vips else {}
    found = []
    for vip in vips:
        silencing = silenced(held, vip)
        if silencing:
            found.append({"address": str(vip), "method": "nftables" if silencing == ARP_TABLE.key else "arptables"})
            continue
        key = redirected(held, vip, reached=True)
        if key:
            found.append({"address": str(vip), "method": FIREWALLD if key.startswith(FIREWALLD) else REDIRECT})
    return found


class Filters:
    """The programs of this host that hold rules. Without root they can be asked nothing, and then hold nothing."""

    def __init__(self, module: AnsibleModule, *, concerns_firewalld: bool = False) -> None:
        self._module = module
        self._programs = self._found() if os.geteuid() == 0 else {}
        self._tables = self._tables_of_nftables()
        self._zones = ""  # of a running firewalld, as it prints them
        self._programs.update(self._running_firewalld(concerned=concerns_firewalld))

    def paths(self) -> dict[str, str]:
        """Paths of the programs, by name."""
        return dict(self._programs)

    def read(self) -> dict[str, Lines]:
        """The lines of ours in each place that has some, by the place's key."""
        places: list[Table | Chains] = [ARP_TABLE, *REDIRECT_TABLES.values()]
        for name in self._programs:
            if name.startswith("arptables"):
                places.append(arp_place(name))
            elif "tables" in name:
                places.append(redirect_place(name.replace("ip6", "ip", 1), 6 if name.startswith("ip6") else 4))
        found = {place.key: place.read(self._printed(place)) for place in places if self._may_hold(place)}
        if "firewall-cmd" in self._programs:
            found.update(zones_in(self._zones, permanent=False))
            found.update(zones_in(self._asked(["--permanent", "--list-all-zones"]), permanent=True))
        return {key: lines for key, lines in found.items() if lines}

    def complaint(self, method: str, program: str, versions: Collection[int]) -> str | None:
        """What is against the program for the method here; nothing when it works, None when it is not installed."""
        if program not in self._programs:
            is_there = method == FIREWALLD and self._module.get_bin_path(program)
            return "it does not run" if is_there else None
        if method == FIREWALLD:
            return ""  # it runs, else it is not among the programs
        if method != REDIRECT:
            vip = _TRIED[4]
            return self._tried(arp_place(program), [Silence(vip), AskAs(vip, "lo", "192.0.2.2")])
        for version in sorted(versions):
            place = redirect_place(program, version)
            if place.program not in self._programs:
                return f"{place.program} is not installed"
            complaint = self._tried(place, [Redirect(_TRIED[version], "tcp")])
            if complaint:
                return complaint
        return ""

    def zones(self) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
        """The zones of firewalld by interface, with the default one for the rest, and the sources of zones."""
        if "firewall-cmd" not in self._programs:
            return {}, {}
        interfaces, sources = zones_of(self._zones)
        return {DEFAULT: self._asked(["--get-default-zone"]).strip(), **interfaces}, sources

    def _asked(self, options: list[str]) -> str:
        status, output, _errors = self._run([self._programs["firewall-cmd"], *options])
        return output if status == 0 else ""

    def _found(self) -> dict[str, str]:
        """Programs by name. The plain name is enough where another one is of the same kind."""
        names = {name for programs in PROGRAMS.values() for name in programs} - {"firewall-cmd"}
        names |= {name.replace("ip", "ip6", 1) for name in names if name.startswith("ip")}
        found: dict[str, str] = {}
        kinds = set()
        for name in sorted(names, key=lambda each: (len(each), each)):
            path = self._module.get_bin_path(name)
            kind = (name.partition("-")[0], _is_nft(str(path)))
            if path and kind not in kinds:
                kinds.add(kind)
                found[name] = _settled(str(path))
        return found

    def _running_firewalld(self, *, concerned: bool) -> dict[str, str]:
        """Its program, if it runs. Every question to it takes half a second; without a table it has no rules."""
        program = self._module.get_bin_path("firewall-cmd") if os.geteuid() == 0 else None
        has_table = self._tables is None or any(name == FIREWALLD for _family, name in self._tables)
        if not program or not (concerned or has_table):
            return {}
        status, self._zones, _errors = self._run([str(program), "--list-all-zones"])
        return {"firewall-cmd": str(program)} if status == 0 else {}

    def _may_hold(self, place: Table | Chains) -> bool:
        """Whether its table is there. Asking a legacy program for it would make it, and load its module."""
        if place.program not in self._programs:
            return False
        if isinstance(place, Table):
            return self._tables is not None and (place.family, place.name) in self._tables
        family = place.program.partition("tables")[0]
        table = "filter" if place.is_arp else "nat"
        if _is_nft(self._programs[place.program]):
            return self._tables is None or (family, table) in self._tables
        try:
            return table in Path(_LEGACY[family]).read_text(encoding="ascii").split()
        except OSError:
            return False

    def _printed(self, place: Table | Chains) -> str:
        status, output, _errors = self._run([self._programs[place.program], *place.show[1:]])
        return output if status == 0 else ""

    def _tables_of_nftables(self) -> frozenset[tuple[str, str]] | None:
        """Family and name of all tables; None where nft does not say."""
        if "nft" not in self._programs:
            return None
        status, output, _errors = self._run([self._programs["nft"], "list", "tables"])
        words = [line.split() for line in output.splitlines()]
        return frozenset((each[1], each[2]) for each in words if len(each) == 3) if status == 0 else None

    def _tried(self, place: Table | Chains, rules: list[Rule]) -> str:
        lines = place.framed([line for rule in rules for line in place.spelled(rule)])
        if isinstance(place, Table):
            # Goes to the kernel and is not carried out; needs no more rights than the real thing.
            return self._said([self._programs["nft"], "-c", place.text(lines)])
        return self._tried_apart(place, lines)

    def _tried_apart(self, place: Chains, lines: Lines) -> str:
        """Carries it out in an empty network namespace, which is gone afterwards."""
        path = self._programs[place.program]
        changes = [[path, *change.command[1:]] for change in place.changes((), lines)]
        trial = " && ".join(" ".join(shlex.quote(word) for word in command) for command in changes)
        unshare = self._module.get_bin_path("unshare")
        if not unshare or self._said([unshare, "--net", "true"]):
            # Not allowed in most containers: then all that can be known is whether it answers.
            return self._said([path, *place.show[1:]])
        return self._said([unshare, "--net", "/bin/sh", "-c", trial])

    def _said(self, command: list[str]) -> str:
        """What the program says against the command; nothing when it takes it."""
        status, output, errors = self._run(command)
        return (clause(errors or output) or f"it ended with {status}") if status else ""

    def _run(self, command: list[str]) -> tuple[int, str, str]:
        status, output, errors = self._module.run_command(command, environ_update={"LC_ALL": "C", "LANGUAGE": "C"})
        return int(status), str(output), str(errors)


def _settled(path: str) -> str:
    """The same whatever PATH says, for the unit file names it: /sbin may be a link. Its own name says its kind."""
    return str(Path(path).parent.resolve() / Path(path).name)


def _is_nft(path: str) -> bool:
    """Whether a program of the iptables kind writes into nf_tables; since 1.8.0 its file's name says so."""
    return "-nft" in Path(path).resolve().name
