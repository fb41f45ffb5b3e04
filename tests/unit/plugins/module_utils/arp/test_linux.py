# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the edge of the room says when the host does not play along; tests/kernel shows that it does its work."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._arp import linux
from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import (
    AddAddress,
    Operation,
    RaiseLink,
    Request,
    SetSysctl,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.plan import plan
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.arp.hosts import VIP, host

ADD = AddAddress("lo", ipaddress.ip_interface("192.0.2.100/32"))
UP = RaiseLink("lvs0")


class Module:
    """A module whose commands all end like this, unless they are the first one."""

    def __init__(self, status: int, errors: str) -> None:
        self.results = [(0, "", ""), (status, "", errors)]
        self.commands: list[list[str]] = []

    def run_command(self, command: list[str]) -> tuple[int, str, str]:
        self.commands.append(command)
        return self.results[min(len(self.commands), len(self.results)) - 1]

    def get_bin_path(self, name: str) -> str:
        return f"/usr/sbin/{name}"


def failure(module: Any, operations: list[Operation], done: list[Operation]) -> str:
    with pytest.raises(HideError) as caught:
        linux.carry_out(module, operations, done)
    return str(caught.value)


def test_a_failing_command_is_quoted_and_what_was_done_before_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    done: list[Operation] = []
    message = failure(Module(2, "RTNETLINK answers: Operation not permitted\n"), [UP, ADD, UP], done)
    assert message == (
        "The command `ip address add 192.0.2.100/32 dev lo` failed: RTNETLINK answers: Operation not permitted."
    )
    assert done == [UP]


def test_a_sysctl_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    message = failure(Module(0, ""), [SetSysctl("no-such-if", "arp_ignore", 1)], [])
    assert message.startswith("/proc/sys/net/ipv4/conf/no-such-if/arp_ignore cannot be written: ")


def test_without_root_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    module = Module(0, "")
    assert failure(module, [ADD], []) == ("Only root can set addresses and sysctls. Run this task with become: true.")
    assert module.commands == []


def test_without_root_a_host_that_is_as_asked_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    linux.carry_out(Module(0, ""), [], [])


def test_a_host_without_ip_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_any: False)
    with pytest.raises(HideError, match="Install the package iproute2"):
        linux.observe(Module(0, ""), Request((ADD.address.ip,)))


RICH = 'rule family="ipv4" destination address="192.0.2.100" forward-port port="80" protocol="tcp" to-port="80"'


class Firewalld:
    """What rules a host has, one on which firewalld runs and redirects a VIP."""

    def __init__(self, _module: Any, *, concerns_firewalld: bool = False) -> None:
        pass

    def read(self) -> dict[str, tuple[str, ...]]:
        return {"firewalld office": (RICH,), "firewalld public": (RICH,)}

    def paths(self) -> dict[str, str]:
        return {"firewall-cmd": "/usr/bin/firewall-cmd"}

    def complaint(self, *_any: Any) -> str:
        return ""

    def zones(self) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
        return {"": "public"}, {"office": ("192.0.2.128/25",)}


def test_a_vip_that_firewalld_redirects_for_now_only_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "_without_rules", lambda _module: host())
    monkeypatch.setattr(linux, "Filters", Firewalld)
    for request in (Request((VIP,)), Request((VIP,), interface="lo")):
        seen = linux.observe(Module(0, ""), request)
        planned = plan(request, seen)
        assert (planned.method, planned.operations) == ("firewalld", ())


def test_own_addresses_are_known_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "_without_rules", lambda _module: host())
    monkeypatch.setattr(linux, "Filters", Firewalld)
    own = (ipaddress.ip_address("192.0.2.21"),)
    assert linux.observe(Module(0, ""), Request((VIP,), own_addresses=own)).own_interfaces(4) == ("eth0",)


@pytest.mark.parametrize(
    ("paths", "status", "found"),
    [
        ((), 0, False),
        (("etc/multi-user.target.wants/arptables.service",), 3, True),
        (("usr/arptables.service",), 0, True),
        (("usr/arptables.service",), 3, False),
        # What tells ours says nothing about it.
        (("etc/arptables.service.d/lvs-cluster-arp-hide.conf",), 0, False),
    ],
)
def test_the_service_of_el_that_owns_all_rules_of_arptables_is_seen(
    paths: tuple[str, ...], status: int, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linux, "UNIT_PATH", str(tmp_path / "etc/lvs-cluster-arp-hide.service"))
    monkeypatch.setattr(linux, "_UNITS", (tmp_path / "usr",))
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    module = Module(status, "")
    module.results = [(status, "", "")]
    assert linux._has_arptables_service(module) is found
