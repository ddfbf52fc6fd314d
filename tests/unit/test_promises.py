"""`pixmake.testing`: what comes with pixmake keeps what it asks of packages; what does not is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imagecodecs
import numpy as np
import pytest
from tests import omezarr
from tests.unit.images.formats import test_dicom as dicom
from tests.unit.images.formats import test_envi as envi
from tests.unit.images.formats.test_formats import PLANES, WRITERS
from tests.unit.images.formats.test_photographs import COLOURS

from pixmake import testing
from pixmake.config.images import OWN_SOURCES
from pixmake.config.models import OWN_KINDS
from pixmake.images import formats
from pixmake.images.formats import mrc
from pixmake.job.record import Record, write_record
from pixmake.job.runners import MODULES
from pixmake.plan.kinds import KINDS
from pixmake.results.exports import OWN_EXPORTS
from pixmake.results.record_lines import gather
from pixmake.results.report.views import OWN_VIEWS


def _jxl(path: Path) -> None:
    path.write_bytes(imagecodecs.jpegxl_encode(PLANES[0]))


def _avif(path: Path) -> None:
    path.write_bytes(imagecodecs.avif_encode(COLOURS, level=100))


FILES: dict[str, tuple[str, Callable[[Path], object], Any, str]] = {
    **{
        name: (f"a.{suffix}", WRITERS[f"a.{suffix}"], PLANES, "zyx")
        for name, suffix in (
            *(("Zeiss CZI", "czi"), ("Leica LIF", "lif"), ("Nikon ND2", "nd2")),
            *(("FITS", "fits"), ("HDF5", "h5"), ("MRC", "mrc")),
        )
    },
    "JPEG XL": ("a.jxl", _jxl, PLANES[0], "yx"),
    "AVIF": ("a.avif", _avif, COLOURS[..., ::-1], "yxc"),
    "DICOM": ("a.dcm", lambda path: dicom.write(path, dicom.STORED), dicom.STORED, "yx"),
    "ENVI": ("a.bil", envi.write, envi.CUBE, "yxc"),
}
"""Of each format that can be written here: a file, what writes it, and what is in it."""


@pytest.mark.parametrize("promise", testing.FORMAT, ids=testing.name)
@pytest.mark.parametrize("name", FILES)
def test_formats(name: str, promise: Callable[[testing.FormatCase], None], tmp_path: Path) -> None:
    """Each format keeps each promise."""
    file, write, pixels, axes = FILES[name]
    write(tmp_path / file)
    promise(testing.FormatCase(formats.own()[name], tmp_path / file, pixels, axes))


@pytest.mark.parametrize("name", sorted(formats.own().keys() - FILES.keys()))
def test_formats_that_are_not_written_here(name: str) -> None:
    """What can be said without a file."""
    case = testing.FormatCase(formats.own()[name], "", PLANES, "zyx")
    testing.has_its_names(case)
    testing.asks_for_no_library_at_import(case)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with something for each source."""
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("path,plant\na.png,7\nb.png,007\n")
    for name in ("folder/a.png", "folder/b/c.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("export/snapshot1").mkdir(parents=True)
    Path("export/snapshot1/VIS_1.png").touch()
    head = "experiment,id,plant barcode,car tag,timestamp,weight before,weight after,water amount,completed,"
    Path("export/SnapshotInfo.csv").write_text(
        f"{head}measurement label,tag,tiles\nE,1,P1,C1,2026-06-01 10:00:00,1,1,0,1,M,T,VIS_1;\n"
    )
    images = {"a.png": {"camera": "VIS"}, "b.png": {"camera": "NIR"}}
    text = json.dumps({"dataset": {}, "environment": {}, "images": images})
    Path("pheno").mkdir()
    Path("pheno/metadata.json").write_text(text)
    fields = dict.fromkeys(("A/1/0", "B/3/0"), np.zeros((2, 1, 64, 64), np.uint16))
    omezarr.write_plate(fields, Path("plate.zarr"), "tcyx")
    return tmp_path


SOURCES = {
    "table": ({"path": "table.csv"}, 2, {"path": "away.csv"}),
    "directory": ({"path": "folder"}, 2, {"path": "away"}),
    "lemnatec": ({"path": "export"}, 1, {"path": "away"}),
    "phenodata": ({"path": "pheno"}, 2, {"path": "away"}),
    "zarr": ({"path": "plate.zarr"}, 2, {"path": "away.zarr"}),
}
NO_SERVER = {"omero"}


@pytest.mark.parametrize("promise", testing.SOURCE, ids=testing.name)
@pytest.mark.parametrize("key", SOURCES)
def test_sources(here: Path, key: str, promise: Callable[[testing.SourceCase], None]) -> None:
    """Each source keeps each promise."""
    keys, rows, missing = SOURCES[key]
    promise(testing.SourceCase(key, keys, rows, missing, "away"))


def test_every_source_and_kind_is_tried() -> None:
    """A new one is in the lists here; the two halves of a kind have one name."""
    assert {*SOURCES, *NO_SERVER} == set(OWN_SOURCES)
    assert set(KINDS) == set(OWN_KINDS)
    assert {name: kind.RUNNER for name, kind in KINDS.items()} == {name: MODULES[name] for name in KINDS}


MEASURE = """\
def measure(image, *, least=0):
    if image.max() > 250:
        raise ValueError("too bright")
    return {"mean": float(image.mean()), "mask": (image > least).astype("uint8") * 255}
"""
SCRIPT = """\
import json, os, sys
import cv2
image = cv2.imread(sys.argv[1], cv2.IMREAD_UNCHANGED)
assert image.max() <= 250, "too bright"
job = json.load(open(os.environ["PIXMAKE_JOB"]))
cv2.imwrite(job["files"]["mask"], image)
json.dump({"mean": float(image.mean())}, open(job["result"], "w"))
"""
STEPS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "function": (
        {"function": "measure.py:measure", "files": {"mask": "png"}, "params": {"least": 3}},
        [{"function": "measure.py:mesure"}, {"function": "away.py:measure"}, {"params": {"most": 3}}],
    ),
    "script": (
        {"script": "measure_it.py", "args": ["{image}"], "files": {"mask": "png"}},
        [{"script": "away.py"}, {"args": ["{imag}"]}],
    ),
    "shell": (
        {"shell": "python3 measure.sh.py {image} {files.mask}", "files": {"mask": "png"}},
        [{"shell": "cp {imag} {files.mask}"}, {"shell": "true"}],
    ),
}


