# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of ipvs_table to the table that shall be, or to every mistake with the path to it.

Merging, purge, scope and keep_weights together are proven with random tasks in test_plan.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import (
    Description,
    MistakesError,
    description_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import ModelError, Table, service_key
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import restoring_lines

Options = dict[str, Any]

WEB: Options = {"address": "192.0.2.100", "port": 80}
OWNED: Options = {"purge": "services", "scope": ["192.0.2.0/24", "1-99"]}


def description(services: list[Options], **policy: Any) -> Description:
    defaults = {"purge": "none", "scope": None, "keep_weights": False, "allow_empty": False}
    return description_of({**defaults, "services": services, **policy})


def rs(last: int, **options: Any) -> Options:
    return {"destination": f"192.0.2.{last}", **options}


PRESENT = description(
    [
        {
            **WEB,
            "scheduler": "sh",
            "scheduler_flags": ["sh-port"],
            "persistence": 60,
            "persistence_netmask": "24",
            "destinations": [
                rs(21, weight=0, upper_threshold=9, lower_threshold=2),
                rs(22, forwarding="tunnel", tunnel_type="gue", tunnel_port=5555, tunnel_checksum="remote", weight=7),
            ],
        },
        {"address": "192.0.2.101", "port": 53, "protocol": "udp", "one_packet": True, "destinations": [rs(21)]},
        {"fwmark": 5, "family": "ipv6"},
        {"address": "203.0.113.9", "port": 80, "destinations": [rs(29)]},
    ]
).desired(Table())
KEPT = restoring_lines(PRESENT)
HEAD = "-A -t 192.0.2.100:80 -s sh -p 60 -M 255.255.255.0 -b sh-port"
D21 = "-a -t 192.0.2.100:80 -r 192.0.2.21:80 -g -w 0 -x 9 -y 2"
D22 = "-a -t 192.0.2.100:80 -r 192.0.2.22:80 -i -w 7 --tun-type gue --tun-port 5555 --tun-remcsum"
DNS = ["-A -u 192.0.2.101:53 -s wlc -o", "-a -u 192.0.2.101:53 -r 192.0.2.21:53 -g -w 1"]
FOREIGN = ["-A -t 203.0.113.9:80 -s wlc", "-a -t 203.0.113.9:80 -r 192.0.2.29:80 -g -w 1"]
MARK = ["-A -f 5 -6 -s wlc"]


@pytest.mark.parametrize(
    ("services", "policy", "lines"),
    [
        pytest.param([], {}, KEPT, id="nothing described, nothing changed"),
        pytest.param([WEB], {}, KEPT, id="nothing said of a service, it stays"),
        pytest.param([{**WEB, "destinations": []}], {}, KEPT, id="without purge an empty list removes nothing"),
        pytest.param(
            [{**WEB, "scheduler": "wlc"}],
            {},
            ["-A -t 192.0.2.100:80 -s wlc -p 60 -M 255.255.255.0", D21, D22, *DNS, *FOREIGN, *MARK],
            id="flags do not go over to another scheduler, persistence does",
        ),
        pytest.param(
            [{**WEB, "persistence": 0, "scheduler_flags": []}],
            {},
            ["-A -t 192.0.2.100:80 -s sh", D21, D22, *DNS, *FOREIGN, *MARK],
            id="mask goes with persistence",
        ),
        pytest.param(
            [{**WEB, "destinations": [rs(21, weight=5), rs(22, forwarding="direct")]}],
            {},
            [HEAD, D21.replace("-w 0", "-w 5"), "-a -t 192.0.2.100:80 -r 192.0.2.22:80 -g -w 7", *DNS, *FOREIGN, *MARK],
            id="thresholds and weight stay, tunnel goes with its forwarding",
        ),
        pytest.param(
            [{**WEB, "destinations": [rs(21, weight=5), rs(22, weight=9), rs(23, weight=4)]}],
            {"keep_weights": True},
            [HEAD, D21, D22, "-a -t 192.0.2.100:80 -r 192.0.2.23:80 -g -w 4", *DNS, *FOREIGN, *MARK],
            id="keep_weights keeps a drain and another weight, a new destination gets its own",
        ),
        pytest.param(
            [{**WEB, "destinations": [rs(21, weight=5, upper_threshold=10)]}],
            {"keep_weights": True},
            [HEAD, D21.replace("-x 9", "-x 10"), D22, *DNS, *FOREIGN, *MARK],
            id="keep_weights keeps the weight alone",
        ),
        pytest.param(
            [{**WEB, "destinations": [rs(22)]}],
            {"purge": "destinations"},
            [HEAD, D22, *DNS, *FOREIGN, *MARK],
            id="purge of destinations touches described services only",
        ),
        pytest.param(
            [WEB], {"purge": "destinations"}, KEPT, id="purge leaves alone the destinations that nobody speaks of"
        ),
        pytest.param(
            [{**WEB, "destinations": []}],
            {"purge": "destinations", "allow_empty": True},
            [HEAD, *DNS, *FOREIGN, *MARK],
            id="an empty list that is meant",
        ),
        pytest.param(
            [{**WEB, "destinations": [rs(22)]}],
            OWNED,
            [HEAD, D22, *FOREIGN],
            id="purge of services: inside scope only, and destinations as well",
        ),
        pytest.param([WEB], OWNED, [HEAD, D21, D22, *FOREIGN], id="purge of services, destinations not spoken of"),
        pytest.param([], {**OWNED, "allow_empty": True}, FOREIGN, id="everything that is owned goes"),
        pytest.param([], {"purge": "services", "scope": [], "allow_empty": True}, KEPT, id="who owns nothing"),
        pytest.param([WEB], {"scope": ["192.0.2.0/24"]}, KEPT, id="scope without purge is a fence only"),
        pytest.param(
            [{"fwmark": 5}], {**OWNED, "scope": ["5"]}, [HEAD, D21, D22, *DNS, *FOREIGN, "-A -f 5 -s wlc"],
            id="a mark of the other family is another service",
        ),
    ],
)  # fmt: skip
def test_desired(services: list[Options], policy: Options, lines: list[str]) -> None:
    described = description(services, **policy)
    wanted = described.desired(PRESENT)
    assert restoring_lines(wanted) == lines
    assert described.desired(wanted) == wanted
    outside = {key for key in PRESENT.services if not described.is_owned(key)}
    assert wanted.only(outside) == PRESENT.only(outside)


def test_what_does_not_differ_is_the_very_object() -> None:
    wanted = description([{**WEB, "destinations": [rs(21, weight=0), rs(22)]}]).desired(PRESENT)
    key = service_key(**WEB)
    assert wanted.destinations[key] is PRESENT.destinations[key]


EMPTY = "The list is empty and purge is on"


@pytest.mark.parametrize(
    ("services", "policy", "mistakes"),
    [
        pytest.param(
            [WEB, {"address": " 192.0.2.100 ", "port": 80, "protocol": "tcp"}],
            {},
            ["services[1]: Service tcp/192.0.2.100:80 is described already, as services[0]. Make one of the two."],
            id="service twice",
        ),
        pytest.param(
            [{"address": "2001:db8::1", "port": 80}, {"address": "2001:0DB8:0:0::0001", "port": 80}],
            {},
            ["services[1]: Service tcp/[2001:db8::1]:80 is described already, as services[0]. Make one of the two."],
            id="service twice in two spellings",
        ),
        pytest.param(
            [{"fwmark": 5}, {"fwmark": 5, "family": "ipv4"}, {"fwmark": 5, "family": "ipv6"}],
            {},
            ["services[1]: Service fwmark/5 is described already, as services[0]. Make one of the two."],
            id="mark twice, but once in each family is well",
        ),
        pytest.param(
            [
                {
                    "address": "2001:db8::1",
                    "port": 80,
                    "destinations": [
                        {"destination": "2001:db8::21"},
                        {"destination": "2001:DB8:0::21", "destination_port": 80},
                        {"destination": "2001:db8::21", "destination_port": 8080, "forwarding": "nat"},
                    ],
                }
            ],
            {},
            [
                (
                    "services[0].destinations[1]: Destination [2001:db8::21]:80 of service tcp/[2001:db8::1]:80 is"
                    " described already. Make one of the two."
                )
            ],
            id="destination twice in two spellings, but another port is another destination",
        ),
        pytest.param(
            [WEB],
            {"purge": "services"},
            [
                (
                    "purge: services needs scope, the networks and firewall marks that this task owns: without it"
                    " services of other programs would be removed."
                )
            ],
            id="purge of services without scope",
        ),
        pytest.param(
            [{"address": "203.0.113.9", "port": 80}, {"fwmark": 100}],
            OWNED,
            [
                f"services[{index}]: Service {name} lies outside scope, which this task must not touch. Add it to"
                " scope, or leave it to its owner."
                for index, name in enumerate(("tcp/203.0.113.9:80", "fwmark/100"))
            ],
            id="outside scope",
        ),
        pytest.param(
            [],
            OWNED,
            [
                (
                    f"services: {EMPTY} (tcp/192.0.2.100:80, udp/192.0.2.101:53, fwmark/5/ipv6 would have gone). Set"
                    " allow_empty: true when this is meant, or list what shall stay."
                )
            ],
            id="empty list of services",
        ),
        pytest.param(
            [],
            {"purge": "destinations"},
            [
                (
                    f"services: {EMPTY} (nothing of it is there now). Set allow_empty: true when this is meant, or list"
                    " what shall stay."
                )
            ],
            id="empty list of services when only destinations would go",
        ),
        pytest.param(
            [{**WEB, "destinations": []}],
            OWNED,
            [
                (
                    f"services[0].destinations: {EMPTY} (192.0.2.21:80, 192.0.2.22:80 would have gone). Set"
                    " allow_empty: true when this is meant, or list what shall stay."
                )
            ],
            id="empty list of destinations",
        ),
        pytest.param(
            [WEB],
            {"scope": ["x", "192.0.2.1/24"], "purge": "services"},
            [
                "scope[0]: It must be a network, an address, a firewall mark or a range of marks (100-199), got 'x'.",
                "scope[1]: 192.0.2.1/24 has bits behind its prefix. Write 192.0.2.0/24, or the address alone.",
            ],
            id="of a scope that cannot be read nothing else is said",
        ),
    ],
)
def test_mistakes_of_the_whole(services: list[Options], policy: Options, mistakes: list[str]) -> None:
    assert found(services, **policy) == mistakes


S = "services[0]"
D = "services[0].destinations[0]"


@pytest.mark.parametrize(
    ("options", "path", "part"),
    [
        ({"port": 80}, S, "needs an address and a port, or a fwmark"),
        ({"address": "192.0.2.100"}, S, "needs a port"),
        ({"address": "vip", "port": 80}, S, "must be an IPv4 or IPv6 address, got 'vip'"),
        ({**WEB, "port": 65536}, S, "must be at most 65535, got 65536"),
        ({**WEB, "fwmark": 5}, S, "has either a fwmark or an address"),
        ({"fwmark": 5, "port": 80}, S, "has no port"),
        ({"fwmark": 0}, S, "fwmark must be 1 or more, got 0"),
        ({**WEB, "port": 0}, S, "needs persistence"),
        ({**WEB, "one_packet": True}, S, "cannot use one_packet"),
        ({**WEB, "persistence": -1}, S, "must be 0 or more, got -1"),
        ({**WEB, "persistence": 31 * 24 * 3600 + 1}, S, "must be at most"),
        ({**WEB, "persistence_netmask": "24"}, S, "no persistence, so persistence_netmask has no meaning"),
        ({**WEB, "persistence_engine": "sip"}, S, "no persistence, so persistence_engine has no meaning"),
        ({**WEB, "persistence": 5, "persistence_netmask": "33"}, S, "must be at most 32, got 33"),
        ({**WEB, "scheduler": "rr", "scheduler_flags": ["sh-port"]}, S, "Scheduler rr has no flag sh-port"),
        ({**WEB, "destinations": [{"destination": "rs1"}]}, D, "must be an IPv4 or IPv6 address, got 'rs1'"),
        ({**WEB, "destinations": [{"destination": "224.0.0.1"}]}, D, "must be the address of one machine"),
        ({**WEB, "destinations": [rs(21, destination_port=8080)]}, D, "which cannot change the port"),
        ({**WEB, "destinations": [{"destination": "2001:db8::21"}]}, D, "only forwarding tunnel can do that"),
        ({**WEB, "destinations": [rs(21, weight=-1)]}, D, "must be 0 or more, got -1"),
        ({**WEB, "destinations": [rs(21, lower_threshold=5)]}, D, "must not be larger than the upper one"),
        ({**WEB, "destinations": [rs(21, tunnel_type="gue")]}, D, "with forwarding tunnel only"),
        ({**WEB, "destinations": [rs(21, forwarding="tunnel", tunnel_type="gue")]}, D, "needs tunnel_port"),
        ({**WEB, "destinations": [rs(21, forwarding="tunnel", tunnel_port=5)]}, D, "has no port"),
        ({**WEB, "destinations": [rs(21, forwarding="tunnel", tunnel_checksum="remote")]}, D, "no remote checksum"),
    ],
)
def test_each_mistake_stands_at_its_path(options: Options, path: str, part: str) -> None:
    (mistake,) = found([options], table=Table())
    assert mistake.startswith(f"{path}: ")
    assert part in mistake


def test_weight_that_is_not_used_is_looked_at_all_the_same() -> None:
    """Otherwise the mistake shows only when the destination is gone, perhaps in the night."""
    (mistake,) = found([{**WEB, "destinations": [rs(21, weight=-1)]}], keep_weights=True)
    assert mistake == f"{D}: Weight of 192.0.2.21 in service tcp/192.0.2.100:80 must be 0 or more, got -1."


def test_all_mistakes_come_at_once_each_with_its_path() -> None:
    services = [
        {**WEB, "scheduler": "rr", "scheduler_flags": ["mh-port"], "destinations": [rs(21, weight=-1), rs(22), rs(22)]},
        WEB,
        {"fwmark": 5, "port": 1},
        {"address": "203.0.113.9", "port": 80, "destinations": []},
    ]
    mistakes = found(services, **OWNED)
    assert [mistake.split(": ")[0] for mistake in mistakes] == [
        "services[1]",
        "services[2]",
        "services[3]",
        "services[0]",
        "services[0].destinations[0]",
        "services[0].destinations[2]",
        "services[3].destinations",
    ]


def test_message_counts_the_mistakes() -> None:
    with pytest.raises(MistakesError) as one:
        description([{**WEB, "port": -1}]).desired(Table())
    assert str(one.value).splitlines()[0] == "The description has a mistake, so nothing was changed:"
    with pytest.raises(ModelError) as two:
        description([{**WEB, "port": -1}, {}]).desired(Table())
    assert str(two.value).splitlines()[0] == "The description has 2 mistakes, so nothing was changed:"
    assert len(str(two.value).splitlines()) == 3


def test_many_names_are_cut_short_and_counted() -> None:
    services = [{"address": f"192.0.2.{last}", "port": 80} for last in range(1, 12)]
    present = description(services).desired(Table())
    (mistake,) = found([], table=present, **OWNED)
    assert (
        "tcp/192.0.2.1:80, tcp/192.0.2.2:80, tcp/192.0.2.3:80, tcp/192.0.2.4:80, tcp/192.0.2.5:80 and 6 more" in mistake
    )


def found(services: list[Options], table: Table = PRESENT, **policy: Any) -> list[str]:
    with pytest.raises(MistakesError) as error:
        description(services, **policy).desired(table)
    return list(error.value.mistakes)
