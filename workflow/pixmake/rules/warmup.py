"""Starts the warm process while Snakemake makes its DAG: what the first images need is imported by then."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from itertools import groupby
from typing import Any

from pixmake.job import client
from pixmake.job.record import read_record
from pixmake.job.task import one_line
from pixmake.plan.plan import Job, PlannedStep
from pixmake.rules.image_rules import interpreter, words
from pixmake.rules.settled_rules import Todo


def while_the_dag_is_made(todo: Todo, workflow: Any) -> Callable[[Any], list[str]]:
    """An input function without inputs: Snakemake calls it when it makes its DAG.

    Before that, while the Snakefile is read, it cannot be known whether anything is to run here.
    """

    def nothing(wildcards: Any) -> list[str]:
        if _runs_here(workflow) and (first := first_to_run(todo)) is not None:
            cores = workflow.resource_settings.cores
            threading.Thread(target=_warm_up, args=(*first, cores), daemon=True).start()
        return []

    return nothing


def first_to_run(todo: Todo) -> tuple[PlannedStep, Job] | None:
    """A job of the first step that has something to do, as far as one can tell at a glance.

    That is one of which a result is missing, or whose first image was made of something else, such as an
    older script. A guess is enough: what is not prepared now, is when the first image comes.
    """
    for _, jobs in groupby(todo.jobs(over_several=False), key=lambda pair: pair[0].name):
        planned, job = next(jobs)
        if _is_current(job) and all(os.path.exists(path) for path in todo.plan.records(planned.name)):
            continue
        contained = planned.step.container or interpreter(planned.step) == client.ACTIVATED
        return None if contained else (planned, job)
    return None


def _is_current(job: Job) -> bool:
    try:
        made_of = read_record(job.record).origin.get("task")
    except (OSError, ValueError):
        return False
    return one_line(made_of) == one_line(job.task.as_made())


def _runs_here(workflow: Any) -> bool:
    if workflow.executor_plugin is None or workflow.dryrun or workflow.touch:
        return False
    return workflow.is_main_process and workflow.local_exec and os.environ.get("PIXMAKE_WARM") != "0"


def _warm_up(planned: PlannedStep, job: Job, cores: int | None) -> None:
    from pixmake.job import warm_server as worker

    threads = min(planned.placement.threads, cores or planned.placement.threads)
    environment = worker.command_environment(str(threads))
    asked = words(planned, job)
    connection = client.connect(os.getpid(), asked[2], environment, client.holder_of(asked))
    if connection is None:
        return  # the first image finds out, too
    with contextlib.closing(connection):
        client.ask(connection, asked, environment, prepare=True)
