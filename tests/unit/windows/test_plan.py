# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What _ArpHidePlan.psm1 decides: its own source, evaluated by tests/windows/evaluate.py, which is no PowerShell."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lvs.cluster.tests.windows.evaluate import NOTHING, FaultError, Object, Script, elements
from ansible_collections.lvs.cluster.tests.windows.grammar import PLAN

SCRIPT = Script(PLAN)
LAN, OURS = "{00000000-0000-0000-0000-000000000005}", "{00000000-0000-0000-0000-000000000009}"
VIP, VIP6 = "192.0.2.100", "2001:db8:2::100"
KEY = r"HKLM:\SOFTWARE\lvs.cluster"

State = dict[str, Any]
Effect = Callable[[Object, State, Any], None]


def adapter(name: str, index: int, guid: str, *, loopback: bool = False, status: str = "Up") -> State:
    component = "*msloop" if loopback else r"PCI\VEN_1AF4&DEV_1041"
    instance = rf"ROOT\NET\000{index}" if loopback else rf"{component}\3"
    return {
        "Name": name,
        "Index": index,
        "Guid": guid,
        "ComponentId": component,
        "InstanceId": instance,
        "AdminStatus": status,
    }


def interface(index: int, family: str, **changes: Any) -> State:
    given = {
        "Index": index,
        "Family": family,
        "WeakHostReceive": "Disabled",
        "WeakHostSend": "Disabled",
        "AutomaticMetric": "Enabled",
        "InterfaceMetric": 15,
        "Dhcp": "Disabled",
    }
    return {**given, **changes}


def address(text: str, index: int, length: int, *, skip: bool = False, state: str = "Preferred") -> State:
    return {"Address": text, "Index": index, "PrefixLength": length, "SkipAsSource": skip, "AddressState": state}


def route(name: str, index: int, gateway: str, metric: int) -> State:
    family = "IPv6" if ":" in gateway else "IPv4"
    return {"Index": index, "AdapterName": name, "Family": family, "NextHop": gateway, "Metric": metric}


def bindings(name: str, *components: str) -> list[State]:
    given = components or ("ms_server", "ms_tcpip", "ms_tcpip6")
    return [{"Adapter": name, "Component": each, "IsEnabled": True} for each in given]


def nothing_noted() -> State:
    return {"Exists": False, "Adapter": "", "Unfinished": "", "Vips": [], "WeakHostReceive": []}


def fresh() -> State:
    """A host as it comes: one adapter, on the networks of the VIPs."""
    return {
        "Adapters": [adapter("Ethernet", 5, LAN)],
        "Addresses": [
            address("192.0.2.21", 5, 24),
            address("2001:db8:2::21", 5, 64),
            address("fe80::5", 5, 64),
            address("127.0.0.1", 1, 8),
        ],
        "Interfaces": [interface(5, "IPv4"), interface(5, "IPv6")],
        "DefaultRoutes": [route("Ethernet", 5, "192.0.2.1", 271)],
        "Bindings": bindings("Ethernet"),
        "DnsClients": [{"Index": 5, "Registers": True}],
        "FirewallRuns": True,
        "Rules": [],
        "Note": nothing_noted(),
    }


def request(*vips: str, **changes: Any) -> Any:
    given = {
        "addresses": list(vips),
        "interface": None,
        "adapter": "lvs.cluster",
        "ports": None,
        "exclusive": False,
        "state": "present",
    }
    return SCRIPT.call("Get-ArpHideRequest", Parameter={**given, **changes})


def planned(asked: Any, state: State) -> Any:
    assert asked.find("Mistakes") == []
    return SCRIPT.call("Get-ArpHidePlan", Request=asked, State=state)


def lines(asked: Any, state: State) -> list[str]:
    plan = planned(asked, state)
    assert plan.find("Mistakes") == []
    return [SCRIPT.call("ConvertTo-CommandLine", Operation=each) for each in plan.find("Operations")]


def mistakes(asked: Any, state: State | None = None) -> list[str]:
    if state is None:
        return [str(each) for each in asked.find("Mistakes")]
    return [str(each) for each in planned(asked, state).find("Mistakes")]


