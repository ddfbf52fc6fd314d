"""What was measured, as data: every single run of every contestant, kept as JSON, one file a benchmark."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"
QUICK = RESULTS / "quick"
"""Results of ``--quick``, which nobody should quote; git ignores them."""

OURS = "pixmake"

Case = Mapping[str, str | int]


@dataclass(frozen=True)
class Measured:
    """The runs of one contestant in one case."""

    case: Case
    """What was asked, such as ``{"images": 200}``."""
    contestant: str
    runs: tuple[Mapping[str, float], ...]
    """What each run gave: ``seconds`` of wall time, ``cpu_seconds``, ``peak_mb``, or what else is counted."""
    versions: Mapping[str, str]
    date: str
    machine: str = ""
    """What it was measured on."""

    def median(self, figure: str = "seconds") -> float:
        """The median of the runs; not a number if none has this figure."""
        values = self.values(figure)
        return statistics.median(values) if values else math.nan

    def values(self, figure: str = "seconds") -> list[float]:
        """A figure of each run."""
        return [run[figure] for run in self.runs if figure in run]

    def spread(self, figure: str = "seconds") -> str:
        """The least and the most."""
        values = self.values(figure)
        return f"{number(min(values))} … {number(max(values))}" if values else "–"


@dataclass(frozen=True)
class Results:
    """All that is known of one benchmark."""

    name: str
    measured: tuple[Measured, ...] = ()
    notes: Mapping[str, str] | None = None
    """What a benchmark wants to say in words beside its tables, such as a profile."""

    def of(self, contestant: str, **case: str | int) -> Measured | None:
        """What a contestant did in the first case that has these values."""
        return next((each for each in self.select(**case) if each.contestant == contestant), None)

    def select(self, **case: str | int) -> Iterator[Measured]:
        """All that was measured in the cases that have these values."""
        return (each for each in self.measured if case.items() <= dict(each.case).items())

    def cases(self) -> list[Case]:
        """The cases, in the order in which they were measured first."""
        found: list[Case] = []
        for each in self.measured:
            if each.case not in found:
                found.append(each.case)
        return found

    def contestants(self) -> list[str]:
        """The contestants, in their order."""
        return list(dict.fromkeys(each.contestant for each in self.measured))

    def ratio(self, theirs: str, figure: str = "seconds", ours: str = OURS, **case: str | int) -> float:
        """How many times as much of a figure they took as we did; not a number if it is not measured."""
        them, us = self.of(theirs, **case), self.of(ours, **case)
        return them.median(figure) / us.median(figure) if them and us else math.nan

    def without(self, case: Case) -> Results:
        """The same without a case that is measured again."""
        return replace(self, measured=tuple(each for each in self.measured if dict(each.case) != dict(case)))


def read(name: str, folder: Path = RESULTS) -> Results | None:
    """The results of a benchmark, if there are any."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    content = json.loads(path.read_bytes())
    # one machine stood for all cases before each had its own
    machine = content.pop("machine", "")
    content["measured"] = tuple(
        Measured(**{"machine": machine, **each, "runs": tuple(each["runs"])}) for each in content["measured"]
    )
    return Results(**content)


def write(results: Results, folder: Path = RESULTS) -> None:
    """Keep results."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(results), indent=1, ensure_ascii=False)
    (folder / f"{results.name}.json").write_text(text + "\n", encoding="utf-8")


def number(value: float) -> str:
    """A figure with as many digits as it deserves."""
    if math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def machine() -> str:
    """What is measured on."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{os.cpu_count()} cores ({model or platform.processor()}), {memory:.0f} GB, {system}"
