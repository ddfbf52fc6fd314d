# ruff: noqa: E501
"""Which lines of a program can have changed a result."""

from __future__ import annotations

import pytest

from pixmake.plan.source_lines import changes, draws_without_seed, imported_files, put_back

OLD = '''\
"""An analysis."""
LIMIT = 3


def helper(x):
    """Twice."""
    return 2 * x


def other(x):
    return x


def measure(image):
    area = helper(image.sum())
    return {"area": area}
'''

CASES = [
    ("a comment", ("LIMIT = 3", "LIMIT = 3  # pixels"), []),
    ("a docstring", ('"""Twice."""', '"""Two times."""'), []),
    ("another function", ("return x\n", "return -x\n"), []),
    ("layout", ("area = helper(image.sum())", "area = helper(\n        image.sum()\n    )"), []),
    ("a line of what it uses", ("return 2 * x", "return 3 * x"), [(7, "helper")]),
    ("its own line", ("image.sum()", "image.mean()"), [(15, "measure")]),
    ("one line more", ('    return {"area": area}', '    area += 1\n    return {"area": area}'), [(16, "measure")]),
    (
        "two lines that are told apart",
        ('x\n\n\ndef other(x):\n    return x\n\n\ndef measure(image):\n    area = helper', 'x + 1\n\n\ndef other(x):\n    return x\n\n\ndef measure(image):\n    area = -helper'),
        [(7, "helper"), (15, "measure")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("what", "edit", "lines"), CASES, ids=[case[0] for case in CASES])
def test_only_lines_that_can_have_an_effect_are_told(
    what: str, edit: tuple[str, str], lines: list[tuple[int, str]]
) -> None:
    """Each by its number and its function; put back one by one they give the old function again."""
    assert edit[0] in OLD
    new = OLD.replace(*edit)
    found = changes("a.py", OLD, new, "measure")
    assert [(each.line, each.inside) for each in found] == lines
    assert changes("a.py", OLD, put_back(new, OLD, found), "measure") == []
    for each in found:
        rest = changes("a.py", OLD, put_back(new, OLD, [each]), "measure")
        assert len(rest) == len(found) - 1


def test_what_is_no_python_line_by_line_is_put_back_together() -> None:
    """A block that makes no sense in parts is one change; one of a whole file, too."""
    old, new = "def f():\n    return (1 +\n        2)\n", "def f():\n    return [1,\n        2]\n"
    (change,) = changes("a.py", old, new, "f")
    assert put_back(new, old, [change]) == old
    (whole,) = changes("a.py", "def f(:\n", new, "f")
    assert put_back(new, "def f(:\n", [whole]) == "def f(:\n"
    (script,) = changes("a.R", "x <- 1\n", "x <- 2\n")
    assert (script.line, script.old, script.new) == (1, "x <- 1\n", "x <- 2\n")


@pytest.mark.parametrize(
    ("line", "drawn"),
    [
        ("numpy.random.default_rng().normal()", "numpy.random.default_rng"),
        ("numpy.random.default_rng(7).normal()", ""),
        ("uuid.uuid4().hex", "uuid.uuid4"),
        ("time.time()", "time.time"),
        ("secrets.token_hex()", "secrets.token_hex"),
        ("random.random()", ""),  # it has a seed for each image
        ("image.mean()", ""),
    ],
)
def test_chance_without_a_seed_is_seen(line: str, drawn: str) -> None:
    """Only as a hint: that values differ each time is shown by running again."""
    assert draws_without_seed([f"x = {line}", "y = ("]) == drawn


def test_modules_of_the_project_are_followed() -> None:
    """Beside the file, and through others; a circle ends."""
    texts = {
        "scripts/a.py": "import b, numpy",
        "scripts/b.py": "from c import x\nimport a",
        "c/__init__.py": "",
        "scripts/d.py": "",
    }
    assert imported_files("scripts/a.py", texts) == {"scripts/b.py", "c/__init__.py"}
