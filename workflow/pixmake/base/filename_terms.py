"""What the name of an image file says: by a template, as a list of terms, or by a regular expression."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from pixmake.base.values import Cell, typed_cell

IGNORED = "_"
"""A term of this name is no column."""

_CODES = {
    "Y": "[0-9]{4}",
    **dict.fromkeys("ymdHIMS", "[0-9]{1,2}"),
    "j": "[0-9]{1,3}",
    "f": "[0-9]{1,6}",
    **dict.fromkeys("bBaA", r"[^\W\d_]+\.?"),
    "p": "[AaPp][Mm]",
    "z": "(?:[+-][0-9]{2}:?[0-9]{2}|Z)",
    "%": "%",
}
_DATES, _TIMES = set("YymdjbB"), set("HIMSfpz")


class NameMismatch(Exception):
    """A file's name that does not fit.

    Parameters
    ----------
    why
        The reason, the same for all names that fail so.
    detail
        What it is in this name.
    """

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else why)
        self.why, self.detail = why, detail


@dataclass(frozen=True)
class NameParser:
    """Reads the terms that a path holds."""

    columns: tuple[str, ...]
    """The terms, in the order in which `cells` gives their cells."""
    cells: Callable[[str], list[Any]]
    """The cells of a path with ``/`` between folders, as a table takes them; raises `NameMismatch`."""

    def read(self, path: str) -> list[Any]:
        """The values of those cells."""
        return [typed_cell(cell) for cell in self.cells(path)]


def name_parser(
    template: str | None,
    filename_metadata: Sequence[str],
    delimiter: str,
    pattern: str | None,
    formats: Sequence[str],
) -> NameParser | None:
    """The parser that a config asks for, or ``None`` if names say nothing.

    Parameters
    ----------
    template, filename_metadata, delimiter, pattern, formats
        As in `pixmake.config.images.FileNames`.

    Raises
    ------
    ValueError
        One of them is not of its form.
    """
    if template is not None:
        parser = _by_template(template, formats)
    elif pattern is not None:
        parser = _by_pattern(pattern, filename_metadata, formats)
    elif filename_metadata:
        parser = _by_delimiter(filename_metadata, delimiter, formats)
    else:
        return None
    if "path" in parser.columns:
        raise ValueError("a term cannot be called 'path', which is the file's own")
    return parser


def has_format(name: str, formats: Sequence[str]) -> bool:
    """Whether a file's name ends with one of the suffixes, in upper or lower case."""
    return name.lower().endswith(_ends(tuple(formats)))


def without_suffix(path: str, formats: Sequence[str]) -> str:
    """A path without its suffix: the longest of the formats that it ends with, else what follows its dot."""
    lower = path.lower()
    for end in _ends(tuple(formats)):
        if lower.endswith(end):
            return path[: -len(end)]
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and stem and "/" not in suffix else path


@cache
def _ends(formats: tuple[str, ...]) -> tuple[str, ...]:
    """What the names of files of these formats end with, the longest first."""
    return tuple(sorted((f".{suffix.lower().lstrip('.')}" for suffix in formats), key=len, reverse=True))


def _by_template(template: str, formats: Sequence[str]) -> NameParser:
    expression, fields = _expression(template)
    if not fields:
        raise ValueError(f"{template!r} names no term, such as {{plant}}")
    suffix = re.search(r"\.\w+$", template)
    if suffix:  # in upper or lower case
        escaped = re.escape(suffix[0])
        expression = f"{expression[: -len(escaped)]}(?i:{escaped})"
    found = re.compile(expression).fullmatch
    readers = [_reader(name, seen) for name, seen in fields.items()]
    of_path = "/" in template
    of_suffix = re.search(r"\.(\w+|\{[^{}]*\})$", template) is not None

    def read(path: str) -> list[Any]:
        text = path if of_path else path.rpartition("/")[2]
        match = found(text if of_suffix else without_suffix(text, formats))
        if match is None:
            raise NameMismatch(f"does not fit {template}")
        return [reader(match) for reader in readers]

    return NameParser(tuple(fields), read)


def _expression(template: str) -> tuple[str, dict[str, list[tuple[int, str]]]]:
    """A template as a regular expression, and the numbers of each term's groups with what is said of them."""
    fields: dict[str, list[tuple[int, str]]] = {}
    expression, groups = "", 0
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r} is no template: {error}") from None
    for literal, name, spec, conversion in parts:
        expression += re.escape(literal)
        if name is None:
            continue
        if conversion or re.search(r"[.\[\]{}]", name):
            raise ValueError(f"{template!r}: {name!r} is no name of a term")
        spec = spec or ""
        piece = _piece(spec, template)
        if name in ("", IGNORED):
            expression += f"(?:{piece})"
            continue
        seen = fields.setdefault(name, [])
        if seen and ("%" in spec) != ("%" in seen[0][1]):
            raise ValueError(f"{template!r}: {name!r} stands twice in different ways")
        if seen and "%" not in spec:
            expression += f"(?P=g{seen[0][0]})"
            continue
        seen.append((groups, spec))
        expression += f"(?P<g{groups}>{piece})"
        groups += 1
    return expression, fields


