"""What fails in a function of a notebook is told by the lines of its cell."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path

import pytest

from pixmake.api.cell_lines import in_cells, last_line
from pixmake.api.standalone import function_path

CELL = """\
STEP = 2


def helper(x):
    return unknown + x


def measure(image):
    '''Calls another one of the same cell.'''
    return {"a": helper(STEP)}
"""


def test_lines_of_a_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each definition in the written file knows where it was written."""
    cell = "Cell In[3]"
    monkeypatch.setitem(linecache.cache, cell, (len(CELL), None, CELL.splitlines(keepends=True), cell))
    names = {"__name__": "__main__"}
    exec(compile(CELL, cell, "exec"), names)
    monkeypatch.setattr(sys.modules["__main__"], "helper", names["helper"], raising=False)
    function = function_path(names["measure"], tmp_path)  # type: ignore[arg-type]
    assert function == "scripts/measure.py:measure"
    written = (tmp_path / "scripts/measure.py").read_text().splitlines()
    line = 1 + next(number for number, text in enumerate(written) if "unknown + x" in text)
    told = f'Traceback\n  File "scripts/measure.py", line {line}, in helper\n    return unknown + x\n'
    assert last_line(tmp_path, told) == f"{cell}, line 5"
    assert f"  {cell}, line 5, in helper" in in_cells(tmp_path, told)
    other = '  File "scripts/other.py", line 3, in f'
    assert (last_line(tmp_path, other), in_cells(tmp_path, other)) == ("", other)
