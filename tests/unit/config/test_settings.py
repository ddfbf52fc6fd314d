"""Where settings come from: the first of six places, YAML or TOML; problems have their place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pixmake.base.errors import PixmakeError
from pixmake.config import settings
from pixmake.config.settings import load_settings, read_settings

TEXT = "cores: 3\nexecutors:\n  big: {threads: 4}\nsteps:\n  measure: big\n"
SAME = 'cores = 3\n[executors.big]\nthreads = 4\n[steps]\nmeasure = "big"\n'


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any settings."""
    for variable in ("PIXMAKE_CONFIG", "CONDA_PREFIX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "site"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    return tmp_path


def test_six_places_in_order(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place wins over those that stand behind it."""
    places = ("prefix/etc/pixmake", "conda/etc/pixmake", "site/pixmake", "user/pixmake")
    monkeypatch.setenv("CONDA_PREFIX", str(nowhere / "conda"))
    for number, place in enumerate(places):
        path = nowhere / place / ("settings.toml" if number % 2 else "settings.yaml")
        path.parent.mkdir(parents=True)
        path.write_text(f"cores = {number + 1}" if number % 2 else f"cores: {number + 1}")
        found = read_settings()
        assert (found.settings.cores, found.source) == (number + 1, str(path))
    named = nowhere / "named.yaml"
    named.write_text("cores: 5")
    monkeypatch.setenv("PIXMAKE_CONFIG", str(named))
    assert read_settings().settings.cores == 5
    (nowhere / "given.toml").write_text("cores = 6")
    assert read_settings(nowhere / "given.toml").settings.cores == 6


def test_default_is_written_the_first_time(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings all cores but one are used, and a file says so from then on."""
    monkeypatch.setattr(settings, "default_cores", lambda: 11)
    written = nowhere / "prefix/etc/pixmake/settings.yaml"
    assert (read_settings().settings.cores, read_settings().source) == (11, str(written))
    written.write_text(written.read_text().replace("11", "2"))
    assert read_settings().settings.cores == 2


def test_default_where_nothing_can_be_written(nowhere: Path) -> None:
    """An environment that belongs to someone else is left alone."""
    (nowhere / "prefix").write_text("a file")
    assert read_settings().source == "default"


def test_yaml_and_toml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TEXT)
    (tmp_path / "a.toml").write_text(SAME)
    assert load_settings(tmp_path / "a.yaml") == load_settings(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.yaml",
            "cores: 3\nexecutors: {big: {thraeds: 4}}\n",
            "a.yaml:2: unknown key executors.big.thraeds",
        ),
        ("a.toml", "core = 3\n", "a.toml: unknown key core (did you mean 'cores'?)"),
        ("a.yaml", "- 1\n", "a.yaml: holds no keys"),
        ("a.toml", "cores = \n", "a.toml: cannot be read"),
        ("a.yaml", "cores: 0\n", "a.yaml:1: cores: input should be "),
    ],
)
def test_problems_have_their_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PixmakeError) as raised:
        load_settings(tmp_path / name)
    assert str(raised.value).replace(f"{tmp_path}/", "").find(message) >= 0, str(raised.value)


def test_named_file_that_is_missing(nowhere: Path) -> None:
    with pytest.raises(PixmakeError, match="there is no such file of settings"):
        read_settings(nowhere / "gone.yaml")
