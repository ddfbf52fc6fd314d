"""Submitting to a cluster's scheduler and asking it how a job ended: ``pixmake scheduler …``.

Snakemake's executor `cluster-generic` calls these, and a job that was lost asks for its reason.
Each scheduler is data: its words for submitting, its way to tell a job's state, its states.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.rules.submissions import (
    is_recent,
    jobs_named,
    log_of_job,
    note_refusal,
    note_submission,
    refusals,
    submission_of,
)

LOGS = "logs/cluster"
NODE_MB = 600
"""Memory of the Snakemake on the node and of the warm process, on top of what the images need."""

QUERY_SECONDS = 60
BOOKED_SECONDS = 20
"""How long a job that ended is looked for in its scheduler's books."""

SHELL = "/bin/sh"
"""What runs Snakemake's scripts."""

Phase = Literal["running", "success", "failed"]


@dataclass(frozen=True)
class Need:
    """What a job asks for."""

    name: str
    cpus: int
    mem_mb: int | None
    minutes: int | None
    partition: str | None
    account: str | None
    gpu: int
    flags: Sequence[str]
    log: str


@dataclass(frozen=True)
class State:
    """How a job is, in Snakemake's word, in the scheduler's, and in a user's."""

    phase: Phase
    word: str = ""
    explanation: str = ""
    stuck: bool = False
    """Whether the scheduler still has it, and would for ever."""


@dataclass(frozen=True)
class Query:
    """A command of a scheduler's, and how a job's state is found in what it prints."""

    command: str
    expression: str
    """A regular expression, in both ``{id}`` is the job's. It may have groups: `state`; `code`, the exit
    status; `reason`, in the scheduler's words."""
    state: str = ""
    """The state, where no group is."""


@dataclass(frozen=True)
class Scheduler:
    """How to speak with one scheduler."""

    submit: Callable[[Need], list[str]]
    job_id: str
    """A regular expression that finds the id in what the submit command prints."""
    queries: Sequence[Query]
    """What tells a job's state; the first one that is found counts."""
    phases: Mapping[str, Phase | Literal["ended"]]
    """Its states; of one that has `ended` the exit status tells."""
    cancel: str
    """The command that cancels jobs by their ids."""
    refused: str
    """A regular expression of what it says when it refuses a job for what stands in a profile or a config,
    and so all that are alike."""
    variable: str
    """The environment variable that holds the id inside of a job."""
    explained: Mapping[str, str] = field(default_factory=dict)
    """What its states mean."""
    otherwise: Phase = "running"
    """What any other state means."""
    stuck: Mapping[str, Sequence[Query]] = field(default_factory=dict)
    """Of a state in which a job may be for ever: what tells that it is. Such a job has failed."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Exit statuses that stand for one of `explained`."""
    nearer: Callable[[str], str] | None = None
    """Of the id of a job that has failed: a state that is nearer to the cause, or nothing."""


def _slurm(need: Need) -> list[str]:
    words = ["sbatch", "--parsable", "--no-requeue", f"--job-name={need.name}", f"--output={need.log}"]
    words += ["--nodes=1", "--ntasks=1", f"--cpus-per-task={need.cpus}"]
    words += [f"--mem={need.mem_mb}M"] if need.mem_mb else []
    words += [f"--time={need.minutes}"] if need.minutes else []
    words += [f"--partition={need.partition}"] if need.partition else []
    words += [f"--account={need.account}"] if need.account else []
    words += [f"--gpus={need.gpu}"] if need.gpu else []
    return [*words, *need.flags]


def _pbs(need: Need) -> list[str]:
    # by itself a script is run by its user's login shell
    words = ["qsub", "-V", "-S", SHELL, "-r", "n", "-j", "oe", "-N", need.name[:15], "-o", need.log]
    select = f"select=1:ncpus={need.cpus}"
    select += f":mem={need.mem_mb}mb" if need.mem_mb else ""
    select += f":ngpus={need.gpu}" if need.gpu else ""
    words += ["-l", select]
    words += ["-l", f"walltime={_clock(need.minutes)}"] if need.minutes else []
    words += ["-q", need.partition] if need.partition else []
    words += ["-A", need.account] if need.account else []
    return [*words, *need.flags]


