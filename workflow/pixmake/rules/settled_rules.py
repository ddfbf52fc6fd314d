"""Which jobs get a rule: those that have something to do, and all of them where somebody asks.

A rule that gathers cannot depend on a list that changes with what has a rule: Snakemake would make its output
anew after each run. So it depends on one file a step, which a rule makes once those jobs of the step are done
that have a rule, and which is gone afterwards. What has changed behind its back is seen by
`pixmake.plan.broken`, which has its output made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.plan.batches import ASK, JOB_MB, slices_for
from pixmake.plan.file_states import marker
from pixmake.plan.plan import Job, Plan, PlannedStep
from pixmake.plan.settled import NOTHING, Standing, standing
from pixmake.progress.log_handler import MADE
from pixmake.rules.image_rules import (
    collected,
    smk,
    software,
)
from pixmake.rules.lock import alone
from pixmake.rules.run_options import SAFE
from pixmake.rules.snakemake_internals import options_given
from pixmake.table.arrivals import SLICE

LISTS = ".snakemake/pixmake/listed"
"""Where it stands what a rule gathers: too long for the words of a command."""

KEPT_LISTS = 3
"""Of a rule; another Snakemake may look at an older one."""

ALL_RULES = "PIXMAKE_ALL_RULES"
"""In the environment: every job is to have its rule."""

_NAMES_RULES = re.compile(r"(?<!\w)rules\.\w|^\s*(use\s+rule|module)\s", re.MULTILINE)
_COMMAND = re.compile(r'^\s*"exec \{params\.run\}.*$', re.MULTILINE)


@dataclass(frozen=True)
class Todo:
    """What a run has to do, as the files of rules ask for it."""

    plan: Plan
    found: Standing = NOTHING
    by_state: bool = True
    """Whether what rules gather is known by its state; else all of it is their input."""

    def jobs(self, *, over_several: bool | None = None) -> Iterator[tuple[PlannedStep, Job]]:
        """The jobs that get a rule; see `pixmake.plan.plan.Plan.jobs`."""
        yield from self.plan.jobs(over_several=over_several, without=self.found.settled)

    def made(self) -> list[Made]:
        """The rules that say of a step that its jobs are done."""
        if not self.by_state:
            return []
        gathered = {*self.plan.gathered_steps(), *(table.step for table in collected(self.plan))}
        files: dict[str, list[str]] = {planned.name: [] for planned in self.plan.steps}
        for planned, job in self.jobs():
            of_job = [job.record, *(job.files if planned.name in gathered else ())]
            files.setdefault(planned.name, []).extend(of_job)
        return [Made(made_rule(step), self._marker(step), found) for step, found in files.items()]

    def markers(self, steps: Sequence[str]) -> list[str]:
        """The files that stand for the results of steps."""
        return [self._marker(step) for step in steps]

    def told(self, rule: str, read: Sequence[str], also: Sequence[str] = ()) -> dict[str, str]:
        """The ``params`` of a rule that gathers.

        Parameters
        ----------
        rule
            Its name.
        read
            What its command reads.
        also
            What else its output depends on.
        """
        if not self.by_state:
            return {}
        results = self.plan.config.results
        content = json.dumps({"results": results, "rule": rule, "read": read, "also": also})
        return {"listed": _listed(results, rule, content)}

    def gather(self, words: str, names: str = "input") -> str:
        """The command of a rule that gathers."""
        if self.by_state:
            return f"{{params.pixmake}} {words} --listed {{params.listed:q}} 2> {{log:q}}"
        return f"printf '%s\\n' {{{names}:q}} | {{params.pixmake}} {words} 2> {{log:q}}"

    def _marker(self, step: str) -> str:
        return marker(self.plan.config.results, step)


@dataclass(frozen=True)
class Made:
    """A rule that says of a step that its jobs are done."""

    rule: str
    marker: str
    files: Sequence[str]
    """What those of its jobs make that have a rule; perhaps nothing."""


def made_rule(step: str) -> str:
    """The name of the rule that says of a step that its jobs are done."""
    return f"{MADE}{step}"


def with_rules(plan: Plan, workflow: Any) -> Plan:
    """The plan with what else Snakemake compares of each step's rules."""
    if plan.planned_before is not None:
        return plan
    methods = sorted(map(str, workflow.deployment_settings.deployment_method))
    steps = tuple(replace(planned, rule=_rule_of(planned, methods)) for planned in plan.steps)
    return replace(plan, steps=steps)


