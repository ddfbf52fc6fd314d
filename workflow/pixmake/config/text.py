"""config.yaml as text, with comments: what an importer or a proposal has to say to its reader."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.config.models import Keys

WIDTH = 100
"""Characters of a line, where words can be parted."""

INLINE = 3
"""Mappings with as many keys above them, or more, are written in one line if they fit."""


def as_yaml(content: Mapping[str, Any], comments: Mapping[Keys, Sequence[str]] | None = None) -> str:
    """A configuration as YAML, one that reads back the same.

    Parameters
    ----------
    content
        What it says; short mappings and lists are written in one line.
    comments
        What to write above a key, by its keys from the top; ``()`` is the head of the file.
    """
    comments = comments or {}
    lines = [*(_comment(text, "") for text in comments.get((), ())), *([""] if comments.get(()) else [])]
    for number, (key, value) in enumerate(content.items()):
        if number:
            lines.append("")
        lines += _entry((key,), value, comments, "")
    return "\n".join(lines) + "\n"


def write_new(text: str, path: str | Path, *, force: bool = False) -> None:
    """Write a file where there is none yet.

    Raises
    ------
    PixmakeError
        There is one, and nobody said that it may go; or it cannot be written.
    """
    if Path(path).exists() and not force:
        raise PixmakeError([Problem("exists already", str(path), "--force writes over it")])
    try:
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PixmakeError([Problem(f"cannot be written: {error.strerror}", str(path))]) from None


def printable(text: str) -> str:
    """Text in which everything that could end a line or confuse a terminal is written as an escape."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def _entry(keys: Keys, value: Any, comments: Mapping[Keys, Sequence[str]], indent: str) -> Iterator[str]:
    for text in comments.get(keys, ()):
        yield _comment(text, indent)
    head = f"{indent}{inline(str(keys[-1]))}:"
    commented = any(key[: len(keys)] == keys and key != keys for key in comments)
    if isinstance(value, Mapping) and value and (commented or len(keys) < INLINE or not _fits(value, head)):
        yield head
        for key, below in value.items():
            yield from _entry((*keys, str(key)), below, comments, f"{indent}  ")
    elif isinstance(value, (list, tuple)) and value and not _fits(value, head):
        yield head
        yield from (f"{indent}  - {inline(item)}" for item in value)
    else:
        yield f"{head} {inline(value)}"


def _fits(value: Any, head: str) -> bool:
    """Whether a mapping or a list is easy to read in one line."""
    items = value.values() if isinstance(value, Mapping) else value
    nested = any(isinstance(item, (Mapping, list, tuple)) for item in items)
    return not nested and len(head) + len(inline(value)) < WIDTH


def inline(value: Any) -> str:
    """A value as YAML in one line."""
    text = yaml.dump(
        value,
        Dumper=_OneLine,
        default_flow_style=True,
        width=float("inf"),
        allow_unicode=True,
        sort_keys=False,
    )
    return text.removesuffix("\n").removesuffix("\n...")


class _OneLine(yaml.SafeDumper):
    """Writes a text of several lines in one line, with escapes."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_OneLine.add_representer(str, _text)


def _comment(text: str, indent: str) -> str:
    """Text as lines of a comment; what hangs over is indented further."""
    hanging = "  " if text.startswith("- ") else ""
    return textwrap.fill(
        printable(text),
        WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# {hanging}",
        break_long_words=False,
        break_on_hyphens=False,
    )
