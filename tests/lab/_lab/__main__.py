# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m _lab` is what tests/lab/lab runs."""

from __future__ import annotations

import sys

from .cli import run

sys.exit(run(sys.argv[1:]))
