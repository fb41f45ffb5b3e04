# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs with more than one network, from outside: what gets from one to the other, and by which way. Root only."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.lvs.cluster.tests.lab.outside import NAME, STATE, lab, needs_root, on

SCENARIOS = Path(__file__).with_name("scenarios")
MACHINES = ("lb1", "lb2", "rs1", "rs2", "client")


def up(scenario: str) -> None:
    # The owner is this process: a killed test run leaves no lab.
    lab("down")
    lab("image")
    started = time.monotonic()
    lab("up", scenario, "--owner", str(os.getpid()))
    print(f"{Path(scenario).stem}: machines reachable {time.monotonic() - started:.0f} s", file=sys.stderr)


def reaches(machine: str, *addresses: str) -> str:
    return on(machine, " && ".join(f"ping -c 1 -W 5 {address}" for address in addresses))


def round_trip(machine: str, address: str) -> float:
    """The shortest of five, in milliseconds: what the link takes, without what this machine was busy with."""
    said = on(machine, f"ping -c 5 -i 0.2 -q {address}").splitlines()[-1]
    return float(said.split(" = ")[1].split("/")[0])


def forwarded_by_the_lab() -> list[int]:
    """Packets of IPv4 and of IPv6 that the lab's own side of the networks handed from one to another."""

    def inside(file: str) -> list[list[str]]:
        command = ["ip", "netns", "exec", NAME, "cat", f"/proc/net/{file}"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [line.split() for line in text.splitlines()]

    names, values = (words for words in inside("snmp") if words[0] == "Ip:")
    ipv6 = dict(inside("snmp6"))
    return [int(values[names.index("ForwDatagrams")]), int(ipv6["Ip6OutForwDatagrams"])]


@pytest.fixture(scope="module")
def nat() -> Iterator[None]:
    up("nat-two-arm")
    yield
    lab("down")


@needs_root
def test_every_machine_is_reached_whatever_its_networks_are(nat: None) -> None:
    assert [on(machine, "hostname") for machine in MACHINES] == list(MACHINES)
    for address in ("198.51.100.11", "10.11.12.11", "2001:db8:12::11"):
        command = ["ssh", "-F", str(STATE / "ssh_config"), address, "hostname"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "lb1\n"


@needs_root
def test_interfaces_have_their_names_by_their_macs(nat: None) -> None:
    macs = on("lb2", "cat /sys/class/net/eth0/address /sys/class/net/eth1/address").split()
    assert macs == ["02:4c:56:00:02:00", "02:4c:56:00:02:01"]


@needs_root
def test_a_director_reaches_both_networks_by_both_families(nat: None) -> None:
    reaches("client", "198.51.100.11", "2001:db8:100::11")
    reaches("lb1", "198.51.100.31", "2001:db8:100::31", "10.11.12.21", "2001:db8:12::21")
    assert on("lb1", "curl -sS --max-time 10 --retry 10 --retry-connrefused http://10.11.12.21/") == "rs1"


@needs_root
def test_the_lab_itself_leads_from_no_network_to_another(nat: None) -> None:
    assert on("rs1", "ip route show default; ip -6 route show default") == ""
    on("rs1", "ping -c 1 -W 1 198.51.100.31", fails=True)
    for machine, far, by in (
        ("rs1", "198.51.100.0/24", "10.11.12.254"),
        ("rs1", "2001:db8:100::/64", "2001:db8:12::254"),
        ("client", "10.11.12.0/24", "198.51.100.254"),
        ("client", "2001:db8:12::/64", "2001:db8:100::254"),
    ):
        on(machine, f"ip route add {far} via {by}")
    on("rs1", "ping -c 2 -W 1 -q 198.51.100.31", fails=True)
    on("rs1", "ping -c 2 -W 1 -q 2001:db8:100::31", fails=True)
    on("rs1", "ip route del 198.51.100.0/24 && ip route del 2001:db8:100::/64")
    on("client", "ip route del 10.11.12.0/24 && ip route del 2001:db8:12::/64")
    assert forwarded_by_the_lab() == [0, 0]


@needs_root
def test_a_director_as_default_gateway_is_the_only_way_out_and_ssh_needs_none(nat: None) -> None:
    on("lb1", "sysctl -q net.ipv4.ip_forward=1")
    on("client", "ip route add 10.11.12.0/24 via 198.51.100.11")
    on("rs1", "ip route add default via 10.11.12.11")
    assert " ttl=63 " in reaches("rs1", "198.51.100.31")
    lab("unplug", "lb1", "eth0")
    on("rs1", "ping -c 1 -W 1 -q 198.51.100.31", fails=True)
    lab("plug", "lb1", "eth0")
    reaches("rs1", "198.51.100.31")
    assert forwarded_by_the_lab() == [0, 0]
    on("rs1", "ip route del default")
    on("client", "ip route del 10.11.12.0/24")
    on("lb1", "sysctl -q net.ipv4.ip_forward=0")


@needs_root
@pytest.mark.parametrize(
    ("pulled", "dark", "bright"), [("eth0", "198.51.100.31", "10.11.12.21"), ("eth1", "10.11.12.21", "198.51.100.31")]
)
def test_one_cable_is_pulled_and_the_machine_is_reached_by_the_other(
    nat: None, pulled: str, dark: str, bright: str
) -> None:
    assert f"{pulled} of lb1 is unplugged" in lab("unplug", "lb1", pulled)
    assert f"lb1          unplugged: {pulled} " in lab("status")
    on("lb1", f"ping -c 1 -W 1 -q {dark}", fails=True)
    reaches("lb1", bright)
    lab("plug", "lb1", pulled)
    reaches("lb1", dark, bright)


@needs_root
def test_a_director_keeps_both_networks_over_a_power_cut(nat: None) -> None:
    lab("cut", "lb2")
    lab("start", "lb2")
    reaches("lb2", "198.51.100.31", "2001:db8:100::31", "10.11.12.21", "2001:db8:12::21")


@needs_root
def test_a_link_is_made_slow_and_lossy_only_by_words_that_are_understood(nat: None) -> None:
    assert "lb1 has no interface 'eth7'; it has eth0, eth1." in lab("netem", "lb1", "eth7", fails=True)
    assert "delay: a value is missing" in lab("netem", "lb1", "eth0", "delay", fails=True)
    assert "netem" not in on("lb1", "tc qdisc")


# From here on the lab of the tests above is gone.


@pytest.fixture(scope="module")
def tunnel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The scenario as it stands, but its far network is slow and carries less, and the client knows that way only."""
    scenario = yaml.safe_load((SCENARIOS / "tunnel.yml").read_text())
    scenario["networks"]["far"].update(delay="20ms", mtu=1400)
    scenario["machines"]["rs2"]["interfaces"]["eth0"]["loss"] = "0.1%"
    del scenario["machines"]["client"]["gateway"]
    ways = {"203.0.113.0/24": "192.0.2.1", "2001:db8:3::/64": "2001:db8:2::1"}
    scenario["machines"]["client"]["routes"] = ways
    file = tmp_path_factory.mktemp("scenario") / "slow-tunnel.yml"
    file.write_text(yaml.safe_dump(scenario))
    up(str(file))
    yield
    lab("down")


@needs_root
def test_a_router_leads_from_network_to_network_by_both_families(tunnel: None) -> None:
    assert reaches("client", "203.0.113.21", "2001:db8:3::22").count(" ttl=63 ") == 2
    assert reaches("rs1", "192.0.2.11", "2001:db8:2::11").count(" ttl=63 ") == 2
    assert " ttl=64 " in reaches("client", "192.0.2.11")
    assert forwarded_by_the_lab() == [0, 0]


@needs_root
def test_a_machine_has_the_routes_of_its_scenario(tunnel: None) -> None:
    def ways(machine: str) -> list[str]:
        lines = on(machine, "ip route; ip -6 route").splitlines()
        return [" ".join(line.split()[:3]) for line in lines if " via " in line]

    assert ways("client") == ["203.0.113.0/24 via 192.0.2.1", "2001:db8:3::/64 via 2001:db8:2::1"]
    assert ways("rs1") == ["default via 203.0.113.1", "default via 2001:db8:3::1"]


@needs_root
def test_only_a_router_forwards(tunnel: None) -> None:
    forwarding = "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding"
    assert {machine: on(machine, forwarding).split() for machine in ("router", "lb1", "rs1")} == {
        "router": ["1", "1"],
        "lb1": ["0", "0"],
        "rs1": ["0", "0"],
    }


@needs_root
def test_packets_take_as_long_as_the_network_says_each_way(tunnel: None) -> None:
    near, far = round_trip("client", "192.0.2.11"), round_trip("client", "203.0.113.21")
    assert near < 20
    assert 39 < far < 60
    assert "delay 20ms loss 0.1%" in on("rs2", "tc qdisc show dev eth0")


@needs_root
def test_a_network_carries_packets_up_to_its_mtu(tunnel: None) -> None:
    reaches("client", "-M do -s 1372 203.0.113.21")
    assert "(mtu = 1400)" in on("client", "ping -M do -c 1 -W 5 -s 1373 203.0.113.21", fails=True)
    assert on("rs1", "cat /sys/class/net/eth0/mtu") == "1400"
    assert on("client", "cat /sys/class/net/eth0/mtu") == "1500"


@needs_root
def test_a_delay_is_put_on_and_taken_off_while_machines_run(tunnel: None) -> None:
    assert "eth0 of client: delay 30ms loss 0.1%" in lab("netem", "client", "eth0", "loss", "0.1%", "delay", "30ms")
    assert 29 < round_trip("client", "192.0.2.11") < 50
    lab("netem", "client", "eth0")
    lab("netem", "client", "eth0")
    assert round_trip("client", "192.0.2.11") < 20


@needs_root
def test_a_router_forwards_again_after_a_reboot(tunnel: None) -> None:
    lab("reboot", "router")
    assert " ttl=63 " in reaches("client", "203.0.113.21")
    assert 39 < round_trip("client", "203.0.113.21") < 60
