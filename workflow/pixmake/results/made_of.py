"""What differs in what two records of a job were made of, thing by thing, each named by a key."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pixmake.job.record import Record
from pixmake.plan.analysis import names_imported
from pixmake.plan.source_lines import Change, arguments_of, changes, draws_without_seed, imported_files
from pixmake.results.sides import Side

ALWAYS = ("numpy", "opencv-python", "opencv-python-headless", "tifffile", "imagecodecs", "zarr", "pixmake")
"""What decodes images, or hands them to a step."""

_BY_KIND = {"plantcv": ("plantcv",), "onnx": ("onnxruntime",), "pixel_classification": ("scikit-learn",)}
_NOWHERE = object()


class Key(NamedTuple):
    """A thing that may differ, by the step that it is told to."""

    step: str
    kind: str
    name: str = ""


class Values(NamedTuple):
    """What it was, and what it is."""

    old: Any
    new: Any


@dataclass(frozen=True)
class Pair:
    """The two records of a job, each with the folder that it is of."""

    sides: Sides
    old: Record
    new: Record

    @property
    def step(self) -> str:
        """Their step."""
        return self.new.step

    @property
    def task(self) -> Mapping[str, Any]:
        """What the new one was told."""
        return _task(self.new)

    @cached_property
    def own(self) -> dict[Key, Values]:
        """What differs in what this step was told."""
        return {Key(self.step, kind, name): values for (kind, name), values in _differences(self)}

    @cached_property
    def before(self) -> dict[str, Pair]:
        """The pairs of the steps that have one job for this one."""
        found = {}
        named = self.task.get("needs_named", {})
        for step in self.task.get("needs", {}):
            job_id = None if step in named else needed_id(self.new, step)
            pair = None if job_id is None else self.sides.pair(step, job_id)
            if pair is not None:
                found[step] = pair
        return found

    @cached_property
    def all(self) -> dict[Key, Values]:
        """What differs here and in the steps that it needs."""
        found: dict[Key, Values] = {}
        for pair in self.before.values():
            found |= pair.all
        return found | self.own


@dataclass(frozen=True)
class Sides:
    """Two folders of results."""

    old: Side
    new: Side

    def pair(self, step: str, job_id: str) -> Pair | None:
        """The records of a job; none if one of them is not there."""
        old, new = self.old.record(step, job_id), self.new.record(step, job_id)
        return None if old is None or new is None else Pair(self, old, new)

    @cached_property
    def lines(self) -> Callable[[str, str | None], list[Change]]:
        """What differs between the texts of a file, for the function of it that is run."""

        @cache
        def lines(path: str, function: str | None) -> list[Change]:
            old, new = self.old.texts.get(path), self.new.texts.get(path)
            return [] if old is None or new is None else changes(path, old, new, function)

        return lines

    @cached_property
    def program(self) -> Callable[[str], frozenset[str]]:
        """A file that is run, and the modules of the project that it imports, on both sides."""

        @cache
        def program(path: str) -> frozenset[str]:
            found = (imported_files(path, dict(side.texts)) for side in (self.old, self.new))
            return frozenset({path}.union(*found))

        return program

    @cached_property
    def takes_metadata(self) -> Callable[[Mapping[str, Any]], bool]:
        """Whether a step can use what the table says of an image; not a function that does not ask for it."""

        @cache
        def asked(path: str, function: str) -> bool:
            given = arguments_of(self.new.texts.get(path, ""), function)
            return given is None or bool(given & {"meta", "rows", "measurements"})

        def takes_metadata(task: Mapping[str, Any]) -> bool:
            function = task.get("work", {}).get("function")
            if not function or task.get("needs_all") or task.get("needs_named") or task.get("members"):
                return True
            return asked(*map(str, _parts(function)))

        return takes_metadata

    @cached_property
    def of_all(self) -> Callable[[str], dict[tuple[str, str], Values]]:
        """What differs in what a job has of all images of a step."""

        @cache
        def of_all(step: str) -> dict[tuple[str, str], Values]:
            ids = self.new.all_of(step)
            found = dict(_listed(step, self.old.all_of(step), ids))
            if any(self.made_otherwise(step, each) for each in ids):
                found["needs", step] = Values(None, None)
            return found

        return of_all

    @cached_property
    def made_otherwise(self) -> Callable[[str, str], bool]:
        """Whether a job measured something else, or its files were made of something else."""

        @cache
        def made_otherwise(step: str, job_id: str) -> bool:
            pair = self.pair(step, job_id)
            if pair is None:
                return False
            if pair.old.measurements != pair.new.measurements or pair.old.status != pair.new.status:
                return True
            return bool(pair.new.files) and any(key.kind != "chance" for key in pair.all)

        return made_otherwise

    @cached_property
    def chance(self) -> Callable[[str], str]:
        """What in a program seems to give other values each time."""

        @cache
        def chance(path: str) -> str:
            texts = [self.new.texts[each] for each in self.program(path) if each in self.new.texts]
            return draws_without_seed(texts)

        return chance

    @cached_property
    def libraries(self) -> Callable[[str, str], dict[str, Values]]:
        """The packages that differ and that a program, or its kind of step, can use."""

        @cache
        def libraries(path: str, kind: str) -> dict[str, Values]:
            old, new = self.old.packages, self.new.packages
            if not old or not new:
                return {}
            differ = {
                name: Values(old.get(name), new.get(name))
                for name in sorted({*old, *new})
                if old.get(name) != new.get(name)
            }
            used = _used(self, path, kind)
            return {name: values for name, values in differ.items() if _plain(name) in used}

        return libraries


def needed_id(record: Record, step: str) -> str | None:
    """The id of the job of a needed step, by the record that the job was given."""
    for path in record.origin.get("needed", ()):
        place = Path(path)
        if place.suffix == ".json" and place.parent.name == step:
            return place.stem
    return None


def main_files(task: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """The files of the user's that a job runs, each with the function of it."""
    work = task.get("work", {})
    found: list[tuple[str, str | None]] = []
    for name in ("function", "script", "notebook"):
        if work.get(name):
            found.append(_parts(work[name]))
    found += [_parts(each["function"]) for each in _loaders(work).values() if each.get("function")]
    return found


