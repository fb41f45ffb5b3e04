# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Netlink messages of IPVS as bytes, to and from the model. No socket here: bytes in, bytes out.

Sources: ``include/uapi/linux/netlink.h``, ``genetlink.h``, ``ip_vs.h`` and what ``net/netfilter/ipvs/ip_vs_ctl.c`` of
Linux 6.1 does with them. Numbers are in the machine's byte order, except ports, tunnel ports, addresses and IPv4 masks.
Attributes that this file does not know are skipped, because newer kernels send more; whatever is cut off, missing or
impossible raises WireError and is never guessed.
"""

from __future__ import annotations

import functools
import operator
import struct
from typing import Any, Iterator, NamedTuple, Sequence, Union

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.daemon import BACKUP, MASTER, Daemon
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Connections,
    Counters,
    Destination,
    DestinationKey,
    IpvsError,
    Service,
    ServiceKey,
    flag_bits,
    flag_names,
    packed_address,
    unpacked_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.timeouts import Timeouts

Buffer = Union[bytes, bytearray, memoryview]

# linux/netlink.h
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP = 0x1, 0x4, 0x10, 0x300
NLMSG_ERROR, NLMSG_DONE, NLMSG_OVERRUN, NLMSG_MIN_TYPE = 2, 3, 4, 16
NLA_TYPE_MASK, NLA_F_NESTED = 0x3FFF, 0x8000
_MAX_ERRNO = 4095  # linux/err.h

# linux/genetlink.h
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 0x10, 3, 1, 2

# linux/ip_vs.h
FAMILY_NAME = "IPVS"
FAMILY_VERSION = 1
CMD_NEW_SERVICE, CMD_SET_SERVICE, CMD_DEL_SERVICE, CMD_GET_SERVICE = 1, 2, 3, 4
CMD_NEW_DEST, CMD_SET_DEST, CMD_DEL_DEST, CMD_GET_DEST = 5, 6, 7, 8
CMD_NEW_DAEMON, CMD_DEL_DAEMON, CMD_GET_DAEMON = 9, 10, 11
CMD_SET_CONFIG, CMD_GET_CONFIG, CMD_GET_INFO = 12, 13, 15
_ATTR_SERVICE, _ATTR_DEST, _ATTR_DAEMON = 1, 2, 3
_ATTR_TIMEOUT_TCP, _ATTR_TIMEOUT_TCP_FIN, _ATTR_TIMEOUT_UDP = 4, 5, 6
_SVC_AF, _SVC_PROTOCOL, _SVC_ADDR, _SVC_PORT, _SVC_FWMARK, _SVC_SCHED_NAME = 1, 2, 3, 4, 5, 6
_SVC_FLAGS, _SVC_TIMEOUT, _SVC_NETMASK, _SVC_PE_NAME, _SVC_STATS64 = 7, 8, 9, 11, 12
_DEST_ADDR, _DEST_PORT, _DEST_FWD_METHOD, _DEST_WEIGHT, _DEST_U_THRESH, _DEST_L_THRESH = 1, 2, 3, 4, 5, 6
_DEST_ACTIVE_CONNS, _DEST_INACT_CONNS, _DEST_PERSIST_CONNS = 7, 8, 9
_DEST_ADDR_FAMILY, _DEST_STATS64, _DEST_TUN_TYPE, _DEST_TUN_PORT, _DEST_TUN_FLAGS = 11, 12, 13, 14, 15
_DAEMON_STATE, _DAEMON_MCAST_IFN, _DAEMON_SYNC_ID, _DAEMON_SYNC_MAXLEN = 1, 2, 3, 4
_DAEMON_MCAST_GROUP, _DAEMON_MCAST_GROUP6, _DAEMON_MCAST_PORT, _DAEMON_MCAST_TTL = 5, 6, 7, 8
_INFO_VERSION, _INFO_CONN_TAB_SIZE = 1, 2
_STATS_FIRST, _STATS_LAST, _STATS_PAD = 1, 10, 11

_FLAG_PERSISTENT, _FLAG_ONE_PACKET, _FLAG_SCHEDULER_SHIFT, _FLAG_SCHEDULER_MASK = 0x1, 0x4, 3, 0x38
# What is said about flags is said about these only: a flag of a newer kernel stays as it is.
_FLAGS_KNOWN = _FLAG_PERSISTENT | _FLAG_ONE_PACKET | _FLAG_SCHEDULER_MASK

_FAMILY_NUMBER = {"ipv4": 2, "ipv6": 10}  # AF_INET, AF_INET6 of Linux
_PROTOCOL_NUMBER = {"tcp": 6, "udp": 17, "sctp": 132}
_FORWARDING_NUMBER = {"nat": 0, "tunnel": 2, "direct": 3}
_TUNNEL_TYPE_NUMBER = {"ipip": 0, "gue": 1, "gre": 2}
_CHECKSUM_NUMBER = {"none": 0, "standard": 1, "remote": 2}
_DAEMON_ROLE_NUMBER = {MASTER: 1, BACKUP: 2}
_FAMILY = {number: name for name, number in _FAMILY_NUMBER.items()}
_PROTOCOL = {number: name for name, number in _PROTOCOL_NUMBER.items()}
# 1 is "local node", which the kernel once made of direct for its own addresses; ipvsadm writes it as -g too.
_FORWARDING = {**{number: name for name, number in _FORWARDING_NUMBER.items()}, 1: "direct"}
_ADDRESS_SIZE = {_FAMILY_NUMBER["ipv4"]: 4, _FAMILY_NUMBER["ipv6"]: 16}
_TUNNEL_TYPE = {number: name for name, number in _TUNNEL_TYPE_NUMBER.items()}
_CHECKSUM = {number: name for name, number in _CHECKSUM_NUMBER.items()}
_DAEMON_ROLE = {number: name for name, number in _DAEMON_ROLE_NUMBER.items()}

_MESSAGE = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence number, port
_GENERIC = struct.Struct("=BBxx")  # struct genlmsghdr: command, version
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr: length, type
_U8, _U16, _U32, _U64, _ERROR = (struct.Struct("=" + code) for code in "BHIQi")
_PORT, _FLAGS = struct.Struct("!H"), struct.Struct("=II")

GENERIC_SIZE = _GENERIC.size


class _Form:
    """Attributes of known sizes in a known order, read and written at one go instead of one by one.

    ``attributes`` are numbers and struct codes, an empty code for an attribute without payload (padding). What
    has another form is left to careful looks at each attribute, which take several times as long.
    """

    def __init__(self, attributes: Sequence[tuple[int, str]]) -> None:
        sizes = [struct.calcsize("=" + code) for _kind, code in attributes]
        headers = [_U32.unpack(_ATTRIBUTE.pack(4 + size, kind))[0] for (kind, _code), size in zip(attributes, sizes)]
        codes = [f"I{code or '0s'}{-size % 4}x" for (_kind, code), size in zip(attributes, sizes)]
        self._struct = struct.Struct("=" + "".join(codes))
        self._headers = tuple(headers)
        self._payloads = operator.itemgetter(*(2 * place + 1 for place, (_kind, code) in enumerate(attributes) if code))
        self._empty: list[Any] = [0] * (2 * len(headers))
        self._empty[::2] = headers
        self.kinds = frozenset(kind for kind, _code in attributes)
        self.size = self._struct.size

    def unpacked(self, buffer: Buffer, start: int) -> tuple[Any, ...] | None:
        """The payloads, or None when what stands there has another form."""
        words = self._struct.unpack_from(buffer, start)
        return self._payloads(words) if words[::2] == self._headers else None

    def packed(self, *payloads: Any) -> bytes:
        """All attributes, of which none is padding."""
        words = self._empty[:]
        words[1::2] = payloads
        return self._struct.pack(*words)


def _counters_form(padded: Sequence[bool]) -> _Form:
    """The ten counters. Where unaligned reads are dear, an empty attribute before a counter aligns it to 8 bytes."""
    attributes: list[tuple[int, str]] = []
    for kind, pad in enumerate(padded, _STATS_FIRST):
        attributes += [(_STATS_PAD, ""), (kind, "Q")] if pad else [(kind, "Q")]
    return _Form(attributes)


_COUNTERS_FORMS = {form.size: form for form in map(_counters_form, ([False] * 10, [True] * 10, [False] + [True] * 9))}
# As this file writes a destination, and as Linux since 5.3 does (ip_vs_genl_fill_dest), before its counters.
_DESTINATION_WRITTEN = _Form(
    (
        (_DEST_ADDR_FAMILY, "H"),
        (_DEST_ADDR, "16s"),
        (_DEST_PORT, "2s"),
        (_DEST_FWD_METHOD, "I"),
        (_DEST_WEIGHT, "I"),
        (_DEST_U_THRESH, "I"),
        (_DEST_L_THRESH, "I"),
        (_DEST_TUN_TYPE, "B"),
        (_DEST_TUN_PORT, "2s"),
        (_DEST_TUN_FLAGS, "H"),
    )
)
_DESTINATION_READ = _Form(
    (
        (_DEST_ADDR, "16s"),
        (_DEST_PORT, "2s"),
        (_DEST_FWD_METHOD, "I"),
        (_DEST_WEIGHT, "I"),
        (_DEST_TUN_TYPE, "B"),
        (_DEST_TUN_PORT, "2s"),
        (_DEST_TUN_FLAGS, "H"),
        (_DEST_U_THRESH, "I"),
        (_DEST_L_THRESH, "I"),
        (_DEST_ACTIVE_CONNS, "I"),
        (_DEST_INACT_CONNS, "I"),
        (_DEST_PERSIST_CONNS, "I"),
        (_DEST_ADDR_FAMILY, "H"),
    )
)


class WireError(IpvsError):
    """The kernel's answer is not what its interface promises."""


