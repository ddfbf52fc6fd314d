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
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pixmake.base.errors import PixmakeError, Problem, nearest

SUBMISSIONS = ".snakemake/pixmake/submissions"
"""A file for each cluster job, see `submission_of`: a line with scheduler and id for each submission."""

GIVEN_UP = ("-", "-")
"""Stands for a cluster job behind those of a run that was killed: none of them is to write any more."""

LOGS = "logs/cluster"
NODE_MB = 600
"""Memory of the Snakemake on the node and of the warm process, on top of what the images need."""

QUERY_SECONDS = 60
BOOKED_SECONDS = 20
"""How long a job that ended is looked for in its scheduler's books."""

SETTLE_SECONDS = 30.0
"""How long a job may be unknown to its scheduler after it was submitted."""

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


@dataclass(frozen=True)
class Scheduler:
    """How to speak with one scheduler."""

    submit: Callable[[Need], list[str]]
    job_id: str
    """A regular expression that finds the id in what the submit command prints."""
    queries: Sequence[tuple[str, str]]
    """Commands that tell a job's state, with a regular expression for the state and, as `code`, the exit
    status; the first one whose expression is found counts."""
    phases: Mapping[str, Phase | Literal["ended"]]
    """Its states; of one that has `ended` the exit status tells."""
    cancel: str
    """The command that cancels jobs by their ids."""
    variable: str
    """The environment variable that holds the id inside of a job."""
    explained: Mapping[str, str] = field(default_factory=dict)
    """What its states mean."""
    otherwise: Phase = "running"
    """What any other state means."""
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
    select = f"select=1:ncpus={need.cpus}"
    select += f":mem={need.mem_mb}mb" if need.mem_mb else ""
    select += f":ngpus={need.gpu}" if need.gpu else ""
    words = ["qsub", "-V", "-r", "n", "-j", "oe", "-N", need.name[:15], "-o", need.log, "-l", select]
    words += ["-l", f"walltime={_clock(need.minutes)}"] if need.minutes else []
    words += ["-q", need.partition] if need.partition else []
    words += ["-A", need.account] if need.account else []
    return [*words, *need.flags]


def _torque(need: Need, command: str = "qsub") -> list[str]:
    nodes = f"nodes=1:ppn={need.cpus}" + (f":gpus={need.gpu}" if need.gpu else "")
    words = [command, "-V", "-j", "oe", "-N", need.name[:15], "-o", need.log, "-l", nodes]
    words += ["-l", f"mem={need.mem_mb}mb"] if need.mem_mb else []
    words += ["-l", f"walltime={_clock(need.minutes)}"] if need.minutes else []
    words += ["-q", need.partition] if need.partition else []
    words += ["-A", need.account] if need.account else []
    return [*words, *need.flags]


def _sge(need: Need) -> list[str]:
    words = ["qsub", "-terse", "-V", "-cwd", "-r", "n", "-j", "y", "-N", need.name, "-o", need.log]
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


_SLURM_ENDS = {
    "TIMEOUT": "ran past its `runtime`",
    "DEADLINE": "ran past its deadline",
    "OUT_OF_MEMORY": "exceeded its memory (`mem_mb`)",
    "CANCELLED": "was cancelled",
    "NODE_FAIL": "lost its node",
    "BOOT_FAIL": "lost its node",
    "PREEMPTED": "was preempted by another job",
    "REVOKED": "was revoked",
    "FAILED": "ended with an error",
}
_LOST_TYPES = {
    "TIMEOUT": "TimeoutError",
    "OUT_OF_MEMORY": "MemoryError",
    "CANCELLED": "CancelledError",
    "NODE_FAIL": "NodeLostError",
    "BOOT_FAIL": "NodeLostError",
}
_PBS_QUERIES = (
    ("qstat -x -f {id}", r"job_state = (?P<state>F|[A-Z])[\s\S]*?Exit_status = (?P<code>-?\d+)"),
    ("qstat -x -f {id}", r"job_state = (?P<state>[ABDEG-Z])"),
    ("qstat -f {id}", r"job_state = (?P<state>C)[\s\S]*?exit_status = (?P<code>-?\d+)"),
    ("qstat -f {id}", r"job_state = (?P<state>[ABD-Z])"),
    ("tracejob -n 7 {id}", r"(?P<state>Exit)_status=(?P<code>-?\d+)"),
)
_PBS_PHASES: Mapping[str, Phase | Literal["ended"]] = dict.fromkeys(("F", "C", "Exit"), "ended")

