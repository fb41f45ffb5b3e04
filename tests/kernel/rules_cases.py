# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `nat` and `firewall` have to do to packets, whatever the back end: one network, one table of cases for each.

tests/netns goes through them with nftables and iptables-nft on this machine's own kernel, tests/kernel with
iptables-legacy and IPVS on User-Mode Linux.

The network: this process is in the director, with `eth0` to the outside and `eth1` to the inside. `client` is outside,
`rs1` and `rs2` are inside, `third` is behind a third interface of the director (containers, say).
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fwmark_cases import inside
from kernel_tools import ModuleRun, Tool, run_program

DIRECTOR = ""
VIP, VIP6 = "198.51.100.100", "2001:db8:1::100"
CLIENT, CLIENT6, STRANGER, SPOOFED = "198.51.100.31", "2001:db8:1::31", "203.0.113.5", "10.66.0.5"
RS1, RS2, RS1_6 = "10.11.12.21", "10.11.12.22", "2001:db8:12::21"
OUTSIDE, OUTSIDE6, INSIDE = "198.51.100.11", "2001:db8:1::11", "10.11.12.10"
MAIL, ALL, ALL6 = "198.51.100.113", "198.51.100.114", "2001:db8:1::114"
LOCAL_VIP = "10.11.12.100"
QUIET = 0.6  # seconds in which a packet would have come

ADDRESSES = {
    (DIRECTOR, "eth0"): [f"{OUTSIDE}/24", f"{OUTSIDE6}/64", f"{VIP}/32", f"{MAIL}/32", f"{ALL}/32"],
    (DIRECTOR, "eth1"): [f"{INSIDE}/24", "2001:db8:12::10/64", f"{LOCAL_VIP}/32"],
    (DIRECTOR, "eth2"): ["172.30.0.1/24"],
    ("client", "eth0"): [f"{CLIENT}/24", f"{CLIENT6}/64", f"{STRANGER}/32", f"{SPOOFED}/32"],
    ("rs1", "eth0"): [f"{RS1}/24", f"{RS1_6}/64"],
    ("rs2", "eth0"): [f"{RS2}/24"],
    ("third", "eth0"): ["172.30.0.2/24"],
}
ROUTES = {
    DIRECTOR: [f"{STRANGER} via {CLIENT}", f"{SPOOFED} via {CLIENT}"],
    "client": [f"10.11.12.0/24 via {OUTSIDE}", f"172.30.0.0/24 via {OUTSIDE}", f"2001:db8:12::/64 via {OUTSIDE6}"],
    "rs1": [f"default via {INSIDE}", "default via 2001:db8:12::10"],
    "rs2": [f"default via {INSIDE}"],
    "third": ["default via 172.30.0.1"],
}


class Talk(NamedTuple):
    """Somebody asks from an address, somebody hears it elsewhere and answers. ``seen``: as whom the latter sees him.

    No ``seen``: nobody may hear it. Without ``at``, what is asked stands where it is asked for.
    """

    name: str
    by: str
    source: str
    to: str
    port: int
    seen: str | None
    where: str = DIRECTOR
    at: str = ""
    at_port: int = 0
    protocol: str = "tcp"


