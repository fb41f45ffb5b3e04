# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What NAT, tunnels, firewall marks, FTP, both families and the firewall become in the plans."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, Interface
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    REAL_SERVERS,
    VIP,
    VIP6,
    description,
    mistakes,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.two_arms import (
    GATEWAY,
    INSIDE,
    OUTSIDE,
    TWO_ARMS,
    nat_service,
)


def plans(described: object, directors: t.Sequence[Host] = DIRECTORS, **more: t.Any) -> dict[str, t.Any]:
    compiled = compile_cluster(described, directors, more.get("real_servers", REAL_SERVERS), more.get("clients", ()))
    return {name: plan["vars"] for name, plan in compiled.items()}


def nat_plans(*services: dict[str, object], nat: object = None, **changes: object) -> dict[str, t.Any]:
    described = description(
        *(services or (nat_service(),)), forwarding="nat", nat=nat or {"gateway": GATEWAY}, **changes
    )
    return plans(described, TWO_ARMS, real_servers=INSIDE)


def first_service(compiled: dict[str, t.Any]) -> dict[str, t.Any]:
    found: dict[str, t.Any] = compiled["lb1"]["director_services"][0]
    return found


# NAT


def test_vips_and_gateway_float_each_on_the_interface_of_its_network() -> None:
    lb1 = nat_plans()["lb1"]
    assert lb1["director_vips"] == [{"address": OUTSIDE, "prefix": 32, "interface": "eth0"}]
    assert lb1["director_gateways"] == [{"address": "10.11.12.10", "prefix": 32, "interface": "eth1"}]
    assert lb1["director_vrrp"]["track_interfaces"] == ["eth0", "eth1"]
    assert lb1["director_sysctls"]["net.ipv4.ip_forward"] == 1
    assert not [name for name in lb1["director_sysctls"] if "redirects" in name or "conntrack" in name]


def test_a_port_is_translated_by_nat_and_the_check_goes_to_the_real_servers_port() -> None:
    compiled = nat_plans(nat_service(real_servers=[{"host": "rs1", "port": 8080}, {"host": "rs2", "port": 8080}]))
    assert [each["port"] for each in first_service(compiled)["real_servers"]] == [8080, 8080]
    assert first_service(compiled)["check"]["port"] == 8080
    assert compiled["rs1"]["realserver_linux_listeners"] == [
        {"address": "10.11.12.21", "port": 8080, "protocol": "tcp"}
    ]


def test_a_check_goes_to_each_real_servers_own_port_where_they_differ() -> None:
    compiled = nat_plans(nat_service(real_servers=[{"host": "rs1", "port": 8080}, "rs2"]))
    assert "port" not in first_service(compiled)["check"]


def test_a_check_that_names_its_port_keeps_it() -> None:
    compiled = nat_plans(nat_service(check={"port": 99}, real_servers=[{"host": "rs1", "port": 8080}]))
    assert first_service(compiled)["check"]["port"] == 99


def test_a_real_server_behind_nat_hides_no_vip_and_gets_the_gateway() -> None:
    rs1 = nat_plans()["rs1"]
    assert (rs1["realserver_linux_vips"], rs1["realserver_linux_gateways"]) == ([], ["10.11.12.10"])


def test_a_real_server_that_only_a_mapping_names_gets_the_gateway() -> None:
    nat = {"gateway": GATEWAY, "mappings": [{"external": "198.51.100.113", "internal": "10.11.12.22"}]}
    assert nat_plans(nat_service(real_servers=["rs1"]), nat=nat)["rs2"]["realserver_linux_gateways"] == ["10.11.12.10"]


