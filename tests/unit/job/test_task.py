"""A task survives the way through a rule's params, whatever a user's table holds."""

from __future__ import annotations

import re
import shlex

from hypothesis import given
from hypothesis import strategies as st

from pixmake.job.task import Task, parse_task

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES), st.dictionaries(st.text(), VALUES))
def test_round_trip(metadata: dict[str, object], params: dict[str, object]) -> None:
    """What is read is what was written, in one line in which Snakemake sees no wildcard."""
    task = Task(
        "step",
        "id",
        "function",
        {"function": "a.py:f"},
        "abc",
        metadata,
        params,
        ("a", "b"),
        {"x": ("m",)},
        ("f",),
        2,
    )
    text = task.as_json()
    assert parse_task(text) == task
    assert "\n" not in text
    assert not re.search(r"\{\s*\w+\s*(,[^{}]*)?\}", text)
    assert shlex.split(shlex.quote(text)) == [text]


def test_order_of_keys_does_not_count() -> None:
    """A table with its columns in another order makes the same tasks."""
    one = Task("s", "i", "function", {}, "h", {"a": 1, "b": 2})
    other = Task("s", "i", "function", {}, "h", {"b": 2, "a": 1})
    assert one.as_json() == other.as_json()