def _differences(pair: Pair) -> Iterator[tuple[tuple[str, str], Values]]:
    old, new = _task(pair.old), _task(pair.new)
    sides = pair.sides
    models = _model_paths(sides, old, new)
    for (kind, name), values in _named("param", old.get("params", {}), new.get("params", {})):
        if not (_is_in(values.old, models) and _is_in(values.new, models)):
            yield (kind, name), values
    if sides.takes_metadata(new):
        yield from _named("metadata", dict(pair.old.terms), dict(pair.new.terms))
    yield from _images(pair)
    told = list(_work(old.get("work", {}), new.get("work", {})))
    yield from told
    if not any(kind == "model" for (kind, _), _ in told):
        yield from _opened_models(sides, old, new)
    yield from _named("correction", old.get("corrected", {}), new.get("corrected", {}))
    for key in ("kind", "files", "names", "needs", "parts", "broken"):
        if old.get(key) != new.get(key):
            yield ("setting", key), Values(old.get(key), new.get(key))
    yield from _program(pair, old, new)
    yield from _software(pair, old, new)
    yield from _of_others(pair, old, new)
    what = next(filter(None, (pair.sides.chance(path) for path, _ in main_files(new))), "")
    if what:
        yield ("chance", ""), Values(what, what)


def _model_paths(sides: Sides, *tasks: Mapping[str, Any]) -> set[str]:
    """The files that a job opens, beside its program."""
    found = {*sides.old.files, *sides.new.files}
    for task in tasks:
        found.update(*(each.get("files", ()) for each in _loaders(task.get("work", {})).values()))
    return found


