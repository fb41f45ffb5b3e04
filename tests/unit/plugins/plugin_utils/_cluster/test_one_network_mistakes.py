# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Combinations that cannot work on one network are found before any host is touched."""

from __future__ import annotations

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    REAL_SERVERS,
    VIP,
    VIP6,
    description,
    mistakes,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.mistaken import (
    FAR,
    GUE,
    ONE_ARM,
    all_ports,
    assert_only,
    member,
    tunnelled,
)

#: What is described, where the mistake is, a word of the problem, a word of the remedy.
ONE_LAN: list[tuple[str, object, str, str, str]] = [
    # Ports
    (
        "port translation with direct",
        member(port=8080),
        "services[0].real_servers[0].port",
        "8080 differs from the service's port 80",
        "forwarding direct cannot translate ports, nat can",
    ),
    (
        "port translation with tunnel",
        tunnelled(real_servers=[{"host": "rs1", "port": 8080}]),
        "services[0].real_servers[0].port",
        "8080 differs",
        "forwarding tunnel cannot translate",
    ),
    (
        "port translation within a mark",
        description(service(ports=[80, 443], real_servers=[{"host": "rs1", "port": 8080}])),
        "services[0].real_servers[0].port",
        "Port 8080 would be one for all ports",
        "a service of its own",
    ),
    (
        "one of the ports of a mark",
        description(service(ports=[80, 443], real_servers=[{"host": "rs1", "port": 80}])),
        "services[0].real_servers[0].port",
        "Port 80 would be one for all ports",
        "Leave it out",
    ),
    (
        "port translation of one pinned port",
        description(service(fwmark=5, real_servers=[{"host": "rs1", "port": 8080}])),
        "services[0].real_servers[0].port",
        "Port 8080",
        "the port that the client asked for",
    ),
    (
        "port translation of all ports",
        description(all_ports(real_servers=[{"host": "rs1", "port": 8080}])),
        "services[0].real_servers[0].port",
        "Port 8080",
        "all ports",
    ),
    ("a range backwards", description(service(ports=["90:80"])), "services[0].ports[0]", "no range", '"10000:20000"'),
    ("a range to 65536", description(service(ports=["80:65536"])), "services[0].ports[0]", "no range", "65535"),
    ("a range from 0", description(service(ports="0:9")), "services[0].ports", "no range", "1 to 65535"),
    ("a port twice", description(service(ports=[80, 80])), "services[0].ports[1]", "80 and 80 have ports in", "once"),
    (
        "ranges that overlap",
        description(service(ports=["80:90", "85:95"])),
        "services[0].ports[1]",
        "85:95 and 80:90 have ports in common",
        "once",
    ),
    (
        "all beside a port",
        description(service(ports=["all", 80], persistence=60)),
        "services[0].ports[0]",
        "beside other ports",
        "ports: all",
    ),
    (
        "all ports without persistence",
        description(service(ports="all", check={"port": 80})),
        "services[0].persistence",
        "needs persistence",
        "300",
    ),
    (
        "all ports without a port to check",
        description(service(ports="all", persistence=60)),
        "services[0].check",
        "connects to one port",
        "check.port",
    ),
    (
        "a range without a port to check",
        description(service(ports=["8000:8010"], check={"type": "http"})),
        "services[0].check",
        "connects to one port",
        "check: {type: none}",
    ),
    (
        "services whose ranges overlap",
        description(service(ports=["80:90"], check={"port": 80}), service(name="b", ports=[70, 85])),
        "services[1].ports[1]",
        f"services[0] has tcp/{VIP}:85 too",
        "change VIP, protocol or port",
    ),
    (
        "a single port inside another service's range",
        description(service(ports=[85]), service(name="b", ports=["80:90"], check={"port": 80})),
        "services[1].ports[0]",
        f"services[0] has tcp/{VIP}:85 too",
        "change",
    ),
    (
        "a port of one of several VIPs",
        description(service(vip=["192.0.2.101", VIP]), service(name="b")),
        "services[1].ports[0]",
        f"services[0] has tcp/{VIP}:80 too",
        "change",
    ),
    (
        "all ports twice",
        description(all_ports(), all_ports(name="b")),
        "services[1].ports",
        f"services[0] has tcp/{VIP}:all ports too",
        "change",
    ),
    (
        "all ports with a mark leave nothing for a single port",
        description(all_ports(fwmark=5), service(name="b")),
        "services[1].ports[0]",
        "all ports too",
        "change",
    ),
    (
        "all ports with a mark after a single port",
        description(service(), all_ports(name="b", fwmark=5)),
        "services[1].ports",
        f"services[0] has tcp/{VIP}:80 too",
        "change",
    ),
    ("a VIP twice", description(service(vip=[VIP, VIP])), "services[0].vip[1]", "there twice", "once"),
    ("no VIP", description(service(vip=[])), "services[0].vip", "empty", "at least one"),
    ("a VIP that is a mapping", description(service(vip={"a": 1})), "services[0].vip", "a mapping is not an IP", "IPv"),
    # Firewall marks
    ("mark 0", description(service(fwmark=0)), "services[0].fwmark", "0 is out of range", "1 to 4294967295"),
    ("mark 2**32", description(service(fwmark=2**32)), "services[0].fwmark", "out of range", "1 to 4294967295"),
    (
        "a mark for two services",
        description(service(fwmark=5), service(name="b", ports=[443], fwmark=5)),
        "services[1].fwmark",
        "services[0] has mark 5 too",
        "one protocol, scheduler, persistence",
    ),
    (
        "a mark for two protocols",
        description(service(fwmark=5), service(name="b", protocol="udp", check={"port": 80}, fwmark=5)),
        "services[1].fwmark",
        "services[0] has mark 5 too",
        "Write another one",
    ),
    (
        "a mark with two persistences",
        description(service(fwmark=5, persistence=60), service(name="b", ports=[81], fwmark=5, persistence=90)),
        "services[1].fwmark",
        "services[0] has mark 5 too",
        "into one service",
    ),
    ("a range of one number", description(fwmark_range=[5]), "fwmark_range", "no range of marks", "[1000, 1999]"),
    ("a range from 0", description(fwmark_range=[0, 9]), "fwmark_range", "no range", "from 1"),
    ("a range backwards", description(fwmark_range=[9, 5]), "fwmark_range", "no range", "first and the last"),
    (
        "a range that is too small",
        description(
            service(ports=[80, 81]), service(name="b", ports=[90, 91]), fwmark_range=[7, 8], health_checks="none"
        )
        | {
            "services": [
                service(name=f"s{n}", ports=[100 + 2 * n, 101 + 2 * n], **({"fwmark": 8} if n == 2 else {}))
                for n in range(3)
            ]
        },
        "fwmark_range",
        "2 services need a mark, and from 7 to 8 only 1 is free",
        "wider",
    ),
    (
        "a range without a free mark",
        description(service(fwmark=10), service(name="b", ports=[90, 91]), fwmark_range=[10, 10]),
        "fwmark_range",
        "1 service needs a mark, and from 10 to 10 none is free",
        "wider",
    ),
    # Tunnels
    (
        "gue without a port",
        tunnelled(tunnel_type="gue"),
        "services[0].tunnel_port",
        "needs a UDP port",
        "Write tunnel_port",
    ),
    (
        "a real server's gue without a port",
        tunnelled(real_servers=[{"host": "rs1", "tunnel_type": "gue"}]),
        "services[0].real_servers[0].tunnel_port",
        "needs a UDP port",
        "Write tunnel_port",
    ),
    (
        "a port without gue",
        tunnelled(tunnel_port=6080),
        "services[0].tunnel_port",
        "type ipip has no port",
        "tunnel_type: gue",
    ),
    (
        "a port with gre",
        tunnelled(tunnel_type="gre", tunnel_port=6080),
        "services[0].tunnel_port",
        "type gre has no port",
        "Leave it out",
    ),
    (
        "ipip with a checksum",
        tunnelled(tunnel_checksum="standard"),
        "services[0].tunnel_checksum",
        "ipip has no checksum standard",
        "Leave it out",
    ),
    (
        "gre with a remote checksum",
        tunnelled(tunnel_type="gre", tunnel_checksum="remote"),
        "services[0].tunnel_checksum",
        "gre has no checksum remote",
        "none or standard",
    ),
    (
        "a tunnel type without a tunnel",
        description(service(tunnel_type="gre")),
        "services[0].tunnel_type",
        "nothing with forwarding direct",
        "forwarding: tunnel",
    ),
    (
        "a real server's tunnel type without a tunnel",
        member(tunnel_type="gre"),
        "services[0].real_servers[0].tunnel_type",
        "nothing with forwarding direct",
        "forwarding: tunnel",
    ),
    ("unknown tunnel", tunnelled(tunnel_type="vxlan"), "services[0].tunnel_type", "'vxlan'", "ipip, gue or gre"),
    (
        "one tunnel with two checksums",
        description(
            service(**GUE, real_servers=["rs1"]),
            service(name="b", ports=[81], **GUE, tunnel_checksum="remote", real_servers=["rs1"]),
        ),
        "services[1].real_servers[0]",
        "has checksum remote here, none in services[0]",
        "another tunnel_port",
    ),
    # Families
    (
        "IPv6 VIP over an IPv4 real server without a tunnel",
        description(service(vip=VIP6, real_servers=[{"host": "old", "address": "192.0.2.50"}])),
        "services[0].real_servers[0].address",
        f"192.0.2.50 is IPv4, the VIP {VIP6} is IPv6",
        "tunnel can",
    ),
    (
        "a VIP that is an IPv4 address in IPv6",
        description(service(vip="::192.0.2.100")),
        "services[0].vip",
        "IPv4 address in IPv6",
        "one machine",
    ),
    (
        "two addresses of a family",
        member(address=["192.0.2.21", "192.0.2.31"]),
        "services[0].real_servers[0].address[1]",
        "second IPv4",
        "one of each",
    ),
    (
        "a mask for both families",
        description(service(vip=[VIP, VIP6], persistence=60, persistence_netmask=24)),
        "services[0].persistence_netmask",
        "both families",
        "one service for each",
    ),
    # What belongs to other forwarding, protocols, values
    (
        "one_packet without udp",
        description(service(one_packet=True)),
        "services[0].one_packet",
        "every tcp connection",
        "udp",
    ),
    (
        "a helper without nat",
        description(service(ports=[21], helper="ftp")),
        "services[0].helper",
        "only forwarding nat needs, not direct",
        "forwarding: nat",
    ),
    ("an unknown helper", description(service(helper="sip")), "services[0].helper", "'sip'", "ftp"),
    # FTP
    (
        "direct without passive ports",
        description(service(ports=[21], persistence=60)),
        "services[0].ports",
        "passive data connections go to ports that the service has not",
        'ports: [20, 21, "10000:10100"]',
    ),
    (
        "direct with low ports beside",
        description(service(ports=["20:21", 80], persistence=60)),
        "services[0].ports",
        "passive data connections",
        "with persistence",
    ),
    (
        "tunnel without passive ports",
        tunnelled(ports=[20, 21], persistence=60),
        "services[0].ports",
        "passive data connections",
        "helper: none if it is not FTP",
    ),
    (
        "direct without persistence",
        description(service(ports=[20, 21, "10000:10100"])),
        "services[0].persistence",
        "without persistence its data connections reach other real servers",
        "such as 300",
    ),
    (
        "direct with persistence 0 and both families",
        description(service(vip=[VIP, VIP6], ports=[21, "10000:10100"], persistence=0)),
        "services[0].persistence",
        "without persistence",
        "helper: none",
    ),
    (
        "thresholds",
        member(upper_threshold=10, lower_threshold=20),
        "services[0].real_servers[0].lower_threshold",
        "20 is more than upper_threshold 10",
        "at most",
    ),
    (
        "a lower threshold alone",
        member(lower_threshold=20),
        "services[0].real_servers[0].lower_threshold",
        "more than upper_threshold 0",
        "at most",
    ),
    (
        "a threshold of -1",
        member(upper_threshold=-1),
        "services[0].real_servers[0].upper_threshold",
        "-1 is out",
        "0 is no limit",
    ),
    (
        "direct to another segment",
        description(service(real_servers=["rs1", FAR])),
        "services[0].real_servers[1]",
        "203.0.113.9 of far is in no subnet of directors lb1 and lb2",
        "forwarding: tunnel",
    ),
    (
        "a sorry server on another segment",
        description(service(sorry_server="203.0.113.9")),
        "services[0].sorry_server",
        "in no subnet of director",
        "forwarding: tunnel",
    ),
    (
        "an address of two hosts",
        description(
            service(real_servers=[{"host": "a", "address": "192.0.2.50"}]),
            service(name="b", ports=[81], real_servers=[{"host": "c", "address": "192.0.2.50"}]),
        ),
        "services[1].real_servers[0].address",
        "192.0.2.50 is the address of a, not of c",
        "host: a",
    ),
    (
        "a VIP that is a given address",
        description(service(vip="192.0.2.50", real_servers=[{"host": "a", "address": "192.0.2.50"}])),
        "services[0].vip",
        "own address of a",
        "no machine",
    ),
    # One arm
    (
        "one arm without a word about local clients",
        description(service(forwarding="nat"), nat={"gateway": "192.0.2.10/24"}),
        "nat.local_clients",
        f"{VIP} is in the subnet of the gateway (one arm)",
        "local_clients: source_nat",
    ),
    (
        "local clients without nat",
        description(nat={"gateway": "192.0.2.10/24", "local_clients": "refused"}),
        "nat.local_clients",
        "no service forwards by nat",
        "Leave local_clients out",
    ),
    (
        "masquerade of the VIPs",
        description(nat={"gateway": "192.0.2.10/24", "masquerade": ["192.0.2.0/24"]}),
        "nat.masquerade[0]",
        f"{VIP} is a VIP in 192.0.2.0/24",
        "holds no VIP",
    ),
    (
        "the gateway is a VIP",
        description(service(forwarding="nat"), nat={"gateway": f"{VIP}/24", "local_clients": "source_nat"}),
        "nat.gateway",
        f"{VIP} is a VIP of web",
        "another address",
    ),
    # Firewall
    ("firewall a number", description(firewall=1), "firewall", "1 is not a mapping", "mapping"),
    ("firewall key", description(firewall={"shh": "192.0.2.0/24"}), "firewall.shh", "unknown key", "ssh"),
    (
        "a network of no bits",
        description(firewall={"ssh": "x"}),
        "firewall.ssh",
        "'x' is not a network",
        "192.0.2.0/24",
    ),
    (
        "an address in a network",
        description(firewall={"ssh": ["192.0.2.1/24"]}),
        "firewall.ssh[0]",
        "an address in a network",
        "Write the network: 192.0.2.0/24",
    ),
    ("ssh for nobody", description(firewall={"ssh": []}), "firewall.ssh", "empty", "at least one"),
    ("ssh port", description(firewall={"ssh_port": 0}), "firewall.ssh_port", "0 is out", "1 to 65535"),
    ("syn rate", description(firewall={"syn_rate": -1}), "firewall.syn_rate", "-1 is out", "0 off"),
    ("a syn rate", description(firewall={"syn_rate": 10001}), "firewall.syn_rate", "10001 is out", "0 to 10000"),
    ("a syn burst", description(firewall={"syn_burst": 20001}), "firewall.syn_burst", "20001 is out", "1 to 20000"),
    ("a log rate", description(firewall={"log_rate": 1001}), "firewall.log_rate", "1001 is out", "0 to 1000"),
    (
        "spoofed neighbours",
        description(firewall={"spoofed": ["10.0.0.0/8", "fe80::/10"]}),
        "firewall.spoofed",
        "fe80::/10 has addresses of fe80::/10, from which IPv6 neighbours are found",
        "Leave it out",
    ),
    (
        "spoofed everybody",
        description(firewall={"spoofed": "::/0"}),
        "firewall.spoofed",
        "::/0 has addresses of fe80::/10",
        "smaller networks",
    ),
    (
        "spoofed nobody",
        description(firewall={"spoofed": ["::/127"]}),
        "firewall.spoofed",
        "::/127 has addresses of ::/128",
        "smaller networks",
    ),
    ("log rate", description(firewall={"log_rate": "many"}), "firewall.log_rate", "'many' is not a whole", "0 off"),
    (
        "interface",
        description(firewall={"trusted_interfaces": ["eth0 {"]}),
        "firewall.trusted_interfaces[0]",
        "no interface name",
        "tun+",
    ),
    (
        "accept without ports",
        description(firewall={"accept": [{"protocol": "udp"}]}),
        "firewall.accept[0].ports",
        "missing",
        "ports: all",
    ),
    (
        "accept esp with ports",
        description(firewall={"accept": [{"protocol": "esp", "ports": [1]}]}),
        "firewall.accept[0].ports",
        "esp has no ports",
        "Leave ports out",
    ),
    (
        "accept from nowhere",
        description(firewall={"accept": [{"ports": [161], "from": "all"}]}),
        "firewall.accept[0].from",
        "'all' is not a network",
        "192.0.2.0/24",
    ),
    (
        "a port that the service has not",
        description(service(ports=[80, 443], firewall_ports=[80, 8080])),
        "services[0].firewall_ports",
        "no port 8080",
        "of the service only",
    ),
]


