# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who says that he has the VIPs, as tcpdump sees it on every cable of the lab's network."""

from __future__ import annotations

import re
import subprocess

from drive import NAMESPACE, SSH_CONFIG, VIP, VIP6, ssh

#: Who has the VIP, by ARP (asked, or by itself) and by neighbour discovery; as tcpdump says it.
CLAIMS = (
    re.compile(rf"^(?P<mac>\S+) > .* Reply {re.escape(VIP)} is-at"),
    re.compile(rf"^(?P<mac>\S+) > .* (?:Announcement|Request who-has \S+(?: \(\S+\))? tell) {re.escape(VIP)}"),
    re.compile(rf"^(?P<mac>\S+) > .* neighbor advertisement, tgt is {re.escape(VIP6)}"),
)


def mac(machine: str) -> str:
    return ssh(machine, "cat /sys/class/net/eth0/address").strip()


class Answers:
    """Who claimed the VIPs on any cable, from entering the block to its end, while the client goes on asking."""

    def __enter__(self) -> Answers:
        self.judge = subprocess.Popen(
            ["ip", "netns", "exec", NAMESPACE, "tcpdump", "-i", "br-lan", "-e", "-n", "-t", "-l", "arp or icmp6"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.judge.stderr is not None
        while "listening on" not in self.judge.stderr.readline():
            assert self.judge.poll() is None, "tcpdump did not start"
        asking = (
            f"arping -q -b -I eth0 {VIP} & a=$!; "
            f"while :; do ndisc6 -q -r 1 -w 1000 {VIP6} eth0 >/dev/null; sleep 1; done & b=$!; "
            "echo started; cat >/dev/null; kill $a $b"
        )
        self.asking = subprocess.Popen(
            ["ssh", "-F", SSH_CONFIG, "client", asking], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.asking.stdout is not None
        assert self.asking.stdout.readline() == "started\n"
        return self

    def __exit__(self, *reason: object) -> None:
        self.asking.communicate(timeout=60)
        self.judge.terminate()
        self.lines = self.judge.communicate(timeout=60)[0].splitlines()

    @property
    def claims(self) -> dict[str, int]:
        """How often each MAC address claimed one of the VIPs."""
        found: dict[str, int] = {}
        for line in self.lines:
            for claim in CLAIMS:
                if match := claim.match(line):
                    found[match["mac"]] = found.get(match["mac"], 0) + 1
        return found

    def asked(self) -> int:
        return sum(f"who-has {VIP} " in line or f"who has {VIP6}" in line for line in self.lines)
