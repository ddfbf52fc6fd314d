"""What pixmake uses of Snakemake that Snakemake does not document; nothing outside this folder does.

`booking` is what Snakemake does about each job of a run, `asked_once` what it asks again and again while it
reads rules and makes its DAG, `fewer_imports` what it imports for that. Seen in Snakemake 9.27.1. Each has
its entry in ``docs/upstream.md``: what would make it unnecessary.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import logging.handlers
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

SEEN_IN = ("9.27.1",)
"""The versions of Snakemake with which these were seen to work."""

UNDOCUMENTED = {
    "_cores": "A core rests while the end of a job is booked",
    "subsample": "All ready jobs are reset before a sample is taken",
    "scheduling_settings": "Each round of the scheduler asks for another one, for as long as the run lasts",
    "job_rate_limiter": "Each round of the scheduler asks for another one, for as long as the run lasts",
    "_user_kill": "SIGTERM in the moment in which a job is booked as ended: the run hangs",
    "_open_jobs": "SIGTERM in the moment in which a job is booked as ended: the run hangs",
    "_executor": "A submission that was refused is tried again, and with it all that are alike",
    "executor_error_callback": "A submission that was refused is tried again, and with it all that are alike",
    "wait_thread": "A submission that was refused is tried again, and with it all that are alike",
    "active_jobs": "A submission that was refused is tried again, and with it all that are alike",
    "parent_groupids": "Parts of a group become cluster jobs of their own",
    "_process_prefix": "A command's prefix cannot be asked for",
    "_process_suffix": "A command's prefix cannot be asked for",
    "needrun_jobs": "A run cannot be asked what it is to do",
    "needrun": "A run cannot be asked what it is to do",
    "_finished": "A run cannot be asked what it is to do",
    "forcerules": "A failed job's inputs are noted as if it had made its outputs of them",
    "rule_dot": "A graph of rules has a node for each",
    "_dot": "A graph of rules has a node for each",
    "_mermaid_js": "A graph of rules has a node for each",
    "forcefiles": "A failed job's inputs are noted as if it had made its outputs of them",
    "_onstart": "Handlers of a module are not heard, and those of an included file are replaced",
    "_onsuccess": "Handlers of a module are not heard, and those of an included file are replaced",
    "_onerror": "Handlers of a module are not heard, and those of an included file are replaced",
    "plugin_handlers": "A logger's handlers cannot be asked for",
    "DefaultStreamHandler": "A logger's handlers cannot be asked for",
    "cleanup_metadata": "The metadata of temporary files outlive them",
    "_tofinish": "One job is booked in each round of the scheduler",
    "_toerror": "One job is booked in each round of the scheduler",
    "_free_resources": "One job is booked in each round of the scheduler",
    "ready_jobs": "All ready jobs are reset before a sample is taken",
    "missing_output": "Around each job the same files are looked at up to six times",
    "_record_path": "Around each job the same files are looked at up to six times",
    "_metadata_path": "Around each job the same files are looked at up to six times",
    "_incomplete_path": "The marker of a job that runs is a file of its own",
    "_mark_incomplete": "The marker of a job that runs is a file of its own",
    "_unmark_incomplete": "The marker of a job that runs is a file of its own",
    "get_function_params": "The signature of a function is made with each call of it",
    "is_producer": "A regular expression is compiled for each output without a wildcard",
    "is_pipe_or_service_input": "Each input is looked for in all jobs that make one",
    "conda_env_spec": "Every job is asked for its params to know its environment",
    "log_info": "A job's command is formatted with a copy of all globals",
    "sourcecache": "Rules cannot be read without running their workflow",
    "parse_uri": "Files of this machine are opened by smart_open",
    "SourceCache": "Files of this machine are opened by smart_open",
    "_serialize_param_pandas": "Each param is compared with the types of pandas",
    "_serialize_param_builtin": "Each param is compared with the types of pandas",
    "args_to_api": "A Snakefile cannot ask which options were given",
    "path_modifier": "The prefix of a module is not told to its Snakefile",
    "_prefix_replacements": "The prefix of a module is not told to its Snakefile",
}
"""Attributes and names, and the heading of their entry in ``docs/upstream.md``."""

DEFAULT_LIMIT = (100, 1)
"""Snakemake's own limit: so many starts of jobs in so many seconds."""


