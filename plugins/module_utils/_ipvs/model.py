# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The IPVS table as values: services and destinations, immutable, normalised, comparable.

Whatever is made through ``service_key``, ``merged_service`` and ``merged_destination`` is valid for the kernel and in
one spelling, so that ``==`` means "the same for the kernel". The plain constructors check nothing; ``wire`` uses them
for what the kernel itself says. Names of fields are the names of the modules' options.

Facts about what the kernel takes: ``include/uapi/linux/ip_vs.h``, ``net/netfilter/ipvs/ip_vs_ctl.c``, ipvsadm(8).
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import re
from typing import Any, Collection, Mapping, NamedTuple, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._task.error import TaskError

SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos")
DEFAULT_SCHEDULER = "wlc"
PROTOCOLS = ("tcp", "udp", "sctp")
FAMILIES = ("ipv4", "ipv6")
FORWARDINGS = ("direct", "nat", "tunnel")
TUNNEL_TYPES = ("ipip", "gue", "gre")
TUNNEL_CHECKSUMS = ("none", "standard", "remote")
PERSISTENCE_ENGINES = ("sip",)
SCHEDULER_FLAGS = ("sh-fallback", "sh-port", "mh-fallback", "mh-port", "flag-1", "flag-2", "flag-3")

MOST_SECONDS = 31 * 24 * 3600  # ipvsadm's limit; the kernel multiplies by HZ without looking and overflows
MOST_WEIGHT = 2**31 - 1  # a signed int in the kernel
MOST_THRESHOLD = (
    2**31 - 1
)  # ipvsadm reads no more, and command lines for it are what we return; the kernel takes 32 bits
MOST_U32 = 2**32 - 1

# The kernel has three bits, whose meaning the scheduler gives. Names by position.
_FLAG_NAMES = {"sh": ("sh-fallback", "sh-port", "flag-3"), "mh": ("mh-fallback", "mh-port", "flag-3")}
_PLAIN_FLAG_NAMES = ("flag-1", "flag-2", "flag-3")


class IpvsError(TaskError):
    """Anything about the IPVS table that cannot be done."""


class ModelError(IpvsError):
    """A service or destination that the kernel would not take, or would silently change."""


@dataclasses.dataclass(frozen=True)
class ServiceKey:
    """What makes a service the same service: protocol, address and port, or a firewall mark and family."""

    family: str
    protocol: str | None = None
    address: str | None = None
    port: int | None = None
    fwmark: int | None = None

    def __str__(self) -> str:
        if self.fwmark is not None:
            suffix = "/ipv6" if self.family == "ipv6" else ""
            return f"fwmark/{self.fwmark}{suffix}"
        return f"{self.protocol}/{endpoint(str(self.address), self.port or 0)}"

    def sorting(self) -> tuple[Any, ...]:
        """For one order everywhere: marks last, addresses by number."""
        packed = packed_address(self.address) if self.address is not None else b""
        return (self.fwmark or 0, self.family, packed, self.port or 0, self.protocol or "")


class DestinationKey(NamedTuple):
    """What makes a destination of a service the same destination."""

    address: str
    port: int

    def __str__(self) -> str:
        return endpoint(self.address, self.port)

    def sorting(self) -> tuple[int, bytes, int]:
        packed = packed_address(self.address)
        return (len(packed), packed, self.port)


@dataclasses.dataclass(frozen=True)
class Service:
    """One service without its destinations. ``persistence`` in seconds, 0 is off; mask and engine belong to it."""

    key: ServiceKey
    scheduler: str = DEFAULT_SCHEDULER
    scheduler_flags: tuple[str, ...] = ()
    persistence: int = 0
    persistence_netmask: str | None = None
    persistence_engine: str | None = None
    one_packet: bool = False

    def as_options(self) -> dict[str, Any]:
        """The service in the names and shapes of the modules' options."""
        options = dataclasses.asdict(self.key)
        options.update((field, getattr(self, field)) for field in SERVICE_FIELDS)
        options["scheduler_flags"] = list(self.scheduler_flags)
        return options


class Destination(NamedTuple):
    """One destination of a service. Thresholds in connections, 0 is none; tunnel fields are set for tunnels only.

    A tuple: there are tens of thousands of them.
    """

    address: str
    port: int
    forwarding: str = "direct"
    weight: int = 1
    upper_threshold: int = 0
    lower_threshold: int = 0
    tunnel_type: str | None = None
    tunnel_port: int = 0
    tunnel_checksum: str = "none"

    @property
    def key(self) -> DestinationKey:
        return DestinationKey(self.address, self.port)

    def as_options(self) -> dict[str, Any]:
        """The destination in the names and shapes of the modules' options."""
        return dict(zip(("destination", "destination_port", *DESTINATION_FIELDS), self))


