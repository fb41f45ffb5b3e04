# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenario files: what they may say, and that one message names every mistake. No root needed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.lvs.cluster.tests.lab._lab.errors import LabError
from ansible_collections.lvs.cluster.tests.lab._lab.scenario import Link, Route, load, parse, parse_link

SCENARIOS = Path(__file__).parent / "scenarios"
GOOD: dict[str, Any] = {
    "networks": {
        "lan": {"addresses": ["192.0.2.254/24", "2001:db8:2::254/64"]},
        "back": {"addresses": ["198.51.100.9/24"]},
    },
    "machines": {
        "a": {"interfaces": {"eth0": {"network": "lan", "addresses": ["192.0.2.1/24", "2001:db8:2::1/64"]}}},
        "b": {
            "web": True,
            "memory": 320,
            "interfaces": {
                "eth0": {"network": "lan", "addresses": ["192.0.2.2/24"]},
                "eth1": {"network": "back", "addresses": ["198.51.100.2/24"]},
            },
        },
    },
}
Change = Callable[[dict[str, Any]], object]


def changed(*changes: Change) -> dict[str, Any]:
    data = copy.deepcopy(GOOD)
    for change in changes:
        change(data)
    return data


def eth0(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["machines"]["a"]["interfaces"]["eth0"]
    return found


def gateway(value: object) -> Change:
    return lambda data: data["machines"]["a"].update(gateway=value)


def own(key: str, value: object) -> Change:
    return lambda data: data["machines"]["a"].update({key: value})


def routes(value: object) -> Change:
    return lambda data: data["machines"]["a"].update(routes=value)


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yml")), ids=lambda path: path.stem)
def test_every_scenario_of_the_lab_can_be_read(path: Path) -> None:
    assert load(path).machines


def test_a_machine_on_two_networks_keeps_its_interfaces_in_order() -> None:
    machine = parse("two", GOOD).machine("b")
    assert [(one.name, one.network) for one in machine.interfaces] == [("eth0", "lan"), ("eth1", "back")]
    assert machine.addresses == ("192.0.2.2", "198.51.100.2")
    assert (machine.web, machine.memory) == ((80,), 320)


def test_a_web_service_has_one_port_or_several() -> None:
    data = changed(own("web", [80, 443, 8080]), lambda d: d["machines"]["b"].update(web=False))
    assert [machine.web for machine in parse("ports", data).machines] == [(80, 443, 8080), ()]


def test_a_machine_serves_and_is_managed_as_it_says() -> None:
    plain = parse("plain", GOOD).machine("a")
    assert (plain.ftp, plain.mail, plain.manager) == (False, False, None)
    data = changed(own("ftp", True), own("mail", True), own("manager", "netplan"), gateway("192.0.2.9"))
    busy = parse("busy", data).machine("a")
    assert (busy.ftp, busy.mail, busy.manager, busy.routes) == (True, True, "netplan", (Route("default", "192.0.2.9"),))


def test_no_two_interfaces_have_the_same_mac() -> None:
    macs = [interface.mac for machine in parse("two", GOOD).machines for interface in machine.interfaces]
    assert len(set(macs)) == len(macs)


def test_an_interface_has_what_its_network_says_unless_it_says_other() -> None:
    data = changed(
        lambda d: d["networks"]["lan"].update(delay="20ms", mtu=1400),
        lambda d: eth0(d).update(loss="1.5%", mtu=1280),
    )
    scenario = parse("slow", data)
    a, b = (scenario.machine(name).interfaces for name in ("a", "b"))
    assert [one.link for one in (*a, *b)] == [Link("20ms", "1.5%", 1280), Link("20ms", None, 1400), Link()]
    assert [one.link.netem for one in (*a, *b)] == [("delay", "20ms", "loss", "1.5%"), ("delay", "20ms"), ()]


def test_gateways_and_routes_lead_over_neighbours_that_need_not_be_machines() -> None:
    data = changed(gateway(["192.0.2.10", "2001:db8:2::10"]), routes({"203.0.113.0/24": "192.0.2.2"}))
    assert parse("far", data).machine("a").routes == (
        Route("default", "192.0.2.10"),
        Route("default", "2001:db8:2::10"),
        Route("203.0.113.0/24", "192.0.2.2"),
    )
    assert parse("far", changed(gateway("192.0.2.10"))).machine("a").routes == (Route("default", "192.0.2.10"),)


def test_nothing_forwards_or_is_routed_unless_the_scenario_says_so() -> None:
    assert all(not machine.router and not machine.routes for machine in parse("two", GOOD).machines)


@pytest.mark.parametrize(
    ("words", "link"),
    [((), Link()), (("delay", "20ms"), Link("20ms")), (("loss", "5%", "delay", "1s"), Link("1s", "5%"))],
)
def test_a_link_is_told_in_words(words: tuple[str, ...], link: Link) -> None:
    assert parse_link("netem", words) == link


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("delay",), "delay: a value is missing, as in delay 20ms."),
        (("jitter", "1ms"), "netem.jitter: unknown; known are delay, loss."),
        (("delay", "20"), "netem.delay: must be a time with its unit, such as 20ms, got '20'."),
    ],
)
def test_wrong_words_for_a_link_are_refused(words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(LabError) as caught:
        parse_link("netem", words)
    assert str(caught.value) == sentence


MISTAKES: list[tuple[str, Change, str]] = [
    ("unknown key", lambda d: d.update(router="a"), "scenario.router: unknown; known are machines, networks."),
    ("no machine", lambda d: d.update(machines={}), "machines: must name at least one."),
    (
        "long name",
        lambda d: d["machines"].update(averylongname1=d["machines"]["a"]),
        "machines.averylongname1: a name is",
    ),
    ("too little memory", lambda d: d["machines"]["a"].update(memory=64), "machines.a.memory: must be a number of MiB"),
    ("web is no truth", own("web", "yes"), "machines.a.web: must be true, false or a list of ports, each once, got"),
    ("web on no port", own("web", []), "machines.a.web: must be true, false or a list of ports, each once, got []"),
    ("web on a port twice", own("web", [80, 80]), "machines.a.web: must be true, false or a list of ports, each once"),
    ("ftp is no truth", own("ftp", 21), "machines.a.ftp: must be true or false, got 21."),
    ("unknown manager", own("manager", "wicd"), "machines.a.manager: must be one of ifupdown, networkd, netplan, net"),
    (
        "manager and routes",
        lambda d: d["machines"]["a"].update(manager="networkd", routes={"10.0.0.0/8": "192.0.2.9"}),
        "machines.a.routes: a manager of eth0 takes gateways only; leave routes or manager out.",
    ),
    (
        "manager and a gateway of eth1",
        lambda d: d["machines"]["b"].update(manager="networkd", gateway="198.51.100.9"),
        "machines.b.gateway: 198.51.100.9 must be on the network of eth0, which networkd manages.",
    ),
    (
        "unknown release",
        lambda d: d["machines"]["a"].update(release="woody"),
        "machines.a.release: must be one of bookworm, trixie",
    ),
    (
        "no such network",
        lambda d: eth0(d).update(network="wan"),
        "eth0.network: must be one of the networks (lan, back)",
    ),
    (
        "other subnet",
        lambda d: eth0(d).update(addresses=["203.0.113.1/24"]),
        "203.0.113.1/24 is not in 192.0.2.0/24 or",
    ),
    (
        "real address",
        lambda d: eth0(d).update(addresses=["9.9.9.9/24"]),
        "9.9.9.9/24 is not a documentation or private",
    ),
    ("range left", lambda d: eth0(d).update(addresses=["192.0.2.1/16"]), "192.0.2.1/16 is not a documentation or"),
    ("no address", lambda d: eth0(d).update(addresses=["a"]), "'a' is not an address with a prefix"),
    ("none at all", lambda d: eth0(d).update(addresses=[]), "eth0.addresses: must be a list of addresses"),
    ("taken", lambda d: eth0(d).update(addresses=["192.0.2.2/24"]), "192.0.2.2 is already given at machines.a."),
    (
        "interface out of order",
        lambda d: d["machines"]["a"].update(interfaces={"eth1": eth0(d)}),
        "machines.a.interfaces.eth1: interfaces are named in order, this one must be eth0.",
    ),
    ("router is no truth", lambda d: d["machines"]["a"].update(router=1), "machines.a.router: must be true or false"),
    ("gateway elsewhere", gateway("198.51.100.1"), "a.gateway: 198.51.100.1 is on none of the machine's own networks"),
    ("gateway is itself", gateway("192.0.2.1"), "a.gateway: 192.0.2.1 is the machine's own address; name another"),
    ("gateway is none", gateway("192.0.2.9/24"), "a.gateway: '192.0.2.9/24' is not an address, such as 192.0.2.1."),
    ("gateway is a number", gateway(7), "a.gateway: 7 is not an address"),
    ("two gateways", gateway(["192.0.2.8", "192.0.2.9"]), "a.gateway: must be one address, or one per family, got"),
    ("no routes", routes({}), "a.routes: must name at least one."),
    ("route to an address in a network", routes({"10.0.0.1/8": "192.0.2.9"}), "routes.10.0.0.1/8: must be a network"),
    ("route elsewhere", routes({"10.0.0.0/8": "10.0.0.1"}), "routes.10.0.0.0/8: 10.0.0.1 is on none of the machine's"),
    (
        "route by the other family",
        routes({"10.0.0.0/8": "2001:db8:2::9"}),
        "must be of the same family, got 2001:db8:2::9",
    ),
    ("delay without unit", lambda d: d["networks"]["lan"].update(delay=20), "lan.delay: must be a time with its unit"),
    ("more than all lost", lambda d: eth0(d).update(loss="101%"), "eth0.loss: must be a share of the packets"),
    ("too small for IPv6", lambda d: eth0(d).update(mtu=576), "eth0.mtu: must be a number of bytes from 1280 to 1500"),
]


@pytest.mark.parametrize(("change", "sentence"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_named_with_its_path(change: Change, sentence: str) -> None:
    with pytest.raises(LabError) as caught:
        parse("bad", changed(change))
    assert sentence in str(caught.value)


def test_all_mistakes_stand_in_one_message() -> None:
    chosen = [
        case for case in MISTAKES if case[0] in ("unknown key", "too little memory", "ftp is no truth", "other subnet")
    ]
    with pytest.raises(LabError) as caught:
        parse("bad", changed(*(case[1] for case in chosen)))
    assert len(str(caught.value).splitlines()) == 5


@pytest.mark.parametrize(("text", "sentence"), [("a: [", "is not YAML"), ("- a", "must be a mapping")])
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "bad.yml"
    file.write_text(text)
    with pytest.raises(LabError, match=sentence):
        load(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be read: No such file"):
        load(tmp_path / "none.yml")
