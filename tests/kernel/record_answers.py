# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what the kernel of the harness answers, for tests/unit/plugins/module_utils/ipvs/test_wire.py.

tests/kernel/run --command .venv/bin/python tests/kernel/record_answers.py >linux-VERSION.hex
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import netlink, wire

TABLE = """\
-A -t 192.0.2.100:80 -s wlc -p 300 -M 255.255.255.0
-a -t 192.0.2.100:80 -r 192.0.2.100:80 -g -w 3 -x 100 -y 50
-a -t 192.0.2.100:80 -r 192.0.2.22:8080 -m -w 0
-A -u [2001:db8:2::100]:53 -s mh -b mh-port -o
-a -u [2001:db8:2::100]:53 -r 192.0.2.21:53 -i -w 1 --tun-type gue --tun-port 5555 --tun-remcsum
-a -u [2001:db8:2::100]:53 -r [2001:db8:2::21]:53 -i -w 1 --tun-type gre --tun-csum
-A --sctp-service 192.0.2.100:0 -s sh -p 60 --pe sip -b sh-fallback,flag-3
-A -f 5 -s rr
-a -f 5 -r 192.0.2.21:0 -i -w 70000
-A -f 6 -6 -s fo
"""


class Recorder(netlink.Kernel):
    """Prints the first thing that the kernel says to each request in hexadecimal."""

    def __init__(self) -> None:
        self.heading = ""
        super().__init__()

    def _answers(self, last, what):
        for buffer, received in super()._answers(last, what):
            if self.heading and received.start == 16:
                sys.stdout.write(f"{self.heading} {bytes(buffer).hex()}\n")
            yield buffer, received


def main() -> None:
    subprocess.run(["modprobe", "ip_vs"], check=True)
    subprocess.run(["ip", "address", "add", "192.0.2.100/32", "dev", "lo"], check=True)
    subprocess.run(["ipvsadm", "-R"], input=TABLE, text=True, check=True)
    server = socket.create_server(("192.0.2.100", 80))
    clients = [socket.create_connection(("192.0.2.100", 80)) for _number in range(2)]
    # The kernel adds its counters up every two seconds.
    time.sleep(3)
    sys.stdout.write(
        # REUSE-IgnoreStart
        "# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors\n"
        "# SPDX-License-Identifier: GPL-3.0-or-later\n"
        # REUSE-IgnoreEnd
        "# Made by tests/kernel/record_answers.py\n"
    )
    kernel = Recorder()
    with kernel:
        kernel.heading = "family"
        kernel._family_number()
        kernel.heading = "services"
        services = kernel.read(lambda key: False).table
        assert not services.services
        table = netlink.Kernel().read().table
        kernel.heading = "destinations"
        for key in table.services:
            kernel.heading = f"destinations {str(key).replace(' ', '')}"
            kernel._dump(
                kernel._family,
                wire.generic(wire.CMD_GET_DEST, wire.service_key_attribute(key)),
                wire.destination_reply,
                "",
            )
        kernel.heading = "info"
        kernel.info()
        kernel.heading = "timeouts"
        kernel.timeouts()
        # Daemons and destinations of another address family cannot be there together.
        subprocess.run(["ipvsadm", "-C"], check=True)
        for role in ("master", "backup"):
            subprocess.run(["ipvsadm", "--start-daemon", role, "--mcast-interface", "lo", "--syncid", "51"], check=True)
        kernel.heading = "daemons"
        kernel.daemons()
    for each in (server, *clients):
        each.close()


if __name__ == "__main__":
    main()
