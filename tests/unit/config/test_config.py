"""config.yaml: what is wrong is told at once, each with its line and what would be right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY

from pixmake.base.errors import PixmakeError
from pixmake.config.models import Config, load_config
from pixmake.config.schema import config_schema

GOOD = """\
images:
  table: images.csv
steps:
  find:
    function: a.py:find
    files: {mask: png}
  measure:
    function: a.py:measure
    needs: [find]
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(PixmakeError) as raised:
        load_config(path)
    return [str(problem).replace(str(path), "config.yaml") for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("text", "removed"),
    [
        (GOOD + "keep: results\n", True),
        (GOOD, False),
        (GOOD.replace("png", "csv") + "keep: results\n", False),
        (GOOD.replace("{mask: png}", "{mask: png, cells: cells.TSV}") + "keep: failed\n", False),
        (GOOD.replace("needs: [find]", "needs_all: [find]\n    per: all") + "keep: failed\n", False),
    ],
    ids=["masks", "all stay", "a table", "a mask and a table", "needed all at once"],
)
def test_files_that_are_removed_on_the_way(tmp_path: Path, text: str, removed: bool) -> None:
    """Those that nothing but jobs of single images needs: not the tables of which one of all is made."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert load_config(path).is_temporary("find") == removed


def test_defaults(tmp_path: Path) -> None:
    """A config needs a table and a step; all else has a default."""
    path = tmp_path / "config.yaml"
    path.write_text(GOOD)
    config = load_config(path)
    assert (config.results, config.on_error, config.max_failures) == ("results", "continue", 0)
    step = config.steps["measure"]
    assert (step.threads, step.retries, step.timeout, step.python) == (1, 0, None, None)


def test_all_problems_at_once_by_line(tmp_path: Path) -> None:
    """Typos name the nearest key; values say what they should be; each has its line."""
    text = """\
images:
  tabel: images.csv
  select: {wher: 1, match: {a: "("}}
steps:
  find-it:
    function: a.py
  measure:
    function: a.py:measure
    threads: 0
    resources: {mem_mb: lots}
    retrys: 3
result: out
on_error: contine
"""
    assert problems(tmp_path, text) == [
        "config.yaml:2: unknown key images.tabel (did you mean 'table'?)",
        "config.yaml:3: images.select.match: a: '(' is no regular expression: "
        "missing ), unterminated subpattern at position 0",
        "config.yaml:3: unknown key images.select.wher (did you mean 'where'?)",
        "config.yaml:5: steps.find-it: 'find-it' has characters that are not allowed "
        "(letters, digits and _, not a digit first)",
        "config.yaml:6: steps.find-it.function: 'a.py' is not of the form FILE.py:FUNCTION "
        "(e.g. scripts/plants.py:measure)",
        "config.yaml:9: steps.measure.threads: input should be greater than 0, not 0",
        "config.yaml:10: steps.measure.resources.mem_mb: 'lots' is neither a whole number above 0, nor a "
        'list of them (one for each attempt), nor an expression such as "1000 * attempt"',
        "config.yaml:11: unknown key steps.measure.retrys (did you mean 'retries'?)",
        "config.yaml:12: unknown key result (did you mean 'results'?)",
        "config.yaml:13: on_error: input should be 'continue' or 'stop', not 'contine'",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("[find]", "[fnd]"), "config.yaml:9: there is no step 'fnd' (did you mean 'find'?)"),
        (("[find]", "[measure]"), "config.yaml:9: steps need each other: measure → measure"),
        (("[find]", "[find]\n    params: {image: 1}"), "config.yaml:10: 'image' has a meaning of its own"),
        (("[find]", "[find]\n    params: {mask: 1}"), "config.yaml:10: find has a file of the same name"),
        (("[find]", "[find, find]"), "config.yaml:9: a step stands twice"),
        (("  measure:", "  Find:"), "config.yaml:7: steps 'find' and 'Find' would write the same files"),
        (("  measure:", "  find:"), "config.yaml:7: the key steps.find stands twice"),
        (("images.csv", "images.csv\n  name_by: camera"), "config.yaml:3: names the images of a group"),
        (("{mask: png}", "{mask: ../x}"), "config.yaml:6: steps.find.files.mask: '../x' has characters"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    """Keys that are right by themselves but not together are told, too."""
    found = problems(tmp_path, GOOD.replace(*change))
    assert any(problem.startswith(expected) for problem in found), found


def test_circle_of_steps(tmp_path: Path) -> None:
    """A circle is shown as the way round it."""
    text = GOOD.replace("files: {mask: png}", "needs: [measure]")
    assert problems(tmp_path, text) == ["config.yaml:6: steps need each other: find → measure → find"]


@pytest.mark.parametrize("text", ["", "[]", "a: [", "start: 2024-13-40", "\x00"])
def test_no_config(tmp_path: Path, text: str) -> None:
    """What is no YAML mapping is one problem, not a traceback."""
    assert len(problems(tmp_path, text)) == 1


def test_missing_file(tmp_path: Path) -> None:
    """A config that is not there says how to make one."""
    with pytest.raises(PixmakeError, match="make a project with: pixmake init DIR"):
        load_config(tmp_path / "none.yaml")


@pytest.fixture(scope="module")
def schema() -> str:
    """Made of the models, which takes a second."""
    return config_schema()


def test_schema_is_the_written_one_and_is_named(schema: str) -> None:
    """The JSON Schema is that of the models, and the first line of config.yaml names it."""
    path = REPOSITORY / "workflow/schemas/config.schema.json"
    assert path.read_text() == schema
    first = (REPOSITORY / "config/config.yaml").read_text().splitlines()[0]
    named = first.partition("$schema=")[2]
    assert (REPOSITORY / "config" / named).resolve() == path.resolve()
    assert json.loads(path.read_text())["properties"].keys() == Config.model_fields.keys()


def test_every_key_is_explained(schema: str) -> None:
    """config/README.md explains every key of every model."""
    text = (REPOSITORY / "config/README.md").read_text()
    definitions = json.loads(schema)
    models = [definitions, *definitions["$defs"].values()]
    keys = {key for model in models for key in model.get("properties", {})}
    assert {key for key in keys if f"`{key}`" not in text} == set()


def test_what_only_looks_like_a_date_is_told_by_its_line(tmp_path: Path) -> None:
    """YAML itself trips over 2024-13-01; a user gets its line, not a traceback."""
    path = tmp_path / "config.yaml"
    path.write_text("images:\n  table: a.csv\n  select:\n    start: 2024-13-01\nsteps: {}\n")
    with pytest.raises(PixmakeError) as caught:
        load_config(path)
    (problem,) = caught.value.problems
    assert problem.where == f"{path}:4"
    assert "2024-13-01 is no date" in problem.what


def test_unknown_needs_are_told_beside_other_problems(tmp_path: Path) -> None:
    """A step that is not there is told in the same go as a wrong key of another step."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "images: {table: a.csv}\nsteps:\n  one: {functoin: a.py:f}\n  two: {function: a.py:g, needs: [oen]}\n"
    )
    with pytest.raises(PixmakeError) as caught:
        load_config(path)
    told = [problem.what for problem in caught.value.problems]
    assert any("steps.one.functoin" in what for what in told)
    assert told[-1] == "there is no step 'oen'"
