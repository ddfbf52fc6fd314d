"""Draws the rooms of the package into docs/architecture.md, from the imports.

``python docs/rooms.py [--check]``
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "workflow" / "pixmake"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: written by docs/rooms.py -->\n", "<!-- end of rooms -->\n"


def main() -> int:
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    drawn = f"{head}{BEGIN}```text\n{picture()}\n```\n{END}{tail}"
    if "--check" not in sys.argv:
        PAGE.write_text(drawn, encoding="utf-8")
    elif drawn != text:
        print(f"{PAGE} is out of date: python docs/rooms.py draws it", file=sys.stderr)
        return 1
    return 0


def picture() -> str:
    """A box for each room, with the rooms that it imports from beside it."""
    rooms = layers()
    width = max(map(len, rooms))
    lines = []
    for room in rooms:
        used = imports(room)
        named = " ".join(other for other in rooms if other in used)
        modules = sum(1 for _ in (PACKAGE / room).rglob("[!_]*.py"))
        lines += [
            f"┌{'─' * (width + 2)}┐",
            f"│ {room:{width}} │ {modules:3} modules{f' ─▶ {named}' if named else ''}",
            f"└{'─' * (width + 2)}┘",
        ]
    return "\n".join(lines)


def layers() -> list[str]:
    """The rooms from the top to the base, as the contract of import-linter has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return list(settings["contracts"][0]["layers"])


def imports(room: str) -> set[str]:
    """The other rooms that modules of a room import from."""
    named = {name.split(".")[1] for path in (PACKAGE / room).rglob("*.py") for name in imported(path)}
    return named - {room}


def imported(path: Path) -> Iterator[str]:
    """The names below ``pixmake.`` that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "pixmake":
            yield from (f"pixmake.{name.name}" for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pixmake."):
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("pixmake."))


if __name__ == "__main__":
    sys.exit(main())
