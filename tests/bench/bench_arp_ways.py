# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request costs a real server with each way to hide a VIP, on this machine's own kernel.

A request is a connection of its own with one byte each way, from a neighbour that sends to the real server's hardware
address what is for the VIP, as a director does. All ways take turns, so that the noise is seen: printed are the median
of all turns, what the quickest and the slowest took, and the median against that of `arp_ignore`.

Run as root from the repository: ``PYTHONPATH=.collections python tests/bench/bench_arp_ways.py [REQUESTS] [TURNS]``.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernel"))
from fwmark_cases import inside
from kernel_tools import CLONE_NEWNS, leave_namespaces, network_of_its_own, run_in_process, run_program

VIP, RIP, CLIENT, MAC = "192.0.2.100", "192.0.2.21", "192.0.2.31", "02:00:00:00:02:21"
WAYS = ("arp_ignore", "nftables", "arptables", "redirect")


def make_cable() -> None:
    """eth0 towards the client, and no rules at all: with somebody's NAT every way would pay for conntrack."""
    run_program("ip", "netns", "add", "client")
    run_program("ip", "link", "add", "eth0", "address", MAC, "type", "veth", "peer", "name", "eth0", "netns", "client")
    for where, address in (([], RIP), (["-n", "client"], CLIENT)):
        run_program("ip", *where, "link", "set", "eth0", "up")
        run_program("ip", *where, "address", "add", f"{address}/24", "dev", "eth0")
    run_program("ip", "-n", "client", "neighbour", "replace", VIP, "lladdr", MAC, "dev", "eth0")


def serve(server: socket.socket) -> None:
    """One byte for each byte, until the socket is closed."""
    while True:
        try:
            peer, _address = server.accept()
        except OSError:
            return
        with peer:
            peer.recv(1)
            peer.send(b"!")


def turn(requests: int) -> float:
    """Microseconds a request."""
    with inside("client"):
        clients = [socket.socket() for _number in range(requests)]
    start = time.perf_counter()
    for client in clients:
        client.connect((VIP, 80))
        client.send(b"?")
        client.recv(1)
        client.close()
    return (time.perf_counter() - start) / requests * 1e6


def main() -> None:
    given = [int(word) for word in sys.argv[1:]]
    requests, turns = [*given, *(500, 36)[len(given) :]]
    if os.geteuid():
        sys.exit("bench_arp_ways makes network namespaces: run it as root.")
    leave_namespaces(CLONE_NEWNS)
    Path("/run/netns").mkdir(exist_ok=True)
    for words in (["--make-rprivate", "/"], ["-t", "tmpfs", "none", "/run/netns"]):
        subprocess.run(["mount", *words], check=True)
    took: dict[str, list[float]] = {way: [] for way in WAYS}
    with network_of_its_own(), socket.socket() as server:
        make_cable()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("0.0.0.0", 80))
        server.listen(100)
        threading.Thread(target=serve, args=[server], daemon=True).start()
        for _number in range(turns):
            for way in WAYS:
                run_in_process("arp_hide", {"addresses": [VIP], "method": way})
                turn(100)
                took[way].append(turn(requests))
    first = statistics.median(took[WAYS[0]])
    print(f"{requests} requests a turn, {turns} turns, us a request")
    print("way          median  least   most   against arp_ignore")
    for way, each in took.items():
        middle = statistics.median(each)
        print(f"{way:10} {middle:8.1f} {min(each):6.1f} {max(each):6.1f} {middle / first:8.2f}")


if __name__ == "__main__":
    main()
