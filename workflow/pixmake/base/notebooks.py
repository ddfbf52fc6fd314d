"""What a notebook shows of an error: the lines of its cells that led there, and none of pixmake's."""

from __future__ import annotations

import os
import re
import sys

CELL = "Cell In"
"""How IPython calls a cell, before its number."""

_FRAME = re.compile(r'File "([^"]+)", line')
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep


def place_of(file: str) -> str:
    """What a person calls the file that some code was compiled from."""
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None else None
    numbers = getattr(getattr(found, "compile", None), "_filename_map", {})
    return f"{CELL}[{numbers[file]}]" if file in numbers else file


def in_places(traceback: str) -> str:
    """A traceback that Python has printed, with cells in the place of the files that they were written to."""

    def told(frame: re.Match[str]) -> str:
        place = place_of(frame[1])
        return frame[0] if place == frame[1] else f"{place}, line"

    return _FRAME.sub(told, traceback)


def own_lines(error: BaseException) -> list[str]:
    """The user's lines through which an exception came, each with its place."""
    import traceback

    return [
        f"{place_of(frame.filename)}, line {frame.lineno}, in {frame.name}\n    {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if not _is_machinery(frame.filename)
    ]


def shown(error: BaseException) -> list[str]:
    """An exception as IPython is to show it: for a method ``_render_traceback_``, which it looks for."""
    return [*own_lines(error), f"{type(error).__name__}: {error}"]


def _is_machinery(file: str) -> bool:
    """Whether a frame is of pixmake, of IPython, or of Python itself."""
    if file.startswith(_STANDARD_LIBRARY):
        return "site-packages" not in file
    return file.startswith(_PACKAGE) or f"{os.sep}IPython{os.sep}" in file
