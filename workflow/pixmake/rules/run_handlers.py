"""How a run begins and ends: what the handlers of ``workflow/rules/handlers.smk`` do."""

from __future__ import annotations

import contextlib
import functools
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pixmake.images.remote import cache
from pixmake.images.remote.uris import is_remote
from pixmake.job import client, unnamed_pictures
from pixmake.job.record import named
from pixmake.plan.batches import begun, this_slice
from pixmake.plan.plan import Plan, PlannedStep, record_path
from pixmake.progress.events import write_events
from pixmake.progress.exit_status import Ended, conclude, stopped
from pixmake.progress.log_handler import MADE, Direct, Run, is_no_chatter, is_of_use, is_wanted
from pixmake.progress.run_state import note_plan
from pixmake.progress.tally import BEGIN, Tally, Work
from pixmake.rules import ending
from pixmake.rules.aggregate_rules import page, unspoken
from pixmake.rules.checkpoint_rules import asked_now
from pixmake.rules.image_rules import (
    begin,
    done_before,
    end,
    over_several,
    rows_said,
    step_names,
    tables,
    tell_notes,
)
from pixmake.rules.run_jobs import FoundImages, Numbered, jobs_now
from pixmake.rules.settled_rules import Todo
from pixmake.rules.snakemake_internals import (
    add_handlers,
    default_handlers,
    failed_jobs,
    forget_inputs,
    hear_at_once,
    is_ending,
    jobs_of,
    logs_by_plugins_alone,
    outputs_of,
    pace,
)


@dataclass(frozen=True)
class RunFacts:
    """What is said of a project when a run of it begins and ends."""

    results: str
    """The folder of all results."""
    logs: str
    """The folder of all logs."""
    steps: Sequence[str]
    """In the order in which they are shown."""
    over_several: Sequence[str]
    """Those whose jobs are not one for each image."""
    measurements: str
    failures: str
    page: str
    """The page of results, whether or not there is one."""
    own: Sequence[str]
    """What is no result of an image and goes without saying."""
    max_failures: int | str
    keep: str
    rows: str = ""
    """Where the rows of the source are."""
    unnamed: Sequence[str] = ()
    """Steps that keep pictures which no file of theirs names."""
    local: Sequence[str] = ()
    """Steps that go to no cluster."""
    finds: bool = False
    """Whether a run finds its images."""
    single: Sequence[str] = ()
    """Steps that have a process for each image, and could have one for many."""
    others: tuple[int, int] = (0, 0)
    """Of a run over a slice of the images, those before and those behind it."""


def run_facts(plan: Plan) -> RunFacts:
    """Those of a plan."""
    return RunFacts(
        results=plan.config.results,
        logs=plan.config.log_folder,
        steps=step_names(plan),
        over_several=over_several(plan),
        **tables(plan),
        page=page(plan),
        own=unspoken(plan),
        max_failures=plan.config.max_failures,
        keep=plan.config.keep,
        rows=rows_said(plan),
        unnamed=tuple(planned.name for planned in plan.steps if planned.step.writeimg),
        local=[planned.name for planned in plan.steps if planned.placement.local],
        finds=plan.containers is not None,
        single=[planned.name for planned in plan.steps if _could_share(planned)],
        others=plan.others,
    )


def _could_share(planned: PlannedStep) -> bool:
    """Whether a step's images could share processes (`images_per_process`), and nothing is said of that."""
    step = planned.step
    said = step.images_per_process or step.load or step.container or planned.placement.resources.get("gpu")
    return step.kind == "function" and step.terms is None and not said


