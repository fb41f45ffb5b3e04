# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The methods of Linux: which is chosen, what each does, and laws about changes from one to the other."""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._arp import firewalld, rules
from ansible_collections.lvs.cluster.plugins.module_utils._arp.choose import to_try
from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import (
    HOOK_PATHS,
    UNIT,
    UNIT_PATH,
    HiddenVip,
    Record,
    Setting,
    files_for,
    record_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import Host, Request, requested
from ansible_collections.lvs.cluster.plugins.module_utils._arp.plan import plan
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import IPAddress
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.arp.hosts import (
    VIP,
    VIP6,
    done,
    host,
    lines,
    link,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.systemd_analyze import said_of

WORKS = {
    ("nftables", "nft"): "",
    ("arptables", "arptables"): "",
    ("redirect", "nft"): "",
    ("redirect", "iptables"): "",
    ("firewalld", "firewall-cmd"): "",
}
FIREWALLD: dict[str, Any] = {
    "programs": {"firewall-cmd": "/usr/bin/firewall-cmd"},
    "zones": {"": "public", "eth1": "work"},
}
OTHER = ipaddress.ip_address("192.0.2.101")
ROUTED = ipaddress.ip_address("203.0.113.9")  # in no subnet of these hosts
ARPTABLES_SERVICE = "The service arptables of this host puts the rules of /etc/sysconfig/arptables in the place of all"


def hook_of(loader: str) -> str:
    return f"/etc/systemd/system/{loader}.service.d/lvs-cluster-arp-hide.conf"


def able(*links: Any, trials: Any = None, **fields: Any) -> Host:
    """A host on which every method works, or these do."""
    return host(*links, trials=WORKS if trials is None else trials, **FIREWALLD, **fields)


def nft_arp(*vips: str) -> str:
    """The command that makes our table for these VIPs."""
    drops = "".join(f" arp daddr ip {vip} drop;" for vip in vips)
    asks = "".join(f' oifname "eth0" arp saddr ip {vip} arp saddr ip set 192.0.2.21;' for vip in vips)
    return (
        "nft 'add table arp lvs_cluster_arp; delete table arp lvs_cluster_arp; table arp lvs_cluster_arp {"
        f" chain input {{ type filter hook input priority 0; policy accept;{drops} }};"
        f" chain output {{ type filter hook output priority 0; policy accept;{asks} }}; }}'"
    )


ADD = "ip address add 192.0.2.100/32 dev lo"
DELETE = "ip address delete 192.0.2.100/32 dev lo"
ARPTABLES = [
    "arptables -N LVS_CLUSTER_ARP_IN",
    "arptables -N LVS_CLUSTER_ARP_OUT",
    "arptables -A LVS_CLUSTER_ARP_IN -d 192.0.2.100 -j DROP",
    "arptables -A LVS_CLUSTER_ARP_OUT -o eth0 -s 192.0.2.100 -j mangle --mangle-ip-s 192.0.2.21",
    "arptables -I INPUT -j LVS_CLUSTER_ARP_IN",
    "arptables -I OUTPUT -j LVS_CLUSTER_ARP_OUT",
]
ARPTABLES_GONE = [
    "arptables -D INPUT -j LVS_CLUSTER_ARP_IN",
    "arptables -D OUTPUT -j LVS_CLUSTER_ARP_OUT",
    "arptables -F LVS_CLUSTER_ARP_IN",
    "arptables -X LVS_CLUSTER_ARP_IN",
    "arptables -F LVS_CLUSTER_ARP_OUT",
    "arptables -X LVS_CLUSTER_ARP_OUT",
]
NFT_REDIRECT = (
    "nft 'add table ip lvs_cluster_redirect; delete table ip lvs_cluster_redirect; table ip lvs_cluster_redirect {"
    " chain prerouting { type nat hook prerouting priority -110; policy accept;"
    " ip daddr 192.0.2.100 meta l4proto sctp redirect; ip daddr 192.0.2.100 meta l4proto tcp redirect;"
    " ip daddr 192.0.2.100 meta l4proto udp redirect; }; }'"
)
SEE_CONNECTIONS = (
    "ss -Hnt state syn-recv state established state fin-wait-1 state close-wait state closing state last-ack"
    " '(' src 192.0.2.100 ')'"
)
SYSCTLS = ["sysctl -w net.ipv4.conf.eth0.arp_ignore=1", "sysctl -w net.ipv4.conf.eth0.arp_announce=2"]
SYSCTLS_BACK = ["sysctl -w net.ipv4.conf.eth0.arp_ignore=0", "sysctl -w net.ipv4.conf.eth0.arp_announce=0"]
IPTABLES = "iptables -w 60 -t nat"
IPTABLES_ONLY = {("redirect", "nft"): "the kernel lacks it", ("redirect", "iptables"): ""}


WEB = ((None, ("tcp", ((80, 80),))),)
RICH = '\'rule family="ipv4" destination address="192.0.2.100" forward-port port="80" protocol="tcp" to-port="80"\''


def rich(what: str, options: str = "", zone: str = "public") -> str:
    """The command that adds or removes our rule for port 80."""
    return f"firewall-cmd {options}--zone={zone} '--{what}-rich-rule={RICH[1:]}"


def after(*methods: str) -> Host:
    """A host on which the VIP was hidden by one method after the other."""
    there = able()
    for method in methods:
        there = done(there, plan(Request((VIP,), method=method, traffic=WEB), there))
    return there


CASES = [
    pytest.param(able(), Request((VIP,), method="nftables"), [nft_arp("192.0.2.100"), ADD], id="nftables: rules first"),
    pytest.param(able(), Request((VIP,), method="arptables"), [*ARPTABLES, ADD], id="arptables: the jump comes last"),
    pytest.param(able(), Request((VIP,), method="redirect"), [NFT_REDIRECT], id="redirect: no VIP"),
    pytest.param(
        able(trials=IPTABLES_ONLY),
        Request((VIP,), method="redirect", traffic=((None, ("tcp", ((80, 80), (1000, 1010)))),)),
        [
            f"{IPTABLES} -N LVS_CLUSTER_REDIRECT",
            f"{IPTABLES} -A LVS_CLUSTER_REDIRECT -d {VIP}/32 -p tcp -m multiport --dports 80,1000:1010 -j REDIRECT",
            f"{IPTABLES} -I PREROUTING -j LVS_CLUSTER_REDIRECT",
        ],
        id="redirect by iptables, where nf_tables is missing; only these ports",
    ),
    pytest.param(
        after("nftables"),
        Request((OTHER,), method="nftables"),
        [nft_arp("192.0.2.100", "192.0.2.101"), "ip address add 192.0.2.101/32 dev lo"],
        id="nftables: another VIP keeps the first",
    ),
    pytest.param(
        after("arptables"),
        Request((OTHER,), method="arptables"),
        [
            *(line.replace("192.0.2.100", "192.0.2.101") for line in ARPTABLES[2:4]),
            "ip address add 192.0.2.101/32 dev lo",
        ],
        id="arptables: another VIP only adds",
    ),
    pytest.param(
        after("nftables"),
        Request((VIP,), present=False),
        [DELETE, "nft 'delete table arp lvs_cluster_arp'"],
        id="nftables: removal takes the VIP first",
    ),
    pytest.param(
        after("arptables"), Request((VIP,), present=False), [DELETE, *ARPTABLES_GONE], id="arptables: removal"
    ),
    pytest.param(
        after("redirect"),
        Request((VIP,), present=False),
        ["nft 'delete table ip lvs_cluster_redirect'"],
        id="no redirect",
    ),
    pytest.param(
        after("arp_ignore"),
        Request((VIP,), method="nftables"),
        [nft_arp("192.0.2.100"), *SYSCTLS_BACK],
        id="from arp_ignore to nftables: the VIP stays, hidden by one of them",
    ),
    pytest.param(
        after("nftables"),
        Request((VIP,), method="arp_ignore"),
        [*SYSCTLS, "nft 'delete table arp lvs_cluster_arp'"],
        id="and back",
    ),
    pytest.param(
        after("nftables"),
        Request((VIP,), method="arptables"),
        [*ARPTABLES, "nft 'delete table arp lvs_cluster_arp'"],
        id="from nftables to arptables",
    ),
    pytest.param(
        after("arp_ignore"),
        Request((VIP,), method="redirect", traffic=()),
        [NFT_REDIRECT, SEE_CONNECTIONS, DELETE, *SYSCTLS_BACK],
        id="to redirect: the rule first, then the connections end, then the VIP goes",
    ),
    pytest.param(
        after("redirect"),
        Request((VIP,), method="arptables"),
        [*ARPTABLES, ADD, "nft 'delete table ip lvs_cluster_redirect'"],
        id="from redirect: hide, set, and the rule goes last",
    ),
    pytest.param(
        able(), Request((VIP,), method="firewalld", traffic=WEB), [rich("add")], id="firewalld: only as it runs"
    ),
    pytest.param(
        after("arp_ignore"),
        Request((VIP,), method="firewalld", traffic=WEB),
        [rich("add"), SEE_CONNECTIONS, DELETE, *SYSCTLS_BACK],
        id="to firewalld: the rule first, then the connections end, then the VIP goes",
    ),
    pytest.param(
        after("firewalld"),
        Request((VIP,), method="nftables"),
        [nft_arp("192.0.2.100"), ADD, rich("remove")],
        id="from firewalld: the rule goes last",
    ),
    pytest.param(after("firewalld"), Request((VIP,), present=False), [rich("remove")], id="firewalld: removal"),
    pytest.param(after("firewalld"), Request((VIP,)), [], id="auto keeps firewalld"),
    pytest.param(
        able(sysctls={"all.arp_ignore": 3}, trials={("firewalld", "firewall-cmd"): "", ("redirect", "nft"): ""}),
        Request((VIP,), traffic=WEB),
        [rich("add")],
        id="auto takes a running firewalld before a redirect of our own, if it is told the ports",
    ),
    pytest.param(
        able(),
        Request((VIP6,), method="nftables"),
        ["ip address add 2001:db8:2::100/128 dev lo"],
        id="IPv6 needs no rule about ARP",
    ),
    pytest.param(after("nftables"), Request((VIP,)), [], id="auto keeps nftables"),
    pytest.param(after("arptables"), Request((VIP,)), [], id="auto keeps arptables"),
    pytest.param(after("redirect"), Request((VIP,)), [], id="auto keeps redirect"),
    pytest.param(
        dataclasses.replace(able(), sysctls_writable=False),
        Request((VIP,)),
        [nft_arp("192.0.2.100"), ADD],
        id="auto takes nftables where sysctls cannot be written",
    ),
    pytest.param(
        dataclasses.replace(after("arp_ignore"), sysctls_writable=False),
        Request((VIP,)),
        [],
        id="but not where the sysctls hide already",
    ),
    pytest.param(
        able(sysctls={"all.arp_ignore": 3}, trials={("nftables", "nft"): "x", ("arptables", "arptables"): ""}),
        Request((VIP,)),
        [*ARPTABLES, ADD],
        id="auto takes arptables where an arp_ignore stands in the way and nf_tables is missing",
    ),
    pytest.param(
        able(sysctls={"all.arp_ignore": 3}, trials={("redirect", "nft"): "", ("firewalld", "firewall-cmd"): ""}),
        Request((VIP,)),
        [NFT_REDIRECT],
        id="and redirect where nothing filters ARP",
    ),
    pytest.param(
        able(link("eth0", "198.51.100.1/24", "192.0.2.20/24", "192.0.2.21/24s")),
        Request((VIP,), method="arptables"),
        [line.replace("192.0.2.21", "192.0.2.20") for line in ARPTABLES] + [ADD],
        id="questions carry the address of the VIP's own subnet",
    ),
    pytest.param(
        able(
            link("eth0", "10.0.0.5/24", "192.0.2.21/24"),
            default_route=("eth0",),
            own_addresses=(ipaddress.ip_address("192.0.2.21"),),
        ),
        Request((ROUTED,), method="arptables"),
        [line.replace("192.0.2.100", str(ROUTED)) for line in [*ARPTABLES, ADD]],
        id="of a VIP without a subnet here, they carry the address by which the cluster knows this host",
    ),
    pytest.param(
        able(
            link("eth1", "198.51.100.21/24"),
            default_route=("eth0",),
            own_addresses=(ipaddress.ip_address("198.51.100.21"), VIP6),
        ),
        Request((ROUTED,)),
        [
            *SYSCTLS,
            *(line.replace("eth0", "eth1") for line in SYSCTLS),
            f"ip address add {ROUTED}/32 dev lo",
        ],
        id="and it is hidden where the directors are, and where answers leave",
    ),
    pytest.param(
        able(
            link("eth1", "198.51.100.21/24"),
            default_route=("eth0",),
            own_addresses=(ipaddress.ip_address("198.51.100.21"),),
        ),
        Request((ROUTED,), method="firewalld", traffic=WEB),
        [rich("add", zone=zone).replace(str(VIP), str(ROUTED)) for zone in ("public", "work")],
        id="firewalld: in the zone of the directors' network, too",
    ),
    pytest.param(
        able(zone_sources={"office": ("2001:db8::/32", "192.0.2.128/25"), "home": ("2001:db8:1::/48",)}),
        Request((VIP,), method="firewalld", traffic=WEB),
        [rich("add", zone=zone) for zone in ("office", "public")],
        id="firewalld: a zone of sources sees their packets before that of the interface",
    ),
    pytest.param(
        dataclasses.replace(after("firewalld"), zone_sources={"office": ("ipset:office",)}),
        Request((VIP,)),
        [rich("add", zone="office")],
        id="auto keeps firewalld, and follows its zones",
    ),
    pytest.param(
        able(has_arptables_service=True), Request((VIP,), method="arptables"), [*ARPTABLES, ADD], id="only for now"
    ),
    pytest.param(
        able(
            has_arptables_service=True,
            sysctls={"all.arp_ignore": 3},
            trials={("arptables", "arptables"): "", ("redirect", "nft"): ""},
            systemd="installed",
        ),
        Request((VIP,), persistent=True, traffic=WEB),
        [
            f"install -D -o root -g root -m 0644 /dev/stdin {UNIT_PATH}",
            f"install -D -o root -g root -m 0644 /dev/stdin {hook_of('nftables')}",
            (
                "nft 'add table ip lvs_cluster_redirect; delete table ip lvs_cluster_redirect; table ip "
                "lvs_cluster_redirect { chain prerouting { type nat hook prerouting priority -110; policy accept; "
                "ip daddr 192.0.2.100 tcp dport 80 redirect; }; }'"
            ),
            f"systemctl enable {UNIT}",
        ],
        id="auto takes no arptables where EL's service removes their rules",
    ),
    pytest.param(
        after("redirect"),
        Request((VIP,), tunnel_vips=(VIP,)),
        [*SYSCTLS, ADD, "nft 'delete table ip lvs_cluster_redirect'"],
        id="auto keeps no redirect of a VIP whose packets come out of a tunnel",
    ),
]


@pytest.mark.proves(system="Linux", method="firewalld", how="recorded")
@pytest.mark.parametrize(("there", "request_", "expected"), CASES)
def test_operations(there: Host, request_: Request, expected: list[str]) -> None:
    planned = plan(request_, there)
    assert lines(planned) == expected
    assert plan(request_, done(there, planned)).operations == ()


def test_auto_says_why() -> None:
    assert plan(Request((VIP,)), able()).reason.startswith("The kernel's own settings can be set here")
    without = dataclasses.replace(able(), sysctls_writable=False)
    planned = plan(Request((VIP,)), without)
    assert planned.method == "nftables"
    assert planned.reason == (
        "/proc/sys cannot be written here, as in most containers, so arp_ignore cannot be set."
        " nftables works, with nft."
    )
    again = plan(Request((VIP,)), done(without, planned))
    assert (again.method, again.reason) == ("nftables", "192.0.2.100 is hidden already, and what hides works.")


@pytest.mark.parametrize(
    ("there", "request_", "sentences"),
    [
        (able(trials={}), Request((VIP,), method="nftables"), ["no program for it is installed", "package nftables"]),
        (
            able(trials={("arptables", "arptables"): "Operation not supported"}),
            Request((VIP,), method="arptables"),
            ["arptables: Operation not supported"],
        ),
        (
            dataclasses.replace(able(trials={}), sysctls_writable=False),
            Request((VIP,)),
            ["no method works", "/proc/sys cannot be written", "hide VIPs with arptables", "cannot redirect packets"],
        ),
        (
            able(trials={("firewalld", "firewall-cmd"): "it does not run"}),
            Request((VIP,), method="firewalld", traffic=WEB),
            ["redirect packets with firewalld (firewall-cmd: it does not run)"],
        ),
        (able(), Request((VIP,), method="firewalld"), ["ports: firewalld redirects only ports that are named"]),
        (
            able(),
            Request((VIP,), method="firewalld", traffic=((None, ("tcp", ())),)),
            ["ports: firewalld redirects only ports that are named"],
        ),
        (
            dataclasses.replace(
                done(able(), plan(Request((VIP,), persistent=True, method="firewalld", traffic=WEB), able())),
                programs={},
            ),
            Request((VIP,), present=False),
            ["firewalld holds rules for 192.0.2.100 and does not run"],
        ),
        (
            able(link("eth0"), default_route=("eth0",)),
            Request((VIP,), method="nftables"),
            ["eth0 has no IPv4 address of its own"],
        ),
        (
            able(has_arptables_service=True),
            Request((VIP,), method="arptables", persistent=True),
            [ARPTABLES_SERVICE, "systemctl disable --now arptables"],
        ),
        (
            able(has_arptables_service=True, sysctls={"all.arp_ignore": 3}, trials={("arptables", "arptables"): ""}),
            Request((VIP,), persistent=True),
            ["no method works", ARPTABLES_SERVICE],
        ),
        (
            able(),
            Request((VIP, OTHER), method="redirect", tunnel_vips=(OTHER,)),
            ["redirect is not for 192.0.2.101", "dummy address of the tunnel's interface", "Use arp_ignore"],
        ),
        (
            able(),
            Request((VIP,), method="firewalld", traffic=WEB, tunnel_vips=(VIP,)),
            ["firewalld is not for 192.0.2.100, whose packets come out of a tunnel"],
        ),
        (
            able(sysctls={"all.arp_ignore": 3}, trials={("redirect", "nft"): ""}),
            Request((VIP,), tunnel_vips=(VIP,)),
            ["no method works", "hide VIPs with arptables"],
        ),
    ],
)
def test_what_cannot_be_done_is_a_sentence(there: Host, request_: Request, sentences: list[str]) -> None:
    with pytest.raises(HideError) as caught:
        plan(request_, there)
    for sentence in sentences:
        assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("there", "request_"),
    [
        (
            dataclasses.replace(after("arptables"), has_arptables_service=True),
            Request((VIP,), persistent=True),
        ),
        (after("redirect"), Request((VIP,), tunnel_vips=(VIP,))),
    ],
)
def test_what_may_not_stay_gives_way_to_what_works_also_without_sysctls(there: Host, request_: Request) -> None:
    assert plan(request_, there).method == "arp_ignore"
    there = dataclasses.replace(there, sysctls_writable=False)
    assert {"nftables", "arptables"} <= {*to_try(request_, there)}
    planned = plan(request_, there)
    assert planned.method == "nftables"
    assert plan(request_, done(there, planned)).operations == ()


def test_an_own_address_on_a_loopback_interface_says_nothing_about_where_the_directors_are() -> None:
    own = (ipaddress.ip_address("10.9.9.9"),)
    there = able(link("lo", "10.9.9.9/32", kind="loopback"), own_addresses=own)
    assert there.own_interfaces(4) == ()


OPTIONS = {"addresses": ["192.0.2.100", "2001:db8::1"], "interface": None, "persistent": False, "exclusive": False}


def test_ports_may_be_those_of_one_vip_and_of_all() -> None:
    ports = [
        {"address": "2001:DB8::1", "protocol": "tcp", "ports": ["443", "80"]},
        {"protocol": "udp", "ports": ["53"]},
        {"address": "192.0.2.100", "protocol": "udp", "ports": ["54:60"]},
        {"address": "192.0.2.100", "protocol": "tcp"},
    ]
    request = requested({**OPTIONS, "state": "present", "method": "redirect", "ports": ports})
    assert request.traffic_of(VIP) == (("tcp", ()), ("udp", ((53, 60),)))
    assert request.traffic_of(ipaddress.ip_address("2001:db8::1")) == (
        ("tcp", ((80, 80), (443, 443))),
        ("udp", ((53, 53),)),
    )


def test_own_addresses_and_those_by_tunnel_are_read_in_any_spelling() -> None:
    more = {"own_addresses": ["192.0.2.21", "2001:DB8:0::21"], "tunnel_addresses": ["2001:db8:0::1"]}
    request = requested({**OPTIONS, "state": "present", **more})
    assert request.own_addresses == (ipaddress.ip_address("192.0.2.21"), ipaddress.ip_address("2001:db8::21"))
    assert request.tunnel_vips == (ipaddress.ip_address("2001:db8::1"),)


def test_every_mistake_in_them_is_named() -> None:
    more = {"own_addresses": ["192.0.2.21/24", "192.0.2.100"], "tunnel_addresses": ["192.0.2.7", "x"]}
    with pytest.raises(HideError) as caught:
        requested({**OPTIONS, "state": "present", **more})
    for sentence in (
        "own_addresses: '192.0.2.21/24' is not an IP address.",
        "own_addresses: 192.0.2.100 is one of addresses, too.",
        "tunnel_addresses: 192.0.2.7 is none of addresses.",
        "tunnel_addresses: 'x' is not an IP address.",
    ):
        assert sentence in str(caught.value)


def test_every_mistake_in_ports_is_named() -> None:
    ports = [{"protocol": "tcp", "ports": ["0", "x"]}, {"address": "192.0.2.7", "protocol": "tcp", "ports": ["80"]}]
    with pytest.raises(HideError) as caught:
        requested({**OPTIONS, "state": "present", "method": "redirect", "ports": ports})
    for sentence in ("ports[0].ports: ", "got '0'", "got 'x'", "ports[1].address: 192.0.2.7 is none of addresses"):
        assert sentence in str(caught.value)


RECORD = Record(
    vips=(
        HiddenVip(VIP, "lo", ("eth0",)),
        HiddenVip(OTHER, "lvs0", (), "nftables", "nft", (("eth0", "192.0.2.21"), ("eth1", "192.0.2.22"))),
        HiddenVip(
            ipaddress.ip_address("192.0.2.102"), "lo", (), "arptables", "arptables-legacy", (("eth0", "192.0.2.21"),)
        ),
        HiddenVip(ipaddress.ip_address("192.0.2.103"), "", (), "firewalld", "public work", (), (("tcp", ((80, 80),)),)),
        HiddenVip(VIP6, "", (), "redirect", "iptables", (), (("tcp", ((80, 80), (1000, 1010))), ("udp", ()))),
    ),
    settings=(Setting("eth0", "arp_ignore", 1, 0),),
)


def test_the_unit_file_gives_back_the_record_that_it_was_made_of() -> None:
    assert record_of(files_for(RECORD, "/usr/sbin/ip")[UNIT_PATH]) == RECORD


def test_a_unit_file_of_before_means_arp_ignore() -> None:
    old = "[X-ArpHide]\nVIP=192.0.2.100 lo eth0\nVIP=2001:db8:2::100 lvs0\nSysctl=eth0 arp_ignore 1 0\nLink=lvs0\n"
    assert record_of(old).vips == (HiddenVip(VIP, "lo", ("eth0",)), HiddenVip(VIP6, "lvs0"))


def test_at_boot_everything_hides_before_a_vip_comes_and_after_others_have_emptied_the_tables() -> None:
    unit = files_for(RECORD, "/usr/sbin/ip", {"nft": "/sbin/nft"})[UNIT_PATH].splitlines()
    commands = [line for line in unit if line.startswith("ExecStart")]
    setting = [place for place, line in enumerate(commands) if "address replace" in line]
    assert [
        word for word in ("arp_ignore", "/sbin/nft", "arptables-legacy", "ip6tables") if word in " ".join(commands)
    ] == [
        "arp_ignore",
        "/sbin/nft",
        "arptables-legacy",
        "ip6tables",
    ]
    hiding = [place for place, line in enumerate(commands) if "arp" in line and "address" not in line]
    assert max(hiding) < min(setting)
    assert len(setting) == 3
    [after_units] = [line for line in unit if line.startswith("After=") and "nftables" in line]
    assert "netfilter-persistent.service" in after_units
    [reloaded_with] = [line for line in unit if line.startswith("ReloadPropagatedFrom=")]
    assert reloaded_with.partition("=")[2] == after_units.partition("=")[2]


@pytest.mark.parametrize(
    ("method", "program", "loaders"),
    [
        ("arp_ignore", "", set()),
        ("nftables", "nft", {"nftables"}),
        ("arptables", "arptables", {"nftables", "arptables"}),
        ("arptables", "arptables-legacy", {"nftables", "arptables"}),
        ("redirect", "nft", {"nftables"}),
        ("redirect", "iptables", {"nftables", "iptables", "ip6tables", "netfilter-persistent"}),
        ("redirect", "iptables-legacy", {"nftables", "iptables", "ip6tables", "netfilter-persistent"}),
        ("firewalld", "public", set()),
    ],
)
def test_units_that_empty_the_tables_of_a_program_tell_ours(method: str, program: str, loaders: set[str]) -> None:
    for vip in (VIP, VIP6):
        record = Record((HiddenVip(vip, "", (), method, program, traffic=(("tcp", ()),)),))
        # Of IPv6 nothing is filtered.
        expected = set() if vip == VIP6 and method in {"nftables", "arptables"} else loaders
        assert {path for path in files_for(record, "/usr/sbin/ip") if path in HOOK_PATHS} == set(map(hook_of, expected))


def test_systemd_finds_no_fault_in_the_unit_file(tmp_path: Path) -> None:
    program = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not program:
        pytest.skip("needs ip")
    only_redirected = Record(tuple(vip for vip in RECORD.vips if vip.method == "firewalld"))
    for record in (RECORD, only_redirected):
        assert "lvs-cluster" not in said_of(files_for(record, program), tmp_path)


@pytest.mark.parametrize(
    ("place", "spelled"),
    [
        (rules.ARP_TABLE, rules.ARP_TABLE.spelled(rules.AskAs(VIP, "eth0", "192.0.2.21"))),
        (rules.redirect_place("nft", 6), rules.redirect_place("nft", 6).spelled(rules.Redirect(VIP6, "tcp"))),
        (rules.redirect_place("iptables", 4), rules.redirect_place("iptables", 4).spelled(rules.Redirect(VIP, "udp"))),
        (rules.arp_place("arptables"), rules.arp_place("arptables").spelled(rules.Silence(VIP))),
    ],
)
def test_a_line_says_whose_it_is(place: rules.Place, spelled: list[str]) -> None:
    assert [rules.vip_in(line) for line in spelled] == [VIP6 if "2001" in spelled[0] else VIP]
    assert rules.place_of(place.key) == place


def test_traffic_is_read_from_lines() -> None:
    traffic = (("tcp", ((80, 80), (1000, 1010))), ("udp", ()))
    for place in (rules.redirect_place("nft", 4), rules.redirect_place("iptables", 4)):
        there = [line for each in traffic for line in place.spelled(rules.Redirect(VIP, *each))]
        assert rules.traffic_in([*there, *place.spelled(rules.Redirect(OTHER, "sctp"))], VIP) == traffic


ZONES = """\
block
  target: %%REJECT%%
  interfaces:
  sources: 203.0.113.0/24
  services:
  ports:
  rich rules:
\trule family="ipv4" destination address="192.0.2.100" forward-port port="80" protocol="tcp" to-port="80"

drop (active)
  target: DROP
  interfaces: eth2
  sources: ipset:unwanted
  services:

guests (active)
  target: DROP
  interfaces:
  sources: 192.0.2.64/26
  services:
  rich rules:
\trule family="ipv4" source address="192.0.2.65" service name="http" accept

office (active)
  target: default
  interfaces: eth1 br-lan
  sources: 192.0.2.128/25 02:00:00:00:00:01
  services: ssh

public (default, active)
  target: default
  interfaces: eth0
  sources:
  services: ssh
"""


@pytest.mark.proves(system="Linux", method="firewalld", how="recorded")
def test_zones_of_sources_are_read_and_those_that_shut_everything_out_are_not_among_them() -> None:
    interfaces, sources = firewalld.zones_of(ZONES)
    assert interfaces == {"eth0": "public", "eth1": "office", "br-lan": "office", "eth2": "drop"}
    assert sources == {"guests": ("192.0.2.64/26",), "office": ("192.0.2.128/25", "02:00:00:00:00:01")}


@pytest.mark.parametrize(
    ("sources", "versions"),
    [
        (("192.0.2.0/24",), {4}),
        (("192.0.2.7",), {4}),
        (("2001:db8::/32",), {6}),
        (("192.0.2.0/24", "2001:db8::/32"), {4, 6}),
        (("02:00:00:00:00:01",), {4, 6}),
        (("ipset:office",), {4, 6}),
    ],
)
def test_a_zone_counts_for_the_families_that_its_sources_may_be_of(
    sources: tuple[str, ...], versions: set[int]
) -> None:
    there = able(zone_sources={"office": sources})
    assert {vip.version for vip in (VIP, VIP6) if "office" in firewalld.zones_for(vip, there)} == versions


VIPS = [
    ipaddress.ip_address(text)
    for text in ("192.0.2.100", "192.0.2.101", "198.51.100.9", "2001:db8:2::100", "203.0.113.9")
]
METHODS = ["auto", "arp_ignore", "nftables", "arptables", "redirect", "firewalld"]
TRAFFIC: list[tuple[Any, ...]] = [(), ((None, ("tcp", ((80, 80), (443, 443)))),)]
REQUESTS = st.builds(
    lambda vips, interface, present, persistent, exclusive, method, traffic: Request(
        tuple(vips),
        interface,
        present,
        persistent,
        exclusive and present and persistent,
        method,
        traffic if method != "firewalld" else WEB,
    ),
    st.lists(st.sampled_from(VIPS), min_size=1, max_size=4),
    st.sampled_from([None, "lo", "lvs0"]),
    st.sampled_from([True, True, False]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(METHODS),
    st.sampled_from(TRAFFIC),
)
TRIALS = st.sampled_from([WORKS, {**WORKS, ("redirect", "nft"): "the kernel lacks it"}])
OWN = st.sampled_from([(), (ipaddress.ip_address("198.51.100.21"),), (ipaddress.ip_address("192.0.2.21"), VIP6)])
SOURCES = st.sampled_from([{}, {"office": ("192.0.2.128/25",)}])
HOSTS = st.builds(
    lambda ignore, announce, trials, own, sources: host(
        link("eth1", "198.51.100.21/24"),
        link("docker0", "172.17.0.1/16", kind="bridge"),
        sysctls={"eth0.arp_ignore": ignore, "eth0.arp_announce": announce},
        trials=trials,
        default_route=("eth0",),
        own_addresses=own,
        zone_sources=sources,
        **FIREWALLD,
    ),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([0, 1, 2]),
    TRIALS,
    OWN,
    SOURCES,
)
SUBNETS = {"eth0": ipaddress.ip_network("192.0.2.0/24"), "eth1": ipaddress.ip_network("198.51.100.0/24")}


def showing(there: Host) -> list[tuple[str, IPAddress]]:
    """VIPs that the host holds and answers ARP for, each with the interface."""
    return [
        (name, vip)
        for (name, network), vip in itertools.product(SUBNETS.items(), VIPS)
        if (vip in network or (vip == ROUTED and (name == "eth0" or name in there.own_interfaces(4))))
        and there.places_of(vip)
        and there.effective(name, "arp_ignore") not in (1, 2)
        and not rules.silenced(there.rules, vip)
    ]


@pytest.mark.proves(system="Linux", method="firewalld", how="recorded")
@given(HOSTS, st.lists(REQUESTS, min_size=1, max_size=5))
def test_at_no_moment_of_any_change_of_method_a_vip_shows(there: Host, asked: list[Request]) -> None:
    for one in asked:
        for operation in plan(one, there).operations:
            there = operation.applied(there)
            assert showing(there) == []


@given(HOSTS, st.lists(REQUESTS, min_size=1, max_size=5))
def test_a_second_time_changes_nothing(there: Host, asked: list[Request]) -> None:
    for one in asked:
        there = done(there, plan(one, there))
        again = plan(one, there)
        assert again.operations == ()
        if one.present:
            for vip in one.vips:
                assert bool(there.places_of(vip)) == (not rules.redirected(there.rules, vip))


def plain(trials: Any, own: Any) -> Host:
    """A host on which nobody has set a sysctl."""
    return host(
        link("eth1", "198.51.100.21/24"), trials=trials, default_route=("eth0",), own_addresses=own, **FIREWALLD
    )


def essence(there: Host) -> Any:
    """A host, without the order in which things came."""
    addresses = {name: sorted(str(found.address) for found in each.addresses) for name, each in there.links.items()}
    held = {key: sorted(found) for key, found in there.rules.items()}
    return addresses, there.sysctls, held, there.files, there.enabled_by


@given(HOSTS, st.lists(REQUESTS, min_size=1, max_size=5))
def test_after_persistent_calls_absent_leaves_the_host_as_it_was(there: Host, asked: list[Request]) -> None:
    pristine = there
    for one in asked:
        there = done(there, plan(dataclasses.replace(one, persistent=True), there))
    there = done(there, plan(Request(tuple(VIPS), present=False), there))
    addresses, sysctls, held, files, enabled = essence(there)
    assert (addresses, held, files, enabled) == (essence(pristine)[0], {}, {}, ())
    assert {key: value for key, value in sysctls.items() if key[0] != "lvs0"} == pristine.sysctls


@given(HOSTS, st.lists(st.tuples(REQUESTS, OWN, SOURCES), min_size=1, max_size=5))
def test_so_where_calls_name_other_own_addresses_and_firewalld_gets_other_zones(
    there: Host, asked: list[tuple[Request, Any, Any]]
) -> None:
    pristine = there
    for one, own, sources in asked:
        there = dataclasses.replace(there, own_addresses=own, zone_sources=sources)
        there = done(there, plan(dataclasses.replace(one, persistent=True), there))
    there = dataclasses.replace(there, own_addresses=pristine.own_addresses, zone_sources=pristine.zone_sources)
    there = done(there, plan(Request(tuple(VIPS), present=False), there))
    addresses, sysctls, held, files, enabled = essence(there)
    assert (addresses, held, files, enabled) == (essence(pristine)[0], {}, {}, ())
    assert {key: value for key, value in sysctls.items() if key[0] != "lvs0"} == pristine.sysctls


@given(TRIALS, OWN, st.lists(REQUESTS, min_size=1, max_size=5))
def test_so_after_other_calls_where_sysctls_were_those_of_the_host(trials: Any, own: Any, asked: list[Request]) -> None:
    pristine = there = plain(trials, own)
    for one in asked:
        there = done(there, plan(dataclasses.replace(one, persistent=False, exclusive=False), there))
    there = done(there, plan(Request(tuple(VIPS), present=False), there))
    assert essence(there)[0] == essence(pristine)[0]
    assert (there.rules, there.files) == ({}, {})
    assert {key: value for key, value in there.sysctls.items() if key[0] != "lvs0"} == pristine.sysctls


@given(TRIALS, OWN, st.lists(st.tuples(REQUESTS, st.booleans()), min_size=1, max_size=5))
def test_so_where_some_calls_last_over_a_reboot_and_others_do_not(
    trials: Any, own: Any, asked: list[tuple[Request, bool]]
) -> None:
    """Where a call that lasts finds no other VIP of a call that does not: whose sysctls they are nobody has noted then.

    They stay in that case, because they may be an administrator's.
    """
    pristine = there = plain(trials, own)
    for one, lasts in asked:
        assume(not lasts or all(there.record.vip(vip) or vip in one.vips for vip in VIPS if there.places_of(vip)))
        there = done(there, plan(dataclasses.replace(one, persistent=lasts, exclusive=False), there))
    there = done(there, plan(Request(tuple(VIPS), present=False), there))
    assert essence(there)[0] == essence(pristine)[0]
    assert (there.rules, there.files) == ({}, {})
    assert {key: value for key, value in there.sysctls.items() if key[0] != "lvs0"} == pristine.sysctls


@pytest.mark.parametrize("method", ["nftables", "arptables", "redirect", "firewalld"])
def test_who_holds_no_vip_needs_no_program_of_the_method_that_all_hosts_have(method: str) -> None:
    nothing = Request((), method=method, persistent=True, exclusive=True)
    assert plan(nothing, host()).operations == ()
    holds = done(host(), plan(Request((VIP,), persistent=True), host()))
    left = done(holds, plan(nothing, holds))
    assert (left.places_of(VIP), left.files, left.sysctls) == ((), {}, host().sysctls)


@settings(max_examples=40)  # each of them plans many times
@given(HOSTS, st.lists(REQUESTS, max_size=2), REQUESTS)
def test_a_run_that_breaks_off_after_any_operation_can_be_run_again(
    there: Host, earlier: list[Request], last: Request
) -> None:
    for one in earlier:
        there = done(there, plan(dataclasses.replace(one, persistent=True), there))
    last = dataclasses.replace(last, persistent=True)
    whole = plan(last, there)
    wanted = essence(done(there, whole))
    cut = there
    for operation in whole.operations[:-1]:
        cut = again = operation.applied(cut)
        planned = plan(last, cut)
        for step in planned.operations:
            again = step.applied(again)
            assert showing(again) == []
        if planned.method == whole.method:
            assert essence(again) == wanted


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        (rules.redirect_place("iptables", 4), rules.Redirect(VIP, "tcp", ((80, 80),))),
        (rules.redirect_place("iptables", 6), rules.Redirect(VIP6, "tcp")),
        (rules.arp_place("arptables"), rules.Silence(VIP)),
    ],
    ids=lambda each: getattr(each, "key", ""),
)
def test_a_chain_to_which_nothing_jumps_hides_and_redirects_nothing(place: rules.Chains, rule: rules.Rule) -> None:
    whole = place.framed(place.spelled(rule))
    broken = tuple(line for line in whole if " -j LVS_CLUSTER" not in line)
    found = [
        rules.silenced({place.key: each}, rule.vip) or rules.redirected({place.key: each}, rule.vip, reached=True)
        for each in (whole, broken)
    ]
    assert found == [place.key, None]
