# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP, connection synchronisation, health checks and notification: what may be described, and what comes of it."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.findings import cluster_findings
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, Interface
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observed import checked_port
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    LAN,
    REAL_SERVERS,
    VIP,
    VIP6,
    description,
    example_plans,
    mistakes,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.healthy import observe

LB1, LB2 = DIRECTORS
OTHER = "192.0.2.101"
WEB, TWO = service(), service(name="two", vip=OTHER)
SHARED = {"name": "second", "router_id": 52, "vips": [OTHER]}
NAT = {"gateway": "192.0.2.10/24", "local_clients": "source_nat"}
TUNNELLED = service(
    vip=VIP6, forwarding="tunnel", real_servers=[{"host": "far", "address": "203.0.113.21"}], check={"type": "none"}
)


def shared(*services: object, **keys: object) -> dict[str, object]:
    """VIPs shared out, with one thing said otherwise."""
    return description(*(services or (WEB, TWO)), vrrp={"instances": [{**SHARED, **keys}]})


def check(**keys: object) -> dict[str, object]:
    return description(service(check=keys))


def told(**mail: object) -> dict[str, object]:
    return description(notify={"mail": {"to": "a@example.org", **mail}})


#: What is described, where the mistake is, words of the problem, words of the remedy.
ONE_MISTAKE: list[tuple[str, object, str, str, str]] = [
    (
        "a delay without preempt",
        description(vrrp={"preempt_delay": 5}),
        "vrrp.preempt_delay",
        "preempt is false",
        "preempt: true",
    ),
    (
        "a delay too long",
        description(vrrp={"preempt": True, "preempt_delay": 1001}),
        "vrrp.preempt_delay",
        "out of range",
        "0 to 1000",
    ),
    (
        "no missing advert",
        description(vrrp={"down_timer_adverts": 0}),
        "vrrp.down_timer_adverts",
        "out of range",
        "1 to 100",
    ),
    (
        "an interface with a blank",
        description(vrrp={"track_interfaces": ["eth 0"]}),
        "vrrp.track_interfaces[0]",
        "no interface name",
        "ip link",
    ),
    (
        "an interface that is missing",
        description(vrrp={"track_interfaces": ["eth7"]}),
        "vrrp.track_interfaces[0]",
        "lb1 and lb2",
        "all directors",
    ),
    ("an instance without VIPs", shared(vips=[]), "vrrp.instances[0].vips", "empty", "at least one"),
    (
        "an instance's number is taken",
        shared(router_id=51),
        "vrrp.instances[0].router_id",
        "vrrp.router_id is 51 too",
        "of its own",
    ),
    (
        "an instance's name is taken",
        shared(name="lvs_51"),
        "vrrp.instances[0].name",
        "called lvs_51 too",
        "its own name",
    ),
    (
        "nobody of that name",
        shared(first="lb3"),
        "vrrp.instances[0].first",
        "no host of the group directors",
        "Did you mean lb2?",
    ),
    (
        "a VIP of nobody",
        shared(vips=[OTHER, "192.0.2.102"]),
        "vrrp.instances[0].vips[1]",
        "VIP of no service",
        "Did you mean",
    ),
    (
        "a VIP twice",
        shared(vips=[OTHER, OTHER]),
        "vrrp.instances[0].vips[1]",
        "stands in vrrp.instances[0].vips[0] too",
        "one instance",
    ),
    ("no VIP left", shared(vips=[VIP, OTHER]), "vrrp.instances", "No VIP is left", "Leave one out"),
    (
        "a VIP of NAT",
        {**shared(WEB, {**TWO, "forwarding": "nat"}), "nat": NAT},
        "vrrp.instances[0].vips[0]",
        "forwards by nat: the real servers' answers come back",
        "Take the VIP out",
    ),
    (
        "an address that is translated",
        {
            **shared(),
            "nat": {
                "gateway": "192.0.2.10/24",
                "mappings": [{"external": OTHER, "internal": "192.0.2.21", "protocol": "udp", "ports": [53]}],
            },
        },
        "vrrp.instances[0].vips[0]",
        "A mapping translates",
        "Take the VIP out",
    ),
    (
        "persistence over two instances",
        shared(service(vip=[VIP, OTHER], persistence=300)),
        "vrrp.instances",
        "would not stay with their real server",
        "into one",
    ),
    (
        "connections over families",
        description(WEB, {**TUNNELLED, "name": "far"}, connection_sync=True),
        "connection_sync",
        "service far has an address of the other family",
        "Write false",
    ),
    ("a text", description(connection_sync="on"), "connection_sync", "neither true nor false", "true or false"),
    ("sync id 0", description(connection_sync={"sync_id": 0}), "connection_sync.sync_id", "out of range", "1 to 255"),
    (
        "a group that is none",
        description(connection_sync={"group": VIP}),
        "connection_sync.group",
        "no multicast address",
        "224.0.0.81",
    ),
    (
        "an unknown interface",
        description(connection_sync={"interface": "eth7"}),
        "connection_sync.interface",
        "no interface of directors lb1 and lb2",
        "all directors have",
    ),
    (
        "no interface name",
        description(connection_sync={"interface": "a b"}),
        "connection_sync.interface",
        "no interface name",
        "ip link",
    ),
    (
        "a short message",
        description(connection_sync={"max_length": 1023}),
        "connection_sync.max_length",
        "out of range",
        "1024 to 65507",
    ),
    (
        "a long one by IPv6",
        description(connection_sync={"group": "ff02::81", "max_length": 65488}),
        "connection_sync.max_length",
        "out of range",
        "1024 to 65487",
    ),
    ("mail to nobody", description(notify={"mail": {}}), "notify.mail.to", "missing", "Add to"),
    (
        "mail to a name",
        told(to=["a@example.org", "admin"]),
        "notify.mail.to[1]",
        "no mail address",
        "admin@example.org",
    ),
    ("mail to two lines", told(to="a@b\nc"), "notify.mail.to", "no mail address", "admin@example.org"),
    ("mail from a name", told(**{"from": "x"}), "notify.mail.from", "no mail address", "admin@example.org"),
    (
        "a mail server's name",
        told(smtp_server="mail.example.org"),
        "notify.mail.smtp_server",
        "not an IP address",
        "IPv4 or IPv6",
    ),
    ("a script by its name", description(notify={"script": "tell"}), "notify.script", "no path", "Begin with /"),
    (
        "a script in a shell's words",
        description(notify={"script": "/bin/tell a"}),
        "notify.script",
        "is one text",
        "Write a list",
    ),
    (
        "a script with quotes",
        description(notify={"script": ["/bin/tell", 'a"']}),
        "notify.script[1]",
        "cannot be an argument",
        "goes into a script",
    ),
    (
        "a script with a placeholder",
        description(notify={"script": ["/bin/tell", "%h"]}),
        "notify.script[1]",
        "cannot be an argument",
        "letters",
    ),
    (
        "too long a script",
        description(notify={"script": ["/bin/tell", *["a" * 100] * 9]}),
        "notify.script",
        "longer than 900",
        "into a script",
    ),
    (
        "a script and the way up",
        description(notify={"script": ["/bin/../tmp/x"]}),
        "notify.script[0]",
        "no path",
        "Begin with /",
    ),
    (
        "urls and a path",
        check(type="http", path="/a", urls=[{"path": "/b"}]),
        "services[0].check.path",
        "beside urls",
        "Write it there",
    ),
    (
        "urls without a path",
        check(type="http", urls=[{"status": 204}]),
        "services[0].check.urls[0].path",
        "missing",
        "Add path",
    ),
    (
        "a quote in the regex",
        check(type="http", regex='a"'),
        "services[0].check.regex",
        "cannot stand in the configuration",
        "[.]",
    ),
    ("no regex", check(type="http", regex="(a"), "services[0].check.regex", "no regular expression", "Correct it"),
    ("a short digest", check(type="http", digest="ab"), "services[0].check.digest", "no MD5 sum", "genhash"),
    (
        "a site in a sentence",
        check(type="http", virtualhost="a b"),
        "services[0].check.virtualhost",
        "name of a site",
        "www.example.org",
    ),
    ("a regex of nobody", check(type="tcp", regex="a"), "services[0].check.regex", "type tcp", "http or https"),
    ("what is no text", check(type="tcp", send=5), "services[0].check.send", "not a text", "double quotes"),
    (
        "a text too long",
        check(type="tcp", expect="a" * 121),
        "services[0].check.expect",
        "cannot be sent or awaited",
        "1 to 120",
    ),
    (
        "a text in another language",
        check(type="tcp", expect="\u00e4"),
        "services[0].check.expect",
        "cannot be sent or awaited",
        "ASCII",
    ),
    (
        "a greeting of two words",
        check(type="smtp", helo="a b"),
        "services[0].check.helo",
        "name to greet with",
        "www.example.org",
    ),
    (
        "a record that nobody asks for",
        check(type="dns", record="ANY"),
        "services[0].check.record",
        "no record that is known",
        "SOA",
    ),
    ("half a byte", check(type="udp", port=53, payload="012"), "services[0].check.payload", "no bytes", "in quotes"),
    (
        "bytes without quotes",
        check(type="udp", port=53, payload=66),
        "services[0].check.payload",
        "no bytes",
        "in quotes",
    ),
    (
        "half an answer",
        check(type="udp", port=53, require_reply="0"),
        "services[0].check.require_reply",
        "neither true, false",
        "01XX",
    ),
    (
        "a UDP check of a TCP service",
        check(type="udp"),
        "services[0].check",
        "asks by UDP, but the service is tcp",
        "check.port",
    ),
    (
        "a mail check of a UDP service",
        description(service(protocol="udp", check={"type": "smtp"})),
        "services[0].check",
        "connects by TCP",
        "check.port",
    ),
    ("a port for ping", check(type="ping", port=1), "services[0].check.port", "type ping", "tcp, http"),
    ("a command without one", check(type="command"), "services[0].check.command", "missing", "as a list"),
    ("a command of nobody", check(command=["/bin/a"]), "services[0].check.command", "type tcp", "command"),
    (
        "%p without a port",
        description(service(ports=["1000:2000"], check={"type": "command", "command": ["/bin/a", "%p"]})),
        "services[0].check.command",
        "names none by itself",
        "check.port",
    ),
    (
        "a command with a percent sign",
        check(type="command", command=["/bin/a", "5%"]),
        "services[0].check.command[1]",
        "cannot be an argument",
        "%h for the address",
    ),
    ("more than there is", description(service(quorum=3)), "services[0].quorum", "out of range", "1 to 2"),
    (
        "as much hysteresis as quorum",
        description(service(quorum=2, hysteresis=2)),
        "services[0].hysteresis",
        "out of range",
        "0 to 1",
    ),
    (
        "a quorum that nobody counts",
        description(service(quorum=2), health_checks="none"),
        "services[0].quorum",
        "health_checks is none",
        "Leave it out",
    ),
    (
        "a shell in quorum_up",
        description(service(quorum_up="mail root")),
        "services[0].quorum_up",
        "is one text",
        "list",
    ),
]


