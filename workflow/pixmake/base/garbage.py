"""How often Python looks for garbage in a program that builds up what it needs until its end."""

from __future__ import annotations

import atexit
import gc


def search_cycles_less() -> None:
    """Keep Python from looking for cycles of references in all modules, rules and jobs again and again.

    They live as long as the process does. At 10,000 images those walks took a fifth of Snakemake's time, and
    the ones at its very end, when the operating system is about to free all memory at once, a fifth of a dry
    run's; of what is imported until the first rule is made they were a quarter.
    """
    gc.set_threshold(200_000, 20, 100)
    atexit.register(gc.freeze)
