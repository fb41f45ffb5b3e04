# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluates the plan's own PowerShell source, as far as it goes: functions of data, no cmdlets but those of pipelines.

It is no PowerShell. It knows what ``_ArpHidePlan.psm1`` uses and stops at anything else, and where PowerShell is
peculiar (``@($null)`` has one element, a pipeline with one result is no list, texts compare without case) it is so too,
as far as we know. It finds mistakes in the plan's logic, not what PowerShell makes of the file otherwise.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from functools import cmp_to_key
from pathlib import Path
from typing import Any

from ansible_collections.lvs.cluster.tests.windows import grammar
from ansible_collections.lvs.cluster.tests.windows.grammar import Node, text


class Object(dict[str, Any]):
    """A PSCustomObject or a hash table: names without case, in their order."""

    def __init__(self, entries: Iterable[tuple[str, Any]] = (), *, is_table: bool = False) -> None:
        super().__init__()
        self.is_table = is_table
        for name, value in entries:
            self.put(name, value)

    def name(self, wanted: Any) -> Any:
        return next((name for name in self if str(name).lower() == str(wanted).lower()), wanted)

    def put(self, name: Any, value: Any) -> None:
        self[self.name(name)] = value

    def find(self, name: Any) -> Any:
        return self.get(self.name(name))


class Address:
    """What ``[System.Net.IPAddress]::Parse`` returns."""

    def __init__(self, written: str) -> None:
        self.address = ipaddress.ip_address(written)


class _Nothing:
    """The result of a pipeline without output: like $null, but no element of anything."""

    def __bool__(self) -> bool:
        return False


NOTHING = _Nothing()


class FaultError(Exception):
    """What PowerShell would refuse, or what is not known here."""


class _Leave(Exception):  # noqa: N818 - it is no error
    """A way out of a block, with what was put out before."""

    def __init__(self, output: list[Any]) -> None:
        super().__init__()
        self.output = output


class _Return(_Leave):
    pass


class _Continue(_Leave):
    pass


class _Reference:
    def __init__(self, scope: Scope, name: str) -> None:
        self.scope, self.name = scope, name


class Scope:
    """Variables of one function call; blocks of a pipeline see those around them."""

    def __init__(self, outer: Scope | None = None) -> None:
        self.outer = outer
        self.values: dict[str, Any] = {"true": True, "false": False, "null": None} if outer is None else {}

    def get(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if name.lower() in scope.values:
                return scope.values[name.lower()]
            scope = scope.outer
        return None

    def put(self, name: str, value: Any) -> None:
        self.values[name.lower()] = value


def truth(value: Any) -> bool:
    if isinstance(value, list):
        return truth(value[0]) if len(value) == 1 else bool(value)
    return True if isinstance(value, (Object, Address)) else bool(value)


def to_text(value: Any) -> str:
    if value is None or value is NOTHING:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, list):
        return " ".join(to_text(each) for each in value)
    if isinstance(value, (Object, Address)):
        raise FaultError("an object is used as a text")
    return str(value)


def elements(value: Any) -> list[Any]:
    """What a value puts into a pipeline."""
    if value is NOTHING:
        return []
    return list(value) if isinstance(value, list) else [value]


def collected(output: list[Any]) -> Any:
    return NOTHING if not output else output[0] if len(output) == 1 else output


def equal(left: Any, right: Any, *, with_case: bool = False) -> bool:
    if left is None or left is NOTHING or right is None or right is NOTHING:
        return (left is None or left is NOTHING) and (right is None or right is NOTHING)
    if isinstance(left, bool):
        return left == truth(right)
    if isinstance(left, int):
        return bool(re.fullmatch(r"-?\d+", to_text(right))) and left == int(to_text(right))
    if isinstance(left, str):
        other = to_text(right)
        return left == other if with_case else left.lower() == other.lower()
    return left is right


def _like(value: Any, pattern: Any) -> bool:
    expression = re.escape(to_text(pattern)).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, to_text(value), re.IGNORECASE) is not None


