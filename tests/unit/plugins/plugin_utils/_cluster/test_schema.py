# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ipaddress
import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.daemons import Vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, Interface
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.mistakes import DescriptionError
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.model import MAX_DIRECTORS, Check
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.schema import read_cluster
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    LAN,
    REAL_SERVERS,
    VIP,
    VIP6,
    description,
    mistakes,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.mistaken import assert_only

ETH0 = (Interface("eth0", LAN),)
V4_ONLY = (Host("rs1", ("192.0.2.21",)), Host("rs2", ("192.0.2.22",)))


def check(**keys: object) -> dict[str, object]:
    return service(check=keys)


#: What is described, where the mistake is, a word of the problem, a word of the remedy.
ONE_MISTAKE: list[tuple[str, object, str, str, str]] = [
    # The whole
    ("a text", "web", "lvs_cluster", "'web' is not a mapping", "services"),
    ("nothing", None, "lvs_cluster", "It is not set", "group_vars/all.yml"),
    ("an empty mapping", {}, "services", "missing", "Add services"),
    ("unknown key", description(failovr="none"), "failovr", "unknown key", "Did you mean failover?"),
    (
        "unknown key in capitals",
        description(Failover="keepalived"),
        "Failover",
        "unknown key",
        "Did you mean failover?",
    ),
    ("a key that is a number", {**description(), 7: 1}, "lvs_cluster", "7 is an unknown key", "Known keys are"),
    ("unknown failover", description(failover="keepalivd"), "failover", "'keepalivd'", "Did you mean keepalived?"),
    (
        "failover as a list",
        description(failover=["none"]),
        "failover",
        "a list is no failover",
        "keepalived, heartbeat",
    ),
    (
        "a check without a checker",
        description(service(check={"type": "http"}), health_checks="none"),
        "services[0].check",
        "Nobody would run it: health_checks is none",
        "Leave it out",
    ),
    (
        "a sorry server without a checker",
        description(service(sorry_server="192.0.2.99"), health_checks="none"),
        "services[0].sorry_server",
        "health_checks is none",
        "Leave it out",
    ),
    (
        "unknown forwarding",
        description(forwarding="dr"),
        "forwarding",
        "'dr' is no forwarding",
        "direct, nat or tunnel",
    ),
    ("connection_sync text", description(connection_sync="no"), "connection_sync", "'no' is neither", "without quotes"),
    ("services as a mapping", {"services": {"web": {}}}, "services", "a mapping is not a list", "list"),
    ("no services", {"services": []}, "services", "empty", "at least one"),
    ("a service that is a text", description("web"), "services[0]", "'web' is not a mapping", "name"),
    # VRRP
    ("vrrp a number", description(vrrp=51), "vrrp", "51 is not a mapping", "mapping"),
    ("router_id 0", description(vrrp={"router_id": 0}), "vrrp.router_id", "0 is out of range", "1 to 255"),
    ("router_id 256", description(vrrp={"router_id": 256}), "vrrp.router_id", "256 is out of range", "1 to 255"),
    ("router_id true", description(vrrp={"router_id": True}), "vrrp.router_id", "true is not a whole", "1 to 255"),
    ("router_id 1.5", description(vrrp={"router_id": 1.5}), "vrrp.router_id", "1.5 is not a whole", "1 to 255"),
    ("advert 0", description(vrrp={"advert_interval": 0}), "vrrp.advert_interval", "0 is out", "0.01 to 40.95"),
    ("advert 41", description(vrrp={"advert_interval": 41}), "vrrp.advert_interval", "41 is out", "0.01 to 40.95"),
    ("advert fine", description(vrrp={"advert_interval": 0.305}), "vrrp.advert_interval", "finer than 0.01", "hundred"),
    ("advert NaN", description(vrrp={"advert_interval": float("nan")}), "vrrp.advert_interval", "not a number", "0.01"),
    ("preempt text", description(vrrp={"preempt": "yes"}), "vrrp.preempt", "'yes' is neither true", "true or false"),
    ("vrrp key", description(vrrp={"routerid": 51}), "vrrp.routerid", "unknown key", "Did you mean router_id?"),
    # Names
    ("name missing", description(service(name=...)), "services[0].name", "missing", "Add name"),
    ("name with a brace", description(service(name="web {")), "services[0].name", "cannot be a name", "letters"),
    ("name with a quote", description(service(name='a"b')), "services[0].name", "cannot be a name", "letters"),
    ("name of two lines", description(service(name="a\nb")), "services[0].name", r"'a\nb' cannot", "letters"),
    ("name with a comment", description(service(name="a#b")), "services[0].name", "cannot be a name", "letters"),
    ("name a number", description(service(name=80)), "services[0].name", "80 cannot be a name", "letters"),
    # VIP
    ("vip missing", description(service(vip=...)), "services[0].vip", "missing", "Add vip"),
    ("vip no address", description(service(vip="web")), "services[0].vip", "'web' is not an IP", "IPv4 or IPv6"),
    (
        "vip a number",
        description(service(vip=3221226084)),
        "services[0].vip",
        "3221226084 is not an IP",
        "IPv4 or IPv6",
    ),
    ("vip with a prefix", description(service(vip=f"{VIP}/24")), "services[0].vip", "prefix length", f"alone: {VIP}"),
    ("vip unspecified", description(service(vip="0.0.0.0")), "services[0].vip", "unspecified", "one machine"),
    ("vip multicast", description(service(vip="224.0.0.18")), "services[0].vip", "multicast", "one machine"),
    ("vip loopback", description(service(vip="127.0.0.1")), "services[0].vip", "loopback", "one machine"),
    ("vip link-local", description(service(vip="fe80::1")), "services[0].vip", "link-local", "one machine"),
    ("vip with a zone", description(service(vip="fe80::1%eth0")), "services[0].vip", "not an IP address", "IPv"),
    ("vip broadcast", description(service(vip="255.255.255.255")), "services[0].vip", "broadcast", "one machine"),
    ("vip mapped", description(service(vip="::ffff:192.0.2.9")), "services[0].vip", "IPv4 address in", "one machine"),
    (
        "vip outside",
        description(service(vip="198.51.100.1")),
        "services[0].vip",
        "no subnet of directors lb1 and lb2",
        LAN[0].__str__(),
    ),
    ("vip of the network", description(service(vip="192.0.2.0")), "services[0].vip", "network or broadcast", "between"),
    ("vip of lb1", description(service(vip="192.0.2.11")), "services[0].vip", "own address of lb1", "no machine has"),
    ("vip of rs2", description(service(vip="192.0.2.22")), "services[0].vip", "own address of rs2", "no machine has"),
    # Ports
    ("ports missing", description(service(ports=...)), "services[0].ports", "missing", "Add ports"),
    ("port for ports", description(service(ports=..., port=80)), "services[0].port", "unknown", "Did you mean ports?"),
    ("no ports", description(service(ports=[])), "services[0].ports", "empty", "at least one"),
    ("port 0", description(service(ports=[0])), "services[0].ports[0]", "0 is out of range", "1 to 65535"),
    ("port 65536", description(service(ports=["65536"])), "services[0].ports[0]", "65536 is out", "1 to 65535"),
    ("port true", description(service(ports=[True])), "services[0].ports[0]", "true is not a whole", "1 to 65535"),
    ("port null", description(service(ports=[None])), "services[0].ports[0]", "out of range", "1 to 65535"),
    ("port 80.0", description(service(ports=[80.0])), "services[0].ports[0]", "80.0 is not a whole", "1 to 65535"),
    ("port http", description(service(ports=["http"])), "services[0].ports[0]", "'http' is not a whole", "1 to 65535"),
    ("port 080", description(service(ports=["080"])), "services[0].ports[0]", "'080' is not a whole", "1 to 65535"),
    ("a range backwards", description(service(ports=["90:80"])), "services[0].ports[0]", "no range", "one port"),
    ("a mapping", description(service(ports={"http": 80})), "services[0].ports", "a mapping is not a list", "list"),
    # Protocol, scheduler, persistence
    ("protocol", description(service(protocol="tpc")), "services[0].protocol", "'tpc'", "Did you mean tcp?"),
    ("scheduler", description(service(scheduler="wcl")), "services[0].scheduler", "'wcl'", "Did you mean wlc?"),
    ("a strange scheduler", description(service(scheduler="fair")), "services[0].scheduler", "'fair'", "wlc"),
    (
        "a flag of sh",
        description(service(scheduler_flags=["sh-port"])),
        "services[0].scheduler_flags[0]",
        "no flag of",
        "flag-1",
    ),
    ("persistence -1", description(service(persistence=-1)), "services[0].persistence", "-1 is out", "seconds"),
    ("persistence a year", description(service(persistence=31536000)), "services[0].persistence", "out of", "2678400"),
    (
        "mask alone",
        description(service(persistence_netmask=24)),
        "services[0].persistence_netmask",
        "nothing without",
        "persistence",
    ),
    (
        "mask with holes",
        description(service(persistence=9, persistence_netmask="255.0.255.0")),
        "services[0].persistence_netmask",
        "no netmask",
        "255.255.255.0",
    ),
    (
        "a host mask",
        description(service(persistence=9, persistence_netmask="0.0.0.255")),
        "services[0].persistence_netmask",
        "no netmask",
        "1 to 32",
    ),
    (
        "IPv6 length for IPv4",
        description(service(persistence=9, persistence_netmask=64)),
        "services[0].persistence_netmask",
        "no netmask",
        "1 to 32",
    ),
    (
        "IPv4 mask for IPv6",
        description(service(vip=VIP6, persistence=9, persistence_netmask="255.255.255.0")),
        "services[0].persistence_netmask",
        "no netmask",
        "1 to 128",
    ),
    (
        "one_packet",
        description(service(one_packet=True)),
        "services[0].one_packet",
        "ends every tcp connection",
        "protocol udp",
    ),
    # Checks
    ("check a text", description(service(check="http")), "services[0].check", "'http' is not a mapping", "mapping"),
    ("check type", description(check(type="htpp")), "services[0].check.type", "'htpp'", "Did you mean http?"),
    (
        "path with tcp",
        description(check(path="/")),
        "services[0].check.path",
        "does not belong to a check of type tcp",
        "http or https",
    ),
    (
        "interval with none",
        description(check(type="none", interval=1)),
        "services[0].check.interval",
        "type none",
        "dns, udp, ping or command",
    ),
    ("interval 0", description(check(interval=0)), "services[0].check.interval", "0 is out", "0.1 to 3600"),
    (
        "timeout a text",
        description(check(timeout="1s")),
        "services[0].check.timeout",
        "'1s' is not a number",
        "seconds",
    ),
    ("retries -1", description(check(retries=-1)), "services[0].check.retries", "-1 is out", "0 to 100"),
    ("check port", description(check(port=70000)), "services[0].check.port", "70000 is out", "1 to 65535"),
    ("status 99", description(check(type="http", status=99)), "services[0].check.status", "99 is out", "100 to 599"),
    (
        "status in a list",
        description(check(type="http", status=[200, "ok"])),
        "services[0].check.status[1]",
        "'ok'",
        "HTTP status",
    ),
    (
        "path relative",
        description(check(type="http", path="health")),
        "services[0].check.path",
        "'health' cannot",
        "Begin with /",
    ),
    (
        "path with a space",
        description(check(type="http", path="/a b")),
        "services[0].check.path",
        "'/a b' cannot",
        "%XX",
    ),
    (
        "path with a brace",
        description(check(type="http", path="/}")),
        "services[0].check.path",
        "cannot be the path",
        "%XX",
    ),
    (
        "path with a quote",
        description(check(type="http", path='/"')),
        "services[0].check.path",
        "cannot be the path",
        "%XX",
    ),
    (
        "path with a comment",
        description(check(type="http", path="/#x")),
        "services[0].check.path",
        "cannot be the path",
        "%XX",
    ),
    (
        "path with a variable",
        description(check(type="http", path="/$X")),
        "services[0].check.path",
        "cannot be the path",
        "%XX",
    ),
    (
        "path of two lines",
        description(check(type="http", path="/\n}")),
        "services[0].check.path",
        "cannot be the path",
        "%XX",
    ),
    (
        "udp with the default check",
        description(service(protocol="udp")),
        "services[0].check",
        "the service is udp",
        "check.port",
    ),
    (
        "sctp with http",
        description(service(protocol="sctp", check={"type": "http"})),
        "services[0].check",
        "sctp",
        "none",
    ),
    # Real servers
    ("real servers missing", description(service(real_servers=...)), "services[0].real_servers", "missing", "Add"),
    ("no real servers", description(service(real_servers=[])), "services[0].real_servers", "empty", "at least one"),
    (
        "unknown host",
        description(service(real_servers=["rs1", "rs3"])),
        "services[0].real_servers[1]",
        "'rs3' is no host",
        "Did you mean rs2?",
    ),
    (
        "strange host",
        description(service(real_servers=["rs1", "mail.example"])),
        "services[0].real_servers[1]",
        "no host",
        "{host: NAME, address: ADDRESS}",
    ),
    (
        "a director",
        description(service(real_servers=["rs1", "lb1"])),
        "services[0].real_servers[1]",
        "lb1 is a director",
        "real_servers",
    ),
    (
        "twice",
        description(service(real_servers=["rs1", "rs1"])),
        "services[0].real_servers[1]",
        "same real server",
        "once",
    ),
    (
        "twice by address",
        description(
            service(
                real_servers=["rs1", {"host": "old", "address": "192.0.2.50"}, {"host": "new", "address": "192.0.2.50"}]
            )
        ),
        "services[0].real_servers[2]",
        "same real server as real_servers[1]",
        "once",
    ),
    (
        "a number",
        description(service(real_servers=["rs1", 5])),
        "services[0].real_servers[1]",
        "5 is neither",
        "{host: rs1, weight: 3}",
    ),
    (
        "host missing",
        description(service(real_servers=["rs1", {"weight": 1}])),
        "services[0].real_servers[1].host",
        "missing",
        "Add host",
    ),
    (
        "weight -1",
        description(service(real_servers=[{"host": "rs1", "weight": -1}])),
        "services[0].real_servers[0].weight",
        "-1 is out",
        "0 to 65535",
    ),
    (
        "weight 65536",
        description(service(real_servers=[{"host": "rs1", "weight": 65536}])),
        "services[0].real_servers[0].weight",
        "65536 is out",
        "0 to 65535",
    ),
    (
        "weights 0",
        description(service(real_servers=[{"host": "rs1", "weight": 0}, {"host": "rs2", "weight": "0"}])),
        "services[0].real_servers",
        "Every weight is 0",
        "1 or more",
    ),
    (
        "weights 0 and a sorry server, which keepalived refuses",
        description(service(real_servers=[{"host": "rs2", "weight": 0}], sorry_server="rs1")),
        "services[0].real_servers",
        "Every weight is 0",
        "only when checks fail",
    ),
    (
        "a path that makes a line too long for keepalived",
        description(check(type="http", path="/" + "a" * 1000)),
        "services[0].check.path",
        "cannot be the path",
        "1000 at most",
    ),
    (
        "port translation",
        description(service(real_servers=["rs1", {"host": "rs2", "port": 8080}])),
        "services[0].real_servers[1].port",
        "8080 differs",
        "cannot translate",
    ),
    (
        "address of another family",
        description(service(real_servers=[{"host": "old", "address": "2001:db8:2::50"}])),
        "services[0].real_servers[0].address",
        "is IPv6",
        "IPv4",
    ),
    (
        "address of another host",
        description(service(real_servers=[{"host": "rs1", "address": "192.0.2.22"}])),
        "services[0].real_servers[0].address",
        "address of rs2",
        "host: rs2",
    ),
    (
        "address with a prefix",
        description(service(real_servers=[{"host": "old", "address": "192.0.2.5/24"}])),
        "services[0].real_servers[0].address",
        "prefix length",
        "192.0.2.5",
    ),
    (
        "host with a space",
        description(service(real_servers=[{"host": "a b", "address": "192.0.2.50"}])),
        "services[0].real_servers[0].host",
        "cannot be a name",
        "letters",
    ),
    # Sorry server
    (
        "sorry server unknown",
        description(service(sorry_server="rs9")),
        "services[0].sorry_server",
        "neither an address nor a host",
        "Did you mean",
    ),
    (
        "sorry server a mapping",
        description(service(sorry_server={"host": "rs1"})),
        "services[0].sorry_server",
        "a mapping is neither",
        "address",
    ),
    (
        "sorry server of IPv6",
        description(service(sorry_server="2001:db8:2::9")),
        "services[0].sorry_server",
        "is IPv6",
        "IPv4",
    ),
    (
        "sorry server the VIP",
        description(service(sorry_server=VIP)),
        "services[0].sorry_server",
        "is a VIP",
        "own address",
    ),
    (
        "sorry server of the service",
        description(service(sorry_server="rs1")),
        "services[0].sorry_server",
        "real server of this service",
        "another",
    ),
    (
        "sorry server a director",
        description(service(sorry_server="192.0.2.11")),
        "services[0].sorry_server",
        "director lb1",
        "no director",
    ),
    (
        "sorry server with a prefix",
        description(service(sorry_server="192.0.2.99/24")),
        "services[0].sorry_server",
        "prefix length",
        "192.0.2.99",
    ),
    # Services together
    (
        "names",
        description(service(), service(ports=[443])),
        "services[1].name",
        "services[0] is called web too",
        "own name",
    ),
    (
        "keys",
        description(service(), service(name="b")),
        "services[1].ports[0]",
        f"services[0] has tcp/{VIP}:80 too",
        "one service",
    ),
    (
        "IPv6 keys in two spellings",
        description(service(vip=VIP6), service(name="b", vip="2001:DB8:2:0::100")),
        "services[1].ports[0]",
        f"tcp/[{VIP6}]:80",
        "one service",
    ),
]


