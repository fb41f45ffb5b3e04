# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fwmark with iptables-legacy, which is all that this kernel has; judged by packets and by what IPVS does with marks.

tests/netns goes the same steps with nftables and iptables-nft.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from fwmark_cases import (
    FOREIGN_IPTABLES,
    MOST,
    SIX,
    A,
    B,
    Packet,
    cable,
    foreign_of_iptables,
    inside,
    marked_by_iptables,
    sent,
    steps,
)
from kernel_tools import ModuleRun, Tool, run_program

MARKS = (0, 1, 5, 6, 7, MOST)  # that the steps use


@pytest.fixture(autouse=True)
def foreign(tool: Tool) -> None:
    """Rules of somebody else."""
    tool("iptables-legacy-restore", "--noflush", stdin=FOREIGN_IPTABLES)


def seen_foreign() -> list[str]:
    # That the table of IPv6 is there at all is no change: iptables-legacy makes it when it is asked for.
    return [line for line in foreign_of_iptables("legacy") if not line.startswith(":") or "THEIRS" in line]


def judged(packets: list[Packet]) -> list[Packet]:
    """Counts each kind of packet with each mark, behind PREROUTING."""
    for program, colon in (("iptables-legacy", False), ("ip6tables-legacy", True)):
        rules = [
            f"-A INPUT -d {each.address} -p {each.protocol} -m {each.protocol} --sport 40000 --dport {each.port}"
            f" -m mark --mark {mark}"
            for each in packets
            for mark in MARKS
            if (":" in each.address) == colon
        ]
        lines = ["*filter", "-F INPUT", *rules, "COMMIT"]
        run_program(f"{program}-restore", "--noflush", stdin="".join(f"{line}\n" for line in lines))
    return sent(packets, seen)


def seen() -> list[Packet]:
    found = []
    for program in ("iptables-legacy-save", "ip6tables-legacy-save"):
        for line in run_program(program, "-c", "-t", "filter").splitlines():
            if " -m mark " in line and not line.startswith("[0:"):
                words = line.split()
                address, protocol, port, mark = (words[words.index(it) + 1] for it in ("-d", "-p", "--dport", "--mark"))
                found.append(Packet(address.split("/")[0], protocol, int(port), int(mark, 16)))
    return found


def test_every_step(run_module: ModuleRun, tool: Tool) -> None:
    tool("modprobe", "ipv6")
    cable({"32": [A, B], "128": [SIX]})
    steps(
        run_module,
        tool,
        backend={"backend": "iptables"},  # auto costs more programs, and is tested below
        marked=lambda: marked_by_iptables("legacy"),
        foreign=seen_foreign,
        judged=judged,
        kind="legacy",
    )
    for program in ("iptables-legacy-save", "ip6tables-legacy-save"):
        assert "LVS_CLUSTER" not in tool(program)


def test_a_kernel_without_nftables_is_named_when_nftables_is_wanted(run_module: ModuleRun) -> None:
    for check in (True, False):
        failed = run_module("fwmark", {"mark": 5, "address": A, "backend": "nftables"}, check=check, fails=True)
        assert failed["msg"].startswith("This host cannot mark packets with nftables (nft: ")
        assert "Install the package nftables" in failed["msg"]
    assert run_module("fwmark", {"mark": 5, "address": A}, check=True)["backend"] == "iptables"


@contextlib.contextmanager
def real_server(name: str, ports: tuple[int, ...]) -> Iterator[None]:
    """A machine behind eth0 that holds the VIPs without answering ARP for them, and says its name on each port."""
    number = name[-1]
    run_program("ip", "netns", "add", name)
    run_program("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
    run_program("ip", "link", "set", name, "master", "lan", "up")
    script = f"""
        sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
        ip link set lo up
        ip address add {A}/32 dev lo
        ip address add {B}/32 dev lo
        ip address add 192.0.2.2{number}/24 dev eth0
        ip link set eth0 up
    """
    run_program("ip", "netns", "exec", name, "sh", "-euc", script)
    with inside(name):
        listeners = [socket.create_server(("0.0.0.0", port)) for port in ports]
    threads = [threading.Thread(target=answer, args=(listener, name), daemon=True) for listener in listeners]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for listener in listeners:
            # Wakes the thread up as well, which close alone does not.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in threads:
            thread.join(5)


def answer(listener: socket.socket, name: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _peer = listener.accept()
            with connection:
                connection.sendall(name.encode())


def asked(address: str, port: int) -> str:
    """Which real server the client reaches; nothing when nobody answers."""
    with inside("client"):
        client = socket.socket()
    with client:
        client.settimeout(3)
        try:
            client.connect((address, port))
            return client.recv(100).decode()
        except OSError:
            return ""


def test_ports_and_vips_of_one_mark_are_one_service_with_one_persistence(run_module: ModuleRun, tool: Tool) -> None:
    tool("modprobe", "ip_vs_rr")
    tool("ip", "link", "add", "lan", "type", "bridge")
    tool("ip", "link", "set", "lan", "up")
    tool("ip", "netns", "add", "client")
    tool("ip", "link", "add", "client", "type", "veth", "peer", "name", "eth0", "netns", "client")
    tool("ip", "link", "set", "client", "master", "lan", "up")
    tool("ip", "-n", "client", "address", "add", "192.0.2.31/24", "dev", "eth0")
    tool("ip", "-n", "client", "link", "set", "eth0", "up")
    for address in ("192.0.2.11/24", f"{A}/32", f"{B}/32"):
        tool("ip", "address", "add", address, "dev", "lan")
    tool("ipvsadm", "-A", "-f", "5", "-s", "rr", "-p", "300")
    for number in "12":
        tool("ipvsadm", "-a", "-f", "5", "-r", f"192.0.2.2{number}", "-g")
    ports = (80, 443, 10000, 10007, 8080)
    with real_server("rs1", ports), real_server("rs2", ports):
        assert asked(A, 80) == ""
        marks = [{"mark": 5, "address": A, "ports": [80, 443]}, {"mark": 5, "address": B, "ports": ["10000:10010"]}]
        run_module("fwmark", {"marks": marks})
        # Round robin would take turns: one persistence holds the client on both ports, the range and the other VIP.
        answers = [asked(*where) for where in ((A, 80), (A, 443), (B, 10000), (B, 10007), (A, 80))]
        assert len(set(answers)) == 1
        assert answers[0] in ("rs1", "rs2")
        assert asked(A, 8080) == ""
        assert asked(B, 80) == ""
        # Without persistence they take turns, whichever port is asked.
        tool("ipvsadm", "-E", "-f", "5", "-s", "rr")
        assert {asked(A, 80), asked(A, 443)} == {"rs1", "rs2"}
        run_module("fwmark", {"mark": 5, "address": A, "ports": [443], "state": "absent"})
        assert asked(A, 443) == ""
        assert asked(A, 80) != ""
