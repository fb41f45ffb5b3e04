# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The programs of this host that filter packets: nft, and iptables with ip6tables in their two kinds."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Collection, Sequence, Tuple

from ansible_collections.lvs.cluster.plugins.module_utils._task.ending import clause
from ansible_collections.lvs.cluster.plugins.module_utils._task.error import TaskError

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

FAMILIES = {"ipv4": "iptables", "ipv6": "ip6tables"}
INSTALL = {
    "nftables": "the package nftables (nft 0.9.4 or newer, Linux 5.6 or newer)",
    "iptables": "the package iptables",
}
_NFT_FAMILIES = {"ipv4": "ip", "ipv6": "ip6"}
_LEGACY_TABLES = {"ipv4": "/proc/net/ip_tables_names", "ipv6": "/proc/net/ip6_tables_names"}
_WAIT = "--wait=60"  # seconds for other programs that hold the lock of iptables


@dataclasses.dataclass(frozen=True)
class Place:
    """Where rules can stand. ``program`` is what a person would type; no family: the place holds both."""

    backend: str
    program: str
    family: str | None = None


NFTABLES = Place("nftables", "nft")
Variant = Tuple[Place, ...]  # places that belong together: nftables, or iptables with ip6tables


def iptables_place(program: str) -> Place:
    """Where the program writes to: ``iptables``, ``ip6tables``, ``iptables-legacy`` and so on."""
    return Place("iptables", program, "ipv6" if program.startswith("ip6") else "ipv4")


class RefusedError(TaskError):
    """The kernel, or the program that speaks to it, does not take a transaction."""


class Programs:
    """What can hold rules on this host: nftables, and iptables in its two kinds.

    ``iptables`` is of kind nft (it writes into nf_tables) or legacy. The other kind may be there beside it, under its
    full name. ``variants`` has them in the order of preference. ``needs_root`` is what somebody hears who may not.
    """

    def __init__(self, module: AnsibleModule, *, needs_root: str) -> None:
        self._module = module
        self._needs_root = needs_root
        module.run_command_environ_update = {"LC_ALL": "C", "LANGUAGE": "C"}
        self._paths: dict[str, str | None] = {}
        self._kinds: dict[Place, str] = {}
        variants: list[Variant] = [(NFTABLES,)] if self.has("nft") else []
        default = self._kind_of_iptables()
        for kind in sorted(("nft", "legacy"), key=lambda each: each != default):
            suffix = "" if kind == default else f"-{kind}"
            places = tuple(iptables_place(f"{name}{suffix}") for name in FAMILIES.values())
            there = tuple(place for place in places if self.has(f"{place.program}-save"))
            self._kinds.update((place, kind) for place in there)
            variants += [there] if there else []
        self.variants = tuple(variants)

    def has(self, name: str) -> bool:
        """Whether the program is there."""
        if name not in self._paths:
            self._paths[name] = self._module.get_bin_path(name)
        return self._paths[name] is not None

    def command(self, name: str) -> list[str]:
        """The program as the first word of a command. Raises TaskError when it is missing."""
        if not self.has(name):
            raise TaskError(f"This host has no program {name}. Install the package that holds it.")
        return [str(self._paths[name])]

    def run(self, command: list[str], text: str | None = None) -> tuple[int, str, str]:
        """Exit status, output and errors. Raises TaskError for somebody who may not."""
        code, output, errors = self._module.run_command(command, data=text)
        if code and any(sign in errors for sign in ("must be root", "not permitted", "Permission denied")):
            raise TaskError(self._needs_root)
        return int(code), str(output), str(errors)

    def said(self, command: list[str], text: str) -> str:
        """What the program says against the text on its input; nothing when it takes it."""
        code, output, errors = self.run(command, text)
        return clause(errors or output) or f"it ended with {code}" if code else ""

    def loading(self, place: Place) -> list[str]:
        """The command that carries out the text on its input, as a whole or not at all."""
        if place == NFTABLES:
            return [*self.command("nft"), "-f", "-"]
        return [*self.command(f"{place.program}-restore"), "--noflush", _WAIT]

    def checking(self, place: Place) -> list[str]:
        """The command that checks the text on its input and writes nothing."""
        if place == NFTABLES:
            return [*self.command("nft"), "-c", "-f", "-"]
        return [*self.loading(place), "--test"]

    def check(self, place: Place, text: str) -> None:
        """Lets the program check the text and write nothing. Raises RefusedError."""
        self._refuse(place, self.said(self.checking(place), text))

    def write(self, place: Place, text: str) -> None:
        """Carries the text out, as a whole or not at all. Raises RefusedError."""
        self._refuse(place, self.said(self.loading(place), text))

    def has_table(self, place: Place, table: str, nf_tables: Collection[tuple[str, str]] | None) -> bool:
        """Whether a table of iptables may be there. Asking iptables-legacy for it would make it, and load its module.

        ``nf_tables`` are family and name of all tables that nft knows, or None when it did not say.
        """
        if self._kinds[place] == "legacy":
            return _has_legacy_table(str(place.family), table)
        return nf_tables is None or (_NFT_FAMILIES[str(place.family)], table) in nf_tables

    def iptables_complaint(self, place: Place, table: str) -> str:
        """Why iptables cannot write into the table, found without writing; nothing when it can."""
        if self._kinds[place] == "nft" and self.has("nft"):
            # iptables-nft itself says only on writing that the kernel lacks nf_tables for its family.
            text = f"add table {_NFT_FAMILIES[str(place.family)]} {table}\n"
            return self.said(self.checking(NFTABLES), text)
        return self.said(self.checking(place), f"*{table}\nCOMMIT\n")

    def _refuse(self, place: Place, said: str) -> None:
        if said:
            raise RefusedError(f"{place.program} does not take the rules: {said}.")

    def _kind_of_iptables(self) -> str:
        if not self.has("iptables"):
            return ""
        [program] = self.command("iptables")
        name = Path(program).resolve().name  # xtables-nft-multi or xtables-legacy-multi, since 1.8.0
        for kind in ("nft", "legacy"):
            if f"-{kind}" in name:
                return kind
        _code, output, _errors = self.run([program, "--version"])
        return "nft" if "nf_tables" in output else "legacy"


def no_back_end(*, task: str, backend: str, complaints: Sequence[tuple[str, str]]) -> TaskError:
    """The error about a host that cannot do the ``task`` (``mark packets``), or not in the wanted way.

    ``complaints`` has programs, each with what is against it.
    """
    said = "; ".join(f"{program}: {complaint}" for program, complaint in complaints)
    packages = " or ".join(INSTALL.values()) if backend == "auto" else INSTALL[backend]
    tools = "nftables or iptables" if backend == "auto" else backend
    cause = f" ({said})" if said else " (the program is not installed)"
    return TaskError(
        f"This host cannot {task} with {tools}{cause}. Install {packages}, with a kernel that has it, or choose another"
        " backend."
    )


def _has_legacy_table(family: str, table: str) -> bool:
    try:
        return table in Path(_LEGACY_TABLES[family]).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return False
