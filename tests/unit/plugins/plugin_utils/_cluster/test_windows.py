# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows machines as real servers: what they get, and what is refused."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, hosts_from_hostvars
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.view import View
from ansible_collections.lvs.cluster.tests.unit.plugins.plugin_utils._cluster.example import (
    DIRECTORS,
    REAL_SERVERS,
    VIP,
    VIP6,
    description,
    mistakes,
    service,
)

WIN1 = Host("win1", ("192.0.2.23", "2001:db8:2::23"), is_windows=True)
MIXED = (*REAL_SERVERS, WIN1)


def plans_with(*services: object, **changes: object) -> dict[str, t.Any]:
    return compile_cluster(description(*services, **changes), DIRECTORS, MIXED)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ansible_connection": "winrm"}, True),
        ({"ansible_connection": "psrp"}, True),
        ({"ansible_connection": "ansible.builtin.psrp"}, True),
        ({"ansible_connection": "ssh", "ansible_shell_type": "powershell"}, True),
        ({"ansible_shell_type": "cmd"}, True),
        ({"ansible_connection": "ssh"}, False),
        ({"ansible_shell_type": "sh"}, False),
        ({}, False),
    ],
)
def test_a_host_is_windows_when_ansible_gets_in_like_that(variables: dict[str, str], expected: bool) -> None:
    (host,) = hosts_from_hostvars(["win1"], {"win1": variables}, with_interfaces=False)
    assert host.is_windows is expected


def test_a_windows_machine_gets_its_vips_and_the_ports_of_each() -> None:
    names = ["rs1", "win1"]
    plans = plans_with(
        service(ports=[80, 443], real_servers=names),
        service(name="dns", protocol="udp", ports=[53], check={"type": "none"}, vip=[VIP, VIP6], real_servers=names),
    )
    assert plans["win1"] == {
        "role": "realserver_windows",
        "vars": {
            "realserver_windows_vips": [VIP, VIP6],
            "realserver_windows_ports": [
                {"protocol": "tcp", "ports": ["80", "443"], "addresses": [VIP]},
                {"protocol": "udp", "ports": ["53"], "addresses": [VIP, VIP6]},
            ],
            "realserver_windows_gateways": [],
        },
    }
    assert plans["rs1"]["role"] == "realserver_linux"
    assert plans["lb1"]["vars"]["director_services"][0]["real_servers"][1]["host"] == "win1"


def test_ranges_and_all_ports_are_opened_as_they_are_described() -> None:
    plans = plans_with(
        service(ports=["10000:20000"], check={"type": "none"}, real_servers=["win1"]),
        service(
            name="rest",
            vip="192.0.2.101",
            ports="all",
            persistence=300,
            check={"type": "none"},
            real_servers=["win1"],
        ),
    )
    assert plans["win1"]["vars"]["realserver_windows_ports"] == [
        {"protocol": "tcp", "ports": ["10000:20000"], "addresses": [VIP]},
        {"protocol": "tcp", "ports": [], "addresses": ["192.0.2.101"]},
    ]


def test_with_nat_it_gets_the_gateway_and_no_vip() -> None:
    plans = plans_with(
        service(real_servers=["win1"]), forwarding="nat", nat={"gateway": "192.0.2.10/24", "local_clients": "refused"}
    )
    assert plans["win1"]["vars"] == {
        "realserver_windows_vips": [],
        "realserver_windows_ports": [],
        "realserver_windows_gateways": ["192.0.2.10"],
    }


def test_a_tunnel_to_windows_is_refused_with_the_reason() -> None:
    found = mistakes(
        description(service(forwarding="tunnel", real_servers=["rs1", "win1"])), DIRECTORS, real_servers=MIXED
    )
    assert [(mistake.path, mistake.problem) for mistake in found] == [
        (
            "services[0].real_servers[1]",
            "forwarding is tunnel, but win1 is a Windows machine, which takes no packets out of such tunnels.",
        )
    ]


def test_sctp_on_windows_is_refused_with_the_reason() -> None:
    found = mistakes(
        description(service(protocol="sctp", check={"type": "none"}, real_servers=["win1"])), DIRECTORS, MIXED
    )
    assert ("services[0].protocol", "Windows has no SCTP, and win1 runs it.") in [
        (mistake.path, mistake.problem) for mistake in found
    ]


def test_verify_neither_praises_nor_misses_a_windows_machine() -> None:
    plans = plans_with(service(real_servers=["rs1", "win1"]))
    view = View(plans, {"hosts": {name: {"unreachable": True} for name in plans}})
    assert list(view.hosts) == ["lb1", "lb2", "rs1", "rs2"]
