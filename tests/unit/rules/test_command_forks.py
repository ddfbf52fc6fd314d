"""Which commands can be run in a fork, and what of them is told to it."""

from __future__ import annotations

import sys

import pytest

from pixmake.base.owner import OWNER
from pixmake.rules.command_forks import Command, understood

PROGRAM = f"{OWNER}=12 {sys.executable} -m pixmake"
LOG = " 2> {log:q}"


@pytest.mark.parametrize(
    ("template", "command", "expected"),
    [
        (
            "{params.pixmake} aggregate {input:q} --columns {params.columns:q}" + LOG,
            f"{PROGRAM} aggregate 'a b.jsonl' --columns '[\"a | b\", \"c 2> d\"]' 2> 'logs/it''s.log'",
            Command(
                ["aggregate", "a b.jsonl", "--columns", '["a | b", "c 2> d"]'],
                {OWNER: "12"},
                "logs/its.log",
                None,
            ),
        ),
        (
            "printf '%s\\n' {params.about:q} | {params.pixmake} provenance {input:q} {output:q}" + LOG,
            f"printf '%s\\n' '{{\"a\": 1}}' '|' | {PROGRAM} provenance in out 2> log",
            Command(["provenance", "in", "out"], {OWNER: "12"}, "log", '{"a": 1}\n|\n'),
        ),
        (
            "{params.pixmake} summarise {params.task:q} > {log:q} 2>&1",
            f"{PROGRAM} summarise x > log 2>&1",
            None,
        ),
        ("{params.pixmake} find 2>&1 | tee {log:q} >&2", f"{PROGRAM} find 2>&1 | tee log >&2", None),
        ("{params.pixmake} a $(b)" + LOG, f"{PROGRAM} a $(b) 2> log", None),
        ("{params.pixmake} a" + LOG, f"{OWNER}=12 /another/python -m pixmake a 2> log", None),
        ("{params.pixmake} a" + LOG, "python -m pixmake a 2> log", None),
        ("echo {params.pixmake}", "echo x", None),
        (None, None, None),
    ],
)
def test_what_is_understood(template: str | None, command: str | None, expected: Command | None) -> None:
    """Words, log and what is read; all else is for the shell."""
    assert understood(template, command) == expected
