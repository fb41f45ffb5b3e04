# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options come from the command line that molecule's verify gives: --hosts, --ansible-inventory, --ssh-config."""

from __future__ import annotations

import pytest
import testinfra


@pytest.fixture(scope="session")
def director_macs(request: pytest.FixtureRequest) -> set[str]:
    """MAC addresses of the directors' eth0, in capitals as arping prints them."""
    hosts = testinfra.get_hosts(
        ["ansible://directors"],
        ansible_inventory=request.config.getoption("--ansible-inventory"),
        ssh_config=request.config.getoption("--ssh-config"),
    )
    return {host.check_output("cat /sys/class/net/eth0/address").upper() for host in hosts}
