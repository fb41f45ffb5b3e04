# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The synchronisation daemon as a value: options in, what the kernel would run out."""

from __future__ import annotations

import dataclasses
import errno
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import netlink, settings, spec, wire
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.daemon import (
    START,
    Daemon,
    DaemonOperation,
    daemon_operations,
    merged_daemon,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import IpvsError, ModelError

ETH0 = {"interface": "eth0"}
NOT_GIVEN = dict.fromkeys(field.name for field in dataclasses.fields(Daemon) if field.name != "role")
FULL = Daemon("master", "eth0", 51, "239.1.2.3", 8850, 4, 1400)


def merged(role: str, present: Daemon | None, given: dict[str, Any], *, mtu: int = 1500) -> Daemon:
    return merged_daemon(role, present, {**NOT_GIVEN, **given}, mtu_of=lambda _interface: mtu)


def test_spec_and_value_have_the_same_names() -> None:
    assert list(spec.DAEMON) == [field.name for field in dataclasses.fields(Daemon)]


@pytest.mark.parametrize(
    ("role", "group", "mtu", "length"),
    [
        ("master", None, 1500, 1472),
        ("master", None, 9000, 1472),
        ("master", None, 500, 1472),
        ("master", "ff02::81", 9000, 1452),
        ("backup", None, 1500, 1472),
        ("backup", None, 1000, 1472),
        ("backup", None, 9000, 8972),
        ("backup", None, 65536, 65507),
        ("backup", "ff02::81", 9000, 8952),
        ("backup", "ff02::81", 65536, 65487),
    ],
)
def test_new_daemon_has_the_kernels_defaults(role: str, group: str | None, mtu: int, length: int) -> None:
    daemon = merged(role, None, {**ETH0, "multicast_group": group}, mtu=mtu)
    assert daemon == Daemon(role, "eth0", 0, group or "224.0.0.81", 8848, 1, length)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("interface", "eth1"),
        ("sync_id", 0),
        ("multicast_group", "ff05::1"),
        ("multicast_port", 1),
        ("multicast_ttl", 255),
        ("max_length", 1),
    ],
)
def test_only_what_is_given_changes(option: str, value: Any) -> None:
    assert merged("master", FULL, {}) == FULL
    changed = merged("master", FULL, {option: value})
    assert changed == dataclasses.replace(FULL, **{option: value})
    assert merged("master", changed, {option: value}) == changed


def test_interface_is_not_looked_at_for_a_length_that_is_known() -> None:
    def never(_interface: str) -> int:
        raise AssertionError

    given = {**NOT_GIVEN, **ETH0}
    assert merged_daemon("backup", None, {**given, "max_length": 1024}, mtu_of=never).max_length == 1024
    backup = dataclasses.replace(FULL, role="backup")
    assert merged_daemon("backup", backup, given, mtu_of=never) == backup


def test_another_spelling_of_the_group_is_the_same_daemon() -> None:
    present = dataclasses.replace(FULL, multicast_group="ff05::81")
    assert merged("master", present, {"multicast_group": "FF05:0:0::0081"}) == present


