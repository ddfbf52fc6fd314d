"""PlantCV's own result files, as its ``process_results`` and ``json2csv`` make them of the same images."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pixmake.base.errors import PixmakeError
from pixmake.base.plantcv_json import read_merged
from pixmake.config.aggregate import Aggregate
from pixmake.job.record import Record, write_record
from pixmake.results.aggregate import write_tables
from pixmake.results.record_lines import gather

TERMS = ["path", "frame", "plant", "timestamp"]


def observed(value: Any, datatype: str, label: Any = "none", **more: Any) -> dict[str, Any]:
    """An observation as a record of a PlantCV step has it."""
    said = {"trait": "t", "method": "m", "scale": "none", "datatype": f"<class '{datatype}'>"}
    return {"value": value, **said, "label": label, "sample": "default_1", "variable": "", **more}


def files_of(folder: Path, *records: Record, append: Path | None = None) -> dict[str, Any]:
    """PlantCV's three files of records."""
    paths = []
    for number, record in enumerate(records):
        paths.append(str(folder / str(number) / record.step / f"{record.id}.json"))
        write_record(record, paths[-1])
    gather(paths, folder / "all.jsonl")
    wanted = Aggregate(plantcv=True, report=False, plantcv_append=append and str(append))
    write_tables(folder / "all.jsonl", TERMS, str(folder), wanted)
    tables = {}
    for kind in ("single", "multi"):
        with (folder / f"plantcv-{kind}-value-traits.csv").open(newline="") as lines:
            tables[kind] = list(csv.reader(lines))
    return {"json": json.loads((folder / "plantcv.json").read_text()), **tables}


def plantcv(job_id: str, metadata: dict[str, Any], measurements: dict[str, Any], images: int = 1) -> Record:
    """The record of a PlantCV step."""
    return Record(
        *(job_id, "size", "ok", {"path": "a", **metadata}, measurements),
        run={"plantcv": "4.11.3", "started": "now"},
        images=tuple(f"{job_id}{number}.png" for number in range(images)),
        origin={"task": {"kind": "plantcv"}},
    )


def test_a_trait_is_what_it_is_for_all(tmp_path: Path) -> None:
    """Where it is empty in some image it keeps its column and its type, and an image without any is there."""
    terms = {"plant": "P", "frame": 1, "timestamp": "2024-01-01"}
    first = {"x": observed(1.5, "float"), "y": observed([1, None], "list", ["a", "b"])}
    second = {"x": observed("nan", "float"), "never": observed(None, "int"), "z": observed(True, "bool", 3)}
    added = {"protocol": {"value": "v1", "datatype": "<class 'str'>", "term": "protocol"}}
    found = files_of(
        tmp_path,
        plantcv("a", terms, {**first, **added}),
        plantcv("b", terms, second),
        plantcv("c", terms, {}),
    )
    types = {name: said["datatype"] for name, said in found["json"]["variables"].items()}
    assert types["x"] == "<class 'float'>"
    entities = found["json"]["entities"]
    assert [list(entity["observations"]) for entity in entities] == [["default_1"], ["default_1"], []]
    assert list(entities[0]["metadata"]) == [
        *("timestamp", "plant", "frame", "image", "protocol", "run_date", "plantcv_version")
    ]
    time = {"label": "datetime of image", "datatype": "<class 'datetime.datetime'>", "value": ["2024-01-01"]}
    assert entities[0]["metadata"]["timestamp"] == time
    assert entities[0]["metadata"]["frame"]["value"] == ["1"]
    known = ["timestamp", "plant", "frame", "image", "run_date", "plantcv_version", "protocol", "sample"]
    assert sorted(found["single"][0][:8]) == sorted(known)
    assert found["single"][0][8:] == ["never_NA", "x_none", "z_3", "z_NA"]
    assert [row[8:] for row in found["single"][1:]] == [["NA", "1.5", "", "NA"], ["", "", "1", ""]]
    assert [row[-3:] for row in found["multi"][1:]] == [
        ["y", "1", "a"],
        ["y", "None", "b"],
        ["y", "NA", "NA"],
    ]


