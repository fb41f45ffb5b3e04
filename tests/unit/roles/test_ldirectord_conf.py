# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the description check lets pass, ldirectord accepts: its own parser is the judge."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import typing as t
from pathlib import Path

import jinja2
import pytest
import yaml

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.health import ENGINES, NEEDED
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.model import SCHEDULER_FLAGS, SCHEDULERS
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    REAL_SERVERS,
    VIP,
    VIP6,
    description,
    service,
)

ROLE = Path(__file__).parents[3] / "roles" / "director"
LDIRECTORD = shutil.which("ldirectord", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CHECKS, NEEDS = ENGINES["ldirectord"], NEEDED["ldirectord"]
GIVEN: dict[str, object] = {"request": "SELECT 1 FROM t", "regex": "^2[0-9]{2}|ok$", "port": 99, "alpha": True}
GIVEN.update(login="watcher", password="a 'secret'", database="db", virtualhost="www.example.org", path="/health?a=1")
GIVEN.update(name="www.example.org", record="A", command=["/usr/local/bin/alive", "%h", "--port=%p"])
GIVEN.update(send="EHLO a'b\r\n", expect="220 ", quiesce_on_failure=False)


def check(**keys: object) -> dict[str, object]:
    return service(check=keys)


def described(*services: object, **changes: object) -> dict[str, object]:
    return description(*services, health_checks="ldirectord", **changes)


def full_check(kind: str) -> dict[str, object]:
    """A check with every key that its type may have."""
    return {"type": kind, **{key: GIVEN[key] for key in CHECKS[kind] if key in GIVEN}}


CASES: dict[str, dict[str, object]] = {
    "plain": described(),
    "both families": described(service(), service(name="web6", vip=VIP6)),
    "heartbeat moves the VIPs": described(failover="heartbeat"),
    "persistence by network": described(
        service(persistence=2678400, persistence_netmask=24),
        service(name="web6", vip=VIP6, persistence=1, persistence_netmask=64),
    ),
    "marks of both families": described(service(vip=[VIP, VIP6], ports=[80, 443], fwmark=7, persistence=60)),
    "all ports": described(service(ports="all", persistence=60, check={"port": 80})),
    "one packet": described(service(protocol="udp", ports=[53], one_packet=True, check={"type": "ping"})),
    "thresholds and weights": described(
        service(
            real_servers=[
                {"host": "rs1", "weight": 0, "upper_threshold": 100, "lower_threshold": 50},
                {"host": "rs2", "weight": 65535, "upper_threshold": 7},
            ]
        )
    ),
    "sorry server": described(service(sorry_server="192.0.2.99")),
    "sorry server of IPv6": described(service(vip=VIP6, sorry_server="2001:db8:2::99")),
    "sorry server of a mark": described(service(ports=[80, 443], sorry_server="192.0.2.99")),
    "tunnel": described(service(forwarding="tunnel")),
    "mail": described(
        notify={"mail": {"to": ["ops@example.org", "on-call@example.org"], "from": "lb@example.org"}},
        ldirectord={"emailalertfreq": 60, "autoreload": True, "fork": False},
    ),
    "mail by another host": described(notify={"mail": {"to": "ops@example.org", "smtp_server": "192.0.2.25"}}),
    **{f"check {kind}": described(service(check=full_check(kind))) for kind in CHECKS if kind != "none"},
    "any name": described(service(check={"type": "dns", "name": "example.org", "record": "A"})),
    "a program": described(service(check={"type": "command", "command": ["/bin/echo", "%h", "--port=%p", "a=b"]})),
    "check none": described(service(check={"type": "none"})),
    **{
        scheduler: described(service(scheduler=scheduler, scheduler_flags=[*SCHEDULER_FLAGS.get(scheduler, ())]))
        for scheduler in SCHEDULERS
    },
}


def plan(case: str) -> dict[str, t.Any]:
    return t.cast(dict[str, t.Any], compile_cluster(CASES[case], DIRECTORS, REAL_SERVERS)["lb1"]["vars"])


def rendered(given: dict[str, t.Any]) -> str:
    template = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, loader=jinja2.FileSystemLoader(ROLE))
    template.filters.update(comment=lambda text: f"# {text}")
    names = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))
    return template.get_template("templates/ldirectord.cf.j2").render(
        **{**names, **given, "ansible_managed": "Ansible"}
    )


def script(case: str, place: Path) -> Path:
    """The program that the check of the first service of a case runs, as the user that runs this test."""
    template = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, loader=jinja2.FileSystemLoader(ROLE))
    template.filters.update(comment=lambda text: f"# {text}")
    names = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))
    names.update(ansible_managed="Ansible", __director_scripted_service=plan(case)["director_services"][0])
    file = place / "script"
    text = template.get_template("templates/check.j2").render(**names)
    assert "--reuid=keepalived_script --regid=keepalived_script --clear-groups" in text
    file.write_text(re.sub(r"setpriv .* -- ", "", text), encoding="utf-8")
    return file


def lines(case: str) -> list[str]:
    return [line.strip() for line in rendered(plan(case)).splitlines()]