def options_given() -> dict[str, Any] | None:
    """The options that differ from Snakemake's defaults, by its own names for them; of a profile, too.

    Returns
    -------
    dict or None
        None if this process was not started by Snakemake's command line.
    """
    frame: Any = sys._getframe()
    while frame is not None and frame.f_code.co_name != "args_to_api":
        frame = frame.f_back
    if frame is None or not {"args", "parser"} <= set(frame.f_locals):
        return None
    args, parser = frame.f_locals["args"], frame.f_locals["parser"]
    return {name: value for name, value in vars(args).items() if value != parser.get_default(name)}


def prefix_of_module(workflow: Any) -> str:
    """The key of the module that is being read that changes the paths of its rules; empty if none does."""
    modifier = workflow.modifier.path_modifier
    while modifier is not None:
        if modifier.prefix:
            return "prefix"
        if modifier._prefix_replacements is not None:
            return "replace_prefix"
        modifier = modifier.inner_modifier
    return ""


class Planned(Protocol):
    """A job of Snakemake's DAG, as far as it is looked at."""

    rule: Any
    input: Any
    output: Any
    log: Any
    shellcmd: str | None


def pace(workflow: Any) -> None:
    """Take Snakemake's default limit of job starts from a run on this machine.

    With a limit each round of the scheduler asks for one more a second later, whether or not a job had to
    wait for that. So their number a second grows with each job that ended, for as long as a run lasts, until
    they need a core of their own (docs/upstream.md). The limit is meant for clusters, but none of
    Snakemake's options turns it off. A limit that is not the default one stays, and so does a cluster's.

    Those rounds had one use: where ``scheduler-subsample`` is smaller than the number of cores, one round
    cannot fill them all. So it is made as large as that.

    Parameters
    ----------
    workflow
        Snakemake's, in a handler ``onstart``: before that there is no scheduler, nor any of its settings.
    """
    scheduler, cores = workflow.scheduler, workflow.resource_settings.cores
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if not workflow.local_exec or scheduler.job_rate_limiter is None or cores is None:
        return
    if (limit.max_jobs, limit.timespan) != DEFAULT_LIMIT:
        return
    scheduler.job_rate_limiter = None
    _sample(scheduler, cores)


def begin_jobs_at_once(workflow: Any) -> None:
    """Do the same for a Snakemake that another one has started: no handler is called there.

    On a node each of those rounds is a thread that waits for a second, and as many are there as jobs have
    ended in it: some schedulers count what each of them might use.

    Parameters
    ----------
    workflow
        Snakemake's, while the DAG is made: its scheduler will be made of these settings.
    """
    settings, cores = workflow.scheduling_settings, workflow.resource_settings.cores
    limit = settings.max_jobs_per_timespan
    if limit is None or (limit.max_jobs, limit.timespan) != DEFAULT_LIMIT:
        return
    settings.max_jobs_per_timespan = None
    if settings.subsample is not None and cores is not None:
        settings.subsample = max(settings.subsample, cores)


def hand_over_more(workflow: Any, cores: int, ahead: int) -> None:
    """Have the scheduler hand over more jobs than there are cores for."""
    scheduler = workflow.scheduler
    scheduler.resources["_cores"] += ahead
    _sample(scheduler, cores + ahead)


