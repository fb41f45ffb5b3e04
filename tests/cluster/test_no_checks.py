# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pair without health checks (no_checks.yml): the modules own the table, also over a reboot. Judge: ipvsadm."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from drive import (
    CHECKOUT,
    DIRECTORS,
    SSH_CONFIG,
    VIP,
    VIP6,
    Curl,
    Run,
    Traffic,
    await_that,
    lab,
    playbook,
    ssh,
)

NO_CHECKS = Path(__file__).parent / "no_checks.yml"
DESCRIBED: dict[str, Any] = yaml.safe_load(NO_CHECKS.read_text(encoding="utf-8"))["all"]["vars"]["lvs_cluster"]
UNIT = "lvs-cluster-table"
RS2 = "192.0.2.22"
WEB = (
    f"-A -t {VIP}:80 -s wrr",
    f"-a -t {VIP}:80 -r 192.0.2.21:80 -g -w 1",
    f"-a -t {VIP}:80 -r {RS2}:80 -g -w 2",
)
WEB6 = (
    f"-A -t [{VIP6}]:80 -s wlc -p 60 -M 64",
    f"-a -t [{VIP6}]:80 -r [2001:db8:2::21]:80 -g -w 1",
    f"-a -t [{VIP6}]:80 -r [2001:db8:2::22]:80 -g -w 1",
)
#: Somebody's own table beside the cluster's, with all that `ipvsadm -S` cannot save or that is rare. No destination of
#: another address family: no kernel takes one beside a daemon that synchronises connections.
BESIDE = [
    {
        "address": "192.0.2.130",
        "port": 53,
        "protocol": "udp",
        "scheduler": "rr",
        "one_packet": True,
        "destinations": [{"destination": "192.0.2.21", "weight": 70000, "upper_threshold": 100, "lower_threshold": 50}],
    },
    {
        "address": "192.0.2.130",
        "port": 443,
        "scheduler": "sh",
        "scheduler_flags": ["sh-port", "sh-fallback"],
        "persistence": 300,
        "persistence_netmask": "24",
        "destinations": [
            {"destination": "192.0.2.21", "forwarding": "tunnel", "upper_threshold": 9},
            {"destination": RS2, "forwarding": "tunnel", "tunnel_type": "gue", "tunnel_port": 6080, "weight": 0},
            {"destination": "192.0.2.23", "forwarding": "tunnel", "tunnel_type": "gre"},
        ],
    },
    {
        "address": "2001:db8:2::130",
        "port": 0,
        "persistence": 60,
        "persistence_netmask": "64",
        "destinations": [{"destination": "2001:db8:2::22", "upper_threshold": 7, "lower_threshold": 1}],
    },
    {"fwmark": 7, "destinations": [{"destination": "192.0.2.21", "forwarding": "nat", "destination_port": 0}]},
    {"fwmark": 7, "family": "ipv6", "scheduler": "mh", "destinations": [{"destination": "2001:db8:2::21"}]},
]


def site(*words: str, described: Mapping[str, Any] | None = None) -> Run:
    run = playbook("site.yml", *words, inventory=NO_CHECKS, variables={"lvs_cluster": described} if described else None)
    assert run.code == 0, run.output
    return run


def findings() -> str:
    run = playbook("lvs.cluster.verify", inventory=NO_CHECKS)
    return run.output.partition("not as described:")[2] if run.code else ""


