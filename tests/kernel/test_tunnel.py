# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""tunnel on a real kernel: this namespace is the real server, behind a router that knows 1500 bytes; IPVS sends.

client and director are on one network, the router leads to the real server's. No machine hands packets to the hardware
that are greater than the link, and the router tells nobody about packets that do not fit: what passes here, passes
where ICMP is filtered.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel_tools import ModuleRun, Tool

VIP, VIP6 = "192.0.2.100", "2001:db8:2::100"
RIP, RIP6 = "203.0.113.21", "2001:db8:3::21"
UNIT = Path("/etc/systemd/system/lvs-cluster-tunnel.service")
ENABLED = Path("/etc/systemd/system/multi-user.target.wants/lvs-cluster-tunnel.service")
MEGABYTE = 1_000_000
WEB = """
import http.server, socket
class Web(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(b"x" * 1000000)
    def do_POST(self):
        self.answer(b"%d" % len(self.rfile.read(int(self.headers["Content-Length"]))))
    def log_message(self, *words):
        pass
Web(("::", 80), Answer).serve_forever()
"""


def namespace(tool: Tool, name: str, interface: str, *addresses: str) -> None:
    """A machine on the network of client and director, with its own end of a cable into the bridge."""
    tool("ip", "netns", "add", name)
    tool("ip", "-n", name, "link", "set", "lo", "up")
    tool("ip", "-n", "lan", "link", "add", f"to-{name}", "type", "veth", "peer", "name", interface, "netns", name)
    tool("ip", "-n", "lan", "link", "set", "dev", f"to-{name}", "master", "bridge0", "up")
    rise(tool, name, interface, *addresses)


def rise(tool: Tool, name: str, interface: str, *addresses: str) -> None:
    for address in addresses:
        nodad = ["nodad"] if ":" in address else []
        tool("ip", "-n", name, "address", "add", address, "dev", interface, *nodad)
    tool("ip", "-n", name, "link", "set", "dev", interface, "gso_max_segs", "1", "up")


@pytest.fixture(autouse=True)
def networks(own_network: None, boot_files: None, tool: Tool) -> Iterator[None]:
    for module in ("ip_vs", "ip_vs_rr", "ipv6"):
        tool("modprobe", module)
    tool("ip", "netns", "add", "lan")
    tool("ip", "-n", "lan", "link", "add", "name", "bridge0", "type", "bridge")
    tool("ip", "-n", "lan", "link", "set", "dev", "bridge0", "up")
    namespace(tool, "client", "eth0", "192.0.2.31/24", "2001:db8:2::31/64")
    namespace(tool, "director", "eth0", "192.0.2.11/24", "2001:db8:2::11/64", f"{VIP}/32")
    tool("ip", "-n", "director", "address", "add", f"{VIP6}/128", "dev", "eth0", "nodad", "preferred_lft", "0")
    namespace(tool, "router", "eth0", "192.0.2.1/24", "2001:db8:2::1/64")
    tool("ip", "-n", "router", "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", str(os.getpid()))
    rise(tool, "router", "eth1", "203.0.113.1/24", "2001:db8:3::1/64")
    tool("ip", "address", "add", f"{RIP}/24", "dev", "eth0")
    tool("ip", "address", "add", f"{RIP6}/64", "dev", "eth0", "nodad")
    tool("ip", "link", "set", "dev", "eth0", "gso_max_segs", "1", "up")
    for name in ("client", "director"):
        tool("ip", "-n", name, "route", "add", "default", "via", "192.0.2.1")
        tool("ip", "-n", name, "route", "add", "default", "via", "2001:db8:2::1")
    tool("ip", "route", "add", "default", "via", "203.0.113.1")
    tool("ip", "route", "add", "default", "via", "2001:db8:3::1")
    for setting in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        tool("ip", "netns", "exec", "router", "sysctl", "-q", "-w", f"{setting}=1")
    tool("ip", "address", "add", f"{VIP}/32", "dev", "lo")
    tool("ip", "address", "add", f"{VIP6}/128", "dev", "lo", "nodad")
    web = subprocess.Popen([sys.executable, "-c", WEB])
    yield
    web.kill()
    web.wait()
    if ENABLED.is_symlink() or UNIT.exists():
        tool("rm", "-f", str(UNIT), str(ENABLED))


