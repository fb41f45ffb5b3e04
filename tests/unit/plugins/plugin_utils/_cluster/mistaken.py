# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Descriptions that mistakes are made in, and what has to be said of one."""

from __future__ import annotations

import typing as t

from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import description, service
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.two_arms import GATEWAY, nat_service

FAR = {"host": "far", "address": "203.0.113.9"}
GUE = {"forwarding": "tunnel", "tunnel_type": "gue", "tunnel_port": 6080}
ONE_ARM = {"gateway": "192.0.2.10/24", "local_clients": "refused"}


def tunnelled(**changes: object) -> dict[str, object]:
    return description(service(forwarding="tunnel", **changes))


def member(**keys: object) -> dict[str, object]:
    """The description of one service with one real server, written as a mapping."""
    return description(service(real_servers=[{"host": "rs1", **keys}]))


def all_ports(**changes: object) -> dict[str, object]:
    return service(ports="all", persistence=60, check={"port": 80}, **changes)


def assert_only(found: t.Any, path: str, problem: str, remedy: str) -> None:
    assert [mistake.path for mistake in found] == [path], found
    assert problem in found[0].problem
    assert remedy in found[0].remedy
    for sentence in (found[0].problem, found[0].remedy):
        assert sentence[-1] in ".?"
        assert "\n" not in sentence


def nat(*services: dict[str, object], **keys: object) -> dict[str, object]:
    return description(*(services or (nat_service(),)), nat={"gateway": GATEWAY, **keys})


def mapped(*services: dict[str, object], **keys: object) -> dict[str, object]:
    mapping = {"external": "198.51.100.113", "internal": "10.11.12.21", **keys}
    return nat(*services, mappings=[mapping])
