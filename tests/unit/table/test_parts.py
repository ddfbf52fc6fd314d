"""Columns of the table say which part of an image a row means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pixmake.base.errors import PixmakeError
from pixmake.config.images import Images
from pixmake.job.runners import Call
from pixmake.job.runners.metadata import metadata
from pixmake.job.runners.notebook import parameters_of
from pixmake.job.runners.programs import Workspace
from pixmake.job.task import Task
from pixmake.plan.plan import plan_project
from pixmake.table.groups import Group, make_groups
from pixmake.table.image_parts import with_parts
from pixmake.table.table import make_table


def groups(rows: Sequence[dict[str, Any]], read_by: list[str] | None = None) -> tuple[Group, ...]:
    columns = {
        name: [row.get(name) for row in rows] for name in dict.fromkeys(k for row in rows for k in row)
    }
    table = make_table(columns, range(2, len(rows) + 2), "images.csv")
    images = Images.model_validate({"table": "images.csv", "read_by": read_by})
    return make_groups(with_parts(table, images.read_by), images)


def test_by_itself_only_of_zarr() -> None:
    """A column `z` is metadata of a PNG and a part of an OME-Zarr; `read_by` says otherwise."""
    rows = [
        {"path": "a.png", "t": 1, "z": 3},
        {"path": "plate.ome.zarr/A/1/0", "t": "0", "c": 1, "z": 3.0},
        {"path": "b.zarr", "t": None, "level": 2, "y": 0, "x": 512, "height": 512, "width": 512},
    ]
    found = groups(rows)
    assert [(group.id, group.parts) for group in found] == [
        ("a", ()),
        ("plate_A_1_0_t0_c1_z3", ({"t": 0, "c": 1, "z": 3},)),
        ("b_level2_y0_x512", ({"level": 2, "y": 0, "x": 512, "height": 512, "width": 512},)),
    ]
    assert found[0].metadata == {"path": "a.png", "t": 1, "z": 3}
    assert [group.parts for group in groups(rows, [])] == [(), (), ()]
    assert [group.id for group in groups(rows, ["z"])] == ["a_z3", "plate_A_1_0_z3", "b"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, unique=True))
def test_ids_depend_on_their_own_row(parts: list[tuple[int, int]]) -> None:
    """Whatever other rows there are, and in whatever order."""
    rows = [{"path": "a.zarr", "t": t, "c": c} for t, c in parts]
    assert [group.id for group in groups(rows)] == [f"a_t{t}_c{c}" for t, c in parts]


@given(st.one_of(st.floats(), st.integers(max_value=-1), st.text(min_size=1), st.booleans()))
def test_cells_that_are_no_index(cell: Any) -> None:
    """Whatever stands in a cell, it is a whole number or is told with its row."""
    try:
        (group,) = groups([{"path": "a.zarr", "t": cell}])
    except PixmakeError as error:
        assert [problem.where for problem in error.problems] == ["images.csv, row 2"]
    else:
        assert all(type(part["t"]) is int and part["t"] >= 0 for part in group.parts)


def test_a_container_without_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows of one part are told; so is what is no OME-Zarr, before anything runs."""
    monkeypatch.chdir(tmp_path)
    Path("a.zarr").mkdir()
    Path("images.csv").write_text("path,t\na.zarr,0\na.zarr,1\na.zarr,1\nb.zarr,0\n")
    Path("f.py").write_text("def f(image):\n    return {}\n")
    content = {"images": {"table": "images.csv"}, "steps": {"f": {"function": "f.py:f", "axes": "yx"}}}
    Path("config.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(PixmakeError) as told:
        plan_project(content, ["config.yaml"])
    assert [str(problem) for problem in told.value.problems[:2]] == [
        "images.csv, row 4: a.zarr (t 1) stands in row 3 already (one row an image)",
        "images.csv, row 5: b.zarr: there is no such file (`missing: skip` leaves such images out)",
    ]


def test_what_a_job_is_told(tmp_path: Path) -> None:
    """A function's `meta` has the pixel sizes, in a group those of each image; a notebook how to read."""
    paths = [str(tmp_path / f"{size}.tif") for size in (0.5, 1.5)]
    for path, size in zip(paths, (0.5, 1.5), strict=True):
        ome = {"axes": "CYX", "PhysicalSizeX": size, "PhysicalSizeY": size}
        tifffile.imwrite(path, np.zeros((2, 8, 8), np.uint8), ome=True, metadata=ome)

    def call(*images: str, names: tuple[str, ...] = (), said: dict[str, Any] | None = None) -> Call:
        parts = tuple({"c": number} for number in range(len(images)))
        work = {"notebook": "a.ipynb", "axes": "yx"}
        task = Task("s", "i", "notebook", work, "", said or {"plant": 1}, names=names, parts=parts)
        return Call(task, images, {}, {}, record=str(tmp_path / "i.json"))

    def sizes(value: float) -> dict[str, Any]:
        return {axis: {"value": value, "unit": "micrometer"} for axis in "yx"}

    assert metadata(call(paths[0])) == {"plant": 1, "pixel_size": sizes(0.5)}
    assert metadata(call(*paths, names=("a", "b")))["pixel_size"] == [sizes(0.5), sizes(1.5)]
    assert metadata(call(paths[0], said={"pixel_size": 3})) == {"pixel_size": 3}
    space = Workspace(tmp_path, {}, tmp_path / "r.json", tmp_path / "m.csv")
    given = parameters_of(call(paths[1]), space)
    assert (given["image"], given["part"], given["axes"]) == (paths[1], {"c": 0}, "yx")
    assert given["meta"]["pixel_size"] == sizes(1.5)
    given = parameters_of(call(*paths, names=("a", "b")), space)
    assert given["parts"] == {"a": {"c": 0}, "b": {"c": 1}}
    json.dumps(given)
