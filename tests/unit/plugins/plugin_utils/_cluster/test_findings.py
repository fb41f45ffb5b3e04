# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break one thing of a healthy cluster, and see that this is named, on the right host, and nothing else blamed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.findings import cluster_findings
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.observations import observations_from_hostvars
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.probe import probe_connections
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    MACS,
    REAL_SERVERS,
    VIP,
    VIP6,
    example_plans,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.healthy import observe as observe_healthy

Observations = dict[str, t.Any]
Break = t.Callable[[Observations], None]
WEB, WEB6 = 0, 1
RS1, RS1_6, RS2, RS2_6 = "192.0.2.21", "2001:db8:2::21", "192.0.2.22", "2001:db8:2::22"


def observe(plans: t.Any) -> Observations:
    return observe_healthy(plans, [*DIRECTORS, *REAL_SERVERS])


def look(seen: Observations, name: str) -> t.Any:
    return seen["hosts"][name]["host"]


def remove_address(*addresses: str, on: str) -> Break:
    def apply(seen: Observations) -> None:
        found = look(seen, on)
        found["addresses"] = [entry for entry in found["addresses"] if entry["address"] not in addresses]

    return apply


def add_address(address: str, on: str, interface: str = "eth0", prefix: int = 32) -> Break:
    def apply(seen: Observations) -> None:
        look(seen, on)["addresses"].append({"address": address, "prefix": prefix, "interface": interface})

    return apply