class Message(NamedTuple):
    """One netlink message inside a buffer: its payload is ``buffer[start:end]``."""

    kind: int
    flags: int
    sequence: int
    start: int
    end: int


def message(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """A whole netlink message."""
    return _MESSAGE.pack(_MESSAGE.size + len(payload), kind, flags, sequence, 0) + payload


def generic(command: int, attributes: bytes = b"", version: int = FAMILY_VERSION) -> bytes:
    """The payload of a generic netlink message."""
    return _GENERIC.pack(command, version) + attributes


def messages(buffer: Buffer) -> Iterator[Message]:
    """The messages in what one receive returned. Raises WireError."""
    start, end = 0, len(buffer)
    while start < end:
        if end - start < _MESSAGE.size:
            raise WireError(f"A netlink message is cut off: {end - start} bytes are left at byte {start}.")
        length, kind, flags, sequence, _port = _MESSAGE.unpack_from(buffer, start)
        if length < _MESSAGE.size or start + length > end:
            raise WireError(
                f"A netlink message at byte {start} says it is {length} bytes long, {end - start} are there."
            )
        yield Message(kind, flags, sequence, start + _MESSAGE.size, start + length)
        start += (length + 3) & ~3


def error_number(buffer: Buffer, received: Message) -> int:
    """The error number of an NLMSG_ERROR or NLMSG_DONE message, 0 for success. Raises WireError."""
    if received.end - received.start < _ERROR.size:
        raise WireError("A netlink acknowledgement is cut off.")
    number: int = -_ERROR.unpack_from(buffer, received.start)[0]
    if not 0 <= number <= _MAX_ERRNO:
        raise WireError(f"A netlink acknowledgement says error {number}, which cannot be.")
    return number


# Padding is there several times and never read.
_REPEATED = (0, 0)


class Attributes:
    """The attributes in ``buffer[start:end]`` by their numbers. One that is there twice cannot be read."""

    def __init__(self, buffer: Buffer, start: int, end: int) -> None:
        self._buffer = buffer
        self._places: dict[int, tuple[int, int]] = {}
        places, unpack = self._places, _ATTRIBUTE.unpack_from
        while start + 4 <= end:
            length, kind = unpack(buffer, start)
            if length < 4 or start + length > end:
                raise WireError(
                    f"A netlink attribute at byte {start} says it is {length} bytes long, {end - start} are left."
                )
            kind &= NLA_TYPE_MASK
            places[kind] = _REPEATED if kind in places else (start + 4, start + length)
            start += (length + 3) & ~3
        if start < end:
            raise WireError(f"A netlink attribute is cut off at byte {start}.")

    def __contains__(self, kind: int) -> bool:
        return kind in self._places

    def place(self, kind: int, what: str) -> tuple[int, int]:
        """Where the payload of an attribute is that must be there."""
        try:
            place = self._places[kind]
        except KeyError:
            raise WireError(f"The kernel's answer lacks {what}.") from None
        if place is _REPEATED:
            raise WireError(f"The kernel's answer has {what} more than once.")
        return place

    def number(self, kind: int, form: struct.Struct, what: str) -> int:
        start, end = self.place(kind, what)
        if end - start != form.size:
            raise WireError(f"The kernel's {what} has {end - start} bytes instead of {form.size}.")
        value: int = form.unpack_from(self._buffer, start)[0]
        return value

    def nested(self, kind: int, what: str) -> Attributes:
        return Attributes(self._buffer, *self.place(kind, what))

    def raw(self, kind: int, what: str) -> bytes:
        start, end = self.place(kind, what)
        return bytes(self._buffer[start:end])

    def text(self, kind: int, what: str) -> str:
        """A string that the kernel ends with a zero byte."""
        text, zero, rest = self.raw(kind, what).partition(b"\0")
        if not zero or rest:
            raise WireError(f"The kernel's {what} does not end where it should.")
        try:
            decoded = text.decode("utf-8")  # the name of an interface can be anything
        except UnicodeDecodeError:
            raise WireError(f"The kernel's {what} is not text.") from None
        if not decoded.isprintable() or not decoded:
            raise WireError(f"The kernel's {what} is not a name: {decoded!r}.")
        return decoded

    def address(self, kind: int, family: str, what: str, *, size: int = 16) -> str:
        """An address; nearly everywhere the kernel keeps 16 bytes for either family."""
        packed = self.raw(kind, what)
        if len(packed) != size:
            raise WireError(f"The kernel's {what} has {len(packed)} bytes instead of {size}.")
        return unpacked_address(packed if family == "ipv6" else packed[:4])


def _attribute(kind: int, payload: bytes) -> bytes:
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def _nested(kind: int, *attributes: bytes) -> bytes:
    return _attribute(kind | NLA_F_NESTED, b"".join(attributes))


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode("utf-8") + b"\0")


