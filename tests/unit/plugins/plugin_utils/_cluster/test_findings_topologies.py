# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break one thing of a healthy cluster by NAT, tunnel or marks: this is named, on the right host, and nothing else."""

from __future__ import annotations

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.findings import cluster_findings
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.probe import probe_connections
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.topologies import (
    BARE,
    CLUSTERS,
    DIRECT,
    FTP,
    FTP_DIRECT,
    GATEWAY,
    INNER_MACS,
    MARKS,
    MIXED,
    NAT,
    NAT_OTHER_PORT,
    ONE_ARM,
    OTHER_PORT,
    TUNNEL,
    UNCHECKED,
    WALL,
    Break,
    Cluster,
    deaf,
    destination,
    device,
    differ,
    drop,
    effective,
    fail,
    flush,
    hold,
    kernel_module_missing,
    listen,
    look,
    lose,
    neighbour,
    prober,
    route,
    setting,
    sysctl,
    take_out,
    unit,
)

#: A name, the cluster, what is broken, and of each finding the host and words of what is found, its cause or remedy.
CASES: list[tuple[str, Cluster, list[Break], list[tuple[str, str]]]] = [
    # NAT: the way back
    (
        "another default gateway",
        NAT,
        [route("rs1", "10.11.12.254"), fail(succeeded=10)],
        [("rs1", f"Its default gateway is 10.11.12.254 on eth0 instead of {GATEWAY}")],
    ),
    ("no default gateway", NAT, [route("rs2", None), fail(succeeded=10)], [("rs2", "It has no default gateway")]),
    (
        "another default gateway, as the module says too",
        NAT,
        [route("rs1", "10.11.12.254"), differ("rs1", "default_gateway", "ip route replace default via 10.11.12.10")],
        [("rs1", "Its default gateway is")],
    ),
    (
        "the gateway does not come back after a reboot",
        NAT,
        [differ("rs1", "default_gateway", "write /etc/network/interfaces.d/lvs-cluster")],
        [("rs1", "Its default gateway is not as described: site.yml would run write /etc/network")],
    ),
    (
        "the gateway on both directors",
        NAT,
        [hold("lb2", GATEWAY)],
        [("lb1, lb2", f"lb1 and lb2 both hold {GATEWAY}.")],
    ),
    (
        "VIPs and gateway on both, a rule is why",
        NAT,
        [
            hold("lb2", GATEWAY),
            hold("lb2", "198.51.100.100", interface="eth0"),
            drop("lb2", "vrrp", "iptables -A INPUT -p vrrp -j DROP"),
            fail(),
        ],
        [("lb1, lb2", "(VRRP, IP protocol 112) do not reach each other: lb2 drops them (iptables -A INPUT -p vrrp")],
    ),
    (
        "the gateway on the standby only",
        NAT,
        [
            lose("lb1", GATEWAY),
            hold("lb2", GATEWAY),
            neighbour("rs1", GATEWAY, INNER_MACS["lb2"]),
            neighbour("rs2", GATEWAY, INNER_MACS["lb2"]),
            fail(),
        ],
        [("lb2", f"It holds the gateway {GATEWAY}, but lb1 holds the VIPs")],
    ),
    (
        "nobody holds the gateway",
        NAT,
        [lose("lb1", GATEWAY), fail()],
        [("lb1, lb2", f"No director holds {GATEWAY}, though keepalived runs")],
    ),
    (
        "a stale neighbour cache",
        NAT,
        [neighbour("rs1", GATEWAY, INNER_MACS["lb2"]), fail(succeeded=10)],
        [("rs1", f"It takes lb2 for the gateway {GATEWAY}, which lb1 holds")],
    ),
    (
        "a stranger has the gateway's address",
        NAT,
        [neighbour("rs1", GATEWAY, "02:00:00:00:99:99")],
        [("rs1", "It takes the machine with the MAC address 02:00:00:00:99:99 for the gateway")],
    ),
    (
        "a client on the servers' own network",
        NAT,
        [fail(source="10.11.12.31")],
        [("client", "It is on the network of rs1 and rs2 (10.11.12.0/24)")],
    ),
    (
        "a client on the servers' own network, whose source is changed, and something else is wrong",
        ONE_ARM,
        [fail(source="192.0.2.31")],
        [("lb1", "20 of 20 connections to web (tcp/192.0.2.100:80) failed")],
    ),
    # NAT: the director
    (
        "ip_forward off",
        NAT,
        [sysctl("lb1", "net.ipv4.ip_forward", "0"), fail()],
        [("lb1", "net.ipv4.ip_forward is 0 instead of 1, so this host forwards no packet of real servers.")],
    ),
    (
        "forwarding off on one interface",
        NAT,
        [effective("lb1", "eth1", forwarding=0), fail()],
        [("lb1", "net.ipv4.conf.eth1.forwarding is 0, though net.ipv4.ip_forward is 1")],
    ),
    (
        "redirects on for all",
        ONE_ARM,
        [sysctl("lb1", "net.ipv4.conf.all.send_redirects", "1"), fail(succeeded=3)],
        [("lb1", "net.ipv4.conf.all.send_redirects is 1 instead of 0 (the larger of all and the interface counts)")],
    ),
    (
        "conntrack off",
        ONE_ARM,
        [sysctl("lb2", "net.ipv4.vs.conntrack", "0")],
        [("lb2", "net.ipv4.vs.conntrack is 0 instead of 1.")],
    ),
    (
        "translations lost",
        NAT,
        [differ("lb1", "nat", "nft add table ip lvs_cluster_nat", "nft add chain ip lvs_cluster_nat snat")],
        [
            (
                "lb1",
                "translations are not as described: site.yml would run nft add table ip lvs_cluster_nat (and 1 more).",
            )
        ],
    ),
    ("NAT's service on its own address", NAT, [listen("rs1", 8080, "10.11.12.21")], []),
    (
        "NAT's service elsewhere",
        NAT,
        [listen("rs1", 8080, "127.0.0.1"), fail(succeeded=10)],
        [("rs1", "listens on 127.0.0.1 only, not on 10.11.12.21")],
    ),
    (
        "NAT's service stopped",
        NAT,
        [listen("rs2", 8080), fail(succeeded=10)],
        [("rs2", "Nothing listens on tcp port 8080, which 10.11.12.22 needs")],
    ),
    (
        "the standby forwards otherwise",
        NAT,
        [destination("lb2", ".21", forwarding="direct")],
        [("lb2", "forwarding of rs1 (10.11.12.21:8080) is direct instead of nat")],
    ),
    # FTP
    (
        "FTP's module missing",
        FTP,
        [kernel_module_missing("lb1", "ip_vs_ftp"), fail()],
        [("lb1", "The kernel module ip_vs_ftp is not loaded: data connections of FTP do not pass.")],
    ),
    (
        "FTP's modules missing",
        FTP,
        [kernel_module_missing("lb2", "nf_nat_ftp", "ip_vs_ftp")],
        [("lb2", "The kernel modules nf_nat_ftp and ip_vs_ftp are not loaded")],
    ),
    (
        "FTP's helper not assigned",
        FTP,
        [differ("lb1", "nat", "iptables -t raw -A LVS_CLUSTER_NAT_HELPERS -p tcp --dport 21 -j CT --helper ftp")],
        [("lb1", "-j CT --helper ftp")],
    ),
    # the health check's own address and port
    (
        "a service on the VIP only, which its health check does not find",
        DIRECT,
        [listen("rs1", 80, "192.0.2.100"), take_out(".21")],
        [("rs1", "on 192.0.2.100 only, not on 192.0.2.21. It is bound to another address, and the health checks")],
    ),
    ("a service on the VIP only that nobody checks", UNCHECKED, [listen("rs1", 80, "192.0.2.100")], []),
    ("a service on the VIP only where health is not checked", BARE, [listen("rs1", 80, "192.0.2.100")], []),
    ("a service on the VIP and its own address", DIRECT, [listen("rs1", 80, "192.0.2.100", "192.0.2.21")], []),
    (
        "a service on neither the VIP nor its own address",
        DIRECT,
        [listen("rs1", 80, "127.0.0.1"), take_out(".21")],
        [("rs1", "listens on 127.0.0.1 only, not on 192.0.2.100 and 192.0.2.21")],
    ),
    (
        "what a check of another port asks is stopped",
        OTHER_PORT,
        [listen("rs1", 8080), take_out(".21")],
        [("rs1", "Nothing listens on tcp port 8080 of 192.0.2.21, to which the health checks connect.")],
    ),
    (
        "a service by tunnel on the VIP only",
        TUNNEL,
        [listen("rs2", 80, "192.0.2.100", "192.0.2.101", "192.0.2.102"), take_out(".22")],
        [("rs2", "not on 203.0.113.22.")],
    ),
    (
        "what a check of another port asks behind NAT is stopped",
        NAT_OTHER_PORT,
        [listen("rs2", 9000), take_out(".22")],
        [("rs2", "Nothing listens on tcp port 9000")],
    ),
    # direct forwarding and tunnels: the way out
    (
        "a director as default gateway of a direct real server, clients beside it",
        DIRECT,
        [route("rs1", "192.0.2.12"), fail(source="192.0.2.31", succeeded=20)],
        [("rs1", "Its default gateway is 192.0.2.12 of lb2, so what it answers from 192.0.2.100 to clients on other")],
    ),
    (
        "a director as default gateway of a direct real server, clients elsewhere",
        DIRECT,
        [route("rs1", "192.0.2.11"), fail(succeeded=10)],
        [("rs1", "Give it a default gateway that is no director")],
    ),
    (
        "a director as default gateway does not account for what a client beside it lacks",
        DIRECT,
        [route("rs1", "192.0.2.11"), fail(source="192.0.2.31")],
        [("rs1", "Its default gateway is 192.0.2.11 of lb1"), ("lb1", "20 of 20 connections to shop")],
    ),
    (
        "a director as default gateway at the end of a tunnel",
        TUNNEL,
        [hold("lb1", "203.0.113.1"), route("rs2", "203.0.113.1"), fail(source="198.51.100.9", succeeded=10)],
        [("rs2", "Its default gateway is 203.0.113.1 of lb1")],
    ),
    ("a router as default gateway", DIRECT, [route("rs1", "192.0.2.1")], []),
    ("nat and direct on one real server, clients beside it", MIXED, [fail(source="192.0.2.31", succeeded=20)], []),
    (
        "nat and direct on one real server, clients elsewhere",
        MIXED,
        [fail("192.0.2.100")],
        [
            ("rs1", "Its default gateway is 192.0.2.10 of the directors"),
        ],
    ),
    # tunnels
    (
        "the device is down",
        TUNNEL,
        [device("rs1", "lvs-ipip0", up=False), fail("192.0.2.100", "192.0.2.101", succeeded=10)],
        [("rs1", "It has no ipip device that is up")],
    ),
    (
        "the device is gone, and the module says so too",
        TUNNEL,
        [device("rs1", "lvs-ipip0"), fail("192.0.2.100", succeeded=10), differ("rs1", "tunnel", "ip link add")],
        [("rs1", "The device was removed, or the kernel module ipip is not loaded")],
    ),
    (
        "the device is for another end",
        TUNNEL,
        [device("rs1", "lvs-gre0", remote="192.0.2.99"), fail("192.0.2.102", succeeded=10)],
        [("rs1", "It has no gre device that is up")],
    ),
    (
        "rp_filter by all",
        TUNNEL,
        [effective("rs2", "lvs-ipip0", rp_filter=1), fail("192.0.2.100", "192.0.2.101", succeeded=10)],
        [("rs2", "On lvs-ipip0 rp_filter is 1 (the larger of all and lvs-ipip0 counts)")],
    ),
    (
        "rp_filter loose, no address",
        TUNNEL,
        [lose("rs2", "192.0.0.8"), effective("rs2", "lvs-gre0", rp_filter=0), fail("192.0.2.100", succeeded=10)],
        [("rs2", "On lvs-ipip0 rp_filter is 2 (the larger of all and lvs-ipip0 counts), and no IPv4 address is on it")],
    ),
    (
        "GUE's port is gone",
        TUNNEL,
        [listen("rs1", 6080), fail("192.0.2.101", succeeded=10)],
        [("rs1", "Nothing takes GUE packets on UDP port 6080")],
    ),
    (
        "segments are not clamped",
        TUNNEL,
        [differ("rs1", "tunnel", "iptables -t mangle -A LVS_CLUSTER_TUNNEL -j TCPMSS --set-mss 1436")],
        [("rs1", "Its tunnels are not as described: site.yml would run iptables -t mangle")],
    ),
    (
        "protocol 4 dropped on the real server",
        TUNNEL,
        [drop("rs1", "ipip", "iptables -A INPUT -p ipencap -j DROP"), deaf("rs1"), fail("192.0.2.100", succeeded=10)],
        [("rs1", "It drops what the directors send through the tunnel: iptables -A INPUT -p ipencap -j DROP")],
    ),
    (
        "all tunnels filtered on the way",
        TUNNEL,
        [deaf("rs1"), deaf("rs2"), fail()],
        [
            ("rs1", "The director sent it 30 connections to web, gue and gre through the tunnel, but nothing"),
            ("rs2", "nothing arrived on lvs-gre0 and lvs-ipip0"),
        ],
    ),
    (
        "one protocol filtered on the way",
        TUNNEL,
        [deaf("rs1", "lvs-gre0"), deaf("rs2", "lvs-gre0"), fail("192.0.2.102")],
        [
            (
                "rs1",
                "10 connections to gre through the tunnel, but nothing arrived on lvs-gre0. IP protocol 47 (GRE) is",
            ),
            ("rs2", "nothing arrived on lvs-gre0. IP protocol 47 (GRE) is filtered on the way"),
        ],
    ),
    ("a drop of some", TUNNEL, [drop("rs1", "ipip", "iptables -A INPUT -s 192.0.2.99/32 -p ipencap -j DROP")], []),
    (
        "VIP missing at the end of a tunnel",
        TUNNEL,
        [lose("rs1", "192.0.2.102"), fail("192.0.2.102", succeeded=10)],
        [("rs1", "does not have 192.0.2.102")],
    ),
    (
        "another tunnel type on the standby",
        TUNNEL,
        [destination("lb2", ".21", tunnel_type="gre")],
        [
            ("lb2", "tunnel_type of rs1 (203.0.113.21:80) is gre instead of ipip"),
            ("lb2", "tunnel_type of rs1 (203.0.113.21:80) is gre instead of gue"),
        ],
    ),
    # direct
    (
        "on another segment",
        DIRECT,
        [
            lambda seen: [lose(name, "192.0.2.11", "192.0.2.12")(seen) for name in ("lb1", "lb2")],
            fail(succeeded=0),
        ],
        [("rs1", "192.0.2.21 is on no network of lb1 and lb2"), ("rs2", "192.0.2.22 is on no network of lb1 and lb2")],
    ),
    (
        "on the link by a route",
        DIRECT,
        [
            *(lose(name, "192.0.2.11", "192.0.2.12") for name in ("lb1", "lb2")),
            *(
                setting(name, neighbours=[{"address": f"192.0.2.2{n}", "mac": "02:00:00:00:00:21"} for n in (1, 2)])
                for name in ("lb1", "lb2")
            ),
        ],
        [],
    ),
    (
        "persistence holds clients on a drained server",
        DIRECT,
        [
            sysctl("lb1", "net.ipv4.vs.expire_quiescent_template", "0"),
            destination("lb1", ".21", weight=0, persistent_connections=3),
        ],
        [
            ("lb1", "expire_quiescent_template is 0 instead of 1, so clients stay on rs1, drained as it is."),
            ("lb1", "weight of rs1 (192.0.2.21:80) is 0 instead of 1"),
        ],
    ),
    # who sends
    (
        "sent from a director",
        DIRECT,
        [prober("lb2"), fail()],
        [("lb2", "The packets were sent from this director, so they prove nothing")],
    ),
    (
        "sent from a real server that is the controller",
        NAT,
        [prober("localhost"), fail(source="10.11.12.22")],
        [("rs2", "The packets were sent from this real server")],
    ),
    # filters
    (
        "VRRP dropped on the active director",
        DIRECT,
        [drop("lb1", "vrrp", "nft: table inet mine chain in: ip protocol vrrp drop")],
        [("lb1", "It drops the adverts of the other directors: nft: table inet mine chain in: ip protocol vrrp drop.")],
    ),
    (
        "VRRP of the peer dropped",
        DIRECT,
        [drop("lb1", "vrrp", "iptables -A INPUT -s 192.0.2.12/32 -p vrrp -j DROP")],
        [("lb1", "-s 192.0.2.12/32")],
    ),
    ("VRRP of others dropped", DIRECT, [drop("lb1", "vrrp", "iptables -A INPUT -s 192.0.2.99/32 -p vrrp -j DROP")], []),
    ("VRRP but of peers", DIRECT, [drop("lb1", "vrrp", "iptables -A INPUT ! -s 192.0.2.12/32 -p vrrp -j DROP")], []),
    (
        "vrrp_strict",
        DIRECT,
        [
            setting("lb1", files={"/etc/keepalived/keepalived.conf": ["  vrrp_strict  # as the book says"]}),
            drop("lb1", "192.0.2.100", "iptables -A INPUT -d 192.0.2.100/32 -j DROP"),
            fail(),
        ],
        [("lb1", "keepalived.conf says vrrp_strict")],
    ),
    (
        "vrrp_strict in a comment",
        DIRECT,
        [setting("lb1", files={"/etc/keepalived/keepalived.conf": ["# no vrrp_strict here", "! vrrp_strict"]})],
        [],
    ),
    (
        "the VIP's port dropped",
        DIRECT,
        [drop("lb1", "192.0.2.100", "iptables -A INPUT -d 192.0.2.100/32 -p tcp -m tcp --dport 80 -j DROP"), fail()],
        [("lb1", "It drops what clients send to 192.0.2.100: iptables")],
    ),
    (
        "another port of the VIP dropped",
        DIRECT,
        [drop("lb1", "192.0.2.100", "iptables -A INPUT -d 192.0.2.100/32 -p tcp -m tcp --dport 22 -j DROP")],
        [],
    ),
    (
        "one client dropped",
        DIRECT,
        [drop("lb1", "192.0.2.100", "iptables -A INPUT -s 203.0.113.9/32 -d 192.0.2.100/32 -j DROP")],
        [],
    ),
    (
        "the firewall changed",
        WALL,
        [differ("lb1", "firewall", "nft add rule inet lvs_cluster_firewall input drop"), fail()],
        [("lb1", "Its firewall is not as described")],
    ),
    # marks
    (
        "a mark removed",
        MARKS,
        [
            differ("lb1", "fwmark", "nft add element inet lvs_cluster_fwmark ipv4 '{ 192.0.2.100 . tcp . 443 : 5 }'"),
            fail("192.0.2.100", port=443),
        ],
        [("lb1", "Its packet marks are not as described: site.yml would run nft add element")],
    ),
    (
        "the marks could not be read",
        MARKS,
        [lambda seen: seen["hosts"]["lb1"]["compared"].update({"fwmark": {"msg": "nft is broken."}})],
        [("lb1", "nft is broken.")],
    ),
    (
        "the rules do not come back",
        MARKS,
        [unit("lb2", "lvs-cluster-rules", enabled=False)],
        [("lb2", "Its packet marks do not come back at boot.")],
    ),
    (
        "the rules' unit failed",
        NAT,
        [unit("lb2", "lvs-cluster-rules", active=False)],
        [("lb2", "The unit lvs-cluster-rules, which brings its address translations back at boot, is not active")],
    ),
    (
        "the boot's script lacks a rule",
        MARKS,
        [lambda seen: look(seen, "lb1")["files"].update({"/etc/lvs-cluster/load-rules": ["rule 1"]})],
        [("lb1", "After a reboot its packet marks are not as described: /etc/lvs-cluster/load-rules lacks rule 2.")],
    ),
    (
        "the boot's script is gone",
        NAT,
        [lambda seen: look(seen, "lb1")["files"].update({"/etc/lvs-cluster/load-rules": None})],
        [("lb1", "After a reboot its address translations are not as described")],
    ),
    (
        "a mark's service missing on the standby",
        MARKS,
        [lambda seen: [seen["hosts"]["lb2"][table]["services"].pop(0) for table in ("ipvs", "ipvs_after")]],
        [("lb2", "Service shop (mark 5) is not as described in its table: it is missing")],
    ),
    ("the table of marks is flushed", MARKS, [flush("lb1"), fail()], [("lb1", "none of the described services")]),
    (
        "one port of a mark is not listened on",
        MARKS,
        [listen("rs1", 443), fail("192.0.2.100", port=443, succeeded=10)],
        [("rs1", "Nothing listens on tcp port 443, which 192.0.2.100 needs")],
    ),
    (
        "one port of a mark fails",
        MARKS,
        [fail("192.0.2.100", port=443)],
        [
            (
                "lb1",
                "or a service that hangs. The health check does not see it: it connects to port 80.",
            )
        ],
    ),
    (
        "one VIP of a mark fails",
        MARKS,
        [fail("192.0.2.102")],
        [("lb1", "20 of 20 connections to many (tcp/192.0.2.102:8001) failed")],
    ),
    (
        "one family fails",
        MARKS,
        [fail("2001:db8:2::103")],
        [("lb1", "20 of 20 connections to both (tcp/[2001:db8:2::103]:25) failed")],
    ),
    (
        "a mark that nobody counts",
        MARKS,
        [
            lambda seen: seen["hosts"]["lb1"]["ipvs_after"]["services"].__setitem__(
                0, seen["hosts"]["lb1"]["ipvs"]["services"][0]
            )
        ],
        [("lb1", "40 connections to shop succeeded, but no director counted one.")],
    ),
    (
        "thresholds on the standby",
        DIRECT,
        [destination("lb2", ".21", upper_threshold=5)],
        [("lb2", "upper_threshold of rs1 (192.0.2.21:80) is 5 instead of 0")],
    ),
]


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
def test_a_healthy_cluster_has_no_findings(cluster: Cluster) -> None:
    assert cluster_findings(*cluster.healthy()) == []


