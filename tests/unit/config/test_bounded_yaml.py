"""A short YAML text cannot make a great deal of itself."""

from __future__ import annotations

import time

import pytest
import yaml

from pixmake.config.bounded_yaml import load_yaml

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [1, *a]", r"\*a stands inside of what it means, in line 1"),
        ("a: &a\n  b: {c: *a}", r"\*a stands inside of what it means, in line 2"),
        (LAUGHS, "more than 1,000,000 values, with what its aliases stand for, in line 7"),
        ("[" * 5000 + "]" * 5000, "more than 100 levels, in line 1"),
        ("- " * 5000 + "x", "more than 100 levels, in line 1"),
        ("x: '" + "y" * 10_000_001 + "'", "it has 10,000,006 letters; 10,000,000 at most"),
    ],
    ids=["itself", "itself in a mapping", "aliases of aliases", "levels", "levels of lists", "letters"],
)
def test_an_error_at_once(text: str, message: str) -> None:
    begun = time.process_time()
    with pytest.raises(yaml.YAMLError, match=message):
        load_yaml(text)
    assert time.process_time() - begun < 2


def test_what_is_of_use_is_read() -> None:
    """Aliases and merge keys, as people write them."""
    text = "one: &one {a: 1, b: [x, y]}\ntwo: {<<: *one, c: *one}\nthree: [*one, *one]"
    assert load_yaml(text) == yaml.safe_load(text)
