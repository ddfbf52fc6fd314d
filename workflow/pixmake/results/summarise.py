"""Calls a user's function of the tables of all images, and writes the tables and figures that it returns."""

from __future__ import annotations

import hashlib
import os
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.base.ids import LONGEST
from pixmake.config.table_formats import TABLES
from pixmake.job.runners.function import asked_by, load_module
from pixmake.plan.analysis import source_hash
from pixmake.plan.table_functions import TABLE_SUFFIXES
from pixmake.results.read import read_csv_table, read_table

if TYPE_CHECKING:
    import pandas as pd


def summarise(task: Mapping[str, Any], results: str) -> None:
    """Run a function of tables.

    Parameters
    ----------
    task
        What `pixmake.plan.table_functions.PlannedFunction.task` says.
    results
        The folder with the tables.

    Raises
    ------
    PixmakeError
        It returned what cannot be written, or ended by ``sys.exit``. What the function
        itself raises is passed on.
    """
    os.environ.setdefault("MPLBACKEND", "Agg")  # figures without a screen
    file, _, name = task["function"].rpartition(":")
    with _exits_told(task["function"]):
        function = getattr(load_module(file), name)
    if source_hash(file, name) != task["source"]:
        what = f"{file} was edited while the run went on"
        raise PixmakeError([Problem(what, hint="run again: it is called as it is then")])
    tables = _tables(function, task, results)
    parts = [("", tables)] if task["per"] is None else _parts(tables, task["per"], results)
    with _exits_told(task["function"]):
        returned = {value: _by_name(function(**part, **task["params"]), task) for value, part in parts}
    for declared, (path, suffix) in task["files"].items():
        values = {value: found[declared] for value, found in returned.items()}
        if suffix in TABLE_SUFFIXES:
            _write_table(_joined(values, task, declared), path, suffix)
        elif task["per"] is None:
            with written_whole(path) as temporary:
                _write_figure(values[""], temporary, suffix, declared)
        else:
            Path(path).mkdir(parents=True, exist_ok=True)
            names = _file_names(map(str, values))
            for name, figure in zip(names, values.values(), strict=True):
                _write_figure(figure, Path(path) / f"{name}.{suffix}", suffix, declared)


@contextmanager
def _exits_told(function: str) -> Iterator[None]:
    """A script's own ``sys.exit`` as an error: with the status 0, too, there is no table."""
    try:
        yield
    except SystemExit as ended:
        traceback.print_exc()  # where that was
        what = f"{function} ended by sys.exit({'' if ended.code is None else repr(ended.code)})"
        raise PixmakeError([Problem(what, hint="a function of tables returns what it makes")]) from None


def _tables(function: Callable[..., Any], task: Mapping[str, Any], results: str) -> dict[str, Any]:
    """The tables that the function asks for by name."""
    asked, takes_any = asked_by(function)
    given: dict[str, Any] = {}
    for name in TABLES:
        if name in asked:
            given[name] = read_table(results, name, steps=task["steps"], time=task["timestamp_format"])
    for name, path in task["tables"].items():
        if takes_any or name in asked:
            text = ["id", *_text_terms(results)]
            given[name] = (
                _parquet(path) if Path(path).suffix == ".parquet" else read_csv_table(path, text=text)
            )
    return given


def _text_terms(results: str) -> list[str]:
    """The metadata terms that are text, so that a plant ``007`` is none that is called 7."""
    columns = read_table(results, "columns")
    is_text = (columns["kind"] == "term") & (columns["type"] == "text")
    return list(columns["column"][is_text])


