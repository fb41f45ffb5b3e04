# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as the same, what is merged, what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import model, spec
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import ModelError

WEB = model.service_key(address="192.0.2.100", port=80)
WEB6 = model.service_key(address="2001:db8:2::100", port=80)
DNS = model.service_key(address="192.0.2.100", port=53, protocol="udp")
MARK = model.service_key(fwmark=5)
RS1 = model.destination_key(WEB, destination="192.0.2.21")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"address": "192.0.2.100", "port": 80}, "tcp/192.0.2.100:80"),
        ({"address": " 192.0.2.100 ", "port": 80, "protocol": "sctp"}, "sctp/192.0.2.100:80"),
        ({"address": "2001:DB8:0:0::0001", "port": 443}, "tcp/[2001:db8::1]:443"),
        ({"fwmark": 5, "protocol": "tcp"}, "fwmark/5"),
        ({"fwmark": 5, "family": "ipv6"}, "fwmark/5/ipv6"),
        ({"address": "2001:db8::1", "port": 80, "family": "ipv4"}, "tcp/[2001:db8::1]:80"),
    ],
)
def test_service_key_has_one_spelling(given: dict[str, Any], text: str) -> None:
    assert str(model.service_key(**given)) == text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "needs an address and a port, or a fwmark"),
        ({"address": "192.0.2.100"}, "needs a port"),
        ({"address": "192.0.2.300", "port": 80}, "must be an IPv4 or IPv6 address, got '192.0.2.300'"),
        ({"address": "fe80::1%eth0", "port": 80}, "'fe80::1%eth0'"),
        ({"address": "192.0.2.100", "port": -1}, "must be 0 or more, got -1"),
        ({"address": "192.0.2.100", "port": 65536}, "must be at most 65535, got 65536"),
        ({"fwmark": 0}, "must be 1 or more, got 0"),
        ({"fwmark": 4294967296}, "must be at most 4294967295"),
        ({"fwmark": 1, "port": 80}, "has no port"),
        ({"fwmark": 1, "address": "192.0.2.100", "port": 80}, "either a fwmark or an address"),
    ],
)
def test_impossible_service_key_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError) as error:
        model.service_key(**given)
    assert sentence in str(error.value)


FULL = model.merged_service(
    DNS,
    None,
    {
        "scheduler": "sh",
        "scheduler_flags": ["sh-port"],
        "persistence": 60,
        "persistence_netmask": "24",
        "persistence_engine": "sip",
        "one_packet": True,
    },
)


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {}),
        ({"scheduler": None, "persistence": None}, {}),
        ({"scheduler": "sh"}, {}),
        ({"scheduler_flags": ["flag-2"]}, {}),
        ({"persistence_netmask": "255.255.255.0"}, {}),
        ({"scheduler_flags": ["flag-3", "sh-fallback"]}, {"scheduler_flags": ("sh-fallback", "flag-3")}),
        ({"scheduler_flags": []}, {"scheduler_flags": ()}),
        # Flags mean what their scheduler says, so another scheduler does not inherit them.
        ({"scheduler": "mh"}, {"scheduler": "mh", "scheduler_flags": ()}),
        ({"persistence": 90}, {"persistence": 90}),
        (
            {"persistence": 0},
            {"persistence": 0, "persistence_netmask": None, "persistence_engine": None},
        ),
        ({"persistence_engine": "none"}, {"persistence_engine": None}),
        ({"one_packet": False}, {"one_packet": False}),
    ],
)
def test_service_keeps_what_is_not_given(given: dict[str, Any], changes: dict[str, Any]) -> None:
    assert model.merged_service(DNS, FULL, given) == dataclasses.replace(FULL, **changes)


@pytest.mark.parametrize(
    ("key", "mask", "normal"),
    [
        (WEB, None, "255.255.255.255"),
        (WEB, "32", "255.255.255.255"),
        (WEB, "1", "128.0.0.0"),
        (WEB, "255.255.0.0", "255.255.0.0"),
        (WEB6, None, "128"),
        (WEB6, "64", "64"),
    ],
)
def test_netmask_has_one_spelling(key: model.ServiceKey, mask: str | None, normal: str) -> None:
    service = model.merged_service(key, None, {"persistence": 60, "persistence_netmask": mask})
    assert service.persistence_netmask == normal


@pytest.mark.parametrize(
    ("key", "given", "sentence"),
    [
        (WEB, {"persistence": -1}, "Persistence of service tcp/192.0.2.100:80 in seconds must be 0 or more, got -1."),
        (WEB, {"persistence": 2678401}, "must be at most 2678400"),
        (WEB, {"persistence_engine": "sip"}, "Set persistence as well."),
        (WEB, {"persistence": 60, "persistence_netmask": "33"}, "must be at most 32, got 33."),
        (WEB, {"persistence": 60, "persistence_netmask": "0"}, "must be 1 or more, got 0."),
        (WEB, {"persistence": 60, "persistence_netmask": "255.255"}, "must be an IPv4 mask or a prefix length"),
        (WEB6, {"persistence": 60, "persistence_netmask": "255.255.0.0"}, "must be a whole number"),
        (WEB, {"one_packet": True}, "it works with UDP and with firewall marks only"),
        (WEB, {"scheduler": "sh", "scheduler_flags": ["mh-port"]}, "Scheduler sh has no flag mh-port."),
        (
            model.service_key(address="192.0.2.100", port=0),
            {},
            "Service tcp/192.0.2.100:0 with port 0 (all ports) needs persistence, in seconds.",
        ),
    ],
)
def test_impossible_service_is_refused(key: model.ServiceKey, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError) as error:
        model.merged_service(key, None, given)
    assert sentence in str(error.value)


