"""Checks of the placeholders in what a step runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pixmake.base import placeholders
from pixmake.base.errors import Problem, nearest
from pixmake.config.models import Config, Step
from pixmake.table.groups import Group

BRACES = "braces of the command itself are doubled: {{ and }}"


def unknown(config: Config, name: str, template: str, where: str) -> Iterator[Problem]:
    """The placeholders that no job could fill in; those of images and metadata are looked at later."""
    try:
        found = placeholders.names(template)
    except ValueError as error:
        yield Problem(f"{error} in {template!r}", where, BRACES)
        return
    known = names(config, name)
    for placeholder in found if config.needed_files(config.steps[name]) is not None else ():
        if placeholder in known or placeholder.startswith(("images.", "meta.")):
            continue
        # `{ print $1 }` of awk is no misspelt placeholder
        spelt = placeholder.replace(".", "").replace("_", "").isalnum()
        hint = nearest(placeholder, known) if spelt else BRACES
        yield Problem(f"there is no placeholder {{{placeholder}}}", where, hint)


def names(config: Config, name: str) -> list[str]:
    """The placeholders that every job of a step can fill in."""
    step = config.steps[name]
    needs = [*step.needs, *step.needs_all]
    needed = config.needed_files(step) or ()
    return [
        *(["images"] if config.images.group_by or step.terms is not None else ["image"]),
        *(["measurements"] if needs else []),
        *(f"files.{file}" for file in step.files),
        *(f"needs.{file}" for file in needed),
        *(f"params.{param}" for param in step.params),
        *("threads", "id", "step", "result"),
    ]


def unfilled(step: Step, template: str, where: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """The images of a group and the terms of the table that no job has."""
    terms = {term for group in groups for term in group.metadata}
    images = {image for group in groups for image in group.names}
    for placeholder in placeholders.names(template):
        kind, _, word = placeholder.partition(".")
        if kind == "meta" and word not in terms:
            yield Problem(f"{{{placeholder}}}: no image has a value of {word!r}", where, nearest(word, terms))
        if kind == "images" and word and word not in images:
            hint = nearest(word, images) if images else "groups of images need `group_by`"
            yield Problem(f"{{{placeholder}}}: no group has an image {word!r}", where, hint)
