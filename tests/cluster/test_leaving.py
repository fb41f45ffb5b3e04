# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no longer described leaves nothing, and nobody else notices. Judges: ip, iptables, sysctl, find, curl."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping

import pytest
import yaml
from drive import DIRECTORS, EXAMPLE, VIP, Run, Traffic, active_director, await_that, playbook, ssh
from events import REAL_SERVERS, weights

DESCRIBED = yaml.safe_load((EXAMPLE.parent / "group_vars/all.yml").read_text(encoding="utf-8"))["lvs_cluster"]
MACHINES = (*DIRECTORS, "rs1", "rs2")
CHANGING = {"nat": "192.0.2.101", "tunnel": "192.0.2.102", "marked": "192.0.2.103"}
GATEWAY = "192.0.2.10"

#: Devices that the kernel makes by itself as soon as a module of tunnels is loaded, and keeps as long as that is.
FALLBACK = r"(tunl0|gre0|gretap0|erspan0|sit0|ip6tnl0|ip6gre0|ip6gretap0)\b"
WATCHED = r"ip_forward|forwarding =|send_redirects|rp_filter|arp_(ignore|announce)|vs\.conntrack"
PLACES = "/etc/lvs-cluster /etc/systemd/system /etc/sysctl.d /etc/modprobe.d /etc/modules-load.d /run/lvs-cluster"
#: All that the collection may leave on a machine, each from the program that knows it.
LOOKS = {
    "addresses": "ip -oneline address show | awk '{ print $2, $4 }' | sort",
    "devices": f"ip -oneline link show | awk -F': ' '{{ print $2 }}' | grep -vE '^{FALLBACK}' | sort",
    "routes": "ip route; ip -6 route | grep -v '^fe80'",
    "ports of tunnels": "ip fou show 2>/dev/null || true",
    "rules": "iptables-legacy-save | grep -v '^[#:*C]'; ip6tables-legacy-save | grep -v '^[#:*C]'; true",
    "sysctls": f"sysctl -a 2>/dev/null | grep -E '{WATCHED}' | grep -vE '{FALLBACK}' | sort",
    "files": f"find {PLACES} -path '*lvs*' 2>/dev/null | sort",
}


