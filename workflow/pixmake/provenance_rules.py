"""What the rule of ``workflow/rules/provenance.smk`` is made of, and the same as text."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pixmake.plan import Plan
from pixmake.provenance import about
from pixmake.rules import listed_paths, log_of, records
from pixmake.task import one_line


def provenance_file(plan: Plan) -> str:
    """Where the provenance of all results is."""
    return f"{plan.config.results}/provenance.json"


def about_line(plan: Plan, workflow: Any) -> Callable[[Any, Any], str]:
    """A params function: what is the same for all images, as JSON.

    As it asks for ``resources``, Snakemake does not compare it: a comment in a script makes nothing anew,
    and what does change results writes new records.
    """

    def line(wildcards: Any, resources: Any) -> str:
        files = [workflow.main_snakefile, *workflow.configfiles]
        return one_line(about(plan, [os.path.relpath(file) for file in files]))

    return line


def as_text(plan: Plan) -> str:
    """The rule as text."""
    return f"""

rule provenance:
    input:
        {listed_paths(records(plan), 8)}
    output:
        {provenance_file(plan)!r},
    log:
        {log_of("provenance")!r},
    localrule: True
    conda:
        pixmake_rules.CONDA
    params:
        about={one_line(about(plan, ()))!r},
        pixmake=pixmake_rules.program,
    shell:
        {SHELL!r}
"""


# the words of workflow/rules/provenance.smk; a test holds them to each other
SHELL = "printf '%s\\n' {params.about:q} {input:q} | {params.pixmake} provenance {output:q} 2> {log:q}"