def refusal(text: str, folder: Path) -> str:
    """What ldirectord says against a configuration; it logs into a file where no syslog listens."""
    file = folder / "refused.cf"
    file.write_text(text.replace('logfile = "daemon"', f'logfile = "{folder}/log"'), encoding="utf-8")
    assert LDIRECTORD is not None, "ldirectord judges here: install the package (it need not run)"
    judged = subprocess.run([LDIRECTORD, str(file), "stop"], capture_output=True, text=True, check=False)
    return "" if judged.returncode == 0 else judged.stdout + judged.stderr


@pytest.mark.parametrize("case", CASES)
def test_ldirectord_accepts_what_the_template_makes_of_it(case: str, tmp_path: Path) -> None:
    assert refusal(rendered(plan(case)), tmp_path) == ""


def test_the_judge_refuses_what_is_wrong_and_says_where(tmp_path: Path) -> None:
    text = rendered(plan("plain")).replace("scheduler = wlc", "schedular = wlc")
    assert re.search(r'at line \d+: Unknown command ".*schedular', refusal(text, tmp_path))


def test_the_table_outlives_a_stop_and_no_dead_server_is_put_in_for_a_moment() -> None:
    text = lines("plain")
    assert {"cleanstop = no", "readdquiescent = yes", "quiescent = yes", "autoreload = no", "fork = yes"} < set(text)
    assert "quiescent = no" not in text
    assert "maintenancedir = /etc/lvs-cluster/maintenance" in text


def test_a_service_has_its_family_its_forwarding_and_its_thresholds() -> None:
    assert {f"virtual6 = [{VIP6}]:80", "real6 = [2001:db8:2::21]:80 gate 1"} < set(lines("both families"))
    assert {"virtual = 7", "virtual6 = 7", "real = 192.0.2.21 gate 1", "protocol = fwm"} < set(
        lines("marks of both families")
    )
    assert {"real = 192.0.2.21:80 gate 0 l:50 u:100", "real = 192.0.2.22:80 gate 65535 u:7"} < set(
        lines("thresholds and weights")
    )
    assert "real = 192.0.2.21:80 ipip 1" in lines("tunnel")
    assert {"netmask = 255.255.255.0", "netmask = 64", "persistent = 1"} < set(lines("persistence by network"))
    assert {"ops = yes", "protocol = udp", "checktype = ping"} < set(lines("one packet"))
    assert "fallback = 192.0.2.99:80 gate" in lines("sorry server")
    assert "fallback6 = [2001:db8:2::99]:80 gate" in lines("sorry server of IPv6")
    assert "fallback = 192.0.2.99 gate" in lines("sorry server of a mark")
    assert "schedflags = sh-fallback,sh-port" in lines("sh")


def test_a_check_has_its_times_and_one_more_failure_than_retries() -> None:
    text = lines("plain")
    assert {"checktype = connect", "checkinterval = 2", "checktimeout = 3", "failurecount = 3"} < set(text)
    assert "negotiatetimeout = 3" in text


@pytest.mark.parametrize("kind", NEEDS)
def test_a_check_has_what_it_needs(kind: str) -> None:
    names = {"path": "request", "name": "request", "regex": "receive"}
    text = lines(f"check {kind}")
    for key in NEEDS[kind]:
        assert f'{names.get(key, key)} = "{GIVEN[key]}"' in text


def test_a_name_server_that_is_told_no_answer_may_give_any() -> None:
    assert 'receive = "."' in lines("any name")


@pytest.mark.parametrize("case", ["check command", "check tcp"])
def test_a_program_gets_its_arguments_from_a_script_of_its_own(case: str) -> None:
    text = lines(case)
    assert {"checktype = external", 'checkcommand = "/etc/lvs-cluster/checks/web"'} < set(text)
    assert not [line for line in text if line.startswith(("checkport", "service ="))]


def test_a_script_says_real_server_and_port_without_brackets(tmp_path: Path) -> None:
    file = script("a program", tmp_path)
    done = subprocess.run(
        ["sh", str(file), "7", "0", "[2001:db8:2::21]", "8080"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "2001:db8:2::21 --port=80 a=b\n"


def test_a_script_that_talks_says_the_texts_as_they_are(tmp_path: Path) -> None:
    text = script("check tcp", tmp_path).read_text(encoding="utf-8")
    assert "port=99\n" in text
    assert "/etc/lvs-cluster/check-answer' ''\"$host\"'' ''\"$port\"'' '3' 'EHLO%20a%27b%0D%0A:220%20'" in text


def test_a_real_server_leaves_the_table_where_that_is_described() -> None:
    assert "quiescent = no" in lines("check http")


def test_a_web_check_asks_for_its_path_on_its_site() -> None:
    text = set(lines("check https"))
    assert {
        "checktype = negotiate",
        "service = https",
        'request = "/health?a=1"',
        'virtualhost = "www.example.org"',
    } < text
    assert {'receive = "^2[0-9]{2}|ok$"', "checkport = 99"} < text
    assert "checktype = on" in lines("check none")


def test_mails_are_as_described_and_without_processes_of_their_own_services_share_one_interval() -> None:
    text = lines("mail")
    assert {
        'emailalert = "ops@example.org, on-call@example.org"',
        "emailalertfrom = lb@example.org",
        "emailalertfreq = 60",
        "autoreload = yes",
        "fork = no",
    } < set(text)
    assert not [line for line in text if line.startswith("smtp")]
    assert "smtp = 192.0.2.25" in lines("mail by another host")
    assert text.count("checkinterval = 2") == 1
