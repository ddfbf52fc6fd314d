"""The keys of sources that installed packages add: read by the package's own model when a config has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from pixmake.base import plugins
from pixmake.base.errors import PixmakeError, nearest

NEEDED = ("Keys", "read")
"""The names that a source has which a package adds (``pixmake.sources``).

- ``Keys``: the model of what stands below its key, a `pixmake.config.base_model.Model`.
- ``read(keys)``: the table of images, a `pixmake.table.table.Table`.
- ``SHORT``: which of those keys a text alone means; ``path``, if it says nothing.
"""


@dataclass(frozen=True)
class KeysOf:
    """Makes a field of whatever the keys of a source are; its package is imported once they are given."""

    entry: plugins.Entry

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """What is given becomes the package's model."""
        return core_schema.no_info_plain_validator_function(self._keys)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The package's own schema; anything, if it cannot be used."""
        try:
            model = plugins.load(self.entry, NEEDED).Keys
            return {"anyOf": [{"type": "string"}, handler(model.__pydantic_core_schema__)]}
        except (plugins.PluginError, AttributeError):
            return {}

    def _keys(self, given: Any) -> BaseModel:
        try:
            source = plugins.load(self.entry, NEEDED)
        except plugins.PluginError as error:
            raise ValueError(str(error)) from None
        keys: type[BaseModel] = source.Keys
        if isinstance(given, keys):
            return given
        content = given if isinstance(given, Mapping) else {getattr(source, "SHORT", "path"): given}
        try:
            return keys.model_validate(content)
        except ValidationError as error:
            raise ValueError("; ".join(_told(detail, keys) for detail in error.errors())) from None
        except PixmakeError as error:
            raise ValueError(str(error)) from None


def _told(detail: Any, keys: type[BaseModel]) -> str:
    """A mistake below the key of a source, in the words of `pixmake.config.models.explain`."""
    name = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return f"unknown key {name} ({nearest(name, keys.model_fields)})"
    if detail["type"] == "missing":
        return f"the key {name} is missing"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{name}: {message[:1].lower()}{message[1:]}"
