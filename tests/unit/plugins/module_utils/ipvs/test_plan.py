# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tables in, a list of operations out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    DestinationKey,
    ServiceKey,
    Table,
    destination_key,
    merged_destination,
    merged_service,
    service_key,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import DELETE, Operation, plan
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.ipvs.ipvs_tables import tables

WEB = service_key(address="192.0.2.100", port=80)


def table(text: str) -> Table:
    """`"80:wlc 21=1 22=0; 443:rr"`: services at ports with schedulers, each with real servers and their weights."""
    made = Table()
    for entry in filter(None, (each.strip() for each in text.split(";"))):
        head, *rest = entry.split()
        port, scheduler = head.split(":")
        key = service_key(address="192.0.2.100", port=int(port))
        made = made.with_service(merged_service(key, None, {"scheduler": scheduler}))
        for each in rest:
            number, weight = each.split("=")
            name = destination_key(key, destination=f"192.0.2.{number}")
            made = made.with_destination(key, merged_destination(key, name, None, {"weight": int(weight)}))
    return made


V = "192.0.2.100:80"


@pytest.mark.parametrize(
    ("current", "desired", "commands"),
    [
        pytest.param("80:wlc 21=1", "80:wlc 21=1", [], id="equal tables need nothing"),
        pytest.param("", "80:wlc", [f"-A -t {V} -s wlc"], id="service is created"),
        pytest.param(
            "",
            "80:wlc 21=1",
            [f"-A -t {V} -s wlc", f"-a -t {V} -r 192.0.2.21:80 -g -w 1"],
            id="service comes before its destinations",
        ),
        pytest.param("80:wlc 21=1", "80:rr 21=1", [f"-E -t {V} -s rr"], id="service is edited in place"),
        pytest.param("80:wlc 21=1 22=1", "", [f"-D -t {V}"], id="service goes with its destinations"),
        pytest.param(
            "80:wlc 21=1", "80:wlc 21=10", [f"-e -t {V} -r 192.0.2.21:80 -g -w 10"], id="destination is edited in place"
        ),
        pytest.param(
            "80:wlc 21=1",
            "80:wlc 22=1",
            [f"-a -t {V} -r 192.0.2.22:80 -g -w 1", f"-d -t {V} -r 192.0.2.21:80"],
            id="new destination comes before the old one goes",
        ),
        pytest.param(
            "80:wlc 21=9 22=1",
            "80:wlc 21=1 22=9 23=1",
            [
                f"-a -t {V} -r 192.0.2.23:80 -g -w 1",
                f"-e -t {V} -r 192.0.2.22:80 -g -w 9",
                f"-e -t {V} -r 192.0.2.21:80 -g -w 1",
            ],
            id="weights are raised before others are lowered",
        ),
        pytest.param(
            "443:wlc 21=1",
            "80:wlc 21=1",
            [f"-A -t {V} -s wlc", f"-a -t {V} -r 192.0.2.21:80 -g -w 1", "-D -t 192.0.2.100:443"],
            id="new service works before the old one goes",
        ),
    ],
)
def test_plan(current: str, desired: str, commands: list[str]) -> None:
    operations = plan(current=table(current), desired=table(desired))
    assert [operation.command() for operation in operations] == [f"ipvsadm {command}" for command in commands]


def applied(current: Table, operation: Operation) -> Table:
    """What the kernel does, with its refusals."""
    key, destination = operation.service.key, operation.destination
    if destination is None:
        if operation.action == "create":
            assert key not in current.services, "EEXIST"
        else:
            assert key in current.services, "ESRCH"
        return current.without_service(key) if operation.action == DELETE else current.with_service(operation.service)
    assert key in current.services, "ESRCH"
    present = destination.key in current.destinations[key]
    assert present == (operation.action != "create"), "ENOENT or EEXIST"
    if operation.action == DELETE:
        return current.without_destination(key, destination.key)
    return current.with_destination(key, destination)


def steps(current: Table, desired: Table) -> Iterator[Table]:
    yield current
    for operation in plan(current=current, desired=desired):
        current = applied(current, operation)
        yield current


@given(tables(), tables())
def test_plan_applied_to_the_current_table_gives_the_desired_one(current: Table, desired: Table) -> None:
    *_before, last = steps(current, desired)
    assert last == desired


@given(tables())
def test_plan_between_equal_tables_is_empty(same: Table) -> None:
    assert plan(current=same, desired=same) == []


@given(tables(), tables())
def test_each_thing_is_touched_once(current: Table, desired: Table) -> None:
    touched = [
        (operation.service.key, operation.destination and operation.destination.key)
        for operation in plan(current=current, desired=desired)
    ]
    assert len(touched) == len(set(touched))


@given(tables(), tables())
def test_what_both_tables_have_is_there_on_the_whole_way(current: Table, desired: Table) -> None:
    common = names(current) & names(desired)
    for step in steps(current, desired):
        assert common <= names(step)


@given(tables(), tables())
def test_no_service_is_weaker_on_the_way_than_at_the_weaker_end(current: Table, desired: Table) -> None:
    for key in current.services.keys() & desired.services.keys():
        least = min(strength(current, key), strength(desired, key))
        for step in steps(current, desired):
            assert strength(step, key) >= least


def names(of: Table) -> set[tuple[ServiceKey, DestinationKey | None]]:
    found: set[tuple[ServiceKey, DestinationKey | None]] = {(key, None) for key in of.services}
    return found | {(key, each) for key, members in of.destinations.items() for each in members}


def strength(of: Table, key: ServiceKey) -> int:
    return sum(destination.weight for destination in of.destinations[key].values())