@pytest.mark.parametrize(
    ("described", "path", "problem", "remedy"),
    [case[1:] for case in ONE_MISTAKE],
    ids=[case[0] for case in ONE_MISTAKE],
)
def test_a_mistake_is_reported_alone_with_path_problem_and_remedy(
    described: object, path: str, problem: str, remedy: str
) -> None:
    found = mistakes(described)
    assert [mistake.path for mistake in found] == [path], found
    assert problem in found[0].problem
    assert remedy in found[0].remedy


def director(name: str, described: object, directors: t.Sequence[Host] = DIRECTORS) -> dict[str, t.Any]:
    plan = compile_cluster(described, directors, REAL_SERVERS)[name]["vars"]
    assert isinstance(plan, dict)
    return plan


def with_priorities(*priorities: object) -> list[Host]:
    return [dataclasses.replace(host, priority=each) for host, each in zip(DIRECTORS, priorities, strict=True)]


def test_a_director_may_say_its_own_priority() -> None:
    plans = compile_cluster(description(), with_priorities(100, "200"), REAL_SERVERS)
    assert [plans[name]["vars"]["director_vrrp"]["priority"] for name in ("lb1", "lb2")] == [100, 200]


@pytest.mark.parametrize(
    ("priorities", "host", "problem"),
    [
        ((255, None), "lb1", "255 is out of range"),
        ((240, None), "lb1", "both have priority 240"),
        ((7, 7), "lb2", "both"),
    ],
)
def test_a_priority_is_from_1_to_254_and_nobody_else_s(priorities: tuple[object, ...], host: str, problem: str) -> None:
    (found,) = mistakes(description(), with_priorities(*priorities))
    assert found.path == f"hostvars[{host}].lvs_priority"
    assert problem in found.problem