@pytest.mark.parametrize(
    ("described", "path", "problem", "remedy"), [pytest.param(*case[1:], id=case[0]) for case in ONE_MISTAKE]
)
def test_a_mistake_is_reported_alone_with_path_problem_and_remedy(
    described: object, path: str, problem: str, remedy: str
) -> None:
    assert_only(mistakes(described), path, problem, remedy)


def host(name: str, *addresses: object, interfaces: tuple[Interface, ...] = ETH0, interface: object = None) -> Host:
    return Host(name, addresses, interfaces, interface)


LB1, LB2 = DIRECTORS
#: Directors, real servers, description, where the mistake is, words of it.
WRONG_HOSTS: list[tuple[str, tuple[Host, ...], tuple[Host, ...], object, str, str]] = [
    (
        "no director",
        (),
        REAL_SERVERS,
        description(),
        "directors",
        "There is no director. Put at least one host into the group directors.",
    ),
    ("one director", (LB1,), REAL_SERVERS, description(), "failover", "lb1 is the only director. Put a second host"),
    (
        "failover none with two",
        DIRECTORS,
        REAL_SERVERS,
        description(failover="none"),
        "failover",
        "there are 2 directors: lb1 and lb2. Write failover: keepalived",
    ),
    (
        "too many directors",
        tuple(host(f"d{n}", f"192.0.2.{n + 101}") for n in range(MAX_DIRECTORS + 1)),
        REAL_SERVERS,
        description(),
        "directors",
        "26 directors are more than VRRP has priorities for. Keep at most 25",
    ),
    (
        "a host in both groups",
        (*DIRECTORS, host("rs1", "192.0.2.21", "2001:db8:2::21")),
        REAL_SERVERS,
        description(),
        "hostvars[rs1]",
        "is a director and a real server. Take it out",
    ),
    (
        "director without an address",
        (LB1, host("lb2")),
        REAL_SERVERS,
        description(),
        "hostvars[lb2].lvs_address",
        "Director lb2 has no IPv4 address to speak VRRP with.",
    ),
    (
        "directors of two families",
        (host("lb1", "192.0.2.11"), host("lb2", "2001:db8:2::12")),
        REAL_SERVERS,
        description(),
        "hostvars[lb2].lvs_address",
        "no IPv4 address to speak VRRP",
    ),
    (
        "director on no subnet",
        (LB1, host("lb2", "203.0.113.12")),
        REAL_SERVERS,
        description(),
        "hostvars[lb2].lvs_address",
        "No interface of director lb2 is in a subnet with 203.0.113.12.",
    ),
    (
        "address with a prefix",
        DIRECTORS,
        (host("rs1", "192.0.2.21/24"), REAL_SERVERS[1]),
        description(),
        "hostvars[rs1].lvs_address",
        "prefix length",
    ),
    (
        "two addresses of a family",
        DIRECTORS,
        (host("rs1", "192.0.2.21", "192.0.2.23"), REAL_SERVERS[1]),
        description(),
        "hostvars[rs1].lvs_address",
        "second IPv4 address",
    ),
    (
        "loopback",
        DIRECTORS,
        (host("rs1", "127.0.0.1"), REAL_SERVERS[1]),
        description(),
        "hostvars[rs1].lvs_address",
        "loopback",
    ),
    (
        "the same address twice",
        DIRECTORS,
        (host("rs1", "192.0.2.22"), REAL_SERVERS[1]),
        description(service(vip=VIP6, real_servers=["rs2"])),
        "hostvars[rs2].lvs_address",
        "192.0.2.22 is the address of rs1 already.",
    ),
    (
        "IPv6 VIPs only, and a director that can speak VRRP over IPv4 only",
        (LB1, host("lb2", "192.0.2.12")),
        REAL_SERVERS,
        description(service(vip=VIP6)),
        "hostvars[lb2].lvs_address",
        "Director lb2 has no IPv6 address to speak VRRP with.",
    ),
    (
        "an interface with a space",
        (LB1, host("lb2", "192.0.2.12", interface="eth0 {")),
        REAL_SERVERS,
        description(),
        "hostvars[lb2].lvs_interface",
        "no interface name",
    ),
    (
        "a name with a space",
        DIRECTORS,
        (*REAL_SERVERS, host("rs 3", "192.0.2.23")),
        description(),
        "hostvars[rs 3]",
        "cannot stand in a configuration file",
    ),
    (
        "no address at all, used twice",
        DIRECTORS,
        (host("rs1"), REAL_SERVERS[1]),
        description(service(), service(name="b", ports=[81])),
        "services[0].real_servers[0]",
        f"rs1 has no address, which the VIP {VIP} needs. Set lvs_address",
    ),
    (
        "IPv6 VIP and an IPv4 real server",
        DIRECTORS,
        (V4_ONLY[0], REAL_SERVERS[1]),
        description(service(vip=VIP6)),
        "services[0].real_servers[0]",
        f"rs1 has no IPv6 address, which the VIP {VIP6} needs.",
    ),
    (
        "IPv4 VIP and an IPv6 real server",
        DIRECTORS,
        (host("rs1", "2001:db8:2::21"), REAL_SERVERS[1]),
        description(),
        "services[0].real_servers[0]",
        f"rs1 has no IPv4 address, which the VIP {VIP} needs.",
    ),
    (
        "a VIP in the subnet of one director only",
        (
            LB1,
            host("lb2", "198.51.100.12", interfaces=(Interface("eth0", (ipaddress.ip_network("198.51.100.0/24"),)),)),
        ),
        REAL_SERVERS,
        description(service(forwarding="tunnel")),
        "services[0].vip",
        "in no subnet of director lb2. Choose an address in 192.0.2.0/24, 198.51.100.0/24",
    ),
    (
        "sorry server without the family",
        DIRECTORS,
        (*REAL_SERVERS, host("rs3", "192.0.2.23")),
        description(service(vip=VIP6, sorry_server="rs3")),
        "services[0].sorry_server",
        "rs3 has no IPv6 address",
    ),
]