@pytest.mark.parametrize("promise", testing.KIND, ids=testing.name)
@pytest.mark.parametrize("kind", STEPS)
def test_kinds(
    kind: str,
    promise: Callable[[testing.KindCase], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each kind keeps each promise."""
    import cv2

    monkeypatch.chdir(tmp_path)
    Path("measure.py").write_text(MEASURE)
    Path("measure_it.py").write_text(SCRIPT)
    Path("measure.sh.py").write_text(
        "import shutil, sys\nassert 'bad' not in sys.argv[1]\nshutil.copy(sys.argv[1], sys.argv[2])\n"
    )
    for name, level in (("good", 90), ("bad", 255)):
        cv2.imwrite(f"{name}.png", np.full((8, 9), level, np.uint8))
    Path("images.csv").write_text("path\ngood.png\nbad.png\n")
    step, wrong = STEPS[kind]
    config = {"images": {"table": "images.csv"}, "steps": {"measure": step}}
    promise(testing.KindCase(kind, config, "measure", "good", "bad", wrong))


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - STEPS.keys()))
def test_kinds_whose_programs_are_not_here(kind: str) -> None:
    """What can be said without a run; their runs are in `tests/workflows`."""
    case = testing.KindCase(kind, {}, "", "")
    testing.has_two_halves(case)
    testing.works_in_any_interpreter(case)


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with results: two images, a measurement and a mask of objects each."""
    import cv2

    monkeypatch.chdir(tmp_path)
    for folder in ("config", "results/segment"):
        Path(folder).mkdir(parents=True)
    Path("config/config.yaml").write_text(
        "images: {directory: images}\nsteps: {segment: {function: 'a.py:segment', files: {labels: png}}}\n"
    )
    Path("images").mkdir()
    records = []
    for name in ("a", "b"):
        cv2.imwrite(f"images/{name}.png", np.full((8, 9), 70, np.uint8))
        labels = np.zeros((8, 9), np.uint8)
        labels[2:4, 3:6] = 1
        cv2.imwrite(f"results/segment/{name}.labels.png", labels)
        files = {"labels": f"results/segment/{name}.labels.png"}
        record = Record(
            name, "segment", "ok", {"path": f"{name}.png"}, {}, files, None, {}, (f"images/{name}.png",)
        )
        write_record(record, f"results/segment/{name}.json")
        records.append(f"results/segment/{name}.json")
    gather(records, "results/.records.jsonl")
    Path("results/measurements.csv").write_text(
        "id,step,status,path,area\na,segment,ok,a.png,6\nb,segment,ok,b.png,6\n"
    )
    Path("results/columns.csv").write_text(
        "column,kind,type,unit,step\npath,term,text,,\narea,measurement,integer,,segment\n"
    )
    return tmp_path


EXPORTS: dict[str, tuple[list[str], list[list[str]]]] = {
    "omero-csv": ([], [["--step", "away"], ["--by", "luck"]]),
    "omero-rois": (["--mask", "segment.labels"], [["--mask", "segment.lables"], []]),
}
TO_A_SERVER = {"omero-pairs"}


@pytest.mark.parametrize("promise", testing.EXPORT, ids=testing.name)
@pytest.mark.parametrize("word", EXPORTS)
def test_exports(word: str, promise: Callable[[testing.ExportCase], None], measured: Path) -> None:
    """Each export keeps each promise."""
    promise(testing.ExportCase(word, *EXPORTS[word]))


@pytest.mark.parametrize("promise", testing.VIEW, ids=testing.name)
@pytest.mark.parametrize("name", OWN_VIEWS)
def test_views(name: str, promise: Callable[[testing.ViewCase], None]) -> None:
    """Each view keeps each promise."""
    terms = {"well": ["A1", "A2", "B1"], "day": [1, 2, 3]}
    promise(testing.ViewCase(name, terms, {"area": [1.0, 2.5, None], "count": [1, 2, 3]}))


def test_every_export_is_tried() -> None:
    """A new one is in the lists here."""
    assert {*EXPORTS, *TO_A_SERVER} == {name.replace("_", "-") for name in OWN_EXPORTS}
    testing.is_in_the_help(testing.ExportCase("omero-pairs"))


def test_a_broken_promise_is_told(tmp_path: Path) -> None:
    """In words that say what is wrong, and where."""
    WRITERS["a.mrc"](tmp_path / "a.mrc")
    case = testing.FormatCase(mrc, tmp_path / "a.mrc", PLANES, "zyx")
    greedy: Any = SimpleNamespace(**vars(mrc))
    greedy.recognises, greedy.SUFFIXES = (lambda head, path: True), (".MRC",)
    with pytest.raises(AssertionError, match="takes a file for its own"):
        testing.recognises_its_files_alone(testing.FormatCase(greedy, case.path, PLANES, "zyx"))
    with pytest.raises(AssertionError, match=r"the suffix '.MRC' is not in lower case"):
        testing.has_its_names(testing.FormatCase(greedy, case.path, PLANES, "zyx"))
    with pytest.raises(AssertionError):
        testing.reads_what_is_there(testing.FormatCase(mrc, case.path, PLANES + 1, "zyx"))
    with pytest.raises(AssertionError, match="needs more than the standard library: ModuleNotFoundError"):
        testing.imports_alone("pixmake.plan.plan")
