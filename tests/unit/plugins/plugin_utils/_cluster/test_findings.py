# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break one thing of a healthy cluster, and see that this is named, on the right host, and nothing else blamed."""

from __future__ import annotations

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.findings import cluster_findings
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    MACS,
    VIP,
    VIP6,
    example_plans,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.faults import (
    RS1,
    RS1_6,
    RS2,
    RS2_6,
    WEB,
    WEB6,
    Break,
    Observations,
    add_address,
    add_interface,
    add_service,
    answer,
    balance,
    believe,
    change_address,
    change_destination,
    change_service,
    connect,
    count,
    count_nothing,
    flush,
    forget,
    hide,
    listen,
    move_vips_to_lb2,
    no_probe,
    observe,
    put_in,
    remove_address,
    remove_service,
    run_kube_proxy,
    set_interface,
    set_ipvs,
    set_look,
    silence,
    stop_keepalived,
    take_out,
    unreachable,
)

#: A name, what is broken, and (host, words) of each finding. The first dozen are those of an operator's drill.
CASES: list[tuple[str, list[Break], list[tuple[str, str]]]] = [
    ("healthy", [], []),
    ("healthy after a failover", [move_vips_to_lb2], []),
    (
        "healthy, real servers bind the VIPs and their own addresses",
        [listen("rs1", VIP, VIP6, RS1, RS1_6), listen("rs2", "0.0.0.0", "::")],
        [],
    ),
    (
        "healthy, all hides",
        [set_look("rs1", arp_ignore_all=1, arp_announce_all=2), set_interface("rs1", arp_ignore=0, arp_announce=0)],
        [],
    ),
    (
        "healthy, VIPs on a dummy interface",
        [add_interface("rs1", "dummy0", type="dummy"), change_address(VIP, "rs1", interface="dummy0")],
        [],
    ),
    (
        "a VIP on an interface that the directors do not know",
        [add_interface("rs1", "eth1"), add_address(VIP, "rs1", interface="eth1")],
        [("rs1", f"{VIP} is on eth1, where this host answers ARP")],
    ),
    (
        "not hidden on another interface in the subnet of the VIP",
        [
            add_interface("rs1", "eth1", arp_ignore=3, arp_announce=2),
            add_address("192.0.2.61", "rs1", interface="eth1", prefix=24),
        ],
        [("rs1", "On eth1 arp_ignore is 3, which does not hide the VIP")],
    ),
    (
        "not hidden on a macvlan over the interface that the directors know",
        [add_interface("rs1", "lan0", type="macvlan", lower="eth0", arp_ignore=0, arp_announce=2)],
        [("rs1", "On lan0 arp_ignore is 0, so this host answers ARP for the VIP")],
    ),
    (
        "healthy, its IPv6 address is on another interface",
        [
            add_interface("rs1", "eth1", arp_ignore=0, arp_announce=0),
            change_address(RS1_6, "rs1", interface="eth1"),
        ],
        [],
    ),
    (
        "healthy, its address is on an interface without ARP",
        [
            add_interface("rs1", "wg0", arp=False, arp_ignore=0, arp_announce=0),
            change_address(RS1, "rs1", interface="wg0", prefix=32),
        ],
        [],
    ),
    (
        "not hidden where the default route leads, of a VIP of no network here",
        [
            add_interface("rs1", "eth1", arp_ignore=0, arp_announce=2),
            change_address(RS1, "rs1", prefix=32),
            set_look("rs1", routes=[{"family": "ipv4", "gateway": "10.0.0.1", "interface": "eth1"}]),
        ],
        [("rs1", "On eth1 arp_ignore is 0, so this host answers ARP for the VIP")],
    ),
    (
        "healthy, its addresses are on lo and packets come by a routed fabric",
        [change_address(RS1, "rs1", interface="lo", prefix=32), change_address(RS1_6, "rs1", interface="lo")],
        [],
    ),
    (
        "healthy, foreign services in the table",
        [add_service("lb1", address="192.0.2.250"), add_service("lb2", address=None, fwmark=7)],
        [],
    ),
    # VIP removed from a real server: its health check goes on, its share of the packets is lost.
    ("VIP removed from rs1", [remove_address(VIP, on="rs1"), connect(10, [WEB])], [("rs1", f"does not have {VIP},")]),
    ("both VIPs removed from rs1", [remove_address(VIP, VIP6, on="rs1"), connect(10)], [("rs1", f"{VIP} and {VIP6}")]),
    (
        "VIP removed, so the service on it stopped",
        [remove_address(VIP, on="rs1"), listen("rs1", VIP6, RS1_6), take_out(RS1)],
        [("rs1", f"does not have {VIP},")],
    ),
    # arp_ignore off
    (
        "arp_ignore off",
        [set_interface("rs2", arp_ignore=0), answer(MACS["lb1"], MACS["rs2"]), connect(12, [WEB])],
        [("rs2", "arp_ignore is 0")],
    ),
    (
        "arp_ignore off, and the client has believed it",
        [set_interface("rs2", arp_ignore=0), answer(MACS["lb1"], MACS["rs2"]), believe(MACS["rs2"])],
        [("rs2", "arp_ignore is 0")],
    ),
    (
        "hidden again, and the client does not know",
        [believe(MACS["rs2"]), count_nothing(WEB)],
        [
            ("client", f"It takes rs2 for {VIP}, which lb1 holds"),
            ("client", f"It takes rs2 for {VIP6}, which lb1 holds"),
        ],
    ),
    (
        "a gratuitous ARP of a failover that the client did not hear",
        [believe(MACS["lb2"]), connect(0)],
        [
            ("client", f"It takes lb2 for {VIP}, which lb1 holds"),
            ("client", f"It takes lb2 for {VIP6}, which lb1 holds"),
        ],
    ),
    ("healthy, the client has sent nothing there for a while", [believe()], []),
    ("arp_announce off", [set_interface("rs2", arp_announce=0)], [("rs2", "arp_announce is 0")]),
    (
        "both off, packets past the director",
        [set_interface("rs2", arp_ignore=0, arp_announce=0), answer(MACS["rs2"]), count_nothing(WEB)],
        [("rs2", "arp_ignore is 0, so this host answers ARP for the VIP and arp_announce is 0")],
    ),
    (
        "healthy, rules hide instead of sysctls",
        [set_interface("rs1", arp_ignore=0, arp_announce=0), hide("rs1", "nftables")],
        [],
    ),
    (
        "healthy, redirected to the host's own address, on which the service listens",
        [
            set_interface("rs1", arp_ignore=0, arp_announce=0),
            hide("rs1", "redirect"),
            remove_address(VIP, VIP6, on="rs1"),
            listen("rs1", RS1, RS1_6),
        ],
        [],
    ),
    (
        "redirected, and nothing listens",
        [hide("rs1", "redirect"), remove_address(VIP, VIP6, on="rs1"), listen("rs1"), take_out(RS1)],
        [("rs1", "Nothing listens on tcp port 80")],
    ),
    (
        "rules hide one VIP, the other one shows",
        [set_look("rs2", hidden=[{"address": VIP6, "method": "arptables"}]), set_interface("rs2", arp_ignore=0)],
        [("rs2", "arp_ignore is 0")],
    ),
    ("arp_ignore 8", [set_interface("rs2", arp_ignore=8)], [("rs2", "arp_ignore is 8")]),
    # keepalived stopped
    (
        "keepalived stopped on the active director",
        [move_vips_to_lb2, stop_keepalived("lb1"), flush("lb1")],
        [("lb1", "keepalived is not running.")],
    ),
    (
        "keepalived stopped on the standby",
        [stop_keepalived("lb2"), flush("lb2")],
        [("lb2", "keepalived is not running.")],
    ),
    (
        "keepalived killed, its VIP left behind",
        [move_vips_to_lb2, add_address(VIP, "lb1"), stop_keepalived("lb1"), answer(MACS["lb1"], MACS["lb2"])],
        [("lb1", f"not running, but {VIP} is still here")],
    ),
    (
        "keepalived stopped on both",
        [
            stop_keepalived("lb1"),
            stop_keepalived("lb2"),
            remove_address(VIP, VIP6, on="lb1"),
            flush("lb1"),
            flush("lb2"),
            answer(),
            connect(0),
        ],
        [("lb1", "not running"), ("lb2", "not running")],
    ),
    (
        "keepalived not enabled",
        [set_look("lb2", services={"keepalived": {"active": True, "enabled": False}})],
        [("lb2", "does not start at boot")],
    ),
    ("keepalived not installed", [set_look("lb2", services={}), flush("lb2")], [("lb2", "keepalived is not running")]),
    # table flushed
    (
        "table flushed on the active director",
        [flush("lb1"), connect(0, error="refused")],
        [("lb1", "none of the described services")],
    ),
    ("table flushed on the standby", [flush("lb2")], [("lb2", "none of the described services")]),
    # service bound to one address
    (
        "bound to its own address",
        [listen("rs1", RS1, "::1", VIP6), connect(10, [WEB], "refused")],
        [("rs1", f"tcp port 80 listens on {RS1}, {VIP6} and ::1 only, not on {VIP}")],
    ),
    (
        "bound to IPv4 only",
        [listen("rs1", "0.0.0.0"), connect(10, [WEB6], "refused")],
        [("rs1", f"listens on 0.0.0.0 only, not on {VIP6}")],
    ),
    (
        "service stopped",
        [listen("rs1"), take_out(RS1, RS1_6)],
        [("rs1", f"Nothing listens on tcp port 80, which {VIP} and {VIP6} needs")],
    ),
    # a table on a real server
    (
        "a real server balances once more",
        [balance("rs1"), connect(5, [WEB])],
        [("rs1", f"It has tcp/{VIP}:80 in an IPVS table of its own, so it balances once more")],
    ),
    ("healthy, a real server balances something else", [balance("rs1", "10.96.0.1", 443)], []),
    ("healthy, a port of Kubernetes is on all its addresses", [balance("rs1", VIP, 30080)], []),
    (
        "healthy, a VIP is a Kubernetes service's, too",
        [balance("rs1"), run_kube_proxy("rs1"), add_address(VIP, "rs1", interface="kube-ipvs0")],
        [],
    ),
    # two masters
    (
        "two masters",
        [add_address(VIP, "lb2"), add_address(VIP6, "lb2", prefix=128), answer(MACS["lb1"], MACS["lb2"]), connect(3)],
        [("lb1, lb2", f"lb1 and lb2 both hold {VIP} and {VIP6}")],
    ),
    # standby's table differs
    (
        "standby lacks a service",
        [remove_service("lb2", WEB6)],
        [("lb2", "Service web6 (tcp/[2001:db8:2::100]:80) is not as described in its table: it is missing")],
    ),
    ("healthy, kube-proxy beside it leaves our services alone", [run_kube_proxy("lb2")], []),
    (
        "standby has another weight",
        [change_destination("lb2", RS1, weight=5)],
        [("lb2", f"weight of rs1 ({RS1}:80) is 5 instead of 1")],
    ),
    ("standby drained by hand", [change_destination("lb2", RS1, weight=0)], [("lb2", "is 0 instead of 1")]),
    ("standby forwards by nat", [change_destination("lb2", RS1, forwarding="nat")], [("lb2", "forwarding of rs1")]),
    (
        "standby has another scheduler",
        [change_service("lb2", scheduler="rr")],
        [("lb2", "scheduler is rr instead of wlc")],
    ),
    (
        "standby has persistence",
        [change_service("lb2", persistence=60, persistence_netmask="255.255.255.255")],
        [("lb2", "persistence is 60 instead of 0")],
    ),
    (
        "standby has one destination more",
        [put_in("192.0.2.66", on=["lb2"])],
        [("lb2", "destination 192.0.2.66:80 is not described")],
    ),
    (
        "standby has one destination less",
        [take_out(RS1, on=["lb2"])],
        [("lb2", f"rs1 ({RS1}) is missing in its table for web")],
    ),
    (
        "a service on a VIP that is not described",
        [add_service("lb1")],
        [("lb1", "has a service tcp/192.0.2.100:443 that is not described")],
    ),
    # real servers down
    ("rs1 is off", [unreachable("rs1"), take_out(RS1, RS1_6)], [("rs1", "cannot be reached")]),
    ("rs1 is off, not yet noticed", [unreachable("rs1"), connect(10)], [("rs1", "cannot be reached")]),
    (
        "both real servers are off",
        [unreachable("rs1"), unreachable("rs2"), take_out(RS1, RS1_6, RS2, RS2_6), connect(0)],
        [("rs1", "cannot be reached"), ("rs2", "cannot be reached")],
    ),
    (
        "check of rs1 fails everywhere",
        [take_out(RS1, RS1_6)],
        [("rs1", "lb1 and lb2 have taken it out of web and web6.")],
    ),
    ("check of rs1 fails for one service", [take_out(RS1_6)], [("rs1", "taken it out of web6.")]),
    (
        "checks of all fail",
        [take_out(RS1, RS2), connect(0, [WEB])],
        [("lb1", "All real servers of web (rs1 and rs2) are taken out: nobody answers")],
    ),
    (
        "read failed on rs1",
        [set_look("rs1"), lambda seen: seen["hosts"]["rs1"].update(host=None)],
        [("rs1", "could not be read")],
    ),
    ("rs1 was never looked at", [forget("rs1")], [("rs1", "cannot be reached")]),
    # directors down
    ("the standby is off", [unreachable("lb2")], [("lb2", "cannot be reached")]),
    (
        "the active director was off, lb2 took over",
        [move_vips_to_lb2, unreachable("lb1")],
        [("lb1", "cannot be reached")],
    ),
    ("the active director cannot be reached but serves", [unreachable("lb1")], [("lb1", "cannot be reached")]),
    (
        "the active director is off, nobody took over",
        [unreachable("lb1"), answer(), connect(0)],
        [("lb1", "cannot be reached"), ("lb2", f"No director holds {VIP} and {VIP6}")],
    ),
    (
        "both directors are off",
        [unreachable("lb1"), unreachable("lb2"), answer(), connect(0)],
        [("lb1", "cannot be reached"), ("lb2", "cannot be reached")],
    ),
    # VIPs
    (
        "VIP removed from the active director",
        [remove_address(VIP, on="lb1"), silence(VIP), connect(0, [WEB])],
        [("lb1, lb2", f"No director holds {VIP}, though keepalived runs")],
    ),
    (
        "VIP with a wide mask",
        [change_address(VIP, "lb1", prefix=24)],
        [("lb1", f"{VIP}/24 is on eth0 instead of {VIP}/32 on eth0")],
    ),
    ("VIP on the wrong interface", [change_address(VIP, "lb1", interface="eth1")], [("lb1", f"{VIP}/32 is on eth1")]),
    (
        "VIP with a wide mask on a real server",
        [change_address(VIP, "rs1", prefix=24)],
        [("rs1", "prefix length 24 instead of 32")],
    ),
    (
        "VIP on the network side of a real server",
        [change_address(VIP, "rs1", interface="eth0"), answer(MACS["lb1"], MACS["rs1"])],
        [("rs1", f"{VIP} is on eth0, where this host answers ARP")],
    ),
    # sysctls, module
    (
        "a sysctl changed",
        [
            set_look(
                "lb2", sysctls={"net.ipv4.vs.expire_nodest_conn": "0", "net.ipv4.vs.expire_quiescent_template": "1"}
            )
        ],
        [("lb2", "net.ipv4.vs.expire_nodest_conn is 0 instead of 1.")],
    ),
    (
        "a sysctl missing",
        [set_look("lb2", sysctls={"net.ipv4.vs.expire_nodest_conn": "1"})],
        [("lb2", "expire_quiescent_template is missing instead of 1")],
    ),
    (
        "ip_vs not loaded",
        [set_look("lb2", sysctls={}), set_ipvs("lb2", {"failed": True, "msg": "no family"})],
        [("lb2", "ip_vs is not loaded")],
    ),
    (
        "ip_vs not loaded before the table was read",
        [set_look("lb2", sysctls={}), flush("lb2")],
        [("lb2", "ip_vs is not loaded")],
    ),
    (
        "table not readable",
        [set_ipvs("lb2", {"failed": True, "msg": "Only root may read the table."})],
        [("lb2", "IPVS table could not be read")],
    ),
    # packets
    (
        "a stranger answers",
        [answer(MACS["lb1"], "02:00:00:00:00:99")],
        [("client", "MAC address 02:00:00:00:00:99 answers")],
    ),
    (
        "a real server answers though it looks right",
        [answer(MACS["lb1"], MACS["rs2"])],
        [("rs2", "only the active director may")],
    ),
    ("the standby answers", [answer(MACS["lb1"], MACS["lb2"])], [("lb2", "which it does not hold")]),
    ("no service answers", [connect(0)], [("client", "No service answers from here: web and web6 (timed out)")]),
    (
        "a service does not answer",
        [connect(0, [WEB])],
        [("lb1", "20 of 20 connections to web (tcp/192.0.2.100:80) failed (timed out)")],
    ),
    (
        "a real server drops packets",
        [connect(8, [WEB]), count(RS1, 12), count(RS2, 8)],
        [("rs1", "12 of 20 connections to web")],
    ),
    (
        "no director counted",
        [count_nothing(WEB)],
        [("lb1", "20 connections to web succeeded, but no director counted")],
    ),
    ("rs2 gets no share", [count(RS2, 0)], [("rs2", "none of 10 connections to web, where about 5 were its share")]),
    ("rs2 is spared because it is busy", [change_destination("lb1", RS2, active_connections=50), count(RS2, 0)], []),
    ("no packets were sent", [no_probe], [("localhost", "No packets were sent")]),
    # several at once
    (
        "two causes",
        [stop_keepalived("lb2"), flush("lb2"), set_interface("rs1", arp_ignore=0), listen("rs2", RS2, "::1", VIP6)],
        [("lb2", "not running"), ("rs1", "arp_ignore is 0"), ("rs2", f"not on {VIP}")],
    ),
]


