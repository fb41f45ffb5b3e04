# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""One writing run at a time in one network namespace: two that plan from the same state would undo each other."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path
from typing import Any, Iterator

from ansible_collections.lvs.cluster.plugins.module_utils._task.error import TaskError

SECONDS = 60
_DIRECTORY = Path("/run")  # only root can write there, so nobody else can hold us up


class LockedError(TaskError):
    """Another run of a module of this collection holds the table for too long."""


@contextlib.contextmanager
def exclusive(
    *, name: str = "ipvs", what: str = "IPVS table", seconds: float = SECONDS, directory: Path = _DIRECTORY
) -> Iterator[None]:
    """Holds the lock of this name in this network namespace; waits at most so many seconds for it.

    ``what`` it guards is for the sentence of an error.

    The kernel gives the lock back when the process ends, however it ends. Raises LockedError; without root,
    PermissionError.
    """
    path = directory / f"lvs-cluster-{name}-{_namespace()}.lock"
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except PermissionError:
        raise
    except OSError as error:
        raise LockedError(
            f"The lock file {path} cannot be opened: {error.strerror}. Make {directory} writable for root."
        ) from error
    try:
        _take(lock, seconds, path, what)
        yield
    finally:
        os.close(lock)


def _take(lock: int, seconds: float, path: Path, what: str) -> None:
    def give_up(_number: int, _frame: Any) -> None:
        raise LockedError(
            f"Another task changes this host's {what} since {seconds:g} seconds: it holds the lock {path}."
            " Run this task again when it is done, or end it (fuser names it)."
        )

    handler = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def _namespace() -> int:
    return Path("/proc/self/ns/net").stat().st_ino
