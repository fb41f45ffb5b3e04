# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gateway, which routes, which files: tables of cases without a host."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._gateway import keepers
from ansible_collections.lvs.cluster.plugins.module_utils._gateway.model import (
    RECORD_PATH,
    Gateway,
    GatewayError,
    Record,
    gateways,
    record_of,
    routes_of,
)
from ansible_collections.lvs.cluster.plugins.module_utils._gateway.plan import Goal, Host, new_record, plan, restoring
from ansible_collections.lvs.cluster.plugins.module_utils._host.links import Link, LinkAddress

LINKS = (
    Link("lo", "loopback", arp=False, addresses=(LinkAddress(ipaddress.ip_interface("127.0.0.1/8")),)),
    Link(
        "eth0",
        addresses=tuple(LinkAddress(ipaddress.ip_interface(one)) for one in ("192.0.2.21/24", "2001:db8::21/64")),
    ),
    Link("eth1", addresses=(LinkAddress(ipaddress.ip_interface("10.11.12.21/24")),)),
)
OLD = "default via 192.0.2.254 dev eth0"
OURS = Gateway(ipaddress.ip_address("192.0.2.1"), "eth0")
SET = "ip -4 route replace default via 192.0.2.1 dev eth0 proto static metric 0"


def asked(*addresses: str, **options: Any) -> dict[str, Any]:
    return {"gateways": list(addresses), "interface": None, "state": "present", **options}


def host(*routes: str, record: Record | None = None, **fields: Any) -> Host:
    noted = record or Record()
    files = {RECORD_PATH: noted.text()} if noted.gateways else {}
    return Host(routes={4: list(routes), 6: []}, record=noted, files=files, **fields)


def goal(on: Host, *wanted: Gateway) -> Goal:
    record = new_record(wanted, "none", "", on) if wanted else Record()
    return Goal(record, {RECORD_PATH: record.text()} if wanted else {})


def lines(on: Host, *wanted: Gateway) -> list[str]:
    return [operation.line for operation in plan(goal(on, *wanted), on) if operation.is_route]


def test_each_gateway_gets_the_interface_of_its_network_and_the_metric_of_its_family() -> None:
    assert gateways(asked("2001:db8::1", "10.11.12.10"), LINKS) == (
        Gateway(ipaddress.ip_address("10.11.12.10"), "eth1", 0),
        Gateway(ipaddress.ip_address("2001:db8::1"), "eth0", 1),
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (asked("203.0.113.1"), "no interface has an address in its network"),
        (asked("192.0.2.21"), "this is an address of the host itself"),
        (asked("192.0.2.1/24"), "'192.0.2.1/24' is not an IP address"),
        (asked("192.0.2.1", "192.0.2.2"), "192.0.2.1 is one of the same address family"),
        (asked("192.0.2.1", interface="eth1"), "eth1 has no address in its network"),
        (asked("192.0.2.1", interface="eth7"), "there is no interface eth7"),
    ],
)
def test_a_gateway_that_cannot_be_is_refused_with_a_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(GatewayError) as caught:
        gateways(options, LINKS)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_routes_lose_what_ip_prints_and_does_not_take_and_the_best_comes_first() -> None:
    printed = (
        "default via 192.0.2.9 dev eth1 proto dhcp src 192.0.2.21 metric 100 linkdown \n"
        "default via 192.0.2.254 dev eth0 pref medium\n"
        "default \\\tnexthop via 192.0.2.3 dev eth0 weight 1 \\\tnexthop via 192.0.2.4 dev eth0 weight 1 \n"
    )
    assert routes_of(printed) == [
        OLD,
        "default nexthop via 192.0.2.3 dev eth0 weight 1 nexthop via 192.0.2.4 dev eth0 weight 1",
        "default via 192.0.2.9 dev eth1 proto dhcp src 192.0.2.21 metric 100",
    ]


