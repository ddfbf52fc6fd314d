"""Has Snakemake make again what is broken or was lost, which it does not see by itself; see `pixmake.plan.broken`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

from pixmake.base.ids import rule_name
from pixmake.plan.broken import MISSING, broken_results
from pixmake.plan.plan import Plan
from pixmake.rules.aggregate_rules import outcome

MOST_NAMED = 3
"""Damaged results that are named; the others are counted."""


def made_again(plan: Plan, workflow: Any) -> Callable[[Any], list[str]]:
    """An input function without inputs, for the rules that all results go through.

    Snakemake calls it when it makes its DAG, before it looks at what needs to run. What is a target by itself goes
    through none of these rules, so it is seen to here.
    """

    @functools.cache
    def broken() -> Mapping[str, str]:
        if not workflow.is_main_process or workflow.storage_settings.default_storage_provider is not None:
            return {}  # what is in object storage is not seen from here
        found = broken_results(plan, outcome(plan))
        for line in told(found):
            print(f"pixmake: {line}", file=sys.stderr)
        return found

    def nothing(wildcards: Any) -> list[str]:
        workflow.dag.forcefiles.update(broken())
        return []

    settings = workflow.dag_settings
    if settings is not None and settings.targets:
        named = [path for path in broken() if {path, _rule(path)} & set(settings.targets)]
        settings.forcerun = frozenset(settings.forcerun) | set(named)
    return nothing


def told(broken: Mapping[str, str]) -> list[str]:
    """What is made again, and why, in a line or two."""
    damaged = [f"{path} ({why})" for path, why in broken.items() if why != MISSING]
    lines = []
    if damaged:
        more = f" and {len(damaged) - MOST_NAMED} more" if len(damaged) > MOST_NAMED else ""
        lines.append(f"damaged, and made again: {', '.join(damaged[:MOST_NAMED])}{more}")
    lost = len(broken) - len(damaged)
    if lost:
        lines.append(f"{lost} {'result is' if lost == 1 else 'results are'} missing, and made again")
    return lines


def _rule(record: str) -> str:
    """The rule of an image's record."""
    step, _, name = record.rpartition("/")
    return rule_name(step.rpartition("/")[2], name.removesuffix(".json"))