def test_a_mapping_floats_on_the_external_interface() -> None:
    mappings = [
        {"external": "198.51.100.113", "internal": "10.11.12.21"},
        {"external": "198.51.100.114", "internal": "10.11.12.22", "protocol": "tcp", "ports": [25, "500:600"]},
    ]
    lb1 = nat_plans(nat={"gateway": GATEWAY, "masquerade": ["10.11.12.0/24"], "mappings": mappings})["lb1"]
    assert [vip["address"] for vip in lb1["director_vips"]] == [OUTSIDE, "198.51.100.113", "198.51.100.114"]
    assert lb1["director_nat"] == {
        "masquerade": [{"source": "10.11.12.0/24", "not_out": "eth1"}],
        "mappings": [
            {
                "external": "198.51.100.113",
                "internal": "10.11.12.21",
                "protocol": None,
                "ports": [],
                "interface": "eth0",
            },
            {
                "external": "198.51.100.114",
                "internal": "10.11.12.22",
                "protocol": "tcp",
                "ports": ["25", "500:600"],
                "interface": "eth0",
            },
        ],
        "source_nat": [],
        "helpers": [],
    }


ONE_ARM = {"gateway": "192.0.2.10/24", "local_clients": "source_nat"}


def test_one_arm_turns_redirects_off_and_hides_local_clients() -> None:
    lb1 = plans(description(service(forwarding="nat"), service(name="b", vip=VIP6), nat=ONE_ARM))["lb1"]
    assert lb1["director_sysctls"] == {
        "net.ipv4.ip_forward": 1,
        "net.ipv4.conf.all.send_redirects": 0,
        "net.ipv4.conf.eth0.send_redirects": 0,
        "net.ipv4.vs.expire_nodest_conn": 1,
        "net.ipv4.vs.expire_quiescent_template": 1,
        "net.ipv4.vs.conntrack": 1,
    }
    assert lb1["director_nat"]["source_nat"] == [
        {"source": "192.0.2.0/24", "vips": [{"address": VIP, "protocol": "tcp", "ports": ["80"]}]}
    ]
    assert lb1["director_vrrp"]["track_interfaces"] == []


def test_one_arm_without_local_clients_needs_no_conntrack() -> None:
    nat = {**ONE_ARM, "local_clients": "refused"}
    lb1 = plans(description(service(forwarding="nat"), nat=nat))["lb1"]
    assert "net.ipv4.vs.conntrack" not in lb1["director_sysctls"]
    assert lb1["director_nat"]["source_nat"] == []


def test_two_subnets_on_one_interface_turn_redirects_off_and_are_no_internal_interface() -> None:
    alias = [
        Host(d.name, d.addresses, (Interface("eth0.7", d.interfaces[0].networks + d.interfaces[1].networks),))
        for d in TWO_ARMS
    ]
    nat = {"gateway": GATEWAY, "masquerade": ["10.11.12.0/24"]}
    lb1 = plans(description(nat_service(), nat=nat, firewall=True), alias, real_servers=INSIDE)["lb1"]
    assert lb1["director_sysctls"]["net.ipv4.conf.eth0/7.send_redirects"] == 0
    assert lb1["director_nat"]["masquerade"] == [{"source": "10.11.12.0/24"}]
    assert lb1["director_firewall"]["external_interfaces"] == ["eth0.7"]
    assert lb1["director_firewall"]["trusted_interfaces"] == []
    assert lb1["director_firewall"]["forward_sources"] == ["10.11.12.0/24"]


def test_ipv6_nat_forwards_ipv6_only() -> None:
    nat = {"gateway": "2001:db8:2::10/64", "local_clients": "refused"}
    lb1 = plans(description(service(vip=VIP6, forwarding="nat"), nat=nat))["lb1"]
    assert lb1["director_sysctls"]["net.ipv6.conf.all.forwarding"] == 1
    assert not [name for name in lb1["director_sysctls"] if "ip_forward" in name or "redirects" in name]
    assert lb1["director_gateways"] == [{"address": "2001:db8:2::10", "prefix": 128, "interface": "eth0"}]


def test_direct_and_tunnel_need_no_forwarding() -> None:
    lb1 = plans(description(service(), service(name="b", ports=[81], forwarding="tunnel")))["lb1"]
    assert not [name for name in lb1["director_sysctls"] if "forward" in name]


