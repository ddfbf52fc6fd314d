"""The formats of the tables of all images, and what their files are called.

Without the models of config.yaml: what writes tables is a process of its own, and starts fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

TABLES = ("measurements", "measurements_long", "failures", "runs", "files", "columns")
"""The tables of a run; each format has them all, and a function asks for them by these names."""

DATABASE = "tables.sqlite"
PLANTCV = ("plantcv.json", "plantcv-single-value-traits.csv", "plantcv-multi-value-traits.csv")


class Wanted(Protocol):
    """Which formats are wanted: `Formats`, or `pixmake.config.aggregate.Aggregate`."""

    @property
    def tables(self) -> Sequence[str]:
        """Formats; CSV is always written."""

    @property
    def bom(self) -> bool:
        """Whether CSV starts with a byte order mark."""

    @property
    def plantcv(self) -> bool:
        """Whether PlantCV's own result files are written."""

    @property
    def plantcv_append(self) -> str | None:
        """A merged JSON of PlantCV's from before, to which theirs is added."""


@dataclass(frozen=True)
class Formats:
    """The formats that are wanted, as the rule of the tables is told them."""

    tables: Sequence[str] = ("csv",)
    bom: bool = False
    plantcv: bool = False
    plantcv_append: str | None = None
