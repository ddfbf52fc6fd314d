"""Provenance of a real run: what made a result, why it is made again, and the RO-Crate of it all."""

from __future__ import annotations

import contextlib
import email.message
import hashlib
import io
import json
import os
import urllib.request
import urllib.response
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Project

from pixmake.config.models import read_config
from pixmake.plan.plan import plan_project
from pixmake.project.explain import as_content, explained


@pytest.fixture
def two_steps(small: Project) -> Project:
    """Four images, of which one fails in the second of two steps."""
    small.write(
        "scripts/analysis.py",
        "from levels import LEVEL\n\n\n"
        "def find(image):\n    return {'mask': image[..., 0] > LEVEL}\n\n\n"
        "def share(mask, meta, *, scale=1):\n"
        "    if meta['plant'] == 'P3':\n        raise ValueError('blurred')\n"
        "    return {'share': float((mask > 0).mean()) * scale}\n",
    )
    small.write("scripts/levels.py", "LEVEL = 90\n")
    configure(small)
    return small


def configure(project: Project, scale: int = 2) -> None:
    file = "scripts/analysis.py"
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "find": {"function": f"{file}:find", "files": {"mask": "png"}},
            "share": {"function": f"{file}:share", "needs": ["find"], "params": {"scale": scale}},
        },
    )


def reasons(project: Project, job: str) -> dict[str, list[str]]:
    """Why each step of an image would be made again; asked in this process, which is quicker."""
    config = "config/config.yaml"
    with contextlib.chdir(project.folder):
        told = [as_content(each) for each in explained(plan_project(read_config(config), [config]), job)]
    return {each["step"]: each["reasons"] for each in told}


def would_run(project: Project) -> bool:
    return "Nothing to be done" not in project.snakemake("-n").out


def test_explain_and_provenance(two_steps: Project) -> None:
    """Every result says what made it; a change is named by the step that it reaches, as Snakemake sees it."""
    project = two_steps
    assert reasons(project, "p1") == {
        "find": ["there is no result yet"],
        "share": ["there is no result yet"],
    }
    project.snakemake()
    checksum = hashlib.sha256((project.folder / "images/p1.png").read_bytes()).hexdigest()

    told = json.loads((project.folder / "results/provenance.json").read_bytes())
    assert [image["id"] for image in told["images"]] == ["p0", "p1", "p2", "p3"]
    assert told["images"][1]["inputs"][0]["sha256"] == checksum
    assert told["images"][3]["steps"]["share"]["error"] == "ValueError: blurred"
    assert told["config"]["steps"]["share"]["params"] == {"scale": 2}
    files = {file["path"]: file["sha256"] for file in told["files"]}
    assert set(files) == {
        "Snakefile",
        "config/config.yaml",
        "config/images.csv",
        "scripts/analysis.py",
        "scripts/levels.py",
    }
    script = (project.folder / "scripts/levels.py").read_bytes()
    assert files["scripts/levels.py"] == hashlib.sha256(script).hexdigest()

    (share,) = json.loads(project.pixmake("explain", "p1", "--step", "share", "--json").out)
    assert share["up_to_date"]
    text = project.pixmake("explain", "p1", "--step", "share").out
    for part in (
        "rule        share_p1",
        "function    scripts/analysis.py:share",
        "parameter   scale = 2",
        "metadata    plant = 'P1'",
        f"SHA-256 {checksum}",
        "needs       results/find/p1.mask.png",
        "log         logs/share/p1.log",
        "up to date",
    ):
        assert part in text
    assert reasons(project, "results/find/p1.mask.png") == {"find": []}
    assert reasons(project, "p3") == {"find": [], "share": ["it failed"]}
    wrong = project.pixmake("explain", "p7")
    assert wrong.code == 1
    assert wrong.err.startswith("pixmake: no image has the id 'p7'")

    project.write(
        "scripts/analysis.py", (project.folder / "scripts/analysis.py").read_text().replace("P3", "P9")
    )
    project.snakemake()
    assert reasons(project, "p3") == {"find": [], "share": []}

    os.utime(project.folder / "images/p1.png")  # a new date, the same content
    assert reasons(project, "p1") == {"find": [], "share": []}
    assert not would_run(project)

    configure(project, scale=3)
    assert reasons(project, "p1") == {"find": [], "share": ["parameter scale was 2 and is 3"]}
    configure(project, scale=2)
    project.write("scripts/levels.py", "LEVEL = 80\n")
    rerun = "step find, which it needs, runs again"
    source = "the function, or what it uses, has changed"
    assert reasons(project, "p1") == {"find": [source], "share": [source, rerun]}
    project.write("scripts/levels.py", "LEVEL = 90\n")
    project.draw("images/p1.png", level=99)
    changed = f"images/p1.png has changed since: its SHA-256 was {checksum[:12]}…"
    assert reasons(project, "p1") == {"find": [changed], "share": [changed, rerun]}
    assert reasons(project, "p2") == {"find": [], "share": []}
    project.pixmake("retry", "p2", "--step", "share")
    assert reasons(project, "p2") == {"find": [], "share": ["pixmake retry asked for it"]}


