# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences for what the kernel refuses; tests/kernel sees the rest of the runner at work."""

from __future__ import annotations

import errno
from unittest import mock

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import model, netlink, runner
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import CREATE, EDIT, Operation

WEB = model.merged_service(model.service_key(address="192.0.2.100", port=80), None, {})
RS1 = model.Destination("192.0.2.21", 80)


@pytest.mark.parametrize(
    ("operation", "number"),
    [
        (Operation(CREATE, WEB, RS1), errno.EEXIST),
        (Operation(EDIT, WEB, RS1), errno.ENOENT),
        (Operation(CREATE, WEB, RS1), errno.ESRCH),
        (Operation(CREATE, WEB), errno.EEXIST),
    ],
)
def test_another_program_that_changes_the_table_meanwhile_is_named_as_the_cause(
    operation: Operation, number: int
) -> None:
    cause = netlink.kernel_error(number, "the kernel says")
    module = mock.Mock(check_mode=False)
    explained = str(runner._explained(module, netlink.OperationFailedError(operation, cause)))
    assert explained.startswith(operation.command())
    assert errno.errorcode[number] in explained
    assert "another program is changing the same table" in explained
