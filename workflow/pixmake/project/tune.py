"""A step with several values of its params, on some images: beside the results, to be compared by eye."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.files import written_whole
from pixmake.config.edit import set_value
from pixmake.config.models import Config, read_config
from pixmake.images.read import read_image
from pixmake.plan.analysis import read_signature
from pixmake.plan.kinds import kind_of
from pixmake.plan.plan import Plan
from pixmake.project.try_image import Done, Tried, try_variant
from pixmake.results.report.thumbnails import outline_of
from pixmake.table.groups import Group

FOLDER = ".snakemake/pixmake/tune"
"""Where it is kept which number stands for which values."""

MOST_PARAMS = 3
MOST_RUNS = 300
"""Variants times images: a page with more is not looked at."""

_FEW = 20
"""A term with more values than these tells single images apart, and no kinds of them."""

T = TypeVar("T")

Values = Mapping[tuple[str, str], Any]
"""The value of each param that is varied, by its step and its name."""


@dataclass(frozen=True)
class Mask:
    """What is kept of a mask, whose file the next variant writes over."""

    outline: str = ""
    """As SVG."""
    counted: str = ""
    """How many objects it has, and how much of the picture they are."""


@dataclass(frozen=True)
class Result:
    """What one variant made of one image."""

    group: Group
    number: int
    """The variant's: an index of the variants."""
    tried: tuple[Tried, ...]
    """The steps that were run, in their order."""
    mask: Mask
    """The first mask that they made."""


def parse_varied(step: str, given: Sequence[str], config: Config) -> dict[tuple[str, str], list[Any]]:
    """The values of ``PARAM=VALUE,VALUE`` or ``STEP.PARAM=…``, by step and param.

    Raises
    ------
    PixmakeError
        There is no such step, one is not of that form, or there are too many.
    """
    _see_step(step, config)
    varied: dict[str, list[Any]] = {}
    problems = []
    for word in given:
        name, mark, values = word.partition("=")
        if mark and name and not name.endswith(".") and values:
            varied[name] = [yaml.safe_load(each) for each in values.split(",")]
        else:
            problems.append(Problem(f"{word!r} is not understood", "--vary", "write PARAM=VALUE,VALUE"))
    if problems:
        raise PixmakeError(problems)
    return named_params(step, varied, config, "--vary")


def named_params(step: str, named: Mapping[str, T], config: Config, where: str) -> dict[tuple[str, str], T]:
    """What is said of ``PARAM`` of a step, or of ``STEP.PARAM`` of one that it needs, by step and param.

    Raises
    ------
    PixmakeError
        There is no such step, or there are too many.
    """
    _see_step(step, config)
    split = {name: name.rpartition(".") for name in named}
    problems = [
        Problem(f"there is no step {of!r}", f"{where} {name}", nearest(of, config.steps))
        for name, (of, dot, _) in split.items()
        if dot and of not in config.steps
    ]
    if len(named) > MOST_PARAMS:
        what = f"{len(named)} params at once are too many"
        problems.append(Problem(what, where, f"at most {MOST_PARAMS}"))
    if problems:
        raise PixmakeError(problems)
    return {(of or step, param): named[name] for name, (of, _, param) in split.items()}


def value_now(config: Config, of: str, param: str) -> Any:
    """What a param is by the config, or else by the function itself; None where that is not written out."""
    step = config.steps[of]
    if param in step.params:
        return step.params[param]
    try:
        file, _, name = str(step.function or "").rpartition(":")
        return ast.literal_eval(read_signature(file, name).defaults[param])
    except (PixmakeError, KeyError, ValueError):
        return None


def _see_step(step: str, config: Config) -> None:
    if step not in config.steps:
        raise PixmakeError([Problem(f"there is no step {step!r}", hint=nearest(step, config.steps))])