def _u16(kind: int, number: int) -> bytes:
    return _attribute(kind, _U16.pack(number))


def _u32(kind: int, number: int) -> bytes:
    return _attribute(kind, _U32.pack(number))


def _address(kind: int, address: str) -> bytes:
    return _attribute(kind, packed_address(address).ljust(16, b"\0"))


def family_request(name: str = "") -> bytes:
    """Payload that asks the controller for one family by name, or (with a dump) for all."""
    return generic(CTRL_CMD_GETFAMILY, _text(CTRL_ATTR_FAMILY_NAME, name) if name else b"", version=1)


def family_reply(buffer: Buffer, start: int, end: int) -> tuple[str, int]:
    """Name and number of a family."""
    found = Attributes(buffer, start + GENERIC_SIZE, end)
    return found.text(CTRL_ATTR_FAMILY_NAME, "family name"), found.number(CTRL_ATTR_FAMILY_ID, _U16, "family number")


def _key_attributes(key: ServiceKey) -> bytes:
    family = _u16(_SVC_AF, _FAMILY_NUMBER[key.family])
    if key.fwmark is not None:
        return family + _u32(_SVC_FWMARK, key.fwmark)
    return b"".join(
        (
            family,
            _u16(_SVC_PROTOCOL, _PROTOCOL_NUMBER[str(key.protocol)]),
            _address(_SVC_ADDR, str(key.address)),
            _attribute(_SVC_PORT, _PORT.pack(key.port or 0)),
        )
    )


