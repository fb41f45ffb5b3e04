# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the tests use the lab: by its command, as anybody does, in a lab of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

LAB = Path(__file__).with_name("lab")
NAME = "lvs-lab-selftest"
STATE = Path("/run/lvs-labs") / NAME
ENVIRONMENT = {**os.environ, "LVS_LAB_NAME": NAME}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")


def lab(*words: str, fails: bool = False) -> str:
    done = subprocess.run(
        [LAB, *words],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    output = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, output
    return output


def on(machine: str, command: str, *, fails: bool = False) -> str:
    return lab("ssh", machine, command, fails=fails).strip()
