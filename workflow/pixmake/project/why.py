"""Why numbers moved between two runs: from what is noted of both, and by running some images again.

What differs in what a record was made of is a *candidate*. One that is alone is the cause. Where there are
several, or none, some images are run again as they are now, with each candidate put back to what it was, and
with all of them: what moves a number is its cause.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pixmake.base.errors import PixmakeError, Problem
from pixmake.job.record import Record
from pixmake.project.put_back import FOLDER, Again, CannotRunError, can_put_back, outcome
from pixmake.project.try_image import run_words
from pixmake.results.diff import Change, Differences, Tolerance, compare, differs
from pixmake.results.made_of import Key, Pair, Sides, Values
from pixmake.results.sides import Side

BUDGET = 8
"""Images that are run again, if nothing else is said."""

MOST_OF_A_KIND = 3
"""Of them those of images in which the same things differ."""

REPEATS = 4
"""Runs of the same, where a value is another one each time."""

Sure = Literal["shown", "left", "only", "likely"]
Unit = frozenset[Key]
"""What is put back at one time."""


@dataclass(frozen=True)
class Cause:
    """Why a number moved."""

    keys: Unit
    """The thing that differs; several where they can only be put back together."""
    sure: Sure
    """Shown by running again; what is left when all else is put back; the only difference; or likely."""
    moved: int = 0
    """Images whose number went when it was put back, of those that were tried."""
    tried: int = 0


@dataclass
class Kind:
    """Records of a step in which the same things differ."""

    step: str
    keys: Unit
    values: Mapping[Key, Values]
    """Of the first of them."""
    names: dict[str, list[str]] = field(default_factory=dict)
    """The ids whose number moved, by measurement."""
    sizes: dict[str, float] = field(default_factory=dict)
    """How far the farthest number of an id moved."""
    causes: dict[str, list[Cause]] = field(default_factory=dict)
    """By measurement."""
    tried: list[str] = field(default_factory=list)
    """The ids that were run again."""
    notes: list[str] = field(default_factory=list)
    """What could not be tried, or cannot be told."""

    @property
    def real(self) -> Unit:
        """What differs, without what only looks as if it gave another value each time."""
        return frozenset(key for key in self.keys if key.kind != "chance")

    @property
    def ids(self) -> list[str]:
        """All ids."""
        return list(self.sizes)


@dataclass
class Why:
    """What was found."""

    differences: Differences
    kinds: list[Kind]
    runs: int = 0
    """Jobs that were run again."""
    notes: list[str] = field(default_factory=list)
    """What holds for all."""

    def of(self, step: str, job_id: str, name: str) -> list[Cause]:
        """The causes of a number that moved."""
        for kind in self.kinds:
            if kind.step == step and job_id in kind.names.get(name, ()):
                return kind.causes[name]
        return []


def why(
    old: Path,
    new: Path,
    tolerance: Tolerance,
    budget: int = BUDGET,
    python: str | None = None,
    run: Callable[[list[str], int], Record] = run_words,
) -> Why:
    """Compare two folders of results, and say what caused each change.

    Parameters
    ----------
    old, new
        The folders. Jobs are run again from the working directory, which is the project of the new one.
    tolerance
        What counts as equal.
    budget
        How many images are run again at most.
    python
        An interpreter with the old versions of libraries.
    run
        Runs a job by its words.

    Raises
    ------
    PixmakeError
        A folder is not there or holds no records, or there is no such Python.
    """
    sides = Sides(Side(old), Side(new))
    moved: dict[tuple[str, str], dict[str, float]] = {}

    def each(change: Change) -> None:
        size = abs(change.relative if change.relative is not None else change.difference or math.inf)
        moved.setdefault((change.step, change.id), {})[change.name] = size

    def ended(step: str, job_id: str) -> None:
        moved[step, job_id] = {"status": math.inf}

    found = Why(compare(old, new, tolerance, each, ended), [])
    kinds: dict[tuple[str, Unit], Kind] = {}
    for (step, job_id), names in moved.items():
        pair = sides.pair(step, job_id)
        if pair is None:
            continue
        everything = pair.all
        kind = kinds.setdefault((step, frozenset(everything)), Kind(step, frozenset(everything), everything))
        kind.sizes[job_id] = max(names.values())
        for name in names:
            kind.names.setdefault(name, []).append(job_id)
    found.kinds = list(kinds.values())
    again = Again(sides, run, python)
    if python:
        found.notes += _see_python(python, found.kinds)
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        _judge(found.kinds, sides, again, tolerance, budget)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
        for path in again.left:
            path.unlink(missing_ok=True)
    found.runs = again.runs
    return found


def _judge(kinds: Sequence[Kind], sides: Sides, again: Again, tolerance: Tolerance, budget: int) -> None:
    asked = []
    for kind in kinds:
        if len(kind.keys) == 1 and kind.real:
            cause = Cause(kind.real, "only")
            kind.causes = {name: [cause] for name in kind.names}
        else:
            asked.append(kind)
    for kind, ids in _sample(asked, budget):
        judged: dict[str, list[dict[Unit, Sure]]] = {}
        for job_id in ids:
            pair = sides.pair(kind.step, job_id)
            if pair is None:
                continue
            try:
                told = _Trial(again, pair, kind, tolerance).causes()
            except CannotRunError as problem:
                _note(kind, f"{job_id} cannot be run again: {problem}")
                continue
            kind.tried.append(job_id)
            for name, causes in told.items():
                judged.setdefault(name, []).append(causes)
        kind.causes = {name: _together(each) for name, each in judged.items()}
    for kind in kinds:
        for name in kind.names:
            if not kind.causes.get(name):
                kind.causes[name] = _guess(kind, name)
        _note_machine(kind, sides)


def _sample(kinds: Sequence[Kind], budget: int) -> Iterator[tuple[Kind, list[str]]]:
    """Some images of each kind: kinds of many images first, each with one before another has two."""
    asked = sorted(kinds, key=lambda kind: -len(kind.sizes))
    shares = [0] * len(asked)
    for _ in range(MOST_OF_A_KIND):
        for number, kind in enumerate(asked):
            if sum(shares) < budget and shares[number] < len(kind.sizes):
                shares[number] += 1
    for kind, share in zip(asked, shares, strict=True):
        if share:
            yield kind, _spread(kind, share)


def _spread(kind: Kind, count: int) -> list[str]:
    """Ids in which other measurements moved first, then those that moved most, least, and in between."""
    ordered = sorted(kind.sizes, key=lambda job_id: (-kind.sizes[job_id], job_id))
    chosen: list[str] = []
    seen: set[str] = set()
    for name, ids in kind.names.items():
        if name not in seen and len(chosen) < count and not set(ids) & set(chosen):
            chosen.append(min(ids, key=ordered.index))
        seen.add(name)
    last = len(ordered) - 1
    places = [0, last, last // 2, *range(len(ordered))]
    chosen += [ordered[place] for place in places]
    return list(dict.fromkeys(chosen))[:count]


class _Trial:
    """One image, run again in several ways; each is run once."""

    def __init__(self, again: Again, pair: Pair, kind: Kind, tolerance: Tolerance) -> None:
        self.again, self.pair, self.kind, self.tolerance = again, pair, kind, tolerance
        self.old, self.new = outcome(pair.old), outcome(pair.new)
        self.known: dict[tuple[Unit, int], dict[str, Any] | None] = {}

    def causes(self) -> dict[str, dict[Unit, Sure]]:
        """Of each measurement of this image that moved, its causes.

        Raises
        ------
        CannotRunError
            It cannot be run as it is now.
        """
        control = self.again.values(self.pair, frozenset())
        self.known[frozenset(), 0] = control
        names = [name for name, ids in self.kind.names.items() if self.pair.new.id in ids]
        units, stuck = self._units()
        if control.get("status") != self.new["status"]:
            _note(self.kind, f"{self.pair.new.id} ends otherwise when it is run again: {control['status']}")
        noisy = {name for name in names if self._apart(name, control.get(name), self.new.get(name))}
        if noisy:
            return {
                name: self._of_noisy(name, units, stuck)
                if name in noisy
                else self._of_steady(name, units, stuck)
                for name in names
            }
        return {name: self._of_steady(name, units, stuck) for name in names}

    def _units(self) -> tuple[list[Unit], Unit]:
        """What can be put back, each by itself, and what cannot."""
        library = frozenset(key for key in self.kind.real if key.kind == "library")
        single = [frozenset([key]) for key in sorted(self.kind.real - library)]
        units: list[Unit] = []
        stuck: set[Key] = set()
        for unit in [*single, *([library] if library else [])]:
            problem = can_put_back(self.again, self.pair, min(unit))
            if problem:
                stuck |= unit
                _note(self.kind, f"{_names(unit)}: {problem}")
            else:
                units.append(unit)
        wrong = [unit for unit in units if self._value(unit, "status") is _FAILED]
        if wrong:  # what cannot be put back by itself belongs to something else
            joined = frozenset().union(*wrong)
            if self._value(joined, "status") is _FAILED:
                joined = frozenset().union(*units)
            units = [unit for unit in units if not unit <= joined]
            if self._value(joined, "status") is _FAILED:
                stuck |= joined
                _note(self.kind, f"{_names(joined)}: fails when it is put back{self._said(joined)}")
            else:
                units.append(joined)
        return units, frozenset(stuck)

    def _of_steady(self, name: str, units: Sequence[Unit], stuck: Unit) -> dict[Unit, Sure]:
        """The causes of a number that comes out the same each time."""
        new, old = self.new.get(name), self.old.get(name)

        def reaches(unit: Unit) -> bool:
            return not self._apart(name, self._value(unit, name), old)

        def moves(unit: Unit) -> bool:
            return self._apart(name, self._value(unit, name), new)

        found: dict[Unit, Sure] = {unit: "shown" for unit in units if moves(unit)}
        every: Unit = frozenset().union(*units)
        if units and reaches(every):
            if not found or not reaches(frozenset().union(*found)):
                needed = [unit for unit in units if not reaches(every - unit)]
                found |= dict.fromkeys(needed or units, "shown")
        elif stuck:
            found |= {frozenset([key]): "left" if len(stuck) == 1 else "likely" for key in stuck}
            if units and not found.keys() & {*units} and moves(every):
                found[every] = "shown"
        else:
            if units and not found and moves(every):
                found[every] = "shown"
            _note(self.kind, f"{name}: something else has a part in it that is not noted")
        return found

    def _of_noisy(self, name: str, units: Sequence[Unit], stuck: Unit) -> dict[Unit, Sure]:
        """The causes of a number that is another one each time."""
        now = [self._value(frozenset(), name, repeat) for repeat in range(REPEATS)]
        if not any(self._apart(name, value, now[0]) for value in now[1:]):
            what = f"{name}: comes out as another value here, each time the same one"
            _note(self.kind, f"{what}: another machine, or something that is not noted")
            return {frozenset([key]): "likely" for key in stuck}
        found: dict[Unit, Sure] = {frozenset([Key(self.kind.step, "chance")]): "shown"}
        now.append(self.new.get(name))
        for unit in units:
            was = [self._value(unit, name, repeat) for repeat in range(REPEATS)]
            if _do_not_meet(was, now):
                found[unit] = "shown"
        if not found.keys() & {*units} and _do_not_meet([self.old.get(name)] * 2, _widened(now)):
            found |= {frozenset([key]): "left" if len(stuck) == 1 else "likely" for key in stuck}
        return found

    def _value(self, unit: Unit, name: str, repeat: int = 0) -> Any:
        """What a measurement is with some things put back; `_FAILED` if the job then fails and never did."""
        if (unit, repeat) not in self.known:
            try:
                self.known[unit, repeat] = self.again.values(self.pair, unit, repeat)
            except CannotRunError as problem:
                _note(self.kind, f"{_names(unit)}: {problem}")
                self.known[unit, repeat] = None
        told = self.known[unit, repeat]
        if told is None or told["status"] not in (self.old["status"], self.new["status"]):
            return _FAILED
        return told.get(name)

    def _said(self, unit: Unit) -> str:
        for path in Path(FOLDER).glob(f"{len(unit)}-*/logs/*/{self.pair.new.id}.log"):
            with contextlib.suppress(OSError, IndexError):
                return f" ({path.read_text(encoding='utf-8', errors='replace').strip().splitlines()[-1]})"
        return ""

    def _apart(self, name: str, one: Any, other: Any) -> bool:
        if one is _FAILED or other is _FAILED:
            return False
        return differs(one, other, self.tolerance.of(name))


_FAILED = object()


def _together(judged: Sequence[Mapping[Unit, Sure]]) -> list[Cause]:
    """The causes of a measurement by those of the images that were tried."""
    found: dict[Unit, list[Sure]] = {}
    for each in judged:
        for unit, sure in each.items():
            found.setdefault(unit, []).append(sure)
    causes = [
        Cause(unit, min(sures, key=_ORDER.index), len(sures), len(judged)) for unit, sures in found.items()
    ]
    chance = [unit for unit in found if min(unit).kind == "chance"]
    if chance:  # beside noise, one image by itself may deceive
        causes = [each for each in causes if each.keys in chance or 2 * each.moved > each.tried]
    return sorted(causes, key=lambda each: (_ORDER.index(each.sure), -each.moved, sorted(each.keys)))


_ORDER: tuple[Sure, ...] = ("shown", "left", "only", "likely")


def _guess(kind: Kind, name: str) -> list[Cause]:
    """The causes of a number of which no image was run again: another measurement's, or all that differs."""
    others = {each.keys: each for causes in kind.causes.values() for each in causes if each.sure != "likely"}
    if others and name not in kind.causes:
        return [Cause(keys, "likely") for keys in others]
    if name in kind.causes:
        return []  # it was tried, and nothing was found
    return [Cause(frozenset([key]), "likely") for key in sorted(kind.keys)]