@pytest.mark.parametrize(
    ("directors", "real_servers", "described", "path", "words"),
    [pytest.param(*case[1:], id=case[0]) for case in WRONG_HOSTS],
)
def test_a_mistake_of_the_inventory_is_reported_alone(
    directors: tuple[Host, ...], real_servers: tuple[Host, ...], described: object, path: str, words: str
) -> None:
    found = mistakes(described, directors, real_servers)
    assert [mistake.path for mistake in found] == [path], found
    assert words in f"{found[0].problem} {found[0].remedy}"


def test_twenty_different_mistakes_are_reported_together() -> None:
    described = {
        "failover": "heartbeet",
        "forwrding": "direct",
        "connection_sync": "on",
        "vrrp": {"router_id": 300, "advert_interval": 60, "preempt": "maybe"},
        "services": [
            {
                "name": "web {",
                "vip": f"{VIP}/24",
                "ports": [0, 443],
                "scheduler": "wcl",
                "persistence": -5,
                "check": {"type": "tcp", "path": "/health", "retries": 1000},
                "sorry_server": "nowhere",
                "real_servers": ["rs3", {"host": "rs2", "weight": -1}, "rs2"],
            },
            {"name": "mail", "vip": "198.51.100.25", "ports": ["70000"], "protocol": "tpc", "real_servers": []},
            {"name": "mail", "ports": [25], "real_servers": ["lb1"]},
        ],
    }
    assert [mistake.path for mistake in mistakes(described)] == [
        "forwrding",
        "failover",
        "vrrp.router_id",
        "vrrp.advert_interval",
        "vrrp.preempt",
        "connection_sync",
        "services[0].name",
        "services[0].vip",
        "services[0].ports[0]",
        "services[0].scheduler",
        "services[0].persistence",
        "services[0].check.path",
        "services[0].check.retries",
        "services[0].real_servers[1].weight",
        "services[0].real_servers[0]",
        "services[0].real_servers[2]",
        "services[0].sorry_server",
        "services[1].protocol",
        "services[1].ports[0]",
        "services[1].real_servers",
        "services[1].vip",
        "services[2].vip",
        "services[2].name",
        "services[2].real_servers[0]",
    ]


