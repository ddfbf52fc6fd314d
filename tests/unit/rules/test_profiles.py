"""Profiles: written for a site, read from a Parsl configuration, and what schedulers are told and say."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.conftest import ANALYSIS, REPOSITORY, Project

from pixmake.base.errors import PixmakeError
from pixmake.base.installed import known_profiles
from pixmake.cli import main
from pixmake.config.parsl import Site, read_qiime2
from pixmake.config.settings import Settings
from pixmake.project.profiles import missing_plugin, write_profile
from pixmake.rules import schedulers, submissions

CLUSTERS = {"slurm", "slurm-plugin", "lsf", "pbs", "moab", "sge", "oar", "htcondor", "kubernetes"}
PLUGINS = {
    "lsf": "snakemake-executor-plugin-lsf",
    "htcondor": "snakemake-executor-plugin-htcondor",
    "kubernetes": "snakemake-executor-plugin-kubernetes",
}

IMPORTED = (
    *("htcondor==24.12.24", "kubernetes==32.0.1", "durationpy", "websocket-client", "requests-oauthlib"),
    *("oauthlib", "google-auth", "pyasn1", "pyasn1-modules", "cryptography", "cffi", "six"),
)
"""What these plugins import, beyond what is here."""

PARSER = """\
import sys
from snakemake.cli import get_argument_parser
for path in sys.argv[1:]:
    parser = get_argument_parser(profiles=[path])
    arguments = parser.parse_args([])
    print(path, arguments.executor, arguments.cores, arguments.scheduler, sep="\\t")
"""


def test_every_cluster_has_one() -> None:
    assert set(known_profiles()) == CLUSTERS | {"default", "storage-s3"}


def test_each_is_taken_by_the_parser_of_snakemake(tmp_path: Path) -> None:
    """Every option of the profiles whose plugins are here is one that Snakemake knows."""
    here = sorted(set(known_profiles()) - set(PLUGINS))
    folders = [str(REPOSITORY / "profiles" / name) for name in here]
    done = subprocess.run(
        [sys.executable, "-c", PARSER, *folders], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(here)


@pytest.mark.slow
def test_profiles_of_plugins_that_are_not_here(tmp_path: Path) -> None:
    """The same for those whose plugins would slow down each start of Snakemake: they come for this alone."""
    wanted = []
    for name, package in PLUGINS.items():
        text = (REPOSITORY / "profiles" / name / "config.yaml").read_text()
        (version,) = re.findall(rf"{package} \(([\d.]+)\)", text)
        wanted.append(f"{package}=={version}")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
    installed = subprocess.run([*pip, *wanted, *IMPORTED], capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"the plugins cannot be installed here: {installed.stderr[-500:]}")
    folders = [str(REPOSITORY / "profiles" / name) for name in PLUGINS]
    code = f"import sys; sys.path.append({str(tmp_path)!r})\n{PARSER}"
    done = subprocess.run([sys.executable, "-c", code, *folders], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split("\t")[1] for line in done.stdout.splitlines()] == list(PLUGINS)


CONDOR = """\
import json, sys
sys.path.append(sys.argv.pop(1))
import htcondor
import htcondor2

class Schedd:
    def submit(self, description, **how):
        parsed = htcondor.Submit(str(description))
        (job,) = parsed.jobs(count=1, clusterid=1)
        with open("submitted.json", "a") as lines:
            lines.write(json.dumps({key: str(value) for key, value in dict(job).items()}) + "\\n")
        raise RuntimeError("this pool takes no jobs")

