"""pixmake beside the floor: a script with a ``multiprocessing.Pool``."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from environments import SAME, environment, ours, versions
from frame import CORES, Aim, Benchmark, Contestant, Headline, headlines_of, main
from losses import losses
from measured import OURS, Case, Results, number
from page import comparison
from plots import bars
from projects import BURN, MANY, SHARED, analysis, draw, expect, forget, pixmake_project
from usage import environment_of, usage

POOL = "multiprocessing.Pool"

SCRIPT = """\
import json
import multiprocessing
from pathlib import Path

import cv2


{burn}

def measure(path):
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    with open(f"results/{{path.stem}}.json", "w") as file:
        json.dump({{"mean": float(image.mean()), "burnt": burn({milliseconds})}}, file)


if __name__ == "__main__":
    Path("results").mkdir()
    with multiprocessing.Pool({cores}) as pool:
        pool.map(measure, sorted(Path("images").glob("*.png")))
"""

ABOUT = f"""
The pool is the floor: {CORES} processes that read an image, compute, and write a file. It has no records of
what was done, cannot go on where it stopped, keeps no log, and one crash ends it all. Each image is 32 × 32
pixels; the work is a loop of pure Python that ends when it has had so many milliseconds of CPU time. The
rounds of it that went into one millisecond say how fast the machine was meanwhile.

pixmake has a fresh process for each image unless a step asks for something else. For work of some
milliseconds there is `images_per_process`: one process works on so many, one after the other, each with its
own record, log and limits ([docs/analysis.md](../docs/analysis.md#work-of-some-milliseconds)).
"""

AIMS = {5: 38, 50: 85, 500: 95}
AIMS_SHARED = {5: 45, 50: 85}
SHORT = (5, 50)
"""Of so many milliseconds an image is short enough for `images_per_process`."""


MISSED = """\
With a process each the aims of 5 and 50 ms are missed, with `images_per_process` they are met. A process of
its own costs some 6 CPU-ms over the work here, most of them the kernel's for its fork and its pages
(`benchmarks/BEFORE.md`, where what was tried against it stands, too)."""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """The pool and pixmake."""
    count, milliseconds = int(case["images"]), int(case["ms"])
    bare, own = environment("pool", *SAME), ours()
    folder = scratch / "pool"
    draw(folder, count)
    (folder / "script.py").write_text(SCRIPT.format(burn=BURN, milliseconds=milliseconds, cores=CORES))
    told = versions(own, "snakemake", "pandas")

    def pool() -> dict[str, float]:
        figures = usage([bare, "script.py"], folder, environment_of(bare))
        expect(folder, "results/*.json", count)
        rounds = (each["burnt"] for each in _read(folder, "results/*.json"))
        return {**figures, "rounds": statistics.mean(rounds) / milliseconds}

    def pixmake(name: str) -> Contestant:
        project = pixmake_project(scratch / name, count, analysis(milliseconds), shared=name == SHARED)

        def run() -> dict[str, float]:
            words = [own.parent / "snakemake", "--cores", str(CORES)]
            figures = usage(words, project, environment_of(own))
            expect(project, "results/measure/*.json", count)
            records = _read(project, "results/measure/*.json")
            rounds = (each["measurements"]["burnt"]["value"] for each in records)
            return {**figures, "rounds": statistics.mean(rounds) / milliseconds}

        return Contestant(name, run, lambda: forget(project), told)

    return [
        Contestant(POOL, pool, lambda: forget(folder), versions(bare, "numpy", "opencv-python-headless")),
        *(pixmake(name) for name in ([OURS, SHARED] if milliseconds in SHORT else [OURS])),
    ]


def aims(results: Results) -> list[Aim]:
    """How much of the pool's throughput is reached, in either way where there are two."""
    ways = {OURS: ("a process each", AIMS), SHARED: (f"{MANY} a process", AIMS_SHARED)}
    return [
        Aim(
            f"of the pool's throughput, images of {ms} ms, {way}",
            _share(results, ms, name),
            least=least[ms],
            unit="%",
        )
        for ms in AIMS
        for name, (way, least) in ways.items()
        if ms in least
    ]


def headlines(results: Results) -> list[Headline]:
    """What all that the floor lacks costs, images of 50 ms."""
    against, case = f"a bare {POOL}", {"images": 1000, "ms": 50}
    return [
        line
        for name, how in ((OURS, ""), (SHARED, f", {MANY} a process"))
        for line in headlines_of(results, case, POOL, f"1,000 images of 50 ms{how}", against, ours=name)
    ]


def _read(folder: Path, pattern: str) -> Iterator[dict[str, Any]]:
    return (json.loads(path.read_bytes()) for path in folder.glob(pattern))


def _share(results: Results, milliseconds: int, contestant: str) -> float:
    return 100 * results.ratio(POOL, ours=contestant, ms=milliseconds, images=1000)


def _text(results: Results) -> str:
    """The usual table, and why an aim is missed."""
    table = comparison(
        results,
        [
            ("of the pool's throughput", lambda each: _of_pool(results, each.case, each.contestant)),
            ("rounds a CPU-ms", lambda each: number(each.median("rounds"))),
        ],
    )
    missed = any(each.met is False for each in aims(results))
    return f"{table}\n\n{MISSED}" if missed else table


def _of_pool(results: Results, case: Case, contestant: str) -> str:
    return f"{100 / results.ratio(contestant, ours=POOL, **case):.0f} %"


BENCHMARK = Benchmark(
    name="pool",
    title="The floor: a process pool",
    about=ABOUT,
    cases=[{"images": 1000, "ms": ms} for ms in AIMS],
    quick=[{"images": 40, "ms": 50}],
    contestants=contestants,
    repeats=lambda case: {5: 5, 50: 3}.get(int(case["ms"]), 1),
    aims=aims,
    headlines=headlines,
    text=_text,
    notes=lambda quick: {"losses": losses(quick=quick)},
    plot=lambda results, figure: bars(figure, results, "seconds for 1,000 images"),
)


if __name__ == "__main__":
    main(BENCHMARK)
