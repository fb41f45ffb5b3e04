# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the description check lets pass, keepalived accepts: its own --config-test is the judge."""

from __future__ import annotations

import functools
import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import jinja2
import pytest
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


CHECKS: list[dict[str, t.Any]] = [
    {"type": "tcp"},
    {"type": "tcp", "send": 'EHLO "x" #!/~\r\n', "expect": "250 "},
    {"type": "tcp", "expect": "220", "timeout": 0.5},
    {"type": "http", "path": "/a", "regex": "(all|most) is [Ww]ell [.]", "virtualhost": "www.example.org"},
    {"type": "https", "digest": "9b3a0c85a887a256d6939da88aabd8cd", "virtualhost": "www.example.org"},
    {"type": "https", "urls": [{"path": "/a"}, {"path": "/b", "status": [200, 204], "regex": "b"}]},
    {"type": "smtp"},
    {"type": "smtp", "helo": "lb1.example.org"},
    {"type": "dns", "name": "example.org", "record": "AAAA"},
    {"type": "dns"},
    {"type": "udp", "port": 53, "payload": "0102aB", "require_reply": "01xX"},
    {"type": "udp", "port": 53, "require_reply": True},
    {"type": "ping"},
    {"type": "command", "command": ["/bin/true", "--host=%h", "%p"], "timeout": 1.5},
]


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
    "a check of every kind": (
        DIRECTORS,
        description(
            *(
                service(name=f"n{number}", vip=f"192.0.2.{100 + number}", check={"interval": 0.5, "retries": 1, **keys})
                for number, keys in enumerate(CHECKS)
            )
        ),
    ),
    "checks of UDP services": (
        DIRECTORS,
        description(
            service(protocol="udp", ports=[53], check={"type": "dns"}),
            service(name="s", protocol="udp", ports=[69], vip="192.0.2.101", check={"type": "udp"}),
            service(name="t", protocol="udp", ports=["1000:2000"], vip="192.0.2.102", check={"type": "ping"}),
        ),
    ),
    "quorum": (
        DIRECTORS,
        description(
            service(
                quorum=2,
                hysteresis=1,
                quorum_up=["/bin/true", "up"],
                quorum_down="/bin/true",
                check={"alpha": True, "quiesce_on_failure": True},
                sorry_server="192.0.2.99",
            )
        ),
    ),
    "who is told": (
        DIRECTORS,
        description(
            notify={
                "mail": {"to": ["a@example.org", "b+lvs@example.org"], "from": "lb@example.org", "port": 2525},
                "script": ["/bin/true", "lvs"],
            }
        ),
    ),
    "mail only": (
        DIRECTORS,
        description(notify={"mail": {"to": "a@example.org", "smtp_server": "2001:db8:2::25"}}),
    ),
    "VIPs shared out": (
        DIRECTORS,
        description(
            service(),
            service(name="two", vip="192.0.2.101"),
            service(name="six", vip=VIP6),
            vrrp={
                "preempt_delay": 1000,
                "down_timer_adverts": 2,
                "track_interfaces": ["eth0"],
                "instances": [{"name": "second", "router_id": 52, "vips": ["192.0.2.101", VIP6]}],
            },
            notify={"script": "/bin/true"},
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
TCP_80 = {"type": "tcp", "port": 80}
NETWORKS: dict[str, t.Any] = {
    "director_vips": [{"address": VIP, "prefix": 32, "interface": "eth0"}],
    "director_gateways": [{"address": "10.11.12.10", "prefix": 24, "interface": "lo"}],
    "director_vrrp": {
        "instance": "lvs_51",
        "router_id": 51,
        "interface": "eth0",
        "track_interfaces": ["eth0", "lo"],
        "source": "192.0.2.11",
        "peers": ["192.0.2.12"],
        "priority": 250,
        "advert_interval": 0.3,
        "preempt": False,
        "unicast": True,
    },
}


def marked(mark: int = 1000, family: str = "ipv4", **keys: t.Any) -> dict[str, t.Any]:
    real_servers = [{"address": "192.0.2.21" if family == "ipv4" else "2001:db8:2::21", "port": 0}]
    return {
        "name": "web",
        "fwmark": mark,
        "family": family,
        "address": None,
        "port": 0,
        "protocol": "tcp",
        "forwarding": "direct",
        "check": TCP_80,
        "real_servers": real_servers,
        **keys,
    }


def addressed(*real_servers: dict[str, t.Any], **keys: t.Any) -> dict[str, t.Any]:
    return {"name": "web", "fwmark": None, "address": VIP, "port": 80, "real_servers": list(real_servers), **keys}


def tunnelled(**keys: t.Any) -> dict[str, t.Any]:
    return {"address": "203.0.113.21", "port": 80, "forwarding": "tunnel", **keys}


#: Variables of the role as they are, for what is easier said so than as a description.
PLANS: dict[str, dict[str, t.Any]] = {
    "a gateway that moves with the VIPs": {
        **NETWORKS,
        "director_services": [addressed({"address": "10.11.12.21", "port": 8080}, forwarding="nat")],
    },
    "gateways of both families": {
        **NETWORKS,
        "director_gateways": [
            *NETWORKS["director_gateways"],
            {"address": "2001:db8:12::10", "prefix": 64, "interface": "lo"},
        ],
        "director_services": [addressed({"address": "10.11.12.21"}, forwarding="nat")],
    },
    "a gateway without failover": {
        **NETWORKS,
        "director_failover": "none",
        "director_services": [addressed({"address": "10.11.12.21"}, forwarding="nat")],
    },
    "marks": {
        **NETWORKS,
        "director_services": [
            marked(persistence=300, persistence_netmask="255.255.255.0"),
            marked(family="ipv6", persistence=300, persistence_netmask=64),
            marked(1001, sorry_server={"address": "192.0.2.99", "port": 80}, forwarding="nat"),
            marked(1002, protocol="udp", one_packet=True, check={"type": "none"}),
        ],
    },
    "a mark of one family over tunnels to the other": {
        **NETWORKS,
        "director_services": [
            marked(family="ipv6", forwarding="tunnel", real_servers=[tunnelled(tunnel_type="ipip")]),
            marked(
                1001,
                forwarding="tunnel",
                real_servers=[{"address": "2001:db8:3::21", "tunnel_type": "gre"}],
                sorry_server={"address": "2001:db8:3::22", "tunnel_type": "gue", "tunnel_port": 6080},
            ),
        ],
    },
    "every tunnel": {
        **NETWORKS,
        "director_services": [
            addressed(
                tunnelled(),
                tunnelled(address="203.0.113.22", tunnel_type="ipip", tunnel_port=0, tunnel_checksum="none"),
                tunnelled(address="203.0.113.23", tunnel_type="gue", tunnel_port=6080),
                tunnelled(address="203.0.113.24", tunnel_type="gue", tunnel_port=6080, tunnel_checksum="standard"),
                tunnelled(address="203.0.113.25", tunnel_type="gue", tunnel_port=6080, tunnel_checksum="remote"),
                tunnelled(address="203.0.113.26", tunnel_type="gre", tunnel_checksum="none"),
                tunnelled(address="203.0.113.27", tunnel_type="gre", tunnel_checksum="standard"),
                {"address": "192.0.2.21", "forwarding": "direct", "upper_threshold": 100, "lower_threshold": 50},
                {"address": "192.0.2.22", "port": 8080, "forwarding": "nat", "weight": 0},
                forwarding="tunnel",
                sorry_server={"address": "192.0.2.99", "port": 80, "forwarding": "direct"},
            )
        ],
    },
    "every port": {
        **NETWORKS,
        "director_services": [addressed({"address": "192.0.2.21", "port": 0}, port=0, persistence=60, check=TCP_80)],
    },
    "one packet": {
        **NETWORKS,
        "director_services": [addressed({"address": "192.0.2.21"}, port=53, protocol="udp", one_packet=True)],
    },
}
#: The example of the role's README: no defaults of the description.
ALONE = yaml.safe_load((ROLE / "README.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0])[0]


@functools.cache
def variables() -> dict[str, dict[str, t.Any]]:
    plans = {
        name: compile_cluster(described, directors, REAL_SERVERS)[directors[0].name]["vars"]
        for name, (directors, described) in CASES.items()
    }
    plans["the role alone"] = ALONE["roles"][0]["vars"]
    plans.update(PLANS)
    given = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    given.update(yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8")))
    given["__director_left_out"] = []
    given["__director_script_user"] = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    return {name: {**given, **plan} for name, plan in plans.items()}


def has_programs(given: dict[str, t.Any]) -> bool:
    keys = {"send", "expect", "command"}
    talking = [each for each in given["director_services"] if keys & {*each.get("check", {})} or each.get("quorum_up")]
    return bool(talking or given["director_notify"].get("script"))


def rendered(given: dict[str, t.Any]) -> str:
    template = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, loader=jinja2.FileSystemLoader(ROLE))
    template.filters.update(comment=lambda text: f"# {text}", difference=lambda a, b: [x for x in a if x not in b])
    template.filters["flatten"] = lambda given: [
        x for each in given for x in (each if isinstance(each, list) else [each])
    ]
    template.tests["search"] = lambda text, pattern: re.search(pattern, text) is not None
    names: dict[str, t.Any] = {"ansible_managed": "Ansible", "inventory_hostname": "lb1"}
    # Ansible resolves a variable in a variable, jinja2 alone does not.
    gateways = {"__director_gateways": given["director_gateways"]}
    names["__director_has_programs"] = has_programs(given)
    return template.get_template("templates/keepalived.conf.j2").render(**{**given, **names, **gateways})


def lines(plan: str) -> list[str]:
    return [line.strip() for line in rendered(variables()[plan]).splitlines()]


def block(opening: str, text: list[str]) -> list[str]:
    start = text.index(opening)
    return text[start + 1 : text.index("}", start)]


def test_without_health_checks_keepalived_knows_the_vips_and_no_service() -> None:
    cases = variables()
    for name in ("no health checks", "one director without health checks"):
        text = rendered(cases[name])
        assert "virtual_server" not in text
        assert f"{VIP}/32" in text
    assert "virtual_server" in rendered(cases["plain"])


def test_gateways_move_with_the_vips_and_all_networks_are_watched() -> None:
    text = lines("gateways of both families")
    assert block("virtual_ipaddress_excluded {", text) == [
        f"{VIP}/32 dev eth0",
        "10.11.12.10/24 dev lo",
        "2001:db8:12::10/64 dev lo",
    ]
    assert block("track_interface {", text) == ["lo"], "keepalived watches eth0 anyway and refuses its name here"
    assert block("static_ipaddress {", lines("a gateway without failover"))[1] == "10.11.12.10/24 dev lo"


def test_adverts_say_the_same_whatever_the_vips_are() -> None:
    announced = {name: block("virtual_ipaddress {", lines(name)) for name in ("plain", "thirty VIPs of each family")}
    assert set(map(tuple, announced.values())) == {("169.254.51.1/32 dev lo scope host",)}
    assert block("virtual_ipaddress {", lines("directors with IPv6 only")) == ["fe80::33/128 dev lo"]


def test_a_marked_service_has_its_family_and_neither_protocol_nor_ports() -> None:
    text = lines("marks")
    headings = [(line, text[number + 1]) for number, line in enumerate(text) if line.startswith("virtual_s")]
    assert headings == [
        ("virtual_server fwmark 1000 {", "ip_family inet"),
        ("virtual_server fwmark 1000 {", "ip_family inet6"),
        ("virtual_server fwmark 1001 {", "ip_family inet"),
        ("virtual_server fwmark 1002 {", "ip_family inet"),
    ]
    assert {line for line in text if line.startswith("real_server")} == {
        "real_server 192.0.2.21 0 {",
        "real_server 2001:db8:2::21 0 {",
    }
    assert "sorry_server 192.0.2.99 0" in text
    assert "ops" in text


def test_a_check_tries_the_port_that_the_real_server_gets_packets_on_unless_another_is_said() -> None:
    given = variables()["a gateway that moves with the VIPs"]
    for check, port in (({"type": "tcp"}, 8080), ({"type": "tcp", "port": 99}, 99)):
        service = {**given["director_services"][0], "check": check}
        assert f"connect_port {port}\n" in rendered({**given, "director_services": [service]})


def test_each_real_server_gets_its_own_forwarding_where_it_is_not_the_service_s() -> None:
    assert [line for line in lines("every tunnel") if "lvs_method" in line] == [
        "lvs_method TUN",
        "sorry_server_lvs_method DR",
        "lvs_method TUN type gue port 6080 nocsum",
        "lvs_method TUN type gue port 6080 csum",
        "lvs_method TUN type gue port 6080 remcsum",
        "lvs_method TUN type gre nocsum",
        "lvs_method TUN type gre csum",
        "lvs_method DR",
        "lvs_method NAT",
    ]


def test_every_real_server_in_every_service_has_a_file_that_can_drain_it() -> None:
    text = lines("plain")
    assert block("track_file web@rs1 {", text) == ['file "/etc/lvs-cluster/drain/web@rs1"', "weight 1"]
    assert text.count("FILE_CHECK {") == 2
    assert block("FILE_CHECK {", text) == ["track_file web@rs1"]
    both = description(service(vip=[VIP, VIP6]))
    plan = compile_cluster(both, DIRECTORS, REAL_SERVERS)["lb1"]["vars"]
    shown = rendered({**variables()["plain"], **plan})
    assert shown.count("track_file web@rs1 {") == 1, "one file for both families"
    assert shown.count("FILE_CHECK {") == 4
    assert "track_file web@192.0.2.21 {" in rendered(variables()["the role alone"])


def test_an_old_keepalived_and_a_table_of_the_modules_have_no_files_of_drains() -> None:
    given = variables()["plain"]
    for less in ({"__director_left_out": ["drain_files"]}, {"director_health_checks": "none"}):
        text = rendered({**given, **less})
        assert "FILE_CHECK" not in text
        assert "web@rs1" not in text


def test_a_director_can_be_told_to_yield_and_forgets_it_unless_it_would_take_the_vips_back() -> None:
    file = 'file "/etc/lvs-cluster/yield"'
    assert block("track_file lvs_yield {", lines("plain"))[:2] == [file, "weight 1"]
    assert "init_file 0 overwrite" in lines("plain")
    assert block("track_file lvs_yield {", lines("the whole of VRRP")) == [file, "weight 1"]
    for name in ("plain", "the whole of VRRP"):
        text = rendered(variables()[name])
        assert text.index("track_file lvs_yield {") < text.index("vrrp_instance") < text.index("        lvs_yield\n")
    assert "lvs_yield" not in rendered(variables()["one director"])


#: A plan, a line that its configuration has.
DIRECTIVES = [
    ("VIPs shared out", "preempt_delay 1000"),
    ("VIPs shared out", "down_timer_adverts 2"),
    ("VIPs shared out", 'notify "/bin/true"'),
    ("VIPs shared out", 'notify_down "/bin/true REAL_SERVER two/rs1 DOWN 1"'),
    ("VIPs shared out", "enable_script_security"),
    ("who is told", "b+lvs@example.org"),
    ("who is told", "notification_email_from lb@example.org"),
    ("who is told", "smtp_server 127.0.0.1 2525"),
    ("mail only", "smtp_server 2001:db8:2::25 25"),
    ("mail only", "smtp_alert true"),
    ("quorum", "quorum 2"),
    ("quorum", "hysteresis 1"),
    ("quorum", 'quorum_up "/bin/true up"'),
    ("quorum", 'quorum_down "/bin/true"'),
    ("quorum", "alpha"),
    ("quorum", "inhibit_on_failure"),
    ("a check of every kind", 'misc_path "/usr/bin/python3 /etc/lvs-cluster/check-answer 192.0.2.21 80 0.5 :220"'),
    ("a check of every kind", 'regex "(all|most) is [Ww]ell [.]"'),
    ("a check of every kind", "virtualhost www.example.org"),
    ("a check of every kind", "enable_sni"),
    ("a check of every kind", "digest 9b3a0c85a887a256d6939da88aabd8cd"),
    ("a check of every kind", "status_code 200 204"),
    ("a check of every kind", "helo_name lb1.example.org"),
    ("a check of every kind", "type AAAA"),
    ("a check of every kind", "name example.org"),
    ("a check of every kind", "payload 0102aB"),
    ("a check of every kind", "require_reply 01xX"),
    ("a check of every kind", "require_reply"),
    ("a check of every kind", "PING_CHECK {"),
    ("a check of every kind", 'misc_path "/bin/true --host=192.0.2.21 80"'),
    ("a check of every kind", "misc_timeout 2"),
]


@pytest.mark.parametrize(("plan", "line"), DIRECTIVES)
def test_what_is_described_is_a_line_of_the_configuration(plan: str, line: str) -> None:
    assert line in lines(plan)


def test_vips_that_are_shared_out_are_in_an_instance_of_their_own_and_no_other() -> None:
    text = lines("VIPs shared out")
    first, second = (text[text.index(f"vrrp_instance {name} {{") :] for name in ("lvs_51", "second"))
    assert block("virtual_ipaddress_excluded {", first) == [f"{VIP}/32 dev eth0"]
    assert block("virtual_ipaddress_excluded {", second) == ["192.0.2.101/32 dev eth0", f"{VIP6}/128 dev eth0"]
    assert [block("virtual_ipaddress {", each) for each in (first, second)] == [
        ["169.254.51.1/32 dev lo scope host"],
        ["169.254.52.1/32 dev lo scope host"],
    ]


def test_nothing_is_run_or_told_unless_described() -> None:
    words = ("script_user", "notify", "smtp", "quorum", "alpha", "misc_path", "preempt_delay", "down_timer", "maxlen")
    assert [line for line in lines("plain") if any(word in line for word in words)] == []


def test_keepalived_accepts_what_the_template_makes_of_every_kind_of_description(tmp_path: Path) -> None:
    assert KEEPALIVED is not None, "keepalived judges here: install the package (it need not run)"
    cases = variables()
    version = subprocess.run([KEEPALIVED, "--version"], capture_output=True, text=True, check=True).stderr
    tasks: list[dict[str, t.Any]] = []
    for number, (name, given) in enumerate(cases.items()):
        own = {**given, "__director_keepalived_asked": {"stderr": version}}
        written = {"dest": str(tmp_path / f"{number}.conf"), "mode": "0600"}
        tasks.append(
            {
                "name": name,
                "ansible.builtin.template": {"src": str(ROLE / "templates/keepalived.conf.j2"), **written},
                "vars": own,
            }
        )
        if not has_programs(given):
            continue
        asking = {"dest": str(tmp_path / f"{number}.test"), "mode": "0600", "content": "{{ __director_test }}"}
        tasks.append({"name": f"test of {name}", "ansible.builtin.copy": asking, "vars": own})
    play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
    play["vars"] = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    run = [sys.executable, "-m", "ansible", "playbook", str(tmp_path / "play.json")]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    refused = {}
    for number, name in enumerate(cases):
        asked = tmp_path / f"{number}.test"
        test = asked.read_text(encoding="utf-8") if asked.exists() else "keepalived --config-test --use-file %s"
        test %= tmp_path / f"{number}.conf"
        if os.geteuid() != 0:
            test = test.replace("unshare ", "unshare --user --map-current-user ")
        command = shlex.split(test.replace("keepalived --config", f"{KEEPALIVED} --config"))
        tested = subprocess.run(command, capture_output=True, text=True, check=False)
        if tested.returncode or tested.stdout + tested.stderr:
            refused[name] = f"{tested.returncode}: {tested.stdout + tested.stderr}"
    assert refused == {}
