# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real server in this namespace, its neighbours, and what other programs see of it: for the methods of arp_hide."""

from __future__ import annotations

import re
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fwmark_cases import inside
from kernel_tools import Tool

VIP, OTHER, VIP6 = "192.0.2.100", "192.0.2.101", "2001:db8:2::100"
RIP, RIP6 = "192.0.2.21", "2001:db8:2::21"
CLIENT, CLIENT6 = "192.0.2.31", "2001:db8:2::31"
MAC = "02:00:00:00:02:21"
FOREIGN = """\
table arp theirs {
    chain input { type filter hook input priority filter; policy accept; arp daddr ip 192.0.2.9 drop; }
}
table ip theirs {
    chain prerouting { type nat hook prerouting priority dstnat; policy accept; ip daddr 192.0.2.9 redirect; }
}
"""


def make_lan(tool: Tool) -> None:
    """eth0 towards the client, a bridge with a container, and rules of somebody else."""
    tool("ip", "netns", "add", "client")
    for where in ([], ["ip", "netns", "exec", "client"]):
        # Addresses are there at once, without a second in which somebody else could claim them.
        tool(*where, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
    tool("ip", "link", "add", "eth0", "address", MAC, "type", "veth", "peer", "name", "eth0", "netns", "client")
    tool("ip", "-n", "client", "link", "set", "eth0", "up")
    tool("ip", "-n", "client", "link", "set", "lo", "up")
    tool("ip", "link", "set", "eth0", "up")
    for where, addresses in ((["-n", "client"], (CLIENT, CLIENT6)), ([], (RIP, RIP6))):
        tool("ip", *where, "address", "add", f"{addresses[0]}/24", "dev", "eth0")
        tool("ip", *where, "address", "add", f"{addresses[1]}/64", "dev", "eth0", "nodad")
    tool("ip", "netns", "add", "container")
    tool("ip", "link", "add", "docker0", "type", "bridge")
    tool("ip", "address", "add", "172.17.0.1/16", "dev", "docker0")
    tool("ip", "link", "set", "docker0", "up")
    words = "ip link add port0 master docker0 up type veth peer name eth0 netns container"
    tool(*words.split())
    tool("ip", "-n", "container", "address", "add", "172.17.0.2/16", "dev", "eth0")
    tool("ip", "-n", "container", "link", "set", "eth0", "up")
    tool("ip", "-n", "container", "route", "add", "192.0.2.0/24", "dev", "eth0")
    tool("nft", "-f", "-", stdin=FOREIGN)
    tool("arptables", "-A", "INPUT", "-s", "192.0.2.9", "-j", "DROP")
    tool("iptables", "-t", "nat", "-A", "PREROUTING", "-d", "192.0.2.9/32", "-j", "REDIRECT")


def state(tool: Tool) -> dict[str, Any]:
    """Everything that arp_hide may or must not change, as other programs see it."""
    addresses = [line for line in tool("ip", "-o", "address", "show").splitlines() if "inet6 fe80:" not in line]
    names = [
        f"net.ipv4.conf.{interface}.{name}"
        for interface in ("all", "default", "lo", "eth0", "docker0", "eth9")
        if Path(f"/proc/sys/net/ipv4/conf/{interface}").exists()
        for name in ("arp_ignore", "arp_announce")
    ]
    return {
        "addresses": sorted(re.findall(r"^\d+: (\S+) +inet6? (\S+)", "\n".join(addresses), re.MULTILINE)),
        "links": re.findall(r"^\d+: ([^:@]+)", tool("ip", "-o", "link", "show"), re.MULTILINE),
        "sysctls": tool("sysctl", *names),
        "nftables": re.findall(
            r"^table (?:arp lvs\S+|ip6? lvs\S+|arp theirs|ip theirs) \{.*?^\}",
            tool("nft", "-s", "list", "ruleset"),
            re.MULTILINE | re.DOTALL,
        ),
        "arptables": tool("arptables", "-S").splitlines(),
        "iptables": [
            line
            for program in ("iptables", "ip6tables")
            for line in tool(program, "-t", "nat", "-S").splitlines()
            if " ACCEPT" not in line
        ],
        "files": {
            str(path): path.read_text() if path.is_file() else "" for path in Path("/etc/systemd/system").rglob("*")
        },
    }


def answers_arp(address: str, by: str = "client") -> bool:
    done = subprocess.run(
        ["ip", "netns", "exec", by, "arping", "-c", "1", "-w", "1", "-I", "eth0", address],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Sent" in done.stdout, done
    return "Unicast reply from" in done.stdout


def serves(tool: Tool, vip: str, port: int = 80, kind: int = socket.SOCK_STREAM) -> bool:
    """Whether a client whose packets to the VIP the director sends here is answered by what listens everywhere."""
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    tool("ip", "-n", "client", "neighbour", "replace", vip, "lladdr", MAC, "dev", "eth0")
    with socket.socket(family, kind) as server, ExitStack() as stack:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("::" if ":" in vip else "0.0.0.0", port))
        with inside("client"):
            client = stack.enter_context(socket.socket(family, kind))
        client.settimeout(1)
        server.settimeout(1)
        try:
            if kind == socket.SOCK_STREAM:
                server.listen()
                client.connect((vip, port))
                return True
            client.connect((vip, port))
            client.send(b"?")
            _data, peer = server.recvfrom(10)
            if vip_is_held(
                tool, vip
            ):  # a UDP server has to answer from the VIP itself; with redirect conntrack does it
                return True
            server.sendto(b"!", peer)
            return client.recv(10) == b"!"
        except OSError:
            return False


def vip_is_held(tool: Tool, vip: str) -> bool:
    return f" {vip}/" in tool("ip", "-o", "address", "show")