def hand_over_batches(workflow: Any, ahead: int, batch: int) -> None:
    """Have the scheduler hand over the images of whole batches, though each asks for cores and a GPU.

    Called where it hands over jobs, and so in its own thread.
    """
    scheduler = workflow.scheduler
    scheduler.resources["_cores"] += ahead
    if "gpu" in scheduler.resources:
        scheduler.resources["gpu"] += scheduler.global_resources["gpu"] * (batch - 1)
    _sample(scheduler, int(scheduler.global_resources["_cores"]) + ahead)
    scheduler._open_jobs.release()  # it is to look at once, not when a first job has ended


def _sample(scheduler: Any, least: int) -> None:
    if scheduler.subsample is not None:
        scheduler.subsample = max(scheduler.subsample, least)


def cores_of(job: Any) -> int:
    """The cores that the scheduler has set aside for a job."""
    return int(job.scheduler_resources.get("_cores", 1))


def is_ending(workflow: Any) -> bool:
    """Whether the scheduler was told to begin nothing more."""
    return bool(getattr(workflow.scheduler, "_user_kill", None))


def submit_while(workflow: Any, why_not: Callable[[], str]) -> None:
    """Ask before each submission to a cluster; once there is a reason against it, the run ends with that.

    Parameters
    ----------
    workflow
        Snakemake's, in a handler ``onstart``: before that there is no executor.
    why_not
        Gives the reason, or nothing.
    """
    from snakemake_interface_common.exceptions import WorkflowError

    scheduler = workflow.scheduler
    executor = scheduler._executor
    run_jobs = executor.run_jobs

    def asked(jobs: Sequence[Any]) -> None:
        for job in jobs:
            reason = why_not()
            if reason:
                if executor.active_jobs:
                    executor.cancel_jobs(list(executor.active_jobs))
                scheduler.executor_error_callback(WorkflowError(reason))
                return
            run_jobs([job])

    executor.run_jobs = asked


def end_submissions(workflow: Any, reason: str) -> None:
    """Cancel all jobs of a cluster and end the run with a reason; from any thread.

    The thread that asks for their states may sleep for long, and is not waited for: it ends with the process.
    """
    from snakemake_interface_common.exceptions import WorkflowError

    scheduler = workflow.scheduler
    executor, end = scheduler._executor, time.monotonic() + _CANCEL_SECONDS
    while not executor.active_jobs and scheduler.running and time.monotonic() < end:
        time.sleep(0.1)  # they are not listed while their states are asked for
    with executor.lock:
        active, executor.wait = list(executor.active_jobs), False
    with contextlib.suppress(Exception):  # what cannot be cancelled ends by itself
        executor.cancel_jobs(active)
    executor.wait_thread = threading.Thread(target=int)
    executor.wait_thread.start()
    scheduler.executor_error_callback(WorkflowError(reason))


_CANCEL_SECONDS = 2.0
"""How long a cluster's jobs are waited for that are to be cancelled."""


def begin_no_more(workflow: Any) -> None:
    """Tell the scheduler to begin nothing more, and to end once what runs has ended; from any thread."""
    scheduler = workflow.scheduler
    scheduler._user_kill = "graceful"
    scheduler._open_jobs.release()


def wraps_commands() -> bool:
    """Whether a Snakefile has put something around all of its commands."""
    from snakemake.shell import shell

    return shell._process_prefix is not None or bool(shell._process_suffix)


def keep_together(workflow: Any, group: str, parent: str) -> None:
    """Make a group a part of another: by itself Snakemake makes a cluster job of each part of a group."""
    workflow.parent_groupids[group] = parent


def forget_rule_names(names: dict[str, Any]) -> None:
    """Remove the globals that Snakemake adds for each rule (``__rule_…``) and never uses.

    It copies all globals for each command that it formats: with one rule an image, that is N².
    """
    for name in [name for name in names if name.startswith("__") and not name.endswith("__")]:
        if callable(names[name]):
            del names[name]


def jobs_of(workflow: Any) -> Iterator[tuple[int, Planned, bool]]:
    """The jobs of a run: each with its number, and whether it is to run."""
    dag = workflow.dag
    for job in dag.jobs:
        yield dag.jobid(job), job, bool(dag.needrun(job))