def test_vips_that_are_shared_out_prefer_another_director_and_come_back_to_it() -> None:
    plans = {name: director(name, shared())["director_vrrp"] for name in ("lb1", "lb2")}
    assert [plans[name]["priority"] for name in plans] == [250, 240]
    assert plans["lb1"]["instances"] == [{"name": "second", "router_id": 52, "priority": 240, "vips": [OTHER]}]
    assert plans["lb2"]["instances"] == [{"name": "second", "router_id": 52, "priority": 250, "vips": [OTHER]}]
    assert plans["lb1"]["preempt"], "else they would stay together after the first failover"
    first = director("lb1", shared(first="lb1"))["director_vrrp"]["instances"]
    assert [each["priority"] for each in first] == [250]


def test_interfaces_to_watch_stand_beside_those_of_the_vips() -> None:
    both = (Interface("eth0", LAN), Interface("eth1", ()))
    directors = [dataclasses.replace(host, interfaces=both) for host in DIRECTORS]
    plan = director("lb1", description(vrrp={"track_interfaces": ["eth1"]}), directors)
    assert plan["director_vrrp"]["track_interfaces"] == ["eth0", "eth1"]


def test_connections_are_synchronised_unless_nobody_could_or_the_kernel_would_not() -> None:
    assert director("lb1", description())["director_connection_sync"]["sync_id"] == 51
    assert director("lb1", description(vrrp={"router_id": 7}))["director_connection_sync"]["sync_id"] == 7
    assert director("lb1", description(connection_sync=False))["director_connection_sync"] == {}
    assert director("lb1", description(WEB, {**TUNNELLED, "name": "far"}))["director_connection_sync"] == {}
    assert director("lb1", description(failover="none"), DIRECTORS[:1])["director_connection_sync"] == {}


