"""A Python function as ``FILE.py:NAME``, which is what a step of config.yaml holds.

A function of a module is named where it is. One that was typed into a notebook, or stands in a script that
runs right now, is written into a file of its own with all that it uses.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import os
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from pixmake.api.cell_lines import Piece, note_pieces
from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.base.notebooks import place_of

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_CONTAINERS = (tuple, list, set, frozenset, dict)


def function_path(function: Callable[..., Any] | str, folder: Path, scripts: str = "scripts") -> str:
    """``FILE.py:NAME`` of a function, from a project's folder.

    Parameters
    ----------
    function
        A function defined by ``def``, in a module or in a notebook; or such a text, which is kept.
    folder
        The project's folder.
    scripts
        The folder in there for functions that have no module: written as ``<name>.py``.

    Raises
    ------
    PixmakeError
        It cannot stand in a file of its own; the message says for which of its names.
    """
    if isinstance(function, str):
        return function
    plain = _plain_function(function)
    if plain.__module__ not in ("__main__", "__mp_main__") and "<locals>" not in plain.__qualname__:
        file = inspect.getsourcefile(plain)
        if file is not None and os.path.isfile(file):
            return f"{_from(folder, Path(file))}:{plain.__name__}"
    text, pieces = _standalone(plain)
    path = folder / scripts / f"{plain.__name__}.py"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        if path.exists() and not path.read_text(encoding="utf-8").startswith(_HEAD):
            what = f"{plain.__name__} of this notebook would be written there, over a file of yours"
            raise PixmakeError([Problem(what, str(path), "rename the function, or import it from there")])
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    note_pieces(folder, path.name, pieces)
    return f"{scripts}/{plain.__name__}.py:{plain.__name__}"


_HEAD = "# Written by pixmake from a notebook or a script"


def standalone_source(function: FunctionType) -> str:
    """The text of a module that holds a function and all that it uses of its own module.

    Imports, other functions and classes of the same notebook, and constants of Python's own types come along.

    Raises
    ------
    PixmakeError
        It uses something that cannot be written down, such as an array or a model that is in memory.
    """
    return _standalone(function)[0]


def _standalone(function: FunctionType) -> tuple[str, list[Piece]]:
    """That text, and where the lines of its definitions come from."""
    parts = _Parts()
    _collect(function, function.__name__, parts)
    if parts.problems:
        raise PixmakeError(parts.problems)
    head = f"{_HEAD}; change it there.\n"
    paths = "".join(f"sys.path.append({path!r})\n" for path in sorted(parts.paths))
    imports = "".join(sorted(parts.imports | ({"import sys\n"} if paths else set())))
    blocks = [part for part in (head + imports + paths, "".join(parts.constants)) if part]
    text, pieces = "\n".join(blocks), []
    for source, place, line in parts.definitions:
        text += "\n\n"
        if place:
            pieces.append(Piece(text.count("\n") + 1, source.count("\n"), place, line))
        text += source
    return text, pieces


@dataclass
class _Parts:
    """What a function needs to stand alone, as it is found."""

    imports: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    constants: list[str] = field(default_factory=list)
    definitions: list[tuple[str, str, int]] = field(default_factory=list)
    """Each with the place and the line where it begins."""
    seen: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def _plain_function(function: Callable[..., Any]) -> FunctionType:
    hint = "write `def NAME(image): …`"
    if not isinstance(function, FunctionType):
        kind = type(function).__name__
        raise PixmakeError([Problem(f"{function!r} is a {kind}, not a function", hint=hint)])
    if function.__name__ == "<lambda>":
        raise PixmakeError([Problem("a lambda has no name for its step", hint=hint)])
    return function


def _from(folder: Path, file: Path) -> str:
    """A file from a folder, as config.yaml names it; outside of the folder by its whole path."""
    file, folder = file.resolve(), folder.resolve()
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


def _collect(item: FunctionType | type, name: str, parts: _Parts) -> None:
    """Add a function or class with what it uses, what it uses first."""
    parts.seen.add(name)
    try:
        lines, first = inspect.getsourcelines(item)
        source = textwrap.dedent("".join(lines))
        place = place_of(item.__code__.co_filename) if isinstance(item, FunctionType) else ""
        tree = ast.parse(source).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        hint = "put it into a file and import it from there"
        parts.problems.append(Problem(f"the source of {name} cannot be found", hint=hint))
        return
    known = _known_names(item)
    for used in sorted(_used_names(item, tree)):
        if used in parts.seen or used not in known:
            continue
        parts.seen.add(used)
        _add(used, known[used], name, parts)
    source = source if source.endswith("\n") else f"{source}\n"
    parts.definitions.append((source, place, max(first, 1)))


def _known_names(item: FunctionType | type) -> dict[str, Any]:
    """The values of the names that are not Python's own and not the item's own arguments."""
    if isinstance(item, FunctionType):
        closed = {}
        for name, cell in zip(item.__code__.co_freevars, item.__closure__ or (), strict=True):
            try:
                closed[name] = cell.cell_contents
            except ValueError:
                continue
        return {**item.__globals__, **closed}
    return dict(vars(sys.modules[item.__module__]))


def _used_names(item: FunctionType | type, tree: ast.stmt) -> set[str]:
    """The names that a definition looks up outside of itself, when it is made and when it is called."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if not isinstance(item, FunctionType) or not isinstance(tree, ast.FunctionDef):
        return names
    at_call = set(_global_names(item.__code__)) | set(item.__code__.co_freevars)
    arguments = [*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs]
    head: list[ast.AST] = [*tree.decorator_list, *tree.args.defaults]
    head += [each for each in (*tree.args.kw_defaults, tree.returns) if each is not None]
    head += [argument.annotation for argument in arguments if argument.annotation is not None]
    at_once = {node.id for part in head for node in ast.walk(part) if isinstance(node, ast.Name)}
    return at_call | at_once