class Contexts(urllib.request.BaseHandler):
    """Answers for the address of RO-Crate's vocabulary, so that the test needs no network."""

    handler_order = 100

    def https_open(self, request: urllib.request.Request) -> Any:
        """The vocabulary that the package `rocrate` brings, with the addresses of version 1.1."""
        from rocrate.vocabs import RO_CRATE

        assert request.full_url.startswith("https://w3id.org/ro/crate/"), request.full_url
        text = json.dumps(RO_CRATE).replace("bioschemas.org/terms/", "bioschemas.org/")
        headers = email.message.Message()
        headers["Content-Type"] = "application/ld+json"
        answer = urllib.response.addinfourl(io.BytesIO(text.encode()), headers, request.full_url, 200)
        answer.msg = "OK"  # type: ignore[attr-defined]
        return answer


def test_crate_is_valid(two_steps: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`pixmake crate` describes the project as a Workflow Run RO-Crate that the validator accepts."""
    services = pytest.importorskip("rocrate_validator.services")
    from rocrate_validator.models import Severity

    assert "run snakemake first" in two_steps.pixmake("crate").err
    elsewhere = tmp_path / "another disk"
    elsewhere.mkdir()
    (elsewhere / "ü 4.png").write_bytes((two_steps.folder / "images/p2.png").read_bytes())
    rows = [{"path": f"p{number}.png", "plant": f"P{number}"} for number in range(4)]
    two_steps.list_images([*rows, {"path": str(elsewhere / "ü 4.png"), "plant": "P4"}])
    two_steps.snakemake()
    assert two_steps.pixmake("verify", "--seed", "1").code == 0
    made = two_steps.pixmake("crate", "--license", "https://creativecommons.org/licenses/by/4.0/")
    assert made.code == 0, made.err
    content = json.loads((two_steps.folder / "ro-crate-metadata.json").read_text())
    entities = {entity["@id"]: entity for entity in content["@graph"]}
    image = two_steps.folder / "images/p1.png"
    assert entities["images/p1.png"]["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert (elsewhere / "ü 4.png").as_uri() in entities
    assert entities["#run"]["actionStatus"] == "http://schema.org/FailedActionStatus"
    again = entities["#verification"]
    assert again["actionStatus"] == "http://schema.org/CompletedActionStatus"
    said = "1 of 5 images were run again (seed 1): all came out the same; which, and how, is in verified.json"
    assert again["description"] == said
    assert again["result"] == {"@id": "results/verified.json"}
    assert {"@id": "results/measurements.csv"} in entities["#run"]["result"]

    # the validator cannot read a folder whose name has a space
    folder = tmp_path / "crate"
    folder.symlink_to(two_steps.folder, target_is_directory=True)
    monkeypatch.setattr(urllib.request, "_opener", urllib.request.build_opener(Contexts))
    result = services.validate(
        services.ValidationSettings(
            rocrate_uri=str(folder),
            profile_identifier="workflow-run-crate-0.5",
            requirement_severity=Severity.REQUIRED,
            no_cache=True,
            skip_checks=["ro-crate-1.1_3.1", "ro-crate-1.1_3.2"],  # that the vocabulary's address answers
        )
    )
    assert [f"{issue.check.identifier} {issue.message}" for issue in result.get_issues()] == []
