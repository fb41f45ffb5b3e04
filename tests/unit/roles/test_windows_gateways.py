# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role realserver_windows says of the default routes that win_arp_hide has read: its own expressions."""

from __future__ import annotations

import types
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible.plugins.filter.mathstuff import FilterModule as SetFilters
from ansible.plugins.test.core import TestModule as CoreTests
from jinja2.nativetypes import NativeEnvironment

TASKS = Path(__file__).parents[3] / "roles/realserver_windows/tasks/gateways.yml"
GATEWAY, GATEWAY6, OLD = "192.0.2.10", "2001:db8:2::10", "192.0.2.1"


def environment() -> NativeEnvironment:
    room = NativeEnvironment()
    room.filters.update(CoreFilters().filters())
    room.filters.update(SetFilters().filters())
    room.tests.update(CoreTests().tests())
    return room


def said(gateways: list[str], routes: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    """The task's variables on a host with these default routes, as Ansible sees them."""
    (task,) = yaml.safe_load(TASKS.read_text(encoding="utf-8"))
    room = environment()
    known: dict[str, t.Any] = {
        "realserver_windows_gateways": gateways,
        "__realserver_windows_hidden": {"default_routes": routes},
    }
    for name, expression in task["vars"].items():
        value: t.Any = room.from_string(expression.strip()).render(known)
        known[name] = list(value) if isinstance(value, types.GeneratorType) else value
    known["passes"] = all(
        room.compile_expression(condition)(**known) for condition in task["ansible.builtin.assert"]["that"]
    )
    return known


def route(next_hop: str, *, used: bool = True, interface: str = "Ethernet") -> dict[str, t.Any]:
    family = "IPv6" if ":" in next_hop else "IPv4"
    return {"interface": interface, "family": family, "next_hop": next_hop, "metric": 25, "used": used}


@pytest.mark.parametrize(
    ("gateways", "routes", "expected"),
    [
        ([GATEWAY], [route(GATEWAY)], True),
        ([GATEWAY], [route(OLD)], False),
        ([GATEWAY], [], False),
        # What is not used does not matter, what is used beside it does.
        ([GATEWAY], [route(GATEWAY), route(OLD, used=False)], True),
        ([GATEWAY], [route(OLD), route(GATEWAY, used=False)], False),
        ([GATEWAY], [route(GATEWAY), route(OLD, interface="Ethernet 2")], False),
        # The other address family is somebody else's.
        ([GATEWAY], [route(GATEWAY), route("2001:db8:2::1")], True),
        ([GATEWAY6], [route(OLD), route(GATEWAY6)], True),
        ([GATEWAY, GATEWAY6], [route(GATEWAY), route(GATEWAY6)], True),
        ([GATEWAY, GATEWAY6], [route(GATEWAY)], False),
        ([GATEWAY, GATEWAY6], [route(GATEWAY), route("2001:db8:2::1")], False),
        # Whose link-local address that is nobody can say here.
        ([GATEWAY, GATEWAY6], [route(GATEWAY), route("fe80::1")], True),
        ([GATEWAY, GATEWAY6], [route(OLD), route("fe80::1")], False),
    ],
)
def test_the_used_default_routes_have_to_lead_to_the_directors(
    gateways: list[str], routes: list[dict[str, t.Any]], expected: bool
) -> None:
    assert said(gateways, routes)["passes"] is expected


def test_the_sentence_names_what_is_used_and_the_gateway_that_lacks() -> None:
    known = said([GATEWAY, GATEWAY6], [route(GATEWAY), route("2001:db8:2::1", interface="LAN")])
    (task,) = yaml.safe_load(TASKS.read_text(encoding="utf-8"))
    template = environment().from_string(task["ansible.builtin.assert"]["fail_msg"])
    sentence = " ".join(template.render({**known, "inventory_hostname": "win1"}).split())
    assert (
        "default gateway of win1 is 192.0.2.10 on Ethernet, 2001:db8:2::1 on LAN, and with NAT it has to be" in sentence
    )
    assert f"New-NetRoute -DestinationPrefix ::/0 -InterfaceAlias NAME -NextHop {GATEWAY6}." in sentence
    assert " is missing, " in template.render({**said([GATEWAY], []), "inventory_hostname": "win1"}).replace("\n", " ")
