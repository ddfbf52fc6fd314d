"""The source of an analysis: what a function asks for, and a hash of all that it uses.

The user's file is parsed, never imported: nothing of the user's runs while rules are made.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pixmake.base.errors import PixmakeError, Problem, nearest

_DYNAMIC = {"eval", "exec", "globals", "getattr", "vars", "__import__"}


@dataclass(frozen=True)
class Signature:
    """The arguments that a function takes by name."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    takes_any: bool
    positional_only: tuple[str, ...] = ()
    hints: Mapping[str, ast.expr] = field(default_factory=dict)
    """The type hints of arguments, by name."""
    names: Mapping[str, ast.expr] = field(default_factory=dict)
    """What the names at the top of the file stand for, which hints may use."""
    defaults: Mapping[str, ast.expr] = field(default_factory=dict)
    """What arguments are if they are not given."""

    def accepts(self, name: str) -> bool:
        """Whether the argument can be given."""
        return self.takes_any or name in self.required or name in self.optional


def read_signature(file: str, function: str, where: str = "") -> Signature:
    """What the function of a file asks for.

    Raises
    ------
    PixmakeError
        There is no such file or function, or the file is not Python.
    """
    module = _parse(file, where)
    node = _function(module, function)
    if node is None:
        names = [name for name, found in _bindings(module) if _is_function(found)]
        hint = nearest(function, names)
        raise PixmakeError([Problem(f"{file} has no function {function!r}", where, hint)])
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args]
    last = named[len(named) - len(arguments.defaults) :] if arguments.defaults else []
    given = [*zip(last, arguments.defaults, strict=True)]
    given += [
        (argument, default)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    ]
    with_default = {argument.arg: default for argument, default in given}
    asked = [*named, *arguments.kwonlyargs]
    every = [argument.arg for argument in asked]
    return Signature(
        required=tuple(name for name in every if name not in with_default),
        optional=tuple(name for name in every if name in with_default),
        takes_any=arguments.kwarg is not None,
        positional_only=tuple(argument.arg for argument in arguments.posonlyargs),
        hints={argument.arg: argument.annotation for argument in asked if argument.annotation},
        names={
            name: node.value
            for name, node in _bindings(module)
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value
        },
        defaults=with_default,
    )


def source_hash(file: str, function: str) -> str:
    """A hash of the function and of everything of the project that it uses.

    Of its own file: the function, what it names, what that names, and every statement that is not a
    definition. Modules that it imports from the project (beside the file, or from the working
    directory) count whole. Comments, docstrings and layout do not count.
    """
    digest = hashlib.sha256()
    module = _parse(file)
    for statement in _used(module, function):
        digest.update(ast.unparse(_without_docstrings(statement)).encode())
        digest.update(b"\0")
    for imported in sorted(local_modules(file)):
        digest.update(_digest_of_file(imported))
    return digest.hexdigest()[:16]


def statements_text(text: str, function: str | None) -> str | None:
    """What of a text a function can depend on, or all of it: without comments, docstrings and layout.

    Returns
    -------
    str or None
        None of a text that is no Python, or has no such function.
    """
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    if function is not None and _function(module, function) is None:
        return None
    used = module.body if function is None else _used(module, function)
    return "\0".join(ast.unparse(_without_docstrings(statement)) for statement in used)


def file_hash(file: str) -> str:
    """A hash of a script as a whole, and of the modules that it imports from the project.

    Of Python, comments, docstrings of functions and layout do not count; of anything else every byte does.
    """
    digest = hashlib.sha256()
    content = Path(file).read_bytes()
    if file.endswith(".py"):
        with contextlib.suppress(SyntaxError, ValueError):  # it fails when it is run, with its own message
            module = ast.parse(content)
            content = "\0".join(ast.unparse(_without_docstrings(node)) for node in module.body).encode()
        for imported in sorted(local_modules(file)):
            digest.update(_digest_of_file(imported))
    digest.update(content)
    return digest.hexdigest()[:16]


def file_problems(file: str, where: str) -> Iterator[Problem]:
    """Why a file cannot be run: it is not there, cannot be read, or is not valid Python."""
    try:
        content = Path(file).read_bytes()
    except FileNotFoundError:
        yield Problem(f"there is no file {file}", where)
        return
    except OSError as error:
        yield Problem(f"{file} cannot be read: {error.strerror}", where)
        return
    if not content.strip():
        yield Problem(f"{file} is empty", where)
    if file.endswith(".py"):
        try:
            _parse(file, where)
        except PixmakeError as error:
            yield from error.problems


def _parse(file: str, where: str = "") -> ast.Module:
    try:
        return ast.parse(Path(file).read_bytes(), filename=file)
    except FileNotFoundError:
        raise PixmakeError([Problem(f"there is no file {file}", where)]) from None
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        raise PixmakeError([Problem(f"is not valid Python: {message}", f"{file}{line}")]) from None
    except OSError as error:
        raise PixmakeError([Problem(f"{file} cannot be read: {error.strerror}", where)]) from None


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _is_function(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef)


def _function(module: ast.Module, name: str) -> ast.FunctionDef | None:
    found = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[-1] if found else None


def _bindings(module: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """The names that each top-level definition or assignment makes."""
    for node in module.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            for child in ast.walk(node):
                if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                    yield child.id, node


def _used(module: ast.Module, function: str) -> list[ast.stmt]:
    """The top-level statements on which the function can depend, in the file's order."""
    makers: dict[str, list[ast.stmt]] = {}
    for name, node in _bindings(module):
        makers.setdefault(name, []).append(node)
    definitions = {id(node) for nodes in makers.values() for node in nodes}
    keep = {id(node) for node in module.body if id(node) not in definitions}
    waiting = [node for node in module.body if id(node) in keep] + makers.get(function, [])
    while waiting:
        node = waiting.pop()
        keep.add(id(node))
        names = _names(node)
        if names & _DYNAMIC:
            return list(module.body)
        for name in names:
            waiting += [maker for maker in makers.get(name, []) if id(maker) not in keep]
    return [node for node in module.body if id(node) in keep]


def _names(node: ast.stmt) -> set[str]:
    names = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
    # names in string annotations and the like are rare; a quoted name only ever adds a dependency
    strings = {
        child.value
        for child in ast.walk(node)
        if isinstance(child, ast.Constant) and isinstance(child.value, str)
    }
    return names | {text for text in strings if text.isidentifier()}


def _without_docstrings(statement: ast.stmt) -> ast.stmt:
    for node in ast.walk(statement):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body[0] = ast.Expr(ast.Constant(...))
    return statement


def local_modules(file: str) -> set[Path]:
    """The project's own modules that a file imports, directly or through others."""
    found: set[Path] = set()
    waiting = [Path(file)]
    while waiting:
        current = waiting.pop()
        for name in imported_names(current):
            for folder in (current.parent, Path(file).parent, Path()):
                base = folder.joinpath(*name.split("."))
                for candidate in (base.with_suffix(".py"), base / "__init__.py"):
                    if candidate.is_file() and candidate not in found and candidate != Path(file):
                        found.add(candidate)
                        waiting.append(candidate)
    return found


def imported_names(file: Path) -> set[str]:
    """The modules that a file imports, anywhere in it, by their whole names."""
    try:
        return names_imported(file.read_bytes())
    except OSError:
        return set()  # it fails when it is imported, with its own traceback in the image's log


def names_imported(text: str | bytes) -> set[str]:
    """The same of a text; of one that is no Python nothing."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError):
        return set()
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names.update(filter(None, [base, *(f"{base}.{x.name}".strip(".") for x in node.names)]))
    return names


def _digest_of_file(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()