SCHEDULERS: Mapping[str, Scheduler] = {
    "slurm": Scheduler(
        _slurm,
        r"^(\d+)",
        (
            ("sacct -X -n -P -j {id} -o State,ExitCode", r"^(?P<state>[A-Z_]+)[^|]*\|(?P<code>\d+)"),
            ("scontrol show job -o {id}", r"JobState=(?P<state>\w+)(?:.*?ExitCode=(?P<code>\d+))?"),
        ),
        {"COMPLETED": "success", **dict.fromkeys(_SLURM_ENDS, "failed")},
        "scancel",
        "SLURM_JOB_ID",
        _SLURM_ENDS,
        nearer=lambda job_id: _slurm_memory(
            _asked(f"sacct -n -P --units=M -j {shlex.quote(job_id)} -o State,MaxRSS,ReqMem")
        ),
    ),
    "pbs": Scheduler(_pbs, r"^(\S+)", _PBS_QUERIES, _PBS_PHASES, "qdel", "PBS_JOBID"),
    "torque": Scheduler(_torque, r"^(\S+)", _PBS_QUERIES, _PBS_PHASES, "qdel", "PBS_JOBID"),
    "moab": Scheduler(
        lambda need: _torque(need, "msub"),
        r"^\s*(\S+)\s*$",
        (("checkjob {id}", r"State: (?P<state>\w+)(?:[\s\S]*?Completion Code: (?P<code>-?\d+))?"),),
        {"Completed": "ended", "Removed": "failed", "Vacated": "failed"},
        "canceljob",
        "PBS_JOBID",
        {"Removed": "was removed", "Vacated": "was vacated"},
    ),
    "sge": Scheduler(
        _sge,
        r"^(\d+)",
        (
            ("qstat -j {id}", r"(?P<state>job_number)"),
            ("qacct -j {id}", r"(?P<state>failed) +0[\s\S]*?exit_status +(?P<code>\d+)"),
            ("qacct -j {id}", r"failed +\d+ *: *(?P<state>[\w ]+)"),
        ),
        {"failed": "ended", "job_number": "running"},
        "qdel",
        "JOB_ID",
        otherwise="failed",
    ),
    "oar": Scheduler(
        _oar,
        r"OAR_JOB_ID=(\d+)",
        (("oarstat -f -j {id}", r"state = (?P<state>\w+)(?:[\s\S]*?exit_code = (?P<code>\d+))?"),),
        {"Terminated": "ended", "Error": "failed"},
        "oardel",
        "OAR_JOB_ID",
    ),
}
"""Every scheduler that `cluster-generic` is used for, by the name that `pixmake scheduler` takes."""


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
    done = subprocess.run([*scheduler.submit(need), script], capture_output=True, text=True, check=False)
    found = re.search(scheduler.job_id, done.stdout, re.MULTILINE)
    if done.returncode or not found:
        said = (done.stderr.strip() or done.stdout.strip()).replace("\n", "; ")
        raise PixmakeError([Problem(f"{name} refused the job {need.name}: {said}")])
    note_submission(submission_of(script_rules(text)), name, found[1])
    return found[1]


def phase(name: str, job_id: str) -> Phase:
    """How a job is: what the status command of `cluster-generic` prints."""
    return state(name, job_id).phase


def state(name: str, job_id: str) -> State:
    """How a job is, by the first of a scheduler's queries that knows it."""
    scheduler = find_scheduler(name)
    found = _first(scheduler, scheduler.queries, job_id)
    # one that has just been submitted, or a scheduler that does not answer for a moment
    unknown = State("running" if _is_recent(job_id) else "failed", "", "is not known to its scheduler")
    return found or unknown


def lost_state(name: str, job_id: str) -> State:
    """Why a job ended that left its work undone; a scheduler's books may be some seconds late."""
    scheduler = find_scheduler(name)
    for _ in range(BOOKED_SECONDS):
        found = _first(scheduler, scheduler.queries, job_id)
        if found and found.phase != "running":
            word = scheduler.nearer(job_id) if scheduler.nearer else ""
            return State("failed", word, scheduler.explained[word]) if word else found
        time.sleep(1)
    return State("failed", "", "ended without a word of its scheduler")