@pytest.mark.parametrize(("cluster", "breaks", "expected"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_exactly_the_cause_is_named(cluster: Cluster, breaks: list[Break], expected: list[tuple[str, str]]) -> None:
    plans, seen = cluster.healthy()
    for apply in breaks:
        apply(seen)
    found = cluster_findings(plans, seen)
    assert [finding["host"] for finding in found] == [host for host, _words in expected], found
    for finding, (_host, words) in zip(found, expected, strict=True):
        assert words in " ".join((finding["found"], finding["cause"], finding["remedy"]))
        assert all(finding[part].endswith((".", ")")) for part in ("found", "cause", "remedy")), finding


def test_a_check_of_another_port_is_blamed_only_when_connections_fail() -> None:
    plans, seen = OTHER_PORT.healthy()
    assert cluster_findings(plans, seen) == []
    fail()(seen)
    (finding,) = cluster_findings(plans, seen)
    assert finding["cause"].endswith("The health check does not see it: it connects to port 8080.")


def test_nobody_has_to_listen_on_the_port_that_active_ftp_comes_from() -> None:
    plans, seen = FTP_DIRECT.healthy()
    assert [each["port"] for each in probe_connections(plans["lb1"]["vars"])] == [21]
    for name in ("rs1", "rs2"):
        listen(name, 20)(seen)
    assert cluster_findings(plans, seen) == []
