"""Names as instruments write them: taken apart into the field's terms, and a whole start written of them."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from pixmake.base.errors import PixmakeError
from pixmake.project.inspection import inspect_project
from pixmake.project.proposal import propose_config
from pixmake.project.start import begin_project, write_start

GUID = "BEDC2073-A983-4B98-95E9-8446{:04d}A25D"

SCHEMES = [
    (
        "Operetta, Opera Phenix",
        [f"r02c{c:02d}f{f:02d}p01-ch{ch}sk1fk1fl1.tiff" for c, f, ch in product((3, 4), (1, 2), (1, 2))],
        {
            "row": ["02"],
            "column": ["03", "04"],
            "field": ["01", "02"],
            "plane": ["01"],
            "channel": ["1", "2"],
            "time": ["1"],
        },
        ["row", "column", "field"],
    ),
    (
        "Operetta of Harmony 3",
        [f"00200{c}-{f}-001001{ch:03d}.tif" for c, f, ch in product((3, 4), (1, 2), (1, 2))],
        {
            "row": ["002"],
            "column": ["003", "004"],
            "field": ["1", "2"],
            "plane": ["001"],
            "time": ["001"],
            "channel": ["001", "002"],
        },
        ["row", "column", "field"],
    ),
    (
        "Operetta, two plates in folders",
        [
            f"{p}/Images/r01c01f01p0{z}-ch{ch}sk1fk1fl1.tiff"
            for p, z, ch in product(("a__2024-01-01", "b__2024-01-02"), (1, 2), (1, 2))
        ],
        {
            "plate": ["a__2024-01-01", "b__2024-01-02"],
            **{
                "row": ["01"],
                "column": ["01"],
                "field": ["01"],
                "plane": ["01", "02"],
                "channel": ["1", "2"],
                "time": ["1"],
            },
        },
        ["plate", "row", "column", "field", "plane"],
    ),
    (
        "ImageXpress, with thumbnails",
        [f"{w}_s{s}_w{ch}{t}.tif" for w, s, ch, t in product(("B03", "B04"), (1, 2), (1, 2), ("", "_thumb"))],
        {"well": ["B03", "B04"], "site": ["1", "2"], "channel": ["1", "2"]},
        ["well", "site"],
    ),
    (
        "ImageXpress, times in folders",
        [f"TimePoint_{t}/P_1_{w}_s1_w{ch}.TIF" for t, w, ch in product((1, 2), ("B03", "B04"), (1, 2))],
        {"time": ["1", "2"], "plate": ["P_1"], "well": ["B03", "B04"], "site": ["1"], "channel": ["1", "2"]},
        ["time", "plate", "well", "site"],
    ),
    (
        "ImageXpress, with the database's ids",
        [
            f"Week1_150607_{w}_s{s}_w{ch}{GUID.format(number)}.tif"
            for number, (w, s, ch) in enumerate(product(("G10", "G11"), (1, 2), (1, 2)))
        ],
        {"plate": ["Week1_150607"], "well": ["G10", "G11"], "site": ["1", "2"], "channel": ["1", "2"]},
        ["plate", "well", "site"],
    ),
    (
        "MetaMorph",
        [
            f"cells_2_w{n}{ch}_s{s}_t{t}.TIF"
            for (n, ch), s, t in product(((1, "GFP"), (2, "DAPI")), (1, 2), (1, 2))
        ],
        {"experiment": ["cells_2"], "channel": ["DAPI", "GFP"], "site": ["1", "2"], "time": ["1", "2"]},
        ["experiment", "site", "time"],
    ),
    (
        "Incucyte",
        [
            f"my_cells_{w}_{s}_2019y06m19d_{h:02d}h33m.tif"
            for w, s, h in product(("B3", "C12"), (1, 2), (11, 15))
        ],
        {
            "experiment": ["my_cells"],
            "well": ["B3", "C12"],
            "site": ["1", "2"],
            "timestamp": ["2019y06m19d_11h33m", "2019y06m19d_15h33m"],
        },
        [],
    ),
    (
        "Incucyte, time that has passed",
        [f"Phase_{w}_{s}_00d{h:02d}h00m.tif" for w, s, h in product(("B3", "C12"), (1, 2), (0, 4))],
        {
            "experiment": ["Phase"],
            "well": ["B3", "C12"],
            "site": ["1", "2"],
            "time": ["00d00h00m", "00d04h00m"],
        },
        [],
    ),
    (
        "IN Cell",
        [
            f"{r} - {c}(fld {f} wv {ch} - {ch}).tif"
            for r, c, f, ch in product("AB", (1, 12), (1, 2), ("DAPI", "FITC"))
        ],
        {
            "row": ["A", "B"],
            "column": ["1", "12"],
            "field": ["1", "2"],
            "channel": ["DAPI - DAPI", "FITC - FITC"],
        },
        ["row", "column", "field"],
    ),
    (
        "CellVoyager",
        [
            f"P_1_{w}_T0001F{f:03d}L01A0{ch}Z01C0{ch}.tif"
            for w, f, ch in product(("B03", "C04"), (1, 2), (1, 2))
        ],
        {
            "plate": ["P_1"],
            "well": ["B03", "C04"],
            "time": ["0001"],
            "field": ["001", "002"],
            "plane": ["01"],
            "channel": ["01", "02"],
        },
        ["plate", "well", "field"],
    ),
    (
        "CellInsight",
        [f"MFGTMPcx7_17052_{w}f{f:02d}d{ch}.TIF" for w, f, ch in product(("B03", "C04"), (0, 1), (0, 1))],
        {"plate": ["MFGTMPcx7_17052"], "well": ["B03", "C04"], "field": ["00", "01"], "channel": ["0", "1"]},
        ["plate", "well", "field"],
    ),
    (
        "Leica",
        [
            f"image--L00--S00--U0{u}--V00--J08--E00--O00--X00--Y0{y}--T00--Z00--C0{c}.ome.tif"
            for u, y, c in product((0, 1), (0, 1), (0, 1))
        ],
        {
            **{"column": ["00", "01"], "row": ["00"], "field_x": ["00"], "field_y": ["00", "01"]},
            **{"time": ["00"], "plane": ["00"], "channel": ["00", "01"]},
        },
        ["column", "row", "field_y"],
    ),
    (
        "Micro-Manager",
        [f"img_{t:09d}_{ch}_000.tif" for t, ch in product((0, 1), ("Cy5", "Hoechst"))],
        {"time": ["000000000", "000000001"], "channel": ["Cy5", "Hoechst"], "plane": ["000"]},
        ["time"],
    ),
    (
        "letters and digits of one's own",
        [f"r{r}c{c}f{f}.png" for r, c, f in product((1, 2), (1, 2), (1, 2))],
        {"row": ["1", "2"], "column": ["1", "2"], "field": ["1", "2"]},
        [],
    ),
    (
        "photographs of plants",
        [
            f"Exp1_plant{p}_2024-03-{day:02d}_{'Col-0' if p < 'A08' else 'cvi'}_{t}.jpg"
            for p, day, t in product(("A07", "B12"), (5, 6), ("drought", "control"))
        ],
        {
            **{"exp": ["1"], "plant": ["A07", "B12"], "timestamp": ["2024-03-05", "2024-03-06"]},
            **{"genotype": ["Col-0", "cvi"], "treatment": ["control", "drought"]},
        },
        [],
    ),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def draw(path: Path, seed: int = 0) -> None:
    """Three bright spots on an uneven ground."""
    random = np.random.default_rng(seed)
    pixels = random.normal(300, 20, (96, 128)).astype(np.float32)
    for y, x in ((25, 30), (50, 90), (75, 50)):
        cv2.circle(pixels, (x, y), 8, 3000, -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    depth = pixels / 16 if path.suffix.lower() in (".jpg", ".png") else pixels
    cv2.imwrite(str(path), depth.clip(0, 65535).astype(np.uint8 if depth is not pixels else np.uint16))


@pytest.mark.parametrize(
    ("names", "terms", "group_by"), [each[1:] for each in SCHEMES], ids=[each[0] for each in SCHEMES]
)
def test_schemes(here: Path, names: list[str], terms: dict[str, list[str]], group_by: list[str]) -> None:
    """Each term has its name and its values; channels of a field are one job; what is written is in order."""
    for name in names:
        (here / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "in" / name).touch()
    proposal = propose_config("in", Path())
    table = proposal.table
    assert {name: sorted(set(table.texts(name))) for name in table.columns if name != "path"} == terms
    assert proposal.config.images.group_by == group_by
    assert len(table) == sum("_thumb" not in name for name in names)
    for _ in write_start(proposal, "config/config.yaml"):
        pass
    found = inspect_project("config/config.yaml")
    assert not found.problems
    assert found.groups == len(table) // (len(terms["channel"]) if group_by else 1)


def test_names_of_another_kind() -> None:
    """What looks like it and is not is left to the guess of templates."""
    from pixmake.project.naming_schemes import scheme_of

    for stem in ("VIS_0_A17_2024-01-01", "IMG_0001", "x1y2", "plate_Z99_s1_w1", "q1r2", "s1s2"):
        assert scheme_of([stem], 0.8) is None, stem


@pytest.mark.parametrize("names", [["B03_s1_w1.tif", "B03_s1_w2.tif"], ["a_1.png", "a_2.png"], ["p1.jpg"]])
def test_the_first_analysis_measures(here: Path, names: list[str]) -> None:
    """What is written finds what is there, grey or in channels, of 8 or 16 bits; on nothing, nothing."""
    for name in names:
        draw(here / "pictures" / name)
    *_, last = begin_project(here)
    assert last.startswith("next: pixmake check, pixmake try ")
    functions = runpy.run_path("scripts/measure.py")
    step = yaml.safe_load(Path("config/config.yaml").read_text())["steps"]["segment"]
    images = {name[-5]: cv2.imread(f"pictures/{name}", cv2.IMREAD_UNCHANGED) for name in names}
    given = images if "params" in step else next(iter(images.values()))
    mask = functions["segment"](given, **step.get("params", {}))["mask"]
    measured = functions["measure"](given, mask=mask)
    assert measured["objects"] == 3
    assert measured["area"] == pytest.approx(3 * np.pi * 8**2, rel=0.3)
    flat = {name: np.full_like(image, 7) for name, image in images.items()}
    given = flat if "params" in step else next(iter(flat.values()))
    mask = functions["segment"](given, **step.get("params", {}))["mask"]
    assert functions["measure"](given, mask=mask) == {"area": 0, "objects": 0}


def lines(folder: Path) -> Iterator[str]:
    """What is told of a beginning that is refused."""
    with pytest.raises(PixmakeError) as refused:
        list(begin_project(folder))
    yield from map(str, refused.value.problems)


def test_beside_pictures(here: Path) -> None:
    """All that a first run needs is written, and nothing that is there is lost."""
    draw(here / "day1/B03_s1_w1.tif")
    draw(here / "day1/B03_s1_w2.tif")
    (here / "README.md").write_text("mine")
    (here / "scripts").mkdir()
    (here / "scripts/measure.py").write_text("x = 1\n")
    assert list(begin_project(here)) == [
        "wrote config/config.yaml",
        "wrote config/config.schema.json",
        "wrote config/README.md",
        "wrote Snakefile",
        "wrote profiles/default/config.yaml",
        "wrote scripts/measure2.py",
        "next: pixmake check, pixmake try B03_1, then snakemake --cores 4",
    ]
    assert (here / "README.md").read_text() == "mine"
    assert (here / "scripts/measure.py").read_text() == "x = 1\n"
    config = (here / "config/config.yaml").read_text()
    assert config.startswith("# yaml-language-server: $schema=config.schema.json\n")
    assert "Names as Molecular Devices ImageXpress (MetaXpress) writes them" in config
    again = propose_config("day1", Path())
    assert list(again.config.steps) == ["segment", "measure"]
    assert list(lines(here)) == [
        f"{here}/config/config.yaml: holds a project already (`pixmake check` reads it; "
        "for another project name a folder without one)"
    ]
    (here / "Snakefile").unlink()
    assert list(begin_project(here)) == ["wrote Snakefile", "next: pixmake check, then snakemake --cores 4"]
    assert (here / "config/config.yaml").read_text() == config


def test_where_to_begin_is_clear(here: Path) -> None:
    """Pictures of the folder itself are those, not what a run writes below it; two places are an error."""
    (here / "notes.txt").touch()
    assert list(lines(here)) == [
        f"{here}: is not empty, and holds no picture "
        "(name a folder that is new or empty, or one with pictures in it)"
    ]
    draw(here / "a_1.png")
    draw(here / "results/segment/b.png")
    list(begin_project(here))
    found = inspect_project("config/config.yaml")
    assert not found.problems
    assert found.table.cells["path"].tolist() == ["a_1.png"]
    (here / "config/config.yaml").unlink()
    draw(here / "more/a_2.png")
    assert list(lines(here)) == [
        f"{here}: holds pictures in several places (itself, more/) (put them into one folder, or choose one: "
        "pixmake inspect FOLDER -o config/config.yaml)"
    ]
