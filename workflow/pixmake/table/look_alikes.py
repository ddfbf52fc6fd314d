"""Values that differ, and may be meant to be one: ``A1`` and ``A01``, ``p1`` and ``P1``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pixmake.config.images import Images
from pixmake.table.table import PATH, Note, Table

MOST = 10_000
"""Values of a column that are compared with one another; of more, nobody wrote each by hand."""

_PADDING = re.compile(r"(?<![0-9.,])0+(?=[0-9])")


def folded(text: str) -> str:
    """A text without what people write now in one way, now in another: case, space, zeros before a number.

    Examples
    --------
    >>> folded("Well A01"), folded("1.05")
    ('wella1', '1.05')
    """
    return _PADDING.sub("", "".join(text.casefold().split()))


def compared_columns(images: Images) -> Iterator[str]:
    """The columns by whose values images are chosen and put together."""
    yield from images.group_by
    yield from images.select.where
    yield from (column for join in images.join for column in join.on)
    if images.select.sample is not None:
        yield from images.select.sample.per


def look_alike_notes(table: Table, columns: Iterable[str]) -> Iterator[Note]:
    """Tell of a column's values that are kept apart by case, space or zeros alone.

    Parameters
    ----------
    table
        The rows.
    columns
        Those whose values images are put together by, or chosen by; others are left out.
    """
    for column in dict.fromkeys(columns):
        if column == PATH or column not in table.cells:
            continue
        twins: dict[str, list[str]] = {}
        texts = dict.fromkeys(table.texts(column))
        if len(texts) > MOST:
            continue
        for text in texts:
            if text is not None:
                twins.setdefault(folded(text), []).append(text)
        alike = [same for same in twins.values() if len(same) > 1]
        if alike:
            shown = ", ".join(" and ".join(map(repr, same)) for same in alike[:3])
            more = ", …" if len(alike) > 3 else ""
            what = f"{column}: values that differ by case, space or zeros in front alone are different ones"
            yield Note(what, detail=f"{shown}{more}", count=0)
