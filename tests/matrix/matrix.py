# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the table of docs/real_servers.md from the tests: which method on which system was proven, and how.

A test says what it proves by a mark; its name is the claim:

    @pytest.mark.proves(system="Linux", method="arp_ignore", how="packets")
    def test_a_hidden_vip_is_not_answered() -> None:

``system`` and ``method`` may be lists. The marks are read from the sources, so that rooms that need root, a kernel or
a lab are read like any other; each of them is a stage of ``make test``, which a failing test fails. A test that has
such a mark may not be skipped by another one, or the table would say what nobody ran.

    python tests/matrix/matrix.py            writes the table
    python tests/matrix/matrix.py --check    ends with 1 when the page has another one
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import itertools
import sys
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/real_servers.md"
BEGIN, END = "<!-- begin: made by tests/matrix/matrix.py -->", "<!-- end -->"
#: Rooms of tests, each with the stage of `make test` that runs it.
ROOMS = {
    "tests/unit": "unit",
    "tests/kernel": "kernel",
    "tests/netns": "netns",
    "tests/testinfra": "molecule",
    "tests/cluster": "cluster",
}
#: In the order of the columns, from the best proof to the least: heading, meaning.
HOW = {
    "packets": (
        "packets",
        "another machine's packets on a real kernel: who answers ARP, who gets what is sent to the VIP",
    ),
    "program": ("real program", "that system's own programs took it and show it: `ip`, `sysctl`, `systemd`"),
    "recorded": (
        "recorded",
        "command lines, files and what programs print, as manuals, sources and recordings have them, and no system",
    ),
    "parsed": ("parsed", "read by a program that reads such text, elsewhere than on that system"),
}
_SKIPS = ("skip", "skipif", "xfail")


class MarkError(Exception):
    """A mark that cannot be used, as a sentence: the place, the cause, the remedy."""


@dataclasses.dataclass(frozen=True)
class Proof:
    """A test that proves something of one method on one system."""

    system: str
    method: str
    how: str
    claim: str
    path: str


def proofs_in(root: Path) -> list[Proof]:
    """Every proof in the rooms. Raises MarkError."""
    found: list[Proof] = []
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            found += proofs_of(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix())
    return found


def proofs_of(source: str, path: str) -> Iterator[Proof]:
    """The proofs in one file of tests. Raises MarkError."""
    if ".proves(" not in source:
        return
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [mark for mark in map(_mark, node.decorator_list) if mark is not None]
            skips = [name for name, _call in marks if name in _SKIPS]
            for name, call in marks:
                if name == "proves":
                    if skips:
                        raise MarkError(
                            f"{path}: {node.name} is marked with {skips[0]} and proves nothing when it does not run. "
                            "Take one of the two marks away."
                        )
                    yield from _proofs(call, node.name, path)


def _mark(decorator: ast.expr) -> tuple[str, ast.Call | None] | None:
    """The name of a mark of pytest, and its call."""
    call = decorator if isinstance(decorator, ast.Call) else None
    target = call.func if call is not None else decorator
    if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "pytest.mark":
        return target.attr, call
    return None


def _proofs(call: ast.Call | None, test: str, path: str) -> Iterator[Proof]:
    try:
        words = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords} if call is not None else {}
    except ValueError:
        words = {}
    if set(words) != {"system", "method", "how"} or (call is not None and call.args) or words["how"] not in HOW:
        raise MarkError(
            f'{path}: the mark of {test} must say system="…", method="…" and how="…" in plain text, with how one of '
            f"{', '.join(HOW)}."
        )
    systems, methods = (one if isinstance(one, list) else [one] for one in (words["system"], words["method"]))
    claim = test.removeprefix("test_").replace("_", " ")
    for system, method in itertools.product(systems, methods):
        yield Proof(system=system, method=method, how=words["how"], claim=claim, path=path)


def table(proofs: Sequence[Proof]) -> str:
    """The table, and under it for each of its lines the claims."""
    lines = [
        "| system | method | " + " | ".join(heading for heading, _meaning in HOW.values()) + " |",
        "|" + "---|" * (2 + len(HOW)),
    ]
    for (system, method), mine in _by_row(proofs).items():
        counts = (sum(proof.how == how for proof in mine) for how in HOW)
        cells = (_counted(count) for count in counts)
        lines.append(f"| {system} | `{method}` | " + " | ".join(cells) + " |")
    lines += ["", *(f"* {heading}: {meaning}." for heading, meaning in HOW.values()), ""]
    for (system, method), mine in _by_row(proofs).items():
        lines += [f"### {system}, `{method}`", ""]
        for (how, path), claims in _by_place(mine).items():
            lines.append(f"* {HOW[how][0]}, [{path}](../{path}): {'; '.join(claims)}.")
        lines.append("")
    return "\n".join(lines)


def _by_row(proofs: Sequence[Proof]) -> Mapping[tuple[str, str], list[Proof]]:
    """Linux first, then by name."""
    rows: dict[tuple[str, str], list[Proof]] = {}
    for proof in sorted(proofs, key=_place_of_row):
        rows.setdefault((proof.system, proof.method), []).append(proof)
    return rows


def _place_of_row(proof: Proof) -> tuple[bool, str, str]:
    return (not proof.system.startswith("Linux"), proof.system.lower(), proof.method)


def _by_place(proofs: Sequence[Proof]) -> Mapping[tuple[str, str], list[str]]:
    order = list(HOW)
    places: dict[tuple[str, str], list[str]] = {}
    for proof in sorted(proofs, key=lambda proof: (order.index(proof.how), proof.path)):
        places.setdefault((proof.how, proof.path), []).append(proof.claim)
    return places


def _counted(count: int) -> str:
    if not count:
        return "–"
    return f"{count} {'test' if count == 1 else 'tests'}"


def page_with(text: str, made: str) -> str:
    """The page with this table between its two marks. Raises MarkError."""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise MarkError(
            f"{PAGE.relative_to(ROOT)} needs a line {BEGIN} and after it one {END}. Put them where the table goes."
        )
    return f"{before}{BEGIN}\n\n{made}\n{END}{after}"


def main(arguments: t.Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Makes the table of docs/real_servers.md from the tests.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, and end with 1 when the page has another one"
    )
    options = parser.parse_args(arguments)
    try:
        text = PAGE.read_text(encoding="utf-8")
        new = page_with(text, table(proofs_in(ROOT)))
    except MarkError as error:
        print(error, file=sys.stderr)
        return 2
    if options.check:
        if new != text:
            print(f"{PAGE.relative_to(ROOT)} is not as the tests say. Run make matrix.", file=sys.stderr)
        return int(new != text)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
