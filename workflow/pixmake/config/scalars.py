"""How a value stands in config.yaml, before YAML made something of it: ``010``, ``NO``, ``1:30``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Scalar:
    """A value of a YAML file."""

    text: str
    """As it is written, without quotes."""
    place: str
    """``file:line``"""
    is_quoted: bool


def scalar_at(path: str | Path, keys: Sequence[str | int]) -> Scalar | None:
    """The value under some keys of a YAML file; ``None`` if there is none, or the file is no YAML."""
    try:
        node = _composed(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            node = next((value for name, value in node.value if name.value == str(key)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
        elif not (isinstance(node, yaml.ScalarNode) and key == 0):  # one value stands for a list of one
            return None
    if not isinstance(node, yaml.ScalarNode):
        return None
    return Scalar(node.value, f"{path}:{node.start_mark.line + 1}", node.style is not None)


@lru_cache(maxsize=1)
def _composed(text: str) -> yaml.Node | None:
    return yaml.compose(text)
