# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any example that is built in the lab. Options come from molecule's verify: --ansible-inventory, --ssh-config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
from described import Example


def example_of(config: pytest.Config) -> Example:
    return Example(Path(config.getoption("--ansible-inventory")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One case for each service, machine, … that the example has; what it has not, it need not prove."""
    example = example_of(metafunc.config)
    by_forwarding = {
        forwarding: sorted({m.host for s in example.services if s.forwarding == forwarding for m in s.members})
        for forwarding in ("direct", "nat", "tunnel")
    }
    web = [service for service in example.services if not service.is_ftp]
    cases: dict[str, list[Any]] = {
        "service": list(example.services),
        "web": web,
        "shared_web": [service for service in web if not service.persistence],
        "persistent_web": [service for service in web if service.persistence],
        "ftp": [service for service in example.services if service.is_ftp],
        "director": list(example.directors),
        "behind_gateway": by_forwarding["nat"] if example.gateways else [],
        "with_vip": sorted({*by_forwarding["direct"], *by_forwarding["tunnel"]}),
        "with_tunnel": by_forwarding["tunnel"],
        "mapping": example.mappings,
        "masqueraded": by_forwarding["nat"] if example.nat.get("masquerade") else [],
        "floating": example.floating,
        "visitor": example.groups["clients"],
        "firewalled": [service for service in example.services if example.cluster.get("firewall")],
    }
    for name, values in cases.items():
        if name in metafunc.fixturenames:
            nothing = [pytest.param(None, marks=pytest.mark.nothing_to_prove)]
            metafunc.parametrize(name, values or nothing, ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    nothing = [item for item in items if item.get_closest_marker("nothing_to_prove")]
    config.hook.pytest_deselected(items=nothing)
    items[:] = [item for item in items if item not in nothing]


@pytest.fixture(scope="session")
def example(request: pytest.FixtureRequest) -> Example:
    return example_of(request.config)


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """The machine of that inventory name, as testinfra reaches it."""
    known: dict[str, Any] = {}

    def reached(name: str) -> Any:
        if name not in known:
            (known[name],) = testinfra.get_hosts(
                [f"ansible://{name}"],
                ansible_inventory=request.config.getoption("--ansible-inventory"),
                ssh_config=request.config.getoption("--ssh-config"),
            )
        return known[name]

    return reached


@pytest.fixture(scope="session")
def client(example: Example, machine: Callable[[str], Any]) -> Any:
    return machine(example.client)


@pytest.fixture
def active(example: Example, machine: Callable[[str], Any]) -> str:
    """Name of the director that holds the first VIP."""
    holders = [name for name in example.directors if example.vips[0] in addresses(machine(name))]
    assert len(holders) == 1, f"{example.vips[0]} is held by {holders}"
    return holders[0]


def addresses(host: Any) -> dict[str, str]:
    """Every address of a machine and its interface."""
    lines = (line.split() for line in host.check_output("ip -oneline address show").splitlines())
    return {words[3].partition("/")[0]: words[1] for words in lines}
