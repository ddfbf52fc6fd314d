"""Which lines of a program have changed, as far as they can change a result; each can be put back alone."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pixmake.plan.analysis import names_imported, statements_text

_DRAWS = {"default_rng", "RandomState", "SystemRandom", "Random"}
"""What makes a generator of random numbers: with an argument it has a seed. Those that modules share, as of
`random.random` and `numpy.random.normal`, get one for each image: see `pixmake.job.runners.main_module`."""

_CHANCE = {"uuid1", "uuid4", "urandom", "time_ns", "perf_counter", "monotonic", "now", "utcnow", "today"}


@dataclass(frozen=True)
class Change:
    """Lines of a file that stand in for others."""

    path: str
    line: int
    """The first of them, as the new file counts; of lines that are gone the one before which they stood."""
    inside: str
    """The function or class around it; empty at the top of the file."""
    old: str
    new: str
    old_lines: tuple[int, int]
    """From and to, in the old file, counted from 0, without the last."""
    new_lines: tuple[int, int]


def changes(path: str, old: str, new: str, function: str | None = None) -> list[Change]:
    """What differs between two texts of a file, change by change, without what can have no effect.

    Parameters
    ----------
    path
        The file.
    old, new
        Its texts.
    function
        Of Python: the function that is run; what it cannot use has no effect. Without one all of the file
        counts.
    """
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    found = _apart(path, before, after)
    if not path.endswith(".py"):
        return found
    now, was = statements_text(new, function), statements_text(old, function)
    if now is None or was is None:
        return _as_one(path, before, after, found)
    if now == was:
        return []
    told: list[Change] = []
    for block in _blocks(found):
        for group in (block, [_joined(block)]):
            texts = [statements_text(put_back(new, old, [each]), function) for each in group]
            if None not in texts:
                told += [each for each, text in zip(group, texts, strict=True) if text != now]
                break
        else:  # by itself it is no Python: what belongs together stands apart
            return _as_one(path, before, after, found)
    return told or _as_one(path, before, after, found)


def put_back(new: str, old: str, back: Iterable[Change]) -> str:
    """The new text with some of its changes taken back."""
    lines, before = new.splitlines(keepends=True), old.splitlines(keepends=True)
    for each in sorted(back, key=lambda change: change.new_lines, reverse=True):
        lines[slice(*each.new_lines)] = before[slice(*each.old_lines)]
    return "".join(lines)


def imported_files(path: str, texts: dict[str, str]) -> set[str]:
    """The project's modules that a file imports, directly or through others, among texts by path."""
    found: set[str] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        for name in names_imported(texts.get(current, "")):
            base = name.replace(".", "/")
            for folder in {PurePosixPath(current).parent, PurePosixPath(path).parent, PurePosixPath()}:
                for candidate in (str(folder / f"{base}.py"), str(folder / base / "__init__.py")):
                    if candidate in texts and candidate not in found and candidate != path:
                        found.add(candidate)
                        waiting.append(candidate)
    return found


def arguments_of(text: str, function: str) -> set[str] | None:
    """The arguments of a function of a file; None if it takes any, or cannot be found."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    found = [each for each in module.body if isinstance(each, ast.FunctionDef) and each.name == function]
    if not found or found[-1].args.kwarg or found[-1].decorator_list:
        return None
    asked = found[-1].args
    return {each.arg for each in (*asked.posonlyargs, *asked.args, *asked.kwonlyargs)}


def draws_without_seed(texts: Collection[str]) -> str:
    """What in a program seems to give another value each time; empty if nothing does."""
    modules = []
    for text in texts:
        try:
            modules.append(ast.parse(text))
        except (SyntaxError, ValueError):
            continue
    for module in modules:
        for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
            name, called = _name(call.func), ast.unparse(call.func)
            drawn = name in _DRAWS and not (call.args or call.keywords)
            if drawn or name in _CHANCE or called == "time.time" or called.startswith("secrets."):
                return called
    return ""


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _apart(path: str, before: Sequence[str], after: Sequence[str]) -> list[Change]:
    """The changes, line by line where as many lines stand in for others."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    inside = _around("".join(after)) if path.endswith(".py") else {}
    found = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        parts = [(a, b, c, d)]
        if b - a == d - c:
            parts = [(a + n, a + n + 1, c + n, c + n + 1) for n in range(b - a)]
        for w, x, y, z in parts:
            old, new = "".join(before[w:x]), "".join(after[y:z])
            found.append(Change(path, y + 1, inside.get(y + 1, ""), old, new, (w, x), (y, z)))
    return found


def _blocks(found: Sequence[Change]) -> Iterator[list[Change]]:
    """Changes that stand line under line."""
    block: list[Change] = []
    for each in found:
        if block and each.new_lines[0] != block[-1].new_lines[1]:
            yield block
            block = []
        block.append(each)
    if block:
        yield block


def _joined(block: Sequence[Change]) -> Change:
    first, last = block[0], block[-1]
    return Change(
        first.path,
        first.line,
        first.inside,
        "".join(each.old for each in block),
        "".join(each.new for each in block),
        (first.old_lines[0], last.old_lines[1]),
        (first.new_lines[0], last.new_lines[1]),
    )


def _as_one(path: str, before: Sequence[str], after: Sequence[str], found: Sequence[Change]) -> list[Change]:
    """All changes as one that is put back whole."""
    if not found:
        return []
    first = found[0]
    old, new = ("".join(getattr(each, name) for each in found) for name in ("old", "new"))
    return [Change(path, first.line, first.inside, old, new, (0, len(before)), (0, len(after)))]


def _around(text: str) -> dict[int, str]:
    """Of each line the function or class that it is in."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError):
        return {}
    found: dict[int, str] = {}
    for node in module.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.update(dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), node.name))
    return found
