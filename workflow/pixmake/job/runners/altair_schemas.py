"""Altair, with which PlantCV draws its histograms, hashes the schemas of its classes once and not again.

For each encoding of a chart Altair makes a table of the hashes of its 561 schemas, which do not change: the
nine histograms of ``pcv.analyze.color`` hash 25,245 schemas. Seen in Altair 5.5; `docs/upstream.md` has the
figures.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import sys
from typing import Any


def hash_once() -> None:
    """Keep the hashes of the schemas that are there now, in this process and in its forks.

    Nothing is done where Altair is not imported. A schema of any other object is hashed as ever.

    Raises
    ------
    AttributeError
        An Altair that is made otherwise.
    """
    if (altair := sys.modules.get("altair.utils.schemapi")) is None or hasattr(altair, _MARK):
        return
    tables, base = altair._FromDict, altair.SchemaBase
    theirs = tables.hash_schema
    schemas = [each._schema for each in base._default_wrapper_classes() if each._schema is not None]
    # with the schema itself: as long as it is held, no other object has its number
    kept: dict[int, tuple[Any, int]] = {id(schema): (schema, theirs(schema)) for schema in schemas}

    def hash_schema(schema: Any, *how: Any, **more: Any) -> int:
        if not (how or more) and (known := kept.get(id(schema))) is not None:
            return known[1]
        hashed: int = theirs(schema, *how, **more)
        return hashed

    tables.hash_schema = staticmethod(hash_schema)
    setattr(altair, _MARK, True)


_MARK = "_pixmake_hashes_once"
