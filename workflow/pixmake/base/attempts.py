"""Resources that grow with each attempt: a list, or an expression of ``attempt``."""

from __future__ import annotations

import ast
import math
from typing import Any

NAME = "attempt"
"""What an expression may name; the first attempt is 1."""

_FUNCTIONS = {"min": min, "max": max, "round": round, "int": int, "abs": abs}
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
    value = eval(
        compile(given.strip(), "resources", "eval"), {"__builtins__": {}, **_FUNCTIONS, NAME: attempt}
    )
    return math.ceil(value) if isinstance(value, float) else value


def _parsed(text: str) -> ast.Expression | None:
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        return None
