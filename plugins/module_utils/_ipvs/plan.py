# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""From one IPVS table to another: two tables in, a list of operations out, nothing else."""

from __future__ import annotations

from typing import Iterable, Iterator, Mapping, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Destination,
    DestinationKey,
    Service,
    ServiceKey,
    Table,
)

CREATE, EDIT, DELETE = "create", "edit", "delete"

_SERVICE_SWITCH = {CREATE: "-A", EDIT: "-E", DELETE: "-D"}
_DESTINATION_SWITCH = {CREATE: "-a", EDIT: "-e", DELETE: "-d"}
_PROTOCOL_SWITCH = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}
_FORWARDING_SWITCH = {"direct": "-g", "nat": "-m", "tunnel": "-i"}
_CHECKSUM_SWITCH = {"none": "--tun-nocsum", "standard": "--tun-csum", "remote": "--tun-remcsum"}


class Operation(NamedTuple):
    """One message to the kernel: create, edit or delete a service, or one of its destinations when that is set."""

    action: str
    service: Service
    destination: Destination | None = None

    def command(self) -> str:
        """The equivalent ``ipvsadm`` command line. It is complete: ``-E`` and ``-e`` reset whatever is not said."""
        key = key_arguments(self.service.key)
        if self.destination is None:
            words = ["ipvsadm", _SERVICE_SWITCH[self.action], key]
            words += [] if self.action == DELETE else service_arguments(self.service)
        else:
            words = ["ipvsadm", _DESTINATION_SWITCH[self.action], key, f"-r {self.destination.key}"]
            words += [] if self.action == DELETE else destination_arguments(self.destination)
        return " ".join(words)


def plan(*, current: Table, desired: Table) -> list[Operation]:
    """The operations, in order, that turn ``current`` into ``desired``.

    What serves stays in service: whatever adds capacity (new services, new destinations, higher weights) comes before
    whatever takes capacity away (lower weights, then all removals), and what is in both tables is edited in place,
    because deleting it and making it anew would drop its connections.
    """
    new = _sorted(key for key in desired.services if key not in current.services)
    common = _sorted(key for key in desired.services if key in current.services)
    gone = _sorted(key for key in current.services if key not in desired.services)
    operations = [Operation(CREATE, desired.services[key]) for key in new]
    operations += [
        Operation(EDIT, desired.services[key]) for key in common if desired.services[key] != current.services[key]
    ]
    # Most services of a large table are as they shall be: their destinations are one and the same object.
    differing = [key for key in common if current.destinations[key] is not desired.destinations[key]]
    for key in new + differing:
        operations += _additions(key, current, desired)
    for key in differing:
        operations += _reductions(key, current, desired)
    for key in differing:
        operations += _removals(key, current, desired)
    # The kernel removes the destinations of a removed service itself.
    operations += [Operation(DELETE, current.services[key]) for key in gone]
    return operations


def _additions(key: ServiceKey, current: Table, desired: Table) -> Iterator[Operation]:
    service, before, after = desired.services[key], current.destinations.get(key, {}), desired.destinations[key]
    ordered = sorted(after, key=DestinationKey.sorting)
    for each in ordered:
        if each not in before:
            yield Operation(CREATE, service, after[each])
    for each in ordered if before else ():
        if each in before and after[each] != before[each] and after[each].weight >= before[each].weight:
            yield Operation(EDIT, service, after[each])


def _reductions(key: ServiceKey, current: Table, desired: Table) -> Iterator[Operation]:
    service, before, after = desired.services[key], current.destinations[key], desired.destinations[key]
    for each in sorted(after, key=DestinationKey.sorting):
        if each in before and after[each].weight < before[each].weight:
            yield Operation(EDIT, service, after[each])


def _removals(key: ServiceKey, current: Table, desired: Table) -> Iterator[Operation]:
    service, before, after = desired.services[key], current.destinations[key], desired.destinations[key]
    for each in sorted(before, key=DestinationKey.sorting):
        if each not in after:
            yield Operation(DELETE, service, before[each])


def reverted(*, found: Table, before: Table, operations: Iterable[Operation]) -> Table:
    """``found`` with every object that the operations name as it was ``before``, and all else as it is."""
    services = dict(found.services)
    destinations = {key: dict(members) for key, members in found.destinations.items()}
    for operation in operations:
        key = operation.service.key
        if operation.destination is None:
            if key not in before.services:
                services.pop(key, None)
            elif operation.action == DELETE:
                services[key] = before.services[key]
                destinations[key] = dict(before.destinations[key])
            elif key in services:  # else another program has removed it
                services[key] = before.services[key]
        elif key in before.services:
            _put_back(destinations.setdefault(key, {}), before.destinations[key], operation.destination.key)
    return Table(services, {key: members for key, members in destinations.items() if key in services})


def _put_back(
    members: dict[DestinationKey, Destination], before: Mapping[DestinationKey, Destination], key: DestinationKey
) -> None:
    if key in before:
        members[key] = before[key]
    else:
        members.pop(key, None)


def restoring_lines(table: Table) -> list[str]:
    """The table as lines that ``ipvsadm -R`` reads; thresholds, which ``ipvsadm -S`` does not print, are there too."""
    lines = []
    for key in _sorted(iter(table.services)):
        name, members = key_arguments(key), table.destinations[key]
        lines.append(" ".join(["-A", name, *service_arguments(table.services[key])]))
        lines += [
            " ".join(["-a", name, f"-r {each}", *destination_arguments(members[each])])
            for each in sorted(members, key=DestinationKey.sorting)
        ]
    return lines


def _sorted(keys: Iterator[ServiceKey]) -> list[ServiceKey]:
    return sorted(keys, key=ServiceKey.sorting)


def key_arguments(key: ServiceKey) -> str:
    """A service's key as ipvsadm writes it."""
    if key.fwmark is not None:
        return "-f {}{}".format(key.fwmark, " -6" if key.family == "ipv6" else "")
    return "{} {}".format(_PROTOCOL_SWITCH[key.protocol or "tcp"], str(key).split("/", 1)[1])


def service_arguments(service: Service) -> list[str]:
    """A service's options as ipvsadm writes them."""
    words = [f"-s {service.scheduler}"]
    if service.persistence:
        words.append(f"-p {service.persistence}")
        if service.persistence_netmask not in (None, "255.255.255.255", "128"):
            words.append(f"-M {service.persistence_netmask}")
        if service.persistence_engine:
            words.append(f"--pe {service.persistence_engine}")
    if service.one_packet:
        words.append("-o")
    if service.scheduler_flags:
        words.append("-b {}".format(",".join(service.scheduler_flags)))
    return words


def destination_arguments(destination: Destination) -> list[str]:
    """A destination's options as ipvsadm writes them."""
    words = [_FORWARDING_SWITCH[destination.forwarding], f"-w {destination.weight}"]
    if destination.upper_threshold:
        words += [f"-x {destination.upper_threshold}", f"-y {destination.lower_threshold}"]
    if destination.tunnel_type:
        words.append(f"--tun-type {destination.tunnel_type}")
        if destination.tunnel_port:
            words.append(f"--tun-port {destination.tunnel_port}")
        if destination.tunnel_type != "ipip":
            words.append(_CHECKSUM_SWITCH[destination.tunnel_checksum])
    return words