def carried_out(asked: Any, state: State) -> State:
    """The host after the plan, by what Microsoft says that each cmdlet does."""
    state = copy.deepcopy(state)
    for _round in (1, 2):  # what a new adapter comes with is read before its settings are planned
        plan = planned(asked, state)
        devices = [op for each in plan.find("Settings") if each.find("IsDevice") for op in each.find("Operations")]
        for operation in devices or plan.find("Operations"):
            _carry_out(operation.find("Command"), operation.find("Arguments"), state)
        if not devices:
            break
    return state


def _carry_out(command: str, given: Object, state: State) -> None:
    named = (given.get("InterfaceAlias"), given.get("Name"))
    index = next((each["Index"] for each in state["Adapters"] if each["Name"] in named), 0)
    EFFECTS[command](given, state, index)


def _make_adapter(given: Object, state: State, index: Any) -> None:
    state["Adapters"].append(adapter(given["Name"], 9, OURS, loopback=True))
    state["Interfaces"] += [interface(9, "IPv4", Dhcp="Enabled"), interface(9, "IPv6", Dhcp="Enabled")]
    state["Addresses"] += [address("169.254.7.7", 9, 16), address("fe80::9", 9, 64)]
    state["Bindings"] += bindings(given["Name"])
    state["DnsClients"].append({"Index": 9, "Registers": True})
    state["Note"].update(Exists=True, Adapter=OURS)


def _remove_adapter(given: Object, state: State, index: Any) -> None:
    gone = next((each for each in state["Adapters"] if each["InstanceId"] == given["InstanceId"]), None)
    if gone is None:  # its driver never came
        return
    for part in ("Addresses", "Interfaces", "DnsClients"):
        state[part] = [each for each in state[part] if each["Index"] != gone["Index"]]
    state["Bindings"] = [each for each in state["Bindings"] if each["Adapter"] != gone["Name"]]
    state["Adapters"].remove(gone)


def _make_key(given: Object, state: State, index: Any) -> None:
    assert not state["Note"]["Exists"]
    state["Note"]["Exists"] = True


def _note(given: Object, state: State, index: Any) -> None:
    assert state["Note"]["Exists"]
    state["Note"][given["Name"]] = given["Value"].split()


def _unnote(given: Object, state: State, index: Any) -> None:
    assert state["Note"]["Exists"]
    state["Note"][given["Name"]] = ""


def _set_interface(given: Object, state: State, index: Any) -> None:
    (found,) = [e for e in state["Interfaces"] if (e["Index"], e["Family"]) == (index, given["AddressFamily"])]
    found.update({name: value for name, value in given.items() if name in found})


def _unbind(given: Object, state: State, index: Any) -> None:
    bound = (given["Name"], given["ComponentID"])
    (found,) = [each for each in state["Bindings"] if (each["Adapter"], each["Component"]) == bound]
    found["IsEnabled"] = False


def _add_address(given: Object, state: State, index: Any) -> None:
    assert given["IPAddress"] not in [each["Address"] for each in state["Addresses"]]
    state["Addresses"].append(address(given["IPAddress"], index, given["PrefixLength"], skip=given["SkipAsSource"]))


def _address(given: Object, state: State, index: Any) -> State:
    (found,) = [e for e in state["Addresses"] if (e["Index"], e["Address"]) == (index, given["IPAddress"])]
    assert isinstance(found, dict)
    return found


def _set_rule(given: Object, state: State, *, is_new: bool) -> None:
    others = [each for each in state["Rules"] if each["Name"] != given["Name"]]
    assert (len(others) == len(state["Rules"])) is is_new
    rule = {key: given[key] for key in ("Name", "Protocol", "Direction", "Action", "Profile", "Enabled")}
    rule |= {"Ports": given["LocalPort"], "Addresses": [given["LocalAddress"]], "IsIgnored": False}
    state["Rules"] = [*others, rule]


