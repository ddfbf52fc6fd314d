"""What reading the images' metadata costs: time and memory against rows, for each source."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from environments import versions
from frame import Aim, Benchmark, Contestant, main
from measured import Case, Results, number
from page import markdown

PER_SNAPSHOT = 100
TILES_OF_A_PLANT = 2
EXCEL_ROWS = 100_000
"""Writing a larger spreadsheet takes longer than all the rest."""

SOURCES: dict[str, dict[str, Any]] = {
    "table (CSV)": {"table": "images.csv"},
    "table (Parquet)": {"table": "images.parquet"},
    "table (Excel)": {"table": "images.xlsx"},
    "table (JSON)": {"table": "images.json"},
    "table (NDJSON)": {"table": "images.ndjson"},
    "directory": {
        "directory": {
            "path": ".",
            "formats": ["png"],
            "filename_metadata": ["imgtype", "camera", "frame", "zoom", "lifter", "gain", "exposure", "tile"],
        }
    },
    "lemnatec": {"lemnatec": "."},
    "phenodata": {"phenodata": "."},
}
GROUPED = "table (CSV), selected and grouped"


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """The sources, one beside the other."""
    count = int(case["images"])
    write_all(scratch, count)

    def reader(source: str) -> Contestant:
        def read() -> dict[str, float]:
            words = [sys.executable, __file__, "--one", source]
            done = subprocess.run(words, cwd=scratch, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{source}:\n{done.stderr}")
            found = json.loads(done.stdout)
            if found.pop("images") != count:
                raise RuntimeError(f"{source}: not {count} images: {done.stdout}")
            return dict(found)

        return Contestant(source, read, versions=versions(Path(sys.executable), "pandas"))

    there = [name for name in (*SOURCES, GROUPED) if "Excel" not in name or count <= EXCEL_ROWS]
    return [reader(source) for source in there]


def text(results: Results) -> str:
    """A line a source, a column a number of rows."""
    counts = [int(case["images"]) for case in results.cases()]

    def cell(source: str, count: int) -> str:
        found = results.of(source, images=count)
        return f"{number(found.median())} s, {number(found.median('peak_mb'))} MB" if found else "–"

    rows = [[source, *(cell(source, count) for count in counts)] for source in results.contestants()]
    return markdown(["source", *(f"{count:,} images" for count in counts)], rows)


def aims(results: Results) -> list[Aim]:
    """For the slowest source, and for the one that needs most memory."""

    def most(count: int, figure: str = "seconds") -> float:
        return max((each.median(figure) for each in results.select(images=count)), default=math.nan)

    return [
        Aim("100,000 images, the slowest source", most(100_000), most=5, unit="s"),
        Aim("100,000 images, the source that needs most", most(100_000, "peak_mb"), most=1000, unit="MB"),
        Aim("a million images, the slowest source", most(1_000_000), most=60, unit="s"),
    ]


def write_all(folder: Path, count: int) -> None:
    """So many empty image files, and the same metadata in the form of each source."""
    rows = list(_rows(count))
    for row in rows:
        if row["number"] % PER_SNAPSHOT == 0:
            (folder / row["path"]).parent.mkdir()
        os.close(os.open(folder / row["path"], os.O_CREAT))
    with (folder / "images.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    frame = pd.DataFrame(rows)
    frame.to_parquet(folder / "images.parquet", index=False)
    frame.to_json(folder / "images.json", orient="records")
    frame.to_json(folder / "images.ndjson", orient="records", lines=True)
    if count <= EXCEL_ROWS:
        frame.to_excel(folder / "images.xlsx", index=False)
    _write_lemnatec(folder, rows)
    images = {row["path"]: {key: value for key, value in row.items() if key != "path"} for row in rows}
    (folder / "metadata.json").write_text(json.dumps({"images": images}))


def _rows(count: int) -> Iterator[dict[str, Any]]:
    for position in range(count):
        imgtype = ("VIS", "NIR")[position % TILES_OF_A_PLANT]
        snapshot, plant = position // PER_SNAPSHOT, position // TILES_OF_A_PLANT
        yield {
            "path": f"snapshot{snapshot}/{imgtype}_SV_{position % 4 * 90}_z1_h1_g0_e82_{position}.png",
            "number": position,
            "plant": f"P{plant:06}",
            "imgtype": imgtype,
            "angle": position % 4 * 90,
            "genotype": f"G{plant % 50}",
            "weight": round(position % 977 / 7, 3),
            "timestamp": f"2024-01-{snapshot % 28 + 1:02}T{plant // 60 % 24:02}:{plant % 60:02}:00",
        }


def _write_lemnatec(folder: Path, rows: list[dict[str, Any]]) -> None:
    header = "experiment,id,plant barcode,car tag,timestamp,weight before,weight after,water amount,completed"
    lines = [f"{header},measurement label,tag,tiles"]
    for start in range(0, len(rows), PER_SNAPSHOT):
        of_snapshot = rows[start : start + PER_SNAPSHOT]
        tiles = ";".join(Path(row["path"]).stem for row in of_snapshot)
        first = of_snapshot[0]
        lines.append(
            f"T,{start // PER_SNAPSHOT},{first['plant']},1,{first['timestamp']},1.0,2.0,1,true,x,,{tiles};"
        )
    (folder / "SnapshotInfo.csv").write_text("\n".join(lines) + "\n")


def measure_one(name: str) -> None:
    """Read, check, select, group and plan in this process; print what it cost as JSON."""
    from pixmake.config.models import parse_config
    from pixmake.plan.plan import make_plan

    images = SOURCES.get(name) or {
        "table": "images.csv",
        "select": {
            "where": {"angle": [0, 90, 180, 270]},
            "match": {"path": "SV"},
            "query": "weight >= 0",
            "start": "2024-01-01",
        },
        "group_by": ["plant"],
        "name_by": "imgtype",
        "require": ["VIS", "NIR"],
    }
    argument = "images" if name == GROUPED else "image"
    Path("analysis.py").write_text(f"def measure({argument}):\n    return {{}}\n")
    config = {"images": images, "steps": {"measure": {"function": "analysis.py:measure"}}}
    start, cpu = time.perf_counter(), time.process_time()
    plan = make_plan(parse_config(config))
    count = sum(len(job.images) for _, job in plan.jobs())
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_mb": _peak_mb(), "images": count}))


def _peak_mb() -> float:
    """Of this program alone: `getrusage` would count what its parent used before it became this one."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


BENCHMARK = Benchmark(
    name="sources",
    title="Reading metadata",
    about="""
From the config to a plan with all its jobs, without Snakemake: read, checked (is each file there?), selected,
grouped. Seconds and peak memory of one process. Spreadsheets are tried up to 100,000 rows.
""",
    cases=[{"images": count} for count in (1000, 10_000, 100_000, 1_000_000)],
    quick=[{"images": 1000}],
    contestants=contestants,
    repeats=lambda case: {1_000_000: 1, 100_000: 2}.get(int(case["images"]), 3),
    aims=aims,
    text=text,
)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure_one(sys.argv[2])
    else:
        main(BENCHMARK)