_WHERE = "\0"  # stands in a sentence for the destination and its service

SERVICE_FIELDS = tuple(field.name for field in dataclasses.fields(Service) if field.name != "key")
DESTINATION_FIELDS = tuple(name for name in Destination._fields if name not in ("address", "port"))


@dataclasses.dataclass(frozen=True)
class Counters:
    """What the kernel has counted since the entry was made, and its rates (averages per second)."""

    connections: int = 0
    incoming_packets: int = 0
    outgoing_packets: int = 0
    incoming_bytes: int = 0
    outgoing_bytes: int = 0
    connection_rate: int = 0
    incoming_packet_rate: int = 0
    outgoing_packet_rate: int = 0
    incoming_byte_rate: int = 0
    outgoing_byte_rate: int = 0

    def as_results(self) -> dict[str, dict[str, int]]:
        return {
            "counters": {
                "connections": self.connections,
                "incoming_packets": self.incoming_packets,
                "outgoing_packets": self.outgoing_packets,
                "incoming_bytes": self.incoming_bytes,
                "outgoing_bytes": self.outgoing_bytes,
            },
            "rates": {
                "connections": self.connection_rate,
                "incoming_packets": self.incoming_packet_rate,
                "outgoing_packets": self.outgoing_packet_rate,
                "incoming_bytes": self.incoming_byte_rate,
                "outgoing_bytes": self.outgoing_byte_rate,
            },
        }


class Connections(NamedTuple):
    """Connections that a destination has now."""

    active: int = 0
    inactive: int = 0
    persistent: int = 0

    def as_results(self) -> dict[str, int]:
        return {
            "active_connections": self.active,
            "inactive_connections": self.inactive,
            "persistent_connections": self.persistent,
        }