def test_a_director_without_facts_has_no_plan_where_its_inner_interface_is_not_known() -> None:
    unknown = dataclasses.replace(TWO_ARMS[0], interfaces=(), interface="eth0")
    compiled = plans(description(nat_service(), nat={"gateway": GATEWAY}), [unknown, TWO_ARMS[1]], real_servers=INSIDE)
    assert "lb1" not in compiled
    assert "lb2" in compiled


# FTP


def test_the_ftp_helper_brings_its_modules_in_load_order_and_conntrack() -> None:
    lb1 = nat_plans(nat_service(ports=[21], helper="ftp", scheduler="rr"))["lb1"]
    assert lb1["director_kernel_modules"] == ["ip_vs", "ip_vs_rr", "nf_conntrack_ftp", "nf_nat_ftp", "ip_vs_ftp"]
    assert lb1["director_sysctls"]["net.ipv4.vs.conntrack"] == 1
    assert lb1["director_nat"]["helpers"] == [{"helper": "ftp", "address": OUTSIDE, "protocol": "tcp", "port": 21}]
    assert lb1["director_services"][0]["helper"] == "ftp"


def test_ftp_by_direct_routing_is_a_mark_over_the_port_and_the_passive_range() -> None:
    lb1 = plans(description(service(ports=[20, 21, "10000:10100"], persistence=60)))["lb1"]
    (mark,) = lb1["director_fwmarks"]
    assert (mark["address"], mark["protocol"], mark["ports"]) == (VIP, "tcp", ["20", "21", "10000:10100"])
    assert lb1["director_sysctls"].get("net.ipv4.vs.conntrack") is None


def test_the_helper_none_is_none() -> None:
    lb1 = nat_plans(nat_service(ports=[21], helper="none"))["lb1"]
    assert lb1["director_services"][0]["helper"] is None
    assert lb1["director_nat"]["helpers"] == []
    assert "net.ipv4.vs.conntrack" not in lb1["director_sysctls"]


# Firewall marks


def test_several_ports_are_one_service_with_a_mark_and_destinations_keep_the_port() -> None:
    compiled = plans(description(service(ports=[443, 80], fwmark=5)))
    web = first_service(compiled)
    assert (web["fwmark"], web["address"], web["port"], web["protocol"]) == (5, None, 0, "tcp")
    assert (web["vips"], web["ports"]) == ([VIP], ["80", "443"])
    assert [each["port"] for each in web["real_servers"]] == [0, 0]
    assert [each["port"] for each in compiled["rs1"]["realserver_linux_listeners"]] == [80, 443]


def test_several_vips_are_one_service_with_a_mark() -> None:
    compiled = plans(description(service(vip=[VIP, "192.0.2.101"], fwmark=7)))
    assert first_service(compiled)["vips"] == [VIP, "192.0.2.101"]
    assert compiled["lb1"]["director_fwmarks"] == [
        {"mark": 7, "address": vip, "protocol": "tcp", "ports": ["80"]} for vip in (VIP, "192.0.2.101")
    ]
    assert compiled["rs1"]["realserver_linux_vips"] == [VIP, "192.0.2.101"]


def test_one_port_of_one_vip_has_a_mark_only_when_it_is_pinned() -> None:
    assert first_service(plans(description(service())))["fwmark"] is None
    pinned = first_service(plans(description(service(fwmark=5))))
    assert (pinned["fwmark"], pinned["port"], pinned["ports"]) == (5, 0, ["80"])


def test_a_vip_of_each_family_is_a_service_of_each_family_and_no_mark() -> None:
    compiled = plans(description(service(vip=[VIP, VIP6])))
    services = compiled["lb1"]["director_services"]
    assert [(s["name"], s["family"], s["address"], s["fwmark"]) for s in services] == [
        ("web", "ipv4", VIP, None),
        ("web", "ipv6", VIP6, None),
    ]
    assert [s["real_servers"][0]["address"] for s in services] == ["192.0.2.21", "2001:db8:2::21"]


def test_both_families_of_a_service_have_the_same_mark() -> None:
    compiled = plans(description(service(vip=[VIP, VIP6], ports=[80, 443])))
    assert len({each["fwmark"] for each in compiled["lb1"]["director_services"]}) == 1
    assert [each["address"] for each in compiled["lb1"]["director_fwmarks"]] == [VIP, VIP6]


