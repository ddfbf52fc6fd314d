"""`pixmake verify`: a sample of the images again, compared with what the records say."""

from __future__ import annotations

import contextlib
import json

import pytest
from tests.conftest import Project

from pixmake.cli.command_line import main
from pixmake.project.verify import sample_size
from pixmake.results.history import history

ANALYSIS = """\
import os

def find(image):
    return {"mask": image[..., 0] > 90}

def share(image, mask, meta):
    if meta["plant"] == "P3":
        raise ValueError("blurred")
    here = os.environ.get("SHIFT") if meta["plant"] == "P1" else None
    return {"share": float((mask > 0).mean()), "size": image.size + int(here or 0)}

def noisy(image):
    rows, columns = (24, 32) if os.environ.get("SHIFT") else (20, 20)
    noise = image[..., 0] * 0
    noise[:rows, :columns] = 255
    return {"noise": noise}
"""


def test_a_sample_comes_out_the_same_or_is_named(small: Project) -> None:
    """What differs is told by step and image, with both values; the answer goes into the crate."""
    small.list_images([{"path": f"p{number}.png", "plant": f"P{number}"} for number in (1, 3)])
    small.write("scripts/analysis.py", ANALYSIS)
    file = "scripts/analysis.py"
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "find": {"function": f"{file}:find", "files": {"mask": "png"}},
            "share": {"function": f"{file}:share", "needs": ["find"]},
            "noisy": {"function": f"{file}:noisy", "files": {"noise": "png"}},
        },
    )
    early = small.pixmake("verify")
    assert (early.code, early.out) == (2, "")
    assert early.err.startswith("pixmake: verify: no image is finished and as the config says")
    small.snakemake()
    before = small.tables(), small.started()
    with contextlib.chdir(small.folder):
        made = history("results", "p1")
        assert [(each.step, each.status) for each in made] == [
            ("find", "ok"),
            ("noisy", "ok"),
            ("share", "ok"),
        ]
        assert made[0].started == before[1]["find/p1"][:19]

    same = small.pixmake("verify", "--sample", "100%", "--seed", "7")
    assert same.out.splitlines() == [
        "2 of 2 images were run again (seed 7)",
        "6 records and 4 files came out the same",
        "results/verified.json says so, and goes into the RO-Crate",
    ]
    assert same.code == 0
    assert not (small.folder / ".snakemake/pixmake/verify").exists()

    other = small.pixmake("verify", "--sample", "2", "--seed", "7", environment={"SHIFT": "5"})
    assert other.code == 1
    told = other.out.splitlines()
    assert f"share of p1: size was {24 * 32 * 3} and is {24 * 32 * 3 + 5}" in told
    noise = [line for line in told if line.startswith("noisy of p3: file noise has SHA-256 ")]
    assert noise[0].endswith(f": {24 * 32 - 400} of {24 * 32} values of its pixels differ")
    assert not any(line.startswith(("find", "share of p3")) for line in told)
    assert "Of 6 records and 4 files, those of 2 images differ: see .snakemake/pixmake/verify" in told
    assert before == (small.tables(), small.started())
    content = json.loads((small.folder / "results/verified.json").read_bytes())
    assert (content["same"], sorted(content["ids"])) == (False, ["p1", "p3"])
    assert len(content["differences"]) == 3

    # what is no longer as the config says differs anyway
    small.draw("images/p3.png", level=99)
    drawn = json.loads(small.pixmake("verify", "--json").out)
    assert drawn["ids"] == ["p1"]


def test_a_sample_is_at_least_one_image() -> None:
    """A share is rounded up, and no sample has more images than there are."""
    assert [sample_size("1%", images) for images in (1, 100, 101)] == [1, 1, 2]
    assert sample_size("50", 4) == 4


@pytest.mark.parametrize("text", ["0", "0%", "101%", "-3", "some", "2.5"])
def test_a_sample_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the option and what was given."""
    with pytest.raises(SystemExit) as ended:
        main(["verify", f"--sample={text}"])
    assert ended.value.code == 2
    assert f"argument --sample: invalid _sample value: '{text}'" in capsys.readouterr().err
