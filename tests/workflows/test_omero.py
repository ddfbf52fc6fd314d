"""Runs over the images of an OMERO server, and their results in the form that goes back to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tests.conftest import Project
from tests.omeroserver import DATASET, PASSWORD, PLATE, USER, omero_server, plane

LOGIN = {"OMERO_USER": USER, "OMERO_PASSWORD": PASSWORD}
SPLIT = {"split": ["c"]}


def configured(project: Project, server: str, **omero: Any) -> None:
    project.configure(
        images={"omero": {"server": server, **omero}},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
    )


def holding(folder: Path, word: str) -> list[str]:
    """The files below a folder that hold a word."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def test_plate(project: Project) -> None:
    """Planes are fetched by the jobs, which log in once in all; a second run does nothing."""
    with omero_server(fails_every=9) as server:
        configured(project, server.url, plate=PLATE, **SPLIT)
        ended = project.snakemake(environment=LOGIN)
        assert ended.code == 0, ended.err
        rows = project.rows()
        assert [row["id"] for row in rows[:3]] == ["omero_1_t0_c0_z0", "omero_1_t0_c1_z0", "omero_2_t0_c0_z0"]
        for row in rows:
            drawn = plane(int(row["image_id"]), 0, 0, int(row["c"]))
            assert float(row["mean"]) == np.mean(drawn)
        assert (rows[0]["well"], rows[0]["channel"], rows[0]["cell line"]) == ("A1", "DAPI", "HeLa")
        assert server.logins == 1
        assert "Nothing to be done" in project.snakemake(environment=LOGIN).err
        exported = project.pixmake("export", "omero-csv")
        assert f"omero metadata populate Plate:{PLATE} --file omero.csv" in exported.out
        lines = (project.folder / "omero.csv").read_text().splitlines()
        assert lines[:2] == ["# header image,s,s,l,s,s,d", "Image,id,channel,c,cell_line,compound,mean"]
        assert lines[2] == f"1,omero_1_t0_c0_z0,DAPI,0,HeLa,,{float(rows[0]['mean'])}"
        assert "is there already" in project.pixmake("export", "omero-csv").err
        sent = project.pixmake("export", "omero-pairs", environment=LOGIN)
        assert (sent.code, sent.out) == (0, f"{server.url}: 10 of 10 images have their key-value pairs\n")
        means = {int(row["image_id"]): row for row in rows if row["c"] == "1"}
        image, values = server.written[900]
        assert values[1] == [f"mean ({means[image]['id']})", str(float(means[image]["mean"]))]
    assert holding(project.folder, PASSWORD) == []
    for cookie in server.sessions:
        assert holding(project.folder, cookie) == []


def test_programs_and_an_image_that_cannot_be_fetched(project: Project) -> None:
    """A command gets the picture as a file; a plane that the server does not give fails alone."""
    with omero_server(public=True, fails_always="/webgateway/render_image/105/0/0/") as server:
        project.configure(
            images={"omero": {"server": server.url, "dataset": DATASET}},
            steps={"look": {"shell": "cp {image} {files.copy}", "files": {"copy": "jpg"}}},
            storage={"cache": str(project.folder / "cache")},
        )
        ended = project.snakemake()
        assert ended.code == 1, ended.err
        (failure,) = project.rows("failures.csv")
        assert failure["id"] == "omero_105_t0_z0"
        assert "the server answers 500" in failure["message"]
        copied = project.folder / "results/look/omero_101_t0_z0.copy.jpg"
        assert np.array_equal(cv2.imread(str(copied)), plane(101, 0, 0, None))


def test_wrong_password(project: Project) -> None:
    """Said before anything runs, in words."""
    with omero_server() as server:
        configured(project, server.url, dataset=DATASET)
        ended = project.snakemake(environment={**LOGIN, "OMERO_PASSWORD": "wrong horse"})
        assert ended.code == 1
        assert "ben cannot log in" in ended.err
        assert "wrong horse" not in ended.err
        assert "Traceback" not in ended.err