def test_the_message_is_a_heading_and_a_numbered_line_for_each_mistake() -> None:
    error = DescriptionError(mistakes(description(service(name="a b", vip="x"))))
    heading, *lines = str(error).splitlines()
    assert heading == "lvs_cluster has 2 mistakes:"
    assert [line.split(": ")[0] for line in lines] == ["  1. services[0].name", "  2. services[0].vip"]


ACCEPTED: list[tuple[str, object]] = [
    (
        "numbers as text",
        description(
            service(ports=["80"], persistence="300", real_servers=[{"host": "rs1", "weight": "3"}]),
            vrrp={"router_id": "51", "advert_interval": "0.3"},
        ),
    ),
    ("one port alone", description(service(ports=80))),
    ("one real server alone", description(service(real_servers="rs1"))),
    (
        "empty options",
        description(service(check=None, sorry_server=None, scheduler=None), vrrp=None, nat=None, connection_sync=False),
    ),
    ("two protocols on one port", description(service(), service(name="b", protocol="udp", check={"type": "none"}))),
    ("udp with a TCP port to check", description(service(protocol="udp", check={"port": 53}))),
    ("a drained real server", description(service(real_servers=["rs1", {"host": "rs2", "weight": 0}]))),
    (
        "a machine outside the inventory",
        description(service(real_servers=["rs1", {"host": "old.example", "address": "192.0.2.50"}])),
    ),
    ("a timeout longer than the interval", description(check(interval=1, timeout=5))),
    ("an IPv6 address in another spelling", description(service(vip="2001:DB8:2:0:0::0100"))),
    ("the longest path", description(check(type="http", path="/" + "a" * 999))),
    ("a query in the path", description(check(type="https", path="/a-b_c/~x?q=1&r=%20", status=[200, "204"]))),
    ("no health checks", description(health_checks="none")),
    ("no health checks, said twice", description(service(check={"type": "none"}), health_checks="none")),
    ("udp without health checks", description(service(protocol="udp"), health_checks="none")),
    ("the port said again", description(service(real_servers=[{"host": "rs1", "port": 80}]))),
]


