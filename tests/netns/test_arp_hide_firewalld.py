# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The method firewalld of arp_hide with a real firewalld: in this namespace, with a bus and a configuration of its own.

Nobody wants it installed for a test, because it filters that machine's own packets at once: the stage netns unpacks the
package (tests/ci/unpacked), and what is unpacked is seen here only.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from arp_cases import CLIENT, OTHER, RIP, VIP, VIP6, answers_arp, make_lan, serves, state
from kernel_tools import ModuleRun, Tool

WEB = [{"protocol": "tcp", "ports": ["80", "1000:1010"]}, {"address": VIP, "protocol": "udp", "ports": ["53"]}]


@pytest.fixture(autouse=True)
def firewalld(unpacked: None, own_network: None, tool: Tool) -> Iterator[None]:
    """A firewalld with rules of somebody else, kept and not kept."""
    with ExitStack() as stack:
        # The bus starts nothing by itself: polkit, where it is, does not know the actions of what is only unpacked.
        for folder in ("/run/dbus", "/etc/firewalld", "/usr/share/dbus-1/system-services"):
            subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
            stack.callback(subprocess.run, ["umount", folder], check=True)
        for command in (["dbus-daemon", "--system", "--nofork", "--nopidfile"], ["firewalld", "--nofork", "--nopid"]):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            time.sleep(0.5)
        deadline = time.monotonic() + 60
        while subprocess.run(["firewall-cmd", "--state"], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline
        make_lan(tool)
        foreign = (
            'rule family="ipv4" destination address="192.0.2.9" forward-port port="80" protocol="tcp" to-port="81"'
        )
        tool("firewall-cmd", f"--add-rich-rule={foreign}")
        tool("firewall-cmd", "--permanent", "--zone=work", "--add-service=http")
        yield


def seen(tool: Tool) -> dict[str, Any]:
    return {
        **state(tool),
        "runs": sorted(tool("firewall-cmd", "--list-all-zones").splitlines()),
        "kept": sorted(tool("firewall-cmd", "--permanent", "--list-all-zones").splitlines()),
    }


@pytest.mark.proves(system="Linux", method="firewalld", how="program")
@pytest.mark.parametrize("persistent", [False, True])
def test_create_change_and_delete_each_twice_in_check_and_in_real_mode(
    run_module: ModuleRun, tool: Tool, boot_files: None, persistent: bool
) -> None:
    common = {"method": "firewalld", "persistent": persistent}
    pristine = seen(tool)
    for parameters in (
        {"addresses": [VIP], "ports": WEB},
        {"addresses": [VIP, OTHER, VIP6], "ports": WEB},
        {"addresses": [VIP], "ports": WEB[:1]},
        {"addresses": [OTHER], "state": "absent"},
        {"addresses": [VIP, VIP6], "state": "absent"},
    ):
        before = seen(tool)
        checked = run_module("arp_hide", {**common, **parameters}, check=True)
        assert checked["changed"]
        assert seen(tool) == before
        real = run_module("arp_hide", {**common, **parameters})
        assert real == checked
        after = seen(tool)
        assert after != before
        assert (after["kept"] != pristine["kept"]) == (persistent and after["runs"] != pristine["runs"])
        for check in (True, False):
            again = run_module("arp_hide", {**common, **parameters}, check=check)
            assert (again["changed"], again["operations"]) == (False, [])
        assert seen(tool) == after
    assert seen(tool) == pristine


@pytest.mark.proves(system="Linux", method="firewalld", how="packets")
def test_the_vip_is_served_and_not_answered_also_after_a_reload(
    run_module: ModuleRun, tool: Tool, boot_files: None
) -> None:
    parameters = {"addresses": [VIP, VIP6], "method": "firewalld", "ports": WEB, "persistent": True}
    assert not serves(tool, VIP)
    assert run_module("arp_hide", parameters)["method"] == "firewalld"
    for _reloaded in range(2):
        assert [serves(tool, VIP, port) for port in (80, 81, 1005)] == [True, False, True]
        assert serves(tool, VIP6)
        assert serves(tool, VIP, 53, socket.SOCK_DGRAM)
        assert not answers_arp(VIP)
        assert answers_arp(RIP)
        tool("firewall-cmd", "--reload")
    assert not run_module("arp_hide", parameters)["changed"]
    hidden = run_module("host_info", {"hidden": [VIP, OTHER]})["host"]["hidden"]
    assert hidden == [{"address": VIP, "method": "firewalld"}]


@pytest.mark.proves(system="Linux", method="firewalld", how="packets")
def test_a_client_whose_source_has_a_zone_is_served_and_one_that_is_shut_out_is_not(
    run_module: ModuleRun, tool: Tool, boot_files: None
) -> None:
    pristine = seen(tool)
    parameters = {"addresses": [VIP], "method": "firewalld", "ports": WEB}
    run_module("arp_hide", parameters)
    tool("firewall-cmd", "--zone=home", f"--add-source={CLIENT}")
    assert not serves(tool, VIP), "the zone of the source sees the packet before that of the interface"
    # What an earlier call set is kept by auto, and follows the zones.
    for method in ("auto", "firewalld"):
        done = run_module("arp_hide", {**parameters, "method": method})
        assert done["method"] == "firewalld"
        assert done["changed"] == (method == "auto")
        assert serves(tool, VIP)
    tool("firewall-cmd", "--zone=home", f"--remove-source={CLIENT}")
    tool("firewall-cmd", "--zone=drop", f"--add-source={CLIENT}")
    done = run_module("arp_hide", parameters)
    assert done["operations"]
    assert all("--zone=home" in operation for operation in done["operations"])
    assert not serves(tool, VIP)
    tool("firewall-cmd", "--zone=drop", f"--remove-source={CLIENT}")
    run_module("arp_hide", {"addresses": [VIP], "state": "absent"})
    assert seen(tool) == pristine


@pytest.mark.proves(system="Linux", method="firewalld", how="packets")
def test_from_other_methods_and_to_them(run_module: ModuleRun, tool: Tool, boot_files: None) -> None:
    tool("firewall-cmd", "--add-service=http")
    pristine = seen(tool)
    for method in ("arp_ignore", "firewalld", "redirect", "firewalld"):
        parameters = {"addresses": [VIP], "method": method, "ports": WEB, "persistent": True}
        assert run_module("arp_hide", parameters)["changed"]
        assert not run_module("arp_hide", {**parameters, "method": "auto"})["changed"]
        assert serves(tool, VIP)
        assert not answers_arp(VIP)
    run_module("arp_hide", {"addresses": [VIP], "state": "absent"})
    assert seen(tool) == pristine


@pytest.mark.proves(system="Linux", method="firewalld", how="program")
def test_auto_takes_it_where_nothing_filters_arp_and_the_ports_are_told(
    run_module: ModuleRun, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool("firewall-cmd", "--zone=work", "--change-interface=eth0")
    tool("sysctl", "-w", "net.ipv4.conf.all.arp_ignore=3")
    monkeypatch.setattr(
        "ansible_collections.lvs.cluster.plugins.module_utils._arp.seen.Filters._tried", lambda *_any: "not here"
    )
    done = run_module("arp_hide", {"addresses": [VIP], "ports": WEB})
    assert done["method"] == "firewalld"
    assert all("--zone=work" in operation for operation in done["operations"])
    assert serves(tool, VIP)
