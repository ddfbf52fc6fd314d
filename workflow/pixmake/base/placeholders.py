"""Placeholders such as ``{image}`` and ``{params.sigma}`` in the commands of a step.

Standard library only: they are filled in wherever a job runs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Values = Mapping[str, Any]
"""What each placeholder stands for, by its whole name: ``{"image": …, "params.sigma": …}``."""

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def split(template: str) -> Iterator[tuple[str, str | None]]:
    """The text and the placeholders of a template, in order: (text, None) or (whole, name).

    ``{{`` and ``}}`` stand for braces.

    Raises
    ------
    ValueError
        A brace stands alone.
    """
    position = 0
    for match in _PART.finditer(template):
        if match.start() > position:
            yield template[position : match.start()], None
        position = match.end()
        if match[0] in ("{{", "}}"):
            yield match[0][0], None
        elif match[1] is None:
            raise ValueError(f"a single {match[0]!r}")
        else:
            yield match[0], match[1].strip()
    if position < len(template):
        yield template[position:], None


def names(template: str) -> list[str]:
    """The placeholders of a template, each once.

    Raises
    ------
    ValueError
        A brace stands alone.
    """
    return list(dict.fromkeys(name for _, name in split(template) if name is not None))


def fill_command(template: str, values: Values) -> str:
    """A shell command with its placeholders filled in, every value quoted.

    Examples
    --------
    >>> fill_command("cp {image} {files.copy}", {"image": "a b.png", "files.copy": "$(x).png"})
    "cp 'a b.png' '$(x).png'"
    """
    return _fill(template, values, lambda value: " ".join(shlex.quote(word) for word in _words(value)))


def fill_word(template: str, values: Values) -> list[str]:
    """A word of a command that no shell reads; several, if it is but one placeholder for a list.

    Examples
    --------
    >>> fill_word("--sigma={params.sigma}", {"params.sigma": 2})
    ['--sigma=2']
    >>> fill_word("{images}", {"images": ["a.png", "b.png"]})
    ['a.png', 'b.png']
    """
    parts = list(split(template))
    if len(parts) == 1 and parts[0][1] is not None:
        return _words(values[parts[0][1]])
    return [_fill(template, values, lambda value: ",".join(_words(value)))]


def quoted(template: str) -> list[str]:
    """The placeholders that stand inside quotes, where a quoted value would end them.

    Examples
    --------
    >>> quoted("cp {image} '{files.copy}'  # that's it")
    ['files.copy']
    """
    found: list[str] = []
    quote = ""
    before = " "
    for text, name in split(template):
        if name is not None:
            if quote and quote != "#":
                found.append(name)
            before = "x"
            continue
        escaped = False
        for letter in text:
            if escaped:
                escaped = False
            elif letter == "\\" and quote != "'":
                escaped = True
            elif quote == "#":
                quote = "" if letter == "\n" else quote
            elif quote:
                quote = "" if letter == quote else quote
            elif letter in "'\"" or (letter == "#" and before.isspace()):
                quote = letter
            before = letter
    return list(dict.fromkeys(found))


def as_text(value: Any) -> str:
    """A single value as a command gets it: ``true`` and ``false`` for bools, nothing for None."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(value: Any) -> list[str]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [as_text(each) for each in values]


def _fill(template: str, values: Values, written: Callable[[Any], str]) -> str:
    return "".join(text if name is None else written(values[name]) for text, name in split(template))