@pytest.mark.parametrize(
    ("role", "given", "sentence"),
    [
        ("master", {}, "The master daemon does not run. To start it, give interface"),
        ("master", {"interface": ""}, "To start it, give interface"),
        ("master", {"interface": "sixteen-letters-"}, "at most 15 characters, got 'sixteen-letters-'"),
        ("master", {"interface": "eth 0"}, "must be the name of a network interface"),
        ("master", {"interface": "../x"}, "must be the name of a network interface"),
        ("master", {"interface": "ethä"}, "must be the name of a network interface"),
        ("master", {**ETH0, "sync_id": -1}, "sync_id of the master daemon must be 0 or more, got -1."),
        ("master", {**ETH0, "sync_id": 256}, "sync_id of the master daemon must be at most 255, got 256."),
        ("backup", {**ETH0, "multicast_port": 0}, "multicast_port of the backup daemon must be 1 or more, got 0."),
        ("backup", {**ETH0, "multicast_port": 65536}, "must be at most 65535, got 65536."),
        ("backup", {**ETH0, "multicast_ttl": 0}, "multicast_ttl of the backup daemon must be 1 or more, got 0."),
        ("backup", {**ETH0, "multicast_ttl": 256}, "must be at most 255, got 256."),
        ("backup", {**ETH0, "multicast_group": "192.0.2.1"}, "must be a multicast address"),
        ("backup", {**ETH0, "multicast_group": "240.0.0.1"}, "must be a multicast address"),
        ("backup", {**ETH0, "multicast_group": "fe80::1"}, "or one that begins with ff), got fe80::1."),
        ("backup", {**ETH0, "multicast_group": "all"}, "must be an IPv4 or IPv6 address, got 'all'."),
        ("backup", {**ETH0, "multicast_group": "ff02::1%eth0"}, "multicast_group of the backup daemon must be an"),
        ("master", {**ETH0, "max_length": 0}, "must be 1 or more, got 0."),
        ("master", {**ETH0, "max_length": 65508}, "must be at most 65507, got 65508."),
        (
            "master",
            {**ETH0, "max_length": 65488, "multicast_group": "ff02::1"},
            "max_length of the master daemon with multicast_group ff02::1 must be at most 65487, got 65488.",
        ),
        ("backup", {**ETH0, "max_length": 1023}, "must be 1024 or more, got 1023."),
    ],
)
def test_what_the_kernel_would_refuse_or_change_is_refused(role: str, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError) as refused:
        merged(role, None, given)
    assert sentence in str(refused.value)
    assert str(refused.value).endswith((".", "messages."))


def test_length_that_stays_must_fit_the_new_group() -> None:
    with pytest.raises(ModelError, match="must be at most 65487, got 65500"):
        merged("master", dataclasses.replace(FULL, max_length=65500), {"multicast_group": "ff02::1"})


OPERATIONS: list[tuple[Daemon | None, Daemon | None, list[str]]] = [
    (None, None, []),
    (FULL, FULL, []),
    (
        None,
        FULL,
        [
            (
                "ipvsadm --start-daemon master --mcast-interface eth0 --syncid 51 --mcast-group 239.1.2.3"
                " --mcast-port 8850 --mcast-ttl 4 --sync-maxlen 1400"
            )
        ],
    ),
    (FULL, None, ["ipvsadm --stop-daemon master"]),
    (
        FULL,
        Daemon("master", "eth1", 0),
        ["ipvsadm --stop-daemon master", "ipvsadm --start-daemon master --mcast-interface eth1 --syncid 0"],
    ),
]


@pytest.mark.parametrize(("present", "wanted", "commands"), OPERATIONS)
def test_change_is_stop_and_start(present: Daemon | None, wanted: Daemon | None, commands: list[str]) -> None:
    assert [each.command() for each in daemon_operations(present=present, wanted=wanted)] == commands


@st.composite
def daemons(draw: st.DrawFn) -> Daemon:
    role = draw(st.sampled_from(("master", "backup")))
    group = draw(st.sampled_from(("224.0.0.81", "239.255.255.255", "ff02::81", "ff05::1:2")))
    most = 65487 if ":" in group else 65507
    return Daemon(
        role=role,
        interface=draw(st.sampled_from(("eth0", "a-name-of-15-ch", "bond0.4094"))),
        sync_id=draw(st.integers(0, 255)),
        multicast_group=group,
        multicast_port=draw(st.integers(1, 65535)),
        multicast_ttl=draw(st.integers(1, 255)),
        max_length=draw(st.integers(1 if role == "master" else 1024, most)),
    )


@given(daemons())
def test_daemon_is_said_and_read_back_by_the_wire_and_by_the_options(daemon: Daemon) -> None:
    answer = bytes(wire.GENERIC_SIZE) + wire.daemon_attribute(daemon)
    assert wire.daemon_reply(answer, 0, len(answer)) == daemon
    assert merged(daemon.role, None, daemon.as_options()) == daemon


