# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web service that answers every path with the machine's own name. Usage: web.py [ADDRESS [PORT]], default :: and 80.

The address :: takes connections to every address of both families.
"""

import http.server
import os
import socket
import socketserver
import sys
from typing import Any

BODY = f"{os.uname().nodename}\n".encode()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        # One write, one packet: a system call costs more than anything else in here.
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(BODY)
            + (BODY if self.command == "GET" else b"")
        )

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *arguments: Any) -> None:
        pass


# Not http.server's own server: that one looks its name up in the DNS.
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), Answer)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


if __name__ == "__main__":
    given = sys.argv[1:]
    with Server(given[0] if given else "::", int(given[1]) if len(given) > 1 else 80) as server:
        server.serve_forever()