def _remove_rule(given: Object, state: State, index: Any) -> None:
    state["Rules"] = [each for each in state["Rules"] if each["Name"] != given["Name"]]


def _of(state: State, part: str, key: str, value: Any) -> State:
    found = next(each for each in state[part] if each[key] == value)
    assert isinstance(found, dict)
    return found


EFFECTS: dict[str, Effect] = {
    "New-LoopbackAdapter": _make_adapter,
    "Remove-LoopbackAdapter": _remove_adapter,
    "Enable-NetAdapter": lambda given, state, _: _of(state, "Adapters", "Name", given["Name"]).update(AdminStatus="Up"),
    "New-Item": _make_key,
    "New-ItemProperty": _note,
    "Remove-Item": lambda _, state, __: state["Note"].update(nothing_noted()),
    "Remove-ItemProperty": _unnote,
    "Set-NetIPInterface": _set_interface,
    "Disable-NetAdapterBinding": _unbind,
    "Set-DnsClient": lambda _, state, index: _of(state, "DnsClients", "Index", index).update(Registers=False),
    "New-NetIPAddress": _add_address,
    "Set-NetIPAddress": lambda given, state, index: _address(given, state, index).update(SkipAsSource=True),
    "Remove-NetIPAddress": lambda given, state, index: state["Addresses"].remove(_address(given, state, index)),
    "New-NetFirewallRule": lambda given, state, _: _set_rule(given, state, is_new=True),
    "Set-NetFirewallRule": lambda given, state, _: _set_rule(given, state, is_new=False),
    "Remove-NetFirewallRule": _remove_rule,
}


PORTS = [{"protocol": "tcp", "ports": ["443", "80"], "addresses": None}]


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="recorded")
def test_a_vip_comes_after_everything_that_hides_it() -> None:
    assert lines(request(VIP, ports=PORTS), fresh()) == [
        r"devcon.exe install $env:windir\inf\netloop.inf *MSLOOP; Rename-NetAdapter -NewName lvs.cluster",
        rf"New-ItemProperty -Path {KEY} -Name Vips -Value {VIP} -PropertyType String -Force:$true",
        rf"New-ItemProperty -Path {KEY} -Name WeakHostReceive -Value 'IPv4/{LAN}' -PropertyType String -Force:$true",
        "Set-NetIPInterface -InterfaceAlias Ethernet -AddressFamily IPv4 -WeakHostReceive Enabled",
        "Disable-NetAdapterBinding -Name lvs.cluster -ComponentID ms_server -Confirm:$false",
        (
            "Set-NetIPInterface -InterfaceAlias lvs.cluster -AddressFamily IPv4 -WeakHostReceive Enabled"
            " -WeakHostSend Enabled -AutomaticMetric Disabled -InterfaceMetric 254 -Dhcp Disabled"
        ),
        "Set-DnsClient -InterfaceAlias lvs.cluster -RegisterThisConnectionsAddress:$false",
        f"New-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress {VIP} -PrefixLength 32 -SkipAsSource:$true",
        (
            f"New-NetFirewallRule -Name lvs.cluster-{VIP}-TCP -DisplayName 'lvs.cluster: TCP to {VIP}'"
            " -Group lvs.cluster -Direction Inbound -Action Allow -Profile Any -Enabled True -Protocol TCP"
            f" -LocalAddress {VIP} -LocalPort 443, 80"
        ),
    ]


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="recorded")
@pytest.mark.parametrize(
    "asked",
    [
        request(VIP),
        request(VIP, VIP6, ports=PORTS),
        request(VIP6),
        request(VIP, ports=[]),
        request(VIP, interface=["ethernet"]),
        request(VIP, ports=[{"protocol": "udp", "ports": [], "addresses": None}], exclusive=True),
    ],
)
def test_the_second_run_changes_nothing(asked: Any) -> None:
    after = carried_out(asked, fresh())
    assert lines(asked, after) == []
    plan = planned(asked, after)
    assert elements(SCRIPT.call("Get-ArpHideRemainder", Plan=plan)) == []
    assert all(setting.find("Before") == setting.find("After") for setting in plan.find("Settings"))


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="recorded")
@pytest.mark.parametrize("vips", [(VIP,), (VIP6,), (VIP, VIP6)])
def test_what_came_goes_and_the_host_is_as_before(vips: tuple[str, ...]) -> None:
    after = carried_out(request(*vips, ports=PORTS), fresh())
    gone = carried_out(request(*vips, state="absent"), after)
    assert gone == fresh()
    assert lines(request(*vips, state="absent"), gone) == []
    assert carried_out(request(exclusive=True), after) == fresh()


