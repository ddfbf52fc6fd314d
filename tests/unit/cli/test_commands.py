"""The commands that a user is told of."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pixmake.cli import main
from pixmake.cli.commands import HOMES, LISTED


@pytest.mark.parametrize(
    ("word", "hint"), [("stats", "did you mean 'status'?"), ("xyz", f"known: {', '.join(sorted(LISTED))}")]
)
def test_a_command_that_is_not_there(word: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest one is named; what only rules call is not."""
    with pytest.raises(SystemExit) as ended:
        main([word])
    said = capsys.readouterr().err
    assert (ended.value.code, said.splitlines()[-1]) == (
        2,
        f"pixmake: error: there is no command {word!r} ({hint})",
    )
    assert not any(f" {hidden}" in said for hidden in HOMES.keys() - LISTED.keys())


@pytest.mark.parametrize("words", [["run", "-n"], ["watch", "--idle", "0", "--", "-n"]])
def test_a_config_without_a_snakefile(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What writes it is said, and nothing is run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("images: {directory: images}\n")
    assert main(words) == 1
    assert capsys.readouterr().err == (
        "pixmake: config/config.yaml: there is no Snakefile beside it "
        "(`pixmake init .` writes what is missing)\n"
    )


def test_help_lists_the_commands_of_users(capsys: pytest.CaptureFixture[str]) -> None:
    """Each of them, and none else."""
    with pytest.raises(SystemExit):
        main(["--help"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]
    named = [row[0] for row in rows if row[0] in HOMES]
    assert [name for name in LISTED if name not in named] == []
    assert not {*named} & (HOMES.keys() - LISTED.keys())


def test_a_new_project_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody is told to go where they are; what is told to run is what all pages tell."""
    monkeypatch.chdir(tmp_path)
    drawn = []  # the demo's tests have the pictures drawn
    monkeypatch.setattr("subprocess.run", lambda words, cwd, check: drawn.append((words[1], str(cwd))))
    assert main(["init", "."]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert "this folder is a new project, with the demo's pictures in images/. Run it:" in lines
    assert "  snakemake --cores 4" in lines
    assert not any(line.strip().startswith("cd ") for line in lines)
    assert main(["init", "a trial"]) == 0
    assert "  cd 'a trial'" in capfd.readouterr().out.splitlines()
    assert drawn == [("scripts/draw_trial.py", "."), ("scripts/draw_trial.py", "a trial")]


def test_one_image_is_counted_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`check`, also of what it opens."""
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    Path("images").mkdir()
    Path("Snakefile").touch()
    Path("scripts").mkdir()
    Path("scripts/analysis.py").write_text("def measure(image):\n    return {'n': 1}\n")
    cv2.imwrite("images/a.png", np.zeros((8, 8), np.uint8))
    Path("config/config.yaml").write_text(
        "images: {directory: images}\nsteps: {measure: {function: 'scripts/analysis.py:measure'}}\n"
    )
    assert main(["check", "--read"]) == 0
    said = capsys.readouterr().out
    assert "no problem found. 1 image; steps: measure" in said
    assert "opened 1 image in " in said
