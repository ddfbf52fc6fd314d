"""What one more image costs in a project of very many, and what nothing to do costs.

``python benchmarks/one_more.py images=100000`` measures that number alone; a million takes half an hour.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from environments import ours, versions
from frame import CORES, Aim, Benchmark, Contestant, main
from measured import Case, Measured, Results, number
from page import markdown
from projects import draw, expect, pixmake_project, wildcard_snakefile
from usage import environment_of, usage

BY_HAND = "nothing to do, a rule with a wildcard, `-n`"
DRY, NOTHING, ONE = "nothing to do, `-n`", "nothing to do", "one new image"
PLAN = "the plan alone, table unchanged"
SETTLED = "all images done, no table made yet, `-n`"
CALLS = "system calls of nothing to do, an image"

FOUR = """\
def segment(image):
    return {"mask": (image > 3).astype("uint8")}


def measure(image, mask):
    return {"mean": float(image[mask > 0].mean())}


def plant(measurements):
    return {"images": len(measurements)}


def ranked(measurements):
    return {"images": len(measurements)}
"""
STEPS = """\
images: {table: config/images.csv}
steps:
  segment: {function: "scripts/analysis.py:segment", files: {mask: png}}
  measure: {function: "scripts/analysis.py:measure", needs: [segment]}
  plant: {function: "scripts/analysis.py:plant", needs: [measure], per: [plant]}
  ranked: {function: "scripts/analysis.py:ranked", needs_all: [measure], per: all}
