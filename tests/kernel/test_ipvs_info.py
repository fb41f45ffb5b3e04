# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipvs_info on the real kernel, against what ipvsadm was told and what really connected."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool

TABLE = """\
-A -t 192.0.2.100:80 -s wlc
-a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 2 -x 100 -y 50
-a -t 192.0.2.100:80 -r 192.0.2.21:80 -i -w 0
-A -u 192.0.2.100:53 -s rr
-A -t [2001:db8:2::100]:80 -s mh -p 300 -M 64 -b mh-port
-A -f 5 -s wlc
-A -f 5 -6 -s wlc
"""


@pytest.fixture(autouse=True)
def table(tool: Tool) -> None:
    tool("modprobe", "ip_vs")
    tool("ipvsadm", "-R", stdin=TABLE)


def test_whole_table_is_returned_sorted_in_option_names(run_module: ModuleRun) -> None:
    found = run_module("ipvs_info")
    assert found["changed"] is False
    keys = ("protocol", "address", "port", "fwmark", "family")
    assert [tuple(service[name] for name in keys) for service in found["services"]] == [
        ("udp", "192.0.2.100", 53, None, "ipv4"),
        ("tcp", "192.0.2.100", 80, None, "ipv4"),
        ("tcp", "2001:db8:2::100", 80, None, "ipv6"),
        (None, None, None, 5, "ipv4"),
        (None, None, None, 5, "ipv6"),
    ]
    web = found["services"][1]
    assert [each["destination"] for each in web["destinations"]] == ["192.0.2.21", "192.0.2.22"]
    nothing = dict.fromkeys(
        ("connections", "incoming_packets", "outgoing_packets", "incoming_bytes", "outgoing_bytes"), 0
    )
    assert web["destinations"][1] == {
        "destination": "192.0.2.22",
        "destination_port": 80,
        "forwarding": "direct",
        "weight": 2,
        "upper_threshold": 100,
        "lower_threshold": 50,
        "tunnel_type": None,
        "tunnel_port": 0,
        "tunnel_checksum": "none",
        "active_connections": 0,
        "inactive_connections": 0,
        "persistent_connections": 0,
        "counters": nothing,
        "rates": nothing,
    }
    assert found["version"] == "1.2.1"
    assert found["connection_table_size"] == 4096
    assert found["timeouts"] == {"tcp": 900, "tcp_fin": 120, "udp": 300}
    assert found["daemons"] == []


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ({"address": "192.0.2.100"}, 2),
        ({"address": "192.0.2.100", "port": 80}, 1),
        ({"address": "2001:DB8:2:0::0100"}, 1),
        ({"protocol": "udp"}, 1),
        ({"port": 80}, 2),
        ({"fwmark": 5}, 2),
        ({"fwmark": 5, "family": "ipv6"}, 1),
        ({"family": "ipv6"}, 2),
        ({"address": "192.0.2.101"}, 0),
    ],
)
def test_only_services_that_agree_with_all_that_is_given(
    run_module: ModuleRun, wanted: dict[str, Any], number: int
) -> None:
    assert len(run_module("ipvs_info", wanted)["services"]) == number


def test_impossible_address_is_refused_with_a_sentence(run_module: ModuleRun) -> None:
    failed = run_module("ipvs_info", {"address": "www"}, fails=True)
    assert failed["msg"] == "The service's address must be an IPv4 or IPv6 address, got 'www'."


def test_counters_and_connections_are_those_of_real_connections(run_module: ModuleRun, tool: Tool) -> None:
    tool("ip", "address", "add", "192.0.2.100/32", "dev", "lo")
    tool("ipvsadm", "-A", "-t", "192.0.2.100:8080", "-s", "rr", "-p", "60")
    tool("ipvsadm", "-a", "-t", "192.0.2.100:8080", "-r", "192.0.2.100:8080", "-g")
    with socket.create_server(("192.0.2.100", 8080)):
        clients = [socket.create_connection(("192.0.2.100", 8080)) for _number in range(3)]
        time.sleep(3)  # the kernel adds its counters up every two seconds
        service = run_module("ipvs_info", {"port": 8080})["services"][0]
        for client in clients:
            client.close()
    assert service["counters"]["connections"] == 3
    destination = service["destinations"][0]
    assert destination["counters"]["connections"] == 3
    assert destination["active_connections"] == 3
    assert destination["persistent_connections"] == 1
    assert destination["counters"]["incoming_bytes"] > destination["counters"]["incoming_packets"] > 3
    again = run_module("ipvs_dest", {"address": "192.0.2.100", "port": 8080, "destination": "192.0.2.100", "weight": 0})
    assert again["destination"]["active_connections"] + again["destination"]["inactive_connections"] == 3


def test_synchronisation_daemons_are_shown(run_module: ModuleRun, tool: Tool) -> None:
    tool("ipvsadm", "-C")
    tool("ip", "link", "add", "sync0", "type", "dummy")
    tool("ip", "address", "add", "192.0.2.11/24", "dev", "sync0")
    tool("ip", "link", "set", "sync0", "up")
    tool(
        *("ipvsadm", "--start-daemon", "master", "--mcast-interface", "sync0", "--syncid", "51"),
        *("--mcast-group", "224.0.0.82", "--mcast-port", "8850", "--mcast-ttl", "2", "--sync-maxlen", "1400"),
    )
    assert run_module("ipvs_info")["daemons"] == [
        {
            "role": "master",
            "interface": "sync0",
            "sync_id": 51,
            "multicast_group": "224.0.0.82",
            "multicast_port": 8850,
            "multicast_ttl": 2,
            "max_length": 1400,
        }
    ]
    failed = run_module("ipvs_dest", {"fwmark": 5, "destination": "192.0.2.21"}, fails=True)
    assert "does not exist" in failed["msg"]
    tool("ipvsadm", "-A", "-f", "5", "-s", "rr")
    mixed = {"fwmark": 5, "destination": "2001:db8:2::21", "forwarding": "tunnel"}
    assert "connection synchronisation daemon runs" in run_module("ipvs_dest", mixed, fails=True)["msg"]
    tool("ipvsadm", "--stop-daemon", "master")
