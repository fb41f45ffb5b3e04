# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd itself says of files that are meant for it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

SERVICE = "[Service]\nType=oneshot\nExecStart=/bin/true\n"


def said_of(files: Mapping[str, str], place: Path) -> str:
    """What ``systemd-analyze verify`` prints of these files of ``/etc``, with an nftables.service, below ``place``."""
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("needs systemd-analyze")
    units = place / "systemd/system"
    for path, text in {**files, "/etc/systemd/system/nftables.service": SERVICE}.items():
        written = place / Path(path).relative_to("/etc")
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(text, encoding="utf-8")
    checked = subprocess.run(
        [analyze, "verify", "--man=no", *map(str, units.glob("*.service"))],
        env={"SYSTEMD_UNIT_PATH": f"{units}:/usr/lib/systemd/system"},
        capture_output=True,
        text=True,
        check=False,
    )
    return checked.stdout + checked.stderr
