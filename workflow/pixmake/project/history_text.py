"""The history of an image's records as lines for a person: when each was made, and what was new each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pixmake.project.explain import WORDS, changed
from pixmake.results.history import Made


def lines(made: Sequence[Made]) -> Iterator[str]:
    """Each time that a record was made, by step, with what differs from the time before."""
    for step, group in groupby(made, key=lambda each: each.step):
        times = list(group)
        yield f"{step} of {times[0].id}"
        for number, each in enumerate(times):
            when = each.started.replace("T", " ")
            yield f"  {when}  {each.status:<6}  task {each.task}  source {_source(each)}"
            for what in _news(times[number - 1], each) if number else ():
                yield f"{'':23}{what}"


def _source(made: Made) -> str:
    return str(made.common.get("source", "not known"))[:16]


def _news(before: Made, made: Made) -> Iterator[str]:
    """What is new since the time before, and whether other values were measured."""
    was, now = dict(before.common), dict(made.common)
    told = [*changed("parameter", was.pop("params", {}), now.pop("params", {}))]
    told += [
        WORDS.get(key, f"{key}: {was.get(key)} became {now.get(key)}")
        for key in ("source", "work")
        if was.get(key) != now.get(key)
    ]
    if before.task != made.task and not told:
        told.append("its image, its metadata, its environment or what it needs was another")
    if before.task == made.task:
        told.append("made of the same")
    for key in ("python", "host"):
        if was.get(key) != now.get(key):
            told.append(f"{key} was {was.get(key)} and is {now.get(key)}")
    yield from told
    yield "the same values" if before.values == made.values else "other values were measured"
