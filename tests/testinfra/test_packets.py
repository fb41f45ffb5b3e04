# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client of the example sees: answers, shares, who serves and who has the VIPs (curl, arping, ndisc6 as judges).

A real server's web service says on `/connection` its name, the address and port that were asked, and who asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from conftest import addresses

CURL = "curl --silent --show-error --fail --no-keepalive --max-time 10"
MEBIBYTE = 1 << 20


def url(vip: str, port: int, path: str = "/") -> str:
    host = f"[{vip}]" if ":" in vip else vip
    return f"http://{host}:{port}{path}"


def answers(host, where: str, number: int, options: str = "") -> Counter[str]:
    """Lines that the real servers gave to `number` requests, each over a connection of its own."""
    out = host.check_output(f"for i in $(seq {number}); do {CURL} {options} '{where}'; done")
    return Counter(out.splitlines())


@contextmanager
def more_addresses(host, beside: str, number: int) -> Iterator[list[str]]:
    """Addresses for the client in the VIP's network, so that it is several clients."""
    interface = host.check_output(f"ip -oneline route get {beside}").split(" dev ")[1].split()[0]
    separator, rest = (":", "/64 nodad") if ":" in beside else (".", "/24")
    found = [f"{beside.rpartition(separator)[0]}{separator}{200 + count}" for count in range(number)]
    try:
        host.check_output(" && ".join(f"ip address add {address}{rest} dev {interface}" for address in found))
        yield found
    finally:
        host.run("; ".join(f"ip address del {address}{rest.split()[0]} dev {interface}" for address in found))


def test_requests_spread_by_weight(shared_web, client):
    rounds = 3
    total = sum(member.weight for member in shared_web.members)
    for vip, port in shared_web.probes:
        got = answers(client, url(vip, port), rounds * total)
        if shared_web.scheduler in ("rr", "wrr"):
            even = shared_web.scheduler == "rr"
            share = rounds * total // len(shared_web.names)
            assert got == {m.host: share if even else rounds * m.weight for m in shared_web.members if m.weight}
        else:
            assert set(got) == shared_web.names


def test_a_client_stays_with_its_real_server_on_every_port_and_vip(persistent_web, client):
    got = [answers(client, url(vip, port), 3) for vip, port in persistent_web.probes]
    assert len(set().union(*got)) == 1


def test_several_clients_get_every_real_server_of_a_persistent_service(persistent_web, client):
    vip, port = persistent_web.probes[0]
    met: set[str] = set()
    # A scheduler that counts connections first makes up for those of the client alone, which had them all on one.
    with more_addresses(client, vip, 40) as sources:
        for source in sources:
            (name,) = answers(client, url(vip, port), 2, f"--interface {source}")
            met.add(name)
            if met == persistent_web.names:
                break
    assert met == persistent_web.names


def test_the_real_server_sees_the_client_and_where_it_was_asked(web, client, example, active):
    own = addresses(client)
    for vip, port in web.probes:
        lines = answers(client, url(vip, port, "/connection"), len(web.members))
        for line in lines:
            name, address, asked, asker = line.split()
            member = next(one for one in web.members if one.host == name)
            if web.forwarding == "nat":
                assert (address, int(asked)) == (member.address, member.port or port)
            else:
                assert (address, int(asked)) == (vip, port)
            if example.nat.get("local_clients"):
                assert asker not in own
                assert example.host_of(asker) == active
            else:
                assert asker in own


def test_clients_elsewhere_are_answered_and_seen_as_themselves(visitor, web, machine, example):
    """Also those that reach the director over a router."""
    host = machine(visitor)
    vip, port = web.probes[0]
    if visitor == example.client:
        assert answers(host, url(vip, port), 1).total() == 1
        return
    seen = answers(host, url(vip, port, "/connection"), 2 * len(web.members))
    assert {line.split()[0] for line in seen} == web.names
    assert {line.split()[3] for line in seen} <= set(addresses(host))


def test_a_megabyte_gets_through_in_both_directions(web, client):
    """Packets of full size: what a tunnel adds must have room."""
    for vip, port in (web.probes[0], web.probes[-1]):
        for _member in web.members:
            size = client.check_output(
                f"{CURL} --output /dev/null --write-out '%{{size_download}}' {url(vip, port, f'/bytes/{MEBIBYTE}')}"
            )
            assert size == str(MEBIBYTE)
            said = client.check_output(f"head -c {MEBIBYTE} /dev/zero | {CURL} --data-binary @- {url(vip, port)}")
            assert said.split()[1] == str(MEBIBYTE)


@pytest.mark.proves(system="Linux", method="arp_ignore", how="packets")
def test_only_the_director_that_holds_an_address_answers_for_it(floating, client, machine, example):
    """Asked from beside it: the client's network for a VIP, a real server's for a gateway."""
    asker = client
    if floating in example.gateways:
        asker = machine(next(m.host for s in example.services if s.forwarding == "nat" for m in s.members))
    director = next(host for host in map(machine, example.directors) if floating in addresses(host))
    interface = addresses(director)[floating]
    expected = director.check_output(f"cat /sys/class/net/{interface}/address").upper()
    if ip_address(floating).version == 4:
        out = asker.run(f"arping -c 3 -I eth0 {floating}").stdout
        answered = {line.split("[")[1].split("]")[0].upper() for line in out.splitlines() if "reply from" in line}
    else:
        out = asker.run(f"ndisc6 -m -r 3 -w 3000 {floating} eth0").stdout
        answered = {line.split(": ")[1].strip().upper() for line in out.splitlines() if "link-layer address" in line}
    assert answered == {expected}
