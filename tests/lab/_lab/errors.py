# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that a person reads."""

from __future__ import annotations


class LabError(Exception):
    """Something is wrong or missing; the text is a sentence that says what, where, and what to do."""