def change_address(address: str, on: str, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        next(entry for entry in look(seen, on)["addresses"] if entry["address"] == address).update(changes)

    return apply


def stop_keepalived(on: str) -> Break:
    def apply(seen: Observations) -> None:
        look(seen, on)["services"]["keepalived"]["active"] = False

    return apply


def set_interface(on: str, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        look(seen, on)["interfaces"][1].update(changes)

    return apply


def run_kube_proxy(on: str) -> Break:
    def apply(seen: Observations) -> None:
        look(seen, on)["interfaces"].append({"name": "kube-ipvs0", "addresses": []})

    return apply


def set_look(on: str, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        look(seen, on).update(changes)

    return apply


def hide(on: str, method: str) -> Break:
    return set_look(on, hidden=[{"address": vip, "method": method} for vip in (VIP, VIP6)])


def listen(on: str, *addresses: str, port: int = 80) -> Break:
    def apply(seen: Observations) -> None:
        found = look(seen, on)
        found["listeners"] = [entry for entry in found["listeners"] if entry["port"] != port]
        found["listeners"] += [{"address": address, "port": port, "protocol": "tcp"} for address in addresses]

    return apply


def flush(on: str) -> Break:
    def apply(seen: Observations) -> None:
        for table in ("ipvs", "ipvs_after"):
            seen["hosts"][on][table] = {"services": []}

    return apply


def tables(seen: Observations, *hosts: str) -> t.Iterator[t.Any]:
    for host in hosts:
        for table in ("ipvs", "ipvs_after"):
            yield seen["hosts"][host][table]["services"]


def take_out(*addresses: str, on: t.Sequence[str] = ("lb1", "lb2")) -> Break:
    """What keepalived does with a real server whose check fails; with the last one the sorry server comes in."""

    def apply(seen: Observations) -> None:
        for services in tables(seen, *on):
            for each in services:
                each["destinations"] = [d for d in each["destinations"] if d["destination"] not in addresses]

    return apply


def put_in(address: str, on: t.Sequence[str] = ("lb1", "lb2"), number: int = WEB) -> Break:
    def apply(seen: Observations) -> None:
        for connections, services in zip((0, 20) * len(on), tables(seen, *on), strict=True):
            services[number]["destinations"].append(
                {
                    "destination": address,
                    "destination_port": 80,
                    "forwarding": "direct",
                    "weight": 1,
                    "counters": {"connections": connections},
                }
            )

    return apply


def change_service(on: str, number: int = WEB, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        for services in tables(seen, on):
            services[number].update(changes)

    return apply


def change_destination(on: str, address: str, **changes: object) -> Break:
    def apply(seen: Observations) -> None:
        for services in tables(seen, on):
            for each in services:
                for destination in each["destinations"]:
                    if destination["destination"] == address:
                        destination.update(changes)

    return apply


def move_vips_to_lb2(seen: Observations) -> None:
    """A failover, with the probe's traffic going through lb2."""
    moved = [entry for entry in look(seen, "lb1")["addresses"] if entry["address"] in (VIP, VIP6)]
    look(seen, "lb2")["addresses"] += moved
    remove_address(VIP, VIP6, on="lb1")(seen)
    hosts = seen["hosts"]
    hosts["lb2"]["ipvs_after"], hosts["lb1"]["ipvs_after"] = hosts["lb1"]["ipvs_after"], hosts["lb1"]["ipvs"]
    answer(MACS["lb2"])(seen)
    believe(MACS["lb2"])(seen)


def unreachable(name: str) -> Break:
    def apply(seen: Observations) -> None:
        seen["hosts"][name] = {"unreachable": True}

    return apply


def answer(*macs: str) -> Break:
    def apply(seen: Observations) -> None:
        seen["probe"]["neighbours"] = {vip: sorted(macs) for vip in seen["probe"]["neighbours"]}

    return apply


def believe(*macs: str) -> Break:
    def apply(seen: Observations) -> None:
        seen["probe"]["cached"] = {vip: list(macs) for vip in seen["probe"]["cached"]}

    return apply


def silence(*vips: str) -> Break:
    def apply(seen: Observations) -> None:
        seen["probe"]["neighbours"].update({vip: [] for vip in vips})

    return apply


def connect(succeeded: int, numbers: t.Sequence[int] = (WEB, WEB6), error: str | None = "timed out") -> Break:
    def apply(seen: Observations) -> None:
        for number in numbers:
            seen["probe"]["connections"][number].update(succeeded=succeeded, error=error)

    return apply


def count(address: str, connections: int, on: str = "lb1") -> Break:
    def apply(seen: Observations) -> None:
        for each in seen["hosts"][on]["ipvs_after"]["services"]:
            for destination in each["destinations"]:
                if destination["destination"] == address:
                    destination["counters"]["connections"] = connections

    return apply


def count_nothing(number: int) -> Break:
    def apply(seen: Observations) -> None:
        hosts = seen["hosts"]
        hosts["lb1"]["ipvs_after"]["services"][number] = hosts["lb1"]["ipvs"]["services"][number]

    return apply


def add_service(on: str, **keys: object) -> Break:
    def apply(seen: Observations) -> None:
        for services in tables(seen, on):
            services.append({"protocol": "tcp", "address": VIP, "port": 443, "destinations": [], **keys})

    return apply


def remove_service(on: str, number: int) -> Break:
    def apply(seen: Observations) -> None:
        for services in tables(seen, on):
            del services[number]

    return apply


def no_probe(seen: Observations) -> None:
    seen["probe"] = None


def set_ipvs(on: str, result: object) -> Break:
    def apply(seen: Observations) -> None:
        seen["hosts"][on].update(ipvs=result, ipvs_after=result)

    return apply


def forget(name: str) -> Break:
    def apply(seen: Observations) -> None:
        del seen["hosts"][name]

    return apply


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
    ("healthy, VIPs on a dummy interface", [change_address(VIP, "rs1", interface="dummy0")], []),
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


#: health_checks is none, so the modules own the table: what is broken, findings with words of the remedy.
UNCHECKED: list[tuple[str, list[Break], list[tuple[str, str, str]]]] = [
    ("healthy", [], []),
    (
        "keepalived stopped on the standby, the table stays",
        [stop_keepalived("lb2")],
        [("lb2", "keepalived is not running", "systemctl start keepalived")],
    ),
    (
        "table flushed",
        [flush("lb1"), connect(0)],
        [("lb1", "none of the described services", "Run site.yml again, or systemctl restart lvs-cluster-table")],
    ),
    (
        "drained",
        [change_destination("lb1", RS2, weight=0), count(RS2, 0)],
        [
            (
                "lb1",
                f"other weights than described in its table: weight of rs2 ({RS2}:80) is 0 instead of 1",
                "ipvs_dest",
            )
        ],
    ),
    (
        "another weight",
        [change_destination("lb2", RS2_6, weight=5)],
        [("lb2", f"weight of rs2 ([{RS2_6}]:80) is 5 instead of 1", "ipvs_dest")],
    ),
    (
        "a destination missing everywhere is no failed check",
        [take_out(RS1)],
        [
            ("lb1", f"destination {RS1}:80 (rs1) is missing", "Run site.yml again."),
            ("lb2", f"destination {RS1}:80 (rs1) is missing", "Run site.yml again."),
        ],
    ),
    (
        "a service missing",
        [remove_service("lb2", WEB6)],
        [("lb2", "web6 (tcp/[2001:db8:2::100]:80) is not as described in its table: it is missing", "site.yml")],
    ),
    (
        "drained and more",
        [change_destination("lb2", RS2, weight=0), change_service("lb2", scheduler="rr")],
        [("lb2", "other weights", "ipvs_dest"), ("lb2", "scheduler is rr instead of wlc", "Run site.yml again.")],
    ),
    ("a service that is not described", [add_service("lb1")], [("lb1", "not described", "which removes it")]),
    (
        "the unit is disabled",
        [set_look("lb2", services={"keepalived": {"active": True, "enabled": True}})],
        [("lb2", "does not come back at boot", "site.yml")],
    ),
    (
        "the unit failed",
        [
            set_look(
                "lb1",
                services={
                    "keepalived": {"active": True, "enabled": True},
                    "lvs-cluster-table": {"active": False, "enabled": True},
                },
            )
        ],
        [("lb1", "is not active", "journalctl -u lvs-cluster-table")],
    ),
]


@pytest.mark.parametrize(("breaks", "expected"), [pytest.param(*case[1:], id=case[0]) for case in UNCHECKED])
def test_without_health_checks_the_modules_own_the_table(
    breaks: list[Break], expected: list[tuple[str, str, str]]
) -> None:
    plans = example_plans(health_checks="none")
    seen = observe(plans)
    for apply in breaks:
        apply(seen)
    found = cluster_findings(plans, seen)
    assert [finding["host"] for finding in found] == [host for host, words, remedy in expected], found
    for finding, (_host, words, remedy) in zip(found, expected, strict=True):
        assert words in finding["found"]
        assert remedy in finding["remedy"]
        assert "systemctl restart keepalived" not in finding["remedy"]
        assert "health check" not in finding["cause"]


BOOT = (
    "-A -t 192.0.2.100:80 -s wlc",
    f"-a -t 192.0.2.100:80 -r {RS1}:80 -g -w 1",
    f"-a -t 192.0.2.100:80 -r {RS2}:80 -g -w 0",
    "-A -t [2001:db8:2::100]:80 -s wlc",
    f"-a -t [2001:db8:2::100]:80 -r [{RS1_6}]:80 -g -w 1",
    f"-a -t [2001:db8:2::100]:80 -r [{RS2_6}]:80 -g -w 1",
)


@pytest.mark.parametrize(
    ("lines", "lacking"),
    [
        (list(BOOT), []),
        (list(BOOT[:3]), ["After a reboot its IPVS table lacks web6."]),
        ([line for line in BOOT if f"-r {RS1}:" not in line], ["After a reboot its IPVS table lacks rs1 of web."]),
        (None, ["After a reboot its IPVS table lacks web and web6."]),
    ],
)
def test_the_table_of_the_boot_has_all_but_the_weights_as_described(lines: object, lacking: list[str]) -> None:
    plans = example_plans(health_checks="none")
    seen = observe(plans)
    set_look("lb2", files={"/etc/lvs-cluster/table.rules": lines})(seen)
    assert [finding["found"] for finding in cluster_findings(plans, seen)] == lacking


def test_a_drain_is_called_a_drain() -> None:
    plans = example_plans(health_checks="none")
    seen = observe(plans)
    change_destination("lb1", RS2, weight=0)(seen)
    (finding,) = cluster_findings(plans, seen)
    assert "drained it (weight 0)" in finding["cause"]


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


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 10),
        ({"real_servers": [{"host": "rs1", "weight": 1}, {"host": "rs2", "weight": 9}]}, 30),
        ({"real_servers": [{"host": "rs1", "weight": 1}, {"host": "rs2", "weight": 999}]}, 200),
        ({"persistence": 300}, 5),
        ({"scheduler": "sh"}, 5),
    ],
)
def test_the_probe_connects_often_enough_that_every_weight_is_due_some(changes: dict[str, object], count: int) -> None:
    director = example_plans(service(**changes))["lb1"]["vars"]
    assert probe_connections(director) == [{"address": VIP, "port": 80, "count": count}]


def test_a_datagram_says_its_protocol_and_sctp_is_left_out() -> None:
    udp, sctp = (example_plans(service(protocol=name, check={"type": "none"})) for name in ("udp", "sctp"))
    expected = {"address": VIP, "port": 80, "count": 5, "protocol": "udp"}
    assert probe_connections(udp["lb1"]["vars"]) == [expected]
    assert probe_connections(sctp["lb1"]["vars"]) == []


def test_observations_are_taken_from_what_verify_registers() -> None:
    plans = example_plans()
    seen = observe(plans)
    hostvars: dict[str, dict[str, t.Any]] = {
        name: {
            "lvs_host": {"changed": False, "host": each["host"]},
            "lvs_table": {"changed": False, **each["ipvs"]} if "ipvs" in each else {"skipped": True},
            "lvs_table_after": {"changed": False, **each["ipvs_after"]} if "ipvs_after" in each else {"skipped": True},
        }
        for name, each in seen["hosts"].items()
    }
    hostvars["client"] = {"lvs_probe": {"changed": False, **seen["probe"]}}
    assert cluster_findings(plans, observations_from_hostvars(plans, hostvars, "client")) == []
    hostvars["rs1"] = {}
    hostvars["lb2"]["lvs_host"] = {"unreachable": True, "msg": "timed out"}
    hostvars["client"] = {"lvs_probe": {"unreachable": True}}
    found = cluster_findings(plans, observations_from_hostvars(plans, hostvars, "client"))
    assert [finding["host"] for finding in found] == ["lb2", "rs1", "localhost"]


def test_a_director_that_has_no_plan_because_it_cannot_be_reached_is_observed_as_unreachable() -> None:
    plans = example_plans()
    del plans["lb2"]
    hostvars: dict[str, dict[str, t.Any]] = {"lb2": {"lvs_look": {"unreachable": True}}}
    observations = observations_from_hostvars(plans, hostvars, None, ["lb1", "lb2", "rs1", "rs2"])
    assert observations["hosts"]["lb2"] == {"unreachable": True}
    assert "lb2" in [finding["host"] for finding in cluster_findings(plans, observations)]


#: What arp_hide said in check mode of a real server with another system, and what is found there.
ELSEWHERE: list[tuple[dict[str, object], list[str]]] = [
    ({"changed": False, "operations": []}, []),
    (
        {"changed": True, "operations": ["cp /dev/stdin /etc/rc.conf", "/sbin/ifconfig lo0 …"]},
        ["Its VIPs are not as described: site.yml would run cp /dev/stdin /etc/rc.conf (and 1 more)."],
    ),
    ({"failed": True, "msg": "Python is too old."}, ["It could not be seen whether its VIPs are as described."]),
]


@pytest.mark.parametrize(("result", "found"), ELSEWHERE)
def test_on_other_systems_than_linux_only_the_vips_are_compared(result: dict[str, object], found: list[str]) -> None:
    plans = example_plans()
    seen = observe(plans)
    looks = {"rs1": {"skipped": True, "changed": False}}
    hostvars: dict[str, dict[str, t.Any]] = {
        name: {"lvs_host": looks.get(name, {"host": host["host"]}), "lvs_table": host.get("ipvs")}
        | ({"lvs_table_after": host.get("ipvs_after")})
        for name, host in seen["hosts"].items()
    }
    hostvars["rs1"] = {"lvs_host": looks["rs1"], "lvs_arp_hide": result}
    hostvars["client"] = {"lvs_probe": {"changed": False, **seen["probe"]}}
    findings = cluster_findings(plans, observations_from_hostvars(plans, hostvars, "client"))
    assert [(finding["host"], finding["found"]) for finding in findings] == [("rs1", words) for words in found]
