"""The tables of a run as DataFrames, with the types that they had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.base.values import TIMESTAMP
from pixmake.results.export.delimited import as_it_was
from pixmake.results.tables import DESCRIPTION

if TYPE_CHECKING:
    import pandas as pd

    from pixmake.job.record import Record

_NUMBERS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def read_table(
    results: str | Path,
    name: str = "measurements",
    *,
    steps: Sequence[str] = (),
    time: str | None = None,
) -> pd.DataFrame:
    """Read a table of a run: numbers are numbers, ``007`` stays text, ``timestamp`` is a time.

    Parameters
    ----------
    results
        The folder of results.
    name
        ``measurements``, ``measurements_long``, ``failures``, ``runs``, ``files`` or ``columns``.
    steps
        Keep the rows of these steps, and the columns that they fill; default: all.
    time
        How ``timestamp`` is written, in Python's ``%`` codes; default: ISO 8601.
    """
    import pandas as pd

    columns = read_csv_table(Path(results) / "columns.csv", text=DESCRIPTION).fillna("")
    if name == "columns":
        return columns[columns["step"].isin([*steps, ""])] if steps else columns
    types = dict(zip(columns["column"], columns["type"], strict=True))
    text = [column for column, type_ in types.items() if type_ not in ("integer", "number", "bool")]
    frame = read_csv_table(Path(results) / f"{name}.csv", text=["id", "step", *text])
    if steps and "step" in frame:
        frame = frame[frame["step"].isin(steps)].reset_index(drop=True)
        measured = columns[columns["kind"] == "measurement"]
        others = set(measured["column"]) - set(measured["column"][measured["step"].isin(steps)])
        frame = frame.drop(columns=[column for column in others if column in frame])
    if TIMESTAMP in frame:
        try:
            frame[TIMESTAMP] = pd.to_datetime(frame[TIMESTAMP], format=time or "ISO8601")
        except (ValueError, TypeError):
            return frame  # as it is written
    return frame


def read_csv_table(path: str | Path, *, text: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV or TSV as `pixmake.results.export.delimited` writes it.

    Parameters
    ----------
    path
        The file.
    text
        The columns that are text, whatever stands in them; there only an empty cell is missing.
    """
    import pandas as pd

    separator = "\t" if str(path).endswith(".tsv") else ","
    try:
        header = [str(name) for name in pd.read_csv(path, sep=separator, nrows=0, encoding="utf-8-sig")]
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    frame = pd.read_csv(
        path,
        sep=separator,
        dtype=dict.fromkeys(set(text) & set(header), "str"),
        na_values={column: [""] if column in text else ["", "nan"] for column in header},
        keep_default_na=False,
        encoding="utf-8-sig",
    )
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]) and frame[column].notna().any():
            frame[column] = frame[column].map(_as_it_was, na_action="ignore")
    return frame


def _as_it_was(value: Any) -> Any:
    """A cell before it was made harmless; in a column with gaps a truth is no text."""
    return as_it_was(value) if isinstance(value, str) else value


def measured_values(record: Record) -> dict[str, Any]:
    """What a record holds as measured, by name; JSON has no NaN, a record says it as text."""
    values = {name: content["value"] for name, content in record.measurements.items()}
    return {
        name: _NUMBERS.get(value, value) if isinstance(value, str) else value
        for name, value in values.items()
    }
