# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One writing run at a time; the other is a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.lvs.cluster.plugins.module_utils._task import lock
from ansible_collections.lvs.cluster.plugins.module_utils._task.lock import LockedError, exclusive

_HOLDER = """
import sys, time
from pathlib import Path
from ansible_collections.lvs.cluster.plugins.module_utils._task.lock import exclusive
with exclusive(directory=Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
print("given back", flush=True)
time.sleep(float(sys.argv[3]))
"""


def holder(directory: Path, seconds: float, then: float = 0) -> subprocess.Popen[str]:
    """A process that has the lock, for so long."""
    root = str(Path(lock.__file__).parents[6])
    assert (Path(root) / "ansible_collections").is_dir()
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(directory), str(seconds), str(then)],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_second_process_waits_and_gets_it(tmp_path: Path) -> None:
    first = holder(tmp_path, 0.5)
    begun = time.monotonic()
    with exclusive(seconds=30, directory=tmp_path):
        assert time.monotonic() - begun > 0.3
    assert first.communicate(timeout=30)[0] == "given back\n"


def test_given_back_though_the_process_lives_on(tmp_path: Path) -> None:
    first = holder(tmp_path, 0, then=60)
    with exclusive(seconds=30, directory=tmp_path):
        assert first.poll() is None
    first.kill()
    first.communicate(timeout=30)


def test_given_back_when_the_process_is_killed(tmp_path: Path) -> None:
    first = holder(tmp_path, 60)
    with pytest.raises(LockedError), exclusive(seconds=0.1, directory=tmp_path):
        pass
    first.send_signal(signal.SIGKILL)
    with exclusive(seconds=30, directory=tmp_path):
        pass
    first.communicate(timeout=30)


def test_time_limit_is_kept_and_said_in_a_sentence(tmp_path: Path) -> None:
    first = holder(tmp_path, 60)
    begun = time.monotonic()
    with pytest.raises(LockedError) as failed, exclusive(seconds=0.3, directory=tmp_path):
        pytest.fail("the other has it")
    assert 0.25 < time.monotonic() - begun < 5
    assert str(failed.value) == (
        "Another task changes this host's IPVS table since 0.3 seconds: it holds the lock"
        f" {tmp_path}/lvs-cluster-ipvs-{Path('/proc/self/ns/net').stat().st_ino}.lock."
        " Run this task again when it is done, or end it (fuser names it)."
    )
    first.kill()
    first.communicate(timeout=30)


def test_alarm_of_others_is_as_before(tmp_path: Path) -> None:
    def mine(_number: int, _frame: object) -> None:
        raise AssertionError("rang")

    before = signal.signal(signal.SIGALRM, mine)
    try:
        with exclusive(seconds=0.2, directory=tmp_path):
            assert signal.getsignal(signal.SIGALRM) is mine
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
            time.sleep(0.3)  # the time limit is one of waiting, not of working
    finally:
        signal.signal(signal.SIGALRM, before)


def test_lock_file_is_for_root_alone_and_closed_to_programs_that_are_started(tmp_path: Path) -> None:
    with exclusive(directory=tmp_path):
        (path,) = tmp_path.iterdir()
        assert path.stat().st_mode & 0o777 == 0o600
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    with exclusive(seconds=0.5, directory=tmp_path):
        child.kill()
        child.wait(timeout=30)


def test_used_again_after_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), exclusive(directory=tmp_path):
        raise ValueError("inside")
    with exclusive(seconds=0.5, directory=tmp_path):
        pass


@pytest.mark.parametrize("kind", ["symbolic link", "directory is missing", "directory in its place"])
def test_file_that_cannot_be_opened_is_a_sentence(tmp_path: Path, kind: str) -> None:
    name = f"lvs-cluster-ipvs-{Path('/proc/self/ns/net').stat().st_ino}.lock"
    directory = tmp_path / "run"
    if kind != "directory is missing":
        directory.mkdir()
    if kind == "symbolic link":
        (directory / name).symlink_to(tmp_path / "elsewhere")
    if kind == "directory in its place":
        (directory / name).mkdir()
    sentence = f"The lock file {directory}/{name} cannot be opened: "
    with pytest.raises(LockedError, match=sentence), exclusive(directory=directory):
        pytest.fail("opened")
    assert not (tmp_path / "elsewhere").exists()
