# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which described services the role takes for lost, when the kernel's table is as ipvs_info shows it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import jinja2
import pytest
import yaml

ROLE = Path(__file__).parents[3] / "roles" / "director"
NAMES = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))
DESCRIBED = [
    {"name": "web", "fwmark": None, "address": "192.0.2.100", "port": 80, "protocol": "tcp", "family": "ipv4"},
    {"name": "web6", "address": "2001:db8:2::100", "port": 80},
    {"name": "marked", "fwmark": 1000, "address": None, "port": 0, "family": "ipv4"},
    {"name": "marked6", "fwmark": 1000, "address": None, "port": 0, "family": "ipv6"},
]
SEEN: dict[str, dict[str, t.Any]] = {
    "web": {"address": "192.0.2.100", "port": 80, "protocol": "tcp", "fwmark": None, "family": "ipv4"},
    "web6": {"address": "2001:db8:2::100", "port": 80, "protocol": "tcp", "fwmark": None, "family": "ipv6"},
    "marked": {"address": None, "port": None, "protocol": None, "fwmark": 1000, "family": "ipv4"},
    "marked6": {"address": None, "port": None, "protocol": None, "fwmark": 1000, "family": "ipv6"},
}


def lost(*seen: dict[str, t.Any]) -> list[str]:
    room = jinja2.Environment()
    given: dict[str, t.Any] = {"director_services": DESCRIBED, "__director_table_seen": {"services": list(seen)}}
    # Ansible makes nothing at all of a loop without rounds.
    given["__director_service_keys"] = room.from_string(NAMES["__director_service_keys"]).render(**given) or None
    return room.from_string(NAMES["__director_services_lost_text"]).render(**given).split()


@pytest.mark.parametrize("name", SEEN)
def test_a_service_that_the_table_lacks_is_lost_and_no_other(name: str) -> None:
    assert lost(*SEEN.values()) == []
    assert lost(*(seen for each, seen in SEEN.items() if each != name)) == [name]
    assert lost(SEEN[name]) == [each for each in SEEN if each != name]


def test_all_are_lost_when_somebody_flushed_the_table() -> None:
    assert lost() == list(SEEN)
    assert lost({**SEEN["web"], "address": "192.0.2.1"}) == list(SEEN)
