"""Writes the JSON Schema of config.yaml, for editors: ``python -m pixmake.config.schema [--check]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pixmake.base import plugins
from pixmake.base.files import written_whole
from pixmake.base.installed import WORKFLOW


def config_schema() -> str:
    """The JSON Schema of ``config.yaml`` as text, with what installed packages add."""
    from pixmake.config.models import Config

    schema = Config.model_json_schema()
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


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
