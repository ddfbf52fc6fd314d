"""What the page of very many images costs: to make it, and to open it in Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from environments import ours, versions
from frame import Aim, Benchmark, Contestant, NotHere, main
from measured import Case, Results, number
from one_more import written_project
from page import markdown
from scale import page_words, params
from usage import environment_of, usage

MADE, OPENED = "made", "usable in Chromium"
READY = "performance.getEntriesByName('pixmake-ready')[0]?.startTime"

ABOUT = """
The records are copies of one that was measured, each with its image's own id, path and plant, and each has
its thumbnail, as images' own jobs leave them. The page is made of all records, with nothing kept of an
earlier one; that is one thread's work, so its CPU time is what it takes where nobody else uses the cores.
Then it is opened, without network, until one can filter, sort and open images.
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """The page's program, and the browser."""
    browser, count, python = _chromium(), int(case["images"]), ours()
    project = written_project(scratch / "project", count, 1)
    _give_thumbnails(project, count)
    pixmake, alone, told = python.parent / "pixmake", scratch / "alone", versions(python)
    alone.mkdir()
    gather = 'find results/measure -name "*.json" | sort | "$0" records "$1"'
    usage(["sh", "-c", gather, pixmake, alone / "records.jsonl"], project, environment_of(python))
    kept = project / ".snakemake/pixmake/pictures"
    words = [pixmake, *page_words(params(pixmake, project, "report"), alone, kept)]

    def make() -> Mapping[str, float]:
        figures = usage(words, project, environment_of(python))
        if len(os.listdir(alone / "report_files")) != count:
            raise RuntimeError(f"{alone / 'report_files'}: not {count} small pictures")
        return figures

    def forget() -> None:
        for memory in (project / ".snakemake/pixmake/memory").iterdir():
            shutil.rmtree(memory)
        for made in alone.glob("report*"):
            shutil.rmtree(made) if made.is_dir() else made.unlink()

    return [
        Contestant(MADE, make, forget, told),
        Contestant(OPENED, lambda: _open(browser, alone / "report.html"), versions=told),
    ]


def _give_thumbnails(project: Path, count: int) -> None:
    """Give all images a copy of the thumbnail of the one that was measured."""
    first = next((project / ".snakemake/pixmake/pictures").glob("*i000000.jpg"))
    content, date = first.read_bytes(), first.stat().st_mtime_ns
    for at in range(count):
        path = first.with_name(first.name.replace("i000000", f"i{at:06}"))
        path.write_bytes(content)
        os.utime(path, ns=(date, date))


def _chromium() -> str:
    found = os.environ.get("PIXMAKE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        raise NotHere("there is no chromium: apt-get install chromium")
    return found


def _open(browser: str, file: Path) -> dict[str, float]:
    with _opened(browser) as page:
        page.goto(file.as_uri())
        page.wait_for_function(READY)
        return {"seconds": page.evaluate(READY) / 1000}


@contextlib.contextmanager
def _opened(browser: str) -> Iterator[Any]:
    """An empty page of a browser that was just started."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        context = opened.new_context(viewport={"width": 1280, "height": 900}, offline=True)
        yield context.new_page()
        opened.close()


def aims(results: Results) -> list[Aim]:
    """Of 100,000 images. To make the page is one thread's work: its CPU time is seconds on quiet cores."""
    made, opened = (results.of(name, images=100_000) for name in (MADE, OPENED))
    cpu = made.median("cpu_seconds") if made else float("nan")
    seconds = opened.median() if opened else float("nan")
    return [
        Aim("page of 100,000 images: made", cpu, most=12, unit="s of CPU time"),
        Aim("page of 100,000 images: usable in Chromium", seconds, most=2, unit="s"),
    ]


def text(results: Results) -> str:
    """The usual table, but that nobody is compared with."""
    header = ["images", "what", "seconds", "least … most", "runs", "CPU-seconds", "peak MB"]
    rows = [
        (
            f"{int(each.case['images']):,}",
            *(each.contestant, number(each.median()), each.spread(), str(len(each.runs))),
            *(number(each.median(name)) for name in ("cpu_seconds", "peak_mb")),
        )
        for each in results.measured
    ]
    return markdown(header, rows)


BENCHMARK = Benchmark(
    name="report",
    title="The page of very many images",
    about=ABOUT,
    cases=[{"images": 10_000}, {"images": 100_000}],
    quick=[{"images": 300}],
    contestants=contestants,
    aims=aims,
    text=text,
)


if __name__ == "__main__":
    main(BENCHMARK)
