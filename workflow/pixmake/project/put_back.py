"""Jobs of a project run again with some of what differs put back to what it was, in a folder of their own."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixmake.base import plugins
from pixmake.base.files import written_whole
from pixmake.job.gathered import MEMBERS
from pixmake.job.record import Record, read_record
from pixmake.job.task import one_line
from pixmake.plan.source_lines import Change, put_back
from pixmake.results.made_of import Key, Pair, Sides, image_of, main_files, needed_id
from pixmake.results.sides import Side

FOLDER = ".snakemake/pixmake/why"
"""Where what is run again lies until all is told."""

PYTHON_ITSELF = ("library", "python")
"""Kinds of difference that are put back by another interpreter."""

_PART = 1 << 20


class CannotRunError(Exception):
    """A job cannot be run again as it was; the message says why."""


@dataclass
class Again:
    """Runs jobs again."""

    sides: Sides
    run: Callable[[list[str], int], Record]
    """Runs a job by its words, with so many threads."""
    python: str | None = None
    """The Python with the old versions."""
    runs: int = 0
    """Jobs that were run."""
    made: dict[str, tuple[Record, list[str]]] = field(default_factory=dict)
    """What they left, and its files, by its place."""
    left: list[Path] = field(default_factory=list)
    """Files that lie outside of the folder, and are to go."""

    def values(self, pair: Pair, back: Collection[Key], repeat: int = 0) -> dict[str, Any]:
        """What a job measures with some things put back; its status, too.

        Raises
        ------
        CannotRunError
            Something is gone that it takes.
        """
        name = f"{len(back)}-{_hash(sorted(back))}-{repeat}"
        record, _ = self._made(pair, frozenset(back), f"{FOLDER}/{name}", must=True)
        return outcome(record)

    def _made(
        self, pair: Pair, back: frozenset[Key], folder: str, *, must: bool = False
    ) -> tuple[Record, list[str]]:
        """A record with its files: as it is, or made again where something is put back."""
        place = f"{folder}/{pair.step}/{pair.new.id}"
        if place in self.made:
            return self.made[place]
        before = {step: self._made(each, back, folder) for step, each in pair.before.items()}
        own = {key for key in back if key.step == pair.step}
        is_new = any(record is not pair.before[step].new for step, (record, _) in before.items())
        if not (own or must or is_new):
            return pair.new, [self.sides.new.here(path) for path in pair.new.files.values()]
        self.runs += 1
        record = self.run(self._words(pair, own, before, folder), _threads(self.sides.new, pair.step))
        self.made[place] = record, list(record.files.values())
        return self.made[place]

    def _words(
        self,
        pair: Pair,
        own: Collection[Key],
        before: Mapping[str, tuple[Record, list[str]]],
        folder: str,
    ) -> list[str]:
        new, old = pair.new, pair.old
        config = _config(self.sides.new, pair.step)
        if config.get("conda") or config.get("container"):
            raise CannotRunError(f"{pair.step} runs in an environment that Snakemake makes")
        task = json.loads(json.dumps(dict(pair.task)))
        task |= {
            "step": new.step,
            "id": new.id,
            "metadata": dict(new.metadata),
            "written": dict(new.written),
            "images": [self._image(self.sides.new, new, number) for number in range(len(new.images))],
            "failures": 0,
        }
        for key in own:
            self._put_back(task, key, pair)
        python = old.origin.get("task", {}).get("python") if _has(own, "python") else task.get("python")
        if any(key.kind in PYTHON_ITSELF for key in own) and not _has(own, "python"):
            python = self.python
        limits = {
            "attempts": 1,
            "keep_going": True,
            "timeout": config.get("timeout"),
            "program": self._program(pair, own),
            "plugins": plugins.leave_copies([str(task.get("kind", ""))]),
            "storage": self.sides.new.provenance.get("config", {}).get("storage", {}),
        }
        if task.get("work", {}).get("load"):
            limits["holder"] = _hash([pair.step, task["work"], task.get("params")])
        inputs = self._inputs(pair, own, before, folder, task)
        base = f"{folder}/{pair.step}/{new.id}"
        files = [f"{base}{Path(path).name.removeprefix(new.id)}" for path in new.files.values()]
        text = one_line({name: value for name, value in task.items() if value not in ({}, [], (), None, "")})
        told = one_line({name: value for name, value in limits.items() if value})
        words = [text, told, python or sys.executable, "1", f"{folder}/logs/{pair.step}/{new.id}.log"]
        return [*words, f"{base}.json", *files, *inputs]

    def _put_back(self, task: dict[str, Any], key: Key, pair: Pair) -> None:
        """Set one thing of a task to what it was."""
        old = json.loads(json.dumps(dict(pair.old.origin.get("task", {}))))
        if key.kind in ("param", "correction"):
            _set(task, "params" if key.kind == "param" else "corrected", key.name, old)
        elif key.kind == "metadata" and " of " not in key.name:
            told = {"metadata": dict(pair.old.metadata), "written": dict(pair.old.written)}
            for part in told:
                _set(task, part, key.name, told)
        elif key.kind == "image":
            number = (list(task.get("names") or [""])).index(key.name)
            task["images"][number] = self._image(self.sides.old, pair.old, number)
            if old.get("parts"):
                task["parts"] = old["parts"]
        elif key.kind == "setting":
            _set_setting(task, key.name, old, pair)
        elif key.kind == "model":
            self._set_model(task, key, old)

    def _image(self, side: Side, record: Record, number: int) -> str:
        """Where an image lies that is still what it was.

        Raises
        ------
        CannotRunError
            There is none.
        """
        told = image_of(side, record, number)
        path = str(told["path"])
        if "://" in path:
            return path
        for each in side.found(path):
            if _is_still(each, told):
                return each
        raise CannotRunError(f"{path} is not what it was any more")

    def _set_model(self, task: dict[str, Any], key: Key, old: Mapping[str, Any]) -> None:
        work, was = task.get("work", {}), old.get("work", {})
        if key.name in work.get("load", {}):
            files = was["load"][key.name].get("files", {})
            work["load"][key.name]["files"] = {
                self._model(path, sha256): sha256 for path, sha256 in files.items()
            }
        elif "model" in was:
            path = self._model(was["model"], self.sides.old.files.get(was["model"], ""))
            work |= {**was, "model": path}
        for name, value in old.get("params", {}).items():
            if isinstance(value, str) and value in self.sides.old.files:
                task["params"][name] = self._model(value, self.sides.old.files[value])

    def _model(self, path: str, sha256: str) -> str:
        for each in self.sides.old.found(path):
            if _sha256(each) == sha256:
                return each
        raise CannotRunError(f"the model file {path} is not what it was any more")

    def _program(self, pair: Pair, own: Collection[Key]) -> str:
        """The list of what is run: the new texts, with some of their lines put back."""
        back = {key.name for key in own if key.kind == "line"}
        sides = self.sides
        changed: dict[str, dict[tuple[int, int], Change]] = {}
        for main, function in main_files(pair.task):
            for path in sorted(sides.program(main)):
                lines = sides.lines(path, function if path == main else None)
                taken = changed.setdefault(path, {})
                taken |= {each.new_lines: each for each in lines if f"{each.path}:{each.line}" in back}
        kept = []
        for path, taken in changed.items():
            if (text := sides.new.texts.get(path)) is not None:
                before = sides.old.texts.get(path, "")
                kept.append(_keep(path, put_back(text, before, taken.values()) if taken else text))
        listed = Path(FOLDER) / f"{_hash(kept)}.program.json"
        if kept:
            _write(listed, json.dumps(kept).encode())
        return str(listed) if kept else ""

    def _inputs(
        self,
        pair: Pair,
        own: Collection[Key],
        before: Mapping[str, tuple[Record, list[str]]],
        folder: str,
        task: dict[str, Any],
    ) -> list[str]:
        """The records and files of needed steps, as a rule's command has them."""
        inputs: list[str] = []
        for step in task.get("needs", {}):
            side = self._side(own, step)
            if step in task.get("needs_named", {}):
                for record in _of_names(side, pair, step):
                    files = [side.here(path) for path in record.files.values()]
                    inputs += [str(side.folder / step / f"{record.id}.json"), *files]
            elif step in before:
                record, files = before[step]
                own_place = self.sides.new.folder / step / f"{record.id}.json"
                is_new = record is not pair.before[step].new
                inputs += [f"{folder}/{step}/{record.id}.json" if is_new else str(own_place), *files]
            else:
                raise CannotRunError(f"what {step} made for it is gone: {needed_id(pair.new, step)}")
        for path in inputs:
            if not os.path.exists(path):
                raise CannotRunError(f"{path} is gone")
        if task.get("members"):
            task["members"] = self._members(pair, own, str(task["members"]))
        return inputs + [self._gathered(own, step, folder) for step in task.get("needs_all", {})]

    def _side(self, own: Collection[Key], step: str) -> Side:
        return self.sides.old if any(key[1:] == ("needs", step) for key in own) else self.sides.new

    def _gathered(self, own: Collection[Key], step: str, folder: str) -> str:
        """The file of all that a step made, in the order, of the images, and with the values asked for."""
        ids = _order(own, step, self.sides.old.all_of(step), self.sides.new.all_of(step))
        side = self._side(own, step)
        records = []
        for job_id in ids:
            which = side if (side.folder / step / f"{job_id}.json").exists() else self.sides.new
            which = which if (which.folder / step / f"{job_id}.json").exists() else self.sides.old
            records.append((which, str(which.folder / step / f"{job_id}.json")))
        found: list[dict[str, Any]] = []
        files: dict[str, list[str]] = {}
        missing: list[str] = []
        for which, place in records:
            record = read_record(place)
            if record.status == "failed":
                missing.append(record.id)
                continue
            row = {"id": record.id, "metadata": record.metadata, "measurements": record.measurements}
            found.append(row)
            for name, file in record.files.items():
                files.setdefault(name, []).append(which.here(file))
        path = Path(folder) / f"{step}.gathered.json"
        content = {"records": found, "files": files, "missing": missing}
        _write(path, json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace"))
        return str(path)

    def _members(self, pair: Pair, own: Collection[Key], name: str) -> str:
        """The list of the images of a job over several, with what is put back."""
        new = self.sides.new.members(name)
        old = self.sides.old.members(str(pair.old.origin.get("task", {}).get("members", "")))
        if new is None or old is None:
            raise CannotRunError("the list of its images is gone")
        was, now = ({each["id"]: n for n, each in enumerate(content["members"])} for content in (old, new))
        if _has(own, "others") and was.keys() - now.keys():
            raise CannotRunError("images that it had are not among the new results")
        ids = [each for each in _order(own, "", list(was), list(now)) if each in now]
        needed = {}
        for step, jobs in new["needed"].items():
            side = self._side(own, step)
            aligned = [jobs[now[each]] for each in ids] if new["each_image"][step] else jobs
            needed[step] = [[side.here(path) for path in files] for files in aligned]
        members = [dict(new["members"][now[each]]) for each in ids]
        for key in own:
            term, _, whose = key.name.partition(" of ")
            for each in members:
                if key.kind == "metadata" and each["id"] == whose:
                    told = {"metadata": dict(old["members"][was[whose]]["metadata"])}
                    each["metadata"] = dict(each["metadata"])
                    _set(each, "metadata", term, told)
        text = json.dumps({**new, "members": members, "needed": needed}, ensure_ascii=False, sort_keys=True)
        called = _hash(text)
        place = Path(MEMBERS) / f"{called}.json"
        if not place.exists():
            self.left.append(place)
            _write(place, text.encode())
        return called


def outcome(record: Record) -> dict[str, Any]:
    """What a record says: values by name, what is known of them such as units, and how it ended."""
    found: dict[str, Any] = {"status": record.status}
    for name, content in record.measurements.items():
        found[name] = content.get("value")
        found |= {f"{name} ({key})": value for key, value in content.items() if key != "value"}
    return found


def can_put_back(again: Again, pair: Pair, key: Key) -> str:
    """Why a thing cannot be put back to what it was; empty if it can."""
    sides = again.sides
    if key.kind == "image":
        number = list(pair.task.get("names") or [""]).index(key.name)
        try:
            owner = _owner(pair, key.step)
            again._image(sides.old, owner.old, number)
        except (CannotRunError, StopIteration) as problem:
            return str(problem)
        return ""
    if key.kind == "library":
        return "" if again.python else "needs the old Python: --python"
    if key.kind == "model":
        owner = _owner(pair, key.step)
        task = json.loads(json.dumps(dict(owner.task)))
        try:
            again._set_model(task, key, owner.old.origin.get("task", {}))
        except (CannotRunError, KeyError) as problem:
            return str(problem)
        return ""
    if key.kind == "python":
        old = _owner(pair, key.step).old.origin.get("task", {}).get("python")
        return "" if old is None or os.path.exists(old) else f"{old} is gone"
    if key.kind == "line":
        path = key.name.rpartition(":")[0]
        return "" if path.endswith((".py", ".ipynb")) else "is read by another program"
    return _NEVER.get(key.kind, "")


_NEVER = {
    "source": "the old text is not kept here",
    "environment": "its conda environment or container is made by Snakemake",
    "chance": "chance cannot be put back",
}


def _owner(pair: Pair, step: str) -> Pair:
    """The pair of a step among those that a job builds on."""
    if pair.step == step:
        return pair
    return next(found for each in pair.before.values() if (found := _search(each, step)))


def _search(pair: Pair, step: str) -> Pair | None:
    if pair.step == step:
        return pair
    return next((found for each in pair.before.values() if (found := _search(each, step))), None)


def _of_names(side: Side, pair: Pair, step: str) -> list[Record]:
    """The records of a step for each image of a group, in the order of the group's names."""
    paths = [Path(path) for path in pair.new.origin.get("needed", ())]
    ids = [path.stem for path in paths if path.suffix == ".json" and path.parent.name == step]
    records = [record for job_id in ids if (record := side.record(step, job_id))]
    places = {path: number for number, path in enumerate(pair.new.images)}
    if len(records) != len(pair.task["names"]):
        raise CannotRunError(f"what {step} made for its images is gone")
    return sorted(records, key=lambda each: places.get(each.images[0] if each.images else "", 0))


def _order(own: Collection[Key], step: str, was: Sequence[str], now: Sequence[str]) -> list[str]:
    """The ids of images in the old or the new order; the old ones or the new ones."""
    those = set(was if _has(own, "others", step) else now)
    first, second = (was, now) if _has(own, "order", step) else (now, was)
    return [each for each in dict.fromkeys([*first, *second]) if each in those]


def _has(own: Collection[Key], kind: str, name: str | None = None) -> bool:
    return any(key.kind == kind and name in (None, key.name) for key in own)


def _set(task: dict[str, Any], part: str, name: str, old: Mapping[str, Any]) -> None:
    values = dict(task.get(part) or {})
    if name in (old.get(part) or {}):
        values[name] = old[part][name]
    else:
        values.pop(name, None)
    task[part] = values


def _set_setting(task: dict[str, Any], name: str, old: Mapping[str, Any], pair: Pair) -> None:
    if name.startswith("load."):
        loader = name.removeprefix("load.")
        files = task["work"]["load"].get(loader, {}).get("files")
        task["work"]["load"][loader] = {**old["work"]["load"][loader], **({"files": files} if files else {})}
    elif name in ("kind", "files", "names", "needs", "parts", "broken"):
        task[name] = old.get(name)
    elif name == "images":
        task["images"] = list(pair.old.images)
        task["names"] = old.get("names")
    else:
        _set(task, "work", name, old)


def _threads(side: Side, step: str) -> int:
    threads = _config(side, step).get("threads", 1)
    return threads if isinstance(threads, int) else 1


def _config(side: Side, step: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = side.provenance.get("config", {}).get("steps", {}).get(step) or {}
    return found


def _is_still(path: str, told: Mapping[str, Any]) -> bool:
    """Whether a file is what a record says of it."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    if told.get("sha256") and not os.path.isdir(path):
        return bool(_sha256(path) == told["sha256"])
    return "size" not in told or told["size"] == found.st_size


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while part := file.read(_PART):
                digest.update(part)
    except OSError:
        return ""
    return digest.hexdigest()


def _keep(path: str, text: str) -> dict[str, Any]:
    """A program's text, so that a job runs it under the program's name; see `pixmake.job.program`."""
    content = text.encode()
    sha256 = hashlib.sha256(content).hexdigest()
    copy = Path(FOLDER) / "source" / f"{sha256[:32]}{Path(path).suffix}"
    _write(copy, content)
    # no file has this date, so that what counts is what is in it
    return {"path": path, "size": len(content), "mtime_ns": -1, "sha256": sha256, "copy": str(copy)}


def _write(path: Path, content: bytes) -> None:
    if not path.exists():
        with written_whole(path) as temporary:
            temporary.write_bytes(content)


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]