def test_daemon_of_a_kernel_that_knows_less_is_read_and_said() -> None:
    daemon = Daemon("backup", "eth0", 3)
    answer = bytes(wire.GENERIC_SIZE) + wire.daemon_attribute(daemon)
    assert wire.daemon_reply(answer, 0, len(answer)) == daemon
    assert "--mcast-group" not in DaemonOperation(START, daemon).command()


class FakeKernel:
    """Runs daemons as the kernel does, and refuses what ``refuses`` says; a deaf one has a ttl of its own."""

    def __init__(self, *running: Daemon, refuses: dict[str, int] | None = None, deaf: bool = False) -> None:
        self.running = {daemon.role: daemon for daemon in running}
        self.refuses = refuses or {}
        self.deaf = deaf
        self.told: list[str] = []

    def daemons(self) -> list[Daemon]:
        return list(self.running.values())

    def apply_to_daemon(self, operation: DaemonOperation) -> None:
        self.told.append(operation.command())
        number = self.refuses.get(operation.command().split(" --mcast-group")[0])
        if number:
            raise netlink.kernel_error(number, "refused")
        if operation.action == START:
            daemon = operation.daemon
            self.running[daemon.role] = dataclasses.replace(daemon, multicast_ttl=7) if self.deaf else daemon
        else:
            del self.running[operation.daemon.role]


def written(kernel: FakeKernel, before: Daemon | None, after: Daemon | None) -> None:
    operations = daemon_operations(present=before, wanted=after)
    settings._write_daemon(mock.Mock(wraps=kernel), "master", operations, before=before, after=after)


NEW = dataclasses.replace(FULL, interface="eth1")
START_NEW = "ipvsadm --start-daemon master --mcast-interface eth1 --syncid 51"
START_OLD = "ipvsadm --start-daemon master --mcast-interface eth0 --syncid 51"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EEXIST, "Another program has started a master daemon meanwhile"),
        (errno.ENODEV, "Interface eth1 does not exist any more."),
        (errno.EADDRINUSE, "uses UDP port 8850"),
        (errno.ENETUNREACH, "Interface eth1 must be up and have IPv4."),
        (errno.EADDRNOTAVAIL, "Interface eth1 needs an IPv4 address."),
        (errno.EAFNOSUPPORT, "has no IPv6"),
        (errno.EINVAL, "while a destination is of another address family than its service"),
        (errno.ENOMEM, "refused: Cannot allocate memory (ENOMEM)."),
    ],
)
def test_daemon_that_does_not_start_again_is_started_as_it_was(number: int, remedy: str) -> None:
    kernel = FakeKernel(FULL, refuses={START_NEW: number})
    with pytest.raises(IpvsError) as failed:
        written(kernel, FULL, NEW)
    assert remedy in str(failed.value)
    assert str(failed.value).endswith("The master daemon runs as before.")
    assert kernel.running == {"master": FULL}


def test_daemon_that_cannot_be_started_as_it_was_either_is_said_to_be_stopped() -> None:
    kernel = FakeKernel(FULL, refuses={START_NEW: errno.ENOMEM, START_OLD: errno.ENOMEM})
    with pytest.raises(IpvsError, match="The daemon that ran before could not be started again: refused"):
        written(kernel, FULL, NEW)
    assert kernel.running == {}


def test_new_daemon_that_does_not_start_leaves_none() -> None:
    kernel = FakeKernel(refuses={START_NEW: errno.ENOMEM})
    with pytest.raises(IpvsError, match=r"No master daemon runs now\."):
        written(kernel, None, NEW)
    assert len(kernel.told) == 1


def test_stop_of_what_somebody_else_has_stopped_meanwhile_is_done() -> None:
    kernel = FakeKernel(refuses={"ipvsadm --stop-daemon master": errno.ESRCH})
    written(kernel, FULL, None)
    written(kernel, FULL, NEW)
    assert kernel.running == {"master": NEW}


def test_kernel_that_does_not_hold_what_it_accepted_is_named() -> None:
    kernel = FakeKernel(deaf=True)
    with pytest.raises(IpvsError) as failed:
        written(kernel, None, NEW)
    assert "--mcast-ttl 7" in str(failed.value)
    assert "this kernel does not know one of the options" in str(failed.value)
