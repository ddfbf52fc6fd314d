"""Writes the JSON Schema of config.yaml, for editors: ``python -m pixmake.config.schema [--check]``."""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from pixmake.base import plugins
from pixmake.base.files import written_whole
from pixmake.base.installed import WORKFLOW


def config_schema() -> str:
    """The JSON Schema of ``config.yaml`` as text, with what installed packages add."""
    from pixmake.config.models import Config

    schema = Config.model_json_schema(schema_generator=_Described)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the schema, or with ``--check`` say whether the written one is up to date."""
    plugins.use("")  # what is written comes with pixmake, and is of pixmake alone
    path = Path(WORKFLOW) / "schemas" / "config.schema.json"
    current = path.read_text(encoding="utf-8") if path.exists() else ""
    if current == config_schema():
        return 0
    if "--check" in arguments:
        print(f"{path} is out of date: python -m pixmake.config.schema writes it", file=sys.stderr)
        return 1
    with written_whole(path) as temporary:
        temporary.write_text(config_schema(), encoding="utf-8")
    return 0


class _Described(GenerateJsonSchema):
    """A schema that says of each key what stands below it in its model."""

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        """The schema of a model."""
        told = super().model_schema(schema)
        for model in reversed(schema["cls"].__mro__):
            for key, text in _docstrings(model):
                for form in (told, *told.get("anyOf", ())):
                    if key in form.get("properties", ()):
                        form["properties"][key]["description"] = text
        return told


def _docstrings(model: type) -> Iterator[tuple[str, str]]:
    """The texts below the keys of a model."""
    try:
        (found,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    except (OSError, TypeError):  # built in, or without its source
        return
    for key, text in pairwise(found.body if isinstance(found, ast.ClassDef) else ()):
        match key, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                yield name, inspect.cleandoc(said)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
