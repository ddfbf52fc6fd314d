"""The functions of tables that `aggregate` names: what each gets and makes, and what is wrong with them."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.plantcv_json import read_merged
from pixmake.config.aggregate import TableFunction
from pixmake.config.models import Config
from pixmake.config.table_formats import PLANTCV, TABLES
from pixmake.plan.analysis import Signature, read_signature, source_hash

TABLE_SUFFIXES = ("csv", "tsv", "parquet")
FIGURE_SUFFIXES = ("png", "svg", "pdf", "jpg", "jpeg", "webp", "html", "json")

OWN_FILES = {*TABLES, "tables", "plantcv", "report", "provenance", "plantcv-single-value-traits"}
"""What pixmake itself writes below ``results``."""


@dataclass(frozen=True)
class PlannedFunction:
    """A function of tables with its files."""

    name: str
    function: TableFunction
    source: str
    """Hash of the function's source and of what it uses from the project."""
    steps: tuple[str, ...]
    """The needed steps; none means all."""
    tables: Mapping[str, str]
    """The files of needed functions, by name."""
    files: Mapping[str, str]
    """What it makes, by name; with `per` a figure is a folder of figures."""
    about: str
    """The first line of its docstring."""

    def is_folder(self, file: str) -> bool:
        """Whether a file is a folder, with a figure for each value of `per`."""
        return self.function.per is not None and not self.files[file].endswith(TABLE_SUFFIXES)

    def task(self, timestamp_format: str | None) -> dict[str, Any]:
        """All that decides what the function makes, but for the tables."""
        return {
            "function": self.function.function,
            "source": self.source,
            "per": self.function.per,
            "params": self.function.params,
            "steps": list(self.steps),
            "tables": dict(self.tables),
            "files": {name: [path, self._suffix(name)] for name, path in self.files.items()},
            "timestamp_format": timestamp_format,
        }

    def _suffix(self, file: str) -> str:
        return (self.function.files or {self.name: "csv"})[file].lstrip(".").lower()


def plan_functions(config: Config, terms: list[str] | None) -> tuple[PlannedFunction, ...]:
    """The functions, each after those that it needs.

    Parameters
    ----------
    config
        The project's.
    terms
        The metadata terms, or None if they are not known.

    Raises
    ------
    PixmakeError
        With everything that is wrong with them.
    """
    functions = config.aggregate.all_functions
    problems = list(_problems(config, terms))
    if problems:
        raise PixmakeError(problems)
    made = {name: made_files(config.results, name, function) for name, function in functions.items()}
    return tuple(
        PlannedFunction(
            name=name,
            function=functions[name],
            source=source_hash(functions[name].file, functions[name].name),
            steps=tuple(need for need in functions[name].needs if need in config.steps),
            tables={
                file: path
                for need in functions[name].needs
                if need in functions
                for file, path in made[need].items()
                if path.endswith(TABLE_SUFFIXES)
            },
            files=made[name],
            about=_about(functions[name]),
        )
        for name in _in_order(functions)
    )


def made_files(results: str, name: str, function: TableFunction) -> dict[str, str]:
    """What a function makes, by name."""
    files = {}
    for file, suffix in (function.files or {name: "csv"}).items():
        suffix = suffix.lstrip(".").lower()
        folder = function.per is not None and suffix not in TABLE_SUFFIXES
        files[file] = f"{results}/{file}" if folder else f"{results}/{file}.{suffix}"
    return files


def _append_problems(config: Config) -> Iterator[Problem]:
    """What is wrong with the file that PlantCV's JSON adds to."""
    path = config.aggregate.plantcv_append
    if path is None:
        return
    where = "aggregate.plantcv_append"
    if not config.aggregate.plantcv:
        yield Problem("needs `plantcv: true`", where, "without it no file of PlantCV's is written")
    elif os.path.abspath(path) == os.path.abspath(f"{config.results}/{PLANTCV[0]}"):
        yield Problem(f"{path} is what this run writes itself", where, "name a copy of it")
    else:
        try:
            read_merged(path)
        except PixmakeError as error:
            yield from error.problems


