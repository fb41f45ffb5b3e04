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
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import service_key

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
-A -f 6 -s ovf -o
-A -f 6 -6 -s fo
-A -t 192.0.2.100:443 -s wrr -b flag-1,flag-2,flag-3
-a -t 192.0.2.100:443 -r 192.0.2.21:443 -i -w 1 --tun-type ipip
-a -t 192.0.2.100:443 -r 192.0.2.22:443 -i -w 1 --tun-type gue --tun-port 1 --tun-nocsum
-a -t 192.0.2.100:443 -r 192.0.2.23:443 -i -w 1 --tun-type gue --tun-port 65280 --tun-csum
-a -t 192.0.2.100:443 -r 192.0.2.24:443 -i -w 1 --tun-type gre --tun-nocsum
-a -t 192.0.2.100:443 -r [2001:db8:2::21]:443 -i -w 1 --tun-type ipip
-a -t 192.0.2.100:443 -r [2001:db8:2::22]:443 -i -w 1 --tun-type gue --tun-port 255 --tun-remcsum
-A -u [2001:db8:2::100]:5060 -s sh -p 2678400 -M 64 --pe sip -b sh-fallback,sh-port
-a -u [2001:db8:2::100]:5060 -r [2001:db8:2::21]:5060 -g -w 2147483647 -x 2147483647 -y 2147483647
-A -t [2001:db8:2::100]:80 -s mh -b mh-fallback,mh-port
-A -u 192.0.2.100:53 -s lblcr
"""


# A daemon of each role at the same time: what the kernel chooses itself, then everything set.
DAEMONS = {
    "": {"master": "--syncid 51", "backup": "--syncid 51"},
    "ipv4": {
        "master": "--syncid 0 --mcast-group 239.1.2.3 --mcast-port 1 --mcast-ttl 255 --sync-maxlen 9000",
        "backup": "--syncid 255 --mcast-group 239.1.2.4 --mcast-port 65280 --mcast-ttl 2 --sync-maxlen 1400",
    },
    "ipv6": {
        "master": "--syncid 1 --mcast-group ff02::51 --mcast-port 8849 --mcast-ttl 7 --sync-maxlen 1300",
        "backup": "--syncid 2 --mcast-group ff05::52",
    },
}


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
    # Without an IPv6 multicast route, as lo is, no daemon joins an IPv6 group.
    subprocess.run(["ip", "link", "add", "sync0", "type", "veth", "peer", "name", "sync1"], check=True)
    for interface in ("sync0", "sync1"):
        subprocess.run(["ip", "link", "set", interface, "up"], check=True)
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
        subprocess.run(["ipvsadm", "--set", "1", "2147483", "65536"], check=True)
        kernel.heading = "timeouts changed"
        kernel.timeouts()
        kernel.heading = "missing"
        kernel.read_service(service_key(address="192.0.2.99", port=80))
        # Daemons and destinations of another address family cannot be there together.
        subprocess.run(["ipvsadm", "-C"], check=True)
        kernel.heading = "services none"
        kernel.read(lambda key: True)
        for heading, options in DAEMONS.items():
            for role, words in options.items():
                start = ["ipvsadm", "--start-daemon", role, "--mcast-interface", "sync0", *words.split()]
                subprocess.run(start, check=True)
            kernel.heading = f"daemons {heading}".strip()
            kernel.daemons()
            for role in options:
                subprocess.run(["ipvsadm", "--stop-daemon", role], check=True)
        kernel.heading = "daemons none"
        kernel.daemons()
    for each in (server, *clients):
        each.close()


if __name__ == "__main__":
    main()