NAT: dict[str, Any] = {
    "masquerade": [
        {"source": "10.11.12.0/24", "not_out": "eth1"},
        {"source": "2001:db8:12::/64", "not_out": "eth1"},
    ],
    "mappings": [
        {"external": MAIL, "internal": RS1, "protocol": "tcp", "ports": ["25", "1000:1010"], "interface": "eth0"},
        {"external": ALL, "internal": RS2, "interface": "eth0"},
        {"external": ALL6, "internal": RS1_6, "protocol": "udp", "interface": "eth0"},
    ],
    "source_nat": [{"source": "10.11.12.0/24", "vips": [{"address": LOCAL_VIP, "protocol": "tcp", "ports": ["80"]}]}],
    "helpers": [{"address": VIP}, {"address": VIP6}],
}
NAT_TALKS = [
    Talk("inside gets out as the director", "rs1", RS1, CLIENT, 80, OUTSIDE, "client"),
    Talk("so with UDP", "rs1", RS1, CLIENT, 53, OUTSIDE, "client", protocol="udp"),
    Talk("so with IPv6", "rs1", RS1_6, CLIENT6, 80, OUTSIDE6, "client"),
    Talk("inside reaches the director as itself", "rs1", RS1, INSIDE, 80, RS1),
    Talk("a mapped port leads inside", "client", CLIENT, MAIL, 25, CLIENT, "rs1", RS1),
    Talk("so does one of a range", "client", CLIENT, MAIL, 1005, CLIENT, "rs1", RS1),
    Talk("another port does not", "client", CLIENT, MAIL, 26, None, "rs1", RS1),
    Talk("outwards to that port it comes from the mapped address", "rs1", RS1, CLIENT, 25, MAIL, "client"),
    Talk("to another port as the director", "rs1", RS1, CLIENT, 26, OUTSIDE, "client"),
    Talk("a mapping of all leads inside", "client", CLIENT, ALL, 4000, CLIENT, "rs2", RS2),
    Talk("with UDP too", "client", CLIENT, ALL, 4000, CLIENT, "rs2", RS2, protocol="udp"),
    Talk("and all comes from the mapped address", "rs2", RS2, CLIENT, 4000, ALL, "client"),
    Talk("a mapping of one protocol leads inside", "client", CLIENT6, ALL6, 53, CLIENT6, "rs1", RS1_6, protocol="udp"),
    Talk("and that comes from the mapped address", "rs1", RS1_6, CLIENT6, 53, ALL6, "client", protocol="udp"),
    Talk("the other protocol as the director", "rs1", RS1_6, CLIENT6, 53, OUTSIDE6, "client"),
]
FIREWALL: dict[str, Any] = {
    "external_interfaces": ["eth0"],
    "trusted_interfaces": ["eth1"],
    "services": [
        {"address": VIP, "protocol": "tcp", "ports": ["80", "8000:8010"]},
        {"address": VIP6, "protocol": "tcp", "ports": ["80"]},
        {"address": VIP, "protocol": "udp"},
    ],
    "vrrp_peers": [CLIENT],
    "sync": {"interface": "eth0", "peers": [CLIENT]},
    "ssh_sources": ["198.51.100.0/24"],
    "accept": [
        {"protocol": "udp", "ports": ["161"], "sources": [f"{STRANGER}/32"]},
        {"protocol": "tcp", "ports": ["9100"]},
    ],
    "spoofed_sources": ["10.0.0.0/8"],
    "syn_rate": 100,
    "log_rate": 3,
}
FIREWALL_TALKS = [
    Talk("a service", "client", CLIENT, VIP, 80, CLIENT),
    Talk("a service's range of ports", "client", CLIENT, VIP, 8005, CLIENT),
    Talk("a service with IPv6", "client", CLIENT6, VIP6, 80, CLIENT6),
    Talk("all ports of a protocol", "client", STRANGER, VIP, 5353, STRANGER, protocol="udp"),
    Talk("not another port of the VIP", "client", CLIENT, VIP, 81, None),
    Talk("not another port with IPv6", "client", CLIENT6, VIP6, 81, None),
    Talk("not the service's port of another address", "client", CLIENT, OUTSIDE, 80, None),
    Talk("SSH from where it may come", "client", CLIENT, OUTSIDE, 22, CLIENT),
    Talk("SSH from elsewhere", "client", STRANGER, OUTSIDE, 22, None),
    Talk("SSH with IPv6 from elsewhere", "client", CLIENT6, OUTSIDE6, 22, None),
    Talk("what is accepted beside", "client", STRANGER, OUTSIDE, 161, STRANGER, protocol="udp"),
    Talk("not from elsewhere", "client", CLIENT, OUTSIDE, 161, None, protocol="udp"),
    Talk("what is accepted from everywhere", "client", CLIENT, OUTSIDE, 9100, CLIENT),
    Talk("so with IPv6", "client", CLIENT6, OUTSIDE6, 9100, CLIENT6),
    Talk("synchronisation of a peer", "client", CLIENT, OUTSIDE, 8848, CLIENT, protocol="udp"),
    Talk("synchronisation of a stranger", "client", STRANGER, OUTSIDE, 8848, None, protocol="udp"),
    Talk("a spoofed source", "client", SPOOFED, VIP, 80, None),
    Talk("everything of a trusted interface", "rs1", RS1, INSIDE, 81, RS1),
    Talk("answers to the director", DIRECTOR, OUTSIDE, CLIENT, 80, OUTSIDE, "client"),
    Talk("out from inside", "rs1", RS1, CLIENT, 80, RS1, "client"),
    Talk("not in from outside", "client", CLIENT, RS1, 80, None, "rs1"),
    Talk("not in with IPv6", "client", CLIENT6, RS1_6, 80, None, "rs1"),
    Talk("not to other people's networks from outside", "client", CLIENT, "172.30.0.2", 80, None, "third"),
    Talk("forwarding between other interfaces", "third", "172.30.0.2", RS1, 80, "172.30.0.2", "rs1"),
    Talk("out from other people's networks", "third", "172.30.0.2", CLIENT, 80, "172.30.0.2", "client"),
]


