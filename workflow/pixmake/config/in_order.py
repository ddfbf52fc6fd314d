"""What is in order of a config that has mistakes: it is looked at further, so that all are told at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pixmake.config.models import Config, Step, meaningless

_ROUNDS = 10
"""What is taken out may leave something that is incomplete in turn, such as a step that runs nothing."""

_STAND_IN = {"table": "config/images.csv"}


@dataclass(frozen=True)
class InOrder:
    """The part of a config that is in order."""

    config: Config
    inconsistent: Config
    """The same with what its keys do not allow together, such as one that a kind of step does not know."""
    has_images: bool = True
    """Whether its `images` are those of the project; else they stand in for some that are not in order."""
    cut: frozenset[str] = frozenset()
    """The steps that lack something that was not in order: of these it is not known what they are given."""


def what_is_in_order(content: Mapping[str, Any]) -> InOrder | None:
    """A config without whatever in it is wrong by itself; nothing, if no step is left.

    A step may then need one that is not there any more: what such a step gets of others is not known.
    """
    kept = copy.deepcopy(dict(content))
    has_images, cut = True, set[str]()
    for _ in range(_ROUNDS):
        try:
            config = Config.model_validate(kept)
            return InOrder(_of_its_kinds(config), config, has_images, frozenset(cut))
        except ValidationError as error:
            for detail in error.errors():
                _take_out(kept, detail["loc"], missing=detail["type"] == "missing")
                cut |= {str(name) for name in detail["loc"][1:2] if detail["loc"][0] == "steps"}
            if not kept.get("images"):
                has_images, kept["images"] = False, _images_like(content.get("images"))
            _forget_functions(kept)
    return None


def _of_its_kinds(config: Config) -> Config:
    """A config whose steps give no key that their kinds do not know."""
    defaults = {
        name: field.get_default(call_default_factory=True) for name, field in Step.model_fields.items()
    }
    steps = {
        name: step.model_copy(update={option: defaults[option] for option in meaningless(step)})
        for name, step in config.steps.items()
    }
    return config.model_copy(update={"steps": steps})


def _take_out(content: dict[str, Any], place: Sequence[str | int], *, missing: bool) -> None:
    """Remove what is at a place; where something is missing, what lacks it."""
    way = list(_way(content, place))
    if missing and len(way) > 1:
        way.pop()
    if way:
        holder, key = way[-1]
        if isinstance(holder, list) and isinstance(key, int):
            holder[key : key + 1] = []
        else:
            holder.pop(key, None)


def _way(content: Any, place: Sequence[str | int]) -> Iterator[tuple[Any, str | int]]:
    """The holders and keys on the way to a place; pydantic's names of a union's branches are passed over."""
    for key in place:
        if isinstance(content, dict) and (key in content or key == place[-1]):
            yield content, key
            content = content.get(key)
        elif isinstance(content, list) and isinstance(key, int) and key < len(content):
            yield content, key
            content = content[key]


def _images_like(images: Any) -> dict[str, Any]:
    """Images that stand in: grouped if the project's are, as steps get others of their arguments then."""
    grouped = images.get("group_by") if isinstance(images, dict) else None
    is_right = isinstance(grouped, list) and all(isinstance(column, str) for column in grouped)
    return {**_STAND_IN, **({"group_by": grouped} if is_right else {})}


def _forget_functions(content: dict[str, Any]) -> None:
    """Remove functions of tables that need what was taken out: that is no mistake of theirs."""
    aggregate, steps = content.get("aggregate"), content.get("steps")
    functions = aggregate.get("functions") if isinstance(aggregate, dict) else None
    if not isinstance(functions, dict) or not isinstance(steps, dict):
        return
    for name, function in list(functions.items()):
        needs = function.get("needs") if isinstance(function, dict) else None
        if isinstance(needs, list) and not set(map(str, needs)) <= {*map(str, steps), *map(str, functions)}:
            del functions[name]
