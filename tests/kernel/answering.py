# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real server with a service of every kind that keepalived checks, each of which is well or not.

Usage: ``answering.py ADDRESS CERTIFICATE FOLDER``. Each service asks for its health whenever somebody comes: the file
``FOLDER/KIND@ADDRESS`` makes that kind ill. KINDS names them with their ports.
"""

from __future__ import annotations

import socket
import socketserver
import ssl
import sys
import threading
from pathlib import Path

#: Ports by kind. `refused` listens only while it is well.
KINDS = {"said": 7001, "regex": 7002, "digest": 7003, "https": 7004, "smtp": 7005, "dns": 7006, "udp": 7007}
WELL, ILL = b"all is well", b"all is lost"
NAME = "www.example.org"


def page(text: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.0 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text)


def answer(kind: str, asked: bytes, well: bool, name: str | None = None) -> bytes:
    """What a service of this kind says to who has asked, or to who has come."""
    if kind == "said":
        return b"+PONG\r\n" if well and asked == b"PING\r\n" else b"-ERR\r\n"
    if kind in {"regex", "digest"}:
        return page(WELL if well else ILL)
    if kind == "https":
        # Who does not say which host it wants gets the wrong one.
        return page(WELL) if well and name == NAME else page(ILL, b"421 Misdirected Request")
    if kind == "udp":
        return b"\x2a" if well and asked == b"\x01\x02" else b"\x00"
    if kind == "dns":
        # The question comes back; without an error and with one answer, or as a failure of the server.
        head, question = asked[:2], asked[12:]
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x63"
        if well:
            return head + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question + record
        return head + b"\x81\x82\x00\x01\x00\x00\x00\x00\x00\x00" + question
    raise ValueError(kind)


class Talk(socketserver.BaseRequestHandler):
    """One connection; `server` knows the kind."""

    request: socket.socket

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Listener)
        try:
            if server.kind == "smtp":
                self.mail(server)
                return
            if server.context:
                with server.context.wrap_socket(self.request, server_side=True) as talk:
                    talk.sendall(answer(server.kind, talk.recv(4096), server.well(), getattr(talk, "asked", None)))
                return
            self.request.sendall(answer(server.kind, self.request.recv(4096), server.well()))
        except OSError:
            pass

    def mail(self, server: Listener) -> None:
        """A mail server that keeps what it gets, in FOLDER/mails."""
        self.request.sendall(b"220 well\r\n" if server.well() else b"554 ill\r\n")
        with self.request.makefile("rb") as lines, server.file.with_name("mails").open("ab") as kept:
            for line in lines:
                if line.upper().startswith(b"QUIT"):
                    self.request.sendall(b"221 bye\r\n")
                    return
                if line.upper().startswith(b"DATA"):
                    self.request.sendall(b"354 go on\r\n")
                    for said in iter(lines.readline, b".\r\n"):
                        kept.write(said)
                self.request.sendall(b"250 well\r\n")


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, address: str, kind: str, folder: Path, certificate: str) -> None:
        self.kind, self.file = kind, folder / f"{kind}@{address}"
        self.context: ssl.SSLContext | None = None
        if kind == "https":
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
            self.context.sni_callback = self.named
        super().__init__((address, KINDS[kind]), Talk)

    @staticmethod
    def named(talk: ssl.SSLObject, name: str, _context: ssl.SSLContext) -> None:
        talk.asked = name  # type: ignore[attr-defined]

    def well(self) -> bool:
        return not self.file.exists()


def datagrams(address: str, kind: str, folder: Path) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((address, KINDS[kind]))
    while True:
        asked, who = listener.recvfrom(4096)
        listener.sendto(answer(kind, asked, not (folder / f"{kind}@{address}").exists()), who)


def main(address: str, certificate: str, folder: Path) -> None:
    for kind in KINDS:
        if kind in {"dns", "udp"}:
            threading.Thread(target=datagrams, args=(address, kind, folder)).start()
        else:
            threading.Thread(target=Listener(address, kind, folder, certificate).serve_forever).start()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