def outputs_beside(workflow: Any, name: str) -> dict[str, list[str]]:
    """The outputs of this name of all rules, each with those that stay beside it: while the DAG is made."""
    from snakemake.io import is_flagged

    return {
        str(one): [str(path) for path in rule.output if path is not one and not is_flagged(path, "temp")]
        for rule in workflow.rules
        if (one := getattr(rule.output, name, None)) is not None
    }


def outputs_of(workflow: Any) -> tuple[list[str], list[str], list[str]]:
    """The files of a run that has ended: what it has made, what it has not, and what was there."""
    dag = workflow.dag
    made: list[str] = []
    unfinished: list[str] = []
    there: list[str] = []
    for job in dag.jobs:
        files = made if dag.finished(job) else unfinished if dag.needrun(job) else there
        files += map(str, job.output)
    return made, unfinished, there


def failed_jobs(workflow: Any) -> list[Planned]:
    """The jobs that have failed in a run, those of a group one by one."""
    found: list[Planned] = []
    for job in workflow.scheduler.failed:
        found += list(job) if job.is_group() else [job]
    return found


def force(workflow: Any, files: Iterable[str]) -> None:
    """Have files made again, as ``--forcerun`` does, but not as targets: while the DAG is made."""
    workflow.dag.forcefiles.update(files)


def runs_jobs(workflow: Any) -> bool:
    """Whether this Snakemake runs jobs, here or on a cluster: asked while the DAG is made."""
    return workflow.executor_plugin is not None and not workflow.dryrun and not workflow.touch


def is_forced(workflow: Any, rule: str) -> bool:
    """Whether a rule was named by ``--forcerun``, perhaps as a module's, with a name before its own."""
    names = (each.name for each in workflow.dag.forcerules)
    return any(name == rule or name.endswith(f"_{rule}") for name in names)


def draw_as(workflow: Any, name_of: Callable[[str], str]) -> None:
    """Have ``--rulegraph`` draw rules of one name as one: asked while the DAG is made.

    Parameters
    ----------
    workflow
        Snakemake's.
    name_of
        The name under which a rule is drawn.
    """
    dag = workflow.dag

    def rule_dot() -> str:
        first: dict[str, Any] = {}
        for job in dag.jobs:
            first.setdefault(name_of(job.rule.name), job.rule)
        graph: dict[Any, set[Any]] = {rule: set() for rule in first.values()}
        for job in dag.jobs:
            rule = first[name_of(job.rule.name)]
            graph[rule] |= {first[name_of(needed.rule.name)] for needed in dag.dependencies[job]} - {rule}
        labels = {rule: name for name, rule in first.items()}
        draw = dag._mermaid_js if "mermaid" in str(workflow.dag_settings.print_dag_as) else dag._dot
        return str(draw(graph, node2label=labels.__getitem__))

    dag.rule_dot = rule_dot


Handler = Callable[[str], None]
"""One of Snakemake's ``onstart``, ``onsuccess`` and ``onerror``: a function of the path of its log."""


@dataclass
class _Chain:
    """Several handlers in the place of one."""

    theirs: Handler
    """That of the Snakefile."""
    ours: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self, log: str) -> None:
        """Call all; that a run is to end with an error counts once all were called."""
        ends = None
        for handler in (lambda: self.theirs(log), *self.ours):
            try:
                handler()
            except SystemExit as wanted:
                ends = wanted
        if ends is not None:
            raise ends


def add_handlers(workflow: Any, **handlers: Callable[[], None]) -> None:
    """Call functions when a run begins (``onstart``) and ends, beside the handlers of a Snakefile.

    Snakemake passes over the handlers of a module, and those of a Snakefile replace the ones of a file that
    it includes. These are called in both cases, and after those of the Snakefile.
    """
    for name, handler in handlers.items():
        chain = getattr(workflow, f"_{name}")
        if not isinstance(chain, _Chain):
            chain = _Chain(chain)
            setattr(workflow, f"_{name}", chain)
            setattr(
                workflow, name, functools.partial(_register, workflow, name, getattr(workflow, name), chain)
            )
        chain.ours.append(handler)


