# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What directors do beside the kernel's table, on a kernel without IPVS: the scenarios in containers name this file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import addresses
from test_nat import masked_as, seen_by_web

PROJECT = Path(__file__).resolve().parents[2]
# Behind all that marks: keeps each port that was asked, with the mark that its packets have.
JUDGE = """
table inet judge {
    set seen { type inet_service . mark; size 100; flags dynamic; }
    chain prerouting {
        type filter hook prerouting priority mangle + 10; policy accept;
        ip daddr %s tcp flags syn add @seen { tcp dport . meta mark }
    }
}
"""


@pytest.fixture
def standby(example, active) -> str:
    return next(name for name in example.directors if name != active)


def test_the_kernel_of_this_machine_has_no_part_in_it(director, machine):
    """Where it has IPVS nothing here is wrong, but the stand-ins are not needed."""
    assert not machine(director).file("/proc/net/ip_vs").exists


def test_packages_are_those_of_the_distribution(director, machine):
    for name in ("keepalived", "ipvsadm"):
        assert machine(director).package(name).is_installed


def test_modules_and_sysctls_wait_for_the_next_boot(director, machine):
    host = machine(director)
    assert "ip_vs" in host.file("/etc/modules-load.d/lvs-cluster.conf").content_string.splitlines()
    assert "net.ipv4.ip_forward=1" in host.file("/etc/sysctl.d/60-lvs-cluster.conf").content_string.splitlines()
    assert host.sysctl("net.ipv4.ip_forward") == 1


def test_all_ports_of_a_service_get_one_mark_and_other_ports_none(active, machine, client, example):
    service = next(one for one in example.services if one.marked)
    vip, host = service.vips[0], machine(active)
    asked = [*map(int, service.ports), 81]
    host.check_output(f"echo '{JUDGE % vip}' | nft -f -")
    try:
        for port in asked:
            client.run(f"nc -z -w 1 {vip} {port}")
        seen = json.loads(host.check_output("nft --json list set inet judge seen"))
    finally:
        host.run("nft delete table inet judge")
    (found,) = [entry["set"]["elem"] for entry in seen["nftables"] if "set" in entry]
    marks = dict(one.get("elem", {}).get("val", one)["concat"] for one in found)
    mark = marks[80]
    assert 1000 <= mark <= 1999
    assert marks == dict.fromkeys(map(int, service.ports), mark) | {81: 0}


def test_rules_come_back_at_the_next_boot(director, machine):
    host = machine(director)
    before = ours(host)
    assert {table.split()[2] for table in before} == {f"lvs_cluster_{name}" for name in ("firewall", "fwmark", "nat")}
    for table in before:
        host.check_output(f"nft delete {table}")
    host.check_output("systemctl restart lvs-cluster-rules")
    assert ours(host) == before


def ours(host) -> dict[str, str]:
    """The collection's tables and what is in them, without what packets make: numbers, and elements of sets."""
    names = [line for line in host.check_output("nft list tables").splitlines() if " lvs_cluster_" in line]
    return {name: host.check_output(f"nft --stateless --terse list {name}") for name in names}


def test_rules_come_back_when_a_service_starts_or_stops_that_empties_every_table(director, machine):
    """Debian's own nftables, which does not run before; its file begins with a flush of everything."""
    host = machine(director)
    before = ours(host)
    with theirs_put_back(host):
        for action in ("start", "restart", "reload", "stop", "start"):
            host.check_output(f"systemctl {action} nftables")
            if action != "stop":
                await_that(lambda: ours(host) == before, f"the rules after {action} of nftables")
        host.check_output("systemctl stop nftables")
        host.check_output("systemctl start lvs-cluster-rules")
    assert ours(host) == before


