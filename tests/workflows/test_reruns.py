"""What runs again after a change, and what does not."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import pytest
from tests.conftest import Project

Changed = Callable[[Project, Mapping[str, str]], set[str]]

TWO_STEPS = '''\
"""Two steps in one file."""

LIMIT = 50


def bright(image):
    # a comment
    return {"mask": image[..., 0] > LIMIT}


def share(mask, *, scale=1):
    """The share of bright pixels."""
    return {"share": float((mask > 0).mean()) * scale}


def alone(image):
    return {"maximum": int(image.max())}
'''


def steps(scale: int = 1, timeout: int = 60) -> dict[str, object]:
    file = "scripts/analysis.py"
    return {
        "bright": {"function": f"{file}:bright", "files": {"mask": "png"}, "timeout": timeout},
        "share": {"function": f"{file}:share", "needs": ["bright"], "params": {"scale": scale}},
        "alone": {"function": f"{file}:alone"},
    }


@pytest.fixture
def done(small: Project) -> Project:
    """A project of three steps that has run."""
    small.write("scripts/analysis.py", TWO_STEPS)
    small.configure(images={"table": "config/images.csv", "root": "images"}, steps=steps())
    ended = small.snakemake()
    assert ended.code == 0, ended.err
    assert ended.last_words == "4 of 4 images done"
    return small


def test_second_run_has_nothing_to_do(done: Project, ran_since: Changed) -> None:
    """A run of what is done starts no job, writes no table, and says so; nor does a longer timeout."""
    before, tables = done.started(), done.tables()
    again = done.snakemake()
    assert again.code == 0
    assert "Nothing to be done" in again.err
    done.configure(images={"table": "config/images.csv", "root": "images"}, steps=steps(timeout=50))
    assert "Nothing to be done" in done.snakemake().err
    assert ran_since(done, before) == set()
    assert done.tables() == tables


def test_changed_param_reruns_its_step_alone(done: Project, ran_since: Changed) -> None:
    """A changed param runs its step again, for each image, and no other step."""
    before = done.started()
    done.configure(images={"table": "config/images.csv", "root": "images"}, steps=steps(scale=3))
    assert done.snakemake().code == 0
    assert ran_since(done, before) == {f"share/p{number}" for number in range(4)}
    assert float(done.record("share", "p3")["measurements"]["share"]["value"]) == 3.0


def test_changed_source_reruns_what_uses_it(done: Project, ran_since: Changed) -> None:
    """An edit runs again the functions that it can change, and what needs them; a comment none."""
    before = done.started()
    done.write(
        "scripts/analysis.py", TWO_STEPS.replace("# a comment", "# another").replace("share of", "sum")
    )
    assert "Nothing to be done" in done.snakemake().err
    done.write("scripts/analysis.py", TWO_STEPS.replace("LIMIT = 50", "LIMIT = 90"))
    assert done.snakemake().code == 0
    ran = {job.partition("/")[0] for job in ran_since(done, before)}
    assert ran == {"bright", "share"}


def test_a_file_that_is_not_there_is_made(done: Project, ran_since: Changed) -> None:
    """One that was removed is made again for its image; one that a step names from now on for all."""
    before = done.started()
    (done.folder / "results/bright/p2.mask.png").unlink()
    assert "1 × bright" in done.snakemake("-n").out
    ended = done.snakemake()
    assert ended.code == 0
    assert "pixmake: 1 result is missing, to be made again" in ended.err
    assert ran_since(done, before) == {"bright/p2", "share/p2"}

    # with nobody who needs it, and with a param that has changed as well
    before, changed = done.started(), steps()
    analysis = TWO_STEPS.replace(
        '{"maximum": int(image.max())}', '{"maximum": int(image.max()), "copy": image}'
    )
    done.write("scripts/analysis.py", analysis)
    changed["alone"] = {"function": "scripts/analysis.py:alone", "files": {"copy": "png"}}
    done.configure(images={"table": "config/images.csv", "root": "images"}, steps=changed)
    assert done.snakemake().code == 0
    assert ran_since(done, before) == {f"alone/p{number}" for number in range(4)}
    assert len(list((done.folder / "results/alone").glob("*.copy.png"))) == 4
    assert "Nothing to be done" in done.snakemake().err


def test_changed_image_reruns_that_image(done: Project, ran_since: Changed) -> None:
    """A new picture under an old name runs that image alone; so does a changed row."""
    before = done.started()
    done.draw("images/p1.png", level=200)
    os.utime(done.folder / "images/p1.png")
    assert done.snakemake().code == 0
    assert ran_since(done, before) == {"bright/p1", "share/p1", "alone/p1"}

    before = done.started()
    rows = [{"path": f"p{number}.png", "plant": f"P{number}"} for number in range(4)]
    rows[2]["plant"] = "renamed"
    done.list_images(rows)
    assert done.snakemake().code == 0
    assert ran_since(done, before) == {"bright/p2", "share/p2", "alone/p2"}
    assert [row["plant"] for row in done.rows() if row["step"] == "alone"] == ["P0", "P1", "renamed", "P3"]


def test_rows_come_and_go(done: Project, ran_since: Changed) -> None:
    """A row added at the top runs itself; shuffled rows run nothing; a removed row leaves the table."""
    rows = [{"path": f"p{number}.png", "plant": f"P{number}"} for number in range(4)]
    done.draw("images/new.png", level=70)
    before = done.started()
    done.list_images([{"path": "new.png", "plant": "N"}, *rows])
    assert done.snakemake().code == 0
    assert ran_since(done, before) == {"bright/new", "share/new", "alone/new"}
    assert [row["id"] for row in done.rows() if row["step"] == "alone"] == ["new", "p0", "p1", "p2", "p3"]

    before = done.started()
    done.list_images([rows[3], rows[1], rows[0]])
    assert done.snakemake().code == 0
    assert ran_since(done, before) == set()
    assert [row["id"] for row in done.rows() if row["step"] == "alone"] == ["p3", "p1", "p0"]
