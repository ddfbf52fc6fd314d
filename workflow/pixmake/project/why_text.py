"""Why numbers moved, as lines for a person and as content for programs; see `pixmake.project.why`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pixmake.project.why import Cause, Kind, Why
from pixmake.results import diff
from pixmake.results.diff import Change, shown_value
from pixmake.results.made_of import Key, Values

MOST_TOLD = 5
"""Ids that are told of a kind."""

_SURE = {
    "left": "what is left when all else is put back",
    "only": "the only difference",
    "likely": "likely, not shown",
}


def lines(found: Why) -> Iterator[str]:
    """What differs and why, as lines for a person."""
    yield from diff.lines(found.differences)
    yield from found.notes
    for kind in found.kinds:
        yield ""
        yield from _of_kind(kind)


def as_content(found: Why) -> dict[str, Any]:
    """The same for programs."""
    return {
        **diff.as_content(found.differences),
        "why": [
            {
                "step": kind.step,
                "ids": kind.ids,
                "measurements": {
                    name: {"ids": ids, "causes": [_content(kind, each) for each in kind.causes[name]]}
                    for name, ids in kind.names.items()
                },
                "differences": [_thing(key, kind.values[key]) for key in sorted(kind.keys)],
                "tried": kind.tried,
                "notes": kind.notes,
            }
            for kind in found.kinds
        ],
        "runs": found.runs,
        "notes": found.notes,
    }


def columns(found: Why) -> Mapping[str, Callable[[Change], str]]:
    """More columns of a table of all changes: the causes of each, and how sure they are."""

    def causes(change: Change) -> list[Cause]:
        return found.of(change.step, change.id, change.name)

    def called(change: Change) -> str:
        return "; ".join(" and ".join(_name(key) for key in sorted(each.keys)) for each in causes(change))

    return {"cause": called, "sure": lambda change: "; ".join(each.sure for each in causes(change))}


def _of_kind(kind: Kind) -> Iterator[str]:
    more = len(kind.ids) - MOST_TOLD
    told = ", ".join(kind.ids[:MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
    yield f"{kind.step} of {told}"
    by_causes: dict[tuple[Cause, ...], list[str]] = {}
    for name in kind.names:
        by_causes.setdefault(tuple(kind.causes[name]), []).append(name)
    for causes, names in by_causes.items():
        yield f"  {', '.join(names)}: {'changed by' if causes else 'no cause was found'}"
        for cause in causes:
            yield from _of_cause(kind, cause)
    if kind.tried:
        yield f"  run again: {', '.join(kind.tried)}"
    for note in kind.notes:
        yield f"  note: {note}"


def _of_cause(kind: Kind, cause: Cause) -> Iterator[str]:
    shown = f"shown: without it {cause.moved} of {cause.tried} images that were run again came out otherwise"
    together = "; these together" if len(cause.keys) > 1 else ""
    for number, key in enumerate(sorted(cause.keys)):
        values = kind.values.get(key, Values(None, None))
        sure = f" ({_SURE.get(cause.sure, shown)}{together})" if number == 0 else ""
        several = len(kind.ids) > 1 and key.kind in ("image", "metadata")
        yield f"    {_said(key, values, several)}{_of_other(kind, key)}{sure}"
        if key.kind == "line":
            yield from _lines("was", values.old)
            yield from _lines("is", values.new)


def _lines(word: str, text: Any) -> Iterator[str]:
    told = str(text or "").rstrip("\n").split("\n")
    for number, line in enumerate(told[:MOST_TOLD]):
        yield f"      {word if not number else '':<4}{line}" if line.strip() else f"      {word:<4}(nothing)"
    if len(told) > MOST_TOLD:
        yield f"      … and {len(told) - MOST_TOLD} more lines"


def _of_other(kind: Kind, key: Key) -> str:
    return f", of step {key.step}" if key.step != kind.step else ""


def _name(key: Key) -> str:
    return f"{key.kind} {key.name}".strip()


def _said(key: Key, values: Values, several: bool) -> str:
    """A difference in words; of several images the values of the first are no news."""
    was = "" if several else f" was {shown_value(values.old)} and is {shown_value(values.new)}"
    if key.kind == "image":
        which = f"the image {key.name}".strip()
        return f"{which} is another one{'' if several else f': {_image(values.old)} → {_image(values.new)}'}"
    if key.kind == "param":
        return f"parameter {key.name}{was}"
    if key.kind == "metadata":
        return f"metadata {key.name}{was}"
    if key.kind == "line":
        path, _, line = key.name.rpartition(":")
        return f"{path}, line {line}"
    if key.kind == "library":
        return f"{key.name} {values.old or 'was not there'} → {values.new or 'is not there'}"
    if key.kind == "model":
        return f"the model file{_named(key)}: {_files(values.old)} → {_files(values.new)}"
    if key.kind == "order":
        return f"the order of the images{_named(key)}"
    if key.kind == "others":
        gone, come = (len(each or ()) for each in values)
        return f"other images{_named(key)}: {come} new, {gone} gone"
    if key.kind == "needs":
        return f"what step {key.name} made of its images"
    if key.kind == "chance":
        return f"chance: {values.new or 'another value each time'}{' without a seed' if values.new else ''}"
    return f"{_WORDS.get(key.kind, key.kind)}{_named(key)}{was if key.kind != 'source' else ''}"


_WORDS = {
    "source": "the function, or what it uses; its old text is not kept here",
    "environment": "the conda environment, the container or the command",
    "correction": "the file corrected by hand:",
    "python": "the step's interpreter",
    "setting": "the step's",
}


def _named(key: Key) -> str:
    return f" {key.name}" if key.name else ""


def _image(told: Any) -> str:
    if not isinstance(told, Mapping):
        return shown_value(told)
    sha256 = f", SHA-256 {told['sha256'][:12]}…" if told.get("sha256") else ""
    return f"{told['path']}{sha256}"


def _files(told: Any) -> str:
    if not isinstance(told, Mapping):
        return shown_value(told)
    return ", ".join(f"{path} ({str(sha256)[:12]}…)" for path, sha256 in told.items())


def _content(kind: Kind, cause: Cause) -> dict[str, Any]:
    keys: Sequence[Key] = sorted(cause.keys)
    return {
        "sure": cause.sure,
        "moved": cause.moved,
        "tried": cause.tried,
        "what": [_thing(key, kind.values.get(key, Values(None, None))) for key in keys],
    }


def _thing(key: Key, values: Values) -> dict[str, Any]:
    return {**key._asdict(), **values._asdict()}
