"""What a user's Python file imports, for the warm process to import it once, before the first image."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import os
import site
import sys
from collections.abc import Iterable
from pathlib import Path

_PLACES = tuple(
    f"{os.path.realpath(folder)}{os.sep}"
    for folder in (os.path.dirname(os.__file__), *site.getsitepackages(), site.getusersitepackages())
)
"""Where Python and what is installed lie: not all that is below `sys.prefix`, which may be ``/usr``."""


def import_installed(file: str, folder: str = "") -> None:
    """Import the installed modules that a file imports at its top; what fails is for the images to tell.

    Parameters
    ----------
    file
        A Python file of the user's.
    folder
        Where its own modules lie, which are not imported: each image has them anew. Default: beside it.
    """
    own = {entry.stem for entry in Path(folder or Path(file).parent).iterdir()}
    for statement in ast.parse(Path(file).read_bytes()).body:
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            names = [statement.module]
        else:
            continue
        packages = {name.partition(".")[0] for name in names}
        with contextlib.suppress(BaseException):
            if not own & packages and _are_installed(packages):
                exec(compile(ast.Module([statement], []), file, "exec"), {})


def is_installed(origin: str) -> bool:
    """Whether a module's file came with Python or with a package, and does not change while a run lasts."""
    return origin in ("built-in", "frozen") or os.path.realpath(origin).startswith(_PLACES)


def shared(names: Iterable[str]) -> list[str]:
    """Of these imported modules those that are installed: all images may have the same."""
    return [name for name in names if _is_shared(name, _origin(name))]


def own(names: Iterable[str]) -> list[str]:
    """Of these imported modules those whose file is the project's own: each image has them anew."""
    return [name for name in names if (origin := _origin(name)) and not _is_shared(name, origin)]


def _is_shared(name: str, origin: str) -> bool:
    return name.startswith("pixmake.") or is_installed(origin)


def _origin(name: str) -> str:
    found = getattr(sys.modules[name], "__spec__", None)
    # a folder without an `__init__.py` has no file of its own
    return (found and (found.origin or next(iter(found.submodule_search_locations or ()), ""))) or ""


def _are_installed(packages: Iterable[str]) -> bool:
    found = [importlib.util.find_spec(name) for name in packages]
    return all(each is not None and is_installed(each.origin or "") for each in found)