def _parquet(path: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(path)


def _parts(tables: Mapping[str, Any], term: str, results: str) -> list[tuple[Any, dict[str, Any]]]:
    """For each value of a term the rows of it; a table without the term is passed on whole."""
    whole = read_table(results, "measurements")
    values = list(dict.fromkeys(whole[term].dropna()))
    ids = {value: set(whole["id"][whole[term] == value]) for value in values}

    def part(table: pd.DataFrame, value: Any) -> pd.DataFrame:
        if "id" in table:
            return table[table["id"].isin(ids[value])].reset_index(drop=True)
        return table[table[term] == value].reset_index(drop=True) if term in table else table

    return [(value, {name: part(table, value) for name, table in tables.items()}) for value in values]


def _by_name(returned: Any, task: Mapping[str, Any]) -> dict[str, Any]:
    """What a function returned, by the names in `files`; one thing alone needs no name."""
    files = task["files"]
    if not isinstance(returned, Mapping):
        if len(files) > 1:
            what = f"{task['function']} returned a {type(returned).__name__}"
            raise PixmakeError([Problem(what, hint=f"a dict is expected, with: {', '.join(files)}")])
        return {next(iter(files)): returned}
    missing = [name for name in files if returned.get(name) is None]
    if missing:
        what = f"{task['function']} returned nothing for {', '.join(missing)}"
        raise PixmakeError([Problem(what, hint=f"it returned: {', '.join(map(str, returned)) or 'nothing'}")])
    unknown = [str(name) for name in returned if name not in files]
    if unknown:
        what = f"{task['function']} returned {', '.join(unknown)}, which `files` does not name"
        raise PixmakeError([Problem(what, hint=f"e.g. files: {{{unknown[0]}: csv}}")])
    return dict(returned)


def _joined(values: Mapping[Any, Any], task: Mapping[str, Any], declared: str) -> pd.DataFrame:
    """The tables of all values of `per` as one, the term in front."""
    import pandas as pd

    frames = []
    for value, table in values.items():
        frame = table.to_frame() if isinstance(table, pd.Series) else table
        if isinstance(frame, Mapping):
            frame = pd.DataFrame([frame])
        if not isinstance(frame, pd.DataFrame):
            what = f"{task['function']} returned a {type(table).__name__} for the table {declared!r}"
            raise PixmakeError([Problem(what, hint="a pandas DataFrame is expected")])
        if not isinstance(frame.index, pd.RangeIndex):
            frame = frame.reset_index(drop=all(name is None for name in frame.index.names))
        if task["per"] is not None and task["per"] not in frame:
            frame = frame.assign(**{task["per"]: value})
            frame = frame[[task["per"], *(column for column in frame if column != task["per"])]]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _write_table(frame: pd.DataFrame, path: str, suffix: str) -> None:
    with written_whole(path) as temporary:
        if suffix == "parquet":
            frame.to_parquet(temporary, index=False)
        else:
            separator = "\t" if suffix == "tsv" else ","
            frame.to_csv(temporary, index=False, sep=separator, lineterminator="\n")


def _write_figure(figure: Any, path: Path, suffix: str, name: str) -> None:
    """Write a figure of matplotlib, seaborn, plotly or altair, or text."""
    figure = getattr(figure, "figure", figure)  # an Axes, a seaborn grid
    if hasattr(figure, "savefig"):
        _save(figure, path, suffix)
    elif suffix == "html" and hasattr(figure, "write_html"):
        figure.write_html(path, include_plotlyjs=True, full_html=True, div_id=name)
    elif suffix == "json" and hasattr(figure, "to_json"):
        path.write_text(figure.to_json(), encoding="utf-8")
    elif suffix in ("html", "svg", "json") and isinstance(figure, str):
        path.write_text(figure, encoding="utf-8")
    elif hasattr(figure, "write_image"):
        figure.write_image(path)
    elif hasattr(figure, "save"):
        figure.save(str(path))
    else:
        kind = type(figure).__name__
        hint = "figures of matplotlib or plotly are expected; those of plotly as html"
        raise PixmakeError([Problem(f"a {kind} cannot be written as the figure {name}.{suffix}", hint=hint)])


_NO_DATE: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def _save(figure: Any, path: Path, suffix: str) -> None:
    """Save a figure of matplotlib without date and random names: the same table gives the same bytes."""
    import matplotlib
    import matplotlib.pyplot as plt

    with matplotlib.rc_context({"svg.hashsalt": "pixmake"}):
        figure.savefig(path, bbox_inches="tight", dpi=150, metadata=_NO_DATE.get(suffix))
    plt.close(figure)


def _file_names(values: Iterable[str]) -> list[str]:
    """A file name for each value: one that another value has, too, is kept apart by its hash, as ids are."""
    values = list(values)
    names = [re.sub(r"[^\w.+-]+", "_", value)[:LONGEST] or "_" for value in values]
    often = Counter(names)
    return [
        name
        if often[name] == 1 or name == value
        else f"{name}_{hashlib.sha256(value.encode()).hexdigest()[:6]}"
        for name, value in zip(names, values, strict=True)
    ]
