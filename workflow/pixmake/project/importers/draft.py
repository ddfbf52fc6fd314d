"""A config in the making, from another system's: what it says, what that comes from, what was left out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from pixmake.base.errors import PixmakeError, Problem
from pixmake.config.models import Config, Keys

Path = tuple[str, ...]
"""The keys that lead to a value."""


@dataclass
class Draft:
    """A config in the making."""

    content: dict[str, Any] = field(default_factory=dict)
    """What it says."""
    origins: dict[Path, str] = field(default_factory=dict)
    """The other system's key of what it could do without."""
    notes: list[str] = field(default_factory=list)
    """What was not carried over."""
    comments: dict[Keys, list[str]] = field(default_factory=dict)
    """What to say above some of its keys."""

    def put(self, keys: Path, value: Any, origin: str = "") -> None:
        """Set a key of the config; with an origin, it is taken out again if our models do not accept it."""
        inside = self.content
        for key in keys[:-1]:
            inside = inside.setdefault(key, {})
        inside[keys[-1]] = value
        if origin:
            self.origins[keys] = origin

    def value(self, keys: Path) -> Any:
        """What stands under these keys."""
        inside: Any = self.content
        for key in keys:
            inside = inside[key]
        return inside

    def take_out(self, keys: Path) -> None:
        """Remove a key of the config, and what is empty without it."""
        if len(keys) > 1 and len(self.value(keys[:-1])) == 1:
            self.take_out(keys[:-1])
        else:
            del self.value(keys[:-1])[keys[-1]]

    def note(self, key: str, value: Any, what: str) -> None:
        """Say that something was not carried over."""
        self.notes.append(f"- {key} ({json.dumps(value)}): {what}")


def settle(draft: Draft, path: str) -> None:
    """Take out what our models do not accept, and say why.

    Raises
    ------
    PixmakeError
        What is left is still no config.
    """
    while True:
        try:
            Config.model_validate(draft.content)
        except ValidationError as error:
            details = error.errors()
            found = next(((detail, keys) for detail in details if (keys := _origin(detail, draft))), None)
            if found is None:
                what = "; ".join(f"{'.'.join(map(str, d['loc']))}: {d['msg']}" for d in details)
                raise PixmakeError([Problem(f"cannot be made into a config: {what}", path)]) from None
            detail, keys = found
            draft.note(draft.origins.pop(keys), draft.value(keys), _why(detail))
            draft.take_out(keys)
        else:
            return


def _why(detail: Any) -> str:
    if detail["type"] == "string_pattern_mismatch":
        return "is not letters, digits and _ alone, as names have to be here"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def _origin(detail: Any, draft: Draft) -> Path | None:
    """The key that an error is about, if the config can do without it."""
    place = tuple(str(key) for key in detail["loc"])
    # above or below the key: a union of types says which one it tried, a model that it is unknown
    near = [keys for keys in draft.origins if place[: len(keys)] == keys or keys[: len(place)] == place]
    return max(near, key=len, default=None)
