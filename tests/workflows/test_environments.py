"""Environments of a step's own: another Python, conda and containers.

Conda and apptainer are stood in for by programs that do what Snakemake asks of them: `conda env create`
makes a folder with an `activate`, `apptainer exec` clears the environment and runs the command.
What a real one would add, solving packages and mounting an image, is Snakemake's own affair.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Project
from tests.workflows.test_try import as_it_is_tried, tried_record

CONDA = """\
#!{python}
import json, os, pathlib, sys

here = pathlib.Path(__file__).resolve().parent.parent
words = sys.argv[1:]
if words[:2] == ["info", "--json"]:
    print(json.dumps({{"conda_prefix": str(here), "platform": "linux-64", "conda_version": "24.7.1"}}))
elif words[:1] == ["--version"] or "--version" in words:
    print("conda 24.7.1")
elif words[:2] in (["config", "--get"], ["config", "--show"]):
    print(json.dumps({{"channel_priority": "strict", "get": {{"channel_priority": "strict"}}}}))
elif words[:2] == ["env", "create"]:
    prefix = pathlib.Path(words[words.index("--prefix") + 1])
    text = pathlib.Path(words[words.index("--file") + 1]).read_text()
    (prefix / "bin").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "bin" / "count_bytes").write_text('#!/bin/sh\\nwc -c < "$1"\\n')
    (prefix / "bin" / "count_bytes").chmod(0o755)
    os.symlink({bare!r}, prefix / "bin" / "python")
elif words[:1] != ["clean"]:
    sys.exit(f"the stand-in of conda does not know: {{words}}")
"""

ACTIVATE = """\
export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"
"""

APPTAINER = """\
#!{python}
import os, sys

words = sys.argv[1:]
if words == ["--version"]:
    print("apptainer version 1.3.4")
    sys.exit()
assert words[0] == "exec", words
assert words[-3:-1] == ["bash", "-c"], words
command = words[-1]
image = next(word for word in words if word.endswith(".sif"))
assert os.path.exists(image)
kept = {{"PATH": {path!r}, "IN_CONTAINER": image, "HOME": os.getcwd()}}
os.execve("/bin/bash", ["bash", "-c", command], kept)
"""

LOOK = """
import os, sys


def look():
    return {
        "python": os.path.realpath(sys.prefix),
        "bare": "cv2" not in sys.modules,
        "container": os.environ.get("IN_CONTAINER", ""),
        "prefix": os.environ.get("CONDA_PREFIX", ""),
    }
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without any package, pixmake included."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


@pytest.fixture
def stand_ins(tmp_path: Path, bare: Path) -> dict[str, str]:
    """The environment in which `conda` and `apptainer` are stand-ins."""
    programs = tmp_path / "programs"
    (programs / "bin").mkdir(parents=True)
    tools = tmp_path / "image"
    tools.mkdir()
    (tools / "python3").symlink_to(bare)
    texts = {
        "conda": CONDA.format(python=sys.executable, bare=str(bare)),
        "activate": ACTIVATE,
        "apptainer": APPTAINER.format(python=sys.executable, path=f"{tools}:/usr/bin:/bin"),
    }
    for name, text in texts.items():
        (programs / "bin" / name).write_text(text)
        (programs / "bin" / name).chmod(0o755 | stat.S_IEXEC)
    return {"PATH": f"{programs}/bin:{os.environ['PATH']}", "CONDA_PREFIX": ""}


def test_a_python_of_its_own(small: Project, bare: Path) -> None:
    """Functions, scripts and PlantCV's errors run in it; nothing of pixmake need be there."""
    small.write("scripts/look.py", LOOK)
    small.write(
        "scripts/main.py",
        "import json, os, sys\njob = json.load(open(os.environ['PIXMAKE_JOB']))\n"
        "json.dump({'python': os.path.realpath(sys.prefix)}, open(job['result'], 'w'))\n",
    )
    small.write("scripts/pcv.py", "from plantcv import plantcv as pcv\n")
    python = {"python": str(bare)}
    steps = {
        "look": {"script": "scripts/main.py", **python},
        "pcv": {"plantcv": "scripts/pcv.py", **python},
    }
    small.configure(images={"table": "config/images.csv", "root": "images"}, steps=steps, max_failures=4)
    ended = small.snakemake()
    assert ended.code == 0, ended.err
    record = small.record("look", "p0")
    assert record["measurements"]["python"]["value"] == os.path.realpath(bare.parent.parent)
    assert record["run"]["warm"]
    failures = small.rows("failures.csv")
    assert len(failures) == 4
    assert "PlantCV is not installed in this step's Python" in failures[0]["message"]

    steps["look"]["python"] = "no/such/python"
    small.configure(images={"table": "config/images.csv", "root": "images"}, steps=steps)
    checked = small.pixmake("check")
    assert checked.code == 1
    assert "steps.look.python: no/such/python: there is no such file" in checked.err


