# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real server becomes a director and back, a standby a real server, each in one run of site. Judges: curl, ip,
ipvsadm, tcpdump.

Meanwhile a client asks for both VIPs, and for who has them. No request may fail, and nobody but the active director,
which stays the same one, may answer for the VIPs.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from answers import Answers, mac
from drive import DIRECTORS, EXAMPLE, VIP, VIP6, Curl, Run, Traffic, await_that, playbook, ssh
from events import await_whole, weights
from test_leaving import look

DESCRIBED = yaml.safe_load((EXAMPLE.parent / "group_vars/all.yml").read_text(encoding="utf-8"))["lvs_cluster"]
INVENTORY = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["all"]
MACHINES = {"lb1": "11", "lb2": "12", "rs1": "21", "rs2": "22"}
#: In the service web; 1 elsewhere, and for who has none here.
WEIGHTS = {"rs2": 2}
#: What a loaded ip_vs brings, and it stays loaded.
OF_THE_MODULE = ".vs."


def written(folder: Path, directors: Sequence[str], real_servers: Sequence[str]) -> Path:
    """The example with these machines in its groups, and all real servers in its services; its inventory."""
    changed = copy.deepcopy(INVENTORY)
    addresses = {name: (f"192.0.2.{last}", f"2001:db8:2::{last}") for name, last in MACHINES.items()}
    changed["children"]["directors"] = {"hosts": {name: {"ansible_host": addresses[name][0]} for name in directors}}
    changed["children"]["real_servers"] = {
        "hosts": {
            name: {"ansible_host": addresses[name][0], "lvs_address": list(addresses[name])} for name in real_servers
        }
    }
    described = copy.deepcopy(DESCRIBED)
    for service in described["services"]:
        heavy = WEIGHTS if service["name"] == "web" else {}
        service["real_servers"] = [{"host": name, "weight": heavy.get(name, 1)} for name in real_servers]
    (folder / "group_vars").mkdir(parents=True)
    (folder / "group_vars/all.yml").write_text(json.dumps({"lvs_cluster": described}), encoding="utf-8")
    inventory = folder / "inventory.yml"
    inventory.write_text(json.dumps({"all": changed}), encoding="utf-8")
    return inventory


def text(run: Run) -> str:
    return " ".join(run.output.split())


def on(machine: str, interface: str) -> list[str]:
    """Which of the VIPs stand on this interface."""
    words = ssh(machine, f"ip -brief address show dev {interface}").split()
    return [vip for vip in (VIP, VIP6) if any(word.startswith(f"{vip}/") for word in words)]


def answering(number: int = 12) -> set[str]:
    script = f"for i in $(seq {number}); do curl -s -m 5 http://{VIP}/; curl -s -m 5 http://[{VIP6}]/; done"
    return set(ssh("client", script).split())


def site(inventory: Path, active: str, what: str) -> Run:
    """One run of site under requests, and proof that nobody noticed."""
    with Answers() as seen, Traffic(VIP6, interval=0.2, maximum=1200) as six, Curl(rate=50, timeout=5) as curl:
        run = playbook("site.yml", inventory=inventory)
    print(f"{what}: {run.seconds:.0f} s; {curl}; IPv6: {six.result.failed} of {six.result.requests} failed")
    assert run.code == 0, run.output
    assert curl.failed == 0, curl.errors
    assert six.result.failed == 0, six.result
    assert curl.requests >= 2000
    assert on(active, "eth0") == [VIP, VIP6]
    assert seen.asked() >= 3, seen.lines[-20:]
    assert set(seen.claims) == {mac(active)}, seen.claims
    return run


def changes_nothing(inventory: Path) -> None:
    run = playbook("site.yml", inventory=inventory)
    assert run.code == 0, run.output
    assert run.changed == 0, run.output
    assert "was a real server and" not in run.output
    assert "was a director and" not in run.output


def verify(inventory: Path) -> None:
    run = playbook("lvs.cluster.verify", inventory=inventory)
    assert run.code == 0, run.output


def is_director(machine: str) -> None:
    """It has all of a standby and nothing of a real server."""
    assert on(machine, "lo") == on(machine, "eth0") == []
    assert ssh(machine, "systemctl is-active keepalived; systemctl is-enabled keepalived").split() == [
        "active",
        "enabled",
    ]
    assert ssh(machine, "cd /proc/sys/net/ipv4/conf/eth0; cat arp_ignore arp_announce").split() == ["0", "0"]
    assert ssh(machine, "find /etc -name '*lvs-cluster-arp*'") == ""


def is_real_server(machine: str) -> None:
    """It has all of a real server and nothing of a director."""
    assert on(machine, "lo") == [VIP, VIP6]
    assert on(machine, "eth0") == []
    state = ssh(machine, "systemctl is-active keepalived; systemctl is-enabled keepalived; true", check=False)
    assert not {"active", "enabled"}.intersection(state.split()), state
    assert ssh(machine, "cd /proc/sys/net/ipv4/conf/eth0; cat arp_ignore arp_announce").split() == ["1", "2"]
    assert ssh(machine, "ipvsadm -Sn; ipvsadm -L --daemon", check=False).strip() == ""
    assert ssh(machine, "ls -d /etc/lvs-cluster /etc/keepalived/keepalived.conf 2>/dev/null", check=False) == ""