def test_all_ports_are_port_0_without_a_mark() -> None:
    compiled = plans(description(service(ports="all", persistence=60, check={"port": 80})))
    web = first_service(compiled)
    assert (web["fwmark"], web["address"], web["port"], web["ports"]) == (None, VIP, 0, [])
    assert [each["port"] for each in web["real_servers"]] == [0, 0]
    assert compiled["rs1"]["realserver_linux_listeners"] == [{"address": VIP, "port": 80, "protocol": "tcp"}]


def test_one_service_of_all_ports_beside_one_of_a_single_port_is_taken() -> None:
    described = description(service(ports="all", persistence=60, check={"port": 80}), service(name="b", ports=[443]))
    assert [each["port"] for each in plans(described)["lb1"]["director_services"]] == [0, 443]


def test_a_range_has_nobody_listening_but_on_the_checked_port() -> None:
    compiled = plans(description(service(ports=["8000:8003"], check={"port": 8001})))
    assert [each["port"] for each in compiled["rs1"]["realserver_linux_listeners"]] == [8001]


# Tunnels


def test_a_tunnel_is_told_to_the_real_server_that_ends_it() -> None:
    web = service(
        forwarding="tunnel",
        tunnel_type="gue",
        tunnel_port=6080,
        real_servers=["rs1", {"host": "rs2", "tunnel_type": "gre", "tunnel_checksum": "standard"}],
    )
    compiled = plans(description(web))
    keys = ("forwarding", "tunnel_type", "tunnel_port", "tunnel_checksum", "port")
    assert [tuple(each[key] for key in keys) for each in first_service(compiled)["real_servers"]] == [
        ("tunnel", "gue", 6080, "none", 80),
        ("tunnel", "gre", 0, "standard", 80),
    ]
    assert compiled["rs1"]["realserver_linux_tunnels"] == [
        {"type": "gue", "family": "ipv4", "port": 6080, "checksum": "none"}
    ]
    assert compiled["rs2"]["realserver_linux_tunnels"] == [
        {"type": "gre", "family": "ipv4", "port": 0, "checksum": "standard"}
    ]
    assert compiled["rs1"]["realserver_linux_tunnel_vips"] == compiled["rs1"]["realserver_linux_vips"] == [VIP]
    assert compiled["lb1"]["director_kernel_modules"] == ["ip_vs", "ip_vs_wlc"]


def test_a_real_server_has_its_own_forwarding() -> None:
    compiled = plans(description(service(real_servers=["rs1", {"host": "rs2", "forwarding": "tunnel"}])))
    assert [each["forwarding"] for each in first_service(compiled)["real_servers"]] == ["direct", "tunnel"]
    assert compiled["rs1"]["realserver_linux_tunnels"] == []
    assert compiled["rs2"]["realserver_linux_tunnel_vips"] == [VIP]


@pytest.mark.parametrize("method", ["redirect", "firewalld"])
def test_a_real_server_that_redirects_takes_nothing_out_of_a_tunnel_which_is_said_once(method: str) -> None:
    redirecting = (dataclasses.replace(REAL_SERVERS[0], arp_method=method), REAL_SERVERS[1])
    by_tunnel = [service(name=f"web{port}", ports=[port], forwarding="tunnel") for port in (80, 443)]
    [found] = mistakes(description(*by_tunnel), real_servers=redirecting)
    assert str(found) == (
        f"hostvars[rs1].realserver_linux_arp_method: {method} is not for packets out of a tunnel, by which "
        "services[0].real_servers[0] forwards to rs1. Write auto, arp_ignore, nftables or arptables, or forward to it "
        "by direct."
    )
    assert mistakes(description(service()), real_servers=redirecting) == []


