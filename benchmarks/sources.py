"""What reading the images' metadata costs: time and memory against rows, for each source."""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from measuring import markdown

COUNTS = [1000, 10_000, 100_000, 1_000_000]
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


def measure(counts: list[int]) -> str:
    """One table: a line a source, a column a number of rows."""
    cells: dict[str, list[str]] = {name: [] for name in (*SOURCES, GROUPED)}
    for count in counts:
        with tempfile.TemporaryDirectory() as scratch:
            write_all(Path(scratch), count)
            for name, line in cells.items():
                if "Excel" in name and count > EXCEL_ROWS:
                    line.append("–")
                    continue
                words = [sys.executable, __file__, "--one", name]
                done = subprocess.run(words, cwd=scratch, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise RuntimeError(f"{name}, {count} rows:\n{done.stderr}")
                found = json.loads(done.stdout)
                assert found["images"] == count, (name, found)
                line.append(f"{found['seconds']:.2f} s ({found['cpu']:.2f} CPU), {found['mb']:.0f} MB")
    header = ["source", *(f"{count:,} images" for count in counts)]
    return markdown(header, [[name, *line] for name, line in cells.items()])


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
    for number in range(count):
        imgtype = ("VIS", "NIR")[number % TILES_OF_A_PLANT]
        snapshot, plant = number // PER_SNAPSHOT, number // TILES_OF_A_PLANT
        yield {
            "path": f"snapshot{snapshot}/{imgtype}_SV_{number % 4 * 90}_z1_h1_g0_e82_{number}.png",
            "number": number,
            "plant": f"P{plant:06}",
            "imgtype": imgtype,
            "angle": number % 4 * 90,
            "genotype": f"G{plant % 50}",
            "weight": round(number % 977 / 7, 3),
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
    from pixmake.config import parse_config
    from pixmake.plan import make_plan

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
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": _peak_mb(), "images": count}))


def _peak_mb() -> float:
    """Of this program alone: `getrusage` would count what its parent used before it became this one."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--one", metavar="SOURCE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        measure_one(arguments.one)
    else:
        print(measure([1000, 10_000] if arguments.quick else COUNTS))
