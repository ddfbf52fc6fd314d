"""What the rule of ``workflow/rules/provenance.smk`` is made of, and the same as text."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pixmake.job.task import one_line
from pixmake.plan.plan import Plan
from pixmake.results.provenance import about, provenance_file
from pixmake.rules.aggregate_rules import gathered
from pixmake.rules.image_rules import log_of


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
        {gathered(plan)!r},
    output:
        {provenance_file(plan.config.results)!r},
    log:
        {log_of(plan, "provenance")!r},
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
SHELL = "printf '%s\\n' {params.about:q} | {params.pixmake} provenance {input:q} {output:q} 2> {log:q}"
