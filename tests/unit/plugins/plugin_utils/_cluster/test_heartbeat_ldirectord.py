# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""heartbeat and ldirectord in a description: what each director gets, and every mistake with its path and a way out."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.findings import cluster_findings
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, hosts_from_hostvars
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    REAL_SERVERS,
    VIP,
    VIP6,
    description,
    mistakes,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.healthy import observe

LB1, LB2 = DIRECTORS
V6_ONLY = tuple(dataclasses.replace(host, addresses=host.addresses[1:]) for host in DIRECTORS)


def beating(**keys: object) -> dict[str, object]:
    return description(failover="heartbeat", heartbeat=keys)


def linked(**keys: object) -> dict[str, object]:
    return beating(links=[keys])


def directed(**keys: object) -> dict[str, object]:
    return description(service(**keys), health_checks="ldirectord")


def checked(**keys: object) -> dict[str, object]:
    return directed(check=keys)


def mailed(**keys: object) -> dict[str, object]:
    return description(health_checks="ldirectord", notify={"mail": keys})


WRONG: list[tuple[str, object, str, str, str]] = [
    ("unknown key", beating(keepalives=1), "heartbeat.keepalives", "unknown key", "keepalive"),
    ("too fast", beating(keepalive=0.01), "heartbeat.keepalive", "out of range", "0.1 to 3600"),
    ("a warning with each", beating(keepalive=3, warntime=2), "heartbeat.warntime", "not longer than keep", "between"),
    ("a late warning", beating(warntime=10), "heartbeat.warntime", "not shorter than deadtime", "between"),
    ("a short boot", beating(deadtime=20, initdead=30), "heartbeat.initdead", "or twice deadtime", "at least 40"),
    ("crc", beating(authentication="crc"), "heartbeat.authentication", "authenticates nothing", "Write sha1"),
    ("md5", beating(authentication="md5"), "heartbeat.authentication", "broken", "Write sha1"),
    ("sha9", beating(authentication="sha9"), "heartbeat.authentication", "'sha9'", "sha1"),
    ("no port", beating(port=0), "heartbeat.port", "out of range", "1 to 65535"),
    ("a failback that is no flag", beating(auto_failback="legacy"), "heartbeat.auto_failback", "neither", "true"),
    ("no links", beating(links=[]), "heartbeat.links", "empty", "Add"),
    ("a link that is a word", beating(links=["eth0"]), "heartbeat.links[0]", "not a mapping", "type"),
    ("a link without type", linked(interface="eth0"), "heartbeat.links[0].type", "missing", "Add type"),
    ("an unknown link", linked(type="mcast"), "heartbeat.links[0].type", "'mcast'", "Did you mean"),
    ("a broadcast somewhere", linked(type="bcast"), "heartbeat.links[0].interface", "needs interface", "Add"),
    ("a line without end", linked(type="serial"), "heartbeat.links[0].device", "needs device", "Add"),
    (
        "a line that is none",
        linked(type="serial", device="ttyS0"),
        "heartbeat.links[0].device",
        "'ttyS0'",
        "/dev/ttyS0",
    ),
    (
        "an odd speed",
        linked(type="serial", device="/dev/ttyS0", baud=1234),
        "heartbeat.links[0].baud",
        "1234",
        "19200",
    ),
    ("a baud of Ethernet", linked(type="ucast", baud=9600), "heartbeat.links[0].baud", "does not belong", "serial"),
    ("a bad interface", linked(type="bcast", interface="eth0 eth1"), "heartbeat.links[0].interface", "eth1", "ip link"),
    (
        "an address for a stranger",
        linked(type="ucast", addresses={"lb1": "10.0.0.1", "lb2": "10.0.0.2", "lb9": "10.0.0.9"}),
        "heartbeat.links[0].addresses",
        "'lb9' is no director",
        "lb1 and lb2",
    ),
    (
        "an address too few",
        linked(type="ucast", addresses={"lb1": "10.0.0.1"}),
        "heartbeat.links[0].addresses",
        "lb2 is missing",
        "each director",
    ),
    (
        "addresses of IPv6",
        linked(type="ucast", addresses={"lb1": "2001:db8::1", "lb2": "10.0.0.2"}),
        "heartbeat.links[0].addresses.lb1",
        "is IPv6",
        "IPv4",
    ),
    ("a ping to nobody", beating(ping=["router"]), "heartbeat.ping[0]", "'router'", "Write an IPv4"),
    ("a ping to itself", beating(ping="192.0.2.12"), "heartbeat.ping", "director's own", "router"),
    ("a ping to a VIP", beating(ping=VIP), "heartbeat.ping", "or a VIP", "router"),
    ("an unknown key of ldirectord", description(ldirectord={"spoon": 1}), "ldirectord.spoon", "unknown key", "fork"),
    (
        "mail again to nobody",
        description(ldirectord={"emailalertfreq": 60}),
        "ldirectord.emailalertfreq",
        "nothing without",
        "notify.mail",
    ),
    (
        "mail to two by another host",
        mailed(to=["a@example.org", "b@example.org"], smtp_server="192.0.2.25"),
        "notify.mail.to",
        "one receiver only",
        "mailing list",
    ),
    (
        "mail by IPv6",
        mailed(to="a@example.org", smtp_server="2001:db8::25"),
        "notify.mail.smtp_server",
        "IPv4 only",
        "IPv4",
    ),
    ("mail by another port", mailed(to="a@example.org", port=587), "notify.mail.port", "port 25 only", "Leave it"),
    ("sctp", directed(protocol="sctp", check={"type": "none"}), "services[0].protocol", "knows no sctp", "keepalived"),
    (
        "one packet of a mark",
        directed(protocol="udp", ports=[53, 54], one_packet=True, check={"type": "ping"}),
        "services[0].one_packet",
        "with a firewall mark",
        "one port",
    ),
    (
        "a tunnel of GRE",
        directed(forwarding="tunnel", tunnel_type="gre", real_servers=["rs1"]),
        "services[0].real_servers[0]",
        "no gre tunnel",
        "tunnel_type: ipip",
    ),
    (
        "a tunnel to the other family",
        directed(vip=VIP6, forwarding="tunnel", real_servers=[{"host": "rs1", "address": "192.0.2.21"}]),
        "services[0].real_servers[0]",
        "the other family",
        "address of the VIP's family",
    ),
    ("half a second", checked(interval=0.5), "services[0].check.interval", "whole seconds", "whole number"),
    ("a second and a half", checked(timeout=1.5), "services[0].check.timeout", "whole seconds", "whole number"),
    ("a status", checked(type="http", status=404), "services[0].check.status", "200 to 299", "regex"),
    ("a TCP check of UDP", directed(protocol="udp"), "services[0].check", "by its own protocol", "dns"),
    ("a ping over IPv6", directed(vip=VIP6, check={"type": "ping"}), "services[0].check", "over IPv6", "tcp"),
    ("another record", checked(type="dns", name="a.org"), "services[0].check.record", "not SOA", "record: A"),
    ("no name", checked(type="dns", record="A"), "services[0].check.name", "needs name", "Add"),
    ("alive at once", checked(alpha=False), "services[0].check.alpha", "until its first good check", "keepalived"),
    ("a program that is missing", checked(type="command"), "services[0].check.command", "missing", "as a list"),
    ("arguments", checked(type="command", command="/bin/a b"), "services[0].check.command", "one text", "a list"),
    ("a quotation mark", checked(type="http", regex='a"b'), "services[0].check.regex", "cannot stand", "without"),
    ("a number sign", checked(type="http", regex="a#b"), "services[0].check.regex", "cannot stand", "without"),
    ("half a pattern", checked(type="http", regex="(a"), "services[0].check.regex", "no regular", "Correct"),
    ("no host", checked(type="http", virtualhost="a b"), "services[0].check.virtualhost", "the name of a site", "www"),
    ("a quorum", directed(quorum=2), "services[0].quorum", "ldirectord does not count", "keepalived"),
    (
        "a key of another type",
        checked(type="smtp", regex="220"),
        "services[0].check.regex",
        "does not belong to a check of type smtp",
        "http",
    ),
    (
        "a check of ldirectord with keepalived",
        description(service(check={"type": "imap"})),
        "services[0].check.type",
        "keepalived has no check of type imap; ldirectord has.",
        "health_checks: ldirectord",
    ),
    (
        "a check of keepalived with ldirectord",
        checked(type="udp"),
        "services[0].check.type",
        "ldirectord has no check of type udp; keepalived has.",
        "health_checks: keepalived",
    ),
    (
        "a key of ldirectord with keepalived",
        description(service(check={"type": "dns", "regex": "ok"})),
        "services[0].check.regex",
        "keepalived has no regex in a check of type dns; ldirectord has.",
        "health_checks: ldirectord",
    ),
    (
        "a key of keepalived with ldirectord",
        checked(type="smtp", helo="lb1"),
        "services[0].check.helo",
        "ldirectord has no helo in a check of type smtp; keepalived has.",
        "health_checks: keepalived",
    ),
    (
        "a key of the other one's types",
        description(service(check={"type": "http", "login": "a"})),
        "services[0].check.login",
        "does not belong to a check of type http",
        "type ftp, imap",
    ),
]