htcondor2.Schedd = Schedd
from snakemake.cli import main
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_what_htcondor_is_told(tmp_path: Path, project: Project) -> None:
    """HTCondor's own parser makes jobs of what the profile submits, with cores and attributes."""
    text = (REPOSITORY / "profiles/htcondor/config.yaml").read_text()
    (version,) = re.findall(rf"{PLUGINS['htcondor']} \(([\d.]+)\)", text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site")]
    wanted = [f"{PLUGINS['htcondor']}=={version}", IMPORTED[0]]
    installed = subprocess.run([*pip, *wanted], capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"HTCondor's bindings cannot be installed here: {installed.stderr[-500:]}")
    shutil.copytree(REPOSITORY / "profiles/htcondor", project.folder / "profiles/htcondor")
    project.write("scripts/analysis.py", ANALYSIS)
    for number in range(4):
        project.draw(f"images/p{number}.png")
    project.list_images([{"path": f"p{number}.png"} for number in range(4)])
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
        executors={
            "default": {"images_per_job": 2, "resources": {"mem_mb": 700, "classad_AcctGroup": "lab"}}
        },
    )
    words = [str(tmp_path / "site"), "--workflow-profile", "profiles/htcondor", "--cores", "2"]
    subprocess.run(
        [sys.executable, "-c", CONDOR, *words],
        cwd=project.folder,
        capture_output=True,
        check=False,
        timeout=300,
    )
    jobs = [json.loads(line) for line in (project.folder / "submitted.json").read_text().splitlines()]
    assert {job["RequestCpus"] for job in jobs} == {"2"}
    assert {job["AcctGroup"] for job in jobs} == {"lab"}
    assert all("--allowed-rules" in job["Args"] for job in jobs)


