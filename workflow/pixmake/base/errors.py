"""What is wrong, where, and what would be right: every message to a user goes through here."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pixmake.base import notebooks

MOST_SHOWN = 40
"""Problems printed at the most; the rest is counted."""

MOST_PLACES = 2
"""Other places of one mistake that are named; the rest is counted."""


@dataclass(frozen=True)
class Problem:
    """One thing that a user has to put right."""

    what: str
    where: str = ""
    hint: str = ""
    mistake: str = ""
    """What is wrong in the same way in other places, too: of problems with one such word, the first is told,
    and how many there are. Empty: it is a mistake of its own."""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.what}{hint}"


class PixmakeError(Exception):
    """Everything that is wrong with a user's input, found in one pass.

    Parameters
    ----------
    problems
        What to put right, in the order in which it was found.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__(listed(self.problems))

    def _render_traceback_(self) -> list[str]:
        return notebooks.shown(self)


class MissingExtraError(PixmakeError):
    """A feature that needs an optional package which is not installed."""

    def __init__(self, feature: str, package: str, extra: str, otherwise: str = "") -> None:
        hint = f"install it with: pip install 'pixmake[{extra}]'"
        super().__init__(
            [
                Problem(
                    f"{feature} needs the package {package}, which is not installed",
                    hint=f"{hint}, {otherwise}" if otherwise else hint,
                )
            ]
        )


class MissingPackageError(PixmakeError):
    """A package that the interpreter at hand lacks, which may be that of a step."""

    def __init__(self, feature: str, package: str) -> None:
        super().__init__(
            [
                Problem(
                    f"{feature} needs the package {package}, which {sys.executable} lacks",
                    hint=f"{sys.executable} -m pip install {package}",
                )
            ]
        )


@contextmanager
def in_words() -> Iterator[None]:
    """What a command of a rule trips over, as a message instead of a traceback."""
    try:
        yield
    except OSError as error:
        raise PixmakeError([file_problem(error)]) from None
    except ValueError as error:
        raise PixmakeError([Problem(str(error))]) from None


def file_problem(error: OSError) -> Problem:
    """What an operating system has against a file, in words: ``results: No space left on device``."""
    return Problem(error.strerror or str(error), str(error.filename or ""))


def listed(problems: Iterable[Problem], most: int = MOST_SHOWN) -> str:
    """All problems as text, a line each, the first ``most`` in full."""
    lines = [_told(same) for same in by_mistake(problems)]
    if len(lines) == 1:
        return lines[0]
    shown = [f"  - {line}" for line in lines[:most]]
    if len(lines) > most:
        shown.append(f"  … and {len(lines) - most} more")
    return "\n".join([f"{len(lines)} problems:", *shown])


def by_mistake(problems: Iterable[Problem]) -> list[list[Problem]]:
    """Problems by the mistake that made them, in the order of the first of each."""
    found: dict[object, list[Problem]] = {}
    for number, problem in enumerate(problems):
        key = problem.mistake or number
        found.setdefault(key, []).append(problem)
    return list(found.values())


def _told(same: Sequence[Problem]) -> str:
    """One mistake in a line: its first place in full, and where else it is."""
    first, *others = same
    if not others:
        return str(first)
    places = "; ".join(dict.fromkeys(problem.where for problem in others[:MOST_PLACES] if problem.where))
    more = "; …" if len(others) > MOST_PLACES else ""
    times = "once more" if len(others) == 1 else f"{len(others)} times more"
    return f"{first} – the same {times}{f': {places}{more}' if places else ''}"


def nearest(word: str, known: Iterable[str]) -> str:
    """``did you mean …?`` for a word that is not known, or the list of those that are."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return "known: " + ", ".join(known) if known else "none is known"
