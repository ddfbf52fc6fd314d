"""Ids: safe, telling, and by their own text alone."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pixmake.base.ids import LONGEST, rule_name, rule_names, safe_id

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


@given(TEXTS)
def test_any_text_makes_a_safe_id(text: str) -> None:
    """An id is a file name on any system, never hidden, never an option, and the same each time."""
    made = safe_id(text)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", made)
    assert len(made) <= LONGEST + 7
    assert made == safe_id(text)
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", rule_name("measure", made))


@given(st.lists(TEXTS, max_size=5))
def test_many_rule_names_are_those_of_each(texts: list[str]) -> None:
    """Whether names are made at once or one by one, they are the same."""
    ids = list(map(safe_id, texts))
    assert rule_names("measure", ids) == [rule_name("measure", each) for each in ids]


@given(TEXTS, TEXTS)
def test_two_texts_make_two_ids(one: str, other: str) -> None:
    """Whatever is lost on the way, two texts stay apart; only a folder's `/` may meet a `_`."""
    if one.replace("/", "_") != other.replace("/", "_"):
        assert safe_id(one) != safe_id(other)


def test_plain_names_stay_as_they_are() -> None:
    """A name that is safe is its own id."""
    assert safe_id("plant7_2024-01-31") == "plant7_2024-01-31"
    assert safe_id("trial/cam1/p.7") == "trial_cam1_p.7"
