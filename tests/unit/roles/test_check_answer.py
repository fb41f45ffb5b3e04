# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that talks to real servers, against real sockets."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/director/files/check-answer"


@contextlib.contextmanager
def server(greeting: bytes, *, answers: bool = True, family: int = socket.AF_INET) -> Iterator[int]:
    """Greets, and answers what it is told with the same in capitals; the port."""
    with socket.socket(family) as listener:
        listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            connection, _address = listener.accept()
            # Who has seen enough hangs up in the middle of it.
            with contextlib.suppress(ConnectionError), connection:
                connection.sendall(greeting)
                while answers and (said := connection.recv(1000)):
                    connection.sendall(said.upper())
                time.sleep(0 if answers else 3)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def check(port: int, texts: str, *, address: str = "127.0.0.1", seconds: float = 1) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(PROGRAM), address, str(port), str(seconds), texts]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("texts", [":220%20mail", "helo%20x%0D%0A:HELO%20X", "x:", ":", ":%00"])
def test_a_good_answer_ends_with_0(texts: str) -> None:
    with server(b"220 mail\r\n\0") as port:
        done = check(port, texts)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_speaks_ipv6_too() -> None:
    with server(b"220 mail", family=socket.AF_INET6) as port:
        assert check(port, ":220", address="::1").returncode == 0


def test_another_answer_ends_with_1_and_says_what_it_was() -> None:
    with server(b"554 busy", answers=False) as port:
        done = check(port, ":220", seconds=0.5)
    assert done.returncode == 1
    assert "554 busy" in done.stderr


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    with server(b"", answers=False) as port:
        start = time.monotonic()
        done = check(port, ":220", seconds=0.5)
    assert done.returncode == 1
    assert time.monotonic() - start < 2.5
    assert "within 0.5 s" in done.stderr


def test_who_takes_no_connection_is_dead() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = check(unused.getsockname()[1], ":")
    assert done.returncode == 1
    assert "refused" in done.stderr


def test_wrong_words_are_answered_with_the_usage() -> None:
    assert "usage" in subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True, check=False).stderr
