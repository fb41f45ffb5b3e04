# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other tools for the IPVS table do wrong, each as a claim about ours; the judge is ipvsadm.

Compared as text: 10 and 1, lblcr and lblc, spellings of IPv6, a port that direct routing cannot translate. Replaced as
a whole: thresholds and persistence that nobody spoke of. Deleted and made anew, with its connections. Written wrong:
the port of GUE, weights of more than 16 bits. Not looked at: what belongs to somebody else, and what is there twice.

Where both apply a claim is tested twice, with the module for the single object and with ipvs_table.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool, seen_table

Options = dict[str, Any]

WEB: Options = {"address": "192.0.2.100", "port": 80}
SERVICE = "-A -t 192.0.2.100:80 -s wlc"
IN_SERVICE = "-a -t 192.0.2.100:80 -r 192.0.2.21:80 "


@pytest.fixture(autouse=True)
def ip_vs(own_network: None, tool: Tool) -> None:
    tool("modprobe", "ip_vs")


class Writer:
    """Makes a service or a destination, through its own module or through ipvs_table."""

    def __init__(self, run_module: ModuleRun, *, whole: bool) -> None:
        self._run_module = run_module
        self._whole = whole

    def service(self, options: Options, *, fails: bool = False) -> dict[str, Any]:
        if not self._whole:
            return self._run_module("ipvs_service", options, fails=fails)
        return self._run_module("ipvs_table", {"services": [options]}, fails=fails)

    def destination(self, key: Options, options: Options, *, fails: bool = False) -> dict[str, Any]:
        if not self._whole:
            return self._run_module("ipvs_dest", {**key, **options}, fails=fails)
        return self._run_module("ipvs_table", {"services": [{**key, "destinations": [options]}]}, fails=fails)


@pytest.fixture(params=["single", "table"])
def write(run_module: ModuleRun, request: pytest.FixtureRequest) -> Writer:
    return Writer(run_module, whole=request.param == "table")


