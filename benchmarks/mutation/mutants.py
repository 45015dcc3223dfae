"""Makes the mutants of a source file: copies with one small change each.

Operators and numbers are changed by mutmut's own rules. Two kinds are added: an operand that is replaced by its
neighbour (`a + b` becomes `a + a`), and changes inside SQL statements. Annotations, decorators, messages of errors and
docstrings are left alone, because a change there does not change what the code computes.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

_OPERATORS = (
    mutators.operator_number,
    mutators.operator_name,
    mutators.operator_remove_unary_ops,
    mutators.operator_symmetric_string_methods_swap,
    mutators.operator_keywords,
    mutators.operator_swap_op,
    mutators.operator_if_exp,
    mutators.operator_match,
)
_KINDS = {
    function: tuple(kind for kind, one in mutators.mutation_operators if one is function) for function in _OPERATORS
}
_UNTOUCHED = (cst.Annotation, cst.Decorator, cst.Raise, cst.Import, cst.ImportFrom, cst.Assert)
_SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|ORDER BY|JOIN)\b")
_SQL_CHANGES = (
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bAND\b", "OR"),
    (r"\bLEFT JOIN\b", "JOIN"),
    (r"\bOR REPLACE\b", "OR IGNORE"),
    (r"\bOR IGNORE\b", "OR REPLACE"),
    (r"\bDISTINCT ", ""),
    (r" ORDER BY [\w., ]*\w", ""),
    (r"(?<![<>!])=", "!="),
    (r">(?!=)", ">="),
    (r"\bmin\(", "max("),
)
_SWAPPED_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """One changed copy of a file: the line and the two texts that tell the change, and the whole new source."""

    line: int
    old: str
    new: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a source text."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    positions = wrapper.resolve(PositionProvider)
    lines = source.splitlines()
    for node in _nodes(wrapper.module):
        for changed in _changes(node):
            mutated = wrapper.module.deep_replace(node, changed).code
            if mutated != source:
                line = positions[node].start.line
                yield Mutant(line, lines[line - 1].strip(), _line_of_change(lines, mutated), mutated)


def _nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if isinstance(node, _UNTOUCHED) or _is_docstring(node):
        return
    yield node
    for child in node.children:
        yield from _nodes(child)


def _is_docstring(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString | cst.ConcatenatedString)


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for operator in _OPERATORS:
        if isinstance(node, _KINDS[operator]):
            yield from operator(node)
    if isinstance(node, cst.BinaryOperation) and _has_two_operands(node):
        yield node.with_changes(right=node.left)
        yield node.with_changes(left=node.right)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in _SWAPPED_CALLS:
        yield node.with_changes(func=cst.Name(_SWAPPED_CALLS[node.func.value]))
    if isinstance(node, cst.SimpleString | cst.FormattedStringText) and _SQL.search(node.value):
        yield from _sql_changes(node)


def _has_two_operands(node: cst.BinaryOperation) -> bool:
    """Say whether both sides are names or calls: in `a * 2` the number is changed by another rule."""
    named = all(isinstance(side, cst.Name | cst.Attribute | cst.Call) for side in (node.left, node.right))
    return named and not node.left.deep_equals(node.right)


def _sql_changes(node: cst.SimpleString | cst.FormattedStringText) -> Iterator[cst.CSTNode]:
    for pattern, new in _SQL_CHANGES:
        for found in re.finditer(pattern, node.value):
            yield node.with_changes(value=node.value[: found.start()] + new + node.value[found.end() :])


def _line_of_change(lines: list[str], mutated: str) -> str:
    new = mutated.splitlines()
    first = next((number for number, (a, b) in enumerate(zip(lines, new, strict=False)) if a != b), len(new) - 1)
    return new[first].strip()
