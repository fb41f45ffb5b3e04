# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes to model and back: what a real kernel said, what we say, and garbage."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import wire
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.daemon import Daemon
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Connections,
    Counters,
    Destination,
    ServiceKey,
    Table,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import plan
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.timeouts import Timeouts
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.wire import WireError
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.ipvs.ipvs_tables import (
    destinations,
    service_keys,
    services,
)
from ansible_collections.lvs.cluster.tests.unit.plugins.module_utils.ipvs.recorded import (
    RECORDED,
    attribute,
    kind_of,
    members,
    on_little_endian,
    said,
)

pytestmark = on_little_endian


def recorded_table() -> Table:
    found = {service.key: service for service, _counters in said("services", wire.service_reply)}
    return Table(
        found,
        {
            key: {each.key: each for each, _now, _counters in said(f"destinations {key}", wire.destination_reply)}
            for key in found
        },
    )


def test_recorded_table_is_what_ipvsadm_was_told() -> None:
    commands = {operation.command() for operation in plan(current=Table(), desired=recorded_table())}
    assert commands == {
        f"ipvsadm {line}"
        for line in (
            "-A -u 192.0.2.100:53 -s lblcr",
            "-A --sctp-service 192.0.2.100:0 -s sh -p 60 --pe sip -b sh-fallback,flag-3",
            "-A -t 192.0.2.100:80 -s wlc -p 300 -M 255.255.255.0",
            "-A -t 192.0.2.100:443 -s wrr -b flag-1,flag-2,flag-3",
            "-A -u [2001:db8:2::100]:53 -s mh -o -b mh-port",
            "-A -t [2001:db8:2::100]:80 -s mh -b mh-fallback,mh-port",
            "-A -u [2001:db8:2::100]:5060 -s sh -p 2678400 -M 64 --pe sip -b sh-fallback,sh-port",
            "-A -f 5 -s rr",
            "-A -f 6 -s ovf -o",
            "-A -f 6 -6 -s fo",
            "-a -t 192.0.2.100:80 -r 192.0.2.22:8080 -m -w 0",
            "-a -t 192.0.2.100:80 -r 192.0.2.100:80 -g -w 3 -x 100 -y 50",
            "-a -t 192.0.2.100:443 -r 192.0.2.21:443 -i -w 1 --tun-type ipip",
            "-a -t 192.0.2.100:443 -r 192.0.2.22:443 -i -w 1 --tun-type gue --tun-port 1 --tun-nocsum",
            "-a -t 192.0.2.100:443 -r 192.0.2.23:443 -i -w 1 --tun-type gue --tun-port 65280 --tun-csum",
            "-a -t 192.0.2.100:443 -r 192.0.2.24:443 -i -w 1 --tun-type gre --tun-nocsum",
            "-a -t 192.0.2.100:443 -r [2001:db8:2::21]:443 -i -w 1 --tun-type ipip",
            "-a -t 192.0.2.100:443 -r [2001:db8:2::22]:443 -i -w 1 --tun-type gue --tun-port 255 --tun-remcsum",
            "-a -u [2001:db8:2::100]:53 -r 192.0.2.21:53 -i -w 1 --tun-type gue --tun-port 5555 --tun-remcsum",
            "-a -u [2001:db8:2::100]:53 -r [2001:db8:2::21]:53 -i -w 1 --tun-type gre --tun-csum",
            "-a -u [2001:db8:2::100]:5060 -r [2001:db8:2::21]:5060 -g -w 2147483647 -x 2147483647 -y 2147483647",
            "-a -f 5 -r 192.0.2.21:0 -i -w 70000 --tun-type ipip",
        )
    }


def test_port_of_a_gue_tunnel_is_in_network_byte_order_as_the_kernel_has_it() -> None:
    """Libraries that swap its bytes make 5555 of 45845 and agree with themselves."""
    ports = {5555: b"\x15\xb3", 1: b"\x00\x01", 65280: b"\xff\x00", 255: b"\x00\xff"}
    found = {
        destination.tunnel_port: destination
        for key in ("udp/[2001:db8:2::100]:53", "tcp/192.0.2.100:443")
        for destination, _now, _counters in said(f"destinations {key}", wire.destination_reply)
        if destination.tunnel_type == "gue"
    }
    assert found.keys() == ports.keys()
    for port, raw in ports.items():
        recorded = attribute(14, raw)
        assert any(recorded in buffer for heading in RECORDED for buffer in RECORDED[heading]), port
        assert recorded in wire.destination_attribute(found[port])


