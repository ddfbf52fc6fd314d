"""One value of a config is changed, and nothing else in it."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
import yaml

from pixmake.base.errors import PixmakeError
from pixmake.config.edit import set_value, with_value

TEXT = """\
# mine
images: {directory: in}   # all

steps:
  segment:   # finds
    function: a.py:segment
    files: {mask: png}
    params:
      # from a paper
      threshold: 0.50  # or more
      names: [a, b]
  measure: {function: a.py:measure, needs: [segment], params: {min_area: 20, deep: {a: 1}}}
  plain:
    function: a.py:plain # this
    needs: [segment]
  none:
    function: a.py:none
    params:
"""


@pytest.mark.parametrize(
    ("keys", "value", "line"),
    [
        (("segment", "params", "threshold"), 0.7, "      threshold: 0.7  # or more"),
        (("segment", "params", "threshold"), "a: #b", "      threshold: 'a: #b'  # or more"),
        (("segment", "params", "names"), ["c"], "      names: [c]"),
        (("segment", "params", "new"), True, "      new: true"),
        (
            ("measure", "params", "min_area"),
            50,
            "  measure: {function: a.py:measure, needs: [segment], params: {min_area: 50, deep: {a: 1}}}",
        ),
        (
            ("measure", "params", "blur"),
            1,
            "  measure: {function: a.py:measure, needs: [segment], "
            "params: {min_area: 20, deep: {a: 1}, blur: 1}}",
        ),
        (("plain", "params", "blur"), 2, "    params: {blur: 2}"),
        (("none", "params", "blur"), 2, "    params: {blur: 2}"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_line_differs(keys: tuple[str, ...], value: object, line: str, end: str, tmp_path: Path) -> None:
    """Comments, order and form of all other lines stay."""
    file = tmp_path / "config.yaml"
    file.write_bytes(TEXT.replace("\n", end).encode())
    set_value(file, ("steps", *keys), value)
    changed = file.read_bytes().decode()
    before, after = TEXT.splitlines(), changed.splitlines()
    differing = [each for each in difflib.ndiff(before, after) if each[0] == "+"]
    assert differing == [f"+ {line}"]
    assert len(after) - len(before) in (0, 1)
    found = yaml.safe_load(changed)["steps"]
    for key in keys:
        found = found[key]
    assert found == value


def test_what_cannot_be_changed_alone(tmp_path: Path) -> None:
    """A value that stands for several, or for which there is no place, is told; the file stays."""
    shared = "steps:\n  a:\n    params: &p {x: 1}\n  b:\n    params: *p\n"
    with pytest.raises(ValueError, match="without another one"):
        with_value(shared, ("steps", "a", "params", "x"), 2)
    file = tmp_path / "c.yaml"
    file.write_text("steps: 3\n")
    with pytest.raises(PixmakeError) as raised:
        set_value(file, ("steps", "a", "params", "x"), 2)
    assert str(raised.value) == f"{file}: a has no place in it (write there: steps.a.params.x: 2)"
    assert file.read_text() == "steps: 3\n"