@pytest.mark.parametrize(("breaks", "expected"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_exactly_the_cause_is_named(breaks: list[Break], expected: list[tuple[str, str]]) -> None:
    plans = example_plans()
    seen = observe(plans)
    for apply in breaks:
        apply(seen)
    found = cluster_findings(plans, seen)
    assert [finding["host"] for finding in found] == [host for host, words in expected], found
    for finding, (_host, words) in zip(found, expected, strict=True):
        assert words in finding["found"]
        assert set(finding) == {"host", "found", "cause", "remedy"}
        assert all(
            finding[part].endswith((".", ")")) and "\n" not in finding[part] for part in ("found", "cause", "remedy")
        )


@pytest.mark.parametrize("fault", [flush("lb2"), remove_service("lb2", WEB6)], ids=["all services", "one service"])
def test_kube_proxy_is_named_where_services_are_missing(fault: Break) -> None:
    plans = example_plans()
    seen = observe(plans)
    fault(seen)
    (usual,) = cluster_findings(plans, seen)
    run_kube_proxy("lb2")(seen)
    (found,) = cluster_findings(plans, seen)
    assert (found["host"], found["found"]) == ("lb2", usual["found"])
    assert "kube-proxy" not in str(usual)
    assert "kube-proxy in IPVS mode runs here (kube-ipvs0" in found["cause"]
    assert "--ipvs-exclude-cidrs" in found["remedy"]


#: Other clusters than the example: services, what is broken, findings.
OTHER_CLUSTERS: list[tuple[str, list[dict[str, object]], list[Break], list[tuple[str, str]]]] = [
    (
        "a sorry server answers",
        [service(sorry_server="192.0.2.99")],
        [take_out(RS1, RS2), put_in("192.0.2.99")],
        [("lb1", "All real servers of web (rs1 and rs2) are taken out: the sorry server 192.0.2.99 answers")],
    ),
    (
        "a sorry server answers for the only real server",
        [service(real_servers=["rs1"], sorry_server="rs2")],
        [take_out(RS1), put_in(RS2)],
        [("rs1", "taken it out of web: the sorry server answers")],
    ),
    (
        "a sorry server beside real servers",
        [service(sorry_server="192.0.2.99")],
        [put_in("192.0.2.99", on=["lb1"])],
        [("lb1", "destination 192.0.2.99:80 is not described")],
    ),
    ("a check of type none", [service(check={"type": "none"})], [take_out(RS1)], [("rs1", "have taken it out of web")]),
    ("a hash gives no share", [service(scheduler="sh", scheduler_flags=["sh-port"])], [count(RS2, 0)], []),
    ("a hash, and no packet", [service(scheduler="mh")], [count_nothing(WEB)], [("lb1", "no director counted")]),
    ("persistence gives no share", [service(persistence=300)], [count(RS2, 0)], []),
    ("weight 0 gets no share", [service(real_servers=["rs1", {"host": "rs2", "weight": 0}])], [], []),
    ("udp that keeps silent is well", [service(protocol="udp", check={"type": "none"})], [], []),
    (
        "udp that is refused",
        [service(protocol="udp", check={"type": "none"})],
        [connect(0, [WEB], "Connection refused")],
        [("lb1", "20 of 20 datagrams to web (udp/192.0.2.100:80) failed (Connection refused)")],
    ),
    (
        "udp must be listened to",
        [service(protocol="udp", check={"type": "none"})],
        [listen("rs1")],
        [("rs1", "Nothing listens on udp port 80")],
    ),
    ("sctp is not looked for", [service(protocol="sctp", check={"type": "none"})], [listen("rs1")], []),
    (
        "a described netmask",
        [service(persistence=60, persistence_netmask=24)],
        [
            change_service("lb1", persistence_netmask="255.255.255.0"),
            change_service("lb2", persistence_netmask="255.255.255.255"),
        ],
        [("lb2", "persistence_netmask is 255.255.255.255 instead of 255.255.255.0")],
    ),
    ("an empty mask means each client", [service(persistence=60)], [], []),
    (
        "flags",
        [service(scheduler="sh", scheduler_flags=["sh-port"])],
        [change_service("lb2", scheduler_flags=[])],
        [("lb2", "scheduler_flags is none instead of sh-port")],
    ),
    ("IPv6 alone needs no arp_ignore", [service(vip=VIP6)], [set_interface("rs1", arp_ignore=0, arp_announce=0)], []),
]


@pytest.mark.parametrize(
    ("services", "breaks", "expected"), [pytest.param(*case[1:], id=case[0]) for case in OTHER_CLUSTERS]
)
def test_other_clusters(
    services: list[dict[str, object]], breaks: list[Break], expected: list[tuple[str, str]]
) -> None:
    plans = example_plans(*services)
    seen = observe(plans)
    for apply in breaks:
        apply(seen)
    found = cluster_findings(plans, seen)
    assert [
        (finding["host"], words in finding["found"]) for finding, (_host, words) in zip(found, expected, strict=False)
    ] == [(host, True) for host, words in expected], found
    assert len(found) == len(expected), found


def test_a_host_without_a_plan_that_cannot_be_reached_is_named_too() -> None:
    plans = example_plans()
    seen = observe(plans)
    del plans["lb2"]
    unreachable("lb2")(seen)
    assert [(f["host"], f["found"][:17]) for f in cluster_findings(plans, seen)] == [("lb2", "It cannot be reac")]


@pytest.mark.parametrize("observations", [{}, {"hosts": None, "probe": None}, {"hosts": {"lb1": {}}, "probe": {}}])
def test_missing_observations_are_findings(observations: Observations) -> None:
    hosts = {finding["host"] for finding in cluster_findings(example_plans(), observations)}
    assert {"lb1", "lb2", "rs1", "rs2"} <= hosts


def test_an_empty_cluster_has_no_findings() -> None:
    assert cluster_findings({}, {}) == []
