"""Each finding says what was guessed and seen, and pins what it installs; none of them is run here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY

FINDINGS = sorted((REPOSITORY / "findings").glob("*-*.sh"))


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.stem)
def test_form(finding: Path) -> None:
    """A head in words, pinned packages, and the output that was seen."""
    text = finding.read_text()
    head = re.match(r"#!/usr/bin/env bash\n((?:#.*\n)+)", text)
    assert head is not None
    for word in ("# Guess, before it was run: ", "# Seen: ", "# Source: "):
        assert word in head[1], word
    installed = re.findall(r"^installs (.+)$", text, re.M)
    assert installed
    assert all("==" in package for package in installed[0].split()), installed
    assert re.search(r"^# \S.* \d+\.\d+", head[1]), "its first line names the version"
    assert re.search(r"""^seen "\$0" <<'END'\n(.+\n)+END\n$""", text, re.M)
    assert "pixmake" not in re.sub(r"^#.*\n", "", text, flags=re.M)