def look(machine: str) -> dict[str, list[str]]:
    marks = "; ".join(f"echo '== {name}'; {command}" for name, command in LOOKS.items())
    parts = re.split(r"^== (.+)\n", ssh(machine, marks), flags=re.MULTILINE)[1:]
    return {name: text.splitlines() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def extended(**forwarding: str | None) -> dict[str, object]:
    """The example with three services more, and the default gateway for those that need it."""
    described = copy.deepcopy(DESCRIBED)
    for name, vip in CHANGING.items():
        service: dict[str, object] = {"name": name, "vip": vip, "ports": [80], "real_servers": ["rs1", "rs2"]}
        if forwarding.get(name):
            service["forwarding"] = forwarding[name]
        elif forwarding and name == "marked":
            service.update(ports=[80, 443], check={"port": 80})
        described["services"].append(service)
    if "nat" in forwarding.values():
        described["nat"] = {"gateway": f"{GATEWAY}/24", "local_clients": "source_nat"}
    return {"lvs_cluster": described}


BUILT = extended(nat="nat", tunnel="tunnel")
DIRECT = extended()


def answers(vip: str) -> bool:
    return "rs" in ssh("client", f"curl --silent --max-time 3 http://{vip}/", check=False)


def changed_under_traffic(variables: Mapping[str, object] | None) -> Run:
    with Traffic(maximum=900) as traffic:
        run = playbook("site.yml", variables=variables)
    assert run.code == 0, run.output
    assert traffic.result.failed == 0, (traffic.result, [moves(name) for name in DIRECTORS])
    return run


def moves(director: str) -> list[str]:
    """When it became active or standby lately. A director that got no processor for a second loses the VIPs, too."""
    return ssh(director, "journalctl -o short-precise -u keepalived --since -20min | grep STATE; true").splitlines()


def held(machine: str, address: str) -> bool:
    return any(f" {address}/" in line for line in look(machine)["addresses"])


@pytest.fixture(scope="module")
def before() -> dict[str, dict[str, list[str]]]:
    """How the machines are with the example alone, before anything else came."""
    # Who is active and who is not makes a difference in addresses only, and the tests never change that.
    return {machine: look(machine) for machine in MACHINES}


def test_a_drained_real_server_leaves_under_traffic_without_a_failed_request_and_comes_back(tmp_path):
    """It keeps its VIP as long as a director sends packets to it that Ansible cannot reach."""
    active = active_director()
    away = tmp_path / "away.yml"
    away.write_text(yaml.safe_dump({"all": {"hosts": {active: {"ansible_port": 1}}}}), encoding="utf-8")
    drained, without = copy.deepcopy(DESCRIBED), copy.deepcopy(DESCRIBED)
    for service in drained["services"]:
        service["real_servers"] = ["rs1", {"host": "rs2", "weight": 0}]
    for service in without["services"]:
        service["real_servers"] = ["rs1"]
    with Traffic(maximum=900) as traffic:
        run = playbook("site.yml", variables={"lvs_cluster": drained, "lvs_override_capacity": True})
        assert run.code == 0, run.output
        for name in DIRECTORS:
            await_that(lambda name=name: weights(name)["192.0.2.22"] == "0", f"{name} sends rs2 nothing new")
        run = playbook("site.yml", "--inventory", str(away), variables={"lvs_cluster": without})
        assert run.code != 0
        said = " ".join(run.output.split())
        assert f"could not be brought to the described state: {active}." in said
        assert f"{active} cannot be reached, and may send packets for them" in said
        assert f"{VIP}/32" in ssh("rs2", "ip -brief address show dev lo")
        run = playbook("site.yml", variables={"lvs_cluster": without})
    assert run.code == 0, run.output
    assert traffic.result.failed == 0, traffic.result
    assert VIP not in ssh("rs2", "ip -brief address show")
    assert ssh("rs2", "find /etc /run/lvs-cluster -path '*lvs*' 2>/dev/null", check=False) == ""
    run = playbook("site.yml")
    assert run.code == 0, run.output
    assert f"{VIP}/32" in ssh("rs2", "ip -brief address show dev lo")
    for name in DIRECTORS:
        await_that(lambda name=name: weights(name) == REAL_SERVERS, f"{name} has rs2 again")


def test_nat_tunnels_and_marks_come_under_traffic_without_a_failed_request(before):
    changed_under_traffic(BUILT)
    for name, vip in CHANGING.items():
        await_that(lambda vip=vip: answers(vip), f"the service {name} answers")
    assert [held(name, GATEWAY) for name in DIRECTORS] == [held(name, VIP) for name in DIRECTORS]
    for machine in ("rs1", "rs2"):
        assert any(line.startswith(f"default via {GATEWAY}") for line in look(machine)["routes"])


def test_nat_tunnels_and_marks_become_direct_and_leave_nothing_but_their_vips(before):
    changed_under_traffic(DIRECT)
    vips = set(CHANGING.values())
    for machine, was in before.items():
        now = look(machine)
        now["addresses"] = [line for line in now["addresses"] if line.split()[1].partition("/")[0] not in vips]
        assert now == was, machine
    for name, vip in CHANGING.items():
        await_that(lambda vip=vip: answers(vip), f"the service {name} answers")


def test_direct_services_become_nat_tunnels_and_marks_and_are_removed_as_such_and_leave_nothing(before):
    changed_under_traffic(BUILT)
    changed_under_traffic(None)
    for machine, was in before.items():
        assert look(machine) == was, machine
    assert not any(vip in ssh(name, "ipvsadm -Ln") for name in DIRECTORS for vip in CHANGING.values())


def test_remove_asks_for_a_word_and_shows_what_would_go(before):
    """molecule's cleanup does it for every example, and compares with what was there before the cluster."""
    run = playbook("lvs.cluster.remove")
    assert run.code != 0
    assert "lvs_remove=true" in run.output
    run = playbook("lvs.cluster.remove", "--check")
    assert run.code == 0, run.output
    assert all(run.recap[machine]["changed"] > 0 for machine in MACHINES)
    for machine, was in before.items():
        assert look(machine) == was, machine
