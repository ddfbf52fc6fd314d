"""Where results come from: checksums, the file for all images, and why a result is made again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pixmake.images import fingerprint as fingerprints
from pixmake.images.checksums import CHECKSUMS
from pixmake.images.fingerprint import fingerprint
from pixmake.job.record import Failure, Record
from pixmake.results.provenance import write_provenance

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(path: str, content: bytes) -> str:
    Path(path).write_bytes(content)
    return path


def records(number: int) -> Iterator[Record]:
    """Two steps of some images; every hundredth image fails."""
    for image in range(number):
        for step in ("find", "share"):
            failed = image % 100 == 99 and step == "find"
            yield Record(
                id=f"i{image}",
                step=step,
                status="failed" if failed else "ok",
                error=Failure("ValueError", "blurred") if failed else None,
                run={"started": f"2026-01-01T00:00:{image % 60:02}.000+00:00", "seconds": 1.5, "host": "h"},
                origin={
                    "task": {"source": "abc"},
                    "inputs": [{"path": f"i{image}.png", "size": 0, "mtime": 1.0}],
                },
            )


def lines(records: Iterable[Record]) -> Path:
    """The file that the rule `records` would have made."""
    path = Path("records.jsonl")
    with path.open("w") as file:
        for record in records:
            content = {**vars(record), "error": record.error and vars(record.error)}
            file.write(json.dumps(content) + "\n")
    return path


def test_fingerprint(folder: Path) -> None:
    """Size, time and SHA-256 of a file; of a folder, a large file or an address, what can be told."""
    path = made("empty.png", b"")
    os.utime(path, (5, 7))
    assert fingerprint(path) == {"path": path, "size": 0, "mtime": 7.0, "sha256": EMPTY}
    made("large.tif", b"x" * 100)
    assert "sha256" not in fingerprint("large.tif", most=99)
    assert len(fingerprint("large.tif", most=None)["sha256"]) == 64
    assert set(fingerprint(str(folder))) == {"path", "mtime"}
    assert fingerprint("s3://bucket/a.png") == {"path": "s3://bucket/a.png"}


def test_provenance_of_many_images(folder: Path) -> None:
    """Each image is a line with its inputs and the status of each step; totals stand at the end."""
    write_provenance(lines(records(300)), {"config": {"a": 1}, "files": [], "sources": {}}, "provenance.json")
    told = json.loads(Path("provenance.json").read_text())
    assert told["config"] == {"a": 1}
    assert told["software"]["packages"]["snakemake"]
    assert len(told["images"]) == 300
    assert told["images"][99]["steps"]["find"] == {
        "status": "failed",
        "error": "ValueError: blurred",
        "started": "2026-01-01T00:00:39.000+00:00",
        "seconds": 1.5,
        "host": "h",
        "source": "abc",
        "files": [],
    }
    assert told["steps"] == {"find": {"ok": 297, "failed": 3}, "share": {"ok": 300}}
    assert told["began"] == "2026-01-01T00:00:00.000+00:00"
    assert sum(line.startswith('  {"id"') for line in Path("provenance.json").read_text().splitlines()) == 300
    write_provenance(lines(()), {}, "none.json")
    assert json.loads(Path("none.json").read_text())["images"] == []


def test_large_files_are_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is too large for its jobs is read once, and not again in the next run."""
    path = made("video.avi", b"frames")
    seen = fingerprint(path, most=1)
    read: list[str] = []

    def counted(path: str, **how: Any) -> dict[str, Any]:
        read.append(path)
        return fingerprints.fingerprint(path, **how)

    monkeypatch.setattr("pixmake.images.checksums.fingerprint", counted)

    def written() -> dict[str, Any]:
        frames = (Record(f"f{n}", "s", "ok", origin={"inputs": [seen]}) for n in range(50))
        write_provenance(lines(frames), {}, "provenance.json")
        content: dict[str, Any] = json.loads(Path("provenance.json").read_text())
        return content

    assert {image["inputs"][0]["sha256"] for image in written()["images"]} == {
        fingerprint(path, most=None)["sha256"]
    }
    written()
    assert read == [path]
    assert Path(CHECKSUMS).is_file()
    Path(CHECKSUMS).unlink()
    made("video.avi", b"others")  # what the jobs read is gone: no checksum is better than a wrong one
    os.utime(path, (1, 1))
    assert all("sha256" not in image["inputs"][0] for image in written()["images"])
