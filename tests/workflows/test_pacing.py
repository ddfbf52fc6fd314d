"""Rounds of the scheduler: nothing but an ended job asks for one on this machine."""

from __future__ import annotations

import pytest
from tests.conftest import Project

TELL = """

import atexit


@atexit.register
def tell():
    limit = workflow.scheduler.job_rate_limiter
    print("limit:", limit and limit._limit.max_jobs, "looks at:", workflow.scheduler.subsample)
"""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "limit: None looks at: 8"),
        (("--cores", "16"), "limit: None looks at: 20"),
        (("--max-jobs-per-timespan", "9/1s"), "limit: 9 looks at: 8"),
    ],
)
def test_the_default_limit_is_taken_from_a_local_run(
    small: Project, options: tuple[str, ...], told: str
) -> None:
    """The default one goes, one's own stays, and one round can fill all cores and have some jobs in hand."""
    small.write("Snakefile", (small.folder / "Snakefile").read_text() + TELL)
    ended = small.snakemake(*options)
    assert ended.code == 0, ended.err
    assert told in ended.out