def test_the_firewall_lets_connections_in_from_the_other_directors_only() -> None:
    def sync(described: object, directors: t.Sequence[Host]) -> object:
        return director("lb1", described, directors)["director_firewall"]["sync"]

    own = Interface("eth1", (ipaddress.ip_network("10.0.0.0/24"),), ipaddress.IPv4Address("10.0.0.12"))
    directors = [dataclasses.replace(host, interfaces=(Interface("eth0", LAN), own)) for host in DIRECTORS]
    assert sync(description(firewall=True), DIRECTORS) == {"interface": "eth0", "peers": ["192.0.2.12"], "port": 8848}
    other = description(firewall=True, connection_sync={"interface": "eth1", "port": 9})
    assert sync(other, directors) == {"interface": "eth1", "peers": ["10.0.0.12"], "port": 9}
    assert sync(description(firewall=True, connection_sync={"group": "ff02::7"}), DIRECTORS) == {
        "interface": "eth0",
        "peers": [],
        "port": 8848,
    }
    assert sync(description(firewall=True, connection_sync=False), DIRECTORS) is None


def test_an_ipv4_group_needs_an_address_to_send_from() -> None:
    bare = (Interface("eth0", LAN), Interface("eth1", (ipaddress.ip_network("2001:db8:9::/64"),)))
    directors = [dataclasses.replace(host, interfaces=bare) for host in DIRECTORS]
    (found,) = mistakes(description(connection_sync={"interface": "eth1"}), directors)
    assert found.path == "connection_sync.interface"
    assert "no IPv4 address" in found.problem
    assert mistakes(description(connection_sync={"interface": "eth1", "group": "ff02::7"}), directors) == []