def _torque(need: Need, command: str = "qsub") -> list[str]:
    nodes = f"nodes=1:ppn={need.cpus}" + (f":gpus={need.gpu}" if need.gpu else "")
    words = [command, "-V", "-S", SHELL, "-j", "oe", "-N", need.name[:15], "-o", need.log, "-l", nodes]
    words += ["-l", f"mem={need.mem_mb}mb"] if need.mem_mb else []
    words += ["-l", f"walltime={_clock(need.minutes)}"] if need.minutes else []
    words += ["-q", need.partition] if need.partition else []
    words += ["-A", need.account] if need.account else []
    return [*words, *need.flags]


def _sge(need: Need) -> list[str]:
    # by itself a queue runs a script by a shell of its own, as installed csh, whatever the first line says
    words = ["qsub", "-terse", "-S", SHELL, "-V", "-cwd", "-r", "n", "-j", "y", "-N", need.name]
    words += ["-o", need.log]
    words += ["-pe", "smp", str(need.cpus)] if need.cpus > 1 else []
    # SGE counts memory a core
    words += ["-l", f"h_vmem={-(-need.mem_mb // need.cpus)}M"] if need.mem_mb else []
    words += ["-l", f"h_rt={_clock(need.minutes)}"] if need.minutes else []
    words += ["-q", need.partition] if need.partition else []
    words += ["-P", need.account] if need.account else []
    words += ["-l", f"gpu={need.gpu}"] if need.gpu else []
    return [*words, *need.flags]


def _oar(need: Need) -> list[str]:
    resources = f"/nodes=1/core={need.cpus}" + (f",walltime={_clock(need.minutes)}" if need.minutes else "")
    words = ["oarsub", "-n", need.name, "-O", need.log, "-E", need.log, "-l", resources]
    words += ["-q", need.partition] if need.partition else []
    words += ["--project", need.account] if need.account else []
    return [*words, *need.flags, "-S"]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}:00"


_ENDS = {
    "TIMEOUT": "ran past its `runtime`",
    "DEADLINE": "ran past its deadline",
    "OUT_OF_MEMORY": "exceeded its memory (`mem_mb`)",
    "CANCELLED": "was cancelled",
    "NODE_FAIL": "lost its node",
    "BOOT_FAIL": "lost its node",
    "PREEMPTED": "was preempted by another job",
    "REVOKED": "was revoked",
    "FAILED": "ended with an error",
    "STUCK": "can never start",
}
"""How a job may end, in SLURM's words for it, and in a user's."""

_LOST_TYPES = {
    "TIMEOUT": "TimeoutError",
    "OUT_OF_MEMORY": "MemoryError",
    "CANCELLED": "CancelledError",
    "NODE_FAIL": "NodeLostError",
    "BOOT_FAIL": "NodeLostError",
    "before writing exit_status": "NodeLostError",  # Grid Engine's word for it
}
_SLURM_NEVER = (
    *("BadConstraints", "InvalidAccount", "InvalidQOS", "AccountNotAllowed", "QOSNotAllowed"),
    *("PartitionTimeLimit", "PartitionNodeLimit", "DependencyNeverSatisfied", "JobHeldAdmin"),
    r"[Ll]aunch[ _]failed[ _]requeued[ _]held",
    # what one job asks for is more than one job may have; Grp and PerUser are for the sum of those that run
    r"(?:Assoc|QOS)Max\w+PerJob(?:Limit)?",
    r"QOSMin\w+",
)
"""Why SLURM lets a job wait that nobody's end will start. `JobHeldUser` is not among them: its user knows."""