def _see_python(python: str, kinds: Sequence[Kind]) -> Iterator[str]:
    """What the user's Python has that is not what the old results were made with."""
    asked = {
        key.name: values.old
        for kind in kinds
        for key, values in kind.values.items()
        if key.kind == "library" and key.name != "Python"
    }
    try:
        command = [python, "-c", _VERSIONS, *asked]
        told = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        hint = "name the python of the environment with the old versions"
        raise PixmakeError([Problem(f"cannot be run: {error}", f"--python {python}", hint)]) from None
    for name, version in asked.items():
        if told.get(name) != version:
            has = f"has {name} {told[name]}" if told.get(name) else f"has no {name}"
            yield f"{python} {has}, and the old results were made with {version or 'none'}"


_VERSIONS = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def _note_machine(kind: Kind, sides: Sides) -> None:
    """That another machine ran it, where nothing else explains a number."""
    if all(kind.causes.values()) and not any("not noted" in note for note in kind.notes):
        return
    pair = sides.pair(kind.step, kind.ids[0])
    hosts = Values(*(record.run.get("host") for record in (pair.old, pair.new))) if pair else Values("", "")
    platforms = Values(
        *(side.provenance.get("software", {}).get("platform") for side in (sides.old, sides.new))
    )
    for values in (hosts, platforms):
        if values.old != values.new:
            _note(
                kind, f"it ran on another machine ({values.old} → {values.new}), which cannot be tried here"
            )
            return
    what = "files that the function opens by itself, variables of the environment, another CPU"
    _note(kind, f"what is not noted cannot be told: {what}")


def _note(kind: Kind, text: str) -> None:
    if text not in kind.notes:
        kind.notes.append(text)


def _names(unit: Collection[Key]) -> str:
    return ", ".join(f"{key.kind} {key.name}".strip() for key in sorted(unit))


def _do_not_meet(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether two sets of numbers lie apart; of lists their sums are compared."""
    first, second = ([_as_number(value) for value in values] for values in (some, others))
    if not first or not second or any(value is None for value in (*first, *second)):
        return False
    one, two = ([value for value in values if value is not None] for values in (first, second))
    return max(one) < min(two) or max(two) < min(one)


def _widened(values: Sequence[Any]) -> list[Any]:
    """Numbers, and as far to both sides as they reach: where an honest further one may lie."""
    numbers = [number for value in values if (number := _as_number(value)) is not None]
    if not numbers:
        return []
    span = max(numbers) - min(numbers)
    return [*numbers, min(numbers) - span, max(numbers) + span]


def _as_number(value: Any) -> float | None:
    if isinstance(value, list) and value and all(isinstance(each, (int, float)) for each in value):
        return float(sum(value))
    return float(value) if isinstance(value, (int, float)) else None
