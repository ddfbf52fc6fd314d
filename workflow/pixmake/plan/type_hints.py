"""Whether a value of config.yaml fits the type hint of a function's argument.

The hints are read from the function's source, as nothing of the user's runs before the jobs do.
"""

from __future__ import annotations

import ast
import json
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

Names = Mapping[str, ast.expr]
"""What the names at the top of the user's file stand for, e.g. ``Channel = Literal["a", "b"]``."""

_PLAIN: Mapping[str, Any] = {
    **{kind.__name__: kind for kind in (int, float, str, bool, dict, list, tuple, set)},
    **dict.fromkeys(("Any", "object"), Any),
    **{"Dict": dict, "List": list, "Tuple": tuple, "Set": set, "Mapping": dict},
    **dict.fromkeys(("Sequence", "Iterable", "Collection"), list),
}


class _NotKnownError(Exception):
    """A hint that says nothing that a value of YAML could be held to, such as ``np.ndarray``."""


def misfit(value: Any, hint: ast.expr, names: Names) -> str:
    """Why a value does not fit a hint, or nothing.

    Known are ``int``, ``float``, ``str``, ``bool``, ``None``, lists, tuples and dicts of them,
    ``Literal``, ``Optional``, ``Union`` and ``|``, and names that the file gives to such hints.
    A value fits any other hint. A text is no number, a whole number is a float.

    Examples
    --------
    >>> misfit("big", ast.parse("int | None", mode="eval").body, {})
    'input should be a valid integer'
    >>> misfit([3, 4.5], ast.parse("tuple[int, float]", mode="eval").body, {})
    ''
    """
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(_type(hint, names))
    except (_NotKnownError, TypeError, RecursionError):
        return ""
    try:
        adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False)
        said = list(dict.fromkeys(f"{detail['msg'][:1].lower()}{detail['msg'][1:]}" for detail in details))
        return ", or ".join(said)
    return ""


def _type(node: ast.expr, names: Names, depth: int = 0) -> Any:
    if depth > 20:
        raise _NotKnownError
    deeper = depth + 1
    if isinstance(node, ast.Constant):
        if node.value is None:
            return None
        if isinstance(node.value, str):
            return _type(ast.parse(node.value, mode="eval").body, names, deeper)
        raise _NotKnownError
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return typing.Union[_type(node.left, names, deeper), _type(node.right, names, deeper)]  # noqa: UP007
    if isinstance(node, ast.Subscript):
        return _subscripted(node, names, deeper)
    name = _last(node)
    if name in names:
        return _type(names[name], names, deeper)
    if name in _PLAIN:
        return _PLAIN[name]
    raise _NotKnownError


def _subscripted(node: ast.Subscript, names: Names, depth: int) -> Any:
    name = _last(node.value)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Literal":
        return typing.Literal[tuple(ast.literal_eval(each) for each in inner)]
    if name == "Annotated":
        return _type(inner[0], names, depth)
    parts = tuple(
        ... if isinstance(each, ast.Constant) and each.value is ... else _type(each, names, depth)
        for each in inner
    )
    if name == "Optional":
        return typing.Optional[parts[0]]  # noqa: UP045
    if name == "Union":
        return typing.Union[parts]  # noqa: UP007
    if name in _PLAIN and _PLAIN[name] is not Any:
        return _PLAIN[name][parts]
    raise _NotKnownError


def _last(node: ast.expr) -> str:
    """The last name of ``typing.Literal`` and the like."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    raise _NotKnownError