_PBS_NEVER = {
    # a user's own hold is the user's
    "H": (
        Query(
            "qstat -x -f {id}",
            r"job_state = H\b[\s\S]*?Hold_Types = \w*s(?:[\s\S]*?comment = (?P<reason>.+))?",
        ),
        Query(
            "qstat -f {id}", r"job_state = H\b[\s\S]*?Hold_Types = \w*s(?:[\s\S]*?comment = (?P<reason>.+))?"
        ),
    ),
    "Q": (Query("qstat -x -f {id}", r"comment = (?P<reason>Can Never Run.*)"),),
}
_PBS_QUERIES = (
    Query("qstat -x -f {id}", r"job_state = (?P<state>F|[A-Z])[\s\S]*?Exit_status = (?P<code>-?\d+)"),
    Query("qstat -x -f {id}", r"job_state = (?P<state>[ABDEG-Z])"),
    Query("qstat -f {id}", r"job_state = (?P<state>C)[\s\S]*?exit_status = (?P<code>-?\d+)"),
    Query("qstat -f {id}", r"job_state = (?P<state>[ABD-Z])"),
    Query("tracejob -n 7 {id}", r"(?P<state>Exit)_status=(?P<code>-?\d+)"),
)
_PBS_PHASES: Mapping[str, Phase | Literal["ended"]] = dict.fromkeys(("F", "C", "Exit"), "ended")
_PBS_REFUSED = (
    r"[Uu]nknown queue|Invalid account|Invalid project|Unauthorized Request|Access to queue is denied"
    r"|Unknown resource|[Ii]llegal attribute|violates queue and/or server resource limits|exceeds? queue"
)

SCHEDULERS: Mapping[str, Scheduler] = {
    "slurm": Scheduler(
        _slurm,
        r"^(\d+)",
        (
            Query("sacct -X -n -P -j {id} -o State,ExitCode", r"^(?P<state>[A-Z_]+)[^|]*\|(?P<code>\d+)"),
            Query("scontrol show job -o {id}", r"JobState=(?P<state>\w+)(?:.*?ExitCode=(?P<code>\d+))?"),
        ),
        {"COMPLETED": "success", **dict.fromkeys(_ENDS, "failed")},
        "scancel",
        r"[Ii]nvalid (partition|account|qos|feature|generic resource|job array|wckey)|not permitted"
        r"|Requested (node configuration|time limit)|More processors requested"
        r"|Memory (specification|required)|Access/permission denied|unrecognized option",
        "SLURM_JOB_ID",
        _ENDS,
        nearer=lambda job_id: _slurm_memory(
            _asked(f"sacct -n -P --units=M -j {shlex.quote(job_id)} -o State,MaxRSS,ReqMem")
        ),
        stuck={
            "PENDING": (
                Query("squeue -h -j {id} -o %T|%r", rf"^PENDING\|(?P<reason>{'|'.join(_SLURM_NEVER)})$"),
            )
        },
    ),
    "pbs": Scheduler(
        _pbs,
        r"^(\S+)",
        _PBS_QUERIES,
        _PBS_PHASES,
        "qdel",
        _PBS_REFUSED,
        "PBS_JOBID",
        _ENDS,
        stuck=_PBS_NEVER,
        codes={"-29": "TIMEOUT", "-27": "OUT_OF_MEMORY", "-26": "OUT_OF_MEMORY"},
    ),
    "torque": Scheduler(
        _torque,
        r"^(\S+)",
        _PBS_QUERIES,
        _PBS_PHASES,
        "qdel",
        _PBS_REFUSED,
        "PBS_JOBID",
        _ENDS,
        stuck=_PBS_NEVER,
        codes={"-11": "TIMEOUT", "-10": "OUT_OF_MEMORY"},
    ),
    "moab": Scheduler(
        lambda need: _torque(need, "msub"),
        r"^\s*(\S+)\s*$",
        (Query("checkjob {id}", r"State: (?P<state>\w+)(?:[\s\S]*?Completion Code: (?P<code>-?\d+))?"),),
        {"Completed": "ended", "Removed": "failed", "Vacated": "failed"},
        "canceljob",
        r"(invalid|unknown) (class|queue|account|qos)|cannot (access|use) (class|account|qos)",
        "PBS_JOBID",
        {**_ENDS, "Removed": "was removed", "Vacated": "was vacated"},
    ),
    "sge": Scheduler(
        _sge,
        r"^(\d+)",
        (
            Query("qstat -j {id}", r"^job_number", "running"),
            Query("qacct -j {id}", r"^(?P<state>failed) +0[\s\S]*?^exit_status +(?P<code>\d+)"),
            Query(
                "qacct -j {id}", r"^failed +\d+ *: *(?P<state>.*\S)(?:[\s\S]*?^exit_status +(?P<code>\d+))?"
            ),
        ),
        {"failed": "ended", "running": "running"},
        "qdel",
        r"unknown (queue|resource)|requested (project|parallel environment)|no suitable queues|has no access"
        r"|neither submit nor admin host|is no submit host",
        "JOB_ID",
        {**_ENDS, "before writing exit_status": _ENDS["NODE_FAIL"]},
        otherwise="failed",
        nearer=lambda job_id: _sge_limit(_asked(f"qacct -j {shlex.quote(job_id)}")),
        stuck={
            "running": (
                Query("qstat -j {id}", r"^error reason +\d+: +(?P<reason>.*)"),
                # its node has said nothing for as long as the cluster waits (`max_unheard`)
                Query("qstat -qs u", r"^ *{id} ", "NODE_FAIL"),
            )
        },
    ),
    "oar": Scheduler(
        _oar,
        r"OAR_JOB_ID=(\d+)",
        (Query("oarstat -f -j {id}", r"state = (?P<state>\w+)(?:[\s\S]*?exit_code = (?P<code>\d+))?"),),
        {"Terminated": "ended", "Error": "failed"},
        "oardel",
        r"queue .*(not exist|doesn't exist)|There are not enough resources|[Pp]roject .*(not|invalid)",
        "OAR_JOB_ID",
        _ENDS,
    ),
}
"""Every scheduler that `cluster-generic` is used for, by the name that `pixmake scheduler` takes."""


