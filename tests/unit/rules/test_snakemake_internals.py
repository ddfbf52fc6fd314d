"""What Snakemake does not document is touched in one folder, and each has its entry for Snakemake."""

from __future__ import annotations

import re
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from snakemake.settings.types import MaxJobsPerTimespan, SchedulingSettings
from tests.conftest import REPOSITORY

from pixmake.rules.snakemake_internals import SEEN_IN, UNDOCUMENTED, begin_jobs_at_once

DEFAULT, OWN = MaxJobsPerTimespan(100, "1s"), MaxJobsPerTimespan(5, "1s")
HOME = REPOSITORY / "workflow/pixmake/rules/snakemake_internals"


def test_the_version_is_one_that_was_looked_at() -> None:
    """A new Snakemake is looked at before it is pinned: run all tests, then add it to SEEN_IN."""
    assert version("snakemake") in SEEN_IN


@pytest.mark.parametrize("name", UNDOCUMENTED)
def test_nothing_else_touches_what_is_undocumented(name: str) -> None:
    used = re.compile(rf"(?<![\w-])(\.{name}\b|[\"']{name}[\"'])")
    folders = (REPOSITORY / "workflow").rglob
    files = [path for suffix in ("*.py", "*.smk") for path in folders(suffix) if HOME not in path.parents]
    assert any(used.search(path.read_text()) for path in HOME.glob("*.py")), "no longer used"
    assert [str(path) for path in files if used.search(path.read_text())] == []


@pytest.mark.parametrize("heading", sorted(set(UNDOCUMENTED.values())))
def test_each_has_its_entry(heading: str) -> None:
    page = (REPOSITORY / "docs/upstream.md").read_text()
    assert re.search(rf"^##+ {re.escape(heading)}$", page, re.MULTILINE)


@pytest.mark.parametrize(
    ("limit", "subsample", "expected"),
    [
        (DEFAULT, 8, (None, 40)),
        (DEFAULT, None, (None, None)),
        (DEFAULT, 64, (None, 64)),
        (OWN, 8, (OWN, 8)),
        (None, 8, (None, 8)),
    ],
    ids=["the default", "no sample", "a large sample", "a limit of the user's", "none"],
)
def test_no_timers_where_another_snakemake_has_started_one(
    limit: MaxJobsPerTimespan | None, subsample: int | None, expected: tuple[object, object]
) -> None:
    """Snakemake's default limit goes, and a sample is as large as the cores are many; else all stays."""
    settings = SchedulingSettings(max_jobs_per_timespan=limit, subsample=subsample)
    cores = SimpleNamespace(cores=40)
    begin_jobs_at_once(SimpleNamespace(scheduling_settings=settings, resource_settings=cores))
    assert (settings.max_jobs_per_timespan, settings.subsample) == expected
