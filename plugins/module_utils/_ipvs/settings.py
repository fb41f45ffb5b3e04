# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""What belongs to IPVS and to no service: what ``ipvs_timeouts`` and ``ipvs_sync`` do."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.daemon import (
    MASTER,
    START,
    Daemon,
    DaemonOperation,
    daemon_operations,
    merged_daemon,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.link import read_link
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import IpvsError, family_of
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.netlink import (
    Kernel,
    KernelError,
    NotAcceptedError,
    NotPermittedError,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.runner import opened, run
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.timeouts import Timeouts, merged_timeouts
from ansible_collections.lvs.cluster.plugins.module_utils._task.lock import exclusive

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def change_timeouts(module: AnsibleModule) -> None:
    """Sets the timeouts as the module's parameters say, and ends the module."""
    run(module, lambda: _changed_timeouts(module))


def change_daemon(module: AnsibleModule) -> None:
    """Starts, restarts or stops the daemon as the module's parameters say, and ends the module."""
    run(module, lambda: _changed_daemon(module))


def _changed_timeouts(module: AnsibleModule) -> Mapping[str, Any]:
    merged_timeouts(Timeouts(), module.params)  # mistakes first: nothing is loaded for them
    with _writable(module, load=True) as kernel:
        before = kernel.timeouts() if kernel else Timeouts()
        after = merged_timeouts(before, module.params)
        operations = [after.command()] if after != before else []
        if kernel and operations and not module.check_mode:
            _write_timeouts(kernel, before=before, after=after)
    return {
        "changed": bool(operations),
        "operations": operations,
        "timeouts": after.as_options(),
        "diff": {"before": {"timeouts": before.as_options()}, "after": {"timeouts": after.as_options()}},
    }


def _write_timeouts(kernel: Kernel, *, before: Timeouts, after: Timeouts) -> None:
    try:
        kernel.set_timeouts(after)
    except NotAcceptedError as error:
        raise IpvsError(
            f"{error} Kernels count in ticks and take at most 2147483647 of them, which is 2147483 seconds where a"
            " second has 1000. Give a shorter time. The timeouts are as they were."
        ) from error
    found = kernel.timeouts()
    if found != after:
        kernel.set_timeouts(before)
        raise IpvsError(
            f"The kernel accepted {after.command()!r} but holds what {found.command()!r} says, so the timeouts were put"
            " back: kernels before 5.0 take times that are too long for them and overflow. Give a shorter time."
        )


def _changed_daemon(module: AnsibleModule) -> Mapping[str, Any]:
    role = module.params["role"]
    present = module.params["state"] != "absent"
    with _writable(module, load=present) as kernel:
        before = _daemon(kernel, role) if kernel else None
        after = _wanted(role, before, module.params) if present else None
        operations = daemon_operations(present=before, wanted=after)
        if kernel and operations and not module.check_mode:
            _write_daemon(kernel, role, operations, before=before, after=after)
    options = [daemon.as_options() if daemon else None for daemon in (before, after)]
    return {
        "changed": bool(operations),
        "operations": [operation.command() for operation in operations],
        "daemon": options[1],
        "diff": {"before": {"daemon": options[0]}, "after": {"daemon": options[1]}},
    }


@contextlib.contextmanager
def _writable(module: AnsibleModule, *, load: bool) -> Iterator[Kernel | None]:
    """The kernel's IPVS, held for this run alone when it may write."""
    with opened(module, load=load) as kernel:
        if kernel is None or module.check_mode:
            yield kernel
        else:
            with exclusive():
                yield kernel


def _daemon(kernel: Kernel, role: str) -> Daemon | None:
    return next((daemon for daemon in kernel.daemons() if daemon.role == role), None)


def _wanted(role: str, before: Daemon | None, given: Mapping[str, Any]) -> Daemon:
    """The daemon as it shall run. Raises IpvsError when it could not be started."""
    wanted = merged_daemon(role, before, given, mtu_of=lambda name: read_link(name).mtu)
    # A daemon outlives its interface and is deaf then, so this is looked at even when nothing changes.
    link = read_link(wanted.interface)
    if wanted != before and role == MASTER and not link.up:
        raise IpvsError(
            f"Interface {wanted.interface} is down, and the kernel starts a master daemon on an interface that is up"
            f" only. Bring it up first (ip link set {wanted.interface} up)."
        )
    return wanted


def _write_daemon(
    kernel: Kernel, role: str, operations: Sequence[DaemonOperation], *, before: Daemon | None, after: Daemon | None
) -> None:
    for operation in operations:
        error = _refusal(kernel, operation)
        if error:
            raise IpvsError(f"{_explained(operation, error)} {_put_back(kernel, role, before)}") from error
    found = _daemon(kernel, role)
    if found != after:
        runs = f"runs what {DaemonOperation(START, found).command()!r} starts" if found else "does not run it"
        raise IpvsError(
            f"The kernel accepted {operations[-1].command()!r} but {runs}: this kernel does not know one of the"
            f" options, or another program (keepalived with lvs_sync_daemon does) owns the {role} daemon as well."
        )


def _refusal(kernel: Kernel, operation: DaemonOperation) -> KernelError | None:
    """Carries the operation out; the kernel's error, unless all is as it should be nevertheless."""
    try:
        kernel.apply_to_daemon(operation)
    except NotPermittedError:
        raise
    except KernelError as error:
        # Somebody else was quicker with the same, or only the answer got lost.
        wanted = operation.daemon if operation.action == START else None
        return None if _daemon(kernel, operation.daemon.role) == wanted else error
    return None


def _explained(operation: DaemonOperation, error: KernelError) -> str:
    """The error with cause and remedy, where they are known."""
    daemon = operation.daemon
    family = "IPv6" if family_of(daemon.multicast_group or "") == "ipv6" else "IPv4"
    remedies = {
        errno.EEXIST: f"Another program has started a {daemon.role} daemon meanwhile (keepalived with lvs_sync_daemon"
        " does). Let one of the two own it.",
        errno.ENODEV: f"Interface {daemon.interface} does not exist any more.",
        errno.EADDRINUSE: f"Another program of this host uses UDP port {daemon.multicast_port} (ss -ulpn names it)."
        " Give another multicast_port to the daemons of all directors.",
        errno.ENETUNREACH: f"Interface {daemon.interface} must be up and have {family}.",
        errno.EADDRNOTAVAIL: f"Interface {daemon.interface} needs an {family} address.",
        errno.EAFNOSUPPORT: "This kernel's IPVS has no IPv6. Give an IPv4 multicast_group.",
        errno.EINVAL: "The kernel starts no daemon while a destination is of another address family than its service,"
        f" and an IPv6 multicast_group needs IPv6 on interface {daemon.interface}.",
    }
    return f"{error} {remedies[error.number]}" if error.number in remedies else str(error)


def _put_back(kernel: Kernel, role: str, before: Daemon | None) -> str:
    """A sentence about the daemon, which is made to run as before when it ran and does not run now."""
    try:
        if before and _daemon(kernel, role) is None:
            kernel.apply_to_daemon(DaemonOperation(START, before))
        found = _daemon(kernel, role)
    except KernelError as error:
        return f"The daemon that ran before could not be started again: {error}"
    if found is None:
        return f"No {role} daemon runs now."
    return (
        f"The {role} daemon runs as before."
        if found == before
        else f"Now runs: {DaemonOperation(START, found).command()}"
    )
