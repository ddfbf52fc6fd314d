"""The hash of an analysis changes exactly when what it does can change."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixmake.base.errors import PixmakeError
from pixmake.plan.analysis import read_signature, source_hash

TEXT = '''\
"""A file."""
import numpy as np
from local import helper

LIMIT = 3
OTHER = 4


def inner(x):
    return x + LIMIT


def find(image, *, size=2):
    """Find."""
    return inner(image)


def other(image):
    return OTHER
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "local.py").write_text("def helper():\n    return 1\n")
    path = tmp_path / "analysis.py"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("LIMIT = 3", "LIMIT = 4", True),
        ("x + LIMIT", "x - LIMIT", True),
        ("size=2", "size=3", True),
        ("import numpy as np", "import numpy", True),
        ("OTHER = 4", "OTHER = 5", False),
        ("return OTHER", "return 7", False),
        ('"""Find."""', '"""Find it."""', False),
        ('"""A file."""\n', "# a comment\n\n\n", True),
        ("return inner(image)", "return  inner( image )  # same", False),
        ("    return inner(image)", "    return getattr(np, 'x')", True),
    ],
)
def test_hash(file: Path, old: str, new: str, changes: bool) -> None:
    """The function, what it names, imports and loose statements count; comments and neighbours do not."""
    before = source_hash(str(file), "find")
    assert old in TEXT
    file.write_text(TEXT.replace(old, new))
    assert (source_hash(str(file), "find") != before) is changes


def test_own_modules_count(file: Path) -> None:
    """A module of the project that is imported counts."""
    before = source_hash(str(file), "find")
    (file.parent / "local.py").write_text("def helper():\n    return 2\n")
    assert source_hash(str(file), "find") != before


def test_signature(tmp_path: Path) -> None:
    """Required and optional arguments are told apart."""
    path = tmp_path / "a.py"
    path.write_text("def f(image, mask, size=2, *, sigma, top=None, **more):\n    pass\n")
    signature = read_signature(str(path), "f")
    assert signature.required == ("image", "mask", "sigma")
    assert signature.optional == ("size", "top")
    assert signature.takes_any


def test_broken_files(tmp_path: Path) -> None:
    """A file that is missing or no Python, or lacks the function, is a problem and no traceback."""
    path = tmp_path / "a.py"
    for text, expected in [
        (None, "there is no file"),
        ("def f(:\n", "a.py, line 1: is not valid Python: invalid syntax"),
        ("def measur():\n    pass\n", "has no function 'measure' (did you mean 'measur'?)"),
    ]:
        if text is not None:
            path.write_text(text)
        with pytest.raises(PixmakeError) as raised:
            read_signature(str(path), "measure")
        assert expected in str(raised.value)