def _order(left: Any, right: Any) -> int:
    if isinstance(left, int) and isinstance(right, int):
        return (left > right) - (left < right)
    one, other = to_text(left).lower(), to_text(right).lower()
    return (one > other) - (one < other)


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "-eq": equal,
    "-ne": lambda left, right: not equal(left, right),
    "-ceq": lambda left, right: equal(left, right, with_case=True),
    "-cne": lambda left, right: not equal(left, right, with_case=True),
    "-gt": lambda left, right: _order(left, right) > 0,
    "-ge": lambda left, right: _order(left, right) >= 0,
    "-lt": lambda left, right: _order(left, right) < 0,
    "-le": lambda left, right: _order(left, right) <= 0,
    "-in": lambda left, right: any(equal(each, left) for each in elements(right)),
    "-notin": lambda left, right: not any(equal(each, left) for each in elements(right)),
    "-like": _like,
    "-notlike": lambda left, right: not _like(left, right),
    "-join": lambda left, right: to_text(right).join(to_text(each) for each in elements(left)),
    "-band": lambda left, right: left & right,
    "-shr": lambda left, right: left >> right,
}
_BY_ELEMENT = {"-eq", "-ne", "-ceq", "-cne", "-gt", "-ge", "-lt", "-le", "-like", "-notlike"}