def test_a_check_s_plan_has_what_its_type_needs_and_nothing_else() -> None:
    def plan(**keys: object) -> dict[str, t.Any]:
        (found,) = director("lb1", check(**keys))["director_services"]
        pace = {"interval": 2, "timeout": 3, "retries": 2}
        assert {key: found["check"].pop(key) for key in pace} == pace
        return t.cast("dict[str, t.Any]", found["check"])

    assert plan() == {"type": "tcp", "port": 80}
    assert plan(send="a", expect="b", alpha=True) == {
        "type": "tcp",
        "send": "a",
        "expect": "b",
        "port": 80,
        "alpha": True,
    }
    assert plan(type="ping", quiesce_on_failure=True) == {"type": "ping", "quiesce_on_failure": True}
    assert plan(type="dns") == {"type": "dns", "name": ".", "record": "SOA", "port": 80}
    assert plan(type="udp", port=9, require_reply=True) == {"type": "udp", "require_reply": True, "port": 9}
    assert plan(type="command", command=["/bin/a", "%h", 5])["command"] == ["/bin/a", "%h", "5"]
    assert plan(type="http", urls=[{"path": "/a", "regex": "x"}])["urls"] == [
        {"path": "/a", "status": 200, "regex": "x"}
    ]


def test_a_quorum_is_in_the_plan_where_it_is_described() -> None:
    (found,) = director("lb1", description(service(quorum=2, quorum_down="/bin/a")))["director_services"]
    assert (found["quorum"], found["hysteresis"], found["quorum_down"]) == (2, 0, ["/bin/a"])
    assert "quorum" not in director("lb1", description())["director_services"][0]


def test_only_checks_that_connect_by_tcp_say_where_a_real_server_must_listen() -> None:
    entry = {"address": "192.0.2.21", "port": 80}
    for kind, port in (("tcp", 80), ("smtp", 80), ("udp", 0), ("dns", 0), ("ping", 0), ("command", 0), ("none", 0)):
        assert checked_port({"check": {"type": kind}}, entry) == port


def findings(plans: dict[str, t.Any], change: t.Callable[[dict[str, t.Any]], object]) -> list[tuple[str, str]]:
    seen = observe(plans, [*DIRECTORS, *REAL_SERVERS])
    assert cluster_findings(plans, seen) == []
    change(seen["hosts"])
    return [(found["host"], found["found"]) for found in cluster_findings(plans, seen)]


def daemons(name: str, *roles: str, **changes: object) -> t.Callable[[dict[str, t.Any]], object]:
    """Only the daemons of these roles run on this host, with something changed."""

    def apply(hosts: dict[str, t.Any]) -> None:
        running = hosts[name]["ipvs"]["daemons"]
        hosts[name]["ipvs"]["daemons"] = [{**each, **changes} for each in running if each["role"] in roles]

    return apply


@pytest.mark.parametrize(
    ("change", "host", "words"),
    [
        (daemons("lb1"), "lb1", "It neither sends nor learns connections"),
        (daemons("lb1", "backup"), "lb1", "Nothing on it sends its connections to the other directors"),
        (daemons("lb2", "master"), "lb2", "Nothing on it learns connections from the other directors"),
        (daemons("lb2", "master", "backup", sync_id=9), "lb2", "sync_id 9 instead of 51"),
        (daemons("lb2", "master", "backup", interface="eth9"), "lb2", "interface eth9 instead of eth0"),
    ],
)
def test_a_director_whose_connections_would_not_survive_is_named(
    change: t.Callable[[dict[str, t.Any]], object], host: str, words: str
) -> None:
    ((found_host, found),) = findings(example_plans(), change)
    assert found_host == host
    assert words in found


def test_a_rule_that_drops_what_the_others_tell_is_named() -> None:
    def drop(hosts: dict[str, t.Any]) -> None:
        hosts["lb2"]["host"]["drops"].append({"word": "udp/8848", "rule": "-A INPUT -p udp --dport 8848 -j DROP"})

    ((host, found),) = findings(example_plans(), drop)
    assert host == "lb2"
    assert "--dport 8848 -j DROP" in found


def test_without_synchronisation_no_daemon_is_missed() -> None:
    assert findings(example_plans(connection_sync=False), lambda hosts: None) == []


def test_connections_without_a_standby_are_a_mistake() -> None:
    (found,) = mistakes(description(connection_sync=True, failover="none"), DIRECTORS[:1])
    assert (found.path, "no standby" in found.problem) == ("connection_sync", True)