def test_a_real_server_is_told_every_address_by_which_the_directors_know_it() -> None:
    far = {"host": "rs1", "address": "203.0.113.21", "forwarding": "tunnel"}
    compiled = plans(description(service(real_servers=[far, "rs2"]), service(name="web6", vip=VIP6)))
    assert compiled["rs1"]["realserver_linux_addresses"] == ["203.0.113.21", "2001:db8:2::21"]
    assert compiled["rs2"]["realserver_linux_addresses"] == ["192.0.2.22", "2001:db8:2::22"]


def test_a_tunnel_may_carry_ipv6_to_an_ipv4_address_that_is_said() -> None:
    far = {"host": "rs1", "address": "203.0.113.21"}
    compiled = plans(description(service(vip=VIP6, forwarding="tunnel", real_servers=[far])))
    assert first_service(compiled)["family"] == "ipv6"
    assert first_service(compiled)["real_servers"][0]["address"] == "203.0.113.21"
    assert compiled["rs1"]["realserver_linux_tunnels"][0]["family"] == "ipv4"


def test_thresholds_are_there_only_when_they_limit() -> None:
    limited = {"host": "rs2", "upper_threshold": 100, "lower_threshold": 50}
    first, second = first_service(plans(description(service(real_servers=["rs1", limited]))))["real_servers"]
    assert "upper_threshold" not in first
    assert (second["upper_threshold"], second["lower_threshold"]) == (100, 50)


def test_a_host_may_serve_one_service_at_several_addresses() -> None:
    entries = [{"host": "rs1", "address": f"10.11.12.{n}"} for n in (21, 31, 41)]
    compiled = nat_plans(nat_service(real_servers=entries))
    assert [each["host"] for each in first_service(compiled)["real_servers"]] == ["rs1"] * 3
    assert [each["address"] for each in compiled["rs1"]["realserver_linux_listeners"]] == [
        f"10.11.12.{n}" for n in (21, 31, 41)
    ]


# Firewall


def test_no_firewall_is_an_empty_plan() -> None:
    for firewall in (None, False):
        assert plans(description(firewall=firewall))["lb1"]["director_firewall"] == {}


def test_the_firewall_of_two_arms_trusts_the_inner_interface() -> None:
    plan = nat_plans(firewall=True)["lb1"]["director_firewall"]
    spoofed = plan.pop("spoofed_sources")
    assert plan == {
        "external_interfaces": ["eth0"],
        "trusted_interfaces": ["eth1"],
        "services": [{"address": OUTSIDE, "protocol": "tcp", "ports": ["80"]}],
        "forward_sources": [],
        "vrrp_peers": ["198.51.100.12"],
        "sync": {"interface": "eth0", "peers": ["198.51.100.12"], "port": 8848},
        "ssh_port": 22,
        "ssh_sources": ["0.0.0.0/0", "::/0"],
        "accept": [],
        "syn_rate": 200,
        "syn_burst": 400,
        "log_rate": 3,
    }
    assert "10.0.0.0/8" in spoofed
    assert "198.51.100.0/24" not in spoofed


def test_the_firewall_is_as_described() -> None:
    firewall = {
        "ssh": "198.51.100.0/24",
        "ssh_port": 2222,
        "accept": [{"protocol": "udp", "ports": [161], "from": ["192.0.2.0/24"]}, {"protocol": "esp"}],
        "internal": False,
        "trusted_interfaces": ["tun+"],
        "spoofed": [],
        "syn_rate": 50,
        "log_rate": 0,
    }
    web = nat_service(ports="all", persistence=60, check={"port": 80}, firewall_ports=[80, 443])
    plan = nat_plans(web, firewall=firewall)["lb1"]["director_firewall"]
    assert plan["trusted_interfaces"] == ["tun+"]
    assert plan["services"] == [{"address": OUTSIDE, "protocol": "tcp", "ports": ["80", "443"]}]
    assert (plan["ssh_sources"], plan["ssh_port"], plan["spoofed_sources"]) == (["198.51.100.0/24"], 2222, [])
    assert plan["accept"] == [
        {"protocol": "udp", "ports": ["161"], "sources": ["192.0.2.0/24"]},
        {"protocol": "esp", "ports": [], "sources": ["0.0.0.0/0", "::/0"]},
    ]
    assert (plan["syn_rate"], plan["syn_burst"], plan["log_rate"]) == (50, 100, 0)


