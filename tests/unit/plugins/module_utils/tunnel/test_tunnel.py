# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices, which limits, which operations in which order: tables of cases. tests/kernel shows the packets."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._tunnel import clamp
from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.files import (
    UNIT,
    UNIT_PATH,
    Programs,
    Record,
    record_of,
    unit_text,
)
from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.model import (
    Clamp,
    Device,
    Port,
    Tunnel,
    TunnelError,
    Wanted,
    clamps,
    devices,
    ports,
    wanted,
)
from ansible_collections.lvs.cluster.plugins.module_utils._tunnel.plan import Host, Limits, Plan, goal, plan

VIP, VIP6 = ipaddress.ip_address("192.0.2.100"), ipaddress.ip_address("2001:db8:2::100")
ADDRESSES = {"ipv4": ("203.0.113.21", "203.0.113.22"), "ipv6": ("2001:db8:3::21",)}
BESIDE = "/etc/systemd/system/nftables.service.d/lvs-cluster-tunnel.conf"
MTU = {"ipv4": 1500, "ipv6": 1500}


def asked(*tunnels: dict[str, Any], **options: Any) -> dict[str, Any]:
    filled = [{"family": "ipv4", "port": 0, "checksum": "none", **tunnel} for tunnel in tunnels]
    return {"tunnels": filled, "vips": [], "mss": "auto", **options}


@pytest.mark.parametrize(
    ("tunnel", "vips", "names"),
    [
        (Tunnel("ipip"), (VIP,), ["lvs-ipip0"]),
        (Tunnel("ipip"), (), ["lvs-ipip0"]),
        (Tunnel("ipip"), (VIP, VIP6), ["lvs-ipip0", "sit0"]),
        (Tunnel("gue", port=6080), (VIP6,), ["sit0"]),
        (Tunnel("gue", "ipv6", 6080), (VIP,), ["lvs-ip6tnl0"]),
        (Tunnel("gre"), (VIP, VIP6), ["lvs-gre0"]),
        (Tunnel("gre", "ipv6"), (VIP,), ["lvs-ip6gre0"]),
        (Tunnel("gre", checksum="standard"), (VIP,), ["lvs-gresum0", "lvs-gresum1"]),
    ],
)
def test_the_devices_that_a_tunnel_needs(tunnel: Tunnel, vips: tuple[Any, ...], names: list[str]) -> None:
    assert [device.name for device in devices(Wanted((tunnel,), vips), ADDRESSES)] == names


@pytest.mark.parametrize(
    ("tunnel", "mss", "mss6"),
    [
        (Tunnel("ipip"), 1440, 1420),
        (Tunnel("ipip", "ipv6"), 1420, 1400),
        (Tunnel("gue", port=6080), 1428, 1408),
        (Tunnel("gue", port=6080, checksum="remote"), 1420, 1400),
        (Tunnel("gre"), 1436, 1416),
        (Tunnel("gre", "ipv6", checksum="standard"), 1412, 1392),
    ],
)
def test_a_segment_fits_into_the_tunnel_with_all_its_headers(tunnel: Tunnel, mss: int, mss6: int) -> None:
    assert clamps(Wanted((tunnel,), (VIP, VIP6)), MTU) == (Clamp(VIP, mss), Clamp(VIP6, mss6))


def test_the_narrowest_tunnel_decides_a_number_counts_as_it_is_and_0_is_no_limit() -> None:
    both = (Tunnel("gue", "ipv6", 6080), Tunnel("ipip"))
    assert clamps(Wanted(both, (VIP,)), MTU) == (Clamp(VIP, 1408),)
    assert clamps(Wanted(both, (VIP,), 1200), MTU) == (Clamp(VIP, 1200),)
    assert clamps(Wanted(both, (VIP,), 0), MTU) == ()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (asked({"type": "gue"}), "tunnels[0]: GUE needs a port"),
        (asked({"type": "ipip", "port": 7}), "Only GUE has a port"),
        (asked({"type": "ipip", "checksum": "standard"}), "IPIP has no checksum"),
        (asked({"type": "gre", "checksum": "remote"}), "GRE has no remote checksum"),
        (asked({"type": "gre"}, {"type": "gre", "checksum": "standard"}), "with and without a checksum"),
        (asked(vips=["192.0.2.100/32"]), "vips[0]: '192.0.2.100/32' is not an IP address"),
        (asked(mss="lots"), "mss: 'lots' is neither auto nor a number"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TunnelError) as caught:
        wanted(options)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_the_unit_remembers_what_was_asked_for() -> None:
    record = Record(Wanted((Tunnel("gue", "ipv6", 6080, "remote"),), (VIP, VIP6), 1300), (Port("ipv6", 6080),), True)
    text = unit_text(record, [Device("sit0")], ports(record.wanted), Programs("/sbin/ip", "/sbin/modprobe"))
    assert record_of(text) == record
    assert "ExecStart=-/sbin/ip -6 fou add port 6080 gue\n" in text
    assert record_of("") == Record()
    with pytest.raises(TunnelError, match="is not as the module tunnel wrote it"):
        record_of(text.replace("Port=ipv6 6080", "Port=ipv6"))