def _first(scheduler: Scheduler, queries: Sequence[tuple[str, str]], job_id: str) -> State | None:
    for query, expression in queries:
        found = re.search(expression, _asked(query.format(id=shlex.quote(job_id))), re.MULTILINE)
        if found:
            return _state(scheduler, found)
    return None


def _slurm_memory(listed: str) -> str:
    """``OUT_OF_MEMORY`` if a step of a job says so, or held more than the job had asked for."""
    rows = [line.split("|") for line in listed.splitlines() if line.count("|") == 2]
    asked = max((_megabytes(row[2]) for row in rows), default=0.0)
    over = any(row[0] == "OUT_OF_MEMORY" or 0 < asked < _megabytes(row[1]) for row in rows)
    return "OUT_OF_MEMORY" if over else ""


def _megabytes(text: str) -> float:
    found = re.match(r"[\d.]+", text)
    return float(found[0]) if found else 0.0


def _state(scheduler: Scheduler, found: re.Match[str]) -> State:
    word, code = found["state"], found.groupdict().get("code")
    how = scheduler.phases.get(word, scheduler.otherwise)
    if how == "ended":
        how = "success" if code == "0" else "failed"
    if how != "failed":
        return State(how, word)
    explanation = scheduler.explained.get(word, f"ended ({word})")
    return State(how, word, explanation + (f", exit status {code}" if code not in (None, "0") else ""))


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


def job_need(properties: Mapping[str, Any], flags: Sequence[str] = ()) -> Need:
    """What a job needs, from its threads and resources."""
    resources = properties.get("resources", {})
    name = submission_name(properties)
    return Need(
        name=f"pixmake-{name}"[:60],
        cpus=int(properties.get("threads", 1)),
        mem_mb=resources["mem_mb"] + NODE_MB if resources.get("mem_mb") else None,
        minutes=resources.get("runtime"),
        partition=resources.get("slurm_partition"),
        account=resources.get("slurm_account"),
        gpu=int(resources.get("gpu", 0)),
        flags=[*flags, *shlex.split(resources.get("slurm_extra", ""))],
        log=os.path.abspath(f"{LOGS}/{name}.log"),
    )


def script_rules(script: str) -> list[str]:
    """The rules that a script of Snakemake's runs."""
    found = re.search(r"--allowed-rules((?: +[A-Za-z_]\w*)+)", script)
    return found[1].split() if found else [str(job_properties(script).get("rule", "unknown"))]


def submission_of(rules: Sequence[str]) -> str:
    """What the file of a cluster job is called: one of its rules, the same at each attempt.

    Not its group: without `group-components` Snakemake makes several cluster jobs of one group.
    """
    return min(rules)


def submission_name(properties: Mapping[str, Any]) -> str:
    """What a cluster job is called: its group, or its one rule."""
    return str(properties.get("groupid") or properties["rule"])


def note_submission(name: str, scheduler: str, job_id: str) -> None:
    """Keep which cluster job it is that works on some images from now on."""
    path = Path(SUBMISSIONS) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, f"{scheduler} {job_id}\n".encode())
    finally:
        os.close(handle)


def give_up_submissions() -> None:
    """Have no cluster job that was sent so far write anything, wherever it goes on.

    The next run packs its images anew, so that the file of a job's images need not be that of the job
    which replaces it.
    """
    for path in Path(SUBMISSIONS).glob("*"):
        if submissions(path.name)[-1:] != [GIVEN_UP]:
            note_submission(path.name, *GIVEN_UP)


def submissions(name: str) -> list[tuple[str, str]]:
    """The cluster jobs that worked on some images, as scheduler and id, the latest at the end."""
    try:
        lines = (Path(SUBMISSIONS) / name).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [(scheduler, job_id) for scheduler, _, job_id in (line.partition(" ") for line in lines)]


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


def _is_recent(job_id: str) -> bool:
    """Whether a job was submitted a moment ago, so that not every query need know it yet."""
    for path in Path(SUBMISSIONS).glob("*"):
        with contextlib.suppress(OSError):
            recent = time.time() - path.stat().st_mtime < SETTLE_SECONDS
            if recent and any(known == job_id for _, known in submissions(path.name)):
                return True
    return False
