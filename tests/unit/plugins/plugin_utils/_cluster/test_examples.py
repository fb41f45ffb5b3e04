# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example that a reader may copy compiles without a mistake."""

from __future__ import annotations

import ipaddress
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, hosts_from_hostvars

EXAMPLES = sorted(path.parent for path in (Path(__file__).resolve().parents[5] / "examples").glob("*/inventory.yml"))
LENGTHS = {4: 24, 6: 64}


def _described(example: Path) -> dict[str, t.Any]:
    described = yaml.safe_load((example / "group_vars" / "all.yml").read_text(encoding="utf-8"))["lvs_cluster"]
    assert isinstance(described, dict)
    return described


def _listed(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


def _facts(number: int, variables: dict[str, t.Any], described: dict[str, t.Any]) -> dict[str, t.Any]:
    """What Ansible would find: eth0 with the director's own addresses, eth1 in the networks of the gateways."""
    outside = {ipaddress.ip_address(text) for text in _listed(variables.get("lvs_address", variables["ansible_host"]))}
    for service in described["services"]:
        vips = {ipaddress.ip_address(text) for text in _listed(service["vip"])}
        for vip in vips:
            if all(vip.version != own.version for own in outside):
                outside.add(vip + 1000)
    interfaces = [_interface(outside)]
    known = [ipaddress.ip_interface(text) for text in _listed(described.get("nat", {}).get("gateway", []))]
    inside = {gateway.network.network_address + 200 + number for gateway in known}
    inside = {
        own for own in inside if not any(own in _network(other) for other in outside if other.version == own.version)
    }
    if inside:
        interfaces.append(_interface(inside))
    return {"interfaces": [f"eth{n}" for n in range(len(interfaces))]} | {
        f"eth{n}": i for n, i in enumerate(interfaces)
    }


def _network(address: t.Any) -> t.Any:
    return ipaddress.ip_network(f"{address}/{LENGTHS[address.version]}", strict=False)


def _interface(addresses: t.Iterable[t.Any]) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {"ipv6": []}
    for address in addresses:
        entry = {"address": str(address), "prefix": str(LENGTHS[address.version])}
        if address.version == 4:
            found["ipv4"] = entry
        else:
            found["ipv6"].append(entry)
    return found


def _hosts(example: Path, group: str, described: dict[str, t.Any]) -> list[Host]:
    inventory = yaml.safe_load((example / "inventory.yml").read_text(encoding="utf-8"))
    hosts = inventory["all"]["children"].get(group, {}).get("hosts", {})
    variables = {name: dict(given or {}) for name, given in hosts.items()}
    if group == "directors":
        for number, given in enumerate(variables.values()):
            given["ansible_facts"] = _facts(number, given, described)
    return hosts_from_hostvars(list(variables), variables, with_interfaces=group == "directors")


def _compiled(example: Path) -> dict[str, t.Any]:
    described = _described(example)
    groups = [_hosts(example, group, described) for group in ("directors", "real_servers", "clients")]
    return compile_cluster(described, *groups)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_has_no_mistake_and_a_plan_for_each_host(example: Path) -> None:
    described = _described(example)
    names = [host.name for group in ("directors", "real_servers") for host in _hosts(example, group, described)]
    assert list(_compiled(example)) == names


def test_there_is_an_example_of_every_topology() -> None:
    wanted = "direct-pair direct-single ftp fwmark heartbeat-pair ipv6 keepalived-pair nat-one-arm nat-two-arm"
    assert {path.name for path in EXAMPLES} >= {*wanted.split(), "sites", "tunnel"}
