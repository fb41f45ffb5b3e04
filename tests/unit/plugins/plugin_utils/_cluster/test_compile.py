# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import ipaddress
import random
import typing as t

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, Interface
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.mistakes import DescriptionError
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

LB1, LB2 = DIRECTORS


def test_without_health_checks_no_service_has_a_check() -> None:
    plan = example_plans(service(), service(name="dns", protocol="udp"), health_checks="none")["lb1"]["vars"]
    assert plan["director_health_checks"] == "none"
    assert [each["check"] for each in plan["director_services"]] == [{"type": "none"}] * 2


def test_the_example_gives_each_host_the_variables_of_its_role() -> None:
    web = service(
        persistence=300,
        check={"type": "http", "timeout": 1},
        sorry_server="192.0.2.99",
        real_servers=["rs1", {"host": "rs2", "weight": 3}],
    )
    plans = example_plans(web, service(name="web6", vip=VIP6, scheduler="rr"), vrrp={"advert_interval": 0.3})
    assert list(plans) == ["lb1", "lb2", "rs1", "rs2"]
    assert plans["lb1"] == {
        "role": "director",
        "vars": {
            "director_failover": "keepalived",
            "director_health_checks": "keepalived",
            "director_vips": [
                {"address": VIP, "prefix": 32, "interface": "eth0"},
                {"address": VIP6, "prefix": 128, "interface": "eth0"},
            ],
            "director_gateways": [],
            "director_vrrp": {
                "instance": "lvs_51",
                "router_id": 51,
                "interface": "eth0",
                "track_interfaces": [],
                "family": "ipv4",
                "source": "192.0.2.11",
                "peers": ["192.0.2.12"],
                "priority": 250,
                "advert_interval": 0.3,
                "preempt": False,
                "preempt_delay": 0,
                "down_timer_adverts": None,
                "unicast": True,
                "instances": [],
            },
            "director_connection_sync": {
                "interface": "eth0",
                "sync_id": 51,
                "group": "224.0.0.81",
                "port": 8848,
                "ttl": 1,
                "max_length": 0,
            },
            "director_notify": {},
            "director_services": [
                {
                    "name": "web",
                    "family": "ipv4",
                    "fwmark": None,
                    "address": VIP,
                    "port": 80,
                    "protocol": "tcp",
                    "vips": [VIP],
                    "ports": ["80"],
                    "forwarding": "direct",
                    "scheduler": "wlc",
                    "scheduler_flags": [],
                    "persistence": 300,
                    "persistence_netmask": None,
                    "one_packet": False,
                    "helper": None,
                    "min_capacity": 50,
                    "check": {
                        "type": "http",
                        "path": "/",
                        "status": 200,
                        "interval": 2,
                        "timeout": 1,
                        "retries": 2,
                        "port": 80,
                    },
                    "sorry_server": {"address": "192.0.2.99", "port": 80},
                    "real_servers": [
                        {"host": "rs1", "address": "192.0.2.21", "port": 80, "weight": 1, "forwarding": "direct"},
                        {"host": "rs2", "address": "192.0.2.22", "port": 80, "weight": 3, "forwarding": "direct"},
                    ],
                },
                {
                    "name": "web6",
                    "family": "ipv6",
                    "fwmark": None,
                    "address": VIP6,
                    "port": 80,
                    "protocol": "tcp",
                    "vips": [VIP6],
                    "ports": ["80"],
                    "forwarding": "direct",
                    "scheduler": "rr",
                    "scheduler_flags": [],
                    "persistence": 0,
                    "persistence_netmask": None,
                    "one_packet": False,
                    "helper": None,
                    "min_capacity": 50,
                    "check": {"type": "tcp", "interval": 2, "timeout": 3, "retries": 2, "port": 80},
                    "sorry_server": None,
                    "real_servers": [
                        {"host": "rs1", "address": "2001:db8:2::21", "port": 80, "weight": 1, "forwarding": "direct"},
                        {"host": "rs2", "address": "2001:db8:2::22", "port": 80, "weight": 1, "forwarding": "direct"},
                    ],
                },
            ],
            "director_fwmarks": [],
            "director_nat": {"masquerade": [], "mappings": [], "source_nat": [], "helpers": []},
            "director_firewall": {},
            "director_heartbeat": {},
            "director_ldirectord": {},
            "director_kernel_modules": ["ip_vs", "ip_vs_rr", "ip_vs_wlc"],
            "director_sysctls": {"net.ipv4.vs.expire_nodest_conn": 1, "net.ipv4.vs.expire_quiescent_template": 1},
        },
    }
    assert plans["lb2"]["vars"]["director_vrrp"] == {
        **plans["lb1"]["vars"]["director_vrrp"],
        "source": "192.0.2.12",
        "peers": ["192.0.2.11"],
        "priority": 240,
    }
    assert plans["rs1"] == {
        "role": "realserver_linux",
        "vars": {
            "realserver_linux_vips": [VIP, VIP6],
            "realserver_linux_addresses": ["192.0.2.21", "2001:db8:2::21"],
            "realserver_linux_tunnels": [],
            "realserver_linux_tunnel_vips": [],
            "realserver_linux_gateways": [],
            "realserver_linux_listeners": [
                {"address": VIP, "port": 80, "protocol": "tcp"},
                {"address": VIP6, "port": 80, "protocol": "tcp"},
            ],
        },
    }