class RunHandlers:
    """Begins and ends a run, which it remembers between the two.

    Parameters
    ----------
    workflow
        Snakemake's.
    facts
        What is said of the project.
    todo
        ``None`` for a Snakefile that `pixmake compile` wrote, which has no plan.
    """

    def __init__(self, workflow: Any, facts: RunFacts, todo: Todo | None = None) -> None:
        self.workflow, self.facts, self.todo = workflow, facts, todo
        self.run: Run | None = None

    def begins(self) -> None:
        """``onstart``."""
        pace(self.workflow)
        ending.begin(self.workflow)
        if self.todo is not None:
            plan = self.todo.plan
            tell_notes(plan)
            tell_of_places(plan)
            begin(plan, self.workflow, self.todo.jobs() if plan.containers is None else ())
        self.run = begin_run(self.workflow, self.facts, _settled(self.todo) if self.todo else [])

    def succeeds(self) -> None:
        """``onsuccess``."""
        assert self.run is not None, "Snakemake ends what it has begun"
        asked: Sequence[str] = self.run.records
        forget_inputs(self.workflow, MADE)
        if self.todo is not None:
            end()
            asked = asked_now(self.todo.plan, asked or done_before(self.todo.plan))
        of_slice = self.todo is not None and self.todo.plan.is_slice
        conclude(self.run, self._ended(asked), self.facts.keep, of_slice=of_slice)

    def stops(self) -> None:
        """``onerror``."""
        if self.run is None:
            return
        made_after_all = page_without_parts(self.workflow, self.facts)
        stopped(self.run, self._ended(self.run.records, made_after_all))

    def _ended(self, records: Sequence[str], made_after_all: Sequence[str] = ()) -> Ended:
        facts = self.facts
        made, unfinished, there = ([named(path) for path in paths] for paths in outputs_of(self.workflow))
        broke = [job for job in failed_jobs(self.workflow) if not hasattr(job.output, "record")]

        def has_run(step: str) -> bool:
            return any(path.startswith(f"{facts.results}/{step}/") for path in made)

        return Ended(
            records=records,
            measurements=facts.measurements,
            failures=facts.failures,
            page=facts.page,
            max_failures=facts.max_failures,
            over_several=facts.over_several,
            logs=facts.logs,
            made={*made, *made_after_all},
            unfinished={*unfinished} - {*made_after_all},
            there=set(there),
            others=[
                *unnamed_pictures.told(facts.results, [step for step in facts.unnamed if has_run(step)]),
                *(path for path in made if self._is_worth_a_word(path)),
            ],
            broke=[(str(job.rule.name), str(job.log[0]) if job.log else "") for job in broke],
            rows=facts.rows,
            single=facts.single if self.workflow.local_exec else (),
        )

    def _is_worth_a_word(self, path: str) -> bool:
        """Whether a file is neither an image's nor one that each run makes; of no project is the first's."""
        facts = self.facts
        if path.startswith(f"{facts.results}/"):
            of_images = tuple(f"{facts.results}/{step}/" for step in facts.steps)
            hidden = path.startswith(f"{facts.results}/.")
            return not hidden and path not in facts.own and not path.startswith(of_images)
        others = tuple(f"{each.results}/" for each in _attended)
        return _attended[0] is facts and not path.startswith(others)


_attended: list[RunFacts] = []
"""The projects of this workflow."""


def page_without_parts(workflow: Any, facts: RunFacts) -> list[str]:
    """Make the page all the same where a function of tables has failed, without what that one makes.

    Snakemake does not: the page depends on it. The next run, which calls the function again, makes both.

    Returns
    -------
    list of str
        The page, if it was made.
    """
    failed = [str(path) for job in failed_jobs(workflow) for path in job.output]
    reports = [job for _, job, needed in jobs_of(workflow) if needed and facts.page in map(str, job.output)]
    if is_ending(workflow) or not any(str(path) in failed for job in reports for path in job.input):
        return []
    command = reports[0].shellcmd
    done = command is not None and subprocess.run(["bash", "-c", command], check=False).returncode == 0
    return [facts.page] if done else []


def tell_of_places(plan: Plan) -> None:
    """Say where sockets and local copies lie, if somebody else has made folders of their usual names."""
    lines = [client.displaced()]
    with contextlib.suppress(OSError):  # an image that needs it tells of that
        if any(is_remote(path) for path in _images(plan)):
            lines.append(cache.displaced(str(plan.config.storage.cache)))
    for line in filter(None, lines):
        print(f"pixmake: {line}", file=sys.stderr, flush=True)


def _images(plan: Plan) -> Iterator[str]:
    """The paths of a plan's images; on a node, of those that it works on."""
    if plan.planned_before is not None:
        yield from (path for _, job in plan.planned_before for path in job.images)
    yield from (path for group in plan.groups for path in group.paths)


def _settled(todo: Todo) -> list[Work]:
    """What was done before and has no rule."""
    results, found = todo.plan.config.results, todo.found.settled
    return [
        Work(step, group.id, record_path(results, step, group.id))
        for step, ids in found.items()
        for group in todo.plan.levels.of(step)
        if group.id in ids
    ]


