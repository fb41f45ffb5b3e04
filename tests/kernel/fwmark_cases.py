# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of `fwmark` that every back end has to go, with the marks that packets must have after each.

tests/netns goes them with nftables and iptables-nft on this machine's own kernel, tests/kernel with iptables-legacy on
User-Mode Linux.
"""

from __future__ import annotations

import ctypes
import json
import re
import shlex
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kernel_tools import CLONE_NEWNET, ModuleRun, Tool, run_program

A, B, SIX = "192.0.2.100", "192.0.2.101", "2001:db8:2::100"
MOST = 2**32 - 1
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}


class Packet(NamedTuple):
    """Packets to one port and the mark that they must get; 0 is none."""

    address: str
    protocol: str
    port: int
    mark: int


class Step(NamedTuple):
    """One call of the module. ``marked`` has "address protocol port-port mark" for each range."""

    name: str
    parameters: dict[str, Any]
    marked: set[str]
    packets: list[Packet]


STEPS = [
    Step(
        "create",
        {"mark": 5, "address": A, "ports": [80, 443]},
        {f"{A} tcp 80-80 5", f"{A} tcp 443-443 5"},
        [
            Packet(A, "tcp", 80, 5),
            Packet(A, "tcp", 443, 5),
            Packet(A, "tcp", 81, 0),
            Packet(A, "udp", 80, 0),
            Packet(B, "tcp", 80, 0),
            Packet(SIX, "tcp", 80, 0),
        ],
    ),
    Step(
        "several addresses, protocols and both families in one mark",
        {
            "marks": [
                {"mark": 5, "address": B, "ports": ["80", "443"]},
                {"mark": 5, "address": "2001:DB8:2:0::100", "ports": ["80", "10000:20000"]},
                {"mark": 6, "address": A, "protocol": "udp"},
                {"mark": 6, "address": A, "protocol": "sctp", "ports": ["2000-2001", "2002:2010"]},
                {"mark": 6, "address": SIX, "protocol": "udp"},
            ]
        },
        {
            f"{A} tcp 80-80 5",
            f"{A} tcp 443-443 5",
            f"{A} udp 0-65535 6",
            f"{A} sctp 2000-2010 6",
            f"{B} tcp 80-80 5",
            f"{B} tcp 443-443 5",
            f"{SIX} tcp 80-80 5",
            f"{SIX} tcp 10000-20000 5",
            f"{SIX} udp 0-65535 6",
        },
        [
            Packet(A, "tcp", 80, 5),
            Packet(B, "tcp", 443, 5),
            Packet(SIX, "tcp", 80, 5),
            Packet(SIX, "tcp", 443, 0),
            Packet(SIX, "tcp", 9999, 0),
            Packet(SIX, "tcp", 10000, 5),
            Packet(SIX, "tcp", 20000, 5),
            Packet(SIX, "tcp", 20001, 0),
            Packet(A, "udp", 1, 6),
            Packet(A, "udp", 65535, 6),
            Packet(SIX, "udp", 53, 6),
            Packet(A, "sctp", 1999, 0),
            Packet(A, "sctp", 2005, 6),
        ],
    ),
    Step(
        "change the ports of a mark",
        {"mark": 5, "address": A, "ports": ["80", "8000:8010", *(str(number) for number in range(101, 141, 2))]},
        {
            f"{A} tcp 80-80 5",
            f"{A} tcp 8000-8010 5",
            *(f"{A} tcp {number}-{number} 5" for number in range(101, 141, 2)),
            f"{A} udp 0-65535 6",
            f"{A} sctp 2000-2010 6",
            f"{B} tcp 80-80 5",
            f"{B} tcp 443-443 5",
            f"{SIX} tcp 80-80 5",
            f"{SIX} tcp 10000-20000 5",
            f"{SIX} udp 0-65535 6",
        },
        [
            Packet(A, "tcp", 80, 5),
            Packet(A, "tcp", 443, 0),
            Packet(A, "tcp", 8005, 5),
            Packet(A, "tcp", 101, 5),
            Packet(A, "tcp", 102, 0),
            Packet(A, "tcp", 139, 5),
            Packet(B, "tcp", 443, 5),
        ],
    ),
    Step(
        "move packets from one mark to another",
        {
            "marks": [
                {"mark": 5, "address": A, "ports": [80]},
                {"mark": 7, "address": A, "ports": ["8005:8010", 443]},
                {"mark": 7, "address": SIX, "ports": [80]},
                {"mark": 5, "address": SIX, "ports": ["10000:20000"]},
            ]
        },
        {
            f"{A} tcp 80-80 5",
            f"{A} tcp 443-443 7",
            f"{A} tcp 8005-8010 7",
            f"{A} udp 0-65535 6",
            f"{A} sctp 2000-2010 6",
            f"{B} tcp 80-80 5",
            f"{B} tcp 443-443 5",
            f"{SIX} tcp 80-80 7",
            f"{SIX} tcp 10000-20000 5",
            f"{SIX} udp 0-65535 6",
        },
        [
            Packet(A, "tcp", 80, 5),
            Packet(A, "tcp", 8004, 0),
            Packet(A, "tcp", 8005, 7),
            Packet(SIX, "tcp", 80, 7),
            Packet(SIX, "tcp", 15000, 5),
        ],
    ),
    Step(
        "take ports out of the middle",
        {"mark": 6, "ports": ["50:59"], "protocol": "udp", "state": "absent"},
        {
            f"{A} tcp 80-80 5",
            f"{A} tcp 443-443 7",
            f"{A} tcp 8005-8010 7",
            f"{A} udp 0-49 6",
            f"{A} udp 60-65535 6",
            f"{A} sctp 2000-2010 6",
            f"{B} tcp 80-80 5",
            f"{B} tcp 443-443 5",
            f"{SIX} tcp 80-80 7",
            f"{SIX} tcp 10000-20000 5",
            f"{SIX} udp 0-49 6",
            f"{SIX} udp 60-65535 6",
        },
        [
            Packet(A, "udp", 49, 6),
            Packet(A, "udp", 53, 0),
            Packet(SIX, "udp", 53, 0),
            Packet(SIX, "udp", 60, 6),
            Packet(A, "sctp", 2005, 6),
        ],
    ),
    Step(
        "these marks and no others",
        {
            "marks": [
                {"mark": MOST, "address": A, "ports": ["80:89"]},
                {"mark": 1, "address": A, "ports": [90]},
            ],
            "purge": True,
        },
        {f"{A} tcp 80-89 {MOST}", f"{A} tcp 90-90 1"},
        [
            Packet(A, "tcp", 80, MOST),
            Packet(A, "tcp", 90, 1),
            Packet(A, "udp", 1, 0),
            Packet(SIX, "tcp", 15000, 0),
        ],
    ),
    Step("delete one", {"mark": MOST, "state": "absent"}, {f"{A} tcp 90-90 1"}, [Packet(A, "tcp", 80, 0)]),
    Step("delete the last", {"mark": 1, "address": A, "state": "absent"}, set(), [Packet(A, "tcp", 90, 0)]),
]


def marked_by_nftables() -> set[str]:
    """What our table holds, as `nft -j` says; nothing when there is no such table."""
    items = json.loads(run_program("nft", "-j", "list", "ruleset"))["nftables"]
    maps = [item["map"] for item in items if item.get("map", {}).get("table") == "lvs_cluster_fwmark"]
    found = set()
    for key, mark in (element for each in maps for element in each.get("elem", ())):
        address, protocol, ports = key["concat"]
        first, last = ports["range"] if isinstance(ports, dict) else (ports, ports)
        found.add(f"{address} {protocol} {first}-{last} {mark}")
    return found


def marked_by_iptables(kind: str) -> set[str]:
    """What our chains hold, as `iptables-save` and `ip6tables-save` of this kind say."""
    found = set()
    for family in ("iptables", "ip6tables"):
        for line in run_program(f"{family}-{kind}-save", "-t", "mangle").splitlines():
            if line.startswith("-A LVS_CLUSTER_FWMARK"):
                words = shlex.split(line)
                address, protocol = (words[words.index(option) + 1] for option in ("-d", "-p"))
                mark = int(words[words.index("--set-xmark") + 1].split("/")[0], 16)
                lists = words[words.index("--dports") + 1] if "--dports" in words else "0:65535"
                for ports in lists.split(","):
                    numbers = ports.split(":")
                    found.add(f"{address.split('/')[0]} {protocol} {numbers[0]}-{numbers[-1]} {mark}")
    return found


FOREIGN_IPTABLES = """\
*mangle
:THEIRS - [0:0]
-A PREROUTING -d 203.0.113.9/32 -j MARK --set-xmark 0x9/0xffffffff
-A PREROUTING -j THEIRS
-A THEIRS -p tcp -m multiport --dports 7 -j MARK --set-xmark 0x5/0xff
COMMIT
"""


def foreign_of_iptables(kind: str) -> list[str]:
    """Everything that is not ours, without counters."""
    lines = []
    for family in ("iptables", "ip6tables"):
        saved = run_program(f"{family}-{kind}-save", "-t", "mangle").splitlines()
        lines += [re.sub(r" \[.*", "", line) for line in saved if "LVS_CLUSTER_FWMARK" not in line and line[0] != "#"]
    return lines


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This process is in another network namespace meanwhile; sockets that are made there stay there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open("rb") as home, Path("/run/netns", namespace).open("rb") as away:
        if libc.setns(away.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


def cable(vips: dict[str, list[str]]) -> None:
    """A client at the other end of eth0; this end holds the VIPs."""
    run_program("ip", "netns", "add", "client")
    run_program("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", "client")
    for word, where in (("11", []), ("31", ["-n", "client"])):
        run_program("ip", *where, "address", "add", f"192.0.2.{word}/24", "dev", "eth0")
        run_program("ip", *where, "address", "add", f"2001:db8:2::{word}/64", "dev", "eth0", "nodad")
        run_program("ip", *where, "link", "set", "eth0", "up")
    for prefix, addresses in vips.items():
        for address in addresses:
            run_program("ip", "address", "add", f"{address}/{prefix}", "dev", "eth0", "nodad")


def send(packets: list[Packet]) -> None:
    """One packet of each, from the client: the first words of its protocol's header are ports in all of them."""
    for packet in packets:
        family = socket.AF_INET6 if ":" in packet.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_RAW, PROTOCOLS[packet.protocol]) as raw:
            header = struct.pack(">HHIIBBHHH", 40000, packet.port, 1, 0, 0x50, 2, 1024, 0, 0)
            raw.sendto(header, (packet.address, 0))


