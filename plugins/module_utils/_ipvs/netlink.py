# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The netlink socket to IPVS: the only place that talks to the kernel.

How it behaves (measured on Linux 6.1): requests without acknowledgement, many in one send, are fifteen times faster
than acknowledged ones, and failing ones are answered all the same as long as the receive buffer has room. So operations
go out in batches, the last of each batch acknowledged, and every answer is read before the next batch.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import socket
import struct
import time
from types import TracebackType
from typing import Callable, Iterable, Iterator, Mapping, Sequence, TypeVar

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import wire
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.daemon import START, Daemon, DaemonOperation
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import (
    Connections,
    Counters,
    Destination,
    DestinationKey,
    IpvsError,
    Service,
    ServiceKey,
    Table,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.plan import CREATE, DELETE, EDIT, Operation
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.timeouts import Timeouts

# linux/netlink.h; Python's socket module has no names for these.
_NETLINK_GENERIC, _SOL_NETLINK, _NETLINK_CAP_ACK = 16, 270, 10
_SO_RCVBUFFORCE = 33

_RECEIVE_SIZE = 1 << 17  # larger than any message of the kernel: it makes dumps of at most 32 KiB a message
_RECEIVE_BUFFER = 4 << 20
_ANSWER_SECONDS = 30  # for one receive
_WHOLE_ANSWER_SECONDS = 300  # a hundred times what the largest tables take
_BATCH = 256
_DUMP_TRIES = 5

Reply = TypeVar("Reply")

_SERVICE_COMMAND = {CREATE: wire.CMD_NEW_SERVICE, EDIT: wire.CMD_SET_SERVICE, DELETE: wire.CMD_DEL_SERVICE}
_DESTINATION_COMMAND = {CREATE: wire.CMD_NEW_DEST, EDIT: wire.CMD_SET_DEST, DELETE: wire.CMD_DEL_DEST}


class KernelError(IpvsError):
    """The kernel answered with an error number."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"{what}: {os.strerror(number)} ({errno.errorcode.get(number, number)}).")
        self.number = number


class NotLoadedError(KernelError):
    """The kernel has no IPVS now: its module is not loaded."""


class NotPermittedError(KernelError):
    """The process lacks CAP_NET_ADMIN."""


class NotFoundError(KernelError):
    """The service, the destination, or the scheduler's module is not there."""


class AlreadyThereError(KernelError):
    """The service or destination is there already: somebody else has made it meanwhile."""


class NotAcceptedError(KernelError):
    """The kernel does not take these values."""


class AnswersLostError(KernelError):
    """The receive buffer overflowed, or no answer came: what was applied is not known, read the table again."""


_KERNEL_ERRORS: Mapping[int, type[KernelError]] = {
    errno.EPERM: NotPermittedError,
    errno.EACCES: NotPermittedError,
    errno.ENOENT: NotFoundError,
    errno.ESRCH: NotFoundError,
    errno.EEXIST: AlreadyThereError,
    errno.EINVAL: NotAcceptedError,
    errno.ERANGE: NotAcceptedError,
    errno.EOPNOTSUPP: NotAcceptedError,
    errno.EAFNOSUPPORT: NotAcceptedError,
    errno.ENOBUFS: AnswersLostError,
    errno.EAGAIN: AnswersLostError,
}


def kernel_error(number: int, what: str) -> KernelError:
    """The exception that stands for an error number."""
    return _KERNEL_ERRORS.get(number, KernelError)(number, what)


class OperationFailedError(IpvsError):
    """An operation that the kernel refused. ``done`` are those that it carried out, perhaps some after it."""

    def __init__(self, operation: Operation, cause: KernelError, done: Sequence[Operation] = ()) -> None:
        super().__init__(f"{operation.command()} failed: {cause}")
        self.operation = operation
        self.cause = cause
        self.done = tuple(done)


@dataclasses.dataclass(frozen=True)
class Reading:
    """The kernel's table at one moment. What only counts stands beside what is compared."""

    table: Table = dataclasses.field(default_factory=Table)
    service_counters: Mapping[ServiceKey, Counters] = dataclasses.field(default_factory=dict)
    connections: Mapping[ServiceKey, Mapping[DestinationKey, Connections]] = dataclasses.field(default_factory=dict)
    counters: Mapping[ServiceKey, Mapping[DestinationKey, Counters]] = dataclasses.field(default_factory=dict)


class Kernel:
    """An open netlink socket to the IPVS of this network namespace. A context manager.

    Raises NotLoadedError when the kernel has no IPVS. Looking does not make the kernel load it, unlike asking for the
    family by its name.
    """

    def __init__(self) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC)
        except (AttributeError, OSError) as error:
            raise IpvsError(f"This host has no netlink sockets, so it is no Linux with IPVS: {error}.") from error
        try:
            self._sequence = 0
            self._open()
            # The number is another after each loading of the module: never remembered.
            self._family = self._family_number()
        except BaseException:
            self._socket.close()
            raise

    def _open(self) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except OSError:
            # Without the capability only up to the system's limit.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        # Not settimeout(), which costs a poll() before each receive.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _ANSWER_SECONDS, 0))
        self._socket.bind((0, 0))

    def __enter__(self) -> Kernel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def _family_number(self) -> int:
        families = dict(
            self._dump(wire.GENL_ID_CTRL, wire.family_request(), wire.family_reply, "Listing netlink families")
        )
        if wire.FAMILY_NAME not in families:
            raise NotLoadedError(errno.ENOENT, "The kernel has no IPVS (module ip_vs is not loaded)")
        return int(families[wire.FAMILY_NAME])

    def read(self, wanted: Callable[[ServiceKey], bool] | None = None) -> Reading:
        """The services that are wanted, with their destinations. Raises IpvsError."""
        request = wire.generic(wire.CMD_GET_SERVICE)
        services = self._dump(self._family, request, wire.service_reply, "Reading services")
        return self._with_destinations([each for each in services if wanted is None or wanted(each[0].key)])

    def read_table(self, wanted: Callable[[ServiceKey], bool]) -> Table:
        """The services that are wanted, with their destinations, without anything that counts. Raises IpvsError."""
        services = self.read_services(wanted)
        return Table(services, {key: self.read_destinations(key) for key in services})

    def read_services(self, wanted: Callable[[ServiceKey], bool]) -> dict[ServiceKey, Service]:
        """The services that are wanted, without their destinations. Raises IpvsError."""
        request = wire.generic(wire.CMD_GET_SERVICE)
        found = self._dump(self._family, request, wire.service_value, "Reading services")
        return {service.key: service for service in found if wanted(service.key)}

    def read_destinations(self, key: ServiceKey) -> dict[DestinationKey, Destination]:
        """The destinations of a service, without anything that counts; none when the service is gone."""
        request = wire.generic(wire.CMD_GET_DEST, wire.service_key_attribute(key))
        found = self._dump(self._family, request, wire.destination_value, f"Reading destinations of service {key}")
        return {destination.key: destination for destination in found}

    def read_service(self, key: ServiceKey) -> Reading:
        """One service with its destinations; nothing when it does not exist. Raises IpvsError."""
        request = wire.generic(wire.CMD_GET_SERVICE, wire.service_key_attribute(key))
        try:
            return self._with_destinations([self._ask(request, wire.service_reply, f"Reading service {key}")])
        except NotFoundError:
            return Reading()

    def _with_destinations(self, services: Sequence[tuple[Service, Counters]]) -> Reading:
        destinations, connections, counters = {}, {}, {}
        for service, _counters in services:
            key = service.key
            request = wire.generic(wire.CMD_GET_DEST, wire.service_key_attribute(key))
            found = self._dump(self._family, request, wire.destination_reply, "Reading destinations")
            destinations[key] = {each[0].key: each[0] for each in found}
            connections[key] = {each[0].key: each[1] for each in found}
            counters[key] = {each[0].key: each[2] for each in found}
        return Reading(
            table=Table({service.key: service for service, _counters in services}, destinations),
            service_counters={service.key: counted for service, counted in services},
            connections=connections,
            counters=counters,
        )

    def info(self) -> tuple[str, int]:
        """Version and number of buckets of the connection table."""
        return self._ask(wire.generic(wire.CMD_GET_INFO), wire.info_reply, "Reading the version of IPVS")

    def timeouts(self) -> Timeouts:
        """The timeouts of idle connections."""
        return self._ask(wire.generic(wire.CMD_GET_CONFIG), wire.timeouts_reply, "Reading the timeouts")

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """Sets all timeouts. Raises KernelError."""
        request = wire.generic(wire.CMD_SET_CONFIG, wire.timeouts_attributes(timeouts))
        self._tell(request, f"{timeouts.command()} failed")

    def daemons(self) -> list[Daemon]:
        """The running connection synchronisation daemons."""
        return self._dump(self._family, wire.generic(wire.CMD_GET_DAEMON), wire.daemon_reply, "Reading the daemons")

    def apply_to_daemon(self, operation: DaemonOperation) -> None:
        """Starts or stops a connection synchronisation daemon. Raises KernelError."""
        if operation.action == START:
            request = wire.generic(wire.CMD_NEW_DAEMON, wire.daemon_attribute(operation.daemon))
        else:
            request = wire.generic(wire.CMD_DEL_DAEMON, wire.daemon_key_attribute(operation.daemon.role))
        self._tell(request, f"{operation.command()} failed")

    def apply(self, operations: Iterable[Operation]) -> None:
        """Carries out operations in order.

        Raises OperationFailedError for the first that the kernel refuses; the rest of its batch may be applied, later
        ones are not. Raises AnswersLostError when it is not known what was applied. Either way, read the table again.
        """
        pending = list(operations)
        first = 0
        try:
            for first in range(0, len(pending), _BATCH):
                self._apply_batch(pending[first : first + _BATCH])
        except OperationFailedError as error:
            raise OperationFailedError(error.operation, error.cause, [*pending[:first], *error.done]) from None

    def _apply_batch(self, batch: Sequence[Operation]) -> None:
        first = self._sequence + 1
        last = self._sequence = self._sequence + len(batch)
        requests = bytearray()
        for sequence, operation in enumerate(batch, first):
            flags = wire.NLM_F_REQUEST | (wire.NLM_F_ACK if sequence == last else 0)
            requests += wire.message(self._family, flags, sequence, request_of(operation))
        self._send(requests)
        refused: dict[int, int] = {}
        for buffer, received in self._answers(lambda answer: answer.sequence == last, "Writing the table"):
            if received.kind == wire.NLMSG_ERROR and first <= received.sequence <= last:
                number = wire.error_number(buffer, received)
                if number:
                    refused[received.sequence] = number
        if refused:
            sequence = min(refused)
            done = [operation for number, operation in enumerate(batch, first) if number not in refused]
            raise OperationFailedError(
                batch[sequence - first], kernel_error(refused[sequence], "the kernel says"), done
            )

    def _ask(self, request: bytes, decode: Callable[[wire.Buffer, int, int], Reply], what: str) -> Reply:
        """The one answer to a request."""
        self._sequence += 1
        sequence = self._sequence
        self._send(wire.message(self._family, wire.NLM_F_REQUEST | wire.NLM_F_ACK, sequence, request))
        reply = None
        # The acknowledgement follows the answer, so nothing is left behind for the next request.
        for buffer, received in self._answers(
            lambda answer: answer.sequence == sequence and answer.kind == wire.NLMSG_ERROR, what
        ):
            if received.sequence != sequence:
                continue
            if received.kind == wire.NLMSG_ERROR:
                number = wire.error_number(buffer, received)
                if number:
                    raise kernel_error(number, what)
            elif received.kind == self._family:
                reply = decode(buffer, received.start, received.end)
        if reply is None:
            raise wire.WireError(f"{what}: the kernel sent no answer.")
        return reply

    def _tell(self, request: bytes, what: str) -> None:
        """Sends a request that the kernel answers only to refuse it.

        Not this one is acknowledged but a harmless one behind it: to stop a daemon whose thread has not run yet ends
        with EINTR inside the kernel, which does stop it and says nothing at all then (``kthread()`` in
        ``kernel/kthread.c``, ``netlink_rcv_skb()`` in ``net/netlink/af_netlink.c``).
        """
        sequence, last = self._sequence + 1, self._sequence + 2
        self._sequence = last
        barrier = wire.generic(wire.CMD_GET_INFO)
        self._send(
            wire.message(self._family, wire.NLM_F_REQUEST, sequence, request)
            + wire.message(self._family, wire.NLM_F_REQUEST | wire.NLM_F_ACK, last, barrier)
        )
        refused = 0
        for buffer, received in self._answers(
            lambda answer: answer.sequence == last and answer.kind == wire.NLMSG_ERROR, what
        ):
            if received.kind == wire.NLMSG_ERROR and received.sequence in (sequence, last):
                refused = refused or wire.error_number(buffer, received)
        if refused:
            raise kernel_error(refused, what)

    def _dump(
        self, kind: int, request: bytes, decode: Callable[[wire.Buffer, int, int], Reply], what: str
    ) -> list[Reply]:
        """Every entry of a list that the kernel keeps. Again from the start when it changed meanwhile."""
        for _try in range(_DUMP_TRIES):
            self._sequence += 1
            self._send(
                wire.message(kind, wire.NLM_F_REQUEST | wire.NLM_F_DUMP, self._sequence, request),
            )
            entries, interrupted = self._dumped(kind, self._sequence, decode, what)
            if not interrupted:
                return entries
        raise kernel_error(errno.EAGAIN, f"{what}: the table changed under each of {_DUMP_TRIES} tries")

    def _dumped(
        self, kind: int, sequence: int, decode: Callable[[wire.Buffer, int, int], Reply], what: str
    ) -> tuple[list[Reply], bool]:
        entries: list[Reply] = []
        interrupted = False
        for buffer in self._buffers(what):
            for received in wire.messages(buffer):
                if received.kind == kind and received.sequence == sequence:
                    interrupted = interrupted or bool(received.flags & wire.NLM_F_DUMP_INTR)
                    entries.append(decode(buffer, received.start, received.end))
                elif self._is_end(buffer, received, sequence, what):
                    if received.kind == wire.NLMSG_ERROR:
                        raise wire.WireError(f"{what}: the kernel acknowledged the request and listed nothing.")
                    return entries, interrupted or bool(received.flags & wire.NLM_F_DUMP_INTR)
        raise wire.WireError(f"{what}: the kernel ended its answer too early.")

    @staticmethod
    def _is_end(buffer: bytes, received: wire.Message, sequence: int, what: str) -> bool:
        """Whether a message ends the answer to this request. Raises KernelError for one that says an error."""
        if received.kind == wire.NLMSG_OVERRUN:
            raise kernel_error(errno.ENOBUFS, what)
        if received.sequence != sequence or received.kind not in (wire.NLMSG_DONE, wire.NLMSG_ERROR):
            return False
        number = wire.error_number(buffer, received)
        if number:
            raise kernel_error(number, what)
        return True

    def _answers(self, last: Callable[[wire.Message], bool], what: str) -> Iterator[tuple[bytes, wire.Message]]:
        """What the kernel sends, up to and with the message that is the last. Raises KernelError and WireError."""
        for buffer in self._buffers(what):
            ended = False
            for received in wire.messages(buffer):
                if received.kind == wire.NLMSG_OVERRUN:
                    raise kernel_error(errno.ENOBUFS, what)
                yield buffer, received
                ended = ended or last(received)
            if ended:
                return

    def _buffers(self, what: str) -> Iterator[bytes]:
        """What the kernel sends, one receive after the other, within a time that is long enough for any answer."""
        end = time.monotonic() + _WHOLE_ANSWER_SECONDS
        while time.monotonic() <= end:
            try:
                buffer = self._socket.recv(_RECEIVE_SIZE)
            except OSError as error:
                raise kernel_error(error.errno or errno.EIO, what) from error
            if not buffer:
                raise wire.WireError(f"{what}: the kernel sent an empty answer.")
            yield buffer
        raise AnswersLostError(errno.ETIMEDOUT, f"{what}: the kernel's answer does not end")

    def _send(self, requests: bytes | bytearray) -> None:
        try:
            self._socket.sendto(requests, (0, 0))
        except OSError as error:
            raise kernel_error(error.errno or errno.EIO, "Sending to the kernel") from error


def request_of(operation: Operation) -> bytes:
    """The generic netlink payload of an operation."""
    key = wire.service_key_attribute(operation.service.key)
    destination: Destination | None = operation.destination
    if destination is None:
        command = _SERVICE_COMMAND[operation.action]
        return wire.generic(command, key if operation.action == DELETE else wire.service_attribute(operation.service))
    command = _DESTINATION_COMMAND[operation.action]
    if operation.action == DELETE:
        return wire.generic(command, key + wire.destination_key_attribute(destination.key))
    return wire.generic(command, key + wire.destination_attribute(destination))