@pytest.mark.parametrize("heading", [heading for heading in RECORDED if heading.startswith("destinations")])
def test_what_we_say_about_a_recorded_destination_is_what_the_kernel_says(heading: str) -> None:
    """Every attribute that we write stands in the kernel's own answer, byte for byte."""
    recorded = b"".join(RECORDED[heading])
    for destination, _now, _counters in said(heading, wire.destination_reply):
        for each in members(wire.destination_attribute(destination)):
            assert each in recorded, (destination, each)


def test_what_we_say_about_a_recorded_service_is_what_the_kernel_says() -> None:
    recorded = b"".join(RECORDED["services"])
    for service, _counters in said("services", wire.service_reply):
        for each in members(wire.service_attribute(service)):
            # The kernel adds to the flags that the service is hashed, and has all bits in their mask.
            if kind_of(each) != 7:
                assert each in recorded, (service, each)


def test_recorded_connections_and_counters_are_read() -> None:
    found = said("destinations tcp/192.0.2.100:80", wire.destination_reply)
    busy = {each.address: (now, counters) for each, now, counters in found}
    assert busy["192.0.2.22"] == (Connections(0, 0, 0), Counters())
    now, counters = busy["192.0.2.100"]
    # Two open connections, and the template that keeps their client on this real server.
    assert now == Connections(active=2, inactive=0, persistent=1)
    assert counters.connections == 2
    assert counters.incoming_packets > 0
    assert counters.incoming_bytes > counters.incoming_packets


def test_recorded_settings_are_read() -> None:
    assert said("info", wire.info_reply) == [("1.2.1", 4096)]
    assert said("timeouts", wire.timeouts_reply) == [Timeouts(tcp=900, tcp_fin=120, udp=300)]
    assert said("timeouts changed", wire.timeouts_reply) == [Timeouts(tcp=1, tcp_fin=2147483, udp=65536)]
    assert dict(said("family", wire.family_reply))["IPVS"] >= wire.NLMSG_MIN_TYPE


def test_recorded_absence_is_read() -> None:
    assert said("services none", wire.service_reply) == []
    assert said("daemons none", wire.daemon_reply) == []
    (buffer,) = RECORDED["missing"]
    (message,) = wire.messages(buffer)
    assert (message.kind, wire.error_number(buffer, message)) == (wire.NLMSG_ERROR, errno.ESRCH)


@pytest.mark.parametrize(
    ("heading", "daemons"),
    [
        # Without a length given the kernel takes it from the interface's MTU, 1500 here.
        ("daemons", [("master", 51, "224.0.0.81", 8848, 1, 1472), ("backup", 51, "224.0.0.81", 8848, 1, 1472)]),
        ("daemons ipv4", [("master", 0, "239.1.2.3", 1, 255, 9000), ("backup", 255, "239.1.2.4", 65280, 2, 1400)]),
        ("daemons ipv6", [("master", 1, "ff02::51", 8849, 7, 1300), ("backup", 2, "ff05::52", 8848, 1, 1452)]),
    ],
)
def test_recorded_daemons_of_both_roles_are_read(
    heading: str, daemons: list[tuple[str, int, str, int, int, int]]
) -> None:
    found = said(heading, wire.daemon_reply)
    expected = [
        Daemon(
            role=role,
            interface="sync0",
            sync_id=sync_id,
            multicast_group=group,
            multicast_port=port,
            multicast_ttl=ttl,
            max_length=length,
        )
        for role, sync_id, group, port, ttl, length in daemons
    ]
    assert found == expected


def counted(padded: bool = False) -> bytes:
    padding = attribute(11, b"") if padded else b""
    return b"".join(padding + attribute(kind, struct.pack("=Q", kind << 33)) for kind in range(1, 11))


def reply(request: bytes, extra: bytes, counters: bytes, *, stats: int) -> bytes:
    """The kernel's answer to what we say about a service or destination: the same with more in it."""
    inner = request[4:] + extra + attribute(stats | 0x8000, counters)
    return bytes(4) + attribute(struct.unpack_from("=H", request, 2)[0], inner)


CONNECTIONS = b"".join(attribute(kind, struct.pack("=I", kind)) for kind in (7, 8, 9))
COUNTERS = Counters(*(kind << 33 for kind in range(1, 11)))


