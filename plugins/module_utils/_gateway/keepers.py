# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Who brings the default gateway back at boot: for each program that configures networks the files of ours. Pure.

Files of the user are never written to:

* ifupdown runs the scripts in ``if-up.d`` after it has set its own gateway, and those in ``if-pre-up.d`` before: its
  ``ip route add`` fails, and with it the interface, where another default route of metric 0 is.
* systemd-networkd cannot be told by a drop-in to leave a gateway out. It takes the first file that matches, so a copy
  of the user's with our gateway goes before it. Files that netplan generates for it are hidden by one of the same name.
* NetworkManager gets one more route with a better metric in its connection.
* Where nobody is known, a unit of systemd sets it after the network.
"""

from __future__ import annotations

import re
from typing import Iterable, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._gateway.model import Gateway

UNIT = "lvs-cluster-gateway.service"
UNIT_PATH = "/etc/systemd/system/" + UNIT
IF_UP_PATH = "/etc/network/if-up.d/zz-lvs-cluster-gateway"  # scripts run in the order of their names
IF_PRE_UP_PATH = "/etc/network/if-pre-up.d/zz-lvs-cluster-gateway"
NETWORKD_DIRECTORY = "/etc/systemd/network"
_OTHER_NETWORKD_DIRECTORIES = ("/run/systemd/network", "/usr/local/lib/systemd/network", "/usr/lib/systemd/network")

_HEAD = "# Written by the Ansible module lvs.cluster.default_gateway, which overwrites what is changed here by hand.\n"
_IF_UP = """\
#!/bin/sh
{head}# The default gateway of this real server, after what /etc/network/interfaces says.
[ "$METHOD" != loopback ] || exit 0
{commands}exit 0
"""
_IF_PRE_UP = """\
#!/bin/sh
{head}# Makes room for the gateway that interfaces(5) gives an interface. The script in if-up.d replaces that then.
[ -n "$IF_GATEWAY" ] && [ "$ADDRFAM" = inet ] && [ "${{IF_METRIC:-0}}" = 0 ] || exit 0
{commands}exit 0
"""
_UNIT = """\
{head}[Unit]
Description=Default gateway of this real server (lvs.cluster)
After=network.target network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
{commands}
[Install]
WantedBy=multi-user.target
"""
_NETWORKD_NOTE = "# Copy of {path} with another default gateway. It is made anew at each run, and hides the original.\n"


def if_up_text(gateways: Iterable[Gateway]) -> str:
    """The script for ifupdown. It runs after each interface, because each may bring a gateway of its own."""
    commands = [f"ip {gateway.option} route replace {gateway.route} 2>/dev/null || true\n" for gateway in gateways]
    return _IF_UP.format(head=_HEAD, commands="".join(commands))


def if_pre_up_text(gateways: Iterable[Gateway]) -> str:
    """The script for ifupdown that runs before each interface. The metric for IPv6 is never that of ifupdown."""
    commands = [
        f"ip {gateway.option} route delete {gateway.route} 2>/dev/null || true\n"
        for gateway in gateways
        if gateway.metric == 0
    ]
    return _IF_PRE_UP.format(head=_HEAD, commands="".join(commands))


def unit_text(gateways: Iterable[Gateway], ip_program: str) -> str:
    """The unit of systemd."""
    lines = [f"ExecStart={ip_program} {gateway.option} route replace {gateway.route}\n" for gateway in gateways]
    return _UNIT.format(head=_HEAD, commands="".join(lines))


def networkd_path(interface: str, original: str) -> str:
    """Where our copy of the file of an interface stands."""
    name = original.rpartition("/")[2]
    is_theirs = original.startswith(NETWORKD_DIRECTORY + "/")
    return _first(interface) + name if is_theirs else f"{NETWORKD_DIRECTORY}/{name}"


def networkd_originals(interface: str, path: str) -> list[str]:
    """The files of which the one that networkd follows may be our copy, even one that is gone by now, best first."""
    name = path.rpartition("/")[2]
    if path.startswith(_first(interface)):
        return [f"{NETWORKD_DIRECTORY}/{path[len(_first(interface)) :]}"]
    if path.startswith(NETWORKD_DIRECTORY + "/"):
        return [f"{directory}/{name}" for directory in _OTHER_NETWORKD_DIRECTORIES]
    return []


def _first(interface: str) -> str:
    """How the paths of copies begin that must go before the user's files in the same directory."""
    return f"{NETWORKD_DIRECTORY}/00-lvs-cluster-{interface}-"


def networkd_text(original: str, path: str, gateways: Sequence[Gateway], interface: str) -> str:
    """The text of our copy: the original, with our default routes, and without those that ours take the place of.

    Those with a worse metric stay in it: they are there, unused, before a reboot and after it.
    """
    versions: set[int] = {gateway.address.version for gateway in gateways if gateway.metric == 0}
    sections = [_without_gateways(section, versions) for section in _sections(original)]
    routes = [
        f"\n[Route]\nGateway={gateway.address}\nMetric={gateway.metric}\n"
        for gateway in gateways
        if gateway.interface == interface
    ]
    text = "".join(sections)
    return _HEAD + _NETWORKD_NOTE.format(path=path) + text.rstrip("\n") + "\n" + "".join(routes)


def _sections(text: str) -> list[str]:
    return re.split(r"^(?=[ \t]*\[)", text, flags=re.MULTILINE)


def _without_gateways(section: str, versions: set[int]) -> str:
    name = section.strip().partition("]")[0]
    if name == "[Network":
        return "".join(
            line
            for line in section.splitlines(keepends=True)
            if not (_setting(line)[0] == "Gateway" and _version_of(_setting(line)[1]) in versions)
        )
    if name != "[Route":
        return section
    values = dict(map(_setting, section.splitlines()))
    is_default = values.get("Destination", "default") in ("default", "0.0.0.0/0", "::/0")
    is_best = values.get("Metric", "0") in ("", "0")
    is_main = values.get("Table", "main") in ("", "main", "254")  # others are for policy routing
    is_ours = is_default and is_best and is_main and _version_of(values.get("Gateway", "")) in versions
    return "" if is_ours else section


def _setting(line: str) -> tuple[str, str]:
    """Key and value of a line; blanks around them do not count (systemd.syntax(7))."""
    key, _equals, value = line.partition("=")
    return key.strip(), value.strip()


def _version_of(gateway: str) -> int:
    """The address family of a gateway; ``_dhcp4`` and ``_ipv6ra`` say it too."""
    return 6 if ":" in gateway or "ipv6ra" in gateway else 4 if gateway.strip() else 0


def networkmanager_words(gateway: Gateway) -> tuple[str, str]:
    """The property and the value of our route in a connection."""
    network = "0.0.0.0/0" if gateway.address.version == 4 else "::/0"
    return f"ipv{gateway.address.version}.routes", f"{network} {gateway.address} {max(1, gateway.metric)}"