@pytest.mark.parametrize(("described", "path", "problem", "remedy"), [pytest.param(*c[1:], id=c[0]) for c in WRONG])
def test_a_mistake_is_reported_alone_with_path_problem_and_remedy(
    described: object, path: str, problem: str, remedy: str
) -> None:
    found = mistakes(described)
    assert [mistake.path for mistake in found] == [path], found
    assert problem in found[0].problem
    assert remedy in found[0].remedy


def test_a_mail_is_sent_by_heartbeat_alone_and_refused_where_nobody_would_send_it() -> None:
    told = {"mail": {"to": "a@example.org"}}
    assert mistakes(description(failover="heartbeat", health_checks="none", notify=told)) == []
    (found,) = mistakes(description(failover="none", health_checks="none", notify=told), [LB1])
    assert found.path == "notify.mail"
    assert "Nobody would send it" in found.problem


def test_what_a_check_needs_is_asked_for_key_by_key() -> None:
    found = mistakes(checked(type="mysql", password="secret"))
    assert [mistake.path for mistake in found] == [
        f"services[0].check.{key}" for key in ("login", "database", "request")
    ]


def test_a_password_that_cannot_stand_in_a_file_is_not_shown() -> None:
    (found,) = mistakes(checked(type="imap", password='my"secret'))
    assert "secret" not in str(found)


