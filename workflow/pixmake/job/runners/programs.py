"""What programs are told of a job, whatever language they are in, and what they leave behind."""

from __future__ import annotations

import csv
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.base.files import is_blank, is_folder, rename
from pixmake.base.placeholders import Values
from pixmake.job.runners import Call
from pixmake.job.runners.measurements import Measurements, from_csv, from_json

SHOWN = 600
"""Characters of a program's last words that stand in its failure; its log has all."""


class CommandError(Exception):
    """A program that ended with an exit status other than 0."""


class OutputError(Exception):
    """A program that ended well but did not write what its step declares."""


@dataclass(frozen=True)
class Workspace:
    """A folder of one job's own, beside its record, that is gone once the job has ended."""

    folder: Path
    files: Mapping[str, str]
    """Where the program writes the step's files, by name; they get their places once all went well."""
    result: Path
    """Where it writes its measurements."""
    measurements: Path
    """A CSV file with the rows of the steps that this one needs."""


@contextmanager
def own_folder(call: Call) -> Iterator[Path]:
    """A folder of this job's own beside its record, gone once it has ended."""
    record = Path(call.record)
    folder = record.parent / f".{record.name}.{secrets.token_hex(4)}.tmp"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def workspace(call: Call) -> Iterator[Workspace]:
    """A folder for what a program writes.

    If the block ends well, the step's files are moved from there to where they belong.

    Raises
    ------
    OutputError
        One of them was not written, or is an image of zero bytes.
    """
    with own_folder(call) as folder:
        files = {name: str(folder / Path(path).name) for name, path in call.outputs.items()}
        suffix = str(call.task.work.get("measurements", "json")).rpartition("-")[2]
        space = Workspace(folder, files, folder / f"result.{suffix}", folder / "measurements.csv")
        yield space
        for name, written in files.items():
            _look_at(name, Path(written))
        for name, written in files.items():
            rename(written, call.outputs[name])


def values(call: Call, space: Workspace) -> Values:
    """What each placeholder stands for in this job."""
    task = call.task
    found: dict[str, Any] = {
        "id": task.id,
        "step": task.step,
        "threads": call.threads,
        "result": str(space.result),
        "images": [_plain_path(path) for path in image_paths(call)],
        "measurements": str(space.measurements),
    }
    write_rows(call.gathered.measurements, space.measurements)
    if task.names:
        for name, path in zip(task.names, call.images, strict=True):
            found[f"images.{name}"] = _plain_path(path)
    elif call.images:
        found["image"] = _plain_path(call.images[0])
    found.update({f"needs.{name}": path for name, path in needed_files(call).items()})
    found.update({f"files.{name}": path for name, path in space.files.items()})
    found.update({f"params.{name}": value for name, value in task.params.items()})
    return _Values(found, {f"meta.{name}": value for name, value in task.terms.items()})


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows as CSV, if there are any; a list in a cell as JSON."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        return
    with open(path, "w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in row.items()})


def image_paths(call: Call) -> list[str]:
    """The images of the job: its own, or those of all images that a job over several has."""
    return [*call.images, *(path for images in call.gathered.images for path in images.values())]


def needed_files(call: Call) -> dict[str, str | list[str]]:
    """The files of needed steps by name: one, or a list where the step has several jobs for this one."""
    return {**{name: list(paths) for name, paths in call.gathered.files.items()}, **call.needed}


def job_content(call: Call, space: Workspace) -> dict[str, Any]:
    """What a script is told of its job."""
    task, gathered = call.task, call.gathered
    content: dict[str, Any] = {"step": task.step, "id": task.id}
    if task.names:
        content["images"] = dict(zip(task.names, call.images, strict=True))
    elif call.images:
        content["image"] = call.images[0]
    else:
        content["images"] = image_paths(call)
        content["rows"] = list(gathered.rows)
    content |= {
        "meta": task.metadata,
        "params": task.params,
        "needs": needed_files(call),
        "measurements": list(gathered.measurements),
        "missing": list(gathered.missing),
        "files": space.files,
        "result": str(space.result),
        "threads": call.threads,
    }
    return content


def job_file(call: Call, space: Workspace) -> str:
    """Write what a script is told of its job, as JSON, and say where."""
    path = space.folder / "job.json"
    path.write_text(json.dumps(job_content(call, space), ensure_ascii=False, indent=1), encoding="utf-8")
    return str(path)


def run_program(
    words: Sequence[str], call: Call, noun: str = "command", *, output: Path | None = None
) -> None:
    """Run a program to its end; what it prints goes to the job's log, or standard output to a file.

    Raises
    ------
    CommandError
        It is not there, or ended with another exit status than 0.
    """
    flush()
    with open(output, "wb") if output is not None else nullcontext() as out:
        try:
            status = subprocess.run(words, stdout=out, check=False).returncode
        except (FileNotFoundError, PermissionError) as error:
            hint = "is it installed, and on the PATH of this step's environment?"
            if os.path.sep in words[0]:
                hint = "the script's first line names it"
            raise CommandError(f"{words[0]} could not be started: {error.strerror}; {hint}") from None
    if status:
        raise CommandError(f"the {noun} {_ending(status)}{last_words(call.log)}")


def read_measurements(call: Call, space: Workspace, *, needed: bool) -> Measurements:
    """The measurements that a program left, as the step's ``measurements`` says.

    Raises
    ------
    OutputError
        There are none, though they are needed.
    ValueError
        They are not in that format.
    """
    how = str(call.task.work.get("measurements", "json"))
    source = "what it printed" if how.startswith("stdout") else "its file of measurements"
    if not space.result.exists():
        if needed:
            what = "it wrote no measurements: it is told where by {result}"
            raise OutputError(f"{what}, or by the key `result` of the JSON file that PIXMAKE_JOB names")
        return {}
    text = space.result.read_text(encoding="utf-8", errors="replace")
    if how.startswith("stdout"):
        print(text, flush=True)  # to the log
    read = from_csv if how.endswith("csv") else from_json
    return read(text, source)


def flush() -> None:
    """Have what was printed reach the log, if an analysis has left something there to print with."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def last_words(log: str) -> str:
    """The last lines of a log, to stand behind a message."""
    try:
        with open(log, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8192))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    said = "\n".join(lines[-5:])[-SHOWN:]
    return f": {said}" if said else ""


def _ending(status: int) -> str:
    number = -status if status < 0 else status - 128
    try:
        name = signal.Signals(number).name if number > 0 else ""
    except ValueError:
        name = ""
    return f"was killed by {name} (signal {number})" if name else f"ended with exit status {status}"


def _look_at(name: str, written: Path) -> None:
    if not (written.is_dir() if is_folder(written) else written.is_file()):
        raise OutputError(
            f"the file {name!r} was not written (expected by the step's `files`: {written.name})"
        )
    from pixmake.images.read import IMAGES

    is_image = is_folder(written) or written.suffix.lstrip(".").lower() in IMAGES
    if is_image and is_blank(written):
        raise OutputError(f"the file {name!r} is an image of zero bytes ({written.name})")


def _plain_path(path: str) -> str:
    """A path that no program takes for an option."""
    return f"./{path}" if path.startswith("-") else path


class _Values(dict[str, Any]):
    """Values by placeholder; a column whose cell is empty in this row stands for nothing."""

    def __init__(self, found: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        super().__init__({**found, **metadata})

    def __missing__(self, name: str) -> Any:
        if name.startswith("meta."):
            return None
        if name.startswith("images."):
            raise KeyError(f"this group has no image {name.removeprefix('images.')!r}")
        raise KeyError(name)
