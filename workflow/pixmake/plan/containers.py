"""A project whose images are found during the run, as two: one of the files that hold them, one of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.config.checkpoint import TERMS, Checkpoint
from pixmake.config.images import Images
from pixmake.config.models import Config, Step
from pixmake.plan.analysis import read_signature, source_hash
from pixmake.table.groups import template_columns

SPLIT = "split"
"""The step that finds the images of one container."""

LISTED = "images"
"""Its file: a list of them, a line of JSON each."""

ID = "{container}_{image}"
"""The id of a found image, if nothing else is said."""


class SplitStep(Step):
    """The step `SPLIT`, which no config can name."""

    @property
    def kind(self) -> str:
        """What `pixmake.job.runners` calls it."""
        return SPLIT


def split_step(checkpoint: Checkpoint) -> SplitStep:
    """The step that finds the images of a container."""
    return SplitStep.model_construct(
        function=None,
        files={LISTED: "jsonl"},
        params=checkpoint.params,
        retries=checkpoint.retries,
        timeout=checkpoint.timeout,
    )


def split_work(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a job of that step is told; see `pixmake.job.runners.split`."""
    kind = checkpoint.kind
    given = getattr(checkpoint, kind)
    return {kind: given if isinstance(given, str) else given.model_dump(exclude_none=True)}


def split_source(checkpoint: Checkpoint) -> str:
    """A hash of the user's function, if there is one."""
    if checkpoint.function is None:
        return ""
    file, _, name = checkpoint.function.rpartition(":")
    return source_hash(file, name)


def container_config(config: Config) -> Config:
    """The project of the containers: the source's files, and one step."""
    checkpoint = config.images.checkpoint
    assert checkpoint is not None
    images = config.images.model_copy(update={**_OF_FOUND, "checkpoint": None, "types": {}})
    return config.model_copy(update={"images": images, "steps": {SPLIT: split_step(checkpoint)}})


def found_config(config: Config, table: str) -> Config:
    """The project of the found images, which stand in a table."""
    images = config.images
    template = images.id or (None if images.group_by else ID)
    update = {name: getattr(images, name) for name in _OF_FOUND} | {"id": template, "types": images.types}
    found = Images.model_validate({"table": table}).model_copy(update=update)
    return config.model_copy(update={"images": found})


def checkpoint_problems(config: Config, columns: list[str]) -> Iterator[Problem]:
    """What is wrong with a checkpoint, given the columns of the containers' table."""
    checkpoint = config.images.checkpoint
    assert checkpoint is not None
    where = "images.checkpoint"
    if SPLIT in config.steps:
        hint = "rename it: the step that finds the images is called so"
        yield Problem(f"a step cannot be called {SPLIT!r}", f"steps.{SPLIT}", hint)
    for term in TERMS[checkpoint.kind]:
        if term in columns:
            what = f"the table has a column {term!r}, but found images get one of this name"
            yield Problem(what, where, "rename the column")
    if checkpoint.function is None:
        # what a function says of its images is known only once it has run
        known = [*columns, *TERMS[checkpoint.kind]]
        for key, column in _named_columns(config):
            if columns and column not in known:
                yield Problem(f"found images have no column {column!r}", key, nearest(column, known))
        return
    file, _, name = checkpoint.function.rpartition(":")
    try:
        signature = read_signature(file, name, f"{where}.function")
    except PixmakeError as error:
        yield from error.problems
        return
    given = {"path", "meta", *checkpoint.params}
    for argument in signature.required:
        if argument not in given:
            what = f"{checkpoint.function} needs the argument {argument!r}"
            yield Problem(what, f"{where}.function", "give it under params, or ask for `path` or `meta`")
    for param in checkpoint.params:
        if not signature.accepts(param):
            yield Problem(f"{checkpoint.function} has no argument {param!r}", f"{where}.params")


def _named_columns(config: Config) -> Iterator[tuple[str, str]]:
    """The columns of found images that a config names, each with its key."""
    images = config.images
    with contextlib.suppress(PixmakeError):  # no template: told where the images are grouped
        yield from (("images.id", column) for column in template_columns(images.id or ""))
    yield from (("images.group_by", column) for column in images.group_by)
    if images.name_by:
        yield "images.name_by", images.name_by
    for name, step in config.steps.items():
        yield from ((f"steps.{name}.per", term) for term in step.terms or ())


_OF_FOUND: dict[str, Any] = {
    "id": None,
    "group_by": [],
    "name_by": None,
    "require": [],
    "incomplete": "error",
    "empty_group": "error",
}
"""What `images` says of the found images, and what it is for the containers."""