DIRECTORS_WRONG: list[tuple[str, tuple[Host, ...], str, str]] = [
    ("three", (*DIRECTORS, Host("lb3", ("192.0.2.13",))), "failover", "haresources knows two"),
    ("one", DIRECTORS[:1], "failover", "the only director"),
    (
        "another name",
        (dataclasses.replace(LB1, nodename="lb1.lan"), LB2),
        "hostvars[lb1].lvs_node",
        "lvs_node: lb1.lan",
    ),
    ("a bad name", (dataclasses.replace(LB1, node="lb 1"), LB2), "hostvars[lb1].lvs_node", "uname -n"),
    ("one name", (LB1, dataclasses.replace(LB2, node="lb1")), "hostvars[lb2].lvs_node", "own name"),
]


@pytest.mark.parametrize(
    ("directors", "path", "words"), [pytest.param(*case[1:], id=case[0]) for case in DIRECTORS_WRONG]
)
def test_heartbeat_wants_two_directors_that_it_knows_by_name(
    directors: tuple[Host, ...], path: str, words: str
) -> None:
    found = mistakes(beating(), directors)
    assert [mistake.path for mistake in found] == [path], found
    assert words in str(found[0])


def test_directors_of_ipv6_only_are_told_so_for_each_and_a_broadcast_is_a_way_out() -> None:
    assert [mistake.path for mistake in mistakes(beating(), V6_ONLY)] == ["heartbeat.links[0]"] * 2
    assert mistakes(linked(type="serial", device="/dev/ttyS0"), V6_ONLY) == []


def test_the_name_of_the_machine_comes_from_the_inventory_and_is_compared_with_its_facts() -> None:
    variables = {"lvs_node": "lb1.lan", "ansible_host": "192.0.2.11", "ansible_facts": {"nodename": "lb1.lan"}}
    (host,) = hosts_from_hostvars(["lb1"], {"lb1": variables}, with_interfaces=True)
    assert (host.node, host.nodename) == ("lb1.lan", "lb1.lan")
    assert mistakes(beating(), (dataclasses.replace(host, interfaces=LB1.interfaces), LB2)) == []


def plans(described: object) -> dict[str, t.Any]:
    return {name: plan["vars"] for name, plan in compile_cluster(described, DIRECTORS, REAL_SERVERS).items()}