def test_planning_leaves_what_was_read_as_it_was() -> None:
    state = carried_out(request(VIP, ports=PORTS), fresh())
    before = copy.deepcopy(state)
    for asked in (request(VIP6, exclusive=True), request(VIP, state="absent"), request(exclusive=True)):
        assert lines(asked, state)
        assert state == before


def test_a_vip_goes_the_way_back() -> None:
    after = carried_out(request(VIP, ports=PORTS), fresh())
    assert lines(request(VIP, state="absent"), after) == [
        f"Remove-NetFirewallRule -Name lvs.cluster-{VIP}-TCP -Confirm:$false",
        f"Remove-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress {VIP} -Confirm:$false",
        "Set-NetIPInterface -InterfaceAlias Ethernet -AddressFamily IPv4 -WeakHostReceive Disabled",
        r"pnputil.exe /remove-device ROOT\NET\0009",
        rf"Remove-Item -Path {KEY} -Recurse:$true -Confirm:$false",
    ]


def test_one_of_two_vips_takes_nothing_away_that_the_other_needs() -> None:
    after = carried_out(request(VIP, "192.0.2.101", VIP6), fresh())
    assert lines(request(VIP, VIP6, state="absent"), after) == [
        f"Remove-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress {VIP} -Confirm:$false",
        f"Remove-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress {VIP6} -Confirm:$false",
        "Set-NetIPInterface -InterfaceAlias Ethernet -AddressFamily IPv6 -WeakHostReceive Disabled",
        rf"New-ItemProperty -Path {KEY} -Name Vips -Value 192.0.2.101 -PropertyType String -Force:$true",
        rf"New-ItemProperty -Path {KEY} -Name WeakHostReceive -Value 'IPv4/{LAN}' -PropertyType String -Force:$true",
    ]


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="recorded")
def test_weak_host_receive_that_was_on_stays_on() -> None:
    state = fresh()
    state["Interfaces"][0]["WeakHostReceive"] = "Enabled"
    after = carried_out(request(VIP), state)
    assert carried_out(request(VIP, state="absent"), after) == state


def test_earlier_vips_stay_unless_the_list_is_exclusive() -> None:
    after = carried_out(request(VIP), fresh())
    both = carried_out(request("192.0.2.101"), after)
    assert {each["Address"] for each in both["Addresses"] if each["Index"] == 9} >= {VIP, "192.0.2.101"}
    one = carried_out(request("192.0.2.101", exclusive=True), both)
    assert VIP not in {each["Address"] for each in one["Addresses"]}
    assert one["Note"]["Vips"] == ["192.0.2.101"]
    assert lines(request("192.0.2.101", exclusive=True), one) == []


def test_a_loopback_adapter_that_is_there_is_found_by_its_driver_and_never_removed() -> None:
    state = carried_out(request(VIP), fresh())
    state["Adapters"][1]["Name"] = "Ethernet 2"
    state["Bindings"] = [
        {**each, "Adapter": each["Adapter"].replace("lvs.cluster", "Ethernet 2")} for each in state["Bindings"]
    ]
    state["Note"] = nothing_noted()
    assert lines(request(VIP), state) == [
        rf"New-Item -Path {KEY}",
        rf"New-ItemProperty -Path {KEY} -Name Vips -Value {VIP} -PropertyType String -Force:$true",
        rf"New-ItemProperty -Path {KEY} -Name WeakHostReceive -Value '' -PropertyType String -Force:$true",
    ]
    gone = carried_out(request(VIP, state="absent"), carried_out(request(VIP), state))
    assert [each["Name"] for each in gone["Adapters"]] == ["Ethernet", "Ethernet 2"]
    assert gone["Note"]["Exists"] is False