@pytest.mark.parametrize(
    ("described", "path", "problem", "remedy"), [pytest.param(*case[1:], id=case[0]) for case in ONE_LAN]
)
def test_a_mistake_on_one_network_is_reported_alone(described: object, path: str, problem: str, remedy: str) -> None:
    assert_only(mistakes(described), path, problem, remedy)


@pytest.mark.parametrize(
    ("name", "vip", "forwarding", "remedy"),
    [
        ("old", VIP6, "direct", "Or write forwarding: tunnel, and the address of the other family"),
        ("old", VIP6, "tunnel", "a tunnel can do that"),
    ],
)
def test_a_real_server_of_the_other_family_is_told_of_tunnels(
    name: str, vip: str, forwarding: str, remedy: str
) -> None:
    described = description(service(vip=vip, forwarding=forwarding, real_servers=[name]))
    found = mistakes(described, real_servers=[Host(name, ("192.0.2.50",))])
    assert_only(found, "services[0].real_servers[0]", "has no IPv6 address", remedy)


def mixed(**second: object) -> dict[str, object]:
    """Two services on one network, by NAT and otherwise."""
    return description(
        service(forwarding="nat"),
        service(**{"name": "b", "ports": [81], **second}),
        nat={"gateway": "192.0.2.10/24", "local_clients": "source_nat"},
    )


