"""How plans, runs and results show themselves in Jupyter: HTML, without a script and without the network."""

from __future__ import annotations

import base64
import html
import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError
from pixmake.images.axes import WHOLE, ImageError, Part, is_zarr
from pixmake.images.preview import preview
from pixmake.images.read import IMAGES
from pixmake.job.record import Record
from pixmake.plan.plan import Plan
from pixmake.progress.status import Count
from pixmake.results.read import measured_values

SHOWN = 12
"""Images whose results are shown; the tables have all."""

THUMBNAIL = 128
"""Pixels of a thumbnail's longer side."""

REFRESH = 0.5
"""Seconds between two looks at a run that is shown."""


class Results(Protocol):
    """What a project has on disk; see `pixmake.Results`."""

    @property
    def plan(self) -> Plan:
        """All that is planned."""

    @property
    def known(self) -> Plan:
        """The plan of the images that are known."""

    def records(self) -> Iterator[Record]:
        """Image by image."""

    def path(self, name: str) -> Path:
        """Where a file of the project is."""


class Progress(Protocol):
    """How far a run is; see `pixmake.Progress`."""

    @property
    def done(self) -> int:
        """Jobs that are done."""

    @property
    def total(self) -> int:
        """Jobs to do."""

    @property
    def state(self) -> str:
        """``running``, ``done``, ``failed`` or ``cancelled``."""


class Run(Protocol):
    """A run that goes on or has ended; see `pixmake.Run`."""

    @property
    def progress(self) -> Progress:
        """How far it is."""

    @property
    def state(self) -> str:
        """As that of its progress."""

    @property
    def results(self) -> Results:
        """What is there."""

    def reason(self) -> str:
        """Why it failed."""

    def done(self) -> bool:
        """Whether it has ended."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for its end: whether it has ended."""


_COLOURS = {"running": "#2b7bba", "done": "#2e8540", "failed": "#c0392b", "cancelled": "#8a6d3b"}


def plan_html(plan: Plan, counts: Mapping[str, Count]) -> str:
    """The steps of a plan, how many of their jobs are done, and the first images."""
    images = sum(len(group.paths) for group in plan.groups)
    grouped = f" in {len(plan.groups)} groups" if plan.config.images.group_by else ""
    steps = [
        [
            planned.name,
            ", ".join([*planned.step.needs, *planned.step.needs_all]),
            _words(planned.step),
            counts[planned.name].done,
            counts[planned.name].failed,
            counts[planned.name].to_do,
        ]
        for planned in plan.steps
    ]
    head = ["step", "needs", "what", "done", "failed", "to do"]
    first = ", ".join(group.id for group in plan.groups[:5])
    more = f" … and {len(plan.groups) - 5} more" if len(plan.groups) > 5 else ""
    told = f"{counted(images, 'image')}{grouped}"
    return (
        f"<div><b>{told}</b>, results in <code>{_escaped(plan.config.results)}</code>"
        f"{_table(head, steps)}<small>{_escaped(first + more)}</small></div>"
    )


def progress_html(progress: Progress) -> str:
    """A bar with counts."""
    share = progress.done / progress.total if progress.total else float(progress.state == "done")
    colour = _COLOURS[progress.state]
    return (
        f'<div><div role="progressbar" aria-valuemin="0" aria-valuemax="{progress.total}" '
        f'aria-valuenow="{progress.done}" style="background:#8884;width:24em;height:0.8em">'
        f'<div style="background:{colour};width:{100 * share:.1f}%;height:100%"></div></div>'
        f"{_escaped(progress)}</div>"
    )


