# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is to keep a gateway, and in what, when the host has changed since the last run."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._gateway import keepers, linux
from ansible_collections.lvs.cluster.plugins.module_utils._gateway.model import Gateway, GatewayError, Record

ETH0, ETH1 = (Gateway(ipaddress.ip_address("192.0.2.1"), name) for name in ("eth0", "eth1"))


class Module:
    """Stands for AnsibleModule on a host with these answers of nmcli; ip knows no default route."""

    def __init__(self, answers: dict[str, list[tuple[int, str, str]]] | None = None) -> None:
        self.params = {"persistence": "auto"}
        self._answers = answers or {}

    def get_bin_path(self, name: str, opt_dirs: object = None) -> str | None:
        return name if name in ("ip", "nmcli") else None

    def run_command(self, words: list[str]) -> tuple[int, str, str]:
        if words[0] == "ip":
            return (0, "", "")
        answers = self._answers.get(words[-1], [(10, "", "Error: no such connection profile.")])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def run(record: Record, module: Module | None = None) -> Any:
    made = linux._Run(module or Module())
    made._record = record
    return made


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What networkd says by which file it configures each interface; the test fills it."""
    said: dict[str, str] = {}
    monkeypatch.setattr(linux, "_networkd_file", lambda interface: said.get(interface, ""))
    return said


def network_file(directory: Path, name: str) -> str:
    path = directory / name
    path.write_text("[Match]\nName=eth*\n")
    return str(path)


def test_the_files_of_the_last_run_stay_while_they_are_there(tmp_path: Path, files: dict[str, str]) -> None:
    first, second = (network_file(tmp_path, f"{name}.network") for name in ("a", "b"))
    record = Record((ETH0,), "networkd", f"eth0={first} eth1={second}")
    assert run(record)._kept("networkd", (ETH0,)) == record.kept


def test_a_gateway_that_moves_takes_the_file_of_its_new_interface_along(tmp_path: Path, files: dict[str, str]) -> None:
    first, second = (network_file(tmp_path, f"{name}.network") for name in ("a", "b"))
    files.update(eth0=first, eth1=second)
    record = Record((ETH0,), "networkd", f"eth0={first}")
    assert run(record)._kept("networkd", (ETH1,)) == f"eth1={second} eth0={first}"


def test_a_file_that_was_renamed_is_found_anew(tmp_path: Path, files: dict[str, str]) -> None:
    files["eth0"] = network_file(tmp_path, "10-netplan-lan.network")
    record = Record((ETH0,), "netplan", f"eth0={tmp_path}/10-netplan-eth0.network")
    assert run(record)._kept("netplan", (ETH0,)) == f"eth0={files['eth0']}"


def test_a_file_that_only_our_copy_knows_is_a_sentence(tmp_path: Path, files: dict[str, str]) -> None:
    files["eth0"] = "/etc/systemd/network/10-netplan-eth0.network"
    record = Record((ETH0,), "netplan", f"eth0={tmp_path}/10-netplan-eth0.network")
    with pytest.raises(GatewayError, match="which describes eth0, is gone") as caught:
        run(record)._kept("netplan", (ETH0,))
    assert "remove /etc/systemd/network/10-netplan-eth0.network, let networkd" in str(caught.value)


def test_networkd_may_follow_a_copy_that_is_gone_while_the_original_is_there(
    tmp_path: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "NETWORKD_DIRECTORY", str(tmp_path))
    original = network_file(tmp_path, "10-lan.network")
    files["eth0"] = keepers.networkd_path("eth0", original)
    assert files["eth0"] == f"{tmp_path}/00-lvs-cluster-eth0-10-lan.network"
    assert run(Record())._kept("networkd", (ETH0,)) == f"eth0={original}"


def test_auto_keeps_the_keeper_until_the_gateway_is_on_another_interface(tmp_path: Path, files: dict[str, str]) -> None:
    files["eth1"] = network_file(tmp_path, "b.network")
    record = Record((ETH0,), "unit")
    assert run(record)._keeper((ETH0,)) == "unit"
    assert run(record)._keeper((ETH1,)) == "networkd"


@pytest.mark.parametrize(
    ("answers", "kept"),
    [
        ({"eth0": [(0, "100 (connected)\nnew\n", "")]}, "new"),
        ({"eth0": [(0, "30 (disconnected)\n\n", "")], "old": [(0, "\n", "")]}, "old"),
    ],
)
def test_networkmanager_keeps_it_in_the_connection_of_the_interface(
    answers: dict[str, list[tuple[int, str, str]]], kept: str
) -> None:
    record = Record((ETH0,), "networkmanager", "old")
    assert run(record, Module(answers))._kept("networkmanager", (ETH0,)) == kept


def test_an_interface_without_a_connection_is_a_sentence() -> None:
    with pytest.raises(GatewayError, match="NetworkManager has no connection on eth0"):
        run(Record((ETH0,), "networkmanager", "old"))._kept("networkmanager", (ETH0,))


def test_a_connection_that_is_gone_has_no_routes_and_another_failure_is_a_sentence() -> None:
    assert run(Record())._connection("old") == {}
    with pytest.raises(GatewayError, match=r"connection show old` failed: Error: NetworkManager is not running\."):
        run(Record(), Module({"old": [(8, "", "Error: NetworkManager is not running.")]}))._connection("old")


def test_nmcli_that_says_nothing_is_asked_again() -> None:
    answers = [(0, "\n", ""), (0, "\n", ""), (0, "0.0.0.0/0 192.0.2.1 1\n", ""), (0, "\n", "")]
    found = run(Record(), Module({"old": answers}))._connection("old")
    assert found == {"ipv4.routes": "0.0.0.0/0 192.0.2.1 1", "ipv6.routes": ""}