@functools.lru_cache(maxsize=1024)
def service_key_attribute(key: ServiceKey) -> bytes:
    """The service attribute that only says which service is meant."""
    return _nested(_ATTR_SERVICE, _key_attributes(key))


def service_attribute(service: Service) -> bytes:
    """The service attribute with everything: the kernel answers EINVAL to less (scheduler, flags, timeout, netmask)."""
    flags = flag_bits(service.scheduler, service.scheduler_flags) << _FLAG_SCHEDULER_SHIFT
    flags |= _FLAG_PERSISTENT if service.persistence else 0
    flags |= _FLAG_ONE_PACKET if service.one_packet else 0
    return _nested(
        _ATTR_SERVICE,
        _key_attributes(service.key),
        _text(_SVC_SCHED_NAME, service.scheduler),
        _text(_SVC_PE_NAME, service.persistence_engine) if service.persistence_engine else b"",
        _attribute(_SVC_FLAGS, _FLAGS.pack(flags, _FLAGS_KNOWN)),
        _u32(_SVC_TIMEOUT, service.persistence),
        _attribute(_SVC_NETMASK, _netmask(service)),
    )


def _netmask(service: Service) -> bytes:
    if service.key.family == "ipv6":
        return _U32.pack(int(service.persistence_netmask or 128))
    return packed_address(service.persistence_netmask or "255.255.255.255")