def _problems(config: Config, terms: list[str] | None) -> Iterator[Problem]:
    if "parquet" in config.aggregate.tables and find_spec("pyarrow") is None:
        hint = "install it with: pip install 'pixmake[parquet]'"
        yield Problem("parquet needs the package pyarrow, which is not installed", "aggregate.tables", hint)
    yield from _append_problems(config)
    controls = config.aggregate.controls
    if controls is not None and terms is not None and controls.column not in terms:
        what, at = f"there is no metadata term {controls.column!r}", "aggregate.controls.column"
        yield Problem(what, at, nearest(controls.column, terms))
    functions = config.aggregate.all_functions
    yield from _file_problems(config, functions)
    for name, function in functions.items():
        at = f"aggregate.functions.{name}"
        if name in config.steps:
            yield Problem(f"there is a step {name!r}, too", at, "rename one of them")
        if name in _all_needs(functions, name):
            yield Problem("needs itself", f"{at}.needs")
        known = [*config.steps, *functions]
        for need in function.needs:
            if need not in known:
                yield Problem(
                    f"there is no step and no function {need!r}", f"{at}.needs", nearest(need, known)
                )
        per = function.per
        if per is not None and terms is not None and per not in terms:
            yield Problem(f"there is no metadata term {per!r}", f"{at}.per", nearest(per, terms))
        try:
            signature = read_signature(function.file, function.name, at)
        except PixmakeError as error:
            yield from error.problems
            continue
        yield from _argument_problems(functions, name, signature)


def _file_problems(config: Config, functions: Mapping[str, TableFunction]) -> Iterator[Problem]:
    known = ", ".join((*TABLE_SUFFIXES, *FIGURE_SUFFIXES))
    makers: dict[str, str] = {}
    for name, function in functions.items():
        at = f"aggregate.functions.{name}.files"
        for file, suffix in (function.files or {name: "csv"}).items():
            other = makers.setdefault(file, name)
            if other != name:
                yield Problem(f"{other} has a file {file!r}, too", at, "rename one of them")
            if file in OWN_FILES or (function.files and file in config.steps):
                yield Problem(f"the name {file!r} is taken in {config.results}/", at, "rename it")
            if suffix.lstrip(".").lower() not in (*TABLE_SUFFIXES, *FIGURE_SUFFIXES):
                yield Problem(f"{file}: a table or a figure cannot be a {suffix}", at, f"known: {known}")


def _argument_problems(
    functions: Mapping[str, TableFunction], name: str, signature: Signature
) -> Iterator[Problem]:
    function, at = functions[name], f"aggregate.functions.{name}"
    given = {*TABLES, *function.params}
    for need in function.needs:
        if need in functions:
            files = functions[need].files or {need: "csv"}
            given |= {file for file, suffix in files.items() if suffix.lstrip(".").lower() in TABLE_SUFFIXES}
    for argument in signature.required:
        if argument not in given:
            hint = f"known: {', '.join(sorted(given))}"
            yield Problem(f"{function.function} needs the argument {argument!r}", at, hint)
    for param in function.params:
        if not signature.accepts(param):
            yield Problem(f"{function.function} has no argument {param!r}", f"{at}.params")


def _about(function: TableFunction) -> str:
    for node in ast.parse(Path(function.file).read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and node.name == function.name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def _all_needs(functions: Mapping[str, TableFunction], name: str) -> set[str]:
    """The functions that one needs, directly or through others."""
    found: set[str] = set()
    waiting = list(functions[name].needs)
    while waiting:
        need = waiting.pop()
        if need in functions and need not in found:
            found.add(need)
            waiting += functions[need].needs
    return found


def _in_order(functions: Mapping[str, TableFunction]) -> list[str]:
    return sorted(functions, key=lambda name: (len(_all_needs(functions, name)), list(functions).index(name)))
