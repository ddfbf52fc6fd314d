"""What the tables of many records cost: gathering them, and writing each format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from environments import REPOSITORY, environment, versions
from frame import Benchmark, Contestant, main
from measured import Case
from page import comparison
from usage import environment_of, usage

MEASUREMENTS = 12

FORMATS = {
    "CSV": {"tables": ["csv"]},
    "CSV and Parquet": {"tables": ["csv", "parquet"]},
    "CSV and SQLite": {"tables": ["csv", "sqlite"]},
    "CSV and PlantCV's": {"plantcv": True},
}


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """Gathering, and each set of formats."""
    python = environment("tables", "-e", f"{REPOSITORY}[parquet]")
    paths, gathered = write_records(scratch, int(case["records"])), scratch / "all.jsonl"
    (scratch / "paths").write_text("\n".join(paths) + "\n")
    gather = ["sh", "-c", '"$0" -m pixmake records "$1" < paths', python, gathered]
    usage(gather, scratch)

    def writer(name: str, wanted: dict[str, object]) -> Contestant:
        table = scratch / name / "measurements.csv"
        words = ["aggregate", gathered, "--columns", '["path", "plant", "treatment"]']
        words += ["--formats", json.dumps(wanted), "--measurements", table]
        command = [python, "-m", "pixmake", *words]
        return Contestant(name, lambda: usage(command, scratch, environment_of(python)), versions=known)

    known = versions(python, "pandas", "pyarrow")
    first = Contestant("gather the records", lambda: usage(gather, scratch), versions=known)
    return [first, *(writer(name, wanted) for name, wanted in FORMATS.items())]


def write_records(folder: Path, count: int) -> list[str]:
    """Records of one step, with a dozen measurements and a histogram of 16 bins."""
    paths = []
    (folder / "measure").mkdir()
    for number in range(count):
        measurements = {
            f"trait_{name}": {"value": number / (name + 1), "unit": "mm2"} for name in range(MEASUREMENTS)
        }
        measurements["histogram"] = {"value": list(range(16))}
        record = {
            "id": f"plant{number:06}",
            "step": "measure",
            "status": "ok",
            "metadata": {
                "path": f"images/plant{number:06}.png",
                "plant": f"P{number}",
                "treatment": "drought",
            },
            "measurements": measurements,
            "files": {"mask": f"results/measure/plant{number:06}.mask.png"},
            "error": None,
            "run": {"started": "2024-01-01T00:00:00", "seconds": 1.5, "host": "node7", "attempt": 1},
            "images": [f"images/plant{number:06}.png"],
        }
        path = folder / "measure" / f"{record['id']}.json"
        path.write_text(json.dumps(record, indent=1))
        paths.append(str(path))
    return paths


BENCHMARK = Benchmark(
    name="tables",
    title="Tables of many records",
    about=f"""
Records of one step with {MEASUREMENTS} measurements and a histogram of 16 bins, from one file each to the
tables. No peer takes part.
""",
    cases=[{"records": 100_000}],
    quick=[{"records": 1000}],
    contestants=contestants,
    repeats=lambda case: 1,
    text=lambda results: comparison(results, per="records"),
)


if __name__ == "__main__":
    main(BENCHMARK)
