"""Planes, pages and regions of large images: a row of the table means a part of one, and a job reads that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import tifffile
from tests.conftest import Project

ANALYSIS = """\
def measure(image, meta):
    return {
        "mean": float(image.mean()),
        "shape": "x".join(map(str, image.shape)),
        "pixel": meta["pixel_size"]["y"]["value"],
        "unit": meta["pixel_size"]["y"]["unit"],
    }


def compare(images):
    return {"difference": float(images["DNA"].mean() - images["actin"].mean()), "names": ",".join(images)}


def over_time(images, rows, paths):
    return {
        "means": [float(image.mean()) for image in images],
        "times": [row["t"] for row in rows],
        "files": len(set(paths)),
    }
"""

OME = {
    "axes": "TCYX",
    "PhysicalSizeX": 0.65,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 0.65,
    "PhysicalSizeYUnit": "µm",
    "Channel": {"Name": ["DNA", "actin"]},
}


@pytest.fixture
def planes(project: Project) -> Project:
    """One OME-TIFF of two times and two channels, a row a plane; a plane's value is 10 t + c."""
    values = np.arange(2)[:, None] * 10 + np.arange(2)[None]
    image = np.broadcast_to(values[..., None, None], (2, 2, 32, 48)).astype(np.uint16)
    (project.folder / "images").mkdir()
    tifffile.imwrite(project.folder / "images/cells.ome.tif", image, ome=True, metadata=OME)
    project.list_images(
        [
            {"path": "cells.ome.tif", "t": t, "c": c, "channel": ["DNA", "actin"][c]}
            for t in range(2)
            for c in range(2)
        ]
    )
    project.write("scripts/analysis.py", ANALYSIS)
    return project


def configure(project: Project, steps: Mapping[str, object], **images: object) -> None:
    project.configure(images={"table": "config/images.csv", "root": "images", **images}, steps=steps)


@pytest.mark.slow
def test_a_row_a_plane(planes: Project, ran_since: Callable[[Project, Mapping[str, str]], set[str]]) -> None:
    """Each job gets its plane as `yx` and the size of a pixel, a step over all times its planes one by one.
    A part that is not there, or does not have these axes, is told at once."""
    configure(
        planes,
        {
            "measure": {"function": "scripts/analysis.py:measure", "axes": "yx"},
            "course": {"function": "scripts/analysis.py:over_time", "axes": "yx", "per": "channel"},
        },
        read_by=["t", "c"],
    )
    ended = planes.snakemake()
    assert ended.code == 0, ended.err
    rows = {row["id"]: row for row in planes.rows() if row["step"] == "measure"}
    assert {
        name: (float(row["mean"]), row["shape"], row["pixel"], row["unit"]) for name, row in rows.items()
    } == {
        f"cells.ome_t{t}_c{c}": (10 * t + c, "32x48", "0.65", "micrometer")
        for t in range(2)
        for c in range(2)
    }
    course = planes.record("course", "actin")["measurements"]
    assert (course["means"]["value"], course["times"]["value"]) == ([1.0, 11.0], [0, 1])
    record = planes.record("measure", "cells.ome_t1_c0")
    assert record["origin"]["task"]["parts"] == [{"t": 1, "c": 0}]
    assert (planes.folder / "results/report_files/cells.ome_t1_c0.large.jpg").exists()

    before = planes.started()
    table = planes.folder / "config/images.csv"
    table.write_text(table.read_text().replace("cells.ome.tif,1,1,actin", "cells.ome.tif,1,,actin"))
    ended = planes.snakemake()
    assert ended.code == 1
    assert "cells.ome.tif (t 1) has axes czyx of 2×1×32×48; `axes: yx` needs one c: split them" in ended.err
    assert "give a column c" in ended.err
    table.write_text(table.read_text().replace("cells.ome.tif,1,,actin", "cells.ome.tif,2,1,actin"))
    ended = planes.snakemake("-n")
    assert ended.code == 1
    assert "images/cells.ome.tif: has no t = 2, but 2 (t is 0 to 1)" in ended.err
    assert "config/images.csv, row 5" in ended.err
    table.write_text(table.read_text().replace("cells.ome.tif,2,1,actin", "cells.ome.tif,1,1,myosin"))
    assert planes.snakemake().code == 0
    assert ran_since(planes, before) == {"measure/cells.ome_t1_c1", "course/actin", "course/myosin"}


