# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/verify.md has every message that verify may give."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[5]
MESSAGES = (ROOT / "docs/verify.md").read_text(encoding="utf-8").partition("## The messages of verify")[2]


def _fixed_words_of_findings() -> list[str]:
    """Of each finding's first sentence, as it stands in the code, the longest part without a variable."""
    found = []
    for path in sorted((ROOT / "plugins/plugin_utils/_cluster").glob("check_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Finding":
                texts = [
                    n.value for n in ast.walk(call.args[1]) if isinstance(n, ast.Constant) and isinstance(n.value, str)
                ]
                found.append(max(texts, key=len, default="").strip())
    return sorted({words for words in found if len(words) > 8})


@pytest.mark.parametrize("words", _fixed_words_of_findings())
def test_every_message_is_in_the_table(words: str) -> None:
    assert words in MESSAGES