def _is_in(value: Any, paths: set[str]) -> bool:
    return isinstance(value, str) and value in paths


def _opened_models(
    sides: Sides, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, str], Values]]:
    """Files that params name, and that the function opens: they differ by what is in them."""
    was, now = old.get("params", {}), new.get("params", {})
    for name in was.keys() & now.keys():
        if _is_in(was[name], {*sides.old.files}) and _is_in(now[name], {*sides.new.files}):
            before, after = sides.old.files[was[name]], sides.new.files[now[name]]
            if before != after:
                yield ("model", name), Values({was[name]: before}, {now[name]: after})


def _named(
    kind: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, str], Values]]:
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name, _NOWHERE), new.get(name, _NOWHERE)
        if was != now or type(was) is not type(now):
            yield (kind, name), Values(old.get(name), new.get(name))


def _images(pair: Pair) -> Iterator[tuple[tuple[str, str], Values]]:
    names = pair.task.get("names") or [str(number) for number in range(len(pair.new.images))]
    if len(pair.old.images) != len(pair.new.images):
        yield ("setting", "images"), Values(list(pair.old.images), list(pair.new.images))
        return
    for number, name in enumerate(names):
        was, now = (image_of(side, record, number) for side, record in _both(pair))
        if not _same_image(was, now):
            yield ("image", str(name) if len(names) > 1 else ""), Values(was, now)


def image_of(side: Side, record: Record, number: int) -> Mapping[str, Any]:
    """An image as a job saw it: its path, and of its size, date and checksum what is known."""
    path = record.images[number]
    told = next((each for each in record.origin.get("inputs", ()) if each["path"] == path), {"path": path})
    sha256 = told.get("sha256") or side.checksums.get(path)
    return {**told, "sha256": sha256} if sha256 else told


def _same_image(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    if was.get("sha256") and now.get("sha256"):
        return bool(was["sha256"] == now["sha256"])
    said = [{key: each.get(key) for key in ("path", "size", "version")} for each in (was, now)]
    return said[0] == said[1]


def _both(pair: Pair) -> Iterator[tuple[Side, Record]]:
    yield pair.sides.old, pair.old
    yield pair.sides.new, pair.new


def _work(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Values]]:
    for name in dict.fromkeys([*old, *new]):
        if name == "load":
            yield from _loads(_loaders(old), _loaders(new))
        elif old.get(name) != new.get(name):
            kind = "model" if name in ("model", "hash") else "setting"
            yield (kind, "" if kind == "model" else name), Values(old.get(name), new.get(name))


def _loads(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Values]]:
    for name in dict.fromkeys([*old, *new]):
        was, now = dict(old.get(name, {})), dict(new.get(name, {}))
        if was.pop("files", None) != now.pop("files", None):
            yield ("model", name), Values(old.get(name, {}).get("files"), new.get(name, {}).get("files"))
        for part in (was, now):
            part.pop("source", None)  # its lines are told
        if was != now:
            yield ("setting", f"load.{name}"), Values(was, now)


def _program(
    pair: Pair, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, str], Values]]:
    """Lines that differ; where their texts are not kept, that they do."""
    sources = [[task.get("source"), *(_sources(task))] for task in (old, new)]
    if sources[0] == sources[1]:
        return
    sides = pair.sides
    known = all(
        side.provenance.get("sources", {}).get(pair.step) == task.get("source")
        for side, task in ((sides.old, old), (sides.new, new))
    )
    told = False
    for path, function in main_files(new) if known else ():
        for file in sorted(sides.program(path)):
            for change in sides.lines(file, function if file == path else None):
                told = True
                yield ("line", f"{change.path}:{change.line}"), Values(change.old, change.new)
    if not told:
        yield ("source", ""), Values(old.get("source"), new.get("source"))


