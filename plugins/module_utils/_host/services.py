# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
"""What ``systemctl show`` prints, as states of units."""

from __future__ import annotations

from typing import Mapping, Sequence

SHOW = ("systemctl", "show", "--property=ActiveState,UnitFileState", "--")


def service_states(names: Sequence[str], show: str) -> dict[str, dict[str, bool]]:
    """Whether each unit is active and enabled at boot, from the output of `SHOW` with these names.

    systemctl prints one paragraph per unit in the order of the names; a unit that does not exist is inactive there.
    """
    paragraphs = [dict(_pair(line) for line in paragraph.splitlines()) for paragraph in show.strip().split("\n\n")]
    states: Sequence[Mapping[str, str]] = paragraphs if len(paragraphs) == len(names) else [{}] * len(names)
    return {
        name: {
            # A unit that reloads goes on serving; `systemctl is-active` says so too.
            "active": state.get("ActiveState") in ("active", "reloading"),
            "enabled": state.get("UnitFileState") in ("enabled", "enabled-runtime"),
        }
        for name, state in zip(names, states)
    }


def _pair(line: str) -> tuple[str, str]:
    key, _equals, text = line.partition("=")
    return key, text
