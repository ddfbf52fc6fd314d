"""Has Snakemake make again what it does not see to be damaged or lost; see `pixmake.plan.broken`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixmake.plan.broken import Gathered, broken_files, broken_results, told
from pixmake.plan.plan import Job, Plan
from pixmake.progress.log_handler import made_again
from pixmake.rules.aggregate_rules import gathered, outcome
from pixmake.rules.checkpoint_rules import any_rule
from pixmake.rules.cluster_node import is_started_by_another
from pixmake.rules.image_rules import collected, gatherings, records, see_room
from pixmake.rules.settled_rules import Todo
from pixmake.rules.snakemake_internals import (
    begin_jobs_at_once,
    draw_as,
    is_forced,
    outputs_beside,
    runs_jobs,
)
from pixmake.rules.snakemake_internals import force as force_files


@dataclass(frozen=True)
class Again:
    """What is to be made again."""

    workflow: Any
    broken: Mapping[str, str]
    """Its files, and why."""
    force: Callable[[Any], list[str]]
    """An input function without inputs. Snakemake calls it when it makes its DAG, before it looks at what
    needs to run: then all of these files are as those of ``--forcerun``."""
    for_each: bool = False
    """Whether the rule of each job calls it: where another Snakemake asks this one for some jobs."""

    def of(self, job: Job) -> dict[str, Callable[[Any], list[str]]]:
        """A part of the ``input`` of a job's rule: that of a broken one sees to itself."""
        return {"again": self.force} if self.for_each or job.record in self.broken else {}

    def all_of(self, step: str, records: Any) -> Callable[[Any], list[str]]:
        """The ``input`` of a step's target: the records of all images, made again by ``--forcerun STEP``."""

        def asked(wildcards: Any) -> list[str]:
            self.force(wildcards)
            found: list[str] = records(wildcards) if callable(records) else records
            if is_forced(self.workflow, step):
                force_files(self.workflow, found)
            return found

        return asked


def _step_of(plan: Plan) -> dict[str, str]:
    """The step of each rule of an image: of a graph of rules that is enough."""
    parts = [plan] if plan.containers is None else [plan.containers, plan]
    found = {job.rule: planned.name for part in parts for planned, job in part.jobs()}
    return found | {any_rule(planned.name): planned.name for planned in plan.steps}


def what_is_made_again(todo: Todo, workflow: Any) -> Again:
    """What the run of this process has to make again; none on a cluster node."""
    if is_started_by_another():
        return _for_another(workflow)
    plan = todo.plan
    seen = _is_seen(workflow)
    of_many = _gathered(plan) if todo.by_state and not plan.is_slice else ()
    broken = broken_results(plan, outcome(plan), of_many, todo.found.stamps) if seen else {}

    @functools.cache
    def step_of() -> dict[str, str]:
        return _step_of(plan)

    @functools.cache
    def see() -> None:
        if runs_jobs(workflow):
            see_room([plan.config.results, plan.config.log_folder])

    def force(wildcards: Any) -> list[str]:
        see()
        draw_as(workflow, lambda rule: step_of().get(rule, rule))
        return _force(workflow, broken)

    return Again(workflow, broken, force)


def what_rules_make_again(workflow: Any, results: str, outcome: Sequence[str]) -> Again:
    """The same for a Snakefile that `pixmake compile` wrote, by the records that its rules make.

    Parameters
    ----------
    workflow
        Snakemake's.
    results
        The folder of all results.
    outcome
        What is made of the records.
    """
    if is_started_by_another():
        return _for_another(workflow)

    @functools.cache
    def broken() -> dict[str, str]:
        records_made = outputs_beside(workflow, "record")
        return broken_files(results, records_made, outcome) if _is_seen(workflow) else {}

    return Again(workflow, {}, lambda wildcards: _force(workflow, broken()))


def _for_another(workflow: Any) -> Again:
    """Nothing; in the moment in which it would be said, this Snakemake is spared its timers."""

    def force(wildcards: Any) -> list[str]:
        begin_jobs_at_once(workflow)
        return []

    return Again(workflow, {}, force, for_each=True)


def _is_seen(workflow: Any) -> bool:
    """Whether it is for this Snakemake to look, and results lie here: object storage is not looked into."""
    return bool(workflow.is_main_process) and workflow.storage_settings.default_storage_provider is None


def _gathered(plan: Plan) -> Iterator[Gathered]:
    """What is made of the results of many jobs."""
    yield Gathered(gathered(plan), "records", records(plan))
    for each in gatherings(plan):
        yield Gathered(each.output, each.rule, [*each.records(plan), *each.files(plan)])
    for table in collected(plan):
        yield Gathered(table.path, table.rule, table.files)


def _force(workflow: Any, broken: Mapping[str, str]) -> list[str]:
    """Have it made again, and say so once; what an input function without inputs gives."""
    if not broken.keys() <= made_again.keys():
        for line in told(broken):
            print(f"pixmake: {line}", file=sys.stderr)
        made_again.update(broken)
    force_files(workflow, broken)
    return []
