"""A project that nobody may write to: one sentence, and no waiting."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import Project


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be written to a folder; root needs a mount for that."""
    if os.geteuid():
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)
        return
    for words in (["--bind", str(folder), str(folder)], ["-o", "remount,bind,ro", str(folder)]):
        if subprocess.run(["mount", *words], capture_output=True, check=False).returncode:
            pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_it_ends_at_once(small: Project) -> None:
    """`pixmake run` says where nothing can be written, and why; a run with room is whole."""
    with read_only(small.folder):
        ended = small.pixmake("run", "--cores", "2", timeout=60)
    assert ended.code == 1
    assert "pixmake: nothing can be written to .snakemake/pixmake: " in ended.err
    assert "Traceback" not in ended.err
    ended = small.pixmake("run", "--cores", "2")
    assert ended.code == 0, ended.err
    assert len(small.rows()) == 4
