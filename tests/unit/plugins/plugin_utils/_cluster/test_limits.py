# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the description lets pass the modules take; what they would refuse on a host it refuses before."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.desired import MistakesError
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    ModelError,
    destination_key,
    merged_destination,
    service_key,
)
from ansible_collections.lvs.cluster.plugins.module_utils._rules.firewall import read_firewall
from ansible_collections.lvs.cluster.plugins.module_utils._rules.nat import read_nat
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    REAL_SERVERS,
    VIP,
    description,
    mistakes,
    service,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.two_arms import (
    GATEWAY,
    INSIDE,
    OUTSIDE,
    TWO_ARMS,
    nat_service,
)

NOT_IN_PLANS = {"state": "present", "undo_after": 0}
LARGEST = {"syn_rate": 10000, "syn_burst": 20000, "log_rate": 1000}


def director(described: object, directors: t.Any = DIRECTORS, real_servers: t.Any = REAL_SERVERS) -> dict[str, t.Any]:
    found: dict[str, t.Any] = compile_cluster(described, directors, real_servers)["lb1"]["vars"]
    return found


def firewall(**keys: object) -> dict[str, t.Any]:
    plan = director(description(firewall=keys))["director_firewall"]
    return {**plan, **NOT_IN_PLANS}


@pytest.mark.parametrize(
    "keys",
    [
        {},
        LARGEST,
        {"syn_rate": 0, "log_rate": 0},
        {"syn_rate": 10000},
        {"syn_burst": 1},
        {"spoofed": []},
        {"spoofed": ["0.0.0.0/1", "2001:db8::/32", "ff00::/8"]},
        {"ssh_port": 65535, "ssh": ["192.0.2.7", "2001:db8::/32"], "trusted_interfaces": ["tun+", "abcdefghijklmno"]},
        {"accept": [{"protocol": "all"}, {"protocol": "sctp", "ports": "all"}, {"ports": ["1:65535"]}]},
    ],
)
def test_a_firewall_that_may_be_described_is_taken_by_the_module(keys: dict[str, object]) -> None:
    assert read_firewall(firewall(**keys)).rules


@pytest.mark.parametrize(
    ("keys", "plan"),
    [
        *(({key: most + 1}, {key: most + 1}) for key, most in LARGEST.items()),
        *(({key: -1}, {key: -1}) for key in LARGEST),
        *(({"spoofed": [n]}, {"spoofed_sources": [n]}) for n in ("fe80::/10", "fe80::/64", "::/0", "::", "::/96")),
    ],
)
def test_a_firewall_that_the_module_refuses_may_not_be_described(
    keys: dict[str, object], plan: dict[str, object]
) -> None:
    with pytest.raises(MistakesError):
        read_firewall({**firewall(), **plan})
    (mistake,) = mistakes(description(firewall=keys))
    assert mistake.path == f"firewall.{next(iter(keys))}"


def test_a_translation_that_may_be_described_is_taken_by_the_module() -> None:
    described = description(
        nat_service(ports=[21], helper="ftp"),
        nat_service(name="b", ports="all", protocol="sctp", persistence=9, check={"port": 80}),
        nat={
            "gateway": GATEWAY,
            "local_clients": "source_nat",
            "masquerade": ["10.11.12.0/24", "10.11.12.21"],
            "mappings": [
                {"external": "198.51.100.113", "internal": "10.11.12.22"},
                {"external": OUTSIDE, "internal": "10.11.12.23", "protocol": "tcp", "ports": [25, "500:600"]},
            ],
        },
    )
    plan = director(described, TWO_ARMS, INSIDE)["director_nat"]
    plan["masquerade"] = [{"not_out": None, **each} for each in plan["masquerade"]]
    assert read_nat({**plan, **NOT_IN_PLANS}).rules


@pytest.mark.parametrize("key", ["upper_threshold", "lower_threshold"])
def test_thresholds_are_those_of_the_table(key: str) -> None:
    most = {"upper_threshold": 2**31 - 1, key: 2**31 - 1}
    service_of = service_key(address=VIP, port=80)
    real_server = destination_key(service_of, destination="192.0.2.21")
    assert mistakes(description(service(real_servers=[{"host": "rs1", **most}]))) == []
    merged_destination(service_of, real_server, None, most)
    more = {"upper_threshold": 2**31, key: 2**31}
    assert mistakes(description(service(real_servers=[{"host": "rs1", **more}])))
    with pytest.raises(ModelError):
        merged_destination(service_of, real_server, None, more)