@pytest.mark.proves(system="Linux", method="nftables", how="packets")
def test_a_real_server_stays_silent_when_a_service_starts_or_stops_that_empties_every_table(machine, client, example):
    (name,) = [n for n in example.groups["real_servers"] if "realserver_linux_arp_method" in example.hosts[n]]
    host, mac = machine(name), machine(name).check_output("cat /sys/class/net/eth0/address").strip()
    (vip,) = {vip for s in example.services if name in s.names for vip in s.vips if "." in vip}

    def answers() -> bool:
        return mac in client.run(f"arping -c 2 -w 2 -I eth0 {vip}").stdout.lower()

    before = ours(host)
    assert list(before) == ["table arp lvs_cluster_arp"]
    assert not answers()
    with theirs_put_back(host):
        host.check_output("nft flush ruleset")
        assert answers(), "without the rule it answers"
        for action in ("start", "restart", "reload", "stop", "start", "stop"):
            host.check_output(f"systemctl {action} nftables")
            await_that(lambda: ours(host) == before, f"the rules after {action} of nftables")
            assert not answers(), action


@contextmanager
def theirs_put_back(host):
    """What Docker has in the container's own namespace, for the names of other containers, goes with the flush."""
    # Chains that are not there are saved, too.
    host.check_output(
        "iptables-save --table nat | grep --invert-match --regexp=^:INPUT --regexp=^:PREROUTING >/run/theirs"
    )
    try:
        yield
    finally:
        host.check_output("iptables-restore /run/theirs && rm /run/theirs")


def test_the_standby_takes_over_addresses_and_masquerading(active, standby, machine, example):
    inside = next(m.host for s in example.services if s.forwarding == "nat" for m in s.members)
    outside = example.address(example.client, "ipv4")
    machine(active).check_output("systemctl stop keepalived")
    try:
        wanted, host = set(example.floating), machine(standby)
        await_that(lambda: wanted <= set(addresses(host)), f"{sorted(wanted)} on {standby}")
        assert not set(example.floating) & set(addresses(machine(active)))
        assert seen_by_web(machine(inside), outside) == masked_as(example, inside, standby, port=80)
    finally:
        machine(active).check_output("systemctl start keepalived")


def await_that(condition, what) -> None:
    limit = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < limit, f"It did not come to this within 15 s: {what}."
        time.sleep(0.3)


def test_the_firewalls_of_others_on_real_servers_stay_as_they_are(machine, example):
    """firewalld and ufw, compared with what molecule's prepare has written down."""
    remembered = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
    at_work = {"firewalld": "firewall-cmd --state", "ufw": "ufw status | grep --quiet 'Status: active'"}
    guarded = [name for name in example.groups["real_servers"] if "firewall" in example.hosts[name]]
    assert guarded
    for name in guarded:
        host = machine(name)
        before = [line[4:] for line in (remembered / f"{name}.look").read_text().splitlines() if line[:4] == "nft "]
        assert before
        assert host.check_output("nft --stateless list ruleset").splitlines() == before
        host.check_output(at_work[example.hosts[name]["firewall"]])


def test_site_refuses_a_kernel_without_ipvs_and_leaves_the_daemon_alone(standby, machine, request):
    """By the whole playbook, and without the stand-in for modprobe."""
    host = machine(standby)
    stand_in = "/usr/local/sbin/modprobe"
    running = "systemctl show --property=MainPID keepalived; sha256sum /etc/keepalived/keepalived.conf"
    before = host.check_output(running)
    host.check_output(f"mv {stand_in} {stand_in}.away")
    try:
        inventory = request.config.getoption("--ansible-inventory")
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [str(program), f"--inventory={inventory}", f"--limit=localhost,{standby}", "lvs.cluster.site"]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    finally:
        host.check_output(f"mv {stand_in}.away {stand_in}")
    said = " ".join(done.stdout.split())
    assert done.returncode == 2, said
    assert f"{standby} cannot load the kernel modules ip_vs" in said
    assert "Install the distribution's full kernel (not a cloud or container kernel) and run this again." in said
    assert host.check_output(running) == before
