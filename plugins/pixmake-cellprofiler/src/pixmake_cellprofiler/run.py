"""The work of a step of kind ``cellprofiler``: a pipeline, run headless over the groups of many jobs a start.

CellProfiler takes seconds to start, and writes its tables at its end. So the job of the first group that
lacks a result has it work on a whole batch, by a `LoadData` CSV with a line a group; what its tables say of
each is stored. Of a start that fails the halves are tried by themselves, down to the group that is to blame.

Standard library only: it runs in whatever Python a step names.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.images.fingerprint import fingerprint
from pixmake.images.remote import objects as remote
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.measurements import from_csv
from pixmake.job.runners.programs import CommandError, OutputError, last_words, own_folder
from pixmake.job.runners.starts import Store, share, store_of
from pixmake_cellprofiler.tables import Made, read_made

ROW = "pixmake"
"""The metadata by which a line of CellProfiler's tables is known to be a job's: ``Metadata_pixmake``."""

CHANNEL = "Image"
"""What a single image is called, where no param says so."""

START_SECONDS = 120
"""What a start may take beyond the step's timeout for each group."""

_FOUND = "measurements.json"


@dataclass(frozen=True)
class Group:
    """What CellProfiler is to work on for one job."""

    id: str
    images: Mapping[str, str]
    """By channel: a file, or a URI."""
    metadata: Mapping[str, Any]
    key: str


def run(call: Call) -> Outcome:
    """Take what CellProfiler made of a group, once this job or another has had it work on the batch."""
    versions = call.task.versions or ("",) * len(call.images)
    images = [[path, {}, version] for path, version in zip(call.images, versions, strict=True)]
    told = {"id": call.task.id, "names": call.task.names, "metadata": call.task.metadata, "images": images}
    group = _group(call, told)
    if call.limits.batches:
        store = store_of(call, "")
        starts = share(
            call, store, group, lambda job: _group(call, job), lambda some: _work_on(call, some, store)
        )
        return _left(call, store, group, starts)
    with own_folder(call) as made_here:
        folder = made_here.absolute()
        store = Store(folder, "")
        starts = _work_on(call, [group], store)
        return _left(call, store, group, starts)


def _left(call: Call, store: Store, group: Group, starts: int) -> Outcome:
    """What is stored of a group, its files put where they belong."""
    made = store.result(group.key)
    if not made.exists():
        raise CommandError(store.taken_reason(group.key))
    for name, path in call.outputs.items():
        stored = made / Path(path).name.removeprefix(f"{call.task.id}.")
        if not stored.exists():
            why = (made / f"{name}.missing").read_text(encoding="utf-8")
            raise OutputError(f"the file {name!r} was not made: {why}")
        with written_whole(path) as temporary:
            shutil.copyfile(stored, temporary)
    return Outcome(json.loads((made / _FOUND).read_bytes()), run={"starts": starts})


def _group(call: Call, job: Mapping[str, Any]) -> Group:
    """A job as the list of batches has it, with a hash of all that its result depends on."""
    channels = job["names"] or [call.task.params.get("channel", CHANNEL)]
    images = {channel: image[0] for channel, image in zip(channels, job["images"], strict=True)}
    known = [
        [channel, version] if remote.is_remote(path) else [channel, _content(path)]
        for channel, (path, _, version) in zip(channels, job["images"], strict=True)
    ]
    files = sorted(Path(path).name.removeprefix(f"{call.task.id}.") for path in call.outputs.values())
    text = json.dumps([call.task.work, known, job["metadata"], files], sort_keys=True, default=str)
    return Group(job["id"], images, job["metadata"], hashlib.sha256(text.encode()).hexdigest()[:24])


def _content(path: str) -> list[Any]:
    told = fingerprint(path)
    return [told.get("size"), told.get("sha256") or told.get("mtime"), os.path.basename(path)]


