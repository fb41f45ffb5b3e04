# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a cluster description, said so that it can be mended without looking anything up."""

from __future__ import annotations

import difflib
import re
import typing as t
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake.

    ``path`` leads to it: ``services[2].ports[0]`` inside ``lvs_cluster``, or ``hostvars[rs1].lvs_address`` for
    a variable of a host. ``problem`` and ``remedy`` are one sentence each.
    """

    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem} {self.remedy}"


_SERVICE = re.compile(r"services\[(\d+)\]")


class DescriptionError(ValueError):
    """The description cannot be built; ``mistakes`` holds every one that was found, service by service."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes: list[Mistake] = sorted(mistakes, key=_service_index)
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """A heading and one numbered line for each mistake."""
        count = len(self.mistakes)
        heading = f"lvs_cluster has {count} mistake{'' if count == 1 else 's'}:"
        return [heading, *(f"{number:>3}. {mistake}" for number, mistake in enumerate(self.mistakes, start=1))]


def _service_index(mistake: Mistake) -> int:
    match = _SERVICE.match(mistake.path)
    return int(match.group(1)) if match else -1


def shown(value: object) -> str:
    """``value`` as a reader would have written it in YAML, cut to a length that fits into a sentence."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = repr(str(value))
    elif isinstance(value, int):
        # Longer ones are no mistyped port, and str() refuses them beyond 4300 digits.
        text = str(int(value)) if abs(value) < 10**30 else "a number of more than 30 digits"
    elif isinstance(value, float):
        text = str(float(value))
    elif value is None:
        text = "nothing"
    elif isinstance(value, dict):
        text = "a mapping"
    elif isinstance(value, (list, tuple)):
        text = "a list"
    else:
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def closest(word: object, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was probably meant to be."""
    if not isinstance(word, str) or len(word) > _LONGEST_SHOWN:
        return None
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else None


def directors_listed(names: Iterable[str]) -> str:
    """``director lb1`` or ``directors lb1 and lb2``."""
    names = list(names)
    return f"director{'' if len(names) == 1 else 's'} {listed(names, 'and')}"


def listed(words: Iterable[t.Any], last: str = "or") -> str:
    """``a, b or c``."""
    texts = [str(word) for word in words]
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}"