def test_entities_are_added_to_those_before(tmp_path: Path) -> None:
    """As PlantCV's `append`: those before stand first; an image has one entity, the newer, at each run."""
    terms = {"plant": "P", "frame": 1}
    before, after = tmp_path / "before", tmp_path / "after"
    first = files_of(
        before,
        plantcv("a", terms, {"x": observed(1, "int"), "old": observed([1, 2], "list", [0, 1])}),
        plantcv("b", terms, {"x": observed(2, "int")}),
    )
    kept = (before / "plantcv.json").read_bytes()
    runs = [
        files_of(
            after,
            plantcv("b", {**terms, "frame": 2}, {"x": observed(2.5, "float")}),
            plantcv("c", {**terms, "frame": 3}, {"x": observed(3.5, "float")}),
            append=before / "plantcv.json",
        )
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    entities = runs[0]["json"]["entities"]
    assert entities[0] == first["json"]["entities"][0]
    assert [entity["metadata"]["image"]["value"] for entity in entities] == [
        ["a0.png"],
        ["b0.png"],
        ["c0.png"],
    ]
    assert [entity["observations"]["default_1"]["x"]["value"] for entity in entities] == [1, 2.5, 3.5]
    variables = runs[0]["json"]["variables"]
    assert list(variables)[:4] == ["timestamp", "plant", "frame", "image"]
    assert variables["x"] == {"category": "observations", "datatype": "<class 'float'>"}
    assert variables["old"]["datatype"] == "<class 'list'>"
    assert [row[-1] for row in runs[0]["single"][1:]] == ["1", "2.5", "3.5"]
    assert ["old", "1", "0"] in [row[-3:] for row in runs[0]["multi"]]
    assert (before / "plantcv.json").read_bytes() == kept


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "has no `variables` and `entities`"),
        ('{"variables": [], "entities": []}', "`variables` is no object"),
        ('{"variables": {"x": 1}, "entities": []}', "the variable 'x' has no category"),
        ('{"variables": {}, "entities": [{"metadata": {}}]}', "entity 1 has no metadata"),
        (
            '{"variables": {}, "entities": [{"metadata": {"a": {"value": 1}}, "observations": {}}]}',
            "entity 1",
        ),
    ],
)
def test_what_is_no_file_of_plantcvs(tmp_path: Path, content: str, said: str) -> None:
    """It is refused in words."""
    (tmp_path / "given.json").write_text(content)
    with pytest.raises(PixmakeError, match=re.escape(said)):
        read_merged(tmp_path / "given.json")


def test_a_value_an_image(tmp_path: Path) -> None:
    """The metadata of a group have one value an image, which the tables join; an empty cell is ``none``."""
    metadata = {"plant": "P", "frame": [2, 1]}
    found = files_of(tmp_path, plantcv("a", metadata, {"x": observed(1, "int")}, images=2))
    (entity,) = found["json"]["entities"]
    values = {term: said["value"] for term, said in entity["metadata"].items()}
    assert values["plant"] == ["P", "P"]
    assert values["frame"] == ["2", "1"]
    assert values["timestamp"] == ["none", "none"]
    assert found["single"][1][:4] == ["none", "P", "1_2", "a0.png_a1.png"]


def test_a_function_has_types_too(tmp_path: Path) -> None:
    """Of a step that is none of PlantCV's the type of a column is that of all images, empty ones included."""
    origin = {"task": {"kind": "function"}}
    records = [
        Record(name, "m", "ok", {"path": name}, {"n": {"value": value}}, images=(name,), origin=origin)
        for name, value in (("a", 1), ("b", 2.5), ("c", None), ("d", "nan"))
    ]
    found = files_of(tmp_path, *records, Record("e", "m", "ok", {"path": "e"}, images=("e",), origin=origin))
    assert found["json"]["variables"]["n"]["datatype"] == "<class 'float'>"
    assert len(found["json"]["entities"]) == 5
    assert [row[-1] for row in found["single"]] == ["n_none", "1", "2.5"]
