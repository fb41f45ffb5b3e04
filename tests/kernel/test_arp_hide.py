# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""arp_hide on a real kernel: this namespace is the real server, `client` is a second machine on its network."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool

VIP = "192.0.2.100"
SYSCTL_NAMES = [
    f"net.ipv4.conf.{interface}.{name}"
    for interface in ("all", "default", "lo", "eth0", "docker0")
    for name in ("arp_ignore", "arp_announce")
]
VIP6 = "2001:db8:2::100"
MAC = "02:00:00:00:02:21"
UNIT = Path("/etc/systemd/system/lvs-cluster-arp-hide.service")
ENABLED = Path("/etc/systemd/system/multi-user.target.wants/lvs-cluster-arp-hide.service")
SYSCTLS = Path("/etc/sysctl.d/99-lvs-cluster-arp.conf")


@pytest.fixture(autouse=True)
def lan(own_network: None, tool: Tool) -> None:
    """eth0 with 192.0.2.21 towards the client, and docker0, which is none of our business."""
    tool("modprobe", "ipv6")
    tool("ip", "netns", "add", "client")
    tool("ip", "link", "add", "eth0", "address", MAC, "type", "veth", "peer", "name", "eth0", "netns", "client")
    tool("ip", "-n", "client", "link", "set", "eth0", "up")
    tool("ip", "link", "set", "eth0", "up")
    tool("ip", "-n", "client", "address", "add", "192.0.2.31/24", "dev", "eth0")
    tool("ip", "-n", "client", "address", "add", "2001:db8:2::31/64", "dev", "eth0", "nodad")
    tool("ip", "address", "add", "192.0.2.21/24", "dev", "eth0")
    tool("ip", "address", "add", "2001:db8:2::21/64", "dev", "eth0", "nodad")
    tool("ip", "link", "add", "docker0", "type", "bridge")
    tool("ip", "address", "add", "172.17.0.1/16", "dev", "docker0")
    tool("ip", "link", "set", "docker0", "up")


def state(tool: Tool) -> dict[str, Any]:
    """Everything that arp_hide may or must not change, as other programs see it."""
    # Link-local addresses come by themselves, and a while after their interface.
    addresses = [line for line in tool("ip", "-o", "address", "show").splitlines() if "inet6 fe80:" not in line]
    return {
        "addresses": re.findall(r"^\d+: (\S+) +inet6? (\S+)", "\n".join(addresses), re.MULTILINE),
        "sysctls": tool("sysctl", *SYSCTL_NAMES),
        "files": [path.read_text() for path in (UNIT, SYSCTLS) if path.exists()],
        "enabled": os.path.lexists(ENABLED),
    }


