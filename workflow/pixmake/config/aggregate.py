"""The part of config.yaml that says what is made of the records of all images."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pixmake.config.base_model import Model
from pixmake.config.table_formats import DATABASE, PLANTCV, TABLES

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
FUNCTION = r"^.+\.py:[A-Za-z_][A-Za-z0-9_]*$"
Suffix = Annotated[str, Field(pattern=r"^\.?[A-Za-z0-9]+$")]


class TableFunction(Model):
    """A function of the tables of all images, run once these are there."""

    function: Annotated[str, Field(pattern=FUNCTION)]
    """`FILE.py:NAME`, the function that does it; it asks for tables by name."""

    needs: list[str] = []
    """Steps, whose rows alone it gets (default: those of all steps), and other functions of tables, whose
    tables it gets by name."""

    per: str | None = None
    """A metadata term: the function is called for each of its values, with the rows of that value."""

    params: dict[Name, Any] = {}
    """Arguments of the function, by name."""

    files: dict[Name, Suffix] = {}
    """The tables and figures that it returns, by name, with their suffix; default: a CSV of its own name."""

    @property
    def file(self) -> str:
        """The Python file of the function."""
        return self.function.rpartition(":")[0]

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.function.rpartition(":")[2]


class Controls(Model):
    """Which wells of a plate are controls."""

    column: str
    """A metadata term that says so."""

    positive: str
    """Its value for positive controls."""

    negative: str
    """Its value for negative controls."""


class Aggregate(Model):
    """What is made of the records of all images."""

    tables: list[Literal["csv", "parquet", "sqlite"]] = ["csv"]
    """Formats of the tables; CSV is always written."""

    bom: bool = False
    """Start CSV files with a byte order mark, which Excel needs to read umlauts."""

    plantcv: bool = False
    """Write PlantCV's own result files, too: its merged JSON and its tables of traits."""

    plantcv_append: str | None = None
    """A merged JSON of PlantCV's from before: its entities stand first in ours, but for those of images that
    this run has, too."""

    report: bool = True
    """Make the page `report.html`."""

    quality: bool = True
    """Look at the focus, the exposure and the colours of each picture while it is measured; the page names
    the cameras, days and plates whose pictures differ from the others."""

    controls: Controls | None = None
    """Which wells of a plate are controls: the page then says how well they are told apart (Z')."""

    function: Annotated[str, Field(pattern=FUNCTION)] | None = None
    """Short for an entry of `functions` that has the function's name and nothing else to say."""

    functions: dict[Name, TableFunction] = {}
    """Functions of the tables of all images, by name."""

    @property
    def all_functions(self) -> dict[str, TableFunction]:
        """The functions by name, `function` among them."""
        if self.function is None:
            return dict(self.functions)
        short = TableFunction(function=self.function)
        return {short.name: short, **self.functions}


def table_files(results: str, wanted: Aggregate) -> dict[str, str]:
    """What the aggregation writes: each file by a name for it."""
    files = {name: f"{results}/{name}.csv" for name in TABLES}
    if "parquet" in wanted.tables:
        files |= {f"{name}_parquet": f"{results}/{name}.parquet" for name in TABLES}
    if "sqlite" in wanted.tables:
        files["sqlite"] = f"{results}/{DATABASE}"
    if wanted.plantcv:
        names = ("plantcv", "plantcv_single_value", "plantcv_multi_value")
        files |= {name: f"{results}/{file}" for name, file in zip(names, PLANTCV, strict=True)}
    return files
