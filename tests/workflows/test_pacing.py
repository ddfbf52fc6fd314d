"""Rounds of the scheduler: nothing but an ended job asks for one on this machine."""

from __future__ import annotations

import json
import re
from typing import Any

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
        ((), "limit: None looks at: 10"),
        (("--cores", "16"), "limit: None looks at: 24"),
        (("--max-jobs-per-timespan", "9/1s"), "limit: 9 looks at: 10"),
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


def test_metadata_is_what_snakemake_writes(small: Project) -> None:
    """What a run leaves for the next one is the same, file by file, if Snakemake itself sees to each job."""
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "measure": {"function": "scripts/analysis.py:measure"},
            "again": {"function": "scripts/analysis.py:measure", "needs": ["measure"]},
        },
    )
    found = []
    for options in ((), ("--forceall", "--executor", "local")):
        ended = small.snakemake(*options)
        assert ended.code == 0, ended.err
        found.append(metadata(small))
        assert not any((small.folder / ".snakemake/incomplete").iterdir())
    assert len(found[0]) == 8
    assert found[0] == found[1]


def metadata(project: Project) -> dict[str, Any]:
    """Snakemake's of images, without times, what depends on them, and the number of its process."""
    found = {}
    for path in (project.folder / ".snakemake/metadata").iterdir():
        content = json.loads(path.read_text())
        if content["rule"].startswith(("measure_", "again_")):
            assert content.pop("endtime") >= content.pop("starttime") - 1
            del content["job_hash"]
            content["input_checksums"] = sorted(content["input_checksums"])
            text = json.dumps(content, sort_keys=True)
            found[path.name] = re.sub(r"client\.py('?) [0-9]+ ", r"client.py\1 N ", text)
    return found