def test_option_that_snakemake_does_not_know_is_found(tmp_path: Path) -> None:
    """The parser does look: a typo in a profile is an error."""
    (tmp_path / "config.yaml").write_text("executor: cluster-generic\nclustr-generic-submit-cmd: x\n")
    done = subprocess.run(
        [sys.executable, "-c", PARSER, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "clustr-generic-submit-cmd" in done.stderr


def test_written_for_a_site(tmp_path: Path) -> None:
    """What a site says stands in the profile, beside the comments; what is there is not written over."""
    site = Site(partition="long", account="lab", cores=32, jobs=7, mem_mb=2000, minutes=10)
    called = {
        "slurm": {"slurm_partition=long", "slurm_account=lab"},
        "lsf": {"lsf_queue=long", "lsf_project=lab"},
        "sge": {"sge_queue=long", "sge_project=lab"},
        "pbs": {"pbs_queue=long", "pbs_account=lab"},
        "moab": {"moab_queue=long", "moab_account=lab"},
        "oar": {"oar_queue=long", "oar_project=lab"},
    }
    for name, names in called.items():
        folder = write_profile(name, site, tmp_path)
        text = (folder / "config.yaml").read_text()
        content = yaml.safe_load(text)
        assert (content["cores"], content["jobs"]) == (32, 7)
        assert {"mem_mb=2000", "runtime=10", *names} <= set(content["default-resources"])
        assert ("slurm" in text) == (name == "slurm")
        assert text.count("#") >= 5
    with pytest.raises(PixmakeError, match="is there already"):
        write_profile("slurm", site, tmp_path)
    with pytest.raises(PixmakeError, match="there is no profile 'slrum'"):
        write_profile("slrum", site, tmp_path)
    with pytest.raises(PixmakeError, match="knows no partition"):
        write_profile("kubernetes", site, tmp_path)


def test_a_queue_named_as_python(tmp_path: Path) -> None:
    """Grid Engine's own is called `all.q`, which Snakemake would ask Python for; so it is no expression."""
    for name in ("all.q", "max", "2024", "big-memory"):
        folder = write_profile("sge", Site(partition=name), tmp_path / name)
        resources = yaml.safe_load((folder / "config.yaml").read_text())["default-resources"]
        (queue,) = [value for value in resources if value.startswith("sge_queue=")]
        assert queue == f"sge_queue='{name}'"


@pytest.mark.parametrize(
    ("name", "resources", "said"),
    [
        ("sge", {"sge_queue": "all.q", "sge_project": "lab"}, "-q all.q -P lab"),
        ("pbs", {"pbs_queue": "workq", "pbs_account": "lab"}, "-q workq -A lab"),
        ("torque", {"pbs_queue": "batch", "pbs_account": "lab"}, "-q batch -A lab"),
        ("moab", {"moab_queue": "batch", "moab_account": "lab"}, "-q batch -A lab"),
        ("oar", {"oar_queue": "besteffort", "oar_project": "lab"}, "-q besteffort --project lab"),
    ],
)
def test_what_a_scheduler_is_told_by_its_own_names(name: str, resources: dict[str, str], said: str) -> None:
    """The names that a profile has for queue and project; what a step says goes before them."""
    submit = schedulers.SCHEDULERS[name].submit
    assert said in " ".join(submit(schedulers.job_need({**PROPERTIES, "resources": resources})))
    both = {**resources, "slurm_partition": "long"}
    assert "-q long" in " ".join(submit(schedulers.job_need({**PROPERTIES, "resources": both})))


PARSL = """\
[parsl]
strategy = "none"

[[parsl.executors]]
class = "ThreadPoolExecutor"
label = "tpool"
max_threads = 6

[[parsl.executors]]
class = "HighThroughputExecutor"
label = "default"
max_workers = 16
cores_per_worker = 2
mem_per_worker = 4.5

[parsl.executors.provider]
class = "SlurmProvider"
partition = "long"
account = "lab"
qos = "high"
walltime = "04:00:00"
cores_per_node = 32
max_blocks = 5
scheduler_options = "#SBATCH --constraint=bigmem"
worker_init = "module load conda"

[parsl.executor_mapping]
segment = "tpool"

[parsl.executor_mapping.traits]
measure = "default"
"""


def test_qiime2_configuration(tmp_path: Path) -> None:
    """Executors, both forms of mapping, and a profile come out of one file."""
    path = tmp_path / "qiime2_config.toml"
    path.write_text(PARSL)
    imported = read_qiime2(path)
    settings = Settings.model_validate(imported.settings)
    assert (settings.cores, settings.steps) == (6, {"segment": "tpool", "measure": "default"})
    assert settings.executors["tpool"].local
    executor = settings.executors["default"]
    assert (executor.threads, executor.resources.mem_mb) == (2, 4500)
    assert (executor.partition, executor.account) == ("long", "lab")
    assert (executor.images_per_job, executor.job_minutes) == ("auto", 120)
    assert executor.flags == "--constraint=bigmem --qos=high"
    assert imported.profiles == {"slurm": Site(cores=32, jobs=5)}
    assert any("module load conda" in note for note in imported.notes)


@pytest.mark.parametrize(
    ("provider", "keys", "profile"),
    [
        ("LSFProvider", 'queue = "q"\nproject = "p"', "lsf"),
        ("PBSProProvider", 'queue = "q"\naccount = "p"\ncpus_per_node = 4', "pbs"),
        ("GridEngineProvider", 'queue = "q"', "sge"),
        ("CondorProvider", "cores_per_slot = 4", "htcondor"),
        ("LocalProvider", "", None),
    ],
)
def test_each_provider(tmp_path: Path, provider: str, keys: str, profile: str | None) -> None:
    path = tmp_path / "parsl.toml"
    path.write_text(
        f'[[parsl.executors]]\nclass = "HighThroughputExecutor"\n[parsl.executors.provider]\n'
        f'class = "{provider}"\n{keys}\n'
    )
    imported = read_qiime2(path)
    Settings.model_validate(imported.settings)
    assert list(imported.profiles) == ([profile] if profile else [])


def test_qiime2_problems_are_told(tmp_path: Path) -> None:
    path = tmp_path / "parsl.toml"
    path.write_text(
        '[[parsl.executors]]\nclass = "MPIExecutor"\n[parsl.executors.provider]\nclass = "AWSProvider"'
    )
    with pytest.raises(PixmakeError) as raised:
        read_qiime2(path)
    assert len(raised.value.problems) == 2
    path.write_text(PARSL.replace('segment = "tpool"', 'segment = "tpol"'))
    with pytest.raises(PixmakeError, match="did you mean 'tpool'"):
        read_qiime2(path)


PROPERTIES = {
    "type": "group",
    "groupid": "default_0_3",
    "threads": 4,
    "resources": {
        "mem_mb": 4000,
        "runtime": 90,
        "slurm_partition": "long",
        "slurm_account": "lab",
        "slurm_extra": "--x=1",
        "gpu": 1,
    },
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("slurm", "--cpus-per-task=4 --mem=4600M --time=90 --partition=long --account=lab --gpus=1 -v --x=1"),
        ("pbs", "-l select=1:ncpus=4:mem=4600mb:ngpus=1 -l walltime=01:30:00 -q long -A lab -v --x=1"),
        ("torque", "-l nodes=1:ppn=4:gpus=1 -l mem=4600mb -l walltime=01:30:00 -q long -A lab -v --x=1"),
        ("moab", "msub -V"),
        ("sge", "-pe smp 4 -l h_vmem=1150M -l h_rt=01:30:00 -q long -P lab -l gpu=1 -v --x=1"),
        ("oar", "-l /nodes=1/core=4,walltime=01:30:00 -q long --project lab -v --x=1 -S"),
    ],
)
def test_what_a_scheduler_is_told(name: str, said: str) -> None:
    """Cores, memory, time, queue, account and a site's own options reach the submit command."""
    script = f"#!/bin/sh\n# properties = {json.dumps(PROPERTIES)}\nexec true\n"
    need = schedulers.job_need(schedulers.job_properties(script), ["-v"])
    assert said in " ".join(schedulers.SCHEDULERS[name].submit(need))


@pytest.mark.parametrize(
    ("name", "printed", "phase", "explanation"),
    [
        ("slurm", "COMPLETED|0:0", "success", ""),
        ("slurm", "PENDING|0:0", "running", ""),
        ("slurm", "CANCELLED by 1000|0:15", "failed", "was cancelled"),
        ("slurm", "OUT_OF_MEMORY|0:125", "failed", "exceeded its memory (`mem_mb`)"),
        ("slurm", "FAILED|3:0", "failed", "ended with an error, exit status 3"),
        ("pbs", "Job Id: 7\n    job_state = F\n    x = 1\n    Exit_status = 0\n", "success", ""),
        ("pbs", "    job_state = F\n    Exit_status = 271\n", "failed", "ended (F), exit status 271"),
        ("pbs", "    job_state = R\n", "running", ""),
        ("torque", "    job_state = C\n    exit_status = 1\n", "failed", "ended (C), exit status 1"),
        ("moab", "State: Running\n", "running", ""),
        ("moab", "State: Completed\nCompletion Code: 0  Time: x\n", "success", ""),
        ("moab", "State: Removed\n", "failed", "was removed"),
        ("sge", "job_number:   7\n", "running", ""),
        ("sge", "failed       0\nexit_status  0\n", "success", ""),
        ("sge", "failed       0\nexit_status  2\n", "failed", "ended (failed), exit status 2"),
        ("sge", "failed       100 : assumedly after job\n", "failed", "ended (assumedly after job)"),
        ("oar", "    state = Running\n", "running", ""),
        (
            "oar",
            "    state = Terminated\n    exit_code = 256\n",
            "failed",
            "ended (Terminated), exit status 256",
        ),
        ("oar", "    state = Terminated\n    exit_code = 0\n", "success", ""),
    ],
)
def test_what_a_scheduler_says(
    monkeypatch: pytest.MonkeyPatch, name: str, printed: str, phase: str, explanation: str
) -> None:
    """How a job ended is read from the scheduler's own words, exit status included."""
    monkeypatch.setattr(schedulers, "_asked", lambda command: printed)
    state = schedulers.state(name, "7")
    assert (state.phase, state.explanation) == (phase, explanation)


BOOKED = """\
==============================================================
jobnumber    8
granted_pe   {pe}
slots        {slots}
failed       {failed}
exit_status  137                  (Killed)
ru_wallclock {seconds}s
maxvmem      {memory}
category     -l h_rt={limit},h_vmem=500M
"""
"""What Grid Engine 8.1.9 has in its books of a job that it, or someone, has ended."""

ENFORCED = "37  : qmaster enforced h_rt, h_cpu, or h_vmem limit"


@pytest.mark.parametrize(
    ("failed", "seconds", "memory", "slots", "kind", "explanation"),
    [
        (ENFORCED, 61, "3.312MB", 1, "TimeoutError", "ran past its `runtime`"),
        (ENFORCED, 3, "558.359MB", 1, "MemoryError", "exceeded its memory (`mem_mb`)"),
        (ENFORCED, 3, "1.013GB", 2, "MemoryError", "exceeded its memory (`mem_mb`)"),
        (
            *(ENFORCED, 3, "558.359MB", 2, "ClusterJobError"),
            "ended (qmaster enforced h_rt, h_cpu, or h_vmem limit), exit status 137",
        ),
        ("100 : assumedly after job", 4, "3.473MB", 1, "CancelledError", "was cancelled"),
        (
            "19  : before writing exit_status",
            0,
            "0.000B",
            1,
            "NodeLostError",
            "lost its node, exit status 137",
        ),
    ],
)
def test_why_grid_engine_ended_a_job(
    monkeypatch: pytest.MonkeyPatch,
    failed: str,
    seconds: int,
    memory: str,
    slots: int,
    kind: str,
    explanation: str,
) -> None:
    """Of its limits it says only that one was enforced: which one is in what was asked for and used."""
    booked = BOOKED.format(pe="NONE", slots=slots, failed=failed, seconds=seconds, memory=memory, limit=60)
    monkeypatch.setattr(schedulers, "_asked", lambda command: booked if "qacct" in command else "")
    ended = schedulers.lost_state("sge", "8")
    assert (schedulers.lost_type(ended), ended.explanation) == (kind, explanation)


@pytest.mark.parametrize(
    ("name", "printed", "reason"),
    [
        (
            "sge",
            {
                "qstat -j 7": "job_number:                 7\nenv_list:  X=error reason\n"
                'error reason          1:      error: can\'t open output file "/no/x.log": No such file\n'
            },
            'can never start: error: can\'t open output file "/no/x.log": No such file',
        ),
        (
            "sge",
            {"qstat -j 7": "job_number:  7\n", "qstat -qs u": "     7 0.5 x root r 11/29/2026 q@n 1\n"},
            "lost its node",
        ),
        (
            "sge",
            {"qstat -j 7": "job_number:  7\n", "qstat -qs u": "    17 0.5 x root r 11/29/2026 q@n 1\n"},
            "",
        ),
        ("sge", {"qstat -j 7": "job_number:  7\nscheduling info:   Job is in hold state\n"}, ""),
        *(
            ("slurm", {"sacct": "PENDING|0:0", "squeue": f"PENDING|{reason}\n"}, f"can never start: {reason}")
            for reason in (
                *("BadConstraints", "InvalidQOS", "InvalidAccount", "PartitionTimeLimit", "JobHeldAdmin"),
                *("AssocMaxCpuPerJobLimit", "QOSMaxWallDurationPerJobLimit", "QOSMinCpuNotSatisfied"),
                *("launch failed requeued held", "DependencyNeverSatisfied"),
            )
        ),
        *(
            ("slurm", {"sacct": "PENDING|0:0", "squeue": f"PENDING|{reason}\n"}, "")
            for reason in (
                *("Priority", "Resources", "None", "JobHeldUser", "AssocGrpCPULimit", "AssocGrpCpuLimit"),
                *("QOSMaxCpuPerUserLimit", "QOSMaxJobsPerUserLimit", "ReqNodeNotAvail", "PartitionDown"),
            )
        ),
        (
            "pbs",
            {
                "qstat -x": "Job Id: 7.s\n    job_state = H\n    Hold_Types = s\n    Join_Path = oe\n"
                "    comment = job held, too many failed attempts to run\n"
            },
            "can never start: job held, too many failed attempts to run",
        ),
        ("pbs", {"qstat -x": "    job_state = H\n    Hold_Types = u\n    comment = held by root\n"}, ""),
        (
            "pbs",
            {"qstat -x": "    job_state = Q\n    comment = Can Never Run: Insufficient amount of ncpus\n"},
            "can never start: Can Never Run: Insufficient amount of ncpus",
        ),
        ("pbs", {"qstat -x": "    job_state = Q\n    comment = Not Running: No available resources\n"}, ""),
    ],
)
def test_jobs_that_can_never_start(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    printed: dict[str, str],
    reason: str,
) -> None:
    """They have failed, with the reason, and are deleted; what may still start is waited for."""
    monkeypatch.chdir(tmp_path)
    asked = []

    def answer(command: str) -> str:
        asked.append(command)
        return next((text for start, text in printed.items() if command.startswith(start)), "")

    monkeypatch.setattr(schedulers, "_asked", answer)
    (tmp_path / "logs/cluster").mkdir(parents=True)
    (tmp_path / "logs/cluster/g.log").touch()
    submissions.note_submission("g", name, "7", "logs/cluster/g.log")
    assert schedulers.phase(name, "7") == ("failed" if reason else "running")
    deleted = f"{schedulers.SCHEDULERS[name].cancel} 7" in asked
    assert deleted == bool(reason)
    told = f"pixmake: the cluster job {name} 7 {reason}; its log: logs/cluster/g.log\n" if reason else ""
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("pbs", "-29", "TimeoutError"),
        ("pbs", "-27", "MemoryError"),
        ("pbs", "271", "ClusterJobError"),
        ("torque", "-11", "TimeoutError"),
        ("torque", "-10", "MemoryError"),
    ],
)
def test_exit_statuses_that_stand_for_a_limit(
    monkeypatch: pytest.MonkeyPatch, name: str, code: str, kind: str
) -> None:
    """As PBS Professional's and Torque's books have them."""
    printed = f"    job_state = F\n    Exit_status = {code}\n"
    monkeypatch.setattr(schedulers, "_asked", lambda command: printed)
    assert schedulers.lost_type(schedulers.lost_state(name, "7")) == kind