def what_to_do(plan: Plan, workflow: Any) -> Todo:
    """Which jobs get a rule in this run."""
    stored = workflow.storage_settings.default_storage_provider is not None
    if plan.containers is not None or stored:
        return Todo(plan, by_state=False)
    if plan.planned_before:
        return Todo(plan)
    found, may = standing(plan), may_leave_out(workflow)
    todo = Todo(plan, found if may else replace(found, settled={}))
    if plan.planned_before is None and workflow.is_main_process and not os.environ.get(SLICE):
        _see_size(todo, ask=may)
    _forget_markers(todo)
    return todo


def _see_size(todo: Todo, *, ask: bool) -> None:
    """Have a run cut into slices where Snakemake would take too much memory, or say so.

    Parameters
    ----------
    todo
        What is to do.
    ask
        Whether `pixmake run` may do it in slices, if it was that which started this Snakemake.
    """
    count = slices_for(todo.plan, todo.found.settled)
    if count == 1:
        return
    asked = os.environ.get(ASK)
    if asked and ask and "dryrun" not in (options_given() or {}):
        Path(asked).write_text(str(count), encoding="utf-8")
        raise SystemExit(0)
    jobs = sum(
        len(todo.plan.levels.of(planned.name)) - len(todo.found.settled.get(planned.name, ()))
        for planned in todo.plan.steps
    )
    print(
        f"pixmake: for {jobs:,} jobs in one run Snakemake takes some {jobs * JOB_MB / 1000:.1f} GB;"
        f" `pixmake run` does them in {count} slices",
        file=sys.stderr,
        flush=True,
    )


def may_leave_out(workflow: Any) -> bool:
    """Whether nobody has asked for anything for which all jobs need their rules."""
    given = options_given()
    if os.environ.get(ALL_RULES) or given is None or not workflow.is_main_process:
        return False
    executor = str(given.get("executor", "")).replace("-", "_")
    own = tuple(f"{name}_" for name in (executor, "pixmake") if name and name != "local")
    if not all(name in SAFE or name.startswith(own) for name in given):
        return False
    try:
        return _NAMES_RULES.search(Path(workflow.main_snakefile).read_text(encoding="utf-8")) is None
    except (OSError, ValueError):
        return False


def _rule_of(planned: PlannedStep, methods: Sequence[str]) -> str:
    """A hash of a rule's command and of the software that runs it."""
    step, digest = planned.step, hashlib.blake2b(digest_size=8)
    for name in ("images", "several"):
        digest.update("\n".join(_COMMAND.findall(Path(smk(name)).read_text(encoding="utf-8"))).encode())
    environment = Path(software(step) or "")
    # by content, as Snakemake compares it: pixmake's own lie where it is installed
    files = sorted(environment.parent.glob(f"{environment.stem}.*")) if environment.suffix else []
    digest.update(f"\0{methods}\0{step.container}\0{'' if files else environment}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _forget_markers(todo: Todo) -> None:
    """Remove what a run that was killed has left, unless another one goes on."""
    left = [
        path for path in todo.markers([planned.name for planned in todo.plan.steps]) if os.path.exists(path)
    ]
    if left and alone():
        for path in left:
            Path(path).unlink(missing_ok=True)


def _listed(results: str, rule: str, content: str) -> str:
    """Write what a rule gathers, into a file whose name says it."""
    of_rule = f"{hashlib.sha256(results.encode()).hexdigest()[:8]}.{rule}"
    path = Path(LISTS) / f"{of_rule}.{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"
    if not path.exists():
        with written_whole(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
        older = sorted(path.parent.glob(f"{of_rule}.*.json"), key=os.path.getmtime)
        for each in older[:-KEPT_LISTS]:
            each.unlink(missing_ok=True)
    return str(path)
