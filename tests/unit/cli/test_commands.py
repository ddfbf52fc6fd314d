"""The commands that a user is told of."""

from __future__ import annotations

from pathlib import Path

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