REFUSED = {
    "slurm": [
        "sbatch: error: invalid partition specified: nope",
        "sbatch: error: Invalid account or account/partition combination specified",
        "sbatch: error: Batch job submission failed: Requested node configuration is not available",
    ],
    "sge": [
        'Unable to run job: Job was rejected because job requests unknown queue "nope.q"; Exiting.',
        'Unable to run job: job rejected: the requested parallel environment "nope" does not exist; Exiting.',
        'Unable to run job: job rejected: the requested project "proj" does not exist; Exiting.',
        'Unable to run job: unknown resource "gpu"; Exiting.',
    ],
    "pbs": ["qsub: Unknown queue", "qsub: Invalid account", "qsub: Unauthorized Request"],
}
FOR_A_MOMENT = {
    "slurm": [
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit)",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
    ],
    "sge": ["Unable to run job: job rejected: Only 10 jobs are allowed per user (current job count: 10)"],
    "pbs": [
        "qsub: would exceed per-user limit on jobs in 'Q' state",
        "Connection refused; qsub: cannot connect",
    ],
}


def submitted(folder: Path, name: str, said: str) -> pytest.ExceptionInfo[BaseException]:
    """What comes of a submission to which the scheduler's own command says this."""
    script = folder / "script.sh"
    script.write_text(f"#!/bin/sh\n# properties = {json.dumps(PROPERTIES)}\n")
    command = schedulers.SCHEDULERS[name].submit(schedulers.job_need(PROPERTIES))[0]
    path = folder / "bin" / command
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit 1\n")
    path.chmod(0o755)
    with pytest.raises((PixmakeError, SystemExit)) as raised:
        schedulers.submit(name, str(script))
    return raised