FOR_SNAKEMAKE = {"OPENBLAS_NUM_THREADS": 1, "MALLOC_ARENA_MAX": 2}
"""The environment of a Snakemake on a node. NumPy, which some of its plugins import, else starts a thread for
each core of the node, of 42 MB each, and each thread of Python's reserves 64 MB or more. The commands of
rules are told their number of threads by Snakemake."""


def submit(name: str, script: str, flags: Sequence[str] = ()) -> str:
    """Submit the script of one of Snakemake's jobs.

    Parameters
    ----------
    name
        The scheduler.
    script
        Snakemake's script, whose head says what the job needs.
    flags
        More options of the submit command, for every job.

    Returns
    -------
    str
        The scheduler's id of the job.

    Raises
    ------
    PixmakeError
        There is no such scheduler, or it refused the job.
    """
    scheduler = find_scheduler(name)
    text = Path(script).read_text(encoding="utf-8")
    properties = job_properties(text)
    need = job_need(properties, flags)
    Path(LOGS).mkdir(parents=True, exist_ok=True)
    Path(script).write_text(with_few_threads(text), encoding="utf-8")
    words = [*scheduler.submit(need), script]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        said = f"{words[0]} cannot be started here: {error.strerror}"
        _refused(scheduler, said, said, f"start Snakemake where jobs of {name} are submitted")
    found = re.search(scheduler.job_id, done.stdout, re.MULTILINE)
    if done.returncode or not found:
        said = (done.stderr.strip() or done.stdout.strip()).replace("\n", "; ")
        _refused(scheduler, f"{name} refused the job {need.name}: {said}", said)
    note_submission(submission_of(script_jobs(text)), name, found[1], os.path.relpath(need.log))
    return found[1]


def with_few_threads(script: str) -> str:
    """A script of Snakemake's whose Snakemake sets little memory aside, unless a node says otherwise.

    See `FOR_SNAKEMAKE`; where a scheduler counts virtual memory, a thread that has done nothing yet may be
    one too many.
    """
    head, line, rest = re.split(r"^(# properties.*\n)", script, maxsplit=1, flags=re.MULTILINE)
    exports = "".join(f'export {name}="${{{name}:-{value}}}"\n' for name, value in FOR_SNAKEMAKE.items())
    return head + line + exports + rest


def _refused(scheduler: Scheduler, told: str, said: str, hint: str = "") -> NoReturn:
    """Tell that a job was refused; what a scheduler says to all that are alike is told once in a run."""
    if hint or re.search(scheduler.refused, said):
        again = said in refusals()
        note_refusal(said)
        if again:
            raise SystemExit(1)
    raise PixmakeError([Problem(told, hint=hint)])


def phase(name: str, job_id: str) -> Phase:
    """How a job is: what the status command of `cluster-generic` prints.

    Of one that has failed it tells the reason on the standard error stream; one that can never start is
    deleted.
    """
    found = state(name, job_id)
    if found.phase == "failed":
        print(told_end(name, job_id, found), file=sys.stderr)
        if found.stuck:
            _asked(f"{find_scheduler(name).cancel} {shlex.quote(job_id)}")
    return found.phase


