"""What the tables of many records cost: seconds and memory of gathering them and of writing each format.

Run it by itself: python benchmarks/tables.py [RECORDS]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECORDS = 100_000
MEASUREMENTS = 12


def main() -> None:
    """Write records, then gather them and write the tables, each in a process of its own."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with tempfile.TemporaryDirectory(prefix="pixmake-tables-") as name:
        folder = Path(name)
        paths = write_records(folder, count)
        say("gather", ["gather", str(folder / "all.jsonl")], "\n".join(paths) + "\n")
        for formats in (["csv"], ["csv", "parquet"], ["csv", "sqlite"]):
            words = ["aggregate", str(folder / "all.jsonl"), "--columns", '["path", "plant", "treatment"]']
            wanted = json.dumps({"tables": formats, "plantcv": False})
            say(
                " + ".join(formats),
                [*words, "--formats", wanted, "--measurements", str(folder / "r" / "measurements.csv")],
            )
        wanted = json.dumps({"plantcv": True})
        say(
            "csv + PlantCV's",
            [*words, "--formats", wanted, "--measurements", str(folder / "r" / "measurements.csv")],
        )


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


def say(what: str, words: list[str], given: str = "") -> None:
    """Run a command of pixmake's, and print its seconds and its peak memory."""
    code = (
        "import resource, sys; from pixmake.cli import main; main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *words], input=given, text=True, capture_output=True, check=True
    )
    seconds = time.perf_counter() - begun
    unit = 1e6 if sys.platform == "darwin" else 1e3
    print(f"{what:<18} {seconds:6.1f} s   {int(done.stdout) / unit:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