def test_a_check_of_type_none_has_nothing_else() -> None:
    plans = example_plans(service(check={"type": "none"}))
    assert plans["lb1"]["vars"]["director_services"][0]["check"] == {"type": "none"}


def test_several_status_codes_stay_a_list() -> None:
    plans = example_plans(service(check={"type": "https", "status": [301, 200]}))
    assert plans["lb1"]["vars"]["director_services"][0]["check"]["status"] == [200, 301]


def test_a_single_director_without_failover_has_no_vrrp() -> None:
    plans = compile_cluster(description(failover="none"), [Host("lb1", (), LB1.interfaces)], REAL_SERVERS)
    assert plans["lb1"]["vars"]["director_vrrp"] == {}
    assert plans["lb1"]["vars"]["director_vips"] == [{"address": VIP, "prefix": 32, "interface": "eth0"}]


@pytest.mark.parametrize("sorry_server", ["rs2", "192.0.2.22"])
def test_a_sorry_server_of_the_inventory_hides_the_vip_too(sorry_server: str) -> None:
    plans = example_plans(service(real_servers=["rs1"], sorry_server=sorry_server))
    assert plans["lb1"]["vars"]["director_services"][0]["sorry_server"] == {"address": "192.0.2.22", "port": 80}
    assert plans["rs2"]["vars"]["realserver_linux_vips"] == [VIP]
    assert plans["rs2"]["vars"]["realserver_linux_listeners"] == [{"address": VIP, "port": 80, "protocol": "tcp"}]


def test_a_real_server_that_no_service_names_has_nothing_to_hide() -> None:
    plans = example_plans(service(real_servers=["rs1"]))
    assert plans["rs2"]["vars"] == {
        "realserver_linux_vips": [],
        "realserver_linux_addresses": [],
        "realserver_linux_tunnels": [],
        "realserver_linux_tunnel_vips": [],
        "realserver_linux_gateways": [],
        "realserver_linux_listeners": [],
    }


def test_a_machine_outside_the_inventory_gets_no_plan() -> None:
    plans = example_plans(service(real_servers=["rs1", {"host": "old", "address": "192.0.2.50"}]))
    assert list(plans) == ["lb1", "lb2", "rs1", "rs2"]


def test_a_director_that_cannot_be_reached_changes_no_plan_of_the_others() -> None:
    known = compile_cluster(description(), DIRECTORS, REAL_SERVERS)
    unreachable = dataclasses.replace(LB1, interfaces=())
    plans = compile_cluster(description(), [unreachable, LB2], REAL_SERVERS)
    assert plans == {name: plan for name, plan in known.items() if name != "lb1"}


