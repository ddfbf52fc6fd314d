"""What Snakemake's command line asks for and Snakemake leaves out in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixmake.rules.command_line import option_problems


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--cores 2", ""),
        ("--workflow-profile none", ""),
        ("--workflow-profile profiles/here", ""),
        ("--workflow-profile=here", ""),
        ("--workflow-profile profiles/here/config.yaml", ""),
        ("--workflow-profile versioned", ""),
        ("-s elsewhere/Snakefile --workflow-profile beside", ""),
        ("--workflow-profile profiles/slurm --mode remote", ""),
        ("all -- --workflow-profile profiles/slurm", ""),
        ("--workflow-profile beside", "there is no such workflow profile"),
        ("--workflow-profile profiles/slurm", "`pixmake profile slurm` writes it"),
        ("--workflow-prof=slurm", "`pixmake profile slurm` writes it"),
        ("--workflow-profile here --workflow-profile sge", "`pixmake profile sge` writes it"),
        ("--workflow-profile profiles/slrum --cores 2", "did you mean 'slurm'?"),
        ("--workflow-profile profiles/her", "did you mean 'here'?"),
        ("--groups a=b --generic ge", ""),
        ("--generate-unit-tests", "--generate-unit-tests: is not for a project of pixmake"),
        ("--generate-unit-tests=here --cores 1", "`pixmake verify` runs finished images again"),
        ("--workflow-profile empty", "there is no such workflow profile"),
    ],
)
def test_what_no_run_can_do(words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told: a profile that is not there with what writes it or the name that was meant."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "profiles/here/config.yaml",
        "elsewhere/profiles/beside/config.yaml",
        "versioned/config.v9+.yaml",
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    told = "; ".join(map(str, option_problems(words.split())))
    assert said in told
    assert bool(told) == bool(said)
