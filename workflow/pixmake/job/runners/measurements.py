"""What a step found, as it stands in a record: from Python values, from JSON, from CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import fields
from typing import Any

from pixmake.job.record import Measurement, missing_as_text

Measurements = dict[str, dict[str, Any]]

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.?[0-9]+)([eE][-+]?[0-9]+)?")


def from_json(text: str, source: str) -> Measurements:
    """The measurements that a program wrote as JSON.

    Parameters
    ----------
    text
        An object of names and values; a value may be an object ``{"value": …, "unit": …}``.
    source
        What wrote it, for messages.

    Raises
    ------
    ValueError
        It is no such JSON.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        what = "is empty" if not text.strip() else f"is not JSON: {error}"
        raise ValueError(f"{source} {what}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{source} holds a JSON {type(content).__name__}, not an object of names and values")
    known = {field.name for field in fields(Measurement)}
    found = {}
    for name, value in content.items():
        if isinstance(value, dict):
            strange = sorted(set(value) - known)
            if strange or "value" not in value:
                what = f"has the unknown key {strange[0]!r}" if strange else "has no 'value'"
                raise ValueError(f"{source}: {name!r} {what}; known: {', '.join(sorted(known))}")
            value = Measurement(**value)
        try:
            found[name] = measured(name, value)
        except TypeError as error:
            raise ValueError(f"{source}: {error}") from None
    return found


def from_csv(text: str, source: str) -> Measurements:
    """The measurements that a program wrote as CSV: a line of names, then a line of values.

    Several lines of values are measurements of several values. ``7`` and ``1.5`` are numbers, ``007``
    is not, an empty cell is no value.

    Raises
    ------
    ValueError
        It is no such table.
    """
    rows = [row for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"))) if row]
    if len(rows) < 2:
        raise ValueError(f"{source} has no values: a line of names and a line of values are expected")
    names, *lines = rows
    for name in names:
        if not name.strip() or names.count(name) > 1:
            what = f"the column {name!r} stands twice" if name.strip() else "a column has no name"
            raise ValueError(f"{source}: {what}")
    for number, line in enumerate(lines, 2):
        if len(line) != len(names):
            raise ValueError(f"{source}: line {number} has {len(line)} cells, the first has {len(names)}")
    columns = zip(*([_cell(cell) for cell in line] for line in lines), strict=True)
    return {
        name.strip(): {"value": values[0] if len(lines) == 1 else list(values)}
        for name, values in zip(names, columns, strict=True)
    }


def _cell(text: str) -> Any:
    text = text.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and not re.match(r"[-+]?0[0-9]", text):
        return missing_as_text(float(text))
    return text or None


def measured(name: str, value: Any) -> dict[str, Any]:
    """A returned value as a measurement of a record.

    Raises
    ------
    TypeError
        It is neither a number, nor text, nor a flat sequence of them.
    """
    measurement = value if isinstance(value, Measurement) else Measurement(value)
    content = measurement.as_json()
    content["value"] = missing_as_text(_plain(name, measurement.value))
    if "label" in content:
        content["label"] = _plain(name, measurement.label)
        values, labels = content["value"], content["label"]
        if isinstance(labels, list) and (not isinstance(values, list) or len(labels) != len(values)):
            count = len(values) if isinstance(values, list) else 1
            raise TypeError(f"{name!r} has {len(labels)} labels for {count} values")
    return content


def _plain(name: str, value: Any, *, nested: bool = False) -> Any:
    """A value as JSON has it."""
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "to_csv") and hasattr(value, "columns"):
        raise TypeError(f"{name!r} is a table; to keep it, name it in the step: files: {{{name}: csv}}")
    if hasattr(value, "ndim") and value.ndim > 1:
        shape = " × ".join(map(str, value.shape))
        hint = f"to keep it as a file, name it in the step: files: {{{name}: png}}"
        raise TypeError(f"{name!r} is an array of {shape} {value.dtype}, no measurement; {hint}")
    if not nested and (isinstance(value, (list, tuple, range)) or hasattr(value, "ndim")):
        return [_plain(name, item, nested=True) for item in value]
    kind = type(value).__name__
    raise TypeError(f"{name!r} is of type {kind}; a measurement is a number, text, or a list of them")
