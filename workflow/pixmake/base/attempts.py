"""Resources that grow with each attempt: a list, or an expression of ``attempt``."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

NAME = "attempt"
"""What an expression may name; the first attempt is 1."""

LONGEST = 1000
"""Letters of an expression: no resource needs as many."""

MOST_BITS = 1024
"""The size of a number on the way to a value; beyond it an expression would count for ever."""


def _rounded(value: Any, digits: int = 0) -> Any:
    if abs(digits) > 20:
        raise OverflowError(f"rounded to {digits} digits")
    return round(value, digits) if digits else round(value)


_FUNCTIONS = {"min": min, "max": max, "round": _rounded, "int": int, "abs": abs}
_NODES = (
    ast.Expression,
    ast.Constant,
    ast.Name,
    ast.Load,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Call,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
)


def is_expression(text: str) -> bool:
    """Whether a text names ``attempt``: any other one is a plain value, such as a partition's name.

    Examples
    --------
    >>> is_expression("1000 * attempt"), is_expression("highmem"), is_expression("2h")
    (True, False, False)
    """
    tree = _parsed(text)
    return tree is not None and any(isinstance(x, ast.Name) and x.id == NAME for x in ast.walk(tree))


def expression_problem(text: str) -> str:
    """What an expression has that is not allowed, or nothing.

    It may hold numbers, texts, ``attempt``, operators, ``… if … else …`` and the functions ``min``,
    ``max``, ``round``, ``int`` and ``abs``: no text of a config can do more than count.
    """
    tree = _parsed(text)
    if tree is None:
        return "is no expression"
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not isinstance(node, _NODES) or (isinstance(node, ast.Call) and node.keywords):
            return f"{ast.unparse(node)!r} is not allowed in an expression of {NAME}"
        if isinstance(node, ast.Name):
            known = _FUNCTIONS if id(node) in called else {NAME}
            if node.id not in known:
                return f"{node.id!r} is not known in an expression of {NAME}"
    return ""


def at_attempt(given: Any, attempt: int) -> Any:
    """A resource's value at one attempt; a fraction is rounded up, a list's last value repeats.

    Raises
    ------
    ArithmeticError, TypeError, ValueError
        The expression has no value there.

    Examples
    --------
    >>> [at_attempt([1000, 4000], attempt) for attempt in (1, 2, 3)]
    [1000, 4000, 4000]
    >>> at_attempt("500 * 2 ** attempt", 3)
    4000
    """
    if isinstance(given, list):
        return given[min(attempt, len(given)) - 1]
    if not isinstance(given, str) or not is_expression(given):
        return given
    if problem := expression_problem(given):
        raise ValueError(problem)
    tree = ast.fix_missing_locations(_Bounded().visit(ast.parse(given.strip(), mode="eval")))
    names = {"__builtins__": {}, **_FUNCTIONS, **_BOUNDED, NAME: attempt}
    value = eval(compile(tree, "resources", "eval"), names)
    return math.ceil(value) if isinstance(value, float) else value


class _Bounded(ast.NodeTransformer):
    """Has those operators counted by a function that can make much of little."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """An operator between two values."""
        self.generic_visit(node)
        name = type(node.op).__name__
        if name not in _BOUNDED:
            return node
        return ast.Call(ast.Name(name, ast.Load()), [node.left, node.right], [])


def _bounded(operation: Callable[[Any, Any], Any], bits: Callable[[Any, Any], float]) -> Callable[..., Any]:
    def bounded(left: Any, right: Any) -> Any:
        if isinstance(left, str) or isinstance(right, str):
            raise TypeError("a text is no number")
        if isinstance(left, int) and isinstance(right, int) and bits(left, right) > MOST_BITS:
            raise OverflowError("a number on the way is too large")
        return operation(left, right)

    return bounded


_BOUNDED = {
    "Pow": _bounded(operator.pow, lambda left, right: left.bit_length() * abs(right)),
    "LShift": _bounded(operator.lshift, lambda left, right: left.bit_length() + right),
    "Mult": _bounded(operator.mul, lambda left, right: left.bit_length() + right.bit_length()),
    "Mod": _bounded(operator.mod, lambda left, right: 0),
}
"""What counts in place of an operator: a result of so many bits at the most."""


def _parsed(text: str) -> ast.Expression | None:
    if len(text) > LONGEST:
        return None
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