def steps(
    run_module: ModuleRun,
    tool: Tool,
    *,
    backend: dict[str, str],
    marked: Callable[[], set[str]],
    foreign: Callable[[], object],
    judged: Callable[[list[Packet]], list[Packet]],
    kind: str,
) -> None:
    """Goes all steps: check, real, check again, real again; then packets, typed commands and the boot files.

    ``marked`` and ``foreign`` say what is there; ``judged`` sends packets and says with which marks they came. ``kind``
    of iptables is for its boot files.
    """
    before: set[str] = set()
    others = foreign()
    tool("ip", "netns", "add", "typed")
    for step in STEPS:
        parameters = {**backend, **step.parameters}
        predicted = run_module("fwmark", parameters, check=True)
        assert marked() == before, f"{step.name}: check mode wrote"
        done = run_module("fwmark", parameters)
        assert predicted == done, step.name
        assert done["changed"] is True
        assert done["diff"]["before"] != done["diff"]["after"]
        for check in (True, False):
            again = run_module("fwmark", parameters, check=check)
            assert (again["changed"], again["operations"]) == (False, []), step.name
            assert again["diff"]["before"] == again["diff"]["after"]
        assert marked() == step.marked, step.name
        assert judged(step.packets) == step.packets, step.name
        assert foreign() == others, step.name

        # Somebody else types the same commands, step by step, and ends with the same.
        tool("ip", "netns", "exec", "typed", "sh", "-euc", "\n".join(done["operations"]))
        with inside("typed"):
            assert marked() == step.marked, step.name
        tool("ip", "netns", "add", "booted")
        with inside("booted"):
            load(tool, done["rules"], kind)
            assert marked() == step.marked, step.name
            if kind == "nft":  # User-Mode Linux is too slow for everything
                back = run_module("fwmark", parameters, check=True)
                assert back["changed"] is False, (step.name, back)
        tool("ip", "netns", "del", "booted")
        before = step.marked


def load(tool: Tool, rules: dict[str, str], kind: str) -> None:
    """Loads the boot files, with iptables of this kind."""
    if rules["nftables"]:
        tool("nft", "-f", "-", stdin=rules["nftables"])
    for family in ("iptables", "ip6tables"):
        if rules[family]:
            tool(f"{family}-{kind}-restore", "--noflush", stdin=rules[family])


def sent(packets: list[Packet], seen: Callable[[], list[Packet]]) -> list[Packet]:
    """What was ``seen`` of the packets after they were all sent from the client, in their order."""
    with inside("client"):
        send(packets)
    deadline = time.monotonic() + 5
    while len(found := seen()) < len(packets) and time.monotonic() < deadline:
        time.sleep(0.05)
    places = {packet[:3]: place for place, packet in enumerate(packets)}
    return sorted(found, key=lambda packet: places.get(packet[:3], -1))