def values_now(config: Config, varied: Iterable[tuple[str, str]]) -> Values:
    """What the config says of params; nothing of one that is not in it."""
    return {
        (step, param): config.steps[step].params[param]
        for step, param in varied
        if param in config.steps[step].params
    }


def variants(config: Config, varied: Mapping[tuple[str, str], Sequence[Any]]) -> list[Values]:
    """All combinations, after what the config says: nothing of a param that is not in it."""
    now = values_now(config, varied)
    found = [dict(zip(varied, values, strict=True)) for values in product(*varied.values())]
    return [now, *(each for each in found if each != now)]


def stratified(groups: Sequence[Group], count: int) -> list[Group]:
    """Some images that differ in what the table says: of each kind one, before there are two of any.

    Parameters
    ----------
    groups
        All images, or groups of them.
    count
        How many at most.
    """
    kinds = _kinds(groups)
    seen: dict[tuple[str, Any], int] = {}
    left, chosen = list(range(len(groups))), list[int]()
    while left and len(chosen) < count:
        best = min(left, key=lambda number: sum(seen.get(kind, 0) for kind in kinds[number]))
        left.remove(best)
        chosen.append(best)
        for kind in kinds[best]:
            seen[kind] = seen.get(kind, 0) + 1
    return [groups[number] for number in sorted(chosen)]


def _kinds(groups: Sequence[Group]) -> list[list[tuple[str, Any]]]:
    """The terms with few values of each image."""
    values: dict[str, set[Any]] = {}
    for group in groups:
        for term, value in group.metadata.items():
            values.setdefault(term, set()).add(str(value))
    few = [term for term, found in values.items() if 1 < len(found) <= min(_FEW, max(1, len(groups) - 1))]
    return [[(term, str(group.metadata.get(term))) for term in few] for group in groups]


def jobs_to_look_at(plan: Plan, step: str, count: int) -> list[Group]:
    """Some jobs of a step: images, groups of them, or what its `per` puts together (see `stratified`)."""
    return stratified(plan.levels.of(step), count)


def tune(plan: Plan, step: str, tried: Sequence[Values], count: int) -> list[Result]:
    """Run a step with each variant on some images.

    Parameters
    ----------
    plan
        The project's plan.
    step
        The step whose results are looked at; what it needs is run, too.
    tried
        The variants.
    count
        How many images; of a step with ``per``, how many of what it puts together.

    Returns
    -------
    list
        Image by image those of all variants.

    Raises
    ------
    PixmakeError
        A param does not fit, or it would be too much.
    """
    check_variants(plan, step, tried, count)
    varied = dict.fromkeys(key for values in tried for key in values)
    jobs = jobs_to_look_at(plan, step, count)
    done: Done = set()
    of_variants = [
        look(plan, step, number, values, varied, jobs, done) for number, values in enumerate(tried)
    ]
    return [of_variant[number] for number in range(len(jobs)) for of_variant in of_variants]


def look(
    plan: Plan,
    step: str,
    number: int,
    values: Values,
    varied: Iterable[tuple[str, str]],
    jobs: Sequence[Group],
    done: Done,
) -> list[Result]:
    """Run a step with one variant on some images.

    Parameters
    ----------
    plan, step
        As of `tune`.
    number, values
        The variant.
    varied
        The params that any variant changes.
    jobs
        The images; see `jobs_to_look_at`.
    done
        The jobs that were run before and that no param changes; new ones are added.
    """
    told = try_variant(_with(plan, values), jobs, step, _changed(plan, {of for of, _ in varied}), done)
    return [Result(job, number, tuple(of_job), _mask(of_job)) for job, of_job in zip(jobs, told, strict=True)]


def _mask(told: Sequence[Tried]) -> Mask:
    files = (path for each in told if each.record.error is None for path in each.record.files.values())
    for path in files:
        if outline := outline_of(path):
            return Mask(outline, _counted(path))
    return Mask()


