"""Steps in containers, on this machine and on a node: another root, in which nothing of pixmake is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.cluster import bubblewrap
from tests.cluster.conftest import QUICK
from tests.cluster.projects import draw
from tests.conftest import REPOSITORY, Project

LOOK = f"""\
import json
import os

job = json.load(open(os.environ["PIXMAKE_JOB"]))
found = {{
    "image": open("/etc/image").read(),
    "repository": os.path.exists({str(REPOSITORY)!r}),
    "root": os.path.exists("/root"),
    "bytes": os.path.getsize(job["image"]),
    "plant": job["meta"]["plant"],
    "node": os.environ.get("SLURM_JOB_ID", "none"),
}}
json.dump(found, open(job["result"], "w"))
"""

STEPS = {
    "look": {"script": "scripts/look.py", "container": "tool.sif"},
    "sh": {
        "shell": 'printf \'{{"image": "%s"}}\' "$(cat /etc/image)" > {result}',
        "container": "tool.sif",
        "needs": ["look"],
    },
    "outside": {"shell": "test ! -e /etc/image && echo '{{\"outside\": true}}' > {result}"},
    "broken": {"shell": "cat /etc/hostname", "container": "tool.sif"},
}


@pytest.fixture
def contained(sent: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with steps in a container, whose `apptainer` is found here and on the nodes."""
    if not bubblewrap.installed():
        bubblewrap.install()
    folder = bubblewrap.apptainer(sent.folder / "programs")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    draw(sent, 3)
    (sent.folder / "tool.sif").write_text("an image")
    sent.write("scripts/look.py", LOOK)
    sent.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps=STEPS,
        executors={"default": {"images_per_job": 3, "resources": {"mem_mb": 600}}},
        max_failures=3,
    )
    return sent


def test_containers(contained: Project) -> None:
    """The same here and on a node: what is in the container, and why a command in it failed."""
    for words in (
        ("snakemake", "--cores", "2"),
        ("snakemake", "--workflow-profile", "profiles/slurm", *QUICK),
    ):
        shutil.rmtree(contained.folder / "results", ignore_errors=True)
        ended = contained.run(*words, "--sdm", "apptainer", timeout=300)
        assert ended.code == 0, ended.err
        is_sent = "--workflow-profile" in words
        for number in range(3):
            plant = f"p{number:02}"
            look = contained.record("look", plant)
            found = {key: said["value"] for key, said in look["measurements"].items()}
            assert (found.pop("node") != "none") is is_sent
            size = Path(contained.folder / f"images/{plant}.png").stat().st_size
            expected = {"image": "an image", "repository": False, "root": False}
            assert found == {**expected, "bytes": size, "plant": plant.upper()}
            assert not look["run"]["warm"]
            assert (look["run"]["host"] in ("node1", "node2")) is is_sent
            assert contained.record("sh", plant)["measurements"]["image"]["value"] == "an image"
            assert contained.record("outside", plant)["measurements"]["outside"]["value"] is True
            broken = contained.record("broken", plant)["error"]["message"]
            assert broken.startswith("the command ended with exit status 1: cat: /etc/hostname: No such file")
