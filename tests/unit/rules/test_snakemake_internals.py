"""What Snakemake does not document is touched in one module, and each has its entry for Snakemake."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest
from tests.conftest import REPOSITORY

from pixmake.rules.snakemake_internals import SEEN_IN, UNDOCUMENTED

HOME = REPOSITORY / "workflow/pixmake/rules/snakemake_internals.py"


def test_the_version_is_one_that_was_looked_at() -> None:
    """A new Snakemake is looked at before it is pinned: run all tests, then add it to SEEN_IN."""
    assert version("snakemake") in SEEN_IN


@pytest.mark.parametrize("name", UNDOCUMENTED)
def test_nothing_else_touches_what_is_undocumented(name: str) -> None:
    used = re.compile(rf"(?<![\w-])(\.{name}\b|[\"']{name}[\"'])")
    folders = (REPOSITORY / "workflow").rglob
    files = [path for suffix in ("*.py", "*.smk") for path in folders(suffix) if path != HOME]
    assert used.search(HOME.read_text()), "no longer used"
    assert [str(path) for path in files if used.search(path.read_text())] == []


@pytest.mark.parametrize("heading", sorted(set(UNDOCUMENTED.values())))
def test_each_has_its_entry(heading: str) -> None:
    page = (REPOSITORY / "docs/upstream.md").read_text()
    assert re.search(rf"^##+ {re.escape(heading)}$", page, re.MULTILINE)
