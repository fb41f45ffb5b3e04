# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What heartbeat reads, and the program that moves IPv6 addresses, on a network of its own."""

from __future__ import annotations

import re
import subprocess
import typing as t
from pathlib import Path

import jinja2
import yaml

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    REAL_SERVERS,
    VIP,
    VIP6,
    description,
    service,
)

ROLE = Path(__file__).parents[3] / "roles" / "director"
NAMES = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))


def variables(notify: object = None, **heartbeat: object) -> dict[str, t.Any]:
    services = (service(), service(name="web6", vip=VIP6))
    more = {"notify": notify} if notify else {}
    described = description(*services, failover="heartbeat", heartbeat=heartbeat, **more)
    plan = compile_cluster(described, DIRECTORS, REAL_SERVERS)["lb1"]["vars"]
    gateway = [{"address": "10.11.12.10", "prefix": 32, "interface": "eth1"}]
    given = {
        **NAMES,
        **plan,
        "__director_gateways": gateway,
        "__director_secret": "s3cret",
        "__director_notify_script": plan["director_notify"].get("script", []),
        "ansible_managed": "Ansible",
    }
    line = jinja2.Environment().from_string(NAMES["__director_resource_line"]).render(**given)
    return {**given, "__director_resources": line.split()}


def lines(template: str, **heartbeat: t.Any) -> list[str]:
    room = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, loader=jinja2.FileSystemLoader(ROLE))
    room.filters.update(comment=lambda text: f"# {text}")
    text = room.get_template(f"templates/{template}.j2").render(**variables(**heartbeat))
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_ha_cf_says_times_before_media_and_each_medium_after_what_it_needs() -> None:
    links = [{"type": "ucast"}, {"type": "bcast", "interface": "eth1"}, {"type": "serial", "device": "/dev/ttyS0"}]
    assert lines("ha.cf", links=links, ping=["192.0.2.1", "2001:db8:2::1"], auto_failback=True) == [
        "logfacility daemon",
        "keepalive 1000ms",
        "warntime 5000ms",
        "deadtime 10000ms",
        "initdead 30000ms",
        "udpport 694",
        "auto_failback on",
        "ucast eth0 192.0.2.11",
        "ucast eth0 192.0.2.12",
        "bcast eth1",
        "baud 19200",
        "serial /dev/ttyS0",
        "node lb1",
        "node lb2",
        "ping 192.0.2.1",
        "ping6 2001:db8:2::1",
        "respawn hacluster /usr/libexec/heartbeat/ipfail",
    ]
    assert "respawn" not in " ".join(lines("ha.cf"))


def test_all_addresses_move_together_in_one_line_that_no_two_colons_cut() -> None:
    (line,) = lines("haresources")
    assert line.split() == [
        "lb1",
        f"IPaddr2::{VIP}/32/eth0",
        "lvs-address6::2001:db8:2_100/128/eth0",
        "IPaddr2::10.11.12.10/32/eth1",
    ]
    assert all(resource.count("::") == 1 for resource in line.split()[1:])


def test_who_is_to_be_told_hears_last_and_with_no_rights() -> None:
    told = {"script": ["/usr/local/bin/tell", "--where", "x"]}
    (line,) = lines("haresources", notify=told)
    assert line.split()[-1] == "lvs-notify::heartbeat"
    text = " ".join(lines("lvs-notify", notify=told))
    assert "setpriv --reuid keepalived_script --regid keepalived_script --clear-groups" in text
    assert '/usr/local/bin/tell --where x INSTANCE "$1" "$2" 0 <' in text


def test_authkeys_has_one_secret_by_sha1() -> None:
    assert lines("authkeys") == ["auth 1", "1 sha1 s3cret"]


def test_a_killed_heartbeat_gives_its_addresses_up_before_it_comes_back() -> None:
    text = "\n".join(lines("heartbeat.service.conf"))
    assert re.search(r"ExecStopPost=.*SERVICE_RESULT.*ResourceManager givegroup IPaddr2::192\.0\.2\.100/32/eth0", text)
    assert "Restart=on-failure" in text
    assert "ExecReload=/usr/libexec/heartbeat/heartbeat -r" in text


def test_ldirectord_is_ended_with_its_children_and_runs_no_stop_that_could_end_the_next_one() -> None:
    text = lines("ldirectord.service.conf")
    assert {"KillMode=mixed", "ExecStop=", "Restart=always", "Before=keepalived.service heartbeat.service"} < set(text)


def test_an_ipv6_address_comes_and_goes_as_often_as_it_is_told() -> None:
    program, resource = ROLE / "files/lvs-address6", "2001:db8:2_100/128/lo"
    script = f"""
        ip link set lo up
        for step in status start start status stop stop status; do
            sh {program} {resource} $step; echo "$step $?"
            ip -6 -oneline address show dev lo scope global | sed -n 's/.*inet6 \\([^ ]*\\).*/has \\1/p'
        done
    """
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    has = f"has {VIP6}/128"
    assert done.stdout.split("\n")[:-1] == [
        *("stopped", "status 3"),
        *("start 0", has, "start 0", has),
        *("running", "status 0", has),
        *("stop 0", "stop 0"),
        *("stopped", "status 3"),
    ], done.stderr