def test_a_loopback_adapter_with_somebodys_address_is_left_alone() -> None:
    state = fresh()
    state["Adapters"].append(adapter("SQL", 7, "{7}", loopback=True))
    state["Addresses"].append(address("10.9.9.9", 7, 24))
    assert lines(request(VIP), state)[0].startswith("devcon.exe install")


@pytest.mark.parametrize(
    ("components", "vips", "is_taken"),
    [
        (("ms_tcpip", "ms_tcpip6"), (VIP, VIP6), True),
        (("ms_tcpip",), (VIP,), True),
        (("ms_tcpip",), (VIP, VIP6), False),
        (("ms_tcpip6",), (VIP,), False),
        (("vms_pp",), (VIP,), False),
    ],
)
def test_a_free_loopback_adapter_is_taken_only_when_it_can_hold_the_vips(
    components: tuple[str, ...], vips: tuple[str, ...], is_taken: bool
) -> None:
    state = fresh()
    state["Adapters"].append(adapter("Free", 7, "{7}", loopback=True))
    state["Addresses"].append(address("169.254.7.7", 7, 16))
    state["Bindings"] += bindings("Free", *components)
    state["Interfaces"] += [interface(7, "IPv4"), interface(7, "IPv6")]
    first, *rest = lines(request(*vips), state)
    assert first.startswith("devcon.exe install") is not is_taken
    assert any("-InterfaceAlias Free " in line for line in rest) is is_taken
    state["Bindings"][-1]["IsEnabled"] = False
    assert lines(request(*vips), state)[0].startswith("devcon.exe install")


UNFINISHED = [
    r"pnputil.exe /remove-device ROOT\NET\0007",
    rf"Remove-ItemProperty -Path {KEY} -Name Unfinished -Confirm:$false",
]


@pytest.mark.parametrize("has_driver", [True, False])
def test_what_a_run_that_was_cut_off_left_of_an_adapter_goes_first(has_driver: bool) -> None:
    state = fresh()
    state["Note"] = {**nothing_noted(), "Exists": True, "Unfinished": r"ROOT\NET\0007"}
    if has_driver:
        state["Adapters"].append(adapter("Ethernet 2", 7, "{7}", loopback=True))
        state["Bindings"] += bindings("Ethernet 2")
        state["Interfaces"].append(interface(7, "IPv4"))
    told = lines(request(VIP), state)
    assert told[:2] == UNFINISHED
    assert told[2].startswith("devcon.exe install")
    after = carried_out(request(VIP), state)
    assert [each["Name"] for each in after["Adapters"]] == ["Ethernet", "lvs.cluster"]
    assert lines(request(VIP), after) == []
    assert lines(request(VIP, state="absent"), state)[:2] == UNFINISHED
    assert carried_out(request(VIP, state="absent"), state) == fresh()
    assert carried_out(request(exclusive=True), state) == fresh()


def test_an_unfinished_adapter_that_somebody_uses_by_now_is_his() -> None:
    state = fresh()
    state["Note"] = {**nothing_noted(), "Exists": True, "Unfinished": r"ROOT\NET\0007"}
    state["Adapters"].append(adapter("SQL", 7, "{7}", loopback=True))
    state["Addresses"].append(address("10.9.9.9", 7, 24))
    told = lines(request(VIP), state)
    assert told[0] == UNFINISHED[1]
    assert UNFINISHED[0] not in told


def test_an_adapter_that_was_made_for_a_vip_that_never_came_goes_with_the_rest() -> None:
    state = fresh()
    _make_adapter(Object([("Name", "lvs.cluster")]), state, None)
    assert carried_out(request(exclusive=True), state) == fresh()
    assert carried_out(request(VIP, state="absent"), state) == fresh()


def is_settled(asked: Any, state: State, **given: Any) -> bool:
    return bool(SCRIPT.call("Test-Settled", Plan=planned(asked, state), **given))


