"""Snakemake's executor `pixmake`: the same as by a rule's command, without the command."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Project

ANALYSIS = """\
import json
import os
from pathlib import Path

import psutil

SHELLS = ("_", "SHLVL", "PS1")  # what a shell sets and takes away for itself


def measure(image, meta, shift=0):
    clients = []
    for each in psutil.process_iter():
        try:
            if each.cwd() == os.getcwd() and "client.py" in " ".join(each.cmdline()):
                clients += each.cmdline()
        except psutil.Error:
            pass
    told = {
        "client": f"results/measure/{Path(meta['path']).stem}.json" in clients,
        "folder": os.getcwd(),
        "environment": {name: value for name, value in os.environ.items() if name not in SHELLS},
        "threads": os.environ["OMP_NUM_THREADS"],
    }
    Path("told").mkdir(exist_ok=True)
    Path("told", Path(meta["path"]).stem + ".json").write_text(json.dumps(told))
    print("said on the way")
    if meta["level"] == 90:
        raise ValueError("too dark")
    return {"mask": image[..., 0] > 20, "mean": float(image.mean()) + shift}
"""


def told(project: Project) -> dict[str, dict[str, object]]:
    """What each image's process saw."""
    return {path.stem: json.loads(path.read_bytes()) for path in (project.folder / "told").glob("*.json")}


def set_up(project: Project) -> None:
    """Four images, one of which fails, with threads, a file and a parameter with all kinds of quotes."""
    project.write("scripts/analysis.py", ANALYSIS)
    rows = [{"path": f"p{number}.png", "level": 30 * number} for number in range(4)]
    project.list_images(rows)
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "measure": {
                "function": "scripts/analysis.py:measure",
                "files": {"mask": "png"},
                "threads": 2,
                "params": {"shift": 1},
            }
        },
    )


def test_as_by_a_command(small: Project) -> None:
    """Tables, logs and the environment of an image are those of a rule's command, byte for byte."""
    set_up(small)
    assert small.snakemake().code == 1
    handed = small.tables(), told(small), (small.folder / "logs/measure/p1.log").read_text()
    for folder in ("results", "logs", "told"):
        for path in sorted((small.folder / folder).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    assert small.snakemake("--executor", "local").code == 1
    started = small.tables(), told(small), (small.folder / "logs/measure/p1.log").read_text()
    assert [each["client"] for each in handed[1].values()] == [False] * 4
    assert [each["client"] for each in started[1].values()] == [True] * 4
    for images in (handed[1], started[1]):
        for each in images.values():
            del each["client"]
    assert handed == started
    assert {each["threads"] for each in handed[1].values()} == {"2"}


def test_what_a_snakefile_puts_around_commands(small: Project) -> None:
    """A prefix of all commands is a reason to run the command."""
    set_up(small)
    text = (small.folder / "Snakefile").read_text()
    small.write("Snakefile", text + '\n\nshell.prefix("export LAB=greenhouse; ")\n')
    assert small.snakemake().code == 1
    assert {each["environment"]["LAB"] for each in told(small).values()} == {"greenhouse"}


def test_without_the_display(small: Project) -> None:
    """Who wants to see the commands sees them."""
    set_up(small)
    shown = small.snakemake("--workflow-profile", "none", "--executor", "pixmake", "--printshellcmds")
    assert shown.code == 1
    assert shown.err.count("client.py") >= 4


def test_a_profile_of_ones_own_names_the_executor(small: Project) -> None:
    """What a site's profile says of the executor holds, though the project's profile overrides it."""
    site = {
        "executor": "cluster-generic",
        "cluster-generic-submit-cmd": "echo submitted >> submitted; sh",
        "jobs": 2,
        "seconds-between-status-checks": 1,
    }
    small.write("site/config.yaml", json.dumps(site))
    ended = small.snakemake("measure_p0", "--profile", "site")
    assert ended.code == 0, ended.err
    assert (small.folder / "submitted").read_text() == "submitted\n"
    read = "import yte; print(yte.process_yaml(open('profiles/default/config.yaml')).get('executor'))"
    for profile, executor in (("site", "None\n"), (None, "pixmake\n")):
        environment = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
        environment |= {"SNAKEMAKE_PROFILE": profile} if profile else {}
        command = [sys.executable, "-c", read]
        told = subprocess.run(
            command, cwd=small.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert told.stdout == executor, told.stderr


MOMENTS = """\
import os
import time
from pathlib import Path


def measure(meta):
    begun, cores = time.monotonic(), os.environ["OMP_NUM_THREADS"]
    time.sleep(0.1)
    Path("moments").mkdir(exist_ok=True)
    Path("moments", f"{Path(meta['path']).stem}_{cores}").write_text(f"{begun} {time.monotonic()} {cores}")
"""

PIPES = """

rule all_pipes:
    input:
        [f"pipe{number}.txt" for number in range(8)],


for number in range(8):

    rule:
        name:
            f"say_{number}"
        output:
            pipe(f"pipe{number}"),
        shell:
            "echo said > {output}"

    rule:
        name:
            f"hear_{number}"
        input:
            f"pipe{number}",
        output:
            f"pipe{number}.txt",
        threads: 0
        shell:
            "cat {input} > {output}"
"""


@pytest.mark.parametrize("environment", [{}, {"PIXMAKE_WARM": "0"}])
def test_as_many_at_one_time_as_there_are_cores(project: Project, environment: dict[str, str]) -> None:
    """Jobs wait in line beyond those that run: images of one core and of two never have more than two."""
    for number in range(8):
        project.draw(f"images/p{number}.png")
    project.list_images([{"path": f"p{number}.png"} for number in range(8)])
    project.write("scripts/moments.py", MOMENTS)
    step = {"function": "scripts/moments.py:measure"}
    images = {"table": "config/images.csv", "root": "images"}
    project.configure(images=images, steps={"one": step, "two": {**step, "threads": 2}})
    ended = project.snakemake(environment=environment)
    assert ended.code == 0, ended.err
    texts = [path.read_text().split() for path in (project.folder / "moments").iterdir()]
    assert len(texts) == 16
    changes = [(float(begun), int(cores)) for begun, _, cores in texts]
    changes += [(float(end), -int(cores)) for _, end, cores in texts]
    assert max(itertools.accumulate(cores for _, cores in sorted(changes))) == 2


def test_jobs_that_need_one_another_at_one_time(small: Project) -> None:
    """Both ends of a Snakefile's own pipe have room at one time: none waits for the other for ever."""
    small.write("Snakefile", (small.folder / "Snakefile").read_text() + PIPES)
    ended = small.snakemake("all", "all_pipes", timeout=60)
    assert ended.code == 0, ended.err
    assert [Path(small.folder, f"pipe{number}.txt").read_text() for number in range(8)] == ["said\n"] * 8
