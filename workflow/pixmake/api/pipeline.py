"""Pipelines written in Python: `step` objects and images, and the config.yaml that they are."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.api.standalone import function_path
from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.files import written_whole

if TYPE_CHECKING:
    import pandas as pd

DRAFT = ".snakemake/pixmake/draft"
"""Where the parts of a project lie that was run without being saved."""

TABLE = "dataframe.csv"
"""The table of images that were given in memory; no name that a person's own table has."""


@dataclass(frozen=True)
class PipelineStep:
    """One thing that is done to each image; `step` makes one."""

    name: str
    function: Callable[..., Any] | str | None
    needs: tuple[PipelineStep, ...] = ()
    needs_all: tuple[PipelineStep, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        needs = f", needs=[{', '.join(need.name for need in self.needs)}]" if self.needs else ""
        return f"step({self.name}{needs})"


def step(
    function: Callable[..., Any] | str | None = None,
    *,
    needs: Sequence[PipelineStep] = (),
    needs_all: Sequence[PipelineStep] = (),
    name: str | None = None,
    **settings: Any,
) -> PipelineStep:
    """One step of a pipeline.

    Parameters
    ----------
    function
        The function of an image, or ``"FILE.py:NAME"``. A function of a notebook is written to a file.
    needs
        The steps whose files or results it uses.
    needs_all
        The steps of which it uses the results of all images.
    name
        What the step is called; default: the function's name.
    **settings
        The keys of a step in config.yaml: ``params``, ``files``, ``threads``, ``resources``, ``retries``,
        ``timeout``, … For ``load`` a function does as well as ``"FILE.py:NAME"``; one by itself loads the
        argument ``model``.

    Examples
    --------
    >>> from pixmake import step
    >>> segment = step("scripts/plants.py:segment", files={"mask": "png"})
    >>> step("scripts/plants.py:measure", needs=[segment], params={"min_area": 200})
    step(measure, needs=[segment])
    """
    if name is None:
        if isinstance(function, str):
            name = function.rpartition(":")[2]
        else:
            name = getattr(function, "__name__", None)
    if not name:
        raise PixmakeError([Problem("this step has no name", hint='give it one: step(…, name="measure")')])
    for need in (*needs, *needs_all):
        if not isinstance(need, PipelineStep):
            hint = "needs and needs_all hold what step(…) returned"
            raise PixmakeError([Problem(f"{name} needs {need!r}, which is no step", hint=hint)])
    return PipelineStep(name, function, tuple(needs), tuple(needs_all), settings)


def steps_content(steps: Iterable[PipelineStep], folder: Path, scripts: str) -> dict[str, Any]:
    """The part ``steps`` of config.yaml: the steps, and those that they need before them.

    Raises
    ------
    PixmakeError
        Two steps of one name; a function that cannot be written to a file; a value that YAML does not have.
    """
    ordered: dict[str, PipelineStep] = {}
    problems: list[Problem] = []

    def visit(each: PipelineStep) -> None:
        for need in (*each.needs, *each.needs_all):
            visit(need)
        if ordered.setdefault(each.name, each) is not each:
            problems.append(Problem(f"two steps are called {each.name!r}", hint="give one a name=…"))

    for each in steps:
        visit(each)
    content: dict[str, Any] = {}
    for name, each in ordered.items():
        keys: dict[str, Any] = {}
        try:
            if each.function is not None:
                keys["function"] = function_path(each.function, folder, scripts)
            for key, needed in (("needs", each.needs), ("needs_all", each.needs_all)):
                if needed:
                    keys[key] = [need.name for need in needed]
            settings = dict(each.settings)
            if load := settings.pop("load", None):
                keys["load"] = _loaders(load, folder, scripts, f"step {name}: load")
            keys.update(plain(settings, f"step {name}"))
        except PixmakeError as error:
            problems += error.problems
        content[name] = keys
    if problems:
        raise PixmakeError(dict.fromkeys(problems))
    return content


def _loaders(load: Any, folder: Path, scripts: str, where: str) -> Any:
    """`load` of a step as config.yaml has it, its functions by their files."""
    if callable(load) or isinstance(load, str):
        load = {"model": load}
    if not isinstance(load, Mapping):
        hint = "write load={'model': load_model}"
        raise PixmakeError([Problem(f"{load!r} is neither a function nor a dict of them", where, hint)])
    found: dict[str, Any] = {}
    for name, loader in load.items():
        whole = loader if isinstance(loader, Mapping) else {"function": loader}
        given = plain({key: value for key, value in whole.items() if key != "function"}, where)
        function = whole.get("function")
        path = {} if function is None else {"function": function_path(function, folder, scripts)}
        found[str(name)] = {**path, **given}
    return found


def images_content(images: Any, folder: Path, place: str, base: Path | None = None) -> dict[str, Any]:
    """The part ``images`` of config.yaml.

    Parameters
    ----------
    images
        A table's file, a folder of images, a DataFrame with a column ``path``, paths, or the keys of
        ``images`` in config.yaml.
    folder
        The project's folder.
    place
        The folder in there into which a table is written that is in memory alone.
    base
        The folder that relative paths start from, if that is not the project's folder.

    Raises
    ------
    PixmakeError
        There is no such table or folder, or no image in it.
    """
    if isinstance(images, Mapping):
        if base is not None:
            hint = "use Project.from_steps([step(function)], images={…}, folder=…)"
            raise PixmakeError([Problem("the keys of `images` need a project", hint=hint)])
        return dict(plain(images, "images"))
    root = {} if base is None else {"root": str(base)}
    start = folder if base is None else base
    if isinstance(images, (str, os.PathLike)):
        given = str(images)
        path = start / given
        if path.is_dir():
            return {"directory": given if base is None else str(path)}
        if not path.is_file():
            hint = "" if os.path.isabs(given) else f"looked for in {start}"
            raise PixmakeError([Problem("there is no such table or folder of images", given, hint)])
        return {"table": given if base is None else str(path), **root}
    return {"table": _write_table(_frame(images), folder, place), **root}


def plain(value: Any, where: str) -> Any:
    """A Python value as YAML has it: NumPy's scalars and arrays, tuples and paths are turned into such.

    Raises
    ------
    PixmakeError
        It cannot be written down; the message says where it is.

    Examples
    --------
    >>> plain({"sizes": (1, 2)}, "params")
    {'sizes': [1, 2]}
    """
    if hasattr(value, "tolist"):
        return plain(value.tolist(), where)  # NumPy's numbers are Python's, too, but YAML does not know
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if value is None:
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}: {key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{number}]") for number, item in enumerate(value)]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value
    hint = "numbers, text, lists and dicts of them can; give a file's path for anything else"
    raise PixmakeError([Problem(f"a {type(value).__name__} cannot be written to config.yaml", where, hint)])


def _frame(images: Any) -> pd.DataFrame:
    import pandas as pd

    frame = images if isinstance(images, pd.DataFrame) else pd.DataFrame({"path": [str(p) for p in images]})
    if "path" not in frame.columns:
        hint = nearest("path", map(str, frame.columns))
        raise PixmakeError([Problem("the DataFrame has no column 'path'", hint=hint)])
    return frame


def _write_table(frame: pd.DataFrame, folder: Path, place: str) -> str:
    path = folder / place / TABLE
    text = frame.to_csv(index=False)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return f"{place}/{TABLE}"