class Script:
    """The functions of one script, to be called by name."""

    def __init__(self, path: Path) -> None:
        self.functions = grammar.functions(grammar.tree(path))
        self.top = Scope()

    def call(self, function: str, **arguments: Any) -> Any:
        """What the function returns: NOTHING, one value, or a list."""
        return collected(self.invoke(function, {name: plain(value) for name, value in arguments.items()}))

    # --- functions ---------------------------------------------------------------------------------------------------

    def invoke(self, name: str, arguments: dict[str, Any]) -> list[Any]:
        function = self.functions[name]
        scope = Scope(self.top)
        given = {key.lower(): value for key, value in arguments.items()}
        for parameter in grammar.inside(next(grammar.inside(function, "param_block")), "script_parameter"):
            variable = text(parameter.named_children[-1]).lstrip("$")
            types = [
                text(each)[1:-1].lower() for each in grammar.inside(parameter, "type_literal") if "(" not in text(each)
            ]
            is_given = variable.lower() in given
            value = given.pop(variable.lower(), None)
            if re.search(r"Mandatory\s*=\s*\$true", text(parameter)) and (not is_given or value in (None, "", [])):
                raise FaultError(f"{name}: parameter {variable} is mandatory and got {value!r}")
            scope.put(variable, _bound(value, types[0] if types else "", f"{name} -{variable}", is_given=is_given))
        if given:
            raise FaultError(f"{name} has no parameter {', '.join(given)}")
        body = next(each for each in grammar.inside(function, "script_block_body"))
        try:
            return self.statements(body, scope)
        except _Return as returned:
            return returned.output

    def command(self, node: Node, scope: Scope, piped: list[Any] | None) -> list[Any]:
        name = text(node.named_children[0])
        given = self.arguments(node, scope)
        if name in self.functions:
            if piped is not None or None in given:
                raise FaultError(f"{name} takes no pipeline and no argument without a name")
            return self.invoke(name, {str(key): value for key, value in given.items()})
        values = [] if piped is None else piped
        if name == "Where-Object":
            return [each for each in values if truth(collected(self.block(given[None], scope, each)))]
        if name == "ForEach-Object":
            return [out for each in values for out in self.block(given[None], scope, each)]
        if name == "Sort-Object":
            return _sorted(values, given)
        if name == "Select-Object":
            if "Unique" in given:
                found: list[Any] = []
                found.extend(
                    e for i, e in enumerate(values) if not any(equal(e, o, with_case=True) for o in values[:i])
                )
                return found
            return values[: int(given["First"])]
        raise FaultError(f"nobody knows the command {name} here")

    def block(self, node: Node, scope: Scope, item: Any) -> list[Any]:
        inner = Scope(scope)
        inner.put("_", item)
        return self.statements(next(grammar.inside(node, "script_block_body")), inner)

    def arguments(self, node: Node, scope: Scope) -> dict[str | None, Any]:
        found: dict[str | None, Any] = {}
        waiting: str | None = None
        for holder in node.named_children[1:]:
            for each in holder.named_children:
                if each.type == "command_argument_sep":
                    continue
                if each.type == "command_parameter":
                    waiting = text(each).strip("-:")
                    found[waiting] = True
                    continue
                inner = _core(each)
                found[waiting] = inner if inner.type == "script_block_expression" else self.argument(each, scope)
                waiting = None
        return found

    def argument(self, node: Node, scope: Scope) -> Any:
        if node.type == "generic_token":
            return int(text(node)) if text(node).isdigit() else text(node)
        value = self.expression(node, scope)
        return None if value is NOTHING else value

    # --- statements --------------------------------------------------------------------------------------------------

    def statements(self, node: Node, scope: Scope) -> list[Any]:
        output: list[Any] = []
        for child in node.named_children:
            for each in child.named_children if child.type == "statement_list" else [child]:
                try:
                    output.extend(self.statement(each, scope))
                except _Return as returned:
                    raise _Return(output + returned.output) from None
                except _Continue as stopped:
                    # What came before it was put out already.
                    raise _Continue(output + stopped.output) from None
        return output

    def statement(self, node: Node, scope: Scope) -> list[Any]:
        if node.type in ("comment", "empty_statement", "function_statement"):
            return []
        if node.type == "pipeline":
            return self.pipeline(node, scope)
        if node.type == "if_statement":
            return self.condition(node, scope)
        if node.type == "foreach_statement":
            variable, source = text(node.named_children[0]).lstrip("$"), self.pipeline(node.named_children[1], scope)
            output: list[Any] = []
            values = [] if source == [None] and _core(node.named_children[1]).type != "array_expression" else source
            for value in values:
                scope.put(variable, value)
                output += self.turn(node.named_children[-1], scope)
            return output
        if node.type == "for_statement":
            start, test, step, body = node.named_children
            self.statements(start, scope)
            output = []
            while truth(collected(self.statements(test, scope))):
                output += self.turn(body, scope)
                self.statements(step, scope)
            return output
        if node.type == "flow_control_statement":
            if text(node).startswith("continue"):
                raise _Continue([])
            raise _Return([out for each in node.named_children for out in self.pipeline(each, scope)])
        raise FaultError(f"nobody knows the statement {node.type} here: {text(node)[:60]}")

    def turn(self, body: Node, scope: Scope) -> list[Any]:
        try:
            return self.statements(body, scope)
        except _Continue as stopped:
            return stopped.output

    def condition(self, node: Node, scope: Scope) -> list[Any]:
        test, body, *others = node.named_children
        if truth(collected(self.pipeline(test, scope))):
            return self.statements(body, scope)
        for other in others:
            for clause in other.named_children if other.type == "elseif_clauses" else [other]:
                if clause.type == "elseif_clause":
                    if truth(collected(self.pipeline(clause.named_children[0], scope))):
                        return self.statements(clause.named_children[1], scope)
                elif clause.type == "else_clause":
                    return self.statements(clause.named_children[-1], scope)
        return []

    def pipeline(self, node: Node, scope: Scope) -> list[Any]:
        core = _core(node)
        if core.type == "assignment_expression":
            self.assign(core, scope)
            return []
        if core.type == "post_increment_expression":
            name = text(core.named_children[0]).lstrip("$")
            scope.put(name, scope.get(name) + 1)
            return []
        if core.type == "command":
            return self.command(core, scope, None)
        if core.type != "pipeline_chain":
            return elements(self.expression(core, scope))
        first, *rest = core.named_children
        inner = _core(first)
        values = (
            self.command(inner, scope, None) if inner.type == "command" else elements(self.expression(first, scope))
        )
        for each in rest:
            values = self.command(each, scope, values)
        return values

    def assign(self, node: Node, scope: Scope) -> None:
        target, operator, source = _core(node.children[0]), text(node.children[1]), node.children[2]
        value = self.whole(source, scope)
        if target.type == "array_literal_expression":
            names = [text(each).lstrip("$") for each in target.named_children]
            for position, name in enumerate(names):
                rest = elements(value)[position:]
                scope.put(name, collected(rest) if position == len(names) - 1 else (rest or [None])[0])
        elif target.type == "element_access":
            owner = self.expression(target.named_children[0], scope)
            owner.put(self.expression(target.named_children[1], scope), value)
        elif target.type == "variable":
            name = text(target).lstrip("$")
            if operator == "+=":
                # In a block of a pipeline this makes a new variable there, as in PowerShell.
                value = _sum(scope.get(name), value)
            scope.put(name, value)
        else:
            raise FaultError(f"nobody knows how to assign to {text(target)}")

    def whole(self, node: Node, scope: Scope) -> Any:
        """The value of a pipeline as one value: an expression keeps its list, a command's results become one."""
        core = _core(node)
        if core.type in ("command", "pipeline_chain"):
            return collected(self.pipeline(core, scope))
        return self.expression(core, scope)

    # --- expressions -------------------------------------------------------------------------------------------------

    def expression(self, node: Node, scope: Scope) -> Any:
        node = _core(node)
        kind = node.type
        reader = getattr(self, f"read_{kind}", None)
        if reader is not None:
            return reader(node, scope)
        if kind.endswith("integer_literal"):
            return int(text(node), 0)
        if kind == "verbatim_string_characters":
            return text(node)[1:-1].replace("''", "'")
        if kind in ("array_literal_expression", "argument_expression_list"):
            return [self.expression(each, scope) for each in node.named_children]
        if kind in ("command", "pipeline_chain"):
            return collected(self.pipeline(node, scope))
        raise FaultError(f"nobody knows the expression {kind} here: {text(node)[:60]}")

    def read_variable(self, node: Node, scope: Scope) -> Any:
        return scope.get(text(node).lstrip("$"))

    def read_expandable_string_literal(self, node: Node, scope: Scope) -> Any:
        source, output, position = text(node)[1:-1], "", 0
        while position < len(source):
            if source[position] == "`":
                output += {"n": "\n", "t": "\t"}.get(source[position + 1], source[position + 1])
                position += 2
            elif source.startswith("$(", position):
                end = _closing(source, position + 1)
                inner = grammar.parse(source[position + 2 : end].encode())
                output += to_text(collected(self.statements(inner, scope)))
                position = end + 1
            elif found := re.match(r"\$(\w+)", source[position:]):
                output += to_text(scope.get(found[1]))
                position += found.end()
            else:
                output += source[position]
                position += 1
        return output

    def read_parenthesized_expression(self, node: Node, scope: Scope) -> Any:
        return self.whole(node.named_children[0], scope)

    def read_sub_expression(self, node: Node, scope: Scope) -> Any:
        return collected([out for each in node.named_children for out in self.statements(each, scope)])

    def read_array_expression(self, node: Node, scope: Scope) -> Any:
        output: list[Any] = []
        for each in node.named_children:
            if each.type != "comment":
                output += self.statements(each, scope)
        return output

    def read_hash_literal_expression(self, node: Node, scope: Scope) -> Any:
        entries = [entry for entry in grammar.inside(node, "hash_entry") if _table_of(entry) == node]
        return Object(
            ((text(entry.named_children[0]), self.whole(entry.named_children[-1], scope)) for entry in entries),
            is_table=True,
        )

    def read_cast_expression(self, node: Node, scope: Scope) -> Any:
        kind = text(node.children[0])[1:-1].lower()
        if kind == "ref":
            return _Reference(scope, text(_core(node.children[-1])).lstrip("$"))
        value = self.expression(node.children[-1], scope)
        if kind == "pscustomobject":
            return Object(value.items())
        if kind == "ordered":
            return value
        if kind == "int32":
            return int(to_text(value) or 0)
        if kind == "boolean":
            return truth(value)
        if kind == "string":
            return to_text(value)
        raise FaultError(f"nobody knows the type {kind} here")

    def read_expression_with_unary_operator(self, node: Node, scope: Scope) -> Any:
        operator, value = text(node.children[0]).lower(), self.expression(node.children[-1], scope)
        if operator in ("-not", "!"):
            return not truth(value)
        if operator == "-":
            return -value
        raise FaultError(f"nobody knows the operator {operator} here")

    def read_logical_expression(self, node: Node, scope: Scope) -> Any:
        left, operator, right = node.children
        first = truth(self.expression(left, scope))
        if text(operator).lower() == "-and":
            return first and truth(self.expression(right, scope))
        if text(operator).lower() == "-or":
            return first or truth(self.expression(right, scope))
        raise FaultError(f"nobody knows the operator {text(operator)} here")

    def read_comparison_expression(self, node: Node, scope: Scope) -> Any:
        if len(node.children) == 2:  # -join in front of a list
            return "".join(to_text(each) for each in elements(self.expression(node.children[1], scope)))
        operator = text(node.children[1]).lower()
        left, right_node = self.expression(node.children[0], scope), node.children[2]
        if operator == "-is":
            return isinstance(left, bool) if text(right_node).lower() == "[boolean]" else _unknown_type(right_node)
        right = self.expression(right_node, scope)
        if operator in ("-match", "-notmatch"):
            found = re.search(to_text(right).replace("[*?[", r"[*?\["), to_text(left), re.IGNORECASE)
            if found and operator == "-match":
                groups = [
                    (number, value) for number, value in enumerate([found[0], *found.groups()]) if value is not None
                ]
                scope.put("Matches", Object(((str(number), value) for number, value in groups), is_table=True))
            return (found is not None) == (operator == "-match")
        if operator not in _COMPARISONS:
            raise FaultError(f"nobody knows the operator {operator} here")
        if operator in _BY_ELEMENT and isinstance(left, list):
            return [each for each in left if _COMPARISONS[operator](each, right)]
        return _COMPARISONS[operator](left, right)

    def read_bitwise_expression(self, node: Node, scope: Scope) -> Any:
        left, operator, right = node.children
        return _COMPARISONS[text(operator).lower()](self.expression(left, scope), self.expression(right, scope))

    def read_additive_expression(self, node: Node, scope: Scope) -> Any:
        left, right = self.expression(node.children[0], scope), self.expression(node.children[2], scope)
        return _sum(left, right) if text(node.children[1]) == "+" else left - right

    def read_multiplicative_expression(self, node: Node, scope: Scope) -> Any:
        return self.expression(node.children[0], scope) * self.expression(node.children[2], scope)

    def read_format_expression(self, node: Node, scope: Scope) -> Any:
        pattern, values = self.expression(node.children[0], scope), self.expression(node.children[2], scope)
        return pattern.format(*(to_text(each) for each in elements(values)))

    read_additive_argument_expression = read_additive_expression
    read_multiplicative_argument_expression = read_multiplicative_expression
    read_format_argument_expression = read_format_expression

    def read_member_access(self, node: Node, scope: Scope) -> Any:
        owner = self.expression(node.children[0], scope)
        member = _core(node.children[-1])
        name = to_text(self.expression(member, scope)) if member.type == "variable" else text(member)
        return _member(owner, name)

    def read_element_access(self, node: Node, scope: Scope) -> Any:
        owner, index = (self.expression(each, scope) for each in node.named_children)
        if isinstance(owner, Object):
            return owner.find(index)
        if isinstance(owner, str):
            owner = list(owner)
        return owner[index] if index < len(owner) else None

    def read_invokation_expression(self, node: Node, scope: Scope) -> Any:
        owner_node, member = node.children[0], text(_core(node.children[2]))
        arguments = next(each for each in node.children if each.type == "argument_list").named_children
        given = [self.expression(each, scope) for part in arguments for each in part.named_children]
        if owner_node.type == "type_literal":
            return _static(text(owner_node), member, given)
        return _method(self.expression(owner_node, scope), member, given)


