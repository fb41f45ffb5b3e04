# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Units that load other people's rules and may take ours away, and how a unit of ours hears of it. Pure: text only.

nftables.service of Debian empties every table before it loads its file, and when it stops. What loads rules by
iptables-restore empties the tables that its file names. A unit of ours comes after them at boot and is reloaded with
them (``lines_after``). systemd does not start an active unit once more, and tells it nothing of a stop: so a file
beside each of these units (a "drop-in" of systemd.unit(5)) has ours reloaded after it started or stopped.
"""

from __future__ import annotations

from typing import Iterable

#: By the program that wrote our rules.
_LOADERS = {
    "nft": ("nftables",),
    "arptables": ("nftables", "arptables"),
    "iptables": ("nftables", "iptables", "ip6tables", "netfilter-persistent"),
}
_FILE = """\
# What empties tables here takes rules of {unit} away. They come back right after; a mistake there is none of
# this service. Before that unit runs, as at boot, nothing happens.
[Service]
ExecStartPost=-+/bin/systemctl --no-block try-reload-or-restart {unit}
ExecStopPost=-+/bin/systemctl --no-block try-reload-or-restart {unit}
"""


def loaders_of(programs: Iterable[str]) -> tuple[str, ...]:
    """The units that may take rules of these programs away, sorted: ``nft``, ``iptables``, ``ip6tables-legacy``, …"""
    names = {program.partition("-")[0].replace("ip6", "ip") for program in programs}
    return tuple(sorted({f"{loader}.service" for name in names for loader in _LOADERS[name]}))


def lines_after(loaders: Iterable[str]) -> str:
    """What the section Unit of a unit of ours says of them; it needs an ``ExecReload``. Nothing without loaders."""
    names = " ".join(loaders)
    return f"After={names}\nReloadPropagatedFrom={names}\n" if names else ""


def path_beside(loader: str, unit: str) -> str:
    """Where the file lies that has our unit reloaded with this one."""
    return f"/etc/systemd/system/{loader}.d/{unit.replace('.service', '.conf')}"


def every_path_beside(unit: str) -> tuple[str, ...]:
    """Where such files of our unit may lie."""
    return tuple(path_beside(loader, unit) for loader in loaders_of(_LOADERS))


def files_beside(loaders: Iterable[str], unit: str, head: str) -> dict[str, str]:
    """Path and text of these files; the text begins with ``head``."""
    return {path_beside(loader, unit): head + _FILE.format(unit=unit) for loader in loaders}
