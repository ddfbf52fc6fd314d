"""Conditions in the syntax of ``DataFrame.query``, evaluated by a few rules of our own: nothing is called."""

from __future__ import annotations

import ast
import datetime
import operator
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixmake.base.numerals import numbers_of
from pixmake.base.values import comparable, parse_time

_TOKEN = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|`([^`]*)`|([&|\r\n])""")
_WORDS = {"&": " and ", "|": " or "}
_ORDERS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_DEEPEST = 50
_EXAMPLE = 'e.g. camera == "VIS" and angle < 90'


@dataclass(frozen=True)
class Query:
    """A condition that was read."""

    tree: ast.expr
    columns: tuple[str, ...]
    """The columns that it names."""


class QueryError(Exception):
    """A condition that a row has no answer to.

    Parameters
    ----------
    message
        Why.
    row
        The row's position, from 0.
    """

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True)
class _Cells:
    """One value a row, and what to call them in messages."""

    values: Sequence[Any]
    name: str
    texts: Callable[[], Sequence[Sequence[str | None]]] | None = None
    """Gives them as they are written, in all spellings, if that is known: what a text is compared with."""


def parse_query(text: str) -> Query:
    """Read a condition.

    Names are columns; a name with a space or the like stands between backticks. There are ``and``,
    ``or``, ``not`` (and ``&``, ``|``, ``~``, where the first two bind as loosely as their words, as in
    pandas), ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``in``, ``not in``, ``+``, ``-``, ``*``, ``/``,
    ``//``, ``%``, numbers, texts, lists, ``True``, ``False`` and ``None``.

    Raises
    ------
    ValueError
        It is no condition, or has a call, an attribute, or whatever else is not in the list.
    """
    quoted: list[str] = []

    def mark(token: re.Match[str]) -> str:
        string, column, sign = token.groups()
        if column is not None:
            quoted.append(column)
            return f" _quoted_column_{len(quoted) - 1}_ "
        return string if string is not None else _WORDS.get(sign, " ")

    try:
        tree = ast.parse(_TOKEN.sub(mark, text).strip(), mode="eval").body
    except SyntaxError as error:
        hint = "; compare with ==" if re.search(r"[^=!<>]=[^=]", text) else ""
        raise ValueError(f"{text!r} is no condition: {error.msg}{hint} ({_EXAMPLE})") from None
    except (ValueError, RecursionError, MemoryError):
        raise ValueError(f"{text[:80]!r} is no condition ({_EXAMPLE})") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            number = re.fullmatch(r"_quoted_column_(\d+)_", node.id)
            node.id = quoted[int(number[1])] if number else node.id
    _check(tree, text, 0)
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return Query(tree, tuple(dict.fromkeys(names)))


def column_of(name: str, columns: Sequence[str]) -> str | None:
    """The column that a name means: Python's parser folds letters such as the micro sign."""
    if name in columns:
        return name
    folded = unicodedata.normalize("NFKC", name)
    return next((column for column in columns if unicodedata.normalize("NFKC", column) == folded), None)


@dataclass(frozen=True)
class Compared:
    """A number that a condition compares a column with, by ``==``, ``!=``, ``in`` or ``not in``."""

    column: str
    number: int | float


def compared_numbers(query: Query) -> Iterator[Compared]:
    """The numbers that cells have to be, or not to be."""
    for node in ast.walk(query.tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for word, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True):
            if type(word) in _ORDERS:
                continue
            name, other = (left, right) if isinstance(left, ast.Name) else (right, left)
            if isinstance(name, ast.Name):
                items = other.elts if isinstance(other, (ast.List, ast.Tuple)) else [other]
                numbers = [number for item in items if (number := _number(item)) is not None]
                yield from (Compared(name.id, number) for number in numbers)


def _number(node: ast.expr) -> int | float | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        number = _number(node.operand)
        return -number if number is not None and isinstance(node.op, ast.USub) else number
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value  # type: ignore[return-value]
    return None


def matching(
    query: Query,
    columns: Mapping[str, Sequence[Any]],
    count: int,
    texts: Mapping[str, Callable[[], Sequence[Sequence[str | None]]]] | None = None,
) -> list[bool]:
    """For which rows the condition holds.

    Parameters
    ----------
    query
        The condition.
    columns
        The cells of each column that it names; times as `datetime.datetime`.
    count
        The number of rows.
    texts
        The texts of the columns' cells; see `pixmake.base.values.spellings`.

    Raises
    ------
    QueryError
        A cell is of a kind that cannot be compared so.
    """
    told = texts or {}
    cells = {name: _Cells(values, f"the column {name!r}", told.get(name)) for name, values in columns.items()}
    return _truths(_value(query.tree, cells), count)


def _check(node: ast.expr, text: str, depth: int) -> None:
    """Refuse what has no meaning here, with what stands there."""
    if depth > _DEEPEST:
        raise ValueError(f"{text[:80]!r} is too deep")
    refused = {
        ast.Call: "has a function call: there are none; see `match` for expressions on text",
        ast.Attribute: "has a `.`: there are no attributes; quote a column of such a name in backticks",
        ast.Subscript: "has a `[ ]` after a name: there are none",
    }
    known = (ast.BoolOp, ast.UnaryOp, ast.Compare, ast.BinOp, ast.Name, ast.Constant, ast.List, ast.Tuple)
    if not isinstance(node, known):
        raise ValueError(f"{text!r} {refused.get(type(node), f'has something other than {_EXAMPLE}')}")
    if isinstance(node, ast.BinOp) and type(node.op) not in _ARITHMETIC:
        raise ValueError(f"{text!r} has an operator other than + - * / // %")
    if isinstance(node, ast.Constant) and not isinstance(node.value, (str, int, float, bool, type(None))):
        raise ValueError(f"{text!r}: {node.value!r} is neither number nor text")
    if isinstance(node, ast.Compare):
        for word, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(word, (ast.Is, ast.IsNot)):
                raise ValueError(f"{text!r}: `is` has no meaning here; compare with ==")
            if isinstance(word, (ast.In, ast.NotIn)) and not isinstance(right, (ast.List, ast.Tuple)):
                raise ValueError(f'{text!r}: after `in` comes a list, e.g. camera in ["VIS", "NIR"]')
    if isinstance(node, (ast.List, ast.Tuple)):
        for item in node.elts:
            number = item.operand if isinstance(item, ast.UnaryOp) else item
            if not isinstance(number, ast.Constant):
                raise ValueError(f"{text!r}: a list holds numbers and texts alone")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            _check(child, text, depth + 1)


def _value(node: ast.expr, columns: Mapping[str, _Cells]) -> Any:
    """What a part of the condition is: `_Cells`, or a value that is the same for all rows."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return columns[name]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, columns) for item in items]
        case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
            return _map(lambda x, row: not _truth(x, row, ""), _value(operand, columns))
        case ast.UnaryOp(op=sign, operand=operand):
            value = _value(operand, columns)
            return value if isinstance(sign, ast.UAdd) else _arithmetic(operator.sub, 0, value)
        case ast.BinOp(left=left, op=word, right=right):
            return _arithmetic(_ARITHMETIC[type(word)], _value(left, columns), _value(right, columns))
        case ast.BoolOp(op=word, values=parts):
            found = [_value(part, columns) for part in parts]
            return _both(found, all_of=isinstance(word, ast.And))
        case ast.Compare(left=left, ops=words, comparators=others):
            values = [_value(part, columns) for part in (left, *others)]
            pairs = [_compared(word, a, b) for word, a, b in zip(words, values[:-1], values[1:], strict=True)]
            return pairs[0] if len(pairs) == 1 else _both(pairs, all_of=True)
    raise AssertionError(node)  # `_check` lets nothing else through


def _both(parts: list[Any], *, all_of: bool) -> Any:
    cells = [part for part in parts if isinstance(part, _Cells)]
    joined = all if all_of else any
    if not cells:
        return joined(_truth(part, 0, "") for part in parts)
    count = len(cells[0].values)
    return _Cells([joined(row) for row in zip(*(_truths(part, count) for part in parts), strict=True)], "")


def _truths(value: Any, count: int) -> list[bool]:
    if isinstance(value, _Cells):
        return [_truth(cell, row, value.name) for row, cell in enumerate(value.values)]
    return [_truth(value, 0, "")] * count


def _truth(value: Any, row: int, name: str) -> bool:
    if isinstance(value, bool):
        return value
    if value is None:
        return False
    word = comparable(value)
    if word in ("true", "false"):
        return word == "true"
    raise QueryError(f"{name or 'query'}: {value!r} is neither true nor false", row)


def _compared(word: ast.cmpop, left: Any, right: Any) -> Any:
    if isinstance(word, (ast.In, ast.NotIn)) or isinstance(right, list) or isinstance(left, list):
        cells, items = (right, left) if isinstance(left, list) else (left, right)
        if not isinstance(items, list) or isinstance(cells, list) or type(word) in _ORDERS:
            raise QueryError("a list has neither more nor less", 0)
        negated = isinstance(word, (ast.NotIn, ast.NotEq))
        if any(isinstance(cell, datetime.datetime) for cell in getattr(cells, "values", ())):
            times = {_time(item, 0) for item in items if item is not None}
            return _map(lambda x, row: (x in times) != negated, cells)
        if isinstance(cells, _Cells) and cells.texts is not None:
            return _among(cells, items, negated)
        allowed = {comparable(item) for item in items}
        return _map(lambda x, row: (comparable(x) in allowed) != negated, cells)
    if isinstance(word, (ast.Eq, ast.NotEq)):
        negated = isinstance(word, ast.NotEq)
        for cells, value in ((left, right), (right, left)):
            if isinstance(cells, _Cells) and cells.texts is not None and not isinstance(value, _Cells):
                return _among(cells, [value], negated)
        return _pairs(lambda a, b, row: _equal(a, b, row) != negated, left, right)
    order = _ORDERS[type(word)]
    left, right = _as_numbers(left), _as_numbers(right)
    names = " and ".join(side.name for side in (left, right) if isinstance(side, _Cells) and side.name)
    return _pairs(lambda a, b, row: _ordered(order, a, b, row, names), left, right)


def _among(cells: _Cells, items: Sequence[Any], negated: bool) -> _Cells:
    """Whether each cell is one of some values: a text by its text, all else by its value."""
    said = {item for item in items if isinstance(item, str)}
    values = {comparable(item) for item in items if not isinstance(item, str)}
    compared = (
        _as_numbers(cells).values if any(type(item) in (int, float) for item in items) else cells.values
    )
    spelt = cells.texts() if said and cells.texts is not None else ()
    found = [
        comparable(number) in values or not said.isdisjoint(texts)
        for number, *texts in zip(compared, *spelt, strict=True)
    ]
    return _Cells([each != negated for each in found], cells.name)


def _as_numbers(side: Any) -> Any:
    """A column of texts as numbers, where all of it can be read so; anything else as it is."""
    if isinstance(side, _Cells) and any(isinstance(cell, str) for cell in side.values):
        numbers = numbers_of(side.values)
        if not numbers.unread:
            return _Cells(numbers.values, side.name, side.texts)
    return side


def _equal(left: Any, right: Any, row: int) -> bool:
    if isinstance(left, datetime.datetime) or isinstance(right, datetime.datetime):
        return left is not None and right is not None and _time(left, row) == _time(right, row)
    return comparable(left) == comparable(right)


def _ordered(order: Callable[[Any, Any], bool], left: Any, right: Any, row: int, names: str) -> bool:
    if left is None or right is None:
        return False
    if isinstance(left, datetime.datetime) or isinstance(right, datetime.datetime):
        return order(_time(left, row), _time(right, row))
    if isinstance(left, str) != isinstance(right, str):
        text, number = (left, right) if isinstance(left, str) else (right, left)
        whose = f"{names}: " if names else ""
        raise QueryError(f"{whose}{text!r} is text, it is neither more nor less than {number!r}", row)
    return order(left, right)


def _time(value: Any, row: int) -> datetime.datetime:
    try:
        return parse_time(value)
    except ValueError:
        raise QueryError(f"{value!r} is no date or timestamp", row) from None


def _arithmetic(function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    names = " and ".join(side.name for side in (left, right) if isinstance(side, _Cells) and side.name)

    def count(a: Any, b: Any, row: int) -> Any:
        if a is None or b is None:
            return None
        for side in (a, b):
            if not isinstance(side, (int, float)):
                raise QueryError(f"{names or 'query'}: {side!r} is no number", row)
        try:
            return function(a, b)
        except (ZeroDivisionError, OverflowError):
            return None

    return _pairs(count, left, right)


def _map(function: Callable[[Any, int], Any], value: Any) -> Any:
    if isinstance(value, _Cells):
        return _Cells([function(cell, row) for row, cell in enumerate(value.values)], value.name)
    return function(value, 0)


def _pairs(function: Callable[[Any, Any, int], Any], left: Any, right: Any) -> Any:
    if isinstance(left, _Cells) and isinstance(right, _Cells):
        rows: Iterator[tuple[Any, Any]] = zip(left.values, right.values, strict=True)
        return _Cells([function(a, b, row) for row, (a, b) in enumerate(rows)], left.name or right.name)
    if isinstance(left, _Cells):
        return _Cells([function(a, right, row) for row, a in enumerate(left.values)], left.name)
    if isinstance(right, _Cells):
        return _Cells([function(left, b, row) for row, b in enumerate(right.values)], right.name)
    return function(left, right, 0)
