"""An inspection as text that stays readable, whether there are ten images or a hundred thousand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pixmake.base.counted import counted
from pixmake.config.text import printable
from pixmake.project.inspection import DONE, FAILED, KEPT, Inspection
from pixmake.table.table import counted_notes, located

MOST_LINES = 12
"""Lines of each list; the rest is counted."""

ROWS = 5
"""Rows of the table that are shown."""

_NARROWEST, _WIDEST_CELL = 60, 40


def as_text(inspection: Inspection, width: int = 100) -> Iterator[str]:
    """The lines that `pixmake inspect` prints.

    Parameters
    ----------
    inspection
        What was found.
    width
        Characters of a line.
    """
    parts = [list(part(inspection)) for part in (_counts, _terms, _groups, _misread, _unnamed, _first_rows)]
    for number, lines in enumerate([lines for lines in parts if lines]):
        if number:
            yield ""
        yield from (_cut(line, max(width, _NARROWEST)) for line in lines)


def _counts(inspection: Inspection) -> Iterator[str]:
    """From what the source has to what is run, a line for whatever takes images away."""
    suffixes = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in inspection.suffixes[:5])
    yield f"{inspection.source}: {counted(inspection.read, 'image')}" + (f" ({suffixes})" if suffixes else "")
    yield from _listed([f"  {line}" for line in counted_notes(inspection.notes)])
    rows = [(str(step.removed), step.what, str(step.left)) for step in inspection.filters]
    left = inspection.filters[-1].left if inspection.filters else inspection.read
    there = sum(count for _, count in inspection.statuses)
    lacking = sum(len(group.group.rows) for group in inspection.incomplete)
    for count, reason in [
        *((count, reason) for reason, count in inspection.faults),
        (lacking, "incomplete groups"),
    ]:
        left -= count
        if count:
            rows.append((str(count), reason, str(left)))
    if left > there:
        rows.append((str(left - there), "what is wrong with them, see below", str(there)))
    if rows:
        rows = [("removed", "by", "left"), *rows]
        yield from _listed([f"  {line}" for line in _columns(rows, right=1)], 3 * MOST_LINES)
    words = {KEPT: "to run", DONE: DONE, FAILED: f"{FAILED} (these run again)"}
    told = ", ".join(f"{count} {words[word]}" for word, count in inspection.statuses)
    jobs = f" in {inspection.groups} groups" if inspection.groups != there else ""
    yield f"{counted(there, 'image')}{jobs} in the run" + (f": {told}" if told else "")


def _terms(inspection: Inspection) -> Iterator[str]:
    if not inspection.terms:
        return
    filtered = sum(count for _, count in inspection.statuses) < inspection.read
    header = ["term", "values", *(["in the run"] if filtered else []), "empty", "for example"]
    rows = [header]
    for term in inspection.terms:
        shown = ", ".join(_short(value) for value in term.examples)
        more = ", …" if (term.kept or term.values) > len(term.examples) else ""
        kept = [str(term.kept)] if filtered else []
        rows.append([term.name, str(term.values), *kept, str(term.empty), shown + more])
    yield from _listed(list(_columns(rows)), 3 * MOST_LINES)


def _groups(inspection: Inspection) -> Iterator[str]:
    if inspection.sizes and inspection.sizes != ((1, inspection.groups),):
        yield "groups"
        rows = [(str(count), f"of {counted(size, 'image')}") for size, count in inspection.sizes]
        yield from _listed([f"  {line}" for line in _columns(rows, right=1)])
    if inspection.incomplete:
        yield counted(len(inspection.incomplete), "incomplete group")
        lines = [
            f"  {lacking.group.id}: no {', no '.join(lacking.missing)}" for lacking in inspection.incomplete
        ]
        yield from _listed(lines)


def _misread(inspection: Inspection) -> Iterator[str]:
    """Each TIFF that a step which reads by itself may get wrong, by name: it is for a user to look at."""
    wrong = inspection.misread
    if wrong is not None:
        yield f"TIFFs that OpenCV decodes wrongly, for {' and '.join(wrong.steps)}, which read by themselves"
        yield from (f"  {line}" for line in _columns([[path, why] for path, why in wrong.files.items()]))


def _unnamed(inspection: Inspection) -> Iterator[str]:
    if inspection.unnamed:
        yield "pictures that no file of their step names (writeimg)"
        yield from (f"  {line}" for line in inspection.unnamed)


def _first_rows(inspection: Inspection) -> Iterator[str]:
    there = [row for row, status in enumerate(inspection.status) if status in (KEPT, DONE, FAILED)]
    if there:
        some = f"the first {ROWS} of {len(there)} images" if len(there) > ROWS else "the images"
        yield f"{some} in the run"
        table, columns = inspection.table, inspection.table.columns
        rows = table.frame[columns].iloc[there[:ROWS]].to_numpy()
        cells = [
            [located(row[0], table.root), *("" if cell is None else str(cell) for cell in row[1:])]
            for row in rows
        ]
        yield from (f"  {line}" for line in _columns([columns, *cells]))


def _listed(lines: Sequence[str], most: int = MOST_LINES) -> Iterator[str]:
    yield from lines[:most]
    if len(lines) > most:
        yield f"  … and {len(lines) - most} more"


def _columns(rows: Sequence[Sequence[str]], right: int = 0) -> Iterator[str]:
    """Rows as lines, each column as wide as its widest cell; the first ``right`` ones end at a line."""
    rows = [
        [_short(cell) if column + 1 < len(row) else printable(cell) for column, cell in enumerate(row)]
        for row in rows
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = [
            f"{cell:>{size}}" if column < right else f"{cell:<{size}}"
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _short(value: Any) -> str:
    text = printable(str(value))
    return text if len(text) <= _WIDEST_CELL else f"{text[: _WIDEST_CELL - 1]}…"


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