TUNNELLED = model.merged_destination(
    WEB,
    RS1,
    None,
    {
        "forwarding": "tunnel",
        "weight": 0,
        "upper_threshold": 90,
        "lower_threshold": 30,
        "tunnel_type": "gue",
        "tunnel_port": 5555,
        "tunnel_checksum": "remote",
    },
)


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {}),
        ({"weight": None}, {}),
        ({"weight": 5}, {"weight": 5}),
        ({"upper_threshold": 100}, {"upper_threshold": 100}),
        ({"lower_threshold": 0}, {"lower_threshold": 0}),
        ({"tunnel_port": 6666}, {"tunnel_port": 6666}),
        ({"tunnel_checksum": "none"}, {"tunnel_checksum": "none"}),
        # Port and checksum belong to the type.
        ({"tunnel_type": "gre"}, {"tunnel_type": "gre", "tunnel_port": 0, "tunnel_checksum": "none"}),
        (
            {"forwarding": "nat"},
            {"forwarding": "nat", "tunnel_type": None, "tunnel_port": 0, "tunnel_checksum": "none"},
        ),
    ],
)
def test_destination_keeps_what_is_not_given(given: dict[str, Any], changes: dict[str, Any]) -> None:
    assert model.merged_destination(WEB, RS1, TUNNELLED, given) == TUNNELLED._replace(**changes)


@pytest.mark.parametrize(
    ("key", "port", "expected"),
    [(WEB, None, 80), (WEB, 8080, 8080), (MARK, None, 0), (MARK, 8080, 8080)],
)
def test_destination_without_a_port_has_the_services(key: model.ServiceKey, port: int | None, expected: int) -> None:
    assert model.destination_key(key, destination="192.0.2.21", destination_port=port).port == expected


@pytest.mark.parametrize(
    ("destination", "given", "sentence"),
    [
        ({}, {"weight": -1}, "Weight of 192.0.2.21 in service tcp/192.0.2.100:80 must be 0 or more, got -1."),
        ({}, {"weight": 2**31}, "must be at most 2147483647"),
        ({}, {"upper_threshold": 2**31}, "must be at most 2147483647"),
        ({}, {"upper_threshold": 1, "lower_threshold": 2}, "got lower 2 and upper 1."),
        ({}, {"lower_threshold": 2}, "got lower 2 and upper 0."),
        ({"destination_port": 8080}, {}, "use port 80, or forwarding nat."),
        ({"destination_port": 8080}, {"forwarding": "tunnel"}, "use port 80, or forwarding nat."),
        ({"destination": "2001:db8::21"}, {"forwarding": "nat"}, "only forwarding tunnel can do that."),
        ({}, {"forwarding": "tunnel", "tunnel_type": "gue"}, "needs tunnel_port"),
        ({}, {"forwarding": "tunnel", "tunnel_type": "gre", "tunnel_port": 1}, "Tunnel type gre"),
        ({}, {"forwarding": "tunnel", "tunnel_type": "gre", "tunnel_checksum": "remote"}, "has no remote checksum"),
        ({}, {"tunnel_type": "ipip"}, "has a meaning with forwarding tunnel only."),
        ({}, {"tunnel_port": 5555}, "has a meaning with forwarding tunnel only."),
        ({}, {"tunnel_checksum": "standard"}, "has a meaning with forwarding tunnel only."),
        ({"destination": "::"}, {}, "must be the address of one machine."),
    ],
)
def test_impossible_destination_is_refused(destination: dict[str, Any], given: dict[str, Any], sentence: str) -> None:
    def made() -> model.Destination:
        key = model.destination_key(WEB, **{"destination": "192.0.2.21", **destination})
        return model.merged_destination(WEB, key, None, given)

    with pytest.raises(ModelError) as error:
        made()
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "given",
    [
        {"forwarding": "direct", "weight": 3},
        {"forwarding": "nat"},
        {"forwarding": "tunnel"},
        {"forwarding": "tunnel", "tunnel_type": "gue", "tunnel_port": 5555, "tunnel_checksum": "remote"},
    ],
)
def test_what_is_returned_for_a_destination_can_be_given_back(given: dict[str, Any]) -> None:
    made = model.merged_destination(WEB, RS1, None, given)
    assert model.merged_destination(WEB, RS1, None, made.as_options()) == made
    assert model.merged_destination(WEB, RS1, made, made.as_options()) == made


def test_table_without_a_destinations_entry_equals_one_with_an_empty_one() -> None:
    service = model.merged_service(WEB, None, {})
    assert model.Table({WEB: service}) == model.Table({WEB: service}, {WEB: {}})


def test_table_refuses_destinations_without_their_service() -> None:
    with pytest.raises(ModelError, match=r"Service tcp/192.0.2.100:80 does not exist"):
        model.Table({}, {WEB: {}})


def test_table_is_changed_by_making_another() -> None:
    service = model.merged_service(WEB, None, {})
    destination = model.merged_destination(WEB, RS1, None, {})
    empty = model.Table()
    full = empty.with_service(service).with_destination(WEB, destination)
    assert empty == model.Table()
    assert full.without_destination(WEB, RS1) == empty.with_service(service)
    assert full.without_service(WEB) == empty


def test_options_of_spec_are_the_fields_of_the_model() -> None:
    assert set(spec.SERVICE) == set(model.SERVICE_FIELDS)
    assert set(spec.DESTINATION) == set(model.DESTINATION_FIELDS)
    assert set(spec.SERVICE_KEY) == {field.name for field in dataclasses.fields(model.ServiceKey)}
