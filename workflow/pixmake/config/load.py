"""`load` in a step: functions that run once, and whose results all images get."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, model_validator

from pixmake.config.base_model import Model

FUNCTION = r"^.+\.py:[A-Za-z_][A-Za-z0-9_]*$"
"""`FILE.py:NAME`."""


class Loader(Model):
    """A function that loads something once; `FILE.py:NAME` alone is the function."""

    function: Annotated[str, Field(pattern=FUNCTION)]
    """`FILE.py:NAME`: it gets the params that it asks for, `device` and `threads`."""

    files: list[str] = []
    """The files that it reads: another content runs the step again."""

    @model_validator(mode="before")
    @classmethod
    def _is_function(cls, given: Any) -> Any:
        return {"function": given} if isinstance(given, str) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        loader = handler.resolve_ref_schema(schema)
        whole = dict(loader)
        loader.clear()
        loader["anyOf"] = [{"type": "string", "pattern": FUNCTION}, whole]
        return schema
