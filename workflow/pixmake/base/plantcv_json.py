"""PlantCV's merged JSON, as ``plantcv-run-workflow`` writes it: ``variables`` and ``entities``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem

_HINT = "it should be the merged JSON of plantcv-run-workflow"


def read_merged(path: str | Path) -> Mapping[str, Any]:
    """Its content, with the keys ``variables`` and ``entities``.

    Raises
    ------
    PixmakeError
        It cannot be read, or is no such file.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise PixmakeError([Problem("there is no such file", str(path), _HINT)]) from None
    except OSError as error:
        raise PixmakeError([Problem(f"cannot be read: {error.strerror}", str(path))]) from None
    except (ValueError, RecursionError) as error:
        raise PixmakeError([Problem(f"cannot be read as JSON: {error}", str(path), _HINT)]) from None
    if not (isinstance(content, dict) and {"variables", "entities"} <= content.keys()):
        raise PixmakeError([Problem("has no `variables` and `entities`", str(path), _HINT)])
    if not (isinstance(content["variables"], dict) and isinstance(content["entities"], list)):
        raise PixmakeError([Problem("`variables` is no object, or `entities` no list", str(path), _HINT)])
    for name, said in content["variables"].items():
        if not (isinstance(said, dict) and {"category", "datatype"} <= said.keys()):
            raise PixmakeError(
                [Problem(f"the variable {name!r} has no category or datatype", str(path), _HINT)]
            )
    for number, entity in enumerate(content["entities"], start=1):
        if not _is_entity(entity):
            what = f"entity {number} has no metadata with values, or no observations with values and labels"
            raise PixmakeError([Problem(what, str(path), _HINT)])
    return content


def images_of(entity: Mapping[str, Any]) -> frozenset[str]:
    """The absolute paths of the images of an entity; none if it does not say them."""
    for name in ("image", "filepath"):  # PlantCV 4, PlantCV 5
        said = entity["metadata"].get(name)
        if said is not None:
            return frozenset(os.path.abspath(str(path)) for path in said["value"])
    return frozenset()


def _is_entity(entity: Any) -> bool:
    if not isinstance(entity, dict):
        return False
    metadata, observations = entity.get("metadata"), entity.get("observations")
    if not (isinstance(metadata, dict) and isinstance(observations, dict)):
        return False
    if not all(isinstance(said, dict) and _is_flat(said.get("value")) for said in metadata.values()):
        return False
    if not all(isinstance(variables, dict) for variables in observations.values()):
        return False
    said = [each for variables in observations.values() for each in variables.values()]
    return all(
        isinstance(each, dict)
        and {"value", "label", "datatype"} <= each.keys()
        and (isinstance(each["label"], list) or not isinstance(each["value"], list))
        for each in said
    )


def _is_flat(values: Any) -> bool:
    return isinstance(values, list) and not any(isinstance(value, (list, dict)) for value in values)
