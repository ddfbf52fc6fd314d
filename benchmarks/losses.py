"""Where pixmake's time goes: whole runs that lack one part each, and their differences."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from environments import ours
from frame import CORES
from measured import number
from page import markdown
from projects import ANALYSIS, analysis, draw, expect, forget, pixmake_project, wildcard_snakefile
from usage import environment_of, usage

MILLISECONDS = 5

SNAKEMAKE_ALONE = wildcard_snakefile("shell", "touch {output}")

TEXT = """\
Where it goes, {count:,} images of {milliseconds} ms, by differences of whole runs (of one run each;
CPU-seconds can be more than there is wall time, on {cores} cores):

{table}
"""


def losses(count: int) -> str:
    """The table, as Markdown."""
    python = ours()
    environment = environment_of(python)
    snakemake = [python.parent / "snakemake", "--cores", str(CORES)]
    with tempfile.TemporaryDirectory(prefix="pixmake-bench-") as scratch:
        busy = pixmake_project(Path(scratch) / "busy", count, analysis(MILLISECONDS))
        idle = pixmake_project(Path(scratch) / "idle", count, ANALYSIS)
        alone = Path(scratch) / "alone"
        draw(alone, count)
        shutil.copytree(idle / "profiles", alone / "profiles")
        (alone / "Snakefile").write_text(SNAKEMAKE_ALONE)

        usage([*snakemake, "-n"], busy, environment)  # what is read from disk now, is not read below
        forget(busy)
        start = usage([*snakemake, "-n"], busy, environment)
        whole = usage(snakemake, busy, environment)
        expect(busy, "results/measure/*.json", count)
        without_work = usage(snakemake, idle, environment)
        nothing = usage(snakemake, idle, environment)
        _remove_outcome(idle)
        outcome = _less(usage(snakemake, idle, environment), nothing)
        start_alone = usage([*snakemake, "-n"], alone, environment)
        booking = _less(usage(snakemake, alone, environment), start_alone)
    parts = {
        "Snakemake starts; config, table, rules and DAG are made (`snakemake -n`)": start,
        "Snakemake chooses, starts and books each job, and a shell does nothing": booking,
        "hand-over, warm process, fork, decoding, log, record": _less(without_work, start, booking, outcome),
        "the work": _less(whole, without_work),
        "records gathered, tables, page, provenance": outcome,
        "the whole run": whole,
    }
    rows = [
        (
            name,
            number(spent["seconds"]),
            f"{100 * spent['seconds'] / whole['seconds']:.0f} %",
            number(1000 * spent["seconds"] / count),
            number(spent["cpu_seconds"]),
        )
        for name, spent in parts.items()
    ]
    table = markdown(("part", "seconds", "share", "ms an image", "CPU-seconds"), rows)
    return TEXT.format(count=count, milliseconds=MILLISECONDS, cores=CORES, table=table)


def _less(whole: dict[str, float], *parts: dict[str, float]) -> dict[str, float]:
    figures = ("seconds", "cpu_seconds")
    return {figure: whole[figure] - sum(part[figure] for part in parts) for figure in figures}


def _remove_outcome(project: Path) -> None:
    """Leave the results of images, and nothing that is made of them."""
    for path in (project / "results").iterdir():
        if path.is_file():
            path.unlink()
    shutil.rmtree(project / ".snakemake/pixmake/pictures", ignore_errors=True)
