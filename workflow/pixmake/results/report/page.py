"""The page as HTML: template, style, program, libraries and data in one file."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pixmake.base.installed import WORKFLOW
from pixmake.results.report.content import Content, Level
from pixmake.results.report.parts import parts
from pixmake.results.report.quality import MEASURES
from pixmake.results.report.thumbnails import Thumbnail
from pixmake.results.report.views import programs, shown_views

TEMPLATE = WORKFLOW / "report"
LIBRARIES = ("tabulator.min.js", "echarts.min.js")
STYLES = ("vendor/tabulator_simple.min.css", "page/page.css")
PROGRAM = ("data", "stats", "address", "export", "filters", "picture", "keyboard", "layout", "paper")
"""What the programs of all views build on, in the order in which these parts build on one another."""

MAIN = "main"
"""What begins once all views are there."""

MOST_INSIDE = 200
"""Images whose small pictures stand in the page itself, which then is one file."""


def render(content: Content, thumbnails: Mapping[str, Thumbnail], folder: Path, files: str) -> Iterator[str]:
    """The page, piece by piece.

    Parameters
    ----------
    content
        What it says.
    thumbnails
        The small pictures by id.
    folder
        The page's folder.
    files
        The folder of the small pictures, below it.
    """
    inside = len(content.pictures) <= MOST_INSIDE
    small = folder / files
    pictures = {job_id: _picture(picture, small, inside) for job_id, picture in thumbnails.items()}
    views = shown_views(content)
    data = {
        "title": content.title,
        "views": [view.as_json() for view in views],
        "project": dict(content.project),
        "levels": [_level(level, pictures) for level in content.levels],
        "first": content.first,
        "pictures": pictures,
        "failures": [asdict(failure) for failure in content.failures],
        "steps": [asdict(step) for step in content.steps],
        "facts": content.facts,
        "folder": files,
        "parts": [*parts(content.project.get("functions", ()), folder), *content.groups],
    }
    template = (TEMPLATE / "page" / "page.html").read_text(encoding="utf-8")
    before, _, rest = template.partition("<!-- style -->")
    between, _, after = rest.partition("<!-- program -->")
    yield before.replace("{title}", html.escape(content.title)).replace(
        "{about}", html.escape(about(content))
    )
    for style in STYLES:
        yield f"<style>\n{(TEMPLATE / style).read_text(encoding='utf-8')}</style>\n"
    places = "\n".join(f'  <section id="view-{view.name}" class="view" hidden></section>' for view in views)
    yield (
        between.replace("{title}", html.escape(content.title))
        .replace("{about}", html.escape(about(content)))
        .replace("<!-- views -->", places.strip())
    )
    yield f'<script type="application/gzip" id="data">{packed(data)}</script>\n'
    for library in LIBRARIES:
        yield f"<script>{(TEMPLATE / 'vendor' / library).read_text(encoding='utf-8')}</script>\n"
    yield "<script>\n'use strict';\n"
    for part in PROGRAM:
        yield _program(part)
    yield from programs(views)
    # a package's program has an element of its own: what it cannot do is no matter of the others
    for view in views:
        if view.added and view.program:
            yield f"</script>\n<script>\n'use strict';\n{view.program}"
    yield f"</script>\n<script>\n'use strict';\n{_program(MAIN)}</script>\n{after}"


def _program(part: str) -> str:
    return (TEMPLATE / "page" / f"{part}.js").read_text(encoding="utf-8")


def _level(level: Level, pictures: Mapping[str, Any]) -> dict[str, Any]:
    """A level as the page's program has it; ``pictures`` are keys of the page's own."""
    noun, nouns = _nouns(level)
    return {
        "name": " × ".join(level.terms) or "image",
        "noun": noun,
        "nouns": nouns,
        "terms": level.terms,
        "ids": level.ids,
        "states": level.states,
        "empty": level.empty,
        "columns": [vars(column) for column in level.columns],
        "left_out": level.left_out,
        "design": vars(level.design),
        "outliers": {key: vars(judgement) for key, judgement in level.outliers.items()},
        "plates": asdict(level.plates),
        "several": level.several,
        "files": level.files,
        "channels": {
            name: [picture if picture in pictures else "" for picture in of_channel]
            for name, of_channel in level.channels.items()
        },
        "shown": [picture if picture in pictures else "" for picture in level.pictures],
        "members": level.members,
        "lacking": level.lacking,
        "quality": {**asdict(level.quality), "shares": [each.name for each in MEASURES if each.is_share]},
    }


def _nouns(level: Level) -> tuple[str, str]:
    """What a point is called, and several of them."""
    one = level.terms[-1] if level.terms else "image"
    if one.endswith("s"):
        return one, one
    return one, f"{one[:-1]}ies" if re.search("[^aeiou]y$", one) else f"{one}s"


def about(content: Content) -> str:
    """The page in a sentence, for who looks at it without its program."""
    level = content.levels[content.first]
    failed = level.states.count("failed")
    empty = f", {len(level.empty):,} measured nothing" if level.empty else ""
    points = f"{len(level.ids):,} {_nouns(level)[1]}"
    return f"{points}, {level.states.count('done'):,} done, {failed:,} failed{empty}"


def packed(data: Any) -> str:
    """Data as text that may stand in a page: JSON, compressed, in base 64; the same for the same data."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("utf-8", "surrogatepass"), 6, mtime=0)).decode("ascii")


def _picture(picture: Thumbnail, folder: Path, inside: bool) -> list[str | int]:
    """Small picture, outline and large copy, as data or as a file's name; whether the image is damaged."""
    small, outline = picture.small, picture.outline
    if inside:
        small = _as_url(folder / small, "image/jpeg") if small else ""
        outline = _as_url(folder / outline, "image/svg+xml") if outline else ""
    return [small, outline, picture.large, int(picture.damaged)]


def _as_url(path: Path, type_: str) -> str:
    return f"data:{type_};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