NEAR, ELSEWHERE = Host("near", ("192.0.2.31", "2001:db8:2::31")), Host("c9", ("203.0.113.31", "2001:db8:9::31"))
MAPPED = {
    **description(service()),
    "nat": {"gateway": "192.0.2.10/24", "mappings": [{"external": "192.0.2.113", "internal": "192.0.2.22"}]},
}
BEHIND_AND_BESIDE: list[tuple[str, object, list[tuple[str, str]]]] = [
    (
        "direct",
        mixed(),
        [("services[1].real_servers[0]", "rs1 (services[0].real_servers[0])"), ("services[1].real_servers[1]", "rs2")],
    ),
    ("one of them", mixed(real_servers=["rs2"]), [("services[1].real_servers[0]", "rs2")]),
    (
        "tunnel",
        mixed(forwarding="tunnel", real_servers=["rs1"]),
        [("services[1].real_servers[0]", "c9 (203.0.113.31)")],
    ),
    (
        "once for each machine",
        mixed(real_servers=["rs1"])
        | {
            "services": [
                service(name="c", ports=[82], real_servers=["rs1"]),
                service(name="d", ports=[83], real_servers=["rs1"]),
                service(forwarding="nat"),
            ]
        },
        [("services[0].real_servers[0]", "rs1 (services[2].real_servers[0])")],
    ),
    (
        "within one service",
        mixed(real_servers=["rs3"])
        | {"services": [service(real_servers=["rs1", {"host": "rs1", "address": "192.0.2.41", "forwarding": "nat"}])]},
        [("services[0].real_servers[0]", "rs1 (services[0].real_servers[1])")],
    ),
    (
        "a sorry server",
        mixed(real_servers=["rs3"], sorry_server="rs1"),
        [("services[1].sorry_server", "rs1")],
    ),
    ("a mapping", MAPPED, [("services[0].real_servers[1]", "rs2 (nat.mappings[0].internal)")]),
    ("all by nat", mixed(forwarding="nat"), []),
    ("other machines", mixed(real_servers=["rs3"]), []),
    ("another family", mixed(vip=VIP6), []),
]