@pytest.mark.parametrize(
    ("there", "wanted", "expected"),
    [
        pytest.param(host(OLD), [OURS], [SET], id="the old one is replaced"),
        pytest.param(host(OLD + " metric 100"), [OURS], [SET], id="a worse one stays"),
        pytest.param(host("default via 192.0.2.1 dev eth0"), [OURS], [], id="it is there already"),
        pytest.param(
            host("default via 192.0.2.1 dev eth0", record=Record((OURS,), replaced=((4, OLD),))),
            [],
            [f"ip -4 route replace {OLD}"],
            id="the old one comes back in the place of ours",
        ),
        pytest.param(
            host("default via 192.0.2.1 dev eth0 proto static", record=Record((OURS,))),
            [],
            ["ip -4 route delete default via 192.0.2.1 dev eth0 proto static"],
            id="without an old one ours just goes",
        ),
        pytest.param(
            host("default via 192.0.2.1 dev eth0 onlink", record=Record((OURS,))),
            [],
            ["ip -4 route delete default via 192.0.2.1 dev eth0 onlink"],
            id="somebody has set ours again with other words",
        ),
        pytest.param(
            host("default via 192.0.2.1 dev eth0 onlink", record=Record((OURS,))),
            [Gateway(OURS.address, "eth0", 1)],
            [SET[:-1] + "1", "ip -4 route delete default via 192.0.2.1 dev eth0 onlink"],
            id="the same with another metric",
        ),
        pytest.param(
            host("default via 192.0.2.77 dev eth0", record=Record((OURS,), replaced=((4, OLD),))),
            [],
            [],
            id="somebody has set another one since: it stays",
        ),
    ],
)
def test_the_routes_that_are_changed(there: Host, wanted: list[Gateway], expected: list[str]) -> None:
    assert lines(there, *wanted) == expected


def test_the_first_old_gateway_is_remembered_through_changes_of_ours() -> None:
    later = host("default via 192.0.2.1 dev eth0", record=Record((OURS,), replaced=((4, OLD),)))
    other = Gateway(ipaddress.ip_address("192.0.2.2"), "eth0")
    assert goal(later, other).record.replaced == ((4, OLD),)


def test_a_record_reads_back_as_it_was_written_and_a_broken_one_is_refused() -> None:
    record = Record((OURS,), "networkd", "eth0=/etc/systemd/network/10-eth0.network", ((4, OLD),))
    assert record_of(record.text()) == record
    with pytest.raises(GatewayError, match="is not as default_gateway wrote it"):
        record_of('{"gateways": 3}')


def test_what_is_taken_back_by_itself_restores_the_route_first_and_then_the_files() -> None:
    there = host(OLD)
    assert restoring(plan(goal(there, OURS), there)).splitlines() == [
        f"ip -4 route replace {OLD}",
        f"rm -f {RECORD_PATH}",
    ]


def test_a_copy_for_networkd_leaves_out_only_the_default_routes_that_ours_take_the_place_of() -> None:
    original = (
        "[Match]\nName=eth0\n\n[Network]\nAddress=192.0.2.21/24\nGateway=192.0.2.254\nGateway=2001:db8::fe\n\n"
        "[Route]\nGateway=192.0.2.254\n\n[Route]\nGateway=192.0.2.252\nMetric=100\n\n[Route]\nDestination=10.0.0.0/8\nGateway=192.0.2.253\n"
    )
    both = [OURS, Gateway(ipaddress.ip_address("2001:db8::1"), "eth0", 1)]
    text = keepers.networkd_text(original, "/etc/systemd/network/10-eth0.network", both, "eth0")
    assert "Gateway=192.0.2.252\nMetric=100" in text
    assert "192.0.2.254" not in text
    assert "Gateway=2001:db8::fe" in text
    assert "Destination=10.0.0.0/8\nGateway=192.0.2.253" in text
    assert text.endswith("\n[Route]\nGateway=192.0.2.1\nMetric=0\n\n[Route]\nGateway=2001:db8::1\nMetric=1\n")


