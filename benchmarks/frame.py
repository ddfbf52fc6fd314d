"""The frame of all benchmarks: who takes part, in turns, how often, and where the figures go.

A script declares a `Benchmark` as its ``BENCHMARK`` and ends with ``main(BENCHMARK)``. By that it runs
alone, with ``--quick``, and for some of its cases (``python benchmarks/pool.py ms=50``, or ``notes``); its
results are kept in ``results/NAME.json``, and the page, the plots and the README are written anew from all
results that there are. What is measured again replaces its own case alone, which says when and on what
machine it was measured. `run.py` lists the scripts.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import filecache
import measured
from measured import Case, Measured, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CORES = 2


class NotHere(Exception):
    """A benchmark cannot be run on this machine; the message says why."""


@dataclass(frozen=True)
class Contestant:
    """One way to do the work of a case."""

    name: str
    """How tables and plots call it; ours is ``pixmake`` (`measured.OURS`)."""
    run: Callable[[], Mapping[str, float]]
    """Does all the work once, sees that all was done, and returns figures: `usage.usage` for a command."""
    prepare: Callable[[], object] = lambda: None
    """Called before each run, such as for removing the results of the one before."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """`environments.versions` of what it is made of."""


@dataclass(frozen=True)
class Aim:
    """What a figure should be, and what it is."""

    what: str
    value: float
    least: float | None = None
    most: float | None = None
    unit: str = "×"

    @property
    def met(self) -> bool | None:
        """Whether it was; nothing if it was not measured."""
        if self.value != self.value:
            return None
        return (self.least is None or self.value >= self.least) and (
            self.most is None or self.value <= self.most
        )


@dataclass(frozen=True)
class Headline:
    """A line of the README's table: the same work, them and us."""

    work: str
    against: str
    theirs: float
    ours: float


def headlines_of(
    results: Results, case: Case, theirs: str, work: str, against: str = "", ours: str = measured.OURS
) -> list[Headline]:
    """The line about a case, against a contestant's name unless given; none if it was not measured."""
    them, us = results.of(theirs, **case), results.of(ours, **case)
    return [Headline(work, against or theirs, them.median(), us.median())] if them and us else []


@dataclass(frozen=True)
class Benchmark:
    """What is compared, how it is measured, and how it is told."""

    name: str
    """Of the script, of its file of results and of its plot."""
    title: str
    about: str
    """Markdown: the work, and how each contestant is set up for it."""
    cases: Sequence[Case]
    """What is asked of all contestants, such as ``[{"images": 200}, {"images": 1000}]``."""
    quick: Sequence[Case]
    """The same for ``--quick``: all of them take less than a minute, each run once."""
    contestants: Callable[[Case, Path], Sequence[Contestant]]
    """Those of a case, with all their files in a folder of its own, which is removed afterwards."""
    long: Sequence[Case] = ()
    """Cases that take so long that they are measured only if asked for: ``scale.py images=100000``."""
    repeats: Callable[[Case], int] = lambda case: 3
    aims: Callable[[Results], Sequence[Aim]] = lambda results: ()
    headlines: Callable[[Results], Sequence[Headline]] = lambda results: ()
    text: Callable[[Results], str] | None = None
    """Tables as Markdown; `page.comparison` unless given."""
    plot: Callable[[Results, Figure], None] | None = None
    """Draws into an empty figure; `plots` has what is common."""
    notes: Callable[[bool], Mapping[str, str]] | None = None
    """Called once after the cases, told whether to be quick: what is no comparison, such as a profile."""


def interleaved(case: Case, contestants: Sequence[Contestant], repeats: int) -> list[Measured]:
    """Have each contestant run in turn, so that what slows the machine down slows all of them.

    Each round begins with another one.
    """
    runs: dict[str, list[Mapping[str, float]]] = {each.name: [] for each in contestants}
    for turn in range(repeats):
        start = turn % len(contestants)
        for each in (*contestants[start:], *contestants[:start]):
            each.prepare()
            figures = each.run()
            runs[each.name].append({name: round(value, 4) for name, value in figures.items()})
            _say(f"{_words(case)}, {each.name}: {_figures(figures)}")
    when, where = str(datetime.now(UTC).date()), measured.machine()
    return [
        Measured(case, each.name, tuple(runs[each.name]), each.versions, when, where) for each in contestants
    ]


def measure(
    benchmark: Benchmark,
    *,
    quick: bool = False,
    only: Mapping[str, str] | None = None,
    cases: bool = True,
    notes: bool = True,
) -> Results:
    """Measure the cases that have all the values of ``only``, then the notes; keep results after each."""
    folder = measured.QUICK if quick else measured.RESULTS
    results = measured.read(benchmark.name, folder)
    if results is None:
        results = Results(benchmark.name)
    begun = time.monotonic()
    known = [dict(case) for case in (*benchmark.cases, *benchmark.long, *benchmark.quick)]
    for case in results.cases():
        if dict(case) not in known or (quick and cases and not only):
            results = results.without(case)
    full = (*benchmark.cases, *(benchmark.long if only else ()))
    for case in (benchmark.quick if quick else full) if cases else ():
        if not all(str(case.get(name)) == value for name, value in (only or {}).items()):
            continue
        with _one_pair_of_cores(), filecache.scratch() as scratch:
            there = benchmark.contestants(case, Path(scratch))
            with filecache.held(quick=quick):
                found = interleaved(case, there, 1 if quick else benchmark.repeats(case))
        merged = (*results.without(case).measured, *found)
        order = sorted(merged, key=lambda each: known.index(dict(each.case)))
        results = replace(results, measured=tuple(order))
        measured.write(results, folder)
    if benchmark.notes is not None and notes:
        with _one_pair_of_cores():
            results = replace(results, notes=benchmark.notes(quick))
        measured.write(results, folder)
    _say(f"{benchmark.name}: {time.monotonic() - begun:.0f} s in all")
    return results


def main(benchmark: Benchmark) -> None:
    """Be the program of a script."""
    import page

    parser = argparse.ArgumentParser(description=benchmark.title)
    parser.add_argument("--quick", action="store_true", help="under a minute; RESULTS.md is not written")
    parser.add_argument("only", nargs="*", metavar="NAME=VALUE", help="only these cases, or `notes`")
    given = parser.parse_args()
    only = dict(word.split("=", 1) for word in given.only if word != "notes")
    what = {"cases": bool(only) or not given.only, "notes": "notes" in given.only or not given.only}
    try:
        results = measure(benchmark, quick=given.quick, only=only, **what)
    except NotHere as reason:
        sys.exit(f"{benchmark.name}: not measured: {reason}")
    print(page.section(benchmark, results))
    page.write(quick=given.quick)


@contextlib.contextmanager
def _one_pair_of_cores():
    """Let all contestants have the same two cores where there are more, whatever they think of it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _words(case: Case) -> str:
    return ", ".join(f"{name}={value}" for name, value in case.items())


def _figures(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {measured.number(value)}" for name, value in figures.items())