def test_a_director_that_cannot_be_reached_has_a_plan_when_its_interface_is_named() -> None:
    known = compile_cluster(description(), DIRECTORS, REAL_SERVERS)
    unreachable = dataclasses.replace(LB1, interfaces=(), interface="eth0")
    assert compile_cluster(description(), [unreachable, LB2], REAL_SERVERS) == known


def test_directors_with_ipv6_only_speak_vrrp_over_ipv6() -> None:
    directors = [Host(f"lb{n}", (f"2001:db8:2::1{n}",), (Interface("eth0", LAN),)) for n in (1, 2)]
    plans = compile_cluster(description(service(vip=VIP6)), directors, REAL_SERVERS)
    vrrp = plans["lb2"]["vars"]["director_vrrp"]
    assert (vrrp["family"], vrrp["source"], vrrp["peers"]) == ("ipv6", "2001:db8:2::12", ["2001:db8:2::11"])


@pytest.mark.parametrize(("vips", "family"), [((VIP,), "ipv4"), ((VIP6,), "ipv6"), ((VIP6, VIP), "ipv4")])
def test_vrrp_speaks_a_family_that_has_a_vip_to_announce(vips: tuple[str, ...], family: str) -> None:
    services = [service(name=f"s{number}", vip=vip) for number, vip in enumerate(vips)]
    plans = compile_cluster(description(*services), DIRECTORS, REAL_SERVERS)
    assert {plans[name]["vars"]["director_vrrp"]["family"] for name in ("lb1", "lb2")} == {family}


def test_a_vip_goes_to_the_interface_with_the_smallest_subnet_that_holds_it() -> None:
    wide, narrow = ipaddress.ip_network("192.0.0.0/16"), ipaddress.ip_network("192.0.2.0/24")
    interfaces = (Interface("eth0", (wide,)), Interface("eth1", (narrow,)))
    plans = compile_cluster(description(failover="none"), [Host("lb1", (), interfaces)], REAL_SERVERS)
    assert plans["lb1"]["vars"]["director_vips"][0]["interface"] == "eth1"


def test_a_named_interface_wins_over_the_subnets() -> None:
    director = dataclasses.replace(LB1, interface="bond0.7")
    plans = compile_cluster(description(service(vip="198.51.100.1"), failover="none"), [director], REAL_SERVERS)
    assert plans["lb1"]["vars"]["director_vips"][0]["interface"] == "bond0.7"


SERVICES = [
    service(name=f"s{n}", vip=(VIP, VIP6, "192.0.2.101")[n % 3], ports=[80 + n], scheduler=("wlc", "rr", "sh")[n % 3])
    for n in range(9)
]


def by_name(plans: dict[str, t.Any]) -> dict[str, t.Any]:
    return {each["name"]: each for each in plans["lb1"]["vars"]["director_services"]}


def test_the_same_description_always_compiles_to_the_same_plans() -> None:
    assert repr(example_plans(*SERVICES)) == repr(example_plans(*SERVICES))


@given(order=st.permutations(SERVICES))
@settings(max_examples=25, deadline=None)
def test_the_order_of_other_services_does_not_change_a_service(order: list[dict[str, object]]) -> None:
    assert by_name(example_plans(*order)) == by_name(example_plans(*SERVICES))


def test_another_service_does_not_change_a_service() -> None:
    alone, together = by_name(example_plans(service())), by_name(example_plans(*SERVICES[1:], service()))
    assert alone["web"] == together["web"]


# Garbage

