"""Type hints of a function's arguments hold for the params of config.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pixmake.base.errors import PixmakeError
from pixmake.plan.analysis import read_signature
from pixmake.plan.plan import plan_project
from pixmake.plan.type_hints import misfit

FILE = """\
from __future__ import annotations
import typing as t
from typing import Literal, Optional
import numpy as np

Channel = Literal["a", "b"]
Channels: t.TypeAlias = "list[Channel]"
Endless = Endless


def f(
    image: np.ndarray,
    *,
    whole: int = 1,
    real: float = 1,
    text: "str" = "",
    flag: bool = False,
    channel: Channel = "a",
    channels: Channels = (),
    maybe: Optional[int] = None,
    either: int | str = 1,
    union: t.Union[int, None] = 1,
    pair: tuple[int, int] = (1, 2),
    many: tuple[float, ...] = (),
    table: dict[str, list[float]] = {},
    sequence: t.Sequence[int] = (),
    noted: t.Annotated[int, "pixels"] = 1,
    array: np.ndarray = None,
    endless: Endless = None,
    called: make() = None,
    anything=None,
):
    return {}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.py").write_text(FILE)
    (tmp_path / "a.png").touch()
    (tmp_path / "images.csv").write_text("path\na.png\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "fits", "does_not"),
    [
        ("whole", [3, -1], ["3", 3.5, True, None, [3]]),
        ("real", [3, 3.5], ["3.5", None, True]),
        ("text", ["x", ""], [3, None]),
        ("flag", [True], [1, "yes"]),
        ("channel", ["a"], ["c", 1]),
        ("channels", [["a", "b"], []], ["a", ["c"]]),
        ("maybe", [None, 3], ["x"]),
        ("either", [3, "x"], [3.5, None]),
        ("union", [None, 3], ["x"]),
        ("pair", [[1, 2]], [[1], [1, "x"], 1]),
        ("many", [[], [1, 2.5]], [["x"], 1]),
        ("table", [{"a": [1, 2]}], [{"a": 1}, []]),
        ("sequence", [[1, 2]], [["x"], 1]),
        ("noted", [3], ["x"]),
        ("array", [3, "x", [1]], []),
        ("endless", [3], []),
        ("called", [3], []),
    ],
)
def test_values_and_hints(file: Path, name: str, fits: list[Any], does_not: list[Any]) -> None:
    """What fits passes, what does not is told; a hint that says nothing of YAML's values passes all."""
    signature = read_signature("f.py", "f")
    for value in fits:
        assert misfit(value, signature.hints[name], signature.names) == "", value
    for value in does_not:
        assert misfit(value, signature.hints[name], signature.names) != "", value


def test_problem_before_anything_runs(file: Path) -> None:
    """The message shows the value, the hint and the function."""
    step = {"function": "f.py:f", "params": {"whole": "big", "channel": "c", "anything": [None]}}
    with pytest.raises(PixmakeError) as raised:
        plan_project({"images": {"table": "images.csv"}, "steps": {"s": step}}, [])
    assert [str(problem) for problem in raised.value.problems] == [
        "steps.s.params.whole: 'big' does not fit `whole: int` of f.py:f (input should be a valid integer)",
        "steps.s.params.channel: 'c' does not fit `channel: Channel` of f.py:f (input should be 'a' or 'b')",
    ]
