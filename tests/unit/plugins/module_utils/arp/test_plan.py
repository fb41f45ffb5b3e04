# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is asked and what is there to operations: tables of cases, and laws that hold for every host."""

from __future__ import annotations

import dataclasses
import ipaddress
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._arp.error import HideError
from ansible_collections.lvs.cluster.plugins.module_utils._arp.files import (
    SYSCTL_PATH,
    UNIT,
    UNIT_PATH,
    HiddenVip,
    Record,
    Setting,
    files_for,
    record_of,
    sysctl_name,
    wanted_by,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.model import (
    AddAddress,
    DeleteAddress,
    Host,
    RemoveFile,
    Request,
    SetSysctl,
    WriteFile,
    requested,
)
from ansible_collections.lvs.cluster.plugins.module_utils._arp.plan import plan
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.arp.hosts import (
    VIP,
    VIP6,
    done,
    host,
    lines,
    link,
)

HIDE = ["sysctl -w net.ipv4.conf.eth0.arp_ignore=1", "sysctl -w net.ipv4.conf.eth0.arp_announce=2"]
ADD = "ip address add 192.0.2.100/32 dev lo"


@pytest.mark.parametrize(
    ("there", "request_", "expected"),
    [
        pytest.param(host(), Request((VIP,)), [*HIDE, ADD], id="a VIP comes: hide first, then set it"),
        pytest.param(host(), Request((VIP, VIP)), [*HIDE, ADD], id="named twice it is set once"),
        pytest.param(
            host(), Request((VIP6,)), ["ip address add 2001:db8:2::100/128 dev lo"], id="IPv6 needs no sysctl"
        ),
        pytest.param(
            host(sysctls={"all.arp_ignore": 1}), Request((VIP,)), [HIDE[1], ADD], id="the larger value of all counts"
        ),
        pytest.param(
            host(sysctls={"eth0.arp_ignore": 2, "eth0.arp_announce": 2}),
            Request((VIP,)),
            [ADD],
            id="a stricter value is not lowered",
        ),
        pytest.param(
            host(link("eth1", "192.0.2.22/24")),
            Request((VIP,)),
            [*HIDE, *(line.replace("eth0", "eth1") for line in HIDE), ADD],
            id="both interfaces in the VIP's subnet are asked",
        ),
        pytest.param(
            host(link("eth1", "198.51.100.21/24"), link("docker0", "172.17.0.1/16", kind="bridge")),
            Request((VIP,)),
            [*HIDE, ADD],
            id="other networks are left alone",
        ),
        pytest.param(
            host(default_route=("eth0",)),
            Request((ipaddress.ip_address("203.0.113.100"),)),
            [*HIDE, "ip address add 203.0.113.100/32 dev lo"],
            id="without a subnet the default route decides",
        ),
        pytest.param(
            host(link("eth0"), link("eth0.100", "192.0.2.21/24", kind="vlan")),
            Request((VIP,)),
            [
                "sysctl -w net/ipv4/conf/eth0.100/arp_ignore=1",
                "sysctl -w net/ipv4/conf/eth0.100/arp_announce=2",
                ADD,
            ],
            id="a dot in an interface's name is no separator",
        ),
        pytest.param(
            host(link("eth0"), link("lan0", "192.0.2.21/24", kind="macvlan", lower="eth0")),
            Request((VIP,)),
            [*HIDE, *(line.replace("eth0", "lan0") for line in HIDE), ADD],
            id="the interface below a macvlan hears the same",
        ),
        pytest.param(
            host(link("lo", "192.0.2.100/24", kind="loopback")),
            Request((VIP,)),
            [*HIDE, "ip address delete 192.0.2.100/24 dev lo", ADD],
            id="a wide mask is replaced",
        ),
        pytest.param(
            host(link("kube-ipvs0", "10.96.0.1/32", "192.0.2.100/32", kind="dummy")),
            Request((VIP,)),
            [*HIDE, ADD],
            id="where kube-proxy holds it, it stays",
        ),
        pytest.param(
            host(link("lo", "192.0.2.100/24", "192.0.2.101/24s", kind="loopback")),
            Request((VIP,)),
            [
                *HIDE,
                "ip address delete 192.0.2.100/24 dev lo",
                "ip address add 192.0.2.101/24 dev lo",
                ADD,
            ],
            id="an address that the kernel takes away with it is put back",
        ),
        pytest.param(
            host(link("lo", "192.0.2.100/24", "192.0.2.101/24s", kind="loopback"), promotes_secondaries=("all",)),
            Request((VIP,)),
            [*HIDE, "ip address delete 192.0.2.100/24 dev lo", ADD],
            id="unless the kernel promotes it",
        ),
        pytest.param(
            host(),
            Request((VIP,), interface="lvs0"),
            [
                "ip link add name lvs0 type dummy",
                "ip link set dev lvs0 alias lvs.cluster",
                "ip link set dev lvs0 up",
                *HIDE,
                "ip address add 192.0.2.100/32 dev lvs0",
            ],
            id="a dummy interface is made when it is missing",
        ),
        pytest.param(
            host(link("lvs0", kind="dummy", up=False)),
            Request((VIP,), interface="lvs0"),
            ["ip link set dev lvs0 up", *HIDE, "ip address add 192.0.2.100/32 dev lvs0"],
            id="one that is there is not claimed",
        ),
        pytest.param(
            host(
                link("lvs0", "192.0.2.100/32", kind="dummy", alias="lvs.cluster"),
                sysctls={"eth0.arp_ignore": 1, "eth0.arp_announce": 2},
            ),
            Request((VIP,), interface="lo"),
            [ADD, "ip address delete 192.0.2.100/32 dev lvs0", "ip link delete dev lvs0"],
            id="a VIP moves: set there before it goes here",
        ),
        pytest.param(
            host(
                link("lvs0", "192.0.2.100/32", kind="dummy"),
                sysctls={"eth0.arp_ignore": 1, "eth0.arp_announce": 2},
            ),
            Request((VIP, VIP6)),
            ["ip address add 2001:db8:2::100/128 dev lo"],
            id="a VIP stays on its interface when none is asked for, and a new one comes to lo",
        ),
        pytest.param(
            host(link("lo", "192.0.2.100/32", kind="loopback"), sysctls={"eth0.arp_ignore": 1, "eth0.arp_announce": 2}),
            Request((VIP,), present=False),
            [
                "ip address delete 192.0.2.100/32 dev lo",
                "sysctl -w net.ipv4.conf.eth0.arp_ignore=0",
                "sysctl -w net.ipv4.conf.eth0.arp_announce=0",
            ],
            id="a VIP goes: first it, then the sysctls",
        ),
        pytest.param(
            host(
                link("lo", "192.0.2.100/32", "192.0.2.101/32", kind="loopback"),
                sysctls={"eth0.arp_ignore": 1, "eth0.arp_announce": 2},
            ),
            Request((VIP,), present=False),
            ["ip address delete 192.0.2.100/32 dev lo"],
            id="another VIP keeps the sysctls",
        ),
        pytest.param(
            host(sysctls={"eth0.arp_ignore": 1, "eth0.arp_announce": 2}),
            Request((VIP,), present=False),
            [],
            id="without the VIP the sysctls are somebody else's",
        ),
        pytest.param(
            host(link("eth0", "192.0.2.21/24", "192.0.2.100/32")),
            Request((VIP,), present=False),
            [],
            id="a director's VIP on the LAN is not taken away",
        ),
    ],
)
def test_operations_for(there: Host, request_: Request, expected: list[str]) -> None:
    assert lines(plan(request_, there)) == expected


BOOT = Request((VIP, VIP6), persistent=True)


def test_a_persistent_vip_is_noted_before_it_is_hidden_and_set() -> None:
    assert lines(plan(BOOT, host())) == [
        f"install -D -o root -g root -m 0644 /dev/stdin {SYSCTL_PATH}",
        f"install -D -o root -g root -m 0644 /dev/stdin {UNIT_PATH}",
        "systemctl daemon-reload",
        *HIDE,
        ADD,
        "ip address add 2001:db8:2::100/128 dev lo",
        f"systemctl enable {UNIT}",
        f"systemctl restart {UNIT}",
    ]


def test_without_a_running_systemd_the_next_boot_is_prepared_all_the_same() -> None:
    assert lines(plan(BOOT, host(systemd="installed")))[-2:] == [
        "ip address add 2001:db8:2::100/128 dev lo",
        f"systemctl enable {UNIT}",
    ]


def test_a_persistent_vip_goes_the_other_way_round() -> None:
    built = done(host(), plan(BOOT, host()))
    assert lines(plan(Request((VIP6, VIP), present=False), built)) == [
        "ip address delete 2001:db8:2::100/128 dev lo",
        "ip address delete 192.0.2.100/32 dev lo",
        "sysctl -w net.ipv4.conf.eth0.arp_ignore=0",
        "sysctl -w net.ipv4.conf.eth0.arp_announce=0",
        f"systemctl disable {UNIT}",
        f"systemctl stop {UNIT}",
        f"rm {UNIT_PATH}",
        f"rm {SYSCTL_PATH}",
        "systemctl daemon-reload",
    ]


def test_a_removal_that_broke_off_is_finished_by_the_next_one() -> None:
    built = done(host(sysctls={"eth0.arp_announce": 1}), plan(BOOT, host(sysctls={"eth0.arp_announce": 1})))
    broken = DeleteAddress("lo", ipaddress.ip_interface("192.0.2.100/32")).applied(built)
    rest = plan(Request((VIP, VIP6), present=False), broken)
    assert "sysctl -w net.ipv4.conf.eth0.arp_announce=1" in lines(rest)
    assert done(broken, rest).files == {}


def test_a_sysctl_that_somebody_changed_since_is_not_given_back() -> None:
    built = done(host(), plan(BOOT, host()))
    stricter = SetSysctl("eth0", "arp_ignore", 2).applied(built)
    assert "arp_ignore" not in " ".join(lines(plan(Request((VIP, VIP6), present=False), stricter)))


def test_a_call_that_is_not_persistent_leaves_a_persistent_vip_persistent() -> None:
    built = done(host(), plan(BOOT, host()))
    assert plan(Request((VIP,)), built).operations == ()


def test_removal_also_forgets_a_persistent_vip() -> None:
    built = done(host(), plan(BOOT, host()))
    rest = done(built, plan(Request((VIP,), present=False), built))
    assert [vip.address for vip in rest.record.vips] == [VIP6]
    assert SYSCTL_PATH not in rest.files


def test_an_exclusive_call_removes_only_what_is_on_record() -> None:
    built = done(host(), plan(BOOT, host()))
    built = AddAddress("lo", ipaddress.ip_interface("198.51.100.7/32")).applied(built)
    rest = done(built, plan(dataclasses.replace(BOOT, vips=(), exclusive=True), built))
    assert [str(found.address) for found in rest.links["lo"].addresses] == ["127.0.0.1/8", "::1/128", "198.51.100.7/32"]
    assert rest.files == {}


def test_an_interface_that_is_away_for_now_stays_hidden_at_boot() -> None:
    two = host(link("eth1", "192.0.2.22/24"))
    built = done(two, plan(BOOT, two))
    without = dataclasses.replace(built, links={name: one for name, one in built.links.items() if name != "eth1"})
    assert plan(BOOT, without).operations == ()


def test_a_vip_that_is_replaced_stays_hidden_throughout() -> None:
    built = done(host(), plan(BOOT, host()))
    change = plan(Request((ipaddress.ip_address("192.0.2.102"),), persistent=True, exclusive=True), built)
    assert not [operation for operation in change.operations if isinstance(operation, SetSysctl)]
    texts = [op.text for op in change.operations if isinstance(op, WriteFile) and op.path == UNIT_PATH]
    assert [sorted(str(vip.address) for vip in record_of(text).vips) for text in texts] == [
        ["192.0.2.100", "192.0.2.102", "2001:db8:2::100"],
        ["192.0.2.102"],
    ]


@pytest.mark.parametrize(
    ("there", "request_", "sentence"),
    [
        (host(link("eth0", "192.0.2.21/24", "192.0.2.100/32")), Request((VIP,)), "may serve as a director's VIP"),
        (host(link("eth0", "192.0.2.100/24")), Request((VIP,)), "as this host's only address there"),
        (host(), Request((VIP,), interface="eth0"), "eth0 is neither lo nor a dummy interface"),
        (host(), Request((VIP,), interface="much too long a name"), "cannot be the name of an interface"),
        (host(), Request((VIP,), interface="all"), "cannot be the name of an interface"),
        (host(), Request((VIP,), interface="kube-ipvs0"), "kube-proxy removes from kube-ipvs0 what is not"),
        (
            host(link("kube-ipvs0", "192.0.2.100/32", kind="dummy"), trials={("redirect", "nft"): ""}),
            Request((VIP,), method="redirect"),
            "kube-proxy holds 192.0.2.100 on kube-ipvs0, so this host would answer ARP for it",
        ),
        (host(link("eth0")), Request((VIP,)), "ARP for 192.0.2.100 can arrive on no interface"),
        (host(sysctls={"eth0.arp_ignore": 3}), Request((VIP,)), "is in effect 3, which does not hide a VIP"),
        (host(without_ipv6=("lo",)), Request((VIP6,)), "IPv6 is off there. Set net.ipv6.conf.lo.disable_ipv6 to 0"),
        (host(without_ipv6=("default",)), Request((VIP6,), interface="lvs0"), "net.ipv6.conf.default.disable_ipv6"),
        (host(systemd="missing"), BOOT, "this host has no systemd"),
        (host(files={UNIT_PATH: "[X-ArpHide]\nVIP=nonsense lo\n"}), BOOT, "'VIP=nonsense lo'"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(there: Host, request_: Request, sentence: str) -> None:
    with pytest.raises(HideError) as caught:
        plan(request_, there)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_what_is_wrong_with_many_vips_is_said_once() -> None:
    vips = tuple(ipaddress.ip_address(f"198.51.100.{number}") for number in range(200))
    with pytest.raises(HideError) as caught:
        plan(Request(vips), host(link("eth0", "192.0.2.21/24")))
    sentence = str(caught.value)
    assert "ARP for 198.51.100.0, 198.51.100.1, 198.51.100.2, 198.51.100.3, 198.51.100.4 and 195 more can" in sentence
    assert sentence.count("can arrive on no interface") == 1


def test_what_kube_proxy_holds_is_not_taken_away_and_that_is_told() -> None:
    there = host(link("kube-ipvs0", "192.0.2.100/32", kind="dummy"))
    hidden = done(there, plan(BOOT, there))
    gone = plan(Request((VIP,), present=False, persistent=True), hidden)
    assert [line for line in lines(gone) if "address" in line] == ["ip address delete 192.0.2.100/32 dev lo"]
    assert "192.0.2.100 stays on kube-ipvs0" in gone.warnings[0]


def test_nothing_is_hidden_where_nobody_can_ask() -> None:
    """The directors' packets come out of a tunnel, and that through an interface without ARP."""
    there = host(link("eth0"), dataclasses.replace(link("wg0", "10.9.0.21/24"), arp=False), default_route=("wg0",))
    request = Request((VIP,), tunnel_vips=(VIP,), persistent=True)
    planned = plan(request, there)
    assert [line for line in lines(planned) if line.startswith(("ip", "sysctl"))] == [ADD]
    assert plan(request, done(there, planned)).operations == ()


@pytest.mark.parametrize("address", ["169.254.20.10", "192.0.2.7"])
def test_what_stays_hidden_for_an_address_of_somebody_else_is_told(address: str) -> None:
    there = host(link("dummy0", f"{address}/32", kind="dummy"), default_route=("eth0",))
    built = done(there, plan(BOOT, there))
    gone = plan(Request(BOOT.vips, present=False, persistent=True), built)
    given_back = [line.replace("=1", "=0").replace("=2", "=0") for line in HIDE]
    if address.startswith("169.254."):  # a link-local address is no VIP
        assert [line for line in lines(gone) if line.startswith("sysctl")] == given_back
        assert not gone.warnings
    else:
        names = "net.ipv4.conf.eth0.arp_ignore=0 net.ipv4.conf.eth0.arp_announce=0"
        assert gone.warnings == (
            f"{address} may be a VIP, too, so ARP for it stays hidden on eth0. If it is none, run sysctl -w {names}.",
        )


def test_arp_ignore_8_hides_and_is_warned_of() -> None:
    planned = plan(Request((VIP,)), host(sysctls={"all.arp_ignore": 8}))
    assert lines(planned) == [HIDE[1], ADD]
    assert "answers ARP for none of its addresses" in planned.warnings[0]


OPTIONS = {"addresses": ["192.0.2.100"], "interface": None, "persistent": False, "exclusive": False, "state": "present"}


@pytest.mark.parametrize(
    ("options", "sentences"),
    [
        ({"addresses": ["192.0.2.300", "192.0.2.100/24", "x"]}, ["'192.0.2.300'", "'192.0.2.100/24'", "'x'"]),
        ({"addresses": ["127.0.0.2", "::", "ff02::1", "fe80::1", "255.255.255.255"]}, ["127.0.0.2 cannot", "255"]),
        ({"addresses": ["2001:db8::1%eth0"]}, ["is not an IP address"]),
        ({"addresses": []}, ["the list is empty"]),
        ({"exclusive": True}, ["only what persistent calls set is known"]),
        ({"exclusive": True, "persistent": True, "state": "absent"}, ["state: present"]),
    ],
)
def test_every_mistake_in_the_options_is_named(options: dict[str, Any], sentences: list[str]) -> None:
    with pytest.raises(HideError) as caught:
        requested({**OPTIONS, **options})
    for sentence in sentences:
        assert sentence in str(caught.value)


def test_an_address_means_the_same_in_every_spelling() -> None:
    assert requested({**OPTIONS, "addresses": ["2001:DB8:2:0:0:0:0:100"]}).vips == (VIP6,)


RECORD = Record(
    vips=(HiddenVip(VIP, "lvs0", ("eth0", "eth1.7")), HiddenVip(VIP6, "lvs0")),
    settings=(Setting("eth0", "arp_ignore", 1, 0), Setting("eth1.7", "arp_announce", 2, 1)),
    links=("lvs0",),
)


def test_the_unit_file_gives_back_the_record_that_it_was_made_of() -> None:
    assert record_of(files_for(RECORD, "/usr/sbin/ip")[UNIT_PATH]) == RECORD


def test_no_vip_comes_at_boot_before_its_interface_is_there_to_be_hidden_on() -> None:
    unit = files_for(RECORD, "/usr/sbin/ip")[UNIT_PATH].splitlines()
    assert [line for line in unit if line.startswith("Condition")] == [
        "ConditionPathExists=|/proc/sys/net/ipv4/conf/eth0",
        "ConditionPathExists=|/proc/sys/net/ipv4/conf/eth1.7",
    ]
    assert wanted_by(RECORD) == (
        "multi-user.target",
        "sys-subsystem-net-devices-eth0.device",
        "sys-subsystem-net-devices-eth1.7.device",
    )
    commands = [line for line in unit if line.startswith("ExecStart")]
    hiding = [number for number, line in enumerate(commands) if "arp_ignore" in line or "arp_announce" in line]
    setting = [number for number, line in enumerate(commands) if "address replace" in line]
    assert max(hiding) < min(setting)


def test_the_name_of_a_device_unit_is_escaped_as_systemd_does_it() -> None:
    record = Record(vips=(HiddenVip(VIP, "lo", ("br-lan",)),))
    assert wanted_by(record)[1] == r"sys-subsystem-net-devices-br\x2dlan.device"


def test_a_unit_that_a_broken_run_did_not_start_is_started() -> None:
    built = dataclasses.replace(done(host(), plan(BOOT, host())), is_unit_active=False)
    assert lines(plan(BOOT, built)) == [f"systemctl restart {UNIT}"]
    assert plan(BOOT, done(built, plan(BOOT, built))).operations == ()
    waiting = dataclasses.replace(built, links={name: each for name, each in built.links.items() if name == "lo"})
    assert f"systemctl restart {UNIT}" not in lines(plan(BOOT, waiting)), "no interface is there to be hidden on"


def test_a_further_interface_starts_the_unit_too() -> None:
    built = done(host(), plan(BOOT, host()))
    grown = built.with_link(link("eth1", "192.0.2.22/24"))
    assert f"systemctl reenable {UNIT}" in lines(plan(BOOT, grown))


def test_a_lasting_vip_does_not_lean_on_a_value_of_all() -> None:
    planned = plan(BOOT, host(sysctls={"all.arp_ignore": 1, "all.arp_announce": 2}))
    assert [line for line in lines(planned) if line.startswith("sysctl")] == HIDE


def test_systemd_finds_no_fault_in_the_unit_file(tmp_path: Path) -> None:
    program, analyze = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin"), shutil.which("systemd-analyze")
    if not program or not analyze:
        pytest.skip("needs ip and systemd-analyze")
    unit = tmp_path / UNIT
    unit.write_text(files_for(RECORD, program)[UNIT_PATH], encoding="utf-8")
    checked = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert UNIT not in checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("interface", "name"),
    [("eth0", "net.ipv4.conf.eth0.arp_ignore"), ("eth0.100", "net/ipv4/conf/eth0.100/arp_ignore")],
)
def test_a_sysctl_is_spelled_so_that_systemd_and_sysctl_understand_it(interface: str, name: str) -> None:
    assert sysctl_name(interface, "arp_ignore") == name


VIPS = [ipaddress.ip_address(text) for text in ("192.0.2.100", "192.0.2.101", "198.51.100.9", "2001:db8:2::100")]
REQUESTS = st.builds(
    lambda vips, interface, present, persistent, exclusive: Request(
        tuple(vips), interface, present, persistent, exclusive and present and persistent
    ),
    st.lists(st.sampled_from(VIPS), min_size=1, max_size=4),
    st.sampled_from([None, "lo", "lvs0"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
SYSCTLS = st.fixed_dictionaries(
    {f"{name}.arp_ignore": st.sampled_from([0, 1, 2]) for name in ("all", "eth0", "eth1")}
    | {f"{name}.arp_announce": st.sampled_from([0, 1, 2]) for name in ("all", "eth0", "eth1")}
)


@given(st.lists(REQUESTS, min_size=1, max_size=4), SYSCTLS)
def test_whatever_was_asked_before_a_second_time_changes_nothing(asked: list[Request], sysctls: dict[str, int]) -> None:
    there = host(link("eth1", "198.51.100.21/24"), sysctls=sysctls)
    for one in asked:
        there = done(there, plan(one, there))
        assert plan(one, there).operations == ()


@given(st.lists(REQUESTS, min_size=1, max_size=4), SYSCTLS)
def test_at_no_moment_a_vip_shows(asked: list[Request], sysctls: dict[str, int]) -> None:
    there = host(link("eth1", "198.51.100.21/24"), sysctls=sysctls)
    networks = {"eth0": ipaddress.ip_network("192.0.2.0/24"), "eth1": ipaddress.ip_network("198.51.100.0/24")}
    for one in asked:
        for operation in plan(one, there).operations:
            there = operation.applied(there)
            for name, network in networks.items():
                shown = [vip for vip in VIPS if vip in network and there.places_of(vip)]
                assert not shown or there.effective(name, "arp_ignore") in (1, 2)


@given(st.lists(REQUESTS, min_size=1, max_size=4), SYSCTLS)
def test_after_persistent_calls_removal_leaves_nothing(asked: list[Request], sysctls: dict[str, int]) -> None:
    pristine = there = host(link("eth1", "198.51.100.21/24"), sysctls=sysctls)
    for one in asked:
        there = done(there, plan(dataclasses.replace(one, persistent=True), there))
    there = done(there, plan(Request(tuple(VIPS), present=False), there))
    assert there.links == pristine.links
    assert there.files == {}
    assert not there.enabled_by
    assert {key: value for key, value in there.sysctls.items() if key[0] != "lvs0"} == pristine.sysctls


def test_before_and_after_have_one_shape_and_the_last_file_removed_is_the_one_that_hides() -> None:
    built = done(host(), plan(BOOT, host()))
    planned = plan(Request((VIP, VIP6), present=False), built)
    assert planned.before.keys() == planned.after.keys()
    assert planned.after["addresses"] == []
    removed = [operation.path for operation in planned.operations if isinstance(operation, RemoveFile)]
    assert removed == [UNIT_PATH, SYSCTL_PATH]
