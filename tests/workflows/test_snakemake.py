"""It is Snakemake: its own options do what its users expect."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests import omezarr
from tests.conftest import REPOSITORY, Project


@pytest.fixture
def two_steps(small: Project) -> Project:
    """Four images, a step that makes a mask and one that needs it."""
    small.write(
        "scripts/analysis.py",
        "def mask(image):\n    print('to the log')\n    return {'mask': image[..., 0] > 90}\n\n\n"
        "def share(mask):\n    return {'share': float((mask > 0).mean())}\n",
    )
    file = "scripts/analysis.py"
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "find": {"function": f"{file}:mask", "files": {"mask": "png"}},
            "share": {"function": f"{file}:share", "needs": ["find"], "resources": {"mem_mb": 2000}},
        },
    )
    return small


def test_options_that_only_look(two_steps: Project) -> None:
    """`-n` counts by step, `--list` names every rule, `--dag` draws them, `--lint` finds nothing."""
    dry = two_steps.snakemake("-n")
    assert dry.code == 0
    assert "would run: 4 × find, 4 × share, 1 × aggregate, 1 × provenance, 1 × records" in dry.out
    assert not (two_steps.folder / "results").exists()
    listed = two_steps.snakemake("--list")
    rules = [f"{step}_p{number}" for step in ("find", "share") for number in range(4)]
    assert set(rules) | {"all", "aggregate"} <= set(listed.out.split())
    dag = two_steps.snakemake("--dag")
    assert dag.out.startswith("digraph")
    assert all(rule in dag.out for rule in rules)
    drawn = re.findall(r'label = "(\w+)"', two_steps.snakemake("--rulegraph").out)
    assert {"find", "share", "aggregate", "report"} <= set(drawn)
    assert not set(rules) & set(drawn)
    lint = two_steps.snakemake("--lint")
    assert lint.code == 0, lint.err


def test_targets_by_name_and_by_file(two_steps: Project) -> None:
    """One image is run by its rule's name, by its record, or by a file of it, and nothing else is."""
    assert two_steps.snakemake("find_p1").code == 0
    assert list(two_steps.started()) == ["find/p1"]
    assert two_steps.snakemake("results/find/p2.mask.png").code == 0
    one = two_steps.snakemake("results/share/p2.json")
    assert one.last_words == "1 of 1 images done"
    assert list(two_steps.started()) == ["find/p1", "find/p2", "share/p2"]
    assert (two_steps.folder / "logs/find/p1.log").read_text() == "to the log\n"


def test_a_step_is_a_target(two_steps: Project) -> None:
    """Named, until and by force it means all of its images; what was not made is not told as made."""
    named = two_steps.snakemake("find")
    assert "to run: 4 × find\n" in named.err
    assert not re.search("^(Tables|Page|Also made):", named.err, re.MULTILINE)
    assert list(two_steps.started()) == [f"find/p{number}" for number in range(4)]
    until = two_steps.snakemake("-n", "--until", "share")
    assert "would run: 4 × share\n" in until.out
    assert two_steps.snakemake("share").code == 0
    for words in (["share"], ["--until", "share"]):
        again = two_steps.snakemake("-n", *words)
        assert (again.out + again.err).count("Nothing to be done") == 1
    forced = two_steps.snakemake("-n", "--forcerun", "share")
    assert "would run: 4 × share, 1 × aggregate" in forced.out
    assert "  4 × share: asked for" in forced.out


def test_failed_target_fails(two_steps: Project) -> None:
    """A single image that fails gives an exit status, too, though no table is written."""
    two_steps.write("images/p3.png", b"broken")
    ended = two_steps.snakemake("share_p3")
    assert ended.code == 1
    assert ended.last_words.startswith("1 of 1 images failed: see their logs under logs/")


