"""A progress bar, in a terminal or in a notebook, or none."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any


class Bar:
    """A progress bar; without tqdm's bar inside it shows nothing and only speaks."""

    def __init__(self, bar: Any = None) -> None:
        self._bar = bar

    def show(self, done: int, total: int) -> None:
        """Show how far it is."""
        if self._bar is None:
            return
        if self._bar.total != total:
            self._bar.total = total
            self._bar.refresh()
        self._bar.update(done - self._bar.n)

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
    with tqdm(unit=unit, total=0) as bar:
        yield Bar(bar)


def is_watched() -> bool:
    """Whether a person sees the standard error stream: a terminal, or a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules
