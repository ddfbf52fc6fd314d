"""The config that is proposed for a folder of images: a good guess, and never one that does not work."""

from __future__ import annotations

import string
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import REPOSITORY, Project

from pixmake.base.filename_terms import NameMismatch, name_parser
from pixmake.config.images import FORMATS
from pixmake.config.text import as_yaml
from pixmake.project.proposal import guess_template, propose_config

DAYS = [f"2024-01-{day:02d}" for day in range(1, 29)]
PLANTS = ["A17", "B2x", "C-3"]


@pytest.mark.parametrize(
    ("names", "template"),
    [
        (
            [f"{c}_{a}_{p}_{d}" for c in ("VIS", "NIR") for a in (0, 90, 180) for p in PLANTS for d in DAYS],
            "{camera}_{rotation}_{part3}_{timestamp:%Y-%m-%d}",
        ),
        (
            [f"VIS_SV_{a}_z1_h1_g0_e82_{number}" for a in (0, 90) for number in (117770, 117771)],
            "{imgtype}_{camera}_{rotation}_z{zoom}_h{lifter}_g{gain}_e{exposure}_{part8}",
        ),
        (
            [
                f"{day}/plant{plant:02d}-{hour:02d}0500"
                for day in DAYS
                for plant in (1, 2)
                for hour in (6, 13)
            ],
            "{timestamp:%Y-%m-%d}/plant{plant}-{timestamp:%H%M%S}",
        ),
        ([f"x1y_2024_01_{day:02d}_12_30_00" for day in range(1, 9)], "{part1}_{timestamp:%Y_%m_%d_%H_%M_%S}"),
        (
            [f"{day.replace('-', '')}T063000-{p}" for day in DAYS for p in "abc"],
            "{timestamp:%Y%m%dT%H%M%S}-{part2}",
        ),
        (
            [f"Exp1_plantA{p:02d}_{day}_Col-0_{t}" for day in DAYS for p, t in ((1, "wet"), (2, "drought"))],
            "Exp{exp}_plant{plant}_{timestamp:%Y-%m-%d}_{genotype}_{treatment}",
        ),
        ([f"IMG_{number:04d}" for number in range(30)], "IMG_{part2}"),
        ([f"{tray}/{number}" for tray in ("t1", "t2") for number in range(9)], "{folder}/{part1}"),
        (
            [f"plate1/{row}{column}_1" for row in "ABC" for column in range(1, 13)],
            "plate{plate}/{well}_{part2}",
        ),
        (["Ca031AA010564_1", "Ca031AA010571_2"], "{barcode}_{part2}"),
        (["a{b}_1", "a{c}_2"], "{part1}_{part2}"),
        ([f"{number:06d}_{plant}" for number in range(30) for plant in PLANTS], "{part1}_{part2}"),
    ],
)
def test_names_of_a_kind(names: list[str], template: str) -> None:
    """Delimiters, folders, dates, times and PlantCV's terms are found; what is unclear is numbered."""
    assert guess_template([f"{name}.png" for name in names]) == template


def test_names_that_do_not_fit(tmp_path: Path) -> None:
    """A few odd names do not spoil the guess and are told; where many are odd there is no guess."""
    names = [f"VIS_{plant}_{day}.png" for plant in PLANTS for day in DAYS]
    for name in [*names, "test.png", "VIS_x_2024-13-45.png"]:
        (tmp_path / name).touch()
    proposal = propose_config(str(tmp_path), tmp_path)
    directory = proposal.config.images.directory
    assert directory is not None
    assert directory.template == "{camera}_{part2}_{timestamp:%Y-%m-%d}"
    assert directory.unmatched == "skip"
    assert "# 2 names do not fit, such as" in proposal.text
    assert len(proposal.table.frame) == len(names)
    odd = [f"{'_'.join('x' * (number % 5 + 1))}{number}.png" for number in range(50)]
    assert guess_template(odd) is None
    assert guess_template([]) is None
    assert guess_template(["one.png"]) is None


