"""An image has changed if its size has, or its bytes under another date; a date by itself says nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixmake.images.checksums import Checksums
from pixmake.images.fingerprint import fingerprint
from pixmake.job.record import Record, write_record
from pixmake.plan.image_versions import GONE, Images, Versions
from pixmake.plan.record_index import FOLDER, Records, known_records

IMAGE = "images/p.png"
OTHER = b"another picture of as many bytes"
FIRST = b"a picture of some number of bytes"[: len(OTHER)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's folder with one image."""
    monkeypatch.chdir(tmp_path)
    put(FIRST, 1000)


def put(content: bytes, when: float) -> None:
    """Put a picture in the image's place, as a new file."""
    Path("images").mkdir(exist_ok=True)
    Path("new").write_bytes(content)
    os.utime("new", (when, when))
    Path("new").replace(IMAGE)


def measured(*, most: int | None = None, version: str = "") -> None:
    """Leave the record of a job that has measured the image as it is."""
    told = {**fingerprint(IMAGE, most=most), **({"version": version} if version else {})}
    origin: dict[str, Any] = {"task": {"kind": "function"}, "inputs": [told]}
    write_record(Record("p", "measure", "ok", images=(IMAGE,), origin=origin), "results/measure/p.json")


def version() -> str:
    """What the plan of the next run calls the image."""
    return Images().versions(known_records("results", "measure", {"p", "q"})).get("p", {}).get(IMAGE, "")


CASES: dict[str, tuple[Callable[[], object], bool]] = {
    "nothing": (lambda: None, False),
    "a new date, as after a copy of the project": (lambda: os.utime(IMAGE), False),
    "an older date": (lambda: os.utime(IMAGE, (5, 5)), False),
    "a date ahead of the clock": (lambda: os.utime(IMAGE, (time.time() + 1e6,) * 2), False),
    "another picture, newer": (lambda: put(OTHER, 2000), True),
    "another picture, older": (lambda: put(OTHER, 500), True),
    "another picture, ahead of the clock": (lambda: put(OTHER, time.time() + 1e6), True),
    "another size, the same date": (lambda: put(OTHER + b"!", 1000), True),
}


@pytest.mark.parametrize("name", CASES)
def test_what_counts_as_a_change(name: str) -> None:
    """Other bytes are a change, whatever the date; the same bytes are none."""
    change, changed = CASES[name]
    measured()
    change()
    assert bool(version()) == changed


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("first", [lambda: None, lambda: os.utime(IMAGE, (7, 7))])
def test_what_counts_as_a_change_since_the_last_look(name: str, first: Callable[[], object]) -> None:
    """So it is where an earlier plan has found the image to be the one that the job saw, and noted that."""
    change, changed = CASES[name]
    measured()
    first()
    assert looked_at() == {}
    change()
    assert bool(looked_at()) == changed
    assert bool(looked_at()) == changed


def test_an_image_that_is_as_it_was_is_not_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of its record is not unpacked for it, also where a copy has moved its date."""
    measured()
    os.utime(IMAGE)
    assert looked_at() == {}
    with monkeypatch.context() as patch:
        patch.setattr(Records, "__getitem__", lambda records, job_id: pytest.fail("it was compared"))
        images, records = Images(), known_records("results", "measure", {"p"})
        images.ahead([IMAGE])
        assert images.versions(records) == {}
    measured(version="v1")
    assert looked_at() == {"p": {IMAGE: "v1"}}


def looked_at() -> Versions:
    """What a plan finds, which notes it for the next one."""
    images, records = Images(), known_records("results", "measure", {"p", "q"})
    images.ahead([IMAGE])
    found = images.versions(records)
    records.keep()
    return found


def test_one_change_is_one_version() -> None:
    """A changed image is one version until it is measured, and keeps it then; put back, it is another."""
    measured()
    put(OTHER, 500)
    first = version()
    assert first and version() == first
    measured(version=first)
    os.utime(IMAGE)
    assert version() == first
    put(FIRST, 1000)
    assert version() not in ("", first)
    Path(IMAGE).unlink()
    assert version() == GONE


def test_a_zarr_goes_by_the_date_of_its_metadata() -> None:
    """Who writes chunks anew says so by a new date of the metadata, whose content stays."""
    Path("plate.zarr").mkdir()
    Path("plate.zarr/.zattrs").write_text("{}")
    origin = {"task": {"kind": "function"}, "inputs": [fingerprint("plate.zarr")]}
    write_record(
        Record("p", "measure", "ok", images=("plate.zarr",), origin=origin), "results/measure/p.json"
    )
    assert Images().versions(known_records("results", "measure", {"p"})) == {}
    os.utime("plate.zarr/.zattrs", (5, 5))
    assert "plate.zarr" in Images().versions(known_records("results", "measure", {"p"}))["p"]


def test_large_images_go_by_a_checksum_that_was_taken_once() -> None:
    """Of a large image the job takes no checksum: what provenance took tells; without it, the date does."""
    measured(most=1)
    seen = fingerprint(IMAGE, most=1)
    checksums = Checksums()
    assert checksums.of(IMAGE, seen["size"], seen["mtime"]) is not None
    checksums.keep()
    os.utime(IMAGE, (5, 5))
    assert version() == ""
    put(OTHER, 5)
    os.utime(IMAGE, (6, 6))
    assert version() != ""


def test_the_index_is_no_more_than_what_the_records_say() -> None:
    """A lost, damaged or old index is made again of the records; a record that is none is not known."""
    measured(version="v1")
    known = known_records("results", "measure", {"p"})
    assert [seen.version for seen in known["p"].images] == ["v1"]
    (index,) = Path(FOLDER).iterdir()
    whole = index.read_bytes()
    for content in (b"", whole[:-3], whole[:40] + b"x" + whole[41:], b"pixmake index 0\n" + whole):
        index.write_bytes(content)
        assert known_records("results", "measure", {"p"}) == known
        assert index.read_bytes() == whole
    for damaged in ("", "{", "[]", '{"id": "p"}', "[" * 3000):
        Path("results/measure/p.json").write_text(damaged)
        assert known_records("results", "measure", {"p"})["p"].status == ""
        assert version() == ""
