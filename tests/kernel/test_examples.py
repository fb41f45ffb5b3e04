# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows, run on the real kernel: examples, return values, and the tasks in README and docs.

The tasks of one source run in their order in one network namespace, each in check mode, for real and once more. Of
tasks of other collections only the expressions are evaluated, and what they assert has to hold.
"""

from __future__ import annotations

import importlib
import json
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kernel_tools import ModuleRun, Tool

CHECKOUT = Path(__file__).resolve().parents[2]
COLLECTION = "lvs.cluster."
OTHERS = (
    "ansible.builtin.assert",
    "ansible.builtin.command",
    "ansible.builtin.copy",
    "ansible.builtin.debug",
    "ansible.builtin.meta",
    "ansible.builtin.wait_for_connection",
)
MODULES = sorted(path.stem for path in (CHECKOUT / "plugins/modules").glob("*.py"))
PAGES = ("docs/ipvs.md", "README.md")

WEB = ["ipvsadm -A -t 192.0.2.100:80 -s wlc"]
ETH0 = [
    "ip link add eth0 type veth peer name eth1",
    "ip address add 192.0.2.11/24 dev eth0",
    "ip link set eth0 up",
    "ip link set eth1 up",
]
ANSWERING = [
    "ip netns add lb1",
    "ip link add eth0 type veth peer name eth0 netns lb1",
    "ip address add 192.0.2.31/24 dev eth0",
    "ip address add 2001:db8:2::31/64 dev eth0 nodad",
    "ip link set eth0 up",
    "ip -n lb1 address add 192.0.2.100/24 dev eth0",
    "ip -n lb1 address add 2001:db8:2::100/64 dev eth0 nodad",
    "ip -n lb1 link set eth0 up",
]

# What each task presupposes: command lines that are run before it. A task that is not in here fails.
PREPARATIONS: dict[tuple[str, str], list[str]] = {
    ("ipvs_service", "Serve HTTP on a VIP, each client staying with its real server for five minutes"): [],
    ("ipvs_service", "Serve everything that the firewall marks with 1, over IPv6"): [],
    ("ipvs_service", "Remove a service with its destinations"): [
        "ipvsadm -A -t [2001:db8:2::100]:80 -s wlc",
        "ipvsadm -a -t [2001:db8:2::100]:80 -r [2001:db8:2::21]:80 -g",
    ],
    ("ipvs_dest", "Add a real server with three shares"): WEB,
    ("ipvs_dest", "Give it no new connections, and wait until those that it has are over"): [],
    ("ipvs_dest", "Remove it"): [],
    ("ipvs_dest", "Give a real server no new connections"): ["ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.22:80 -g"],
    ("ipvs_dest", "Say how many connections it still has"): [],
    ("ipvs_dest", "Reach an IPv4 real server for an IPv6 service through a tunnel"): [
        "ipvsadm -A -t [2001:db8:2::100]:443 -s wlc"
    ],
    ("ipvs_table", "Have these services, and no others, at the addresses that this cluster owns"): [
        "ipvsadm -A -u 192.0.2.101:53 -s rr",
        "ipvsadm -A -t 203.0.113.9:80 -s rr",
    ],
    ("ipvs_table", "Add a real server to a service, leaving the weights that drains gave the others"): [
        "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 0"
    ],
    ("ipvs_table", "Keep the table for the next boot, for a unit that runs ipvsadm -R"): [],
    ("ipvs_table", "Remove every service at these addresses"): [],
    ("ipvs_info", "Look at the whole table"): [
        *WEB,
        "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.21:80 -g",
        *ETH0,
        "ipvsadm --start-daemon master --mcast-interface eth0 --syncid 51",
    ],
    ("ipvs_info", "Show the weight of each real server"): [],
    ("ipvs_info", "Look at one VIP"): [],
    ("ipvs_timeouts", "Keep idle TCP connections for two hours, and forget clients of UDP services after a minute"): [],
    ("ipvs_sync", "Send this director's connections to the others, and learn theirs"): ETH0,
    ("ipvs_sync", "Send with an IPv6 group of the site over one router"): ["ip address add fe80::11/64 dev eth0 nodad"],
    ("ipvs_sync", "Stop learning"): [],
    ("fwmark", "Mark HTTP and HTTPS of a VIP"): [],
    ("fwmark", "Balance both as one service, so that a client stays with its real server on both"): [],
    ("fwmark", "Mark these packets and no others, in one transaction"): [],
    ("fwmark", "Keep the marks for the next boot, for a unit that runs nft -f"): [],
    ("fwmark", "Take HTTPS out of the mark"): [],
    ("fwmark", "Remove a mark, all its addresses, protocols and ports"): [],
    ("nat", "Let the real servers get out, and give the mail server an address of its own"): [],
    ("nat", "Keep the rules for the next boot, for a unit that runs nft -f"): [],
    ("nat", "Serve clients in the real servers' own network, and FTP through NAT"): [],
    ("nat", "Translate nothing any more"): [],
    ("firewall", "Let in what the cluster needs, and nothing else"): [
        "mkdir -p /run/systemd/system",
        f"ln -s {CHECKOUT}/tests/kernel/systemd_stand_in /run/bin/systemctl",
        f"ln -s {CHECKOUT}/tests/kernel/systemd_stand_in /run/bin/systemd-run",
    ],
    ("firewall", "Take a new connection"): [],
    ("firewall", "See whether the host still lets us in"): [],
    ("firewall", "Keep the change"): [],
    ("firewall", "Filter nothing any more"): ["rm -r /run/systemd /run/bin/systemctl /run/bin/systemd-run"],
    ("arp_hide", "Hold the VIPs of the cluster, also after a reboot"): ETH0,
    ("arp_hide", "Hold exactly these VIPs, on a dummy interface"): [],
    ("arp_hide", "Do it without sysctls, in a container that may not write them"): [],
    ("arp_hide", "Serve web and DNS on a VIP that is not on the host"): [],
    ("arp_hide", "Hold a VIP of another network, which is routed to the directors"): [
        "ip address add 192.0.2.21/24 dev eth0"
    ],
    ("arp_hide", "This host is no real server of the VIP any more"): [],
    ("tunnel", "Receive IPIP for a VIP"): ["ip address add 203.0.113.21/24 dev lo"],
    ("tunnel", "Receive IPIP over both address families, and GUE, on links of 1400 bytes"): [],
    ("tunnel", "This host is no real server by tunnel any more"): [],
    ("default_gateway", "Answer clients through the directors"): ETH0,
    ("default_gateway", "Give the old gateway back"): [],
    ("host_info", "Look at the host"): ETH0,
    ("host_info", "See that the daemon runs"): [],
    ("host_info", "Look for what keeps two directors from hearing each other, or from translating addresses"): [
        "iptables-legacy -A INPUT -p vrrp -j DROP"
    ],
    ("host_info", "Look where a real server sends its answers"): [
        "ip address add 192.0.2.21/24 dev eth0",
        "ip route add default via 192.0.2.10",
        "ip neighbour add 192.0.2.10 lladdr 02:00:00:00:02:11 dev eth0",
        "modprobe ipip",
    ],
    ("host_info", "See that the director is its gateway"): [],
    ("vip_probe", "See who answers for the VIPs, and whether they can be connected to"): [
        *ANSWERING,
        "background ip netns exec lb1 python3 -m http.server --bind 192.0.2.100 80",
    ],
    (
        "vip_probe",
        "Connect ten times a second until this file is removed, or for a minute (with async, beside other tasks)",
    ): [],
    ("vip_probe", "See that one host only answers for the VIP"): [],
    ("README.md", "Own two VIPs and the marks 100 to 199"): [],
    ("docs/ipvs.md", "Own two VIPs and the marks 100 to 199"): [
        "ipvsadm -A -t 192.0.2.101:80 -s wlc",
        "ipvsadm -A -t 198.51.100.7:80 -s wlc",
    ],
    ("docs/ipvs.md", "See what it removed"): [],
    ("docs/ipvs.md", "Write it down for the next boot"): [],
    ("docs/ipvs.md", "Drain it"): [],
    ("docs/ipvs.md", "Take it out"): [],
    ("docs/ipvs.md", "Put it back"): [],
    ("docs/ipvs.md", "Read the table"): ["ipvsadm -D -t 198.51.100.7:80"],
    ("docs/ipvs.md", "See that every service has a real server that gets connections"): [],
}
# There is no systemd in here.
NOT_TRUE_HERE = {("host_info", "See that the daemon runs")}
# Runs beside the examples, for return values that no example gives.
MORE_RUNS: dict[str, list[dict[str, Any]]] = {
    "ipvs_sync": [{"role": "master", "multicast_group": "224.0.0.81", "multicast_ttl": 1, "max_length": 1472}],
    "ipvs_table": [
        {
            "services": [
                {
                    "address": "192.0.2.100",
                    "port": 80,
                    "scheduler": "wrr",
                    "destinations": [
                        {"destination": "192.0.2.21", "weight": 3, "upper_threshold": 100, "lower_threshold": 50}
                    ],
                }
            ]
        }
    ],
}
# Return values whose keys are names that the user gave.
KEYED_BY_USER = ("host.services", "host.sysctls", "host.kernel_modules", "host.files", "neighbours", "cached", "mss")
ANSIBLES_OWN = {"changed", "diff", "invocation", "warnings", "deprecations"}


@pytest.fixture
def prepare(tool: Tool) -> Iterator[Callable[[list[str]], None]]:
    """Runs command lines; one that begins with `background` goes on until the end of the test."""
    running: list[subprocess.Popen[bytes]] = []

    def run(commands: list[str]) -> None:
        for command in commands:
            words = shlex.split(command)
            if words[0] != "background":
                tool(*words)
                continue
            running.append(subprocess.Popen(words[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            await_server("192.0.2.100", 80)

    yield run
    for process in running:
        process.kill()
        process.wait()


def await_server(address: str, port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((address, port), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def evaluated(value: Any, variables: dict[str, Any]) -> Any:
    """The value with its expressions evaluated by Ansible; what is not defined is an error.

    In a process of its own: a process that has seen Ansible's controller shows a module's warnings instead of returning
    them, in every test that follows.
    """
    given = json.dumps([value, variables])
    if "{{" not in json.dumps(value):
        return value
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("evaluate.py")],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{value}: {done.stderr}")
    return json.loads(done.stdout)


class Play:
    """Runs tasks one after the other, as a play would, and keeps what they returned."""

    def __init__(self, run_module: ModuleRun, prepare: Callable[[list[str]], None], source: str) -> None:
        self._run_module = run_module
        self._prepare = prepare
        self._source = source
        self._variables: dict[str, Any] = {}
        self.returned: list[tuple[str, dict[str, Any]]] = []

    def run(self, task: dict[str, Any]) -> None:
        name = task["name"]
        where = (self._source, name)
        assert where in PREPARATIONS, f"say in PREPARATIONS what {where} presupposes"
        self._prepare(PREPARATIONS[where])
        module = next(key for key in task if "." in key)
        assert task.keys() <= {"name", "register", "loop", "when", "changed_when", module}, where
        if "when" in task and not self._templated("{{ " + task["when"] + " }}", None):
            return
        results = []
        for item in task.get("loop", [None]):
            arguments = self._templated(task[module] or {}, item)
            if module.startswith(COLLECTION):
                results.append(self._four_runs(module.removeprefix(COLLECTION), arguments, where))
                continue
            assert module in OTHERS, where
            if module == "ansible.builtin.assert":
                holds = self._templated("{{ " + arguments["that"] + " }}", item)
                assert holds is (where not in NOT_TRUE_HERE), where
        if "register" in task:
            self._variables[task["register"]] = {"results": results} if "loop" in task else results[0]

    def _templated(self, value: Any, item: Any) -> Any:
        """The value with its expressions evaluated; what is not defined is an error."""
        return evaluated(value, {**self._variables, "item": item})

    def _four_runs(self, module: str, arguments: dict[str, Any], where: tuple[str, str]) -> dict[str, Any]:
        predicted = self._run_module(module, arguments, check=True)
        done = self._run_module(module, arguments)
        self.returned.append((module, done))
        if module.endswith(("_info", "_probe")):
            return done
        assert done["changed"] is True, where
        assert predicted["operations"] == done["operations"], where
        for check in (True, False):
            assert self._run_module(module, arguments, check=check)["changed"] is False, where
        return done


def documentation(module: str, what: str) -> Any:
    source = importlib.import_module(f"ansible_collections.lvs.cluster.plugins.modules.{module}")
    return yaml.safe_load(getattr(source, what))


def tasks_of(page: str) -> list[dict[str, Any]]:
    """The tasks in the YAML blocks of a page."""
    blocks = re.findall(
        r"^```yaml\n(.*?)^```$", (CHECKOUT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    documents = [yaml.safe_load(block) for block in blocks]
    return [task for document in documents if isinstance(document, list) for task in document]


def agrees(shown: Any, real: Any, path: str) -> list[str]:
    """Where a sample and a real value differ in keys or types; null stands for any value."""
    if shown is None or real is None:
        return []
    if type(shown) is not type(real):
        return [f"{path}: {type(shown).__name__} is shown, {type(real).__name__} is real"]
    if isinstance(shown, list):
        if not shown or not real:
            return []
        found = [[agrees(each, one, f"{path}[]") for each in shown] for one in real]
        return next((min(differences, key=len) for differences in found if all(differences)), [])
    if not isinstance(shown, dict):
        return []
    if path in KEYED_BY_USER:
        return agrees(list(shown.values()), list(real.values()), path)
    differences = [f"{path}.{key}: shown, but not real" for key in shown.keys() - real.keys()]
    differences += [f"{path}.{key}: real, but not shown" for key in real.keys() - shown.keys()]
    for key in shown.keys() & real.keys():
        differences += agrees(shown[key], real[key], f"{path}.{key}")
    return differences


def undocumented(documented: dict[str, Any], real: Any, path: str) -> list[str]:
    """Where what is documented about a return value differs from a real one."""
    if real is None:
        return []
    differences = agrees(documented["sample"], real, path) if "sample" in documented else []
    if documented["type"] not in (type(real).__name__, "float" if isinstance(real, float) else "any"):
        differences.append(f"{path}: {documented['type']} is documented, {type(real).__name__} is real")
    contains = documented.get("contains", {})
    for one in (real if isinstance(real, list) else [real]) if contains else []:
        if "sample" not in documented and contains.keys() != one.keys():
            differences.append(f"{path}: keys {sorted(contains)} are documented, {sorted(one)} are real")
        for key in contains.keys() & one.keys():
            differences += undocumented(contains[key], one[key], f"{path}.{key}")
        differences += [f"{path}.{key}: documented, but not real" for key in contains.keys() - one.keys()]
    return differences


@pytest.fixture
def ip_vs(own_network: None, tool: Tool) -> None:
    tool("modprobe", "ip_vs")
    tool("modprobe", "ipv6")


@pytest.mark.parametrize("module", MODULES)
def test_examples_run_and_return_what_is_documented(
    run_module: ModuleRun, prepare: Callable[[list[str]], None], ip_vs: None, boot_files: None, module: str
) -> None:
    play = Play(run_module, prepare, module)
    for task in documentation(module, "EXAMPLES"):
        play.run(task)
    results = [result for name, result in play.returned if name == module]
    results += [run_module(module, parameters) for parameters in MORE_RUNS.get(module, [])]
    documented = documentation(module, "RETURN")
    for result in results:
        assert result.keys() - ANSIBLES_OWN == documented.keys()
        for key, about in documented.items():
            assert undocumented(about, result[key], key) == []
    for key, about in documented.items():
        # The timer of the dead man's switch needs systemd.
        assert key == "undo" or any(result[key] is not None for result in results), f"{key}: no example returns one"
        if module.startswith("ipvs_") and (module, key) != ("ipvs_info", "services"):
            # Nothing in it counts or depends on the host, so the sample can be exactly what was returned.
            assert about["sample"] in [result[key] for result in results], key


@pytest.mark.parametrize("page", PAGES)
def test_tasks_of_a_page_run(
    run_module: ModuleRun, prepare: Callable[[list[str]], None], ip_vs: None, page: str
) -> None:
    play = Play(run_module, prepare, page)
    tasks = tasks_of(page)
    assert tasks
    for task in tasks:
        play.run(task)


def test_no_preparation_is_left_over() -> None:
    shown = {(module, task["name"]) for module in MODULES for task in documentation(module, "EXAMPLES")}
    shown |= {(page, task["name"]) for page in PAGES for task in tasks_of(page)}
    assert PREPARATIONS.keys() == shown
