# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""The one exception of this room."""

from __future__ import annotations


class ProbeError(Exception):
    """What could not be probed, as a sentence for the user: the object, the cause, the remedy."""
