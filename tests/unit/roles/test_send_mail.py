# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that hands a mail over, against a real mail server (aiosmtpd)."""

from __future__ import annotations

import email
import email.policy
import getpass
import os
import socket
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

PROGRAM = Path(__file__).parents[3] / "roles/director/files/send-mail"
TEXT = "lb1 has got the addresses"


class Taken:
    """What the server has taken; it refuses one receiver."""

    def __init__(self) -> None:
        self.envelopes: list[t.Any] = []

    # aiosmtpd asks for these names.
    async def handle_RCPT(  # noqa: N802
        self, _server: object, _session: object, envelope: t.Any, address: str, _options: object
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: object, _session: object, envelope: t.Any) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 OK"


@pytest.fixture
def server() -> Iterator[Controller]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Taken(), hostname="127.0.0.1", port=port)
    controller.start()
    yield controller
    controller.stop()


def send(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("sender", ["lb@example.org", ""])
def test_every_receiver_gets_the_line(server: Controller, sender: str) -> None:
    done = send("127.0.0.1", server.port, sender, TEXT, "a@example.org", "b@example.org")
    assert (done.returncode, done.stderr) == (0, "")
    (envelope,) = server.handler.envelopes
    assert envelope.rcpt_tos == ["a@example.org", "b@example.org"]
    assert envelope.mail_from == (sender or f"{getpass.getuser()}@{os.uname().nodename}")
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert (mail["Subject"], mail.get_content().strip()) == (TEXT, TEXT)
    assert {"Date", "Message-ID"} <= set(mail.keys())


def test_who_is_refused_is_named_and_the_others_get_it(server: Controller) -> None:
    done = send("127.0.0.1", server.port, "lb@example.org", TEXT, "a@example.org", "nobody@example.org")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("for nobody@example.org")
    assert [each.rcpt_tos for each in server.handler.envelopes] == [["a@example.org"]]


def test_a_server_that_is_not_there_is_named_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it does not listen
        done = send("127.0.0.1", taken.getsockname()[1], "", TEXT, "a@example.org")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("127.0.0.1 port ")
    assert "refused" in line
