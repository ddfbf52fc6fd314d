"""Altair hashes its schemas once, and PlantCV's histograms stay what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair
import pytest
from altair.utils import schemapi

from pixmake.job.runners import altair_schemas, plantcv


@pytest.fixture(autouse=True)
def altair_as_it_was() -> Iterator[None]:
    theirs = schemapi._FromDict.__dict__["hash_schema"]
    yield
    setattr(schemapi._FromDict, "hash_schema", theirs)  # noqa: B010 - mypy has it for a method
    vars(schemapi).pop(altair_schemas._MARK, None)


def histogram() -> dict[str, Any]:
    """As `pcv.visualize.histogram` draws one: lines of several channels over intensities."""
    values = [{"intensity": each, "percent": each * 2.5, "channel": "hue"} for each in range(4)]
    chart = altair.Chart({"values": values}).mark_line()
    encoded = chart.encode(x="intensity:Q", y=altair.Y("percent:Q").title("percent"), color="channel:N")
    drawn: dict[str, Any] = encoded.properties(title="hue").to_dict()
    return drawn


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The schemas that Altair hashes from now on."""
    found: list[object] = []

    def dumps(what: object, **how: Any) -> str:
        found.append(what)
        return json.dumps(what, **how)

    monkeypatch.setattr(schemapi, "json", type("json", (), {"dumps": staticmethod(dumps)}))
    return found


def test_a_chart_is_the_same_and_its_schemas_are_hashed_no_more(hashed: list[object], tmp_path: Path) -> None:
    script = tmp_path / "workflow.py"
    script.write_text("import altair\n")
    before = histogram()
    assert len(hashed) > 1000  # for each channel all that there are
    plantcv.prepare({"script": str(script)})
    hashed.clear()
    assert histogram() == before
    assert len(hashed) < 10


def test_schemas_that_are_not_altairs_own_are_hashed_as_ever() -> None:
    theirs = schemapi._FromDict.hash_schema
    own = dict(altair.Chart._schema)
    plain = theirs(own), theirs(altair.Chart._schema), theirs(own, use_json=False)
    altair_schemas.hash_once()
    altair_schemas.hash_once()
    kept = schemapi._FromDict.hash_schema
    assert (kept(own), kept(altair.Chart._schema), kept(own, use_json=False)) == plain
    assert kept({**own, "type": "another"}) != plain[0]