def results_html(results: Results) -> str:
    """The first results with thumbnails, failures before all others."""
    plan = results.known
    records = _by_image(results.records())
    shown = sorted(records, key=lambda each: not any(record.error for record in each[1]))[:SHOWN]
    paths = {group.id: group.images for group in plan.groups}
    images = [of_image for job_id, of_image in records if job_id in paths]
    failed = sum(1 for of_image in images if any(record.error for record in of_image))
    names = list(dict.fromkeys(name for _, of_image in shown for name in _values(of_image)))
    rows = [
        [
            _pictures(results, paths.get(job_id, ()), of_image),
            _escaped(job_id),
            *(_cell(_values(of_image).get(name)) for name in names),
            _escaped("; ".join(f"{r.step}: {r.error.type}: {r.error.message}" for r in of_image if r.error)),
        ]
        for job_id, of_image in shown
    ]
    head = ["", "id", *names, "error"]
    if not any(row[-1] for row in rows):
        head, rows = head[:-1], [row[:-1] for row in rows]
    more = f"; the first {SHOWN} of them" if len(records) > SHOWN else ""
    summary = (
        f"{len(records) - failed} of {len(results.plan.groups)} images with results, {failed} failed{more}"
    )
    return f"<div><b>{summary}</b>{_table(head, rows, escape=False)}</div>"


def run_html(run: Run) -> str:
    """How far a run is; once it has ended its results, and why it failed if it did."""
    shown = progress_html(run.progress)
    if run.state in ("failed", "cancelled"):
        shown += f"<pre>{_escaped(run.reason())}</pre>"
    return f"<div>{shown}{results_html(run.results) if run.done() else ''}</div>"


def show_run(run: Run) -> None:
    """Show a run below its cell, and keep that up to date until it has ended."""
    from IPython.display import HTML, display

    handle = display(HTML(run_html(run)), display_id=True)
    if handle is None or run.done():
        return

    def keep_up() -> None:
        while not run.wait(REFRESH):
            handle.update(HTML(run_html(run)))
        handle.update(HTML(run_html(run)))

    threading.Thread(target=keep_up, name="pixmake-display", daemon=True).start()


def thumbnail(path: Path, part: Part | None = None) -> str:
    """An image as an ``<img>`` that holds it, small; where it cannot be read, a word that says why.

    Values of more than 8 bits, and labels, are stretched from the least to the greatest.
    """
    import cv2
    import numpy as np

    try:
        image = preview(path, part, THUMBNAIL)
    except (ImageError, PixmakeError) as error:
        return f'<span title="{_escaped(error)}">no image</span>'
    scale = THUMBNAIL / max(image.shape[:2])
    if scale < 1:
        size = [max(1, round(length * scale)) for length in (image.shape[1], image.shape[0])]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if image.dtype != np.uint8:
        finite = np.nan_to_num(image.astype(np.float64))
        low, high = float(finite.min()), float(finite.max())
        image = ((finite - low) * (255 / (high - low or 1))).astype(np.uint8)
    content = base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode()
    name = _escaped(path.name)
    return f'<img alt="{name}" title="{name}" src="data:image/png;base64,{content}">'


def _pictures(results: Results, images: Sequence[tuple[str, Part]], records: Sequence[Record]) -> str:
    """The thumbnails of an image and of the files that were made from it."""
    made = [(path, WHOLE) for record in records if record.error is None for path in record.files.values()]
    shown = [
        (path, part)
        for path, part in (*images, *made)
        if is_zarr(path) or path.rpartition(".")[2].lower() in IMAGES
    ]
    return "".join(thumbnail(results.path(path), part) for path, part in shown[:4] if "://" not in path)


def _by_image(records: Iterable[Record]) -> list[tuple[str, list[Record]]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.id, []).append(record)
    return list(found.items())


def _values(records: Iterable[Record]) -> dict[str, Any]:
    return {name: value for record in records for name, value in measured_values(record).items()}


def _words(step: Any) -> str:
    """What a step calls: the value of the key that says its kind."""
    for key in type(step).model_fields:
        value = getattr(step, key)
        if isinstance(value, str):
            return value
    return ""


def _cell(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    if isinstance(value, list):
        return _escaped(", ".join(map(str, islice(value, 6))) + (" …" if len(value) > 6 else ""))
    return "" if value is None else _escaped(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, escape: bool = True) -> str:
    cells = [[_escaped(cell) if escape else str(cell) for cell in row] for row in rows]
    top = "".join(f"<th>{_escaped(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _escaped(value: Any) -> str:
    return html.escape(str(value))
