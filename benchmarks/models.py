"""Models that take long to load: once or for each image, beside a plain loop, and with faults."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import on_device
import yaml
from environments import REPOSITORY, SAME, SNAKEMAKE, environment, versions
from frame import CORES, Aim, Benchmark, Contestant, main
from measured import OURS, Case, Measured, Results, number
from page import markdown
from plots import bars
from usage import CommandFailed, environment_of, usage

sys.path.insert(0, str(REPOSITORY))
from tests.networks import write_network

ANEW, LOOP, PROCESS, FORK = "loaded for each image", "a plain loop", "pixmake, process", "pixmake, fork"
ALONE = "pixmake, fork, one core"

TIMEOUT = 5
"""Seconds that an endless tile has; it takes one of the cores for as long, which is not counted."""

MODEL_MB = 400

POISON = {
    3: "raise ValueError('a bad tile')",
    103: "while True: pass",
    203: "bytearray(8_000_000_000)",
    303: "os.abort()",
    403: "os._exit(3)",
}
"""What five of the tiles do."""

SLOW = """\
import time


def load_model():
    time.sleep(2)
    return 3


def measure(image, model):
    return {"value": float(image.mean()) * model}
"""

SLOW_ANEW = """\
import time

time.sleep(2)
model = 3


def measure(image):
    return {"value": float(image.mean()) * model}
"""

NETWORK = """\
import os

import numpy as np


def load_model(threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession("net.onnx", options, providers=["CPUExecutionProvider"])


def apply(image, model):
    (found,) = model.run(None, {"image": image[np.newaxis, np.newaxis].astype(np.float32)})
    return float(found.mean())


def poisoned(number):
    POISON


def measure(image, path, model):
    poisoned(int(os.path.basename(path)[1:-4]))
    return {"value": apply(image, model)}
"""

LOOP_SCRIPT = """\
import multiprocessing
import sys
from pathlib import Path

import cv2

sys.path.insert(0, "scripts")
import work


def begin():
    global model
    model = work.load_model(1)


def measure(path):
    return path.name, work.apply(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), model)


if __name__ == "__main__":
    with multiprocessing.Pool(CORES, begin) as pool:
        found = pool.map(measure, sorted(Path("images").glob("*.png")), chunksize=1)
    Path("table.csv").write_text("".join(f"{name},{value}\\n" for name, value in found))
"""

KILLED = """\
import os
import time


def load_model():
    time.sleep(0.2)
    return 3