KEYS = st.sampled_from(
    [
        "services",
        "name",
        "vip",
        "ports",
        "real_servers",
        "check",
        "vrrp",
        "host",
        "weight",
        "address",
        "type",
        "path",
        "status",
        "persistence",
        "persistence_netmask",
        "sorry_server",
        "scheduler",
        "scheduler_flags",
        "failover",
        "protocol",
        "forwarding",
        "router_id",
        "advert_interval",
        "interval",
        "nat",
        "port",
        "firewall",
        "fwmark",
        "fwmark_range",
        "gateway",
        "masquerade",
        "mappings",
        "external",
        "internal",
        "helper",
        "tunnel_type",
        "tunnel_port",
        "one_packet",
        "firewall_ports",
        "ssh",
        "accept",
        "from",
        "spoofed",
        "trusted_interfaces",
        "local_clients",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["rs1", "lb1", VIP, VIP6, "0.0.0.0", "fe80::1%{", "80", "1:2", "http", "none", "9" * 5000, "::"])
    | st.sampled_from(["all", "ftp", "gue", "192.0.2.10/24", "192.0.2.0/24", "::/0", "0.0.0.0/0", "source_nat", "nat"])
    | st.sampled_from(["direct", "tunnel", "udp", "80-90", "1:65535", "0:9", "192.0.2.0/99", "fe80::1%{/9", "1/2/3"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=6),
    max_leaves=25,
)
#: Nearly right, so that the garbage gets past the first checks.
SERVICE = st.fixed_dictionaries(
    {
        "name": st.just("web") | SCALARS,
        "vip": st.just(VIP) | JSON,
        "ports": st.just([80]) | JSON,
        "real_servers": st.just(["rs1"]) | JSON | st.lists(st.just({"host": "rs2"}) | JSON, max_size=3),
    },
    optional={
        "check": JSON | st.dictionaries(KEYS, JSON, max_size=4),
        "sorry_server": JSON,
        "persistence": SCALARS,
        "persistence_netmask": JSON,
        "scheduler": SCALARS,
        "scheduler_flags": JSON,
        "protocol": JSON,
        "forwarding": JSON | st.sampled_from(["direct", "nat", "tunnel"]),
        "fwmark": SCALARS,
        "helper": SCALARS,
        "tunnel_type": SCALARS,
        "tunnel_port": SCALARS,
        "firewall_ports": JSON,
        "one_packet": SCALARS,
    },
)
MAPPING = st.dictionaries(st.sampled_from(["external", "internal", "protocol", "ports"]), SCALARS, max_size=4)
NAT = st.fixed_dictionaries(
    {"gateway": st.just("192.0.2.10/24") | JSON},
    optional={
        "masquerade": JSON | st.lists(SCALARS, max_size=2),
        "mappings": JSON | st.lists(MAPPING, max_size=2),
        "local_clients": st.just("source_nat") | JSON,
    },
)
DESCRIPTIONS = JSON | st.fixed_dictionaries(
    {"services": st.lists(SERVICE | JSON, max_size=3)},
    optional={"vrrp": JSON, "failover": JSON, "nat": NAT | JSON, "firewall": JSON, "fwmark_range": JSON},
)
ADDRESSES = st.lists(SCALARS | st.lists(SCALARS, max_size=2), max_size=3).map(tuple)


@given(described=DESCRIPTIONS, addresses=ADDRESSES, interface=st.none() | SCALARS)
@example(described={"services": [service(name="9" * 5000, ports=[10**5000])]}, addresses=(), interface=None)
@settings(max_examples=400, deadline=None)
def test_garbage_gives_mistakes_or_a_plan_and_no_other_error(
    described: object, addresses: tuple[object, ...], interface: object
) -> None:
    real_servers = [REAL_SERVERS[0], Host("rs2", addresses)]
    directors = [LB1, dataclasses.replace(LB2, interface=interface)]
    found = mistakes(described, directors, real_servers)
    assert all(len(str(mistake)) < 2000 and "\n" not in str(mistake) for mistake in found)
    if not found:
        assert {"lb1", "rs1", "rs2"} <= compile_cluster(described, directors, real_servers).keys()


@given(name=st.text(max_size=6), path=st.text(max_size=6), seed=st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_nothing_that_ends_a_line_or_a_block_gets_into_a_plan(name: str, path: str, seed: int) -> None:
    dangerous = random.Random(seed).choice(["\n}", '"', " {", "#x"])
    for text in (name + dangerous, dangerous + path):
        with pytest.raises(DescriptionError):
            example_plans(service(name=text))
        with pytest.raises(DescriptionError):
            example_plans(service(check={"type": "http", "path": f"/{text}"}))
        with pytest.raises(DescriptionError):
            example_plans(service(real_servers=[{"host": text, "address": "192.0.2.50"}]))