def test_a_machine_of_the_inventory_forges_no_address() -> None:
    firewall = {"firewall": True}
    alone = plans(description(**firewall))["lb1"]["director_firewall"]["spoofed_sources"]
    with_client = plans(description(**firewall), clients=[Host("client", ("10.1.2.3",))])["lb1"]
    tunnel = service(forwarding="tunnel", real_servers=[{"host": "far", "address": "172.16.0.9"}])
    with_tunnel = plans(description(tunnel, **firewall))["lb1"]
    assert set(alone) - set(with_client["director_firewall"]["spoofed_sources"]) == {"10.0.0.0/8"}
    assert set(alone) - set(with_tunnel["director_firewall"]["spoofed_sources"]) == {"172.16.0.0/12"}


def forged(compiled: dict[str, t.Any]) -> set[str]:
    return set(compiled["lb1"]["director_firewall"]["spoofed_sources"])


@pytest.mark.parametrize(
    ("firewall", "let_in"),
    [
        ({"ssh": ["192.168.50.0/24", "172.16.0.5"]}, {"192.168.0.0/16", "172.16.0.0/12"}),
        ({"accept": [{"protocol": "udp", "ports": [161], "from": ["172.20.0.0/16"]}]}, {"172.16.0.0/12"}),
        ({"accept": [{"ports": [161]}, {"ports": [53], "from": ["fd00:5::/64"]}]}, {"fc00::/7"}),
        ({"ssh": ["0.0.0.0/0", "::/0"], "accept": [{"protocol": "all"}]}, set()),
    ],
)
def test_what_the_firewall_lets_in_is_no_forgery(firewall: dict[str, object], let_in: set[str]) -> None:
    assert forged(plans(description(firewall=True))) - forged(plans(description(firewall=firewall))) == let_in


def test_what_is_let_in_from_the_inside_is_a_forgery_outside() -> None:
    everything = forged(nat_plans(firewall=True))
    inside = {"ssh": ["10.11.12.0/25"], "accept": [{"ports": [53], "from": ["10.99.0.0/16"]}]}
    nat = {"gateway": GATEWAY, "masquerade": ["10.11.12.0/24", "10.99.0.0/16"]}
    assert forged(nat_plans(firewall=inside, nat=nat)) == everything
    assert forged(nat_plans(firewall=inside)) == everything - {"10.0.0.0/8"}


def test_what_is_let_in_from_a_network_of_administrators_is_a_forgery_elsewhere() -> None:
    office = Interface("eth7", (ipaddress.ip_network("192.168.50.0/24"),))
    directors = [dataclasses.replace(d, interfaces=(*d.interfaces, office)) for d in DIRECTORS]
    described = description(firewall={"ssh": ["192.168.50.0/24", "172.16.0.5"]})
    assert forged(plans(description(firewall=True))) - forged(plans(described, directors)) == {"172.16.0.0/12"}


def test_what_is_masqueraded_with_one_arm_is_no_forgery() -> None:
    nat = {"gateway": "192.0.2.10/24", "local_clients": "refused"}
    one_arm = [
        plans(description(service(forwarding="nat"), nat={**nat, **more}, firewall=True))
        for more in ({}, {"masquerade": ["10.5.0.0/16"]})
    ]
    assert forged(one_arm[0]) - forged(one_arm[1]) == {"10.0.0.0/8"}


def test_what_is_written_is_spoofed_whatever_is_let_in() -> None:
    firewall = {"ssh": ["192.168.50.0/24"], "spoofed": ["192.168.0.0/16"]}
    assert forged(plans(description(firewall=firewall))) == {"192.168.0.0/16"}


@pytest.mark.parametrize("needed", ["169.254.0.0/16", "::/128", "fe80::/10"])
def test_what_clouds_and_neighbour_discovery_send_from_is_not_dropped(needed: str) -> None:
    assert needed not in plans(description(firewall=True))["lb1"]["director_firewall"]["spoofed_sources"]