def attend_run(workflow: Any, **facts: Any) -> None:
    """See to the begin and the end of a run of a Snakefile that `pixmake compile` wrote."""
    from pixmake.rules.snakemake_internals.asked_once import ask_once

    ask_once()
    ending.listen()
    _attend(RunHandlers(workflow, RunFacts(**facts)))


def attend(todo: Todo, workflow: Any) -> None:
    """See to the begin and the end of a project's run, also where it is a module of another workflow."""
    _attend(RunHandlers(workflow, run_facts(todo.plan), todo))


def _attend(handlers: RunHandlers) -> None:
    ending.know(handlers.workflow)
    show_progress(handlers.workflow)
    _attended.append(handlers.facts)
    add_handlers(
        handlers.workflow,
        onstart=handlers.begins,
        onsuccess=handlers.succeeds,
        onerror=handlers.stops,
    )


def show_progress(workflow: Any) -> None:
    """Show a run's progress where ``quiet`` holds ``rules`` but no logger plugin was asked for.

    So it is with a profile of the user's own. Any other ``quiet`` leaves Snakemake's output as it is.
    """
    from snakemake.logging import logger

    from snakemake_logger_plugin_pixmake import LogHandler

    write_events(workflow)
    logging.FileHandler.handleError = _pass_over  # type: ignore[assignment,method-assign]
    settings = workflow.output_settings
    if not is_wanted(settings):
        return
    logger.addFilter(is_no_chatter)
    if logs_by_plugins_alone(workflow, LogHandler):
        hear_at_once(workflow, is_of_use)
        if settings.dryrun and not settings.printshellcmds:
            from pixmake.rules.snakemake_internals.asked_once import tell_reasons_alone

            tell_reasons_alone()
    replaced = default_handlers()
    if replaced and workflow.is_main_process:
        logger.removeHandler(replaced[0])
        logger.addHandler(Direct(settings))


def _pass_over(handler: logging.FileHandler, record: logging.LogRecord) -> None:
    """On a full disk Python would print a traceback for each line that Snakemake's log file does not take."""
    if not isinstance(sys.exc_info()[1], OSError):
        logging.Handler.handleError(handler, record)


def begin_run(workflow: Any, facts: RunFacts, settled: Iterable[Work] = ()) -> Run:
    """Tell the display what is to do and what was done before; asked when Snakemake knows its jobs.

    Parameters
    ----------
    workflow, facts
        As of `RunHandlers`.
    settled
        What was done before and has no rule.
    """
    from snakemake.logging import logger

    submitted = set() if workflow.local_exec else {*facts.steps} - {*facts.local}
    tally = Tally(
        begun=begun(),
        over_several=frozenset(facts.over_several),
        submitted=frozenset(submitted),
        finds=facts.finds,
        others=facts.others,
    )
    told = jobs_now(workflow, facts.results)
    told = replace(told, done=[*settled, *told.done])
    to_run, done, other = told.to_run, told.done, told.other
    tally.plan(to_run, done, facts.steps, jobs=told.needed)
    progress = tally.progress()
    counts = Counter(work.step for _, work in to_run)
    names = [*facts.steps, *(set(counts) - set(facts.steps))]
    listed = [f"{counts[step]} × {step}" for step in names if counts[step]]
    listed += [f"{number} × {rule}" for rule, number in sorted(other.items()) if number]
    before = f"{progress.before} of {progress.images} images were done before; " if progress.before else ""
    part = this_slice()
    before = before if part is None else f"slice {part.number} of {part.count}, "
    message = f"{before}to run: {', '.join(listed)}" if listed else ""
    logger.info(message, extra={"event": BEGIN, "tally": tally, "message_to_user": message})
    note = functools.partial(_note_plan, tally, facts)
    note(to_run, done)
    if facts.finds and workflow.is_main_process:
        logger.addHandler(FoundImages(workflow, facts.results, tally, told, note))
    records = tuple(work.record for work in [*(work for _, work in to_run), *done])
    return Run(records, progress.before, tally.begun, tally.lost)


def _note_plan(tally: Tally, facts: RunFacts, to_run: Sequence[Numbered], done: Sequence[Work]) -> None:
    note_plan(
        tally.begun,
        facts.results,
        _ids(work for _, work in to_run),
        _ids(done),
        over_several=list(facts.over_several),
        finds=facts.finds,
        submits=bool(tally.submitted),
    )


def _ids(works: Iterable[Work]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for work in works:
        ids.setdefault(work.step, []).append(work.id)
    return ids
