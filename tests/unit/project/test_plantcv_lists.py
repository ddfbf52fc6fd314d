"""The images of an imported configuration are those that PlantCV 5 lists itself for it.

The lists below are what `plantcv.parallel.metadata_parser` of PlantCV 5.0 gave of these very folders.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pixmake.base.errors import PixmakeError
from pixmake.config.models import parse_config
from pixmake.plan.plan import selected_table
from pixmake.project.importers.plantcv import import_plantcv
from pixmake.table.table import PATH

FOLDERS = {
    "flat": {
        "a": "VIS_SV_0_p1_2024-01-01.jpg",
        "b": "NIR_SV_0_p1_2024-01-01.jpg",
        "c": "VIS_TV_90_p2_2024-01-02.jpeg",
        "d": "VIS_SV_0_p3_2024-01-03.png",
        "e": "odd.jpg",
        "f": "day4/VIS_SV_0_p4_2024-01-04.jpg",
        "g": "day4/late/NIR_TV_90_p4_2024-01-05.jpg",
    },
    "export": {
        "a": "snapshot7/VIS_SV_0_z1.png",
        "b": "snapshot7/NIR_SV_0_z1.png",
        "c": "snapshot8/VIS_TV_90_z2.png",
        "d": "snapshot9/VIS_SV_0_z1.png",
    },
    "pheno": {"a": "2024/s1/VIS_1.png", "b": "2024/s1/NIR_2.png", "c": "2025/s2/VIS_3.png"},
}
"""A letter for each image."""

INFO = """\
experiment,id,plant barcode,car tag,timestamp,weight before,weight after,water amount,completed,tag,tiles
T,7,P1,c,2024-01-01 10:00:00.5,0,0,0,true,,VIS_SV_0_z1;NIR_SV_0_z1;
T,8,P2,c,2024-01-02 10:00:00.5,0,0,0,true,,VIS_TV_90_z2;
T,9,P2,c,2024-02-01 10:00:00.5,0,0,0,true,,VIS_SV_0_z1;
"""
METADATA = {
    letter: {"snapshot": snapshot, "barcode": barcode, "imgtype": kind, "camera": camera, "timestamp": when}
    for letter, snapshot, barcode, kind, camera, when in (
        ("a", "s1", "P1", "VIS", "SV", "2024-05-01T10:00:00.500000Z"),
        ("b", "s1", "P1", "NIR", "SV", "2024-05-01T10:00:00.500000Z"),
        ("c", "s2", "P2", "VIS", "TV", "2025-05-01T10:00:00.500000Z"),
    )
}

USUAL: dict[str, dict[str, Any]] = {
    "flat": {
        "filename_metadata": ["imgtype", "camera", "rotation", "plant", "timestamp"],
        "timestampformat": "%Y-%m-%d",
    },
    "export": {
        "filename_metadata": ["imgtype", "camera", "rotation", "zoom"],
        "timestampformat": "%Y-%m-%d %H:%M:%S.%f",
        "imgformat": "png",
    },
    "pheno": {},
}

VIS: dict[str, Any] = {"metadata_filters": {"imgtype": "VIS"}}
TOP: dict[str, Any] = {"include_all_subdirs": False}
MATCH: dict[str, Any] = {"delimiter": r"(VIS)_(SV|TV)_(\d+)_(p\d)_(.+)"}
FEBRUARY = {"start_date": "2024-01-01 00:00:00.0", "end_date": "2024-01-31 00:00:00.0"}

SITUATIONS: list[tuple[str, dict[str, Any], str]] = [
    ("flat", {}, "abcdefg"),
    ("flat", VIS, "acdf"),
    ("flat", {"imgformat": "jpg", **VIS}, "af"),
    ("flat", {"imgformat": ["jpg", "jpeg"], **VIS}, "acf"),
    ("flat", {"imgformat": "png", **VIS}, "d"),
    ("flat", {**TOP, **VIS}, "acd"),
    ("flat", {**TOP, "imgformat": "jpg", **VIS}, "a"),
    ("flat", {**TOP, "imgformat": "jpg"}, "abe"),
    ("flat", {"metadata_filters": {"imgtype": ["VIS", "NIR"], "camera": "TV"}}, "cg"),
    ("flat", {"metadata_filters": {"rotation": 0}}, "abdf"),
    ("flat", {"metadata_filters": {"rotation": ["90", 0], "plant": "p4"}}, "fg"),
    ("flat", {"delimiter": "-"}, "abcdefg"),
    ("flat", MATCH, "abcdefg"),
    ("flat", {**MATCH, "imgformat": "jpg"}, "abefg"),
    ("flat", {**MATCH, **VIS}, "acdf"),
    ("flat", {**MATCH, **TOP, "imgformat": ["jpg", "jpeg"], **VIS}, "ac"),
    ("flat", {"start_date": "2024-01-02"}, "cdfg"),
    ("flat", {"end_date": "2024-01-02"}, "abc"),
    ("flat", {"start_date": "2024-01-02", "end_date": "2024-01-04"}, "cdf"),
    ("flat", {"start_date": "2024-01-02", "end_date": "2024-01-04", **VIS}, "cdf"),
    ("flat", {"metadata_filters": {"dir1": "day4"}}, "fg"),
    ("flat", {"metadata_filters": {"dir2": "late"}}, "g"),
    ("flat", {"metadata_filters": {"dir1": "day4", "imgtype": "NIR"}}, "g"),
    ("flat", {**TOP, "metadata_filters": {"basename": "VIS_SV_0_p1_2024-01-01.jpg"}}, "a"),
    ("flat", {"groupby": ["camera", "rotation"], **VIS}, "acdf"),
    ("flat", {"filename_metadata": []}, "abcdefg"),
    ("flat", {"filename_metadata": [], "imgformat": "jpg"}, "abefg"),
    ("flat", {"filename_metadata": [], "metadata_filters": {"metadata_0": "NIR"}}, "bg"),
    (
        "flat",
        {"filename_metadata": [], "metadata_filters": {"metadata_0": "VIS", "metadata_3": "p4"}},
        "f",
    ),
    ("export", {}, "abcd"),
    ("export", VIS, "acd"),
    ("export", {"metadata_filters": {"imgtype": "VIS", "camera": "SV"}}, "ad"),
    ("export", {"metadata_filters": {"barcode": "P2"}}, "cd"),
    ("export", {"metadata_filters": {"snapshot": "snapshot7"}}, "ab"),
    ("export", {"metadata_filters": {"camera_label": "VIS_SV_0_z1"}}, "ad"),
    ("export", {"metadata_filters": {"dir1": "snapshot8"}}, "c"),
    ("export", {"start_date": "2024-01-02 00:00:00.0"}, "cd"),
    ("export", {**FEBRUARY, **VIS}, "ac"),
    ("export", {"groupby": ["barcode", "timestamp"]}, "abcd"),
    ("export", {"imgformat": "all", **VIS}, "acd"),
    ("pheno", {}, "abc"),
    ("pheno", {"imgformat": "jpg"}, "abc"),
    ("pheno", VIS, "ac"),
    ("pheno", {"metadata_filters": {"imgtype": "VIS", "camera": "SV"}}, "a"),
    ("pheno", {"metadata_filters": {"snapshot": ["s1", "s2"], "barcode": "P2"}}, "c"),
    ("pheno", {"start_date": "2024-06-01T00:00:00.0Z"}, "c"),
    ("pheno", {"end_date": "2024-06-01T00:00:00.0Z", **VIS}, "a"),
    ("pheno", {"metadata_filters": {"dir1": "2025"}}, "c"),
    ("pheno", {"metadata_filters": {"dir2": "s1", "imgtype": "NIR"}}, "b"),
    ("pheno", {"groupby": ["barcode"], "group_name": "imgtype"}, "abc"),
]

MEANT: list[tuple[str, dict[str, Any], str]] = [
    ("flat", {"metadata_regex": {"imgtype": "^N"}}, "bg"),
    ("flat", {"metadata_regex": {"dir1": "^day"}}, "fg"),
    ("flat", {"metadata_regex": {"dir1": "y4$"}, **VIS}, "f"),
    ("flat", {"metadata_regex": {"filepath": "day4"}}, "fg"),
    ("flat", {**TOP, "metadata_regex": {"basename": "p[13]"}}, "abd"),
    ("flat", {"metadata_regex": {"basename": "^NIR.*g$"}}, "bg"),
    ("export", {"metadata_regex": {"barcode": "2$"}}, "cd"),
    ("pheno", {"metadata_regex": {"camera": "T"}}, "c"),
]
"""What `metadata_regex` says: PlantCV 5.0 itself ends with an error of pandas 3 for each of these."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images, an export of LemnaTec, and phenodata."""
    root = tmp_path_factory.mktemp("data")
    for folder, names in FOLDERS.items():
        for name in names.values():
            (root / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (root / folder / name).touch()
    (root / "export/SnapshotInfo.csv").write_text(INFO)
    images = {FOLDERS["pheno"][letter]: said for letter, said in METADATA.items()}
    (root / "pheno/metadata.json").write_text(json.dumps({"images": images}))
    return root


def listed(folder: str, keys: dict[str, Any]) -> str:
    """The letters of the images that an imported configuration has."""
    given = {"input_dir": folder, "workflow": "w.py", "results": "out", **USUAL[folder], **keys}
    Path("plantcv.json").write_text(json.dumps(given))
    config = parse_config(yaml.safe_load(import_plantcv("plantcv.json")))
    found = {str(path) for path in selected_table(config.images).cells[PATH]}
    letters = {name: letter for letter, name in FOLDERS[folder].items()}
    return "".join(sorted(letters[path] for path in found))


@pytest.mark.parametrize(("folder", "keys", "images"), [*SITUATIONS, *MEANT])
def test_the_list_of_images(
    data: Path, monkeypatch: pytest.MonkeyPatch, folder: str, keys: dict[str, Any], images: str
) -> None:
    """Filters, dates, folders, formats and names that do not fit."""
    monkeypatch.chdir(data)
    assert listed(folder, keys) == images


def test_files_without_terms_are_in_no_group(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PlantCV lists them, and then its groups leave them out."""
    monkeypatch.chdir(data)
    assert listed("flat", {"groupby": ["plant"], "group_name": "imgtype", **MATCH}) == "acdf"


def test_where_nothing_is_left(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PlantCV runs nothing, and says so; here it is an error that says why."""
    monkeypatch.chdir(data)
    for keys in (
        {"end_date": "2000-01-01"},
        {"delimiter": "-", **VIS},
        {"metadata_filters": {"imgtype": "none"}},
    ):
        with pytest.raises(PixmakeError, match=r"no image|no row has"):
            listed("flat", keys)
