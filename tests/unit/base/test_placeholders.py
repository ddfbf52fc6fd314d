"""Placeholders: what a user's values hold never becomes part of the command."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.base.placeholders import fill_command, fill_word, names, quoted

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.lists(TEXTS, min_size=1))
def test_values_are_quoted(texts: list[str]) -> None:
    """The shell gets back what was put in, whatever it is, as one word each."""
    command = fill_command("run {image} --x={image} {images}", {"image": texts[0], "images": texts})
    assert shlex.split(command) == ["run", texts[0], f"--x={texts[0]}", *texts]


@settings(max_examples=20, deadline=None)
@given(TEXTS.filter(lambda text: "\r" not in text))
def test_a_real_shell_agrees(text: str) -> None:
    """Bash prints the very value."""
    command = fill_command("printf %s {image}", {"image": text})
    assert subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout == text.encode()


@given(TEXTS)
def test_text_without_braces_stays(text: str) -> None:
    """Doubled braces are braces; all else stands as it was written."""
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert fill_command(doubled, {}) == text
    assert fill_word(doubled, {}) == [text]


@pytest.mark.parametrize(
    ("value", "word"), [(True, "true"), (None, "''"), (1.5, "1.5"), ([1, 2], "1 2"), ([], ""), ("", "''")]
)
def test_values_by_type(value: object, word: str) -> None:
    """Numbers as written, bools in lower case, a list as several words."""
    assert fill_command("{params.x}", {"params.x": value}) == word


def test_names() -> None:
    """Each placeholder once, whatever its words hold; a lone brace is an error."""
    assert names("a {image} {{x}} {meta.plant id} {image} { params.s }") == [
        *("image", "meta.plant id", "params.s"),
    ]
    for text in ("{", "a } b", "{a{b}"):
        with pytest.raises(ValueError, match="a single"):
            names(text)


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("cp {image} x", []),
        ("cp '{image}' x", ["image"]),
        ('cp "$HOME/{image}" {id}', ["image"]),
        (r"echo \' {image} \" {id}", []),
        ("# don't\ncp {image}", []),
        ("x='it'\"'\"'s' {image}", []),
        ("a#b '{image}'", ["image"]),
        ("awk '{{print $1}}' {image}", []),
    ],
)
def test_placeholders_in_quotes(command: str, found: list[str]) -> None:
    """Those inside quotes are found, where the quotes around the value would end them."""
    assert quoted(command) == found
