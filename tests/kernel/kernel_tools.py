# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of the fixtures in conftest.py, for the tests' signatures."""

from __future__ import annotations

from typing import Any, Protocol


class ModuleRun(Protocol):
    """Runs a module of this collection and returns what it printed as a dictionary."""

    def __call__(
        self,
        name: str,
        parameters: dict[str, Any] | None = None,
        *,
        check: bool = False,
        diff: bool = True,
        fails: bool = False,
    ) -> dict[str, Any]: ...


class Tool(Protocol):
    """Runs a program of the machine and returns its output."""

    def __call__(self, *words: str, stdin: str | None = None, fails: bool = False) -> str: ...
