"""Where the lines of a file that was written from a notebook, or a script, stand in its cells."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

from pixmake.base.files import written_whole
from pixmake.base.notebooks import CELL

FOLDER = ".snakemake/pixmake/cells"
"""Of a project: a file beside each written one, so that its text does not change with a cell's number."""

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_FUNCTION = re.compile(r"(?<!\S)(\S+\.py):(\w+)")


@dataclass(frozen=True)
class Piece:
    """Some lines of the written file, and where they come from."""

    first: int
    lines: int
    place: str
    """A cell, ``Cell In[3]``, or a file's path."""
    line: int
    """In there, of the first one."""


def note_pieces(folder: Path, written: str, pieces: Iterable[Piece]) -> None:
    """Keep where the lines of a file come from, that is called ``written`` in a project's folder."""
    path = _path(folder, written)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps([astuple(piece) for piece in pieces]), encoding="utf-8")


def in_cells(folder: Path, text: str) -> str:
    """A traceback with the cells, and their lines, in the place of files that were written from them."""

    def told(frame: re.Match[str]) -> str:
        found = _origin(folder, frame[1], int(frame[2]))
        return frame[0] if found is None else f"{found[0]}, line {found[1]}"

    return _FRAME.sub(told, text)


def functions_in_cells(folder: Path, text: str) -> str:
    """A line that names functions, as ``FILE.py:NAME``, with the cell or script of those written from one."""

    def told(found: re.Match[str]) -> str:
        pieces = [] if os.path.isabs(found[1]) else _pieces(folder, found[1])
        return f"{pieces[-1].place}:{found[2]}" if pieces else found[0]

    return _FUNCTION.sub(told, text)


def last_line(folder: Path, traceback: str) -> str:
    """The last line of a traceback that stands in a cell, in words; nothing, if none does."""
    frames = list(_FRAME.finditer(traceback))
    for frame in reversed(frames):
        found = _origin(folder, frame[1], int(frame[2]))
        if found is not None and found[0].startswith(CELL):
            return f"{found[0]}, line {found[1]}"
    return ""


def _origin(folder: Path, file: str, line: int) -> tuple[str, int] | None:
    for piece in _pieces(folder, file):
        if piece.first <= line < piece.first + piece.lines:
            return piece.place, piece.line + line - piece.first
    return None


def _pieces(folder: Path, file: str) -> list[Piece]:
    """Where the lines of a written file come from, its own function the last; nothing of any other file."""
    try:
        return [Piece(*values) for values in json.loads(_path(folder, file).read_bytes())]
    except (OSError, ValueError):
        return []


def _path(folder: Path, written: str) -> Path:
    return folder / FOLDER / f"{Path(written).name}.json"