def test_windows_has_come_to_rest_when_nothing_is_left_to_do_or_to_wait_for() -> None:
    asked = request(VIP)
    state = carried_out(asked, fresh())
    assert is_settled(asked, state)
    next(each for each in state["Addresses"] if each["Address"] == VIP)["AddressState"] = "Tentative"
    assert elements(planned(asked, state).find("Awaited")) == [f"the address {VIP}"]
    assert planned(asked, state).find("Operations") == []
    assert not is_settled(asked, state)
    assert not is_settled(asked, fresh())


def test_a_new_adapter_is_waited_for_until_its_address_families_are_there() -> None:
    asked = request(VIP)
    state = fresh()
    _make_adapter(Object([("Name", "lvs.cluster")]), state, None)
    assert not is_settled(asked, state)  # its settings are still to be made
    assert is_settled(asked, state, OfDevices=True)
    state["Interfaces"] = [each for each in state["Interfaces"] if each["Index"] != 9]
    assert elements(planned(asked, state).find("Awaited")) == ["IPv4 on lvs.cluster"]
    assert not is_settled(asked, state, OfDevices=True)
    state["Adapters"].pop()
    assert not is_settled(asked, state, OfDevices=True)


def test_of_several_default_routes_those_with_the_least_metric_are_used() -> None:
    state = fresh()
    state["DefaultRoutes"] = [
        route("Backup", 6, "10.0.0.1", 281),
        route("Ethernet", 5, "fe80::1", 30),
        route("Ethernet", 5, "192.0.2.1", 271),
        route("Third", 7, "198.51.100.1", 271),
    ]
    found = elements(SCRIPT.call("Get-DefaultRoute", State=state))
    assert [(each.find("Family"), each.find("NextHop"), each.find("IsUsed")) for each in found] == [
        ("IPv4", "192.0.2.1", True),
        ("IPv4", "198.51.100.1", True),
        ("IPv4", "10.0.0.1", False),
        ("IPv6", "fe80::1", True),
    ]
    assert elements(SCRIPT.call("Get-DefaultRoute", State={**state, "DefaultRoutes": []})) == []


def test_our_adapter_stays_while_somebodys_address_stands_on_it() -> None:
    after = carried_out(request(VIP), fresh())
    after["Addresses"].append(address("10.9.9.9", 9, 24))
    gone = carried_out(request(VIP, state="absent"), after)
    assert "lvs.cluster" in [each["Name"] for each in gone["Adapters"]]
    assert gone["Note"] == {**nothing_noted(), "Exists": True, "Adapter": OURS}
    assert lines(request(VIP, state="absent"), gone) == []


def test_a_disabled_adapter_is_enabled_and_nothing_else_of_it_known_before() -> None:
    state = carried_out(request(VIP), fresh())
    state["Adapters"][1]["AdminStatus"] = "Down"
    state["Interfaces"] = state["Interfaces"][:2]
    assert lines(request(VIP), state)[0] == "Enable-NetAdapter -Name lvs.cluster -Confirm:$false"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"PrefixLength": 24},
            [
                f"Remove-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress {VIP} -Confirm:$false",
                f"New-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress {VIP} -PrefixLength 32 -SkipAsSource:$true",
            ],
        ),
        (
            {"SkipAsSource": False},
            [f"Set-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress {VIP} -SkipAsSource:$true"],
        ),
    ],
)
def test_an_address_that_stands_otherwise_is_put_right(change: State, expected: list[str]) -> None:
    state = carried_out(request(VIP), fresh())
    next(each for each in state["Addresses"] if each["Address"] == VIP).update(change)
    assert lines(request(VIP), state) == expected


