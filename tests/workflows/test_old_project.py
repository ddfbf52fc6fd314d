"""A project folder that an earlier `pixmake init` made runs as it is."""

from __future__ import annotations

import pytest
from tests.conftest import ANALYSIS, Project

SNAKEFILE = """\
# The door: reads config/config.yaml, plans one job per image and step, and makes their rules.
from snakemake.utils import min_version

min_version("9.27")

try:
    from pixmake import rules as pixmake_rules
except ImportError as error:
    raise SystemExit(f"pixmake is missing here ({error}): pip install pixmake")


pixmake_rules.look_at("config/config.yaml")


configfile: "config/config.yaml"


plan = pixmake_rules.compile_project(
    config, workflow.configfiles, workflow.resource_settings.cores
)


include: pixmake_rules.smk("project")


rule all:
    default_target: True
    input:
        pixmake_targets(plan),
"""
"""As 0.1.0 wrote it before its modules had rooms."""

PROFILE = """\
__use_yte__: true
__definitions__:
  - import os, sys
cores: all
?if "SNAKEMAKE_PROFILE" not in os.environ and not any(word.startswith("--profile") for word in sys.argv):
  executor: pixmake
scheduler: greedy
scheduler-subsample: 8
rerun-incomplete: true
quiet: [rules, reason, host]
logger: [pixmake]
"""


@pytest.fixture
def old(project: Project) -> Project:
    project.write("Snakefile", SNAKEFILE)
    project.write("profiles/default/config.yaml", PROFILE)
    project.write("scripts/analysis.py", ANALYSIS)
    for number in range(2):
        project.draw(f"images/p{number}.png", level=50 * number)
    project.list_images([{"path": f"images/p{number}.png"} for number in range(2)])
    project.configure(
        images={"table": "config/images.csv"}, steps={"measure": {"function": "scripts/analysis.py:measure"}}
    )
    return project


def test_an_older_project_runs(old: Project) -> None:
    """Its Snakefile finds all that it calls, and it has its tables."""
    ended = old.snakemake()
    assert ended.code == 0, ended.err
    assert [row["id"] for row in old.rows()] == ["images_p0", "images_p1"]
    assert "Nothing to be done" in old.snakemake().err
