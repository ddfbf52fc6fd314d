"""What Snakemake imports for a question that can be answered without it.

Each of the two libraries takes a tenth of a second or more, and more of them the more is installed beside
them. Where the question is another one, Snakemake asks as it always does.
"""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import snakemake.sourcecache
from snakemake.persistence import PersistenceBase
from snakemake.sourcecache import LocalSourceFile, SourceCache

_Uri = namedtuple("_Uri", ["scheme", "uri_path"])


def import_less() -> None:
    """Have Snakemake, in this process, import less; before it reads a Snakefile."""
    if SourceCache._open.__module__ == __name__:
        return
    snakemake.sourcecache.parse_uri = _parse_uri(snakemake.sourcecache.parse_uri)
    SourceCache._open = _open(SourceCache._open)
    PersistenceBase._serialize_param_pandas = _serialize(PersistenceBase._serialize_param_pandas)


def _parse_uri(theirs: Callable[[str], Any]) -> Callable[[str], Any]:
    """What a URI consists of; a path of this machine is one that smart_open would find no scheme in."""

    def parse_uri(path_or_uri: str) -> Any:
        return _Uri("file", path_or_uri) if _is_path(path_or_uri) else theirs(path_or_uri)

    return parse_uri


def _open(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """A source to read; smart_open opens a file of this machine as Python does."""

    def _open(cache: Any, source_file: Any, mode: str, encoding: str | None = None) -> Any:
        path = str(source_file.get_path_or_uri(secret_free=False))
        if type(source_file) is LocalSourceFile and mode in ("r", "rb") and _is_path(path):
            try:
                return open(path, mode, encoding=encoding if mode == "r" else None)
            except OSError:
                pass  # theirs says what is wrong
        return theirs(cache, source_file, mode, encoding)

    return _open


def _is_path(text: str) -> bool:
    return text.startswith("/") and ":" not in text


def _serialize(theirs: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A param as Snakemake compares it; no table of pandas is there as long as nobody has imported that."""

    def serialize(persistence: Any, value: Any) -> Any:
        return (
            theirs(persistence, value)
            if "pandas" in sys.modules
            else persistence._serialize_param_builtin(value)
        )

    return serialize
