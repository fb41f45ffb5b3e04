# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole tables through the kernel: what plan says is what it does, and is what ipvsadm would do; large ones; faults."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from kernel_tools import Tool, run_program

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import model, netlink
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import Table
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import CREATE, DELETE, Operation, plan
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.ipvs.ipvs_tables import tables

TABLE_PAIRS = 12  # each costs dozens of processes; test_ipvs_table_random.py has thousands of pairs


@pytest.fixture
def kernel(tool: Tool) -> netlink.Kernel:
    tool("modprobe", "ip_vs")
    return netlink.Kernel()


def seen() -> tuple[list[str], list[str]]:
    """The table in ipvsadm's words, in no order, and the thresholds, which it says elsewhere."""
    return sorted(run_program("ipvsadm", "-Sn").splitlines()), sorted(
        run_program("ipvsadm", "-Ln", "--thresholds").splitlines()
    )


@settings(
    max_examples=TABLE_PAIRS,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(tables(), tables())
def test_operations_do_in_the_kernel_what_their_command_lines_do(current: Table, desired: Table) -> None:
    run_program("modprobe", "ip_vs")
    with netlink.Kernel() as kernel:
        operations = plan(current=current, desired=desired)
        run_program("ipvsadm", "-C")
        kernel.apply(plan(current=Table(), desired=current))
        assert kernel.read().table == current
        kernel.apply(operations)
        assert kernel.read().table == desired
        through_netlink = seen()
        run_program("ipvsadm", "-C")
        kernel.apply(plan(current=Table(), desired=current))
        for operation in operations:
            run_program(*operation.command().split())
        assert kernel.read().table == desired
        assert seen() == through_netlink


def large(services: int) -> Table:
    """So many services of two destinations each."""
    found, members = {}, {}
    for number in range(services):
        key = model.service_key(address=f"198.51.{number // 200}.{number % 200 + 1}", port=80)
        found[key] = model.merged_service(key, None, {})
        names = [model.destination_key(key, destination=f"192.0.2.{last}") for last in (21, 22)]
        members[key] = {name: model.merged_destination(key, name, None, {}) for name in names}
    return Table(found, members)


def test_ten_thousand_services_are_written_read_and_removed(kernel: netlink.Kernel) -> None:
    table = large(10_000)
    kernel.apply(plan(current=Table(), desired=table))
    assert kernel.read().table == table
    kernel.apply(plan(current=table, desired=Table()))
    assert kernel.read().table == Table()


def test_first_refused_operation_of_many_is_named_and_the_socket_stays_usable(kernel: netlink.Kernel) -> None:
    table = large(2_000)
    operations = plan(current=Table(), desired=table)
    kernel.apply(operations)
    # Every one of them is refused now: more errors in a batch than any small buffer holds.
    with pytest.raises(netlink.OperationFailedError) as error:
        kernel.apply(operations)
    assert error.value.operation == operations[0]
    assert isinstance(error.value.cause, netlink.AlreadyThereError)
    assert str(error.value).startswith(
        "ipvsadm -A -t 198.51.0.1:80 -s wlc failed: the kernel says: File exists (EEXIST)"
    )
    assert kernel.read().table == table


@pytest.mark.parametrize(
    ("action", "error"),
    [(CREATE, netlink.NotFoundError), (DELETE, netlink.NotFoundError), ("edit", netlink.NotFoundError)],
)
def test_destination_of_a_service_that_vanished_is_not_found(
    kernel: netlink.Kernel, action: str, error: type[netlink.KernelError]
) -> None:
    table = large(1)
    key = next(iter(table.services))
    destination = next(iter(table.destinations[key].values()))
    with pytest.raises(netlink.OperationFailedError) as failed:
        kernel.apply([Operation(action, table.services[key], destination)])
    assert isinstance(failed.value.cause, error)


def test_values_beyond_the_kernels_limits_are_not_accepted_and_change_nothing(kernel: netlink.Kernel) -> None:
    table = large(1)
    key = next(iter(table.services))
    kernel.apply(plan(current=Table(), desired=table))
    destination = next(iter(table.destinations[key].values()))
    wrong = destination._replace(weight=2**31)
    with pytest.raises(netlink.OperationFailedError) as failed:
        kernel.apply([Operation("edit", table.services[key], wrong)])
    assert isinstance(failed.value.cause, netlink.NotAcceptedError)
    assert kernel.read().table == table