"""

ABOUT = f"""
Images of 32 × 32 pixels, all of the same bytes and date. One of them is measured, by an ordinary run of the
very pixmake that is compared. The records of all others are written by the benchmark: copies of that record
with each image's own id, path and plant, as a run of them all would leave them but for times. Nothing else in
them is changed. A dry run sees that it takes all of them for done; it, a first plan, and a first run, which
makes all tables, are not measured. Then
`snakemake --cores {CORES}` has nothing to do; or one row and one image are added, and it makes a record, the
tables (CSV), the page and the provenance anew or further. With four steps one is `per` plant (100 of them)
and one `needs_all`. Of a million images it is the plan, and `-n` before their tables are made: how often the
tables of so many are made is another question.
Where others use the cores at the same time, CPU-seconds, of a command and of all that it starts, are what to
compare. System calls are counted by `strace` (`stat` and its like, `open` and its like, of files of images
and of records).
"""

_PLAN = """\
import yaml
from pixmake.plan.plan import plan_project
plan = plan_project(yaml.safe_load(open("config/config.yaml")), ["config/config.yaml"])
print(len(plan.groups))
"""


def written_project(folder: Path, count: int, steps: int) -> Path:
    """A project of so many images whose records are there, but no table of them."""
    four = steps == 4
    pixmake_project(folder, count, FOUR) if four else pixmake_project(folder, count)
    if four:
        (folder / "config/config.yaml").write_text(STEPS)
    table = folder / "config/images.csv"
    whole = table.read_text()
    for image in os.scandir(folder / "images"):
        os.utime(image.path, (1_700_000_000, 1_700_000_000))
    table.write_text("".join(whole.splitlines(keepends=True)[:2]))
    _snakemake(folder)
    table.write_text(whole)
    for step in ("segment", "measure") if four else ("measure",):
        made = sorted((folder / f"results/{step}").iterdir())
        for path in made:
            content = path.read_bytes()
            for at in range(count):
                name = f"i{at:06}"
                text = content.replace(b"i000000", name.encode()).replace(b'"p0"', f'"p{at % 100}"'.encode())
                (path.parent / path.name.replace("i000000", name)).write_bytes(text)
    return folder


def one_more(folder: Path) -> None:
    """Add an image and its row."""
    table = folder / "config/images.csv"
    at = len(table.read_text().splitlines()) - 1
    content = (folder / "images/i000000.png").read_bytes()
    (folder / f"images/i{at:06}.png").write_bytes(content)
    with table.open("a") as rows:
        rows.write(f"images/i{at:06}.png,p{at % 100}\n")


def see_done(folder: Path) -> None:
    """See that no image has a rule: that the records are as the present pixmake would have left them.

    Of one that has, Snakemake says that it would run, or that it does not know what made it.
    """
    left = set(re.findall(r"\b(?:segment|measure)_images_\w+", _snakemake(folder, "-n")))
    if left:
        raise RuntimeError(f"{folder}: {len(left)} images are not taken for done, such as {min(left)}")


def _snakemake(folder: Path, *words: str) -> str:
    python = ours()
    command = [python.parent / "snakemake", "--cores", str(CORES), *words]
    done = subprocess.run(
        command,
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_environment(python),
    )
    return done.stdout


def _environment(python: Path) -> dict[str, str]:
    found = environment_of(python)
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """Nothing to do and one more image, in turns with a rule by hand where that is not too slow."""
    count, python = int(case["images"]), ours()
    project = written_project(scratch / "project", count, int(case["steps"]))
    told = versions(python, "snakemake")
    see_done(project)

    def command(
        name: str, where: Path, *words: str | Path, prepare: Callable[[], object] = lambda: None
    ) -> Contestant:
        return Contestant(
            name, lambda: usage(list(words), where, environment_of(python)), prepare, versions=told
        )

    if count >= 1_000_000:
        plan, dry = [python, "-c", _PLAN], [python.parent / "snakemake", "-n"]
        usage(plan, project, environment_of(python))  # what it leaves for the next one
        return [command(PLAN, project, *plan), command(SETTLED, project, *dry)]
    _snakemake(project)
    expect(project, "results/measure/*.json", count)
    _snakemake(project, "-n")
    snakemake = python.parent / "snakemake"
    found = [
        command(DRY, project, snakemake, "-n"),
        command(NOTHING, project, snakemake, "--cores", str(CORES)),
        command(ONE, project, snakemake, "--cores", str(CORES), prepare=lambda: one_more(project)),
    ]
    if count <= 10_000 and case["steps"] == 1:
        hand = scratch / "by hand"
        draw(hand, count)
        (hand / "Snakefile").write_text(wildcard_snakefile("shell", "cp {input} {output}"))
        (hand / "results").mkdir()
        for at in range(count):
            (hand / f"results/i{at:06}.json").write_text("{}")
        found.insert(0, command(BY_HAND, hand, snakemake, "-n", "--quiet", "all"))
        found.append(Contestant(CALLS, lambda: _calls(project, count, python), versions=told))
    return found


def _calls(project: Path, count: int, python: Path) -> Mapping[str, float]:
    """How often each image and its record are looked at, and opened, where there is nothing to do."""
    log = project / "calls.txt"
    trace = ["strace", "-f", "-qq", "-e", "trace=%file", "-o", log]
    words = [*trace, python.parent / "snakemake", "--cores", str(CORES)]
    subprocess.run(words, cwd=project, check=True, capture_output=True, env=_environment(python))
    looked = opened = 0
    of_images = re.compile(
        r'"[^"]*(images/i\d+\.png|results/measure/[^"]+\.json)"|"images_i\d+\.json"|"i\d+\.png"'
    )
    with log.open(errors="replace") as lines:
        for line in lines:
            if of_images.search(line):
                opens = "open" in line.split("(")[0]
                opened, looked = opened + opens, looked + (not opens)
    log.unlink()
    return {"stats": looked / count, "opens": opened / count}


def aims(results: Results) -> list[Aim]:
    """Seconds where it was minutes; CPU time stands for seconds on quiet cores."""

    def cpu(name: str, images: int, steps: int = 1, figure: str = "cpu_seconds") -> float:
        found = results.of(name, images=images, steps=steps)
        return found.median(figure) if found else float("nan")

    few, many, most = 10_000, 100_000, 1_000_000
    s = "s of CPU time"
    return [
        Aim("nothing to do, 10,000", cpu(NOTHING, few), most=2.5, unit=s),
        Aim(
            "nothing to do, 10,000, beside a wildcard rule", cpu(BY_HAND, few) / cpu(NOTHING, few), least=2.5
        ),
        Aim("one new image, 10,000", cpu(ONE, few), most=3.5, unit=s),
        Aim("the same, four steps, beside one step", cpu(ONE, few, 4) / cpu(ONE, few), most=2),
        Aim("nothing to do, 100,000", cpu(NOTHING, many), most=8, unit=s),
        Aim("one new image, 100,000", cpu(ONE, many), most=20, unit=s),
        Aim("one new image, 100,000: memory", cpu(ONE, many, figure="peak_mb"), most=700, unit="MB"),
        Aim("second plan, 1,000,000", cpu(PLAN, most), most=10, unit=s),
        Aim("second plan, 1,000,000: memory", cpu(PLAN, most, figure="peak_mb"), most=1500, unit="MB"),
        Aim("all images done, 1,000,000, `-n`", cpu(SETTLED, most), most=60, unit=s),
        Aim(
            "`stat` an image, but for a few images",
            round(cpu(CALLS, few, figure="stats"), 2),
            most=2,
            unit="",
        ),
        Aim("`open` an image", cpu(CALLS, few, figure="opens"), most=0.01, unit=""),
    ]


MISSED = """\
The aim that is missed: a second plan of a million images. It takes half of what it took: on two cores that
others used at the same time (load 12 to 14), 26 and 25 CPU-seconds, and right after these 49 with the state
of before; of 100,000 images, in turns, 2.0 (3.8 before). It holds 0.1 GB more. On the cores of another
machine (Intel) the state of before had taken 24. Each image and each record is looked at once, which is
about a third of it; the rest is Python's, for the image's row, for what is known of its record, and for
whether it has changed. For these figures the million's index of records was written by the benchmark as
well, with other digests of tasks, which a plan does not look at. The rows of fewer images are older: in
some of their records the hash of the rule had been put in by hand."""


def text(results: Results) -> str:
    """A line for each thing that is done to a project."""
    rows = [_row(each) for each in results.measured if each.contestant != CALLS]
    table = markdown(["what", "images", "steps", "CPU-seconds", "seconds", "peak MB"], rows)
    calls = next((each for each in results.measured if each.contestant == CALLS), None)
    if calls is None:
        return table
    stats, opens = (number(calls.median(name)) for name in ("stats", "opens"))
    return f"{table}\n\nSystem calls of nothing to do, an image: {stats} `stat`, {opens} `open`.\n\n{MISSED}"


def _row(each: Measured) -> list[str]:
    cpu = ", ".join(map(number, each.values("cpu_seconds")))
    seconds = ", ".join(map(number, each.values("seconds")))
    return [
        each.contestant,
        f"{int(each.case['images']):,}",
        str(each.case["steps"]),
        *(cpu, seconds, number(each.median("peak_mb"))),
    ]


BENCHMARK = Benchmark(
    name="one_more",
    title="One more image among many",
    about=ABOUT,
    cases=[{"images": 10_000, "steps": 1}, {"images": 10_000, "steps": 4}],
    long=[{"images": 100_000, "steps": 1}, {"images": 1_000_000, "steps": 1}],
    quick=[{"images": 200, "steps": 1}, {"images": 200, "steps": 4}],
    contestants=contestants,
    repeats=lambda case: 2 if int(case["images"]) <= 10_000 else 1,
    aims=aims,
    text=text,
)


if __name__ == "__main__":
    main(BENCHMARK)