@pytest.mark.parametrize(("name", "said"), [(name, said) for name in REFUSED for said in REFUSED[name]])
def test_what_no_other_submission_mends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    """It is told once, and noted, so that the run ends after two."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    assert said in str(submitted(tmp_path, name, said).value)
    assert submitted(tmp_path, name, said).value.args == (1,)
    assert submissions.refusals() == [said, said]
    submissions.forget_refusals()
    assert submissions.refusals() == []


@pytest.mark.parametrize(
    ("name", "said"), [(name, said) for name in FOR_A_MOMENT for said in FOR_A_MOMENT[name]]
)
def test_what_may_go_better_in_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    """A controller that does not answer, or a limit on the sum of what one has sent, ends no run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    assert said in str(submitted(tmp_path, name, said).value)
    assert submissions.refusals() == []


def test_where_no_jobs_are_submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without the scheduler's command a message says where to start."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "script.sh").write_text(f"# properties = {json.dumps(PROPERTIES)}\n")
    with pytest.raises(PixmakeError, match=r"sbatch cannot be started here: .*start Snakemake where"):
        schedulers.submit("slurm", "script.sh")


def test_options_of_the_submit_command_may_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As docs and profiles say, whatever they look like; without a script it is a message."""
    given = []
    monkeypatch.setattr(schedulers, "submit", lambda *words: given.append(words) or "7")
    assert main(["scheduler", "sge", "submit", "-pe", "openmp", "8", "--x=1", "job.sh"]) == 0
    assert given == [("sge", "job.sh", ["-pe", "openmp", "8", "--x=1"])]
    with pytest.raises(SystemExit):
        main(["scheduler", "sge", "submit"])
    assert "a script or an id is missing" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["pbs", "torque", "moab", "sge"])
def test_a_shell_is_said(name: str) -> None:
    """By themselves these run a script by its user's login shell, or by a queue's own."""
    assert "-S /bin/sh" in " ".join(schedulers.SCHEDULERS[name].submit(schedulers.job_need(PROPERTIES)))


def test_a_snakemake_on_a_node_sets_little_memory_aside() -> None:
    """Its script says so, behind what it needs; what the node says counts."""
    said_by = "exec echo $OPENBLAS_NUM_THREADS $MALLOC_ARENA_MAX"
    script = f"#!/bin/sh\n# properties = {json.dumps(PROPERTIES)}\n{said_by}\n"
    changed = schedulers.with_few_threads(script)
    assert schedulers.job_properties(changed) == schedulers.job_properties(script)
    assert changed.startswith("#!/bin/sh\n# properties")
    for given, said in (({}, "1 2\n"), ({"MALLOC_ARENA_MAX": "7"}, "1 7\n")):
        done = subprocess.run(["sh", "-c", changed], env=given, capture_output=True, text=True, check=True)
        assert done.stdout == said


def test_what_a_profile_needs(tmp_path: Path) -> None:
    """One whose plugin is not here says what to install."""
    assert (
        missing_plugin(write_profile("lsf", Site(), tmp_path)) == "pip install snakemake-executor-plugin-lsf"
    )
    assert missing_plugin(write_profile("sge", Site(), tmp_path)) == ""
    assert missing_plugin(write_profile("default", Site(), tmp_path)) == ""


@pytest.mark.parametrize(
    ("listed", "kind"),
    [
        ("FAILED||300M\nFAILED|10.70M|\nCANCELLED by 0|568.15M|\n", "MemoryError"),
        ("FAILED||300M\nOUT_OF_MEMORY|10M|\n", "MemoryError"),
        ("FAILED||300M\nFAILED|100M|\n", "ClusterJobError"),
    ],
)
def test_memory_of_a_step_is_the_reason(monkeypatch: pytest.MonkeyPatch, listed: str, kind: str) -> None:
    """Where a job says only that it failed, its steps say whether memory was the reason."""
    monkeypatch.setattr(schedulers, "_asked", lambda command: listed if "MaxRSS" in command else "FAILED|1:0")
    assert schedulers.lost_type(schedulers.lost_state("slurm", "7")) == kind


def test_job_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job is not given up in the moment after it was sent, and not waited for when it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(schedulers, "_asked", lambda command: "")
    submissions.note_submission("default_0_0", "slurm", "12")
    assert schedulers.phase("slurm", "12") == "running"
    assert schedulers.phase("slurm", "1") == "failed"
    with pytest.raises(PixmakeError, match="there is no scheduler 'slum'"):
        schedulers.phase("slum", "1")


def test_cluster_jobs_of_one_group_are_told_apart() -> None:
    """Each is known by a rule of its own, in whatever order Snakemake names them."""
    head = f"# properties = {json.dumps(PROPERTIES)}\n"
    script = f"{head}python -m snakemake --allowed-rules find_b find_a --local-groupid x --cores 4\n"
    assert submissions.submission_of(schedulers.script_jobs(script)) == "find_a"
    alone = '# properties = {"type": "single", "rule": "find_c"}\nexec true\n'
    assert submissions.submission_of(schedulers.script_jobs(alone)) == "find_c"


def test_cluster_jobs_of_images_that_a_run_finds() -> None:
    """One rule serves all of them: they are told apart by their wildcards."""
    names = set()
    for image in ("a_f0", "a_f10", "b,c"):
        properties = {"type": "single", "rule": "measure", "wildcards": {"id": image}}
        line = f"python -m snakemake --target-jobs 'measure:id={image}' --allowed-rules measure --mode remote"
        script = f"# properties = {json.dumps(properties)}\n{line}\n"
        name = submissions.submission_of(schedulers.script_jobs(script))
        assert re.fullmatch(r"[\w=-]+", name)
        # the Snakemake on the node finds the same
        assert name == submissions.submission_of(submissions.jobs_named(shlex.split(line)))
        names.add((name, schedulers.submission_name(properties)))
    assert len({name for name, _ in names}) == len({log for _, log in names}) == 3
