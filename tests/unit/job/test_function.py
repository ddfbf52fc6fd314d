"""What a step's function is called with, however it is written."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pixmake.job.runners import Call
from pixmake.job.runners.function import arguments
from pixmake.job.task import Task


def plain(image: Any, threshold: int) -> None: ...


def by_keyword(*, image: Any, threshold: int = 3) -> None: ...


def anything(image: Any, **rest: Any) -> None: ...


def nothing_of_it(threshold: int) -> None:
    image = meta = path = threshold
    del image, meta, path


@functools.wraps(plain)
def decorated(*given: Any, **named: Any) -> None: ...


class WithState:
    """Called like a function."""

    def __call__(self, image: Any, threshold: int) -> None: ...

    def method(self, image: Any, threshold: int) -> None: ...


WITH_IMAGE = {"threshold", "image"}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (plain, WITH_IMAGE),
        (by_keyword, WITH_IMAGE),
        (anything, {*WITH_IMAGE, "mask"}),
        (nothing_of_it, {"threshold"}),
        (decorated, WITH_IMAGE),
        (lambda image, mask, threshold: None, {*WITH_IMAGE, "mask"}),
        (functools.partial(plain), WITH_IMAGE),
        (functools.lru_cache(plain), WITH_IMAGE),
        (WithState(), WITH_IMAGE),
        (WithState().method, WITH_IMAGE),
        (lambda path, meta, threshold: None, {"threshold", "path", "meta"}),
    ],
)
def test_what_a_function_asks_for(
    call: Call, function: Callable[..., Any], expected: Mapping[str, Any]
) -> None:
    """Names in its code are none of its arguments; a decorated one asks for what it wraps."""
    given = arguments(function, call)
    assert set(given) == expected
    assert given["threshold"] == 7
    if "image" in given:
        assert given["image"].shape == (2, 3)


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """An image, a mask that another step made, and a parameter."""
    for name in ("image.png", "mask.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((2, 3), np.uint8))
    task = Task(
        step="measure", id="a", kind="function", work={}, source="", metadata={}, params={"threshold": 7}
    )
    return Call(task, (str(tmp_path / "image.png"),), {"mask": str(tmp_path / "mask.png")}, {})