@dataclasses.dataclass(frozen=True)
class Table:
    """Services and their destinations: the whole table of one network namespace, or a part of it."""

    services: Mapping[ServiceKey, Service] = dataclasses.field(default_factory=dict)
    destinations: Mapping[ServiceKey, Mapping[DestinationKey, Destination]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        orphans = [key for key in self.destinations if key not in self.services]
        if orphans:
            raise ModelError(missing_service(orphans[0]))
        # A service without destinations has an empty entry, so that equal tables compare equal.
        destinations = {key: self.destinations.get(key, {}) for key in self.services}
        object.__setattr__(self, "destinations", destinations)

    def with_service(self, service: Service) -> Table:
        """This table with the service added, or in place of the one with its key."""
        return Table({**self.services, service.key: service}, self.destinations)

    def without_service(self, key: ServiceKey) -> Table:
        """This table without the service and its destinations."""
        return Table(
            {other: service for other, service in self.services.items() if other != key},
            {other: destinations for other, destinations in self.destinations.items() if other != key},
        )

    def with_destination(self, key: ServiceKey, destination: Destination) -> Table:
        """This table with the destination added to the service, or in place of the one with its key."""
        changed = {**self.destinations.get(key, {}), destination.key: destination}
        return Table(self.services, {**self.destinations, key: changed})

    def without_destination(self, key: ServiceKey, destination: DestinationKey) -> Table:
        """This table without the destination in that service."""
        kept = {other: value for other, value in self.destinations.get(key, {}).items() if other != destination}
        return Table(self.services, {**self.destinations, key: kept})

    def only(self, keys: Collection[ServiceKey]) -> Table:
        """These services of the table with their destinations; those that it does not have are left out."""
        found = {key: self.services[key] for key in keys if key in self.services}
        return Table(found, {key: self.destinations[key] for key in found})

    def as_options(self) -> list[dict[str, Any]]:
        """Every service with its destinations in the modules' option names, sorted."""
        return [
            {**self.services[key].as_options(), "destinations": self._destinations_as_options(key)}
            for key in sorted(self.services, key=ServiceKey.sorting)
        ]

    def _destinations_as_options(self, key: ServiceKey) -> list[dict[str, Any]]:
        destinations = self.destinations[key]
        return [destinations[each].as_options() for each in sorted(destinations, key=DestinationKey.sorting)]


def missing_service(key: ServiceKey) -> str:
    """The sentence for a destination whose service is not there."""
    return (
        f"Service {key} does not exist, so it cannot have a destination. Create it with lvs.cluster.ipvs_service first."
    )


def endpoint(address: str, port: int) -> str:
    """An address with a port as ipvsadm writes it: IPv6 in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def family_of(address: str) -> str:
    """The family of a normalised address."""
    return "ipv6" if ":" in address else "ipv4"


# IPv4 by hand: in a table of tens of thousands of addresses ipaddress alone would take as long as the kernel does.
_SPELLED_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}")


def packed_address(address: str) -> bytes:
    """4 or 16 bytes of a normalised address."""
    return ipaddress.IPv6Address(address).packed if ":" in address else bytes(map(int, address.split(".")))


def unpacked_address(packed: bytes) -> str:
    """The one spelling of an address of 4 or 16 bytes."""
    return str(ipaddress.IPv6Address(packed)) if len(packed) == 16 else ".".join(map(str, packed))


def normal_address(address: str, *, what: str) -> str:
    """The one spelling of an address that a person wrote. Raises ModelError."""
    if _SPELLED_IPV4.fullmatch(address):
        return address
    try:
        parsed = ipaddress.ip_address(address.strip())
    except ValueError:
        raise ModelError(f"{what} must be an IPv4 or IPv6 address, got {address!r}.") from None
    if getattr(parsed, "scope_id", None):
        raise ModelError(f"{what} must be an address without an interface, got {address!r}.")
    return str(parsed)


def service_key(
    *,
    address: str | None = None,
    port: int | None = None,
    protocol: str | None = None,
    fwmark: int | None = None,
    family: str | None = None,
) -> ServiceKey:
    """The key of a service from what a person gave. Raises ModelError."""
    if fwmark is not None:
        if address is not None:
            raise ModelError(f"A service has either a fwmark or an address, got fwmark {fwmark} and address {address}.")
        if port is not None:
            raise ModelError(
                f"A service of fwmark {fwmark} has no port: the rule that sets the mark chooses ports. Remove port."
            )
        return ServiceKey(
            family=_choice(family or "ipv4", FAMILIES, f"The family of fwmark {fwmark}"),
            fwmark=whole_number(fwmark, 1, MOST_U32, "fwmark"),
        )
    if address is None:
        raise ModelError("A service needs an address and a port, or a fwmark.")
    if port is None:
        raise ModelError(f"A service at address {address} needs a port (0 stands for all ports and needs persistence).")
    spelled = normal_address(address, what="The service's address")
    return ServiceKey(
        family=family_of(spelled),
        protocol=_choice(protocol or "tcp", PROTOCOLS, f"The protocol of service {endpoint(spelled, port)}"),
        address=spelled,
        port=whole_number(port, 0, 65535, "Port of the service at {}", spelled),
    )


def merged_service(key: ServiceKey, present: Service | None, given: Mapping[str, Any]) -> Service:
    """The service with what is given (None is not given), else as present, else as the kernel's usual default.

    Raises ModelError when the result is something that the kernel does not take or has no meaning.
    """
    if present is not None and _says_nothing_new(given, present):
        return present
    scheduler = _given(given, "scheduler", present, DEFAULT_SCHEDULER)
    engine = _given(given, "persistence_engine", present, None)
    service = Service(
        key=key,
        scheduler=scheduler,
        scheduler_flags=_merged_flags(key, scheduler, present, given.get("scheduler_flags")),
        persistence=whole_number(
            _given(given, "persistence", present, 0), 0, MOST_SECONDS, "Persistence of service {} in seconds", key
        ),
        persistence_netmask=_given(given, "persistence_netmask", present, None),
        persistence_engine=None if engine in (None, "none") else engine,
        one_packet=_given(given, "one_packet", present, False),
    )
    if service.one_packet and key.protocol in ("tcp", "sctp"):
        raise ModelError(f"Service {key} cannot use one_packet: it works with UDP and with firewall marks only.")
    if key.port == 0 and not service.persistence:
        raise ModelError(f"Service {key} with port 0 (all ports) needs persistence, in seconds.")
    return _with_normal_persistence(service, given)


def _with_normal_persistence(service: Service, given: Mapping[str, Any]) -> Service:
    """Mask and engine have a meaning with persistence only; without it the kernel does not look at them."""
    if service.persistence:
        mask = service.persistence_netmask or ("128" if service.key.family == "ipv6" else "32")
        return dataclasses.replace(service, persistence_netmask=_normal_mask(service.key, str(mask)))
    for option in ("persistence_netmask", "persistence_engine"):
        if given.get(option) not in (None, "none"):
            raise ModelError(
                f"Service {service.key} has no persistence, so {option} has no meaning. Set persistence as well."
            )
    return dataclasses.replace(service, persistence_netmask=None, persistence_engine=None)


def _normal_mask(key: ServiceKey, mask: str) -> str:
    """An IPv4 mask as four numbers, an IPv6 one as its prefix length."""
    if key.family == "ipv6":
        return str(whole_number(mask, 1, 128, "persistence_netmask of service {} (a prefix length, for IPv6)", key))
    if not mask.isdigit():
        try:
            number = int(ipaddress.IPv4Address(mask))
        except ValueError:
            raise ModelError(
                f"persistence_netmask of service {key} must be an IPv4 mask or a prefix length, got {mask!r}."
            ) from None
        return str(ipaddress.IPv4Address(number))
    length = whole_number(mask, 1, 32, "persistence_netmask of service {} as a prefix length", key)
    return str(ipaddress.IPv4Address(MOST_U32 << (32 - length) & MOST_U32))


def flag_names(scheduler: str, bits: int) -> tuple[str, ...]:
    """Names of the scheduler's flags from the three bits."""
    names = _FLAG_NAMES.get(scheduler, _PLAIN_FLAG_NAMES)
    return tuple(name for position, name in enumerate(names) if bits >> position & 1)


def flag_bits(scheduler: str, names: Sequence[str]) -> int:
    """The three bits from names. Raises ModelError for a flag of another scheduler."""
    known = {name: position for position, name in enumerate(_PLAIN_FLAG_NAMES)}
    known.update((name, position) for position, name in enumerate(_FLAG_NAMES.get(scheduler, ())))
    bits = 0
    for name in names:
        if name not in known:
            raise ModelError(
                "Scheduler {} has no flag {}. It knows: {}.".format(scheduler, name, ", ".join(sorted(known)))
            )
        bits |= 1 << known[name]
    return bits


def _merged_flags(
    key: ServiceKey, scheduler: str, present: Service | None, given: Sequence[str] | None
) -> tuple[str, ...]:
    if given is not None:
        try:
            return flag_names(scheduler, flag_bits(scheduler, given))
        except ModelError as error:
            raise ModelError(f"Service {key}: {error}") from None
    # What a flag means is the scheduler's matter: another scheduler does not inherit it.
    return present.scheduler_flags if present and present.scheduler == scheduler else ()


def destination_key(key: ServiceKey, *, destination: str, destination_port: int | None = None) -> DestinationKey:
    """The key of a destination; without a port it has the service's (0 with a firewall mark). Raises ModelError."""
    address = _one_machine(destination)
    if address is None:
        address = normal_address(destination, what=f"The destination of service {key}")
        raise ModelError(f"Destination {address} of service {key} must be the address of one machine.")
    port = (key.port or 0) if destination_port is None else destination_port
    return DestinationKey(address, whole_number(port, 0, 65535, "Port of {} in service {}", address, key))


@functools.lru_cache(maxsize=4096)
def _one_machine(address: str) -> str | None:
    """The one spelling of an address that a machine can have; None for anything else."""
    try:
        spelled = normal_address(address, what="")
    except ModelError:
        return None
    packed = packed_address(spelled)
    multicast = packed[0] == 0xFF if len(packed) == 16 else packed[0] >> 4 == 0xE
    return spelled if any(packed) and not multicast else None


def merged_destination(
    service: ServiceKey, key: DestinationKey, present: Destination | None, given: Mapping[str, Any]
) -> Destination:
    """The destination with what is given (None is not given), else as present, else as the kernel's usual default.

    Raises ModelError when the result is something that the kernel does not take or silently changes.
    """
    said = tuple(map(given.get, DESTINATION_FIELDS))
    # The very object that is there, when nothing new is said: most of a large table, which then is compared faster.
    if present is not None and all(value is None or value == held for value, held in zip(said, present[2:])):
        return present
    try:
        shape = _shape(said, present and present._replace(address="", port=0))
    except ModelError as error:
        raise ModelError(str(error).replace(_WHERE, f"{key.address} in service {service}")) from None
    if shape.forwarding != "nat" and key.port != (service.port or 0):
        raise ModelError(
            f"Destination {key} of service {service} has forwarding {shape.forwarding}, which cannot change the port:"
            f" use port {service.port or 0}, or forwarding nat."
        )
    if shape.forwarding != "tunnel" and family_of(key.address) != service.family:
        raise ModelError(
            f"Destination {key.address} is of another address family than service {service}:"
            " only forwarding tunnel can do that."
        )
    return Destination(key.address, key.port, *shape[2:])


@functools.lru_cache(maxsize=4096)
def _shape(said: tuple[Any, ...], present: Destination | None) -> Destination:
    """A destination without address and port: there are few of these even in a table of a hundred thousand.

    ``said`` are the given values of DESTINATION_FIELDS. ModelError has _WHERE for the place.
    """
    given = dict(zip(DESTINATION_FIELDS, said))
    shape = Destination(
        address="",
        port=0,
        forwarding=_given(given, "forwarding", present, "direct"),
        weight=whole_number(_given(given, "weight", present, 1), 0, MOST_WEIGHT, f"Weight of {_WHERE}"),
        upper_threshold=whole_number(
            _given(given, "upper_threshold", present, 0), 0, MOST_THRESHOLD, f"Upper threshold of {_WHERE}"
        ),
        lower_threshold=whole_number(
            _given(given, "lower_threshold", present, 0), 0, MOST_THRESHOLD, f"Lower threshold of {_WHERE}"
        ),
    )
    lower, upper = shape.lower_threshold, shape.upper_threshold
    if lower > upper:
        raise ModelError(
            f"Lower threshold of {_WHERE} must not be larger than the upper one, got lower {lower} and upper {upper}."
            " Give both: what is not given stays as it is."
        )
    return _with_normal_tunnel(shape, present, given)


def _with_normal_tunnel(destination: Destination, present: Destination | None, given: Mapping[str, Any]) -> Destination:
    """The tunnel's fields have a meaning with forwarding tunnel only, port and checksum with some types only."""
    if destination.forwarding != "tunnel":
        # What the modules return for a destination without a tunnel can be given back to them.
        for option, nothing in (("tunnel_type", None), ("tunnel_port", 0), ("tunnel_checksum", "none")):
            if given.get(option) not in (None, nothing):
                raise ModelError(f"{option} of {_WHERE} has a meaning with forwarding tunnel only.")
        return destination
    kind = given.get("tunnel_type") or (present.tunnel_type if present else None) or "ipip"
    same = present if present and present.tunnel_type == kind else None
    port = whole_number(_given(given, "tunnel_port", same, 0), 0, 65535, f"Tunnel port of {_WHERE}")
    checksum = _given(given, "tunnel_checksum", same, "none")
    if kind == "gue" and not port:
        raise ModelError(
            f"Tunnel type gue of {_WHERE} needs tunnel_port, the UDP port that the real server listens on."
        )
    if kind != "gue" and port:
        raise ModelError(f"Tunnel type {kind} of {_WHERE} has no port: remove tunnel_port, or use type gue.")
    if (checksum == "remote" and kind != "gue") or (checksum == "standard" and kind == "ipip"):
        raise ModelError(f"Tunnel type {kind} of {_WHERE} has no {checksum} checksum.")
    return destination._replace(tunnel_type=kind, tunnel_port=port, tunnel_checksum=checksum)


def _says_nothing_new(given: Mapping[str, Any], present: Service) -> bool:
    """Whether all that is given is as it is: then nothing has to be looked at, which is most of a large table."""
    for field in SERVICE_FIELDS:
        value = given.get(field)
        if value is not None and value != getattr(present, field):
            return False
    return True


def _given(given: Mapping[str, Any], field: str, present: Service | Destination | None, default: Any) -> Any:
    value = given.get(field)
    if value is not None:
        return value
    return default if present is None else getattr(present, field)


def whole_number(value: Any, least: int, most: int, what: str, *where: object) -> int:
    """The number, within bounds. Raises ModelError about ``what.format(*where)``."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise ModelError(f"{what.format(*where)} must be a whole number, got {value!r}.") from None
    if least <= number <= most:
        return number
    bound = f"{least} or more" if number < least else f"at most {most}"
    raise ModelError(f"{what.format(*where)} must be {bound}, got {number}.")


def _choice(value: str, choices: Sequence[str], what: str) -> str:
    if value not in choices:
        raise ModelError("{} must be one of {}, got {!r}.".format(what, ", ".join(choices), value))
    return value
