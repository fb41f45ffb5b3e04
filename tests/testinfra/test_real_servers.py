# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real servers once the example is built, seen by tools that are not ours."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest

VERSION = {"ipv4": "-4", "ipv6": "-6"}


def vips_of(example, host):
    return {
        vip
        for service in example.services
        if service.forwarding != "nat" and host in service.names
        for vip in service.vips
    }


def method_of(host):
    """How the inventory says that ARP is hidden there."""
    return host.ansible.get_variables().get("realserver_linux_arp_method", "auto")


@pytest.mark.proves(system="Linux", method="arp_ignore", how="program")
def test_vips_sit_on_loopback_with_host_masks_only(with_vip, machine, example):
    host = machine(with_vip)
    lines = host.check_output("ip -oneline address show").splitlines()
    held = {(words[3], words[1]) for words in map(str.split, lines) if words[3].partition("/")[0] in example.vips}
    place = host.ansible.get_variables().get("realserver_linux_arp_interface", "lo")
    # Who redirects packets for a VIP does not have it.
    wanted = set() if method_of(host) == "redirect" else vips_of(example, with_vip)
    assert held == {(f"{vip}/{ip_address(vip).max_prefixlen}", place) for vip in wanted}


@pytest.mark.proves(system="Linux", method="arp_ignore", how="program")
def test_arp_is_hidden_on_the_lan_interface_and_nowhere_else(with_vip, machine, example):
    host = machine(with_vip)
    if any(ip_address(vip).version == 4 for vip in vips_of(example, with_vip)):
        by_sysctl = method_of(host) in {"auto", "arp_ignore"}
        assert host.sysctl("net.ipv4.conf.eth0.arp_ignore") == (1 if by_sysctl else 0)
        assert host.sysctl("net.ipv4.conf.eth0.arp_announce") == (2 if by_sysctl else 0)
    assert host.sysctl("net.ipv4.conf.all.arp_ignore") == 0
    assert host.sysctl("net.ipv4.conf.all.arp_announce") == 0


def test_the_default_gateway_is_the_floating_one(behind_gateway, machine, example):
    host = machine(behind_gateway)
    for gateway in example.gateways:
        version = VERSION[f"ipv{ip_address(gateway).version}"]
        routes = host.check_output(f"ip {version} route show default").splitlines()
        assert [route.split()[:3] for route in routes] == [["default", "via", gateway]]


def test_other_services_of_a_machine_have_no_vip(behind_gateway, machine, example):
    lines = machine(behind_gateway).check_output("ip -oneline address show").splitlines()
    held = {line.split()[3].partition("/")[0] for line in lines} & set(example.vips)
    assert held == vips_of(example, behind_gateway)


def test_tunnels_are_up_and_let_packets_in_whose_way_back_is_another_one(with_tunnel, machine, example):
    host = machine(with_tunnel)
    types = {s.tunnel_type for s in example.services if s.forwarding == "tunnel" and with_tunnel in s.names}
    kinds = {
        kind
        for link in json.loads(host.check_output("ip -details -json link show up"))
        if link.get("ifname", "").startswith(("lvs-", "sit0")) and (kind := link.get("linkinfo", {}).get("info_kind"))
    }
    # What comes in GUE comes out of the device for IP in IP.
    assert {"gre", "ip6gre"}.isdisjoint(kinds) == ("gre" not in types)
    assert {"ipip", "sit", "ip6tnl"}.isdisjoint(kinds) == types.isdisjoint(("ipip", "gue"))
    # Without GUE the kernel has no module for it, and ip fails.
    assert ("port 6080 gue" in host.run("ip fou show").stdout) == ("gue" in types)
    assert host.sysctl("net.ipv4.conf.all.rp_filter") != 1