def destination_key_attribute(key: DestinationKey) -> bytes:
    """The destination attribute that only says which destination of a service is meant."""
    return _nested(_ATTR_DEST, _destination_key_attributes(key.address, key.port))


def _destination_key_attributes(address: str, port: int) -> bytes:
    family = _FAMILY_NUMBER["ipv6" if ":" in address else "ipv4"]
    return _u16(_DEST_ADDR_FAMILY, family) + _address(_DEST_ADDR, address) + _attribute(_DEST_PORT, _PORT.pack(port))


def destination_attribute(destination: Destination) -> bytes:
    """The destination attribute with everything."""
    return _attribute(
        _ATTR_DEST | NLA_F_NESTED,
        _DESTINATION_WRITTEN.packed(
            _FAMILY_NUMBER["ipv6" if ":" in destination.address else "ipv4"],
            packed_address(destination.address),
            _PORT.pack(destination.port),
            _FORWARDING_NUMBER[destination.forwarding],
            destination.weight,
            destination.upper_threshold,
            destination.lower_threshold,
            _TUNNEL_TYPE_NUMBER[destination.tunnel_type or "ipip"],
            _PORT.pack(destination.tunnel_port),
            _CHECKSUM_NUMBER[destination.tunnel_checksum],
        ),
    )


def service_reply(buffer: Buffer, start: int, end: int) -> tuple[Service, Counters]:
    """The service in a generic netlink payload, and what it counted. Raises WireError."""
    found = Attributes(buffer, start + GENERIC_SIZE, end).nested(_ATTR_SERVICE, "service")
    service = _service(found)
    return service, _counters(buffer, found.place(_SVC_STATS64, f"counters of service {service.key}"))


def service_value(buffer: Buffer, start: int, end: int) -> Service:
    """The service in a generic netlink payload. Raises WireError."""
    return _service(Attributes(buffer, start + GENERIC_SIZE, end).nested(_ATTR_SERVICE, "service"))


def _service(found: Attributes) -> Service:
    key = _service_key(found)
    scheduler = found.text(_SVC_SCHED_NAME, "scheduler")
    flags = found.number(_SVC_FLAGS, _FLAGS, f"flags of service {key}")
    persistence = found.number(_SVC_TIMEOUT, _U32, f"persistence of service {key}") if flags & _FLAG_PERSISTENT else 0
    return Service(
        key=key,
        scheduler=scheduler,
        scheduler_flags=flag_names(scheduler, (flags & _FLAG_SCHEDULER_MASK) >> _FLAG_SCHEDULER_SHIFT),
        persistence=persistence,
        persistence_netmask=_persistence_netmask(found, key) if persistence else None,
        persistence_engine=found.text(_SVC_PE_NAME, "persistence engine")
        if persistence and _SVC_PE_NAME in found
        else None,
        one_packet=bool(flags & _FLAG_ONE_PACKET),
    )


def _service_key(found: Attributes) -> ServiceKey:
    family = _known(_FAMILY, found.number(_SVC_AF, _U16, "address family"), "address family")
    if _SVC_FWMARK in found:
        fwmark = found.number(_SVC_FWMARK, _U32, "firewall mark")
        if not fwmark:
            raise WireError("The kernel says firewall mark 0, which stands for no mark.")
        return ServiceKey(family=family, fwmark=fwmark)
    return ServiceKey(
        family=family,
        protocol=_known(_PROTOCOL, found.number(_SVC_PROTOCOL, _U16, "protocol"), "protocol"),
        address=found.address(_SVC_ADDR, family, "service address"),
        port=found.number(_SVC_PORT, _PORT, "service port"),
    )


def _persistence_netmask(found: Attributes, key: ServiceKey) -> str:
    if key.family == "ipv6":
        length = found.number(_SVC_NETMASK, _U32, f"netmask of service {key}")
        if not 1 <= length <= 128:
            raise WireError(f"The kernel says prefix length {length} for service {key}, which is none of IPv6.")
        return str(length)
    return found.address(_SVC_NETMASK, "ipv4", f"netmask of service {key}", size=4)


def destination_reply(buffer: Buffer, start: int, end: int) -> tuple[Destination, Connections, Counters]:
    """The destination in a generic netlink payload, its connections and what it counted. Raises WireError."""
    found = Attributes(buffer, start + GENERIC_SIZE, end).nested(_ATTR_DEST, "destination")
    connections = Connections(
        active=found.number(_DEST_ACTIVE_CONNS, _U32, "active connections"),
        inactive=found.number(_DEST_INACT_CONNS, _U32, "inactive connections"),
        persistent=found.number(_DEST_PERSIST_CONNS, _U32, "persistent connections"),
    )
    counters = _counters(buffer, found.place(_DEST_STATS64, "counters of a destination"))
    return _destination(found), connections, counters


