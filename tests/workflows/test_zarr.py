"""Plates as OME-Zarr, in tiles and planes: segmented, stitched, measured, by real runs of Snakemake."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from skimage.measure import label, regionprops
from tests import omezarr
from tests.conftest import Project

from pixmake.images import ngff
from pixmake.images.read import read_image

SEGMENT = '''\
import pandas as pd
from skimage.measure import label, regionprops_table


def segment(image, meta):
    """Bright objects of a plane."""
    assert image.ndim == 2
    if meta["well"] == "B3" and meta["x"] == 32 and not meta["y"]:
        raise ValueError("dust on this tile")
    labels = label(image > 32000, connectivity=1)
    names = ("label", "area", "centroid")
    cells = pd.DataFrame(regionprops_table(labels, image, properties=names))
    return {"nuclei": labels, "cells": cells, "pixel": meta["pixel_size"]["x"]["value"]}


def count(nuclei):
    """Of the whole image, as the next step gets it."""
    return {"count": int(nuclei.max()), "shape": list(nuclei.shape)}
'''

STEPS = {
    "segment": {
        "function": "scripts/nuclei.py:segment",
        "axes": "yx",
        "files": {"nuclei": "labels.zarr", "cells": "csv"},
    },
    "whole": {
        "stitch": {"nuclei": "labels", "cells": "table"},
        "needs": ["segment"],
        "per": ["path", "c"],
        "params": {"least_shared": 0},
        "files": {"nuclei": "labels.zarr", "cells": "csv"},
    },
    "count": {"function": "scripts/nuclei.py:count", "needs": ["whole"], "per": ["path", "c"]},
}
TILES = {"path": "plates/p.zarr", "split": ["c", "t"], "tile": {"size": 40, "overlap": 8}}
IMAGES = {"zarr": TILES, "select": {"where": {"channel": "DAPI"}}}


def field(seed: int) -> np.ndarray:
    """A field of blobs: c, t, y, x."""
    noise = np.random.default_rng(seed).random((2, 1, 70, 60))
    return (gaussian_filter(noise, (0, 0, 2, 2)) * 64000).astype(np.uint16)


def make(project: Project, version: str = "0.4") -> dict[str, np.ndarray]:
    """A plate of two fields, and the config for it."""
    fields = {"A/1/1": field(2), "B/3/0": field(3)}
    (project.folder / "plates").mkdir()
    omezarr.write_plate(
        {name: made.swapaxes(0, 1) for name, made in fields.items()},
        project.folder / "plates/p.zarr",
        "tcyx",
        version,
        channels=("GFP", "DAPI"),
    )
    project.write("scripts/nuclei.py", SEGMENT)
    project.configure(images=IMAGES, steps=STEPS)
    return fields


@pytest.mark.slow
def test_a_plate_in_tiles(
    project: Project, ran_since: Callable[[Project, Mapping[str, str]], set[str]]
) -> None:
    """Stitched labels are those of the whole image, measurements are in its coordinates; a tile that fails
    is empty, and tried again; a field that is written anew is measured anew, and nothing else."""
    fields = make(project)
    ended = project.snakemake(timeout=600)
    assert ended.code == 1, "a tile of B3 failed"
    results = project.folder / "results"
    image = fields["A/1/1"][1, 0]
    path = str(results / "whole/p_A_1_1_1.nuclei.labels.zarr")
    expected = label(image > 32000, connectivity=1)
    found = read_image(path)
    pairs = np.unique(np.stack([expected.ravel(), found.ravel()]), axis=1)
    assert pairs.shape[1] == expected.max() + 1 == found.max() + 1
    assert ngff.describe(path).pixel_size["y"] == (omezarr.PIXEL, "micrometer")
    source = ngff.attributes(ngff.open_node(path))["image-label"]["source"]["image"]
    assert (Path(path) / source).resolve() == project.folder / "plates/p.zarr/A/1/1"
    cells = pd.read_csv(results / "whole/p_A_1_1_1.cells.csv")
    assert cells["label"].tolist() == list(range(1, expected.max() + 1))
    of_whole = {each.label: each for each in regionprops(found)}
    whole = cells[~cells["cut"]].to_dict("records")
    assert len(whole) > 5
    for row in whole:
        assert row["area"] == of_whole[row["label"]].area
        np.testing.assert_allclose((row["centroid-0"], row["centroid-1"]), of_whole[row["label"]].centroid)
    counted = project.record("count", "p_A_1_1_1")["measurements"]
    assert counted["count"]["value"] == expected.max()
    assert counted["shape"]["value"] == list(image.shape)
    rows = {row["id"]: row for row in project.rows() if row["step"] == "segment"}
    tile = rows["p_A_1_1_t0_c1_y32_x32"]
    assert (tile["well"], tile["field"], tile["channel"], tile["pixel"]) == ("A1", "1", "DAPI", "0.5")
    assert [row["id"] for row in project.rows("failures.csv")] == ["p_B_3_0_t0_c1_y0_x32"]
    blank = results / "segment/p_B_3_0_t0_c1_y0_x32.nuclei.labels.zarr"
    assert [path.name for path in blank.iterdir()] == [".snakemake_timestamp"]
    lacking = project.record("whole", "p_B_3_0_1")["measurements"]
    assert (lacking["tiles"]["value"], lacking["missing_images"]["value"]) == (3, 1)
    assert read_image(str(results / "whole/p_B_3_0_1.nuclei.labels.zarr"))[:30, 40:].max() == 0

    project.write("scripts/nuclei.py", SEGMENT.replace('meta["well"] == "B3" and', "False and"))
    before = project.started()
    assert project.snakemake(timeout=600).code == 0
    assert not project.rows("failures.csv")
    assert {path.name for path in blank.iterdir()} > {"s0"}
    assert len(ran_since(project, before)) == 8 + 2 + 2

    metadata = project.folder / "plates/p.zarr/A/1/1/.zattrs"
    said = json.loads(metadata.read_text())
    said["multiscales"][0]["name"] = "again"
    metadata.write_text(json.dumps(said))
    before = project.started()
    assert project.snakemake(timeout=600).code == 0
    ran = ran_since(project, before)
    assert {job.rpartition("/")[2][:7] for job in ran} == {"p_A_1_1"}
    assert len(ran) == 4 + 1 + 1


def test_folders_as_outputs_of_other_kinds(project: Project) -> None:
    """A command writes an OME-Zarr and another reads it; what only others need is removed; the plan as a
    Snakefile of its own does the same; `clean` leaves nothing."""
    omezarr.write(field(4)[0], project.folder / "odd {name}.zarr", "cyx", "0.5")
    copy = "cp -r {image} {files.copy} && cp -r {image} {files.again}"
    project.write("scripts/a.py", "def size(copy):\n    return {'size': copy.size}\n")
    project.configure(
        images={"zarr": "odd {name}.zarr"},
        keep="results",
        steps={
            "copy": {"shell": copy, "files": {"copy": "zarr", "again": "ome.zarr"}},
            "size": {"function": "scripts/a.py:size", "needs": ["copy"]},
        },
    )
    ended = project.snakemake(timeout=600)
    assert ended.code == 0, ended.err
    (row,) = [row for row in project.rows() if row["step"] == "size"]
    assert row["size"] == "4200"
    assert not list((project.folder / "results/copy").glob("*.zarr"))
    shutil.rmtree(project.folder / "results")
    project.write("plan.smk", project.pixmake("compile").out)
    assert project.snakemake("-s", "plan.smk", timeout=600).code == 0
    assert [row["size"] for row in project.rows() if row["step"] == "size"] == ["4200"]
    assert project.pixmake("clean", "--yes").code == 0
    assert not (project.folder / "results").exists()


def test_what_is_wrong_is_told_before_a_run(project: Project) -> None:
    """A stitching step without `per`, with files that nobody makes, over tiles of two times."""
    make(project)
    whole = {**STEPS["whole"], "files": {"nuclei": "csv", "other": "png"}, "params": {"least": 1}}
    del whole["per"]
    project.configure(images=IMAGES, steps={**STEPS, "whole": whole})
    told = project.pixmake("check").err
    for what in (
        "a step that stitches needs `per`",
        "the file 'nuclei' of this step is no image, but a csv",
        "'cells' stands in one of `stitch` and `files`",
        "'other' stands in one of `stitch` and `files`",
        "unknown param 'least'",
    ):
        assert what in told
    project.configure(images={"zarr": TILES}, steps={**STEPS, "whole": {**STEPS["whole"], "per": ["path"]}})
    assert "its tiles differ in c (add it to `per`" in project.pixmake("check").err
    plain = {**TILES, "tile": None}
    project.configure(images={"zarr": plain}, steps=STEPS)
    assert "has no columns y, x, height and width" in project.pixmake("check").err
