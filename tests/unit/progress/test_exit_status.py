"""Why a rule of the outcome failed, by what it left in its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixmake.progress.exit_status import why_rule_failed

TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 1, in growth\n    raise ValueError\n'

CASES = [
    ("nothing", "", "its process ended without a word, as one that is killed or out of memory does"),
    ("an exception", f"reading\n{TRACEBACK}ValueError: no rows\n", "ValueError: no rows (its log: {log})"),
    (
        "one of several lines",
        f"{TRACEBACK}ValueError: no rows\nof B\n",
        "ValueError: no rows of B (its log: {log})",
    ),
    (
        "one that another led to",
        f"{TRACEBACK}KeyError: 'a'\n\nDuring handling of it:\n\n{TRACEBACK}ValueError: b\n",
        "ValueError: b (its log: {log})",
    ),
    ("an error of pixmake", "loading\npixmake: a: is full\n", "a: is full (its log: {log})"),
    (
        "several errors of pixmake",
        "pixmake: 2 problems:\n  - a: is full\n  - b: is full\n",
        "2 problems: - a: is full - b: is full (its log: {log})",
    ),
    (
        "killed at work",
        "loading\nfitting curve 3 of 7\n",
        "its process ended after the words 'fitting curve 3 of 7' (its log: {log})",
    ),
]


@pytest.mark.parametrize(("name", "text", "expected"), CASES, ids=[case[0] for case in CASES])
def test_why_a_rule_failed(tmp_path: Path, name: str, text: str, expected: str) -> None:
    """The whole of the last error; what was printed before a process was killed is no error."""
    log = tmp_path / "rule.log"
    log.write_text(text)
    assert why_rule_failed(str(log)) == expected.format(log=log)
