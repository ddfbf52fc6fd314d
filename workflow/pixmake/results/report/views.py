"""The views of the page: its tabs, pixmake's own and those of installed packages."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.base import plugins
from pixmake.base.errors import PixmakeError
from pixmake.base.installed import WORKFLOW
from pixmake.results.report.content import Content

PROGRAMS = WORKFLOW / "report" / "page"


def nothing_more(content: Content) -> dict[str, Any]:
    """What a view needs that shows what is in the page anyway."""
    return {}


@dataclass(frozen=True)
class View:
    """One view. A package names one of its own as an entry point of ``pixmake.page``."""

    title: str
    """What stands on its tab."""
    program: Path
    """A file of JavaScript that calls ``addView(name, make, isOffered)``; see docs/plugins.md."""
    filtered: bool = True
    """Whether the filters of the page hold for it, so that they are shown above it."""
    data: Callable[[Content], Any] = nothing_more
    """What it gets besides, as JSON, of what the page says; ``None`` if there is nothing to see."""


NEEDED = ("title", "program", "filtered", "data")

OWN_VIEWS: Mapping[str, View] = {
    "overview": View("Overview", PROGRAMS / "overview.js", filtered=False),
    "failures": View("Failures", PROGRAMS / "overview.js", filtered=False),
    "images": View("Images", PROGRAMS / "gallery.js"),
    "table": View("Table", PROGRAMS / "table.js"),
    "growth": View("Growth", PROGRAMS / "growth.js"),
    "plates": View("Plates", PROGRAMS / "plates.js"),
    "plots": View("Plots", PROGRAMS / "plots.js"),
    "quality": View("Quality", PROGRAMS / "quality.js", filtered=False),
    "run": View("Run", PROGRAMS / "overview.js", filtered=False),
}
"""Those that come with pixmake, by name, in the order of their tabs."""

LAST = "run"
"""The view before which those of packages stand."""


@dataclass(frozen=True)
class Shown:
    """A view in a page."""

    name: str
    title: str
    filtered: bool
    program: str
    """Its JavaScript; empty where it cannot be shown."""
    data: Any
    added: bool
    """Whether a package adds it."""
    error: str = ""
    """Why it cannot be shown."""

    def as_json(self) -> dict[str, Any]:
        """What the page's program is told of it."""
        return {key: value for key, value in vars(self).items() if key != "program"}


def shown_views(content: Content) -> list[Shown]:
    """The views of a page, in the order of their tabs; of one that cannot be used, its place says why."""
    own = [_shown(name, view, content, added=False) for name, view in OWN_VIEWS.items()]
    place = list(OWN_VIEWS).index(LAST)
    added = [_of_package(name, entry, content) for name, entry in _added().items()]
    return [each for each in (*own[:place], *added, *own[place:]) if each is not None]


def _added() -> Mapping[str, plugins.Entry]:
    return plugins.free("page", OWN_VIEWS)


def _of_package(name: str, entry: plugins.Entry, content: Content) -> Shown | None:
    try:
        view = plugins.load(entry, NEEDED)
        return _shown(name, view, content, added=True)
    except PixmakeError as error:
        why = str(error)
    except Exception as error:
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        why = str(plugins.PluginError([plugins.refuse(entry, told)]))
    print(f"pixmake: {why}", file=sys.stderr)
    return Shown(name, name, filtered=False, program="", data=None, added=True, error=why)


def _shown(name: str, view: View, content: Content, *, added: bool) -> Shown | None:
    data = view.data(content)
    if data is None:
        return None
    json.dumps(data, allow_nan=False)  # here, where it is known whose it is
    program = Path(view.program).read_text(encoding="utf-8")
    return Shown(name, str(view.title), bool(view.filtered), _closed(program), data, added)


def _closed(program: str) -> str:
    """A program as it may stand in a page: nothing in it ends the element that it stands in."""
    return re.sub(r"</(script)", r"<\\/\1", program, flags=re.IGNORECASE)


def programs(views: list[Shown]) -> Iterator[str]:
    """The programs of pixmake's own views, each once."""
    yield from dict.fromkeys(view.program for view in views if not view.added)
