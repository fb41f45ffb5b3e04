# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The error that every room's errors descend from."""

from __future__ import annotations

from typing import Any, Mapping


class TaskError(Exception):
    """What cannot be done. Its text is a sentence for the user: the object, the cause, the remedy.

    ``results`` is what the module returns beside it, for a failure after something was done.
    """

    results: Mapping[str, Any] = {}
