"""pixmake as a part of another workflow: it ends as a project of its own does, and says the same."""

from __future__ import annotations

import pytest
from tests.conftest import REPOSITORY, Project

MODULE = """\
configfile: "config/mine.yaml"

module plants:
    snakefile: "pixmake/Snakefile"
    config: config["plants"]

use rule * from plants as plants_*
"""
SECOND = """
module roots:
    snakefile: "pixmake/Snakefile"
    config: config["roots"]

use rule * from roots as roots_*
"""
INCLUDE = 'include: "pixmake/Snakefile"\n'
MINE = """
rule mine:
    default_target: True
    input:
        {inputs}
    output:
        "mine.txt"
    shell:
        "cat {{input}} > {{output}}"
"""
CSV, COMPLETE = '"results/measurements.csv"', '"results/complete.txt"'
OF_TWO = '"results/complete.txt", "roots/complete.txt"'
FAILED = "1 of 4 images failed: see results/failures.csv. The next run tries them again."


def configure(project: Project, snakefile: str) -> None:
    """Have the second of four images fail, and pixmake's own Snakefile be a part of another one."""
    file = "scripts/analysis.py:measure"
    images = "images: {table: config/images.csv, root: images}"
    steps = f'steps: {{measure: {{function: "{file}"}}}}'
    project.write("config/config.yaml", f"{images}\n{steps}\n")
    mine = "".join(
        f"{name}:\n  {images}\n  {steps}\n  results: {results}\n"
        for name, results in (("plants", "results"), ("roots", "roots"))
    )
    project.write("config/mine.yaml", mine)
    project.write("images/p1.png", b"no image")
    project.write("pixmake/Snakefile", (REPOSITORY / "Snakefile").read_bytes())
    project.write("Snakefile", snakefile)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (INCLUDE + MINE.format(inputs=COMPLETE), ()),
        (MODULE + SECOND + MINE.format(inputs=OF_TWO), ()),
        (INCLUDE, ("results/measurements.csv",)),
    ],
    ids=["include", "two modules", "the table as a target"],
)
def test_too_many_failed_images_end_it_with_an_error(
    before: str, words: tuple[str, ...], small: Project
) -> None:
    """The tables are written, what waits for all does not begin, and the last lines say how many failed."""
    configure(small, before)
    ended = small.snakemake(*words)
    assert ended.code == 1, ended.err
    assert FAILED in ended.err
    assert [row["id"] for row in small.rows("failures.csv")] == ["p1"]
    assert not (small.folder / "mine.txt").exists()
    assert "Traceback" not in ended.err
    if SECOND in before:
        assert "1 of 4 images failed: see roots/failures.csv" in ended.err
        small.draw("images/p1.png", level=40)
        ended = small.snakemake()
        assert ended.code == 0, ended.err
        assert (small.folder / "mine.txt").read_text() == "No image failed\n" * 2


def test_a_rule_that_names_the_table_alone(small: Project) -> None:
    """It works on the table without the failed images; the run ends with an error, once that is made."""
    configure(small, MODULE + MINE.format(inputs=CSV))
    ended = small.snakemake()
    assert ended.code == 1, ended.err
    assert FAILED in ended.err
    assert (small.folder / "mine.txt").read_text().count("\n") == 4