def test_conda_and_containers(small: Project, stand_ins: dict[str, str], bare: Path) -> None:
    """Commands and Pythons are those of the environment; without `--sdm` the run does not begin."""
    small.write("env.yaml", "dependencies: [count]\n")
    small.write("tool.sif", "image")
    small.write(
        "scripts/where.py",
        "import json, os, sys\njob = json.load(open(os.environ['PIXMAKE_JOB']))\n"
        "found = {key: os.environ.get(key) for key in ('CONDA_PREFIX', 'IN_CONTAINER')}\n"
        "json.dump({**found, **job['params'], 'exe': sys.executable}, open(job['result'], 'w'))\n",
    )
    small.configure(
        images={"table": "config/images.csv", "root": "images", "select": {"where": {"plant": ["P1", "P2"]}}},
        steps={
            "count": {
                "shell": "printf '{{\"bytes\": %d}}' $(count_bytes {image}) > {result}",
                "conda": "env.yaml",
            },
            "where": {"script": "scripts/where.py", "conda": "env.yaml"},
            "inside": {"script": "scripts/where.py", "container": "tool.sif"},
            "sh": {"shell": 'printf \'{{"in": "%s"}}\' $IN_CONTAINER > {result}', "container": "tool.sif"},
            "broken": {"shell": "echo no such plant >&2; exit 7", "container": "tool.sif", "retries": 1},
        },
        max_failures=2,
    )
    refused = small.snakemake(environment=stand_ins)
    assert refused.code == 1
    assert "steps.count.conda: is of use with: snakemake --sdm conda" in refused.err
    assert "steps.inside.container: is of use with: snakemake --sdm apptainer" in refused.err
    assert "Traceback" not in refused.err

    ended = small.snakemake("--sdm", "conda", "apptainer", environment=stand_ins)
    assert ended.code == 0, ended.err
    for plant in ("p1", "p2"):
        size = (small.folder / f"images/{plant}.png").stat().st_size
        assert small.record("count", plant)["measurements"]["bytes"]["value"] == size
        where = small.record("where", plant)["measurements"]
        assert where["CONDA_PREFIX"]["value"].startswith(str(small.folder / ".snakemake/conda"))
        assert where["exe"]["value"] == f"{where['CONDA_PREFIX']['value']}/bin/python"
        assert small.record("where", plant)["run"]["warm"]
        inside = small.record("inside", plant)
        assert inside["measurements"]["IN_CONTAINER"]["value"].endswith("tool.sif")
        assert inside["measurements"]["exe"]["value"].endswith("image/python3")
        assert not inside["run"]["warm"]
        assert small.record("sh", plant)["measurements"]["in"]["value"].endswith("tool.sif")
        broken = small.record("broken", plant)
        assert broken["error"]["message"] == "the command ended with exit status 7: no such plant"
        assert broken["run"]["attempt"] == 2
    for plant, step in (("p1", "where"), ("p2", "inside")):
        tried = small.pixmake("try", plant, "--step", step, environment=stand_ins)
        assert tried.code == 0, tried.err
        assert tried_record(small, step, plant) == as_it_is_tried(small.record(step, plant))
    config = (small.folder / "config/config.yaml").read_text()
    (small.folder / "other.yaml").write_text(config.replace("exit 7", "exit 8"))
    (small.folder / "config/config.yaml").rename(small.folder / "config/elsewhere.yaml")
    tried = small.pixmake("try", "p1", "--step", "broken", "--config", "other.yaml", environment=stand_ins)
    assert (tried.code, "the command ended with exit status 8: no such plant" in tried.out) == (1, True)
    (small.folder / "config/elsewhere.yaml").rename(small.folder / "config/config.yaml")
    tuned = small.pixmake("tune", "inside", "--vary", "shift=1,2", "--images", "2", environment=stand_ins)
    assert tuned.out.splitlines()[:1] == ["tune_inside.html: 3 variants on 2 images; 0 failed"], tuned.err
    _, *rows = (small.folder / "tune_inside.html").read_text().split("<tr><th>p")
    assert [re.findall(r"shift = (\d)", row) for row in rows] == [["1", "2"]] * 2
    assert "shift" not in small.record("inside", "p1")["measurements"]
    compiled = small.pixmake("compile")
    assert "container:\n        'tool.sif'" in compiled.out
    assert f"conda:\n        {str(small.folder / 'env.yaml')!r}" in compiled.out


@pytest.mark.slow
def test_a_library_that_hangs_at_its_import_is_held_to_the_steps_timeout(small: Project, bare: Path) -> None:
    """Though the warm process imports it before there is an image: it gives up, and each image says why."""
    packages = next((bare.parent.parent / "lib").glob("python*/site-packages"))
    (packages / "hanging.py").write_text("import time\n\ntime.sleep(600)\n")
    small.write("scripts/main.py", "import hanging\n")
    step = {"script": "scripts/main.py", "python": str(bare), "timeout": 2}
    small.configure(images={"table": "config/images.csv", "root": "images"}, steps={"look": step})
    assert small.snakemake().code == 1
    kinds = [small.record("look", each["id"])["error"]["type"] for each in small.rows("failures.csv")]
    assert len(kinds) > 1 and set(kinds) == {"TimeoutError"}