@pytest.mark.parametrize(
    ("original", "copy"),
    [
        ("/etc/systemd/network/10-eth0.network", "/etc/systemd/network/00-lvs-cluster-eth0-10-eth0.network"),
        ("/run/systemd/network/10-netplan-eth0.network", "/etc/systemd/network/10-netplan-eth0.network"),
    ],
)
def test_the_copy_stands_where_networkd_finds_it_before_the_original(original: str, copy: str) -> None:
    assert keepers.networkd_path("eth0", original) == copy
    assert original in keepers.networkd_originals("eth0", copy)


@pytest.mark.parametrize(
    ("section", "stays"),
    [
        ("[Route]\nGateway=192.0.2.254\nTable=100\n", True),
        ("[Route]\nGateway=192.0.2.254\nTable = main\n", False),
        ("[Route]\nGateway=192.0.2.254\nTable=254\n", False),
        ("[Route]\nGateway = 192.0.2.254\nDestination = 0.0.0.0/0\n", False),
        ("[Route]\nGateway = 192.0.2.254\nMetric = 100\n", True),
        ("[Network]\n  Gateway = 192.0.2.254\n", False),
        ("  [Route]\nGateway=192.0.2.254\n", False),
    ],
)
def test_a_route_of_a_copy_goes_only_out_of_the_main_table_and_however_it_is_spaced(section: str, stays: bool) -> None:
    original = f"[Match]\nName=eth0\n\n{section}\n[Link]\nMTUBytes=1400\n"
    text = keepers.networkd_text(original, "/etc/systemd/network/10-eth0.network", [OURS], "eth0")
    assert ("192.0.2.254" in text) is stays
    assert "[Link]\nMTUBytes=1400\n" in text


def test_before_ifupdown_sets_a_gateway_of_its_own_ours_makes_room_unless_the_metrics_differ() -> None:
    text = keepers.if_pre_up_text([OURS, Gateway(ipaddress.ip_address("2001:db8::1"), "eth0", 1)])
    assert [line for line in text.splitlines() if line.startswith("ip ")] == [
        f"ip -4 route delete {OURS.route} 2>/dev/null || true"
    ]


NM_VALUE = "0.0.0.0/0 192.0.2.1 1"


def kept_by_nm(uuid: str) -> Record:
    return Record((Gateway(OURS.address, "eth0", 1),), "networkmanager", uuid)


@pytest.mark.parametrize(
    ("record", "connections", "expected"),
    [
        pytest.param(
            kept_by_nm("new"),
            {"old": {"ipv4.routes": NM_VALUE}, "new": {"ipv4.routes": ""}},
            [
                f"nmcli connection modify new +ipv4.routes '{NM_VALUE}'",
                f"nmcli connection modify old -ipv4.routes '{NM_VALUE}'",
            ],
            id="the route moves to the connection that the interface has now",
        ),
        pytest.param(
            kept_by_nm("new"),
            {"new": {"ipv4.routes": NM_VALUE}},
            [],
            id="the old connection is gone",
        ),
        pytest.param(Record(), {}, [], id="nothing to give back to a connection that is gone"),
        pytest.param(
            Record(),
            {"old": {"ipv4.routes": NM_VALUE}},
            [f"nmcli connection modify old -ipv4.routes '{NM_VALUE}'"],
            id="the route is given back",
        ),
    ],
)
def test_networkmanager_keeps_the_route_in_the_connection_that_is_there(
    record: Record, connections: dict[str, dict[str, str]], expected: list[str]
) -> None:
    there = host("default via 192.0.2.1 dev eth0 metric 1", record=kept_by_nm("old"), connections=connections)
    operations = plan(Goal(record, {}), there)
    assert [operation.line for operation in operations if operation.command[0] == "nmcli"] == expected
