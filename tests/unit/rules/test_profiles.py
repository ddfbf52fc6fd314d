"""Profiles: written for a site, read from a Parsl configuration, and what schedulers are told and say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.conftest import REPOSITORY

from pixmake.base.errors import PixmakeError
from pixmake.base.installed import known_profiles
from pixmake.config.parsl import Site, read_qiime2
from pixmake.config.settings import Settings
from pixmake.project.profiles import write_profile
from pixmake.rules import schedulers

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
    print(path, arguments.executor, arguments.cores, arguments.scheduler)
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
    assert [line.split()[1] for line in done.stdout.splitlines()] == list(PLUGINS)


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
    for name, queue in (("slurm", "slurm_partition=long"), ("lsf", "lsf_queue=long")):
        folder = write_profile(name, site, tmp_path)
        text = (folder / "config.yaml").read_text()
        content = yaml.safe_load(text)
        assert (content["cores"], content["jobs"]) == (32, 7)
        assert {"mem_mb=2000", "runtime=10", queue} <= set(content["default-resources"])
        assert text.count("#") >= 5
    with pytest.raises(PixmakeError, match="is there already"):
        write_profile("slurm", site, tmp_path)
    with pytest.raises(PixmakeError, match="there is no profile 'slrum'"):
        write_profile("slrum", site, tmp_path)
    with pytest.raises(PixmakeError, match="knows no partition"):
        write_profile("kubernetes", site, tmp_path)


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
    schedulers.note_submission("default_0_0", "slurm", "12")
    assert schedulers.phase("slurm", "12") == "running"
    assert schedulers.phase("slurm", "1") == "failed"
    with pytest.raises(PixmakeError, match="there is no scheduler 'slum'"):
        schedulers.phase("slum", "1")


def test_cluster_jobs_of_one_group_are_told_apart() -> None:
    """Each is known by a rule of its own, in whatever order Snakemake names them."""
    head = f"# properties = {json.dumps(PROPERTIES)}\n"
    script = f"{head}python -m snakemake --allowed-rules find_b find_a --local-groupid x --cores 4\n"
    assert schedulers.submission_of(schedulers.script_rules(script)) == "find_a"
    alone = '# properties = {"type": "single", "rule": "find_c"}\nexec true\n'
    assert schedulers.submission_of(schedulers.script_rules(alone)) == "find_c"
