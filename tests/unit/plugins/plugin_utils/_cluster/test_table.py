# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that the modules own: what ipvs_table is told, and which weights are the description's to say."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.filter.cluster_table import cluster_table
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import description_of
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import Table
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import restoring_lines
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    VIP,
    VIP6,
    example_plans,
    service,
)

RS1, RS2 = "192.0.2.21", "192.0.2.22"


def directed(*services: dict[str, object]) -> list[dict[str, t.Any]]:
    """The services of a director as the role gets them."""
    described: list[dict[str, t.Any]] = example_plans(*services, health_checks="none")["lb1"]["vars"][
        "director_services"
    ]
    return described


def weighted(first: int, second: int) -> dict[str, object]:
    return service(real_servers=[{"host": "rs1", "weight": first}, {"host": "rs2", "weight": second}])


def remembered(*services: dict[str, object]) -> str:
    return json.dumps(cluster_table(directed(*services))["services"])


def test_every_option_of_a_service_is_said_so_that_nothing_of_another_owner_stays() -> None:
    (web, web6) = cluster_table(directed(service(), service(name="web6", vip=VIP6, persistence=60)))["services"]
    assert web == {
        "address": VIP,
        "port": 80,
        "protocol": "tcp",
        "scheduler": "wlc",
        "scheduler_flags": [],
        "persistence": 0,
        "persistence_engine": "none",
        "one_packet": False,
        "destinations": [
            {
                "destination": address,
                "destination_port": 80,
                "forwarding": "direct",
                "weight": 1,
                "upper_threshold": 0,
                "lower_threshold": 0,
            }
            for address in (RS1, RS2)
        ],
    }
    assert (web6["address"], web6["persistence"], web6["persistence_netmask"]) == (VIP6, 60, "128")


def test_the_plainest_service_of_the_role_alone_gets_the_documented_defaults() -> None:
    plainest = {"name": "web", "address": VIP, "port": 80, "real_servers": [{"address": RS1}]}
    assert cluster_table([plainest]) == cluster_table(directed(service(real_servers=["rs1"])))


@pytest.mark.parametrize(
    "described",
    [
        service(),
        service(persistence=60, persistence_netmask=24),
        service(vip=VIP6, persistence=60, persistence_netmask=64),
        service(protocol="udp", scheduler="mh", scheduler_flags=["mh-port"]),
        weighted(0, 65535),
        service(ports=[80, 443], fwmark=5),
        service(vip=VIP6, ports=["8000:8003", 80], persistence=60),
        service(ports="all", persistence=60),
        service(forwarding="tunnel", tunnel_type="gue", tunnel_port=6080, tunnel_checksum="remote"),
        service(forwarding="tunnel", tunnel_type="gre", tunnel_checksum="standard"),
        service(protocol="udp", one_packet=True),
        service(real_servers=[{"host": "rs1", "upper_threshold": 9, "lower_threshold": 3}, "rs2"]),
        service(
            vip=VIP6, forwarding="tunnel", real_servers=[{"host": "rs1", "address": "203.0.113.1"}, {"host": "rs2"}]
        ),
    ],
    ids=str,
)
def test_ipvs_table_takes_what_the_filter_gives(described: dict[str, object]) -> None:
    table = cluster_table(directed(described))
    parameters = {"purge": "services", "keep_weights": True, "allow_empty": False}
    parameters.update(services=table["services"], scope=table["scope"])
    desired = description_of(parameters).desired(Table())
    assert len(restoring_lines(desired)) == 3


MARKED = service(ports=[80, 443], fwmark=5, persistence=60)


def test_a_service_with_a_mark_is_one_for_the_table_too() -> None:
    table = cluster_table(directed(MARKED, service(name="web6", vip=VIP6, ports=[80, 443], fwmark=6, persistence=9)))
    web, web6 = table["services"]
    assert {key: web[key] for key in ("fwmark", "family", "persistence_netmask")} == {
        "fwmark": 5,
        "family": "ipv4",
        "persistence_netmask": "32",
    }
    assert not {"address", "port", "protocol"} & web.keys()
    assert [each["destination_port"] for each in web["destinations"]] == [0, 0]
    assert (web6["fwmark"], web6["family"], web6["persistence_netmask"]) == (6, "ipv6", "128")
    assert table["scope"] == ["5", "6"]


def test_the_vip_of_a_service_that_got_a_mark_stays_in_the_scope_once() -> None:
    assert cluster_table(directed(MARKED), remembered(service()))["scope"] == [VIP, "5"]


def test_a_destination_says_forwarding_tunnel_and_thresholds() -> None:
    gue = {"host": "rs1", "forwarding": "tunnel", "tunnel_type": "gue", "tunnel_port": 6080, "upper_threshold": 9}
    first, second = cluster_table(directed(service(real_servers=[gue, "rs2"])))["services"][0]["destinations"]
    assert first == {
        "destination": RS1,
        "destination_port": 80,
        "forwarding": "tunnel",
        "weight": 1,
        "upper_threshold": 9,
        "lower_threshold": 0,
        "tunnel_type": "gue",
        "tunnel_port": 6080,
        "tunnel_checksum": "none",
    }
    assert second["forwarding"] == "direct"
    assert "tunnel_type" not in second


def test_one_packet_is_said() -> None:
    described = service(protocol="udp", one_packet=True)
    assert cluster_table(directed(described))["services"][0]["one_packet"] is True


def test_a_weight_that_is_described_anew_is_set_in_a_service_with_a_mark_too() -> None:
    heavier = {**MARKED, "real_servers": ["rs1", {"host": "rs2", "weight": 5}]}
    (reweighed,) = cluster_table(directed(heavier), remembered(MARKED))["reweighed"]
    assert (reweighed["fwmark"], reweighed["destinations"][0]["weight"]) == (5, 5)


def test_the_scope_holds_the_vips_of_now_and_of_the_last_run() -> None:
    gone = remembered(service(vip="192.0.2.101"), service(name="b", vip=VIP6))
    assert cluster_table(directed(service()), gone)["scope"] == ["192.0.2.100", "192.0.2.101", VIP6]


@pytest.mark.parametrize(
    ("before", "now", "reweighed"),
    [
        ([weighted(1, 2)], [weighted(1, 2)], []),
        ([weighted(1, 2)], [weighted(1, 5)], [(VIP, {RS2: 5})]),
        ([weighted(1, 0)], [weighted(1, 2)], [(VIP, {RS2: 2})]),
        ([weighted(1, 2)], [weighted(3, 0)], [(VIP, {RS1: 3, RS2: 0})]),
        # What is new gets its described weight anyway.
        ([service(real_servers=["rs1"])], [weighted(1, 5)], []),
        ([service(vip=VIP6)], [weighted(1, 5)], []),
        ([], [weighted(1, 5)], []),
    ],
)
def test_only_a_weight_that_is_described_anew_is_set(
    before: list[dict[str, object]], now: list[dict[str, object]], reweighed: list[tuple[str, dict[str, int]]]
) -> None:
    table = cluster_table(directed(*now), remembered(*before) if before else "")
    assert [
        (each["address"], {d["destination"]: d["weight"] for d in each["destinations"]}) for each in table["reweighed"]
    ] == reweighed
    # These services are whole but for the destinations that are not said.
    assert all(each["scheduler"] == "wlc" for each in table["reweighed"])


@pytest.mark.parametrize("text", ["", "no JSON", "{}", "[1]", "null", '[{"address": 1}]', '[{"destinations": [{}]}]'])
def test_a_memory_that_cannot_be_read_is_none(text: str) -> None:
    assert cluster_table(directed(service()), text) == cluster_table(directed(service()))
