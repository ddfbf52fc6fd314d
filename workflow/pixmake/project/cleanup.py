"""What runs have made, so that it can be removed, and nothing else with it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import is_folder
from pixmake.config.models import Config
from pixmake.job import unnamed_pictures
from pixmake.job.gathered import MEMBERS
from pixmake.job.record import FAILURES, PICTURES, read_record
from pixmake.plan.containers import LISTED, SPLIT
from pixmake.plan.file_states import MADE
from pixmake.plan.found_images import found_path
from pixmake.plan.plan import GATHERED, Plan, PlannedStep, file_paths, gathering_rule
from pixmake.plan.table_functions import made_files
from pixmake.progress.status import project_parts
from pixmake.results.crate import VERIFIED
from pixmake.rules.aggregate_rules import gathered, page, targets
from pixmake.rules.image_rules import collected, log_of
from pixmake.rules.lock import is_running
from pixmake.rules.settled_rules import made_rule

MOST_SHOWN = 5
"""Files that stay and are named; the rest is counted."""

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.tmp(\.\w+)?")


@dataclass(frozen=True)
class Made:
    """What runs of a project have made, and what else lies among it."""

    files: tuple[Path, ...]
    others: tuple[Path, ...]
    """Files in the folders of results and logs that no run has made, as far as can be told."""

    @property
    def megabytes(self) -> float:
        """The size of the files."""
        return sum(path.lstat().st_size for path in self.files) / 1e6


def what_was_made(config: Config) -> Made:
    """The records of all steps, the files that they name, logs, tables and what pixmake notes down.

    A step or an image that is no longer part of the project counts, too: its records are there.
    """
    results, logs = Path(config.results), Path(config.log_folder)
    found = {*_of_steps(config, results), *_of_project(config, results)}
    folders = [path for path in found if is_folder(path) and path.is_dir()]
    made = {path for path in found if path.is_symlink() or path.is_file()}
    made |= {path for folder in folders for path in _files_below(folder)}
    beside = {path for folder in (results, logs) for path in _files_below(folder)}
    return Made(tuple(sorted(made)), tuple(sorted(beside - made)))


def described(made: Made) -> Iterator[str]:
    """What would be removed, a line a folder, and what stays."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for path in made.files:
        counts[str(path.parent)] += 1
        sizes[str(path.parent)] += path.lstat().st_size
    for folder, count in counts.items():
        yield f"  {folder}: {count} file{'s' * (count > 1)}, {sizes[folder] / 1e6:.1f} MB"
    if made.others:
        shown = ", ".join(map(str, made.others[:MOST_SHOWN]))
        more = len(made.others) - MOST_SHOWN
        yield f"  not made by a run, so it stays: {shown}{f' and {more} more' if more > 0 else ''}"


def remove(made: Made) -> None:
    """Remove files, and the folders that are empty then.

    Raises
    ------
    PixmakeError
        A run is going on, or a file cannot be removed.
    """
    if is_running():
        raise PixmakeError([Problem("a run is going on in this folder", hint="wait for it, or end it")])
    problems = []
    folders = set()
    for path in made.files:
        try:
            path.unlink(missing_ok=True)
            folders |= {folder for folder in path.parents if folder != Path()}
        except OSError as error:
            problems.append(Problem(f"cannot be removed: {error.strerror}", str(path)))
    for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
        if not folder.is_absolute() and not folder.is_symlink() and not any(os.scandir(folder)):
            folder.rmdir()
    if problems:
        raise PixmakeError(problems)


def _of_steps(config: Config, results: Path) -> Iterator[Path]:
    known = _known_ids(config)
    for folder in sorted({results / step for step in config.steps} | set(_folders(results))):
        step, ids = folder.name, set(known.get(folder.name, ()))
        for path in folder.glob("*.json"):
            try:
                record = read_record(path)
            except (ValueError, OSError):
                continue
            if record.step == step and record.id == path.name.removesuffix(".json"):
                ids.add(record.id)
                yield path
                yield from (Path(file) for file in record.files.values() if Path(file).parent == folder)
        for job_id in ids if step == SPLIT else ():
            yield folder / f"{job_id}.{LISTED}.jsonl"
            yield from _files_below(folder / f"{job_id}.{LISTED}")
        yield from (path for path in _files_in(folder) if _UNFINISHED.fullmatch(path.name))
        yield from _of_jobs(config, step, ids)


def _of_jobs(config: Config, step: str, ids: Iterable[str]) -> Iterator[Path]:
    """The files and the logs of jobs, also of those that failed or were killed."""
    inputs = [
        (file, suffix.lstrip(".")) for other in config.steps.values() for file, suffix in other.files.items()
    ]
    for job_id in ids:
        if step in config.steps:
            yield from map(Path, file_paths(config.results, step, config.steps[step], job_id))
        log = Path(config.log_folder) / step
        yield log / f"{job_id}.log"
        yield from _files_below(unnamed_pictures.folder_of(Path(config.results) / step / f"{job_id}.json"))
        yield from (log / f"{job_id}.{file}.{suffix}" for file, suffix in inputs)


def _of_project(config: Config, results: Path) -> Iterator[Path]:
    steps = tuple(PlannedStep(name, step, "", True) for name, step in config.steps.items())
    plan = Plan(config, (), steps, ())
    yield from map(Path, targets(plan))
    yield from (Path(file) for file in (gathered(plan), page(plan), found_path(config.results)))
    yield results / VERIFIED
    functions = config.aggregate.all_functions
    for name, function in functions.items():
        for path in map(Path, made_files(config.results, name, function).values()):
            yield from _files_below(path) if path.is_dir() else [path]
    yield from (
        Path(log_of(plan, rule))
        for rule in [
            *("records", "aggregate", "provenance", "report", "find_images"),
            *(f"aggregate_{name}" for name in functions),
            *(table.rule for table in collected(plan)),
        ]
    )
    yield from (Path(log_of(plan, gathering_rule(step))) for step in config.steps)
    yield from (Path(log_of(plan, made_rule(step))) for step in config.steps)
    for folder in (
        results / FAILURES,
        results / GATHERED,
        results / MADE,
        results / PICTURES,
        Path(MEMBERS).parent,
    ):
        yield from (path for path in _files_below(folder) if path.suffix != ".lock")


def _known_ids(config: Config) -> dict[str, list[str]]:
    try:
        parts = project_parts(config)
    except PixmakeError:
        return {}  # without its table a project can still be cleaned: the records say what they are
    return {step: [job.id for job in levels.of(step)] for part, levels in parts for step in part.steps}


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.is_dir() and not path.name.startswith(".")]


def _files_in(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if not path.is_dir()]


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in names)
