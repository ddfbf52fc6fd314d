"""Functions of tables: what they get, what they may return, and what is said when something is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pixmake.base.errors import PixmakeError
from pixmake.config.aggregate import Aggregate
from pixmake.config.models import parse_config
from pixmake.job.record import Record, write_record
from pixmake.plan.table_functions import plan_functions
from pixmake.results.aggregate import write_tables
from pixmake.results.read import read_table
from pixmake.results.record_lines import gather
from pixmake.results.summarise import summarise

CODE = """
import pandas as pd

def growth(measurements, *, by="plant"):
    return measurements.groupby(by)["area"].agg(["min", "max"])

def times(measurements):
    assert str(measurements["timestamp"].dtype).startswith("datetime64")
    return measurements[["id", "timestamp", "area"]]

def both(measurements, growth):
    return {"note": f"<p>{len(measurements)} {len(growth)}</p>", "number": {"n": len(measurements)}}

def nothing(measurements):
    return None

def says(measurements):
    return ",".join(measurements["id"])

def leaves(measurements):
    raise SystemExit(0)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose tables are there: two plants on two days, and a plant called 007."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/tables.py").write_text(CODE)
    (tmp_path / "scripts/steps.py").write_text("def measure(image): ...\n")
    paths = []
    for number, (plant, area) in enumerate([("007", 1), ("007", 3.5), ("P2", "nan"), ("P2", 8)]):
        terms = {"plant": plant, "timestamp": f"2024-01-{number % 2 + 1:02}"}
        record = Record(f"i{number}", "measure", "ok", terms, {"area": {"value": area}})
        paths.append(f"results/measure/i{number}.json")
        write_record(record, paths[-1])
        paths.append(f"results/other/i{number}.json")
        write_record(Record(f"i{number}", "other", "ok", terms, {"x": {"value": 1}}), paths[-1])
    gather(paths, "all.jsonl")
    write_tables("all.jsonl", ["plant", "timestamp"], "results", Aggregate())
    return tmp_path


def config(**functions: Any) -> Any:
    """A project with functions."""
    steps = {name: {"function": "scripts/steps.py:measure"} for name in ("measure", "other")}
    for function in functions.values():
        function.setdefault("function", "scripts/tables.py:growth")
    return parse_config({"images": {"table": "t.csv"}, "steps": steps, "aggregate": {"functions": functions}})


def run(**functions: Any) -> None:
    """Plan functions and run them in their order."""
    for planned in plan_functions(config(**functions), ["plant", "timestamp"]):
        summarise(planned.task(None), "results")


def test_tables_come_back_as_they_were(folder: Path) -> None:
    """Numbers are numbers, 007 is a name, a timestamp is a time, NaN is missing."""
    table = read_table("results", steps=["measure"])
    assert list(table.columns) == ["id", "step", "plant", "timestamp", "area"]
    assert table["plant"].tolist() == ["007", "007", "P2", "P2"]
    assert table["area"].fillna(-1).tolist() == [1.0, 3.5, -1.0, 8.0]
    assert table["timestamp"].dt.day.tolist() == [1, 2, 1, 2]
    assert len(read_table("results")) == 8


def test_a_table_from_a_function(folder: Path) -> None:
    """A DataFrame becomes a CSV; its index is a column, and params arrive."""
    run(growth={"params": {"by": "timestamp"}})
    assert (
        Path("results/growth.csv").read_text()
        == "timestamp,min,max\n2024-01-01,1.0,1.0\n2024-01-02,3.5,8.0\n"
    )


def test_functions_that_need_others(folder: Path) -> None:
    """A function gets the table of another, the rows of needed steps, and may return several things."""
    files = {"note": "html", "number": "tsv"}
    run(
        both={"function": "scripts/tables.py:both", "needs": ["growth", "measure"], "files": files},
        growth={"needs": ["measure"]},
    )
    assert Path("results/note.html").read_text() == "<p>4 2</p>"
    assert Path("results/number.tsv").read_text() == "n\n4\n"


@pytest.mark.parametrize("per", [None, "plant"])
def test_a_function_that_exits(folder: Path, per: str | None) -> None:
    """It is an error that says so, whatever the status."""
    with pytest.raises(
        PixmakeError, match=r"^scripts/tables.py:leaves ended by sys.exit\(0\) \(a function of"
    ):
        run(leaves={"function": "scripts/tables.py:leaves", "per": per})


def test_per_term(folder: Path) -> None:
    """With `per` a function sees the rows of one value at a time; its tables are joined."""
    run(times={"function": "scripts/tables.py:times", "needs": ["measure"], "per": "plant"})
    table = pd.read_csv("results/times.csv", dtype={"plant": str})
    assert table["plant"].tolist() == ["007", "007", "P2", "P2"]
    assert list(table.columns) == ["plant", "id", "timestamp", "area"]