def filtered_icmp(tool: Tool) -> None:
    """From here on nobody tells the client that a packet did not fit."""
    for program, protocol in (("iptables-legacy", "icmp"), ("ip6tables-legacy", "ipv6-icmp")):
        what = ["--icmp-type", "fragmentation-needed"] if protocol == "icmp" else ["--icmpv6-type", "packet-too-big"]
        tool("ip", "netns", "exec", "client", program, "-A", "INPUT", "-p", protocol, *what, "-j", "DROP")


def curl(*words: str, vip: str, seconds: int = 10) -> str:
    address = f"[{vip}]" if ":" in vip else vip
    command = ["ip", "netns", "exec", "client", "curl", "-s", "-S", "-m", str(seconds), *words, f"http://{address}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def awaited_answer(vip: str) -> int:
    """Bytes of the answer to a GET; the web server may be about to start."""
    end = time.monotonic() + 20
    while True:
        said = curl("-o", "/dev/null", "-w", "%{size_download}", vip=vip, seconds=3)
        if said == str(MEGABYTE) or time.monotonic() > end:
            return int(re.findall(r"^\d+", said)[0])
        time.sleep(0.2)


def sent_by_ipvs(tool: Tool, vip: str, rip: str, *tunnel: str) -> None:
    """The director sends for the VIP to the real server by this tunnel."""
    service, destination = (f"[{each}]" if ":" in each else each for each in (vip, rip))
    tool("ip", "netns", "exec", "director", "ipvsadm", "-C")
    tool("ip", "netns", "exec", "director", "ipvsadm", "-A", "-t", f"{service}:80", "-s", "rr")
    words = ["-a", "-t", f"{service}:80", "-r", f"{destination}:80", "-i", *tunnel]
    tool("ip", "netns", "exec", "director", "ipvsadm", *words)


def body(directory: Path) -> str:
    path = directory / "body"
    path.write_bytes(b"x" * MEGABYTE)
    return f"@{path}"


KINDS = [
    pytest.param({"type": "ipip"}, [], id="ipip"),
    pytest.param({"type": "gue", "port": 6080}, ["gue", "6080", "nocsum"], id="gue"),
    pytest.param({"type": "gue", "port": 6080, "checksum": "standard"}, ["gue", "6080", "csum"], id="gue-checksum"),
    pytest.param({"type": "gue", "port": 6080, "checksum": "remote"}, ["gue", "6080", "remcsum"], id="gue-remote"),
    pytest.param({"type": "gre"}, ["gre", "", "nocsum"], id="gre"),
    pytest.param({"type": "gre", "checksum": "standard"}, ["gre", "", "csum"], id="gre-checksum"),
]


def ipvs_words(kind: list[str]) -> list[str]:
    if not kind:
        return ["--tun-type", "ipip"]
    name, port, checksum = kind
    return ["--tun-type", name, *(["--tun-port", port] if port else []), f"--tun-{checksum}"]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize(("tunnel", "kind"), KINDS)
def test_what_ipvs_sends_is_received_and_large_requests_and_answers_pass_links_of_1500_bytes(
    run_module: ModuleRun, tool: Tool, tmp_path: Path, tunnel: dict[str, Any], kind: list[str], family: str
) -> None:
    filtered_icmp(tool)
    result = run_module("tunnel", {"tunnels": [{**tunnel, "family": family}], "vips": [VIP, VIP6]})
    rip = RIP if family == "ipv4" else RIP6
    for vip in (VIP, VIP6):
        sent_by_ipvs(tool, vip, rip, *ipvs_words(kind))
        assert awaited_answer(vip) == MEGABYTE, (vip, result["operations"])
        assert curl("--data-binary", body(tmp_path), vip=vip) == str(MEGABYTE), vip
    assert not run_module("tunnel", {"tunnels": [{**tunnel, "family": family}], "vips": [VIP, VIP6]})["changed"]


def test_without_a_limit_of_segments_a_large_request_gets_lost_where_icmp_is_filtered(
    run_module: ModuleRun, tool: Tool, tmp_path: Path
) -> None:
    filtered_icmp(tool)
    run_module("tunnel", {"tunnels": [{"type": "ipip"}], "vips": [VIP], "mss": "0"})
    sent_by_ipvs(tool, VIP, RIP)
    assert awaited_answer(VIP) == MEGABYTE
    assert "timed out" in curl("--data-binary", body(tmp_path), vip=VIP, seconds=3)
    run_module("tunnel", {"tunnels": [{"type": "ipip"}], "vips": [VIP]})
    assert curl("--data-binary", body(tmp_path), vip=VIP) == str(MEGABYTE)


@pytest.mark.parametrize("all_", [0, 1, 2])
def test_packets_come_in_whatever_the_reverse_path_filter_of_all_is(
    run_module: ModuleRun, tool: Tool, all_: int
) -> None:
    tool("sysctl", "-w", f"net.ipv4.conf.all.rp_filter={all_}")
    run_module("tunnel", {"tunnels": [{"type": "ipip"}], "vips": [VIP]})
    sent_by_ipvs(tool, VIP, RIP)
    assert awaited_answer(VIP) == MEGABYTE
    assert tool("sysctl", "-n", "net.ipv4.conf.all.rp_filter").strip() == str(all_)
    assert tool("sysctl", "-n", "net.ipv4.conf.lvs-ipip0.rp_filter").strip() == "2"


def state(tool: Tool) -> dict[str, Any]:
    """Everything that the module may or must not change, as other programs see it."""
    links = json.loads(tool("ip", "-json", "-details", "address", "show"))
    for link in links:
        for key in ("ifindex", "address", "permaddr", "link_index", "qdisc"):
            link.pop(key, None)
        # Link-local addresses come by themselves, and a while after their interface.
        link["addr_info"] = [one["local"] for one in link["addr_info"] if not one["local"].startswith("fe80")]
    ports = subprocess.run(["ip", "fou", "show"], capture_output=True, text=True, check=False).stdout
    return {
        "links": links,
        "ports": ports,
        "rules": [
            re.sub(r"^#.*\n|\[[0-9:]+\]", "", tool(f"{name}-legacy-save"), flags=re.MULTILINE)
            for name in ("iptables", "ip6tables")
        ],
        "unit": UNIT.read_text() if UNIT.exists() else None,
        "beside": {
            str(folder): {file.name: file.read_text() for file in folder.iterdir()}
            for folder in UNIT.parent.glob("*.service.d")
        },
        "enabled": os.path.lexists(ENABLED),
        "all": tool("sysctl", "-n", "net.ipv4.conf.all.rp_filter"),
    }


def test_create_change_and_delete_each_twice_in_check_and_in_real_mode(run_module: ModuleRun, tool: Tool) -> None:
    # The kernel makes its own devices when a module is loaded, and iptables its tables when it is asked first.
    for module in ("ipip", "sit", "fou", "ip6_tunnel"):
        tool("modprobe", module)
    for program in ("iptables-legacy", "ip6tables-legacy"):
        tool(program, "-t", "mangle", "-A", "OUTPUT", "-p", "tcp", "-j", "ACCEPT")
    pristine = state(tool)
    gue: dict[str, Any] = {"type": "gue", "port": 6080}
    parameters: dict[str, Any]
    for parameters in (
        {"tunnels": [{"type": "ipip"}], "vips": [VIP]},
        {"tunnels": [{"type": "ipip"}, {**gue, "family": "ipv6"}, gue], "vips": [VIP, VIP6], "mss": "1300"},
        {"tunnels": [{"type": "ipip"}], "vips": [VIP6]},
        {"tunnels": []},
    ):
        before = state(tool)
        checked = run_module("tunnel", parameters, check=True)
        assert checked["changed"]
        assert state(tool) == before
        real = run_module("tunnel", parameters)
        assert real["operations"] == checked["operations"]
        assert real["diff"] == checked["diff"]
        after = state(tool)
        assert after != before
        for check in (True, False):
            again = run_module("tunnel", parameters, check=check)
            assert again["operations"] == []
            assert not again["changed"]
            assert again["diff"]["before"] == again["diff"]["after"]
            assert state(tool) == after
    assert state(tool) == pristine


def test_what_is_not_exclusive_adds_and_keeps(run_module: ModuleRun, tool: Tool) -> None:
    run_module("tunnel", {"tunnels": [{"type": "ipip"}], "vips": [VIP]})
    result = run_module("tunnel", {"tunnels": [{"type": "gre"}], "vips": [VIP6], "exclusive": False})
    assert result["devices"] == ["lvs-gre0", "lvs-ipip0", "sit0"]
    assert result["mss"].keys() == {VIP, VIP6}
    assert run_module("tunnel", {"tunnels": [{"type": "gre"}], "vips": [VIP6]})["devices"] == ["lvs-gre0"]
    assert run_module("tunnel", {"state": "absent"})["devices"] == []
    assert "lvs-" not in tool("ip", "link", "show")


def test_the_unit_makes_at_boot_what_the_module_made(run_module: ModuleRun, tool: Tool) -> None:
    tunnels = [
        {"type": "gue", "port": 6080},
        {"type": "ipip", "family": "ipv6"},
        {"type": "gre", "checksum": "standard"},
    ]
    parameters = {"tunnels": tunnels, "vips": [VIP, VIP6]}
    run_module("tunnel", parameters)
    assert ENABLED.is_symlink()
    assert (UNIT.parent / "netfilter-persistent.service.d/lvs-cluster-tunnel.conf").exists()
    assert UNIT.stat().st_mode & 0o7777 == 0o644
    built = state(tool)

    # What a reboot takes away.
    for device in ("lvs-ipip0", "lvs-ip6tnl0", "lvs-gresum0"):
        tool("ip", "link", "delete", "dev", device)
    tool("ip", "link", "set", "dev", "sit0", "down")
    tool("ip", "fou", "del", "port", "6080")
    for program in ("iptables-legacy", "ip6tables-legacy"):
        tool(program, "-t", "mangle", "-F", "OUTPUT")

    for turn in range(2):  # a restart does no harm
        for optional, command in re.findall(r"^ExecStart=(-?)(.*)$", UNIT.read_text(), re.MULTILINE):
            words = shlex.split(command)
            if words[0].endswith("modprobe"):
                continue  # the one of the machine knows nothing of this kernel
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            assert optional or not done.returncode, (turn, done)
    # What a reload of somebody else's rules takes away.
    for program in ("iptables-legacy", "ip6tables-legacy"):
        tool(program, "-t", "mangle", "-F", "OUTPUT")
    for command in re.findall(r"^ExecReload=(.*)$", UNIT.read_text(), re.MULTILINE):
        tool(*shlex.split(command))
    assert not run_module("tunnel", parameters)["changed"]
    rebuilt = state(tool)
    by_name = [sorted(each.pop("links"), key=lambda link: str(link["ifname"])) for each in (built, rebuilt)]
    assert by_name[0] == by_name[1]
    assert built == rebuilt


def test_devices_and_ports_of_others_are_left_alone(run_module: ModuleRun, tool: Tool) -> None:
    tool("modprobe", "fou")
    tool("modprobe", "sit")
    tool("ip", "fou", "add", "port", "6080", "gue")
    tool("ip", "link", "set", "dev", "sit0", "up")
    tool("ip", "link", "add", "name", "lvs-ipip0", "type", "ipip", "local", RIP, "remote", "192.0.2.77")
    sentence = "The device lvs-ipip0 is there and was not made by this module."
    for check in (True, False):
        parameters = {"tunnels": [{"type": "ipip"}], "vips": [VIP]}
        assert sentence in run_module("tunnel", parameters, check=check, fails=True)["msg"]
    tool("ip", "link", "delete", "dev", "lvs-ipip0")
    run_module("tunnel", {"tunnels": [{"type": "gue", "port": 6080}], "vips": [VIP6]})
    run_module("tunnel", {"state": "absent"})
    assert "port 6080 gue" in tool("ip", "fou", "show")
    assert "UP" in tool("ip", "link", "show", "dev", "sit0")