@pytest.mark.parametrize("described", [pytest.param(case[1], id=case[0]) for case in ACCEPTED])
def test_what_is_right_is_accepted(described: object) -> None:
    assert mistakes(described) == []


def test_defaults_are_the_cautious_ones() -> None:
    cluster = read_cluster(description(), DIRECTORS, REAL_SERVERS)
    assert (cluster.failover, cluster.health_checks) == ("keepalived", "keepalived")
    assert cluster.vrrp == Vrrp(router_id=51, advert_interval=1, preempt=False, unicast=True)
    (web,) = cluster.services
    assert (web.protocol, web.forwarding, web.scheduler, web.scheduler_flags) == ("tcp", "direct", "wlc", ())
    assert (web.persistence, web.persistence_netmask, web.sorry_server) == (0, None, None)
    assert web.check == Check(type="tcp", port=80, interval=2, timeout=3, retries=2)
    assert [real_server.weight for real_server in web.real_servers] == [1, 1]


@pytest.mark.parametrize(
    ("vip", "written", "normalised"),
    [
        (VIP, "255.255.255.0", "255.255.255.0"),
        (VIP, 24, "255.255.255.0"),
        (VIP, "24", "255.255.255.0"),
        (VIP6, "64", 64),
        (VIP6, 128, 128),
    ],
)
def test_a_persistence_netmask_is_normalised(vip: str, written: object, normalised: object) -> None:
    described = description(service(vip=vip, persistence=60, persistence_netmask=written))
    assert read_cluster(described, DIRECTORS, REAL_SERVERS).services[0].persistence_netmask == normalised