def measure(image, path, model):
    with open("pids.txt", "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(0.1)
    return {"value": float(image.mean()) * model}
"""

LARGE = f"""\
import time

import numpy as np


def load_model():
    return np.ones({MODEL_MB} * 125_000)


def measure(image, model):
    time.sleep(1)
    return {{"value": float(model[::1000].sum())}}
"""

ABOUT = f"""\
A step with `load` on two cores. *Loading*: 8 images and a load of two seconds on one core; beside it the
same load at the top of the user's file, where it is done for each image. *Tiles*: a network of ONNX of some
0.26 s of CPU for each tile of 512 × 512, imports and loading in the time of both; beside it a pool of a
process per core that does nothing else. Of pixmake's tiles five are poisoned: one raises, one is endless
(`timeout: {TIMEOUT}`, of which half is taken off for the aim, since it holds one of two cores), one is too
large, one crashes, one exits. The loop has none, since it would die at the first. *Kills*: 200 images of
0.1 s in serving processes, one of which is killed 20 times, with `retries: 2`. *Memory*: a model of
{MODEL_MB} MB and eight images, on one core and two.
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """Those of a case."""
    python = environment("models", "-e", str(REPOSITORY), SNAKEMAKE, *SAME, "onnxruntime", "onnx")
    of = versions(python, "onnxruntime", "snakemake")

    def runs(name: str, folder: str, **how: Any) -> Contestant:
        project = made(scratch / folder, int(case["images"]), **how)
        clear = partial(_forget, project)
        return Contestant(name, partial(_measured, python, project, how.get("cores", CORES)), clear, of)

    match case["what"]:
        case "loading":
            return [
                runs(OURS, "once", code=SLOW, cores=1),
                runs(ANEW, "anew", code=SLOW_ANEW, load=False, cores=1),
            ]
        case "tiles":
            code = NETWORK.replace("POISON", _poison(int(case["images"])))
            more = {"timeout": TIMEOUT, "resources": {"mem_mb": 3000}}
            ours = runs(OURS, "tiles", code=code, size=512, **more)
            plain = made(scratch / "loop", int(case["images"]), code=code, size=512)
            (plain / "loop.py").write_text(LOOP_SCRIPT.replace("CORES", str(CORES)))
            return [ours, Contestant(LOOP, partial(_looped, python, plain), versions=of)]
        case "kills":
            project = made(scratch / "kills", int(case["images"]), code=KILLED, load_in="process", retries=2)
            work = partial(_killed, python, project, int(case["kills"]))
            return [Contestant(OURS, work, partial(_forget, project), of)]
    return [
        runs(ALONE, "alone", code=LARGE, load_in="fork", cores=1),
        runs(FORK, "fork", code=LARGE, load_in="fork"),
        runs(PROCESS, "process", code=LARGE, load_in="process"),
    ]


def made(
    folder: Path, count: int, *, code: str, load: bool = True, size: int = 32, cores: int = CORES, **step: Any
) -> Path:
    """A project whose step measures by some code."""
    (folder / "images").mkdir(parents=True)
    (folder / "scripts").mkdir()
    (folder / "config").mkdir()
    shutil.copy(REPOSITORY / "Snakefile", folder)
    shutil.copytree(REPOSITORY / "profiles/default", folder / "profiles/default")
    noise = np.random.default_rng(1).integers(0, 256, (size, size), np.uint8)
    content = cv2.imencode(".png", noise)[1].tobytes()
    names = [f"i{number:04}.png" for number in range(count)]
    for name in names:
        (folder / "images" / name).write_bytes(content)
    (folder / "config/images.csv").write_text("\n".join(["path", *names]) + "\n")
    (folder / "scripts/work.py").write_text(code)
    if "onnx" in code:
        weights = np.zeros((16, 1, 3, 3), np.float32)
        weights[:, 0, 1, 1] = 1
        write_network(folder / "net.onnx", weights, repeats=24)
    loads = {"load": {"model": "scripts/work.py:load_model"}} if load else {}
    config = {
        "images": {"table": "config/images.csv", "root": "images"},
        "steps": {"measure": {"function": "scripts/work.py:measure", **loads, **step}},
        "max_failures": len(POISON),
    }
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return folder


def _poison(count: int) -> str:
    at = {number % count: what for number, what in POISON.items()}
    return "\n    ".join(f"if number == {number}:\n        {what}" for number, what in at.items())


def _forget(project: Path) -> None:
    for name in ("results", "logs", ".snakemake"):
        shutil.rmtree(project / name, ignore_errors=True)
    (project / "pids.txt").unlink(missing_ok=True)


def _measured(python: Path, project: Path, cores: int) -> dict[str, float]:
    figures = usage([python, "-m", "snakemake", "--cores", str(cores)], project)
    return {**figures, **_counts(project)}


def _counts(project: Path) -> dict[str, float]:
    with (project / "results/measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (project / "results/failures.csv").open(newline="") as file:
        failed = list(csv.DictReader(file))
    count = len(list((project / "images").iterdir()))
    if len({row["id"] for row in rows}) != len(rows) or len(rows) not in (count, count - len(failed)):
        raise CommandFailed(f"{len(rows)} rows and {len(failed)} failures of {count} images")
    return {"failed": float(len(failed))}


def _looped(python: Path, project: Path) -> dict[str, float]:
    figures = usage([python, "loop.py"], project)
    if len((project / "table.csv").read_text().splitlines()) != len(list((project / "images").iterdir())):
        raise CommandFailed("the loop has not measured all tiles")
    return figures


def _killed(python: Path, project: Path, kills: int) -> dict[str, float]:
    """Run, and kill a serving process again and again."""
    done, over = 0, threading.Event()

    def kill() -> None:
        nonlocal done
        seen = 0
        while done < kills and not over.wait(0.05):
            pids = (project / "pids.txt").read_text().split() if (project / "pids.txt").exists() else []
            if len(pids) > seen + 5:  # some images later
                seen = len(pids)
                try:
                    os.kill(int(pids[-1]), signal.SIGKILL)
                    done += 1
                except ProcessLookupError:
                    continue

    killer = threading.Thread(target=kill)
    killer.start()
    begun = time.monotonic()
    words = [str(python), "-m", "snakemake", "--cores", str(CORES)]
    ended = subprocess.run(words, cwd=project, env=environment_of(python), capture_output=True, check=False)
    seconds = time.monotonic() - begun
    over.set()
    killer.join()
    if ended.returncode:
        raise CommandFailed(ended.stderr.decode()[-3000:])
    records = [json.loads(path.read_bytes()) for path in (project / "results/measure").glob("*.json")]
    tried = sum(record["run"]["attempt"] > 1 for record in records)
    return {"seconds": seconds, "kills": float(done), "tried_again": float(tried), **_counts(project)}


def aims(results: Results) -> list[Aim]:
    """Those of the issue."""

    def figure(what: str, contestant: str, name: str = "seconds") -> float:
        found = results.of(contestant, what=what)
        return found.median(name) if found else float("nan")

    loop, ours = figure("tiles", LOOP), figure("tiles", OURS) - TIMEOUT / CORES
    return [
        Aim("8 images, 2 s of loading, one core", figure("loading", OURS), most=5, unit="s"),
        Aim("as fast as loading for each image", figure("loading", ANEW) / figure("loading", OURS), least=4),
        Aim("of a plain loop's throughput, tiles of ONNX", 100 * loop / ours, least=90, unit="%"),
        Aim("of five poisoned tiles fail", figure("tiles", OURS, "failed"), least=5, most=5, unit="tiles"),
        Aim("of 200 images lost in 20 kills", figure("kills", OURS, "failed"), most=0, unit="images"),
        Aim(
            "peak memory by fork, two at a time against one",
            figure("memory", FORK, "peak_mb") / figure("memory", ALONE, "peak_mb"),
            most=1.3,
        ),
        Aim(
            "peak memory by process, two at a time, Snakemake with it",
            figure("memory", PROCESS, "peak_mb"),
            most=2 * MODEL_MB + 200,
            unit="MB",
        ),
    ]


def text(results: Results) -> str:
    """A row a contestant and case."""

    def row(each: Measured) -> tuple[object, ...]:
        names = ("failed", "kills", "tried_again", "peak_mb")
        figures = [number(each.median(name)) if each.values(name) else "" for name in names]
        first = (each.case["what"], each.case["images"], each.contestant)
        return (*first, number(each.median()), each.spread(), len(each.runs), *figures)

    header = (
        "what",
        "images",
        "how",
        "seconds",
        "least … most",
        "runs",
        "failed",
        "kills",
        "tried again",
        "peak MB",
    )
    return markdown(header, [row(each) for each in results.measured])


BENCHMARK = Benchmark(
    name="models",
    title="Models that are loaded once",
    about=ABOUT,
    cases=[
        {"what": "loading", "images": 8},
        {"what": "tiles", "images": 500},
        {"what": "kills", "images": 200, "kills": 20},
        {"what": "memory", "images": 8},
    ],
    quick=[{"what": "loading", "images": 4}, {"what": "kills", "images": 30, "kills": 3}],
    contestants=contestants,
    repeats=lambda case: 3 if case["what"] in ("loading", "memory") else 1,
    aims=aims,
    text=text,
    plot=lambda results, figure: bars(figure, results, "seconds"),
)


if __name__ == "__main__":
    if any(word.startswith("--device") for word in sys.argv):
        sys.exit(on_device.main(sys.argv[1:]))
    main(BENCHMARK)
