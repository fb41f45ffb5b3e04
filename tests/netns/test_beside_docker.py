# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""arp_hide on a host with Docker: a real dockerd with its own rules in this namespace. Judges: ping, arping, curl, nft.

The namespace is the real server, `client` is on its network. A container has a published port, and NAT.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from arp_cases import CLIENT, MAC, RIP, VIP, VIP6, answers_arp, serves
from kernel_tools import ModuleRun, Tool

ROOM = Path("/run/lvs-docker")
DOCKER = ("docker", "--host", f"unix://{ROOM}/docker.sock")
PUBLISHED = 8080


def image() -> bytes:
    """A root folder with busybox in it."""
    program = shutil.which("busybox")
    assert program
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(program, "bin/busybox")
        page = tarfile.TarInfo("www/index.html")
        page.size = 9
        archive.addfile(page, io.BytesIO(b"container"))
    return packed.getvalue()


@pytest.fixture(autouse=True)
def docker(unpacked: None, own_network: None, tool: Tool) -> Iterator[None]:
    """eth0 towards the client, and a daemon with one container."""
    tool("ip", "netns", "add", "client")
    tool("ip", "link", "add", "eth0", "address", MAC, "type", "veth", "peer", "name", "eth0", "netns", "client")
    for where, address in (([], RIP), (["-n", "client"], CLIENT)):
        tool("ip", *where, "link", "set", "lo", "up")
        tool("ip", *where, "link", "set", "eth0", "up")
        tool("ip", *where, "address", "add", f"{address}/24", "dev", "eth0")
    with ExitStack() as stack:
        ROOM.mkdir(exist_ok=True)
        # Where it never ran it makes itself a key.
        for folder in (str(ROOM), "/etc/docker"):
            subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
            stack.callback(subprocess.run, ["umount", "--lazy", folder], check=True)
        folders = ("--data-root", f"{ROOM}/data", "--exec-root", f"{ROOM}/exec", "--pidfile", f"{ROOM}/pid")
        log = stack.enter_context((ROOM / "log").open("w"))
        daemon = subprocess.Popen(
            # In a namespace for processes of its own: with its first process every container is gone.
            [
                *("unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"),
                *("dockerd", "--host", DOCKER[2], *folders, "--storage-driver", "vfs"),
                *("--exec-opt", "native.cgroupdriver=cgroupfs"),
            ],
            stdout=log,
            stderr=log,
        )
        stack.callback(daemon.wait)
        stack.callback(daemon.kill)
        deadline = time.monotonic() + 120
        while subprocess.run([*DOCKER, "version"], capture_output=True, check=False).returncode:
            assert daemon.poll() is None, (ROOM / "log").read_text()
            assert time.monotonic() < deadline, (ROOM / "log").read_text()
        subprocess.run([*DOCKER, "import", "-", "box"], input=image(), check=True, capture_output=True)
        served = ("--publish", f"{PUBLISHED}:80", "box", "/bin/busybox", "httpd", "-f", "-h", "/www")
        tool(*DOCKER, "run", "--detach", "--name", "web", *served)
        yield
        tool(*DOCKER, "rm", "--force", "web")


def rules(tool: Tool) -> list[str]:
    """Everybody's rules but ours, without counters. arptables has its chains in a table that is nobody's."""
    tables = ("\n" + tool("nft", "-s", "list", "ruleset")).split("\ntable ")
    return [table.strip() for table in tables if "lvs_cluster" not in table and not table.startswith("arp filter")]


def of_docker(tool: Tool) -> tuple[str, ...]:
    names = [f"net.ipv4.conf.{where}.arp_{what}" for where in ("all", "docker0") for what in ("ignore", "announce")]
    return (tool("ip", "-4", "-o", "address", "show", "dev", "docker0"), tool("sysctl", "net.ipv4.ip_forward", *names))


def containers_work(tool: Tool) -> None:
    """Out to the client, between container and host, and in by the published port."""
    tool(*DOCKER, "exec", "web", "/bin/busybox", "ping", "-c", "1", "-W", "2", CLIENT)
    tool(*DOCKER, "exec", "web", "/bin/busybox", "ping", "-c", "1", "-W", "2", RIP)
    tool("ip", "-n", "client", "neighbour", "flush", "all")
    assert tool("ip", "netns", "exec", "client", "curl", "-s", "-m", "5", f"http://{RIP}:{PUBLISHED}/") == "container"


@pytest.mark.proves(system="Linux", method=["arp_ignore", "nftables", "arptables", "redirect"], how="packets")
def test_docker_and_every_method_work_beside_each_other_and_docker_keeps_its_rules(
    run_module: ModuleRun, tool: Tool
) -> None:
    containers_work(tool)
    before = (rules(tool), of_docker(tool))
    for method in ("arp_ignore", "nftables", "arptables", "redirect", "auto"):
        run_module("arp_hide", {"addresses": [VIP, VIP6], "method": method})
        assert not answers_arp(VIP), method
        assert serves(tool, VIP), method
        containers_work(tool)
        assert of_docker(tool) == before[1], method
        assert rules(tool) == before[0], method
    run_module("arp_hide", {"addresses": [VIP, VIP6], "state": "absent"})
    assert (rules(tool), of_docker(tool)) == before
    containers_work(tool)


def test_a_docker_that_starts_anew_leaves_the_hiding_alone(run_module: ModuleRun, tool: Tool) -> None:
    for method in ("nftables", "redirect"):
        parameters = {"addresses": [VIP], "method": method}
        run_module("arp_hide", parameters)
        tool(*DOCKER, "network", "create", "other")
        tool(*DOCKER, "restart", "--time", "0", "web")
        tool(*DOCKER, "network", "rm", "other")
        assert not run_module("arp_hide", parameters)["changed"], method
        assert not answers_arp(VIP), method
        assert serves(tool, VIP), method
