# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that lack something: which back end is taken, and what is said when there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._fwmark import change

TABLES: dict[str, Any] = {"nftables": [{"metainfo": {"json_schema_version": 1}}]}
WEB = {"mark": 5, "address": "192.0.2.100", "protocol": None, "ports": ["80"]}
ALL_NFT = ("nft", "iptables", "iptables-save", "ip6tables-save", "iptables-legacy-save", "ip6tables-legacy-save")


class EndedError(Exception):
    """What the module ended with."""


class Module:
    """Stands for AnsibleModule in check mode on a host with these programs, some of which fail with a text."""

    check_mode = True

    def __init__(self, programs: tuple[str, ...], fails: dict[str, str], **parameters: Any) -> None:
        defaults = {**dict.fromkeys(WEB), "marks": None, "purge": False, "state": "present", "backend": "auto"}
        self.params = {**defaults, **parameters}
        self._programs = programs
        self._fails = fails
        self.commands: list[str] = []

    def get_bin_path(self, name: str) -> str | None:
        is_there = name in self._programs or name.replace("-restore", "-save") in self._programs
        return f"/nowhere/{name}" if is_there else None

    def run_command(self, words: list[str], data: str | None = None) -> tuple[int, str, str]:
        command = " ".join(word.replace("/nowhere/", "") for word in words)
        self.commands.append(command)
        for start, said in self._fails.items():
            if command.startswith(start):
                return (1, "", said)
        if command == "iptables --version":
            return (0, "iptables v1.8.9 (nf_tables)\n", "")
        return (0, json.dumps(TABLES) if "-j list" in command else "", "")

    def fail_json(self, **results: Any) -> None:
        raise EndedError({"failed": True, **results})

    def exit_json(self, **results: Any) -> None:
        raise EndedError(results)


def ended(module: Module) -> dict[str, Any]:
    with pytest.raises(EndedError) as caught:
        change.change_marks(module)
    results: dict[str, Any] = caught.value.args[0]
    return results


UNSUPPORTED = {"nft -c": "/dev/stdin:1:1-2: Error: Could not process rule: Operation not supported\nadd table\n^^"}


@pytest.mark.parametrize(
    ("programs", "fails", "program"),
    [
        (ALL_NFT, {}, "nft"),
        (ALL_NFT, UNSUPPORTED, "iptables-legacy"),
        (ALL_NFT, {"nft -j": "Error: JSON support not compiled-in"}, "iptables"),
        (ALL_NFT[1:], {}, "iptables"),
        (ALL_NFT[1:4], {"iptables-restore --noflush --wait=60 --test": "no mangle"}, None),
        (ALL_NFT[4:], {}, "iptables-legacy"),
        (ALL_NFT, {"ip6tables": "no IPv6"}, "nft"),
        (ALL_NFT[1:], {"ip6tables": "no IPv6"}, "iptables"),
        (ALL_NFT, UNSUPPORTED | {"iptables-legacy": "can't initialize"}, None),
        ((), {}, None),
    ],
)
def test_auto_takes_the_first_that_works(programs: tuple[str, ...], fails: dict[str, str], program: str | None) -> None:
    results = ended(Module(programs, fails, **WEB))
    if program is None:
        assert results["msg"].startswith("This host cannot mark packets with nftables or iptables (")
    else:
        assert "msg" not in results, results
        assert results["operations"][0].split()[0] == program
        assert results["backend"] == ("nftables" if program == "nft" else "iptables")


def test_what_the_programs_said_is_in_the_sentence() -> None:
    fails = UNSUPPORTED | {"iptables-legacy": "can't initialize: Table does not exist.\n"}
    assert ended(Module(ALL_NFT, fails, **WEB))["msg"] == (
        "This host cannot mark packets with nftables or iptables"
        " (nft: /dev/stdin:1:1-2: Error: Could not process rule: Operation not supported;"
        " iptables: /dev/stdin:1:1-2: Error: Could not process rule: Operation not supported;"
        " iptables-legacy: can't initialize: Table does not exist)."
        " Install the package nftables (nft 0.9.4 or newer, Linux 5.6 or newer) or the package iptables, with a kernel"
        " that has it, or choose another backend."
    )
    assert ended(Module((), {}, backend="iptables", **WEB))["msg"] == (
        "This host cannot mark packets with iptables (the program is not installed). Install the package iptables, with"
        " a kernel that has it, or choose another backend."
    )


def test_an_ipv6_mark_needs_ip6tables() -> None:
    six = {**WEB, "address": "2001:db8:2::100"}
    results = ended(Module(ALL_NFT[1:3], {}, **six))
    assert "there is no ip6tables-save" in results["msg"]


def test_nothing_is_needed_to_have_no_marks() -> None:
    results = ended(Module((), {}, mark=5, state="absent"))
    assert (results["changed"], results["backend"], results["operations"]) == (False, None, [])


@pytest.mark.parametrize("said", ["Operation not permitted (you must be root)", "Permission denied"])
def test_without_root_the_remedy_is_named(said: str) -> None:
    assert "become: true" in ended(Module(ALL_NFT, {"nft": said}, **WEB))["msg"]


def test_check_mode_lets_the_program_check_and_writes_nothing() -> None:
    module = Module(ALL_NFT, {}, **WEB)
    ended(module)
    assert [command for command in module.commands if " -f " in command] == ["nft -c -f -"] * 2
    assert not any("-restore" in command for command in module.commands)
