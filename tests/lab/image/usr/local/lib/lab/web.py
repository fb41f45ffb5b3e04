# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web service that answers with the machine's own name. Usage: web.py [ADDRESS [PORT...]]; default :: and 80.

The address :: takes connections to every address of both families. `GET /bytes/1048576` answers that many bytes,
`GET /connection` the machine's name, its address and port and the client's address as this machine sees them; every
other path the name. A POST is read to its end and answered with the name and the number of bytes.
"""

import http.server
import os
import socket
import socketserver
import sys
import threading
from typing import Any

NAME = os.uname().nodename
CHUNK = bytes(1 << 16)


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120  # seconds: a client may read slowly or pause, and its director fail meanwhile

    def do_GET(self) -> None:
        if self.path.startswith("/bytes/") and self.path[7:].isdigit():
            left = int(self.path[7:])
            self._head(left)
            while left and self.command == "GET":
                left -= self.wfile.write(CHUNK[:left])
        elif self.path == "/connection":
            address, port = self.request.getsockname()[:2]
            self._say(f"{NAME} {_plain(address)} {port} {_plain(self.client_address[0])}")
        else:
            self._say(NAME)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        wanted = left = int(self.headers.get("Content-Length", 0))
        while left:
            read = len(self.rfile.read(min(left, len(CHUNK))))
            if not read:
                return
            left -= read
        self._say(f"{NAME} {wanted}")

    def _say(self, text: str) -> None:
        # One write, one packet: a system call costs more than anything else in here.
        body = f"{text}\n".encode()
        self._head(len(body), body if self.command != "HEAD" else b"")

    def _head(self, length: int, body: bytes = b"") -> None:
        # Who asks for the end of the connection hears that it comes. Else a client may send its next request into it;
        # that is answered by a reset, of which a director hears nothing with direct routing.
        ending = b"Connection: close\r\n" if self.close_connection else b""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%b\r\n" % (length, ending)
        self.wfile.write(head + body)

    def log_message(self, *arguments: Any) -> None:
        pass


def _plain(address: str) -> str:
    """An IPv4 address as such, though it came to a socket of IPv6."""
    return address.removeprefix("::ffff:")


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
    servers = [Server(given[0] if given else "::", int(port)) for port in given[1:] or ("80",)]
    # Nobody ends them but the process, so they need not look for it twice a second.
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, args=(3600,), daemon=True).start()
    servers[0].serve_forever(3600)