def test_summary_report_and_deletion(two_steps: Project) -> None:
    """`--summary`, `--report`, `--unlock` and `--delete-all-output` know every file of every image."""
    assert two_steps.snakemake().code == 0
    summary = two_steps.snakemake("--summary")
    files = {line.split("\t")[0] for line in summary.out.splitlines()}
    assert "results/find/p3.mask.png" in files
    assert "results/measurements.csv" in files
    report = two_steps.snakemake("--report", "report.html")
    assert (report.code, "Missing metadata" in report.err) == (0, False)
    assert (two_steps.folder / "report.html").stat().st_size > 10_000
    assert two_steps.snakemake("--unlock").code == 0
    assert two_steps.snakemake("--delete-all-output").code == 0
    assert [path for path in (two_steps.folder / "results").rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_without_the_profile(two_steps: Project) -> None:
    """Snakemake's own defaults give the same tables, and a block of text for each image."""
    assert two_steps.snakemake().code == 0
    tables = two_steps.tables()
    assert two_steps.snakemake("--delete-all-output").code == 0
    ended = two_steps.snakemake("--workflow-profile", "none")
    assert ended.code == 0, ended.err
    assert "rule find_p0:" in ended.err
    assert two_steps.tables() == tables


def test_compiled_snakefile(two_steps: Project) -> None:
    """`pixmake compile` prints a Snakefile that gives the same tables, without config and table."""
    assert two_steps.snakemake().code == 0
    tables = two_steps.tables()
    assert two_steps.pixmake("compile", "--output", "Plan.smk").code == 0
    assert two_steps.pixmake("compile").out == (two_steps.folder / "Plan.smk").read_text()
    assert two_steps.snakemake("--delete-all-output").code == 0
    for name in ("config/config.yaml", "config/images.csv", "Snakefile"):
        (two_steps.folder / name).unlink()
    ended = two_steps.snakemake("-s", "Plan.smk")
    assert ended.code == 0, ended.err
    assert two_steps.tables() == tables
    assert "Nothing to be done" in two_steps.snakemake("-s", "Plan.smk").err


def test_cores_of_the_page(two_steps: Project) -> None:
    """The page of small images leaves a core to the tables; that of large ones takes what there is."""

    def page() -> str:
        return two_steps.pixmake("compile").out.split("\nrule report:")[1].split("\nrule ")[0]

    assert "    threads: 1\n" in page()
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
    cv2.imwrite(str(two_steps.folder / "images/p2.png"), noise)
    assert "    threads: 8\n" in page()
    omezarr.write(noise[..., 0], two_steps.folder / "images/z.ome.zarr", "yx")
    two_steps.list_images([{"path": "z.ome.zarr"}])
    assert "    threads: 8\n" in page(), "the size of a folder says nothing"


def test_rules_have_their_own_rows_alone(two_steps: Project) -> None:
    """A rule's params hold its own row, not another's."""
    text = two_steps.pixmake("compile").out
    blocks = {block.split(":", 1)[0]: block for block in text.split("\nrule ")}
    for number in range(4):
        block = blocks[f"find_p{number}"]
        others = {f"P{other}" for other in range(4)} - {f"P{number}"}
        assert f'"plant":"P{number}"' in block
        assert not any(other in block for other in others)


def test_missing_pixmake_is_told_in_a_line(two_steps: Project) -> None:
    """Where pixmake is not installed, Snakemake says what to install, without a traceback."""
    two_steps.write("hidden/pixmake/__init__.py", "raise ImportError('No module named pixmake')\n")
    path = str(two_steps.folder / "hidden")
    ended = two_steps.snakemake("-n", environment={"PYTHONPATH": path})
    assert ended.code == 1
    assert ended.last_words == "pixmake is missing here (No module named pixmake): pip install pixmake"
    assert "Traceback" not in ended.err


def test_groups_and_another_interpreter(project: Project, tmp_path: Path) -> None:
    """Images of a group come by name; a step runs in the interpreter that it names."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    own = [path for path in sys.path if path.endswith("site-packages")]
    (site / "borrowed.pth").write_text("\n".join(own))
    project.write(
        "scripts/analysis.py",
        "import sys\n\n\ndef compare(images, paths, meta):\n"
        "    return {'names': sorted(images), 'brighter': str(images['VIS'].mean() > images['NIR'].mean()),\n"
        "            'prefix': sys.prefix, 'cameras': meta['camera'], 'paths': len(paths)}\n",
    )
    rows = []
    for plant in ("A", "B"):
        for camera, level in (("NIR", 20), ("VIS", 150)):
            project.draw(f"images/{plant}_{camera}.png", level=level)
            rows.append({"path": f"images/{plant}_{camera}.png", "plant": plant, "camera": camera})
    project.list_images([rows[0], rows[2], rows[3], rows[1]])
    step = {"function": "scripts/analysis.py:compare", "python": str(environment / "bin/python")}
    project.configure(
        images={"table": "config/images.csv", "group_by": ["plant"], "name_by": "camera"},
        steps={"compare": step},
    )
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    assert [row["id"] for row in project.rows()] == ["A", "B"]
    for row in project.rows():
        assert row["names"] == '["NIR", "VIS"]'
        assert row["brighter"] == "True"
        assert Path(row["prefix"]).resolve() == environment.resolve()
    assert project.record("compare", "B")["metadata"]["camera"] == ["NIR", "VIS"]


def test_problems_stop_before_anything_runs(two_steps: Project) -> None:
    """What is wrong with config and table is told at once, each with its place; nothing runs."""
    two_steps.list_images([{"path": "p0.png"}, {"path": "nope.png"}, {"path": "p0.png"}])
    text = (two_steps.folder / "config/config.yaml").read_text()
    two_steps.write("config/config.yaml", text.replace("needs:", "neds:"))
    expected = [
        "pixmake: 3 problems:",
        "  - config/config.yaml:11: unknown key steps.share.neds (did you mean 'needs'?)",
        "  - config/images.csv, row 3: images/nope.png: there is no such file"
        " (`missing: skip` leaves such images out)",
        "  - config/images.csv, row 4: p0.png stands in row 2 already (one row an image)",
    ]
    for ended in (two_steps.snakemake(), two_steps.pixmake("check")):
        assert ended.code == 1
        assert [line for line in ended.err.splitlines() if not line.startswith("Using ")] == expected
    assert not (two_steps.folder / "results").exists()


def test_page_for_those_who_know_snakemake(two_steps: Project) -> None:
    """The workflow of docs/snakemake.md with a project as a module runs; `prefix` is refused in words."""
    page = (REPOSITORY / "docs/snakemake.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (top,) = [block for block in blocks if "module trial" in block]
    (own,) = [block for block in blocks if "rule ranking" in block]
    (two_steps.folder / "Snakefile").rename(two_steps.folder / "pixmake.smk")
    two_steps.write("Snakefile", top)
    ended = two_steps.snakemake()
    assert ended.code == 0, ended.err
    assert (two_steps.folder / "top.txt").read_text().startswith("5 ")
    assert (two_steps.folder / "trial/results/logs/find/p1.log").exists()
    assert not (two_steps.folder / "results").exists()
    again = two_steps.snakemake("-n")
    assert "Nothing to be done" in again.err + again.out
    for key, value in (("prefix", '"one"'), ("replace_prefix", '{"results/": "one/"}')):
        two_steps.write(
            "Snakefile", top.replace("    config:\n", f"    {key}:\n        {value}\n    config:\n")
        )
        refused = two_steps.snakemake("-n")
        assert refused.code == 1
        assert refused.last_words == (
            f"pixmake: module: {key}: is not for a project of pixmake, "
            "whose files name each other by their paths "
            '(say where results go by its config: {**config, "results": "…/results"})'
        )
    two_steps.write("Snakefile", f'include: "pixmake.smk"\n\n\n{own}')
    would = two_steps.snakemake("-n", "ranking")
    assert would.code == 0, would.err + would.out
    assert "1 × ranking" in would.out