def _piece(spec: str, template: str) -> str:
    """The regular expression of one term."""
    if "%" in spec:
        return _time_expression(spec, template)
    if number := re.fullmatch(r"0?([1-9]\d?)?([dfs]?)", spec):
        width, kind = number.groups()
        many = f"{{{width}}}" if width else "+"
        if kind == "d":
            return f"[+-]?[0-9]{many}" if not width else f"[0-9]{many}"
        if kind == "f" and not width:
            return r"[+-]?[0-9]+(?:\.[0-9]+)?"
        if kind in ("", "s"):
            return f"[^/]{many}" if width else "[^/]+?"
    known = "d (a whole number), f (a number), s (a text), 4 (so many characters), 3d (digits), or %Y-%m-%d"
    raise ValueError(f"{template!r}: {spec!r} says nothing; after the colon comes {known}")


def _time_expression(spec: str, template: str) -> str:
    expression = ""
    parts = iter(re.split(r"%(.)", spec))
    expression += re.escape(next(parts))
    for code in parts:
        if code not in _CODES:
            raise ValueError(f"{template!r}: %{code} is not known; there are %{' %'.join(_CODES)}")
        expression += _CODES[code] + re.escape(next(parts))
    return expression


def _reader(name: str, seen: Sequence[tuple[int, str]]) -> Callable[[re.Match[str]], Any]:
    """What makes a cell of the groups of one term."""
    groups = [f"g{number}" for number, _ in seen]
    spec = seen[0][1]
    if "%" not in spec:
        group = groups[0]
        if spec.endswith("d"):
            return lambda match: Cell(typed_cell(int(match[group])), match[group])
        if spec == "f":
            return lambda match: Cell(float(match[group]), match[group])
        if spec.endswith("s"):
            return lambda match: _filled(Cell(match[group].strip(), match[group].strip()), name)
        return lambda match: _filled(match[group], name)
    written = " ".join(spec for _, spec in seen)
    codes = set(re.findall("%(.)", written))
    known: dict[str, Any] = {}

    def read(match: re.Match[str]) -> Any:
        text = " ".join(match[group] for group in groups)
        if text not in known:
            try:
                when = datetime.strptime(text, written)
            except ValueError:
                raise NameMismatch(f"{name} is no time as in {written}", repr(text)) from None
            if not codes & _TIMES:
                known[text] = when.date().isoformat()
            elif not codes & _DATES:
                known[text] = when.time().isoformat()
            else:
                known[text] = when.isoformat()
        return known[text]

    return read


def _filled(cell: Any, name: str) -> Any:
    text = cell.text if isinstance(cell, Cell) else cell
    if not text or text.isspace():
        raise NameMismatch(f"has nothing for {name}")
    return cell


def _by_delimiter(terms: Sequence[str], delimiter: str, formats: Sequence[str]) -> NameParser:
    kept = [number for number, term in enumerate(terms) if term != IGNORED]
    columns = tuple(terms[number] for number in kept)
    if len(set(columns)) < len(columns) or not all(name.strip() for name in columns):
        raise ValueError(f"filename_metadata: {list(terms)!r} has a term twice, or an empty one")

    def read(path: str) -> list[Any]:
        pieces = without_suffix(path.rpartition("/")[2], formats).split(delimiter)
        if len(pieces) != len(terms):
            what = f"has not the {len(terms)} terms {delimiter.join(terms)}"
            raise NameMismatch(what, f"{len(pieces)} between {delimiter!r}")
        return [_filled(pieces[number], terms[number]) for number in kept]

    return NameParser(columns, read)


def _by_pattern(pattern: str, terms: Sequence[str], formats: Sequence[str]) -> NameParser:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    columns = tuple(terms) if terms else tuple(compiled.groupindex)
    if terms and compiled.groupindex:
        raise ValueError(f"{pattern!r} names its groups: leave filename_metadata out")
    if terms and compiled.groups != len(terms):
        what = f"{pattern!r} has {compiled.groups} groups, but filename_metadata {len(terms)} terms"
        raise ValueError(f"{what}; (?:…) is a group that does not count")
    if not columns:
        raise ValueError(f"{pattern!r} has no named group, such as (?P<plant>…), and no filename_metadata")
    if len(set(columns)) < len(columns):
        raise ValueError(f"filename_metadata: {list(terms)!r} has a term twice")
    groups: Sequence[int | str] = range(1, len(terms) + 1) if terms else columns
    whole = "/" in pattern

    def read(path: str) -> list[Any]:
        text = without_suffix(path if whole else path.rpartition("/")[2], formats)
        match = compiled.search(text)
        if match is None:
            raise NameMismatch("has no match of pattern", repr(text))
        return [match[group] for group in groups]

    return NameParser(columns, read)
