"""What benchmarks say of results that are there; nothing is measured here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.conftest import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"


@pytest.fixture
def frame(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The modules of ``benchmarks/``, by the names under which its scripts import each other."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for script in BENCHMARKS.glob("*.py"):  # another test may have loaded a user's file of that name
        monkeypatch.delitem(sys.modules, script.stem, raising=False)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        found = getattr(sys.modules[name], "__file__", None) or ""
        if found.startswith(str(BENCHMARKS)):
            del sys.modules[name]


def test_the_readme_shows_what_was_measured_last(frame: None) -> None:
    """The part between the markers, and the page, are those of the results in the repository."""
    import measured
    import page

    pairs = page.load(measured.RESULTS)
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert page.with_part(readme, page.part(pairs)) == readme
    if pairs:
        assert (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8") == page.text(pairs)


def test_page_and_plots_of_results(frame: None, tmp_path: Path) -> None:
    """Medians, spread, ratios, aims met or not, what was not measured; a plot in colours for any ground."""
    import measured
    import page
    import plots

    runs = {
        (1000, "Snakefile, default settings"): [120.0, 100.0, 110.0],
        (1000, "pixmake"): [22.0, 21.0, 20.0],
        (3000, "pixmake"): [90.0],
    }
    found = [
        {
            "case": {"images": images},
            "contestant": name,
            "runs": [{"seconds": each, "cpu_seconds": 2 * each, "peak_mb": 150.0} for each in seconds],
            "versions": {"snakemake": "9.27.1"},
            "date": "2026-01-02",
        }
        for (images, name), seconds in runs.items()
    ]
    content = {"name": "snakefile", "machine": "2 cores", "measured": found, "notes": {"profile": "Said."}}
    (tmp_path / "snakefile.json").write_text(json.dumps(content))

    pairs = page.load(tmp_path)
    text = page.text(pairs)
    assert "| 1,000 | Snakefile, default settings | 110 | 100 … 120 | 3 | 5.24 × | 0.22 | 150 | 110 |" in text
    assert "| 1,000 | pixmake | 21.0 | 20.0 … 22.0 | 3 | 1 | 0.042 | 150 | 21.0 |" in text
    aims = [line for line in text.splitlines() if line.startswith("| A Snakefile by hand |")]
    assert aims[0].endswith("| ≥ 5 × | 5.2 × | yes |")
    assert aims[1].endswith("| ≤ 1.1 × | 1.4 × | **no** |")
    assert "*2026-01-02, 2 cores. snakemake 9.27.1.*" in text
    assert "Said." in text

    plots.draw(pairs, tmp_path / "plots")
    drawing = (tmp_path / "plots/snakefile.svg").read_text()
    ElementTree.fromstring(drawing)
    assert "#ffffff" not in drawing and "#000000" not in drawing

    measured.write(pairs[0][1].without({"images": 1000}), tmp_path)
    assert "not measured" in page.text(page.load(tmp_path))


def test_one_case_is_measured_again(frame: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contestants take turns; what is measured again replaces its own case alone, every time is kept."""
    import measured
    from frame import Benchmark, Contestant, measure

    monkeypatch.setattr(measured, "RESULTS", tmp_path)
    turns: list[str] = []

    def contestants(case: measured.Case, scratch: Path) -> list[Contestant]:
        def run(name: str) -> dict[str, float]:
            turns.append(f"{name}{case['n']}")
            return {"seconds": float(len(turns))}

        return [Contestant(name, lambda name=name: run(name)) for name in "ab"]

    benchmark = Benchmark("turns", "T", "", [{"n": 1}, {"n": 2}], [], contestants, repeats=lambda case: 2)
    measure(benchmark)
    assert turns == ["a1", "b1", "b1", "a1", "a2", "b2", "b2", "a2"]
    measure(benchmark, only={"n": "1"})
    kept = measured.read("turns", tmp_path)
    assert kept is not None
    assert [run["seconds"] for run in kept.of("a", n=1).runs] == [9.0, 12.0]
    assert [run["seconds"] for run in kept.of("a", n=2).runs] == [5.0, 8.0]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_cost_of_a_command_counts_all_that_it_starts(tmp_path: Path) -> None:
    """CPU time and memory of a process that detached itself are the command's, too; a failure is one."""
    burn = "import time; held = bytearray(80_000_000)\nwhile time.process_time() < 0.7: pass"
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}], start_new_session=True)"
    )
    words = [sys.executable, "-c", code]
    script = "import json, sys, usage; print(json.dumps(usage.usage(sys.argv[2:], sys.argv[1])))"
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run([*command, *words], cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    assert figures["cpu_seconds"] > 0.7
    assert figures["peak_mb"] > 80

    failed = subprocess.run([*command, "false"], cwd=BENCHMARKS, capture_output=True, text=True, check=False)
    assert "CommandFailed: false" in failed.stderr


def test_a_benchmark_on_a_device_that_is_not_there() -> None:
    """It says so, and measures nothing."""
    words = [sys.executable, str(BENCHMARKS / "models.py"), "--device", "cuda"]
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=hidden)
    assert done.returncode == 1
    assert done.stdout.startswith("No GPU can be seen here, so nothing is measured"), done.stderr
