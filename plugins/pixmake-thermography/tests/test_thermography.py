"""The source, the format, the export and the view keep what pixmake promises of its own."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pixmake_thermography import thermogram

from pixmake import testing
from pixmake.cli.command_line import main
from pixmake.config.images import Images
from pixmake.table.sources import read_source

LOG = "file,time,altitude\na.thm,2026-06-01T11:02:07,12.5\nb.thm,2026-06-01T11:02:12,0.4\n"


def write_thermogram(path: Path) -> Any:
    """A thermogram of a warm field, and what is to be read of it."""
    values = np.random.default_rng(0).integers(28000, 31000, (30, 40)).astype("<u2")
    path.write_bytes(struct.pack("<8sII", b"THERMOG1", *values.shape) + values.tobytes())
    return values.astype(np.float32) / np.float32(100) - np.float32(273.15)


@pytest.mark.parametrize("promise", testing.FORMAT, ids=testing.name)
def test_thermogram(promise: Callable[[testing.FormatCase], None], tmp_path: Path) -> None:
    pixels = write_thermogram(tmp_path / "a.thm")
    promise(testing.FormatCase(thermogram, tmp_path / "a.thm", pixels, "yx"))


@pytest.mark.parametrize("promise", testing.SOURCE, ids=testing.name)
def test_flight_log(
    promise: Callable[[testing.SourceCase], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text(LOG)
    keys, missing = {"path": "log.csv"}, {"path": "away.csv"}
    promise(testing.SourceCase("flight_log", keys, 2, missing, "away.csv"))


def test_pictures_on_the_ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are left out, and that is said."""
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text(LOG)
    table = read_source(Images.model_validate({"flight_log": {"path": "log.csv", "lowest": 2}}))
    assert table.cells["path"].tolist() == ["a.thm"]
    assert [str(note) for note in table.notes] == ["log.csv, line 3, b.thm: taken below 2 m"]


@pytest.fixture
def flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose pictures have an altitude, with the results of a run."""
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    Path("log.csv").write_text(LOG)
    Path("config/config.yaml").write_text(
        "images: {flight_log: log.csv}\nsteps: {warm: {function: 'warm.py:warm'}}\n"
    )
    lines = (
        "id,step,path,time,altitude,mean",
        "a,warm,a.thm,11:02:07,12.5,17",
        "b,warm,b.thm,11:02:12,0.4,20",
    )
    rows = "".join(f"{line}\n" for line in lines)
    Path("results").mkdir()
    Path("results/measurements.csv").write_text(rows)
    Path("results/columns.csv").write_text(
        "column,kind,type,unit,step\npath,term,text,,\ntime,term,text,,\naltitude,term,number,,\nmean,measurement,number,,warm\n"
    )
    return tmp_path


@pytest.mark.parametrize("promise", testing.EXPORT, ids=testing.name)
def test_flight_profile(promise: Callable[[testing.ExportCase], None], flight: Path) -> None:
    promise(testing.ExportCase("flight-profile", ("--above", "2"), [("--above", "high"), ("--above", "99")]))


def test_a_profile_is_in_the_order_of_time(flight: Path) -> None:
    assert main(["export", "flight-profile"]) == 0
    assert Path("profile.csv").read_text() == "id,altitude,mean\na,12.5,17\nb,0.4,20\n"


@pytest.mark.parametrize("promise", testing.VIEW, ids=testing.name)
def test_altitude(promise: Callable[[testing.ViewCase], None]) -> None:
    promise(testing.ViewCase("altitude", {"altitude": [12.5, 14, 0.4]}, {"mean": [17.0, 19.0, 20.0]}))