def told_end(name: str, job_id: str, ended: State) -> str:
    """How a job ended, and where its log is, in a line."""
    log = log_of_job(job_id)
    where = f"; its log: {log}" if log and Path(log).exists() else ""
    return f"pixmake: the cluster job {name} {job_id} {ended.explanation}{where}"


def state(name: str, job_id: str) -> State:
    """How a job is, by the first of a scheduler's queries that knows it."""
    scheduler = find_scheduler(name)
    found = _first(scheduler, scheduler.queries, job_id)
    # one that has just been submitted, or a scheduler that does not answer for a moment
    unknown = State("running" if is_recent(job_id) else "failed", "", "is not known to its scheduler")
    if found is None:
        return unknown
    return _stuck(scheduler, found, job_id) or found


def lost_state(name: str, job_id: str) -> State:
    """Why a job ended that left its work undone; a scheduler's books may be some seconds late."""
    scheduler = find_scheduler(name)
    for _ in range(BOOKED_SECONDS):
        found = _first(scheduler, scheduler.queries, job_id)
        found = found and (_stuck(scheduler, found, job_id) or found)
        if found and found.phase != "running":
            word = scheduler.nearer(job_id) if scheduler.nearer else ""
            return State("failed", word, scheduler.explained[word]) if word else found
        time.sleep(1)
    return State("failed", "", "ended without a word of its scheduler")


def _first(scheduler: Scheduler, queries: Sequence[Query], job_id: str) -> State | None:
    printed: dict[str, str] = {}
    for query in queries:
        found = _find(query, job_id, printed)
        if found:
            return _state(scheduler, query, found)
    return None


def _stuck(scheduler: Scheduler, running: State, job_id: str) -> State | None:
    """A job that is in its state for ever, and why."""
    printed: dict[str, str] = {}
    for query in scheduler.stuck.get(running.word, ()):
        found = _find(query, job_id, printed)
        if found:
            word = query.state or "STUCK"
            reason = (found.groupdict().get("reason") or "").strip()
            return State("failed", word, _ENDS[word] + (f": {reason}" if reason else ""), stuck=True)
    return None


def _find(query: Query, job_id: str, printed: dict[str, str]) -> re.Match[str] | None:
    """Where a query finds a job; commands that have been asked before are not asked again."""
    command = query.command.replace("{id}", shlex.quote(job_id))
    if command not in printed:
        printed[command] = _asked(command)
    return re.search(query.expression.replace("{id}", re.escape(job_id)), printed[command], re.MULTILINE)


def _slurm_memory(listed: str) -> str:
    """``OUT_OF_MEMORY`` if a step of a job says so, or held more than the job had asked for."""
    rows = [line.split("|") for line in listed.splitlines() if line.count("|") == 2]
    asked = max((_megabytes(row[2]) for row in rows), default=0.0)
    over = any(row[0] == "OUT_OF_MEMORY" or 0 < asked < _megabytes(row[1]) for row in rows)
    return "OUT_OF_MEMORY" if over else ""


def _sge_limit(booked: str) -> str:
    """Which limit a job had reached when it was killed, by Grid Engine's books; without one, who killed it.

    They say for all limits alike that one of them was enforced.
    """
    values = dict(re.findall(r"^(\w+) +(\S.*?) *$", booked, re.MULTILINE))
    if "Killed" not in values.get("exit_status", "") or values.get("failed", "0") == "0":
        return ""
    asked = dict(re.findall(r"\b(h_rt|h_vmem)=([\d.]+\w?)", values.get("category", "")))
    if "h_rt" in asked and _number(values.get("ru_wallclock", "")) >= _number(asked["h_rt"]):
        return "TIMEOUT"
    slots = _number(values.get("slots", "1"))
    if "h_vmem" in asked and _megabytes(values.get("maxvmem", "")) >= slots * _megabytes(asked["h_vmem"]):
        return "OUT_OF_MEMORY"
    return "CANCELLED" if values["failed"].startswith("100") else ""


def _number(text: str) -> float:
    found = re.match(r"[\d.]+", text)
    return float(found[0]) if found else 0.0