def answers_arp(tool: Tool, address: str) -> bool:
    done = subprocess.run(
        ["ip", "netns", "exec", "client", "arping", "-c", "2", "-w", "1", "-I", "eth0", address],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Sent" in done.stdout, done
    return "Unicast reply from" in done.stdout


def answers_neighbour_solicitation(address: str) -> bool:
    done = subprocess.run(
        ["ip", "netns", "exec", "client", "ndisc6", "-1", "-r", "2", "-w", "500", address, "eth0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Soliciting" in done.stdout, done
    return "Target link-layer address" in done.stdout


def test_without_the_module_a_vip_on_lo_is_answered_over_arp(tool: Tool) -> None:
    tool("ip", "address", "add", f"{VIP}/32", "dev", "lo")
    assert answers_arp(tool, VIP)


@pytest.mark.proves(system="Linux", method="arp_ignore", how="packets")
def test_a_hidden_vip_is_on_lo_and_not_answered_while_the_own_address_is(run_module: ModuleRun, tool: Tool) -> None:
    run_module("arp_hide", {"addresses": [VIP, VIP6]})
    assert f"{VIP}/32" in tool("ip", "-4", "-oneline", "address", "show", "dev", "lo")
    assert f"{VIP6}/128" in tool("ip", "-6", "-oneline", "address", "show", "dev", "lo")
    assert not answers_arp(tool, VIP)
    assert not answers_neighbour_solicitation(VIP6)
    assert answers_arp(tool, "192.0.2.21")
    assert answers_neighbour_solicitation("2001:db8:2::21")


@pytest.mark.proves(system="Linux", method="arp_ignore", how="packets")
def test_a_packet_for_the_vip_that_the_director_forwards_reaches_it(run_module: ModuleRun, tool: Tool) -> None:
    run_module("arp_hide", {"addresses": [VIP, VIP6]})
    tool("ip", "-n", "client", "neighbour", "replace", VIP, "lladdr", MAC, "dev", "eth0")
    tool("ip", "-n", "client", "-6", "neighbour", "replace", VIP6, "lladdr", MAC, "dev", "eth0")
    tool("ip", "netns", "exec", "client", "ping", "-c", "1", "-W", "2", VIP)
    tool("ip", "netns", "exec", "client", "ping", "-c", "1", "-W", "2", VIP6)


@pytest.mark.proves(system="Linux", method="arp_ignore", how="packets")
def test_the_hosts_own_questions_never_carry_the_vip(run_module: ModuleRun, tool: Tool) -> None:
    run_module("arp_hide", {"addresses": [VIP]})
    command = "timeout 4 tcpdump -Z root -nnli eth0 -c 1 arp and host 192.0.2.77 & sleep 1"
    command += f"; ip netns exec server ping -c 1 -W 1 -I {VIP} 192.0.2.77; wait"
    Path("/run/netns/server").touch()
    tool("mount", "--bind", "/proc/self/ns/net", "/run/netns/server")
    seen = tool("ip", "netns", "exec", "client", "sh", "-c", command)
    assert "who-has 192.0.2.77 tell 192.0.2.21" in seen


@pytest.mark.proves(system="Linux", method="arp_ignore", how="program")
@pytest.mark.parametrize(("interface", "persistent"), [("lo", False), ("lvs0", True)])
def test_create_change_and_delete_each_twice_in_check_and_in_real_mode(
    run_module: ModuleRun, tool: Tool, boot_files: None, interface: str, persistent: bool
) -> None:
    common = {"interface": interface, "persistent": persistent}
    pristine = state(tool)
    for parameters in (
        {"addresses": [VIP]},
        {"addresses": [VIP, VIP6.replace("::", ":0:0:0:0:").upper()]},
        {"addresses": [VIP, VIP6], "state": "absent"},
    ):
        before = state(tool)
        checked = run_module("arp_hide", {**common, **parameters}, check=True)
        assert checked["changed"]
        assert checked["operations"]
        assert state(tool) == before
        real = run_module("arp_hide", {**common, **parameters})
        assert real["operations"] == checked["operations"]
        assert real["diff"] == checked["diff"]
        after = state(tool)
        assert after != before
        for check in (True, False):
            again = run_module("arp_hide", {**common, **parameters}, check=check)
            assert not again["changed"]
            assert again["operations"] == []
            assert again["diff"]["before"] == again["diff"]["after"]
            assert state(tool) == after
    assert state(tool) == pristine
    assert "lvs0" not in tool("ip", "link", "show")


@pytest.mark.proves(system="Linux", method="arp_ignore", how="program")
def test_only_the_interface_on_which_arp_for_the_vip_arrives_is_changed(run_module: ModuleRun, tool: Tool) -> None:
    tool("ip", "netns", "add", "container")
    tool(
        "ip",
        "link",
        "add",
        "port0",
        "master",
        "docker0",
        "up",
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        "container",
    )
    tool("ip", "-n", "container", "address", "add", "172.17.0.2/16", "dev", "eth0")
    tool("ip", "-n", "container", "link", "set", "eth0", "up")
    result = run_module("arp_hide", {"addresses": [VIP]})
    assert result["operations"] == [
        "sysctl -w net.ipv4.conf.eth0.arp_ignore=1",
        "sysctl -w net.ipv4.conf.eth0.arp_announce=2",
        f"ip address add {VIP}/32 dev lo",
    ]
    for other in ("all", "default", "docker0", "lo"):
        assert tool("sysctl", "-n", f"net.ipv4.conf.{other}.arp_ignore").strip() == "0"
    # Containers may go on asking for any address of the host.
    tool("ip", "netns", "exec", "container", "arping", "-c", "1", "-w", "2", "-I", "eth0", "192.0.2.21")


def test_without_a_subnet_that_holds_the_vip_the_default_route_decides(run_module: ModuleRun, tool: Tool) -> None:
    tool("ip", "route", "add", "default", "via", "192.0.2.1")
    run_module("arp_hide", {"addresses": ["203.0.113.100"]})
    assert tool("sysctl", "-n", "net.ipv4.conf.eth0.arp_ignore").strip() == "1"
    assert not answers_arp(tool, "203.0.113.100")


@pytest.mark.parametrize(
    ("name", "value"), [("all.arp_ignore", "1"), ("eth0.arp_ignore", "2"), ("all.arp_announce", "2")]
)
def test_a_value_that_hides_already_is_left_alone(run_module: ModuleRun, tool: Tool, name: str, value: str) -> None:
    tool("sysctl", "-w", f"net.ipv4.conf.{name}={value}")
    result = run_module("arp_hide", {"addresses": [VIP]})
    assert not [line for line in result["operations"] if name.split(".")[1] in line]
    assert tool("sysctl", "-n", f"net.ipv4.conf.{name}").strip() == value
    assert not answers_arp(tool, VIP)


def test_a_wide_mask_on_lo_becomes_a_host_mask_and_other_addresses_stay(run_module: ModuleRun, tool: Tool) -> None:
    tool("ip", "address", "add", f"{VIP}/24", "dev", "lo")
    tool("ip", "address", "add", "192.0.2.101/24", "dev", "lo")
    tool("ip", "address", "add", f"{VIP6}/64", "dev", "lo")
    assert run_module("arp_hide", {"addresses": [VIP, VIP6]})["changed"]
    on_lo = re.findall(r"inet6? (\S+)", tool("ip", "address", "show", "dev", "lo"))
    assert sorted(on_lo) == sorted(["127.0.0.1/8", "::1/128", f"{VIP}/32", f"{VIP6}/128", "192.0.2.101/24"])
    assert not run_module("arp_hide", {"addresses": [VIP, VIP6]})["changed"]


def test_a_vip_moves_from_lo_to_a_dummy_interface_and_back(run_module: ModuleRun, tool: Tool) -> None:
    run_module("arp_hide", {"addresses": [VIP]})
    run_module("arp_hide", {"addresses": [VIP], "interface": "lvs0"})
    assert re.findall(r"^\d+: (\S+) ", tool("ip", "-o", "address", "show", "to", VIP), re.MULTILINE) == ["lvs0"]
    assert not answers_arp(tool, VIP)
    assert not run_module("arp_hide", {"addresses": [VIP]})["changed"]
    run_module("arp_hide", {"addresses": [VIP], "interface": "lo"})
    assert re.findall(r"^\d+: (\S+) ", tool("ip", "-o", "address", "show", "to", VIP), re.MULTILINE) == ["lo"]
    assert "lvs0" not in tool("ip", "link", "show")


def test_removal_keeps_the_sysctls_that_another_vip_needs(run_module: ModuleRun, tool: Tool) -> None:
    run_module("arp_hide", {"addresses": [VIP, "192.0.2.101"]})
    run_module("arp_hide", {"addresses": ["192.0.2.101"], "state": "absent"})
    assert not answers_arp(tool, VIP)
    run_module("arp_hide", {"addresses": [VIP], "state": "absent"})
    assert tool("sysctl", "-n", "net.ipv4.conf.eth0.arp_ignore").strip() == "0"


@pytest.mark.proves(system="Linux", method="arp_ignore", how="program")
def test_removal_gives_back_what_was_there_before(run_module: ModuleRun, tool: Tool, boot_files: None) -> None:
    tool("sysctl", "-w", "net.ipv4.conf.eth0.arp_announce=1")
    run_module("arp_hide", {"addresses": [VIP], "persistent": True})
    assert tool("sysctl", "-n", "net.ipv4.conf.eth0.arp_announce").strip() == "2"
    run_module("arp_hide", {"addresses": [VIP], "state": "absent"})
    assert tool("sysctl", "-n", "net.ipv4.conf.eth0.arp_announce").strip() == "1"


def test_an_exclusive_call_removes_what_earlier_ones_set_and_nothing_else(
    run_module: ModuleRun, tool: Tool, boot_files: None
) -> None:
    tool("ip", "address", "add", "198.51.100.7/32", "dev", "lo")
    run_module("arp_hide", {"addresses": [VIP, VIP6], "persistent": True})
    run_module("arp_hide", {"addresses": [VIP6, "192.0.2.102"], "persistent": True, "exclusive": True})
    on_lo = re.findall(r"inet6? (\S+)", tool("ip", "address", "show", "dev", "lo"))
    assert sorted(on_lo) == sorted(["127.0.0.1/8", "::1/128", "198.51.100.7/32", "192.0.2.102/32", f"{VIP6}/128"])
    assert run_module("arp_hide", {"addresses": [], "persistent": True, "exclusive": True})["changed"]
    assert "198.51.100.7/32" in tool("ip", "address", "show", "dev", "lo")
    assert not UNIT.exists()
    assert not SYSCTLS.exists()


@pytest.mark.proves(system="Linux", method="arp_ignore", how="packets")
@pytest.mark.parametrize("interface", ["lo", "lvs0"])
def test_the_files_bring_back_at_boot_what_the_module_set(
    run_module: ModuleRun, tool: Tool, boot_files: None, interface: str
) -> None:
    parameters = {"addresses": [VIP, VIP6], "persistent": True, "interface": interface}
    run_module("arp_hide", parameters)
    assert ENABLED.is_symlink()
    assert [path.stat().st_mode & 0o7777 for path in (UNIT, SYSCTLS)] == [0o644, 0o644]
    assert [path.stat().st_uid for path in (UNIT, SYSCTLS)] == [0, 0]
    built = state(tool)["addresses"]

    # What a reboot takes away.
    tool("ip", "address", "delete", f"{VIP}/32", "dev", interface)
    tool("ip", "address", "delete", f"{VIP6}/128", "dev", interface)
    if interface != "lo":
        tool("ip", "link", "delete", interface)
    for name in ("arp_ignore", "arp_announce"):
        tool("sysctl", "-w", f"net.ipv4.conf.eth0.{name}=0")

    for optional, command in re.findall(r"^ExecStart=(-?)(.*)$", UNIT.read_text(), re.MULTILINE):
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
        assert optional or not done.returncode, done
    assert state(tool)["addresses"] == built
    assert not run_module("arp_hide", parameters)["changed"]
    assert not answers_arp(tool, VIP)


@pytest.mark.proves(system="Linux", method="arp_ignore", how="packets")
def test_an_interface_that_is_made_anew_is_hidden_on_again_as_udev_does_it(
    run_module: ModuleRun, tool: Tool, boot_files: None
) -> None:
    run_module("arp_hide", {"addresses": [VIP], "persistent": True})
    for name in ("arp_ignore", "arp_announce"):
        tool("sysctl", "-w", f"net.ipv4.conf.eth0.{name}=0")
    assert answers_arp(tool, VIP)
    tool("/usr/lib/systemd/systemd-sysctl", "--prefix=/net/ipv4/conf/eth0", str(SYSCTLS))
    assert not answers_arp(tool, VIP)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"addresses": ["192.0.2.21"]}, "addresses: 192.0.2.21/24 stands on eth0, as this host's only address there"),
        ({"addresses": ["192.0.2.100/24"]}, "'192.0.2.100/24' is not an IP address"),
        ({"addresses": ["203.0.113.100"]}, "ARP for 203.0.113.100 can arrive on no interface"),
        ({"addresses": [VIP], "interface": "eth0"}, "eth0 is neither lo nor a dummy interface"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence_and_nothing_changes(
    run_module: ModuleRun, tool: Tool, parameters: dict[str, Any], sentence: str
) -> None:
    before = state(tool)
    for check in (True, False):
        result = run_module("arp_hide", parameters, check=check, fails=True)
        assert sentence in result["msg"]
        assert result["msg"].endswith(".")
    assert state(tool) == before


def test_a_directors_vip_on_the_lan_is_refused_and_kept(run_module: ModuleRun, tool: Tool) -> None:
    tool("ip", "address", "add", f"{VIP}/32", "dev", "eth0")
    result = run_module("arp_hide", {"addresses": [VIP]}, fails=True)
    assert "may serve as a director's VIP" in result["msg"]
    assert not run_module("arp_hide", {"addresses": [VIP], "state": "absent"})["changed"]
    assert f"{VIP}/32" in tool("ip", "address", "show", "dev", "eth0")
