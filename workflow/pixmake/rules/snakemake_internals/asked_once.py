"""What Snakemake asks anew for each rule and job: asked once, or not at all where nobody listens.

All of it is the same for a thousand rules of one step. The answers stay the same; each has its entry and its
patch in ``docs/upstream.md``.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import snakemake.common
import snakemake.rules
from snakemake.jobs import Job
from snakemake.logging import logger
from snakemake.rules import Rule
from snakemake_interface_logger_plugins.common import LogEvent

from pixmake.rules.snakemake_internals.commands import command_of, is_of_its_job
from pixmake.rules.snakemake_internals.fewer_imports import import_less

Parameters = Mapping[str, inspect.Parameter]


def ask_once() -> None:
    """Have Snakemake, in this process, ask once; before the first rule is made."""
    import_less()  # where another logger was asked for
    if snakemake.common.get_function_params is _parameters:
        return
    snakemake.common.get_function_params = _parameters
    snakemake.rules.get_function_params = _parameters
    Rule.is_producer = _is_producer(Rule.is_producer)
    Job.is_pipe_or_service_input = _is_pipe_or_service_input(Job.is_pipe_or_service_input)
    Job.conda_env_spec = property(_conda_env_spec)
    Job.shellcmd = property(_shellcmd(Job.shellcmd.fget))


_functions: WeakKeyDictionary[Any, Parameters] = WeakKeyDictionary()
_methods: WeakKeyDictionary[Any, Parameters] = WeakKeyDictionary()


def _parameters(func: Any) -> Any:
    """The parameters of a function that a rule has: made once, not with each call of it."""
    overwritten = getattr(func, snakemake.common.FUNC_OVERWRITE_PARAMS_ATTR, None)
    if overwritten is not None:
        return overwritten
    bare = getattr(func, "__func__", None)
    known, key = (_functions, func) if bare is None else (_methods, bare)
    try:
        found = known.get(key)
        if found is None:
            found = known[key] = inspect.signature(func).parameters
    except TypeError:  # no weak reference, or no hash
        return inspect.signature(func).parameters
    return found


def _is_producer(theirs: Callable[[Any, str], bool]) -> Callable[[Any, str], bool]:
    """Whether a rule makes a file; of a file without a wildcard Snakemake compiles a regular expression."""

    def is_producer(rule: Any, requested_output: str) -> bool:
        files = list(rule.products())
        if any(file.is_callable() or "{" in file for file in files):
            return theirs(rule, requested_output)
        return requested_output in files

    return is_producer


def _is_pipe_or_service_input(theirs: Callable[[Any, str], bool]) -> Callable[[Any, str], bool]:
    """Whether an input is a pipe: Snakemake looks for each of a job's inputs in all jobs that make one."""
    last: tuple[Any, bool] = (None, False)

    def is_pipe_or_service_input(job: Any, path: str) -> bool:
        nonlocal last
        asked, takes_any = last
        if asked is not job:
            takes_any = any(maker.pipe_or_service_output for maker in job.dag.dependencies[job])
            last = job, takes_any
        return takes_any and theirs(job, path)

    return is_pipe_or_service_input


def _conda_env_spec(job: Any) -> Any:
    """A job's environment; its params, and so its resources, are needed only for one that is a function."""
    if job._conda_env_spec is None:
        asked = (job.params, job.input) if callable(job.rule._conda_env) else ()
        job._conda_env_spec = job.rule.expand_conda_env(job.wildcards_dict, *asked)
    return job._conda_env_spec


def _shellcmd(theirs: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """A job's command, without a copy of all globals if it names nothing but what is the job's own."""

    def shellcmd(job: Any) -> str | None:
        if job.rule.shellcmd and is_of_its_job(job.rule.shellcmd):
            with contextlib.suppress(Exception):  # theirs says what is wrong
                return command_of(job)
        return theirs(job)

    return shellcmd


def tell_reasons_alone() -> None:
    """Have a dry run say of each job what it is and why it runs; nobody sees its command and resources."""
    Job.log_info = _log_reason


def _log_reason(job: Any, indent: bool = False, printshellcmd: bool = True) -> None:
    facts = {
        "event": LogEvent.JOB_INFO,
        "jobid": job.dag.jobid(job),
        "rule_name": job.rule.name,
        "output": list(job.output),
        "reason": str(job.dag.reason(job)),
        "shellcmd": None,
    }
    logger.info("", extra=facts)
