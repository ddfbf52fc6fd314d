"""Kind of step ``function``: a plain Python function of an image."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from pixmake.base.counted import counted
from pixmake.base.files import written_whole
from pixmake.images.axes import Part
from pixmake.images.read import read_file, read_image, write_file
from pixmake.images.remote.objects import local
from pixmake.images.remote.uris import is_remote
from pixmake.job import program
from pixmake.job.gathered import LazyList
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.imports import import_installed
from pixmake.job.runners.main_module import back_afterwards, settle
from pixmake.job.runners.measurements import measured
from pixmake.job.runners.metadata import metadata, source_of, stamp_for
from pixmake.job.task import Task

PRELOAD = ("numpy", "cv2")


def prepare(work: Mapping[str, Any]) -> None:
    """Compile the function's file in the warm process, and import what it imports."""
    file = work["function"].rpartition(":")[0]
    import_installed(file, _found(file).folder)


def run(call: Call) -> Outcome:
    """Call the function with what it asks for by name, and keep what it returns."""
    import cv2  # noqa: F401
    import numpy  # noqa: F401

    settle(call)
    with back_afterwards():
        function = function_of(call.task)
        given = arguments(function, call)
        alone = not call.limits.batch
        returned = function(**given) if alone else apply_together(function, [given], call)[0]
    return leave(call, returned)


def function_of(task: Task) -> Callable[..., Any]:
    """The function of a job's step; its file is executed, of a step with `load` once."""
    file, _, name = task.work["function"].rpartition(":")
    function: Callable[..., Any] = getattr(load_module(file, once="load" in task.work), name)
    return function


def apply_together(function: Callable[..., Any], given: Sequence[Mapping[str, Any]], call: Call) -> list[Any]:
    """Call a function with a batch: what it returns for each image.

    Parameters
    ----------
    given
        Of each image its `arguments`. Params and models are the same for all; of all else it gets a list.
    call
        One of the images' calls.

    Raises
    ------
    TypeError, ValueError
        It returns no list, or one of another length.
    """
    same = {*call.task.params, *call.models}
    returned = function(
        **{name: given[0][name] if name in same else [each[name] for each in given] for name in given[0]}
    )
    name = call.task.work["function"].rpartition(":")[2]
    if isinstance(returned, (Mapping, str, bytes)) or not isinstance(returned, Iterable):
        kind = type(returned).__name__
        raise TypeError(f"{name} returned a {kind}; of a batch a list is expected, a dict for each image")
    found = list(returned)
    if len(found) != len(given):
        raise ValueError(
            f"{name} returned {counted(len(found), 'result')} for a batch of {counted(len(given), 'image')}"
        )
    return found


def leave(call: Call, returned: Any) -> Outcome:
    """Keep what a function has returned for an image: write its files, name its measurements."""
    name = call.task.work["function"].rpartition(":")[2]
    if returned is None:
        returned = {}
    if not isinstance(returned, Mapping):
        kind = type(returned).__name__
        raise TypeError(f"{name} returned a {kind}; a dict of names and values is expected")
    source, stamp = source_of(call), stamp_for(call)
    for declared, path in call.outputs.items():
        if declared not in returned or returned[declared] is None:
            raise KeyError(f"{name} returned nothing for the file {declared!r} of its step")
        with written_whole(path) as temporary:
            write_file(returned[declared], temporary, declared, source, stamp)
    found = {str(key): value for key, value in returned.items() if key not in call.outputs}
    return Outcome({key: measured(key, value) for key, value in found.items()})


_executed: dict[str, ModuleType] = {}
"""The files of steps with `load`, by their real paths: executed once in a process, and what it forks."""


def load_module(file: str, *, once: bool = False) -> ModuleType:
    """A user's file as a module, able to import what lies beside it; in a package as a part of that.

    Parameters
    ----------
    once
        Whether it is executed only if this process, or the one that it was forked from, has not yet.
    """
    if not once:
        return _execute(file)
    path = os.path.realpath(file)
    if path not in _executed:
        _executed[path] = _execute(file)
    return _executed[path]


def _execute(file: str) -> ModuleType:
    found = _found(file)
    program.look_in(found.folder)
    if found.specification is None:
        return importlib.import_module(found.name)
    module = importlib.util.module_from_spec(found.specification)
    sys.modules[found.name] = module
    assert found.code is not None
    exec(found.code, module.__dict__)
    return module


