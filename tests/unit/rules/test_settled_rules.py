"""Rules are left out only where nobody can miss them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pixmake.rules import settled_rules
from pixmake.rules.settled_rules import SAFE, may_leave_out

PLAIN = "from pixmake import rules as pixmake_rules\npixmake_rules.look_at('config.yaml')\n"

GIVEN: dict[str, tuple[dict[str, Any] | None, bool]] = {
    "a run": ({"cores": 2}, True),
    "a dry run": ({"cores": 2, "dryrun": True}, True),
    "a profile for a cluster": ({"executor": "cluster-generic", "cluster_generic_submit_cmd": "x"}, True),
    "the options of another executor": ({"executor": "slurm", "cluster_generic_submit_cmd": "x"}, False),
    "a target": ({"cores": 2, "targets": ["results/measure/p0.json"]}, False),
    "all again": ({"forceall": True}, False),
    "a rule again": ({"forcerun": ["measure_p0"]}, False),
    "a summary": ({"summary": True}, False),
    "a list": ({"list_rules": True}, False),
    "Snakemake's own report": ({"report": "report.html"}, False),
    "an option of tomorrow": ({"think": True}, False),
    "not by the command line": (None, False),
}


@pytest.mark.parametrize("name", GIVEN)
def test_options(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option that is not known to be safe has all rules made."""
    given, left_out = GIVEN[name]
    (tmp_path / "Snakefile").write_text(PLAIN)
    monkeypatch.setattr(settled_rules, "options_given", lambda: given)
    monkeypatch.delenv("PIXMAKE_ALL_RULES", raising=False)
    workflow = SimpleNamespace(is_main_process=True, main_snakefile=str(tmp_path / "Snakefile"))
    assert may_leave_out(workflow) == left_out
    monkeypatch.setenv("PIXMAKE_ALL_RULES", "1")
    assert not may_leave_out(workflow)


@pytest.mark.parametrize(
    "line", ["use rule aggregate as mine with:", "module pixmake:", "    input: rules.measure_p0.output"]
)
def test_snakefiles_that_name_rules(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Snakefile that speaks of rules by their names finds them all."""
    (tmp_path / "Snakefile").write_text(f"{PLAIN}{line}\n")
    monkeypatch.setattr(settled_rules, "options_given", lambda: {"cores": 1})
    monkeypatch.delenv("PIXMAKE_ALL_RULES", raising=False)
    assert not may_leave_out(
        SimpleNamespace(is_main_process=True, main_snakefile=str(tmp_path / "Snakefile"))
    )


def test_safe_options_are_snakemakes() -> None:
    """Each option that is known to be safe is one of Snakemake's, so that a new meaning is seen."""
    from snakemake.cli import get_argument_parser

    assert {action.dest for action in get_argument_parser()._actions} >= SAFE - {
        "immediate_submit",
        "scheduler_solver_path",
    }


def test_a_rule_is_the_same_wherever_pixmake_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a rule's software is counts, not where it is said: another place would leave no job settled."""
    step = SimpleNamespace(step=SimpleNamespace(container=None))

    def rule(software: str) -> str:
        monkeypatch.setattr(settled_rules, "software", lambda _: software)
        return settled_rules._rule_of(step, [])  # type: ignore[arg-type]

    files = {place: tmp_path / place / "function.yaml" for place in ("here", "there", "other")}
    for place, file in files.items():
        file.parent.mkdir()
        file.write_text("dependencies: [numpy]\n" if place != "other" else "dependencies: [scipy]\n")
    assert rule(str(files["here"])) == rule(str(files["there"])) != rule(str(files["other"]))
    assert rule("plants") != rule("cells")
