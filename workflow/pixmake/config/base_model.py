"""What every part of a config is: its keys alone, never changed, described where they stand."""

import ast
import inspect
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler


class Model(BaseModel):
    """A part of a config; a key that it does not have is a mistake."""

    # not `use_attribute_docstrings`: each start would read the source of all parts, for the schema alone
    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        keys = handler.resolve_ref_schema(schema).get("properties", {})
        for name, description in _descriptions(cls).items():
            keys.get(name, {}).setdefault("description", description)
        return schema


def _descriptions(model: type[BaseModel]) -> dict[str, str]:
    """What stands below the keys of a model, and of those that it extends."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, Model) and each is not Model:
            (definition,) = ast.parse(inspect.getsource(each)).body
            assert isinstance(definition, ast.ClassDef)
            for key, text in pairwise(definition.body):
                if (
                    isinstance(key, ast.AnnAssign)
                    and isinstance(key.target, ast.Name)
                    and isinstance(text, ast.Expr)
                ):
                    found[key.target.id] = inspect.cleandoc(ast.literal_eval(text.value))
    return found
