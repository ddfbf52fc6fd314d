"""The plots: SVG files whose colours stand out from a light and from a dark ground."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from measured import OURS, number

if TYPE_CHECKING:
    from frame import Benchmark
    from matplotlib.figure import Figure
    from measured import Results

INK = "#767676"
"""As far from white as from black: readable on either."""
COLOURS = ("#2f81f7", "#d1700a", "#2e9b4f", "#b660cd", "#c9485b", "#1b9aaa", "#8a8420", "#d977a8")
"""The first is ours."""
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pixmake",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial"],
    "font.size": 10,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


def draw(pairs: Sequence[tuple[Benchmark, Results]], folder: Path) -> None:
    """Draw a plot of each benchmark that has one, and one of all headlines."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for benchmark, results in pairs:
            if benchmark.plot:
                figure = Figure(figsize=(7, 3.4), layout="constrained")
                benchmark.plot(results, figure)
                _save(figure, folder / f"{benchmark.name}.svg")
        lines = [line for benchmark, results in pairs for line in benchmark.headlines(results)]
        times = {f"{line.work}: {line.against}": line.theirs / line.ours for line in lines}
        times = {name: value for name, value in times.items() if value == value}
        if times:
            figure = Figure(figsize=(7, 0.6 + 0.34 * len(times)), layout="constrained")
            faster(figure, times)
            _save(figure, folder / "overview.svg")


def colour(contestant: str, contestants: Sequence[str]) -> str:
    """A contestant's colour, the same in all plots of a benchmark; ours in all plots."""
    if contestant == OURS:
        return COLOURS[0]
    others = [name for name in contestants if name != OURS]
    return COLOURS[1 + others.index(contestant) % (len(COLOURS) - 1)]


def bars(figure: Figure, results: Results, label: str, figure_of: str = "seconds", per: str = "") -> None:
    """A panel a case, in it a bar a contestant, with a line from the least to the most.

    Parameters
    ----------
    figure
        To draw into.
    results
        Of one benchmark.
    label
        What the axis says.
    figure_of
        Which figure of the runs.
    per
        A value of the case by which to divide, such as ``images``.
    """
    contestants, cases = results.contestants(), results.cases()
    for position, case in enumerate(cases, 1):
        axes = figure.add_subplot(1, len(cases), position)
        by = float(case[per]) if per else 1.0
        there = [each for each in results.select(**case) if each.values(figure_of)]
        middle = [each.median(figure_of) / by for each in there]
        low = [value - min(each.values(figure_of)) / by for value, each in zip(middle, there, strict=True)]
        high = [max(each.values(figure_of)) / by - value for value, each in zip(middle, there, strict=True)]
        colours = [colour(each.contestant, contestants) for each in there]
        drawn = axes.bar(range(len(there)), middle, color=colours, yerr=[low, high], ecolor=INK)
        axes.bar_label(drawn, [number(value) for value in middle], color=INK, fontsize=9, padding=2)
        axes.set_xticks([])
        axes.set_title("\n".join(_words(name, value) for name, value in case.items()), fontsize=9)
        if position == 1:
            axes.set_ylabel(label)
    _legend(figure, contestants)


def _words(name: str, value: object) -> str:
    """A value of a case, in lines that leave room for a neighbour: ``60 images``, ``PlantCV 5``."""
    if isinstance(value, int):
        return f"{value:,} {name}"
    text = str(value)
    return textwrap.fill(f"{name} {text}" if text.replace(".", "").isdigit() else text, 20)


def lines(
    figure: Figure, series: Mapping[str, Mapping[float, float]], across: str, up: str, *, log: bool = True
) -> None:
    """Lines over a number, such as of images; each series is a mapping from it to a value."""
    axes = figure.add_subplot()
    for name, points in series.items():
        ordered = sorted(points.items())
        axes.plot(*zip(*ordered, strict=True), marker="o", color=colour(name, list(series)), label=name)
    ticks = sorted({x for points in series.values() for x in points})
    if log:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    _legend(figure, list(series))


def faster(figure: Figure, times: Mapping[str, float]) -> None:
    """Bars of how many times faster pixmake is; a line stands at "as fast"."""
    axes = figure.add_subplot()
    names = list(times)
    drawn = axes.barh(
        names, list(times.values()), color=[COLOURS[0] if times[n] >= 1 else COLOURS[1] for n in names]
    )
    axes.bar_label(drawn, [f"{value:.1f} ×" for value in times.values()], color=INK, fontsize=9, padding=3)
    axes.axvline(1, color=INK, linewidth=1)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_yticks(names, [textwrap.fill(name, 46) for name in names])
    axes.tick_params("y", labelsize=9)
    axes.set_xlabel("times faster than")


def _legend(figure: Figure, contestants: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=colour(name, contestants), label=name) for name in contestants]
    figure.legend(handles=patches, loc="outside upper center", ncols=min(len(patches), 3), fontsize=9)


def _save(figure: Figure, path: Path) -> None:
    # no date in the file: it differs only if a figure does
    figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})
