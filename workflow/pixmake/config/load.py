"""`load` in a step: functions that run once, and whose results all images get."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from pixmake.config.base_model import Model


def _or_text(schema: dict[str, Any]) -> None:
    """A loader may be the function alone, as text."""
    whole = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string", "pattern": FUNCTION}, whole]


FUNCTION = r"^.+\.py:[A-Za-z_][A-Za-z0-9_]*$"
"""`FILE.py:NAME`."""


class Loader(Model):
    """A function that loads something once; `FILE.py:NAME` alone is the function."""

    model_config = ConfigDict(json_schema_extra=_or_text)

    function: Annotated[str, Field(pattern=FUNCTION)]
    """`FILE.py:NAME`: it gets the params that it asks for, `device` and `threads`."""

    files: list[str] = []
    """The files that it reads: another content runs the step again."""

    @model_validator(mode="before")
    @classmethod
    def _is_function(cls, given: Any) -> Any:
        return {"function": given} if isinstance(given, str) else given
