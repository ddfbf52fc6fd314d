"""What the rule of ``workflow/rules/provenance.smk`` is made of, and the same as text."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pixmake.job.task import one_line
from pixmake.plan.plan import Plan
from pixmake.results.provenance import about


def about_line(plan: Plan, workflow: Any) -> Callable[[Any, Any], str]:
    """A params function: what is the same for all images, as JSON.

    As it asks for ``resources``, Snakemake does not compare it: a comment in a script makes nothing anew,
    and what does change results writes new records.
    """

    def line(wildcards: Any, resources: Any) -> str:
        files = [workflow.main_snakefile, *workflow.configfiles]
        return one_line(about(plan, [os.path.relpath(file) for file in files if file]))

    line.not_compared = True  # type: ignore[attr-defined]
    return line