def _global_names(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _add(name: str, value: Any, user: str, parts: _Parts) -> None:
    """Add what a name stands for."""
    if isinstance(value, ModuleType):
        _add_path(value, parts)
        parts.imports.add(f"import {value.__name__} as {name}\n")
        if "." not in value.__name__ and value.__name__ == name:
            parts.imports.discard(f"import {name} as {name}\n")
            parts.imports.add(f"import {name}\n")
        return
    home = getattr(value, "__module__", None)
    if isinstance(value, (FunctionType, type)) and home in ("__main__", "__mp_main__"):
        _collect(value, name, parts)
        if value.__name__ != name:
            parts.definitions.append((f"{name} = {value.__name__}\n", "", 0))
        return
    written = _as_literal(value)
    if written is not None:
        parts.constants.append(f"{name} = {written}\n")
        return
    module, own_name = sys.modules.get(str(home)), getattr(value, "__name__", None)
    if module is not None and own_name and getattr(module, own_name, None) is value:
        _add_path(module, parts)
        renamed = "" if own_name == name else f" as {name}"
        if module is not builtins or renamed:
            parts.imports.add(f"from {module.__name__} import {own_name}{renamed}\n")
        return
    what = f"{user} uses {name!r}, a {type(value).__name__} that is only in this Python's memory"
    hint = "make it inside the function, give it as a param, or put both into a file and import them"
    parts.problems.append(Problem(what, hint=hint))


def _add_path(module: ModuleType, parts: _Parts) -> None:
    """Where a module of the user's own is found; installed ones are found anyway."""
    file = getattr(sys.modules.get(module.__name__.partition(".")[0]), "__file__", None)
    if file is None:
        return
    paths = sysconfig.get_paths()
    installed = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    path = Path(file).resolve()
    folder = path.parent.parent if path.name == "__init__.py" else path.parent
    if not any(path.is_relative_to(Path(place).resolve()) for place in installed):
        parts.paths.add(str(folder))


def _as_literal(value: Any) -> str | None:
    """A value of Python's own types as it is written, or None."""
    if not isinstance(value, (*_PLAIN, *_CONTAINERS)):
        return None
    text = repr(value)
    try:
        same = type(ast.literal_eval(text)) is type(value) and ast.literal_eval(text) == value
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return text if same else None
