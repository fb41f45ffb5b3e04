# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for a mail server on port 25: greets as one does (RFC 5321), says in its answer to HELO or EHLO from which
address it was reached, and takes every message to throw it away."""

import os
import socket
import socketserver

NAME = os.uname().nodename


class Dialogue(socketserver.StreamRequestHandler):
    timeout = 30

    def handle(self) -> None:
        client = self.client_address[0]
        client = client.removeprefix("::ffff:")
        self._say(f"220 {NAME} ESMTP")
        while line := self.rfile.readline(1000):
            command = line.split()[0].upper() if line.split() else b""
            if command in (b"HELO", b"EHLO"):
                self._say(f"250 {NAME} sees {client}")
            elif command == b"DATA":
                self._say("354 End with a dot on a line of its own")
                while self.rfile.readline(1000) not in (b".\r\n", b".\n", b""):
                    pass
                self._say("250 Thrown away")
            elif command == b"QUIT":
                self._say(f"221 {NAME} closes")
                return
            elif command in (b"MAIL", b"RCPT", b"NOOP", b"RSET"):
                self._say("250 Well")
            else:
                self._say("502 Not known here")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    allow_reuse_address = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


if __name__ == "__main__":
    with Server(("::", 25), Dialogue) as server:
        server.serve_forever(3600)
