"""Calls of a function in a text of Python, replaced by others; all else stays as it was written."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

_MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


def replace_calls(text: str, name: str, new: Callable[[ast.Call], str]) -> str:
    """Replace each call of a function, or of a method, of a name.

    Lines of IPython's own (``%matplotlib inline``) are passed over; what is no Python stays as it is.

    Examples
    --------
    >>> replace_calls("args = pcv.inputs(3)  # ours", "inputs", lambda call: "ours")
    'args = ours  # ours'
    """
    try:
        tree = ast.parse(_MAGIC.sub(r"\1pass", text))  # a line for a line, so that places stay
    except SyntaxError:
        return text
    lines = text.split("\n")
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) == name]
    for node in sorted(calls, key=lambda node: -node.lineno):
        end, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        # columns count bytes
        before = lines[node.lineno - 1].encode()[: node.col_offset].decode()
        after = lines[end - 1].encode()[end_column:].decode()
        lines[node.lineno - 1 : end] = [f"{before}{new(node)}{after}"]
    return "\n".join(lines)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
