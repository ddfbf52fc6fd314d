"""The rows of a source, counted: each is in an image of the plan, or left out for a reason that is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pixmake.base.counted import counted
from pixmake.table.groups import Grouping
from pixmake.table.selection import SelectionStep
from pixmake.table.table import MISSING, Note, Table

MOST_REASONS = 6
"""Reasons that are told one by one; a folder may hold files of many other formats."""


@dataclass(frozen=True)
class RowSum:
    """Where the rows, or the files, of a source are; those kept and those left out are all of them."""

    read: int
    kept: int
    left_out: tuple[tuple[str, int], ...] = ()
    """Why rows are left out, and how many, in the order in which it happens."""

    def __str__(self) -> str:
        text = f"{counted(self.read, 'row')} = {self.kept} in images"
        if not self.left_out:
            return text
        told = [f"{count} × {why}" for why, count in self.left_out[:MOST_REASONS]]
        more = sum(count for _, count in self.left_out[MOST_REASONS:])
        told += [f"{more} for other reasons"] if more else []
        return f"{text} + {sum(count for _, count in self.left_out)} left out ({', '.join(told)})"


def row_sum(table: Table, steps: Sequence[SelectionStep], there: Table, grouping: Grouping) -> RowSum:
    """Count the rows of a source.

    Parameters
    ----------
    table
        What the source gave, with notes of what it left out by itself.
    steps
        What each condition of `images.select` has left.
    there
        The rows whose files are there.
    grouping
        Their groups.
    """
    by_source = _counted(table.notes)
    left = len(table)
    removed = []
    for step in steps:
        kept = int(step.kept.sum())
        removed.append((step.what, left - kept))
        left = kept
    incomplete = sum(len(lacking.group.rows) for lacking in grouping.incomplete)
    reasons = [*by_source, *removed, (MISSING, left - len(there)), ("incomplete group", incomplete)]
    return RowSum(
        read=len(table) + sum(count for _, count in by_source),
        kept=sum(len(group.rows) for group in grouping.groups),
        left_out=tuple((why, count) for why, count in reasons if count),
    )


def _counted(notes: Sequence[Note]) -> list[tuple[str, int]]:
    return list(Counter(note.why for note in notes if note.left_out).items())
