"""What Snakefiles ask of `pixmake.rules` is there, whatever was imported before."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixmake import rules


@pytest.mark.parametrize("name", sorted(rules._HOMES))
def test_no_name_is_that_of_a_module(name: str) -> None:
    """Once a module of the room is imported, its name means the module."""
    assert not (Path(str(rules.__file__)).parent / f"{name}.py").exists()
    assert hasattr(rules, name)