def test_both_directors_get_the_same_heartbeats_but_for_their_own_name() -> None:
    one, two = (plans(beating())[name]["director_heartbeat"] for name in ("lb1", "lb2"))
    assert one == {
        "node": "lb1",
        "nodes": ["lb1", "lb2"],
        "directors": ["lb1", "lb2"],
        "keepalive": 1000,
        "warntime": 5000,
        "deadtime": 10000,
        "initdead": 30000,
        "auto_failback": False,
        "port": 694,
        "links": [{"type": "ucast", "interface": "eth0", "addresses": ["192.0.2.11", "192.0.2.12"]}],
        "ping": [],
    }
    assert {**one, "node": "lb2"} == two


def test_times_follow_deadtime_and_links_are_as_written() -> None:
    links = [
        {"type": "ucast", "interface": "eth1", "addresses": {"lb1": "10.0.0.1", "lb2": "10.0.0.2"}},
        {"type": "bcast", "interface": "eth2"},
        {"type": "serial", "device": "/dev/ttyS0", "baud": 9600},
    ]
    plan = plans(beating(keepalive=0.25, deadtime=30, links=links, ping=["192.0.2.1"]))["lb1"]["director_heartbeat"]
    assert (plan["keepalive"], plan["warntime"], plan["initdead"], plan["ping"]) == (250, 15000, 60000, ["192.0.2.1"])
    assert plan["links"] == [
        {"type": "ucast", "interface": "eth1", "addresses": ["10.0.0.1", "10.0.0.2"]},
        {"type": "bcast", "interface": "eth2"},
        {"type": "serial", "device": "/dev/ttyS0", "baud": 9600},
    ]


@pytest.mark.parametrize("failover", ["keepalived", "heartbeat"])
@pytest.mark.parametrize("health_checks", ["keepalived", "ldirectord", "none"])
def test_every_failover_goes_with_every_health_check(failover: str, health_checks: str) -> None:
    plan = plans(description(failover=failover, health_checks=health_checks))["lb1"]
    assert bool(plan["director_heartbeat"]) == (failover == "heartbeat")
    assert bool(plan["director_vrrp"]) == (failover == "keepalived")
    assert bool(plan["director_ldirectord"]) == (health_checks == "ldirectord")


def test_the_firewall_lets_heartbeats_of_the_other_director_in_and_no_vrrp() -> None:
    described = {**beating(links=[{"type": "ucast"}, {"type": "bcast", "interface": "eth0"}]), "firewall": True}
    plan = plans(described)["lb1"]["director_firewall"]
    assert plan["vrrp_peers"] == []
    assert plan["accept"] == [{"protocol": "udp", "ports": ["694"], "sources": ["192.0.2.12", "192.0.2.0/24"]}]
    serial = {**linked(type="serial", device="/dev/ttyS0"), "firewall": True}
    assert plans(serial)["lb1"]["director_firewall"]["accept"] == []