def destination_value(buffer: Buffer, start: int, end: int) -> Destination:
    """The destination in a generic netlink payload. Raises WireError."""
    return _quick_destination(buffer, start + GENERIC_SIZE, end) or _destination(
        Attributes(buffer, start + GENERIC_SIZE, end).nested(_ATTR_DEST, "destination")
    )


def _quick_destination(buffer: Buffer, start: int, end: int) -> Destination | None:
    """The destination when it has the usual form and usual values; None when it needs a closer look."""
    place = start + 4 + _DESTINATION_READ.size
    if place > end:
        return None
    length, kind = _ATTRIBUTE.unpack_from(buffer, start)
    values = _DESTINATION_READ.unpacked(buffer, start + 4)
    if values is None or length != end - start or kind & NLA_TYPE_MASK != _ATTR_DEST:
        return None
    while place + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(buffer, place)
        if length < 4 or kind & NLA_TYPE_MASK in _DESTINATION_READ.kinds:
            return None
        place += (length + 3) & ~3
    packed, port, forwarding, weight, tunnel, tunnel_port, checksum, upper, lower, _active, _inactive, _kept, family = (
        values
    )
    known = family in _ADDRESS_SIZE and forwarding in _FORWARDING and tunnel in _TUNNEL_TYPE and checksum in _CHECKSUM
    if not known or place != end:
        return None
    address = unpacked_address(packed[: _ADDRESS_SIZE[family]])
    plain = Destination(address, _PORT.unpack(port)[0], _FORWARDING[forwarding], weight, upper, lower)
    if plain.forwarding != "tunnel":
        return plain
    return plain._replace(
        tunnel_type=_TUNNEL_TYPE[tunnel],
        tunnel_port=_PORT.unpack(tunnel_port)[0],
        tunnel_checksum=_CHECKSUM[checksum],
    )


def _destination(found: Attributes) -> Destination:
    family = _known(_FAMILY, found.number(_DEST_ADDR_FAMILY, _U16, "address family"), "address family")
    forwarding = _known(
        _FORWARDING, found.number(_DEST_FWD_METHOD, _U32, "forwarding method"), "forwarding method of a destination"
    )
    # Kernels before 5.2 have neither types of tunnels nor their attributes, 5.2 itself has no checksums.
    tunnel = forwarding == "tunnel" and _DEST_TUN_TYPE in found
    return Destination(
        address=found.address(_DEST_ADDR, family, "destination address"),
        port=found.number(_DEST_PORT, _PORT, "destination port"),
        forwarding=forwarding,
        weight=found.number(_DEST_WEIGHT, _U32, "weight"),
        upper_threshold=found.number(_DEST_U_THRESH, _U32, "upper threshold"),
        lower_threshold=found.number(_DEST_L_THRESH, _U32, "lower threshold"),
        tunnel_type=_known(_TUNNEL_TYPE, found.number(_DEST_TUN_TYPE, _U8, "tunnel type"), "tunnel type")
        if tunnel
        else ("ipip" if forwarding == "tunnel" else None),
        tunnel_port=found.number(_DEST_TUN_PORT, _PORT, "tunnel port") if tunnel else 0,
        tunnel_checksum=_known(_CHECKSUM, found.number(_DEST_TUN_FLAGS, _U16, "tunnel flags"), "tunnel flags")
        if tunnel and _DEST_TUN_FLAGS in found
        else "none",
    )


def _counters(buffer: Buffer, place: tuple[int, int]) -> Counters:
    start, end = place
    form = _COUNTERS_FORMS.get(end - start)
    values = form.unpacked(buffer, start) if form else None
    if values:
        return Counters(*values)
    found = Attributes(buffer, start, end)
    return Counters(*(found.number(kind, _U64, "counter") for kind in range(_STATS_FIRST, _STATS_LAST + 1)))


def daemon_key_attribute(role: str) -> bytes:
    """The daemon attribute that only says which daemon is meant."""
    return _nested(_ATTR_DAEMON, _u32(_DAEMON_STATE, _DAEMON_ROLE_NUMBER[role]))