def _work_on(call: Call, groups: Sequence[Group], store: Store) -> int:
    """Have CellProfiler work on groups, and store what it makes of each, or why it made nothing.

    Returns
    -------
    int
        How often it was started.
    """
    queue, starts = [list(groups)], 0
    while queue:
        batch = queue.pop(0)
        for group in batch:
            store.reason(group.key).unlink(missing_ok=True)
        starts += 1
        with own_folder(call) as made_here:
            folder = made_here.absolute()
            said = _cellprofiler(call, batch, folder)
            made = read_made(folder / "out", ROW)
            missing = [group for at, group in enumerate(batch) if at not in made]
            if said and len(batch) > 1 and missing:
                half = len(batch) // 2
                queue[:0] = [batch[:half], batch[half:]]
                continue
            for at, group in enumerate(batch):
                why = said or "CellProfiler ended well, and its tables have no line of these images"
                if at in made:
                    why = made[at].error
                if why:
                    store.note(group.key, why)
                else:
                    _store(call, made[at], store.result(group.key))
    return starts


def _cellprofiler(call: Call, groups: Sequence[Group], folder: Path) -> str:
    """Start CellProfiler once; what it said if it gave up."""
    work = call.task.work
    (folder / "out").mkdir()
    write_load_data(groups, folder / "load_data.csv")
    program = str(work["program"])
    words = [
        os.path.abspath(program) if os.path.sep in program else program,
        *("-c", "-r", "-p", os.path.abspath(work["pipeline"])),
        *("--data-file", str(folder / "load_data.csv"), "-o", str(folder / "out")),
    ]
    each = call.limits.each_timeout
    seconds = START_SECONDS + each * len(groups) if each else None
    try:
        ended = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"CellProfiler took longer than the step's timeout of {each:g} s for these images"
    except (FileNotFoundError, PermissionError) as error:
        hint = "name what starts it in the step: program: /opt/cellprofiler/bin/cellprofiler"
        raise CommandError(f"{words[0]} could not be started: {error.strerror}; {hint}") from None
    if ended.returncode:
        said = last_words(os.path.abspath(call.log))
        return f"CellProfiler ended with exit status {ended.returncode}{said}"
    return ""


def write_load_data(groups: Sequence[Group], path: Path) -> None:
    """Write what CellProfiler's module `LoadData` reads: a line a group.

    Its columns are ``FileName_X`` and ``PathName_X`` for each channel, ``Metadata_X`` for each metadata term,
    and `ROW`, by which the lines of CellProfiler's tables are told apart.
    """
    channels = list(dict.fromkeys(channel for group in groups for channel in group.images))
    terms = list(dict.fromkeys(term for group in groups for term in group.metadata))
    head = [f"{what}_{channel}" for channel in channels for what in ("FileName", "PathName")]
    with open(path, "w", newline="", encoding="utf-8") as lines:
        write = csv.writer(lines, lineterminator="\n").writerow
        write([*head, *(f"Metadata_{term}" for term in terms), f"Metadata_{ROW}"])
        for number, group in enumerate(groups):
            images = {channel: os.path.abspath(remote.local(at)) for channel, at in group.images.items()}
            cells = [
                part for channel in channels for part in reversed(os.path.split(images.get(channel, "")))
            ]
            write([*cells, *(_cell(group.metadata.get(term)) for term in terms), number])


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else "" if value is None else value


def _store(call: Call, made: Made, target: Path) -> None:
    """Keep what CellProfiler made of a group: its measurements, and the files that the step declares."""
    with written_whole(target) as folder:
        folder.mkdir()
        (folder / _FOUND).write_text(json.dumps(from_csv(made.measurements, "Image.csv")), encoding="utf-8")
        for name, path in call.outputs.items():
            stored = folder / Path(path).name.removeprefix(f"{call.task.id}.")
            if stored.suffix in (".csv", ".tsv"):
                table = made.objects.get(name.lower())
                if table is None:
                    known = ", ".join(made.objects) or "none"
                    why = f"there is no table of objects of this name; there are: {known}"
                    (folder / f"{name}.missing").write_text(why, encoding="utf-8")
                else:
                    _write_rows(table, stored)
            elif name.lower() in made.images and Path(made.images[name.lower()]).is_file():
                shutil.copyfile(made.images[name.lower()], stored)
            else:
                known = ", ".join(made.images) or "none"
                why = f"no module SaveImages has recorded an image of this name; there are: {known}"
                (folder / f"{name}.missing").write_text(why, encoding="utf-8")


def _write_rows(table: Sequence[Sequence[str]], path: Path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as lines:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        csv.writer(lines, lineterminator="\n", delimiter=delimiter).writerows(table)