def _megabytes(text: str) -> float:
    """A size as schedulers write it: ``568.15M``, ``1.200GB``, ``300M``."""
    found = re.match(r"[\d.]+([A-Za-z]?)", text)
    return _number(text) * _UNITS.get(found[1].upper(), 1.0) if found else 0.0


_UNITS = {"K": 1 / 1024, "G": 1024.0, "T": 1024.0**2}


def _state(scheduler: Scheduler, query: Query, found: re.Match[str]) -> State:
    groups = found.groupdict()
    word, code = query.state or groups["state"], groups.get("code")
    how = scheduler.phases.get(word, scheduler.otherwise)
    if how == "ended":
        how = "success" if code == "0" else "failed"
    if how != "failed":
        return State(how, word)
    word = scheduler.codes.get(code or "", word)
    explanation = scheduler.explained.get(word, f"ended ({word})")
    shown = code not in (None, "0") and word not in scheduler.codes.values()
    return State(how, word, explanation + (f", exit status {code}" if shown else ""))


def lost_type(ended: State) -> str:
    """The type of failure of a job that its scheduler ended."""
    return _LOST_TYPES.get(ended.word, "ClusterJobError")


def find_scheduler(name: str) -> Scheduler:
    """A scheduler by its name."""
    if name not in SCHEDULERS:
        raise PixmakeError([Problem(f"there is no scheduler {name!r}", hint=nearest(name, SCHEDULERS))])
    return SCHEDULERS[name]


def job_properties(script: str) -> Mapping[str, Any]:
    """What Snakemake says about a job in the head of its script."""
    for line in script.splitlines():
        if line.startswith("# properties = "):
            properties: Mapping[str, Any] = json.loads(line.removeprefix("# properties = "))
            return properties
    raise PixmakeError([Problem("is no script of a Snakemake job: it has no line `# properties`")])


# a profile names them as its own scheduler does; what a step says by `partition` and `account` comes with
# the names of SLURM, which so go first
_QUEUES = ("slurm_partition", "sge_queue", "pbs_queue", "moab_queue", "oar_queue")
_ACCOUNTS = ("slurm_account", "sge_project", "pbs_account", "moab_account", "oar_project")


def job_need(properties: Mapping[str, Any], flags: Sequence[str] = ()) -> Need:
    """What a job needs, from its threads and resources."""
    resources = properties.get("resources", {})
    name = submission_name(properties)
    return Need(
        name=f"pixmake-{name}"[:60],
        cpus=int(properties.get("threads", 1)),
        mem_mb=resources["mem_mb"] + NODE_MB if resources.get("mem_mb") else None,
        minutes=resources.get("runtime"),
        partition=next((resources[name] for name in _QUEUES if name in resources), None),
        account=next((resources[name] for name in _ACCOUNTS if name in resources), None),
        gpu=int(resources.get("gpu", 0)),
        flags=[*flags, *shlex.split(resources.get("slurm_extra", ""))],
        log=os.path.abspath(f"{LOGS}/{name}.log"),
    )


def script_jobs(script: str) -> list[str]:
    """The jobs that a script of Snakemake's runs: by their rules, or where several have one, by all of it."""
    for line in script.splitlines():
        if "--target-jobs" in line or "--allowed-rules" in line:
            found = jobs_named(shlex.split(line))
            if found:
                return found
    return [str(job_properties(script).get("rule", "unknown"))]


def submission_name(properties: Mapping[str, Any]) -> str:
    """What a cluster job is called: its group, or its one rule with what its wildcards stand for."""
    if properties.get("groupid"):
        return str(properties["groupid"])
    wildcards = [str(value) for value in properties.get("wildcards", {}).values()]
    return re.sub(r"[^\w.=-]+", "_", "_".join([str(properties["rule"]), *wildcards]))[:100]


def own_job() -> tuple[str, str] | None:
    """The scheduler, and the id, of the cluster job that this process runs in."""
    for name, scheduler in SCHEDULERS.items():
        job_id = os.environ.get(scheduler.variable)
        if job_id:
            return name, job_id
    return None


def _asked(command: str) -> str:
    """What a scheduler's command prints; nothing if it fails or is not there."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, timeout=QUERY_SECONDS, check=False
        )
        return done.stdout
    return ""