@pytest.mark.parametrize(
    ("scheduler", "flags", "normalised"),
    [
        ("sh", ["flag-2", "sh-port"], ("sh-port",)),
        ("mh", ["mh-port", "flag-1", "flag-3"], ("flag-3", "mh-fallback", "mh-port")),
        ("wlc", ["flag-1"], ("flag-1",)),
        ("wlc", [], ()),
    ],
)
def test_a_scheduler_flag_has_one_spelling(scheduler: str, flags: list[str], normalised: tuple[str, ...]) -> None:
    described = description(service(scheduler=scheduler, scheduler_flags=flags))
    assert read_cluster(described, DIRECTORS, REAL_SERVERS).services[0].scheduler_flags == normalised


def test_flags_of_a_mistyped_scheduler_are_not_blamed() -> None:
    found = mistakes(description(service(scheduler="shh", scheduler_flags=["sh-port"])))
    assert [mistake.path for mistake in found] == ["services[0].scheduler"]


def test_what_is_read_cannot_be_changed() -> None:
    cluster: t.Any = read_cluster(description(), DIRECTORS, REAL_SERVERS)
    with pytest.raises(AttributeError):
        cluster.services[0].vips = ()


def test_many_unknown_real_servers_are_reported_in_reasonable_time() -> None:
    known = [Host(f"rs{n}", (f"198.18.{n // 250}.{n % 250 + 1}",)) for n in range(1000)]
    services = [service(name=f"s{n}", ports=[n + 1000], real_servers=[f"real{n}"]) for n in range(2000)]
    assert len(mistakes(description(*services), DIRECTORS, known)) == 2000