LETTERS = string.ascii_letters + string.digits + "_- .{}%:()[]\\+*é語"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a/", "b/", "a/b/", "2024-01-31/"]),
            st.text(LETTERS, min_size=1, max_size=12),
            st.sampled_from([".png", ".JPG", ".tif"]),
        ).map("".join),
        unique=True,
        max_size=12,
    )
)
def test_any_names(paths: list[str]) -> None:
    """Whatever the names are: a guess is a template, and most of the names fit it."""
    template = guess_template(paths)
    if template is None:
        return
    parser = name_parser(template, [], "_", None, FORMATS)
    assert parser is not None
    fitting = 0
    for path in paths:
        with suppress(NameMismatch):
            parser.read(path)
            fitting += 1
    assert fitting >= 0.8 * len(paths)


KEY = st.text(min_size=1, max_size=8)
VALUE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)


@given(
    st.dictionaries(
        KEY,
        VALUE
        | st.lists(VALUE, max_size=4)
        | st.dictionaries(KEY, VALUE | st.dictionaries(KEY, VALUE | st.lists(VALUE), max_size=3), max_size=3),
        max_size=4,
    ),
    st.text(max_size=300),
)
def test_a_config_as_text_reads_back_the_same(content: dict[str, object], comment: str) -> None:
    """No value and no comment can break the YAML."""
    text = as_yaml(content, {(): [comment], **{(key,): [comment] for key in content}})
    assert (yaml.safe_load(text) or {}) == content
    text.encode()


def test_a_proposal_is_a_project(tmp_path: Path) -> None:
    """`pixmake inspect DIR -o config/config.yaml` writes a project that `pixmake check` finds in order."""
    project = Project(tmp_path)
    for camera in ("VIS", "NIR"):
        for plant in range(5):
            project.draw(f"images/{camera}_0_{plant}.png")
    project.draw("images/VIS_0_1.jpg")
    project.draw("images/odd.png")
    project.write("images/notes.txt", "")
    done = project.pixmake("inspect", "images", "-o", "config/config.yaml")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-8:] == [
        "wrote config/config.yaml",
        "wrote config/config.schema.json",
        "wrote config/README.md",
        "wrote Snakefile",
        "wrote profiles/default/config.yaml",
        "wrote README.md",
        "wrote scripts/measure.py",
        "next: pixmake check, pixmake try NIR_0_0.png, then snakemake --cores 4",
    ]
    assert project.pixmake("check").out.startswith("config/config.yaml: no problem found. 11 images")
    again = project.pixmake("inspect", "images", "-o", "config/config.yaml")
    assert again.code == 1
    assert again.err == "pixmake: config/config.yaml: exists already (--force writes over it)\n"


def test_the_page_shows_what_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proposal on docs/inspect.md is the one for such a folder."""
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    for camera in ("VIS", "NIR"):
        for angle in (0, 90):
            for plant in range(6):
                for day in DAYS[:5]:
                    if (camera, angle, plant, day) != ("NIR", 90, 3, DAYS[1]):
                        Path(f"images/{camera}_{angle}_p{plant}_{day}.png").touch()
    Path("images/test.png").touch()
    page = (REPOSITORY / "docs/inspect.md").read_text(encoding="utf-8")
    shown = page.partition("```yaml\n")[2].partition("```")[0]
    assert shown in propose_config("images/", Path()).text


def test_a_proposal_uses_what_is_there(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's own function of an image is the step; an export and a table are known as such."""
    monkeypatch.chdir(project.folder)
    project.draw("images/a_1.png")
    project.draw("images/a_2.png")
    project.write("more/table.csv", "path,plant\na_1.png,A\n")
    project.draw("more/a_1.png")
    config = propose_config("images", Path()).config
    assert config.steps["measure"].function == "scripts/analysis.py:measure"
    config = propose_config("more/table.csv", Path()).config
    assert (config.images.source, config.images.root) == ("table", "more")
    project.write("export/SnapshotInfo.csv", "id,plant barcode,timestamp,tiles\n1,P1,2024-01-01,a;\n")
    project.draw("export/snapshot1/a.png")
    config = propose_config("export", Path()).config
    assert config.images.source == "lemnatec"