def test_a_file_for_each_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No value's figure is written over by another's whose name is the same but for its signs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/tables.py").write_text(CODE)
    (tmp_path / "scripts/steps.py").write_text("def measure(image): ...\n")
    paths = []
    for number, plant in enumerate(("a b", "a_b", "a/b", "1.1", "1.10", "größe", "x y")):
        paths.append(f"results/measure/i{number}.json")
        write_record(
            Record(f"i{number}", "measure", "ok", {"plant": plant}, {"area": {"value": 1}}), paths[-1]
        )
    gather(paths, "all.jsonl")
    write_tables("all.jsonl", ["plant", "timestamp"], "results", Aggregate())
    run(says={"function": "scripts/tables.py:says", "per": "plant", "files": {"said": "html"}})
    said = {path.stem: path.read_text() for path in Path("results/said").iterdir()}
    assert sorted(said.values()) == [f"i{number}" for number in range(7)]
    assert {"a_b", "1.1", "1.10", "größe", "x_y"} < said.keys()
    assert said["a_b"] == "i1"


def test_figures(folder: Path) -> None:
    """A matplotlib figure is the same bytes each time; with `per` there is one for each value."""
    Path("scripts/figures.py").write_text(
        "def curve(measurements):\n"
        "    from matplotlib import pyplot as plt\n"
        "    figure, axes = plt.subplots()\n"
        "    axes.plot(measurements['area'])\n"
        "    return figure\n"
    )
    function = {"function": "scripts/figures.py:curve", "files": {"curve": "svg"}}
    run(curve=dict(function))
    first = Path("results/curve.svg").read_bytes()
    run(curve=dict(function))
    assert Path("results/curve.svg").read_bytes() == first
    run(curve={**function, "per": "plant"})
    assert sorted(path.name for path in Path("results/curve").iterdir()) == ["007.svg", "P2.svg"]


@pytest.mark.parametrize(
    ("functions", "said"),
    [
        ({"a": {"function": "scripts/tables.py:grow"}}, "has no function 'grow' (did you mean 'growth'?)"),
        ({"a": {"needs": ["measur"]}}, "no step and no function 'measur' (did you mean 'measure'?)"),
        ({"a": {"per": "plnt"}}, "no metadata term 'plnt' (did you mean 'plant'?)"),
        ({"a": {"needs": ["b"]}, "b": {"needs": ["a"]}}, "needs itself"),
        ({"measure": {}}, "there is a step 'measure', too"),
        ({"a": {"files": {"runs": "csv"}}}, "the name 'runs' is taken in results/"),
        ({"a": {"files": {"x": "exe"}}}, "cannot be a exe"),
        ({"a": {"files": {"x": "csv"}}, "b": {"files": {"x": "png"}}}, "a has a file 'x', too"),
        ({"a": {"params": {"bye": 1}}}, "has no argument 'bye'"),
        ({"a": {"function": "scripts/tables.py:both"}}, "needs the argument 'growth'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(folder: Path, functions: Any, said: str) -> None:
    """Each mistake has its place and what would be right."""
    with pytest.raises(PixmakeError, match=re.escape(said)):
        plan_functions(config(**functions), ["plant", "timestamp"])


def test_nothing_returned_is_told(folder: Path) -> None:
    """A function that returns nothing, or not what `files` names, is an error in words."""
    with pytest.raises(PixmakeError, match="a pandas DataFrame is expected"):
        run(nothing={"function": "scripts/tables.py:nothing"})
    with pytest.raises(PixmakeError, match="returned nothing for wanted"):
        run(
            growth={},
            both={"function": "scripts/tables.py:both", "needs": ["growth"], "files": {"wanted": "csv"}},
        )


def test_a_file_that_cannot_be_added_to_is_told(folder: Path) -> None:
    """Before anything runs: it is not there, the run itself writes it, or nothing of PlantCV's is written."""
    said = [
        ({"plantcv": True, "plantcv_append": "no.json"}, "there is no such file"),
        ({"plantcv": True, "plantcv_append": "results/plantcv.json"}, "is what this run writes itself"),
        ({"plantcv_append": "no.json"}, "needs `plantcv: true`"),
    ]
    for wanted, what in said:
        whole = config().model_copy(update={"aggregate": Aggregate.model_validate(wanted)})
        with pytest.raises(PixmakeError, match=what):
            plan_functions(whole, ["plant"])


def test_controls_of_a_column_that_is_not_there_are_told(folder: Path) -> None:
    """The page cannot say how well controls are told apart that no column marks."""
    controls = {"column": "rle", "positive": "a", "negative": "b"}
    whole = config().model_copy(update={"aggregate": Aggregate.model_validate({"controls": controls})})
    with pytest.raises(PixmakeError, match=re.escape("no metadata term 'rle' (did you mean 'role'?)")):
        plan_functions(whole, ["plant", "role"])