def test_rules_change_go_and_stay_by_what_ports_says() -> None:
    after = carried_out(request(VIP, ports=PORTS), fresh())
    assert lines(request(VIP), after) == []
    assert lines(request(VIP, ports=[]), after) == [
        f"Remove-NetFirewallRule -Name lvs.cluster-{VIP}-TCP -Confirm:$false"
    ]
    other = [{"protocol": "tcp", "ports": ["8080", "10000:20000"], "addresses": [VIP]}]
    (line,) = lines(request(VIP, ports=other), after)
    assert line.startswith(f"Set-NetFirewallRule -Name lvs.cluster-{VIP}-TCP ")
    assert line.endswith(" -LocalPort 10000-20000, 8080")
    after["Rules"][0]["Enabled"] = "False"
    assert len(lines(request(VIP, ports=PORTS), after)) == 1


def test_a_port_is_opened_for_the_vips_that_are_said_only() -> None:
    ports = [
        {"protocol": "tcp", "ports": ["80"], "addresses": [VIP]},
        {"protocol": "udp", "ports": ["53"], "addresses": [VIP6]},
        {"protocol": "tcp", "ports": ["443"], "addresses": None},
    ]
    state = carried_out(request(VIP, VIP6, ports=ports), fresh())
    assert sorted((rule["Name"], rule["Ports"]) for rule in state["Rules"]) == [
        ("lvs.cluster-192.0.2.100-TCP", ["443", "80"]),
        ("lvs.cluster-2001_db8_2__100-TCP", ["443"]),
        ("lvs.cluster-2001_db8_2__100-UDP", ["53"]),
    ]