def _software(
    pair: Pair, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, str], Values]]:
    if old.get("python") != new.get("python"):
        yield ("python", ""), Values(old.get("python"), new.get("python"))
    versions = Values(pair.old.run.get("python"), pair.new.run.get("python"))
    if versions.old != versions.new:
        yield ("library", "Python"), versions
    if pair.old.origin.get("rule") != pair.new.origin.get("rule"):
        yield ("environment", ""), Values(pair.old.origin.get("rule"), pair.new.origin.get("rule"))
    if new.get("python") or old.get("python"):
        return  # what is installed there is not noted
    path = next((path for path, _ in main_files(new)), "")
    for name, values in pair.sides.libraries(path, str(new.get("kind", ""))).items():
        yield ("library", name), values


def _of_others(
    pair: Pair, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, str], Values]]:
    """What differs in what a job has of other images: their order, which they are, what was made of them."""
    sides = pair.sides
    for step in new.get("needs_all", {}):
        yield from sides.of_all(step).items()
    for step in new.get("needs_named", {}):
        ids = [
            Path(path).stem for path in pair.new.origin.get("needed", ()) if Path(path).parent.name == step
        ]
        if any(sides.made_otherwise(step, each) for each in dict.fromkeys(ids)):
            yield ("needs", step), Values(None, None)
    if new.get("members"):
        yield from _members(sides, str(old.get("members", "")), str(new["members"]))


def _members(sides: Sides, old: str, new: str) -> Iterator[tuple[tuple[str, str], Values]]:
    was, now = sides.old.members(old), sides.new.members(new)
    if now is None or was is None:
        if old != new:
            yield ("others", ""), Values(None, None)
        return
    ids = [[each["id"] for each in content["members"]] for content in (was, now)]
    yield from _listed("", *ids)
    rows = [{each["id"]: each for each in content["members"]} for content in (was, now)]
    for job_id in rows[1].keys() & rows[0].keys():
        before, after = ({**row[job_id]["metadata"]} for row in rows)
        for (kind, name), values in _named("metadata", before, after):
            yield (kind, f"{name} of {job_id}"), values
    for step, jobs in now["needed"].items():
        if any(sides.made_otherwise(step, Path(files[0]).stem) for files in jobs):
            yield ("needs", step), Values(None, None)


def _listed(step: str, was: Sequence[str], now: Sequence[str]) -> Iterator[tuple[tuple[str, str], Values]]:
    common = set(was) & set(now)
    if [each for each in was if each in common] != [each for each in now if each in common]:
        yield ("order", step), Values(list(was), list(now))
    if set(was) != set(now):
        gone, come = sorted(set(was) - common), sorted(set(now) - common)
        yield ("others", step), Values(gone, come)


def _used(sides: Sides, path: str, kind: str) -> set[str]:
    """The packages that a program can use, by their plain names: what it imports, and what these require."""
    names = {name.partition(".")[0] for name in _imports(sides, path)}
    by_module = _distributions()
    waiting = [*names, *ALWAYS, *_BY_KIND.get(kind, ())]
    waiting += [package for name in names for package in by_module.get(name, ())]
    used: set[str] = set()
    while waiting:
        name = _plain(waiting.pop())
        if name not in used:
            used.add(name)
            waiting += _required(name)
    return used


def _imports(sides: Sides, path: str) -> set[str]:
    texts = (side.texts.get(each, "") for side in (sides.old, sides.new) for each in sides.program(path))
    return {name for text in texts for name in names_imported(text)}


@cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


@cache
def _required(name: str) -> list[str]:
    try:
        told = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [re.split(r"[^\w.-]", each)[0] for each in told if "extra ==" not in each]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _task(record: Record) -> Mapping[str, Any]:
    task = record.origin.get("task", {})
    return task if isinstance(task, dict) else {}


def _loaders(work: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = work.get("load") or {}
    return found


def _sources(task: Mapping[str, Any]) -> list[Any]:
    return [each.get("source") for each in _loaders(task.get("work", {})).values()]


def _parts(word: str) -> tuple[str, str | None]:
    file, _, function = word.rpartition(":")
    return (file, function) if file and function.isidentifier() else (word, None)
