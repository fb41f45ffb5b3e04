# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directors of examples/direct-pair once site.yml is done, seen by tools that are not ours."""

from __future__ import annotations

import pytest

VIP = "192.0.2.100"
VIP6 = "2001:db8:2::100"

testinfra_hosts = ["ansible://directors"]


def test_keepalived_runs_now_and_at_boot(host):
    service = host.service("keepalived")
    assert service.is_running
    assert service.is_enabled


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/etc/keepalived/keepalived.conf", 0o640),
        ("/etc/modules-load.d/lvs-cluster.conf", 0o644),
        ("/etc/sysctl.d/60-lvs-cluster.conf", 0o644),
    ],
)
def test_files_belong_to_root_with_narrow_modes(host, path, mode):
    file = host.file(path)
    assert (file.user, file.group, file.mode) == ("root", "root", mode)


def test_keepalived_accepts_its_configuration(host):
    assert host.run("keepalived --config-test").rc == 0


def test_sysctls_are_in_force(host):
    assert host.sysctl("net.ipv4.vs.expire_nodest_conn") == 1
    assert host.sysctl("net.ipv4.vs.expire_quiescent_template") == 1


def test_the_table_is_the_described_one_on_the_active_and_on_the_standby(host):
    lines = host.check_output("ipvsadm -Sn").splitlines()
    assert sorted(line.strip() for line in lines) == sorted(
        [
            f"-A -t {VIP}:80 -s wrr",
            f"-a -t {VIP}:80 -r 192.0.2.21:80 -g -w 1",
            f"-a -t {VIP}:80 -r 192.0.2.22:80 -g -w 2",
            f"-A -t [{VIP6}]:80 -s wrr",
            f"-a -t [{VIP6}]:80 -r [2001:db8:2::21]:80 -g -w 1",
            f"-a -t [{VIP6}]:80 -r [2001:db8:2::22]:80 -g -w 1",
        ]
    )
