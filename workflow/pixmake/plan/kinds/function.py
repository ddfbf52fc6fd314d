"""Kind of step ``function``, before anything runs: its arguments must be those that a job can give."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.config.models import ARGUMENTS, Config, Step
from pixmake.plan.analysis import Signature, read_signature, source_hash
from pixmake.plan.loads import asked_by_loaders, load_problems, load_work
from pixmake.plan.type_hints import misfit
from pixmake.table.groups import Group

READS = "otherwise"
RUNNER = "pixmake.job.runners.function"


def check(config: Config, name: str) -> Iterator[Problem]:
    """The file, the function, and its arguments against what a job can give."""
    step = config.steps[name]
    yield from load_problems(config, name)
    try:
        signature = read_signature(*_function(step), f"steps.{name}.function")
    except PixmakeError as error:
        yield from error.problems
        return
    yield from _argument_problems(config, name, signature)


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """Nothing: what a function does with its images is its own affair."""
    return iter(())


def work(step: Step) -> Mapping[str, Any]:
    """The function's file and name."""
    more = {"axes": step.axes, "load": load_work(step)}
    return {"function": step.function, **{key: value for key, value in more.items() if value}}


def source(step: Step) -> str:
    """A hash of the function and of what it uses."""
    return source_hash(*_function(step))


def takes_images(step: Step) -> bool:
    """Whether the function asks for its images, as it must where it has but one."""
    signature = read_signature(*_function(step))
    return bool({"images", "paths"} & {*signature.required, *signature.optional})


def opens_images(step: Step) -> bool:
    """Whether the function asks for paths, and so opens images by itself."""
    signature = read_signature(*_function(step))
    return bool({"path", "paths"} & {*signature.required, *signature.optional})


def decodes_images(step: Step) -> bool:
    """Whether the function asks for decoded images, not only for where they lie."""
    signature = read_signature(*_function(step))
    wanted = {"image", "images", *(["batch"] if step.batch else [])}
    return bool(wanted & {*signature.required, *signature.optional})


def _function(step: Step) -> tuple[str, str]:
    file, _, function = step.runs.rpartition(":")
    return file, function


def _argument_problems(config: Config, name: str, signature: Signature) -> Iterator[Problem]:
    step = config.steps[name]
    files = config.needed_files(step)
    given = {*step.params, *step.load, *_given(config, step, files or ())}
    of_loaders = asked_by_loaders(step)
    for argument in signature.positional_only:
        what = f"{step.function}: its argument {argument!r} is positional-only"
        yield Problem(what, f"steps.{name}.function", "arguments are given by name: remove the `/`")
    if step.batch and not signature.accepts("batch"):
        hint = "it gets a list of images by this name, and returns a list"
        yield Problem(f"{step.function} has no argument 'batch'", f"steps.{name}.batch", hint)
    for model in step.load:
        if not signature.accepts(model):
            known = [x for x in (*signature.required, *signature.optional) if x not in ARGUMENTS]
            what = f"{step.function} has no argument {model!r}"
            yield Problem(what, f"steps.{name}.load", nearest(model, known))
    for param in step.params:
        if param in of_loaders and not signature.accepts(param):
            continue
        if not signature.accepts(param):
            known = [x for x in (*signature.required, *signature.optional) if x not in ARGUMENTS]
            what = f"{step.function} has no argument {param!r}"
            yield Problem(what, f"steps.{name}.params", nearest(param, known))
        elif param in signature.hints:
            why = misfit(step.params[param], signature.hints[param], signature.names)
            if why:
                hint = ast.unparse(signature.hints[param])
                what = f"{step.params[param]!r} does not fit `{param}: {hint}` of {step.function}"
                yield Problem(what, f"steps.{name}.params.{param}", why)
    for argument in signature.required if files is not None else ():
        if argument not in given:
            what = f"{step.function} needs the argument {argument!r}"
            hint = "give it under params or load, or name the step that makes such a file under needs"
            if argument in ("images", "paths"):
                hint = "groups of images need `group_by`"
            if argument in ("image", "path"):
                hint = "in groups (`group_by`) it is `images` or `paths`, by name"
            if step.terms is not None and argument in ("image", "path"):
                hint = "a step with `per` has several: `images` or `paths`"
            if step.batch and argument in ("image", "images"):
                hint = "with `batch` it gets all images of a batch by that name"
            if argument == "batch":
                hint = "say how many images it gets at the most: batch: 8"
            if argument == "rows":
                hint = "a step over several images needs `per`"
            if argument in ("measurements", "missing"):
                hint = "name the steps that measure under needs or needs_all"
            yield Problem(what, f"steps.{name}", hint)


def _given(config: Config, step: Step, files: Iterable[str]) -> set[str]:
    """What a function can ask for, besides its params."""
    needs = [*step.needs, *step.needs_all]
    given = {*files, "meta", *needs}
    if needs:
        given |= {"measurements", "missing"}
    if step.terms is not None:
        return given | {"rows", "images", "paths"}
    paths = {"paths"} if config.images.group_by else {"path"}
    if step.batch:
        return given | paths | {"batch"}
    return given | paths | ({"images"} if config.images.group_by else {"image"})