@pytest.mark.parametrize(("described", "wanted"), [pytest.param(*case[1:], id=case[0]) for case in BEHIND_AND_BESIDE])
def test_a_machine_behind_the_directors_answers_as_a_vip_only_its_own_network(
    described: object, wanted: list[tuple[str, str]]
) -> None:
    real_servers = [*REAL_SERVERS, Host("rs3", ("192.0.2.23", "2001:db8:2::23"))]
    assert mistakes(described, real_servers=real_servers) == []
    assert mistakes(described, real_servers=real_servers, clients=[NEAR]) == []
    found = mistakes(described, real_servers=real_servers, clients=[ELSEWHERE])
    assert [mistake.path for mistake in found] == [path for path, _word in wanted]
    for mistake, (_path, word) in zip(found, wanted, strict=True):
        assert word in mistake.problem
        assert "c9 (203.0.113.31) would get no answers" in mistake.problem
        assert "clients in 192.0.2.0/24 only" in mistake.remedy


def test_local_clients_are_refused_only_when_there_are_none() -> None:
    described = description(service(forwarding="nat"), nat=ONE_ARM)
    near, far = Host("near", ("192.0.2.31",)), Host("far", ("203.0.113.31", "no address"))
    assert mistakes(described, clients=[far]) == []
    found = mistakes(described, clients=[far, near])
    assert_only(found, "nat.local_clients", "Client near has 192.0.2.31", "source_nat")
