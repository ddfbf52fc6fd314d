"""The first analysis of a project that has none: what stands out from the background."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

_NUCLEI = re.compile(r"dapi|hoechst|nucle|draq|h33342|405", re.IGNORECASE)
"""Channels that show nuclei, which are found most easily."""


@dataclass(frozen=True)
class Starter:
    """Functions, and the steps that call them."""

    file: str
    """Where they go, from the project's folder."""
    text: str
    """What stands in that file."""
    steps: dict[str, Any]
    """The part `steps` of config.yaml."""


def starter(project: Path, channels: Sequence[str] = ()) -> Starter:
    """A function that finds objects and one that measures them.

    Parameters
    ----------
    project
        The folder whose ``scripts/`` they go to, into a file that is not there yet.
    channels
        What the images of a job are called, if it has several.
    """
    names = (f"scripts/measure{number or ''}.py" for number in chain([0], count(2)))
    text = _HEAD + (_CHANNELS if channels else _ONE) + _FIND
    file = next(name for name in names if _is_free(project / name, text))
    segment: dict[str, Any] = {"function": f"{file}:segment", "files": {"mask": "png"}}
    if channels:
        segment["params"] = {"channel": next(filter(_NUCLEI.search, channels), channels[0])}
    steps = {"segment": segment, "measure": {"function": f"{file}:measure", "needs": ["segment"]}}
    return Starter(file, text, steps)


def is_starter(content: ast.Module) -> bool:
    """Whether a file holds the functions of `starter`, as they are or changed: they are no step alone."""
    functions = {node.name: node.args for node in content.body if isinstance(node, ast.FunctionDef)}
    needed = [argument.arg for argument in functions["measure"].kwonlyargs] if "measure" in functions else []
    return "segment" in functions and "mask" in needed


def _is_free(file: Path, text: str) -> bool:
    return not file.exists() or file.read_bytes() == text.encode()


_HEAD = '''\
"""A first analysis, for you to change: what stands out from the background, and how much of it there is."""

import cv2
import numpy as np
'''

_ONE = '''

def segment(image, *, blur=1.5, min_area=30):
    """Find the objects: what is darker, brighter or of another colour than the picture's edge, dirt apart.

    image: H × W (grey) or H × W × 3 (blue, green, red). blur, min_area: pixels.
    """
    return {"mask": find(image, blur, min_area)}


def measure(image, *, mask):
    """Their area (pixels), how many there are, and how bright they are."""
    inside = mask > 0
    measured = {"area": int(inside.sum()), "objects": cv2.connectedComponents(inside.astype(np.uint8))[0] - 1}
    if inside.any():
        measured["brightness"] = float(image[inside].mean())
    return measured
'''

_CHANNELS = '''

def segment(images, *, channel, blur=1.5, min_area=30):
    """Find the objects in one channel: all that is brighter or darker than the picture's edge, dirt apart.

    images: the channels of one field by name, H × W each. blur, min_area: pixels.
    """
    return {"mask": find(images[channel], blur, min_area)}


def measure(images, *, mask):
    """Their area (pixels), how many there are, and how bright they are in each channel."""
    inside = mask > 0
    measured = {"area": int(inside.sum()), "objects": cv2.connectedComponents(inside.astype(np.uint8))[0] - 1}
    if inside.any():
        measured |= {f"brightness_{name}": float(image[inside].mean()) for name, image in images.items()}
    return measured
'''

_FIND = '''

def find(image, blur, min_area):
    """Where an image differs from its edge, with a threshold of Otsu's."""
    pixels = image.astype(np.float32).reshape(*image.shape[:2], -1)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    contrast = np.linalg.norm(pixels - np.median(edge, axis=0), axis=2)
    contrast = cv2.GaussianBlur(contrast, (0, 0), blur)
    brightest = max(float(np.percentile(contrast, 99.9)), 1e-6)  # not a single hot pixel
    scaled = np.clip(contrast / brightest * 255, 0, 255).astype(np.uint8)
    _, mask = cv2.threshold(scaled, 0, 255, cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    large = [number for number in range(1, count) if stats[number, cv2.CC_STAT_AREA] >= min_area]
    return np.isin(labels, large)
'''