def network(tool: Tool) -> None:
    """Makes the network."""
    for name in ("switch", "client", "rs1", "rs2", "third"):
        tool("ip", "netns", "add", name)
    _cables(tool)
    _addresses(tool)
    for name, routes in ROUTES.items():
        for route in routes:
            tool("ip", *(["-n", name] if name else []), "-6" if ":" in route else "-4", "route", "add", *route.split())
    for key in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        Path("/proc/sys", key).write_text("1\n", encoding="ascii")
    for interface in ("all", "eth0", "eth1"):  # what is spoofed is for the firewall to find
        Path(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter").write_text("0\n", encoding="ascii")


def _cables(tool: Tool) -> None:
    tool("ip", "-n", "switch", "link", "add", "br0", "type", "bridge")
    tool("ip", "-n", "switch", "link", "set", "br0", "up")
    tool("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", "client")
    tool("ip", "link", "add", "eth2", "type", "veth", "peer", "name", "eth0", "netns", "third")
    tool("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "p0", "netns", "switch")
    for place, name in enumerate(("rs1", "rs2"), start=1):
        tool("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", f"p{place}", "netns", "switch")
    for port in ("p0", "p1", "p2"):
        tool("ip", "-n", "switch", "link", "set", port, "master", "br0", "up")


def _addresses(tool: Tool) -> None:
    for (name, interface), addresses in ADDRESSES.items():
        where = ["-n", name] if name else []
        for address in addresses:
            tool("ip", *where, "address", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))
        tool("ip", *where, "link", "set", interface, "up")
        tool("ip", *where, "link", "set", "lo", "up")
    for address in (VIP6, ALL6):
        # As keepalived does it, so that the director itself does not choose a floating address as its source.
        tool("ip", "address", "add", f"{address}/128", "dev", "eth0", "nodad", "preferred_lft", "0")


def where(name: str) -> contextlib.AbstractContextManager[None]:
    return inside(name) if name else contextlib.nullcontext()


def made(name: str, kind: int, address: str, port: int) -> socket.socket:
    """A socket in a namespace, bound there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with where(name):
        found = socket.socket(family, kind)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((address, port))
    found.settimeout(10)
    return found


def seen(talk: Talk, quiet: float = QUIET) -> str | None:
    """As whom the asker was seen, after he had his answer from where he had asked; None when nobody heard him."""
    is_tcp = talk.protocol == "tcp"
    kind = socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM
    patience = quiet if talk.seen is None else 10
    with (
        made(talk.where, kind, talk.at or talk.to, talk.at_port or talk.port) as server,
        made(talk.by, kind, talk.source, 0) as client,
    ):
        if is_tcp:
            return _seen_by_tcp(talk, server, client, patience)
        client.connect((talk.to, talk.port))  # answers of others are not heard
        client.send(b"question")
        if not select.select([server], [], [], patience)[0]:
            return None
        question, peer = server.recvfrom(100)
        assert question == b"question"
        server.sendto(b"answer", peer)
        assert client.recv(100) == b"answer"
        return str(peer[0])


def _seen_by_tcp(talk: Talk, server: socket.socket, client: socket.socket, patience: float) -> str | None:
    server.listen()
    client.settimeout(patience)
    try:
        client.connect((talk.to, talk.port))
    except (TimeoutError, ConnectionRefusedError):
        return None
    if not select.select([server], [], [], patience)[0]:
        return "somebody else"
    connection, peer = server.accept()
    with connection:
        connection.settimeout(10)
        client.sendall(b"question")
        assert connection.recv(100) == b"question"
        connection.sendall(b"answer")
        assert client.recv(100) == b"answer"
    return str(peer[0])


def judged(talks: list[Talk], quiet: float = QUIET) -> dict[str, str | None]:
    """Who was seen in each."""
    return {talk.name: seen(talk, quiet) for talk in talks}


def expected(talks: list[Talk]) -> dict[str, str | None]:
    return {talk.name: talk.seen for talk in talks}


def raw_heard(protocol: int, source: str, packet: bytes, quiet: float = QUIET) -> bool:
    """Whether the director hears such a packet of the client's."""
    with where(DIRECTOR), socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as server:
        with where("client"):
            client = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
        with client:
            client.bind((source, 0))
            client.sendto(packet, (OUTSIDE, 0))
        while select.select([server], [], [], quiet)[0]:
            if server.recv(2000)[20:].startswith(packet):
                return True
    return False


def icmp(kind: int, code: int) -> bytes:
    """An ICMP message with a right checksum."""
    body = struct.pack(">BBHI", kind, code, 0, 0) + bytes(28)
    total = sum(struct.unpack(f">{len(body) // 2}H", body))
    total = (total & 0xFFFF) + (total >> 16)
    return body[:2] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + body[4:]


def connections_begun(number: int, source: str, quiet: float) -> int:
    """How many of so many TCP connections, begun at once, the VIP's server gets to see."""
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(made(DIRECTOR, socket.SOCK_STREAM, VIP, 80))
        server.listen(number)
        for _number in range(number):
            client = opened.enter_context(made("client", socket.SOCK_STREAM, source, 0))
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect((VIP, 80))
        got = 0
        while select.select([server], [], [], quiet)[0]:
            opened.enter_context(server.accept()[0])
            got += 1
        return got


@contextlib.contextmanager
def conversation(source: str, to: str, port: int) -> Iterator[list[int]]:
    """A TCP connection of the client's that goes on meanwhile; the list has the sizes of the answers, in the end."""
    answers: list[int] = []
    with (
        made(DIRECTOR, socket.SOCK_STREAM, to, port) as server,
        made("client", socket.SOCK_STREAM, source, 0) as client,
    ):
        server.listen()
        client.connect((to, port))
        connection, _peer = server.accept()
        stop = threading.Event()

        def go_on() -> None:
            while not stop.is_set():
                client.sendall(b"question")
                connection.sendall(connection.recv(100))
                answers.append(len(client.recv(100)))

        with connection:
            thread = threading.Thread(target=go_on)
            thread.start()
            try:
                yield answers
            finally:
                stop.set()
                thread.join()


def four_runs(run_module: ModuleRun, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Check, real, check again, real again."""
    predicted = run_module(name, parameters, check=True)
    done = run_module(name, parameters)
    assert predicted == done
    assert done["changed"] is True
    assert done["operations"]
    assert done["diff"]["before"] != done["diff"]["after"]
    for check in (True, False):
        again = run_module(name, parameters, check=check)
        assert (again["changed"], again["operations"]) == (False, [])
        assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
    return done


def seen_rules(kind: str) -> list[str]:
    """All rules of this host: tables as `nft` prints them, lines as `iptables-save` and `ip6tables-save` do."""
    # What iptables-nft writes is among nft's tables again: these are left out.
    pattern = re.compile(r"^table (?:inet \S+|ip lvs_cluster_firewall) \{.*?^\}", re.MULTILINE | re.DOTALL)
    found = [] if kind == "legacy" else pattern.findall(run_program("nft", "-s", "-t", "list", "ruleset"))
    for program in (f"iptables-{kind}-save", f"ip6tables-{kind}-save"):
        saved = run_program(program).splitlines()
        # That the kernel's own chains are there at all is no change.
        found += [f"{program}: {line.split(' [')[0]}" for line in saved if line[:1] in "-:" and " ACCEPT" not in line]
    return found


def foreign_rules(kind: str) -> list[str]:
    """Rules, tables and chains of others."""
    return [
        each
        for each in seen_rules(kind)
        if "LVS_CLUSTER_" not in each and not each.startswith("table inet lvs_cluster")
    ]


FOREIGN_IPTABLES = """\
*filter
:THEIRS - [0:0]
-A INPUT -j THEIRS
-A FORWARD -s 192.0.2.9/32 -j DROP
-A THEIRS -s 192.0.2.9/32 -p tcp -m tcp --dport 7 -j DROP
COMMIT
*nat
:THEIRS - [0:0]
-A POSTROUTING -j THEIRS
-A THEIRS -s 192.0.2.9/32 -j SNAT --to-source 192.0.2.10
COMMIT
"""


def changes(name: str) -> list[tuple[str, dict[str, Any]]]:
    """What is described one after the other."""
    if name == "nat":
        fewer = {"masquerade": NAT["masquerade"][:1], "mappings": NAT["mappings"][1:]}
        one_more = {**fewer, "helpers": [{"address": VIP, "port": 2121}]}
        return [("create", NAT), ("change", fewer), ("change one table", one_more), ("delete", {"state": "absent"})]
    other = {**FIREWALL, "syn_rate": 50, "services": FIREWALL["services"][:1], "spoofed_sources": [], "log_rate": 0}
    smallest = {"ssh_port": 2222}
    return [("create", FIREWALL), ("change", other), ("the least", smallest), ("delete", {"state": "absent"})]


def every_change(run_module: ModuleRun, tool: Tool, *, name: str, backend: dict[str, str], kind: str) -> None:
    """Every change: check, real, check again, real again; typed by somebody; from the boot file; others untouched."""
    others = foreign_rules(kind)
    assert others
    tool("ip", "netns", "add", "typed")
    for what, described in changes(name):
        done = four_runs(run_module, name, {**backend, **described})
        assert foreign_rules(kind) == others, what
        here = [line for line in seen_rules(kind) if line not in others]

        tool("ip", "netns", "exec", "typed", "sh", "-euc", "\n".join(done["operations"]))
        with inside("typed"):
            again = run_module(name, {**backend, **described}, check=True)
            assert again["changed"] is False, (what, again["operations"], here)
        tool("ip", "netns", "add", "booted")
        with inside("booted"):
            load(tool, done["rules"], kind)
            again = run_module(name, {**backend, **described}, check=True)
            assert again["changed"] is False, (what, again["operations"])
        tool("ip", "netns", "del", "booted")
    assert seen_rules(kind) == others


def load(tool: Tool, rules: dict[str, str], kind: str) -> None:
    """Loads the boot files, with iptables of this kind."""
    if rules["nftables"]:
        tool("nft", "-f", "-", stdin=rules["nftables"])
        tool("nft", "-f", "-", stdin=rules["nftables"])  # at any time
    for family in ("iptables", "ip6tables"):
        if rules[family]:
            tool(f"{family}-{kind}-restore", "--noflush", stdin=rules[family])


def what_conntrack_does_not_know(quiet: float) -> None:
    """VRRP and ICMP, after FIREWALL is there."""
    vrrp = bytes([0x31, 51, 100, 1]) + bytes(16)
    assert raw_heard(112, CLIENT, vrrp)
    assert not raw_heard(112, STRANGER, vrrp, quiet)
    assert raw_heard(socket.IPPROTO_ICMP, CLIENT, icmp(3, 4)), "fragmentation needed"
    assert raw_heard(socket.IPPROTO_ICMP, CLIENT, icmp(8, 0)), "ping"
    assert not raw_heard(socket.IPPROTO_ICMP, CLIENT, icmp(5, 1), quiet), "redirect"


def too_many_connections(run_module: ModuleRun, backend: dict[str, str], quiet: float) -> None:
    """The rate of one source is limited, others are not concerned; and a changed rate is in force at once."""
    limited = {**FIREWALL, **backend, "syn_rate": 1, "syn_burst": 5}
    run_module("firewall", limited)
    assert 5 <= connections_begun(20, CLIENT, quiet) <= 10
    assert connections_begun(4, STRANGER, quiet) == 4
    run_module("firewall", {**limited, "syn_burst": 15})
    assert 15 <= connections_begun(30, CLIENT, quiet) <= 20
    run_module("firewall", {**limited, "syn_rate": 0})
    assert connections_begun(40, CLIENT, quiet) == 40


def both_together(run_module: ModuleRun, backend: dict[str, str], quiet: float) -> None:
    """A mapping leads inside through the firewall, and nothing else does."""
    run_module("nat", {**NAT, **backend})
    run_module("firewall", {**FIREWALL, **backend})
    talks = [talk for talk in NAT_TALKS if talk.where != DIRECTOR]
    assert judged(talks, quiet) == expected(talks)
    straight = Talk("straight to a mapped machine", "client", CLIENT, RS2, 4000, None, "rs2")
    assert seen(straight, quiet) is None


def passive_data(by: str, source: str, vip: str, port: int, quiet: float) -> bool:
    """Whether a client gets to the port for data that an FTP server behind this port of the VIP tells it."""
    stream, number = socket.SOCK_STREAM, 5001
    with (
        made(DIRECTOR, stream, vip, port) as server,
        made(DIRECTOR, stream, vip, number) as data,
        made(by, stream, source, 0) as client,
        made(by, stream, source, 0) as second,
    ):
        server.listen()
        data.listen()
        client.connect((vip, port))
        connection, _peer = server.accept()
        with connection:
            told = f"|||{number}|" if ":" in vip else ",".join([*vip.split("."), str(number >> 8), str(number & 255)])
            code = "229 Entering Extended Passive Mode" if ":" in vip else "227 Entering Passive Mode"
            for line in ("220 Ready", f"{code} ({told})"):
                connection.sendall(f"{line}\r\n".encode())
                assert client.recv(100).decode() == f"{line}\r\n"
            second.settimeout(quiet)
            with contextlib.suppress(TimeoutError):
                second.connect((vip, number))
                return True
    return False


def helped_connections(run_module: ModuleRun, backend: dict[str, str], quiet: float) -> None:
    """Through the firewall gets what FTP's helper sees announced on port 21 of a VIP, and on no other port."""
    services = [{"address": address, "ports": ["21", "22"]} for address in (VIP, VIP6)]
    run_module("firewall", {**FIREWALL, **backend, "services": services})
    asks = [(VIP, CLIENT), (VIP6, CLIENT6)]
    assert [passive_data("client", source, vip, 21, quiet) for vip, source in asks] == [False, False]
    run_module("nat", {**NAT, **backend})
    assert [passive_data("client", source, vip, 21, 10) for vip, source in asks] == [True, True]
    assert [passive_data("client", source, vip, 22, quiet) for vip, source in asks] == [False, False]
