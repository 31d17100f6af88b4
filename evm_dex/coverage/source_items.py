"""Items of a source that can be covered: functions, statements, and the ways of branches.

They are those of `forge coverage`, so that reports agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from evm_dex.sources.source_file import SourceFile

Node = Mapping[str, Any]


class SourceSpan(NamedTuple):
    """A piece of a source, by its first place and the one behind it."""

    start: int
    end: int


class FunctionItem(NamedTuple):
    """A function, modifier or constructor with a body."""

    span: SourceSpan
    name: str
    is_inlined: bool
    """True for a modifier, whose code is in each function that it is of."""


class StatementItem(NamedTuple):
    """A statement, or an expression that counts as one."""

    span: SourceSpan


class BranchItem(NamedTuple):
    """A place where code goes one way or another."""

    span: SourceSpan
    """The whole condition; of `require` the call."""
    paths: tuple[SourceSpan, ...]
    """The code of each way; none of `require`, which fails (0) or passes (1)."""
    places: tuple[int, ...]
    """The place in the source that each way is reported at."""


Item = FunctionItem | StatementItem | BranchItem


def items_of(file: SourceFile) -> list[Item]:
    """Return the items of a source in their order; none where it has no syntax tree."""
    return list(_Reader().file(file)) if file.tree is not None else []


def _span(node: Node) -> SourceSpan:
    start, length, _ = node["src"].split(":")
    return SourceSpan(int(start), int(start) + int(length))


def unique(names: Iterable[str]) -> list[str]:
    """Return names with a number behind those that came before: "C.f", "C.f.1"."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        found.append(f"{name}.{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


class _Reader:
    """Walks a syntax tree as solc writes it: docs.soliditylang.org, "Using the Compiler"."""

    def file(self, file: SourceFile) -> Iterator[Item]:
        assert file.tree is not None, "read only with a tree"
        for node in file.tree.get("nodes", ()):
            if node["nodeType"] == "ContractDefinition":
                for part in node["nodes"]:
                    yield from self._function(part, f"{node['name']}.")
            else:
                yield from self._function(node, "")

    def _function(self, node: Node, prefix: str) -> Iterator[Item]:
        is_modifier = node["nodeType"] == "ModifierDefinition"
        if not (is_modifier or node["nodeType"] == "FunctionDefinition") or not node.get("body"):
            return
        name = node["name"] or node.get("kind", "function")
        if name == "receive" and not node["body"]["statements"]:
            return  # compilers write no code for it that could be told apart
        yield FunctionItem(_span(node), prefix + name, is_modifier)
        yield from self._statement(node["body"])

    def _statement(self, node: Node | None) -> Iterator[Item]:
        if node is None:
            return
        read = _STATEMENTS.get(node["nodeType"])
        if read is not None:
            yield from read(self, node)

    def _block(self, node: Node) -> Iterator[Item]:
        for statement in node.get("statements") or ():
            yield from self._statement(statement)

    def _assembly(self, node: Node) -> Iterator[Item]:
        yield from self._statement(node["AST"])

    def _simple(self, node: Node) -> Iterator[Item]:
        yield StatementItem(_span(node))
        for field in ("expression", "initialValue"):
            yield from self._expression(node.get(field))

    def _wrapped(self, node: Node) -> Iterator[Item]:
        yield from self._expression(node["expression"])

    def _while(self, node: Node) -> Iterator[Item]:
        yield from self._expression(node["condition"])
        yield from self._statement(node["body"])

    def _for(self, node: Node) -> Iterator[Item]:
        yield from self._statement(node.get("initializationExpression"))
        yield from self._expression(node.get("condition"))
        yield from self._statement(node.get("loopExpression"))
        yield from self._statement(node["body"])

    def _if(self, node: Node) -> Iterator[Item]:
        yield from self._expression(node["condition"])
        bodies = [body for body in (node["trueBody"], node.get("falseBody")) if body]
        if any(map(_has_statements, bodies)):
            places = (_span(node).start,) * len(bodies)
            yield BranchItem(_span(node["condition"]), tuple(map(_span, bodies)), places)
        for body in bodies:
            yield from self._statement(body)

    def _try(self, node: Node) -> Iterator[Item]:
        yield from self._expression(node["externalCall"])
        clauses = node["clauses"]
        blocks = tuple(_span(it["block"]) for it in clauses)
        places = tuple(_span(it).start for it in clauses)
        yield BranchItem(_span(node["externalCall"]), blocks, places)
        for clause in clauses:
            yield StatementItem(_span(clause["block"]))
            yield from self._statement(clause["block"])

    def _yul_if(self, node: Node) -> Iterator[Item]:
        yield from self._expression(node["condition"])
        places = (_span(node).start,)
        yield BranchItem(_span(node["condition"]), (_span(node["body"]),), places)
        yield from self._statement(node["body"])

    def _yul_switch(self, node: Node) -> Iterator[Item]:
        yield from self._expression(node["expression"])
        for case in node["cases"]:
            yield StatementItem(_span(case["body"]))
            yield from self._statement(case["body"])

    def _yul_for(self, node: Node) -> Iterator[Item]:
        yield from self._statement(node["pre"])
        yield from self._expression(node["condition"])
        yield from self._statement(node["post"])
        yield from self._statement(node["body"])

    def _yul_function(self, node: Node) -> Iterator[Item]:
        yield FunctionItem(_span(node), node["name"], is_inlined=False)
        yield from self._statement(node["body"])

    def _expression(self, node: Node | None) -> Iterator[Item]:
        if node is None:
            return
        kind = node["nodeType"]
        if kind in ("Assignment", "UnaryOperation", "Conditional", "YulFunctionCall"):
            yield StatementItem(_span(node))
        elif kind == "BinaryOperation":
            yield StatementItem(_span(node))
            yield from self._expression(node["leftExpression"])
            yield from self._expression(node["rightExpression"])
        elif kind == "FunctionCall" and node.get("kind") == "functionCall":
            yield StatementItem(_span(node))
            if node["expression"].get("name") == "require":
                yield BranchItem(_span(node), (), (_span(node).start,) * 2)


def _has_statements(body: Node) -> bool:
    return bool(body.get("statements")) if "statements" in body else True


_STATEMENTS = {
    "Block": _Reader._block,
    "UncheckedBlock": _Reader._block,
    "YulBlock": _Reader._block,
    "InlineAssembly": _Reader._assembly,
    "ExpressionStatement": _Reader._wrapped,
    "YulExpressionStatement": _Reader._wrapped,
    "WhileStatement": _Reader._while,
    "DoWhileStatement": _Reader._while,
    "ForStatement": _Reader._for,
    "IfStatement": _Reader._if,
    "TryStatement": _Reader._try,
    "YulIf": _Reader._yul_if,
    "YulSwitch": _Reader._yul_switch,
    "YulForLoop": _Reader._yul_for,
    "YulFunctionDefinition": _Reader._yul_function,
    **dict.fromkeys(
        (
            "Break", "Continue", "EmitStatement", "Return", "RevertStatement",
            "VariableDeclarationStatement", "YulAssignment", "YulBreak", "YulContinue", "YulLeave",
            "YulVariableDeclaration",
        ),
        _Reader._simple,
    ),
}  # fmt: skip
"""Readers by kind of statement; the placeholder of a modifier is none."""
