# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the description check lets pass, keepalived accepts: its own --config-test is the judge."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import jinja2
import yaml

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, Interface
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.model import SCHEDULER_FLAGS, SCHEDULERS
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    LAN,
    REAL_SERVERS,
    VIP,
    VIP6,
    description,
    service,
)

ROLE = Path(__file__).parents[3] / "roles" / "director"
KEEPALIVED = shutil.which("keepalived", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
V6_ONLY = tuple(Host(f"lb{n}", (f"2001:db8:2::1{n}",), (Interface("eth0", LAN),)) for n in (1, 2))


def check(**keys: object) -> dict[str, object]:
    return service(check=keys)


def many(prefix: str, number: int = 30) -> list[dict[str, object]]:
    return [service(name=f"n{n}{prefix[-1]}", vip=f"{prefix}{100 + n}") for n in range(number)]


CASES: dict[str, tuple[t.Sequence[Host], dict[str, object]]] = {
    "plain": (DIRECTORS, description()),
    "thirty VIPs of each family": (DIRECTORS, description(*many("192.0.2."), *many("2001:db8:2::"))),
    "IPv6 VIPs only": (DIRECTORS, description(service(vip=VIP6))),
    "directors with IPv6 only": (V6_ONLY, description(service(), service(name="web6", vip=VIP6))),
    "one director": (DIRECTORS[:1], description(service(), service(name="web6", vip=VIP6), failover="none")),
    "the whole of VRRP": (
        DIRECTORS,
        description(vrrp={"router_id": 255, "advert_interval": 0.01, "preempt": True, "unicast": False}),
    ),
    "persistence by network": (
        DIRECTORS,
        description(
            service(persistence=2678400, persistence_netmask=24),
            service(name="web6", vip=VIP6, persistence=1, persistence_netmask=64),
        ),
    ),
    "udp and sctp": (
        DIRECTORS,
        description(
            service(protocol="udp", check={"port": 53}), service(name="s", protocol="sctp", check={"type": "none"})
        ),
    ),
    "weights": (
        DIRECTORS,
        description(service(real_servers=[{"host": "rs1", "weight": 0}, {"host": "rs2", "weight": 65535}])),
    ),
    "no health checks": (DIRECTORS, description(health_checks="none")),
    "one director without health checks": (DIRECTORS[:1], description(failover="none", health_checks="none")),
    "sorry server": (DIRECTORS, description(service(sorry_server="192.0.2.99"))),
    "smallest check": (
        DIRECTORS,
        description(check(type="https", interval=0.1, timeout=0.101, retries=0, status=[200, 204])),
    ),
    "largest check": (
        DIRECTORS,
        description(
            check(type="http", interval=3600, timeout=3600, retries=100, status=599, path="/?%=&+:,;@~" + "a" * 988)
        ),
    ),
    **{
        scheduler: (
            DIRECTORS,
            description(service(scheduler=scheduler, scheduler_flags=[*SCHEDULER_FLAGS.get(scheduler, ()), "flag-3"])),
        )
        for scheduler in SCHEDULERS
    },
}
#: The example of the role's README: no defaults of the description.
ALONE = yaml.safe_load((ROLE / "README.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0])[0]


def variables() -> dict[str, dict[str, t.Any]]:
    plans = {
        name: compile_cluster(described, directors, REAL_SERVERS)[directors[0].name]["vars"]
        for name, (directors, described) in CASES.items()
    }
    plans["the role alone"] = ALONE["roles"][0]["vars"]
    given = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    given.update(yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8")))
    given["__director_left_out"] = []
    return {name: {**given, **plan} for name, plan in plans.items()}


def rendered(given: dict[str, t.Any]) -> str:
    template = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, loader=jinja2.FileSystemLoader(ROLE))
    template.filters.update(comment=lambda text: f"# {text}", difference=lambda a, b: [x for x in a if x not in b])
    template.tests["search"] = lambda text, pattern: re.search(pattern, text) is not None
    names = {"ansible_managed": "Ansible", "inventory_hostname": "lb1"}
    return template.get_template("templates/keepalived.conf.j2").render(**names, **given)


def test_without_health_checks_keepalived_knows_the_vips_and_no_service() -> None:
    cases = variables()
    for name in ("no health checks", "one director without health checks"):
        text = rendered(cases[name])
        assert "virtual_server" not in text
        assert f"{VIP}/32" in text
    assert "virtual_server" in rendered(cases["plain"])


def test_keepalived_accepts_what_the_template_makes_of_every_kind_of_description(tmp_path: Path) -> None:
    assert KEEPALIVED is not None, "keepalived judges here: install the package (it need not run)"
    cases = variables()
    tasks = [
        {
            "name": name,
            "ansible.builtin.template": {
                "src": str(ROLE / "templates/keepalived.conf.j2"),
                "dest": str(tmp_path / f"{number}.conf"),
                "mode": "0600",
            },
            "vars": given,
        }
        for number, (name, given) in enumerate(cases.items())
    ]
    play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
    play["vars"] = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    run = [sys.executable, "-m", "ansible", "playbook", str(tmp_path / "play.json")]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    refused = {}
    for number, name in enumerate(cases):
        command = [str(KEEPALIVED), "--config-test", "--use-file", str(tmp_path / f"{number}.conf")]
        tested = subprocess.run(command, capture_output=True, text=True, check=False)
        if tested.returncode:
            refused[name] = tested.stdout + tested.stderr
    assert refused == {}