def plain(value: Any) -> Any:
    """Python's own data as PowerShell's."""
    if isinstance(value, dict) and not isinstance(value, Object):
        return Object(((name, plain(each)) for name, each in value.items()))
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def _core(node: Node) -> Node:
    # A text may have nothing but a variable in it.
    while len(node.children) == 1 and node.children[0].is_named and node.type != "expandable_string_literal":
        node = node.children[0]
    return node


def _table_of(entry: Node) -> Node | None:
    above = entry.parent
    while above is not None and above.type != "hash_literal_expression":
        above = above.parent
    return above


def _closing(source: str, position: int) -> int:
    depth = 0
    for index in range(position, len(source)):
        depth += {"(": 1, ")": -1}.get(source[index], 0)
        if depth == 0:
            return index
    raise FaultError(f"a parenthesis stays open in {source!r}")


def _bound(value: Any, kind: str, place: str, *, is_given: bool) -> Any:
    if kind == "string":
        if isinstance(value, (list, Object)):
            raise FaultError(f"{place} takes one text, got {value!r}")
        return to_text(value)
    if kind == "string[]":
        return None if value is None else [to_text(each) for each in elements(value)]
    if kind == "int32":
        return int(value or 0)
    if kind in ("boolean", "switch"):
        if is_given and kind == "boolean" and not isinstance(value, (bool, int)):
            raise FaultError(f"{place} takes $true or $false, got {value!r}")
        return bool(value)
    if kind == "system.collections.idictionary" and not (isinstance(value, Object) and value.is_table):
        raise FaultError(f"{place} takes a hash table, got {value!r}")
    return value