@dataclass(frozen=True)
class _Found:
    """A user's file. The warm process compiles it once; each image's process runs it anew."""

    folder: str
    name: str
    specification: ModuleSpec | None = None
    """None of a part of a package: Python's own import finds it."""
    code: CodeType | None = None


def _found(file: str) -> _Found:
    return _compiled(file, program.version_of(file))


@lru_cache
def _compiled(file: str, version: str) -> _Found:
    path = Path(file).resolve()
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    if len(parts) > 1:
        return _Found(str(folder), ".".join(parts))
    loader = program.Loader(path.stem, str(path))
    specification = importlib.util.spec_from_loader(path.stem, loader)
    assert specification is not None
    _ = specification.cached  # found now, no fork looks for it
    return _Found(str(folder), path.stem, specification, loader.get_code(path.stem))


def arguments(function: Callable[..., Any], call: Call) -> dict[str, Any]:
    """What the function is called with; only what it asks for is decoded."""
    asked, takes_any = asked_by(function)
    task, batch = call.task, call.limits.batch > 0 and "batch" in asked
    given: dict[str, Any] = dict(task.params)
    if "load" in task.work:  # a param may be the loader's alone
        given = {name: value for name, value in given.items() if takes_any or name in asked}
        given |= call.models
    for name, path in call.needed.items():
        if takes_any or name in asked:
            given[name] = read_file(path)
    for name, paths in call.gathered.by_name.items():
        if takes_any or name in asked:
            given[name] = {image: read_file(path) for image, path in paths.items()}
    for name, value in several(call).items():
        if name in asked and name not in given:
            given[name] = value
    if task.names:
        by_name = dict(zip(task.names, call.images, strict=True))
        if "images" in asked or batch:
            given["batch" if batch else "images"] = {
                name: read_image(path, part, call.axes)
                for (name, path), part in zip(by_name.items(), call.parts, strict=True)
            }
        if "paths" in asked:
            given["paths"] = {name: local(path) for name, path in by_name.items()}
    elif not task.members:
        if "image" in asked or batch:
            given["batch" if batch else "image"] = read_image(call.images[0], call.parts[0], call.axes)
        if "path" in asked:
            given["path"] = local(call.images[0])
    if "meta" in asked:
        given["meta"] = metadata(call)
    return given


def asked_by(function: Callable[..., Any]) -> tuple[Collection[str], bool]:
    """The names of what a function takes, and whether it takes any others.

    Of a plain function they stand in its code; `inspect.signature` builds objects for them, which takes as
    long as to open and decode a small image.
    """
    if type(function) is FunctionType and not vars(function):
        code = function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return names, bool(code.co_flags & inspect.CO_VARKEYWORDS)
    parameters = inspect.signature(function).parameters
    return parameters, any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def several(call: Call) -> dict[str, Any]:
    """What a job has of several images or of other steps' measurements, by the argument's name.

    Images and files are read one by one as they are asked for, so that ten thousand need no memory.
    """
    gathered = call.gathered
    single = [list(each) == [""] for each in gathered.images]
    paths = [each[""] if one else dict(each) for each, one in zip(gathered.images, single, strict=True)]
    given: dict[str, Any] = {name: LazyList(files, read_file) for name, files in gathered.files.items()}
    if call.task.members:

        def read(number: int) -> Any:
            return _read_images(paths[number], gathered.parts[number], call.axes)

        given |= {"rows": list(gathered.rows), "paths": paths, "images": LazyList(range(len(paths)), read)}
        if any(is_remote(path) for each in gathered.images for path in each.values()):
            given["paths"] = LazyList(paths, _local)
    given |= {"measurements": list(gathered.measurements), "missing": list(gathered.missing)}
    return {**gathered.results, **given}


def _local(path: str | dict[str, str]) -> Any:
    return local(path) if isinstance(path, str) else {name: local(each) for name, each in path.items()}


def _read_images(path: str | dict[str, str], parts: Mapping[str, Part], axes: str | None) -> Any:
    if isinstance(path, str):
        return read_image(path, parts.get(""), axes)
    return {name: read_image(each, parts.get(name), axes) for name, each in path.items()}