def seen(**changes: object) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Plans of a pair with heartbeat and ldirectord, and what is seen of it when all is well."""
    described = description(failover="heartbeat", health_checks="ldirectord", **changes)
    compiled = compile_cluster(described, DIRECTORS, REAL_SERVERS)
    return compiled, observe(compiled, (*DIRECTORS, *REAL_SERVERS))


def test_verify_has_nothing_to_say_of_a_whole_pair() -> None:
    assert cluster_findings(*seen()) == []


@pytest.mark.parametrize(
    ("daemon", "state", "found", "remedy"),
    [
        ("heartbeat", {"active": False}, "heartbeat is not running", "systemctl start heartbeat"),
        ("heartbeat", {"active": True}, "heartbeat runs, but does not start at boot", "systemctl enable heartbeat"),
        ("ldirectord", {"active": False}, "ldirectord is not running", "systemctl start ldirectord"),
        ("ldirectord", {"active": True}, "ldirectord runs, but does not start", "systemctl enable ldirectord"),
    ],
)
def test_verify_names_a_daemon_that_does_not_run(daemon: str, state: dict[str, bool], found: str, remedy: str) -> None:
    compiled, look = seen()
    look["hosts"]["lb2"]["host"]["services"][daemon] = state
    (finding,) = cluster_findings(compiled, look)
    assert finding["host"] == "lb2"
    assert found in finding["found"]
    assert remedy in finding["remedy"]


@pytest.mark.parametrize(("path", "checksum"), [("ldirectord.cf", "other"), ("authkeys", "other"), ("ha.cf", "other")])
def test_verify_names_a_file_that_two_directors_do_not_share(path: str, checksum: str) -> None:
    compiled, look = seen()
    look["hosts"]["lb2"]["checksums"][f"/etc/ha.d/{path}"] = checksum
    (finding,) = cluster_findings(compiled, look)
    assert finding["host"] == "lb1, lb2"
    assert finding["found"] == f"/etc/ha.d/{path} is not the same on lb1 and lb2."
    look["hosts"]["lb2"]["checksums"][f"/etc/ha.d/{path}"] = ""
    (finding,) = cluster_findings(compiled, look)
    assert (finding["host"], finding["found"]) == ("lb2", f"/etc/ha.d/{path} is not there.")


def test_interfaces_that_are_called_differently_make_no_finding() -> None:
    compiled, look = seen()
    compiled["lb2"]["vars"]["director_heartbeat"]["links"][0]["interface"] = "eth9"
    look["hosts"]["lb2"]["checksums"]["/etc/ha.d/ha.cf"] = "other"
    assert cluster_findings(compiled, look) == []


def test_a_real_server_of_weight_zero_is_one_that_ldirectord_has_taken_out() -> None:
    compiled, look = seen()
    for name in ("lb1", "lb2"):
        for table in ("ipvs", "ipvs_after"):
            look["hosts"][name][table]["services"][0]["destinations"][1]["weight"] = 0
    findings = cluster_findings(compiled, look)
    assert [finding["host"] for finding in findings] == ["rs2"], findings
    assert "have taken it out of web" in findings[0]["found"]
    assert "ldirectord's journal says why" in findings[0]["remedy"]


def test_a_flushed_table_is_mended_by_site() -> None:
    compiled, look = seen()
    look["hosts"]["lb2"]["ipvs"]["services"] = []
    (finding,) = [each for each in cluster_findings(compiled, look) if each["host"] == "lb2"]
    assert "behind ldirectord's back" in finding["cause"]
    assert "site.yml" in finding["remedy"]


#: What both engines can do is described in one way.
EITHER: list[tuple[str, dict[str, t.Any]]] = [
    ("a connection", {"type": "tcp", "port": 8080}),
    ("a talk", {"type": "tcp", "send": "QUIT\r\n", "expect": "221"}),
    (
        "a page",
        {"type": "http", "path": "/health", "status": 200, "regex": "ok[0-9]", "virtualhost": "www.example.org"},
    ),
    ("a safe page", {"type": "https", "path": "/", "interval": 5, "timeout": 2, "retries": 1}),
    ("mail", {"type": "smtp"}),
    ("names", {"type": "dns", "name": "www.example.org", "record": "A"}),
    ("an echo", {"type": "ping", "alpha": True}),
    ("a program", {"type": "command", "command": ["/usr/local/bin/alive", "%h", "%p"]}),
    ("patience", {"type": "tcp", "quiesce_on_failure": True}),
    ("impatience", {"type": "tcp", "quiesce_on_failure": False}),
    ("nothing", {"type": "none"}),
]


@pytest.mark.parametrize("check", [case[1] for case in EITHER], ids=[case[0] for case in EITHER])
def test_what_both_engines_can_do_has_one_description_and_one_plan(check: dict[str, t.Any]) -> None:
    told = {"mail": {"to": "a@example.org", "from": "lb@example.org"}}
    each = [
        plans(description(service(check=check), health_checks=engine, notify=told))["lb1"]
        for engine in ("keepalived", "ldirectord")
    ]
    assert each[0]["director_services"] == each[1]["director_services"]
    assert each[0]["director_notify"] == each[1]["director_notify"]


@pytest.mark.parametrize("failover", ["keepalived", "heartbeat"])
@pytest.mark.parametrize("health_checks", ["keepalived", "ldirectord", "none"])
def test_connections_are_synchronised_whoever_moves_the_vips_and_checks(failover: str, health_checks: str) -> None:
    plan = plans(description(failover=failover, health_checks=health_checks))["lb1"]
    assert (plan["director_connection_sync"]["interface"], plan["director_connection_sync"]["sync_id"]) == ("eth0", 51)