def _counted(mask: str) -> str:
    """How many objects a mask has, and how much of the picture they are."""
    import cv2
    import numpy as np

    pixels = read_image(mask)
    inside = (pixels if pixels.ndim == 2 else pixels.max(axis=2)) > 0
    count = len(np.unique(pixels[inside])) if pixels.ndim == 2 else 1
    if count == 1:  # no labels: what hangs together is an object
        count = cv2.connectedComponents(inside.astype(np.uint8))[0] - 1
    return f"{counted(count, 'object')}, {inside.mean():.1%} of the picture"


def check_variants(plan: Plan, step: str, tried: Sequence[Values], count: int) -> None:
    """See that variants can be tried.

    Raises
    ------
    PixmakeError
        As of `tune`.
    """
    config, problems = plan.config, list[Problem]()
    needed = _needed(config, step)
    for of, param in dict.fromkeys(key for values in tried for key in values):
        if of not in needed:
            problems.append(Problem(f"{step} does not need this step", f"--vary {of}.{param}"))
    images = sum(len(job.members) or 1 for job in jobs_to_look_at(plan, step, count))
    if len(tried) * images > MOST_RUNS:
        what = f"{len(tried)} variants on {counted(images, 'image')} are too many to look at"
        problems.append(Problem(what, "--vary", f"{MOST_RUNS} results at most: take fewer values or images"))
    for values in tried if not problems else ():
        varied = _with(plan, values).config
        for of in dict.fromkeys(each for each, _ in values):
            problems += kind_of(varied.steps[of].kind).check(varied, of)
    if problems:
        raise PixmakeError(dict.fromkeys(problems))


def _with(plan: Plan, values: Values) -> Plan:
    """The plan with these params."""
    steps = dict(plan.config.steps)
    for (step, param), value in values.items():
        steps[step] = steps[step].model_copy(update={"params": {**steps[step].params, param: value}})
    config = plan.config.model_copy(update={"steps": steps})
    return replace(
        plan, config=config, steps=tuple(replace(each, step=steps[each.name]) for each in plan.steps)
    )


def _needed(config: Config, step: str) -> set[str]:
    each = config.steps[step]
    return {step}.union(*(_needed(config, need) for need in (*each.needs, *each.needs_all)))


def _changed(plan: Plan, varied: Iterable[str]) -> set[str]:
    """The steps that need one of these, and these."""
    wanted = set(varied)
    return {step for step in plan.config.steps if _needed(plan.config, step) & wanted}


def keep(step: str, tried: Sequence[Values]) -> None:
    """Note which number stands for which values, for `take`."""
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    content = [[[*key, value] for key, value in values.items()] for values in tried]
    with written_whole(Path(FOLDER) / f"{step}.json") as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def take(step: str, number: int, config: str) -> Iterator[str]:
    """Write the values of one variant into the config; yields what has changed.

    Raises
    ------
    PixmakeError
        Nothing was tuned, there is no such number, or the config cannot be changed.
    """
    try:
        tried = json.loads((Path(FOLDER) / f"{step}.json").read_bytes())
    except (OSError, ValueError):
        hint = f"pixmake tune {step} --vary PARAM=VALUE,VALUE"
        raise PixmakeError([Problem(f"the step {step!r} was not tuned here", hint=hint)]) from None
    if not 0 <= number < len(tried):
        raise PixmakeError([Problem(f"there is no number {number}", "--take", f"0 to {len(tried) - 1}")])
    yield from write_values(config, {(of, param): value for of, param, value in tried[number]})


def write_values(config: str | Path, values: Values) -> Iterator[str]:
    """Write values of params into the config; yields what has changed.

    Raises
    ------
    PixmakeError
        The config cannot be changed.
    """
    steps = read_config(config)["steps"]
    for (of, param), value in values.items():
        params = steps[of].get("params") or {}
        if param not in params or params[param] != value:
            set_value(config, ("steps", of, "params", param), value)
            yield f"{config}: steps.{of}.params.{param} is {json.dumps(value)} now"
