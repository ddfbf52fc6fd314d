"""The command of a job, made of what is the job's own; Snakemake copies all globals of a Snakefile for it."""

from __future__ import annotations

import functools
import operator
import shlex
import string
from collections.abc import Callable
from typing import Any

_OF_A_JOB = {"input", "log", "output", "params", "resources", "threads"}


def is_of_its_job(text: str) -> bool:
    """Whether each field of a command is one of the job's, as it is or quoted (``{input:q}``)."""
    return _pieces(text) is not None


def command_of(job: Any) -> str:
    """The command of a job of which `is_of_its_job` is true, as Snakemake formats it."""
    pieces = _pieces(job.rule.shellcmd) or []
    return "".join(
        text + (_said(value(job), quoted=quoted) if value else "") for text, value, quoted in pieces
    )


@functools.lru_cache(maxsize=256)
def _pieces(text: str) -> list[tuple[str, Callable[[Any], Any] | None, bool]] | None:
    """Each piece of text, how the value behind it is found, and whether that is quoted; nothing as above."""
    found: list[tuple[str, Callable[[Any], Any] | None, bool]] = []
    try:
        for literal, name, form, conversion in string.Formatter().parse(text):
            if name is None:
                found.append((literal, None, False))
            elif (
                name.partition(".")[0] in _OF_A_JOB
                and "[" not in name
                and not conversion
                and form in ("", "q")
            ):
                found.append((literal, operator.attrgetter(name), form == "q"))
            else:
                return None
    except ValueError:  # Snakemake says what is wrong with it
        return None
    return found


def _said(value: Any, *, quoted: bool) -> str:
    words = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    texts = [format(word, "") for word in words]
    return " ".join(shlex.quote(text) if quoted and text else text for text in texts)
