# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Since which Linux and which ipvsadm something can be said to IPVS, and the sentence for a kernel that is too old.

An older kernel skips netlink attributes that it does not know and says success, so that only reading back shows it.
Distributions put newer parts into older kernels (RHEL 8 calls its own 4.18). So a version alone forbids nothing: it
explains what was seen to be missing.
"""

from __future__ import annotations

import re
from typing import Iterator, Mapping, NamedTuple, Union

from ansible_collections.lvs.cluster.plugins.module_utils._ipvs.model import Destination, Service, ServiceKey

OLDEST_KERNEL = "4.18"  # that the modules support

Value = Union[Service, Destination]


class Since(NamedTuple):
    """First release of Linux, and of ipvsadm, which passes on the names of schedulers that it does not know (None)."""

    kernel: str
    ipvsadm: str | None = None


# Option and value, "*" for any. What is not here is at least as old as IPv6 in IPVS.
#
# Kernel: the commit's way into a release; the log of include/uapi/linux/ip_vs.h and net/netfilter/ipvs/Makefile.
# ipvsadm: tags and log of its repository on kernel.org, or the first help text that has the option.
SINCE: Mapping[tuple[str, str], Since] = {
    # Linux 2.6.28-rc3; linuxvirtualserver.org: ipvsadm 1.25 "for kernel 2.6.28-rc3 or later"
    ("family", "ipv6"): Since("2.6.28", "1.25"),
    # "ipvs: SCTP Trasport Loadbalancing Support", 2010-02-18; --sctp-service is in the help of 1.28, not of 1.27
    ("protocol", "sctp"): Since("2.6.34", "1.28"),
    # 26ec037f9841 "IPVS: one-packet scheduling", 2010-06-22; SUSE mends --ops of 1.26
    ("one_packet", "True"): Since("2.6.36", "1.26"),
    # "IPVS: sip persistence engine", 2010-10-04; --pe is in the help of 1.26
    ("persistence_engine", "sip"): Since("2.6.37", "1.26"),
    # eba3b5a78799 "ipvs: SH fallback and L4 hashing", 2013-06-26; --sched-flags is in the help of 1.27, not of 1.26
    ("scheduler_flags", "sh-fallback"): Since("3.11", "1.27"),
    ("scheduler_flags", "sh-port"): Since("3.11", "1.27"),
    ("scheduler_flags", "flag-1"): Since("3.11", "1.27"),
    ("scheduler_flags", "flag-2"): Since("3.11", "1.27"),
    ("scheduler_flags", "flag-3"): Since("3.11", "1.27"),
    # 616a9be25cb9 "ipvs: Add simple weighted failover scheduler", 2014-09-16
    ("scheduler", "fo"): Since("3.18"),
    # fcfa8f493f4b "Support IPv6 real servers in IPv4 virtual-services and vice versa", 2014-09-18; the tag v1.29 of
    # ipvsadm says that it learned 64-bit counters and the daemon's attributes since 1.28 and no more, and 1.27 is older
    ("destination", "other family"): Since("3.18", "1.28"),
    # 1b383bf912b2 "Second Round of IPVS Updates for v4.3", 2015-08-26; tag v1.29 of ipvsadm. The daemon's attributes
    # "got introduced in kernel v4.3, but got fixed in kernel v4.7".
    ("scheduler", "ovf"): Since("4.3"),
    ("multicast_group", "*"): Since("4.3", "1.29"),
    ("multicast_port", "*"): Since("4.3", "1.29"),
    ("multicast_ttl", "*"): Since("4.3", "1.29"),
    ("max_length", "*"): Since("4.3", "1.29"),
    # 039f32e8cdea "ipvs: Add Maglev hashing scheduler", 2018-04-09; ipvsadm 1.30: "Add support for mh scheduler"
    ("scheduler", "mh"): Since("4.18"),
    ("scheduler_flags", "mh-fallback"): Since("4.18", "1.30"),
    ("scheduler_flags", "mh-port"): Since("4.18", "1.30"),
    # 84c0d5e96f3a "ipvs: allow tunneling with gue encapsulation", 2019-04-08; in ipvsadm's log behind 1.30
    ("tunnel_type", "gue"): Since("5.2", "1.31"),
    ("tunnel_port", "*"): Since("5.2", "1.31"),
    # c1e9e01d4233 "Checksum support for gue encapsulation in IPVS", 2019-06-01
    ("tunnel_checksum", "standard"): Since("5.3", "1.31"),
    ("tunnel_checksum", "remote"): Since("5.3", "1.31"),
    # 6f7b841bc939 "ipvs: allow tunneling with gre encapsulation", 2019-07-04
    ("tunnel_type", "gre"): Since("5.3", "1.31"),
    # 012da53d1afb "ipvs: add weighted random twos choice algorithm", 2021-01-26
    ("scheduler", "twos"): Since("5.12"),
}


def needed_kernel(value: Value) -> list[tuple[str, str]]:
    """What of a service or destination needs a newer Linux than the oldest that is supported, with that release."""
    return [(f"{option.replace('_', ' ')} {said}", since.kernel) for option, said, since in _newer(value)]


def too_old(wanted: Value, found: Value | None, release: str, *, service: ServiceKey | None = None) -> str | None:
    """The sentence for a kernel that is too old for what was wanted, or None when its age is not the reason.

    ``found`` is what the kernel holds instead, None for nothing; what is the same in both is no reason. ``release`` is
    that of the running kernel, as ``uname -r`` says it. ``service`` is the one that a destination belongs to.
    """
    running = _numbers(release)
    held = found.as_options() if found is not None else {}
    asked = wanted.as_options()
    lacking = [
        (f"{option.replace('_', ' ')} {said}", since.kernel)
        for option, said, since in _newer(wanted)
        if asked[option] != held.get(option) and running and running < _numbers(since.kernel)
    ]
    if not lacking:
        return None
    whats = " and ".join(what for what, _kernel in lacking)
    kernel = max((kernel for _what, kernel in lacking), key=_numbers)
    needs = "needs" if len(lacking) == 1 else "need"
    return (
        f"{whats[0].upper()}{whats[1:]} of {_named(wanted, service)} {needs} Linux {kernel} or newer;"
        f" this host runs {release}."
    )


def _newer(value: Value) -> Iterator[tuple[str, str, Since]]:
    """Option, value and release of what is newer than the oldest kernel."""
    for option, given in value.as_options().items():
        for each in given if isinstance(given, list) else [given]:
            since = SINCE.get((option, str(each)))
            if since and _numbers(since.kernel) > _numbers(OLDEST_KERNEL):
                yield option, str(each), since


def _named(value: Value, service: ServiceKey | None) -> str:
    if isinstance(value, Service):
        return f"service {value.key}"
    return f"{value.key} in service {service}" if service else str(value.key)


def _numbers(release: str) -> tuple[int, ...]:
    """The numbers that a release begins with, to compare: (4, 19, 0) for 4.19.0-27-amd64."""
    begins = re.match(r"\d+(\.\d+)*", release)
    return tuple(int(number) for number in begins.group().split(".")) if begins else ()