def put(tool: Tool, *lines: str) -> None:
    tool("ipvsadm", "-R", stdin="".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(("old", "new"), [(10, 1), (1, 10), (5, 0), (0, 5), (100, 10)])
def test_a_weight_that_begins_like_the_new_one_is_changed(write: Writer, tool: Tool, old: int, new: int) -> None:
    put(tool, SERVICE, IN_SERVICE + f"-g -w {old}")
    assert write.destination(WEB, {"destination": "192.0.2.21", "weight": new})["changed"] is True
    assert seen_table() == [SERVICE, IN_SERVICE + f"-g -w {new}"]


def test_a_weight_of_zero_is_kept_when_only_a_threshold_changes(write: Writer, tool: Tool) -> None:
    put(tool, SERVICE, IN_SERVICE + "-g -w 0")
    write.destination(WEB, {"destination": "192.0.2.21", "upper_threshold": 10})
    assert seen_table() == [SERVICE, IN_SERVICE + "-g -w 0 -x 10 -y 0"]


@pytest.mark.parametrize(("old", "new"), [("lblcr", "lblc"), ("lblc", "lblcr"), ("wlc", "lc"), ("wrr", "rr")])
def test_a_scheduler_that_begins_or_ends_like_the_new_one_is_changed(
    write: Writer, tool: Tool, old: str, new: str
) -> None:
    put(tool, f"-A -t 192.0.2.100:80 -s {old}", IN_SERVICE + "-g -w 5")
    assert write.service({**WEB, "scheduler": new})["changed"] is True
    assert seen_table() == [f"-A -t 192.0.2.100:80 -s {new}", IN_SERVICE + "-g -w 5"]


@pytest.mark.parametrize("spelling", ["2001:DB8:2:0:0:0:0:100", "2001:db8:2:0::0100", "2001:0db8:0002::0.0.1.0"])
def test_ipv6_in_another_spelling_is_the_same(write: Writer, tool: Tool, spelling: str) -> None:
    lines = ["-A -t [2001:db8:2::100]:80 -s wlc", "-a -t [2001:db8:2::100]:80 -r [2001:db8:2::100]:80 -g -w 1"]
    put(tool, *lines)
    vip = {"address": spelling, "port": 80}
    assert write.service(vip)["changed"] is False
    assert write.destination(vip, {"destination": spelling})["changed"] is False
    assert seen_table() == lines


def test_thresholds_are_kept_when_the_weight_changes(write: Writer, tool: Tool) -> None:
    put(tool, SERVICE, IN_SERVICE + "-g -w 1 -x 100 -y 50")
    write.destination(WEB, {"destination": "192.0.2.21", "weight": 2})
    assert seen_table() == [SERVICE, IN_SERVICE + "-g -w 2 -x 100 -y 50"]


def test_the_tunnel_is_kept_when_the_weight_changes(write: Writer, tool: Tool) -> None:
    put(tool, SERVICE, IN_SERVICE + "-i -w 1 --tun-type gue --tun-port 5555 --tun-csum")
    write.destination(WEB, {"destination": "192.0.2.21", "weight": 2})
    assert seen_table() == [SERVICE, IN_SERVICE + "-i -w 2 --tun-type gue --tun-port 5555 --tun-csum"]


def test_persistence_is_kept_when_the_scheduler_changes(write: Writer, tool: Tool) -> None:
    put(tool, "-A -u 192.0.2.100:80 -s wlc -p 300 -M 255.255.255.0 --pe sip -o")
    write.service({**WEB, "protocol": "udp", "scheduler": "rr"})
    assert seen_table() == ["-A -u 192.0.2.100:80 -s rr -p 300 -M 255.255.255.0 --pe sip -o"]


@pytest.mark.parametrize("forwarding", ["direct", "tunnel"])
def test_another_port_without_nat_is_refused_with_the_reason(write: Writer, tool: Tool, forwarding: str) -> None:
    put(tool, SERVICE)
    wrong = {"destination": "192.0.2.21", "destination_port": 8080, "forwarding": forwarding}
    assert "cannot change the port: use port 80, or forwarding nat." in write.destination(WEB, wrong, fails=True)["msg"]
    assert seen_table() == [SERVICE]


def test_a_direct_destination_written_twice_is_no_change_the_second_time(write: Writer, tool: Tool) -> None:
    put(tool, SERVICE)
    same = {"destination": "192.0.2.21", "destination_port": 80}
    assert write.destination(WEB, same)["changed"] is True
    assert write.destination(WEB, same)["changed"] is False


@contextlib.contextmanager
def connected() -> Iterator[None]:
    """A client of 192.0.2.100:80, whose real server listens on 192.0.2.21:8080."""
    with (
        socket.create_server(("192.0.2.21", 8080)) as server,
        socket.create_connection(("192.0.2.100", 80), timeout=10) as client,
        server.accept()[0] as real_server,
    ):
        client.sendall(b"first")
        assert real_server.recv(9) == b"first"
        yield
        client.sendall(b"second")
        assert real_server.recv(9) == b"second", "the connection did not outlive the change"


def test_a_change_keeps_connections_and_counters(write: Writer, tool: Tool) -> None:
    for address in ("192.0.2.100/32", "192.0.2.21/32"):
        tool("ip", "address", "add", address, "dev", "lo")
    tool("sysctl", "-w", "net.ipv4.vs.expire_nodest_conn=1")
    put(tool, SERVICE, "-a -t 192.0.2.100:80 -r 192.0.2.21:8080 -m -w 1")
    with connected():
        time.sleep(3)  # the kernel adds its counters up every two seconds
        destination = {"destination": "192.0.2.21", "destination_port": 8080, "weight": 7, "upper_threshold": 9}
        assert write.service({**WEB, "scheduler": "rr", "persistence": 60})["changed"] is True
        assert write.destination(WEB, destination)["changed"] is True
        assert "192.0.2.21:8080              Masq    7      1          0" in tool("ipvsadm", "-Ln")
        # Connections counted since the destination was made.
        assert [line.split()[2] for line in tool("ipvsadm", "-Ln", "--stats").splitlines()[3:]] == ["1", "1"]


def test_the_port_of_gue_is_written_in_the_right_byte_order(write: Writer, tool: Tool) -> None:
    put(tool, SERVICE)
    gue = {"destination": "192.0.2.21", "forwarding": "tunnel", "tunnel_type": "gue", "tunnel_port": 0x1234}
    write.destination(WEB, gue)
    assert seen_table() == [SERVICE, IN_SERVICE + "-i -w 1 --tun-type gue --tun-port 4660 --tun-nocsum"]
    tool("ipvsadm", *f"-e {IN_SERVICE[3:]} -i -w 1 --tun-type gue --tun-port 22136 --tun-nocsum".split())
    assert write.destination(WEB, {**gue, "tunnel_port": 0x5678})["changed"] is False


@pytest.mark.parametrize("weight", [65536, 70000, 2147483647])
def test_a_weight_of_more_than_sixteen_bits_is_written_and_read(write: Writer, tool: Tool, weight: int) -> None:
    put(tool, SERVICE)
    heavy = {"destination": "192.0.2.21", "weight": weight}
    write.destination(WEB, heavy)
    assert seen_table() == [SERVICE, IN_SERVICE + f"-g -w {weight}"]
    assert write.destination(WEB, heavy)["changed"] is False


def test_the_persistence_engine_is_read_back(write: Writer, tool: Tool) -> None:
    sip = {**WEB, "protocol": "udp", "persistence": 60, "persistence_engine": "sip"}
    assert write.service(sip)["changed"] is True
    assert write.service(sip)["changed"] is False
    assert seen_table() == ["-A -u 192.0.2.100:80 -s wlc -p 60 --pe sip"]


FOREIGN = [
    "-A -f 900 -s wlc",
    "-A -t 192.0.2.100:81 -s rr",
    "-A -u 192.0.2.100:80 -s sh -p 60 -M 255.255.255.0 -o -b sh-port",
    "-a -f 900 -r 203.0.113.2:0 -i -w 1 --tun-type gue --tun-port 77 --tun-nocsum",
    "-a -t 192.0.2.100:81 -r 192.0.2.21:81 -g -w 0",
    "-a -u 192.0.2.100:80 -r 203.0.113.2:5353 -m -w 7 -x 9 -y 3",
]


def test_services_of_others_are_not_touched(write: Writer, tool: Tool) -> None:
    put(tool, *FOREIGN)
    write.service(WEB)
    write.destination(WEB, {"destination": "192.0.2.21"})
    assert seen_table() == sorted([*FOREIGN, SERVICE, IN_SERVICE + "-g -w 1"])


def test_services_of_others_are_not_touched_by_a_purge_and_by_removal(run_module: ModuleRun, tool: Tool) -> None:
    put(tool, *FOREIGN, SERVICE, IN_SERVICE + "-g -w 1")
    run_module("ipvs_service", {**WEB, "state": "absent"})
    assert seen_table() == FOREIGN
    put(tool, "-A -t 198.51.100.1:80 -s wlc", "-A -f 899 -s wlc", "-A -f 899 -6 -s wlc")
    scope = ["198.51.100.0/24", "1-899"]
    run_module("ipvs_table", {"purge": "services", "scope": scope, "services": [], "allow_empty": True})
    assert seen_table() == FOREIGN


def test_what_is_described_twice_is_reported_whatever_its_spelling(run_module: ModuleRun, tool: Tool) -> None:
    twice: list[Options] = [
        {"address": "2001:db8:2::100", "port": 80},
        {"address": "2001:DB8:2:0::0100", "port": 80, "protocol": "tcp"},
        {**WEB, "destinations": [{"destination": "192.0.2.21"}, {"destination": "192.0.2.21", "destination_port": 80}]},
    ]
    message = run_module("ipvs_table", {"services": twice}, fails=True)["msg"]
    assert "services[1]: Service tcp/[2001:db8:2::100]:80 is described already, as services[0]." in message
    assert "services[2].destinations[1]: Destination 192.0.2.21:80 of service tcp/192.0.2.100:80 is desc" in message
    assert seen_table() == []


def test_an_object_that_is_there_already_is_edited_and_no_error(write: Writer, tool: Tool) -> None:
    put(tool, "-A -t 192.0.2.100:80 -s rr", IN_SERVICE + "-m -w 3")
    assert write.service({**WEB, "scheduler": "rr"})["changed"] is False
    assert write.destination(WEB, {"destination": "192.0.2.21", "forwarding": "direct"})["changed"] is True
    assert seen_table() == ["-A -t 192.0.2.100:80 -s rr", IN_SERVICE + "-g -w 3"]