@given(st.data(), service_keys)
def test_service_survives_the_way_there_and_back(data: st.DataObject, key: ServiceKey) -> None:
    service = data.draw(services(key))
    answer = reply(wire.service_attribute(service), b"", counted(), stats=12)
    assert wire.service_reply(answer, 0, len(answer)) == (service, COUNTERS)


@given(st.data(), service_keys)
def test_destination_survives_the_way_there_and_back(data: st.DataObject, key: ServiceKey) -> None:
    destination = data.draw(destinations(key))
    answer = reply(wire.destination_attribute(destination), CONNECTIONS, counted(), stats=12)
    assert wire.destination_reply(answer, 0, len(answer)) == (destination, Connections(7, 8, 9), COUNTERS)


RS1 = Destination("192.0.2.21", 80)


@pytest.mark.parametrize(
    "counters",
    [
        pytest.param(counted(), id="one after the other"),
        pytest.param(counted(padded=True), id="padded, where unaligned reads are dear"),
        pytest.param(counted(padded=True)[4:], id="padded but for the first"),
        pytest.param(counted() + attribute(99, b"new"), id="more than we know"),
        pytest.param(b"".join(reversed([counted()[at : at + 12] for at in range(0, 120, 12)])), id="in another order"),
    ],
)
def test_counters_are_read_in_any_form(counters: bytes) -> None:
    answer = reply(wire.destination_attribute(RS1), CONNECTIONS, counters, stats=12)
    assert wire.destination_reply(answer, 0, len(answer))[2] == COUNTERS


def test_attributes_of_newer_kernels_are_skipped() -> None:
    extra = attribute(1000, b"whatever") + attribute(77, b"") + CONNECTIONS
    answer = reply(wire.destination_attribute(RS1), extra, counted(), stats=12)
    assert wire.destination_reply(answer, 0, len(answer))[0] == RS1


def test_kernels_before_tunnel_types_have_plain_tunnels() -> None:
    tunnelled = Destination("192.0.2.21", 80, forwarding="tunnel", tunnel_type="ipip")
    request = wire.destination_attribute(tunnelled)
    answer = reply(request[: -3 * 8], CONNECTIONS, counted(), stats=12)
    assert wire.destination_reply(answer, 0, len(answer))[0] == tunnelled


def test_flags_of_newer_kernels_are_neither_read_nor_written() -> None:
    found = {service.key.protocol: service for service, _counters in said("services", wire.service_reply)}
    service = found["sctp"]
    request = wire.service_attribute(service)
    flags = attribute(7, struct.pack("=II", 0x1 | 0x8 | 0x20, 0x3D))
    assert flags in request
    newer = request.replace(flags, attribute(7, struct.pack("=II", 0x1 | 0x8 | 0x20 | 0x40000002, 0xFFFFFFFF)))
    answer = reply(newer, b"", counted(), stats=12)
    assert wire.service_reply(answer, 0, len(answer))[0] == service


def without(kind: int, request: bytes) -> bytes:
    """A nested attribute without one of its members."""
    kept = (each for each in members(request) if kind_of(each) != kind)
    return attribute(struct.unpack_from("=H", request, 2)[0], b"".join(kept))


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 11])
def test_missing_attribute_is_an_error_and_no_guess(kind: int) -> None:
    answer = reply(without(kind, wire.destination_attribute(RS1)), CONNECTIONS, counted(), stats=12)
    with pytest.raises(WireError, match="The kernel's answer lacks"):
        wire.destination_reply(answer, 0, len(answer))


@pytest.mark.parametrize(
    ("kind", "payload", "sentence"),
    [
        (3, struct.pack("=I", 5), "forwarding method of a destination 5"),
        (11, struct.pack("=H", 7), "address family 7"),
        (4, struct.pack("=H", 1), "weight has 2 bytes instead of 4"),
        (1, b"abc", "destination address has 3 bytes"),
    ],
)
def test_impossible_value_is_an_error_and_no_guess(kind: int, payload: bytes, sentence: str) -> None:
    extra = CONNECTIONS + attribute(kind, payload)
    answer = reply(without(kind, wire.destination_attribute(RS1)), extra, counted(), stats=12)
    with pytest.raises(WireError, match=sentence):
        wire.destination_reply(answer, 0, len(answer))
