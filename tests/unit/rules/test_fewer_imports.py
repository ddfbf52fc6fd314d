"""What Snakemake is spared to import changes no answer that it gets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import snakemake.common
import snakemake.sourcecache
from snakemake.exceptions import WorkflowError
from snakemake.persistence.file import FilePersistence
from snakemake.sourcecache import LocalSourceFile, SourceCache
from tests.conftest import Project

from pixmake.rules.snakemake_internals.fewer_imports import import_less


@pytest.fixture(autouse=True)
def _patched(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in (
        (snakemake.sourcecache, "parse_uri"),
        (SourceCache, "_open"),
        (FilePersistence, "_serialize_param_pandas"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # as it was, once the test has ended
    import_less()


@pytest.mark.parametrize("path", ["/a/b.smk", "/a b/ü%20.smk", "/a/b:c", "s3://bucket/key", "https://host/x"])
def test_where_a_source_is(path: str) -> None:
    found, theirs = snakemake.sourcecache.parse_uri(path), snakemake.common.parse_uri(path)
    assert found.scheme == theirs.scheme
    if found.scheme == "file":
        assert found.uri_path == theirs.uri_path


def test_what_a_source_holds(tmp_path: Path) -> None:
    """Text and bytes are read as they stand; a file that is not there is told of in Snakemake's words."""
    file = tmp_path / "a ü.smk"
    file.write_bytes("größe = 1\r\n".encode())
    cache = SourceCache(tmp_path / "cache")
    with cache.open(LocalSourceFile(str(file))) as source:
        assert source.read() == "größe = 1\n"
    with cache._open(LocalSourceFile(str(file)), "rb") as source:
        assert source.read() == file.read_bytes()
    with pytest.raises(WorkflowError, match="Failed to open source file"):
        cache._open(LocalSourceFile(str(tmp_path / "missing")), "rb")


TABLE = pd.DataFrame({"a": [1, 2]})


@pytest.mark.parametrize(
    "value", [1, 2.5, "a", None, True, [1, "a"], {"a": 1}, b"a", {2, 1}, TABLE, TABLE["a"]]
)
@pytest.mark.parametrize("imported", [True, False])
def test_what_is_kept_of_a_param(value: Any, imported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    is_table = isinstance(value, (pd.DataFrame, pd.Series))
    if not imported:
        monkeypatch.delitem(sys.modules, "pandas")
    persistence = object.__new__(FilePersistence)
    found = persistence._serialize_param_pandas(value)
    if not is_table:
        assert found == persistence._serialize_param_builtin(value)
    elif imported:
        assert found == repr(pd.util.hash_pandas_object(value).tolist())


def test_a_dry_run_opens_no_connection_to_storage(small: Project) -> None:
    """The library that reads from all kinds of storage is not imported for files of this machine."""
    told = '\nimport sys\nprint("smart_open:", "smart_open" in sys.modules, flush=True)\n'
    small.write("scripts/analysis.py", "def measure(image):\n    return {}\n")
    small.write("Snakefile", (small.folder / "Snakefile").read_text() + told)
    ended = small.snakemake("-n")
    assert ended.code == 0, ended.err
    assert "smart_open: False" in ended.out
