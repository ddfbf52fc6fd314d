"""A progress bar, in a terminal or in a notebook, or none."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any


class Bar:
    """A progress bar; without one to make it shows nothing and only speaks.

    It is there from the moment on at which it is known how much there is to do.
    """

    def __init__(self, make: Callable[[int], Any] | None = None) -> None:
        self._make = make
        self._bar: Any = None

    def show(self, done: int, total: int) -> None:
        """Show how far it is."""
        if self._make is None or not total:
            return
        if self._bar is None:
            self._bar = self._make(total)
        if self._bar.total != total:
            self._bar.total = total
            self._bar.refresh()
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Leave it as it is."""
        if self._bar is not None:
            self._bar.close()

    def say(self, text: str) -> None:
        """Print on the standard error stream, without breaking the bar."""
        if self._bar is None:
            print(text, file=sys.stderr, flush=True)
        else:
            self._bar.write(text, file=sys.stderr)


@contextlib.contextmanager
def shown_bar(wanted: bool, unit: str) -> Iterator[Bar]:
    """A bar for as long as the block lasts.

    Parameters
    ----------
    wanted
        Whether there is one.
    unit
        What is counted.
    """
    if not wanted:
        yield Bar()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook without ipywidgets: the bar is text there
        from tqdm.auto import tqdm
    with contextlib.closing(Bar(lambda total: tqdm(unit=unit, total=total))) as bar:
        yield bar


def is_watched() -> bool:
    """Whether a person sees the standard error stream: a terminal, or a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules
