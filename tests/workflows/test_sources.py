"""A run over a folder whose names say what the images are: joined, grouped, with what is left out told."""

from __future__ import annotations

from tests.conftest import Project

ANALYSIS = """\
def measure(images, meta):
    return {"both": float(images["VIS"].mean() + images["NIR"].mean()), "genotype_seen": meta["genotype"]}
"""

CONFIG = """\
images:
  directory:
    path: in
    template: "{camera}_{plant}_{timestamp:%Y-%m-%d}.png"
    unmatched: skip
  join: {table: config/plants.csv, on: plant}
  select: {start: 2024-01-02}
  group_by: [plant]
  name_by: camera
  require: [VIS, NIR]
  incomplete: skip
steps:
  measure: {function: "scripts/analysis.py:measure"}
"""


def test_a_folder_to_a_table(project: Project) -> None:
    """Metadata of names and of another table reach function and results; what is left out is told."""
    project.write("scripts/analysis.py", ANALYSIS)
    project.write("config/config.yaml", CONFIG)
    project.write("config/plants.csv", "plant,genotype\nP1,wt\nP2,mutant\nP3,wt\n")
    for number, plant in enumerate(["P1", "P2"]):
        for camera in ("VIS", "NIR"):
            project.draw(f"in/{plant}/{camera}_{plant}_2024-01-0{number + 2}.png", level=50)
    project.draw("in/VIS_P3_2024-01-05.png")
    project.draw("in/VIS_P1_2024-01-01.png")
    project.draw("in/overview.png")
    left_out = [
        "1 × does not fit {camera}_{plant}_{timestamp:%Y-%m-%d}.png (first: in/overview.png)",
        "1 × group is left out, it has no NIR (first: P3)",
    ]

    checked = project.pixmake("check")
    assert checked.code == 0, checked.err
    assert checked.out.splitlines() == [
        "config/config.yaml: no problem found. 4 images in 2 groups; steps: measure",
        *(f"  {line}" for line in left_out),
    ]

    ended = project.snakemake()
    assert ended.code == 0, ended.err
    assert [line for line in ended.err.splitlines() if line.startswith("pixmake: ")] == [
        f"pixmake: {line}" for line in left_out
    ]
    rows = project.rows()
    assert [(row["id"], row["plant"], row["genotype"], row["timestamp"]) for row in rows] == [
        ("P1", "P1", "wt", "2024-01-02"),
        ("P2", "P2", "mutant", "2024-01-03"),
    ]
    assert [row["genotype_seen"] for row in rows] == ["wt", "mutant"]

    again = project.snakemake()
    assert "Nothing to be done" in again.err + again.out