def test_packets_are_awaited_where_the_subnet_is_else_where_the_default_route_leads() -> None:
    state = fresh()
    state["Adapters"].append(adapter("Backup", 6, "{6}"))
    state["Addresses"].append(address("10.0.0.21", 6, 24))
    state["Interfaces"].append(interface(6, "IPv4"))
    state["DefaultRoutes"].append(route("Backup", 6, "10.0.0.1", 5))

    def awaited(asked: Any) -> list[str]:
        return [line.split()[2] for line in lines(asked, state) if line.endswith(" -WeakHostReceive Enabled")]

    assert awaited(request(VIP)) == ["Ethernet"]
    assert awaited(request("203.0.113.9")) == ["Backup"]
    assert awaited(request("203.0.113.9", interface=["Ethernet", "Backup"])) == ["Ethernet", "Backup"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (request("192.0.2"), ["addresses: '192.0.2' is no IP address."]),
        (request("192.0.2.100/32"), ["addresses: '192.0.2.100/32' is no IP address."]),
        (request("010.0.0.1"), ["addresses: '010.0.0.1' is no IP address."]),
        (request("127.0.0.1"), ["addresses: 127.0.0.1 cannot be a VIP"]),
        (request("ff02::1"), ["addresses: ff02::1 cannot be a VIP"]),
        (request("fe80::1"), ["addresses: fe80::1 cannot be a VIP"]),
        (request("fe8::1", "ff::1"), []),
        (request("224.0.0.18", "0.0.0.0"), ["addresses: 224.0.0.18 cannot", "addresses: 0.0.0.0 cannot"]),
        (request(), ["addresses: the list is empty"]),
        (request(VIP, adapter="a*b"), ["adapter: 'a*b' cannot be the name"]),
        (request(VIP, state="absent", exclusive=True), ["exclusive: with state: absent"]),
        (request(VIP, state="absent", ports=[]), ["ports: with state: absent"]),
        (
            request(VIP, ports=[{"protocol": "tcp", "ports": ["0", "9-5", "x"], "addresses": ["192.0.2.7"]}]),
            ["ports[0].ports: '0'", "ports[0].ports: '9-5'", "ports[0].ports: 'x'", "ports[0].addresses: 192.0.2.7"],
        ),
        (
            request("nonsense", "127.0.0.1", adapter=""),
            ["addresses: 'nonsense'", "addresses: 127.0.0.1", "adapter: ''"],
        ),
    ],
)
def test_every_mistake_in_the_options_is_told_at_once(asked: Any, expected: list[str]) -> None:
    told = mistakes(asked)
    assert len(told) == len(expected)
    assert all(one.startswith(begin) for one, begin in zip(told, expected, strict=True)), told
    assert all(one.endswith(".") for one in told)


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="recorded")
def test_a_host_that_cannot_hold_the_vip_is_told_why() -> None:
    state = fresh()
    state["Addresses"].append(address(VIP, 5, 24))
    assert "stands on Ethernet, where this host answers ARP for it" in mistakes(request(VIP), state)[0]
    state = fresh()
    state["Interfaces"] = [interface(5, "IPv4")]
    assert mistakes(request(VIP6), state) == [
        (
            "addresses: IPv6 is off on Ethernet, so it cannot serve the IPv6 VIPs. Turn it on with "
            "Enable-NetAdapterBinding -Name 'Ethernet' -ComponentID ms_tcpip6."
        )
    ]
    assert mistakes(request("2001:db8:9::1"), fresh())[0].startswith(
        "addresses: packets for 2001:db8:9::1 can arrive on no"
    )
    assert mistakes(request("2001:db8:9::1", "2001:db8:9::2"), fresh())[0].startswith(
        "addresses: packets for 2001:db8:9::1, 2001:db8:9::2 can arrive on no"
    )
    assert mistakes(request(VIP, interface=["LAN"]), fresh()) == [
        "interface: this host has no adapter 'LAN' that packets arrive on. Write one of: Ethernet."
    ]
    assert mistakes(request(VIP, adapter="Ethernet"), fresh())[0].startswith("adapter: another adapter of this host")
    assert mistakes(request(VIP, ports=PORTS), {**fresh(), "FirewallRuns": False})[0].startswith(
        "ports: the service of"
    )
    state = fresh()
    state["Adapters"][0]["Name"] = "LAN [1]"
    assert mistakes(request(VIP, VIP6), state) == [
        "interface: the cmdlets take the name 'LAN [1]' for a pattern. Rename that adapter with Rename-NetAdapter."
    ]
    state = carried_out(request(VIP), fresh())
    state["Adapters"][1].update(Name="Loop [1]", AdminStatus="Down")
    assert "Rename-NetAdapter" in mistakes(request(VIP), state)[0]
    state = fresh()
    state["Addresses"].append(address(VIP, 1, 32))
    assert mistakes(request(VIP), state)[0].startswith(
        f"addresses: {VIP} stands on the interface 1, which is no adapter"
    )


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="recorded")
def test_what_reads_otherwise_than_it_was_written_is_told_in_a_sentence() -> None:
    state = carried_out(request(VIP), fresh())
    state["Interfaces"][0]["WeakHostReceive"] = "Disabled"
    told = elements(SCRIPT.call("Get-ArpHideRemainder", Plan=planned(request(VIP), state)))
    assert told == [
        (
            "'IPv4 on Ethernet' was set to 'WeakHostReceive Enabled' and reads 'WeakHostReceive Disabled'. A policy "
            "of the domain or another program may have changed it: find that, and run this again."
        )
    ]


def test_a_rule_that_a_policy_ignores_and_an_address_that_windows_does_not_use_are_warned_of() -> None:
    state = carried_out(request(VIP, ports=PORTS), fresh())
    state["Rules"][0]["IsIgnored"] = True
    next(each for each in state["Addresses"] if each["Address"] == VIP)["AddressState"] = "Duplicate"
    first, second = planned(request(VIP, ports=PORTS), state).find("Warnings")
    assert first.startswith(f"The firewall ignores the rule lvs.cluster-{VIP}-TCP")
    assert second.startswith(f"Windows does not use {VIP}, because its state is Duplicate.")


def test_the_evaluator_is_as_peculiar_as_powershell() -> None:
    assert SCRIPT.call("ConvertTo-NormalAddress", Text="nonsense") is NOTHING
    with pytest.raises(FaultError, match="mandatory"):
        SCRIPT.call("Get-AddressFamily", Address="")
    with pytest.raises(FaultError, match="takes one text"):
        SCRIPT.call("Get-AddressFamily", Address=["192.0.2.1", "192.0.2.2"])
    with pytest.raises(FaultError, match="no parameter"):
        SCRIPT.call("Get-AddressFamily", Adress="192.0.2.1", Address="192.0.2.1")
