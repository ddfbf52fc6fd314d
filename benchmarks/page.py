"""The results as text: ``RESULTS.md``, and a part of the README; ``python benchmarks/page.py``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import measured
import plots
from environments import REPOSITORY
from frame import Benchmark
from measured import Case, Measured, Results, number
from run import SCRIPTS

BEGIN = "<!-- benchmarks: `make bench` writes this part -->"
END = "<!-- end of benchmarks -->"

HEAD = """\
# What pixmake costs

Written by `make bench`. What is asked of several was measured in turns, in one run; every single time is in
[`benchmarks/results/`](../benchmarks/results). All have the same two cores, and an environment of their own
into which pip installed them. A value is the median of the runs. CPU-seconds and memory are those of a
command and of all that it starts; memory is the most that was held at one time. The files of all programs and
projects are kept in memory meanwhile, so that nobody waits for the disk after another one's long run.
`python benchmarks/NAME.py` measures a part again.
"""

Pair = tuple[Benchmark, Results]


def write(*, quick: bool = False) -> None:
    """Write the page, the plots and the README's part from all results that there are."""
    if quick:
        pairs, page = load(measured.QUICK), measured.QUICK / "RESULTS.md"
    else:
        pairs, page = load(measured.RESULTS), measured.HERE / "RESULTS.md"
    plots.draw(pairs, page.parent / "plots")
    page.write_text(text(pairs), encoding="utf-8")
    if not quick:
        readme = REPOSITORY / "README.md"
        readme.write_text(with_part(readme.read_text(encoding="utf-8"), part(pairs)), encoding="utf-8")


def load(folder: Path) -> list[Pair]:
    """The benchmarks that have results there, in the order of `run.SCRIPTS`."""
    found = []
    for script in SCRIPTS:
        benchmark = importlib.import_module(script).BENCHMARK
        results = measured.read(benchmark.name, folder)
        if results is not None and results.measured:
            found.append((benchmark, results))
    return found


def text(pairs: Sequence[Pair]) -> str:
    """The whole page."""
    parts = [HEAD]
    if aims := aims_table(pairs):
        parts.append(f"## Aims\n\n{aims}\n")
    parts += [section(benchmark, results) for benchmark, results in pairs]
    return "\n".join(parts)


def section(benchmark: Benchmark, results: Results) -> str:
    """One benchmark: what is done, tables, plot, what it was measured on."""
    table = (benchmark.text or comparison)(results)
    parts = [f"## {benchmark.title}", benchmark.about.strip(), table]
    if benchmark.plot:
        parts.append(f"![{benchmark.title}: plot](plots/{benchmark.name}.svg)")
    parts += [words.strip() for words in (results.notes or {}).values()]
    parts.append(_circumstances(results))
    return "\n\n".join(parts) + "\n"


def comparison(
    results: Results, more: Sequence[tuple[str, Callable[[Measured], str]]] = (), per: str = "images"
) -> str:
    """The usual table: a line for each contestant of each case, and how they compare with ours.

    Parameters
    ----------
    results
        Of one benchmark; ``seconds`` must be among its figures, ``cpu_seconds`` and ``peak_mb`` may.
    more
        Columns to add: the header, and what stands in a line.
    per
        The value of a case by which CPU-seconds are divided.
    """
    named = list(dict.fromkeys(name for case in results.cases() for name in case))
    columns: list[tuple[str, Callable[[Measured], str]]] = [
        *((name, lambda each, name=name: _cell(each.case.get(name, "–"))) for name in named),
        ("what", lambda each: each.contestant),
        ("seconds", lambda each: number(each.median())),
        ("least … most", lambda each: each.spread()),
        ("runs", lambda each: str(len(each.runs))),
        ("of pixmake", lambda each: _times(results.ratio(each.contestant, **each.case))),
    ]
    if any(each.values("cpu_seconds") for each in results.measured):
        unit = per.removesuffix("s")
        columns.append(
            (f"CPU-seconds, {unit}", lambda each: number(each.median("cpu_seconds") / int(each.case[per])))
        )
    if any(each.values("peak_mb") for each in results.measured):
        columns.append(("peak MB", lambda each: number(each.median("peak_mb"))))
    columns += more
    rows = [[cell(each) for _, cell in columns] for each in results.measured]
    return markdown([header for header, _ in columns], rows)


def aims_table(pairs: Sequence[Pair]) -> str:
    """What was aimed at, what was measured, and whether the aim was met."""
    rows = []
    for benchmark, results in pairs:
        for aim in benchmark.aims(results):
            wanted = f"≥ {aim.least:g} {aim.unit}" if aim.least is not None else f"≤ {aim.most:g} {aim.unit}"
            met = {None: "not measured", True: "yes", False: "**no**"}[aim.met]
            rows.append((benchmark.title, aim.what, wanted, f"{number(aim.value)} {aim.unit}", met))
    return markdown(("benchmark", "aim", "wanted", "measured", "met"), rows) if rows else ""


SLOWER = """\
Below 1 × the other is faster.
In pixmake's time are some 3 seconds of Snakemake's start, of the tables and of the page,
and for each image some 8 ms for a process, a log and a record of its own;
half of that where a step says that \
[one process works on many](docs/analysis.md#work-of-some-milliseconds), here 100."""


def part(pairs: Sequence[Pair]) -> str:
    """What the README shows: a line for each headline, and the plot of them."""
    rows = [
        (line.work, line.against, number(line.theirs), number(line.ours), _times(line.theirs / line.ours))
        for benchmark, results in pairs
        for line in benchmark.headlines(results)
        if line.theirs == line.theirs and line.ours == line.ours
    ]
    if not rows:
        return ""
    header = ("the same work", "done by", "seconds", "pixmake, seconds", "pixmake is faster by")
    plot = "![How many times faster pixmake is](benchmarks/plots/overview.svg)"
    return f"{markdown(header, rows)}\n\n{SLOWER}\n\n{plot}\n\nReproduce it with `make bench`.\n"


def with_part(readme: str, words: str) -> str:
    """The README with its part between the markers replaced."""
    before, _, rest = readme.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"README.md has no lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{words}\n{END}{after}" if words else f"{before}{BEGIN}\n{END}{after}"


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _circumstances(results: Results) -> str:
    """When and on what machine what was measured, and with which versions."""
    if not results.measured:
        return ""
    measured: dict[str, dict[str, None]] = {}
    versions: dict[str, dict[str, None]] = {}
    for each in results.measured:
        measured.setdefault(f"{each.date}, {each.machine}", {})[_words(each.case)] = None
        words = ", ".join(f"{name} {version}" for name, version in each.versions.items())
        versions.setdefault(words, {})[each.contestant] = None
    where = "; ".join(_told(measured, with_them=True))
    said = "; ".join(_told(versions, with_them=False))
    return f"*{where}.{' ' if said else ''}{said}{'.' if said else ''}*"


def _told(found: Mapping[str, Mapping[str, None]], *, with_them: bool) -> list[str]:
    """Words, each with what they are said of if they are not said of all."""
    if len(found) == 1:
        return [words for words in found if words]
    return [
        f"{words}: {'; '.join(of)}" if with_them else f"{' and '.join(of)}: {words}"
        for words, of in found.items()
        if words
    ]


def _words(case: Case) -> str:
    return ", ".join(f"{value:,} {name}" if isinstance(value, int) else value for name, value in case.items())


def _cell(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _times(value: float) -> str:
    return (
        "–" if value != value else "1" if value == 1 else f"{value:.2f} ×" if value < 10 else f"{value:.0f} ×"
    )


if __name__ == "__main__":
    write()