def test_planes_of_one_image_in_a_group(planes: Project) -> None:
    """A group of planes of one file, by name; `pixmake try` and `check --read` read the planes alone."""
    configure(
        planes,
        {"compare": {"function": "scripts/analysis.py:compare", "axes": "yx"}},
        read_by=["t", "c"],
        group_by=["t"],
        name_by="channel",
    )
    ended = planes.snakemake()
    assert ended.code == 0, ended.err
    assert [(row["id"], row["difference"], row["names"]) for row in planes.rows()] == [
        ("0", "-1.0", "DNA,actin"),
        ("1", "-1.0", "DNA,actin"),
    ]
    tried = planes.pixmake("try", "1")
    assert tried.code == 0, tried.err
    assert "difference = -1.0" in tried.out
    ended = planes.pixmake("try", "1", "--notebook")
    assert ended.code == 0, ended.err
    written = next((planes.folder).glob("*.ipynb")).read_text()
    assert "read_image('images/cells.ome.tif', {'c': 0, 't': 1}, axes='yx')" in written
    checked = planes.pixmake("check", "--read")
    assert checked.code == 0, checked.err
    assert "opened 4 images" in checked.out
    assert "48 × 32" in checked.out


def test_two_rows_of_one_part(planes: Project) -> None:
    """It is told by its part, with all else that is wrong with the parts."""
    configure(
        planes, {"measure": {"function": "scripts/analysis.py:measure", "axes": "yx"}}, read_by=["t", "c"]
    )
    table = planes.folder / "config/images.csv"
    table.write_text(table.read_text() + "cells.ome.tif,1,1,DNA\n")
    checked = planes.pixmake("check")
    assert checked.code == 1
    assert "cells.ome.tif (t 1, c 1) stands in row 5 already" in checked.err
    table.write_text(
        table.read_text().replace(",0,1,actin", ",half,1,actin").replace(",1,0,DNA", ",1,-1,DNA")
    )
    checked = planes.pixmake("check")
    assert "row 3: t: 'half' is no index: a whole number from 0 on (images.read_by" in checked.err
    assert "row 4: c: -1 is no index" in checked.err
    planes.configure(
        images={"table": "config/images.csv", "root": "images", "read_by": ["t", "d"]},
        steps={
            "measure": {"function": "scripts/analysis.py:measure", "axes": "xyz!"},
            "shrink": {"shell": "x {image}", "axes": "yx"},
        },
    )
    checked = planes.pixmake("check")
    assert "images.read_by[1]" in checked.err or "images.read_by" in checked.err
    assert "'xyz!' are no axes: y and x, and of t, c, z those that are to be there" in checked.err


def test_pictures_with_a_column_z_are_as_before(small: Project) -> None:
    """In a table of PNGs, `z` and `page` are metadata: ids, tasks and results are those of whole files."""
    rows = [{"path": f"p{number}.png", "plant": f"P{number}", "z": number, "page": 1} for number in range(4)]
    small.list_images(rows)
    ended = small.run("pixmake", "compile")
    assert ended.code == 0, ended.err
    assert '"z":3' in ended.out
    assert "measure_p3" in ended.out
    assert '"parts"' not in ended.out


def test_map_images_over_planes(planes: Project) -> None:
    """From Python: a row a plane, in the axes that are asked for."""
    program = """
import pandas as pd
from pixmake import map_images

def mean(image):
    return {"mean": float(image.mean()), "axes": image.ndim}

rows = pd.DataFrame({"path": ["images/cells.ome.tif"] * 2, "t": [0, 1]})
found = map_images(mean, rows, cores=2, axes="cyx", read_by=["t"], progress_bar=False)
print(found[["id", "mean", "axes"]].to_dict("records"))
"""
    planes.write("program.py", program)
    ended = planes.run("program")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out.splitlines()[-1].replace("'", '"')) == [
        {"id": "images_cells.ome_t0", "mean": 0.5, "axes": 3},
        {"id": "images_cells.ome_t1", "mean": 10.5, "axes": 3},
    ]