def test_a_device_rises_last_and_is_noted_first() -> None:
    aim = goal(Wanted((Tunnel("ipip"),), (VIP,), 0), Host(), present=True, exclusive=True)
    lines = [operation.line.split(" ")[:3] for operation in plan(aim, Host(), Limits()).operations]
    assert [line[0] for line in lines] == ["install", "systemctl", "ip", "sysctl", "ip", "ip", "systemctl", "systemctl"]
    assert lines[5] == ["ip", "link", "set"]


def test_a_unit_hears_when_its_limits_may_be_gone_and_what_tells_it_goes_with_them() -> None:
    aim = goal(Wanted((Tunnel("ipip"),), (VIP,)), Host(), present=True, exclusive=True)
    limited = Limits(unit_commands=("/sbin/nft x",), loaders=("nftables.service",))
    coming = plan(aim, Host(), limited)
    assert of_files(coming)[-2:] == [f"systemctl enable {UNIT}", f"systemctl restart {UNIT}"]
    written = {operation.command[-1]: operation.text or "" for operation in coming.operations if operation.text}
    assert [*written] == [UNIT_PATH, BESIDE]
    assert "ReloadPropagatedFrom=nftables.service\n" in written[UNIT_PATH]
    assert "\nExecStart=/sbin/nft x\n" in written[UNIT_PATH]
    assert "\nExecReload=/sbin/nft x\n" in written[UNIT_PATH]

    there = Host(unit=written[UNIT_PATH], hooks={BESIDE: written[BESIDE]}, is_enabled=True)
    assert of_files(plan(aim, there, limited)) == []
    broken_off = dataclasses.replace(there, is_active=False)
    assert of_files(plan(aim, broken_off, limited)) == [f"systemctl restart {UNIT}"]
    lost = plan(aim, dataclasses.replace(there, hooks={}), limited)
    assert [line.rpartition(" ")[2] for line in of_files(lost)] == [BESIDE, "daemon-reload"]
    assert (lost.before["beside"], lost.after["beside"]) == ([], [BESIDE])

    without = of_files(plan(aim, there, Limits()))
    away = [f"rm {BESIDE}", f"rmdir --ignore-fail-on-non-empty {BESIDE.rpartition('/')[0]}", "systemctl daemon-reload"]
    assert [line for line in without if line in away] == [*away[2:], *away]
    gone = plan(goal(Wanted(), there, present=False, exclusive=True), there, Limits())
    disabled = [f"systemctl disable {UNIT}", f"systemctl stop {UNIT}", f"rm {UNIT_PATH}", "systemctl daemon-reload"]
    assert of_files(gone) == [*away, *disabled]


def of_files(planned: Plan) -> list[str]:
    return [one.line for one in planned.operations if one.command[0] in {"install", "rm", "rmdir", "systemctl"}]


def test_what_is_added_keeps_what_was_asked_for_earlier() -> None:
    first = goal(Wanted((Tunnel("ipip"),), (VIP,)), Host(), present=True, exclusive=True)
    unit = unit_text(first.record, first.devices, first.ports, Programs("ip", "modprobe"))
    both = goal(Wanted((Tunnel("gre"),), (VIP6,)), Host(unit=unit), present=True, exclusive=False)
    assert [device.name for device in both.devices] == ["lvs-gre0", "lvs-ipip0", "sit0"]
    alone = goal(Wanted((Tunnel("gre"),), (VIP6,)), Host(unit=unit), present=True, exclusive=True)
    assert [device.name for device in alone.devices] == ["lvs-gre0"]
    assert goal(Wanted(), Host(unit=unit), present=False, exclusive=True).record == Record()


def test_rules_of_iptables_read_back_as_they_are_written_and_those_of_others_are_not_ours() -> None:
    rule = clamp.iptables_rule(Clamp(VIP, 1440))
    saved = f"*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j ACCEPT\n-A {rule}\nCOMMIT\n"
    assert clamp.iptables_rules(saved) == [rule]
    assert clamp.iptables_clamp(rule) == Clamp(VIP, 1440)
    assert clamp.iptables_changes([rule], [rule]) == []
    new = clamp.iptables_rule(Clamp(VIP, 1300))
    assert clamp.iptables_changes([rule], [new]) == [f"-A {new}", f"-D {rule}"]
