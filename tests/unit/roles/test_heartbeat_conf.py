# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What heartbeat reads, and the program that moves IPv6 addresses, on a network of its own."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import typing as t
from pathlib import Path

import jinja2
import pytest
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
        f"lvs-address::{VIP}/32/eth0",
        "lvs-address::2001:db8:2_100/128/eth0",
        "lvs-address::10.11.12.10/32/eth1",
    ]
    assert all(resource.count("::") == 1 for resource in line.split()[1:])


def test_who_is_to_be_told_hears_last_and_with_no_rights() -> None:
    told = {"script": ["/usr/local/bin/tell", "--where", "x"]}
    (line,) = lines("haresources", notify=told)
    assert line.split()[-1] == "lvs-notify::heartbeat"
    text = " ".join(lines("lvs-notify", notify=told))
    assert "setpriv --reuid keepalived_script --regid keepalived_script --clear-groups" in text
    assert '/usr/local/bin/tell --where x INSTANCE "$1" "$2" 0' in text


def test_a_failover_is_told_by_mail_and_by_a_program_once_each(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    told = {
        "script": ["/usr/bin/tee", "--append", str(heard)],
        "mail": {"to": ["a@example.org", "b@example.org"], "from": "lb@example.org", "smtp_server": "192.0.2.25"},
    }
    (line,) = lines("haresources", notify=told)
    assert line.split()[-1] == "lvs-notify::heartbeat"
    text = "\n".join(lines("lvs-notify", notify=told)).replace("/run/lvs-cluster-notify", str(tmp_path / "state"))
    # Only root may become another user; and what would run prints itself instead.
    text = re.sub(r"setsid timeout 60 setpriv [^\\]*\\\n", "printf '%s|' ", text)
    text = re.sub(r"2>&1 \| logger --tag lvs-notify\n", f">>'{heard}'; echo >>'{heard}'\n", text).replace(
        "2>&1 &\n", "2>&1\n"
    )
    program = tmp_path / "lvs-notify"
    program.write_text(text, encoding="utf-8")
    states = []
    for word in ("stop", "start", "status", "stop", "status"):
        done = subprocess.run(["sh", program, "heartbeat", word], capture_output=True, text=True, check=False)
        states.append((word, done.returncode, done.stdout.strip()))
    assert states == [
        ("stop", 0, ""),
        ("start", 0, ""),
        ("status", 0, "running"),
        ("stop", 0, ""),
        ("status", 3, "stopped"),
    ]
    name = os.uname().nodename
    mail = "/usr/bin/python3|/etc/lvs-cluster/send-mail|192.0.2.25|25|lb@example.org|{}|a@example.org|b@example.org|"
    assert heard.read_text(encoding="utf-8").splitlines() == [
        f"/usr/bin/tee|--append|{heard}|INSTANCE|heartbeat|MASTER|0|",
        mail.format(f"{name} has got the addresses"),
        f"/usr/bin/tee|--append|{heard}|INSTANCE|heartbeat|BACKUP|0|",
        mail.format(f"{name} has given the addresses up"),
    ]


def test_authkeys_has_one_secret_by_sha1() -> None:
    assert lines("authkeys") == ["auth 1", "1 sha1 s3cret"]


def test_a_killed_heartbeat_gives_its_addresses_up_before_it_comes_back() -> None:
    text = "\n".join(lines("heartbeat.service.conf"))
    assert re.search(
        r"ExecStopPost=.*SERVICE_RESULT.*ResourceManager givegroup lvs-address::192\.0\.2\.100/32/eth0", text
    )
    assert "Restart=on-failure" in text
    # The one that started itself anew does not stay behind, and systemd starts another one.
    assert "ExecStop=\nExecStop=" in text
    assert "heartbeat -k; ! pkill -KILL -x heartbeat" in text
    assert "\nKillSignal=SIGKILL\n" in text
    assert "ExecReload=/usr/libexec/heartbeat/heartbeat -r" in text


def test_ldirectord_is_ended_with_its_children_and_runs_no_stop_that_could_end_the_next_one() -> None:
    text = lines("ldirectord.service.conf")
    assert {"KillMode=mixed", "ExecStop=", "Restart=always", "Before=keepalived.service heartbeat.service"} < set(text)


@pytest.mark.parametrize(
    ("resource", "address"), [(f"{VIP}/32/lo", f"{VIP}/32"), ("2001:db8:2_100/128/lo", f"{VIP6}/128")]
)
def test_an_address_comes_and_goes_as_often_as_it_is_told(resource: str, address: str) -> None:
    program = ROLE / "files/lvs-address"
    script = f"""
        ip link set lo up
        for step in status start start status stop stop status; do
            sh {program} {resource} $step; echo "$step $?"
            ip -oneline address show dev lo scope global | sed -n 's/.*inet6* \\([^ ]*\\).*/has \\1/p'
        done
    """
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    has = f"has {address}"
    assert done.stdout.split("\n")[:-1] == [
        *("stopped", "status 3"),
        *("start 0", has, "start 0", has),
        *("running", "status 0", has),
        *("stop 0", "stop 0"),
        *("stopped", "status 3"),
    ], done.stderr


#: The function of resource-agents 4.12.0 that scripts of heartbeat tell it something with.
TELLS = 'ha_clustermsg() {\n\t(echo ">>>"; cat -; echo "<<<")\t| cat - >> $HA_FIFO\n}\n'


def mended(text: str, *, back: bool = False, place: Path) -> str:
    """What the role makes of the file of functions, or leaves when it goes."""
    tasks = yaml.safe_load((ROLE / "tasks/heartbeat_messages.yml").read_text(encoding="utf-8"))
    path = place / "shellfuncs"
    path.write_text(text, encoding="utf-8")
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {**NAMES, "__director_heartbeat_functions": str(path), "__director_messages_whole": not back},
        "tasks": tasks,
    }
    (place / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", "play.json"]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    return path.read_text(encoding="utf-8")


def two_at_a_time(functions: str, place: Path) -> bytes:
    """What heartbeat reads when one script writes a message while another one is in the middle of its own."""
    fifo = place / "fifo"
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    kept = os.open(fifo, os.O_RDWR)

    def script() -> subprocess.Popen[bytes]:
        command = ["sh", "-c", f"{functions}\nha_clustermsg"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "HA_FIFO": str(fifo)})

    with script() as first:
        assert first.stdin is not None
        first.stdin.write(b"t=resource\n")
        first.stdin.flush()
        if functions == TELLS:
            assert select.select([kept], [], [], 30)[0], "nothing came"
        with script() as second:
            second.communicate(b"t=ip-request-resp\n", timeout=30)
        first.communicate(b"rsc_hold=all\n", timeout=30)
    read = os.read(kept, 4096)
    os.close(kept)
    return read


def test_a_message_to_heartbeat_is_not_mixed_with_another_one(tmp_path: Path) -> None:
    whole = b">>>\nt=ip-request-resp\n<<<\n>>>\nt=resource\nrsc_hold=all\n<<<\n"
    assert sorted(two_at_a_time(TELLS, tmp_path)) == sorted(whole)
    assert two_at_a_time(TELLS, tmp_path) != whole
    functions = mended(TELLS, place=tmp_path)
    assert two_at_a_time(functions, tmp_path) == whole
    assert mended(functions, place=tmp_path) == functions
    assert mended(functions, back=True, place=tmp_path) == TELLS
    # A package that has another one keeps it.
    assert mended("ha_clustermsg() { :; }\n", place=tmp_path) == "ha_clustermsg() { :; }\n"