def daemon_attribute(daemon: Daemon) -> bytes:
    """The daemon attribute with everything that is known: the kernel chooses what is not said."""
    attributes = [
        _u32(_DAEMON_STATE, _DAEMON_ROLE_NUMBER[daemon.role]),
        _text(_DAEMON_MCAST_IFN, daemon.interface),
        _u32(_DAEMON_SYNC_ID, daemon.sync_id),
    ]
    if daemon.multicast_group is not None:
        kind = _DAEMON_MCAST_GROUP6 if ":" in daemon.multicast_group else _DAEMON_MCAST_GROUP
        attributes.append(_attribute(kind, packed_address(daemon.multicast_group)))
    if daemon.multicast_port is not None:
        attributes.append(_u16(_DAEMON_MCAST_PORT, daemon.multicast_port))  # unlike all other ports in machine order
    if daemon.multicast_ttl is not None:
        attributes.append(_attribute(_DAEMON_MCAST_TTL, _U8.pack(daemon.multicast_ttl)))
    if daemon.max_length is not None:
        attributes.append(_u16(_DAEMON_SYNC_MAXLEN, daemon.max_length))
    return _nested(_ATTR_DAEMON, *attributes)


def daemon_reply(buffer: Buffer, start: int, end: int) -> Daemon:
    """The connection synchronisation daemon in a generic netlink payload. Raises WireError."""
    found = Attributes(buffer, start + GENERIC_SIZE, end).nested(_ATTR_DAEMON, "daemon")
    group = None
    if _DAEMON_MCAST_GROUP in found:
        group = found.address(_DAEMON_MCAST_GROUP, "ipv4", "multicast group", size=4)
    elif _DAEMON_MCAST_GROUP6 in found:
        group = found.address(_DAEMON_MCAST_GROUP6, "ipv6", "multicast group")
    return Daemon(
        role=_known(_DAEMON_ROLE, found.number(_DAEMON_STATE, _U32, "role of a daemon"), "role of a daemon"),
        interface=found.text(_DAEMON_MCAST_IFN, "multicast interface"),
        sync_id=found.number(_DAEMON_SYNC_ID, _U32, "sync id"),
        multicast_group=group,
        multicast_port=found.number(_DAEMON_MCAST_PORT, _U16, "multicast port")
        if _DAEMON_MCAST_PORT in found
        else None,
        multicast_ttl=found.number(_DAEMON_MCAST_TTL, _U8, "multicast ttl") if _DAEMON_MCAST_TTL in found else None,
        max_length=found.number(_DAEMON_SYNC_MAXLEN, _U16, "longest message") if _DAEMON_SYNC_MAXLEN in found else None,
    )


def timeouts_attributes(timeouts: Timeouts) -> bytes:
    """The attributes with all timeouts."""
    return b"".join(
        (
            _u32(_ATTR_TIMEOUT_TCP, timeouts.tcp),
            _u32(_ATTR_TIMEOUT_TCP_FIN, timeouts.tcp_fin),
            _u32(_ATTR_TIMEOUT_UDP, timeouts.udp),
        )
    )


def timeouts_reply(buffer: Buffer, start: int, end: int) -> Timeouts:
    """The timeouts in a generic netlink payload. Raises WireError."""
    found = Attributes(buffer, start + GENERIC_SIZE, end)
    return Timeouts(
        tcp=found.number(_ATTR_TIMEOUT_TCP, _U32, "TCP timeout"),
        tcp_fin=found.number(_ATTR_TIMEOUT_TCP_FIN, _U32, "TCP FIN timeout"),
        udp=found.number(_ATTR_TIMEOUT_UDP, _U32, "UDP timeout"),
    )


def info_reply(buffer: Buffer, start: int, end: int) -> tuple[str, int]:
    """Version of IPVS (``1.2.1``) and number of buckets of its connection table. Raises WireError."""
    found = Attributes(buffer, start + GENERIC_SIZE, end)
    version = found.number(_INFO_VERSION, _U32, "version")
    return (
        f"{version >> 16 & 0xFF}.{version >> 8 & 0xFF}.{version & 0xFF}",
        found.number(_INFO_CONN_TAB_SIZE, _U32, "size of the connection table"),
    )


def _known(names: dict[int, str], number: int, what: str) -> str:
    try:
        return names[number]
    except KeyError:
        raise WireError(f"The kernel says {what} {number}, which this version of lvs.cluster does not know.") from None
