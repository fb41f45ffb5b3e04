# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell scripts as trees, where there is no PowerShell: what is in them can be looked at, not run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import tree_sitter
import tree_sitter_powershell

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "plugins/module_utils/_ArpHidePlan.psm1"
SEAM = ROOT / "plugins/module_utils/_ArpHideHost.psm1"
MODULE = ROOT / "plugins/modules/win_arp_hide.ps1"
PESTER = ROOT / "tests/windows/ArpHidePlan.Tests.ps1"

Value = str | int | bool | None | list["Value"] | dict[str, "Value"]

_CONSTANTS = {"$true": True, "$false": False, "$null": None}


class Node:
    """A node of the grammar's tree, read once: asking the tree itself over and over is slow."""

    def __init__(self, found: tree_sitter.Node, parent: Node | None = None) -> None:
        self.type = found.type
        self.text = (found.text or b"").decode()
        self.line = found.start_point.row + 1
        self.is_named = found.is_named
        self.is_missing = found.is_missing
        self.parent = parent
        self.children = [Node(child, self) for child in found.children]
        self.named_children = [child for child in self.children if child.is_named]


@cache
def tree(path: Path) -> Node:
    return parse(path.read_bytes())


@cache
def parse(script: bytes) -> Node:
    language = tree_sitter.Language(tree_sitter_powershell.language())
    return Node(tree_sitter.Parser(language).parse(script).root_node)


def text(node: Node) -> str:
    return node.text


def inside(node: Node, *types: str) -> Iterator[Node]:
    """The node itself and everything in it, of these types (of all, where none is given)."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if not types or each.type in types:
            yield each
        waiting.extend(reversed(each.children))


def faults(node: Node) -> list[str]:
    """Where the grammar does not understand the script."""
    return [
        f"line {each.line}: {text(each)[:60]!r}" for each in inside(node) if each.type == "ERROR" or each.is_missing
    ]


def functions(node: Node) -> dict[str, Node]:
    return {text(next(inside(each, "function_name"))): each for each in inside(node, "function_statement")}


def commands(node: Node) -> list[str]:
    """The names of the commands that are called, as they are written."""
    return [text(each) for each in inside(node, "command_name", "command_name_expr")]


def assigned(node: Node, variable: str) -> Value:
    """The value that a script gives to a variable, when that is written out: texts, numbers, lists, hash tables."""
    for each in inside(node, "assignment_expression"):
        left, right = each.children[0], each.children[-1]
        if text(left) == variable:
            return literal(right)
    raise LookupError(f"nothing is assigned to {variable}")


def literal(node: Node) -> Value:
    while node.type not in _READERS:
        named = node.named_children
        if len(named) != 1:
            raise ValueError(f"no literal: {text(node)}")
        node = named[0]
    return _READERS[node.type](node)


def _hash_table(node: Node) -> Value:
    entries = [each for body in node.named_children for each in body.named_children if each.type == "hash_entry"]
    return {text(each.named_children[0]).strip("'\""): literal(each.named_children[-1]) for each in entries}


def _array(node: Node) -> Value:
    found: list[Value] = []
    for statements in node.named_children:
        for statement in statements.named_children:
            value = literal(statement)
            found.extend(value if isinstance(value, list) else [value])
    return found


def _comma_list(node: Node) -> Value:
    values = [literal(each) for each in node.named_children]
    return values if len(values) > 1 else values[0]


_READERS: dict[str, Callable[[Node], Value]] = {
    "hash_literal_expression": _hash_table,
    "array_expression": _array,
    "array_literal_expression": _comma_list,
    "string_literal": lambda node: re.sub(r"^(['\"])(.*)\1$", r"\2", text(node), flags=re.DOTALL),
    "integer_literal": lambda node: int(text(node), 0),
    "variable": lambda node: _CONSTANTS[text(node).lower()],
}
