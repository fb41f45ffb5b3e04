# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""Sysctls as files."""

from __future__ import annotations

from pathlib import Path


def sysctl_text(name: str) -> str | None:
    """The value of a sysctl, or None where the kernel does not have it.

    `name` in either spelling of sysctl.d(5): after a slash as the first separator dots stay dots, else a dot separates
    and a slash stands for a dot (``net.ipv4.conf.eth0/100.rp_filter``).
    """
    first = next((letter for letter in name if letter in "./"), ".")
    path = name if first == "/" else name.translate(str.maketrans("./", "/."))
    if ".." in path.split("/"):
        return None
    try:
        return Path("/proc/sys", path.lstrip("/")).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