def _sum(left: Any, right: Any) -> Any:
    if left is None or left is NOTHING:
        return right
    if isinstance(left, list):
        return left + elements(right)
    return left + to_text(right) if isinstance(left, str) else left + right


def _sorted(values: list[Any], given: dict[str | None, Any]) -> list[Any]:
    names = elements(given.get("Property", []))

    def compare(left: Any, right: Any) -> int:
        pairs = [(_member(left, name), _member(right, name)) for name in names] if names else [(left, right)]
        return next((order for one, other in pairs if (order := _order(one, other))), 0)

    found = sorted(values, key=cmp_to_key(compare))
    return [e for i, e in enumerate(found) if i == 0 or compare(e, found[i - 1])] if "Unique" in given else found


def _member(owner: Any, name: str) -> Any:
    if owner is None or owner is NOTHING:
        return 0 if name.lower() == "count" else None
    if isinstance(owner, Object):
        if owner.is_table and name.lower() == "keys":
            return list(owner)
        if name.lower() == "count" and "count" not in {each.lower() for each in owner}:
            return len(owner) if owner.is_table else 1
        return owner.find(name)
    if name.lower() in ("count", "length") and isinstance(owner, (list, str)):
        return len(owner) if isinstance(owner, list) or name.lower() == "length" else 1
    if isinstance(owner, list):
        return collected([value for each in owner for value in elements(_member(each, name)) if value is not None])
    raise FaultError(f"{owner!r} has no property {name}")


def _method(owner: Any, name: str, given: list[Any]) -> Any:
    if isinstance(owner, Address) and name in ("GetAddressBytes", "ToString"):
        return list(owner.address.packed) if name == "GetAddressBytes" else str(owner.address)
    if isinstance(owner, str) and name in ("Split", "Replace", "ToLowerInvariant"):
        return getattr(owner, {"ToLowerInvariant": "lower"}.get(name, name.lower()))(*given)
    if isinstance(owner, str) and name == "Contains":
        return given[0] in owner
    raise FaultError(f"nobody knows the method {name} of {owner!r} here")


def _static(kind: str, name: str, given: list[Any]) -> Any:
    if kind == "[Math]":
        return {"Min": min, "Max": max}[name](given)
    if kind != "[System.Net.IPAddress]":
        raise FaultError(f"nobody knows the type {kind} here")
    if name == "Parse":
        return Address(given[0])
    try:
        given[1].scope.put(given[1].name, Address(given[0]))
    except ValueError:
        return False
    return True


def _unknown_type(node: Node) -> bool:
    raise FaultError(f"nobody knows the type {text(node)} here")