def _register(
    workflow: Any, name: str, register: Callable[[Handler], None], chain: _Chain, func: Handler
) -> None:
    """What a Snakefile's ``onstart:`` calls: its handler comes into the chain, not into its place."""
    register(func)
    if getattr(workflow, f"_{name}") is not chain:
        chain.theirs = func
        setattr(workflow, f"_{name}", chain)


def forget_inputs(workflow: Any, prefix: str) -> None:
    """Have Snakemake forget of what some rules made their output, which is gone.

    Else it takes it for a change that they have another input by now.
    """
    for job in workflow.dag.jobs:
        if job.rule.name.startswith(prefix):
            for file in job.output:
                if not os.path.exists(file):
                    workflow.persistence.cleanup_metadata(file)


def logs_by_plugins_alone(workflow: Any, kind: type) -> bool:
    """Whether all of a run's logger plugins are of a kind."""
    return all(isinstance(handler, kind) for handler in workflow.logger_manager.plugin_handlers)


def hear_at_once(workflow: Any, of_use: Callable[[logging.LogRecord], bool]) -> None:
    """Have logger plugins take each record of use in the moment in which it is made, not in their own thread.

    To wake that thread costs more than to count a job, and Snakemake's own waits for Python's lock meanwhile.
    """
    from snakemake.logging import logger

    for handler in list(logger.handlers):
        if isinstance(handler, logging.handlers.QueueHandler):
            logger.removeHandler(handler)
            for plugin in workflow.logger_manager.plugin_handlers:
                plugin.addFilter(of_use)
                logger.addHandler(plugin)


def default_handlers() -> list[Any]:
    """The handlers by which Snakemake itself writes to the terminal."""
    from snakemake.logging import logger

    return [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]


def rules_in(file: str, names: dict[str, Any]) -> Iterator[tuple[str | None, Sequence[Directive]]]:
    """The rules that a file of rules makes, with what its expressions are: by Snakemake's own parser.

    Parameters
    ----------
    file
        The path of a ``.smk`` file.
    names
        What it finds as globals; what it imports is there for the next file.

    Yields
    ------
    name, directives
        The rule's name, unless a directive ``name`` says it; each directive with its words.
    """
    from snakemake.parser import parse
    from snakemake.sourcecache import LocalSourceFile

    made: list[tuple[str | None, list[Directive]]] = []
    code, _ = parse(LocalSourceFile(file), _Written(made), {}, rulecount=0)
    names["workflow"] = _Written(made)
    exec(compile(code, file, "exec"), names)
    yield from made


Directive = tuple[str, Sequence[Any], Mapping[str, Any]]
"""The keyword of a directive, what it holds, and what it holds under names."""


class _Written:
    """Stands for Snakemake's workflow where rules are only to be known."""

    main_snakefile = ""
    configfiles: Sequence[str] = ()
    sourcecache: Any

    def __init__(self, made: list[tuple[str | None, list[Directive]]]) -> None:
        self.made = made
        self.sourcecache = self

    def open(self, source: Any) -> Any:
        """As the cache of Snakemake's sources."""
        return open(source.get_path_or_uri(secret_free=True), encoding="utf-8")

    def rule(self, name: str | None = None, **where: Any) -> Callable[[Any], Any]:
        """Begin a rule."""
        self.made.append((name, []))
        return _as_it_is

    def run(self, function: Any) -> Any:
        """End a rule: its code is not run here."""
        return function

    def __getattr__(self, keyword: str) -> Callable[..., Any]:
        def directive(*words: Any, **named: Any) -> Callable[[Any], Any]:
            self.made[-1][1].append((keyword, words, named))
            return _as_it_is

        return directive


def _as_it_is(function: Any) -> Any:
    return function