def module(machine: str, name: str, **options: object) -> dict[str, Any]:
    """The result of one module on one machine."""
    done = subprocess.run(
        ["ansible", machine, "-i", NO_CHECKS, "-m", f"lvs.cluster.{name}", "-a", json.dumps(options)],
        cwd=CHECKOUT,
        env={**os.environ, "ANSIBLE_SSH_ARGS": f"-F {SSH_CONFIG}", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return result


def table(director: str) -> list[str]:
    """The table as ipvsadm prints it: what it saves, and the thresholds, which it only lists; without connections."""
    lines = [line.strip() for line in ssh(director, "ipvsadm -Sn").splitlines()]
    service = ""
    for line in ssh(director, "ipvsadm -Ln --thresholds").splitlines()[3:]:
        if "->" in line:
            lines.append(" ".join((service, *line.split()[:4])))
        else:
            service = line.strip()
    return sorted(lines)


def services(director: str, *vips: str) -> list[str]:
    """The lines of `ipvsadm -Sn` for these VIPs."""
    lines = ssh(director, "ipvsadm -Sn").splitlines()
    return [line.strip() for line in lines if any(vip in line for vip in vips)]


def reboot(machine: str) -> None:
    lab("reboot", machine)
    await_that(lambda: ssh(machine, "systemctl is-active keepalived").strip() == "active", f"keepalived of {machine}")


@pytest.fixture(scope="module", autouse=True)
def unchecked() -> Iterator[None]:
    """From keepalived's table to that of the modules, and back: no request fails."""
    try:
        with Curl(timeout=10) as curl:
            site()
        print(f"health_checks keepalived to none: {curl}")
        assert curl.failed == 0, curl.errors
        assert curl.requests >= 1000
        yield
    finally:
        with Curl(timeout=10) as curl:
            run = playbook("site.yml")
        print(f"health_checks none to keepalived: {curl}")
    assert run.code == 0, run.output
    assert curl.failed == 0, curl.errors
    assert curl.requests >= 1000
    for name in DIRECTORS:
        left = f"ls -d /etc/lvs-cluster/*table* /etc/systemd/system/{UNIT}.service"
        assert ssh(name, left, check=False) == ""
        assert UNIT not in ssh(name, "systemctl list-units --all --no-legend; systemctl list-unit-files --no-legend")


def test_the_table_is_the_described_one_and_keepalived_knows_the_vips_only():
    for name in DIRECTORS:
        assert services(name, VIP, VIP6) == sorted((*WEB, *WEB6), key=(*WEB, *WEB6).index)
        assert "virtual_server" not in ssh(name, "cat /etc/keepalived/keepalived.conf")
        modes = ssh(name, "cd /etc/lvs-cluster; stat -c '%n %U %G %a' . *").splitlines()
        assert modes == [
            ". root root 755",
            "director.json root root 600",
            "drain root root 755",
            "restore-table root root 755",
            "table.json root root 600",
            "table.rules root root 600",
            "yield root root 600",
        ]
        assert ssh(name, "cat /etc/lvs-cluster/table.rules").splitlines() == [*WEB, *WEB6]
        assert (
            ssh(name, f"systemctl is-enabled {UNIT}; systemd-analyze verify {UNIT}.service 2>&1").strip() == "enabled"
        )


def test_a_second_run_changes_nothing_and_verify_finds_nothing():
    assert site().changed == 0
    assert findings() == ""


def test_a_weight_that_is_described_anew_is_set_under_traffic_without_a_failed_request():
    other = copy.deepcopy(DESCRIBED)
    other["services"][0]["real_servers"][1]["weight"] = 5
    before = table("lb1")
    assert site("--check", described=other).changed > 0
    assert table("lb1") == before
    with Traffic() as traffic:
        site(described=other)
        for name in DIRECTORS:
            assert f"-a -t {VIP}:80 -r {RS2}:80 -g -w 5" in services(name, VIP)
            assert f"-r {RS2}:80 -g -w 5" in ssh(name, "cat /etc/lvs-cluster/table.rules")
    assert traffic.result.requests >= 200
    assert traffic.result.failed == 0, traffic.result


def test_a_service_that_is_no_longer_described_goes_and_a_foreign_one_stays():
    foreign = ["-A -t 192.0.2.140:80 -s wlc", "-a -t 192.0.2.140:80 -r 192.0.2.21:80 -g -w 3"]
    for line in foreign:
        ssh("lb1", f"ipvsadm {line}")
    # Nobody has described it, but the VIP is the cluster's.
    ssh("lb1", f"ipvsadm -A -t {VIP}:8080 -s wlc")
    one = {**DESCRIBED, "services": DESCRIBED["services"][:1]}
    site(described=one)
    for name in DIRECTORS:
        assert services(name, VIP, VIP6) == list(WEB)
        assert ssh(name, "cat /etc/lvs-cluster/table.rules").splitlines() == list(WEB)
    assert services("lb1", "192.0.2.140") == foreign
    site()
    assert services("lb1", "192.0.2.140") == foreign
    ssh("lb1", "ipvsadm -D -t 192.0.2.140:80")
    assert services("lb1", VIP6) == list(WEB6)


def test_a_flushed_table_is_named_by_verify_and_healed_by_site():
    ssh("lb1", "ipvsadm --clear")
    found = findings()
    assert "lb1: Its IPVS table has none of the described services." in found
    assert "Remedy: Run site.yml again" in found
    assert site().recap["lb1"]["changed"] == 1
    assert services("lb1", VIP, VIP6) == [*WEB, *WEB6]


def test_a_drain_and_a_table_beside_survive_site_and_a_reboot_of_the_active_director(active):
    module(active, "ipvs_dest", address=VIP, port=80, destination=RS2, weight=0)
    written = module(active, "ipvs_table", services=BESIDE, scope=["192.0.2.130", "2001:db8:2::130", "7"])
    ssh(active, "mkdir -p /etc/lvs-beside")
    # A table of somebody's own comes back in the same way.
    ssh(active, f"cat >/etc/lvs-beside/table.rules <<'END'\n{chr(10).join(written['rules'])}\nEND")
    for source, target in (
        ("/etc/lvs-cluster/restore-table", "/etc/lvs-beside/restore-table"),
        (f"/etc/systemd/system/{UNIT}.service", "/etc/systemd/system/lvs-beside.service"),
    ):
        ssh(active, f"sed s,/etc/lvs-cluster/,/etc/lvs-beside/,g {source} >{target}")
    ssh(active, "systemctl enable lvs-beside")
    try:
        run = site()
        assert (run.changed, run.recap[active]["changed"]) == (1, 1)  # the file for the next boot
        assert f"-a -t {VIP}:80 -r {RS2}:80 -g -w 0" in services(active, VIP)
        assert "Somebody drained it (weight 0)" in findings()
        before = table(active)
        reboot(active)
        await_that(lambda: ssh(active, "systemctl is-active lvs-beside").strip() == "active", "all services are back")
        assert table(active) == before
        times = [
            int(ssh(active, f"systemctl show --value -p {name}Monotonic {unit}"))
            for name, unit in (("ExecMainExitTimestamp", UNIT), ("ExecMainStartTimestamp", "keepalived"))
        ]
        assert times == sorted(times)
        assert 0 not in times
    finally:
        ssh(active, "systemctl disable lvs-beside; rm -r /etc/lvs-beside /etc/systemd/system/lvs-beside.service")
        module(active, "ipvs_table", services=[], scope=["192.0.2.130", "2001:db8:2::130", "7"], purge="services",
               allow_empty=True)  # fmt: skip
    module(active, "ipvs_dest", address=VIP, port=80, destination=RS2, weight=2)
    site()
    assert services(active, VIP, VIP6) == [*WEB, *WEB6]


def test_the_unit_adds_what_is_missing_and_nothing_else(standby):
    before = table(standby)
    ssh(standby, f"systemctl restart {UNIT}")
    assert table(standby) == before
    ssh(standby, f"ipvsadm -D -t {VIP}:80; ipvsadm -e -t [{VIP6}]:80 -r [2001:db8:2::21]:80 -g -w 9")
    ssh(standby, f"systemctl restart {UNIT}")
    assert services(standby, VIP) == list(WEB)
    assert f"-a -t [{VIP6}]:80 -r [2001:db8:2::21]:80 -g -w 9" in services(standby, VIP6)
    ssh(standby, f"ipvsadm -e -t [{VIP6}]:80 -r [2001:db8:2::21]:80 -g -w 1")


def test_an_ipvsadm_service_that_flushes_the_table_does_not_take_it_away(standby):
    ssh(standby, "sed -i 's/^AUTO=.*/AUTO=\"true\"/' /etc/default/ipvsadm")
    before = table(standby)
    try:
        ssh(standby, "systemctl restart ipvsadm")
        await_that(lambda: table(standby) == before, "the table is back", seconds=20)
        reboot(standby)
        assert table(standby) == before
    finally:
        ssh(standby, "sed -i 's/^AUTO=.*/AUTO=\"false\"/' /etc/default/ipvsadm")


def test_a_line_that_the_kernel_refuses_is_loud_and_the_others_are_there(standby):
    wrong = ["-A -t 192.0.2.150:80 -s nosuch", "-A -t 192.0.2.150:81 -s rr", "--no-such-word"]
    ssh(standby, "cp /etc/lvs-cluster/table.rules /root/table.rules")
    ssh(standby, f"printf '%s\\n' {' '.join(repr(line) for line in wrong)} >>/etc/lvs-cluster/table.rules; ipvsadm -C")
    since = f"@{time.time():.0f}"
    assert ssh(standby, f"systemctl restart {UNIT} 2>/dev/null; systemctl is-failed {UNIT}", check=False).strip() == (
        "failed"
    )
    journal = ssh(standby, f"journalctl -o cat -u {UNIT} --since {since}")
    assert "The kernel lacks 2 lines of /etc/lvs-cluster/table.rules" in journal
    assert "-A -t 192.0.2.150:80 -s nosuch\n" in journal
    assert services(standby, VIP, VIP6, "192.0.2.150") == [*WEB, "-A -t 192.0.2.150:81 -s rr", *WEB6]
    assert f"The unit {UNIT}, which brings its IPVS table back at boot, is not active." in findings()
    ssh(standby, "ipvsadm -D -t 192.0.2.150:81; mv /root/table.rules /etc/lvs-cluster/table.rules")
    site()
    assert findings() == ""
