# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long, and with how much memory, 1,000 hosts and 10,000 services compile.

Run from the repository: ``PYTHONPATH=.collections python tests/bench/bench_compile.py [--limit SECONDS]``.
Prints seconds of processor time (best and worst of three runs; on a busy machine the clock would measure the others)
and the peak of memory allocated while compiling. With ``--limit`` it exits with 1 when the best run is slower.
"""

from __future__ import annotations

import argparse
import ipaddress
import sys
import time
import tracemalloc

from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.compile import compile_cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster.inventory import Host, Interface

DIRECTORS = 2
REAL_SERVERS = 998
SERVICES = 10_000
REAL_SERVERS_PER_SERVICE = 10
PORTS_PER_VIP = 10


def cluster() -> tuple[dict[str, object], list[Host], list[Host]]:
    """A dual-stack cluster; every second real server is written as a mapping with a weight."""
    networks = (ipaddress.ip_network("198.18.0.0/15"), ipaddress.ip_network("2001:db8::/64"))
    interfaces = (Interface("eth0", networks),)
    directors = [
        Host(f"lb{n}", (f"198.18.255.{n + 1}", f"2001:db8::ffff:{n + 1:x}"), interfaces) for n in range(DIRECTORS)
    ]
    real_servers = [
        Host(f"rs{n}", (f"198.18.{n // 250}.{n % 250 + 1}", f"2001:db8::{n + 1:x}")) for n in range(REAL_SERVERS)
    ]
    services: list[dict[str, object]] = []
    for n in range(SERVICES):
        vip = n // PORTS_PER_VIP
        names = [f"rs{(n + step) % REAL_SERVERS}" for step in range(REAL_SERVERS_PER_SERVICE)]
        services.append(
            {
                "name": f"service-{n}",
                "vip": f"2001:db8::1:{vip:x}" if vip % 2 else f"198.19.{vip // 250}.{vip % 250 + 1}",
                "ports": [1000 + n % PORTS_PER_VIP],
                "persistence": 300,
                "check": {"type": "http", "path": "/health", "status": 200, "timeout": 1},
                "real_servers": [name if i % 2 else {"host": name, "weight": 3} for i, name in enumerate(names)],
            }
        )
    return {"services": services}, directors, real_servers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--limit", type=float, help="exit with 1 when the best run takes more seconds of processor time"
    )
    limit = parser.parse_args().limit
    arguments = cluster()
    seconds = []
    for _run in range(3):
        start = time.process_time()
        plans = compile_cluster(*arguments)
        seconds.append(time.process_time() - start)
    tracemalloc.start()
    compile_cluster(*arguments)
    peak = tracemalloc.get_traced_memory()[1]
    print(
        f"compile: {len(plans)} hosts, {SERVICES} services, {SERVICES * REAL_SERVERS_PER_SERVICE} destinations: "
        f"best {min(seconds):.2f} s, worst {max(seconds):.2f} s, peak memory {peak / 2**20:.0f} MiB"
    )
    return 1 if limit is not None and min(seconds) > limit else 0


if __name__ == "__main__":
    sys.exit(main())