def tables(directors: Sequence[str], expected: dict[str, str]) -> None:
    for name in directors:
        await_that(lambda name=name: weights(name) == expected, f"the table of {name} has {expected}")


@pytest.fixture(scope="module")
def as_real_server() -> dict[str, list[str]]:
    """How rs1 is before all this."""
    return without_module(look("rs1"))


def without_module(seen: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: [line for line in lines if OF_THE_MODULE not in line] for name, lines in seen.items()}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """rs1 is a third director."""
    return written(tmp_path_factory.mktemp("three"), [*DIRECTORS, "rs1"], ["rs2"])


@pytest.fixture(scope="module", autouse=True)
def as_described() -> Iterator[None]:
    """What a test that fails has left is as the example describes it in the end."""
    yield
    ssh("lb1", "systemctl stop turned-web", check=False)
    ssh("lb2", "systemctl stop turned-web", check=False)
    playbook("site.yml")
    await_whole()


def test_check_mode_says_who_would_turn_and_changes_nothing(three, as_real_server):
    run = playbook("site.yml", "--check", inventory=three)
    assert run.code == 0, run.output
    assert "rs1 was a real server and would become a director" in run.output
    assert run.recap["rs1"]["changed"] > 0
    assert without_module(look("rs1")) == as_real_server
    is_real_server("rs1")
    tables(DIRECTORS, {"192.0.2.21": "1", "192.0.2.22": "2"})


def test_a_limit_that_leaves_its_directors_out_takes_nothing_from_a_real_server(three, as_real_server):
    with Traffic() as traffic:
        run = playbook("site.yml", "--limit", "rs1", inventory=three)
    assert run.code != 0
    assert "rs1 stays a real server for now, and is no director yet: lb1 has it in" in text(run)
    assert run.changed == 0
    assert without_module(look("rs1")) == as_real_server
    assert traffic.result.failed == 0, traffic.result
    assert set(traffic.result.answers) == {"rs1", "rs2"}


def test_a_real_server_becomes_a_director_in_one_run_and_no_request_fails(three, active):
    run = site(three, active, "rs1 becomes a director")
    assert "rs1 was a real server and becomes a director" in run.output
    is_director("rs1")
    tables((*DIRECTORS, "rs1"), {"192.0.2.22": "2"})
    assert answering() == {"rs2"}
    changes_nothing(three)
    verify(three)


def test_it_serves_as_a_director_and_is_no_real_server_while_it_holds_the_vips(three, active):
    with Curl(rate=50, timeout=5) as curl:
        run = playbook("lvs.cluster.failover", inventory=three, variables={"lvs_director": "rs1"})
        assert run.code == 0, run.output
        assert on("rs1", "eth0") == [VIP, VIP6]
        assert on(active, "eth0") == []
        assert answering() == {"rs2"}
        refused = playbook("site.yml")
        assert on("rs1", "eth0") == [VIP, VIP6]
        run = playbook("lvs.cluster.failover", inventory=three, variables={"lvs_director": active})
        assert run.code == 0, run.output
    assert refused.code != 0
    assert f"Nothing was changed. rs1 was a director and holds {VIP} and {VIP6}" in text(refused)
    assert refused.changed == 0
    assert curl.failed == 0, curl.errors
    is_director("rs1")


def test_a_standby_becomes_a_real_server_again_in_one_run_and_no_request_fails(active, as_real_server):
    run = site(EXAMPLE, active, "rs1 becomes a real server")
    assert "rs1 was a director and becomes a real server" in run.output
    is_real_server("rs1")
    tables(DIRECTORS, {"192.0.2.21": "1", "192.0.2.22": "2"})
    assert answering() == {"rs1", "rs2"}
    assert without_module(look("rs1")) == as_real_server
    changes_nothing(EXAMPLE)
    verify(EXAMPLE)


def test_a_standby_and_a_real_server_change_places_in_one_run_and_back(active, standby, tmp_path):
    swapped = written(tmp_path / "swapped", [active, "rs1"], [standby, "rs2"])
    # The lab's own web service is for real servers.
    ssh(standby, "systemd-run --quiet --unit=turned-web python3 /usr/local/lib/lab/web.py :: 80")
    site(swapped, active, f"{standby} and rs1 change places")
    is_director("rs1")
    is_real_server(standby)
    tables((active, "rs1"), {f"192.0.2.{MACHINES[standby]}": "1", "192.0.2.22": "2"})
    assert answering() == {standby, "rs2"}
    verify(swapped)
    site(EXAMPLE, active, f"{standby} and rs1 change places again")
    ssh(standby, "systemctl stop turned-web")
    is_director(standby)
    is_real_server("rs1")
    await_whole()
    assert answering() == {"rs1", "rs2"}
    changes_nothing(EXAMPLE)
